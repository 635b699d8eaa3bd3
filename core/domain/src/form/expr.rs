//! Expressions of forms and rules: XPath 1.0 with the functions of ODK and `${name}`.
//!
//! An expression is compiled once, with all that can be known to be wrong with it, and evaluated many
//! times over anything that is a [`Context`]: a form session, a record, a set of records. The clock, the
//! zone, chance and the limits are arguments ([`Surroundings`]). Where XPath and JavaRosa differ,
//! JavaRosa is followed; `docs/expressions.md` says where we differ from both.

use std::{borrow::Cow, sync::OnceLock};

pub(crate) use clause::{Clause, Comparison};
pub use context::{Context, Scalar, Surroundings};
pub(crate) use equalities::{LookUp, Meaning, meaning};
pub use error::{ErrorKind, ExprError};
pub(crate) use evaluate::randomness::shuffled;
pub use functions::{FUNCTIONS, Group, Returns, Signature};
pub use known::Expressions;
pub use reads::{PathRead, PathStart, PathStep, Reads};
pub use tree::{NodeId, Tree};
pub use value::Value;

mod ast;
mod check;
mod clause;
mod context;
mod equalities;
mod error;
mod evaluate;
mod functions;
mod known;
mod lex;
pub mod limits;
mod parse;
mod pattern;
mod reads;
mod temporal;
mod tree;
mod value;

/// Whether a default is an expression, evaluated when the form or a row is opened, and not the value
/// itself: one that names a question, calls a function or follows a path, as pyxform tells them apart.
#[must_use]
pub fn is_dynamic(default: &str) -> bool {
    let default = default.trim();
    if default.contains("${") {
        return true;
    }
    if !default.contains(['(', '/']) {
        // Neither a call nor a path from the root.
        return false;
    }
    let Ok(expr) = Expr::compile(default) else {
        // A call with a mistake in it is no value either: its problem is to be said.
        return default.strip_suffix(')').and_then(|call| call.split_once('(')).is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':'))
        });
    };
    let reads = expr.reads();
    !reads.functions.is_empty() || reads.paths.iter().any(|path| path.from == PathStart::Root)
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expr {
    source: Box<str>,
    root: ast::Node,
    /// What it reads, found when it is first asked for.
    reads: OnceLock<Box<Reads>>,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.root == other.root
    }
}

impl Expr {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// Everything that can be known to be wrong with it: where the grammar cannot go on, that one place;
    /// otherwise every unknown function, wrong number of arguments, impossible argument at once.
    pub fn compile(source: &str) -> Result<Self, Vec<ExprError>> {
        if source.len() > limits::LONGEST {
            // The first character that is beyond, not all of them.
            let beyond = source.floor_char_boundary(limits::LONGEST);
            let next = source.ceil_char_boundary(beyond + 1);
            let error = ExprError::new(
                ErrorKind::TooLong,
                beyond..next,
                format!("The expression has {} bytes.", source.len()),
                format!(
                    "An expression has at most {} bytes: put parts of it into calculations of their own.",
                    limits::LONGEST
                ),
            );
            return Err(vec![error.in_source(source)]);
        }
        let mut root = parse::parse(source).map_err(|error| vec![error.in_source(source)])?;
        let errors = check::check(&mut root);
        if errors.is_empty() {
            Ok(Self { source: source.into(), root, reads: OnceLock::new() })
        } else {
            Err(errors.into_iter().map(|error| error.in_source(source)).collect())
        }
    }

    /// The text that it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads, and whether its value can change though nothing that it reads does.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        self.reads.get_or_init(|| Box::new(reads::reads(&self.root)))
    }

    /// Its value at a node: the one that `.` and `current()` name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TypeMismatch`], [`ErrorKind::Missing`], [`ErrorKind::BadPattern`],
    /// [`ErrorKind::WrongArgument`], or a limit that was reached.
    pub fn evaluate<'e, C: Context>(
        &'e self,
        context: &'e C,
        node: C::Node,
        around: &'e Surroundings,
    ) -> Result<Value<'e, C::Node>, ExprError> {
        let evaluation = self.evaluation(context, node, around);
        evaluation
            .evaluate(&self.root, evaluate::Frame { node, place: None })
            .map_err(|error| error.in_source(&self.source))
    }

    /// Its value as a text.
    ///
    /// # Errors
    ///
    /// As [`Expr::evaluate`].
    pub fn text<C: Context>(
        &self,
        context: &C,
        node: C::Node,
        around: &Surroundings,
    ) -> Result<String, ExprError> {
        let value = self.evaluate(context, node, around)?;
        Ok(self.evaluation(context, node, around).text(&value).into_owned())
    }

    /// Its value as a number.
    ///
    /// # Errors
    ///
    /// As [`Expr::evaluate`].
    pub fn number<C: Context>(
        &self,
        context: &C,
        node: C::Node,
        around: &Surroundings,
    ) -> Result<f64, ExprError> {
        let value = self.evaluate(context, node, around)?;
        Ok(self.evaluation(context, node, around).number(&value))
    }

    /// Whether its value is true.
    ///
    /// # Errors
    ///
    /// As [`Expr::evaluate`].
    pub fn boolean<C: Context>(
        &self,
        context: &C,
        node: C::Node,
        around: &Surroundings,
    ) -> Result<bool, ExprError> {
        let value = self.evaluate(context, node, around)?;
        Ok(self.evaluation(context, node, around).boolean(&value))
    }

    /// Whether its value is true for a node that another node's expression looks at: a choice, of which
    /// the filter of a question decides.
    pub(crate) fn boolean_in<C: Context>(
        &self,
        context: &C,
        current: C::Node,
        node: C::Node,
        around: &Surroundings,
    ) -> Result<bool, ExprError> {
        let evaluation = self.evaluation(context, current, around);
        let frame = evaluate::Frame { node, place: None };
        let value = evaluation.evaluate(&self.root, frame).map_err(|error| error.in_source(&self.source))?;
        Ok(evaluation.boolean(&value))
    }

    /// Its value as an answer: a number that is none is no answer, and a decimal that only passed
    /// through is written as it was.
    ///
    /// # Errors
    ///
    /// As [`Expr::evaluate`].
    pub fn answer<C: Context>(
        &self,
        context: &C,
        node: C::Node,
        around: &Surroundings,
    ) -> Result<Scalar<'static>, ExprError> {
        let value = self.evaluate(context, node, around)?;
        Ok(match value {
            Value::Text(text) => text.into_owned().into(),
            Value::Number(number) if number.is_nan() => Scalar::Empty,
            Value::Number(number) => Scalar::Decimal(Cow::Owned(value::number_text(number))),
            Value::Boolean(is) => Scalar::Boolean(is),
            Value::Date(date) => Scalar::Date(date),
            Value::DateTime(at) => Scalar::Instant(at),
            Value::Time(time) => Scalar::Time(time),
            Value::Nodes(nodes) => match nodes.first() {
                None => Scalar::Empty,
                Some(first) => {
                    let evaluation = self.evaluation(context, node, around);
                    match evaluation.atom_of(*first) {
                        value::Atom::Text(text) => text.into_owned().into(),
                        value::Atom::Decimal(text) => Scalar::Decimal(Cow::Owned(text.into_owned())),
                        value::Atom::Number(number) => {
                            Scalar::Decimal(Cow::Owned(value::number_text(number)))
                        }
                        value::Atom::Boolean(is) => Scalar::Boolean(is),
                        value::Atom::Temporal(temporal::Temporal::Date(date)) => Scalar::Date(date),
                        value::Atom::Temporal(temporal::Temporal::Instant(at)) => Scalar::Instant(at),
                        value::Atom::Temporal(temporal::Temporal::Time(time)) => Scalar::Time(time),
                    }
                }
            },
        })
    }

    fn evaluation<'e, C: Context>(
        &self,
        context: &'e C,
        current: C::Node,
        around: &'e Surroundings,
    ) -> evaluate::Evaluation<'e, C> {
        evaluate::Evaluation { context, around, current, steps: std::cell::Cell::new(0) }
    }
}

impl Scalar<'_> {
    /// The value as a text, in the zone in which instants are shown.
    #[must_use]
    pub fn text(&self, zone: &jiff::tz::TimeZone) -> String {
        value::Atom::from(self.clone()).text(zone).into_owned()
    }
}
