//! `PUT` and `GET /v1/blobs/{hash}`: attachments, apart from records, in pieces.

use std::{sync::Arc, time::Duration};

use alongside_domain::{
    ids::GroupId,
    media::{self, BlobHash, BlobHeld},
    policy::{
        Standing,
        media::{UploadDenial, UploadFacts, decide_upload, may_read_media},
    },
    wire::{ErrorCode, PROTOCOL},
};
use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::StreamExt as _;
use rusqlite::Transaction;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{AppState, Failure, body};
use crate::{
    blobs::{
        receive::{self, NotTaken, Part, Stand},
        rows::{self, Whole},
        serve::{self, Asked},
    },
    people,
    secret::Secret,
    store::{
        DeviceRow, Store, StoreError,
        access::{self, Access},
        devices, erasures,
    },
};

/// How long nothing may come on an open connection: a phone that is gone leaves its turn.
const IDLE: Duration = Duration::from_secs(30);
/// Pieces between the network and the disk.
const QUEUED: usize = 8;
/// Attachments of one phone, whole or not, that no record names yet.
const UNNAMED: u64 = 200;
/// Seconds to come back after, where all places are taken.
const LATER: u32 = 5;
/// Seconds to come back after, where the disk is too full.
const MUCH_LATER: u32 = 60;

const BUSY: Failure = Failure { code: ErrorCode::Busy, retry_after: Some(LATER) };
const NO_ROOM: Failure = Failure { code: ErrorCode::Busy, retry_after: Some(MUCH_LATER) };

/// The group that an attachment belongs to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Of {
    group: String,
}

type Asks = (Path<String>, Result<Query<Of>, QueryRejection>);

/// What the address names.
fn named((Path(hash), of): &Asks) -> Result<(GroupId, BlobHash), Failure> {
    let group = of.as_ref().ok().and_then(|of| of.group.parse().ok()).ok_or(ErrorCode::Malformed)?;
    Ok((group, hash.parse().map_err(|_| ErrorCode::Malformed)?))
}

fn who(tx: &Transaction<'_>, token: &Secret) -> Result<Result<DeviceRow, ErrorCode>, StoreError> {
    Ok(devices::by_token(tx, token)?.ok_or(ErrorCode::NotEnrolled))
}

/// `GET /v1/blobs/{hash}/held?group=`: how much of it the server has.
pub(super) async fn held(
    State(state): State<AppState>,
    asks: Asks,
    headers: HeaderMap,
) -> Result<body::Cbor<BlobHeld>, Failure> {
    let (group, hash) = named(&asks)?;
    let token = body::token(&headers)?;
    body::blocking(move || {
        state.store.read(|tx| may_send(tx, &state, &token, group))??;
        let stand = receive::stand(&state.store, &state.blobs.folder, group, hash, state.clock.now())?;
        told(stand)
    })
    .await
    .map(body::Cbor)
}

/// Who sends, where they may.
fn may_send(
    tx: &Transaction<'_>,
    state: &AppState,
    token: &Secret,
    group: GroupId,
) -> Result<Result<DeviceRow, Failure>, StoreError> {
    let device = match who(tx, token)? {
        Ok(device) => device,
        Err(code) => return Ok(Err(code.into())),
    };
    let person =
        people::find(tx, device.person)?.ok_or_else(|| StoreError::damaged("a device belongs to nobody"))?;
    let facts = UploadFacts {
        role: state.programme.roles.get(&person.role),
        erased: erasures::erased(tx, group)?.is_some(),
        exists: access::group(tx, group)?.is_some(),
        standing: match access::access(tx, device.person, group)? {
            Access::Granted(_) | Access::Withdrawn(_) => Standing::Granted,
            Access::Never => Standing::Stranger,
        },
    };
    Ok(match decide_upload(&facts) {
        Ok(()) => Ok(device),
        Err(UploadDenial::Erased) => Err(ErrorCode::Erased.into()),
        Err(UploadDenial::UnknownGroup) => Err(ErrorCode::UnknownGroup.into()),
        Err(UploadDenial::NotEntitled) => Err(ErrorCode::NotEntitled.into()),
    })
}

fn told(stand: Stand) -> Result<BlobHeld, Failure> {
    let held = |held, whole, named| BlobHeld { protocol: PROTOCOL, held, whole, named };
    match stand {
        Stand::Held(bytes) => Ok(held(bytes, false, false)),
        Stand::Whole { bytes, named } => Ok(held(bytes, true, named)),
        Stand::WrongHash => Err(ErrorCode::WrongHash.into()),
        Stand::Erased => Err(ErrorCode::Erased.into()),
    }
}

/// The piece that a `Content-Range` says: `bytes 0-65535/20971520`, as first byte, length, whole length.
fn piece(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    let text = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last, whole) = (number(first)?, number(last)?, number(whole)?);
    (first <= last && last < whole).then(|| (first, last - first + 1, whole))
}

/// `PUT /v1/blobs/{hash}?group=`: one piece.
pub(super) async fn put(
    State(state): State<AppState>,
    asks: Asks,
    headers: HeaderMap,
    body: Body,
) -> Result<body::Cbor<BlobHeld>, Failure> {
    let mut stream = body.into_data_stream();
    let taken = take(state, asks, &headers, &mut stream).await;
    hear_out(&mut stream).await;
    taken
}

/// Most of a piece that is read for nothing, so that its sender hears the answer.
const HEARD_OUT_BYTES: usize = 4 << 20;
/// Longest that it is read.
const HEARD_OUT: Duration = Duration::from_secs(5);

/// Reads what is left of a piece that was not taken: a connection that is closed while its other end still
/// sends loses the answer.
async fn hear_out(stream: &mut BodyDataStream) {
    let mut left = HEARD_OUT_BYTES;
    let rest = async {
        while let Some(Ok(bytes)) = stream.next().await {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
        }
    };
    // Where the time is over, the connection goes.
    let _ = tokio::time::timeout(HEARD_OUT, rest).await;
}

async fn take(
    state: AppState,
    asks: Asks,
    headers: &HeaderMap,
    stream: &mut BodyDataStream,
) -> Result<body::Cbor<BlobHeld>, Failure> {
    let (group, hash) = named(&asks)?;
    let token = body::token(headers)?;
    let (first, length, bytes) = piece(headers).ok_or(ErrorCode::BadRange)?;
    if media::check_size(bytes).is_err() || bytes > state.config.attachment_bytes() {
        return Err(ErrorCode::TooLarge.into());
    }
    let place = Arc::clone(&state.blobs.gate).try_acquire_owned().map_err(|_| BUSY)?;
    let coming = Whole { group, hash, bytes };
    let asking = state.clone();
    let (device, stand) = body::blocking(move || admit(&asking, &token, coming)).await?;
    if let Stand::Whole { .. } = stand {
        return told(stand).map(body::Cbor);
    }
    let mut turn = state.blobs.turn((group, hash), device.id).await.ok_or(BUSY)?;
    let mut stopped = turn.stopped.clone();
    turn.stopped.mark_unchanged();
    let (pieces, mut coming_in) = mpsc::channel::<Bytes>(QUEUED);
    // Runs to its end also where the connection breaks: whatever arrived is kept.
    let writing = state.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let _held = (turn, place);
        let mut part = Part::open(&writing.blobs.folder, coming, device.id, first)?;
        while let Some(piece) = coming_in.blocking_recv() {
            part.take(&piece)?;
        }
        Ok::<_, NotTaken>(part.end(&writing.store, writing.clock.now())?)
    });
    let mut left = length;
    let mut fits = true;
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(IDLE, stream.next()) => next,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let Ok(Some(Ok(mut bytes))) = next else { break };
        if bytes.len() as u64 > left {
            fits = false;
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        left -= bytes.len() as u64;
        // An error means that the writer ended: it says why.
        if pieces.send(bytes).await.is_err() || !fits {
            break;
        }
    }
    drop(pieces);
    let stand = match writer.await {
        Ok(Ok(stand)) => stand,
        Ok(Err(NotTaken::Busy)) => return Err(BUSY),
        Ok(Err(NotTaken::Gap)) => return Err(ErrorCode::WrongOffset.into()),
        Ok(Err(NotTaken::Store(error))) => return Err(error.into()),
        Err(_) => {
            tracing::error!("taking an attachment panicked");
            return Err(ErrorCode::Internal.into());
        }
    };
    if !fits {
        return Err(ErrorCode::BadRange.into());
    }
    told(stand).map(body::Cbor)
}

/// Lets an attachment in, where its sender may send it and there is room for it.
fn admit(state: &AppState, token: &Secret, coming: Whole) -> Result<(DeviceRow, Stand), Failure> {
    let Whole { group, hash, bytes } = coming;
    let device = state.store.read(|tx| may_send(tx, state, token, group))??;
    let now = state.clock.now();
    let stand = receive::stand(&state.store, &state.blobs.folder, group, hash, now)?;
    if matches!(stand, Stand::Whole { .. }) {
        return Ok((device, stand));
    }
    let (known, others, named, unnamed) = state.store.read(|tx| {
        let known = rows::part(tx, group, hash)?;
        Ok((
            known == Some(bytes),
            rows::bytes_of(tx, group)?.saturating_sub(known.unwrap_or_default()),
            rows::is_named(tx, group, hash)?,
            rows::unnamed_of(tx, device.id)?,
        ))
    })?;
    if !known {
        let is_too_much = others.saturating_add(bytes) > state.config.group_attachment_bytes();
        if is_too_much || (!named && unnamed >= UNNAMED) {
            return Err(ErrorCode::OverQuota.into());
        }
    }
    // Attachments never take the room that records need.
    let folder = state.store.path().parent().filter(|folder| !folder.as_os_str().is_empty());
    let free = fs4::available_space(folder.unwrap_or(std::path::Path::new(".")));
    if free.is_ok_and(|free| free < bytes.saturating_add(state.config.reserved_bytes())) {
        return Err(NO_ROOM);
    }
    if !known {
        state.store.write(|tx| rows::begin(tx, coming, device.id, now))?;
    }
    Ok((device, stand))
}

/// `GET /v1/blobs/{hash}?group=`: the content, or a part of it.
pub(super) async fn get(
    State(state): State<AppState>,
    asks: Asks,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (group, hash) = named(&asks)?;
    let token = body::token(&headers)?;
    let _place = Arc::clone(&state.blobs.gate).try_acquire_owned().map_err(|_| BUSY)?;
    let file = body::blocking(move || {
        state.store.read(|tx| may_read(tx, &state, &token, group, hash))??;
        Ok(open(&state.store, &state.blobs.folder.whole(group, hash), group, hash)?)
    })
    .await?
    .ok_or(ErrorCode::UnknownBlob)?;
    let length = file.1;
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, part) = match serve::asked(range, length) {
        Asked::Whole => (StatusCode::OK, 0..length),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Asked::Nowhere => {
            let mut response = Failure::from(ErrorCode::BadRange).into_response();
            put_header(&mut response, header::CONTENT_RANGE, format!("bytes */{length}"));
            return Ok(response);
        }
    };
    let fixed = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let body = serve::body(file.0, part.clone()).map_err(StoreError::from)?;
    let mut response = (status, fixed, body).into_response();
    put_header(&mut response, header::ETAG, format!("\"{hash}\""));
    put_header(&mut response, header::CONTENT_LENGTH, (part.end - part.start).to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        put_header(&mut response, header::CONTENT_RANGE, range);
    }
    Ok(response)
}

fn put_header(response: &mut Response, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

fn may_read(
    tx: &Transaction<'_>,
    state: &AppState,
    token: &Secret,
    group: GroupId,
    hash: BlobHash,
) -> Result<Result<(), Failure>, StoreError> {
    let device = match who(tx, token)? {
        Ok(device) => device,
        Err(code) => return Ok(Err(code.into())),
    };
    if device.revoked_at.is_some() {
        return Ok(Err(ErrorCode::Revoked.into()));
    }
    if erasures::erased(tx, group)?.is_some() {
        return Ok(Err(ErrorCode::Erased.into()));
    }
    let person =
        people::find(tx, device.person)?.ok_or_else(|| StoreError::damaged("a device belongs to nobody"))?;
    if !matches!(access::access(tx, device.person, group)?, Access::Granted(_)) {
        return Ok(Err(ErrorCode::NotEntitled.into()));
    }
    let classes = rows::classes(tx, &state.programme, group, hash)?;
    let role = state.programme.roles.get(&person.role);
    Ok(if role.is_some_and(|role| may_read_media(role, Standing::Granted, classes)) {
        Ok(())
    } else {
        // Whether it is not there, or not for this person, is not told.
        Err(ErrorCode::UnknownBlob.into())
    })
}

/// The file of a whole attachment, with its length; `None` where it is not here, or not whole.
fn open(
    store: &Store,
    file: &std::path::Path,
    group: GroupId,
    hash: BlobHash,
) -> Result<Option<(std::fs::File, u64)>, StoreError> {
    let Some(bytes) = store.read(|tx| rows::whole(tx, group, hash))? else { return Ok(None) };
    match std::fs::File::open(file) {
        Ok(file) if file.metadata()?.len() == bytes => Ok(Some((file, bytes))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_says_where_it_belongs() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(text).unwrap());
            piece(&headers)
        };
        assert_eq!(read("bytes 0-9/10"), Some((0, 10, 10)));
        assert_eq!(read("bytes 5-5/10"), Some((5, 1, 10)));
        for nonsense in [
            "bytes 0-10/10",
            "bytes 9-5/10",
            "bytes 0-9/*",
            "bytes */10",
            "bytes -9/10",
            "bytes +0-9/10",
            "bytes 0-/10",
            "bytes 0-99999999999999999999/99999999999999999999",
            "lines 0-9/10",
            "0-9/10",
            "",
        ] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(piece(&HeaderMap::new()), None);
    }
}
