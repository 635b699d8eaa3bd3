//! Measures packs against the budgets of the design (13) on generated work, and prints a table;
//! `--json` prints an array of objects with the same keys.
//!
//! The yardstick is JSON lines, a line for a record and a line for each edit (a JSON patch with
//! author and time), zstd -19. The dictionary was trained with other seeds, devices, names and
//! sentences than are measured here.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints what it measured")]

use std::{collections::BTreeMap, time::Instant};

use alongside_domain::{
    ids::ActorId,
    wire::{
        self, Cursor, FeedEntry, PushedChange, SyncRequest, features,
        pack::{Common, Entry, Pack, PackForm, PackOptions, dictionary, pack, unpack},
    },
};

#[path = "../pack_corpus/corpus.rs"]
mod corpus;

use corpus::{Feed, Generator, MEASURED, Written};

struct Row {
    measure: &'static str,
    value: f64,
    unit: &'static str,
    yardstick: Option<f64>,
    budget: Option<(f64, bool)>,
}

const COLUMNS: PackForm = PackForm::Columns;

fn main() {
    let mut rows = Vec::new();
    cold(&mut rows);
    day(&mut rows);
    small(&mut rows);
    print(&rows);
}

fn options() -> PackOptions {
    PackOptions { form: COLUMNS, dictionary: dictionary::newest() }
}

fn size(pack: &Pack) -> f64 {
    wire::encode(pack).len() as f64
}

fn json(written: &[Written]) -> f64 {
    let mut lines = Vec::new();
    for written in written {
        serde_json::to_writer(&mut lines, &written.json).unwrap();
        lines.push(b'\n');
    }
    zstd::bulk::compress(&lines, 19).unwrap().len() as f64
}

/// The whole history of 10,000 records, of which 30% were edited, to a new phone.
fn cold(rows: &mut Vec<Row>) {
    const RECORDS: f64 = 10_000.0;
    let written = Generator::new(71, MEASURED).history(10_000, 0.3, 40);
    let entries: Vec<FeedEntry> = (1..).zip(&written).map(|(seq, written)| written.entry(seq)).collect();
    let common = Common::default();
    let begun = Instant::now();
    let packed = pack(&entries, options(), &common);
    let packing = begun.elapsed();
    assert_eq!(packed.form, COLUMNS);
    let begun = Instant::now();
    let opened: Vec<FeedEntry> = unpack(&packed, &common).unwrap();
    let opening = begun.elapsed();
    assert_eq!(opened, entries);
    let rows_form = PackOptions { form: PackForm::Rows, dictionary: None };
    let begun = Instant::now();
    let in_rows = pack(&entries, rows_form, &common);
    let packing_rows = begun.elapsed();
    let yardstick = json(&written) / RECORDS;
    let raw: usize = written.iter().map(|written| written.change.bytes.len()).sum();
    rows.push(Row::bytes("cold sync, a record", size(&packed) / RECORDS, yardstick, 1.15));
    rows.push(Row::bare("the same in rows", size(&in_rows) / RECORDS, "B"));
    rows.push(Row::bare("the same, raw changes", raw as f64 / RECORDS, "B"));
    // The phone is sent 1 MiB at a time.
    let mut in_parts = 0.0;
    for part in entries.chunks(6_000) {
        in_parts += size(&pack(part, options(), &common));
    }
    rows.push(Row::bytes("cold sync in parts of 6,000, a record", in_parts / RECORDS, yardstick, 1.15));
    let changes = entries.len() as f64;
    rows.push(Row::bare("packing, a change", packing.as_secs_f64() * 1e6 / changes, "us"));
    rows.push(Row::bare("opening, a change", opening.as_secs_f64() * 1e6 / changes, "us"));
    rows.push(Row::bare("packing rows, a change", packing_rows.as_secs_f64() * 1e6 / changes, "us"));
}

/// A supporter's day: 20 contacts over 8 cases, sent at its end.
fn day(rows: &mut Vec<Row>) {
    let mut ratios = Vec::new();
    let mut bytes = Vec::new();
    for seed in 0..40 {
        let mut generator = Generator::new(500 + seed, MEASURED);
        let device = generator.device();
        let begin = 1_425_110_400_000 + seed as i64 * 86_400_000;
        let cases: Vec<_> = generator
            .history(8 * 32, 0.0, 1)
            .into_iter()
            .filter_map(|written| (written.form == "case").then_some(written.group))
            .collect();
        let written: Vec<_> = (0..20)
            .map(|at| {
                let group = cases[at * 7 % cases.len()];
                generator.create("contact", group, device, begin + at as i64 * 1_467_321).1
            })
            .collect();
        let pushed: Vec<_> = written.iter().map(Written::pushed).collect();
        let packed = checked(&pushed, &Common { actor: Some(device.actor), feed: None });
        bytes.push(size(&packed));
        ratios.push(json(&written));
    }
    let (value, yardstick) = (median(&mut bytes), median(&mut ratios));
    rows.push(Row::bytes("a day's work: 20 contacts, 8 cases", value, yardstick, 1.5));
}

/// One changed field, and a hundred edits.
fn small(rows: &mut Vec<Row>) {
    let mut packs = Vec::new();
    let mut bare = Vec::new();
    let mut bodies = Vec::new();
    let mut hundred = Vec::new();
    let mut pulled = Vec::new();
    let mut yardstick = Vec::new();
    for seed in 0..20 {
        let mut generator = Generator::new(900 + seed, MEASURED);
        let (device, other) = (generator.device(), generator.device());
        let colleagues: Vec<_> = (0..20).map(|_| generator.device()).collect();
        let begin = 1_425_110_400_000 + seed as i64 * 86_400_000;
        let forms = ["contact", "contact", "case", "child", "ehc_event", "person", "goal", "contact"];
        let mut lives = Vec::new();
        let mut written = Vec::new();
        for at in 0..100 {
            let group = alongside_domain::ids::GroupId([at as u8 + 1; 16]);
            let writer = if at % 4 == 0 { other } else { device };
            let form = forms[at % forms.len()];
            let (live, first) = generator.create(form, group, writer, begin + at as i64 * 400_123);
            lives.push(live);
            written.push(first);
        }
        let feed = Feed::new(&written, 48_211);
        let common = Common { actor: Some(device.actor), feed: Some(&feed) };
        let mut edits = Vec::new();
        let mut of_others = Vec::new();
        for (at, live) in lives.iter_mut().enumerate() {
            let when = begin + 90_000_000 + at as i64 * 217_345;
            let mut alone = corpus::Live {
                root: live.root.clone(),
                document: live.document.clone(),
                device: live.device,
            };
            if let Some(edit) = generator.edit_fields(&mut alone, device, when, 1) {
                let pushed = [edit.pushed()];
                let packed = checked(&pushed, &common);
                packs.push(size(&packed));
                bodies.push(request(device.actor, packed));
                bare.push(size(&checked(&pushed, &Common::default())));
            }
            let mut theirs = corpus::Live {
                root: live.root.clone(),
                document: live.document.clone(),
                device: live.device,
            };
            let colleague = colleagues[at % colleagues.len()];
            of_others.extend(generator.edit_fields(&mut theirs, colleague, when, 1));
            let fields = 1 + at % 3;
            edits.extend(generator.edit_fields(live, device, when, fields));
        }
        let pushed: Vec<PushedChange> = edits.iter().map(Written::pushed).collect();
        hundred.push(request(device.actor, checked(&pushed, &common)));
        yardstick.push(json(&edits));
        let entries: Vec<FeedEntry> =
            (50_000..).zip(&of_others).map(|(seq, written)| written.entry(seq)).collect();
        pulled.push(size(&checked(&entries, &common)));
    }
    rows.push(Row::capped("one changed field: pack, median", median(&mut packs), 90.0));
    rows.push(Row::capped("one changed field: whole body, median", median(&mut bodies), 200.0));
    rows.push(Row::bare("one changed field, nothing known to both", median(&mut bare), "B"));
    let mut row = Row::capped("100 edits: body, median", median(&mut hundred), 3_700.0);
    row.yardstick = Some(median(&mut yardstick));
    rows.push(row);
    rows.push(Row::bare("100 edits of 20 others, pulled", median(&mut pulled), "B"));
}

/// A request with nothing but this push.
fn request(actor: ActorId, push: Pack) -> f64 {
    let request = SyncRequest {
        protocol: wire::PROTOCOL,
        features: features::ALL,
        dictionary: dictionary::newest(),
        cursor: Cursor { seq: 48_311, chain: [0xa7; 16] },
        seen: None,
        backfills: Vec::new(),
        own_high: 48_290,
        actor,
        openings: Vec::new(),
        push: Some(push),
        limit: 1 << 20,
        waiting: 0,
        tally: None,
        needs_key: false,
        asks_relatives: false,
        repair: None,
    };
    wire::encode(&request).len() as f64
}

/// Packs by column and makes sure that it did.
fn checked<T: Entry + std::fmt::Debug>(entries: &[T], common: &Common<'_>) -> Pack {
    let packed = pack(entries, options(), common);
    assert_eq!(packed.form, COLUMNS);
    assert_eq!(unpack::<T>(&packed, common).unwrap(), entries);
    packed
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Row {
    fn bare(measure: &'static str, value: f64, unit: &'static str) -> Self {
        Self { measure, value, unit, yardstick: None, budget: None }
    }

    /// At most `budget` times the yardstick.
    fn bytes(measure: &'static str, value: f64, yardstick: f64, budget: f64) -> Self {
        let ok = value / yardstick <= budget;
        Self { measure, value, unit: "B", yardstick: Some(yardstick), budget: Some((budget, ok)) }
    }

    /// At most `budget` bytes.
    fn capped(measure: &'static str, value: f64, budget: f64) -> Self {
        Self { measure, value, unit: "B", yardstick: None, budget: Some((budget, value <= budget)) }
    }

    fn ratio(&self) -> Option<f64> {
        self.yardstick.map(|yardstick| self.value / yardstick)
    }
}

fn print(rows: &[Row]) {
    let round = |number: f64| (number * 1_000.0).round() / 1_000.0;
    if std::env::args().any(|argument| argument == "--json") {
        let objects: Vec<BTreeMap<&str, serde_json::Value>> = rows
            .iter()
            .map(|row| {
                BTreeMap::from([
                    ("measure", row.measure.into()),
                    ("value", round(row.value).into()),
                    ("unit", row.unit.into()),
                    ("yardstick", row.yardstick.map(round).into()),
                    ("ratio", row.ratio().map(round).into()),
                    ("budget", row.budget.map(|budget| budget.0).into()),
                    ("ok", row.budget.map(|budget| budget.1).into()),
                ])
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&objects).unwrap());
        return;
    }
    println!("{:<42} {:>10} {:>10} {:>7} {:>8}  ok", "measure", "value", "yardstick", "ratio", "budget");
    for row in rows {
        let shown = |number: Option<f64>| number.map_or(String::new(), |number| format!("{number:.2}"));
        let ok = row.budget.map_or("", |budget| if budget.1 { "yes" } else { "NO" });
        println!(
            "{:<42} {:>8.1} {:<2} {:>9} {:>7} {:>8}  {ok}",
            row.measure,
            row.value,
            row.unit,
            shown(row.yardstick),
            shown(row.ratio()),
            row.budget.map_or(String::new(), |budget| budget.0.to_string()),
        );
    }
}
