//! Taking a file, and clearing out what no longer has a reason to be here.

use std::{collections::BTreeSet, io};

use alongside_domain::{
    form::{Form, QuestionKind},
    ids::GroupId,
    media::{self, BlobHash, MediaRef, MediaRefError},
    record::Edit,
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::{
    AttachmentId, TakeRequest, UNNAMED_MS, room, rows,
    vault::{TakeError, Vault},
};
use crate::{
    error::{ApiError, Thing},
    store::{Store, desk::Desk},
    writes::draft,
};

/// Takes a file: durable, with its row, when this returns.
pub(crate) fn take(store: &Store, request: &TakeRequest) -> Result<MediaRef, ApiError> {
    media::check_labels(&request.media_type, &request.scope).map_err(|error| match error {
        MediaRefError::Scope => ApiError::invalid("scope", error.code()),
        _ => ApiError::invalid("media_type", error.code()),
    })?;
    store.read(|db| is_open(db, request))?;
    match once(store, request) {
        Err(ApiError::StorageFull) => {
            // What is only here for convenience makes room for what is nowhere else.
            room::make_room(store, u64::MAX)?;
            once(store, request)
        }
        taken => taken,
    }
}

fn is_open(db: &Connection, request: &TakeRequest) -> Result<(), ApiError> {
    let open = db
        .prepare_cached("SELECT 1 FROM grp WHERE grp = ?1 AND NOT withdrawn")?
        .query_row([request.group.0], |_| Ok(()))
        .optional()?;
    open.ok_or(ApiError::NotFound(Thing::Group))
}

fn once(store: &Store, request: &TakeRequest) -> Result<MediaRef, ApiError> {
    let group = request.group;
    let taken = store.vault().take(&request.path, media::MOST_BYTES, |written| {
        let reference = MediaRef::new(written.hash, written.bytes, &request.media_type, &request.scope)
            .map_err(|error| ApiError::invalid("path", error.code()))?;
        let (file, key, hash, bytes) = (written.file, written.key.clone(), written.hash, written.bytes);
        let is_new = store.write(move |tx, desk| {
            let written = super::vault::Written { file, key, hash, bytes };
            Ok(rows::add_taken(tx, group, &written, desk.now())?)
        })?;
        Ok::<_, ApiError>((reference, is_new, written.file))
    });
    let (reference, is_new, file) = match taken {
        Ok(placed) => placed?,
        Err(TakeError::Empty) => return Err(ApiError::invalid("path", "empty")),
        Err(TakeError::TooLarge) => return Err(ApiError::invalid("path", "too_large")),
        Err(TakeError::Source(error)) => {
            tracing::info!(kind = ?error.kind(), "a file to attach could not be read");
            return Err(ApiError::invalid("path", "not_readable"));
        }
        Err(TakeError::Vault(error)) => return Err(ApiError::from_io(error)),
    };
    if !is_new {
        store.vault().remove(&file).map_err(ApiError::from_io)?;
    }
    Ok(reference)
}

/// Takes the attachments that these answers name along into another group, where they are named next: those
/// that are on this phone. Of the others the save that follows says so.
pub(crate) fn take_along(
    tx: &Transaction<'_>,
    desk: &Desk,
    form: &Form,
    answers: &[Edit],
    (from, to): (GroupId, GroupId),
) -> Result<(), ApiError> {
    let vault = desk.vault();
    for media in
        answers.iter().filter(|edit| names_media(form, edit)).filter_map(|edit| MediaRef::of(&edit.value))
    {
        let Some(kept) = rows::get(tx, AttachmentId::of(from, &media))?.filter(|kept| kept.held) else {
            continue;
        };
        let file = vault.named_again(&kept.file).map_err(ApiError::from_io)?;
        let written = super::vault::Written { file, key: kept.key, hash: kept.id.hash, bytes: kept.bytes };
        if !rows::add_taken(tx, to, &written, desk.now())? {
            vault.remove(&file).map_err(ApiError::from_io)?;
        }
    }
    Ok(())
}

fn names_media(form: &Form, edit: &Edit) -> bool {
    form.question_of_key(&edit.key).is_some_and(|question| matches!(question.kind, QuestionKind::Media(_)))
}

/// Brings rows and files together at a start: nobody works on them. Files without a row go, and rows of
/// which the file is gone; what was attached and never saved goes after a while.
pub(crate) fn settle(store: &Store) -> Result<(), ApiError> {
    store.write(settle_rows)?;
    clear_out(store, true)
}

fn settle_rows(tx: &Transaction<'_>, desk: &mut Desk) -> Result<(), ApiError> {
    let before = Millis(desk.now().0.saturating_sub(UNNAMED_MS));
    let mut drafted: Option<BTreeSet<BlobHash>> = None;
    for kept in rows::all(tx)? {
        let vault = desk.vault();
        let is_gone = kept.held && !vault.is_there(&kept.file, kept.bytes);
        if is_gone && kept.sent {
            // The server has it: it can be fetched again.
            rows::remove(tx, kept.id)?;
        } else if is_gone && kept.waits_for.as_deref() != Some(LOST) {
            rows::failed(tx, kept.id, kept.tries, kept.next_at, LOST, true)?;
        } else if !kept.named && kept.since < before {
            let drafted = match &mut drafted {
                Some(drafted) => drafted,
                None => drafted.insert(in_drafts(tx)?),
            };
            if !drafted.contains(&kept.id.hash) {
                rows::remove(tx, kept.id)?;
            }
        }
    }
    Ok(())
}

/// What an attachment waits for whose file is damaged or gone.
pub(crate) const LOST: &str = "lost";

fn in_drafts(db: &Connection) -> Result<BTreeSet<BlobHash>, ApiError> {
    let mut named = BTreeSet::new();
    for apart in [false, true] {
        for draft in draft::listed(db, apart)? {
            named.extend(draft.answers.iter().filter_map(|edit| Some(MediaRef::of(&edit.value)?.hash())));
        }
    }
    Ok(named)
}

/// Deletes the files that have no row any more.
pub(crate) fn clear_out(store: &Store, at_start: bool) -> Result<(), ApiError> {
    let cleared = store.vault().clear_out(at_start, || store.read(|db| Ok(rows::files(db)?)))?;
    cleared.map_err(ApiError::from_io)
}

impl ApiError {
    /// What the file system said.
    pub(crate) fn from_io(error: io::Error) -> Self {
        if Vault::is_full(&error) {
            Self::StorageFull
        } else {
            Self::Unexpected { code: "media", source: Some(Box::new(error)) }
        }
    }
}

impl Vault {
    /// Whether the file system says that it is full.
    pub(crate) fn is_full(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}
