//! Opening the database: lock, key, version, migrations; and telling apart why it cannot be opened.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{desk::Desk, installation, key::Key, state};
use crate::error::{OpenError, is_full};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The smallest file that can be a database of ours: one page.
const PAGE: u64 = 4096;

/// Path of the database in a profile's folder.
pub(crate) fn database(dir: &Path) -> PathBuf {
    dir.join("alongside.db")
}

/// Opens the database for writing, with its lock.
pub(crate) fn open(
    dir: &Path,
    key: &Key,
    create: bool,
    installation: &Path,
    desk: &mut Desk,
) -> Result<(File, Connection), OpenError> {
    if create {
        fs::create_dir_all(dir).map_err(io)?;
    } else if !dir.is_dir() {
        return Err(OpenError::NotThere);
    }
    let lock = lock(dir)?;
    let path = database(dir);
    match (create, fs::metadata(&path)) {
        (true, Ok(_)) => return Err(OpenError::AlreadyThere),
        (true, Err(_)) => {}
        (false, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::NotThere);
        }
        (false, Err(error)) => return Err(io(error)),
        // SQLite takes an empty file for a new database.
        (false, Ok(file)) if file.len() < PAGE => return Err(OpenError::Damaged),
        (false, Ok(_)) => {}
    }
    if create {
        make(&path, key, desk)?;
    }
    let mut connection = prepare(&path, key, false, desk)?;
    installation::settle(&mut connection, installation, desk)?;
    Ok((lock, connection))
}

/// Makes the database under another name and moves it into place: an app that is killed on the way
/// finds no half-made profile, which could neither be opened nor created again.
fn make(path: &Path, key: &Key, desk: &Desk) -> Result<(), OpenError> {
    let new = path.with_extension("db.new");
    let made = remove(&new).and_then(|()| {
        let connection = prepare(&new, key, true, desk)?;
        // Leaving this mode writes everything into the one file.
        connection.pragma_update(None, "journal_mode", "DELETE").map_err(refused)?;
        connection.close().map_err(|(_, error)| refused(error))?;
        fs::rename(&new, path).map_err(io)?;
        sync_folder(path).map_err(io)
    });
    if made.is_err() {
        // Only what was just made: there was no file before. What failed is told already.
        let _ = remove(&new);
    }
    made
}

/// Removes what is left of a database that was never finished.
fn remove(new: &Path) -> Result<(), OpenError> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut name = new.to_owned().into_os_string();
        name.push(ending);
        match fs::remove_file(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the new name durable, where a folder can be opened like a file.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("alongside.lock");
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn prepare(path: &Path, key: &Key, create: bool, desk: &Desk) -> Result<Connection, OpenError> {
    let mut connection = connect(path, key, create).map_err(refused)?;
    let known = embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max()
        .unwrap_or_default();
    if !create {
        let found = schema_version(&connection).map_err(refused)?;
        if found > known {
            return Err(OpenError::NewerVersion { found, known });
        }
    }
    // A pull of a megabyte is one transaction and touches more pages than SQLite holds by default (2 MB):
    // each page that does not fit is encrypted and written again whenever it is touched again. 16 MB hold it.
    // `fullfsync` means something on Apple's systems only, where a plain fsync does not reach the disk.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON;
             PRAGMA secure_delete = ON;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -16384;",
        )
        .map_err(refused)?;
    embedded::migrations::runner().set_grouped(true).run(&mut connection).map_err(|error| {
        let cause = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<rusqlite::Error>());
        match cause {
            Some(cause) if is_full(cause) => OpenError::StorageFull,
            _ => OpenError::Io(std::io::Error::other(error)),
        }
    })?;
    if create {
        state::begin(&connection, desk.first_actor()).map_err(refused)?;
    }
    Ok(connection)
}

/// A keyed connection that was read from once: the key fits.
pub(crate) fn connect(path: &Path, key: &Key, create: bool) -> Result<Connection, rusqlite::Error> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(128);
    // SQLCipher would write to the standard error of the app what its result codes say as well.
    connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
    connection.execute_batch(&key.pragma())?;
    // Temporary tables would be written in clear.
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Lets the database grow to this many bytes.
pub(crate) fn limit(connection: &Connection, bytes: u64) -> Result<(), OpenError> {
    let pages = bytes.div_ceil(PAGE);
    connection
        .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        .map_err(OpenError::Database)
}

fn schema_version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    if !there {
        return Ok(0);
    }
    connection
        .query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))
}

fn io(error: std::io::Error) -> OpenError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        OpenError::StorageFull
    } else {
        OpenError::Io(error)
    }
}

/// Why SQLite would not open it.
fn refused(error: rusqlite::Error) -> OpenError {
    if is_full(&error) {
        return OpenError::StorageFull;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::WrongKey,
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse,
        _ => OpenError::Database(error),
    }
}
