//! A phone of the fleet: a real core, an engine that is driven step by step, a clock of its own.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_core::{ApiError, Key, Phone, Profile, clock::ManualClock, sync::Sent};
use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    programme::Programme,
    sync::{Effect, Engine, Event, Failure, Status},
    time::Millis,
    wire::{SyncAnswer, SyncRequest},
};
use anyhow::{Context, Result, bail};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::server::{Server, copy_database};

const FILE: &str = "alongside.db";

/// One installation.
pub(super) struct Handset {
    pub(super) name: String,
    pub(super) person: PersonId,
    pub(super) device: DeviceId,
    pub(super) token: String,
    pub(super) revoked: bool,
    /// How far its clock is off, in milliseconds.
    pub(super) skew: i64,
    /// Most bytes that a request carries, each way.
    pub(super) most_bytes: (u32, u32),
    key: [u8; 32],
    root: PathBuf,
    generation: u32,
    programme: Arc<Programme>,
    clock: Arc<ManualClock>,
    phone: Option<Phone>,
    engine: Engine,
    todo: VecDeque<Effect>,
    sent: Sent,
    pub(super) status: Option<Status>,
}

/// A copy of a phone's file, and how many values it had saved by then.
pub(super) struct PhoneCopy {
    folder: PathBuf,
    pub(super) saved: usize,
}

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Something was done; more is to do.
    Going,
    /// The engine rests.
    Rests,
}

impl Handset {
    pub(super) fn enrolled(
        folder: &Path,
        number: usize,
        person: PersonId,
        programme: &Arc<Programme>,
        server: &Server,
        rng: &mut ChaCha8Rng,
        now: Millis,
    ) -> Result<Self> {
        let mut handset = Self {
            name: format!("phone {number}"),
            person,
            device: DeviceId([0; 16]),
            token: String::new(),
            revoked: false,
            skew: 0,
            most_bytes: (u32::MAX, u32::MAX),
            key: rng.random(),
            root: folder.join(format!("phone-{number}")),
            generation: 0,
            programme: Arc::clone(programme),
            clock: Arc::new(ManualClock::new(now)),
            phone: None,
            engine: Engine::default(),
            todo: VecDeque::new(),
            sent: Sent::default(),
            status: None,
        };
        let phone = Phone::create(handset.profile(rng)).context("a phone could not be made")?;
        let (request, _, _) = phone.sync().prepare(0, 0)?;
        let answer = server.enrol(person, request.actor, now)?;
        phone.sync().accept_enrolment("https://alongside.example", &answer)?;
        handset.device = answer.device;
        handset.token = answer.token;
        handset.phone = Some(phone);
        Ok(handset)
    }

    fn dir(&self) -> PathBuf {
        self.root.join(self.generation.to_string())
    }

    fn profile(&self, rng: &mut ChaCha8Rng) -> Profile {
        Profile::new(
            self.dir(),
            Key::new(self.key),
            Arc::clone(&self.programme),
            Arc::clone(&self.clock) as _,
            // What a phone draws after it was opened is new, as the system's randomness is.
            Box::new(ChaCha8Rng::from_seed(rng.random())),
        )
    }

    pub(super) fn phone(&self) -> Result<&Phone> {
        self.phone.as_ref().context("the phone is closed")
    }

    pub(super) fn set_clock(&self, now: Millis) {
        self.clock.set(Millis(now.0.saturating_add(self.skew)));
    }

    fn forget_process(&mut self) {
        self.engine = Engine::default();
        self.todo.clear();
        self.sent = Sent::default();
        self.status = None;
    }

    /// Closes it in order and opens it again.
    pub(super) fn reopen(&mut self, rng: &mut ChaCha8Rng) -> Result<()> {
        if let Some(phone) = self.phone.take() {
            phone.close();
        }
        self.forget_process();
        self.phone = Some(Phone::open(self.profile(rng)).context("a phone does not open again")?);
        Ok(())
    }

    /// Kills it: what opens again is what is on the disk at this moment.
    pub(super) fn kill(&mut self, rng: &mut ChaCha8Rng) -> Result<()> {
        let from = self.dir();
        self.generation += 1;
        self.bring(&from.join(FILE))?;
        self.reopen(rng)
    }

    fn bring(&self, from: &Path) -> Result<()> {
        fs::create_dir_all(self.dir())?;
        copy_database(from, &self.dir().join(FILE))
    }

    /// Copies its file as a backup of the device would.
    pub(super) fn copy(&self, number: usize, saved: usize) -> Result<PhoneCopy> {
        let folder = self.root.join(format!("copy-{number}"));
        fs::create_dir_all(&folder)?;
        copy_database(&self.dir().join(FILE), &folder.join(FILE))?;
        Ok(PhoneCopy { folder, saved })
    }

    /// Puts an older copy in the place of its file.
    pub(super) fn restore(&mut self, copy: &PhoneCopy, rng: &mut ChaCha8Rng) -> Result<()> {
        self.generation += 1;
        self.bring(&copy.folder.join(FILE))?;
        self.reopen(rng)
    }

    /// A second phone that starts as this one is now.
    pub(super) fn clone_to(&self, folder: &Path, number: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let mut clone = Self {
            name: format!("phone {number} (clone of {})", self.name),
            person: self.person,
            device: self.device,
            token: self.token.clone(),
            revoked: self.revoked,
            skew: self.skew,
            most_bytes: self.most_bytes,
            key: self.key,
            root: folder.join(format!("phone-{number}")),
            generation: 0,
            programme: Arc::clone(&self.programme),
            clock: Arc::new(ManualClock::new(Millis(0))),
            phone: None,
            engine: Engine::default(),
            todo: VecDeque::new(),
            sent: Sent::default(),
            status: None,
        };
        clone.bring(&self.dir().join(FILE))?;
        clone.reopen(rng)?;
        Ok(clone)
    }

    /// Performs the next thing that the engine wants. `send` is the network.
    pub(super) fn step(
        &mut self,
        now: Millis,
        random: u64,
        send: impl FnOnce(&str, &SyncRequest) -> Result<Result<Box<SyncAnswer>, Failure>>,
    ) -> Result<Step> {
        if self.todo.is_empty() {
            self.todo.extend(self.engine.handle(now, random, Event::Wanted));
        }
        let phone = self.phone.clone().context("the phone is closed")?;
        while let Some(effect) = self.todo.pop_front() {
            let event = match effect {
                Effect::SetTimer(_) => continue,
                Effect::Report(status) => {
                    self.status = Some(status);
                    continue;
                }
                Effect::Prepare { push_bytes, pull_bytes, rows_only } => {
                    let (push, pull) = (push_bytes.min(self.most_bytes.0), pull_bytes.min(self.most_bytes.1));
                    let (request, sent, left) = match rows_only {
                        false => phone.sync().prepare(push, pull)?,
                        true => phone.sync().prepare_in_rows(push, pull)?,
                    };
                    self.sent = sent;
                    Event::Prepared { request: Box::new(request), left }
                }
                Effect::Send(request) => match send(&self.token, &request)? {
                    Ok(answer) => Event::Answered(answer),
                    Err(failure) => Event::Failed(failure),
                },
                Effect::Apply(answer) => match phone.sync().apply(&std::mem::take(&mut self.sent), &answer) {
                    Ok((waiting, again)) => Event::Applied { waiting, again },
                    Err(ApiError::ServerRefused(code)) => Event::Failed(Failure::Refused(code)),
                    Err(error) => {
                        return Err(error).with_context(|| format!("{} could not keep an answer", self.name));
                    }
                },
            };
            self.todo.extend(self.engine.handle(now, random, event));
            let rests =
                self.todo.iter().all(|effect| matches!(effect, Effect::Report(_) | Effect::SetTimer(_)));
            if rests {
                for effect in self.todo.drain(..) {
                    if let Effect::Report(status) = effect {
                        self.status = Some(status);
                    }
                }
            }
            return Ok(if rests { Step::Rests } else { Step::Going });
        }
        Ok(Step::Rests)
    }

    /// Syncs over a good line until the engine rests, whatever it rests on.
    pub(super) fn sync(
        &mut self,
        now: Millis,
        rng: &mut ChaCha8Rng,
        mut send: impl FnMut(&str, &SyncRequest) -> Result<Result<Box<SyncAnswer>, Failure>>,
    ) -> Result<()> {
        for _ in 0..5_000 {
            if self.step(now, rng.random(), &mut send)? == Step::Rests {
                return Ok(());
            }
        }
        bail!("{} never comes to rest", self.name)
    }

    /// Records on the phone: group and form of each.
    pub(super) fn holds(&self) -> Result<BTreeMap<RecordId, (GroupId, String)>> {
        let mut held = BTreeMap::new();
        for line in self.phone()?.dump_read_model()?.lines() {
            let mut parts = line.split('|');
            if parts.next() != Some("record") {
                continue;
            }
            let mut id = || parts.next().and_then(bytes16).context("a line of the dump");
            let (record, group) = (RecordId(id()?), GroupId(id()?));
            held.insert(record, (group, parts.next().unwrap_or_default().to_owned()));
        }
        Ok(held)
    }

    /// Hashes of all changes of a record here.
    pub(super) fn history(&self, record: RecordId) -> Result<Vec<ChangeHash>> {
        let mut hashes: Vec<_> =
            self.phone()?.records().history(record)?.entries.iter().map(|entry| entry.change).collect();
        hashes.sort_unstable();
        Ok(hashes)
    }
}

fn bytes16(hex: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if hex.len() != 32 {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}
