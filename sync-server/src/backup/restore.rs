//! Putting a backup in the place of the store.

use std::path::{Path, PathBuf};

use alongside_domain::time::Millis;
use rusqlite::Connection;

use super::{BackupError, copy_into_folder_of, first};
use crate::{
    blobs::{
        BlobFolder,
        copies::{self, Copied},
        rows::Whole,
    },
    store::{StoreError, beside, journal_beside, lock, open},
    verify::{self, Report, VerifyError},
};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The file in which the store is.
    pub store: PathBuf,
    /// Where the store that was there before is kept; `None` where there was none.
    pub kept: Option<PathBuf>,
    /// Last entry of the feed that was there before; `None` where it could not be read.
    pub head_before: Option<u64>,
    /// Entries of the control journal that the backup lacked and that were taken in; `None` where there
    /// was no journal to take them from.
    pub from_journal: Option<u64>,
    /// What [`verify::verify`] says of the backup.
    pub report: Report,
    /// The attachments of the backup that are beside the store now. What was there beyond them stays: a
    /// record that a phone sends again finds it.
    pub attachments: Copied,
}

/// Why nothing was restored. The store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no backup.
    #[error("there is no backup at {}", .0.display())]
    NoBackup(PathBuf),
    /// The backup and the store are one file.
    #[error("this backup is the store itself: name another file")]
    SameFile,
    /// Somebody works on the store.
    #[error("the store is in use: stop the server and every other `alongside` on it, then restore again")]
    InUse,
    /// The backup does not prove to be whole.
    #[error(
        "this backup has {} findings and was not used ({}): take another one. The store is as it was",
        .0.findings.len(), first(.0)
    )]
    NotWhole(Box<Report>),
    /// The backup cannot be read.
    #[error("the backup cannot be used: {0}. The store is as it was")]
    Backup(#[source] BackupError),
    /// The store's folder cannot be written.
    #[error("the store could not be replaced: {0}")]
    Store(#[from] StoreError),
}

impl RestoreError {
    /// The error as a stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoBackup(_) => "not_there",
            Self::SameFile => "same_file",
            Self::InUse => "in_use",
            Self::NotWhole(_) => "not_whole",
            Self::Backup(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// Puts a copy of this backup in the place of the store. The store that is there is kept beside it
/// under a dated name, and the pages' read model is deleted: the server builds it again.
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(from: &Path, store: &Path, pages: &Path, now: Millis) -> Result<Restored, RestoreError> {
    restore_with(from, store, pages, &journal_beside(store), now)
}

/// As [`restore`], with the control journal in this file: what it has and the backup lacks is taken in
/// before the copy takes the store's place. Where the file is missing, access is as it was when the backup
/// was made, and the store begins a new journal when it is next opened.
///
/// # Errors
/// See [`RestoreError`]; a journal that cannot be used leaves the store as it was.
pub fn restore_with(
    from: &Path,
    store: &Path,
    pages: &Path,
    journal: &Path,
    now: Millis,
) -> Result<Restored, RestoreError> {
    if !from.is_file() {
        return Err(RestoreError::NoBackup(from.to_owned()));
    }
    if let (Ok(from), Ok(store)) = (from.canonicalize(), store.canonicalize())
        && from == store
    {
        return Err(RestoreError::SameFile);
    }
    let alone = lock::alone_soon(store).map_err(|error| match error {
        StoreError::InUse => RestoreError::InUse,
        error => RestoreError::Store(error),
    })?;
    let copy = copy_into_folder_of(from, store).map_err(|error| match error {
        BackupError::Target(error) => RestoreError::Store(error),
        BackupError::NoFolder(_) => RestoreError::Store(StoreError::Io("there is no such folder".to_owned())),
        BackupError::Store(VerifyError::Store(StoreError::Full)) => RestoreError::Store(StoreError::Full),
        error => RestoreError::Backup(error),
    })?;
    let blobs = BlobFolder::of(from);
    let report = verify::verify_with_blobs(&copy, None, None, &blobs)
        .map_err(|error| RestoreError::Backup(error.into()))?;
    if !report.is_sound() {
        return Err(RestoreError::NotWhole(Box::new(report)));
    }
    let from_journal = open::take_in_journal(&copy, journal)?;
    // What the journal has erased since is not copied any more.
    let whole = super::attachments_of(&copy).map_err(RestoreError::Backup)?;
    let folder = BlobFolder::of(store);
    let attachments = copies::copy(&blobs, &folder, &whole)?;
    // In an order in which every moment leaves either the old store or the new one, whole: the pages
    // can be rebuilt from both, a write-ahead log must never meet a file that it does not belong to.
    remove_with_log(pages)?;
    let there = store.symlink_metadata().is_ok();
    let head_before = if there { rest(store) } else { None };
    if there {
        belong_alike(store, &copy)?;
        for Whole { group, hash, .. } in &whole {
            for path in [folder.path().to_owned(), folder.group(*group), folder.whole(*group, *hash)] {
                belong_to_owner_of(store, &path)?;
            }
        }
    }
    let kept = if there {
        Some(keep(store, now)?)
    } else {
        // Without its store the log is of use to an expert only.
        set_log_aside(store, &beside(store, "-wal.left-over"))?;
        None
    };
    copy.persist(store).map_err(|refused| RestoreError::Store(refused.error.into()))?;
    open::sync_folder(store)?;
    drop(alone);
    Ok(Restored { store: store.to_owned(), kept, head_before, from_journal, report, attachments })
}

/// Gives the new file the owner and permissions of the old one: whoever restores is often not the user
/// under whom the server runs.
fn belong_alike(old: &Path, new: &Path) -> Result<(), StoreError> {
    let there = std::fs::metadata(old)?;
    belong_to_owner_of(old, new)?;
    let mut permissions = there.permissions();
    // A store that may only be read is no store to serve.
    #[cfg(not(unix))]
    permissions.set_readonly(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        permissions.set_mode(permissions.mode() | 0o600);
    }
    Ok(std::fs::set_permissions(new, permissions)?)
}

/// Gives what is there under the new name the owner of the old file.
fn belong_to_owner_of(old: &Path, new: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    if let Ok(made) = std::fs::metadata(new) {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let there = std::fs::metadata(old)?;
        if (made.uid(), made.gid()) != (there.uid(), there.gid()) {
            chown(new, Some(there.uid()), Some(there.gid()))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (old, new);
    Ok(())
}

/// Has the write-ahead log of the old store written into its file; gives its head where it can be read.
fn rest(store: &Path) -> Option<u64> {
    let connection = Connection::open(store).ok()?;
    connection.busy_timeout(std::time::Duration::from_secs(10)).ok()?;
    // Leaving this mode ends the log. A damaged store may not manage: then its log is kept as it is.
    let _ = connection.pragma_update(None, "journal_mode", "DELETE");
    let head: i64 =
        connection.query_row("SELECT coalesce(max(seq), 0) FROM feed", [], |row| row.get(0)).ok()?;
    u64::try_from(head).ok()
}

/// Gives the old store a second name.
fn keep(store: &Path, now: Millis) -> Result<PathBuf, StoreError> {
    let date = now.timestamp().strftime("%Y-%m-%dT%H%M%SZ").to_string();
    let mut kept = beside(store, &format!(".replaced-{date}"));
    let mut number = 1;
    while kept.symlink_metadata().is_ok() {
        number += 1;
        kept = beside(store, &format!(".replaced-{date}-{number}"));
    }
    set_log_aside(store, &beside(&kept, "-wal"))?;
    if std::fs::hard_link(store, &kept).is_err() {
        // A file system without second names.
        std::fs::rename(store, &kept)?;
    }
    Ok(kept)
}

/// Takes the write-ahead log away from the store.
fn set_log_aside(store: &Path, to: &Path) -> Result<(), StoreError> {
    let log = beside(store, "-wal");
    if log.exists() {
        std::fs::rename(&log, to)?;
    }
    remove(&beside(store, "-shm"))
}

fn remove_with_log(file: &Path) -> Result<(), StoreError> {
    ["", "-wal", "-shm"].into_iter().try_for_each(|ending| remove(&beside(file, ending)))
}

fn remove(file: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
