//! What `cargo test` runs: every row at a tiny size, and that none of the design's is missing.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    MEASURES,
    sizes::Sizes,
    stage::Stage,
    table::{self, Row},
};

/// How small.
const SCALE: f64 = 0.001;

/// The table of the design, section 13, without the peers (`cargo xtask bench peers`): what each row's
/// measure begins with, and its budget.
const DESIGN: &[(&str, &str)] = &[
    ("opening the programme, ", "<= 50"),
    ("answer to page: ", "ratio <= 2"),
    ("opening a form of ", "ratio <= 5"),
    ("converting the ", ""),
    ("save one contact, durable, read model and search updated", "ratio <= 2.5"),
    ("save one contact: p99 (ms)", "<= 20"),
    ("open a case page, save a contact, see it", "ratio <= 1.5"),
    ("open the app, first list", "ratio <= 1.5"),
    ("encryption at rest: a durable write where a sync takes 5 ms", "ratio <= 1.1"),
    ("encryption at rest: pages read", ""),
    ("bytes to send a day's work: 20 contacts, 8 cases", "ratio <= 1.5"),
    ("one changed field: pack, median", "<= 90"),
    ("one changed field: whole request body, median", "<= 200"),
    ("edits: request body", "<= "),
    ("bytes of a cold sync", "ratio <= 1.15"),
    ("no-op sync: both bodies", "<= 300"),
    ("no-op sync: round trips", "<= 1"),
    ("round trips of a day's work", "<= 1"),
    ("round trips of a cold sync, per MiB", "<= 1"),
    ("cold sync of", "ratio <= 6"),
    ("no-op sync: server time against an authenticated empty request", "ratio <= 1.5"),
    ("server ingest, ", "ratio >= 0.5"),
    ("at the devices included (pushes/s a core)", ">= 3000"),
    ("server memory", "ratio <= 1.2"),
    ("rebuild the read model", "ratio <= 4"),
    ("console, list of an area", "ratio <= 2"),
    ("console, page of a case", "ratio <= 2"),
];

/// Runs it, unless the caller asked for tests of another name.
pub(crate) fn run(arguments: &[String]) -> Result<String> {
    const NAME: &str = "budgets_at_a_tiny_size";
    let mut filters = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => return Ok(format!("{NAME}: test")),
            "--test-threads" | "--skip" | "--format" | "--color" | "--logfile" | "-Z" => {
                arguments.next();
            }
            option if option.starts_with('-') => {}
            filter => filters.push(filter),
        }
    }
    if !filters.is_empty() && !filters.iter().any(|filter| NAME.contains(filter)) {
        return Ok(format!("test {NAME} ... not asked for"));
    }
    let mut stage = Stage::new(Sizes::new(SCALE, false))?;
    let mut rows = Vec::new();
    for measure in MEASURES {
        rows.extend((measure.run)(&mut stage).with_context(|| format!("row `{}`", measure.name))?);
    }
    check_json(&rows)?;
    check_design(&rows)?;
    Ok(format!("{}test {NAME} ... ok", table::text(&rows)))
}

/// The JSON is an array of objects with exactly these keys, and says what the rows say.
fn check_json(rows: &[Row]) -> Result<()> {
    const KEYS: [&str; 6] = ["measure", "value", "yardstick", "ratio", "budget", "ok"];
    let parsed: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&table::json(rows))?;
    ensure!(parsed.len() == rows.len(), "a row is not in the JSON");
    for (object, row) in parsed.iter().zip(rows) {
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        ensure!(keys == KEYS, "the keys of `{}` are {keys:?}", row.measure);
        ensure!(object["measure"] == row.measure.as_str(), "a measure has another name in the JSON");
        ensure!(object["value"].as_f64().is_some_and(f64::is_finite), "`{}` has no value", row.measure);
        ensure!(object["ok"].as_bool() == row.ok(), "`{}` is ok on one side only", row.measure);
        ensure!(object["budget"].is_null() == row.budget.is_none(), "`{}` lacks its budget", row.measure);
        ensure!(object["ratio"].is_null() == row.yardstick.is_none(), "`{}` lacks its ratio", row.measure);
    }
    Ok(())
}

/// Every row of the design is there, once, in its order, under its budget.
fn check_design(rows: &[Row]) -> Result<()> {
    let texts: Vec<Value> = serde_json::from_str(&table::json(rows))?;
    for (row, (begins, budget)) in texts.iter().zip(DESIGN) {
        let measure = row["measure"].as_str().unwrap_or_default();
        if !measure.contains(begins) {
            bail!("where the design has `{begins}`, the table has `{measure}`");
        }
        let shown = row["budget"].as_str().unwrap_or_default();
        ensure!(shown.starts_with(budget), "`{measure}` is held to `{shown}`, the design says `{budget}`");
    }
    ensure!(rows.len() == DESIGN.len(), "the table has {} rows, the design {}", rows.len(), DESIGN.len());
    Ok(())
}
