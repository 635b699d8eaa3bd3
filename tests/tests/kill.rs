//! A phone that is killed at any moment, as a system does that needs the memory: whatever was reported
//! as saved is there afterwards.
//!
//! `KILLS` says how often (20 by default), `SEED` when.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest, clock::SystemClock, os_rng,
};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, builtin},
    record::{Attribution, Document, Edit},
    sync::Status,
    value::Value,
};
use alongside_server::{
    api::{Running, Server},
    clock::{self, Clock as _},
    config::Config,
    people::{self, NewPerson},
    store::Store,
    verify::{self, PagesOf},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::runtime::Runtime;

const KEY: [u8; 32] = [7; 32];
/// Marks what the killed phone reports, among what the test runner prints.
const MARK: &str = "@@";
/// Kills of one profile before a new one is made: making one is killed too.
const KILLS_OF_A_PROFILE: u32 = 5;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn profile(dir: &Path, programme: &Arc<Programme>) -> Profile {
    Profile::new(dir.to_owned(), Key::new(KEY), Arc::clone(programme), Arc::new(SystemClock), os_rng())
}

fn answers(pairs: &[(&str, &str)]) -> Vec<Edit> {
    pairs.iter().map(|&(key, text)| Edit { key: key.to_owned(), value: Value::from(text) }).collect()
}

/// Reports; the line is out of this process when this returns.
fn report(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{line}").unwrap();
    out.flush().unwrap();
}

/// The phone that is killed: opens its profile, then saves, edits, keeps drafts and syncs for ever.
#[test]
#[ignore = "a process of its own, started and killed by the test below"]
fn the_phone_that_is_killed() {
    let Ok(dir) = std::env::var("KILLED_PHONE") else { return };
    let (server, code) = (std::env::var("KILLED_SERVER").unwrap(), std::env::var("KILLED_CODE").unwrap());
    let programme = Arc::new(builtin::independent_support().unwrap());
    report("start");
    let dir = PathBuf::from(dir);
    let there = dir.join("alongside.db").exists();
    let phone = if there { Phone::open } else { Phone::create }(profile(&dir, &programme)).unwrap();
    report("open");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if phone.sync().person().is_err() {
        runtime.block_on(phone.sync().enrol(&server, &code, "Killed")).unwrap();
    }
    phone.sync().set_server(&server).unwrap();
    let case = open_case(&phone);
    let mut last = None;
    for number in 0_u32.. {
        let note = format!("{number} {}", "note ".repeat(number as usize % 40));
        let save = |record: Option<RecordId>| {
            let mut answers = answers(&[("note", &note)]);
            if record.is_none() {
                answers.extend(self::answers(&[("mode", "PHONE")]));
            }
            let request = SaveRequest {
                record,
                group: case,
                form: "contact".into(),
                answers,
                reason: None,
                token: None,
            };
            let saved = phone.records().save(request).unwrap();
            report(&format!("saved {} {note}", saved.root.id));
            saved.root.id
        };
        match number % 6 {
            0 | 1 | 4 => last = Some(save(None)),
            2 | 3 => {
                save(last);
            }
            _ => {
                runtime.block_on(phone.sync().sync_once()).unwrap();
            }
        }
    }
}

fn open_case(phone: &Phone) -> GroupId {
    let supporter = phone.sync().person().unwrap().to_string();
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let family = open("family", vec![], &[("family_ref", "F-1"), ("area", "840")]);
    let child = open("child", vec![family], &[("known_as", "Sam"), ("family_name", "Okafor")]);
    open("case", vec![child, family], &[("case_ref", "C-1"), ("allocated_supporter", &supporter)])
}

/// The server, in the process that kills.
struct Office {
    folder: tempfile::TempDir,
    runtime: Runtime,
    running: Option<Running>,
    store: Arc<Store>,
    programme: Arc<Programme>,
    person: PersonId,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programme = Arc::new(builtin::independent_support().unwrap());
        let file = folder.path().join("server.db");
        let store = Store::open(&file).unwrap();
        let now = clock::SystemClock.now();
        let partner = people::partner(&store, now, "Contact Point").unwrap();
        let new = NewPerson { name: "Asha".into(), role: "SUPPORTER".into(), partner, areas: vec![] };
        let person = people::add_person(&store, now, &programme, &new).unwrap();
        let runtime = Runtime::new().unwrap();
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), store: file, ..Config::default() };
        let clock = Arc::new(clock::SystemClock);
        let running = runtime
            .block_on(Server::start(config, Arc::clone(&store), clock, Arc::clone(&programme)))
            .unwrap();
        Self { folder, runtime, running: Some(running), store, programme, person }
    }

    fn url(&self) -> String {
        self.running.as_ref().unwrap().url()
    }

    fn code(&self) -> String {
        people::enrolment_code(&self.store, clock::SystemClock.now(), self.person, 3_600_000)
            .unwrap()
            .reveal()
    }

    /// Ends the server and proves its store.
    fn close(mut self) {
        self.runtime.block_on(self.running.take().unwrap().shutdown());
        let path = self.store.path().to_owned();
        drop(self.store);
        let pages = self.folder.path().join("server.db.pages");
        let pages = PagesOf { file: &pages, programme: &self.programme };
        assert_eq!(verify::verify(&path, Some(pages)).unwrap().findings, []);
    }
}

/// What was reported as saved: the texts of each record.
type Saved = BTreeMap<RecordId, Vec<String>>;

struct Killed {
    child: Child,
    lines: std::thread::JoinHandle<Vec<String>>,
    opened: mpsc::Receiver<()>,
}

impl Killed {
    fn start(dir: &Path, office: &Office) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_phone_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env("KILLED_PHONE", dir)
            .env("KILLED_SERVER", office.url())
            .env("KILLED_CODE", office.code())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, opened) = mpsc::channel();
        let lines = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in out.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let Some((_, line)) = line.split_once(MARK) else { continue };
                if line == "open" {
                    // Nobody may be waiting for it.
                    let _ = tell.send(());
                }
                lines.push(line.to_owned());
            }
            lines
        });
        Self { child, lines, opened }
    }

    /// Kills it without a warning; gives what it had reported.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        let lines = self.lines.join().unwrap();
        assert_eq!(status.code(), None, "it ended by being killed, not by itself: {lines:?}");
        lines
    }
}

#[test]
fn a_phone_killed_at_any_moment_has_everything_that_it_saved() {
    let (kills, seed) = (u32::try_from(setting("KILLS", 20)).unwrap(), setting("SEED", 1));
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let office = Office::new();
    let folder = tempfile::tempdir().unwrap();
    let (mut total, mut without_file, mut profiles) = (0, 0, 0);
    let mut saved = Saved::new();
    let mut dir = PathBuf::new();
    for round in 0..kills {
        if round % KILLS_OF_A_PROFILE == 0 {
            dir = folder.path().join(format!("phone-{round}"));
            saved.clear();
            profiles += 1;
        }
        let phone = Killed::start(&dir, &office);
        // The moment is what is tried out: while it opens (or makes) its file, or while it works.
        let moment = if round % KILLS_OF_A_PROFILE == 0 || chance.random_bool(0.1) {
            // From when the file may be there.
            while !dir.exists() && !phone.lines.is_finished() {
                std::thread::yield_now();
            }
            chance.random_range(0..60)
        } else {
            phone.opened.recv().unwrap();
            chance.random_range(0..400)
        };
        std::thread::sleep(Duration::from_millis(moment));
        for line in phone.kill() {
            if let Some((record, text)) = line.strip_prefix("saved ").and_then(|line| line.split_once(' ')) {
                saved.entry(record.parse().unwrap()).or_default().push(text.to_owned());
                total += 1;
            }
        }
        let context = format!("SEED={seed}, kill {round}, after {moment} ms");
        if dir.join("alongside.db").exists() {
            let phone = Phone::open(profile(&dir, &office.programme))
                .unwrap_or_else(|error| panic!("{context}: the file does not open: {error}"));
            check(&phone, &saved, &context);
            let is_last = round + 1 == kills || (round + 1) % KILLS_OF_A_PROFILE == 0;
            if is_last && phone.sync().person().is_ok() {
                check_server(&office, &phone, &saved, &context);
            }
        } else {
            assert!(saved.is_empty(), "{context}: the file is gone");
            without_file += 1;
        }
    }
    assert!(total > 0, "something was saved");
    println!(
        "{kills} kills of {profiles} profiles ({without_file} before there was a file): {total} saves, all there"
    );
    office.close();
}

/// Everything reported is on the phone, and its file is whole.
fn check(phone: &Phone, saved: &Saved, context: &str) {
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new(), "{context}");
    for (record, texts) in saved {
        let history = phone.records().history(*record).unwrap_or_else(|error| panic!("{context}: {error}"));
        for text in texts {
            let is_there = history
                .entries
                .iter()
                .flat_map(|entry| &entry.fields)
                .any(|field| field.key == "note" && field.to == Value::from(text.as_str()));
            assert!(is_there, "{context}: a save of {record} is missing");
        }
    }
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before, "{context}: what is shown is what is in the log");
}

/// After a sync, everything reported is at the server.
fn check_server(office: &Office, phone: &Phone, saved: &Saved, context: &str) {
    phone.sync().set_server(&office.url()).unwrap();
    office.runtime.block_on(async {
        for _ in 0..50 {
            let outcome = phone.sync().sync_once().await.unwrap();
            if matches!(outcome.status, Status::UpToDate { .. }) && outcome.waiting == 0 {
                return;
            }
        }
        panic!("{context}: the phone does not come up to date");
    });
    let outbox = phone.records().outbox().unwrap();
    assert!(outbox.refused.is_empty() && outbox.quarantined.is_empty(), "{context}: {outbox:?}");
    for (record, texts) in saved {
        let changes = office.store.changes_of(*record).unwrap();
        let document = Document::load(changes.iter().map(|change| change.bytes.as_slice())).unwrap();
        let who: BTreeMap<_, _> = changes
            .iter()
            .map(|change| {
                (change.hash, Attribution { author: change.author, device: None, received_at: None })
            })
            .collect();
        let history = document.history(&who).unwrap();
        for text in texts {
            let is_there = history
                .iter()
                .flat_map(|entry| &entry.fields)
                .any(|field| field.key == "note" && field.to == Value::from(text.as_str()));
            assert!(is_there, "{context}: a save of {record} did not reach the server");
        }
    }
}
