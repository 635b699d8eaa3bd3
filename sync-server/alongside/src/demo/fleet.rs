//! The phones of the demo: each a real phone core with its own encrypted file, its own clock and its
//! own person.

use std::{path::Path, sync::Arc};

use alongside_core::{Key, Phone, Profile, clock::ManualClock, sync::SyncOutcome};
use alongside_domain::{ids::PersonId, programme::Programme, sync::Status, time::Millis};
use alongside_server::{people, store::Store};
use anyhow::{Context, Result, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;

use super::{generate::Chance, line::Line, week::Work};

/// How long an enrolment code of the demo is good for.
const CODE_VALID_MS: i64 = 60 * 60 * 1_000;
/// Tries before a phone that cannot sync over the good line counts as a failure of the demo.
const TRIES: usize = 60;

/// One phone with its person.
pub(crate) struct Handset {
    /// Index of the person in the world.
    pub(crate) person: usize,
    /// The person's id.
    pub(crate) id: PersonId,
    /// The phone's core.
    pub(crate) phone: Phone,
    /// The phone's own clock.
    pub(crate) clock: Arc<ManualClock>,
    /// How far its clock is wrong, in milliseconds.
    pub(crate) skew_ms: i64,
    /// What was done on it.
    pub(crate) work: Work,
}

/// What a number of sync runs came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) round_trips: u64,
    pub(crate) failures: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) received: u64,
}

impl Tally {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            round_trips: self.round_trips + other.round_trips,
            failures: self.failures + other.failures,
            bytes_sent: self.bytes_sent + other.bytes_sent,
            bytes_received: self.bytes_received + other.bytes_received,
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            received: self.received + other.received,
        }
    }

    fn add(&mut self, outcome: &SyncOutcome) {
        self.round_trips += u64::from(outcome.round_trips);
        self.failures += u64::from(outcome.failures);
        self.bytes_sent += outcome.bytes_sent;
        self.bytes_received += outcome.bytes_received;
        self.accepted += u64::from(outcome.accepted);
        self.refused += u64::from(outcome.refused);
        self.received += u64::from(outcome.received);
    }
}

impl Handset {
    /// Makes a phone and enrols it with a one-time code over the line.
    pub(crate) async fn enrolled(
        folder: &Path,
        person: (usize, PersonId),
        programme: &Arc<Programme>,
        store: &Store,
        line: &Line,
        chance: &mut Chance,
        now: Millis,
    ) -> Result<Self> {
        let (index, id) = person;
        let clock = Arc::new(ManualClock::new(now));
        let profile = Profile::new(
            folder.join(format!("phone-{index:03}")),
            Key::new(chance.bytes()),
            Arc::clone(programme),
            Arc::clone(&clock) as _,
            Box::new(ChaCha8Rng::from_seed(chance.bytes())),
        );
        let phone = Phone::create(profile).context("a phone of the demo could not be made")?;
        let code = people::enrolment_code(store, now, id, CODE_VALID_MS).context("no enrolment code")?;
        let server = format!("http://{}", line.address);
        let name = format!("Demo phone {index}");
        phone.sync().enrol(&server, &code.reveal(), &name).await.context("a phone could not be enrolled")?;
        // One phone in nine has a clock that is seven minutes fast: its changes are marked, not refused.
        let skew_ms = if chance.happens(0.11) { 7 * 60 * 1_000 } else { 0 };
        Ok(Self { person: index, id, phone, clock, skew_ms, work: Work::default() })
    }

    /// Sets the phone's clock to what it believes the time is.
    pub(crate) fn set_clock(&self, now: Millis) {
        self.clock.set(Millis(now.0 + self.skew_ms));
    }
}

/// One try on each of these phones, all at the same time; the line may fail them.
pub(crate) async fn try_once(phones: impl Iterator<Item = &Handset>) -> Result<Tally> {
    let mut tasks = JoinSet::new();
    for handset in phones {
        let phone = handset.phone.clone();
        tasks.spawn(async move { phone.sync().sync_once().await });
    }
    let mut tally = Tally::default();
    while let Some(outcome) = tasks.join_next().await {
        tally.add(&outcome.context("a sync ended in a panic")?.context("a phone could not sync")?);
    }
    Ok(tally)
}

/// Syncs each phone until it is up to date.
pub(crate) async fn until_up_to_date(phones: impl Iterator<Item = &Handset>) -> Result<Tally> {
    let mut tasks = JoinSet::new();
    for handset in phones {
        let phone = handset.phone.clone();
        tasks.spawn(async move {
            let mut tally = Tally::default();
            for _ in 0..TRIES {
                let outcome = phone.sync().sync_once().await.context("a phone could not sync")?;
                tally.add(&outcome);
                if matches!(outcome.status, Status::UpToDate { .. }) && outcome.waiting == 0 {
                    return Ok(tally);
                }
                if let Status::Stopped(code) = outcome.status {
                    bail!("a phone was stopped by the server: {code:?}");
                }
            }
            bail!("a phone is not up to date after {TRIES} tries")
        });
    }
    let mut tally = Tally::default();
    while let Some(outcome) = tasks.join_next().await {
        tally = tally.and(outcome.context("a sync ended in a panic")??);
    }
    Ok(tally)
}
