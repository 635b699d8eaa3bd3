//! Proves a store: every page, every hash, the chain, every record, access, and the pages' read model.
//!
//! The feed is the truth. Everything else in the file, and the read model beside it, is compared with
//! what the feed says. Nothing is written into the store, and a server may run meanwhile: all of it is
//! read from one state.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_domain::programme::Programme;
use rusqlite::{Connection, Transaction};
use serde::Serialize;

use crate::{
    blobs::BlobFolder,
    store::{StoreError, heads, journal, log, open},
};

mod access;
mod blobs;
mod feed;
mod finding;
mod pages;
mod records;

pub use finding::Finding;

/// Findings that are kept; more are counted.
const MOST: usize = 1_000;

/// Why a store could not be looked at. What is wrong inside it is a [`Finding`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no such file.
    #[error("there is no store at {}: name the file with --store", .0.display())]
    NotThere(PathBuf),
    /// The file is a database of something else.
    #[error("{} is not a store of Alongside: name the file with --store", .0.display())]
    NotAStore(PathBuf),
    /// The store, or the folder for temporary files, cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VerifyError {
    /// The error as a stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotThere(_) => "not_there",
            Self::NotAStore(_) => "not_a_store",
            Self::Store(error) => error.code(),
        }
    }
}

/// What became of the comparison with the pages' read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pages {
    /// It was compared with one that was built afresh.
    Compared,
    /// There is none: the server builds it when it starts.
    Absent,
    /// The store cannot be read well enough, is of an older version, or grew too fast.
    NotCompared,
}

/// What a store is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Number of the last entry of the feed.
    pub head: u64,
    /// Entries of the feed.
    pub entries: u64,
    /// Those that are changes of records.
    pub changes: u64,
    /// Records that were loaded from their changes.
    pub records: u64,
    /// The pages' read model.
    pub pages: Pages,
    /// Attachments that are whole and have their hash.
    pub attachments: u64,
    /// Attachments that records name and that have not come yet.
    pub attachments_awaited: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many more findings there are than these.
    pub left_off: u64,
}

impl Report {
    fn new() -> Self {
        Self {
            head: 0,
            entries: 0,
            changes: 0,
            records: 0,
            pages: Pages::NotCompared,
            attachments: 0,
            attachments_awaited: 0,
            findings: Vec::new(),
            left_off: 0,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether everything but attachments is sound: records do not wait for those, nor does their backup.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.left_off == 0 && self.findings.iter().all(Finding::is_about_attachments)
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MOST {
            self.findings.push(finding);
        } else {
            self.left_off += 1;
        }
    }
}

/// The pages to compare with.
#[derive(Debug, Clone, Copy)]
pub struct PagesOf<'a> {
    /// File of the read model.
    pub file: &'a Path,
    /// The programme that its rows follow.
    pub programme: &'a Arc<Programme>,
}

/// Verifies the store in this file, and the pages made from it.
///
/// # Errors
/// [`VerifyError`] where there is nothing to verify. A damaged file is a report with findings.
pub fn verify(path: &Path, pages: Option<PagesOf<'_>>) -> Result<Report, VerifyError> {
    verify_with(path, pages, None)
}

/// As [`verify`], and compares the feed's control entries with the control journal in this file.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(
    path: &Path,
    pages: Option<PagesOf<'_>>,
    journal: Option<&Path>,
) -> Result<Report, VerifyError> {
    verify_with_blobs(path, pages, journal, &BlobFolder::of(path))
}

/// As [`verify_with`], with the attachments in this folder.
pub(crate) fn verify_with_blobs(
    path: &Path,
    pages: Option<PagesOf<'_>>,
    journal: Option<&Path>,
    folder: &BlobFolder,
) -> Result<Report, VerifyError> {
    if !path.is_file() {
        return Err(VerifyError::NotThere(path.to_owned()));
    }
    let mut report = Report::new();
    match look(path, pages, journal, folder, &mut report) {
        Ok(()) => {}
        Err(VerifyError::Store(StoreError::Damaged { what })) => report.find(Finding::Damaged { what }),
        Err(error) => return Err(error),
    }
    Ok(report)
}

fn look(
    path: &Path,
    pages: Option<PagesOf<'_>>,
    journal: Option<&Path>,
    folder: &BlobFolder,
    report: &mut Report,
) -> Result<(), VerifyError> {
    open::check_length(path)?;
    let mut connection = open::reader(path)?;
    let is_current = version(&connection, path)?;
    {
        let tx = connection.transaction().map_err(StoreError::from)?;
        integrity(&tx, report)?;
        let seen = feed::verify(&tx, report)?;
        records::verify(&tx, &seen.unsound, report)?;
        access::verify(&tx, &seen.access, report)?;
        if is_current {
            blobs::verify(&tx, folder, report)?;
        }
        if let Some(journal) = journal.filter(|_| is_current) {
            control_journal(&tx, journal, report)?;
        }
        if is_current {
            heads_of_groups(&tx, report)?;
        }
    }
    drop(connection);
    match pages {
        Some(pages) if !pages.file.exists() => report.pages = Pages::Absent,
        Some(pages) if is_current && report.is_sound() => {
            report.pages = pages::verify(path, pages, report)?;
        }
        _ => {}
    }
    Ok(())
}

/// Whether the tables are those of this program.
fn version(connection: &Connection, path: &Path) -> Result<bool, VerifyError> {
    let (found, known) = open::versions(connection)?;
    let has_feed: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'feed')", [], |row| row.get(0))
        .map_err(StoreError::from)?;
    if found.is_none() || !has_feed {
        return Err(VerifyError::NotAStore(path.to_owned()));
    }
    Ok(found == Some(known))
}

/// Whether the journal can bring back everything that the feed says about access.
fn control_journal(tx: &Transaction<'_>, file: &Path, report: &mut Report) -> Result<(), StoreError> {
    if journal::place(tx)?.is_none() {
        // The server begins one when it starts.
        return Ok(());
    }
    match journal::first_absent(tx, file) {
        Ok(None) => {}
        Ok(Some(seq)) => report.find(Finding::NotInJournal { seq }),
        Err(
            error @ (StoreError::JournalMissing { .. }
            | StoreError::JournalOfAnother { .. }
            | StoreError::JournalBroken { .. }
            | StoreError::JournalNewer { .. }
            | StoreError::JournalIo { .. }),
        ) => report.find(Finding::JournalUnusable { what: error.code().to_owned() }),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Whether what is counted of each group is what the feed has. One that was never served since it came from
/// an older version counts when it is opened.
fn heads_of_groups(tx: &Transaction<'_>, report: &mut Report) -> Result<(), StoreError> {
    if heads::place(tx)? != log::head(tx)?.seq {
        return Ok(());
    }
    let (kept, counted) = (heads::all(tx)?, heads::counted(tx, 0, |_| Ok(None))?);
    let groups: BTreeSet<_> = kept.keys().chain(counted.keys()).copied().collect();
    for group in groups {
        if kept.get(&group) != counted.get(&group) {
            report.find(Finding::HeadDiffers { group });
        }
    }
    Ok(())
}

/// What SQLite itself can tell of the file: pages, indexes, constraints.
fn integrity(tx: &Transaction<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut statement = tx.prepare("PRAGMA integrity_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            report.find(Finding::Damaged { what: line });
        }
    }
    Ok(())
}
