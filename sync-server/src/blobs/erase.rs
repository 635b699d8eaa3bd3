//! Destroying the attachments of a group.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use alongside_domain::ids::GroupId;

use super::BlobFolder;
use crate::store::StoreError;

/// Overwrites and deletes every file of a group; gives how many there were. Asking again does what is
/// left to do.
///
/// A file system that writes elsewhere than asked (a copying one, flash) may keep the old content for a
/// while: what reaches there is the destruction of keys, which the server does not have yet.
///
/// # Errors
/// See [`StoreError`].
pub fn destroy_group(folder: &BlobFolder, group: GroupId) -> Result<u64, StoreError> {
    let group = folder.group(group);
    let entries = match fs::read_dir(&group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut files = 0;
    // Listed before anything is deleted: a folder that changes while it is read may leave some out.
    for entry in entries.collect::<io::Result<Vec<_>>>()? {
        overwrite(&entry.path())?;
        files += 1;
    }
    match fs::remove_dir(&group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    crate::store::open::sync_folder(&group)?;
    Ok(files)
}

/// Overwrites a file with zeros, durably, and deletes it.
pub(crate) fn overwrite(file: &Path) -> io::Result<()> {
    let mut open = OpenOptions::new().write(true).open(file)?;
    let (mut left, zeros) = (open.metadata()?.len(), [0; 8192]);
    while left > 0 {
        let next = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        open.write_all(&zeros[..next])?;
        left -= next as u64;
    }
    open.sync_all()?;
    fs::remove_file(file)
}
