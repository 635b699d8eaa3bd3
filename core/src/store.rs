//! The encrypted store: one writer thread that owns its connection, a small pool of readers.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, channel, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    error::{ApiError, OpenError},
    media::vault::Vault,
};

pub(crate) mod around;
pub(crate) mod beside;
pub(crate) mod desk;
pub(crate) mod documents;
pub(crate) mod findings;
pub(crate) mod found_by;
pub(crate) mod groups;
mod installation;
pub(crate) mod key;
pub(crate) mod known;
pub(crate) mod log;
pub(crate) mod open;
pub(crate) mod projection;
pub(crate) mod readers;
pub(crate) mod rebuild;
pub(crate) mod relatives;
pub(crate) mod rows;
pub(crate) mod state;
pub(crate) mod tally;
pub(crate) mod units;

use desk::Desk;
use key::Key;
use readers::Readers;

/// Work for the writer.
type Job = Box<dyn FnOnce(&mut Connection, &mut Desk) + Send>;

/// How many writes may queue before a caller has to wait.
const QUEUE: usize = 64;

/// The store of one profile.
pub(crate) struct Store {
    queue: Mutex<Option<SyncSender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    /// How many transactions were written since it was opened.
    written: Arc<AtomicU64>,
    /// The files of attachments.
    vault: Arc<Vault>,
    /// Held for as long as the store is open.
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Opens the store in this folder, with the schema brought up to date.
    pub(crate) fn open(
        dir: &Path,
        key: Key,
        create: bool,
        most_bytes: Option<u64>,
        installation: &Path,
        mut desk: Desk,
    ) -> Result<Self, OpenError> {
        let (lock, mut connection) = open::open(dir, &key, create, installation, &mut desk)?;
        if let Some(bytes) = most_bytes {
            open::limit(&connection, bytes)?;
        }
        rebuild::keep_up(&mut connection, &desk.programme);
        let vault = desk.vault().clone();
        let (sender, receiver) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("alongside-writer".to_owned())
            .spawn(move || write_jobs(connection, desk, &receiver))
            .map_err(OpenError::Io)?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            readers: Readers::new(open::database(dir), key),
            written: Arc::default(),
            vault,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Does this in one transaction on the writer thread; returns once it is durable. An error, or a
    /// panic, leaves everything as it was.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Desk) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let written = Arc::clone(&self.written);
        self.on_writer(move |connection, desk| {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let result = work(&tx, desk)?;
                tally::settle(&tx)?;
                tx.commit()?;
                // After the commit: whoever reads a number that counts it reads what it wrote.
                written.fetch_add(1, Ordering::AcqRel);
                Ok(result)
            }));
            let outcome = outcome.unwrap_or_else(|_| Err(ApiError::unexpected("panic")));
            if outcome.is_err() {
                // Documents in memory may be ahead of the log that was rolled back.
                desk.documents.clear();
            }
            outcome
        })
    }

    /// Does this as [`Store::write`] does, unless something was written after this many transactions: then it
    /// says so to the work, and what was read before may be no longer so.
    pub(crate) fn write_after<T: Send + 'static>(
        &self,
        written: u64,
        work: impl FnOnce(&Transaction<'_>, &mut Desk, bool) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let now = Arc::clone(&self.written);
        // Only the writer counts, and this runs on the writer.
        self.write(move |tx, desk| work(tx, desk, now.load(Ordering::Acquire) == written))
    }

    /// How many transactions were written: to be asked before reading what [`Store::write_after`] relies on.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Does this with the writer's connection, outside a transaction.
    pub(crate) fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &mut Desk) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let queue = held(&self.queue).clone().ok_or(ApiError::Closed)?;
        let (answer, result) = channel();
        let job: Job = Box::new(move |connection, desk| {
            // Nobody waits any longer: the work is done all the same.
            let _ = answer.send(work(connection, desk));
        });
        queue.send(job).map_err(|_| ApiError::Closed)?;
        drop(queue);
        result.recv().map_err(|_| ApiError::Closed)?
    }

    /// The files of attachments.
    pub(crate) fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// Reads from one consistent state.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.readers.read(work)
    }

    /// Reads with a connection of its own, with nothing remembered from earlier reads.
    pub(crate) fn read_afresh<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.readers.read_afresh(work)
    }

    /// Lets go of what a sleeping app should not hold: readers, and the write-ahead log.
    pub(crate) fn pause(&self) -> Result<(), ApiError> {
        self.readers.rest();
        self.on_writer(|connection, _| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    /// Ends the writer and the readers, then frees the profile.
    pub(crate) fn close(&self) {
        self.readers.close();
        held(&self.queue).take();
        if let Some(writer) = held(&self.writer).take() {
            // A panic of the writer has been answered where it happened.
            let _ = writer.join();
        }
        held(&self.lock).take();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// The lock's content, also where another thread panicked while it held it: nothing is half done there.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_jobs(mut connection: Connection, mut desk: Desk, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        if catch_unwind(AssertUnwindSafe(|| job(&mut connection, &mut desk))).is_err() {
            desk.documents.clear();
            tracing::error!("a write failed with a panic; it was undone");
        }
    }
}
