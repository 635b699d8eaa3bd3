//! What forms cost, each beside a yardstick of the same run.
//!
//! `cargo bench -p alongside-domain --bench forms` prints a line for each; nothing is asserted of time.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alongside_domain::{
    form::{
        expr::Surroundings,
        session::{CompiledForm, Session},
        xform::convert,
        xlsform::{CsvFile, Dialect, Source, open},
    },
    programme::entry::Answer,
};
use jiff::tz::TimeZone;

/// The median of several runs.
fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[runs / 2]
}

fn say(what: &str, it: Duration, yardstick: Duration, wanted: &str) {
    let ratio = it.as_secs_f64() / yardstick.as_secs_f64();
    println!("{what:<58} {it:>12.1?} / {yardstick:>12.1?} = {ratio:>6.2} (wanted {wanted})");
}

fn around() -> Surroundings {
    let now = "2015-03-16T14:30:15Z".parse().expect("an instant");
    Surroundings::new(now, TimeZone::UTC, [3; 32])
}

/// A form in two tables: of every ten questions one is a select, and the others read those before them.
fn tables(questions: usize, choices: usize) -> (String, String) {
    let mut survey = String::from("type,name,label,relevant,calculation,constraint,choice_filter\n");
    for at in 0..questions {
        let before = at - at % 10;
        let _ = match at % 10 {
            0 => writeln!(survey, "integer,q{at},Question {at},,,. < 1000,"),
            1..=4 => writeln!(survey, "integer,q{at},Question {at},${{q{before}}} > {at} mod 7,,,"),
            5 => writeln!(survey, "select_one long,q{at},Question {at},,,,part = ${{q{before}}}"),
            9 => writeln!(survey, "calculate,q{at},,,${{q{before}}} + ${{q{}}} * 2,,", before + 1),
            _ => writeln!(survey, "text,q{at},Question {at} of ${{q{before}}},,,,"),
        };
    }
    let mut list = String::from("list_name,name,label,part\n");
    for at in 0..choices {
        let _ = writeln!(list, "long,c{at},Choice {at},{}", at % 100);
    }
    (survey, list)
}

fn session(questions: usize, choices: usize) -> Session {
    let (survey, list) = tables(questions, choices);
    let files = [
        CsvFile { name: "survey.csv", bytes: survey.as_bytes() },
        CsvFile { name: "choices.csv", bytes: list.as_bytes() },
    ];
    let opened = open("long", Source::Folder(&files), Dialect::Standard);
    assert!(!opened.has_error, "{:?}", opened.problems.first());
    let compiled = CompiledForm::new(&opened.form, &BTreeMap::new()).expect("it runs");
    Session::open(Arc::new(compiled), "", &around())
}

/// An answer and the page that it changes; the same questions depend on it in a form of any length.
fn answers(session: &mut Session) -> Duration {
    let around = around();
    assert!(session.jump("q0"));
    let mut number = 0_i64;
    median(2_001, || {
        number = (number + 1) % 900;
        let delta = session.answer("q0", &Answer::Integer(number), &around);
        black_box(delta.expect("a number of the question"));
        black_box(session.page());
    })
}

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xform/forms");
    let mut forms = Vec::new();
    for entry in fs::read_dir(corpus).expect("the corpus") {
        forms.push(fs::read(entry.expect("a form").path()).expect("a form"));
    }
    let converted = median(101, || {
        for form in &forms {
            let opened = open("form.md", Source::File(form), Dialect::Standard);
            black_box(convert(&opened.form));
        }
    });
    println!("{} forms of the corpus read, checked and converted in {converted:.1?}", forms.len());
    println!("(what pyxform takes for the same forms is printed by `cargo xtask pyxform`)");

    let short = answers(&mut session(50, 200));
    let long = answers(&mut session(5_000, 200));
    say("answer to page: 5,000 questions / 50", long, short, "<= 2");
    let listed = answers(&mut session(5_000, 20_000));
    say("answer to page: and 20,000 choices / 200", listed, long, "<= 2, but the list is filtered");

    let (survey, list) = tables(16_000, 28_000);
    let files = [
        CsvFile { name: "survey.csv", bytes: survey.as_bytes() },
        CsvFile { name: "choices.csv", bytes: list.as_bytes() },
    ];
    let parsed = median(21, || {
        for file in &files {
            let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(file.bytes);
            let rows: Vec<Vec<String>> =
                rows.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect();
            black_box(rows);
        }
    });
    let read = median(21, || {
        black_box(open("long", Source::Folder(&files), Dialect::Standard));
    });
    let size = (survey.len() + list.len()) as f64 / 1e6;
    say(&format!("a form of {size:.1} MB read and checked / its cells parsed"), read, parsed, "< 5");
}
