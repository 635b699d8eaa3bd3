//! Taking an attachment in, piece by piece.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Seek as _, SeekFrom, Write as _},
};

use alongside_domain::{
    ids::{DeviceId, GroupId},
    media::BlobHash,
    time::Millis,
};

use super::{
    BlobFolder, hash_of, remove,
    rows::{self, Whole},
};
use crate::store::{Store, StoreError, erasures, open};

/// How it stands with an attachment after a piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// So many bytes are held from the beginning.
    Held(u64),
    /// It is whole.
    Whole {
        /// How much it is.
        bytes: u64,
        /// Whether a record names it.
        named: bool,
    },
    /// All bytes had come and were not those that the hash names: they were thrown away.
    WrongHash,
    /// The group was erased meanwhile.
    Erased,
}

/// Why no piece can be taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// Another process writes it.
    Busy,
    /// The piece begins after what is held.
    Gap,
    /// The file system or the store failed.
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for NotTaken {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

/// How much of an attachment is held, whole ones included.
pub(crate) fn stand(
    store: &Store,
    folder: &BlobFolder,
    group: GroupId,
    hash: BlobHash,
    now: Millis,
) -> Result<Stand, StoreError> {
    let (row, named) =
        store.read(|tx| Ok((rows::whole(tx, group, hash)?, rows::is_named(tx, group, hash)?)))?;
    let file = fs::metadata(folder.whole(group, hash)).ok().map(|file| file.len());
    match (row, file) {
        (Some(bytes), Some(length)) if bytes == length => return Ok(Stand::Whole { bytes, named }),
        // A server that was killed after it gave the file its name, or was restored beside it.
        (_, Some(bytes)) => {
            if let Some(named) = adopt(store, folder, group, hash, now)? {
                return Ok(Stand::Whole { bytes, named });
            }
        }
        // The file is gone: it may be sent again.
        (_, None) => {}
    }
    let held = fs::metadata(folder.part(group, hash)).map_or(0, |part| part.len());
    Ok(Stand::Held(held))
}

/// Takes a file that has its name but no row, or a row that says another length, for what it is: whole
/// where it has the hash, else nothing, and deleted. Gives whether it is named, where it was taken.
pub(crate) fn adopt(
    store: &Store,
    folder: &BlobFolder,
    group: GroupId,
    hash: BlobHash,
    now: Millis,
) -> Result<Option<bool>, StoreError> {
    let file = folder.whole(group, hash);
    match hash_of(&file)? {
        Some((found, bytes)) if found == hash => store.write(|tx| {
            if erasures::erased(tx, group)?.is_some() {
                return Ok(None);
            }
            rows::forget(tx, group, hash)?;
            rows::keep(tx, Whole { group, hash, bytes }, None, now)?;
            rows::is_named(tx, group, hash).map(Some)
        }),
        Some(_) => {
            remove(&file)?;
            Ok(None)
        }
        None => Ok(None),
    }
}

/// A file that grows.
#[derive(Debug)]
pub(crate) struct Part {
    folder: BlobFolder,
    coming: Whole,
    device: DeviceId,
    file: File,
    held: u64,
    /// Bytes of the piece that are held already.
    skip: u64,
}

impl Part {
    /// Opens the file of an attachment for a piece that begins at `offset`.
    pub(crate) fn open(
        folder: &BlobFolder,
        coming: Whole,
        device: DeviceId,
        offset: u64,
    ) -> Result<Self, NotTaken> {
        let Whole { group, hash, bytes } = coming;
        folder.make(group)?;
        let path = folder.part(group, hash);
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NotTaken::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut held = file.metadata()?.len();
        if held > bytes {
            // Another length was announced before: from the beginning.
            file.set_len(0)?;
            held = 0;
        }
        if offset > held {
            return Err(NotTaken::Gap);
        }
        file.seek(SeekFrom::Start(held))?;
        Ok(Self { folder: folder.clone(), coming, device, file, held, skip: held - offset })
    }

    /// Takes the next bytes of the piece.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        let room = usize::try_from(self.coming.bytes - self.held).unwrap_or(usize::MAX);
        let new = &bytes[skipped..];
        let new = &new[..new.len().min(room)];
        if let Err(error) = self.file.write_all(new) {
            // Nothing half written stays; where that fails too, the hash finds it out.
            let _ = self.file.set_len(self.held);
            return Err(error.into());
        }
        self.held += new.len() as u64;
        Ok(())
    }

    /// Ends the piece: what came of it is durable when this returns, and the attachment whole where
    /// nothing is missing.
    pub(crate) fn end(self, store: &Store, now: Millis) -> Result<Stand, StoreError> {
        self.file.sync_all()?;
        let Self { folder, coming, device, held, file, .. } = self;
        let Whole { group, hash, bytes } = coming;
        let part = folder.part(group, hash);
        if held < bytes {
            open::sync_folder(&part)?;
            return Ok(Stand::Held(held));
        }
        match hash_of(&part)? {
            Some((found, length)) if found == hash && length == bytes => {}
            Some(_) => {
                remove(&part)?;
                store.write(|tx| rows::forget_part(tx, group, hash))?;
                return Ok(Stand::WrongHash);
            }
            // Erased while it came.
            None => return Ok(Stand::Erased),
        }
        let whole = folder.whole(group, hash);
        fs::rename(&part, &whole)?;
        open::sync_folder(&whole)?;
        open::sync_folder(&folder.group(group))?;
        let kept = store.write(|tx| {
            if erasures::erased(tx, group)?.is_some() {
                return Ok(None);
            }
            rows::keep(tx, coming, Some(device), now)?;
            rows::is_named(tx, group, hash).map(Some)
        })?;
        drop(file);
        match kept {
            Some(named) => Ok(Stand::Whole { bytes, named }),
            None => {
                super::erase::destroy_group(&folder, group)?;
                Ok(Stand::Erased)
            }
        }
    }
}
