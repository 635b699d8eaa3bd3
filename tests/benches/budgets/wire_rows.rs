//! Rows about what travels: the real bodies between a real phone and the real server, through a layer
//! that counts them.

use std::{path::Path, sync::Arc};

use alongside_core::sync::SyncOutcome;
use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::Programme,
    sync::Status,
    wire::encode,
};
use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    corpus::{Generator, MEASURED, json_bytes, line},
    handset::{Handset, TODAY, edit, file, new_record},
    offices::{Counted, Office, Passed},
    stage::Stage,
    store_rows::{Durability, Shelf},
    table::{Budget, Row},
    timing::{median, take_turns, timed},
};

const MIB: f64 = 1_048_576.0;
const DEVICES: usize = 40;
/// How many of a hundred records were edited.
const EDITED: f64 = 0.3;
const YARDSTICK_KEY: [u8; 32] = [9; 32];

/// What phone and server sent each other.
pub(crate) struct Traffic {
    records: usize,
    office: Office,
    reader: alongside_domain::ids::PersonId,
    cold: Passed,
    cold_json: f64,
    idle: Passed,
    /// Bytes sent, JSON of the same, requests: one for each day.
    days: Vec<(f64, f64, f64)>,
    packs: Vec<f64>,
    bodies: Vec<f64>,
    hundred: f64,
    hundred_json: f64,
}

/// Measures all traffic, once.
fn traffic(stage: &mut Stage) -> Result<&Traffic> {
    if stage.traffic.is_none() {
        stage.traffic = Some(measure(stage)?);
    }
    stage.traffic.as_ref().context("just measured")
}

fn measure(stage: &Stage) -> Result<Traffic> {
    let records = stage.sizes.of(10_000, 96);
    let office = Office::new(&stage.folder("traffic-server")?, &stage.programme)?;
    let mut generator = Generator::new(71, MEASURED);
    let devices: Vec<_> = (0..stage.sizes.of(DEVICES, 3).min(DEVICES)).map(|_| generator.device()).collect();
    let cases = generator.cases(records, EDITED, &devices);
    let cold_json = json_bytes(cases.iter().flat_map(|case| &case.written).map(|written| &written.json))?;
    let units: Vec<GroupId> = cases.iter().map(|case| case.groups[2]).collect();
    let places: Vec<(RecordId, GroupId, String)> = cases
        .iter()
        .flat_map(|case| &case.written)
        .filter(|written| written.change.seq == 1)
        .map(|written| (written.record, written.group, written.form.clone()))
        .collect();
    let reader = office.person("SUPPORTER", Vec::new())?;
    office.take_history(&devices, cases, &[reader])?;

    let (address, counted) = office.listen_counting()?;
    let handset = Handset::create(&stage.folder("traffic-phone")?, &stage.programme, 5)?;
    let code = office.code(reader)?;
    office.runtime.block_on(handset.phone.sync().enrol(&format!("http://{address}"), &code, "Phone"))?;
    let (cold, outcome) = synced(&office, &handset, &counted)?;
    ensure!(outcome.received as usize >= records, "a cold sync brought {} changes", outcome.received);
    let (idle, _) = synced(&office, &handset, &counted)?;

    let programme = Arc::clone(&stage.programme);
    let mut work =
        Work { programme, office, handset, counted, generator, rng: StdRng::seed_from_u64(6), at: TODAY.0 };
    let days = (0..stage.sizes.of(9, 1)).map(|day| work.day(day, &units)).collect::<Result<_>>()?;
    let mut packs = Vec::new();
    let mut bodies = Vec::new();
    let editable: Vec<_> =
        places.iter().filter(|(_, _, form)| !stage.programme.records[form].immutable).cloned().collect();
    let singles = stage.sizes.of(60, 6);
    for place in editable.iter().cycle().step_by(7).take(singles) {
        if work.edit(place, 1)?.is_some() {
            let (passed, _) = work.sync()?;
            let push = work.counted.last_request()?.push.context("an edit was not sent")?;
            packs.push(encode(&push).len() as f64);
            bodies.push(passed.up as f64);
        }
    }
    let mut lines = Vec::new();
    for (number, place) in editable.iter().rev().step_by(3).chain(editable.iter().rev().skip(1)).enumerate() {
        if lines.len() == stage.sizes.of(100, 5) {
            break;
        }
        lines.extend(work.edit(place, 1 + number % 3)?);
    }
    let (hundred, _) = work.sync()?;
    Ok(Traffic {
        records,
        office: work.office,
        reader,
        cold,
        cold_json,
        idle,
        days,
        packs,
        bodies,
        hundred: hundred.up as f64,
        hundred_json: json_bytes(&lines)?,
    })
}

/// A phone at work.
struct Work {
    programme: Arc<Programme>,
    office: Office,
    handset: Handset,
    counted: Arc<Counted>,
    generator: Generator,
    rng: StdRng,
    at: i64,
}

impl Work {
    fn pass_time(&mut self) {
        self.at += 1_467_321;
        self.handset.clock.set(alongside_domain::time::Millis(self.at));
    }

    /// Twenty contacts over eight cases, sent at the end of the day.
    fn day(&mut self, day: usize, units: &[GroupId]) -> Result<(f64, f64, f64)> {
        let cases: Vec<GroupId> = units.iter().cycle().skip(day * 8).take(8).copied().collect();
        let mut lines = Vec::new();
        for contact in 0..20 {
            self.pass_time();
            let answers = self.generator.fill("contact", self.at);
            let request = new_record(cases[contact * 7 % 8], "contact", answers.clone(), &mut self.rng);
            let view = self.handset.save(request)?;
            lines.push(line(view.root.id, &answers));
        }
        let (passed, outcome) = self.sync()?;
        ensure!(outcome.accepted == 20, "a day's work was not taken");
        Ok((passed.up as f64, json_bytes(&lines)?, passed.requests as f64))
    }

    /// Changes so many fields of a record; its JSON patch, or `None` where nothing was different.
    fn edit(
        &mut self,
        (record, group, form): &(RecordId, GroupId, String),
        fields: usize,
    ) -> Result<Option<serde_json::Value>> {
        self.pass_time();
        let mut answers = self.generator.fill(form, self.at);
        let kind = &self.programme.records[form];
        let is_key = |key: &String| kind.key.iter().flatten().any(|field| field == key);
        answers.retain(|answer| !answer.key.contains('/') && !is_key(&answer.key));
        let start = (self.at / 1_000) as usize % answers.len().max(1);
        answers.rotate_left(start);
        answers.truncate(fields);
        let before = self.handset.phone.records().record(*record)?.view;
        answers.retain(|answer| before.value(&answer.key) != Some(&answer.value));
        if answers.is_empty() {
            return Ok(None);
        }
        self.handset.save(edit(*group, form, *record, answers.clone()))?;
        let author = self.handset.phone.sync().person()?;
        Ok(Some(crate::corpus::patch(*record, author, self.at, &answers)))
    }

    fn sync(&mut self) -> Result<(Passed, SyncOutcome)> {
        synced(&self.office, &self.handset, &self.counted)
    }
}

/// Syncs until the phone is up to date: what passed, which is also what the phone says.
fn synced(office: &Office, handset: &Handset, counted: &Counted) -> Result<(Passed, SyncOutcome)> {
    let before = counted.so_far();
    let outcome = office.runtime.block_on(handset.phone.sync().sync_once())?;
    up_to_date(&outcome)?;
    let passed = counted.since(before);
    ensure!(
        (passed.up, passed.down) == (outcome.bytes_sent, outcome.bytes_received),
        "the phone counts other bytes than the layer: {passed:?} {outcome:?}"
    );
    Ok((passed, outcome))
}

fn up_to_date(outcome: &SyncOutcome) -> Result<()> {
    let fine = matches!(outcome.status, Status::UpToDate { .. })
        && (outcome.waiting, outcome.quarantined, outcome.refused, outcome.failures) == (0, 0, 0, 0);
    ensure!(fine, "a sync did not end well: {outcome:?}");
    Ok(())
}

/// Bytes to send a day's work.
pub(crate) fn day(stage: &mut Stage) -> Result<Vec<Row>> {
    let days = &traffic(stage)?.days;
    let of = |pick: fn(&(f64, f64, f64)) -> f64| median(days.iter().map(pick).collect());
    Ok(vec![Row::against(
        "bytes to send a day's work: 20 contacts, 8 cases (request body)",
        of(|day| day.0),
        of(|day| day.1),
        Budget::RatioAtMost(1.5),
    )])
}

/// One changed field; a hundred edits.
pub(crate) fn field(stage: &mut Stage) -> Result<Vec<Row>> {
    let edits = stage.sizes.of(100, 5);
    let traffic = traffic(stage)?;
    let hundred = Row::plain(
        format!("{edits} edits: request body (bytes)"),
        traffic.hundred,
        Budget::AtMost(3_700.0 * edits as f64 / 100.0),
    );
    Ok(vec![
        Row::plain(
            "one changed field: pack, median (bytes)",
            median(traffic.packs.clone()),
            Budget::AtMost(90.0),
        ),
        Row::plain(
            "one changed field: whole request body, median (bytes)",
            median(traffic.bodies.clone()),
            Budget::AtMost(200.0),
        ),
        Row { yardstick: Some(traffic.hundred_json), ..hundred },
    ])
}

/// Bytes of a cold sync.
pub(crate) fn cold_bytes(stage: &mut Stage) -> Result<Vec<Row>> {
    let traffic = traffic(stage)?;
    Ok(vec![Row::against(
        format!("bytes of a cold sync: {} records, 30% edited, all bodies both ways", traffic.records),
        (traffic.cold.up + traffic.cold.down) as f64,
        traffic.cold_json,
        Budget::RatioAtMost(1.15),
    )])
}

/// A sync that finds nothing.
pub(crate) fn idle(stage: &mut Stage) -> Result<Vec<Row>> {
    let idle = traffic(stage)?.idle;
    Ok(vec![
        Row::plain("no-op sync: both bodies (bytes)", (idle.up + idle.down) as f64, Budget::AtMost(300.0)),
        Row::plain("no-op sync: round trips", idle.requests as f64, Budget::AtMost(1.0)),
    ])
}

/// Round trips.
pub(crate) fn trips(stage: &mut Stage) -> Result<Vec<Row>> {
    let traffic = traffic(stage)?;
    let day = median(traffic.days.iter().map(|day| day.2).collect());
    let mib = (traffic.cold.down as f64 / MIB).ceil();
    Ok(vec![
        Row::plain("round trips of a day's work", day, Budget::AtMost(1.0)),
        Row::plain(
            format!("round trips of a cold sync, per MiB begun ({} KiB came)", traffic.cold.down / 1_024),
            traffic.cold.requests as f64 / mib,
            Budget::AtMost(1.0),
        ),
    ])
}

/// Time of a cold sync against inserting the rows that it became.
pub(crate) fn cold_time(stage: &mut Stage) -> Result<Vec<Row>> {
    let rounds = stage.sizes.of(3, 1);
    let folder = stage.folder("cold-time")?;
    let programme = Arc::clone(&stage.programme);
    let traffic = traffic(stage)?;
    let office = &traffic.office;
    let address = office.listen()?;
    let enrolled = |name: &str| -> Result<(Handset, std::path::PathBuf)> {
        let folder = folder.join(name);
        let handset = Handset::create(&folder, &programme, 8)?;
        let code = office.code(traffic.reader)?;
        office.runtime.block_on(handset.phone.sync().enrol(&format!("http://{address}"), &code, "Phone"))?;
        Ok((handset, folder))
    };
    // One before the clock starts: its rows are what the yardstick inserts.
    let (handset, path) = enrolled("first")?;
    let outcome = office.runtime.block_on(handset.phone.sync().sync_once())?;
    up_to_date(&outcome)?;
    let reader = file(&path)?;
    let rows = reader.everything()?;
    let part = rows.len().div_ceil(outcome.round_trips.max(1) as usize);
    let turns = take_turns(
        rounds,
        |round| {
            let (handset, _) = enrolled(&format!("phone-{round}"))?;
            let (outcome, took) = timed(|| {
                let outcome = office.runtime.block_on(handset.phone.sync().sync_once())?;
                let home = handset.phone.records().home(TODAY.date_in("Europe/London"))?;
                ensure!(home.units > 0, "nothing is listed");
                Ok(outcome)
            })?;
            up_to_date(&outcome)?;
            handset.phone.close();
            Ok(took)
        },
        |round| {
            let path: &Path = &folder.join(format!("yardstick-{round}.db"));
            let mut shelf = Shelf::like(&reader, path, Some(YARDSTICK_KEY), Durability::Synced)?;
            Ok(timed(|| rows.chunks(part).try_for_each(|part| shelf.insert(part)))?.1)
        },
    )?;
    let (measure, yardstick) = turns.medians_us();
    Ok(vec![Row::against(
        format!(
            "cold sync of {} records, server and guards included, durable and listed (ms)",
            traffic.records
        ),
        measure / 1e3,
        yardstick / 1e3,
        Budget::RatioAtMost(6.0),
    )])
}
