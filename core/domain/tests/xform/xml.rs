//! XML read back by another reader than what wrote it.

use std::collections::BTreeMap;

use quick_xml::{Reader, events::Event};

/// An element.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Node>,
    pub(crate) text: String,
}

impl Node {
    /// Every element at and below this one.
    pub(crate) fn all(&self) -> Vec<&Node> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(node) = found.get(next) {
            found.extend(&node.children);
            next += 1;
        }
        found
    }

    pub(crate) fn named(&self, name: &str) -> Vec<&Node> {
        self.all().into_iter().filter(|node| node.name == name).collect()
    }

    pub(crate) fn child(&self, name: &str) -> &Node {
        self.children
            .iter()
            .find(|child| child.name == name)
            .unwrap_or_else(|| panic!("no {name} in {}", self.name))
    }
}

/// Reads a document; a text that is not well-formed is an error.
pub(crate) fn read(text: &str) -> Result<Node, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => open.push(element(&start)?),
            Event::Empty(start) => {
                let node = element(&start)?;
                open.last_mut().ok_or("nothing is open")?.children.push(node);
            }
            Event::End(_) => {
                let node = open.pop().ok_or("nothing is open")?;
                open.last_mut().ok_or("too many ends")?.children.push(node);
            }
            Event::Text(text) => {
                open.last_mut().ok_or("nothing is open")?.text.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let name = reference.to_string();
                let character = match name.as_str() {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                        Some(character) => character,
                        None => return Err(format!("&{name};")),
                    },
                };
                open.last_mut().ok_or("nothing is open")?.text.push(character);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let [document] = open.as_mut_slice() else { return Err(format!("{} are open", open.len() - 1)) };
    match document.children.len() {
        1 => Ok(document.children.remove(0)),
        count => Err(format!("{count} top elements")),
    }
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Result<Node, String> {
    let name = start.name().as_ref().to_owned();
    let mut node = Node { name, ..Node::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.as_ref().to_owned();
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?
            .into_owned();
        node.attributes.insert(key, value);
    }
    Ok(node)
}
