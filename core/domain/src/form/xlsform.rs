//! Reads an XLSForm out of Markdown: one pipe table per sheet.
//!
//! The sheets stand under headings (`# survey`, `# choices`, `# settings`, `# entities`), with prose and
//! blank lines wherever they help. The style of pyxform, where the first column of one table holds the
//! names of the sheets, is read too. A `|` inside a cell is written `\|`.
//!
//! Columns and types are those of the XLSForm standard (<https://xlsform.org/en/ref-table/>), with
//! three columns of our own: `sensitivity`, `use` and `merge` (design, "The programme is data").
//! Expressions stay text; what they name and how they nest is checked.

use std::collections::BTreeMap;

use super::{Form, expr::Expressions};
use crate::problem::{
    Problem,
    report::{Place, Report},
    suggest::quoted,
};

pub(crate) mod cells;
pub(crate) mod choices;
mod circles;
mod columns;
mod expression;
mod kinds;
pub(crate) mod row;
mod settings;
mod source;
mod standard;
mod survey;
pub(crate) mod table;

pub use crate::problem::report::Dialect;
pub use source::{CsvFile, Opened, Source, open};
#[cfg(feature = "workbook")]
pub mod workbook;

/// Longest file that is read, in bytes.
const LONGEST_FILE: usize = 8 << 20;

/// The sheets of a form, in the order in which their problems are reported.
const SHEETS: [&str; 6] = ["survey", "choices", "settings", "entities", "external_choices", "osm"];

/// Reads and checks a form.
///
/// `file` is the name that problems carry.
///
/// # Errors
///
/// Every problem of the file, warnings included, where at least one of them is an error. Otherwise the
/// form comes with its warnings.
pub fn read(file: &str, text: &str) -> Result<(Form, Vec<Problem>), Vec<Problem>> {
    let (form, failed, problems) = read_what_can_be(file, text);
    if failed { Err(problems) } else { Ok((form, problems)) }
}

/// As much of a form as can be read, whether a problem keeps it from being used, and its problems: what
/// refers to a broken form is checked against what there is of it.
pub(crate) fn read_what_can_be(file: &str, text: &str) -> (Form, bool, Vec<Problem>) {
    let mut report = Report::new(file);
    let (form, _) = read_markdown(&mut report, text);
    (form, report.has_error(), report.finish(&SHEETS))
}

fn read_markdown(report: &mut Report, text: &str) -> Read {
    if text.len() > LONGEST_FILE {
        report.error(
            Place::FILE,
            "file_too_big",
            format!("The file has {} bytes.", text.len()),
            format!("A form has at most {LONGEST_FILE} bytes: split it into several forms."),
        );
        return Read::default();
    }
    let sheets = table::sheets(text.strip_prefix('\u{feff}').unwrap_or(text), report);
    read_sheets(sheets, report)
}

/// A form and its expressions, compiled.
type Read = (Form, Expressions);

/// The form that sheets hold.
fn read_sheets(mut sheets: BTreeMap<&'static str, table::Sheet>, report: &mut Report) -> Read {
    let mut form = settings::read(sheets.get("settings"), report);
    let keeps_blanks =
        form.setting("clean_text_values").is_some_and(|text| cells::yes_or_no(text) == Some(false));
    if report.is_standard() && !keeps_blanks {
        let rows = sheets.get_mut("survey").into_iter().flat_map(|sheet| &mut sheet.rows);
        rows.for_each(|row| row.cells.collapse_blanks());
    }
    form.entities = settings::entities(sheets.get("entities"), report);
    let duplicates = report.is_standard()
        && form.setting("allow_choice_duplicates").is_some_and(|text| cells::yes_or_no(text) == Some(true));
    form.choices = choices::read(sheets.get("choices"), "choices", duplicates, report);
    form.external_choices = choices::read(sheets.get("external_choices"), "external_choices", true, report);
    let (compiled, has_twins) = survey::read(sheets.get("survey"), &mut form, report);
    if !form.default_language.is_empty() {
        default_texts(&mut form);
    }
    if report.is_standard() {
        standard::check(&form, has_twins, report);
    }
    if !report.has_error() {
        circles::check(&form, &compiled, report);
    }
    (form, compiled)
}

/// Makes the texts of the default language those of the empty key.
fn default_texts(form: &mut Form) {
    let language = form.default_language.clone();
    for choice in form.choices.values_mut().flatten() {
        choice.label.set_default(&language);
    }
    let mut open = vec![form.items.iter_mut()];
    while let Some(items) = open.last_mut() {
        match items.next() {
            Some(super::Item::Question(question)) => {
                for text in [
                    &mut question.label,
                    &mut question.hint,
                    &mut question.guidance_hint,
                    &mut question.constraint_message,
                    &mut question.required_message,
                ] {
                    text.set_default(&language);
                }
            }
            Some(super::Item::Group(section) | super::Item::Repeat(section)) => {
                section.label.set_default(&language);
                open.push(section.items.iter_mut());
            }
            None => {
                open.pop();
            }
        }
    }
}

/// Whether a text can be a name: a letter or `_`, then letters, digits, `_`, `-`, `.` (the names of XML
/// without a colon), so never with the `/` and `@` that keys of documents give a meaning.
pub(crate) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '-' | '.'))
        && text.len() <= LONGEST_NAME
}

/// Whether a text can be the name of an element, however long.
pub(crate) fn is_xml_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | ':'))
        && characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '-' | '.' | ':'))
        && text.len() <= 1_024
}

/// Longest name of a question, group or list, in bytes: keys are made of several of them.
const LONGEST_NAME: usize = 64;

fn name_help() -> String {
    format!("A name is a letter or `_`, then letters, digits, `_`, `-` or `.`, at most {LONGEST_NAME} bytes.")
}

pub(crate) fn bad_name(report: &mut Report, place: Place<'_>, name: &str) {
    report.error(place, "bad_name", format!("{} cannot be a name.", quoted(name)), name_help());
}
