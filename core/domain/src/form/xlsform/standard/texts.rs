//! Languages: each names its tag, and none lacks a column.

use std::collections::{BTreeMap, BTreeSet};

use super::{Row, rows};
use crate::{
    form::{Form, Translated},
    problem::{
        report::{Place, Report},
        suggest::quoted,
    },
};

/// The languages of the columns of a sheet.
type Columns<'f> = BTreeMap<&'f str, BTreeSet<&'f str>>;

pub(super) fn check(form: &Form, report: &mut Report) {
    let mut survey = Columns::new();
    for row in rows(form) {
        match row {
            Row::Question(question) => {
                for (column, text) in [
                    ("label", &question.label),
                    ("hint", &question.hint),
                    ("guidance_hint", &question.guidance_hint),
                    ("constraint_message", &question.constraint_message),
                    ("required_message", &question.required_message),
                ] {
                    note(&mut survey, column, text);
                }
                question.media.iter().for_each(|(kind, text)| note(&mut survey, kind, text));
            }
            Row::Section(section, _) => {
                note(&mut survey, "label", &section.label);
                section.media.iter().for_each(|(kind, text)| note(&mut survey, kind, text));
            }
        }
    }
    let mut choices = Columns::new();
    for choice in form.choices.values().flatten() {
        note(&mut choices, "label", &choice.label);
        choice.media.iter().for_each(|(kind, text)| note(&mut choices, kind, text));
    }
    let mut languages = BTreeSet::new();
    for (sheet, columns) in [("survey", &survey), ("choices", &choices)] {
        let all: BTreeSet<&str> = columns.values().flatten().copied().collect();
        for (column, has) in columns.iter().filter(|(_, has)| !has.is_empty()) {
            for language in all.difference(has) {
                report.warning(
                    Place::sheet(sheet).row(1).column(column),
                    "missing_translation",
                    format!("The language {} has no column `{column}`.", quoted(language)),
                    format!("Add `{column}::{language}`: who reads it in that language sees a dash."),
                );
            }
        }
        languages.extend(all);
    }
    for language in languages.into_iter().filter(|language| !has_tag(language)) {
        report.warning(
            Place::sheet("survey").row(1),
            "untagged_language",
            format!("{} names no tag that a machine reads.", quoted(language)),
            "Write the tag in brackets behind the name, such as `Cymraeg (cy)`.",
        );
    }
}

fn note<'f>(columns: &mut Columns<'f>, column: &'f str, text: &'f Translated) {
    let mut languages = text.0.keys().map(String::as_str).filter(|language| !language.is_empty()).peekable();
    if languages.peek().is_some() {
        columns.entry(column).or_default().extend(languages);
    }
}

/// Whether a language ends in a tag in brackets: `(cy)`, `(zh-Hans)`.
fn has_tag(language: &str) -> bool {
    let tag = language.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).map(|(_, tag)| tag);
    tag.is_some_and(|tag| {
        let mut parts = tag.split('-');
        let is_part =
            |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
        parts.next().is_some_and(|first| {
            (2..=8).contains(&first.len()) && first.chars().all(|c| c.is_ascii_alphabetic())
        }) && parts.all(is_part)
    })
}
