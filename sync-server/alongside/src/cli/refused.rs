//! `alongside refused`: what phones sent and the server would not have.

use std::{
    fs::OpenOptions,
    io::BufWriter,
    path::{Path, PathBuf},
};

use alongside_server::{
    config::Config,
    review::{self, Line, ReviewError, State, Wanted},
    store::Store,
};
use serde_json::json;

use super::quarantine::Filter;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what was refused: number, time, reason, form, fields, person and group. Nothing that was
    /// written.
    List(Filter),
    /// Show one with its values: personal data.
    Show {
        /// Its number.
        id: u64,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// Write everything that was refused into a new file, a JSON object a line: personal data.
    Export {
        /// The file to make; one that is there is never overwritten.
        to: PathBuf,
        #[command(flatten)]
        filter: Filter,
    },
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let store = super::open_store(config)?;
    match command {
        Command::List(filter) => listed(&review::list(&store, &filter.wanted(State::Refused))?, filter.json),
        Command::Show { id, json } => shown(&store, State::Refused, *id, *json),
        Command::Export { to, filter } => {
            write_export(&store, &filter.wanted(State::Refused), to, filter.json)
        }
    }
}

/// Prints a list.
pub(super) fn listed(lines: &[Line], json: bool) -> anyhow::Result<bool> {
    if json {
        super::say(json!({ "ok": true, "count": lines.len(), "items": lines }));
        return Ok(true);
    }
    for line in lines {
        let why = line.decision.as_deref().unwrap_or(line.reason);
        super::say(format_args!(
            "{}\t{}\t{why}\t{} {}\t{} fields\tperson {}\tgroup {}",
            line.id,
            line.received_at.timestamp(),
            line.what,
            line.form.as_deref().unwrap_or("-"),
            line.fields,
            line.author,
            line.group,
        ));
    }
    super::say(format_args!("{} in all", lines.len()));
    Ok(true)
}

/// There is nothing with this number.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing with number {0} here: `list` names what there is")]
struct NotThere(u64);

/// Prints one with its values.
pub(super) fn shown(store: &Store, state: State, id: u64, json: bool) -> anyhow::Result<bool> {
    let wanted = Wanted { state: Some(state), id: Some(id), ..Wanted::default() };
    let Some(shown) = review::details(store, &wanted)?.pop() else {
        return super::failed(json, "not_there", NotThere(id));
    };
    if json {
        super::say(json!({ "ok": true, "item": shown }));
        return Ok(true);
    }
    listed(std::slice::from_ref(&shown.line), false)?;
    if let Some(at) = shown.at {
        super::say(format_args!("written\t{}", at.timestamp()));
    }
    if let Some(why) = &shown.why {
        super::say(format_args!("because\t{why}"));
    }
    for parent in &shown.parents {
        super::say(format_args!("linked to\t{parent}"));
    }
    for edit in &shown.values {
        super::say(format_args!("{}\t{}", edit.key, serde_json::to_string(&edit.value)?));
    }
    Ok(true)
}

/// Writes an export into a new file that only its owner can read.
pub(super) fn write_export(store: &Store, wanted: &Wanted, to: &Path, json: bool) -> anyhow::Result<bool> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(to)
        .map_err(ReviewError::from)
        .and_then(|file| review::export(store, wanted, BufWriter::new(file)));
    match written {
        Ok(count) if json => super::say(json!({ "ok": true, "file": to, "count": count })),
        Ok(count) => super::say(format_args!(
            "{count} written to {}: it holds personal data in clear, so delete it when it has served",
            to.display()
        )),
        Err(error) => return super::failed(json, error.code(), error),
    }
    Ok(true)
}
