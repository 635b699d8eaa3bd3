//! The demo: a world of synthetic records, a fleet of real phone cores that work offline and collide,
//! the real server on a real socket, a line that keeps breaking, and a check of every promise.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{IsTerminal, Write},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};

use alongside_domain::{
    ids::{GroupId, PersonId},
    programme::Programme,
    record::Root,
    time::Millis,
};
use alongside_server::ingest::LocalWrite;
use anyhow::{Context, Result};
use jiff::civil::{Date, date};
use tempfile::TempDir;

mod checks;
mod clock;
mod fleet;
mod generate;
mod line;
mod seed;
mod server;
mod summary;
mod surveys;
mod week;

use fleet::{Handset, Tally};
use generate::{Answers, Chance, World};
use line::{Badness, Line};
use server::Stage;
use summary::{Summary, SyncFigures, Took, WeekFigures, WorldFigures};
use week::{Collision, Work};

use crate::stop::{self, StopFlag, Stopped};

/// The Monday on which the simulated week begins.
const MONDAY: Date = date(2016, 1, 18);
/// Cases at scale 1.
const CASES: f64 = 600.0;
/// How bad the line is on weekday evenings, in connections out of a hundred.
const EVENING: Badness = Badness { refused: 15, cut_request: 20, cut_answer: 25 };

/// How bad it is by day.
const NO_SIGNAL: Badness = Badness { refused: 100, cut_request: 0, cut_answer: 0 };

/// What the demo is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// Size, as a multiple of about 600 cases.
    pub scale: f64,
    /// Address for the pages.
    pub listen: SocketAddr,
    /// Stop after the summary.
    pub no_serve: bool,
    /// Print the summary as one JSON object on the last line.
    pub json: bool,
}

/// How a demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything was looked at, and every check holds.
    Holds,
    /// Everything was looked at, and a check does not hold.
    Fails,
    /// It was stopped before anything was known.
    Stopped,
}

/// Runs the demo on threads of its own, until its end or until the program is asked to stop.
///
/// # Errors
/// Where a part of the demo could not be done at all; what was being done is in the error's context.
pub fn run(options: &Options) -> Result<Ending> {
    let folder = TempDir::with_prefix("alongside-demo-").context("no temporary folder could be made")?;
    let runtime = tokio::runtime::Runtime::new().context("no threads for the demo")?;
    let ended = runtime.block_on(perform(options, &folder));
    // Whatever still writes into the folder has to end before the folder goes.
    drop(runtime);
    folder.close().context("the temporary folder could not be removed")?;
    match ended {
        Err(error) if error.is::<Stopped>() => {
            say("\nStopped before the checks. Nothing is left behind.");
            Ok(Ending::Stopped)
        }
        ended => ended,
    }
}

async fn perform(options: &Options, folder: &TempDir) -> Result<Ending> {
    let stop = StopFlag::default();
    // On a task of its own: what is long here does not await.
    let heard = tokio::spawn({
        let stop = stop.clone();
        async move {
            stop::asked().await;
            stop.raise();
        }
    });
    tokio::pin!(heard);
    let Played { summary, stage } = tokio::select! {
        played = play(options, folder, &stop) => played?,
        _ = &mut heard => return Err(Stopped.into()),
    };
    let holds = summary.every_check_holds;
    print_out(&format!("{summary}"));
    if options.json {
        print_out(&format!("{}\n", serde_json::to_string(&summary).context("the summary has no JSON")?));
    }
    if !options.no_serve {
        stage.open_pages()?;
        say("Press Ctrl-C to stop.");
        // An error would be a panic of the listener: then nothing can be heard, and the demo ends.
        let _ = heard.await;
        say("\nStopping.");
    }
    stage.close().await;
    Ok(if holds { Ending::Holds } else { Ending::Fails })
}

struct Played {
    summary: Summary,
    stage: Stage,
}

/// Milliseconds since `from`.
fn since(from: Instant) -> u64 {
    u64::try_from(from.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Eight in the morning, UTC, of the nth day of the week.
fn morning(day: i64) -> Millis {
    let midnight =
        MONDAY.to_zoned_datetime(jiff::tz::TimeZone::UTC).map_or(0, |at| at.timestamp().as_millisecond());
    Millis(midnight + (day * 24 + 8) * 3_600_000)
}

async fn play(options: &Options, folder: &TempDir, stop: &StopFlag) -> Result<Played> {
    let begun = Instant::now();
    let mut took = Took::default();
    let mut chance = Chance::from_seed(options.seed);
    let cases = (CASES * options.scale).round().max(24.0) as usize;
    let programme = Arc::new(
        alongside_domain::programme::builtin::independent_support()
            .map_err(|problems| anyhow::anyhow!("the built-in programme has {} problems", problems.len()))?,
    );

    // The surveys were opened weeks before: the stage stands there first.
    let opened = surveys::opened_at(morning(0));
    let stage = Stage::set(folder.path(), &programme, opened, options).await?;
    let mut world = generate::people(&mut chance, cases);
    seed::people(&stage.store, &programme, &mut world, opened)?;
    // A chance of their own: whatever is asked, the families are those of the seed.
    let mut luck = Chance::from_seed(options.seed.rotate_left(32) ^ 0x5u64);
    let mut asked =
        tokio::task::block_in_place(|| surveys::ask(&stage, &programme, &world, &mut luck, opened))?;
    stage.clock.set(morning(0));
    say(&format!("Generating about {cases} cases from seed {} ...", options.seed));
    world.fill(&mut chance, cases, MONDAY);
    took.generate = since(begun);

    let at = Instant::now();
    tokio::task::block_in_place(|| {
        seed::records(&stage.ingest, &programme, &world, |done, total| {
            progress(&format!("Writing to the server: {done} of {total}"), done == total);
            stop.check()
        })?;
        surveys::ask_families(&stage, &programme, &world, &mut luck, &mut asked, morning(0))
    })?;
    took.ingest = since(at);

    let at = Instant::now();
    let line = Line::to(stage.address, options.seed).await.context("no port for the line")?;
    let mut phones = enrol_all(folder, &world, &programme, &stage, &line, &mut chance).await?;
    say(&format!("First sync of {} phones ...", phones.len()));
    let cold = fleet::until_up_to_date(phones.iter()).await?;
    took.cold_sync = since(at);

    let at = Instant::now();
    let Week { collisions, tally } =
        week(&stage, &programme, &world, &mut phones, &line, &mut chance, stop).await?;
    let idle = fleet::until_up_to_date(phones.iter()).await?;
    took.week = since(at);

    let at = Instant::now();
    say("Checking ...");
    let figures = Figures { cold, tally, idle, dropped: line.dropped(), asked };
    let summary = tokio::task::block_in_place(|| {
        check(options, &stage, (&programme, &world), &phones, &collisions, &figures, stop)
    })?;
    for handset in &phones {
        handset.phone.close();
    }
    took.checks = since(at);
    took.all = since(begun);
    Ok(Played { summary: Summary { took_ms: took, ..summary }, stage })
}

async fn enrol_all(
    folder: &TempDir,
    world: &World,
    programme: &Arc<Programme>,
    stage: &Stage,
    line: &Line,
    chance: &mut Chance,
) -> Result<Vec<Handset>> {
    let mut phones = Vec::new();
    let supporters: Vec<usize> =
        (0..world.people.len()).filter(|at| world.people[*at].role == "SUPPORTER").collect();
    for (done, person) in supporters.iter().enumerate() {
        let who = (*person, world.people[*person].id);
        let handset =
            Handset::enrolled(folder.path(), who, programme, &stage.store, line, chance, morning(0)).await?;
        phones.push(handset);
        progress(
            &format!("Enrolling phones: {} of {}", done + 1, supporters.len()),
            done + 1 == supporters.len(),
        );
    }
    Ok(phones)
}

struct Week {
    collisions: Vec<Collision>,
    tally: Tally,
}

/// Five days offline, an evening's try over the bad line each, and a good line at the end.
async fn week(
    stage: &Stage,
    programme: &Programme,
    world: &World,
    phones: &mut [Handset],
    line: &Line,
    chance: &mut Chance,
    stop: &StopFlag,
) -> Result<Week> {
    let shared = cover(stage, programme, (world, phones), chance)?;
    let mut collisions = Vec::new();
    let mut tally = Tally::default();
    let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    for (day, name) in names.iter().enumerate() {
        let day = i64::try_from(day).unwrap_or(0);
        let today = MONDAY.saturating_add(jiff::Span::new().days(day));
        let now = morning(day);
        stage.clock.set(now);
        // Each phone finds out in the morning that there is no signal, and says so with what it saves.
        line.set(NO_SIGNAL);
        fleet::try_once(phones.iter()).await?;
        tokio::task::block_in_place(|| -> Result<()> {
            for (nth, handset) in phones.iter_mut().enumerate() {
                stop.check()?;
                handset.set_clock(Millis(now.0 + i64::try_from(nth).unwrap_or(0) * 60_000));
                week::day(&handset.phone, &handset.clock, chance, today, &mut handset.work)?;
                if day == 2 && nth % 6 == 0 {
                    let person = &world.people[handset.person];
                    let supporter = person.id.to_string();
                    let at = alongside_core::clock::Clock::now(&*handset.clock);
                    let place = (person.areas[0].as_str(), supporter.as_str(), nth + 1);
                    week::new_family(&handset.phone, chance, place, today, at, &mut handset.work)?;
                }
            }
            if day == 3 {
                for (first, second, group) in &shared {
                    let met = meet(phones, (*first, *second), chance, (*group, today), &collisions)?;
                    collisions.extend(met);
                }
            }
            Ok(())
        })?;
        stage.clock.set(Millis(now.0 + 10 * 3_600_000));
        let friday = day == 4;
        line.set(if friday { Badness::default() } else { EVENING });
        // On weekdays some find a signal and some do not; the first three evenings of the shared cases'
        // people are needed for the cover to arrive, Thursday's collisions wait until Friday.
        let trying: Vec<usize> = (0..phones.len()).filter(|_| day < 3 && chance.happens(0.6)).collect();
        let evening = if friday {
            // Twice, so that everybody has what the others sent.
            let first = fleet::until_up_to_date(phones.iter()).await?;
            let second = fleet::until_up_to_date(phones.iter()).await?;
            first.and(second)
        } else {
            fleet::try_once(trying.iter().map(|at| &phones[*at])).await?
        };
        tally = tally.and(evening);
        let saves: u32 = phones.iter().map(|handset| handset.work.saves).sum();
        say(&format!("{name}: {saves} saves so far, {} connections dropped", line.dropped()));
    }
    Ok(Week { collisions, tally })
}

/// Lets colleagues of the same area cover a case of each other, so that two phones hold it: the coordinator writes
/// so, and access follows.
fn cover(
    stage: &Stage,
    programme: &Programme,
    (world, phones): (&World, &[Handset]),
    chance: &mut Chance,
) -> Result<Vec<(usize, usize, GroupId)>> {
    let mut shared = Vec::new();
    for (first, handset) in phones.iter().enumerate() {
        let area = &world.people[handset.person].areas;
        let colleagues: Vec<usize> = (0..phones.len())
            .filter(|at| *at != first && world.people[phones[*at].person].areas == *area)
            .collect();
        let open: Vec<GroupId> = world
            .cases()
            .filter(|(_, _, case)| case.open && case.supporter == handset.person)
            .map(|(_, _, case)| case.group)
            .collect();
        if colleagues.is_empty() || open.is_empty() {
            continue;
        }
        let (second, group) = (*chance.one(&colleagues), *chance.one(&open));
        let partner = world.people[handset.person].partner;
        let coordinator = world
            .people
            .iter()
            .find(|person| person.partner == partner && person.role == "COORDINATOR")
            .context("a partner has no coordinator")?;
        let form = programme.forms.get("cover").context("the programme has no form for a cover")?;
        let said = Answers::default()
            .text("supporter", phones[second].id.to_string())
            .date("from", MONDAY)
            .date("to", MONDAY.saturating_add(jiff::Span::new().days(13)))
            .text("reason", "LEAVE");
        let id = chance.record_id(morning(0));
        let (form, form_version) = (form.id.clone(), form.version.clone());
        let written = vec![LocalWrite::Create {
            root: Root { id, form, form_version, group },
            edits: said.edits(),
            at: morning(0),
            zone: programme.zone.clone(),
            reason: None,
        }];
        tokio::task::block_in_place(|| stage.ingest.ingest_local(coordinator.id, written))?;
        shared.push((first, second, group));
    }
    Ok(shared)
}

/// Two phones meet on one case, if the cover has arrived on the second one.
fn meet(
    phones: &mut [Handset],
    (first, second): (usize, usize),
    chance: &mut Chance,
    place: (GroupId, Date),
    before: &[Collision],
) -> Result<Vec<Collision>> {
    let (group, today) = place;
    if phones[second].phone.records().unit_page(group, today, 1, None).is_err() {
        return Ok(Vec::new());
    }
    let people = [phones[first].id, phones[second].id];
    let (mut one, mut other) =
        (std::mem::take(&mut phones[first].work), std::mem::take(&mut phones[second].work));
    let met = week::collide(
        [&phones[first].phone, &phones[second].phone],
        [&mut one, &mut other],
        people,
        chance,
        place,
        before,
    );
    phones[first].work = one;
    phones[second].work = other;
    met
}

struct Figures {
    cold: Tally,
    tally: Tally,
    idle: Tally,
    dropped: u64,
    asked: surveys::Surveys,
}

fn check(
    options: &Options,
    stage: &Stage,
    (programme, world): (&Programme, &World),
    phones: &[Handset],
    collisions: &[Collision],
    figures: &Figures,
    stop: &StopFlag,
) -> Result<Summary> {
    let friday = MONDAY.saturating_add(jiff::Span::new().days(4));
    stage.wait_for_pages()?;
    let granted: BTreeMap<PersonId, BTreeSet<GroupId>> =
        stage.granted(phones.iter().map(|handset| handset.id))?;
    let units = stage.units()?;
    let places = stage.places()?;
    let restricted = stage.restricted()?;
    let mut held = Vec::new();
    for handset in phones {
        stop.check()?;
        let mine: Vec<GroupId> =
            granted[&handset.id].iter().copied().filter(|group| units.contains_key(group)).collect();
        held.push((handset.id, checks::held(&handset.phone, &mine, friday)?));
    }
    let work_of: BTreeMap<PersonId, &Work> =
        phones.iter().map(|handset| (handset.id, &handset.work)).collect();
    let works: Vec<&Work> = phones.iter().map(|handset| &handset.work).collect();
    let cores: Vec<_> = phones.iter().map(|handset| &handset.phone).collect();
    let mut server = checks::ServerRecords::new(&stage.store, programme, stop.clone());
    let owners: Vec<_> = phones.iter().map(|handset| (handset.id, &handset.phone)).collect();
    let checks = vec![
        checks::nothing_lost(&mut server, &works, &restricted)?,
        checks::both_sides_kept(&mut server, collisions, &work_of)?,
        checks::replicas_equal(&mut server, &held, &granted, &places, &restricted)?,
        checks::only_entitled(&owners, &granted, &places),
        checks::all_sent(&cores)?,
        checks::dates_equal(&held, &units),
        checks::phones_rebuild_equal(&cores)?,
        stage.rebuilds_equal()?,
        figures.asked.come_back(&stage.store, programme)?,
    ];
    let now = alongside_server::clock::Clock::now(&*stage.clock);
    let (conflicts_shown, conflicts_to_decide) = stage.conflicts()?;
    let two: BTreeSet<_> = collisions.iter().map(|collision| collision.record).collect();
    let per_phone = |total: u64| total / u64::try_from(phones.len().max(1)).unwrap_or(1);
    Ok(Summary {
        seed: options.seed,
        scale: options.scale,
        world: WorldFigures {
            areas: world.partners.iter().map(|partner| partner.areas.len()).sum(),
            partners: world.partners.len(),
            people: world.people.len(),
            families: world.families.len(),
            cases: world.cases().count(),
            records: world.records(),
        },
        week: WeekFigures {
            phones: phones.len(),
            saves: works.iter().map(|work| work.saves).sum(),
            families_opened_offline: works.iter().map(|work| work.families).sum(),
            records_changed_by_two_phones: two.len(),
            collisions: collisions.len(),
            conflicts_shown,
            conflicts_to_decide,
        },
        sync: SyncFigures {
            cold_round_trips: figures.cold.round_trips,
            cold_bytes_received: figures.cold.bytes_received,
            cold_changes_received: figures.cold.received,
            week_round_trips: figures.tally.round_trips,
            week_failures: figures.tally.failures,
            dropped_connections: figures.dropped,
            week_bytes_sent: figures.tally.bytes_sent,
            week_bytes_received: figures.tally.bytes_received,
            changes_accepted: figures.tally.accepted,
            changes_received: figures.tally.received,
            changes_refused: figures.tally.refused,
            feed_entries: stage.store.head()?.seq,
            no_op_round_trips: per_phone(figures.idle.round_trips),
            no_op_bytes: per_phone(figures.idle.bytes_sent + figures.idle.bytes_received),
        },
        surveys: figures.asked.figures(&stage.store, programme, now)?,
        took_ms: Took::default(),
        every_check_holds: checks.iter().all(|check| check.holds),
        checks,
    })
}

/// Tells how it goes on standard error, so that standard output holds the summary alone.
#[expect(clippy::print_stderr, reason = "the demo talks to the person who started it")]
fn say(line: &str) {
    eprintln!("{line}");
}

/// As [`say`], over the line before.
#[expect(clippy::print_stderr, reason = "the demo talks to the person who started it")]
fn progress(line: &str, last: bool) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        eprint!("\r{line}{}", if last { "\n" } else { "" });
        // Progress that cannot be shown is no reason to stop.
        let _ = stderr.flush();
    } else if last {
        eprintln!("{line}");
    }
}

fn print_out(text: &str) {
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
