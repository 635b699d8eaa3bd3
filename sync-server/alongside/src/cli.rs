//! Subcommands: one module each.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use alongside_domain::{programme::Programme, time::Millis};
use alongside_server::{
    clock::{Clock as _, SystemClock},
    config::{self, Config},
    store::Store,
    telemetry,
};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

mod backup;
mod demo;
mod device;
mod enrol;
mod erase;
mod forms;
mod import;
mod merge;
mod programme;
mod quarantine;
mod refused;
mod restore;
mod serve;
mod surveys;
mod user;
mod verify;

/// Alongside: the record of supporters who work where there is no network.
#[derive(Debug, Parser)]
#[command(name = "alongside", version)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Settings")]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Settings that every subcommand takes; they win over the file and the environment.
#[derive(Debug, Args)]
struct Settings {
    /// Settings file (TOML).
    #[arg(long, global = true, env = "ALONGSIDE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

impl Settings {
    /// A flag that was given and means nothing to the demo.
    fn not_for_the_demo(&self) -> Option<&'static str> {
        let Flags { store, programme, public_url, listen: _ } = &self.flags;
        let given = [
            (store.is_some(), "--store"),
            (programme.is_some(), "--programme"),
            (public_url.is_some(), "--public-url"),
        ];
        given.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// The settings that have a flag. Named as in the settings file.
#[derive(Debug, Args, Serialize)]
struct Flags {
    /// The database file.
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<PathBuf>,
    /// Folder of the programme package; without one, Independent Support.
    #[arg(long, global = true, value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    programme: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes any free one.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<String>,
    /// Where people and phones reach the server.
    #[arg(long, global = true, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything at work on synthetic records, in a temporary folder.
    Demo(demo::Demo),
    /// Run the server.
    Serve,
    /// People: add one, list them, let one in.
    #[command(subcommand)]
    User(user::Command),
    /// Make a one-time code that enrols a person's phone.
    Enrol(enrol::Enrol),
    /// Take a charity's spreadsheet of referrals into groups and records.
    Import(import::Import),
    /// Phones: list them, revoke one.
    #[command(subcommand)]
    Device(device::Command),
    /// Two families, or two children, that are one: find them, merge them, undo it.
    #[command(subcommand)]
    Merge(merge::Command),
    /// What phones sent too late: list it, read it, take it in or refuse it.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// What phones sent and the server would not have: list it, read it.
    #[command(subcommand)]
    Refused(refused::Command),
    /// Forms: check one, convert it, try it, compute an expression.
    #[command(subcommand)]
    Forms(forms::Command),
    /// Forms answered by link: open one, ask people, see who has answered, take the answers away.
    #[command(subcommand)]
    Surveys(surveys::Command),
    /// Destroy everything in a group, for good, while the server runs or not.
    Erase(erase::Command),
    /// Copy the store into a new file, while the server runs or not, and prove the copy.
    Backup(backup::Command),
    /// Put a backup in the place of the store; the server must not run.
    Restore(restore::Command),
    /// A programme package, for its author: check it, show what it holds.
    #[command(subcommand)]
    Programme(programme::Command),
    /// Prove the store: pages, hashes, chain, records, access, and the pages' read model.
    Verify(verify::Command),
}

impl Cli {
    /// Runs the command; its code says how it ended where that is not an error.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if let (Command::Demo(_), Some(flag)) = (&self.command, self.settings.not_for_the_demo()) {
            anyhow::bail!("the demo makes its own server in a temporary folder: leave `{flag}` out");
        }
        // A form needs no server, nor its settings.
        if let Command::Forms(command) = &self.command {
            return forms::run(command).map(code);
        }
        let config = Config::load(self.settings.config.as_deref(), &self.settings.flags)?;
        // The demo speaks for itself; its server logs what went wrong only.
        let log = if matches!(self.command, Command::Demo(_)) { "error" } else { &config.log };
        telemetry::init(log, config.log_format);
        match self.command {
            Command::Demo(demo) => return demo::run(&demo, config.listen),
            Command::Serve => serve::run(config),
            Command::User(command) => user::run(&config, command),
            Command::Enrol(command) => enrol::run(&config, &command),
            Command::Import(command) => import::run(&config, &command),
            Command::Device(command) => device::run(&config, &command),
            Command::Merge(command) => return merge::run(&config, &command).map(code),
            Command::Quarantine(command) => return quarantine::run(&config, &command).map(code),
            Command::Refused(command) => return refused::run(&config, &command).map(code),
            Command::Forms(command) => return forms::run(&command).map(code),
            Command::Surveys(command) => return surveys::run(&config, &command).map(code),
            Command::Erase(command) => return erase::run(&config, &command).map(code),
            Command::Backup(command) => return backup::run(&config, &command).map(code),
            Command::Restore(command) => return restore::run(&config, &command).map(code),
            Command::Programme(command) => return programme::run(&config, command).map(code),
            Command::Verify(command) => return verify::run(&config, &command).map(code),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

/// The exit code of a command that ran: what it looked at is as it should be, or not.
fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The machine's time.
fn now() -> Millis {
    SystemClock.now()
}

fn open_store(config: &Config) -> anyhow::Result<Arc<Store>> {
    use anyhow::Context as _;
    Store::open_with(&config.store, &config.journal_file())
        .with_context(|| format!("{}", config.store.display()))
}

fn read_programme(config: &Config) -> anyhow::Result<Arc<Programme>> {
    let (programme, warnings) = config::read_programme(config.programme.as_deref())?;
    for warning in warnings {
        tracing::warn!(%warning, "programme");
    }
    Ok(Arc::new(programme))
}

/// Says a result on standard output, which programs may read.
fn say(line: impl std::fmt::Display) {
    use std::io::Write as _;
    // Whoever closed the pipe, as `head` does, has read enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Says why a command did nothing: to programs as an object with a stable word, to people in words.
fn failed(json: bool, code: &str, error: impl std::error::Error) -> anyhow::Result<bool> {
    if json {
        say(serde_json::json!({ "ok": false, "error": code, "help": error.to_string() }));
        Ok(false)
    } else {
        Err(anyhow::Error::msg(error.to_string()))
    }
}

/// Says what went wrong, with its causes, each once.
#[expect(clippy::print_stderr, reason = "the failure of a command")]
pub(crate) fn complain(error: &anyhow::Error) {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            said.push_str(if said.is_empty() { "" } else { ": " });
            said.push_str(&cause);
        }
    }
    eprintln!("alongside: {said}");
}
