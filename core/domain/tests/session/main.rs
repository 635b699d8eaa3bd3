//! Sessions of forms: what is asked, computed, kept, and what a record ends up with.

mod circles;
mod lookups;
mod pages;
mod properties;
mod rows;
mod rules;
mod walks;

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::{
        expr::{Scalar, Surroundings},
        session::{CompileError, CompiledForm, Session},
        xlsform::{self, Dialect, Source},
    },
    problem::{Problem, Severity},
    programme::entry::Answer,
};
use jiff::tz::TimeZone;

/// The same moment and chance for every test.
fn around() -> Surroundings {
    let now = "2015-03-16T14:30:15Z".parse().expect("an instant");
    Surroundings::new(now, TimeZone::get("Europe/London").expect("a zone"), [3; 32])
}

/// A form around rows of the survey sheet: `type | name | the other columns, as named in the heading`.
fn compile(heading: &str, rows: &str, choices: &str) -> Result<Arc<CompiledForm>, Vec<CompileError>> {
    let columns = heading.split('|').count() + 3;
    let rule = "|-".repeat(columns) + "|";
    let rows: String = rows
        .lines()
        .map(str::trim)
        .filter(|row| !row.is_empty())
        .map(|row| {
            let mut cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
            let label = cells.get(1).map(|name| name.to_uppercase()).unwrap_or_default();
            cells.resize(cells.len().max(2), String::new());
            cells.insert(2, label);
            cells.resize(columns, String::new());
            format!("| {} |\n", cells.join(" | "))
        })
        .collect();
    let text = format!(
        "# survey\n| type | name | label | {heading} |\n{rule}\n{rows}\n# choices\n| list_name | name | label | county |\n|-|-|-|-|\n{choices}\n\n\
         # settings\n| form_id | version |\n|-|-|\n| visit | 1 |\n"
    );
    // Choices from rows are the standard's: no form of a programme has them.
    let is_standard = rows.contains("| select_one ${");
    let dialect = if is_standard { Dialect::Standard } else { Dialect::Programme };
    let opened = xlsform::open("visit.md", Source::File(text.as_bytes()), dialect);
    // A circle is for the compiler to find too.
    let is_other = |problem: &Problem| problem.severity == Severity::Error && problem.code != "circular";
    assert!(!opened.problems.iter().any(is_other), "{:#?}\n{text}", opened.problems);
    let compiled = CompiledForm::new(&opened.form, &BTreeMap::new());
    assert_eq!(compiled.is_err(), opened.has_error, "reader and compiler disagree: {text}");
    compiled.map(Arc::new)
}

fn open(heading: &str, rows: &str, choices: &str) -> Session {
    let form = compile(heading, rows, choices).unwrap_or_else(|errors| panic!("{errors:#?}"));
    Session::open(form, "", &around())
}

fn say(session: &mut Session, key: &str, text: &str) {
    let answer = if text.is_empty() { Answer::Cleared } else { Answer::Text(text.to_owned()) };
    session.answer(key, &answer, &around()).unwrap_or_else(|error| panic!("{key}: {error}"));
}

fn value(session: &Session, key: &str) -> String {
    session.value_of(key).unwrap_or(&Scalar::Empty).text(&around().zone)
}
