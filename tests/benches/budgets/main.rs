//! The budgets of the design (section 13), measured: `cargo xtask bench`, or `cargo bench -p
//! alongside-tests`. Each row is held against a yardstick that takes turns with it in the same run.
//!
//! `cargo test` runs the same program without `--bench`: every row at a tiny size, to see that each is
//! there and can be measured. It asserts nothing about time.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use clap::Parser;

mod corpus;
mod form_rows;
mod handset;
mod line;
mod offices;
mod peers;
mod phone_rows;
mod programme_rows;
mod scale_rows;
mod server_rows;
mod sizes;
mod smoke;
mod stage;
mod store_rows;
mod table;
mod timing;
mod wire_rows;

use sizes::Sizes;
use stage::Stage;
use table::Row;

/// Measures the budgets of the design and prints them as a table.
#[derive(Parser)]
#[command(name = "bench")]
struct Options {
    /// Rows to measure, by name; all where none is named.
    names: Vec<String>,
    /// Prints a JSON array instead of the table.
    #[arg(long)]
    json: bool,
    /// Shrinks (or enlarges) the work.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Takes the largest rows at the size of the design; otherwise at a tenth or a fifth, as they say.
    #[arg(long)]
    full: bool,
    /// Names the rows.
    #[arg(long)]
    list: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One or more rows that are measured together.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(&mut Stage) -> Result<Vec<Row>>,
}

/// What every start pays, then in the order of the design.
pub(crate) const MEASURES: &[Measure] = &[
    Measure { name: "programme", what: "opening the programme", run: programme_rows::open },
    Measure { name: "form-session", what: "an answer in a long form", run: form_rows::session_rows },
    Measure { name: "form-open", what: "opening a large form", run: form_rows::opening },
    Measure { name: "form-convert", what: "converting forms beside pyxform", run: form_rows::converting },
    Measure { name: "save", what: "saving one contact on the phone", run: phone_rows::save },
    Measure { name: "case-page", what: "a case page with very many contacts", run: phone_rows::case_page },
    Measure { name: "open", what: "opening the app with very many cases", run: phone_rows::open },
    Measure { name: "encryption", what: "what encryption at rest costs", run: phone_rows::encryption },
    Measure { name: "day", what: "bytes of a day's work", run: wire_rows::day },
    Measure { name: "field", what: "bytes of one changed field, of a hundred edits", run: wire_rows::field },
    Measure { name: "cold-bytes", what: "bytes of a cold sync", run: wire_rows::cold_bytes },
    Measure {
        name: "no-op",
        what: "bytes and round trips of a sync that finds nothing",
        run: wire_rows::idle,
    },
    Measure { name: "trips", what: "round trips of a day's work and of a cold sync", run: wire_rows::trips },
    Measure { name: "cold-time", what: "time of a cold sync", run: wire_rows::cold_time },
    Measure { name: "no-op-time", what: "the server's time for nothing new", run: server_rows::idle_time },
    Measure { name: "ingest", what: "pushes that the server takes in", run: server_rows::ingest },
    Measure { name: "memory", what: "the server's memory", run: scale_rows::memory },
    Measure { name: "rebuild", what: "rebuilding the console's read model", run: scale_rows::rebuild },
    Measure { name: "console", what: "the console's pages", run: scale_rows::console },
];

/// Measured only where it is named: it needs Node.js, npm and a network.
const PEERS: Measure =
    Measure { name: "peers", what: "PouchDB and automerge-repo beside ours", run: peers::run };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some(scale_rows::CHILD) => serve(arguments.get(1)),
        _ if arguments.iter().any(|argument| argument == "--bench") => measure(&Options::parse()),
        _ => smoke::run(&arguments).map(|said| say(&said)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: Option<&String>) -> Result<()> {
    let Some(folder) = folder else { bail!("name the folder of the store") };
    say(&scale_rows::serve(&PathBuf::from(folder))?);
    loop {
        std::thread::park();
    }
}

fn measure(options: &Options) -> Result<()> {
    if options.list {
        for measure in MEASURES.iter().chain([&PEERS]) {
            say(&format!("{:<11} {}", measure.name, measure.what));
        }
        return Ok(());
    }
    if options.scale.is_nan() || options.scale <= 0.0 {
        bail!("--scale takes a number above 0");
    }
    for name in &options.names {
        if !MEASURES.iter().chain([&PEERS]).any(|measure| measure.name == name) {
            bail!("there is no row `{name}`; `--list` names them");
        }
    }
    let mut stage = Stage::new(Sizes::new(options.scale, options.full))?;
    let named = |measure: &Measure| options.names.iter().any(|name| name == measure.name);
    let wanted =
        |measure: &&Measure| options.names.is_empty() && measure.name != PEERS.name || named(measure);
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for measure in MEASURES.iter().chain([&PEERS]).filter(wanted) {
        complain(&format!("measuring {}: {}", measure.name, measure.what));
        match (measure.run)(&mut stage) {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                complain(&format!("row `{}` could not be measured: {error:#}", measure.name));
                failed.push(measure.name);
            }
        }
    }
    say(&if options.json { table::json(&rows) } else { table::text(&rows) });
    if !failed.is_empty() {
        bail!("these could not be measured, the reasons are above: {}", failed.join(", "));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program for a terminal")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "progress and faults, apart from the table")]
fn complain(line: &str) {
    eprintln!("{line}");
}
