//! The server's store: one SQLite file with the feed, access, devices and secrets' hashes.
//!
//! One connection writes, a few read. A function that must run inside a transaction takes
//! `&Transaction`. The head of the feed is always read inside the transaction that appends to it,
//! so several processes may share the file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    time::Millis,
    wire::{ControlEvent, Cursor},
};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;

use crate::secret::{Secret, SessionSecret};

pub(crate) mod access;
pub(crate) mod devices;
pub(crate) mod erasures;
mod error;
pub(crate) mod heads;
pub(crate) mod import_keys;
pub(crate) mod journal;
pub(crate) mod known;
pub(crate) mod lock;
pub(crate) mod log;
pub mod merges;
pub(crate) mod open;
pub(crate) mod pull;
mod readers;
pub(crate) mod rows;
pub(crate) mod sessions;
pub mod set_aside;
pub(crate) mod signing;

pub use devices::DeviceRow;
pub use erasures::Destroyed;
pub use error::StoreError;
pub use import_keys::ImportKey;
pub use sessions::{SESSION_IDLE_MS, SESSION_LONGEST_MS};

/// The only tenant so far; every table and query carries it.
pub(crate) const TENANT: i64 = 1;

/// The server's store.
pub struct Store {
    path: PathBuf,
    // Before the writer: the last connection to close writes the log back into the file, and only
    // the writer can.
    readers: readers::Readers,
    writer: Mutex<Connection>,
    /// `None` where the store was opened only to be read.
    journal: Option<journal::JournalFile>,
    head: watch::Sender<u64>,
    // After the connections: whoever waits for the lock finds the file closed.
    _lock: lock::Lock,
}

/// The file with this ending that belongs to the store.
pub(crate) fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// SQLite's own limit to the pages of a file.
const MOST_PAGES: u32 = 0xffff_fffe;

/// Where the control journal of a store is, unless the settings say otherwise.
#[must_use]
pub fn journal_beside(store: &Path) -> PathBuf {
    beside(store, ".journal")
}

/// Where the key is with which the server of a store signs, unless the settings say otherwise.
#[must_use]
pub fn signing_key_beside(store: &Path) -> PathBuf {
    beside(store, ".signing-key")
}

/// One entry of the feed, as the server's own readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Feed number.
    pub seq: u64,
    /// When the server received or wrote it.
    pub received_at: Millis,
    /// What it is.
    pub body: LogBody,
}

/// What a feed entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogBody {
    /// A change of a record.
    Change {
        /// The group of the record.
        group: GroupId,
        /// The record.
        record: RecordId,
        /// The person who wrote it.
        author: PersonId,
        /// The installation; `None` for a change made at the server.
        device: Option<DeviceId>,
        /// The change's hash.
        hash: ChangeHash,
        /// The change chunk.
        bytes: Vec<u8>,
    },
    /// A change of a record that was erased with its group: only that there was one is left.
    Erased {
        /// The group of the record.
        group: GroupId,
        /// The record.
        record: RecordId,
        /// The change's hash.
        hash: ChangeHash,
    },
    /// Something about access.
    Control(ControlEvent),
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// Feed number.
    pub seq: u64,
    /// The change's hash.
    pub hash: ChangeHash,
    /// The person who wrote it.
    pub author: PersonId,
    /// The installation; `None` for a change made at the server.
    pub device: Option<DeviceId>,
    /// When the server received it.
    pub received_at: Millis,
    /// The change chunk.
    pub bytes: Vec<u8>,
}

/// Who is asking on the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub person: PersonId,
    /// Work name.
    pub name: String,
    /// Role code.
    pub role: String,
    /// Partner organisation.
    pub partner: PartnerId,
    /// Codes of the areas the person works in.
    pub areas: Vec<String>,
}

impl Store {
    /// Opens the store in this file, making it where there is none, and brings its tables up to
    /// date.
    ///
    /// # Errors
    /// A file that is damaged, newer than this program, in use, or on a full or unreadable disk is
    /// left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, StoreError> {
        let path = path.as_ref();
        open::open(path, Some(&journal_beside(path)))
    }

    /// As [`Self::open`], with the control journal in a place of its own: best on another disk.
    ///
    /// # Errors
    /// As [`Self::open`]; the errors of the journal say what to do about it.
    pub fn open_with(path: impl AsRef<Path>, journal: &Path) -> Result<Arc<Self>, StoreError> {
        open::open(path.as_ref(), Some(journal))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last entry of the feed: its number and the chain up to it; zero where there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn head(&self) -> Result<Cursor, StoreError> {
        self.read(log::head)
    }

    /// The place in the feed with this number; `None` where there is no such entry.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn place(&self, seq: u64) -> Result<Option<Cursor>, StoreError> {
        self.read(|tx| log::place(tx, seq))
    }

    /// The entries after this number, oldest first, at most `limit`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn log_after(&self, seq: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        self.read(|tx| log::after(tx, seq, limit))
    }

    /// All changes of a record, in feed order; empty where there is no such record, or it was erased.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn changes_of(&self, record: RecordId) -> Result<Vec<StoredChange>, StoreError> {
        let mut changes = self.read(|tx| log::changes_of(tx, record))?;
        changes.retain(|change| !change.bytes.is_empty());
        Ok(changes)
    }

    /// Tells when the feed grows: the number of its last entry. A write of another process is told
    /// within about a second.
    #[must_use]
    pub fn subscribe_head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Uses up the one-time token of a console link and starts a session; `None` where the token is
    /// unknown, used or too old.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn redeem_console_link(&self, token: &str, now: Millis) -> Result<Option<SessionSecret>, StoreError> {
        self.write(|tx| sessions::redeem(tx, &Secret::shown(token), now))
    }

    /// Who the session with this secret belongs to; `None` where there is none, or it has ended or
    /// idled too long.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn session(&self, secret: &str, now: Millis) -> Result<Option<Principal>, StoreError> {
        let hash = Secret::shown(secret).hash();
        let Some((principal, stale)) = self.read(|tx| sessions::find(tx, &hash, now))? else {
            return Ok(None);
        };
        // Writing the last use once a minute is exact enough for an idle time-out.
        if stale {
            self.write(|tx| sessions::touch(tx, &hash, now))?;
        }
        Ok(Some(principal))
    }

    /// Ends a session; nothing happens where there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn end_session(&self, secret: &str) -> Result<(), StoreError> {
        self.write(|tx| sessions::end(tx, &Secret::shown(secret).hash()))
    }

    /// Every enrolled installation, for the sync board.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn devices(&self) -> Result<Vec<DeviceRow>, StoreError> {
        self.read(devices::all)
    }

    /// Leaves room for this many more pages of 4,096 bytes in the file, through this opening of it: a
    /// write that needs more says that the disk is full. `None`: as much as the disk has.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn leave_room(&self, pages: Option<u32>) -> Result<(), StoreError> {
        let writer = lock(&self.writer);
        let most = match pages {
            Some(pages) => {
                let there: u32 = writer.query_row("PRAGMA page_count", [], |row| row.get(0))?;
                there.saturating_add(pages)
            }
            None => MOST_PAGES,
        };
        Ok(writer.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?)
    }

    /// Runs `work` on one state of the store; `work` must not read of the store by itself again.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.readers.read(work)
    }

    /// Runs `work` in one transaction; it is durable on disk when this returns `Ok`.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(&self.writer);
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(journal) = &self.journal {
            // A commit that failed after its journal was durable, here or in another process.
            journal::catch_up(&tx, journal)?;
        }
        let before = log::head(&tx)?.seq;
        let value = work(&tx)?;
        let head = log::head(&tx)?.seq;
        heads::catch_up(&tx, head)?;
        if let Some(journal) = &self.journal {
            journal::record(&tx, journal, before)?;
        }
        tx.commit()?;
        self.publish(head);
        Ok(value)
    }

    /// Writes the write-ahead log into the file and empties it, so that nothing is left in it of what was
    /// overwritten. `false` where another process kept some of it in use for longer than it may wait.
    pub(crate) fn empty_log(&self) -> Result<bool, StoreError> {
        let busy: i64 =
            lock(&self.writer).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }

    /// Writes the whole file anew, so that no page keeps what an older version of this program left in
    /// its unused parts.
    pub(crate) fn write_anew(&self) -> Result<(), StoreError> {
        Ok(lock(&self.writer).execute_batch("VACUUM")?)
    }

    /// Looks whether another process has written, and tells who listens.
    pub(crate) fn refresh_head(&self) -> Result<(), StoreError> {
        let head = self.head()?.seq;
        self.publish(head);
        Ok(())
    }

    fn publish(&self, head: u64) {
        self.head.send_if_modified(|known| {
            let moved = *known < head;
            *known = head.max(*known);
            moved
        });
    }
}

/// A panic while the lock was held rolled its transaction back: the connection is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}
