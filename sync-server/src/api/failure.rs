//! Answers that are not a success: a stable code and what to do.

use alongside_domain::wire::{DecodeError, ErrorAnswer, ErrorCode, MEDIA_TYPE, encode};
use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{ingest::IngestError, store::StoreError};

/// Why a request as a whole was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: ErrorCode,
    /// Seconds to wait.
    pub retry_after: Option<u32>,
}

impl Failure {
    pub(super) const BUSY: Self = Self { code: ErrorCode::Busy, retry_after: Some(2) };

    fn status(self) -> StatusCode {
        match self.code {
            ErrorCode::WrongMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::Malformed | ErrorCode::UnsupportedProtocol => StatusCode::BAD_REQUEST,
            ErrorCode::NotEnrolled => StatusCode::UNAUTHORIZED,
            ErrorCode::Revoked | ErrorCode::BadCode => StatusCode::FORBIDDEN,
            ErrorCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Repack | ErrorCode::WrongHash => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::NotEntitled => StatusCode::FORBIDDEN,
            ErrorCode::UnknownGroup | ErrorCode::UnknownBlob => StatusCode::NOT_FOUND,
            ErrorCode::Erased => StatusCode::GONE,
            ErrorCode::WrongOffset => StatusCode::CONFLICT,
            ErrorCode::BadRange => StatusCode::RANGE_NOT_SATISFIABLE,
            ErrorCode::OverQuota => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn help(self) -> &'static str {
        match self.code {
            ErrorCode::WrongMediaType => {
                "Send the body as application/vnd.alongside.sync+cbor: this address is for the app."
            }
            ErrorCode::TooLarge => {
                "Send less at once: at most 4 MiB, 32 MiB unpacked, 50,000 changes. An attachment may be larger, \
                 but not as large as this one: attach a smaller file."
            }
            ErrorCode::Malformed => "The request cannot be read. Update the app; if it stays, report it.",
            ErrorCode::UnsupportedProtocol => "App and server are too far apart: update the older one.",
            ErrorCode::NotEnrolled => "The server does not know this installation: enrol it with a new code.",
            ErrorCode::Revoked => {
                "This installation was revoked, and nothing more is waited for from it. Ask your coordinator."
            }
            ErrorCode::BadCode => {
                "The code is unknown, used, or too old. Ask your coordinator for a new one."
            }
            ErrorCode::Busy => "The server is busy. Nothing is lost: the app tries again by itself.",
            ErrorCode::NotEntitled => "The person is not entitled to this group, or may not write in it.",
            ErrorCode::UnknownGroup => "The server does not have this group yet: sync records first.",
            ErrorCode::Erased => "The group was erased, and nothing of it is taken or given any more.",
            ErrorCode::UnknownBlob => {
                "The attachment is not here yet, or no record that this person may read names it: try later."
            }
            ErrorCode::WrongOffset => "The piece leaves a gap: ask how much is held, and go on from there.",
            ErrorCode::WrongHash => {
                "What arrived does not have the hash that names it and was thrown away: send it again."
            }
            ErrorCode::BadRange => {
                "The range is none of this attachment. Nothing was kept of what lies outside it."
            }
            ErrorCode::OverQuota => {
                "There is no room for more attachments of this group, or of this phone. Ask your coordinator."
            }
            ErrorCode::Repack => "The pack cannot be opened here as it is: send it again in the row form.",
            _ => "The server failed and noted it. Nothing is lost: the app tries again by itself.",
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self { code, retry_after: None }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        error.code().into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            // Both pass, once somebody has made room or let go.
            StoreError::Full | StoreError::InUse => Self { code: ErrorCode::Busy, retry_after: Some(60) },
            _ => ErrorCode::Internal.into(),
        }
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Busy => Self::BUSY,
            IngestError::Stopped => Self { code: ErrorCode::Busy, retry_after: Some(10) },
            IngestError::Store(error) => error.into(),
            IngestError::Local { .. } => ErrorCode::Internal.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let answer =
            ErrorAnswer { code: self.code, help: self.help().to_owned(), retry_after: self.retry_after };
        let mut response =
            (self.status(), [(header::CONTENT_TYPE, MEDIA_TYPE)], encode(&answer)).into_response();
        let mut put = |name: HeaderName, value: String| {
            if let Ok(value) = value.try_into() {
                response.headers_mut().insert(name, value);
            }
        };
        if let Some(seconds) = self.retry_after {
            put(header::RETRY_AFTER, seconds.to_string());
        }
        if self.code == ErrorCode::NotEnrolled {
            put(header::WWW_AUTHENTICATE, "Bearer".to_owned());
        }
        response
    }
}
