//! The mistakes that pyxform, the standard's own converter, reports: each is reported here too.
//!
//! `cases.toml` holds a form for each; the table of `docs/form-problems.md` is written of it
//! (`UPDATE_DOCUMENTS=1 cargo test -p alongside-domain --test problems`).

use std::{fmt::Write as _, fs, path::Path};

use alongside_domain::{
    form::xlsform::{Dialect, Source, open},
    problem::{Problem, Severity},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    case: Vec<Case>,
    /// What pyxform reports that cannot happen here, or is proved by another test.
    other: Vec<Other>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The code of pyxform, or a word of ours where it has none.
    id: String,
    /// The mistake.
    what: String,
    /// What pyxform makes of it: `error`, `warning`, `crash`.
    theirs: String,
    /// `same` or `better`.
    verdict: String,
    /// Why it is better.
    #[serde(default)]
    why: String,
    form: String,
    /// Severity, sheet, row, column and code of every problem.
    ours: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    id: String,
    what: String,
    verdict: String,
    why: String,
}

fn catalogue() -> Catalogue {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems/cases.toml");
    toml::from_str(&fs::read_to_string(path).expect("the cases")).expect("the cases can be read")
}

fn short(problem: &Problem) -> String {
    let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
    let row = problem.row.map_or_else(|| "-".to_owned(), |row| row.to_string());
    format!(
        "{severity} {} {row} {} {}",
        problem.sheet.as_deref().unwrap_or("-"),
        problem.column.as_deref().unwrap_or("-"),
        problem.code
    )
}

#[test]
fn every_mistake_is_said_where_it_is() {
    let mut wrong = Vec::new();
    for case in catalogue().case {
        let opened = open("data.md", Source::File(case.form.as_bytes()), Dialect::Standard);
        let ours: Vec<String> = opened.problems.iter().map(short).collect();
        if ours != case.ours {
            wrong.push(format!("{}: {ours:#?}, not {:#?}", case.id, case.ours));
        }
        let is_error = case.theirs == "error" || case.theirs == "crash";
        let ours_is_error = opened.has_error;
        assert!(!ours.is_empty(), "{} is not reported", case.id);
        // Where the severities differ, the reason is written down.
        assert!(is_error == ours_is_error || !case.why.is_empty(), "{}: say why", case.id);
        for problem in &opened.problems {
            assert!(
                problem.what.ends_with('.') && problem.help.ends_with(['.', '?']),
                "{}: {problem}",
                case.id
            );
            assert!(problem.sheet.is_some() || problem.code == "unknown_sheet", "{}: {problem}", case.id);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_holds_the_table_of_these_cases() {
    let catalogue = catalogue();
    assert!(catalogue.case.len() > 100, "{}", catalogue.case.len());
    let mut table =
        String::from("| pyxform | the mistake | there | here | verdict |\n|---|---|---|---|---|\n");
    let mut counts = [0_usize; 3];
    for case in &catalogue.case {
        let ours: Vec<String> = case
            .ours
            .iter()
            .map(|said| {
                let mut words = said.split(' ');
                let severity = words.next().unwrap_or_default();
                let code = words.next_back().unwrap_or_default();
                format!("{severity} `{code}`")
            })
            .collect();
        let mut ours = ours;
        ours.dedup();
        let verdict = match (case.verdict.as_str(), case.why.as_str()) {
            ("same", "") => "same".to_owned(),
            (verdict, why) => format!("{verdict}: {why}"),
        };
        counts[usize::from(case.verdict == "better")] += 1;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {verdict} |",
            name(&case.id),
            case.what,
            case.theirs,
            ours.join(", ")
        );
    }
    for other in &catalogue.other {
        counts[if other.verdict == "not applicable" { 2 } else { 1 }] += 1;
        let _ = writeln!(
            table,
            "| {} | {} | error | | {}: {} |",
            name(&other.id),
            other.what,
            other.verdict,
            other.why
        );
    }
    let [same, better, apart] = counts;
    let summary = format!("{same} the same, {better} better, {apart} not applicable.\n\n{table}");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/form-problems.md");
    let document = fs::read_to_string(&path).expect("the document");
    let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
    let (before, rest) = document.split_once(begin).expect("a mark where the table begins");
    let (now, after) = rest.split_once(end).expect("a mark where it ends");
    let wanted = format!("\n{summary}\n");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{before}{begin}{wanted}{end}{after}"))
            .expect("the document can be written");
        return;
    }
    assert_eq!(now, wanted, "run again with UPDATE_DOCUMENTS=1");
}

/// Codes of pyxform stand as they are; words of ours for what has none do not.
fn name(id: &str) -> String {
    if id.starts_with(|letter: char| letter.is_ascii_uppercase()) { format!("`{id}`") } else { String::new() }
}

#[test]
fn a_form_without_a_mistake_has_none_of_these() {
    let form =
        "| survey |\n| | type | name | label | hint |\n| | text | a | A | H |\n| | integer | b | B | |\n";
    let opened = open("data.md", Source::File(form.as_bytes()), Dialect::Standard);
    assert_eq!(opened.problems, Vec::new());
}

/// A long form with the same mistake in every row is checked in time that grows with its length, not
/// with the square of it: a square would take hours here.
#[test]
fn many_mistakes_take_no_longer_than_their_number() {
    let mut form =
        String::from("| survey |\n| | type | name | label | parameters | appearance | trigger |\n");
    for at in 0..20_000 {
        let _ = writeln!(form, "| | geotrace | g{at} | G | reference-geometry=${{x}} | | |");
        let _ = writeln!(
            form,
            "| | select_multiple long | s{at} | S | seed=1 | search('x') | ${{g{at}}} ${{g1}} |"
        );
    }
    form.push_str("| choices |\n| | list_name | name | label |\n");
    for at in 0..20_000 {
        let _ = writeln!(form, "| | long | c {at} | C |");
    }
    let opened = open("data.md", Source::File(form.as_bytes()), Dialect::Standard);
    assert!(opened.has_error);
    assert_eq!(opened.problems.last().map(|last| last.code), Some("more_problems"));
}
