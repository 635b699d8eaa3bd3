//! Errors, sorted by what the app can do about them. Nothing personal stands in any of them.

use std::io;

use alongside_domain::{record::DocumentError, sync::Failure, wire::ErrorCode};

/// Why a profile's database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no profile in this folder.
    #[error("there is no profile in this folder: create one, or name another folder")]
    NotThere,
    /// There is a profile in this folder already.
    #[error("there is a profile in this folder already: open it, or name another folder")]
    AlreadyThere,
    /// The key does not open the file, or the file is not a database of ours. The encryption cannot
    /// tell the one from the other.
    #[error(
        "the key does not open this database, or its first page is damaged (the encryption cannot tell \
         which): use the key that it was created with, or restore a backup"
    )]
    WrongKey,
    /// The file is shorter than it says, or does not hold together.
    #[error("the database is damaged: keep the file, and restore a backup or enrol again")]
    Damaged,
    /// Another process, or another part of this one, has this profile open.
    #[error("this profile is open already: close it there first")]
    InUse,
    /// A newer version of the app has written it. The file was left alone.
    #[error(
        "the database was written by a newer version (schema {found}; this version knows {known}): update the app"
    )]
    NewerVersion {
        /// Version of the schema in the file.
        found: i64,
        /// Newest version that this code knows.
        known: i64,
    },
    /// No room on the device.
    #[error("there is no room left on this device: free some space, then open again")]
    StorageFull,
    /// The folder or file could not be read or written.
    #[error("the profile's folder could not be read or written: check that it exists and is writable")]
    Io(#[source] io::Error),
    /// The database refused for another reason.
    #[error("the database could not be opened")]
    Database(#[source] rusqlite::Error),
}

/// What is wrong with one answer, as a code that the app has words for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InvalidAnswer {
    /// Key of the field; empty where it is about the request as a whole.
    pub field: String,
    /// Stable code, such as `unknown_field`, `too_long`, `immutable`.
    pub code: &'static str,
}

/// Which thing was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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

/// Why a call did not do what was asked: one variant for each thing that an app can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// It is not on this phone: refresh the list.
    #[error("this {0:?} is not on this phone")]
    NotFound(Thing),
    /// What was entered cannot be saved: show each at its field.
    #[error("{} of the answers cannot be saved", .0.len())]
    Invalid(Vec<InvalidAnswer>),
    /// No network: later.
    #[error("there is no connection to the server: what was saved stays on this phone and is sent later")]
    Offline,
    /// The server is busy: later, after this many seconds where it said so.
    #[error("the server is busy: try again later")]
    Busy(Option<u32>),
    /// The server turned it down: show the code's words.
    #[error("the server turned the request down ({0:?})")]
    ServerRefused(ErrorCode),
    /// The phone is not enrolled: enrol it.
    #[error("this phone is not enrolled: ask the coordinator for a code")]
    NotEnrolled,
    /// The address of the server cannot be used.
    #[error("the server's address must start with https:// (http:// only on this machine)")]
    BadAddress,
    /// No room on the device: free some.
    #[error("there is no room left on this device: free some space, then save again")]
    StorageFull,
    /// The profile was closed: open it again.
    #[error("this profile is closed: open it again")]
    Closed,
    /// A fault of ours or of the machine: show the code, keep the cause for the log.
    #[error("something went wrong ({code})")]
    Unexpected {
        /// Where it went wrong.
        code: &'static str,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl ApiError {
    /// A fault without a further cause.
    pub(crate) fn unexpected(code: &'static str) -> Self {
        Self::Unexpected { code, source: None }
    }

    /// One invalid answer.
    pub(crate) fn invalid(field: &str, code: &'static str) -> Self {
        Self::Invalid(vec![InvalidAnswer { field: field.to_owned(), code }])
    }
}

/// Whether SQLite says that the disk is full. The shared-memory file reports it under a name of its own.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    const SHARED_MEMORY_SIZE: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
    error.sqlite_error().is_some_and(|cause| {
        cause.code == rusqlite::ErrorCode::DiskFull || cause.extended_code == SHARED_MEMORY_SIZE
    })
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        if is_full(&error) {
            Self::StorageFull
        } else {
            Self::Unexpected { code: "store", source: Some(Box::new(error)) }
        }
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        Self::Unexpected { code: "document", source: Some(Box::new(error)) }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Network => Self::Offline,
            Failure::Busy(seconds) => Self::Busy(seconds),
            Failure::Refused(ErrorCode::NotEnrolled) => Self::NotEnrolled,
            Failure::Refused(code) => Self::ServerRefused(code),
            Failure::Store => Self::unexpected("store"),
        }
    }
}
