//! What was sent for review, what is kept apart, what was erased.

use alongside_domain::{
    ids::{ChangeHash, GroupId, RecordId},
    time::Millis,
    wire::Refusal,
};
use serde::Serialize;

use super::{FieldLine, RefusedChange};

/// Something that was sent for review. What it says may be gone from this phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewLine {
    /// The change; `None` for the opening of the group.
    pub change: Option<ChangeHash>,
    /// Its group.
    pub group: GroupId,
    /// Title of its form; of an opening, the title of the kind of group.
    pub title: String,
    /// When it was written.
    pub at: Millis,
    /// When the server took it, by the server's clock.
    pub sent_at: Millis,
    /// Why a coordinator looks at it.
    pub reason: Refusal,
    /// What became of it.
    pub outcome: ReviewOutcome,
}

/// What a coordinator decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// Nobody has decided yet.
    Waits,
    /// It was taken.
    Taken,
    /// It was refused, with this code.
    Refused(String),
}

/// A group that was erased for good, here too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasedGroup {
    /// The group.
    pub group: GroupId,
    /// When this phone heard of it, by the server's clock.
    pub at: Millis,
    /// Why, as a code, where the server told it.
    pub reason: Option<String>,
    /// Changes that went with it and had not been sent.
    pub unsent: u32,
    /// Drafts that went with it.
    pub drafts: u32,
}

impl std::fmt::Display for ErasedGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Records that you held were erased for good, here and everywhere")?;
        if let Some(reason) = &self.reason {
            write!(f, " ({reason})")?;
        }
        match (self.unsent, self.drafts) {
            (0, 0) => Ok(()),
            (unsent, drafts) => {
                write!(f, ". {unsent} changes that were not sent yet and {drafts} drafts went with them")
            }
        }
    }
}

/// Everything that this phone keeps apart, with what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptApartView {
    /// What the server would not have, oldest first.
    pub refused: Vec<RefusedChange>,
    /// What this phone could not accept from the server, oldest first.
    pub quarantined: Vec<QuarantinedEntry>,
    /// Drafts of groups that are no longer on this phone, newest first.
    pub drafts: Vec<KeptDraft>,
}

/// An entry of the server's that this phone could not accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantinedEntry {
    /// Its number here.
    pub id: i64,
    /// The record.
    pub record: RecordId,
    /// Its group.
    pub group: GroupId,
    /// Title of its form, where the record is on this phone.
    pub form_title: Option<String>,
    /// Why, as a stable code.
    pub reason: String,
    /// What can be done.
    pub what_to_do: &'static str,
    /// When it was kept apart.
    pub at: Millis,
}

/// A draft whose group is no longer on this phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptDraft {
    /// Token of its form session.
    pub token: [u8; 16],
    /// Its group.
    pub group: GroupId,
    /// Title of its form.
    pub form_title: String,
    /// When it was last kept.
    pub at: Millis,
    /// What was entered, in words.
    pub fields: Vec<FieldLine>,
}
