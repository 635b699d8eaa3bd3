//! Where the server gets the time from.

use std::sync::atomic::{AtomicI64, Ordering};

use alongside_domain::time::Millis;

/// The time, as this process takes it.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Millis;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        #[expect(clippy::disallowed_methods, reason = "the one place where the server reads the clock")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that goes at the machine's pace from another date: the demo plays in 2016.
#[derive(Debug, Clone, Copy)]
pub struct OffsetClock {
    offset_ms: i64,
}

impl OffsetClock {
    /// A clock that shows `now` at this moment.
    #[must_use]
    pub fn starting_at(now: Millis) -> Self {
        Self { offset_ms: now.0.saturating_sub(SystemClock.now().0) }
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> Millis {
        Millis(SystemClock.now().0.saturating_add(self.offset_ms))
    }
}

/// A clock that stands until it is set: for tests and for simulated weeks.
#[derive(Debug, Default)]
pub struct SetClock {
    now: AtomicI64,
}

impl SetClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self { now: AtomicI64::new(now.0) }
    }

    /// Sets the time.
    pub fn set(&self, now: Millis) {
        self.now.store(now.0, Ordering::SeqCst);
    }

    /// Moves the time on.
    pub fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Millis {
        (**self).now()
    }
}
