//! Attachments on the phone: files that records name, sealed at rest, sent and fetched apart from records.
//!
//! A file is taken (`take`) and durable before the save that names it can return; it waits to be sent
//! (`courier`) without any record waiting for it; what came from the server may go again when room is
//! wanted (`room`), what is not safe there may not.

use alongside_domain::{
    ids::{GroupId, RecordId},
    media::{BlobHash, MediaRef},
    time::Millis,
    wire::ErrorCode,
};
use serde::Serialize;

pub(crate) mod courier;
mod line;
pub(crate) mod open;
pub(crate) mod reads;
pub(crate) mod room;
pub(crate) mod rows;
pub(crate) mod sealed;
pub(crate) mod take;
pub(crate) mod vault;

/// Most bytes of attachments that this phone holds only for convenience: what is safe at the server goes
/// beyond that, the longest unused first.
pub const CACHE_BYTES: u64 = 300 << 20;
/// How long a file is kept that was attached in a form and that no save and no draft came to name.
pub const UNNAMED_MS: i64 = 7 * 86_400_000;

/// An attachment: which, and of which group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AttachmentId {
    /// The group whose record names it.
    pub group: GroupId,
    /// The hash of its content.
    pub hash: BlobHash,
}

/// A file to attach.
#[derive(Debug, Clone)]
pub struct TakeRequest {
    /// The group of the record that is to name it.
    pub group: GroupId,
    /// The file.
    pub path: std::path::PathBuf,
    /// Its media type, such as `image/jpeg`.
    pub media_type: String,
    /// Code of the consent under which it was made.
    pub scope: String,
}

/// Why an attachment is not at the server, or not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentWait {
    /// It has its turn at the next run.
    Turn,
    /// Its group is not at the server yet: records go first.
    Records,
    /// A connection.
    Network,
    /// A server that is less busy, or has more room.
    BusyServer,
    /// What arrived was damaged on the way: once more from the beginning.
    DamagedOnTheWay,
    /// The server does not have it yet.
    NotThereYet,
    /// The server turned it down.
    Refused(ErrorCode),
    /// The file on this phone is damaged or gone.
    Lost,
    /// Room on this phone.
    Storage,
}

/// How it stands with an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentState {
    /// Only at the server, as far as this phone knows.
    NotHere,
    /// Being fetched.
    Coming {
        /// Bytes that are here.
        here: u64,
        /// What it waits for.
        waits_for: AttachmentWait,
        /// Whether somebody has to ask for it to go on.
        stopped: bool,
    },
    /// Here, and waits to be sent.
    Waiting {
        /// Bytes that the server holds.
        there: u64,
        /// What it waits for.
        waits_for: AttachmentWait,
        /// Whether somebody has to ask for it to go on.
        stopped: bool,
    },
    /// Here and at the server.
    Here,
}

/// One attachment of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachmentLine {
    /// Which it is.
    pub id: AttachmentId,
    /// The record that names it; `None` where no record names it now.
    pub record: Option<RecordId>,
    /// The key of the field; empty where no record names it now.
    pub field: String,
    /// What the record says of it; `None` where no record names it now.
    pub reference: Option<String>,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its media type; empty where no record names it now.
    pub media_type: String,
    /// Code of the consent under which it was made; empty where no record names it now.
    pub scope: String,
    /// Since when it is on this phone, where it is.
    pub since: Option<Millis>,
    /// How it stands.
    pub state: AttachmentState,
}

/// What one run of the courier did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CourierOutcome {
    /// Attachments that became whole at the server.
    pub sent: u32,
    /// Attachments that became whole here.
    pub fetched: u32,
    /// Requests.
    pub requests: u32,
    /// Bytes of content sent, those that did not arrive included.
    pub bytes_sent: u64,
    /// Bytes of content received.
    pub bytes_received: u64,
    /// Attachments that still wait to be sent.
    pub waiting: u32,
    /// When the next one has its turn, where one waits.
    pub next: Option<Millis>,
}

impl AttachmentId {
    /// The attachment that this reference names, in this group.
    #[must_use]
    pub fn of(group: GroupId, reference: &MediaRef) -> Self {
        Self { group, hash: reference.hash() }
    }
}
