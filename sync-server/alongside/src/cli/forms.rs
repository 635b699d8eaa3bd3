//! `alongside forms`: one module for each of its commands.

use clap::Subcommand;

mod check;

/// Forms: check one.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with a form; ends with 1 where it cannot be used.
    Check(check::Check),
}

pub(super) fn run(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Check(command) => check::run(command),
    }
}
