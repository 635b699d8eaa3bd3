//! A file that came with a form in the browser, whole and in memory.

use std::{fs::OpenOptions, io::Write as _};

use alongside_domain::{ids::GroupId, media::BlobHash, time::Millis};

use super::{
    BlobFolder, remove,
    rows::{self, Whole},
};
use crate::store::{Store, StoreError, erasures, open};

/// Keeps a file in a group, durably. `None` where the group was erased, or has more than `most` bytes of
/// attachments with it.
pub(crate) fn keep(
    store: &Store,
    group: GroupId,
    bytes: &[u8],
    most: u64,
    now: Millis,
) -> Result<Option<BlobHash>, StoreError> {
    let folder = BlobFolder::of(store.path());
    let hash = BlobHash::of(bytes);
    let length = bytes.len() as u64;
    let is_there = store.read(|tx| {
        let fits = rows::bytes_of(tx, group)?.saturating_add(length) <= most;
        Ok((fits && erasures::erased(tx, group)?.is_none()).then_some(rows::whole(tx, group, hash)?))
    })?;
    match is_there {
        None => return Ok(None),
        Some(Some(_)) if folder.whole(group, hash).is_file() => return Ok(Some(hash)),
        Some(_) => {}
    }
    folder.make(group)?;
    // Its own name, so that no phone that sends the same file at the same time is in its way.
    let coming = folder.group(group).join(format!("{hash}.{}.form", hex::encode(rand::random::<[u8; 8]>())));
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&coming).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let named = written.and_then(|()| std::fs::rename(&coming, folder.whole(group, hash)));
    if let Err(error) = named {
        remove(&coming)?;
        return Err(error.into());
    }
    open::sync_folder(&folder.whole(group, hash))?;
    let kept = store.write(|tx| {
        if erasures::erased(tx, group)?.is_some() {
            return Ok(false);
        }
        rows::keep(tx, Whole { group, hash, bytes: length }, None, now)?;
        Ok(true)
    })?;
    if !kept {
        super::erase::destroy_group(&folder, group)?;
    }
    Ok(kept.then_some(hash))
}
