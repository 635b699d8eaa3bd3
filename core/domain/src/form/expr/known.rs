//! Expressions that are compiled already, by their text.

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::Expr;

/// The compiled expressions of a form: each is compiled once, however often the form has it, when it is checked;
/// [`CompiledForm::with`](crate::form::session::CompiledForm::with) takes them over.
#[derive(Debug, Clone, Default)]
pub struct Expressions(HashSet<BySource>);

/// An expression, found by its text.
#[derive(Debug, Clone)]
struct BySource(Arc<Expr>);

impl Borrow<str> for BySource {
    fn borrow(&self) -> &str {
        self.0.source()
    }
}

impl Hash for BySource {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.source().hash(state);
    }
}

impl PartialEq for BySource {
    fn eq(&self, other: &Self) -> bool {
        self.0.source() == other.0.source()
    }
}

impl Eq for BySource {}

impl Expressions {
    /// None, with room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(HashSet::with_capacity(count))
    }

    /// The expression of a text.
    #[must_use]
    pub fn get(&self, source: &str) -> Option<&Arc<Expr>> {
        self.0.get(source).map(|known| &known.0)
    }

    /// Adds an expression that is not known yet.
    pub(crate) fn insert(&mut self, expr: Arc<Expr>) {
        self.0.insert(BySource(expr));
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
}
