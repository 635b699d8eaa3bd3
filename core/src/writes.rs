//! Saving: what the app asks for, and how it becomes durable.

use alongside_domain::{
    ids::{GroupId, RecordId},
    record::Edit,
};

/// Saves answers to a new or an existing record.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    /// The record; `None` for a new one.
    pub record: Option<RecordId>,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The answers that were given or changed, by document key.
    pub answers: Vec<Edit>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// Made by the app when the form was opened: a repeated save with the same token gives the first
    /// result and writes nothing.
    pub token: Option<[u8; 16]>,
}

/// Moves a record that was entered in the wrong group.
#[derive(Debug, Clone)]
pub struct MoveRequest {
    /// The record.
    pub record: RecordId,
    /// Where it belongs.
    pub group: GroupId,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// As in [`SaveRequest`].
    pub token: Option<[u8; 16]>,
}

/// Saves one session with several units.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// The group of each unit, each once.
    pub groups: Vec<GroupId>,
    /// The form of the records.
    pub form: String,
    /// The answers of the session as a whole: what the programme splits is given for all together.
    pub answers: Vec<Edit>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// As in [`SaveRequest`].
    pub token: Option<[u8; 16]>,
}

/// Opens a group with its first records, in one transaction.
#[derive(Debug, Clone)]
pub struct OpenGroupRequest {
    /// Kind of group, as the programme names it.
    pub kind: String,
    /// The groups it is linked to.
    pub parents: Vec<GroupId>,
    /// Its first records.
    pub records: Vec<FirstRecord>,
    /// As in [`SaveRequest`].
    pub token: Option<[u8; 16]>,
}

/// The first answers of a record in a new group.
#[derive(Debug, Clone)]
pub struct FirstRecord {
    /// Its form.
    pub form: String,
    /// Its answers.
    pub answers: Vec<Edit>,
}

/// A group that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedGroup {
    /// The group.
    pub group: GroupId,
    /// Its first records, in the order asked for.
    pub records: Vec<RecordId>,
}

pub(crate) mod check;
pub(crate) mod decide;
pub(crate) mod draft;
pub(crate) mod enter;
pub(crate) mod moving;
pub(crate) mod open;
pub(crate) mod restricted;
pub(crate) mod save;
pub(crate) mod session;

pub use draft::Draft;
