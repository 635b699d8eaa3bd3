//! `alongside restore`.

use std::path::PathBuf;

use alongside_server::{
    backup::{self, Restored},
    config::Config,
};
use clap::Args;
use serde_json::json;

/// Put a backup in the place of the store; the server must not run.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The backup.
    from: PathBuf,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let (pages, journal) = (config.pages_file(), config.journal_file());
    let restored = backup::restore_with(&command.from, &config.store, &pages, &journal, super::now());
    let Restored { store, kept, head_before, from_journal, report, attachments } = match restored {
        Ok(restored) => restored,
        Err(error) => return super::failed(command.json, error.code(), error),
    };
    if command.json {
        super::say(json!({
            "ok": true,
            "store": store,
            "kept": kept,
            "head": report.head,
            "head_before": head_before,
            "from_journal": from_journal,
            "records": report.records,
            "attachments": attachments.attachments,
            "attachments_missing": attachments.missing,
        }));
        return Ok(true);
    }
    super::say(format_args!(
        "restored {}: {} entries, {} records, every hash checked",
        store.display(),
        report.entries,
        report.records
    ));
    if attachments.attachments + attachments.missing > 0 {
        super::say(format_args!(
            "{} attachments are beside it, every hash checked; {} are missing in the backup",
            attachments.attachments, attachments.missing
        ));
    }
    if let Some(kept) = kept {
        super::say(format_args!("the store that was there is kept as {}", kept.display()));
    }
    super::say(
        "Start the server: it builds its pages again, and each phone notices at its next sync and sends what the \
         server lacks.",
    );
    match from_journal {
        Some(entries) => super::say(format_args!(
            "{entries} entries of the control journal were taken in: who was added, let in, revoked or shut out after \
             the backup is as it was. Run imports made after the backup again."
        )),
        None => super::say(format_args!(
            "There is no control journal at {}: what was done at the server after the backup is not known. Add \
             people again, revoke phones again, withdraw access again, run imports again.",
            journal.display()
        )),
    }
    Ok(true)
}
