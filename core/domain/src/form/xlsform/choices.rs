//! The sheet `choices`.

use std::collections::{BTreeMap, HashMap};

use super::{
    cells::{self, Refusal},
    columns::{Columns, Known, Row},
    table::Sheet,
};
use crate::{
    form::Choice,
    problem::{
        report::{Place, Report},
        suggest::quoted,
    },
};

const CHOICES: Known = Known {
    sheet: Some("choices"),
    plain: &["list_name", "name", "sensitivity", "valid_from", "valid_to"],
    translated: &["label", "image", "audio", "video", "big-image"],
    aliases: &[("value", "name"), ("caption", "label"), ("listname", "list_name")],
    kept: &["media", "geometry"],
};

const CODE_LIST: Known =
    Known { sheet: None, plain: &["name", "sensitivity", "valid_from", "valid_to"], ..CHOICES };

type Lists = BTreeMap<String, Vec<Choice>>;

/// The lists of the sheet.
pub(super) fn read(
    sheet: Option<&Sheet>,
    sheet_name: &'static str,
    allow_duplicates: bool,
    report: &mut Report,
) -> Lists {
    let Some(sheet) = sheet else { return Lists::new() };
    let columns = Columns::find(sheet, &Known { sheet: Some(sheet_name), ..CHOICES }, report);
    if columns.require("list_name", report) {
        lists(&columns, sheet, None, allow_duplicates, report)
    } else {
        Lists::new()
    }
}

/// The choices of a code list that has a file of its own.
pub(crate) fn code_list(name: &str, sheet: &Sheet, report: &mut Report) -> Vec<Choice> {
    let columns = Columns::find(sheet, &CODE_LIST, report);
    let choices = lists(&columns, sheet, Some(name), false, report).remove(name).unwrap_or_default();
    if choices.is_empty() && !report.has_error() {
        report.error(Place::FILE, "empty_list", "The list has no choice.", "Add rows below the heading.");
    }
    choices
}

/// A list while its rows are read.
struct List<'s> {
    name: &'s str,
    /// Its first row.
    row: u32,
    choices: Vec<Choice>,
    /// The rows of its codes.
    codes: HashMap<&'s str, u32>,
}

/// The choices of a sheet by list: all of `only`, or of the list that each row names.
fn lists<'s>(
    columns: &Columns<'s>,
    sheet: &'s Sheet,
    only: Option<&'s str>,
    allow_duplicates: bool,
    report: &mut Report,
) -> Lists {
    let has_name = columns.require("name", report);
    let has_label =
        if report.is_standard() { columns.has("label") } else { columns.require("label", report) };
    let mut lists: Vec<List<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    // The rows of a list mostly stand together.
    let mut at = 0;
    for row in columns.rows(sheet) {
        row.check_unnamed(report);
        let name = only.unwrap_or_else(|| row.get("list_name"));
        if name.is_empty() {
            report.error(
                row.at("list_name"),
                "missing_list",
                "The choice names no list.",
                "Write it in `list_name`.",
            );
            continue;
        }
        if lists.get(at).is_none_or(|list| list.name != name) {
            at = *places.entry(name).or_insert_with(|| {
                if !super::is_name(name) && !report.is_standard() {
                    super::bad_name(report, row.at("list_name"), name);
                }
                // One long list is what a sheet mostly holds where it is long.
                let room = if lists.is_empty() { sheet.rows.len() } else { 0 };
                let (choices, codes) = (Vec::with_capacity(room), HashMap::with_capacity(room));
                lists.push(List { name, row: row.number(), choices, codes });
                lists.len() - 1
            });
        }
        let list = &mut lists[at];
        let name = row.get("name");
        if name.is_empty() {
            if has_name {
                report.error(
                    row.at("name"),
                    "missing_name",
                    "The choice has no code.",
                    "Write it in `name`.",
                );
            }
            continue;
        }
        if let Some(refusal) = bad_code(name) {
            report.stricter(row.at("name"), refusal.code, refusal.what, refusal.help);
        }
        if let Some(first) = list.codes.get(name).filter(|_| !allow_duplicates) {
            report.error(
                row.at("name"),
                "duplicate_choice",
                format!(
                    "The code {} stands in row {first} of the list {} already.",
                    quoted(name),
                    quoted(list.name)
                ),
                "Remove one of them, or give it another code.",
            );
            continue;
        }
        list.codes.insert(name, row.number());
        list.choices.push(choice(name, row, has_label, report));
    }
    for list in lists.iter().filter(|list| has_name && list.choices.is_empty()) {
        report.error(
            Place::sheet("choices").row(list.row).column("list_name"),
            "empty_list",
            format!("The list {} has no choice.", quoted(list.name)),
            "Add its choices, or remove the row.",
        );
    }
    let done = |mut list: List<'_>| {
        list.choices.shrink_to_fit();
        (list.name.to_owned(), list.choices)
    };
    lists.into_iter().map(done).collect()
}

fn choice(name: &str, row: Row<'_, '_>, has_label: bool, report: &mut Report) -> Choice {
    let label = row.texts("label");
    let media = row.media();
    if has_label && label.0.is_empty() && media.is_empty() {
        report.stricter(
            row.at("label"),
            "missing_label",
            format!("The choice {} has no label.", quoted(name)),
            "Write what people read in `label`.",
        );
    }
    let mut cell = |column, read: Result<_, Refusal>| {
        read.unwrap_or_else(|refusal| {
            report.error(row.at(column), refusal.code, refusal.what, refusal.help);
            None
        })
    };
    let valid_from = cell("valid_from", cells::date(row.get("valid_from")));
    let valid_to = cell("valid_to", cells::date(row.get("valid_to")));
    let sensitivity = cells::sensitivity(row.get("sensitivity")).unwrap_or_else(|refusal| {
        report.error(row.at("sensitivity"), refusal.code, refusal.what, refusal.help);
        None
    });
    if let Some(refusal) = valid_backwards(valid_from, valid_to) {
        report.error(row.at("valid_to"), refusal.code, refusal.what, refusal.help);
    }
    Choice { name: name.to_owned(), label, media, sensitivity, valid_from, valid_to, extra: row.extra() }
}

/// Why a text cannot be a code: it becomes part of a key, and of a list with blanks between codes.
pub(crate) fn bad_code(code: &str) -> Option<Refusal> {
    /// Longest code, in bytes.
    const LONGEST: usize = 64;
    if code.len() > LONGEST || code.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Some(Refusal::new(
            "bad_code",
            format!("{} cannot be a code.", quoted(code)),
            format!("A code has no blanks and no `/`, and at most {LONGEST} bytes."),
        ));
    }
    None
}

/// Whether a code ends before it begins.
pub(crate) fn valid_backwards(
    from: Option<jiff::civil::Date>,
    to: Option<jiff::civil::Date>,
) -> Option<Refusal> {
    let (from, to) = (from?, to?);
    (to < from).then(|| {
        Refusal::new(
            "bad_date",
            format!("The code is valid to {to}, which is before {from}."),
            "Both days are included: `valid_to` is `valid_from` or later.",
        )
    })
}
