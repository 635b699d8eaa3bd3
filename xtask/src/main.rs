//! Chores of the workspace: `cargo xtask ci` runs what the checks run, the same way everywhere.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

mod bindings;
mod evaluators;
mod lanes;
mod pyxform;

#[derive(Parser)]
#[command(about = "Chores of the Alongside workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run the checks: all lanes in order (but those that another has), or those named.
    Ci {
        /// Lanes to run; all where none is named.
        lanes: Vec<String>,
        /// Name the lanes and what each does.
        #[arg(long)]
        list: bool,
    },
    /// Write the other language's side of the bindings, and beside Python's the library.
    Bindings {
        /// Language.
        language: bindings::Language,
        /// Folder to write to.
        out: PathBuf,
    },
    /// Compare the XForms that we write with those of pyxform, which is installed into `target`.
    Pyxform,
    /// Evaluate the table of expressions with other evaluators, which are installed into `target`.
    Evaluators,
    /// Measure the budgets of the design against their yardsticks: all rows, those named, or `peers`.
    /// `--help` after it says what else there is.
    #[command(disable_help_flag = true)]
    Bench {
        /// Names of rows, `--list`, `--json`, `--scale 0.1`, `--full`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Ci { list: true, .. } => {
            for lane in lanes::ALL {
                let of = lane.part_of.map_or_else(String::new, |of| format!(" (`{of}` has it)"));
                say(&format!("{:<10} {}{of}", lane.name, lane.what));
            }
            Ok(())
        }
        Chore::Ci { lanes, list: false } => ci(&lanes),
        Chore::Bindings { language, out } => bindings::generate(language, &out),
        Chore::Evaluators => evaluators::compare(),
        Chore::Pyxform => pyxform::compare(),
        Chore::Bench { arguments } => bench(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn ci(wanted: &[String]) -> Result<()> {
    for name in wanted {
        if !lanes::ALL.iter().any(|lane| lane.name == name) {
            let names: Vec<_> = lanes::ALL.iter().map(|lane| lane.name).collect();
            bail!("there is no lane `{name}`; the lanes are {}", names.join(", "));
        }
    }
    let begun = Instant::now();
    let mut times = Vec::new();
    for lane in lanes::ALL {
        let is_wanted = if wanted.is_empty() {
            lane.part_of.is_none()
        } else {
            wanted.iter().any(|name| name == lane.name)
        };
        if is_wanted {
            say(&format!("\n=== {}: {}", lane.name, lane.what));
            let at = Instant::now();
            for step in lane.steps {
                run(step).with_context(|| format!("lane `{}` failed", lane.name))?;
            }
            times.push(format!("{} {} s", lane.name, at.elapsed().as_secs()));
        }
    }
    say(&format!("\nall lanes passed in {} s: {}", begun.elapsed().as_secs(), times.join(", ")));
    Ok(())
}

/// The benchmark prints the table, or the JSON, and nothing else to the standard output.
fn bench(arguments: &[String]) -> Result<()> {
    let status = Command::new("cargo")
        .args(["bench", "--quiet", "--locked", "-p", "alongside-tests", "--bench", "budgets", "--"])
        .args(arguments)
        .status()
        .context("`cargo` could not be started: is it installed?")?;
    if !status.success() {
        bail!("the benchmark ended with {status}");
    }
    Ok(())
}

fn run(step: &lanes::Step) -> Result<()> {
    say(&format!("$ {} {}", step.program, step.arguments.join(" ")));
    let status = Command::new(step.program)
        .args(step.arguments)
        .envs(step.environment.iter().copied())
        .status()
        .with_context(|| format!("`{}` could not be started: is it installed?", step.program))?;
    if !status.success() {
        bail!("`{} {}` ended with {status}", step.program, step.arguments.join(" "));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program for a terminal")]
fn say(line: &str) {
    println!("{line}");
}

/// Runs a program of others to its end.
fn run_program(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status =
        command.status().with_context(|| format!("`{name}` could not be started: is it installed?"))?;
    if !status.success() {
        bail!("`{name}` ended with {status}");
    }
    Ok(())
}
