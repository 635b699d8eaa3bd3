//! Attachments.

use alongside_core::app::{AttachRequest, AttachmentStanding, AttachmentView, AttachmentWaitsFor, SendView};
use alongside_domain::{
    ids::{GroupId, RecordId},
    media::BlobHash,
    time::Millis,
    wire::ErrorCode,
};

/// A file to attach.
#[uniffi::remote(Record)]
pub struct AttachRequest {
    /// The group of the record that is to name it.
    pub group: GroupId,
    /// Path of the file.
    pub path: String,
    /// Its media type, such as `image/jpeg`.
    pub media_type: String,
    /// Code of the consent under which it was made.
    pub scope: String,
}

/// An attachment.
#[uniffi::remote(Record)]
pub struct AttachmentView {
    /// Its group.
    pub group: GroupId,
    /// The hash of its content: with the group, what it is asked for by.
    pub hash: BlobHash,
    /// The record that names it; `None` where none does, or none any more.
    pub record: Option<RecordId>,
    /// The key of the answer; empty where no record names it.
    pub key: String,
    /// The answer to the question that asks for a file, as a text; empty where no record names it any more.
    pub answer: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its media type; empty where no record names it any more.
    pub media_type: String,
    /// Code of the consent under which it was made; empty where no record names it any more.
    pub scope: String,
    /// Since when it is on this phone, where it is.
    pub since: Option<Millis>,
    /// How it stands.
    pub state: AttachmentStanding,
}

/// How it stands with an attachment.
#[uniffi::remote(Enum)]
pub enum AttachmentStanding {
    /// Only at the server, as far as this phone knows: fetch it.
    NotHere,
    /// Being fetched.
    Coming {
        /// Bytes that are here.
        here: u64,
        /// What it waits for.
        because: AttachmentWaitsFor,
        /// Whether somebody has to ask for it to go on.
        stopped: bool,
    },
    /// Here, and waits to be sent.
    Waiting {
        /// Bytes that the server holds.
        there: u64,
        /// What it waits for.
        because: AttachmentWaitsFor,
        /// Whether somebody has to ask for it to go on.
        stopped: bool,
    },
    /// Here and at the server.
    Here,
}

/// What an attachment waits for.
#[uniffi::remote(Enum)]
pub enum AttachmentWaitsFor {
    /// Its turn at the next run.
    Turn,
    /// Its record and group: they are sent first.
    Records,
    /// A connection.
    Network,
    /// A server that is less busy, or has more room.
    BusyServer,
    /// Nothing: it arrived damaged, and is sent or fetched again from its beginning.
    DamagedOnTheWay,
    /// The phone that has it: the server does not have it yet.
    NotThereYet,
    /// Somebody who acts: the server turned it down.
    ServerRefusal {
        /// Why.
        code: ErrorCode,
    },
    /// Nothing any more: the file on this phone is damaged or gone.
    Lost,
    /// Room on this phone.
    Storage,
}

/// What one run of sending and fetching did.
#[uniffi::remote(Record)]
pub struct SendView {
    /// Attachments that became whole at the server.
    pub sent: u32,
    /// Attachments that became whole here.
    pub fetched: u32,
    /// Attachments that still wait to be sent.
    pub waiting: u32,
    /// Bytes of content sent, those that did not arrive included.
    pub bytes_sent: u64,
    /// Bytes of content received.
    pub bytes_received: u64,
    /// When the next one has its turn, where one waits.
    pub next_try: Option<Millis>,
}
