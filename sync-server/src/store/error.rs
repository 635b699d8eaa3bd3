//! What can go wrong with the store, and what to do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the store could not be opened, read or written. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not a database, or its content contradicts itself.
    #[error("the database is damaged ({what}). Stop the server, keep the file, and restore the last backup")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// No room left.
    #[error("the disk is full: nothing of this write was kept. Free some space, then try again")]
    Full,
    /// A newer program has been here.
    #[error(
        "the database was written by a newer version (its tables are at {found}, this program knows {known}). \
         Start the newer program; the file was left as it is"
    )]
    NewerVersion {
        /// Version of the tables in the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// Another process holds the file.
    #[error(
        "the database is in use by another process that does not let go. Stop the other one, or wait for its backup to end"
    )]
    InUse,
    /// The file system says no.
    #[error(
        "the database file cannot be read or written: {0}. Check that its folder exists and that this user may write there"
    )]
    Io(String),
    /// The control journal is not where the store's settings say.
    #[error(
        "the control journal {path} is missing. It holds who was revoked and what was withdrawn since the last \
         backup: put it back, or name its place in the setting `journal`. If it is lost for good, make a backup of \
         the store and restore it: that begins a new journal", path = .path.display()
    )]
    JournalMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file is there that the store has taken nothing from, or less than it has taken.
    #[error(
        "the control journal {path} is not the one of this store, or an older copy of it: put the right one back, or \
         name its place in the setting `journal`. Nothing was changed", path = .path.display()
    )]
    JournalOfAnother {
        /// The file.
        path: PathBuf,
    },
    /// A record of the journal is not what was written, and others may follow it.
    #[error(
        "the control journal {path} is damaged at byte {at}: what was revoked or withdrawn after it cannot be read. \
         Put back a copy of the file. If there is none, move the file away, make a backup of the store and restore \
         it: that begins a new journal; then revoke and withdraw again what is missing", path = .path.display()
    )]
    JournalBroken {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        at: u64,
    },
    /// The journal has an entry that this program does not know.
    #[error(
        "the control journal {path} was written by a newer version: start the newer program. Nothing was changed",
        path = .path.display()
    )]
    JournalNewer {
        /// The file.
        path: PathBuf,
    },
    /// The journal cannot be read or written.
    #[error(
        "the control journal {path} cannot be read or written: {what}. Check that its folder exists and that this \
         user may write there", path = .path.display()
    )]
    JournalIo {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        what: String,
    },
    /// The file of the signing key holds none, or cannot be read or made.
    #[error(
        "the signing key {path} cannot be used: {what}. Put back a copy of the file, or name its place in the setting \
         `signing_key`. If it is lost for good, move the file away: a new key is made, and what phones keep under the \
         old one proves nothing any more", path = .path.display()
    )]
    SigningKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Something that should not happen.
    #[error("the database refused a command: {0}. This is a fault of the program: report it")]
    Unexpected(String),
}

impl StoreError {
    /// The error as a stable word, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "damaged",
            Self::Full => "disk_full",
            Self::NewerVersion { .. } => "newer_version",
            Self::InUse => "in_use",
            Self::Io(_) => "not_accessible",
            Self::JournalMissing { .. } => "journal_missing",
            Self::JournalOfAnother { .. } => "journal_of_another",
            Self::JournalBroken { .. } => "journal_broken",
            Self::JournalNewer { .. } => "journal_newer",
            Self::JournalIo { .. } => "journal_not_accessible",
            Self::SigningKey { .. } => "signing_key",
            Self::Unexpected(_) => "unexpected",
        }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::damaged("its pages are not those of a whole database")
            }
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied,
            ) => Self::Io(error.to_string()),
            _ => match error {
                // What was written with one type comes back with another.
                E::FromSqlConversionFailure(..)
                | E::InvalidColumnType(..)
                | E::IntegralValueOutOfRange(..) => Self::damaged("a row does not hold what it should"),
                other => Self::Unexpected(other.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use alongside_domain::time::Millis;

    use super::*;
    use crate::{people, store::Store};

    #[test]
    fn a_full_disk_is_told_and_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("server.db")).unwrap();
        people::partner(&store, Millis(1), "There before").unwrap();
        let limit = |pages: u32| {
            store.write(|tx| Ok(tx.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?))
        };
        // SQLite takes what there is as the limit where less is asked for.
        limit(1).unwrap();

        let added: Vec<_> = (0..5_000)
            .map(|number| people::partner(&store, Millis(2), &format!("{number:0>190}")))
            .take_while(Result::is_ok)
            .collect();
        let error = people::partner(&store, Millis(2), &"x".repeat(190)).unwrap_err();
        assert_eq!(error, people::PeopleError::Store(StoreError::Full));
        assert!(error.to_string().contains("Free some space"));
        assert_eq!(people::partners(&store).unwrap().len(), 1 + added.len(), "nothing is half there");

        limit(1_000_000).unwrap();
        people::partner(&store, Millis(3), &"x".repeat(190)).unwrap();
    }
}
