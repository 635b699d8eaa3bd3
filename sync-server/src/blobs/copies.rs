//! Copies of attachments: into a backup, and back beside a restored store. Content is checked against
//! its hash on the way; a copy that cannot be made whole is left out and told, never a reason to have no
//! backup of the records.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use alongside_domain::media::BlobHasher;

use super::{BUFFER, BlobFolder, hash_of, rows::Whole};
use crate::store::{StoreError, open};

/// What copying came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Attachments that are whole in the copy.
    pub attachments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Attachments that could not be copied: missing, or not what their hash says.
    pub missing: u64,
}

/// Copies these attachments into a folder, durably. One that is there and whole stays as it is.
pub(crate) fn copy(from: &BlobFolder, to: &BlobFolder, whole: &[Whole]) -> Result<Copied, StoreError> {
    let mut copied = Copied::default();
    for Whole { group, hash, bytes } in whole {
        let target = to.whole(*group, *hash);
        let is_there = hash_of(&target)?.is_some_and(|(found, _)| found == *hash);
        if !is_there {
            to.make(*group)?;
            let new = to.group(*group).join(format!(".copy-{hash}"));
            let is_right = copy_file(&from.whole(*group, *hash), &new)?.is_some_and(|found| found == *hash);
            if !is_right {
                super::remove(&new)?;
                copied.missing += 1;
                continue;
            }
            fs::rename(&new, &target)?;
            open::sync_folder(&target)?;
        }
        copied.attachments += 1;
        copied.bytes += bytes;
    }
    Ok(copied)
}

/// Copies a file durably and gives the hash of what was copied; `None` where there is no such file.
fn copy_file(from: &Path, to: &Path) -> io::Result<Option<alongside_domain::media::BlobHash>> {
    let mut from = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        from => from?,
    };
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut to = options.open(to)?;
    let (mut hasher, mut buffer) = (BlobHasher::default(), vec![0; BUFFER]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
    to.sync_all()?;
    Ok(Some(hasher.finish()))
}
