//! Enrolment and sync.

use alongside_core::app::{
    EnrolRequest, PauseView, ProfileKey, ProfileSyncOutcome, ProfileSyncView, PulseView, SyncState, SyncView,
    WaitingFor,
};
use alongside_domain::{ids::ProfileId, time::Millis, wire::ErrorCode};

/// What an enrolment needs.
#[uniffi::remote(Record)]
pub struct EnrolRequest {
    /// Address of the server, from the coordinator's code.
    pub server: String,
    /// The one-time code.
    pub code: String,
    /// What the coordinator's list calls this phone.
    pub device_name: String,
}

/// What one run of sync did.
#[uniffi::remote(Record)]
pub struct SyncView {
    /// How sync stands at the end.
    pub state: SyncState,
    /// Requests that got an answer.
    pub round_trips: u32,
    /// Own changes that the server took or had.
    pub accepted: u32,
    /// Own changes that the server would not have: the outbox shows them.
    pub refused: u32,
    /// Changes received and taken in.
    pub received: u32,
    /// Entries that could not be accepted.
    pub quarantined: u32,
    /// Own changes that still wait.
    pub waiting: u32,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of answer bodies.
    pub bytes_received: u64,
}

/// How sync stands.
#[uniffi::remote(Enum)]
pub enum SyncState {
    /// Everything that was saved here is at the server, and the phone has all that was there.
    UpToDate {
        /// When that was.
        at: Millis,
    },
    /// Under way.
    Syncing,
    /// Will try again by itself, where it was asked to keep syncing.
    Waiting {
        /// When.
        next_try: Millis,
        /// What for.
        because: WaitingFor,
    },
    /// Will not try again by itself: somebody has to act.
    Stopped {
        /// Why.
        code: ErrorCode,
    },
    /// The app was paused meanwhile: what was not sent goes with the next sync.
    Paused,
}

/// What sync waits for.
#[uniffi::remote(Enum)]
pub enum WaitingFor {
    /// A connection.
    Network,
    /// A server that is less busy.
    BusyServer,
    /// The server turned the last request down; it may take the next one.
    ServerRefusal {
        /// Why.
        code: ErrorCode,
    },
    /// This phone could not read or write its own database.
    Storage,
}

/// Why a request as a whole was not answered.
#[uniffi::remote(Enum)]
pub enum ErrorCode {
    /// Not the media type of the protocol.
    WrongMediaType,
    /// Larger than the server takes.
    TooLarge,
    /// Not a well-formed request (also: nested too deep).
    Malformed,
    /// The protocol version is not one the server speaks: update the app.
    UnsupportedProtocol,
    /// No token, or one that the server does not know: enrol again.
    NotEnrolled,
    /// The device was revoked: send nothing more, ask the coordinator.
    Revoked,
    /// The enrolment code is unknown, used or too old: ask for a new one.
    BadCode,
    /// Busy: try again after the time given.
    Busy,
    /// The pack does not match its digest: send it in the row form.
    Repack,
    /// The person is not entitled to the group.
    NotEntitled,
    /// The server does not have the group, or not yet.
    UnknownGroup,
    /// The group was erased.
    Erased,
    /// The server does not have the attachment, or not yet, or no record that the person may read names it.
    UnknownBlob,
    /// The piece does not follow on what the server holds: ask how much that is.
    WrongOffset,
    /// What arrived does not have the hash that names it, and was thrown away: send it again.
    WrongHash,
    /// The range asked for is not one of the attachment.
    BadRange,
    /// There is no room for more attachments of this group, or of this phone.
    OverQuota,
    /// The server's own fault; it kept a log entry.
    Internal,
    /// A reason that this version does not know.
    Other,
}

/// A profile with the key that opens it.
#[uniffi::remote(Record)]
pub struct ProfileKey {
    /// The profile.
    pub profile: ProfileId,
    /// Its key, 32 bytes.
    pub key: Vec<u8>,
}

/// What came of syncing one profile in the background.
#[uniffi::remote(Record)]
pub struct ProfileSyncView {
    /// The profile.
    pub profile: ProfileId,
    /// What came of it.
    pub outcome: ProfileSyncOutcome,
}

/// How syncing one profile in the background ended.
#[uniffi::remote(Enum)]
pub enum ProfileSyncOutcome {
    /// It ran to its end.
    Ran {
        /// How sync stands.
        state: SyncState,
        /// Own changes that still wait.
        waiting: u32,
    },
    /// The deadline came first: the next run goes on from here.
    OutOfTime {
        /// Own changes that still wait.
        waiting: u32,
    },
    /// The key does not open it.
    WrongKey,
    /// It is not on this phone.
    NotThere,
    /// It is not enrolled.
    NotEnrolled,
    /// It failed otherwise.
    Failed {
        /// Where it went wrong.
        code: String,
    },
}

/// What a pause came to.
#[uniffi::remote(Record)]
pub struct PauseView {
    /// Whether everything is written and nothing is held any more.
    pub is_finished: bool,
    /// The profiles that were not ready within the grace time. Nothing of theirs is lost: what was not
    /// written yet is being written.
    pub unfinished: Vec<ProfileId>,
}

/// What an observer is told: enough to know whether to ask for its screen again.
#[uniffi::remote(Record)]
pub struct PulseView {
    /// Grows with every durable change on this phone, saved here or received.
    pub revision: u64,
    /// Changes that wait to be sent.
    pub waiting: u32,
    /// How sync stands, once it was tried.
    pub sync: Option<SyncState>,
    /// Attachments that wait to be sent.
    pub attachments: u32,
    /// Bytes of them that the server does not hold.
    pub attachment_bytes: u64,
}
