//! `alongside forms check`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use alongside_domain::{
    form::xlsform::{CsvFile, Dialect, Opened, Source, open},
    problem::Severity,
};
use anyhow::Context as _;
use clap::Args;
use serde_json::json;

/// One byte more than the longest form, so that a longer one is seen to be longer.
const LONGEST: u64 = (8 << 20) + 1;

/// Say everything that is wrong with a form.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A workbook (.xlsx, .xls, .ods), a Markdown or CSV file, or a folder of CSV files.
    file: PathBuf,
    /// Hold it to what a programme needs, not to the standard alone.
    #[arg(long)]
    programme_rules: bool,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Check) -> anyhow::Result<bool> {
    let dialect = if command.programme_rules { Dialect::Programme } else { Dialect::Standard };
    let opened = read(&command.file, dialect)?;
    if command.json {
        super::super::say(
            json!({ "ok": !opened.has_error, "form": opened.form.id, "problems": opened.problems }),
        );
        return Ok(!opened.has_error);
    }
    for problem in &opened.problems {
        let word = if problem.severity == Severity::Error { "error" } else { "warning" };
        super::super::say(format_args!("{word}: {problem}"));
    }
    if opened.problems.is_empty() {
        super::super::say("nothing is wrong");
    }
    Ok(!opened.has_error)
}

/// Reads a form from a file or a folder.
pub(super) fn read(path: &Path, dialect: Dialect) -> anyhow::Result<Opened> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    if !path.is_dir() {
        return Ok(open(&name, Source::File(&bytes(path)?), dialect));
    }
    let mut files = Vec::new();
    let entries = std::fs::read_dir(path).with_context(|| format!("{name} cannot be read"))?;
    for entry in entries {
        let path = entry.with_context(|| format!("{name} cannot be read"))?.path();
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
            let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((stem, bytes(&path)?));
        }
    }
    files.sort();
    let files: Vec<_> = files.iter().map(|(name, bytes)| CsvFile { name, bytes }).collect();
    Ok(open(&name, Source::Folder(&files), dialect))
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    file.take(LONGEST).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    Ok(bytes)
}
