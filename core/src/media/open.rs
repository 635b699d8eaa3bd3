//! Opening an attachment that is here.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
};

use alongside_domain::time::Millis;

use super::{AttachmentId, rows, take::LOST};
use crate::{
    error::{ApiError, Thing},
    store::{Store, rows::found},
};

/// The row of an attachment that is here whole.
fn whole(store: &Store, at: AttachmentId) -> Result<rows::Kept, ApiError> {
    let kept = found(store.read(|db| Ok(rows::get(db, at)?))?, Thing::Attachment)?;
    if kept.held { Ok(kept) } else { Err(ApiError::NotFound(Thing::Attachment)) }
}

/// Reads at most this many bytes of the content from a place; fewer at the end.
pub(crate) fn read(store: &Store, at: AttachmentId, from: u64, most: u32) -> Result<Vec<u8>, ApiError> {
    let kept = whole(store, at)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let content = store.vault().read(&kept.file, &kept.key, from, most).map_err(ApiError::from_io)?;
    match content {
        Some(content) => Ok(content),
        None => damaged(store, &kept),
    }
}

/// Writes the content, in clear, into a file at this path, which is complete when it has its name. Whoever
/// asks for it deletes it again.
pub(crate) fn open_to(store: &Store, at: AttachmentId, path: &Path) -> Result<(), ApiError> {
    let kept = whole(store, at)?;
    let new = path.with_extension("part");
    let written = (|| {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file: File = options.open(&new)?;
        let read = store.vault().read_all(&kept.file, &kept.key, |piece| file.write_all(piece))?;
        let is_right = read == Some((kept.id.hash, kept.bytes));
        if is_right {
            fs::rename(&new, path)?;
        }
        Ok(is_right)
    })();
    if !matches!(written, Ok(true)) {
        // It holds content in clear: it does not stay. Where it cannot be deleted, the error says why.
        let _ = fs::remove_file(&new);
    }
    match written.map_err(ApiError::from_io)? {
        true => store.write(move |tx, desk| Ok(rows::used(tx, at, desk.now())?)),
        false => damaged(store, &kept),
    }
}

/// The file is not what was written. A copy goes, and can be fetched again; what is nowhere else stays as
/// it is, for somebody who can save some of it.
fn damaged<T>(store: &Store, kept: &rows::Kept) -> Result<T, ApiError> {
    let (at, sent) = (kept.id, kept.sent);
    store.write(move |tx, _| {
        if sent {
            rows::remove(tx, at)?;
        } else {
            rows::failed(tx, at, 0, Millis(0), LOST, true)?;
        }
        Ok(())
    })?;
    if sent {
        store.vault().remove(&kept.file).map_err(ApiError::from_io)?;
        return Err(ApiError::NotFound(Thing::Attachment));
    }
    Err(ApiError::unexpected("attachment_damaged"))
}
