//! The writing thread: many requests, one commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use alongside_domain::{ids::ActorId, programme::Programme};
use jiff::civil::Date;
use rusqlite::Transaction;
use tokio::sync::oneshot;

use super::{IngestError, Job, PushOutcome, local, push};
use crate::{
    clock::Clock,
    holders,
    store::{Store, StoreError, log::Appender},
};

/// Requests that become durable with one commit.
const BATCH: usize = 64;
/// How often the thread looks, when idle, whether another process has written.
const LOOK_AROUND: Duration = Duration::from_secs(1);

pub(super) struct Batcher {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) programme: Arc<Programme>,
    pub(super) late_work_ms: i64,
    pub(super) actor: ActorId,
}

/// The answer to a job, held back until the commit.
enum Done {
    Push(oneshot::Sender<Result<PushOutcome, IngestError>>, Result<PushOutcome, IngestError>),
    Local(oneshot::Sender<Result<Vec<Option<u64>>, IngestError>>, Result<Vec<Option<u64>>, IngestError>),
}

impl Done {
    /// Sends the answer; whoever went away meanwhile sends again and gets `have`.
    fn tell(self, commit: &Result<(), StoreError>) {
        match (self, commit) {
            (Self::Push(reply, result), Ok(())) => drop(reply.send(result)),
            (Self::Local(reply, result), Ok(())) => drop(reply.send(result)),
            (Self::Push(reply, _), Err(error)) => drop(reply.send(Err(error.clone().into()))),
            (Self::Local(reply, _), Err(error)) => drop(reply.send(Err(error.clone().into()))),
        }
    }
}

impl Batcher {
    pub(super) fn run(&self, jobs: &Receiver<Job>) {
        // The day as of which access follows from who has a unit.
        let mut day = None;
        loop {
            self.turn(&mut day);
            let first = match jobs.recv_timeout(LOOK_AROUND) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.store.refresh_head() {
                        tracing::warn!(%error, "the store could not be read");
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut batch = vec![first];
            batch.extend(jobs.try_iter().take(BATCH - 1));
            // A fault in one batch must not end all writing: its requests are told that the server
            // failed, and nothing of it was kept.
            if catch_unwind(AssertUnwindSafe(|| self.commit(batch))).is_err() {
                tracing::error!("a batch of writes panicked and was rolled back");
            }
        }
    }

    fn today(&self) -> Date {
        self.programme.day(self.clock.now())
    }

    /// Lets access follow the day, once each day. What fails is tried again before the next batch.
    fn turn(&self, day: &mut Option<Date>) {
        let today = self.today();
        if *day == Some(today) {
            return;
        }
        let turned = catch_unwind(AssertUnwindSafe(|| {
            self.store.write(|tx| {
                let mut log = Appender::new(tx, self.clock.now())?;
                holders::turn(&mut log, &self.programme, Some(self.actor), today)
            })
        }));
        match turned {
            Ok(Ok(_)) => *day = Some(today),
            Ok(Err(error)) => tracing::warn!(%error, "who has what could not follow the day yet"),
            Err(_) => tracing::error!("letting access follow the day panicked and was rolled back"),
        }
    }

    fn commit(&self, batch: Vec<Job>) {
        let mut done = Vec::with_capacity(batch.len());
        let size = batch.len();
        let commit = self.store.write(|tx| {
            let mut broken: Option<StoreError> = None;
            for job in batch {
                let failed = match job {
                    Job::Push { push, reply } => {
                        let result = match broken.clone() {
                            Some(error) => Err(error.into()),
                            None => apart(tx, || {
                                let own = (self.actor, self.late_work_ms);
                                push::commit(tx, self.clock.now(), &self.programme, own, &push)
                            }),
                        };
                        let failed = fatal(tx, &result);
                        done.push(Done::Push(reply, result));
                        failed
                    }
                    Job::Local { batch, reply } => {
                        let result = match broken.clone() {
                            Some(error) => Err(error.into()),
                            None => apart(tx, || local::commit(tx, self.today(), batch)),
                        };
                        let failed = fatal(tx, &result);
                        done.push(Done::Local(reply, result));
                        failed
                    }
                };
                broken = broken.or(failed);
            }
            broken.map_or(Ok(()), Err)
        });
        match &commit {
            Ok(()) => tracing::debug!(size, "batch committed"),
            Err(error) => tracing::error!(size, %error, "batch not committed"),
        }
        for answer in done {
            answer.tell(&commit);
        }
    }
}

/// Runs one job so that its failure undoes only itself.
fn apart<T>(tx: &Transaction<'_>, job: impl FnOnce() -> Result<T, IngestError>) -> Result<T, IngestError> {
    tx.execute_batch("SAVEPOINT job").map_err(StoreError::from)?;
    match job() {
        Ok(value) => {
            tx.execute_batch("RELEASE job").map_err(StoreError::from)?;
            Ok(value)
        }
        Err(error) => {
            // On a full disk SQLite undoes the whole transaction by itself: nothing is left to undo.
            if !tx.is_autocommit() {
                tx.execute_batch("ROLLBACK TO job; RELEASE job").map_err(StoreError::from)?;
            }
            Err(error)
        }
    }
}

/// A failure that no other job of the batch would survive either: what came after it would be written
/// outside the transaction, were that gone.
fn fatal<T>(tx: &Transaction<'_>, result: &Result<T, IngestError>) -> Option<StoreError> {
    match result {
        Err(IngestError::Store(StoreError::Unexpected(_))) if !tx.is_autocommit() => None,
        Err(IngestError::Store(error)) => Some(error.clone()),
        _ => None,
    }
}
