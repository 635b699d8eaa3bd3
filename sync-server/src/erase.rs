//! Erasing a group, for good: in the feed, in what was set aside, in the pages, in the files beside them.
//!
//! Works on a store that is served or not. The writing process of a served store hears of it within about
//! a second, as of every other command's write.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alongside_domain::{ids::GroupId, programme::Programme, time::Millis, wire::is_reason_code};
use rusqlite::{Connection, OpenFlags};

use crate::{
    blobs::{self, BlobFolder},
    merge,
    read_model::{Projector, ReadModel, ReadModelError},
    store::{Destroyed, Store, StoreError, access, erasures, lock, log::Appender},
};

/// How long to wait for the server that runs to bring its pages up to date.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Why nothing was erased, or not everything is out of the files yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The reason is a sentence.
    #[error(
        "the reason is kept where an erasure does not reach, so it must be a code: lower case letters, digits \
         and _, at most 40 (retention, request, mistake)"
    )]
    BadReason,
    /// There is no such group.
    #[error("there is no group with this id: nothing was erased")]
    UnknownGroup,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file could not be written anew: the feed itself is erased.
    #[error(
        "the group is erased in the feed, but the store's file could not be written anew, so traces may be left \
         in its unused parts ({0}). Put that right and run the same command again"
    )]
    NotWrittenAnew(#[source] StoreError),
    /// The files of attachments could not be destroyed: the feed itself is erased.
    #[error(
        "the group is erased in the feed, but files of its attachments could not be destroyed ({0}). Put that right \
         and run the same command again"
    )]
    Attachments(#[source] StoreError),
    /// The pages failed: the store itself is erased.
    #[error("the group is erased in the store, and its pages could not be brought up to date: {0}")]
    Pages(#[from] ReadModelError),
}

impl EraseError {
    /// The error as a stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadReason => "bad_reason",
            Self::UnknownGroup => "unknown_group",
            Self::Store(error) => error.code(),
            Self::NotWrittenAnew(_) => "not_written_anew",
            Self::Attachments(_) => "attachments",
            Self::Pages(_) => "pages",
        }
    }
}

/// What became of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PagesAfter {
    /// There is no file of pages.
    Absent,
    /// The group is out of them.
    Erased,
}

/// What an erasure came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// What was destroyed in the store.
    pub destroyed: Destroyed,
    /// What became of the pages.
    pub pages: PagesAfter,
    /// Whether the store's write-ahead log is empty: nothing of the group is left in it.
    pub log_emptied: bool,
}

/// Erases a group in the store, overwrites what it leaves in the file, and empties the write-ahead log.
/// Asking again does what is left to do.
///
/// # Errors
/// See [`EraseError`].
pub fn erase(
    store: &Store,
    now: Millis,
    group: GroupId,
    reason: &str,
) -> Result<(Destroyed, bool), EraseError> {
    if !is_reason_code(reason) {
        return Err(EraseError::BadReason);
    }
    let destroyed = store.write(|tx| {
        if access::group(tx, group)?.is_none() && erasures::erased(tx, group)?.is_none() {
            return Ok(None);
        }
        let mut log = Appender::new(tx, now)?;
        if erasures::erased(tx, group)?.is_none() {
            merge::lead_back_before_erasure(&mut log, now, group)?;
        }
        erasures::erase_group(&mut log, group, reason).map(Some)
    })?;
    let destroyed = destroyed.ok_or(EraseError::UnknownGroup)?;
    let mut groups = store.read(|tx| access::restricted_beside(tx, group))?;
    groups.push(group);
    for group in groups {
        blobs::erase::destroy_group(&BlobFolder::of(store.path()), group).map_err(EraseError::Attachments)?;
    }
    let emptied = store.write_anew().and_then(|()| store.empty_log()).map_err(EraseError::NotWrittenAnew)?;
    Ok((destroyed, emptied))
}

/// As [`erase`], on the store in this file, with its control journal, served or not, and out of its pages
/// too.
///
/// # Errors
/// See [`EraseError`].
pub fn erase_in_files(
    (path, journal): (&Path, &Path),
    pages: &Path,
    programme: &Arc<Programme>,
    now: Millis,
    group: GroupId,
    reason: &str,
) -> Result<Erased, EraseError> {
    // Nobody else works on the store: its pages are ours to bring up to date.
    let is_served = match lock::alone_now(path) {
        Ok(_) => false,
        Err(StoreError::InUse) => true,
        Err(error) => return Err(error.into()),
    };
    let store = Store::open_with(path, journal)?;
    let (destroyed, log_emptied) = erase(&store, now, group, reason)?;
    let pages = out_of_pages(&store, pages, programme, destroyed.seq, is_served)?;
    Ok(Erased { destroyed, pages, log_emptied })
}

fn out_of_pages(
    store: &Arc<Store>,
    file: &Path,
    programme: &Arc<Programme>,
    seq: u64,
    is_served: bool,
) -> Result<PagesAfter, EraseError> {
    if !file.exists() {
        return Ok(PagesAfter::Absent);
    }
    let since = Instant::now();
    while is_served && since.elapsed() < PATIENCE {
        if projected(file).is_some_and(|at| at >= seq) {
            return Ok(PagesAfter::Erased);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    // Whoever works on the store does not bring the pages up to date: an import does not, for one.
    let model = Arc::new(ReadModel::open(file, programme)?);
    Projector::new(Arc::clone(&model), Arc::clone(store), Arc::clone(programme)).catch_up()?;
    model.empty_log()?;
    Ok(PagesAfter::Erased)
}

/// How far the pages are; `None` where that cannot be read just now.
fn projected(file: &Path) -> Option<u64> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let at: i64 = connection.query_row("SELECT seq FROM position", [], |row| row.get(0)).ok()?;
    u64::try_from(at).ok()
}
