//! What waits to be sent, and what was kept apart.

use alongside_core::{
    app::{AttachmentView, KeptApart, KeptApartView, QuarantineView, RefusedOpeningView, WaitingView},
    views::{ErasedGroup, FieldLine, ReviewLine, ReviewOutcome, Waiting, WaitingChange},
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
    /// What was sent too late and waits for a coordinator, or was decided, latest sent first.
    pub in_review: Vec<ReviewLine>,
    /// Groups that were erased for good, of which the person has not been told.
    pub erased: Vec<ErasedGroup>,
    /// Changes by others that the server lost and of which nothing proves who wrote them: they stay here.
    pub only_here: u32,
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

/// One change or opening that a coordinator has to decide on, or has decided on.
#[uniffi::remote(Record)]
pub struct ReviewLine {
    /// The change; none for the opening of the group.
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
#[uniffi::remote(Enum)]
pub enum ReviewOutcome {
    /// Nobody has decided yet.
    Waits,
    /// It was taken.
    Taken,
    /// It was refused, with this code.
    Refused(String),
}

/// A group that was erased for good, here too.
#[uniffi::remote(Record)]
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
    /// It holds a restricted answer outside of the restricted group.
    Restricted,
    /// It changes an answer that the record's id follows from, or starts a record whose id does not.
    KeyFixed,
    /// No head that the server signed covers a change that another person or device wrote.
    NotCovered,
    /// A reason that this version does not know.
    Other,
}
