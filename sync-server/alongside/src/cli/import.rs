//! `alongside import`.

use std::{path::PathBuf, sync::Arc};

use alongside_server::{
    clock::SystemClock,
    config::Config,
    import::{self, Request},
    ingest::Ingest,
};
use clap::Args;

/// What to import.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The spreadsheet: .xlsx, or text with commas, semicolons or tabs.
    file: PathBuf,
    /// What its columns mean: see docs/importing.md.
    #[arg(long, value_name = "MAP.toml")]
    map: PathBuf,
    /// Where refused rows go, to be put right and imported again.
    #[arg(long, value_name = "OUT.csv")]
    rejects: Option<PathBuf>,
    /// Do everything but write.
    #[arg(long)]
    dry_run: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: &Config, command: &Import) -> anyhow::Result<()> {
    let programme = super::read_programme(config)?;
    let store = super::open_store(config)?;
    let clock = Arc::new(SystemClock);
    let ingest = if command.dry_run {
        None
    } else {
        Some(Ingest::start(Arc::clone(&store), Arc::clone(&clock) as _, Arc::clone(&programme))?)
    };
    let request = Request { file: &command.file, map: &command.map, rejects: command.rejects.as_deref() };
    let summary =
        import::run(&store, ingest.as_ref(), &programme, clock.as_ref(), &mut rand::rng(), request)?;
    if command.json {
        super::say(serde_json::to_string(&summary)?);
    } else {
        super::say(&summary);
        match &command.rejects {
            Some(file) if summary.rejected > 0 => {
                super::say(format_args!("refused rows: {}", file.display()));
            }
            None if summary.rejected > 0 => {
                super::say("--rejects OUT.csv writes the refused rows with the reasons");
            }
            _ => {}
        }
    }
    Ok(())
}
