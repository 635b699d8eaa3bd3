//! `alongside erase`.

use alongside_domain::ids::GroupId;
use alongside_server::{
    config::Config,
    erase::{self, Erased, PagesAfter},
};
use clap::Args;
use serde_json::json;

/// Destroy everything in a group, for good, while the server runs or not.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The group.
    #[arg(long)]
    group: GroupId,
    /// Why, as a code: lower case letters, digits and `_` (retention, request, mistake).
    #[arg(long)]
    reason: String,
    /// Really do it. There is no way back: not from the feed, nor from any phone.
    #[arg(long)]
    yes: bool,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

/// The erasure was not confirmed.
#[derive(Debug, thiserror::Error)]
#[error(
    "this destroys everything in the group, on the server and on every phone, also work that was not sent yet. \
     Repeat the command with --yes if that is meant; nothing was done"
)]
struct NotConfirmed;

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    if !command.yes {
        return super::failed(command.json, "not_confirmed", NotConfirmed);
    }
    if !config.store.is_file() {
        // A store that is made by opening it has no group to erase.
        let error = alongside_server::verify::VerifyError::NotThere(config.store.clone());
        return super::failed(command.json, error.code(), error);
    }
    let programme = super::read_programme(config)?;
    let pages_file = config.pages_file();
    let done = erase::erase_in_files(
        (&config.store, &config.journal_file()),
        &pages_file,
        &programme,
        super::now(),
        command.group,
        &command.reason,
    );
    let Erased { destroyed, pages, log_emptied } = match done {
        Ok(erased) => erased,
        Err(error) => return super::failed(command.json, error.code(), error),
    };
    if command.json {
        super::say(json!({
            "ok": log_emptied,
            "group": command.group,
            "seq": destroyed.seq,
            "again": !destroyed.now,
            "changes": destroyed.changes,
            "records": destroyed.records,
            "set_aside": destroyed.set_aside,
            "attachments": destroyed.attachments,
            "pages": pages,
            "log_emptied": log_emptied,
        }));
        return Ok(log_emptied);
    }
    if destroyed.now {
        super::say(format_args!(
            "erased {}: {} changes of {} records, {} that waited or were refused",
            command.group, destroyed.changes, destroyed.records, destroyed.set_aside
        ));
    } else {
        super::say(format_args!("{} was erased before", command.group));
    }
    if pages == PagesAfter::Erased {
        super::say("The pages show nothing of it any more.");
    }
    if log_emptied {
        super::say(
            "Nothing of it is left in the store's files. Each phone that has it erases it at its next sync. \
             Backups made before still hold it: delete them when their time is over.",
        );
    } else {
        super::say(
            "Another program kept the store's write-ahead log in use: traces may be left in it. Run the same \
             command again to empty it.",
        );
    }
    Ok(log_emptied)
}
