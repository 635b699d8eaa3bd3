//! What waits to be sent, and what was kept apart.

use alongside_core::{
    app::{AttachmentView, KeptApart, KeptApartView, QuarantineView, RefusedOpeningView, WaitingView},
    views::{FieldLine, Waiting, WaitingChange},
};
use alongside_domain::{
    ids::{ChangeHash, GroupId, RecordId},
    time::Millis,
    wire::Refusal,
};

/// What waits to be sent, and what was kept apart.
#[uniffi::remote(Record)]
pub struct WaitingView {
    /// Changes that wait, oldest first; the first 500.
    pub waiting: Vec<WaitingChange>,
    /// How many wait altogether.
    pub count: u32,
    /// Own changes that the server would not have; kept here.
    pub kept_apart: Vec<KeptApartView>,
    /// Openings of groups that the server would not have.
    pub refused_openings: Vec<RefusedOpeningView>,
    /// Received entries that this phone could not accept.
    pub quarantined: Vec<QuarantineView>,
    /// Attachments that wait to be sent or fetched, the longest waiting first.
    pub attachments: Vec<AttachmentView>,
}

/// One change that waits.
#[uniffi::remote(Record)]
pub struct WaitingChange {
    /// The record.
    pub record: RecordId,
    /// Its title.
    pub title: String,
    /// Title of its form.
    pub form_title: String,
    /// Since when.
    pub since: Millis,
    /// Why it still waits.
    pub why: Waiting,
}

/// Why a change waits.
#[uniffi::remote(Enum)]
pub enum Waiting {
    /// It has not been sent.
    NotSent,
    /// The server asked for it once more.
    AskedAgain,
    /// The server asked to send it later, alone.
    Later,
}

/// One own change that was kept apart.
#[uniffi::remote(Record)]
pub struct KeptApartView {
    /// The change.
    pub change: ChangeHash,
    /// The record.
    pub record: RecordId,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// When it was written.
    pub at: Millis,
    /// Why.
    pub because: KeptApart,
    /// What it set, in words.
    pub fields: Vec<FieldLine>,
}

/// Why an own change was kept apart.
#[uniffi::remote(Enum)]
pub enum KeptApart {
    /// The server refused it.
    Refused {
        /// Why.
        reason: Refusal,
    },
    /// The server keeps it for the coordinator to look at.
    InReview {
        /// Why.
        reason: Refusal,
    },
    /// It was written on top of a refused change that made its record.
    WithItsRecord,
}

/// An opening of a group that the server would not have.
#[uniffi::remote(Record)]
pub struct RefusedOpeningView {
    /// The group.
    pub group: GroupId,
    /// Why.
    pub reason: Refusal,
}

/// Entries that this phone could not accept, for one reason.
#[uniffi::remote(Record)]
pub struct QuarantineView {
    /// Stable code of the reason.
    pub reason: String,
    /// How many.
    pub count: u32,
}

/// Why something is not accepted. The wire carries the code; words are chosen where they are shown.
#[uniffi::remote(Enum)]
pub enum Refusal {
    /// The bytes are not one plain change.
    Malformed,
    /// Too many bytes, operations, or too long a key or value.
    TooLarge,
    /// Number, counters or dependencies do not follow from its ancestors.
    OutOfOrder,
    /// It names an object, element or value that does not exist in its ancestors.
    DanglingReference,
    /// Its record, form or group is not what its first change says.
    WrongRoot,
    /// It made the document unreadable when tried on a copy.
    BreaksDocument,
    /// The person is not entitled to the group.
    NotEntitled,
    /// The actor belongs to another device.
    ForeignActor,
    /// The group does not exist.
    UnknownGroup,
    /// The form does not exist in the programme.
    UnknownForm,
    /// The kind of group cannot be opened so.
    BadOpening,
    /// The person's access ended before the change arrived, and the time for late work was over.
    AfterWithdrawal,
    /// The device was revoked before the change arrived.
    RevokedDevice,
    /// A coordinator looked at it and would not have it.
    ByCoordinator,
    /// A record of this kind cannot be changed once written.
    Immutable,
    /// No head that the server signed covers a change that another person or device wrote.
    NotCovered,
    /// A reason that this version does not know.
    Other,
}
