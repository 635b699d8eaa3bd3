//! The stage: store, server, read model and pages, all real, in a temporary folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::Arc,
};

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::Programme,
    time::Millis,
    wire::ControlEvent,
};
use alongside_server::{
    api::{Running, Server},
    config::Config,
    ingest::Ingest,
    people,
    read_model::{Projector, ReadModel, case},
    store::{LogBody, Store},
};
use anyhow::{Context, Result};
use jiff::civil::Date;

use super::{Options, checks::Check, clock::StageClock, say};

/// How long the printed sign-in links are good for.
const LINK_VALID_MS: i64 = 12 * 60 * 60 * 1_000;
/// Log entries read at once.
const PAGE: usize = 4_096;

/// The server's side of the demo.
pub(crate) struct Stage {
    pub(crate) store: Arc<Store>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) clock: Arc<StageClock>,
    pub(crate) address: SocketAddr,
    programme: Arc<Programme>,
    running: Running,
    folder: std::path::PathBuf,
}

impl Stage {
    /// Opens the store and starts the server.
    pub(crate) async fn set(
        folder: &Path,
        programme: &Arc<Programme>,
        now: Millis,
        options: &Options,
    ) -> Result<Self> {
        let store =
            Store::open(folder.join("alongside.db")).context("the demo's store could not be opened")?;
        let clock = Arc::new(StageClock::standing_at(now));
        let listen = if options.no_serve { SocketAddr::from(([127, 0, 0, 1], 0)) } else { options.listen };
        let config = Config { listen, store: folder.join("alongside.db"), ..Config::default() };
        let running =
            Server::start(config, Arc::clone(&store), Arc::clone(&clock) as _, Arc::clone(programme)).await?;
        Ok(Self {
            ingest: Arc::clone(&running.state.ingest),
            address: running.addr,
            programme: Arc::clone(programme),
            folder: folder.to_owned(),
            store,
            clock,
            running,
        })
    }

    /// Hands over the whole log, oldest first.
    fn walk_log(&self, mut each: impl FnMut(LogBody)) -> Result<()> {
        let mut after = 0;
        loop {
            let page = self.store.log_after(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            page.into_iter().for_each(|entry| each(entry.body));
        }
    }

    /// Every control event in the log, oldest first.
    fn control_events(&self) -> Result<Vec<ControlEvent>> {
        let mut events = Vec::new();
        self.walk_log(|body| {
            if let LogBody::Control(event) = body {
                events.push(event);
            }
        })?;
        Ok(events)
    }

    /// The restricted groups in the log, with their kinds.
    pub(crate) fn restricted(&self) -> Result<BTreeMap<GroupId, String>> {
        let groups = self.control_events()?.into_iter().filter_map(|event| match event {
            ControlEvent::Group { group, kind, .. } => Some((group, kind)),
            _ => None,
        });
        Ok(groups.filter(|(_, kind)| self.programme.is_restricted(kind)).collect())
    }

    /// Every record in the log, with its group.
    pub(crate) fn places(&self) -> Result<BTreeMap<RecordId, GroupId>> {
        let mut places = BTreeMap::new();
        self.walk_log(|body| {
            if let LogBody::Change { record, group, .. } = body {
                places.insert(record, group);
            }
        })?;
        Ok(places)
    }

    /// What each of these people is granted, read from the log itself.
    pub(crate) fn granted(
        &self,
        of: impl Iterator<Item = PersonId>,
    ) -> Result<BTreeMap<PersonId, BTreeSet<GroupId>>> {
        let mut granted: BTreeMap<PersonId, BTreeSet<GroupId>> =
            of.map(|person| (person, BTreeSet::new())).collect();
        for event in self.control_events()? {
            match event {
                ControlEvent::Grant { person, group } => {
                    granted.entry(person).or_default().insert(group);
                }
                ControlEvent::Withdraw { person, group } => {
                    granted.entry(person).or_default().remove(&group);
                }
                _ => {}
            }
        }
        Ok(granted)
    }

    /// Waits until the pages show everything that is in the log.
    pub(crate) fn wait_for_pages(&self) -> Result<()> {
        let head = self.store.head()?.seq;
        let mut projected = self.running.pages.projected();
        tokio::runtime::Handle::current()
            .block_on(projected.wait_for(|seq| *seq >= head))
            .map(drop)
            .context("the read model stopped")
    }

    /// The next date of every case, as the pages have it.
    pub(crate) fn units(&self) -> Result<BTreeMap<GroupId, Option<(Date, String)>>> {
        let mut units = BTreeMap::new();
        for event in self.control_events()? {
            let ControlEvent::Group { group, kind, .. } = event else { continue };
            if kind == self.programme.parts.unit {
                let line = self.running.pages.read(|connection| case::unit(connection, group))?;
                let next = line.and_then(|line| line.due).map(|next| (next.due, next.label));
                units.insert(group, next);
            }
        }
        Ok(units)
    }

    /// Fields that show both answers, and those of them that ask for a decision, over all cases.
    pub(crate) fn conflicts(&self) -> Result<(u64, u64)> {
        let (mut shown, mut decisions) = (0, 0);
        for group in self.units()?.keys() {
            if let Some(line) = self.running.pages.read(|connection| case::unit(connection, *group))? {
                shown += u64::from(line.shown) + u64::from(line.decisions);
                decisions += u64::from(line.decisions);
            }
        }
        Ok((shown, decisions))
    }

    /// The pages' read model, built from nothing out of the log, is the one that grew with it.
    pub(crate) fn rebuilds_equal(&self) -> Result<Check> {
        let fresh = Arc::new(ReadModel::open(&self.folder.join("console-again.db"), &self.programme)?);
        Projector::new(Arc::clone(&fresh), Arc::clone(&self.store), Arc::clone(&self.programme))
            .catch_up()?;
        let (grown, built) = (self.running.pages.dump()?, fresh.dump()?);
        Ok(Check {
            name: "the server's pages, built again from its log, are the same",
            holds: grown == built && !grown.is_empty(),
            detail: format!("{} rows compared", grown.lines().count()),
        })
    }

    /// Lets the clock go on and prints where to look.
    pub(crate) fn open_pages(&self) -> Result<()> {
        self.clock.run();
        let now = alongside_server::clock::Clock::now(&*self.clock);
        say(&format!("\nThe pages are at {} (it is Friday 22 January 2016 there).", self.running.url()));
        let people = people::list(&self.store)?;
        for (role, words) in [
            ("COORDINATOR", "Sign in as one of the coordinators; each link works once:"),
            ("EVALUATOR", "Or as an evaluator, who runs the surveys:"),
        ] {
            say(words);
            // Those under whose name answers by link are written sign in nowhere.
            let by_link = |name: &str| name.starts_with("By link: ");
            for person in people.iter().filter(|person| person.role == role && !by_link(&person.name)) {
                let link = people::console_link(&self.store, now, person.id, LINK_VALID_MS)?;
                let areas = person.areas.join(", ");
                let areas = if areas.is_empty() { areas } else { format!(" ({areas})") };
                say(&format!("  {}/sign-in/{}   {}{areas}", self.running.url(), link.reveal(), person.name));
            }
        }
        Ok(())
    }

    /// Ends it in order.
    pub(crate) async fn close(self) {
        let Self { running, ingest, .. } = self;
        drop(ingest);
        running.shutdown().await;
    }
}
