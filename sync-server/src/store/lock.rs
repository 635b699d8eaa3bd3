//! Who has the store open. Every process that works on a store shares a lock on a file beside it; what
//! replaces the store holds that lock alone. SQLite's own locks are inside the file that is replaced.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use super::StoreError;

/// How long a process waits while another one makes or replaces the store.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a restore waits: a process that has just started another one shares its open files, and so
/// its locks, with it until that one runs.
const MOMENT: Duration = Duration::from_millis(250);
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

/// Held for as long as the store is open; the system lets go of it when the process ends, however that
/// comes about.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file lets go of the lock")] File);

/// Takes a part in the lock.
pub(crate) fn shared(store: &Path) -> Result<Lock, StoreError> {
    let file = open(store)?;
    wait(PATIENCE, || file.try_lock_shared())?;
    Ok(Lock(file))
}

/// Takes the whole lock, waiting for a process that is about to end.
pub(crate) fn alone(store: &Path) -> Result<Lock, StoreError> {
    let file = open(store)?;
    wait(PATIENCE, || file.try_lock())?;
    Ok(Lock(file))
}

/// Takes the whole lock where nobody works on the store, or lets go of it in a moment.
pub(crate) fn alone_soon(store: &Path) -> Result<Lock, StoreError> {
    let file = open(store)?;
    wait(MOMENT, || file.try_lock())?;
    Ok(Lock(file))
}

/// Takes the whole lock, or says at once that somebody works on the store.
pub(crate) fn alone_now(store: &Path) -> Result<Lock, StoreError> {
    let file = open(store)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn open(store: &Path) -> Result<File, StoreError> {
    let path = super::beside(store, ".lock");
    // A store that may only be read has a lock file that may only be read.
    match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
        Ok(file) => Ok(file),
        Err(error) => Ok(File::open(&path).map_err(|_| error)?),
    }
}

fn wait(patience: Duration, mut lock: impl FnMut() -> Result<(), TryLockError>) -> Result<(), StoreError> {
    let since = Instant::now();
    loop {
        match lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if since.elapsed() < patience => {
                std::thread::sleep(BETWEEN_TRIES);
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}
