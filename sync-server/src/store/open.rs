//! Opening the file.

use std::{
    io::Read as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tokio::sync::watch;

use super::{
    Store, StoreError, beside, heads,
    journal::{self, JournalFile},
    lock::{self, Lock},
    log,
    readers::Readers,
};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// How long a connection waits for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

pub(crate) fn open(path: &Path, journal: Option<&Path>) -> Result<Arc<Store>, StoreError> {
    let lock = lock_and_make(path)?;
    let cut = check_length(path)?;
    let mut writer = Connection::open(path)?;
    prepare(&writer)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    if cut {
        // The log is written into the file; what is missing then is missing for good.
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        check_length(path)?;
    }
    migrate(&mut writer)?;
    if let Some(file) = journal {
        journal::attach(&mut writer, file)?;
    }
    let head = {
        let tx = writer.transaction()?;
        let head = log::head(&tx)?.seq;
        heads::catch_up(&tx, head)?;
        tx.commit()?;
        head
    };
    Ok(Arc::new(Store {
        path: path.to_owned(),
        writer: Mutex::new(writer),
        readers: Readers::new(path),
        journal: journal.map(JournalFile::at),
        head: watch::Sender::new(head),
        _lock: lock,
    }))
}

/// Takes part in the lock of the store, and makes the store where there is none.
fn lock_and_make(path: &Path) -> Result<Lock, StoreError> {
    if !path.try_exists()? {
        let alone = lock::alone(path)?;
        if !path.try_exists()? {
            make(path)?;
        }
        drop(alone);
    }
    lock::shared(path)
}

/// Makes an empty store under another name and moves it into place: a process that is killed on the
/// way leaves no half-made file that the next start would have to take for a damaged one.
fn make(path: &Path) -> Result<(), StoreError> {
    if length(&beside(path, "-wal")) > 0 {
        return Err(StoreError::damaged("the file is gone, only its write-ahead log is left"));
    }
    let new = beside(path, ".new");
    for ending in ["", "-journal", "-wal", "-shm"] {
        match std::fs::remove_file(beside(&new, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let mut connection = Connection::open(&new)?;
    prepare(&connection)?;
    migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    std::fs::rename(&new, path)?;
    sync_folder(path)
}

/// Makes the names in the folder of this file durable.
pub(crate) fn sync_folder(file: &Path) -> Result<(), StoreError> {
    // Only here can a folder be opened like a file; elsewhere the system keeps its own journal.
    #[cfg(unix)]
    {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Looks whether the file can be whole; `true` where only its write-ahead log can tell.
pub(crate) fn check_length(path: &Path) -> Result<bool, StoreError> {
    let has_log = length(&beside(path, "-wal")) > 0;
    // SQLite takes an empty file for a new database: a file that lost its content would come up as
    // an empty server, and every phone would be told to start again.
    match length_and_page(path) {
        Some((0, _)) => Err(StoreError::damaged("the file is empty; if it never held anything, delete it")),
        // SQLite itself sees that whole pages are missing, not that the last one is cut. Where a log is
        // left, the page may have been cut while it was written (a full disk, no power): the log has it.
        Some((length, Some(page))) if length % page != 0 => {
            if has_log {
                Ok(true)
            } else {
                Err(StoreError::damaged("the file ends in the middle of a page"))
            }
        }
        _ => Ok(false),
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// The length of the file and the page size that its header names; `None` where there is no file.
fn length_and_page(path: &Path) -> Option<(u64, Option<u64>)> {
    let mut file = std::fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut header = [0; 18];
    let page =
        file.read_exact(&mut header).ok().map(|()| match u16::from_be_bytes([header[16], header[17]]) {
            // The one size that does not fit into the two bytes.
            1 => 65_536,
            page => u64::from(page).max(1),
        });
    Some((length, page.filter(|_| header.starts_with(b"SQLite format 3\0"))))
}

pub(crate) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    // An acknowledgement is a promise: the write-ahead log is synced at every commit.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // What is erased is overwritten.
    connection.pragma_update(None, "secure_delete", "ON")?;
    // Bodies of hostile size stop at the API; this is the second wall. Never trust the schema of a
    // file that somebody swapped.
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// The version of the tables in a file, `None` where it has none of ours; and the newest that this
/// program knows.
pub(crate) fn versions(connection: &Connection) -> Result<(Option<u32>, u32), StoreError> {
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0);
    let known = u32::try_from(known).unwrap_or(0);
    let has_history: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    let found: Option<u32> = if has_history {
        connection
            .query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
            .optional()?
            .flatten()
    } else {
        None
    };
    match found {
        Some(found) if found > known => Err(StoreError::NewerVersion { found, known }),
        found => Ok((found, known)),
    }
}

/// Has a restored copy, before it takes the store's place, take in what the journal has and it lacks: the
/// number of entries. `None` where there is no journal: the store begins a new one when it is opened.
pub(crate) fn take_in_journal(copy: &Path, file: &Path) -> Result<Option<u64>, StoreError> {
    if !JournalFile::at(file).is_there()? {
        journal::forget(copy)?;
        return Ok(None);
    }
    let mut connection = Connection::open(copy)?;
    prepare(&connection)?;
    migrate(&mut connection)?;
    let taken = journal::attach(&mut connection, file)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(Some(taken))
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    versions(connection)?;
    let runner = migrations::migrations::runner();
    runner.run(connection).map_err(|error| match error.kind() {
        refinery::error::Kind::DivergentVersion(..) | refinery::error::Kind::MissingVersion(..) => {
            StoreError::damaged("its tables are not those that its version says")
        }
        _ => match std::error::Error::source(&error).and_then(|e| e.downcast_ref::<rusqlite::Error>()) {
            Some(rusqlite::Error::SqliteFailure(code, text)) => {
                StoreError::from(rusqlite::Error::SqliteFailure(*code, text.clone()))
            }
            _ => StoreError::Io(error.to_string()),
        },
    })?;
    Ok(())
}
