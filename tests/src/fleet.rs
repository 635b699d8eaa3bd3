//! A fleet of real phone cores against the real server, in one thread, from one seed.
//!
//! Phones are real profiles (SQLCipher files in a temporary folder), the server is its real store,
//! ingest and routes, without a socket. The network between them loses, repeats, delays, replays and
//! cuts what it carries; phones and server are killed, restored from older copies, cloned; clocks are
//! years off; a hostile device pushes changes that it has tampered with. When the story ends, everything
//! is healed, and [`run`] holds the end against what was promised.
//!
//! The server mints ids and tokens from the system's randomness, so those differ between two runs of a
//! seed; what happens, and in which order, does not.
//!
//! # What is left out, by name
//!
//! [`Excluded`] names what the code does not do yet. A story never passes over such a case silently:
//! where one comes up, it is counted under its name in [`Told::excluded`].

use std::collections::BTreeMap;

use anyhow::Result;

mod backups;
mod check;
mod disk;
mod handset;
mod hostile;
mod mutant;
mod network;
mod office;
mod people;
mod plot;
mod programmes;
mod server;
mod story;

pub use mutant::Mutant;
pub use story::Failed;

/// What the present code is known not to do. Each is in the design; the simulation steps aside for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Excluded {
    /// Work that a restored server would lose and that no phone in use holds: neither its author's, nor one
    /// that can prove it. Nothing can bring it back. The simulation does not restore, revoke or lose a
    /// phone at such a moment; and a story has either restored servers or restored and cloned phones, never
    /// both: a clone may take the number of a lost change on which others stand.
    NobodyHolds,
    /// What was in a case that was erased: it has to be gone everywhere, and is not looked for.
    Erased,
    /// The 48 h rule: work that arrives after access was withdrawn is refused, and goes from the phone
    /// with its group. What had not been sent by then is not looked for.
    LateWork,
    /// What only a revoked phone held is not looked for: nobody takes it in for review yet.
    RevokedWork,
    /// What only a phone held that was then lost, or restored from an older copy. Nothing can bring it back;
    /// it is not looked for.
    GoneWithPhone,
}

/// What a story came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Values that phones said were saved.
    pub saved: u32,
    /// Of these, values that had to be at the server in the end, and were.
    pub found: u32,
    /// Requests that reached the server.
    pub requests: u32,
    /// Faults, by name.
    pub faults: BTreeMap<&'static str, u32>,
    /// How often a story stepped aside, by reason.
    pub excluded: BTreeMap<Excluded, u32>,
}

/// Plays the story of a seed and holds its end against what was promised.
///
/// # Errors
/// [`Failed`]: what did not hold, with the story up to there.
pub fn run(seed: u64) -> Result<Told, Failed> {
    run_with(seed, None)
}

/// As [`run`], with a deliberate defect: a story that it comes up in has to fail.
///
/// # Errors
/// As [`run`].
pub fn run_with(seed: u64, mutant: Option<Mutant>) -> Result<Told, Failed> {
    let mut story = story::Story::new(seed, mutant);
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| plot::play(seed, &mut story))) {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(error)) => Err(story.failed(format!("{error:#}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(story.failed(format!("panic: {}", text.unwrap_or_default())))
        }
    }
}
