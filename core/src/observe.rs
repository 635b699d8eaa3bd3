//! Being told that something changed.

use alongside_domain::sync::Status;
use tokio::sync::watch;

/// What an observer sees: enough to know whether to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Grows with every durable change on this phone, saved here or received.
    pub revision: u64,
    /// Changes that wait to be sent.
    pub waiting: u32,
    /// How sync stands, once it was tried.
    pub sync: Option<Status>,
    /// Attachments that wait to be sent.
    pub attachments: u32,
    /// Bytes of them that the server does not hold.
    pub attachment_bytes: u64,
}

/// A subscription: the current value first, then the newest after each change (bursts are one).
#[derive(Debug)]
pub struct Subscription {
    receiver: watch::Receiver<Pulse>,
}

impl Subscription {
    /// The current value at the first call, then the next one; `None` once the profile is closed.
    pub async fn next(&mut self) -> Option<Pulse> {
        self.receiver.changed().await.ok()?;
        // A value that nobody has seen may outlive its sender; after closing it is not shown.
        self.receiver.has_changed().ok()?;
        Some(*self.receiver.borrow_and_update())
    }
}

/// Where pulses come from.
#[derive(Debug)]
pub(crate) struct Heart {
    sender: std::sync::Mutex<Option<watch::Sender<Pulse>>>,
}

impl Heart {
    pub(crate) fn new(waiting: u32) -> Self {
        let (sender, _) =
            watch::channel(Pulse { revision: 0, waiting, sync: None, attachments: 0, attachment_bytes: 0 });
        Self { sender: std::sync::Mutex::new(Some(sender)) }
    }

    fn with<T>(&self, act: impl FnOnce(&watch::Sender<Pulse>) -> T) -> Option<T> {
        let sender = self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sender.as_ref().map(act)
    }

    /// A new subscription; `None` after closing.
    pub(crate) fn subscribe(&self) -> Option<Subscription> {
        self.with(|sender| {
            let mut receiver = sender.subscribe();
            receiver.mark_changed();
            Subscription { receiver }
        })
    }

    /// Something is durable.
    pub(crate) fn changed(&self, waiting: u32) {
        self.with(|sender| {
            sender.send_modify(|pulse| {
                pulse.revision += 1;
                pulse.waiting = waiting;
            });
        });
    }

    /// So many attachments wait, with so many bytes; told where that is something new.
    pub(crate) fn attachments(&self, waiting: u32, bytes: u64) {
        self.with(|sender| {
            sender.send_if_modified(|pulse| {
                let is_new = (pulse.attachments, pulse.attachment_bytes) != (waiting, bytes);
                (pulse.attachments, pulse.attachment_bytes) = (waiting, bytes);
                is_new
            });
        });
    }

    /// Sync stands differently.
    pub(crate) fn sync(&self, status: Status) {
        self.with(|sender| sender.send_modify(|pulse| pulse.sync = Some(status)));
    }

    /// The newest value; `None` after closing.
    pub(crate) fn current(&self) -> Option<Pulse> {
        self.with(|sender| *sender.borrow())
    }

    /// Ends every subscription.
    pub(crate) fn close(&self) {
        self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }
}
