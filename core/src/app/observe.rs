//! Telling an app's screens that something changed, in order, and never after the end.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::runtime::Handle;

use super::sync::SyncState;
use crate::observe::{self, Pulse};

/// What an observer is told: enough to know whether to ask for its screen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseView {
    /// Grows with every durable change on this phone, saved here or received.
    pub revision: u64,
    /// Changes that wait to be sent.
    pub waiting: u32,
    /// How sync stands, once it was tried.
    pub sync: Option<SyncState>,
    /// Attachments that wait to be sent.
    pub attachments: u32,
    /// Bytes of them that the server does not hold.
    pub attachment_bytes: u64,
}

impl From<Pulse> for PulseView {
    fn from(Pulse { revision, waiting, sync, attachments, attachment_bytes }: Pulse) -> Self {
        Self { revision, waiting, sync: sync.map(SyncState::from), attachments, attachment_bytes }
    }
}

/// Somebody who is told. Called from a thread of the core, one call at a time.
pub trait Observer: Send + Sync + 'static {
    /// The current value at first, then the newest after each change; several changes may be one call.
    fn changed(&self, pulse: PulseView);
}

/// A running observation. Ends with [`Subscription::stop`], with its profile, or when it is dropped.
pub struct Subscription {
    gate: Arc<Gate>,
    task: tokio::task::AbortHandle,
}

impl Subscription {
    /// Ends the observation: the observer is not called after this returns. Called by an observer
    /// itself, it does not wait for the call that it is in.
    pub fn stop(&self) {
        self.gate.shut();
        self.task.abort();
    }

    pub(crate) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Whoever drops it may be a collector of garbage, which must not wait.
        self.gate.ended.store(true, Ordering::SeqCst);
        self.task.abort();
    }
}

thread_local! {
    /// Whether this thread is inside an observer's call.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the caller is an observer: it must not wait for its own end.
pub(crate) fn is_telling() -> bool {
    TELLING.get()
}

/// What every call of one observer passes.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    ended: AtomicBool,
    /// Held during a call.
    call: Mutex<()>,
}

impl Gate {
    /// Lets no further call pass, and waits for the one under way.
    pub(crate) fn shut(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if !is_telling() {
            drop(self.call.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn tell(&self, observer: &dyn Observer, pulse: PulseView) {
        let _call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.ended.load(Ordering::SeqCst) {
            TELLING.set(true);
            observer.changed(pulse);
            TELLING.set(false);
        }
    }
}

/// Starts telling an observer.
pub(crate) fn start(
    runtime: &Handle,
    mut pulses: observe::Subscription,
    observer: Arc<dyn Observer>,
) -> Subscription {
    let gate = Arc::new(Gate::default());
    let shared = gate.clone();
    let task = runtime.spawn(async move {
        while let Some(pulse) = pulses.next().await {
            let (gate, observer) = (shared.clone(), observer.clone());
            // An observer may take its time: it has a thread that nothing else waits for.
            let told = tokio::task::spawn_blocking(move || gate.tell(observer.as_ref(), pulse.into())).await;
            if told.is_err() || shared.ended.load(Ordering::SeqCst) {
                return;
            }
        }
    });
    Subscription { gate, task: task.abort_handle() }
}
