//! Peers that do the same job, beside ours: the same records, on loopback, through the same counting
//! line. PouchDB with express-pouchdb, and automerge-repo over WebSocket, from npm at exact versions.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use alongside_core::OpenGroupRequest;
use alongside_domain::{ids::GroupId, sync::Status};
use anyhow::{Context, Result, bail, ensure};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::{
    corpus::{Generator, MEASURED, line},
    handset::{Handset, TODAY, new_record},
    line::{Carried, Line},
    offices::Office,
    scale_rows::ServerProcess,
    stage::Stage,
    table::{Budget, Row},
    timing::{resident_mb, timed},
};

/// The drivers and what they need, put below the build folder and installed there.
const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("../peers/package.json")),
    ("turns.mjs", include_str!("../peers/turns.mjs")),
    ("pouchdb.mjs", include_str!("../peers/pouchdb.mjs")),
    ("automerge-repo.mjs", include_str!("../peers/automerge-repo.mjs")),
];

/// Name, driver, records: with more, the second takes minutes, or does not come to an end.
const PEERS: [(&str, &str, usize); 2] = [
    ("PouchDB 9.0.0 with express-pouchdb 4.2.0", "pouchdb.mjs", 10_000),
    ("automerge-repo 2.5.6", "automerge-repo.mjs", 1_000),
];

/// What is compared: one device sends everything, another takes it, then it asks again.
const PHASES: [&str; 3] = ["push", "pull", "no-op"];

/// Between two records, in milliseconds: twelve a day, which is a full one.
const EVERY: i64 = 2 * 3_600_000;

/// What a phase came to.
#[derive(Debug, Clone, Copy, Default)]
struct Phase {
    ms: f64,
    carried: Carried,
}

/// Three phases, and the server's memory after them in MB.
struct Told {
    phases: [Phase; 3],
    memory: f64,
}

/// Ours beside each peer.
pub(crate) fn run(stage: &mut Stage) -> Result<Vec<Row>> {
    let drivers = install()?;
    let mut rows = Vec::new();
    let mut failed = None;
    for (name, driver, records) in PEERS {
        // One that fails takes nothing of the others with it.
        match beside(stage, &drivers, (name, driver), records) {
            Ok(of_peer) => rows.extend(of_peer),
            Err(error) => {
                crate::complain(&format!("{name} could not be measured: {error:#}"));
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if rows.is_empty() => Err(error),
        _ => Ok(rows),
    }
}

/// Ours beside one peer.
fn beside(
    stage: &mut Stage,
    drivers: &Path,
    (name, driver): (&str, &str),
    records: usize,
) -> Result<Vec<Row>> {
    let records = stage.sizes.of(records, 40);
    let folder = stage.folder(driver)?;
    let (ours, lines) = ours(stage, &folder.join("ours"), records)?;
    let file = folder.join("records.jsonl");
    fs::write(&file, lines)?;
    let theirs = theirs(drivers, driver, &folder, &file, records)?;
    let mut rows = Vec::new();
    for (place, phase) in PHASES.into_iter().enumerate() {
        let (our, their) = (ours.phases[place], theirs.phases[place]);
        let measure = |what: &str| format!("{phase} of {records} records against {name}: {what}");
        let rated = place < 2;
        let budget = |most: f64| rated.then_some(Budget::RatioAtMost(most));
        let reported = |what, ours, theirs| Row::reported(measure(what), ours, Some(theirs));
        rows.push(Row { budget: budget(0.1), ..reported("wall time (ms)", our.ms, their.ms) });
        let bytes = reported("bytes", our.carried.bytes as f64, their.carried.bytes as f64);
        rows.push(Row { budget: budget(0.333), ..bytes });
        rows.push(reported("turns", our.carried.turns as f64, their.carried.turns as f64));
    }
    let measure = format!("server after {records} records against {name}: memory (MB)");
    rows.push(Row::reported(measure, ours.memory, Some(theirs.memory)));
    Ok(rows)
}

/// Real phones and the real server in a process of its own. Gives the records as JSON lines too.
fn ours(stage: &Stage, folder: &Path, records: usize) -> Result<(Told, String)> {
    fs::create_dir_all(folder)?;
    let office = Office::new(folder, &stage.programme)?;
    let person = office.person("SUPPORTER", Vec::new())?;
    let codes = [office.code(person)?, office.code(person)?];
    drop(office);
    let server = ServerProcess::start(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (address, line) = Line::to(server.address, &runtime)?;
    let handset = |name: &str, code: &str, seed| -> Result<Handset> {
        let handset = Handset::create(&folder.join(name), &stage.programme, seed)?;
        runtime.block_on(handset.phone.sync().enrol(&format!("http://{address}"), code, name))?;
        Ok(handset)
    };
    let first = handset("first", &codes[0], 1)?;
    let lines = write(&first, records)?;
    let second = handset("second", &codes[1], 2)?;
    let sync = |handset: &Handset| -> Result<Phase> {
        line.take();
        let (outcome, took) = timed(|| Ok(runtime.block_on(handset.phone.sync().sync_once())?))?;
        ensure!(matches!(outcome.status, Status::UpToDate { .. }), "a sync did not end well: {outcome:?}");
        Ok(Phase { ms: took.as_secs_f64() * 1e3, carried: line.take() })
    };
    let phases = [sync(&first)?, sync(&second)?, sync(&second)?];
    let memory = resident_mb(server.id())?;
    Ok((Told { phases, memory }, lines))
}

/// Saves so many records on the phone; gives them as JSON lines.
fn write(handset: &Handset, records: usize) -> Result<String> {
    let mut generator = Generator::new(101, MEASURED);
    let mut rng = StdRng::seed_from_u64(102);
    generator.supporter = Some(handset.phone.sync().person()?);
    let mut lines = String::new();
    // The last is of today: what is claimed to be later than its receipt is marked, one by one.
    let mut at = TODAY.0 - records as i64 * EVERY;
    let mut groups: Vec<GroupId> = Vec::new();
    for number in 0..records {
        if number % 32 == 0 {
            groups.clear();
            for kind in ["family", "child", "case"] {
                let parents: Vec<GroupId> = groups.iter().rev().copied().collect();
                let request =
                    OpenGroupRequest { kind: kind.to_owned(), parents, records: Vec::new(), token: None };
                groups.push(handset.phone.records().open_group(request)?.group);
            }
        }
        let (form, group) = match number % 32 {
            0 => ("family", 0),
            1 => ("child", 1),
            2 => ("case", 2),
            3..7 => ("ehc_event", 2),
            _ => ("contact", 2),
        };
        at += EVERY;
        handset.clock.set(alongside_domain::time::Millis(at));
        let answers = generator.fill(form, at);
        let view = handset.save(new_record(groups[group], form, answers.clone(), &mut rng))?;
        lines.push_str(&line(view.root.id, &answers).to_string());
        lines.push('\n');
    }
    Ok(lines)
}

/// A peer's server and device.
fn theirs(drivers: &Path, driver: &str, folder: &Path, records: &Path, count: usize) -> Result<Told> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut server = Driver::start(drivers, driver, "server", &folder.join("server"), &[])?;
    let port = server.told()?["port"].as_u64().context("the peer's server did not say where it listens")?;
    let (address, line) = Line::to(SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?)), &runtime)?;
    let url = format!("http://{address}");
    let file = records.to_string_lossy();
    let mut device = Driver::start(drivers, driver, "device", &folder.join("device"), &[&url, &file])?;
    ensure!(device.told()?["ready"] == true, "the peer's device did not start");
    let mut phases = [Phase::default(); 3];
    for (phase, name) in phases.iter_mut().zip(PHASES) {
        line.take();
        let told = device.next()?;
        ensure!(told["phase"] == name, "the peer's device did {}", told["phase"]);
        let took = told["records"].as_u64().unwrap_or(0);
        ensure!(name == "no-op" || took == count as u64, "a {name} of {count} records took {took}");
        *phase = Phase { ms: told["ms"].as_f64().context("a phase takes time")?, carried: line.take() };
    }
    Ok(Told { phases, memory: resident_mb(server.child.id())? })
}

/// A driver in JavaScript, which says a line and waits for one.
struct Driver {
    child: Child,
    say: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
}

impl Driver {
    fn start(drivers: &Path, name: &str, role: &str, folder: &Path, rest: &[&str]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut child = Command::new("node")
            .arg(drivers.join(name))
            .arg(role)
            .arg(folder)
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("`node` could not be started: the peers need Node.js 20 and npm")?;
        let say = child.stdin.take();
        let hear = BufReader::new(child.stdout.take().context("a driver says what it does")?);
        Ok(Self { child, say, hear })
    }

    /// The next line of JSON; what else is said is passed over.
    fn told(&mut self) -> Result<Value> {
        loop {
            let mut line = String::new();
            if self.hear.read_line(&mut line)? == 0 {
                bail!("a driver ended early");
            }
            if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                return Ok(value);
            }
        }
    }

    /// Lets it go on to the next phase, and waits for its end.
    fn next(&mut self) -> Result<Value> {
        self.say.as_mut().context("a driver listens")?.write_all(b"\n")?;
        self.told()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends when there is nothing more to hear; one that hangs is ended.
        drop(self.say.take());
        std::thread::sleep(std::time::Duration::from_millis(200));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts the drivers below the build folder and installs what they need.
fn install() -> Result<PathBuf> {
    let programs = std::env::current_exe()?;
    let build = programs.ancestors().nth(3).context("this program lies in a build folder")?;
    let folder = build.join("bench-peers");
    fs::create_dir_all(&folder)?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    let status = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .status()
        .context("`npm` could not be started: the peers need Node.js 20 and npm")?;
    ensure!(status.success(), "npm could not install the peers: is there a network?");
    Ok(folder)
}
