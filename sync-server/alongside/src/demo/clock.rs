//! The demo's clocks: all of it plays in January 2016.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use alongside_domain::time::Millis;
use alongside_server::clock::SystemClock;

/// A clock that stands where it is set while the week is simulated, and then goes on at the machine's
/// pace while somebody looks at the pages.
#[derive(Debug)]
pub(crate) struct StageClock {
    at: AtomicI64,
    running: AtomicBool,
}

impl StageClock {
    /// A clock that stands at this time.
    pub(crate) fn standing_at(at: Millis) -> Self {
        Self { at: AtomicI64::new(at.0), running: AtomicBool::new(false) }
    }

    /// Sets the time; a standing clock only ever goes forward.
    pub(crate) fn set(&self, at: Millis) {
        self.at.fetch_max(at.0, Ordering::SeqCst);
    }

    /// Lets it go on from where it stands.
    pub(crate) fn run(&self) {
        let machine = alongside_server::clock::Clock::now(&SystemClock);
        let offset = self.at.load(Ordering::SeqCst) - machine.0;
        self.at.store(offset, Ordering::SeqCst);
        self.running.store(true, Ordering::SeqCst);
    }
}

impl alongside_server::clock::Clock for StageClock {
    fn now(&self) -> Millis {
        let at = self.at.load(Ordering::SeqCst);
        if self.running.load(Ordering::SeqCst) {
            Millis(alongside_server::clock::Clock::now(&SystemClock).0 + at)
        } else {
            Millis(at)
        }
    }
}

#[cfg(test)]
mod tests {
    use alongside_server::clock::Clock as _;

    use super::*;

    #[test]
    fn it_stands_until_it_runs() {
        let clock = StageClock::standing_at(Millis(5_000));
        assert_eq!(clock.now(), Millis(5_000));
        clock.set(Millis(4_000));
        assert_eq!(clock.now(), Millis(5_000), "a standing clock never goes back");
        clock.set(Millis(6_000));
        clock.run();
        assert!((6_000..66_000).contains(&clock.now().0));
    }
}
