//! Pieces of XML: whether a document has them.

use std::fmt::Write as _;

use super::xml::{Node, read};

/// Whether an element is what a piece says: its name, at least its attributes, its text where it has one,
/// and its children among those of the element, in their order. `*` is any value of an attribute.
fn is_it(node: &Node, piece: &Node) -> bool {
    let has_attributes = piece
        .attributes
        .iter()
        .all(|(name, value)| node.attributes.get(name).is_some_and(|is| value == "*" || is == value));
    let text = piece.text.trim();
    let mut children = node.children.iter();
    node.name == piece.name
        && has_attributes
        && (text.is_empty() || node.text.trim() == text)
        && piece.children.iter().all(|wanted| children.any(|child| is_it(child, wanted)))
}

/// What is wrong where a document does not have a piece, or has it where it should not.
pub(crate) fn compare(document: &str, piece: &str, should_have: bool) -> Option<String> {
    let document = match read(document) {
        Ok(document) => document,
        Err(error) => return Some(format!("the document is no XML: {error}")),
    };
    let piece = match read(piece) {
        Ok(piece) => piece,
        Err(error) => return Some(format!("the piece {piece} is no XML: {error}")),
    };
    let all = document.all();
    let has = all.iter().any(|node| is_it(node, &piece));
    if has == should_have {
        return None;
    }
    if has {
        return Some(format!("there is {}", written(&piece)));
    }
    let mut said = format!("there is no {}", written(&piece));
    let twins: Vec<_> = all.into_iter().filter(|node| node.name == piece.name).collect();
    let key =
        |node: &Node| ["nodeset", "ref", "id"].iter().find_map(|name| node.attributes.get(*name).cloned());
    // Those of the same path are what was meant.
    let near: Vec<_> = twins.iter().filter(|node| key(node) == key(&piece)).collect();
    let shown = if near.is_empty() { twins.iter().collect() } else { near };
    for node in shown.into_iter().take(12) {
        let _ = write!(said, "\n      but {}", written(node));
    }
    Some(said)
}

/// An element in one line.
fn written(node: &Node) -> String {
    let mut out = format!("<{}", node.name);
    for (name, value) in &node.attributes {
        let _ = write!(out, " {name}=\"{value}\"");
    }
    let text = node.text.trim();
    if text.is_empty() && node.children.is_empty() {
        return out + "/>";
    }
    let _ = write!(out, ">{text}");
    for child in &node.children {
        out.push_str(&written(child));
    }
    let _ = write!(out, "</{}>", node.name);
    out
}
