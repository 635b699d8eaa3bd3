//! Connections for reading: a few, lent to one reader each.
//!
//! Whoever comes when all are lent waits. A connection more would be no quicker (the machine has few
//! cores), and opening one costs more than most questions: it reads the schema and prepares every
//! statement again.

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

use rusqlite::{Connection, Transaction};

use super::{StoreError, lock, open};

/// Most connections.
const MOST: usize = 8;

/// The pool.
pub(super) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    lent: usize,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `work` on one state of the store. `work` must not read again: it holds a connection.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lent = self.lend();
        let mut connection = match lent.connection.take() {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let tx = connection.transaction()?;
        let value = work(&tx)?;
        tx.finish()?;
        // One that failed is not used again.
        lent.connection = Some(connection);
        Ok(value)
    }

    fn lend(&self) -> Lent<'_> {
        let mut pool = lock(&self.pool);
        while pool.lent >= MOST {
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
        pool.lent += 1;
        Lent { readers: self, connection: pool.idle.pop() }
    }
}

/// A place among the readers; given back also where the reading fails or panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = lock(&self.readers.pool);
        pool.lent -= 1;
        pool.idle.extend(self.connection.take());
        drop(pool);
        self.readers.returned.notify_one();
    }
}
