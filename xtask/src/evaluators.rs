//! Our evaluator beside others: every row of the table of expressions, over the same record.
//!
//! The test `peers` of the table writes both into the target folder; ODK's and Enketo's evaluators, from npm
//! at exact versions, are asked there; every difference must be listed with its reason.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{run_program, say};

/// What is installed, and what asks it.
const FILES: [(&str, &str); 2] = [
    ("package.json", include_str!("evaluators/package.json")),
    ("evaluate.mjs", include_str!("evaluators/evaluate.mjs")),
];

/// Name in the list of differences, and what is said of it.
const PEERS: [(&str, &str); 2] =
    [("odk", "ODK Web Forms, @getodk/xpath 0.11.0"), ("enketo", "Enketo, openrosa-xpath-evaluator 3.1.0")];

/// The differences, each with its reason.
const LISTED: &str = include_str!("evaluators/differences.toml");

/// What the test wrote; what else is in it is for the script.
#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
}

/// A row of the table.
#[derive(Deserialize)]
struct Row {
    line: usize,
    expression: String,
    /// Without `${name}`; `None` where no path can stand for one.
    resolved: Option<String>,
    ours: Ours,
}

/// Our value.
#[derive(Deserialize)]
struct Ours {
    kind: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    value: serde_json::Value,
}

/// What a peer gave for a row.
#[derive(Deserialize)]
struct Answer {
    line: usize,
    agrees: bool,
    theirs: String,
}

/// The file of differences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    not_comparable: Vec<NotComparable>,
    difference: Vec<Difference>,
}

/// What a peer leaves to the program around it, so that there is nothing to compare.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotComparable {
    peers: Vec<String>,
    /// Beginnings of what stands in such an expression, such as `instance(`.
    with: Vec<String>,
    why: String,
}

/// Rows that a peer gives another value of, for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    peers: Vec<String>,
    /// The expressions as the table has them.
    #[serde(default)]
    expressions: Vec<String>,
    /// All rows that differ with one of these in their expression.
    #[serde(default)]
    with: Vec<String>,
    /// All rows that differ with one of these errors of ours.
    #[serde(default)]
    codes: Vec<String>,
    reason: Reason,
    why: String,
}

/// Why two evaluators differ.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Reason {
    PeerWrong,
    DomWrong,
    Lenient,
    NotThere,
    Undefined,
    JavaRosa,
    Ours,
}

impl Reason {
    const fn said(self) -> &'static str {
        match self {
            Self::PeerWrong => "the peer does not do what the specifications say",
            Self::DomWrong => "the DOM for Node.js beneath it is wrong, a browser may be right",
            Self::Lenient => "a mistake that is said here, and gives some value there",
            Self::NotThere => "not there in the peer",
            Self::Undefined => "the specifications leave it open",
            Self::JavaRosa => "we do as JavaRosa does",
            Self::Ours => "we do otherwise than the specifications, on purpose",
        }
    }
}

/// The program of the test `expr`, as the lane `test` builds it: what that built is used.
fn test_of_expressions() -> Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["test", "--quiet", "--locked", "--workspace", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .context("`cargo` could not be started")?;
    ensure!(built.status.success(), "the tests could not be built");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Built>(line).ok())
        .find(|built| built.target.name == "expr" && built.executable.is_some())
        .and_then(|built| built.executable)
        .context("cargo names no program of the test `expr`")
}

/// What cargo says of something that it built.
#[derive(Deserialize)]
struct Built {
    target: Target,
    executable: Option<PathBuf>,
}

/// Which target it is.
#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Installs the evaluators into the target folder where they are not there, and compares them.
pub(crate) fn compare() -> Result<()> {
    // This program stands beside what is built.
    let program = env::current_exe().context("where this program is")?;
    let folder = program.ancestors().nth(2).context("the target folder")?.join("evaluators");
    node_is_there()?;
    install(&folder)?;
    let file = folder.join("table.json");
    run_program(
        Command::new(test_of_expressions()?)
            .args(["--ignored", "--exact", "peers::write_for_other_evaluators"])
            .env("EVALUATORS_FILE", &file),
    )?;
    let table: Table = serde_json::from_str(&fs::read_to_string(&file)?).context("the table")?;
    let listed: Listed = toml::from_str(LISTED).context("differences.toml")?;
    let named = listed.difference.iter().map(|it| &it.peers);
    for peer in named.chain(listed.not_comparable.iter().map(|it| &it.peers)).flatten() {
        let is_known = PEERS.iter().any(|(name, _)| name == peer);
        ensure!(is_known, "differences.toml names the peer `{peer}`, which is none");
    }
    let mut wrong = Vec::new();
    for (peer, title) in PEERS {
        let answers = ask(&folder, peer, &file)?;
        wrong.extend(judge(peer, title, &table.rows, &answers, &listed)?);
    }
    for line in &wrong {
        say(line);
    }
    ensure!(
        wrong.is_empty(),
        "{} rows are not as xtask/src/evaluators/differences.toml says: look who is right by the specifications, \
         mend ours or list the difference with its reason",
        wrong.len()
    );
    Ok(())
}

/// Counts what agrees, says it, and gives what is not as it is listed.
fn judge(
    peer: &str,
    title: &str,
    rows: &[Row],
    answers: &BTreeMap<usize, Answer>,
    listed: &Listed,
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut apart: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_reason: BTreeMap<Reason, usize> = BTreeMap::new();
    let (mut compared, mut agreed) = (0, 0);
    let mut differing = Vec::new();
    for row in rows {
        if let Some(why) = beyond_comparing(peer, row, listed) {
            *apart.entry(why).or_default() += 1;
            continue;
        }
        let answer = answers.get(&row.line).with_context(|| format!("{peer} left out line {}", row.line))?;
        compared += 1;
        if answer.agrees {
            agreed += 1;
            continue;
        }
        differing.push(row);
        let reason = listed.difference.iter().find(|it| it.is_of(peer) && it.holds(row)).map(|it| it.reason);
        match reason {
            Some(reason) => *by_reason.entry(reason).or_default() += 1,
            None => wrong.push(format!(
                "{peer}, line {}: {} gives {} there, {} {}{} here",
                row.line, row.expression, answer.theirs, row.ours.kind, row.ours.code, row.ours.value
            )),
        }
    }
    for of_peer in listed.difference.iter().filter(|it| it.is_of(peer)) {
        for expression in &of_peer.expressions {
            if !differing.iter().any(|row| row.expression == *expression) {
                wrong.push(format!("{peer}: {expression} is listed, and does not differ ({})", of_peer.why));
            }
        }
        for with in &of_peer.with {
            if !differing.iter().any(|row| has(&row.expression, with)) {
                wrong.push(format!("{peer}: `{with}` is listed, and no row with it differs"));
            }
        }
        for code in &of_peer.codes {
            if !differing.iter().any(|row| row.ours.code == *code) {
                wrong.push(format!("{peer}: `{code}` is listed, and no row with it differs"));
            }
        }
    }
    for apart in listed.not_comparable.iter().filter(|it| it.peers.iter().any(|name| name == peer)) {
        for with in &apart.with {
            if !rows.iter().any(|row| has(&row.expression, with)) {
                wrong.push(format!("{peer}: `{with}` is not comparable, and in no row"));
            }
        }
    }
    let differ = compared - agreed;
    say(&format!("{title}: {} rows, {compared} compared, {agreed} agree, {differ} differ", rows.len()));
    for (reason, count) in by_reason {
        say(&format!("  {count:>4} {}", reason.said()));
    }
    for (why, count) in apart {
        say(&format!("  {count:>4} not compared: {why}"));
    }
    Ok(wrong)
}

/// Why a row is not compared; `None` where it is.
fn beyond_comparing<'l>(peer: &str, row: &Row, listed: &'l Listed) -> Option<&'l str> {
    if row.ours.kind == "chance" {
        return Some("left to chance");
    }
    if row.resolved.is_none() {
        return Some("no reference that can be resolved");
    }
    let apart = listed
        .not_comparable
        .iter()
        .filter(|it| it.peers.iter().any(|name| name == peer))
        .find(|it| it.with.iter().any(|with| has(&row.expression, with)))?;
    Some(&apart.why)
}

/// Whether a name stands in an expression, and not only the end of another.
fn has(expression: &str, name: &str) -> bool {
    expression.match_indices(name).any(|(at, _)| {
        !expression[..at]
            .ends_with(|before: char| before.is_alphanumeric() || matches!(before, '-' | ':' | '_'))
    })
}

impl Difference {
    fn is_of(&self, peer: &str) -> bool {
        self.peers.iter().any(|name| name == peer)
    }

    fn holds(&self, row: &Row) -> bool {
        self.expressions.contains(&row.expression)
            || self.with.iter().any(|with| has(&row.expression, with))
            || self.codes.contains(&row.ours.code)
    }
}

/// What a peer gives of every row.
fn ask(folder: &Path, peer: &str, table: &Path) -> Result<BTreeMap<usize, Answer>> {
    let output = Command::new("node")
        .arg(folder.join("evaluate.mjs"))
        .arg(peer)
        .arg(table)
        .output()
        .context("`node` could not be started")?;
    if !output.status.success() {
        bail!("{peer} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let mut answers = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let answer: Answer = serde_json::from_str(line).with_context(|| format!("{peer} said {line}"))?;
        answers.insert(answer.line, answer);
    }
    Ok(answers)
}

/// The evaluators and their DOM want Node.js 20 or later, and npm.
fn node_is_there() -> Result<()> {
    let output = Command::new("node").arg("--version").output();
    let output = output.context("`node` could not be started: install Node.js 20 or later with npm")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    ensure!(major >= Some(20), "Node.js is {version}: the evaluators need 20 or later");
    Ok(())
}

/// The script and the evaluators, below the target folder.
fn install(folder: &PathBuf) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // Written last: an installation that was broken off, or was of other versions, is made again.
    let mark = folder.join("installed");
    let (_, wanted) = FILES[0];
    let is_there = fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted);
    for (name, content) in FILES {
        fs::write(folder.join(name), content)?;
    }
    if !is_there {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]);
        run_program(npm.args(["--loglevel", "error"]).current_dir(folder))?;
        fs::write(&mark, wanted)?;
    }
    Ok(())
}
