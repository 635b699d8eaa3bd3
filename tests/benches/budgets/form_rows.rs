//! The engine of forms: an answer in a long form, a long list, opening a large form, converting.

use std::{
    collections::BTreeMap, fmt::Write as _, fs, hint::black_box, path::Path, process::Command, sync::Arc,
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
use anyhow::{Context as _, Result, ensure};
use jiff::tz::TimeZone;

use crate::{
    stage::Stage,
    table::{Budget, Row},
    timing::{take_turns, timed},
};

fn around() -> Result<Surroundings> {
    let now = "2015-03-16T14:30:15Z".parse().context("an instant")?;
    Ok(Surroundings::new(now, TimeZone::UTC, [3; 32]))
}

/// A form in two tables: of every ten questions one is a select from a long list, and the others read those
/// before them. One choice in `parts` passes each filter.
fn tables(questions: usize, choices: usize, parts: usize) -> Result<(String, String)> {
    let mut survey = String::from("type,name,label,relevant,calculation,constraint,choice_filter\n");
    for at in 0..questions {
        let before = at - at % 10;
        match at % 10 {
            0 => writeln!(survey, "integer,q{at},Question {at},,,. < 100000,")?,
            1..=4 => writeln!(survey, "integer,q{at},Question {at},${{q{before}}} > {at} mod 7,,,")?,
            5 => writeln!(survey, "select_one long,q{at},Question {at},,,,part = ${{q{before}}}")?,
            9 => writeln!(survey, "calculate,q{at},,,${{q{before}}} + ${{q{}}} * 2,,", before + 1)?,
            _ => writeln!(survey, "text,q{at},Question {at} of ${{q{before}}},,,,")?,
        }
    }
    let mut list = String::from("list_name,name,label,part\n");
    for at in 0..choices {
        writeln!(list, "long,c{at},Choice {at},{}", at % parts)?;
    }
    Ok((survey, list))
}

fn files<'t>(survey: &'t str, list: &'t str) -> [CsvFile<'t>; 2] {
    [
        CsvFile { name: "survey.csv", bytes: survey.as_bytes() },
        CsvFile { name: "choices.csv", bytes: list.as_bytes() },
    ]
}

fn session(questions: usize, choices: usize, parts: usize) -> Result<Session> {
    let (survey, list) = tables(questions, choices, parts)?;
    let opened = open("long", Source::Folder(&files(&survey, &list)), Dialect::Standard);
    ensure!(!opened.has_error, "the form has problems: {:?}", opened.problems.first());
    let compiled = CompiledForm::with(&opened.form, &BTreeMap::new(), &opened.expressions);
    let compiled =
        compiled.map_err(|errors| anyhow::anyhow!("the form does not run: {:?}", errors.first()))?;
    let mut session = Session::open(Arc::new(compiled), "", &around()?);
    ensure!(session.jump("q0"), "the first question is not asked");
    Ok(session)
}

/// An answer, and the page that it changes: two choices pass its filter in a list of any length.
fn answered(session: &mut Session, number: i64) -> Result<std::time::Duration> {
    let around = around()?;
    let (delta, took) = timed(|| {
        let delta = session.answer("q0", &Answer::Integer(number), &around);
        black_box(session.page());
        black_box(session.state("q5", &around));
        Ok(delta)
    })?;
    ensure!(delta.is_ok_and(|delta| !delta.changed.is_empty()), "the answer changed nothing");
    Ok(took)
}

/// Sessions of many questions and choices against those of few.
pub(crate) fn session_rows(stage: &mut Stage) -> Result<Vec<Row>> {
    let (questions, choices) = (stage.sizes.of(5_000, 100), stage.sizes.of(20_000, 400));
    let (mut long, mut short) = (session(questions, choices, choices / 2)?, session(50, 200, 100)?);
    let (mut many, mut few) = ((0..).map(|at: i64| at % 90), (0..).map(|at: i64| at % 90));
    let turns = take_turns(
        stage.sizes.of(2_000, 4),
        |_| answered(&mut long, many.next().unwrap_or_default()),
        |_| answered(&mut short, few.next().unwrap_or_default()),
    )?;
    let (long, short) = turns.medians_us();
    let what =
        format!("answer to page: {questions} questions, {choices} choices against 50 and 200: median (us)");
    Ok(vec![Row::against(what, long, short, Budget::RatioAtMost(2.0))])
}

/// A large form read, checked and compiled, against its text taken apart into cells.
pub(crate) fn opening(stage: &mut Stage) -> Result<Vec<Row>> {
    let (survey, list) = tables(stage.sizes.of(16_000, 200), stage.sizes.of(28_000, 300), 100)?;
    let size = (survey.len() + list.len()) as f64 / 1e6;
    let turns = take_turns(
        stage.sizes.of(30, 2),
        |_| {
            let (opened, took) =
                timed(|| Ok(open("long", Source::Folder(&files(&survey, &list)), Dialect::Standard)))?;
            ensure!(!opened.has_error, "the form has problems");
            Ok(took)
        },
        |_| {
            let (rows, took) = timed(|| {
                let mut all = Vec::new();
                for text in [&survey, &list] {
                    let mut reader =
                        csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
                    for record in reader.records() {
                        let record = record.context("a row")?;
                        all.push(record.iter().map(str::to_owned).collect::<Vec<String>>());
                    }
                }
                Ok(black_box(all))
            })?;
            ensure!(!rows.is_empty(), "the text was not taken apart");
            Ok(took)
        },
    )?;
    let (read, parsed) = turns.medians_us();
    let what = format!("opening a form of {size:.1} MB against parsing its text: median (ms)");
    Ok(vec![Row::against(what, read / 1e3, parsed / 1e3, Budget::RatioAtMost(5.0))])
}

/// The corpus of forms converted, against pyxform in the folder that `cargo xtask pyxform` installs it into.
pub(crate) fn converting(stage: &mut Stage) -> Result<Vec<Row>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/domain/tests/xform/forms");
    let mut forms = Vec::new();
    for entry in fs::read_dir(corpus).context("the corpus")? {
        forms.push(fs::read_to_string(entry?.path()).context("a form")?);
    }
    let turns = stage.sizes.of(30, 2);
    let mut times = Vec::new();
    for _ in 0..turns {
        let ((), took) = timed(|| {
            for form in &forms {
                let opened = open("form.md", Source::File(form.as_bytes()), Dialect::Standard);
                black_box(convert(&opened.form));
            }
            Ok(())
        })?;
        times.push(took);
    }
    times.sort();
    let ours = times[times.len() / 2].as_secs_f64() * 1e3;
    let what = format!("converting the {} forms of the corpus to XForms: median (ms)", forms.len());
    Ok(vec![match pyxform(&forms, turns) {
        Some(theirs) => Row::against(what, ours, theirs, Budget::RatioAtMost(0.05)),
        None => Row::reported(what, ours, None),
    }])
}

/// What pyxform takes for the same forms in milliseconds, its start left out; `None` where it is not installed.
fn pyxform(forms: &[String], turns: usize) -> Option<f64> {
    let target = std::env::current_exe().ok()?.ancestors().nth(3)?.join("pyxform");
    // In a folder of its version.
    let installed =
        fs::read_dir(target).ok()?.filter_map(|entry| Some(entry.ok()?.path().join("bin/python")));
    let python = installed.into_iter().find(|python| python.exists())?;
    let script = format!(
        "import json,sys,time\nfrom pyxform.xls2xform import convert\nforms=json.load(sys.stdin)\ntimes=[]\n\
         for turn in range({turns}):\n begun=time.perf_counter()\n for form in forms:\n  convert(form)\n \
         times.append(time.perf_counter()-begun)\ntimes.sort()\nprint(times[len(times)//2]*1000)"
    );
    let mut child = Command::new(python)
        .args(["-c", &script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .ok()?;
    serde_json::to_writer(child.stdin.take()?, forms).ok()?;
    let said = child.wait_with_output().ok()?;
    if !said.status.success() {
        // One that it does not convert would cost it nothing.
        crate::complain("pyxform did not convert every form: it is not compared");
        return None;
    }
    String::from_utf8(said.stdout).ok()?.trim().parse().ok()
}
