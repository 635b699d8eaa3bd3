//! Reading a request within limits, writing an answer.

use std::{sync::Arc, time::Duration};

use alongside_domain::wire::{ErrorCode, MEDIA_TYPE, Message, decode_message, encode};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{AppState, Failure};
use crate::secret::Secret;

/// A CBOR answer of the protocol.
pub(super) struct Cbor<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Cbor<T> {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")], encode(&self.0))
            .into_response()
    }
}

/// Lets a request in if there is room, and gives it a limited time.
pub(super) async fn within_limits<T>(
    state: &AppState,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let _place = Arc::clone(&state.gate).try_acquire_owned().map_err(|_| Failure::BUSY)?;
    let limit = Duration::from_secs(u64::from(state.config.request_seconds));
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Failure::BUSY))
}

/// Checks the media type; parameters after it do not matter.
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case(MEDIA_TYPE) { Ok(()) } else { Err(ErrorCode::WrongMediaType.into()) }
}

/// How many bytes the body has, where its head says so: no more than that come.
pub(super) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a message; never holds more of it than the message may have.
pub(super) async fn read<T: Message>(headers: &HeaderMap, body: Body) -> Result<T, Failure> {
    if announced(headers).is_some_and(|length| length > T::MAX_BYTES) {
        return Err(ErrorCode::TooLarge.into());
    }
    let bytes = to_bytes(body, T::MAX_BYTES).await.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        Failure::from(if too_large { ErrorCode::TooLarge } else { ErrorCode::Malformed })
    })?;
    Ok(decode_message(&bytes)?)
}

/// The token that an installation shows.
pub(super) fn token(headers: &HeaderMap) -> Result<Secret, Failure> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(Secret::shown)
        .ok_or_else(|| ErrorCode::NotEnrolled.into())
}

/// Runs work that blocks away from the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        tracing::error!("a request panicked");
        Err(ErrorCode::Internal.into())
    })
}
