//! What is filled in without being asked: when a record was begun, on which day, and when it was ended.
//!
//! What only the device knows (its id, its number, who uses it) is for the app to answer.

use std::borrow::Cow;

use super::Session;
use crate::form::{
    Question, QuestionKind,
    expr::{Scalar, Surroundings},
};

/// What a question that is not asked begins with.
pub(super) fn at_the_start(question: &Question, around: &Surroundings) -> Option<Scalar<'static>> {
    let QuestionKind::Standard(kind) = &question.kind else { return None };
    match kind.as_str() {
        "start" => Some(Scalar::Instant(around.now)),
        "today" => Some(Scalar::Date(around.wall().date())),
        _ => None,
    }
}

impl Session {
    /// The value of a node in a record that is ended now.
    pub(super) fn value_at_the_end(&self, node: u32, around: &Surroundings) -> Cow<'_, Scalar<'static>> {
        let is_end = self
            .question(node)
            .is_some_and(|question| matches!(&question.kind, QuestionKind::Standard(kind) if kind == "end"));
        if is_end {
            Cow::Owned(Scalar::Instant(around.now))
        } else {
            Cow::Borrowed(&self.nodes[node as usize].value)
        }
    }
}
