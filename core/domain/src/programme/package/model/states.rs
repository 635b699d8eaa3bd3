//! `[states.NAME]`: which status may follow which.

use std::collections::BTreeMap;

use super::question;
use crate::{
    form::{Choice, ChoiceSource, Form},
    problem::{
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
    programme::{
        FieldRef,
        package::toml_file::{Table, TomlFile},
        states::States,
    },
};

pub(super) fn read(
    file: &mut TomlFile<'_>,
    table: &Table<'_>,
    forms: &BTreeMap<String, Form>,
) -> Vec<States> {
    let mut all = Vec::new();
    for (_, mut table) in file.tables(table) {
        file.require(&table, "field");
        let field = file.text(&mut table, "field");
        let starts = file.texts(&mut table, "starts").into_iter().map(|code| code.value).collect();
        file.require(&table, "follows");
        let follows = match file.table(&mut table, "follows") {
            Some(follows) => {
                let entries = file.text_entries(&follows).into_iter();
                entries
                    .map(|(from, to)| (from, to.value.split_whitespace().map(str::to_owned).collect()))
                    .collect()
            }
            None => BTreeMap::new(),
        };
        file.finish(&table);
        let Some(text) = field else { continue };
        let Some((form, name)) = text.value.split_once('.') else {
            file.report.error(
                text.place(),
                "bad_field",
                format!("{} does not name a question.", quoted(&text.value)),
                "Write `form.question`.",
            );
            continue;
        };
        match forms.get(form) {
            Some(form) => {
                question(file.report, form, &text, name);
            }
            None => super::unknown(file.report, &text.with(form.to_owned()), "form", forms.keys()),
        }
        all.push(States {
            field: FieldRef { form: form.to_owned(), field: name.to_owned() },
            starts,
            follows,
        });
    }
    all
}

/// Every code that is named is one of the question's list, and every code of the list is named.
pub(in crate::programme::package) fn check(
    all: &[States],
    forms: &BTreeMap<String, Form>,
    lists: &BTreeMap<String, Vec<Choice>>,
    report: &mut Report,
) {
    for states in all {
        let Some(form) = forms.get(&states.field.form) else { continue };
        let Some(question) = form.question(&states.field.field) else { continue };
        let choices = match question.kind.choices() {
            Some(ChoiceSource::List(name)) => form.choices.get(name),
            Some(ChoiceSource::File(file)) => lists.get(file.strip_suffix(".csv").unwrap_or(file)),
            Some(ChoiceSource::External(name)) => form.external_choices.get(name),
            Some(ChoiceSource::Answers(_)) | None => None,
        };
        let known: Vec<&str> = choices.into_iter().flatten().map(|choice| choice.name.as_str()).collect();
        let named = states.follows.iter().flat_map(|(from, to)| std::iter::once(from).chain(to));
        for code in named.chain(&states.starts).filter(|code| !known.contains(&code.as_str())) {
            report.error(
                Place::sheet("states").column("follows"),
                "unknown_code",
                format!("{} is not a code of {}.", quoted(code), quoted(&states.field.field)),
                did_you_mean(code, known.iter().copied(), "Name codes of its list."),
            );
        }
        for code in known.iter().filter(|code| !states.follows.contains_key(**code)) {
            report.error(
                Place::sheet("states").column("follows"),
                "state_without_end",
                format!("Nothing says what may follow {}.", quoted(code)),
                "Write the codes that may follow it, or the code itself where it is the last.",
            );
        }
    }
}
