//! Records: one automerge document each, edited by field, merged by field, with both sides kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    time::Millis,
    value::Value,
};

mod changes;
pub mod circumstances;
pub mod document;
pub mod history;
pub mod merge;
pub mod moved;
mod scalar;
pub mod stored;
mod view;

pub use changes::ChangeHeader;
pub use document::{Document, DocumentError};

/// What never changes about a record: written in its first change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The record's id.
    pub id: RecordId,
    /// The form it answers.
    pub form: String,
    /// Version of the form it was first written with.
    pub form_version: String,
    /// The group it belongs to.
    pub group: GroupId,
}

/// One field to set. The key is flat: `field`, `field/code` for a code of a set, `repeat/row/field`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Key in the document.
    pub key: String,
    /// The value; [`Value::Null`] clears the field.
    pub value: Value,
}

/// The circumstances of a change, kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The installation that writes.
    pub actor: ActorId,
    /// The time that the writer's clock claims.
    pub at: Millis,
    /// IANA name of the writer's zone.
    pub zone: String,
    /// Whether the writer had no network.
    pub offline: bool,
    /// Why, where a reason was given.
    pub reason: Option<String>,
}

/// A change as the log keeps it: what its header says, and its bytes (an uncompressed automerge
/// change chunk).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// Who wrote it.
    pub actor: ActorId,
    /// Its number among the actor's changes of this document, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Counter of its last operation.
    pub max_op: u64,
    /// The time that the writer's clock claimed.
    pub at: Millis,
    /// The changes it was made on top of.
    pub deps: Vec<ChangeHash>,
    /// The whole chunk.
    pub bytes: Vec<u8>,
}

/// Who made a change, as the server vouches for it (or the phone knows of itself).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// The person.
    pub author: PersonId,
    /// The installation; `None` for a change made at the server.
    pub device: Option<DeviceId>,
    /// When the server received it; `None` while only the phone has it.
    pub received_at: Option<Millis>,
}

/// Finds who made a change. Both sides implement it over their log.
pub trait Attributions {
    /// Who made the change with this hash.
    fn of(&self, change: &ChangeHash) -> Option<Attribution>;
}

impl Attributions for BTreeMap<ChangeHash, Attribution> {
    fn of(&self, change: &ChangeHash) -> Option<Attribution> {
        self.get(change).copied()
    }
}

/// The operation that wrote a value: what a decision names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpId {
    /// Lamport counter.
    pub counter: u64,
    /// Actor.
    pub actor: ActorId,
}

/// A value that nobody has superseded, with who wrote it and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveValue {
    /// The value.
    pub value: Value,
    /// The operation that wrote it.
    pub op: OpId,
    /// The change it stands in.
    pub change: ChangeHash,
    /// The time that the writer's clock claimed.
    pub at: Millis,
    /// The person, where known.
    pub author: Option<PersonId>,
    /// The installation, where known.
    pub device: Option<DeviceId>,
    /// Whether the claimed time lies more than five minutes after the server received it
    /// (domain.md 11.2, clock skew).
    pub clock_ahead: bool,
}

/// A field as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldView {
    /// The value to show.
    pub shown: LiveValue,
    /// The other live values: what others wrote without having seen the shown one, the latest
    /// first. Where all say the same there is no disagreement, and these tell who else said it. Of
    /// a text merged by character, what each writer wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<LiveValue>,
    /// What the disagreement asks of people.
    #[serde(default, skip_serializing_if = "Disagreement::is_none")]
    pub disagreement: Disagreement,
}

/// What several live values of one field ask of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// There is one value, or all say the same.
    #[default]
    None,
    /// The policy settled it (codes united, the protective value wins); shown for information.
    Settled,
    /// Both are shown with who and when.
    Shown,
    /// A person has to decide.
    NeedsDecision,
}

impl Disagreement {
    /// Whether nobody disagrees.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A record as it stands: all fields with their live values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// What never changes about it.
    pub root: Root,
    /// Fields by document key. Keys that this version does not know are here too.
    pub fields: BTreeMap<String, FieldView>,
    /// Hashes of the newest changes, sorted.
    pub heads: Vec<ChangeHash>,
    /// First change: claimed time and author.
    pub created: Stamp,
    /// Latest change by claimed time: claimed time and author.
    pub updated: Stamp,
    /// Where it was started on several phones apart and nobody has written on top of all of them yet:
    /// who started it, and when. A person has to say that they mean the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<Stamp>,
}

/// A claimed time and an author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The time that the writer's clock claimed.
    pub at: Millis,
    /// The person, where known.
    pub author: Option<PersonId>,
}

impl RecordView {
    /// The shown value of a field, where it has one.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).map(|field| &field.shown.value).filter(|value| value.is_present())
    }

    /// The shown text of a field.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.value(field)?.as_text()
    }

    /// The codes chosen in a set (`field/code` keys) or in a list kept as one value (codes with
    /// blanks between them).
    #[must_use]
    pub fn codes(&self, field: &str) -> Vec<&str> {
        if let Some(text) = self.text(field) {
            return text.split_ascii_whitespace().collect();
        }
        self.fields
            .range(format!("{field}/")..format!("{field}0"))
            .filter(|(_, view)| view.shown.value == Value::Bool(true))
            .filter_map(|(key, _)| key[field.len()..].strip_prefix('/'))
            .filter(|code| !code.contains('/'))
            .collect()
    }

    /// The row keys of a repeat (`repeat/row/field`), sorted. A row whose fields are all cleared is
    /// gone.
    #[must_use]
    pub fn rows(&self, repeat: &str) -> Vec<&str> {
        let mut rows: Vec<&str> = self
            .fields
            .range(format!("{repeat}/")..format!("{repeat}0"))
            .filter(|(_, view)| view.shown.value.is_present())
            .filter_map(|(key, _)| Some(key[repeat.len() + 1..].split_once('/')?.0))
            .collect();
        rows.dedup();
        rows
    }

    /// Whether a field waits for a decision although nobody wrote another value: its state was reached by a
    /// step that the programme does not have, or it says where the record was moved, and somebody wrote to the
    /// record who did not know.
    #[must_use]
    pub fn stands_alone(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|field| {
            let waits = field.disagreement == Disagreement::NeedsDecision
                || (key == moved::TO && self.is_moved_in_doubt());
            waits && field.others.is_empty()
        })
    }

    /// The fields on which people disagree, with what that asks of people.
    pub fn disagreements(&self) -> impl Iterator<Item = (&str, &FieldView)> {
        self.fields
            .iter()
            .filter(|(_, view)| !view.disagreement.is_none())
            .map(|(key, view)| (key.as_str(), view))
    }
}
