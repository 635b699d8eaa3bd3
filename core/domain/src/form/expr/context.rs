//! What an expression is evaluated over: a tree of nodes, and what is around it.

use std::{borrow::Cow, cell::Cell, cmp::Ordering, fmt::Debug, hash::Hash};

use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::limits::Limits;

/// The value of one node.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// No answer, or a node that has others below it.
    Empty,
    /// A text, a code, codes with blanks between; also what has no type.
    Text(Cow<'a, str>),
    /// A number as it is written, exact.
    Decimal(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A date.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// A time of day.
    Time(Time),
}

impl<'a> From<&'a str> for Scalar<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(Cow::Borrowed(text)) }
    }
}

impl From<String> for Scalar<'_> {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(Cow::Owned(text)) }
    }
}

/// A tree of nodes that expressions read, with the names and files around it.
///
/// A form session, a record, a set of records are each one implementation; [`Tree`](super::Tree) is one
/// that anybody can fill.
pub trait Context {
    /// A node; cheap to copy.
    type Node: Copy + Eq + Hash + Debug;

    /// The document node, above the top element.
    fn root(&self) -> Self::Node;

    /// The node above; `None` for a document node.
    fn parent(&self, node: Self::Node) -> Option<Self::Node>;

    /// The nodes below, in the order of the document. What is not relevant is not there.
    fn children(&self, node: Self::Node) -> impl Iterator<Item = Self::Node>;

    /// The attributes of a node.
    fn attributes(&self, node: Self::Node) -> impl Iterator<Item = Self::Node> {
        let _ = node;
        std::iter::empty()
    }

    /// The name of a node; empty for a document node.
    fn name(&self, node: Self::Node) -> &str;

    /// The value of a node.
    fn value(&self, node: Self::Node) -> Scalar<'_>;

    /// The nodes that `${name}` means at the node `from`: those in the same rows of the repeats that
    /// both stand in. Where `from` is `None`, those of every row.
    fn named(&self, name: &str, from: Option<Self::Node>, found: &mut Vec<Self::Node>);

    /// The nodes of this name below a node.
    fn children_named(&self, node: Self::Node, name: &str, found: &mut Vec<Self::Node>) {
        found.extend(self.children(node).filter(|child| self.name(*child) == name));
    }

    /// The nodes that `${last-saved#name}` means.
    fn last_saved(&self, name: &str, found: &mut Vec<Self::Node>) {
        let _ = (name, found);
    }

    /// The document node of a secondary instance; `None` where there is none of this name.
    fn instance(&self, id: &str) -> Option<Self::Node> {
        let _ = id;
        None
    }

    /// The label of a code in the list of the question with this name; `None` where the list does not
    /// know it.
    fn choice_label(&self, question: &str, code: &str, from: Self::Node) -> Option<Cow<'_, str>> {
        let _ = (question, code, from);
        None
    }

    /// A text of the form (`jr:itext`).
    fn itext(&self, id: &str) -> Option<Cow<'_, str>> {
        let _ = id;
        None
    }

    /// A property of the device or the person.
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        let _ = name;
        None
    }

    /// The value of `$name`.
    fn variable(&self, name: &str) -> Option<Scalar<'_>> {
        let _ = name;
        None
    }

    /// The version of the form.
    fn version(&self) -> &str {
        ""
    }

    /// Which of two nodes stands first in the document. Nodes of different documents stand in no
    /// particular, but a stable, order.
    fn compare(&self, one: Self::Node, other: Self::Node) -> Ordering {
        if one == other {
            return Ordering::Equal;
        }
        let lineage = |node| {
            let mut up = vec![node];
            while let Some(parent) = up.last().and_then(|last| self.parent(*last)) {
                up.push(parent);
            }
            up.reverse();
            up
        };
        let (one, other) = (lineage(one), lineage(other));
        let mut above = None;
        for (a, b) in one.iter().zip(&other) {
            if a == b {
                above = Some(*a);
                continue;
            }
            let Some(above) = above else { return Ordering::Equal };
            for child in self.attributes(above).chain(self.children(above)) {
                if child == *a {
                    return Ordering::Less;
                }
                if child == *b {
                    return Ordering::Greater;
                }
            }
            return Ordering::Equal;
        }
        one.len().cmp(&other.len())
    }
}

/// The world around an evaluation, all of it arguments: the clock, the zone, chance, the limits.
#[derive(Debug)]
pub struct Surroundings {
    /// What `now()` is.
    pub now: Timestamp,
    /// In which zone dates and times without one are meant, and `today()` is found.
    pub zone: TimeZone,
    /// Bounds on the work.
    pub limits: Limits,
    seed: [u8; 32],
    drawn: Cell<u64>,
}

impl Surroundings {
    /// Surroundings at this moment, whose chance all comes from this seed.
    #[must_use]
    pub fn new(now: Timestamp, zone: TimeZone, seed: [u8; 32]) -> Self {
        Self { now, zone, limits: Limits::default(), seed, drawn: Cell::new(0) }
    }

    /// The moment, as the clock on the wall of the zone shows it.
    #[must_use]
    pub fn wall(&self) -> ZonedDateTime {
        self.now.to_zoned_datetime(self.zone.clone())
    }

    /// The next 32 bytes of chance.
    pub(crate) fn draw(&self) -> [u8; 32] {
        let drawn = self.drawn.get();
        self.drawn.set(drawn.wrapping_add(1));
        *blake3::keyed_hash(&self.seed, &drawn.to_le_bytes()).as_bytes()
    }
}
