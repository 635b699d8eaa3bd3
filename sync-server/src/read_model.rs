//! What the console's pages read: rows derived from the log, in a database of their own.
//!
//! The file is a cache. It is written by one projector that follows the log; it can be deleted at any
//! time and is rebuilt from the log, equal to the one that grew with it ([`ReadModel::dump`]).

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alongside_domain::programme::Programme;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tokio::sync::watch;

pub mod case;
mod control;
mod dump;
pub mod findings;
pub mod list;
pub mod merged;
pub mod people;
mod project;
mod record;
mod unit;

pub use project::Projector;

/// Raised whenever the tables or what is written into them change: an older file is rebuilt.
const VERSION: i64 = 9;

/// How many idle connections for reading are kept.
const IDLE_READERS: usize = 8;

/// Why the read model could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadModelError {
    /// The file could not be opened or made.
    #[error("the read model could not be opened; it is a cache: delete its file and start again")]
    Open(#[source] rusqlite::Error),
    /// An older file could not be deleted.
    #[error("an old read model could not be deleted; delete its file and start again")]
    Delete(#[source] std::io::Error),
    /// A query failed.
    #[error("the read model could not be read or written")]
    Database(#[from] rusqlite::Error),
    /// A row does not hold what this version writes.
    #[error("the read model holds a row that this version cannot read; delete its file to rebuild it")]
    Row(#[from] serde_json::Error),
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The console's read model.
pub struct ReadModel {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    projected: watch::Sender<u64>,
}

impl std::fmt::Debug for ReadModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadModel").field("projected", &*self.projected.borrow()).finish_non_exhaustive()
    }
}

impl ReadModel {
    /// Opens the read model at this path, or makes an empty one. A file of another version of this
    /// code or of the programme is deleted: the projector fills the new one from the log.
    ///
    /// # Errors
    /// [`ReadModelError::Open`] and [`ReadModelError::Delete`] where the file system refuses.
    pub fn open(path: &Path, programme: &Programme) -> Result<Self, ReadModelError> {
        let writer = match Self::open_existing(path, programme) {
            Some(connection) => connection,
            None => Self::create(path, programme)?,
        };
        let seq = position(&writer)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            projected: watch::Sender::new(seq),
        })
    }

    /// The file as it is, if it is whole and of this version.
    fn open_existing(path: &Path, programme: &Programme) -> Option<Connection> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).ok()?;
        let hash: Option<Vec<u8>> = connection
            .query_row("SELECT hash FROM programme", [], |row| row.get(0))
            .optional()
            .ok()
            .flatten();
        (version == VERSION && hash.as_deref() == Some(&programme.hash[..]))
            .then(|| configure(connection).ok())
            .flatten()
    }

    fn create(path: &Path, programme: &Programme) -> Result<Connection, ReadModelError> {
        for ending in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(ending);
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ReadModelError::Delete(error));
                }
                _ => {}
            }
        }
        let connection = Connection::open(path).map_err(ReadModelError::Open)?;
        let mut connection = configure(connection).map_err(ReadModelError::Open)?;
        let tx = connection.transaction()?;
        tx.execute_batch(include_str!("read_model/schema.sql"))?;
        tx.execute_batch("CREATE TABLE programme (hash BLOB NOT NULL) STRICT")?;
        tx.execute("INSERT INTO programme VALUES (?1)", [&programme.hash[..]])?;
        tx.pragma_update(None, "user_version", VERSION)?;
        tx.commit()?;
        Ok(connection)
    }

    /// The number of the last log entry that pages show. Followers see it grow.
    #[must_use]
    pub fn projected(&self) -> watch::Receiver<u64> {
        self.projected.subscribe()
    }

    /// Runs queries that all see the same state.
    ///
    /// # Errors
    /// Whatever the queries return.
    pub fn read<T>(
        &self,
        queries: impl FnOnce(&Connection) -> Result<T, ReadModelError>,
    ) -> Result<T, ReadModelError> {
        let idle = lock(&self.readers).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => configure(Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?)?,
        };
        let tx = connection.transaction()?;
        let answer = queries(&tx);
        drop(tx);
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        answer
    }

    /// Empties the write-ahead log of the file.
    pub(crate) fn empty_log(&self) -> Result<(), ReadModelError> {
        Ok(empty_log(&lock(&self.writer))?)
    }

    /// Every row of every table in a fixed order, as text: equal for two read models that say the
    /// same.
    ///
    /// # Errors
    /// [`ReadModelError::Database`] where a table cannot be read.
    pub fn dump(&self) -> Result<String, ReadModelError> {
        self.read(dump::dump)
    }
}

fn configure(connection: Connection) -> Result<Connection, rusqlite::Error> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    // What is erased is overwritten.
    connection.pragma_update(None, "secure_delete", "on")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn position(connection: &Connection) -> Result<u64, rusqlite::Error> {
    connection.query_row("SELECT seq FROM position", [], |row| number(row, 0))
}

/// Writes the write-ahead log into the file and empties it: nothing is left in it of what was erased.
/// Where a page is being read for longer than that may wait, the next erasure or the end of the server
/// does it.
fn empty_log(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Deletes every derived row.
fn forget(tx: &rusqlite::Transaction<'_>) -> Result<(), rusqlite::Error> {
    let tables: Vec<String> = tx
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('position', 'programme')",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for table in tables {
        tx.execute_batch(&format!("DELETE FROM \"{table}\""))?;
    }
    tx.execute("UPDATE position SET seq = 0, chain = zeroblob(16)", [])?;
    Ok(())
}

/// A count: SQLite's integers are signed, counts are not.
fn number(row: &rusqlite::Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// An unsigned number as SQLite keeps it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A panic in one request must not close the console for the others: every write is a transaction,
/// so what stands behind a poisoned lock is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
