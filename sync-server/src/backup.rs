//! Backups: one file that is a whole store, made while the server runs, and put back.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempPath;

use crate::{
    blobs::{
        BlobFolder,
        copies::{self, Copied},
        rows::{self, Whole},
    },
    store::{StoreError, open},
    verify::{self, Report, VerifyError},
};

mod restore;

pub use restore::{RestoreError, Restored, restore, restore_with};

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub file: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// What [`verify::verify`] says of it.
    pub report: Report,
    /// The attachments in the folder beside it.
    pub attachments: Copied,
}

/// Why no backup was made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is a file already.
    #[error("there is something at {} already, and a backup never overwrites: choose another name", .0.display())]
    Exists(PathBuf),
    /// The backup has no folder to be in.
    #[error("there is no folder for {}: make it first", .0.display())]
    NoFolder(PathBuf),
    /// The copy does not prove to be whole.
    #[error(
        "the store has {} findings, so this copy is no backup and was not kept ({}). \
         Keep your older backups and run `alongside verify`", .0.findings.len(), first(.0)
    )]
    NotWhole(Box<Report>),
    /// The store could not be looked at.
    #[error(transparent)]
    Store(#[from] VerifyError),
    /// The copy could not be written.
    #[error("the backup could not be written: {0}")]
    Target(#[source] StoreError),
}

pub(crate) fn first(report: &Report) -> String {
    report.findings.first().map_or_else(String::new, ToString::to_string)
}

impl BackupError {
    /// The error as a stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "exists",
            Self::NoFolder(_) => "no_folder",
            Self::NotWhole(_) => "not_whole",
            Self::Store(error) => error.code(),
            Self::Target(error) => error.code(),
        }
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Copies the store at one moment of it into a new file, proves the copy, and gives it its name only
/// then. The server may go on meanwhile.
///
/// # Errors
/// See [`BackupError`].
pub fn backup(store: &Path, to: &Path) -> Result<Backup, BackupError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let folder = BlobFolder::of(to);
    if folder.path().symlink_metadata().is_ok() {
        return Err(BackupError::Exists(folder.path().to_owned()));
    }
    let copy = copy_into_folder_of(store, to)?;
    let whole = attachments_of(&copy)?;
    let (beside, attachments) = if whole.is_empty() {
        (None, Copied::default())
    } else {
        let beside = tempfile::Builder::new()
            .prefix(".alongside-copy-")
            .tempdir_in(to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
            .map_err(|error| BackupError::Target(error.into()))?;
        let target = BlobFolder::at(beside.path().to_owned());
        let copied = copies::copy(&BlobFolder::of(store), &target, &whole).map_err(BackupError::Target)?;
        (Some(beside), copied)
    };
    let proved =
        beside.as_ref().map_or_else(|| folder.clone(), |beside| BlobFolder::at(beside.path().to_owned()));
    let report = verify::verify_with_blobs(&copy, None, None, &proved)?;
    if !report.is_sound() {
        return Err(BackupError::NotWhole(Box::new(report)));
    }
    // The attachments first: a backup that has its name is complete.
    if let Some(beside) = beside {
        let made = beside.keep();
        std::fs::rename(made, folder.path()).map_err(|error| BackupError::Target(error.into()))?;
    }
    copy.persist_noclobber(to).map_err(|refused| match refused.error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
        _ => BackupError::Target(refused.error.into()),
    })?;
    open::sync_folder(to).map_err(BackupError::Target)?;
    let bytes = std::fs::metadata(to).map_err(|error| BackupError::Target(error.into()))?.len();
    Ok(Backup { file: to.to_owned(), bytes, report, attachments })
}

/// The attachments that a copy of a store says are whole; none where it is of an older version.
fn attachments_of(copy: &Path) -> Result<Vec<Whole>, BackupError> {
    let mut connection = open::reader(copy)?;
    let (found, known) = open::versions(&connection)?;
    if found != Some(known) {
        return Ok(Vec::new());
    }
    let tx = connection.transaction().map_err(StoreError::from)?;
    Ok(rows::all(&tx)?)
}

/// Copies a store as it is at one moment into a file beside `to`, durable, that goes away again unless
/// it is given a name. Only its owner can read it.
fn copy_into_folder_of(store: &Path, to: &Path) -> Result<TempPath, BackupError> {
    if !store.is_file() {
        return Err(VerifyError::NotThere(store.to_owned()).into());
    }
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(BackupError::NoFolder(to.to_owned()));
    }
    open::check_length(store)?;
    let (file, path) = tempfile::Builder::new()
        .prefix(".alongside-copy-")
        .tempfile_in(folder)
        .map_err(|error| BackupError::Target(error.into()))?
        .into_parts();
    let name = path
        .to_str()
        .ok_or_else(|| BackupError::Target(StoreError::Io("the folder's name is not text".to_owned())))?;
    let connection = open::reader(store)?;
    open::versions(&connection)?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(StoreError::from)?;
    // One file that needs no other beside it, wherever it is carried.
    let copy = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|error| BackupError::Target(error.into()))?;
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(|error| BackupError::Target(error.into()))?;
    drop(copy);
    file.sync_all().map_err(|error| BackupError::Target(error.into()))?;
    Ok(path)
}
