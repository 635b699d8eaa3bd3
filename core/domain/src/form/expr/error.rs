//! What is wrong with an expression, where in it, and what to do.

use std::{fmt, ops::Range};

use serde::Serialize;

/// What is wrong with an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// There is no expression.
    Empty,
    /// The text is longer than [`limits::LONGEST`](super::limits::LONGEST).
    TooLong,
    /// Brackets nest deeper than [`limits::DEEPEST`](super::limits::DEEPEST).
    TooDeep,
    /// A quote is not closed.
    UnclosedQuote,
    /// A typographic quote, where `'` or `"` belongs.
    SmartQuote,
    /// `${` without its `}`.
    UnclosedReference,
    /// `${...}` whose name is no name.
    BadReference,
    /// A character that means nothing in an expression.
    BadCharacter,
    /// An operator of another language, such as `==` or `&&`.
    ForeignOperator,
    /// A bracket that is not closed, or that closes nothing.
    UnbalancedBracket,
    /// Two values with no operator between them.
    MissingOperator,
    /// Something else than what stands here is expected.
    Unexpected,
    /// The expression ends where it has to go on.
    UnexpectedEnd,
    /// No function has this name.
    UnknownFunction,
    /// The function takes another number of arguments.
    WrongArity,
    /// An argument that this function can never take.
    WrongArgument,
    /// A regular expression that cannot be used.
    BadPattern,
    /// An axis, node test or variable that forms do not have.
    Unsupported,
    /// A question that the form does not have.
    UnknownReference,
    /// A value cannot be what the function needs, such as a date.
    TypeMismatch,
    /// What the expression names is not there: a secondary instance, a property, a variable.
    Missing,
    /// The evaluation took more steps than [`Limits::steps`](super::limits::Limits::steps).
    TooManySteps,
    /// A text or a set of nodes grew beyond its limit.
    TooBig,
}

impl ErrorKind {
    /// A stable code for programs, such as `unknown_function`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty_expression",
            Self::TooLong => "expression_too_long",
            Self::TooDeep => "expression_too_deep",
            Self::UnclosedQuote => "unclosed_quote",
            Self::SmartQuote => "smart_quote",
            Self::UnclosedReference => "unclosed_reference",
            Self::BadReference => "bad_reference",
            Self::BadCharacter => "bad_character",
            Self::ForeignOperator => "foreign_operator",
            Self::UnbalancedBracket => "unbalanced_expression",
            Self::MissingOperator => "missing_operator",
            Self::Unexpected => "unexpected_token",
            Self::UnexpectedEnd => "unexpected_end",
            Self::UnknownFunction => "unknown_function",
            Self::WrongArity => "wrong_arity",
            Self::WrongArgument => "wrong_argument",
            Self::BadPattern => "bad_pattern",
            Self::Unsupported => "unsupported_expression",
            Self::UnknownReference => "unknown_reference",
            Self::TypeMismatch => "type_mismatch",
            Self::Missing => "missing",
            Self::TooManySteps => "too_many_steps",
            Self::TooBig => "result_too_big",
        }
    }
}

/// One thing that is wrong with an expression.
///
/// Of an error at evaluation, no part holds a value of the record: only texts of the expression itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExprError {
    /// What kind of thing is wrong.
    pub kind: ErrorKind,
    /// Where: bytes of the expression.
    pub span: Range<usize>,
    /// The offending text, as it stands in the expression.
    pub text: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What to do about it, in a sentence.
    pub help: String,
}

impl ExprError {
    pub(crate) fn new(
        kind: ErrorKind,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { kind, span, text: String::new(), what: what.into(), help: help.into() }
    }

    /// The same error with the text that its place holds.
    pub(crate) fn in_source(mut self, source: &str) -> Self {
        self.text = source.get(self.span.clone()).unwrap_or_default().to_owned();
        self
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.help)
    }
}

impl std::error::Error for ExprError {}
