//! `alongside backup`.

use std::path::PathBuf;

use alongside_server::{
    backup::{self, Backup},
    config::Config,
};
use clap::Args;
use serde_json::json;

/// Copy the store into a new file, while the server runs or not, and prove the copy.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The file to make; one that is there is never overwritten.
    to: PathBuf,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let made = match backup::backup(&config.store, &command.to) {
        Ok(made) => made,
        Err(error) => return super::failed(command.json, error.code(), error),
    };
    let Backup { file, bytes, report, attachments } = made;
    if command.json {
        super::say(json!({
            "ok": true,
            "file": file,
            "bytes": bytes,
            "head": report.head,
            "entries": report.entries,
            "changes": report.changes,
            "records": report.records,
            "attachments": attachments.attachments,
            "attachment_bytes": attachments.bytes,
            "attachments_missing": attachments.missing,
        }));
    } else {
        super::say(format_args!(
            "backup {} ({bytes} bytes): {} entries up to number {}, {} records, every hash checked",
            file.display(),
            report.entries,
            report.head,
            report.records
        ));
        if attachments.attachments > 0 {
            super::say(format_args!(
                "with {} attachments ({} bytes) in the folder beside it, every hash checked",
                attachments.attachments, attachments.bytes
            ));
        }
        if attachments.missing > 0 {
            super::say(format_args!(
                "{} attachments are missing or damaged in the store and are not in the backup: run `alongside verify`",
                attachments.missing
            ));
        }
    }
    Ok(true)
}
