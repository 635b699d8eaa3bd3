//! References by name (`${name}`), as the paths that an XForm has in their place.

use super::{
    element::{Content, Element},
    plan::Plan,
};

/// What a `${...}` of a text says.
enum Piece<'t> {
    Text(&'t str),
    Name { name: &'t str, is_last_saved: bool, written: &'t str },
}

/// From where a reference is followed inside of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The node whose expression it is.
    Node,
    /// Each choice of a list: the node itself is `current()`.
    Choice,
    /// Each row of a repeat, whose answers are the choices.
    Row(usize),
}

impl Plan<'_> {
    /// An expression with paths in the place of names.
    pub(super) fn paths(&self, text: &str, at: usize, from: From) -> String {
        let mut out = String::new();
        let mut scan = Scan::default();
        for piece in pieces(text) {
            match piece {
                Piece::Text(part) => {
                    scan.read(part);
                    out.push_str(part);
                }
                Piece::Name { name, is_last_saved, written } => {
                    let is_inside = from != From::Node || scan.is_in_predicate_of_instance();
                    let of_row = match from {
                        From::Row(repeat) if !is_last_saved => self.in_row(name, repeat),
                        _ => None,
                    };
                    if let Some(path) = of_row {
                        out.push_str(&path);
                        continue;
                    }
                    match self.path(name, at, is_last_saved || scan.is_of_every_row(), is_inside) {
                        Some(path) if is_last_saved => {
                            out.push_str("instance('__last-saved')");
                            out.push_str(&path);
                        }
                        Some(path) => out.push_str(&path),
                        // The check of the form says that there is no such name.
                        None => out.push_str(written),
                    }
                }
            }
        }
        out
    }

    /// A text for people: what it mentions stands in `output` elements. `at` is the node that shows it;
    /// texts of choices, which many nodes show, name every node from the top.
    pub(super) fn content(&self, text: &str, at: Option<usize>) -> Vec<Content> {
        pieces(text)
            .filter_map(|piece| match piece {
                Piece::Text("") => None,
                Piece::Text(part) => Some(Content::Text(part.to_owned())),
                Piece::Name { name, is_last_saved, written } => {
                    let is_absolute = is_last_saved || at.is_none();
                    Some(match self.path(name, at.unwrap_or(Self::ROOT), is_absolute, false) {
                        Some(path) => {
                            let saved = if is_last_saved { "instance('__last-saved')" } else { "" };
                            Content::Element(Element::new("output").with("value", format!("{saved}{path}")))
                        }
                        None => Content::Text(written.to_owned()),
                    })
                }
            })
            .collect()
    }

    /// The path to a name from the row that holds it.
    pub(super) fn in_row(&self, name: &str, repeat: usize) -> Option<String> {
        let target = self.named(name)?;
        let below = self.parts[target].path.strip_prefix(&self.parts[repeat].path)?;
        below.starts_with('/').then(|| format!(".{below}"))
    }

    /// The path to the rows of a repeat: those of the same row of a repeat around it, where both stand in one.
    pub(super) fn rows_of(&self, repeat: usize, at: usize) -> String {
        let around: Vec<usize> = self.above(repeat).collect();
        let shared = (1..).zip(self.above(at)).find(|(_, up)| around.contains(up));
        match shared {
            Some((steps, shared)) if self.above(at).any(|up| self.is_repeat(up) && around.contains(&up)) => {
                let below =
                    self.parts[repeat].path.strip_prefix(&self.parts[shared].path).unwrap_or_default();
                format!("{}{below}", vec![".."; steps].join("/"))
            }
            _ => self.parts[repeat].path.clone(),
        }
    }

    /// The path to a name: inside of a repeat that both stand in, from the node itself.
    fn path(&self, name: &str, at: usize, is_absolute: bool, is_in_choice: bool) -> Option<String> {
        let target = self.named(name)?;
        let shares_repeat = !is_absolute
            && self.above(at).any(|up| self.is_repeat(up) && self.above(target).any(|other| other == up));
        if !shares_repeat {
            return Some(self.parts[target].path.clone());
        }
        let (steps, shared) =
            (1..).zip(self.above(at)).find(|(_, up)| self.above(target).any(|other| other == *up))?;
        let below = self.parts[target].path.strip_prefix(&self.parts[shared].path)?;
        let up = vec![".."; steps].join("/");
        let current = if is_in_choice { "current()/" } else { "" };
        Some(format!("{current}{up}{below}"))
    }
}

/// The names that a text refers to.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Name { name, is_last_saved: false, .. } => Some(name),
        _ => None,
    })
}

/// Splits a text where it refers.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    let mut next = None;
    std::iter::from_fn(move || {
        if let Some(piece) = next.take() {
            return Some(piece);
        }
        if rest.is_empty() {
            return None;
        }
        let found = rest.find("${").and_then(|start| {
            let end = start + rest[start..].find('}')?;
            Some((start, end))
        });
        let Some((start, end)) = found else {
            return Some(Piece::Text(std::mem::take(&mut rest)));
        };
        let name = rest[start + 2..end].trim();
        let written = &rest[start..=end];
        let (name, is_last_saved) = match name.strip_prefix("last-saved#") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let before = &rest[..start];
        rest = &rest[end + 1..];
        next = Some(Piece::Name { name, is_last_saved, written });
        Some(Piece::Text(before))
    })
}

/// How far an expression is read: which brackets are open, and of what.
#[derive(Default)]
struct Scan {
    quote: Option<char>,
    open: Vec<Bracket>,
    word: String,
    /// Whether a blank stands behind the word.
    has_blank: bool,
    has_instance: bool,
}

struct Bracket {
    is_square: bool,
    function: String,
    commas: usize,
}

impl Scan {
    fn read(&mut self, part: &str) {
        for character in part.chars() {
            if let Some(quote) = self.quote {
                if character == quote {
                    self.quote = None;
                }
                continue;
            }
            match character {
                '\'' | '"' => self.quote = Some(character),
                '(' | '[' => {
                    let function = std::mem::take(&mut self.word);
                    self.has_instance |= character == '(' && function == "instance";
                    self.open.push(Bracket { is_square: character == '[', function, commas: 0 });
                }
                ')' | ']' => {
                    self.open.pop();
                }
                ',' => {
                    if let Some(open) = self.open.last_mut() {
                        open.commas += 1;
                    }
                }
                _ => {}
            }
            if character.is_whitespace() {
                self.has_blank = true;
                continue;
            }
            let is_of_word = character.is_alphanumeric() || matches!(character, '-' | '_' | ':' | '.');
            if !is_of_word || std::mem::take(&mut self.has_blank) {
                self.word.clear();
            }
            if is_of_word {
                self.word.push(character);
            }
        }
    }

    /// Whether what follows is looked up in the rows of a secondary instance.
    fn is_in_predicate_of_instance(&self) -> bool {
        self.has_instance && self.open.iter().any(|open| open.is_square)
    }

    /// Whether what follows names the question, a repeat or the place of a row of `indexed-repeat`.
    fn is_of_every_row(&self) -> bool {
        let of = self.open.iter().rev().find(|open| open.function == "indexed-repeat");
        of.is_some_and(|open| matches!(open.commas, 0 | 1 | 3 | 5))
    }
}
