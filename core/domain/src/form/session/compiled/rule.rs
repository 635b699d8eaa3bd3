//! The expressions of a question, and why they cannot be compiled.

use std::{fmt, sync::Arc};

use super::MOST_READS;
use crate::form::expr::{Expr, ExprError};

/// What an expression of a question or section decides. In the order in which it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Whether it is asked.
    Relevant,
    /// How many rows a repeat has.
    Count,
    /// Its value.
    Calculation,
    /// Which choices it offers.
    Choices,
    /// Whether an answer is needed.
    Required,
    /// Whether the answer is right.
    Constraint,
    /// Whether the answer is only shown.
    ReadOnly,
    /// Its value at the start.
    Default,
}

impl Rule {
    /// The column of the sheet that holds it.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::Relevant => "relevant",
            Self::Count => "repeat_count",
            Self::Calculation => "calculation",
            Self::Choices => "choice_filter",
            Self::Required => "required",
            Self::Constraint => "constraint",
            Self::ReadOnly => "read_only",
            Self::Default => "default",
        }
    }
}

/// The expressions of a question or section, in the order in which they are computed: a few of them.
#[derive(Debug, Default)]
pub(in crate::form::session) struct Rules(Vec<(Rule, Arc<Expr>)>);

impl Rules {
    /// Adds one behind those that are there.
    pub(super) fn push(&mut self, rule: Rule, expr: Arc<Expr>) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last < rule), "in their order");
        self.0.push((rule, expr));
    }

    pub(in crate::form::session) fn get(&self, rule: &Rule) -> Option<&Arc<Expr>> {
        self.0.iter().find(|(known, _)| known == rule).map(|(_, expr)| expr)
    }

    pub(in crate::form::session) fn contains_key(&self, rule: &Rule) -> bool {
        self.get(rule).is_some()
    }

    pub(in crate::form::session) fn keys(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter().map(|(rule, _)| rule)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Rule, &Arc<Expr>)> {
        self.0.iter().map(|(rule, expr)| (*rule, expr))
    }
}

/// Why a form cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileError {
    /// An expression cannot be compiled.
    Expression {
        /// Question or section.
        name: String,
        /// Row of the sheet.
        row: u32,
        /// Which of its expressions.
        rule: Rule,
        /// What is wrong.
        error: ExprError,
    },
    /// Expressions that need each other's values.
    Cycle {
        /// The questions and sections, each of which depends on the next, the last on the first.
        names: Vec<String>,
        /// What other circles of theirs lead through, in the order of the sheet.
        others: Vec<String>,
        /// Row of the sheet of the first expression of the circle.
        row: u32,
        /// Which expression that is.
        rule: Rule,
    },
    /// The expressions read more of each other than can be kept track of.
    Entangled,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression { name, row, rule, error } => {
                write!(f, "{name} (row {row}, {}): {error}", rule.column())
            }
            Self::Cycle { names, others, .. } => {
                write!(f, "{} Take one of the references out.", circle(names, others))
            }
            Self::Entangled => write!(
                f,
                "The expressions read more than {MOST_READS} questions together. Read fewer: name questions \
                 instead of paths such as `//*`."
            ),
        }
    }
}

impl std::error::Error for CompileError {}

/// What is wrong with a circle, in a sentence or two.
pub(in crate::form) fn circle(names: &[String], others: &[String]) -> String {
    let mut what = format!("These depend on each other in a circle: {}.", listed(names));
    if !others.is_empty() {
        what.push_str(&format!(" Other circles of theirs lead through {}.", listed(others)));
    }
    what
}

/// Names with commas between: so many that a person reads them, and how many there are besides.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut listed = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        listed.push_str(&format!(" and {} more", names.len() - MOST));
    }
    listed
}
