//! Which status may follow which. A record is never refused for it: a transition that the programme does
//! not have, as two phones apart bring about, is for a coordinator to decide.

use std::collections::BTreeMap;

use super::{FieldRef, Programme};
use crate::{
    record::{Disagreement, Document, DocumentError, RecordView, history::HistoryEntry},
    value::Value,
};

/// The states of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct States {
    /// The question that holds the state.
    pub field: FieldRef,
    /// Codes with which a record may start; empty: any.
    pub starts: Vec<String>,
    /// Of each code, those that may follow.
    pub follows: BTreeMap<String, Vec<String>>,
}

impl States {
    /// Whether a record may go from one state to the other; `None` is a record that has none yet.
    #[must_use]
    pub fn allows(&self, from: Option<&str>, to: &str) -> bool {
        match from {
            None => self.starts.is_empty() || self.starts.iter().any(|start| start == to),
            Some(from) if from == to => true,
            Some(from) => self.follows.get(from).is_some_and(|follows| follows.iter().any(|next| next == to)),
        }
    }
}

impl Programme {
    /// The states of a question of a form.
    pub fn states_of<'p>(&'p self, form: &'p str) -> impl Iterator<Item = &'p States> {
        self.states.iter().filter(move |states| states.field.form == form)
    }

    /// Marks the states of a record that were reached by a transition which the programme does not have:
    /// a person has to decide. Whoever writes the state again, after that, has decided.
    ///
    /// # Errors
    /// Those of the document's history.
    pub fn mark_illegal_transitions(
        &self,
        document: &Document,
        view: &mut RecordView,
    ) -> Result<(), DocumentError> {
        let mut entries: Option<Vec<HistoryEntry>> = None;
        for states in self.states_of(&view.root.form) {
            let Some(field) = view.fields.get_mut(&states.field.field) else { continue };
            if entries.is_none() {
                entries = Some(document.history(&BTreeMap::new())?);
            }
            let mut taken = entries.iter().flatten().flat_map(|entry| &entry.fields);
            let Some(last) = taken.rfind(|change| change.key == states.field.field) else {
                continue;
            };
            let Some(after) = last.to.as_text() else { continue };
            let before: Vec<&str> = last.from.iter().filter_map(Value::as_text).collect();
            let legal = if last.from.is_empty() {
                states.allows(None, after)
            } else {
                // Cleared and set again is a decision; of several that stood, one has to lead here.
                before.is_empty() || before.iter().any(|before| states.allows(Some(before), after))
            };
            if !legal {
                field.disagreement = field.disagreement.max(Disagreement::NeedsDecision);
            }
        }
        Ok(())
    }
}
