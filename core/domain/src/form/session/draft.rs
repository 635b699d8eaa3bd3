//! A session written down, to go on with later, in a newer version of the form too.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use super::{CompiledForm, Kind, Scalar, Session, Slot, values};
use crate::form::expr::Surroundings;

/// The version of the written form.
const VERSION: u32 = 1;

/// A session written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    version: u32,
    /// Id of the form.
    pub form: String,
    /// Version of the form in which it was written.
    pub form_version: String,
    /// The question that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Keys of the rows, in order: rows without answers are kept too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<String>,
    answers: BTreeMap<String, Stored>,
    /// What was answered and shown when a finished record was opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<String>,
    /// What `${last-saved#name}` means.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    saved: BTreeMap<String, Stored>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Text(String),
    Decimal(String),
    Integer(i64),
    Boolean(bool),
    Date(Date),
    Instant(Timestamp),
    Time(Time),
}

/// Why a draft cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftError {
    /// A newer version of the software wrote it.
    TooNew,
    /// It belongs to another form.
    OtherForm,
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooNew => "A newer version of the app wrote this draft. Update the app; the draft is kept.",
            Self::OtherForm => "This draft belongs to another form. Open it with that form.",
        })
    }
}

impl std::error::Error for DraftError {}

fn stored(value: &Scalar<'static>) -> Option<Stored> {
    Some(match value {
        Scalar::Empty => return None,
        Scalar::Text(text) => Stored::Text(text.to_string()),
        Scalar::Decimal(text) => Stored::Decimal(text.to_string()),
        Scalar::Integer(number) => Stored::Integer(*number),
        Scalar::Boolean(is) => Stored::Boolean(*is),
        Scalar::Date(date) => Stored::Date(*date),
        Scalar::Instant(at) => Stored::Instant(*at),
        Scalar::Time(time) => Stored::Time(*time),
    })
}

fn read(value: &Stored) -> Scalar<'static> {
    match value {
        Stored::Text(text) => text.clone().into(),
        Stored::Decimal(text) => Scalar::Decimal(text.clone().into()),
        Stored::Integer(number) => Scalar::Integer(*number),
        Stored::Boolean(is) => Scalar::Boolean(*is),
        Stored::Date(date) => Scalar::Date(*date),
        Stored::Instant(at) => Scalar::Instant(*at),
        Stored::Time(time) => Scalar::Time(*time),
    }
}

impl Session {
    /// Writes the session down.
    #[must_use]
    pub fn draft(&self) -> Draft {
        let mut answers: BTreeMap<String, Stored> =
            self.placeless.iter().filter_map(|(key, value)| Some((key.clone(), stored(value)?))).collect();
        let mut rows = Vec::new();
        for node in self.below(0) {
            let here = &self.nodes[node as usize];
            if matches!(self.form.templates[here.template].kind, Kind::Repeat) {
                let key = self.key(node);
                rows.push(key);
            }
            if let Some(value) = stored(&here.value) {
                answers.insert(self.key(node), value);
            }
        }
        Draft {
            version: VERSION,
            form: self.form.id.clone(),
            form_version: self.form.version.clone(),
            at: self.at.map(|at| self.key(at)),
            rows,
            answers,
            before: self.before.iter().cloned().collect(),
            saved: self
                .saved
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), stored(value)?)))
                .collect(),
        }
    }

    /// Goes on with a draft, at the same question. Answers that this version of the form has no place
    /// for are kept ([`Session::placeless`]).
    ///
    /// # Errors
    ///
    /// [`DraftError`]; the draft itself is not changed by it.
    pub fn resume(
        form: Arc<CompiledForm>,
        language: &str,
        draft: &Draft,
        around: &Surroundings,
    ) -> Result<Self, DraftError> {
        if draft.version > VERSION {
            return Err(DraftError::TooNew);
        }
        if draft.form != form.id {
            return Err(DraftError::OtherForm);
        }
        let mut session = Self::bare(form, language);
        session.saved = draft.saved.iter().map(|(name, value)| (name.clone(), read(value))).collect();
        for row in &draft.rows {
            session.make_row(row);
        }
        let values: BTreeMap<&str, Scalar<'static>> =
            draft.answers.iter().map(|(key, value)| (key.as_str(), read(value))).collect();
        session.take_in(values, &around.zone);
        session.before = draft.before.iter().cloned().collect();
        session.compute_everything(around);
        let at = draft.at.as_deref().and_then(|key| session.node(key)).filter(|node| session.is_asked(*node));
        session.at = at.or_else(|| session.pages().first().and_then(super::Page::first));
        Ok(session)
    }

    /// Answers that have no place in this version of the form, by document key.
    #[must_use]
    pub fn placeless(&self) -> &BTreeMap<String, Scalar<'static>> {
        &self.placeless
    }

    /// Takes values in by their document keys, in the order of these; those without a place are kept apart.
    pub(super) fn take_in<'k>(
        &mut self,
        values: impl IntoIterator<Item = (&'k str, Scalar<'static>)>,
        zone: &TimeZone,
    ) {
        for (key, value) in values {
            if let Some((row, _)) = key.rsplit_once('/') {
                self.make_row(row);
            }
            if let Some(node) = self.node(key) {
                if let Some(question) = self.question(node) {
                    let value = values::typed(question, value, zone);
                    self.nodes[node as usize].answered = !matches!(value, Scalar::Empty);
                    self.nodes[node as usize].value = value;
                }
            } else if !self.take_code(key, &value) && !matches!(value, Scalar::Empty) {
                self.placeless.insert(key.to_owned(), value);
            }
        }
    }

    /// Takes in `field/code` = true of a set.
    fn take_code(&mut self, key: &str, value: &Scalar<'static>) -> bool {
        let Some((field, code)) = key.rsplit_once('/') else { return false };
        let Some(node) = self.node(field) else { return false };
        if *value == Scalar::Boolean(true) {
            let known = self.nodes[node as usize].value.text(&TimeZone::UTC);
            let all = if known.is_empty() { code.to_owned() } else { format!("{known} {code}") };
            self.nodes[node as usize].value = all.into();
            self.nodes[node as usize].answered = true;
        }
        true
    }

    /// Makes a row and those around it, by its key `repeat/row` or `repeat/row/repeat/row`; nothing
    /// where the form has no such repeat.
    pub(super) fn make_row(&mut self, key: &str) {
        let parts: Vec<&str> = key.split('/').collect();
        let mut within = String::new();
        for pair in parts.chunks_exact(2) {
            let [repeat, row] = pair else { return };
            let above = (!within.is_empty()).then_some(within.as_str());
            let Ok((holder, template)) = self.repeat(repeat, above) else { return };
            let slot = self.form.templates[template].slot;
            let is_there = match self.nodes[holder as usize].slots.get(slot) {
                Some(Slot::Rows(rows)) => rows.iter().any(|node| &*self.nodes[*node as usize].row == *row),
                _ => return,
            };
            if !is_there {
                self.add_bare_row(holder, template, row);
            }
            if !within.is_empty() {
                within.push('/');
            }
            within.push_str(repeat);
            within.push('/');
            within.push_str(row);
        }
    }
}
