//! Files that the server itself puts into a group: one that came with a form in the browser, whole and in memory,
//! and one that goes with a record to another group.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
};

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
    put(store, Whole { group, hash: BlobHash::of(bytes), bytes: bytes.len() as u64 }, most, now, |file| {
        file.write_all(bytes)
    })
}

/// Gives a group its own copy of an attachment that another group has whole, durably. `None` where that one has
/// not come yet, or the group was erased, or has more than `most` bytes of attachments with it.
pub(crate) fn copy(
    store: &Store,
    (from, to): (GroupId, GroupId),
    hash: BlobHash,
    most: u64,
    now: Millis,
) -> Result<Option<BlobHash>, StoreError> {
    let Some(bytes) = store.read(|tx| rows::whole(tx, from, hash))? else { return Ok(None) };
    let mut source = match File::open(BlobFolder::of(store.path()).whole(from, hash)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        source => source?,
    };
    put(store, Whole { group: to, hash, bytes }, most, now, |file| io::copy(&mut source, file).map(|_| ()))
}

/// Keeps what `write` writes as an attachment.
fn put(
    store: &Store,
    whole: Whole,
    most: u64,
    now: Millis,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<Option<BlobHash>, StoreError> {
    let folder = BlobFolder::of(store.path());
    let Whole { group, hash, bytes: length } = whole;
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
        write(&mut file)?;
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
        rows::keep(tx, whole, None, now)?;
        Ok(true)
    })?;
    if !kept {
        super::erase::destroy_group(&folder, group)?;
    }
    Ok(kept.then_some(hash))
}
