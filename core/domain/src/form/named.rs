//! A few texts by name.

use std::ops::Index;

use serde::{Serialize, Serializer};

/// A few texts by name, in the order of the names: those of a text in each of its languages, those of a
/// choice under each further column.
///
/// There is mostly one, and a form has tens of thousands of these: as a list they take a tenth of the
/// memory of a tree, and less time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named(Vec<(String, String)>);

impl Named {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// The text of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&String> {
        self.place(name).ok().map(|at| &self.0[at].1)
    }

    /// Whether there is a text of this name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Sets the text of a name; gives the one that it had.
    pub fn insert(&mut self, name: String, text: String) -> Option<String> {
        match self.place(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, text)),
            Err(at) => {
                self.0.insert(at, (name, text));
                None
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and texts, in the order of the names.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(name, text)| (name, text))
    }

    /// The names, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The texts, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(_, text)| text)
    }
}

/// Names and texts, in the order of the names.
pub type Iter<'n> = std::iter::Map<
    std::slice::Iter<'n, (String, String)>,
    fn(&'n (String, String)) -> (&'n String, &'n String),
>;

impl<'n> IntoIterator for &'n Named {
    type Item = (&'n String, &'n String);
    type IntoIter = Iter<'n>;

    fn into_iter(self) -> Iter<'n> {
        self.iter()
    }
}

impl IntoIterator for Named {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, String)> for Named {
    /// Of several texts of one name the last one counts.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(texts: I) -> Self {
        let mut named = Self::new();
        for (name, text) in texts {
            // Mostly they come in their order.
            if named.0.is_empty() {
                named.0.reserve_exact(1);
            }
            if named.0.last().is_none_or(|(last, _)| *last < name) {
                named.0.push((name, text));
            } else {
                named.insert(name, text);
            }
        }
        named
    }
}

impl<const N: usize> From<[(String, String); N]> for Named {
    fn from(texts: [(String, String); N]) -> Self {
        texts.into_iter().collect()
    }
}

impl Index<&str> for Named {
    type Output = String;

    fn index(&self, name: &str) -> &String {
        self.get(name).expect("a text of this name")
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(texts: &[(&str, &str)]) -> Named {
        texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn names_come_in_their_order_and_the_last_text_counts() {
        let texts = named(&[("b", "2"), ("a", "1"), ("c", "3"), ("b", "4")]);
        assert_eq!(texts, named(&[("a", "1"), ("b", "4"), ("c", "3")]));
        assert_eq!(texts.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(texts.values().collect::<Vec<_>>(), ["1", "4", "3"]);
        assert_eq!((texts.len(), texts.is_empty(), texts["c"].as_str()), (3, false, "3"));
        assert_eq!((texts.get("d"), texts.contains_key("a")), (None, true));
    }

    #[test]
    fn a_text_replaces_the_one_before() {
        let mut texts = Named::from([("b".to_owned(), "2".to_owned())]);
        assert_eq!(texts.insert("a".to_owned(), "1".to_owned()), None);
        assert_eq!(texts.insert("b".to_owned(), "3".to_owned()), Some("2".to_owned()));
        assert_eq!(serde_json::to_string(&texts).unwrap(), r#"{"a":"1","b":"3"}"#);
    }
}
