//! A small pool of connections for reading, opened when they are needed.

use std::{
    path::PathBuf,
    sync::{Condvar, Mutex},
};

use rusqlite::{Connection, TransactionBehavior};

use super::{held, key::Key, open};
use crate::error::ApiError;

/// Most connections at once: a screen, a search, and the sync board.
const MOST: usize = 3;

pub(crate) struct Readers {
    path: PathBuf,
    key: Key,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    lent: usize,
    closed: bool,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, key: Key) -> Self {
        Self { path, key, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Reads from one consistent state.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut lent = Lent { readers: self, connection: self.lend()? };
        if lent.connection.is_none() {
            lent.connection = Some(self.open()?);
        }
        let Some(connection) = lent.connection.as_mut() else { return Err(ApiError::Closed) };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&tx)
    }

    /// Reads from one consistent state, with a connection opened for it. SQLite's check of the search
    /// index takes what a connection remembers of the index for what is in the file, and calls an index
    /// damaged that another connection has written to since.
    pub(crate) fn read_afresh<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut lent = Lent { readers: self, connection: self.lend()? };
        lent.connection = None;
        let mut connection = self.open()?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&tx)
    }

    fn open(&self) -> Result<Connection, ApiError> {
        let connection = open::connect(&self.path, &self.key, false)?;
        connection.execute_batch("PRAGMA query_only = ON")?;
        Ok(connection)
    }

    /// Takes an idle connection, or `None` to open one; waits while all are lent.
    fn lend(&self) -> Result<Option<Connection>, ApiError> {
        let mut pool = held(&self.pool);
        loop {
            if pool.closed {
                return Err(ApiError::Closed);
            }
            if pool.lent < MOST {
                pool.lent += 1;
                return Ok(pool.idle.pop());
            }
            pool = self.returned.wait(pool).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Closes idle connections; the next read opens one.
    pub(crate) fn rest(&self) {
        held(&self.pool).idle.clear();
    }

    /// Refuses new reads and waits for those under way.
    pub(crate) fn close(&self) {
        let mut pool = held(&self.pool);
        pool.closed = true;
        pool.idle.clear();
        self.returned.notify_all();
        while pool.lent > 0 {
            pool = self.returned.wait(pool).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

/// Gives the connection back, also when the reading panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = held(&self.readers.pool);
        pool.lent -= 1;
        if let Some(connection) = self.connection.take()
            && !pool.closed
        {
            pool.idle.push(connection);
        }
        self.readers.returned.notify_all();
    }
}
