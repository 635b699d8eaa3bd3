//! How changes get into the feed: judged by the guard on the way in, decided on and numbered by one
//! thread that commits many requests at once.
//!
//! The guard is the expensive part and runs before the queue, on the thread of the request. The
//! transaction checks that the record has not moved since, decides who may write what, gives the
//! numbers, and only after its commit is anything acknowledged.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use alongside_domain::{
    ids::{ActorId, DeviceId, PersonId},
    programme::Programme,
    time::Millis,
    wire::{GroupOpening, OpeningVerdict, PushedChange, Verdict},
};
use tokio::sync::oneshot;

use crate::{
    clock::Clock,
    store::{Store, StoreError, devices},
};

mod batch;
mod judgement;
mod local;
mod push;

pub(crate) use push::{breaks_key, tells_restricted};

pub use judgement::PreparedPush;
pub use local::{LocalProblem, LocalWrite};

/// Requests that may wait for the writing thread.
const QUEUE: usize = 512;
/// Writes of a local batch that become durable together.
pub(crate) const LOCAL_CHUNK: usize = 2_000;

/// How long after a withdrawal changes are still taken, where nothing else is set: two days, so that a
/// phone without a network for a weekend is in time.
const LATE_WORK_MS: i64 = 48 * 3_600_000;

/// Why something was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// Too many requests wait: try again shortly.
    #[error("the server is busy: try again in a moment")]
    Busy,
    /// The server is going down.
    #[error("the server is shutting down: try again when it is back")]
    Stopped,
    /// A write of the server's own does not fit.
    #[error("write {index} of the batch cannot be made: {problem}")]
    Local {
        /// Which write, counted from 0.
        index: usize,
        /// What is wrong.
        problem: LocalProblem,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a push: durable when it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushOutcome {
    /// One per opening, in order.
    pub openings: Vec<OpeningVerdict>,
    /// One per change, in order.
    pub verdicts: Vec<Verdict>,
    /// When the server took it in; `None` where there was nothing to take in.
    pub received_at: Option<Millis>,
    /// The feed numbers given to changes of this push.
    pub accepted: BTreeSet<u64>,
}

/// Who wrote a relayed change, and on which installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) author: PersonId,
    /// `None`: the server itself.
    pub(crate) device: Option<DeviceId>,
}

/// Something for the writing thread.
enum Job {
    Push { push: Box<PreparedPush>, reply: oneshot::Sender<Result<PushOutcome, IngestError>> },
    Local { batch: local::Prepared, reply: oneshot::Sender<Result<Vec<Option<u64>>, IngestError>> },
}

/// The way into the feed. One per process and store.
pub struct Ingest {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    programme: Arc<Programme>,
    actor: ActorId,
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Ingest {
    /// Starts the writing thread and mints this process's actor.
    ///
    /// # Errors
    /// [`StoreError`] where the actor could not be kept, or the system gives no thread.
    pub fn start(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        programme: Arc<Programme>,
    ) -> Result<Self, StoreError> {
        Self::start_with(store, clock, programme, LATE_WORK_MS)
    }

    /// As [`Self::start`]; changes are taken for `late_work_ms` after a withdrawal, then kept for a
    /// coordinator.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        programme: Arc<Programme>,
        late_work_ms: i64,
    ) -> Result<Self, StoreError> {
        let actor = ActorId::random(rand::random());
        store.write(|tx| devices::bind_actor(tx, actor, None))?;
        let (queue, jobs) = sync_channel(QUEUE);
        let batcher = batch::Batcher {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            programme: Arc::clone(&programme),
            late_work_ms,
            actor,
        };
        let thread = std::thread::Builder::new()
            .name("ingest".to_owned())
            .spawn(move || batcher.run(&jobs))
            .map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Self {
            store,
            clock,
            programme,
            actor,
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The actor of changes that this process writes.
    #[must_use]
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// Judges what a device sent. Takes time: not for an async thread.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn prepare(
        &self,
        device: DeviceId,
        person: PersonId,
        openings: Vec<GroupOpening>,
        changes: Vec<PushedChange>,
    ) -> Result<PreparedPush, StoreError> {
        self.store.read(|tx| judgement::prepare(tx, device, person, openings, changes))
    }

    /// As [`Self::prepare`], of changes that others wrote and that this device relays: they were in the feed
    /// before, as a head that the server signed has proved. Who wrote each is said beside it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) fn prepare_relay(
        &self,
        device: DeviceId,
        person: PersonId,
        changes: Vec<PushedChange>,
        origins: Vec<Origin>,
    ) -> Result<PreparedPush, StoreError> {
        let mut push = self.store.read(|tx| judgement::prepare(tx, device, person, Vec::new(), changes))?;
        push.origins = Some(origins);
        Ok(push)
    }

    /// Has a judged push decided, numbered and made durable.
    ///
    /// # Errors
    /// [`IngestError::Busy`] at once where too many wait.
    pub async fn push(&self, push: PreparedPush) -> Result<PushOutcome, IngestError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Push { push: Box::new(push), reply };
        match self.sender()?.try_send(job) {
            Ok(()) => answer.await.map_err(|_| IngestError::Stopped)?,
            Err(TrySendError::Full(_)) => Err(IngestError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(IngestError::Stopped),
        }
    }

    /// Writes for the server itself (import, demo, console), as this author, received now. Up to
    /// 2,000 writes become durable together; more go in several steps. Waits: not for an async
    /// thread. The result has one item per write: the feed number of its change, `None` where it
    /// wrote none.
    ///
    /// # Errors
    /// [`IngestError::Local`] names the write that does not fit; the step it stands in is undone.
    pub fn ingest_local(
        &self,
        author: PersonId,
        writes: Vec<LocalWrite>,
    ) -> Result<Vec<Option<u64>>, IngestError> {
        self.ingest_local_at(author, None, writes)
    }

    /// As [`Self::ingest_local`], with another time of receipt: for a history that is brought along.
    ///
    /// # Errors
    /// As [`Self::ingest_local`].
    pub fn ingest_local_at(
        &self,
        author: PersonId,
        received_at: Option<Millis>,
        writes: Vec<LocalWrite>,
    ) -> Result<Vec<Option<u64>>, IngestError> {
        let mut numbers = Vec::with_capacity(writes.len());
        let mut writes = writes.into_iter();
        loop {
            let chunk: Vec<LocalWrite> = writes.by_ref().take(LOCAL_CHUNK).collect();
            if chunk.is_empty() {
                return Ok(numbers);
            }
            let batch = local::prepare(
                &self.programme,
                self.actor,
                author,
                received_at.unwrap_or_else(|| self.clock.now()),
                numbers.len(),
                chunk,
            )?;
            let (reply, answer) = oneshot::channel();
            self.sender()?.send(Job::Local { batch, reply }).map_err(|_| IngestError::Stopped)?;
            numbers.extend(answer.blocking_recv().map_err(|_| IngestError::Stopped)??);
        }
    }

    /// Whether the writing thread takes work.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Takes nothing more and returns when everything taken is durable.
    pub fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread catches panics of its own work; there is nothing left to report here.
            let _ = thread.join();
        }
    }

    fn sender(&self) -> Result<SyncSender<Job>, IngestError> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(IngestError::Stopped)
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("actor", &self.actor).finish_non_exhaustive()
    }
}
