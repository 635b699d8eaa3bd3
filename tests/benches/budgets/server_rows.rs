//! Rows about the server's work on pushes and questions.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use alongside_domain::{
    guard::{self, Ruling},
    ids::{GroupId, RecordId},
    record::{Circumstances, Document, RawChange, Root},
    time::Millis,
    wire::{Cursor, PushedChange, SyncAnswer, Verdict, decode_message, encode, features, pack},
};
use anyhow::{Context, Result, bail, ensure};
use axum::{body::to_bytes, http::StatusCode};
use rusqlite::{Connection, params};
use tower::ServiceExt as _;

use crate::{
    corpus::{Device, Generator, MEASURED},
    handset::TODAY,
    offices::{Enrolled, Office, openings, question, sync_request},
    stage::Stage,
    table::{Budget, Row},
    timing::{median, processor_seconds, take_turns, timed},
};

/// Requests that one commit makes durable, as at the server.
const BATCH: usize = 64;

/// The server's time for a sync that finds nothing against an authenticated request with an empty body:
/// the token is looked up, the body is read and turned down.
pub(crate) fn idle_time(stage: &mut Stage) -> Result<Vec<Row>> {
    let office = Office::new(&stage.folder("idle-server")?, &stage.programme)?;
    let mut generator = Generator::new(51, MEASURED);
    let device = generator.device();
    let person = office.person("SUPPORTER", Vec::new())?;
    let enrolled = office.enrol(person, device.actor)?;
    office.fill(52, stage.sizes.of(3_000, 64), &[person])?;
    let head = office.state.store.head()?;
    let body = encode(&question(device.actor, head, 0, None));
    let token = enrolled.answer.token.as_str();
    let ask = |body: &[u8], status: StatusCode| -> Result<Duration> {
        let (answer, took) = timed(|| office.post(token, body.to_vec()))?;
        ensure!(answer.0 == status, "the server answered {}", answer.0);
        Ok(took)
    };
    // The first one notes when the device was seen.
    ask(&body, StatusCode::OK)?;
    let turns = take_turns(
        stage.sizes.of(4_000, 20),
        |_| ask(&body, StatusCode::OK),
        |_| ask(&[], StatusCode::BAD_REQUEST),
    )?;
    let (measure, yardstick) = turns.medians_us();
    Ok(vec![Row::against(
        "no-op sync: server time against an authenticated empty request (us)",
        measure,
        yardstick,
        Budget::RatioAtMost(1.5),
    )])
}

/// A device that pushes.
struct Pusher {
    enrolled: Enrolled,
    cursor: Cursor,
    own_high: u64,
}

/// Small pushes of many devices against the guard and a group commit of the same changes alone.
pub(crate) fn ingest(stage: &mut Stage) -> Result<Vec<Row>> {
    const ROUNDS: usize = 5;
    let (devices, pushes) = (stage.sizes.of(500, 8), stage.sizes.of(20, ROUNDS).div_ceil(ROUNDS));
    let folder = stage.folder("ingest")?;
    let office = Office::new(&folder, &stage.programme)?;
    let mut generator = Generator::new(61, MEASURED);
    let mut pushers = Vec::new();
    let mut writers: Vec<(Device, GroupId)> = Vec::new();
    for _ in 0..devices {
        let device = generator.device();
        let person = office.person("SUPPORTER", Vec::new())?;
        let groups: [GroupId; 3] = std::array::from_fn(|_| GroupId(generator.device().actor.0));
        let enrolled = office.enrol(person, device.actor)?;
        office.push(&enrolled, openings(groups), Vec::new())?;
        pushers.push(Pusher { enrolled, cursor: Cursor::default(), own_high: 0 });
        writers.push((device, groups[2]));
    }
    let head = office.state.store.head()?;
    pushers.iter_mut().for_each(|pusher| pusher.cursor = head);
    let mut alone = Alone::new(&folder.join("yardstick.db"), &folder.join("server.db"))?;
    let mut busy = 0.0;
    let mut at = TODAY.0;
    let (mut rates, mut yardsticks) = (Vec::new(), Vec::new());
    let total = devices * pushes;
    for _ in 0..ROUNDS {
        let mut work = || -> Result<Vec<Vec<PushedChange>>> {
            let of_device = |(device, case): &(Device, GroupId)| {
                (0..pushes)
                    .map(|_| {
                        at += 13_331;
                        contact(&mut generator, &stage.programme, *device, *case, at)
                    })
                    .collect()
            };
            writers.iter().map(of_device).collect()
        };
        let (ours, theirs) = (work()?, work()?);
        let packs = ours
            .into_iter()
            .zip(&pushers)
            .map(|(changes, pusher)| changes.into_iter().map(|change| packed(pusher, change)).collect())
            .collect();
        let before = processor_seconds()?;
        let took;
        (pushers, took) = push_all(&office, pushers, packs)?;
        busy += processor_seconds()? - before;
        rates.push(total as f64 / took.as_secs_f64());
        yardsticks.push(total as f64 / alone.take(theirs.into_iter().flatten().collect())?.as_secs_f64());
    }
    let a_core = (total * ROUNDS) as f64 / busy.max(0.01);
    Ok(vec![
        Row::against(
            format!(
                "server ingest, {devices} devices, one contact a push, against guard and group commit alone (pushes/s)"
            ),
            median(rates),
            median(yardsticks),
            Budget::RatioAtLeast(0.5),
        ),
        Row::plain(
            "server ingest, writing requests and reading answers at the devices included (pushes/s a core)",
            a_core,
            Budget::AtLeast(3_000.0),
        ),
    ])
}

fn contact(
    generator: &mut Generator,
    programme: &alongside_domain::programme::Programme,
    device: Device,
    group: GroupId,
    at: i64,
) -> Result<PushedChange> {
    let form = "contact".to_owned();
    let id = RecordId::new(Millis(at), generator.device().actor.0[..10].try_into()?);
    let root = Root { id, form_version: programme.forms[&form].version.clone(), form, group };
    let edits = generator.fill("contact", at);
    let zone = programme.zone.clone();
    let circumstances =
        Circumstances { actor: device.actor, at: Millis(at), zone, offline: false, reason: None };
    let (_, change) = Document::create(&root, &edits, &circumstances)?;
    Ok(PushedChange { group, record: id, bytes: change.bytes })
}

/// Every device pushes its changes, one after the other, all devices at the same time.
fn push_all(
    office: &Office,
    pushers: Vec<Pusher>,
    work: Vec<Vec<pack::Pack>>,
) -> Result<(Vec<Pusher>, Duration)> {
    office.runtime.block_on(async {
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for (place, (mut pusher, packs)) in pushers.into_iter().zip(work).enumerate() {
            let router = office.router.clone();
            tasks.spawn(async move {
                for push in packs {
                    push_one(&router, &mut pusher, push).await?;
                }
                anyhow::Ok((place, pusher))
            });
        }
        let mut done = BTreeMap::new();
        while let Some(pusher) = tasks.join_next().await {
            let (place, pusher) = pusher??;
            done.insert(place, pusher);
        }
        Ok((done.into_values().collect(), begun.elapsed()))
    })
}

/// A change as its device sends it.
fn packed(pusher: &Pusher, change: PushedChange) -> pack::Pack {
    let common = pack::Common { actor: Some(pusher.enrolled.actor), feed: None };
    pack::pack_entries(&[change], features::ALL, pack::dictionary::newest(), &common)
}

async fn push_one(router: &axum::Router, pusher: &mut Pusher, push: pack::Pack) -> Result<()> {
    let body = encode(&question(pusher.enrolled.actor, pusher.cursor, pusher.own_high, Some(push)));
    let response = router.clone().oneshot(sync_request(&pusher.enrolled.answer.token, body)?).await?;
    ensure!(response.status().is_success(), "a push was answered with {}", response.status());
    let answer: SyncAnswer = decode_message(&to_bytes(response.into_body(), usize::MAX).await?)?;
    let [Verdict::Accepted(seq)] = answer.verdicts[..] else {
        bail!("a push was not accepted: {:?}", answer.verdicts);
    };
    pusher.own_high = pusher.own_high.max(seq);
    pusher.cursor = answer.cursor;
    Ok(())
}

/// The yardstick: the guard on every core, and one writer that commits 64 changes at a time into the
/// feed's table with its indexes.
struct Alone {
    connection: Connection,
    seq: i64,
}

impl Alone {
    fn new(file: &Path, server: &Path) -> Result<Self> {
        let schema: Vec<String> = Connection::open(server)?
            .prepare(
                "SELECT sql FROM sqlite_schema WHERE tbl_name = 'feed' AND sql IS NOT NULL ORDER BY rowid",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let connection = Connection::open(file)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.execute_batch(&schema.join(";"))?;
        Ok(Self { connection, seq: 0 })
    }

    fn take(&mut self, changes: Vec<PushedChange>) -> Result<Duration> {
        let cores = std::thread::available_parallelism()?.get();
        let share = changes.len().div_ceil(cores).max(1);
        let (passed, arriving) = mpsc::sync_channel::<(PushedChange, RawChange)>(BATCH * 2);
        let (before, expected) = (self.seq, changes.len());
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let mut rest = changes;
            while !rest.is_empty() {
                let part: Vec<PushedChange> = rest.drain(..share.min(rest.len())).collect();
                let passed = passed.clone();
                scope.spawn(move || {
                    for change in part {
                        let judged =
                            guard::judge(&mut None, change.record, change.group, &[change.bytes.as_slice()]);
                        // What does not pass is missed by the count below.
                        if let Some(Ruling::Pass(raw)) = judged.into_iter().next() {
                            let _ = passed.send((change, raw));
                        }
                    }
                });
            }
            drop(passed);
            self.commit(&arriving)
        })?;
        let took = begun.elapsed();
        ensure!(self.seq - before == i64::try_from(expected)?, "the guard did not pass a generated change");
        Ok(took)
    }

    fn commit(&mut self, arriving: &mpsc::Receiver<(PushedChange, RawChange)>) -> Result<()> {
        while let Ok(first) = arriving.recv() {
            let batch = std::iter::once(first).chain(arriving.try_iter().take(BATCH - 1));
            let tx = self.connection.transaction()?;
            for (change, raw) in batch {
                self.seq += 1;
                tx.prepare_cached(
                    "INSERT INTO feed (tenant, seq, kind, group_id, record, hash, actor, actor_seq, author,
                                       device, received_at, body, chain)
                     VALUES (1, ?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    self.seq,
                    change.group.0,
                    change.record.0,
                    raw.hash.0,
                    raw.actor.0,
                    i64::try_from(raw.seq)?,
                    [3_u8; 16],
                    [4_u8; 16],
                    TODAY.0,
                    change.bytes,
                    [5_u8; 16],
                ])?;
            }
            tx.commit()?;
        }
        Ok(())
    }
}

/// A server with so many records for 500 supporters, made once.
pub(crate) fn office_with(stage: &mut Stage, records: usize, devices: usize) -> Result<Arc<Office>> {
    if let Some((_, office)) = stage.offices.iter().find(|(known, _)| *known == records) {
        return Ok(Arc::clone(office));
    }
    let office = Office::new(&stage.folder(&format!("office-{records}"))?, &stage.programme)?;
    let supporters =
        (0..devices).map(|_| office.person("SUPPORTER", Vec::new())).collect::<Result<Vec<_>>>()?;
    office.fill(81, records, &supporters)?;
    let office = Arc::new(office);
    stage.offices.push((records, Arc::clone(&office)));
    office.state.store.head().context("a server that was filled has a feed")?;
    Ok(office)
}
