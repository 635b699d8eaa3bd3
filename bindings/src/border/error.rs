//! Errors, one variant for each thing that an app can do.

use alongside_core::{
    app::{AppError, FieldProblem},
    error::Thing,
};
use alongside_domain::wire::ErrorCode;

/// Why a call did not do what was asked. Nothing personal stands in it.
#[uniffi::remote(Error)]
pub enum AppError {
    /// It is not on this phone: refresh the list.
    NotFound {
        /// What was looked for.
        thing: Thing,
    },
    /// What was entered cannot be taken; nothing was written: show each problem at its field.
    Invalid {
        /// Every problem.
        problems: Vec<FieldProblem>,
    },
    /// No connection: what was saved stays here; try later.
    Offline,
    /// The server is busy: try later.
    Busy {
        /// After this many seconds, where the server said so.
        retry_after_seconds: Option<u32>,
    },
    /// The server turned it down: show the words for the code.
    ServerRefused {
        /// Why.
        code: ErrorCode,
    },
    /// The profile is not enrolled: ask for a code and enrol.
    NotEnrolled,
    /// A newer version of the app is needed, for the server or for the file.
    UpdateNeeded,
    /// The key does not open the profile: take the one it was created with. Where the keystore has lost
    /// it, create a profile and enrol again.
    WrongKey,
    /// The profile's file is damaged: keep it, and enrol again.
    Damaged,
    /// The profile is open already: close it there first.
    InUse,
    /// No room on the device: free some.
    StorageFull,
    /// The profile or the app was closed: open it again.
    Closed,
    /// A fault of ours or of the machine: show the code, log the reason.
    Unexpected {
        /// Where it went wrong: stable, for people to tell us.
        code: String,
        /// Why, for the log.
        reason: String,
    },
}

/// One thing that is wrong with what was asked, as a code that the app has words for.
#[uniffi::remote(Record)]
pub struct FieldProblem {
    /// Key of the field; empty where it is about the request as a whole.
    pub field: String,
    /// Stable code, such as `unknown_question`, `not_a_date`, `malformed_id`.
    pub code: String,
}

/// Which thing was not found.
#[uniffi::remote(Enum)]
pub enum Thing {
    /// A record.
    Record,
    /// A group.
    Group,
    /// A form of the programme.
    Form,
    /// A kind of group of the programme.
    GroupKind,
    /// A profile on this phone.
    Profile,
    /// The bytes of an attachment.
    Attachment,
}
