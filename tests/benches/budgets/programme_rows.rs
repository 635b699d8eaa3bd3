//! Opening the programme: what every start of phone and server pays before anything else.

use alongside_domain::programme::{builtin, package};
use anyhow::{Context as _, Result, ensure};

use crate::{
    stage::Stage,
    table::{Budget, Row},
    timing::{take_turns, timed},
};

/// Reading and checking the built-in package, against taking its text apart: lines and cells of its tables,
/// values of its TOML.
pub(crate) fn open(stage: &mut Stage) -> Result<Vec<Row>> {
    let files = builtin::independent_support_files();
    let bytes: usize = files.values().map(Vec::len).sum();
    let turns = take_turns(
        stage.sizes.of(60, 2),
        |_| {
            let (read, took) = timed(|| Ok(package::read(&files)))?;
            ensure!(read.is_ok(), "the built-in programme has problems");
            Ok(took)
        },
        |_| {
            let (pieces, took) = timed(|| {
                let mut pieces = 0;
                for (path, bytes) in &files {
                    pieces += take_apart(path, std::str::from_utf8(bytes).context("a file is no text")?)?;
                }
                Ok(pieces)
            })?;
            ensure!(pieces > files.len(), "the text was not taken apart");
            Ok(took)
        },
    )?;
    let (read, parsed) = turns.medians_us();
    let (read, parsed) = (read / 1e3, parsed / 1e3);
    let what = format!("opening the programme, {} files, {} kB: median (ms)", files.len(), bytes / 1024);
    Ok(vec![Row { yardstick: Some(parsed), ..Row::plain(what, read, Budget::AtMost(50.0)) }])
}

/// How many pieces a file has.
fn take_apart(path: &str, text: &str) -> Result<usize> {
    if path.ends_with(".toml") {
        let table: toml::Table = toml::from_str(text).context("a file is no TOML")?;
        return Ok(table.len());
    }
    let separator = if path.ends_with(".csv") { ',' } else { '|' };
    let cells: Vec<Vec<String>> =
        text.lines().map(|line| line.split(separator).map(|cell| cell.trim().to_owned()).collect()).collect();
    Ok(cells.iter().map(Vec::len).sum())
}
