//! `GET /cases/{group}/attachments/{record}/{hash}`: the file that a record of a unit names.
//!
//! Always to be saved, never shown by the browser as a page of ours: what is in it, somebody else made.

use std::{fs::File, sync::Arc};

use alongside_domain::{
    form::QuestionKind,
    ids::{GroupId, RecordId},
    media::{BlobHash, MediaRef},
    record::RecordView,
};
use axum::{
    extract::{Path, State},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};

use super::{
    Console,
    access::Reader,
    answers::{Key, Wording},
    error::PageError,
    session::SignedIn,
};
use crate::{
    blobs::{BlobFolder, rows, serve},
    read_model::case,
    store::StoreError,
};

/// Nothing in it runs or loads anything, should a browser show it all the same.
const POLICY: &str =
    "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Media types that go out as what they are, with the ending of a file's name; everything else is bytes.
const KNOWN: [(&str, &str); 14] = [
    ("application/pdf", "pdf"),
    ("audio/aac", "aac"),
    ("audio/mp4", "m4a"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("image/gif", "gif"),
    ("image/heic", "heic"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/webp", "webp"),
    ("text/plain", "txt"),
    ("video/3gpp", "3gp"),
    ("video/mp4", "mp4"),
    ("video/webm", "webm"),
];

/// Where an attachment is had from, on the page of a unit.
pub(super) fn address(unit_page: &str, view: &RecordView, media: &MediaRef) -> String {
    format!("{unit_page}/attachments/{}/{}", view.root.id, media.hash())
}

/// `GET /cases/{group}/attachments/{record}/{hash}`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((unit, record, hash)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let unit = unit.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    let record = record.parse::<RecordId>().map_err(|_| PageError::NotFound)?;
    let hash = hash.parse::<BlobHash>().map_err(|_| PageError::NotFound)?;
    tokio::task::spawn_blocking(move || {
        let (group, media) = named(&console, &signed_in, unit, record, hash)?.ok_or(PageError::NotFound)?;
        let file = open(&console, group, &media)?.ok_or(PageError::NotThereYet)?;
        answer(file, &media)
    })
    .await?
}

/// The attachment, with its group, where the reader may read a field of the record that names it.
fn named(
    console: &Console,
    signed_in: &SignedIn,
    unit: GroupId,
    record: RecordId,
    hash: BlobHash,
) -> Result<Option<(GroupId, MediaRef)>, PageError> {
    let reader = Reader::new(&console.programme, &signed_in.principal);
    Ok(console.model.read(|connection| {
        let Some(unit) = case::unit(connection, unit)? else { return Ok(None) };
        let Some(reader) = reader.at(connection, &unit)? else { return Ok(None) };
        let around = case::groups(connection, unit.group)?;
        let person = signed_in.principal.person;
        let restricted = case::restricted(connection, &console.programme, &around, person)?;
        let beside = restricted.values().flatten().map(|(group, _)| *group);
        let groups = around.into_values().flatten().chain(beside).collect();
        let Some(stored) = case::record(connection, record)? else { return Ok(None) };
        let people = case::people(connection, unit.partner)?;
        let wording = Wording {
            programme: &console.programme,
            reader: &reader,
            people: &people,
            connection,
            groups: &groups,
            restricted: &restricted,
            page: "",
            may_affirm: false,
        };
        if !groups.contains(&stored.view.root.group) {
            return Ok(None);
        }
        // A restricted answer stands in a part of the record, and its file in the group of that.
        let mut parts = case::parts(connection, &console.programme, &restricted, &stored.view)?;
        parts.insert(0, stored.view);
        let found = |view: &RecordView| Some((view.root.group, of_record(&wording, view, hash)?));
        Ok(parts.iter().find_map(found))
    })?)
}

fn of_record(wording: &Wording<'_>, view: &RecordView, hash: BlobHash) -> Option<MediaRef> {
    let form = wording.form(view)?;
    view.fields.iter().find_map(|(name, field)| {
        let key: Key<'_> = wording.key(Some(form), name);
        let is_media = key.question.is_some_and(|question| matches!(question.kind, QuestionKind::Media(_)));
        if !is_media || !wording.may_read(Some(form), &key) {
            return None;
        }
        let live = std::iter::once(&field.shown).chain(&field.others);
        live.filter_map(|live| MediaRef::of(&live.value)).find(|media| media.hash() == hash)
    })
}

fn open(console: &Console, group: GroupId, media: &MediaRef) -> Result<Option<File>, StoreError> {
    let there = console.store.read(|tx| rows::whole(tx, group, media.hash()))?;
    if there != Some(media.bytes()) {
        return Ok(None);
    }
    match File::open(BlobFolder::of(console.store.path()).whole(group, media.hash())) {
        Ok(file) if file.metadata()?.len() == media.bytes() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn answer(file: File, media: &MediaRef) -> Result<Response, PageError> {
    let known = KNOWN.iter().find(|(kind, _)| *kind == media.media_type());
    let (kind, ending) = known.copied().unwrap_or(("application/octet-stream", "bin"));
    let short: String = media.hash().to_string().chars().take(8).collect();
    let mut response = serve::body(file, 0..media.bytes()).map_err(StoreError::from)?.into_response();
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, kind.to_owned());
    put(header::CONTENT_LENGTH, media.bytes().to_string());
    put(header::CONTENT_DISPOSITION, format!("attachment; filename=\"attachment-{short}.{ending}\""));
    put(header::CONTENT_SECURITY_POLICY, POLICY.to_owned());
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned());
    put(header::CACHE_CONTROL, "no-store".to_owned());
    Ok(response)
}
