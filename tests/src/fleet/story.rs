//! What happened, for whoever has to find out why a seed failed.

use std::fmt;

use super::{Excluded, Mutant, Told};

/// The events of a run, and its figures.
#[derive(Debug)]
pub(super) struct Story {
    seed: u64,
    lines: Vec<String>,
    pub(super) told: Told,
    /// The deliberate defect of this run.
    pub(super) mutant: Option<Mutant>,
}

impl Story {
    pub(super) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        Self { seed, lines: Vec::new(), told: Told::default(), mutant }
    }

    pub(super) fn tell(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// A fault of this name happened.
    pub(super) fn fault(&mut self, name: &'static str, detail: &str) {
        *self.told.faults.entry(name).or_default() += 1;
        self.tell(format!("! {name} {detail}"));
    }

    /// The story steps aside for this reason.
    pub(super) fn exclude(&mut self, reason: Excluded, detail: &str) {
        *self.told.excluded.entry(reason).or_default() += 1;
        self.tell(format!("- left out ({reason:?}): {detail}"));
    }

    pub(super) fn failed(&self, why: String) -> Failed {
        Failed { seed: self.seed, why, story: self.lines.clone() }
    }
}

/// What did not hold, and the story up to there.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub why: String,
    /// What happened, one line each.
    pub story: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} failed: {}", self.seed, self.why)?;
        for (number, line) in self.story.iter().enumerate() {
            writeln!(f, "{number:4} {line}")?;
        }
        write!(f, "again: FLEET_SEED={} cargo test -p alongside-tests --test fleet", self.seed)
    }
}

impl std::error::Error for Failed {}
