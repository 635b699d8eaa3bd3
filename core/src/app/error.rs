//! Errors as an app sees them: one variant for each thing that it can do about them, with named fields.

use alongside_domain::wire::ErrorCode;

use crate::error::{ApiError, InvalidAnswer, OpenError, Thing};

/// One thing that is wrong with what was asked, as a code that the app has words for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Key of the field; empty where it is about the request as a whole.
    pub field: String,
    /// Stable code, such as `unknown_question`, `not_a_date`, `malformed_id`.
    pub code: String,
}

impl FieldProblem {
    pub(crate) fn new(field: &str, code: &str) -> Self {
        Self { field: field.to_owned(), code: code.to_owned() }
    }
}

/// Why a call did not do what was asked. Nothing personal stands in it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// It is not on this phone: refresh the list.
    #[error("this {thing:?} is not on this phone: refresh the list")]
    NotFound {
        /// What was looked for.
        thing: Thing,
    },
    /// What was entered cannot be taken; nothing was written: show each problem at its field.
    #[error("{} of the answers cannot be taken", .problems.len())]
    Invalid {
        /// Every problem.
        problems: Vec<FieldProblem>,
    },
    /// No connection: what was saved stays here; try later.
    #[error("there is no connection to the server: what was saved stays on this phone and is sent later")]
    Offline,
    /// The server is busy: try later.
    #[error("the server is busy: try again later")]
    Busy {
        /// After this many seconds, where the server said so.
        retry_after_seconds: Option<u32>,
    },
    /// The server turned it down: show the words for the code.
    #[error("the server turned the request down ({code:?})")]
    ServerRefused {
        /// Why.
        code: ErrorCode,
    },
    /// The profile is not enrolled: ask for a code and enrol.
    #[error("this profile is not enrolled: ask the coordinator for a code")]
    NotEnrolled,
    /// A newer version of the app is needed, for the server or for the file.
    #[error("a newer version of the app is needed: update it; nothing was changed")]
    UpdateNeeded,
    /// The key does not open the profile: take the one it was created with. Where the keystore has lost
    /// it, create a profile and enrol again.
    #[error("the key does not open this profile: take the one it was created with, or enrol again")]
    WrongKey,
    /// The profile's file is damaged: keep it, and enrol again.
    #[error("the profile's file is damaged: keep it, and restore a backup or enrol again")]
    Damaged,
    /// The profile is open already: close it there first.
    #[error("this profile is open already: close it there first")]
    InUse,
    /// No room on the device: free some.
    #[error("there is no room left on this device: free some space, then try again")]
    StorageFull,
    /// The profile or the app was closed: open it again.
    #[error("this was closed: open it again")]
    Closed,
    /// A fault of ours or of the machine: show the code, log the reason.
    #[error("something went wrong ({code}): {reason}")]
    Unexpected {
        /// Where it went wrong: stable, for people to tell us.
        code: String,
        /// Why, for the log.
        reason: String,
    },
}

impl AppError {
    /// A text that is not the id it was given for.
    #[must_use]
    pub fn malformed_id() -> Self {
        Self::invalid("", "malformed_id")
    }

    /// A text that is no day.
    #[must_use]
    pub fn malformed_date() -> Self {
        Self::invalid("", "malformed_date")
    }

    pub(crate) fn invalid(field: &str, code: &str) -> Self {
        Self::Invalid { problems: vec![FieldProblem::new(field, code)] }
    }

    pub(crate) fn unexpected(code: &str, cause: &dyn std::error::Error) -> Self {
        Self::Unexpected { code: code.to_owned(), reason: chain(cause) }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        said.push_str(": ");
        said.push_str(&cause.to_string());
        next = cause.source();
    }
    said
}

impl From<ApiError> for AppError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::NotFound(thing) => Self::NotFound { thing },
            ApiError::Invalid(problems) => Self::Invalid {
                problems: problems
                    .into_iter()
                    .map(|InvalidAnswer { field, code }| FieldProblem { field, code: code.to_owned() })
                    .collect(),
            },
            ApiError::Offline => Self::Offline,
            ApiError::Busy(retry_after_seconds) => Self::Busy { retry_after_seconds },
            ApiError::ServerRefused(ErrorCode::UnsupportedProtocol) => Self::UpdateNeeded,
            ApiError::ServerRefused(code) => Self::ServerRefused { code },
            ApiError::NotEnrolled => Self::NotEnrolled,
            ApiError::BadAddress => Self::invalid("server", "bad_address"),
            ApiError::StorageFull => Self::StorageFull,
            ApiError::Closed => Self::Closed,
            ApiError::Unexpected { code, source } => {
                let reason = source.map_or_else(String::new, |source| chain(source.as_ref()));
                Self::Unexpected { code: code.to_owned(), reason }
            }
        }
    }
}

impl From<OpenError> for AppError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotThere => Self::NotFound { thing: Thing::Profile },
            OpenError::WrongKey => Self::WrongKey,
            OpenError::Damaged => Self::Damaged,
            OpenError::InUse | OpenError::AlreadyThere => Self::InUse,
            OpenError::NewerVersion { .. } => Self::UpdateNeeded,
            OpenError::StorageFull => Self::StorageFull,
            OpenError::Io(_) => Self::unexpected("folder", &error),
            OpenError::Database(_) => Self::unexpected("database", &error),
        }
    }
}
