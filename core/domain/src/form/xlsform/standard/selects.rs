//! Lists, files and tables of choices.

use std::collections::{BTreeMap, BTreeSet};

use super::{Index, at, is_search};
use crate::{
    form::{ChoiceSource, Form, Item, Question, QuestionKind, named::Named},
    problem::{
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
};

pub(super) fn check(index: &Index<'_>, report: &mut Report) {
    let form = index.form;
    for (list, choices) in &form.choices {
        let mut headings: BTreeSet<&str> = BTreeSet::new();
        // The choices of a list mostly have the same columns.
        let mut last: Option<&Named> = None;
        for extra in choices.iter().map(|choice| &choice.extra) {
            if !last.is_some_and(|last| last.keys().eq(extra.keys())) {
                headings.extend(extra.keys().map(String::as_str));
            }
            last = Some(extra);
        }
        for heading in headings.into_iter().filter(|heading| !super::super::is_xml_name(heading)) {
            report.warning(
                Place::sheet("choices").row(1).column(heading),
                "bad_column",
                format!("{} of the list {} can be named in no filter.", quoted(heading), quoted(list)),
                "Rename the column without blanks, or begin its name with `_` where it is a remark.",
            );
        }
    }
    for question in form.questions() {
        if let Some(source) = question.kind.choices() {
            source_of(question, source, index, report);
        }
    }
    others(&form.items, form, report);
    tables(&form.items, report);
    searches(index, report);
    files(form, report);
}

fn source_of(question: &Question, source: &ChoiceSource, index: &Index<'_>, report: &mut Report) {
    let (row, form) = (question.row, index.form);
    match source {
        ChoiceSource::External(list) => {
            if form.external_choices.is_empty() {
                report.error(
                    at(row, "type"),
                    "missing_sheet",
                    "There is no sheet `external_choices`.",
                    "Add it, with the columns `list_name`, `name` and `label`.",
                );
            } else if !form.external_choices.contains_key(list) {
                let lists = form.external_choices.keys().map(String::as_str).take(1_000);
                let help = did_you_mean(list, lists, "Add its choices there.");
                let what = format!("There is no list {} in the sheet `external_choices`.", quoted(list));
                report.error(at(row, "type"), "unknown_list", what, help);
            }
            if question.choice_filter.is_none() {
                report.warning(
                    at(row, "choice_filter"),
                    "missing_filter",
                    "An external list is there for lists that are filtered, and this one is not.",
                    "Write a `choice_filter`, or use `select_one` with a list of the sheet `choices`.",
                );
            }
        }
        ChoiceSource::List(list) => {
            let is_multiple =
                matches!(question.kind, QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_));
            if let (true, Some(code)) = (is_multiple, index.blank_codes.get(list.as_str())) {
                report.error(
                    at(row, "type"),
                    "bad_code",
                    format!("The code {} of {} has a blank.", quoted(code), quoted(list)),
                    "Blanks stand between the codes of several answers: write the code without.",
                );
            }
        }
        ChoiceSource::File(_) => {
            for name in ["value", "label"] {
                if let Some(column) = question.parameters.get(name)
                    && !super::super::is_xml_name(column)
                {
                    report.error(
                        at(row, "parameters"),
                        "bad_parameter",
                        format!("`{name}` cannot be {}.", quoted(column)),
                        "Write the name of a column of the file.",
                    );
                }
            }
        }
        ChoiceSource::Answers(_) => {}
    }
}

/// Other answers than those of the list (`or_other`).
fn others(items: &[Item], form: &Form, report: &mut Report) {
    let mut open = vec![items];
    let has_languages = form.questions().any(|question| question.label.0.keys().any(|key| !key.is_empty()));
    while let Some(items) = open.pop() {
        for (item, next) in items.iter().zip(items.iter().skip(1).map(Some).chain([None])) {
            let question = match item {
                Item::Question(question) => question,
                Item::Group(section) | Item::Repeat(section) => {
                    open.push(&section.items);
                    continue;
                }
            };
            // The question that asks for it is made of the same row.
            let has_other = matches!(next, Some(Item::Question(other)) if other.row == question.row);
            if !has_other {
                continue;
            }
            if question.choice_filter.is_some() {
                report.error(
                    at(question.row, "choice_filter"),
                    "filtered_other",
                    "The filter takes out the choice for other answers too.",
                    "Leave out `or_other`: add a code for it to the list, and a question that asks for the answer.",
                );
            }
            if has_languages {
                report.warning(
                    at(question.row, "type"),
                    "untranslated_other",
                    "`or_other` asks in English, whatever the language of the form.",
                    "Add a code for other answers to the list, and a question that asks for the answer.",
                );
            }
        }
    }
}

/// Selects that are shown as one table.
fn tables(items: &[Item], report: &mut Report) {
    for item in items {
        let (Item::Group(section) | Item::Repeat(section)) = item else { continue };
        tables(&section.items, report);
        let appearance = section.appearance.as_deref().unwrap_or_default();
        if !appearance.split_whitespace().any(|word| word == "table-list") {
            continue;
        }
        let mut first: Option<(&str, u32)> = None;
        for item in &section.items {
            let Item::Question(question) = item else { continue };
            let Some(ChoiceSource::List(list)) = question.kind.choices() else { continue };
            if question.choice_filter.is_some() {
                report.error(
                    at(question.row, "choice_filter"),
                    "filtered_table",
                    "A table shows all choices in its heading, and this filter takes some out.",
                    "Leave the filter out, or show the question outside of the table.",
                );
            }
            match first {
                None => first = Some((list, question.row)),
                Some((known, row)) if known != list => report.error(
                    at(question.row, "type"),
                    "mixed_table",
                    format!(
                        "The table has the choices of {} (row {row}), not those of {}.",
                        quoted(known),
                        quoted(list)
                    ),
                    "The selects of a table share one list.",
                ),
                Some(_) => {}
            }
        }
    }
}

/// Lists that the app searches itself.
fn searches(index: &Index<'_>, report: &mut Report) {
    for question in index.form.questions().filter(|question| is_search(question)) {
        match question.kind.choices() {
            Some(ChoiceSource::File(file)) => report.error(
                at(question.row, "appearance"),
                "bad_search",
                format!(
                    "`search()` looks into the sheet `choices`, and the choices are those of {}.",
                    quoted(file)
                ),
                "Use `choice_filter` with a file, or a list of the sheet.",
            ),
            Some(ChoiceSource::List(list)) => {
                if let Some(other) = index.shown_lists.get(list.as_str()) {
                    report.error(
                        at(question.row, "appearance"),
                        "bad_search",
                        format!(
                            "The list {} is searched here, and shown as it is in row {other}.",
                            quoted(list)
                        ),
                        "Give one of them a list of its own.",
                    );
                }
            }
            _ => {}
        }
    }
}

/// Files of data, each under one name.
fn files(form: &Form, report: &mut Report) {
    let mut known: BTreeMap<&str, (String, u32, bool)> = BTreeMap::new();
    for question in form.questions() {
        let (id, file, is_row) = match (&question.kind, question.kind.choices()) {
            (_, Some(ChoiceSource::File(file))) => {
                (file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem), file.clone(), false)
            }
            (QuestionKind::Standard(kind), _) if kind == "csv-external" => {
                (question.name.as_str(), format!("{}.csv", question.name), true)
            }
            (QuestionKind::Standard(kind), _) if kind == "xml-external" => {
                (question.name.as_str(), format!("{}.xml", question.name), true)
            }
            _ => continue,
        };
        match known.get(id) {
            Some((other, row, other_is_row)) if *other != file || (is_row && *other_is_row) => report.error(
                at(question.row, if is_row { "name" } else { "type" }),
                "duplicate_file",
                format!("{} stands for {} of row {row} already.", quoted(id), quoted(other)),
                "Give the files names that differ in more than their endings, and name each once.",
            ),
            Some(_) => {}
            None => {
                known.insert(id, (file, question.row, is_row));
            }
        }
    }
}
