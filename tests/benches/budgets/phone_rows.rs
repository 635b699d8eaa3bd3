//! Rows about the phone alone: saving, the case page, opening the app, encryption.

use std::{path::Path, sync::Arc, time::Duration};

use alongside_core::Phone;
use alongside_domain::{ids::GroupId, time::Millis};
use anyhow::{Result, ensure};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    corpus::{Generator, MEASURED},
    handset::{Handset, TODAY, caseload, file, new_record, profile},
    stage::Stage,
    store_rows::{Durability, Rows, Shelf, count},
    table::{Budget, Row},
    timing::{median_us, p99_ms, take_turns, timed},
};

const YARDSTICK_KEY: [u8; 32] = [9; 32];
/// What one sync of the file costs on the phone that the budget of encryption is for.
const SYNC_US: f64 = 5_000.0;

/// Between two contacts that a supporter writes, in milliseconds: twelve a day, which is a full one.
const EVERY: i64 = 2 * 3_600_000;

/// Work to save: contacts of one case.
struct Contacts {
    generator: Generator,
    rng: StdRng,
    at: Millis,
}

impl Contacts {
    fn new(seed: u64) -> Self {
        let generator = Generator::new(seed, MEASURED);
        Self { generator, rng: StdRng::seed_from_u64(seed), at: TODAY }
    }

    fn next(&mut self, handset: &Handset, case: GroupId) -> alongside_core::SaveRequest {
        self.at.0 += EVERY;
        handset.clock.set(self.at);
        let answers = self.generator.fill("contact", self.at.0);
        new_record(case, "contact", answers, &mut self.rng)
    }
}

/// Saving one contact against inserting the rows that it became.
pub(crate) fn save(stage: &mut Stage) -> Result<Vec<Row>> {
    let folder = stage.folder("save")?;
    let (device, groups, written) = caseload(11, stage.sizes.of(20, 3), stage.sizes.of(400, 12));
    let handset = Handset::holding(&folder, &stage.programme, device.person, &groups, &written)?;
    let reader = file(&folder)?;
    let mut shelf =
        Shelf::like(&reader, &folder.join("yardstick.db"), Some(YARDSTICK_KEY), Durability::Synced)?;
    shelf.insert(&reader.everything()?)?;
    let mut contacts = Contacts::new(12);
    let rounds = stage.sizes.of(600, 12);
    // The rows have to be known before they can be inserted: the yardstick always follows.
    let mut inserted = Vec::with_capacity(rounds);
    let mut saved = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let request = contacts.next(&handset, groups[round % groups.len()][2]);
        let (view, took) = timed(|| handset.save(request))?;
        saved.push(took);
        let rows = reader.saved(view.root.id.0)?;
        ensure!(count(&rows, "change") == 1 && count(&rows, "record_row") == 1, "a save left no rows");
        inserted.push(timed(|| shelf.insert(&rows))?.1);
    }
    Ok(vec![
        Row::against(
            "save one contact, durable, read model and search updated: median (us)",
            median_us(&saved),
            median_us(&inserted),
            Budget::RatioAtMost(2.5),
        ),
        Row {
            yardstick: Some(p99_ms(&inserted)),
            ..Row::plain("save one contact: p99 (ms)", p99_ms(&saved), Budget::AtMost(20.0))
        },
    ])
}

/// A case page of a family with many contacts against one with few.
pub(crate) fn case_page(stage: &mut Stage) -> Result<Vec<Row>> {
    let many = stage.sizes.of(20_000, 60);
    let mut sides = Vec::new();
    for (name, contacts) in [("page-many", many), ("page-few", 20)] {
        let folder = stage.folder(name)?;
        let (device, groups, written) = caseload(21, 1, contacts);
        let handset = Handset::holding(&folder, &stage.programme, device.person, &groups, &written)?;
        sides.push((handset, groups[0][2], Contacts::new(22)));
    }
    let [large, small] = &mut sides[..] else { return Ok(Vec::new()) };
    let turns = take_turns(stage.sizes.of(150, 6), |_| page_save_page(large), |_| page_save_page(small))?;
    let (measure, yardstick) = turns.medians_us();
    Ok(vec![Row::against(
        format!("open a case page, save a contact, see it: {many} contacts against 20 (us)"),
        measure,
        yardstick,
        Budget::RatioAtMost(1.5),
    )])
}

fn page_save_page((handset, case, contacts): &mut (Handset, GroupId, Contacts)) -> Result<Duration> {
    let request = contacts.next(handset, *case);
    let as_of = contacts.at.date_in("Europe/London");
    let (seen, took) = timed(|| {
        let records = handset.phone.records();
        records.unit_page(*case, as_of, 20, None)?;
        let saved = records.save(request)?;
        let page = records.unit_page(*case, as_of, 20, None)?;
        Ok(page.records.iter().any(|card| card.record == saved.root.id))
    })?;
    ensure!(seen, "a saved contact is not on its page");
    Ok(took)
}

/// Opening the app with a large file against a small one.
pub(crate) fn open(stage: &mut Stage) -> Result<Vec<Row>> {
    let (cases, contacts) = (stage.sizes.of(3_000, 30), stage.sizes.hundred_thousand());
    let mut folders = Vec::new();
    for (name, cases, contacts) in [("open-many", cases, contacts), ("open-few", 30, 100)] {
        let folder = stage.folder(name)?;
        let (device, groups, written) = caseload(31, cases, contacts);
        Handset::holding(&folder, &stage.programme, device.person, &groups, &written)?.phone.close();
        folders.push((folder, cases));
    }
    let programme = Arc::clone(&stage.programme);
    let [large, small] = &folders[..] else { return Ok(Vec::new()) };
    let first_list = |(folder, cases): &(std::path::PathBuf, usize)| open_home(folder, *cases, &programme);
    let turns = take_turns(stage.sizes.of(40, 3), |_| first_list(large), |_| first_list(small))?;
    let (measure, yardstick) = turns.medians_us();
    Ok(vec![Row::against(
        format!(
            "open the app, first list: {cases} cases, {contacts} contacts{} against 30 cases (us)",
            if contacts == 100_000 { "" } else { " (the design says 100000: --full)" }
        ),
        measure,
        yardstick,
        Budget::RatioAtMost(1.5),
    )])
}

fn open_home(
    folder: &Path,
    cases: usize,
    programme: &Arc<alongside_domain::programme::Programme>,
) -> Result<Duration> {
    let clock = Arc::new(alongside_core::clock::ManualClock::new(TODAY));
    let profile = profile(folder, programme, &clock, 3);
    let as_of = programme.day(TODAY);
    let ((phone, home), took) = timed(|| {
        let phone = Phone::open(profile)?;
        let home = phone.records().home(as_of)?;
        Ok((phone, home))
    })?;
    ensure!(home.units as usize == cases && !home.mine.is_empty(), "the first list lacks cases");
    phone.close();
    Ok(took)
}

/// SQLCipher against SQLite, with the rows that saves become.
pub(crate) fn encryption(stage: &mut Stage) -> Result<Vec<Row>> {
    let folder = stage.folder("encryption")?;
    let (device, groups, written) = caseload(41, stage.sizes.of(20, 3), stage.sizes.of(2_000, 12));
    let handset = Handset::holding(&folder, &stage.programme, device.person, &groups, &written)?;
    let reader = file(&folder)?;
    let everything = reader.everything()?;
    let mut contacts = Contacts::new(42);
    let mut saves: Vec<Rows> = Vec::new();
    for round in 0..stage.sizes.of(600, 12) {
        let view = handset.save(contacts.next(&handset, groups[round % groups.len()][2]))?;
        saves.push(reader.saved(view.root.id.0)?);
    }
    let shelf = |name: &str, key| -> Result<Shelf> {
        let mut shelf = Shelf::like(&reader, &folder.join(name), key, Durability::Unsynced)?;
        shelf.insert(&everything)?;
        Ok(shelf)
    };
    let mut closed = shelf("closed.db", Some(YARDSTICK_KEY))?;
    let mut clear = shelf("clear.db", None)?;
    let writes = take_turns(
        saves.len(),
        |round| Ok(timed(|| closed.insert(&saves[round]))?.1),
        |round| Ok(timed(|| clear.insert(&saves[round]))?.1),
    )?;
    let cold_read = |shelf: &Shelf| -> Result<Duration> {
        shelf.forget()?;
        let (rows, took) = timed(|| shelf.read_pages())?;
        ensure!(rows > 0, "nothing was read");
        Ok(took)
    };
    let reads = take_turns(stage.sizes.of(40, 3), |_| cold_read(&closed), |_| cold_read(&clear))?;
    let (write, plain_write) = writes.medians_us();
    let (read, plain_read) = reads.medians_us();
    Ok(vec![
        Row::against(
            "encryption at rest: a durable write where a sync takes 5 ms (us)",
            write + SYNC_US,
            plain_write + SYNC_US,
            Budget::RatioAtMost(1.1),
        ),
        Row::reported("encryption at rest: pages read into an empty cache (us)", read, Some(plain_read)),
    ])
}
