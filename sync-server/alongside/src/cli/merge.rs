//! `alongside merge`.

use alongside_domain::ids::{GroupId, PersonId, RecordId};
use alongside_server::{
    config::Config,
    merge::{self, Merge},
    verify::VerifyError,
};
use clap::{Args, Subcommand};
use serde_json::json;

/// Two families, or two children, that are one.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List who may have been entered twice in an area, by the programme's own checks. Nothing is merged.
    Suggest(Suggest),
    /// Say that two groups are one: what is linked to the other is linked to the kept one. Both stay as they are.
    Groups(Groups),
    /// Lead everything back as it was: within 30 days.
    Undo(Undo),
    /// List every merge, the latest first.
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Suggest {
    /// Code of the area.
    #[arg(long)]
    area: String,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Groups {
    /// The group that stands in front: new records are written there.
    #[arg(long)]
    keep: GroupId,
    /// The group that is one with it.
    #[arg(long)]
    other: GroupId,
    /// The coordinator who decides it.
    #[arg(long)]
    by: PersonId,
    /// Why, as a code: lower case letters, digits and `_` (same_child, same_family).
    #[arg(long)]
    reason: String,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Undo {
    /// The merge, as `list` names it.
    merge: RecordId,
    /// The coordinator who decides it.
    #[arg(long)]
    by: PersonId,
    /// Why, as a code (merged_by_mistake).
    #[arg(long)]
    reason: String,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let is_json = match command {
        Command::Suggest(of) => of.json,
        Command::Groups(of) => of.json,
        Command::Undo(of) => of.json,
        Command::List(of) => of.json,
    };
    if !config.store.is_file() {
        // A store that is made by opening it has nothing to merge.
        let error = VerifyError::NotThere(config.store.clone());
        return super::failed(is_json, error.code(), error);
    }
    match command {
        Command::Suggest(of) => suggest(config, of),
        Command::Groups(of) => {
            let (store, programme) = (super::open_store(config)?, super::read_programme(config)?);
            let pair = (of.keep, of.other);
            let done = merge::merge(&store, &programme, super::now(), of.by, pair, &of.reason);
            told(
                done,
                is_json,
                "merged",
                "Phones show them as one from their next sync. It can be undone for 30 days.",
            )
        }
        Command::Undo(of) => {
            let (store, programme) = (super::open_store(config)?, super::read_programme(config)?);
            let done = merge::undo(&store, &programme, super::now(), of.by, of.merge, &of.reason);
            told(done, is_json, "undone", "Phones show them as two from their next sync.")
        }
        Command::List(_) => {
            let merges = merge::list(&*super::open_store(config)?)?;
            for merge in &merges {
                if is_json { super::say(object(merge)) } else { super::say(line(merge)) }
            }
            if merges.is_empty() && !is_json {
                super::say("nothing was merged");
            }
            Ok(true)
        }
    }
}

fn suggest(config: &Config, of: &Suggest) -> anyhow::Result<bool> {
    let programme = super::read_programme(config)?;
    let found = merge::suggested_in_files(
        (&config.store, &config.journal_file()),
        &config.pages_file(),
        &programme,
        super::now(),
        &of.area,
    );
    let pairs = match found {
        Ok(pairs) => pairs,
        Err(error) => return super::failed(of.json, "not_looked", error),
    };
    if of.json {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| json!({ "kind": pair.kind, "groups": pair.groups, "why": pair.why }))
            .collect();
        super::say(json!({ "ok": true, "area": of.area, "pairs": pairs }));
        return Ok(true);
    }
    for pair in &pairs {
        super::say(format_args!("{} {} {}", pair.kind, pair.groups[0], pair.groups[1]));
        if pair.why.is_empty() {
            super::say("  Those who belong to the two were found to be one.");
        }
        for why in &pair.why {
            super::say(format_args!("  {why}"));
        }
    }
    if pairs.is_empty() {
        super::say("nobody seems to have been entered twice");
    } else {
        super::say(
            "Compare them on the console before you merge them: `alongside merge groups --keep GROUP --other GROUP \
             --by PERSON --reason same_child`.",
        );
    }
    Ok(true)
}

/// What came of a decision, to programs or people.
fn told(
    done: Result<Merge, merge::MergeError>,
    is_json: bool,
    word: &str,
    then: &str,
) -> anyhow::Result<bool> {
    let merge = match done {
        Ok(merge) => merge,
        Err(error) => return super::failed(is_json, error.code(), error),
    };
    if is_json {
        super::say(object(&merge));
    } else {
        super::say(format_args!("{word}: {}", line(&merge)));
        super::say(then);
    }
    Ok(true)
}

fn object(merge: &Merge) -> serde_json::Value {
    let undone = merge.undone.as_ref();
    json!({
        "ok": true,
        "merge": merge.id,
        "kept": merge.kept,
        "other": merge.other,
        "by": merge.by,
        "at": merge.at,
        "reason": merge.reason,
        "led": merge.led.iter().map(|led| led.group).collect::<Vec<_>>(),
        "undone_by": undone.map(|(by, ..)| by),
        "undone_at": undone.map(|(_, at, _)| at),
        "undone_reason": undone.map(|(.., reason)| reason),
    })
}

fn line(merge: &Merge) -> String {
    let mut line = format!(
        "{} {}: {} is kept, {} stands behind it, {} links led over, by {} ({})",
        merge.id,
        merge.at.timestamp(),
        merge.kept,
        merge.other,
        merge.led.len(),
        merge.by,
        merge.reason
    );
    if let Some((by, at, reason)) = &merge.undone {
        line.push_str(&format!("; undone {} by {by} ({reason})", at.timestamp()));
    }
    line
}
