//! The story of a seed: what happens, in which order, until everything is healed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use alongside_domain::{
    ids::{ActorId, GroupId, PersonId, RecordId},
    programme::Programme,
    sync::Status,
    time::Millis,
    value::Value,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::{
    Told,
    backups::Lost,
    handset::{Handset, PhoneCopy},
    hostile::Hostile,
    network::{self, Line},
    people::Saved,
    programmes::programmes,
    server::{Backup, Server},
    story::Story,
};

/// Monday 2 March 2015, 09:00 in London.
const START: i64 = 1_425_286_800_000;
const DAY: i64 = 86_400_000;
/// Rounds in which a healed fleet has to come to rest.
const ROUNDS: usize = 80;

/// What comes back from older copies in a story: see [`super::Excluded::Relay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    OfServer,
    OfPhones,
}

/// A story under way.
pub(super) struct Sim<'s> {
    pub(super) story: &'s mut Story,
    pub(super) rng: ChaCha8Rng,
    pub(super) server: Server,
    pub(super) line: Line,
    pub(super) handsets: Vec<Handset>,
    pub(super) people: Vec<PersonId>,
    pub(super) office: PersonId,
    pub(super) hostile: Hostile,
    /// True time, in milliseconds.
    pub(super) now: i64,
    /// For values that are told apart.
    pub(super) number: u32,
    pub(super) saved: Vec<Saved>,
    /// Values that were chosen again in a decision.
    pub(super) decided: Vec<(RecordId, String, Value)>,
    /// What groups opened on phones are linked to.
    pub(super) parents: BTreeMap<GroupId, Vec<GroupId>>,
    /// Groups that ended for a person while something could be on its way.
    pub(super) late: BTreeSet<(PersonId, GroupId)>,
    /// Access that the office ended and did not give again, whatever the server remembers of it.
    pub(super) ended: BTreeSet<(PersonId, GroupId)>,
    /// Cases that were erased.
    pub(super) erased: BTreeSet<GroupId>,
    /// Those of them whose traces may still be in the server's file, for lack of room.
    pub(super) to_erase_again: BTreeSet<GroupId>,
    pub(super) backups: Vec<Backup>,
    pub(super) returning: Vec<Lost>,
    /// Values that a server had before it was restored.
    pub(super) held_once: BTreeSet<(RecordId, String, Value)>,
    pub(super) copies: Vec<(usize, PhoneCopy)>,
    // Last: phones and server close before their files go.
    pub(super) dir: TempDir,
}

/// Plays the whole story.
pub(super) fn play(seed: u64, story: &mut Story) -> Result<Told> {
    let mut sim = Sim::begin(seed, story)?;
    let copies = if seed.is_multiple_of(2) { Copies::OfServer } else { Copies::OfPhones };
    let steps = sim.rng.random_range(80..240);
    for _ in 0..steps {
        sim.something(copies)?;
    }
    sim.heal()?;
    sim.check(copies == Copies::OfPhones)?;
    Ok(sim.story.told.clone())
}

/// In memory where the system has such a folder: what is tried here are orders of events, not disks.
fn folder() -> Result<TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let at = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("fleet-").tempdir_in(at).context("no temporary folder")
}

impl<'s> Sim<'s> {
    fn begin(seed: u64, story: &'s mut Story) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dir = folder()?;
        let both = programmes()?;
        let programme = &both.newer;
        let server = Server::new(dir.path(), programme, Millis(START))?;
        let person = |name: &str, at: i64| server.person(name, Millis(START + at));
        let (office, stranger) = (person("Office", 1)?, person("Stranger", 2)?);
        let number = rng.random_range(2..=4);
        let people: Vec<PersonId> =
            (0..number).map(|n| person(&format!("Supporter {n}"), 3 + n)).collect::<Result<_>>()?;
        let actor = ActorId::random(rng.random());
        let hostile =
            Hostile { person: stranger, actor, token: server.enrol(stranger, actor, Millis(START))?.token };
        let mut handsets = Vec::new();
        for (at, person) in people.iter().enumerate() {
            // One person may have two phones, each enrolled for itself.
            for _ in 0..if at == 0 && rng.random_bool(0.4) { 2 } else { 1 } {
                let number = handsets.len();
                handsets.push(Handset::enrolled(
                    dir.path(),
                    number,
                    *person,
                    if rng.random_bool(0.3) { &both.older } else { programme },
                    &server,
                    &mut rng,
                    Millis(START),
                )?);
            }
        }
        let mut sim = Self {
            story,
            rng,
            server,
            line: Line::default(),
            handsets,
            people,
            office,
            hostile,
            now: START,
            number: 0,
            saved: Vec::new(),
            decided: Vec::new(),
            parents: BTreeMap::new(),
            late: BTreeSet::new(),
            ended: BTreeSet::new(),
            erased: BTreeSet::new(),
            to_erase_again: BTreeSet::new(),
            backups: Vec::new(),
            returning: Vec::new(),
            held_once: BTreeSet::new(),
            copies: Vec::new(),
            dir,
        };
        // The stranger is granted cases like anybody else.
        sim.people.push(stranger);
        for at in 0..sim.handsets.len() {
            sim.limits(at);
            sim.clock(at);
        }
        Ok(sim)
    }

    /// A phone whose requests and answers come in small parts, or not.
    fn limits(&mut self, at: usize) {
        let parts = [(u32::MAX, u32::MAX), (400, 300), (2_000, 60), (200, 1_500), (60, 60)];
        self.handsets[at].most_bytes = parts[self.rng.random_range(0..parts.len())];
    }

    /// A clock that is right, minutes off, or years.
    fn clock(&mut self, at: usize) {
        let off = [0, 0, 7 * 60_000, -3 * DAY, 4 * 365 * DAY, -20 * 365 * DAY, -60 * 365 * DAY];
        let off = off[self.rng.random_range(0..off.len())];
        if off.abs() >= DAY {
            self.story.fault("wrong clock", &format!("{} by {} days", self.handsets[at].name, off / DAY));
        }
        self.handsets[at].skew = off;
    }

    fn something(&mut self, copies: Copies) -> Result<()> {
        self.now += self.rng.random_range(1_000..3_600_000);
        self.server.clock.set(Millis(self.now));
        let at = self.rng.random_range(0..self.handsets.len());
        if self.handsets[at].gone {
            return Ok(());
        }
        match self.rng.random_range(0..1000) {
            0..430 => self.sync_step(at),
            430..480 => self.sync_burst(at),
            480..740 => self.work(at),
            740..765 => {
                self.story.fault("phone killed", &self.handsets[at].name);
                self.handsets[at].kill(&mut self.rng)
            }
            765..775 => self.work_and_die(at),
            775..790 => self.take_in_and_die(at),
            790..798 => self.handsets[at].reopen(&mut self.rng),
            798..805 => self.fill_or_empty_phone(at),
            805..813 => {
                self.story.fault("server killed", "");
                self.server.kill()
            }
            813..822 => self.die_over_request(at),
            822..825 => {
                self.server.close();
                self.server.open()
            }
            825..828 => self.fill_or_empty_server(),
            828..830 => self.two_servers(),
            830..880 => self.at_office(Self::grant),
            880..895 => self.at_office(Self::withdraw),
            895..905 => self.at_office(Self::correct),
            905..920 => self.line.arrive_late(&self.server, self.story, &mut self.rng),
            920..930 => self.line.replay(&self.server, self.story, &mut self.rng),
            930..945 => self.attack(),
            945..950 => {
                self.clock(at);
                self.limits(at);
                Ok(())
            }
            950..952 => self.at_office(Self::revoke),
            952..954 => self.update(at),
            954..957 => self.server.project(),
            957..959 => self.at_office(Self::erase),
            959..960 if copies == Copies::OfServer => self.lose_phone(at),
            959..960 => Ok(()),
            960..980 => match copies {
                Copies::OfServer => self.back_up_server(),
                Copies::OfPhones => self.copy_phone(),
            },
            _ => match copies {
                Copies::OfServer => self.restore_server(),
                Copies::OfPhones if self.rng.random_bool(0.3) => self.clone_phone(),
                Copies::OfPhones => self.restore_phone(),
            },
        }
    }

    /// The next thing that a phone's engine wants, over the bad line.
    fn sync_step(&mut self, at: usize) -> Result<()> {
        let random = self.rng.random();
        let Self { handsets, server, line, story, rng, now, .. } = self;
        let handset = &mut handsets[at];
        handset.set_clock(Millis(*now));
        let name = handset.name.clone();
        let step = handset.step(Millis(*now), random, |token, request| {
            let answer = line.carry(server, story, rng, &name, token, request)?;
            story.tell(said(&name, &answer));
            Ok(answer)
        })?;
        if step == super::handset::Step::Rests {
            story.tell(format!("{name} rests: {:?}", handset.status));
        }
        Ok(())
    }

    fn sync_burst(&mut self, at: usize) -> Result<()> {
        for _ in 0..self.rng.random_range(2..20) {
            self.sync_step(at)?;
        }
        Ok(())
    }

    /// The phone takes the next step of its sync and dies somewhere among its writes.
    fn take_in_and_die(&mut self, at: usize) -> Result<()> {
        let before = self.handsets[at].disk()?;
        self.sync_step(at)?;
        let torn = self.handsets[at].die_since(&before, &mut self.rng)?;
        let name = if torn { "phone killed in a sync" } else { "phone killed after a step of sync" };
        self.story.fault(name, &self.handsets[at].name);
        Ok(())
    }

    /// The server dies over a request of this phone.
    fn die_over_request(&mut self, at: usize) -> Result<()> {
        let (random, cut) = (self.rng.random(), self.rng.random());
        let Self { handsets, server, story, now, .. } = self;
        let handset = &mut handsets[at];
        handset.set_clock(Millis(*now));
        handset
            .step(Millis(*now), random, |token, request| network::deadly(server, story, cut, token, request))
            .map(drop)
    }

    fn fill_or_empty_phone(&mut self, at: usize) -> Result<()> {
        let pages = self.rng.random_range(0..12);
        let handset = &mut self.handsets[at];
        if handset.is_full() {
            self.story.tell(format!("{} has room again", handset.name));
            handset.empty(&mut self.rng)
        } else {
            self.story.tell(format!("{} has room for {pages} pages", handset.name));
            handset.fill(pages, &mut self.rng)
        }
    }

    fn fill_or_empty_server(&mut self) -> Result<()> {
        let pages = (!self.server.is_full()).then(|| self.rng.random_range(0..8));
        self.story.tell(format!("the server has room for {pages:?} pages"));
        self.server.fill(pages)
    }

    /// What the coordinator does fails while the server's disk is full, and only then.
    fn at_office(&mut self, what: fn(&mut Self) -> Result<()>) -> Result<()> {
        match what(self) {
            Err(error) if self.server.is_full() && error.chain().any(super::server::is_full) => {
                self.story.fault("server's disk full", "at the office");
                Ok(())
            }
            done => done,
        }
    }

    /// A second server works on the same store, or the two are one again. Nobody can take the store away
    /// from under them.
    fn two_servers(&mut self) -> Result<()> {
        let there = !self.server.has_second();
        if there {
            self.story.fault("two servers on one store", "");
        }
        self.server.set_second(there)?;
        if let Some(backup) = self.backups.first() {
            let refuses = self.server.refuses_to_be_replaced(backup, Millis(self.now))?;
            ensure!(refuses, "a store was replaced under a server that works on it");
        }
        Ok(())
    }

    /// The app on a phone, or the server, changes to the other version of the programme.
    fn update(&mut self, at: usize) -> Result<()> {
        let other = |programme: &Arc<Programme>| programmes().map(|both| both.other(programme));
        if self.rng.random_bool(0.3) {
            self.story.fault("programme updated", "at the server");
            let programme = other(self.server.programme())?;
            self.server.update(&programme)
        } else {
            let handset = &mut self.handsets[at];
            self.story.fault("programme updated", &handset.name);
            handset.is_old = self.rng.random_bool(0.3);
            if handset.is_old {
                self.story.fault("app without packs by column", &handset.name);
            }
            let programme = other(handset.programme())?;
            handset.update(&programme, &mut self.rng)
        }
    }

    /// The line is good, what is under way arrives, and everybody syncs until nothing moves.
    fn heal(&mut self) -> Result<()> {
        self.story.tell("healed from here on");
        self.server.fill(None)?;
        for group in std::mem::take(&mut self.to_erase_again) {
            ensure!(
                self.server.erase(group, Millis(self.now))?,
                "there is room, and a file is not written anew"
            );
        }
        for handset in &mut self.handsets {
            handset.empty(&mut self.rng)?;
        }
        while !self.line.delayed.is_empty() {
            self.line.arrive_late(&self.server, self.story, &mut self.rng)?;
        }
        for _ in 0..ROUNDS {
            self.now += 3_600_000;
            self.server.clock.set(Millis(self.now));
            let head = self.server.store()?.head()?;
            let mut quiet = true;
            for at in 0..self.handsets.len() {
                let Self { handsets, server, story, rng, now, .. } = self;
                let handset = &mut handsets[at];
                if !handset.in_use() {
                    continue;
                }
                handset.set_clock(Millis(*now));
                // Somebody looks at every draft: until then it keeps a group whose access has ended.
                for draft in handset.phone()?.records().drafts()? {
                    handset.phone()?.records().discard_draft(draft.token)?;
                }
                let name = handset.name.clone();
                handset.sync(Millis(*now), rng, |token, request| {
                    let answer = network::good(server, story, token, request)?;
                    story.tell(said(&name, &answer));
                    Ok(answer)
                })?;
                quiet &= matches!(handset.status, Some(Status::UpToDate { .. }));
            }
            if quiet && self.server.store()?.head()? == head {
                return Ok(());
            }
        }
        let standing: Vec<_> =
            self.handsets.iter().map(|handset| (handset.name.as_str(), handset.status)).collect();
        bail!(anyhow!("the fleet does not come to rest: {standing:?}"))
    }
}

fn said(
    name: &str,
    answer: &Result<Box<alongside_domain::wire::SyncAnswer>, alongside_domain::sync::Failure>,
) -> String {
    match answer {
        Ok(answer) => format!(
            "{name} is answered: {} entries, at {}, {} backfills{}{}, openings {:?}, verdicts {:?}",
            answer.pull.as_ref().map_or(0, |pull| pull.entries),
            answer.cursor.seq,
            answer.backfills.len(),
            if answer.more { ", more" } else { "" },
            match (answer.start_again, answer.to_repair, answer.repair.as_deref()) {
                (true, ..) => ", start again".to_owned(),
                (_, true, _) => ", repair".to_owned(),
                (_, _, Some(step)) => format!(
                    ", repaired: {} differ, {} lists, {} dealt with, relayed {:?}",
                    step.differ.len(),
                    step.lists.len(),
                    step.dealt_with,
                    step.verdicts
                ),
                _ => String::new(),
            },
            answer.openings,
            answer.verdicts,
        ),
        Err(failure) => format!("{name} is not answered: {failure:?}"),
    }
}
