//! The tree that an expression is compiled to.

use std::ops::Range;

use super::functions::Function;

/// A piece of an expression and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Node {
    pub(crate) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Number(f64),
    Text(Box<str>),
    /// Operators of one level of precedence, from left to right: a chain of any length is not deep.
    Chain(Box<Node>, Box<[(Operator, Node)]>),
    Negate(Box<Node>),
    Union(Box<[Node]>),
    Call(Box<Call>),
    Path(Box<Path>),
    Variable(Box<str>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// `None` only until the check has said that there is no such function.
    pub(crate) function: Option<Function>,
    pub(crate) name: Box<str>,
    pub(crate) arguments: Box<[Node]>,
    /// The pattern of `regex`, where it is a literal: compiled once.
    pub(crate) pattern: Option<super::pattern::Pattern>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) start: Start,
    pub(crate) steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Start {
    /// `/`
    Root,
    /// The context node.
    Context,
    /// `${name}` or `${last-saved#name}`.
    Named { name: Box<str>, last_saved: bool },
    /// A bracket or a call.
    Inner(Node),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) axis: Axis,
    pub(crate) test: Test,
    pub(crate) predicates: Box<[Node]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Child,
    Parent,
    SelfNode,
    Descendant,
    DescendantOrSelf,
    Ancestor,
    AncestorOrSelf,
    FollowingSibling,
    PrecedingSibling,
    Following,
    Preceding,
    Attribute,
    /// No axis: the predicates of `(...)[...]` and `${name}[...]`, which count in the whole set.
    Filter,
}

impl Axis {
    pub(crate) const NAMES: [(&'static str, Self); 12] = [
        ("child", Self::Child),
        ("parent", Self::Parent),
        ("self", Self::SelfNode),
        ("descendant", Self::Descendant),
        ("descendant-or-self", Self::DescendantOrSelf),
        ("ancestor", Self::Ancestor),
        ("ancestor-or-self", Self::AncestorOrSelf),
        ("following-sibling", Self::FollowingSibling),
        ("preceding-sibling", Self::PrecedingSibling),
        ("following", Self::Following),
        ("preceding", Self::Preceding),
        ("attribute", Self::Attribute),
    ];

    /// Whether its nodes come from the nearest backwards.
    pub(crate) fn is_reverse(self) -> bool {
        matches!(
            self,
            Self::Ancestor | Self::AncestorOrSelf | Self::PrecedingSibling | Self::Preceding | Self::Parent
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// `name` or `prefix:name`.
    Name(Box<str>),
    /// `*`
    Any,
    /// `prefix:*`
    Prefix(Box<str>),
    /// `node()`
    Node,
    /// `text()`
    Text,
    /// `comment()` or `processing-instruction()`: forms hold none.
    Nothing,
}
