//! A phone of the fleet: a real core, an engine that is driven step by step, a clock of its own.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_core::{ApiError, Key, Phone, Profile, clock::ManualClock, sync::Sent, views::ReviewOutcome};
use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    programme::Programme,
    sync::{Effect, Engine, Event, Failure, Status},
    time::Millis,
    value::Value,
    wire::{SyncAnswer, SyncRequest},
};
use anyhow::{Context, Result, bail};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    disk::{Disk, copy_database},
    server::Server,
};

const FILE: &str = "alongside.db";
/// Bytes of one page of it.
const PAGE: u64 = 4096;

/// One installation.
pub(super) struct Handset {
    pub(super) name: String,
    pub(super) person: PersonId,
    pub(super) device: DeviceId,
    pub(super) token: String,
    pub(super) revoked: bool,
    /// Lost for good.
    pub(super) gone: bool,
    /// How far its clock is off, in milliseconds.
    pub(super) skew: i64,
    /// Most bytes that a request carries, each way.
    pub(super) most_bytes: (u32, u32),
    key: [u8; 32],
    root: PathBuf,
    generation: u32,
    programme: Arc<Programme>,
    /// Its app is older than packs by column.
    pub(super) is_old: bool,
    /// Bytes that its file may have; `None`: there is room.
    room: Option<u64>,
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
            gone: false,
            skew: 0,
            most_bytes: (u32::MAX, u32::MAX),
            key: rng.random(),
            root: folder.join(format!("phone-{number}")),
            generation: 0,
            programme: Arc::clone(programme),
            is_old: rng.random_bool(0.2),
            room: None,
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
        let profile = Profile::new(
            self.dir(),
            Key::new(self.key),
            Arc::clone(&self.programme),
            Arc::clone(&self.clock) as _,
            // What a phone draws after it was opened is new, as the system's randomness is.
            Box::new(ChaCha8Rng::from_seed(rng.random())),
        );
        Profile { most_bytes: self.room, installation: self.mark(), ..profile }
    }

    /// Somebody works with it.
    pub(super) fn in_use(&self) -> bool {
        !self.revoked && !self.gone
    }

    /// An answer is on its way to its store: what it says is not to be seen there yet.
    pub(super) fn has_an_answer_under_way(&self) -> bool {
        self.todo.iter().any(|effect| matches!(effect, Effect::Apply(_)))
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

    /// The mark of the installation: it stays where it is whatever becomes of the database.
    fn mark(&self) -> PathBuf {
        self.root.join("installation")
    }

    /// What is on its disk.
    pub(super) fn disk(&self) -> Result<Disk> {
        Disk::read(&self.dir().join(FILE))
    }

    /// Kills it somewhere among its writes since `before`: what opens again is what was on the disk by
    /// then. Gives whether it died in the middle of them.
    pub(super) fn die_since(&mut self, before: &Disk, rng: &mut ChaCha8Rng) -> Result<bool> {
        let (disk, torn) = Disk::torn(before, self.disk()?, rng.random());
        self.generation += 1;
        fs::create_dir_all(self.dir())?;
        disk.write(&self.dir().join(FILE))?;
        self.reopen(rng)?;
        Ok(torn)
    }

    /// Leaves room for this many more pages.
    pub(super) fn fill(&mut self, pages: u64, rng: &mut ChaCha8Rng) -> Result<()> {
        self.reopen(rng)?;
        let bytes = fs::metadata(self.dir().join(FILE))?.len();
        self.room = Some(bytes + pages * PAGE);
        self.reopen(rng)
    }

    /// There is room again.
    pub(super) fn empty(&mut self, rng: &mut ChaCha8Rng) -> Result<()> {
        self.room = None;
        self.reopen(rng)
    }

    pub(super) fn is_full(&self) -> bool {
        self.room.is_some()
    }

    pub(super) fn programme(&self) -> &Arc<Programme> {
        &self.programme
    }

    /// Updates the app: it comes with another version of the programme.
    pub(super) fn update(&mut self, programme: &Arc<Programme>, rng: &mut ChaCha8Rng) -> Result<()> {
        self.programme = Arc::clone(programme);
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

    /// Puts an older copy in the place of its file. Every other time the mark of the installation is
    /// still there, as where somebody puts back the file alone: then only the server can tell.
    pub(super) fn restore(&mut self, copy: &PhoneCopy, rng: &mut ChaCha8Rng) -> Result<()> {
        self.generation += 1;
        self.bring(&copy.folder.join(FILE))?;
        if self.generation.is_multiple_of(2) {
            fs::remove_file(self.mark())?;
        }
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
            gone: false,
            skew: self.skew,
            most_bytes: self.most_bytes,
            key: self.key,
            root: folder.join(format!("phone-{number}")),
            generation: 0,
            programme: Arc::clone(&self.programme),
            is_old: self.is_old,
            room: None,
            clock: Arc::new(ManualClock::new(Millis(0))),
            phone: None,
            engine: Engine::default(),
            todo: VecDeque::new(),
            sent: Sent::default(),
            status: None,
        };
        clone.bring(&self.dir().join(FILE))?;
        // Every other clone has the mark of the installation too, and only the server can tell.
        if number.is_multiple_of(2) {
            fs::copy(self.mark(), clone.mark())?;
        }
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
                    let (request, sent, left) = match rows_only || self.is_old {
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
                    Err(ApiError::StorageFull) if self.room.is_some() => Event::Failed(Failure::Store),
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

    /// Own changes that wait for a coordinator.
    pub(super) fn in_review(&self) -> Result<BTreeSet<ChangeHash>> {
        let lines = self.phone()?.records().outbox()?.in_review;
        let waiting = lines.into_iter().filter(|line| line.outcome == ReviewOutcome::Waits);
        Ok(waiting.filter_map(|line| line.change).collect())
    }

    /// Whether the record here has, or had, this value in this field, or it is kept with what was refused.
    pub(super) fn has(&self, record: RecordId, key: &str, value: &Value) -> Result<bool> {
        let kept = self.phone()?.records().outbox()?.refused;
        let mut kept = kept.iter().filter(|kept| kept.record == record).flat_map(|kept| &kept.fields);
        if let Value::Text(text) = value
            && kept.any(|field| field.key == key && field.text == *text)
        {
            return Ok(true);
        }
        let history = match self.phone()?.records().history(record) {
            Ok(history) => history,
            Err(ApiError::NotFound(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut fields = history.entries.iter().flat_map(|entry| &entry.fields);
        Ok(fields.any(|field| field.key == key && field.to == *value))
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
