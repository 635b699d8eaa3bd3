//! `alongside demo`.

use std::{net::SocketAddr, process::ExitCode};

use alongside_app::demo::{self, Ending, Options};
use clap::Args;

/// Largest size: beyond it the phones of one machine would not fit into its memory.
const LARGEST: f64 = 20.0;

/// Make a world of synthetic records, let a fleet of phones work and collide offline, sync them over a
/// line that keeps breaking, check every promise, then serve the pages.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Everything follows from the seed: the same seed makes the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size: 1 is about 600 cases.
    #[arg(long, default_value_t = 1.0, value_parser = size, allow_negative_numbers = true)]
    scale: f64,
    /// Stop after the summary; the exit code is 0 only if every check holds.
    #[arg(long)]
    no_serve: bool,
    /// Print the summary as one JSON object on the last line too.
    #[arg(long)]
    json: bool,
}

/// What a shell expects of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn size(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(size) if size > 0.0 && size <= LARGEST => Ok(size),
        _ => Err(format!("this is not a size: give a number above 0 and up to {LARGEST}")),
    }
}

/// Runs it; success only where every check was made and holds.
pub(super) fn run(demo: &Demo, listen: SocketAddr) -> anyhow::Result<ExitCode> {
    let options =
        Options { seed: demo.seed, scale: demo.scale, listen, no_serve: demo.no_serve, json: demo.json };
    Ok(match demo::run(&options)? {
        Ending::Holds => ExitCode::SUCCESS,
        Ending::Fails => ExitCode::FAILURE,
        Ending::Stopped => ExitCode::from(INTERRUPTED),
    })
}
