//! The clock that the core is given: the system's in an app, one set by hand in tests and the demo.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use alongside_domain::time::Millis;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Millis;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        let now = SystemTime::now();
        let since = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        Millis(now.duration_since(UNIX_EPOCH).map_or_else(|before| -since(before.duration()), since))
    }
}

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn new(at: Millis) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Sets it to this time.
    pub fn set(&self, at: Millis) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    /// Moves it on by this many milliseconds.
    pub fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}
