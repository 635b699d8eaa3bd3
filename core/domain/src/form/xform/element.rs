//! XML as it is written: elements, attributes, texts.

use std::borrow::Cow;

/// One element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    name: Cow<'static, str>,
    attributes: Vec<(Cow<'static, str>, String)>,
    children: Vec<Content>,
}

/// What stands in an element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), attributes: Vec::new(), children: Vec::new() }
    }

    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// With an attribute, where there is a value for it.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets an attribute, instead of one of this name where there is one.
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((name, value)),
        }
    }

    pub(crate) fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        self.name = name.into();
    }

    pub(crate) fn child(mut self, child: Self) -> Self {
        self.push(child);
        self
    }

    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Content::Text(text.into()));
        self
    }

    pub(crate) fn content(mut self, content: impl IntoIterator<Item = Content>) -> Self {
        self.children.extend(content);
        self
    }

    pub(crate) fn push(&mut self, child: Self) {
        self.children.push(Content::Element(child));
    }

    pub(crate) fn extend(&mut self, children: impl IntoIterator<Item = Self>) {
        self.children.extend(children.into_iter().map(Content::Element));
    }

    pub(crate) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// The element as a document of its own.
    pub(crate) fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out, 0, true);
        out
    }

    /// The element as a part of another document.
    pub(crate) fn fragment(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0, true);
        out
    }

    /// Writes the element; where texts stand beside elements, blanks mean something and none is added.
    fn write(&self, out: &mut String, depth: usize, is_indented: bool) {
        if is_indented {
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, true, out);
            out.push('"');
        }
        if self.children.is_empty() {
            out.push_str("/>");
        } else {
            let has_text = self.children.iter().any(|child| matches!(child, Content::Text(_)));
            out.push('>');
            if !has_text {
                out.push('\n');
            }
            for child in &self.children {
                match child {
                    Content::Text(text) => escape(text, false, out),
                    Content::Element(child) => child.write(out, depth + 1, !has_text),
                }
            }
            if !has_text {
                out.extend(std::iter::repeat_n("  ", depth));
            }
            out.push_str("</");
            out.push_str(&self.name);
            out.push('>');
        }
        if is_indented {
            out.push('\n');
        }
    }
}

fn escape(text: &str, is_attribute: bool, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if is_attribute => out.push_str("&quot;"),
            // A reader makes a blank of a line end in an attribute, and a line end of a carriage return.
            '\n' if is_attribute => out.push_str("&#10;"),
            '\t' if is_attribute => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(character),
            // XML 1.0 cannot hold these at all.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_xml_is_written_otherwise() {
        let element = Element::new("a")
            .with("b", "\"<\n&")
            .child(Element::new("c").text("x < y & 'z'\u{0}\r"))
            .child(Element::new("d"));
        assert_eq!(
            element.document(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"&quot;&lt;&#10;&amp;\">\n  \
             <c>x &lt; y &amp; 'z'\u{fffd}&#13;</c>\n  <d/>\n</a>\n"
        );
    }

    #[test]
    fn no_blank_is_added_beside_a_text() {
        let element = Element::new("label").text("Hello ").child(Element::new("output")).text("!");
        assert!(element.document().ends_with("<label>Hello <output/>!</label>\n"));
    }
}
