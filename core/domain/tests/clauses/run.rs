//! Runs a case: what is not as it says.

use std::collections::BTreeMap;

use alongside_domain::{
    form::{
        Choice, Translated,
        session::CompiledForm,
        xform::convert,
        xlsform::{self, Dialect, Opened, Source},
    },
    problem::{Problem, Severity},
};

use super::{corpus::Case, pieces, script};

/// The form of a case. It has no id of its own, so its file says it: `data.md`.
pub(crate) fn open(case: &Case) -> Opened {
    xlsform::open("data.md", Source::File(case.form.as_bytes()), Dialect::Standard)
}

fn short(problem: &Problem) -> String {
    let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
    let row = problem.row.map_or_else(|| "-".to_owned(), |row| row.to_string());
    let (sheet, column) = (problem.sheet.as_deref(), problem.column.as_deref());
    format!("{severity} {} {row} {} {}", sheet.unwrap_or("-"), column.unwrap_or("-"), problem.code)
}

/// Everything that a case does not show.
pub(crate) fn faults(case: &Case) -> Vec<String> {
    let mut faults = Vec::new();
    let opened = open(case);
    let problems: Vec<String> = opened.problems.iter().map(short).collect();
    if problems != case.problems {
        faults.push(format!("the problems are {problems:#?}, not {:#?}", case.problems));
    }
    if !(case.structure.is_empty() && case.absent.is_empty() && case.notes.is_empty()) {
        let converted = convert(&opened.form);
        let pieces = case.structure.iter().map(|piece| (piece, true));
        let pieces = pieces.chain(case.absent.iter().map(|piece| (piece, false)));
        faults.extend(pieces.filter_map(|(piece, should)| pieces::compare(&converted.xml, piece, should)));
        let is_said = |(wanted, note): (&String, &String)| note.contains(wanted.as_str());
        let notes = &converted.notes;
        if notes.len() != case.notes.len() || !case.notes.iter().zip(notes).all(is_said) {
            faults.push(format!("the notes are {notes:#?}, not {:#?}", case.notes));
        }
    }
    if script::checks(&case.script) > 0 {
        match CompiledForm::with(&opened.form, &code_lists(case), &opened.expressions) {
            Ok(form) => faults.extend(script::run(case, &opened.form, form)),
            Err(errors) => faults.extend(errors.into_iter().map(|error| format!("it does not run: {error}"))),
        }
    }
    faults
}

/// The files of a case as lists, by their names without an ending.
fn code_lists(case: &Case) -> BTreeMap<String, Vec<Choice>> {
    let lists = case.files.iter().map(|(file, text)| {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headings = reader.headers().expect("a heading").clone();
        let rows = reader.records().map(|row| choice(&headings, &row.expect("a row")));
        let name = file.strip_suffix(".csv").unwrap_or(file);
        (name.to_owned(), rows.collect())
    });
    lists.collect()
}

fn choice(headings: &csv::StringRecord, row: &csv::StringRecord) -> Choice {
    let mut choice = Choice {
        name: String::new(),
        label: Translated::default(),
        media: BTreeMap::new(),
        sensitivity: None,
        valid_from: None,
        valid_to: None,
        extra: [].into_iter().collect(),
    };
    for (heading, cell) in headings.iter().zip(row) {
        match heading {
            "name" => cell.clone_into(&mut choice.name),
            "label" => choice.label = Translated([(String::new(), cell.to_owned())].into()),
            other => {
                choice.extra.insert(other.to_owned(), cell.to_owned());
            }
        }
    }
    choice
}
