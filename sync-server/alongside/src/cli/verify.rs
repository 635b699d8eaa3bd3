//! `alongside verify`.

use alongside_server::{
    config::Config,
    verify::{self, Finding, Pages, PagesOf},
};
use clap::Args;
use serde_json::json;

/// Findings that are printed for people; the rest is counted.
const SHOWN: usize = 50;

/// Prove the store: pages, hashes, chain, records, access, and the pages' read model.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let programme = super::read_programme(config)?;
    let pages_file = config.pages_file();
    let pages = PagesOf { file: &pages_file, programme: &programme };
    // A backup has no journal beside it. A store whose journal is gone does not start, and says so.
    let journal = config.journal_file();
    let compared = config.journal.is_some() || journal.exists();
    let report = match verify::verify_with(&config.store, Some(pages), compared.then_some(&journal)) {
        Ok(report) => report,
        Err(error) => return super::failed(command.json, error.code(), error),
    };
    if command.json {
        super::say(json!({
            "ok": report.is_clean(),
            "head": report.head,
            "entries": report.entries,
            "changes": report.changes,
            "records": report.records,
            "pages": report.pages,
            "attachments": report.attachments,
            "attachments_awaited": report.attachments_awaited,
            "journal": if compared { "compared" } else { "absent" },
            "findings": report.findings.iter().map(described).collect::<Result<Vec<_>, _>>()?,
            "findings_left_off": report.left_off,
        }));
        return Ok(report.is_clean());
    }
    super::say(format_args!(
        "looked at {} entries ({} changes of {} records) up to number {}; pages {}",
        report.entries,
        report.changes,
        report.records,
        report.head,
        match report.pages {
            Pages::Compared => "compared with a fresh build",
            Pages::Absent => "not there (the server builds them)",
            Pages::NotCompared => "not compared",
        }
    ));
    if report.attachments + report.attachments_awaited > 0 {
        super::say(format_args!(
            "{} attachments have their hash; {} more are named by records and have not come yet",
            report.attachments, report.attachments_awaited
        ));
    }
    if !compared {
        super::say("control journal not there, so not compared");
    }
    for finding in report.findings.iter().take(SHOWN) {
        super::say(format_args!("- {finding}"));
    }
    let more = report.findings.len().saturating_sub(SHOWN) as u64 + report.left_off;
    if more > 0 {
        super::say(format_args!("and {more} more; --json lists the first thousand"));
    }
    if report.is_clean() {
        super::say("nothing is wrong");
    } else if report.findings.iter().all(Finding::is_about_pages) {
        super::say("The store is whole. Stop the server and delete the pages' file: it is built again.");
    } else if report.is_sound() {
        super::say(
            "Records are whole. Restore a backup that has these attachments: it leaves the others as they are.",
        );
    } else {
        super::say("Stop the server, keep the file, and restore the last backup that verifies.");
    }
    Ok(report.is_clean())
}

/// The finding with its words.
fn described(finding: &Finding) -> Result<serde_json::Value, serde_json::Error> {
    let mut object = serde_json::to_value(finding)?;
    object["text"] = finding.to_string().into();
    Ok(object)
}
