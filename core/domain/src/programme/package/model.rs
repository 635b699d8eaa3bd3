//! `model.toml`: groups, records, and the parts that the code knows, checked against the forms.

use std::collections::BTreeMap;

use super::toml_file::{Located, Table, TomlFile};
use crate::{
    form::{Form, MergePolicy, Question, QuestionKind},
    problem::{
        report::Report,
        suggest::{did_you_mean, quoted},
    },
    programme::{Count, GroupKind, Parts, RecordKind, Retention, RetentionAction, states::States},
};

mod parts;
pub(super) mod states;

use parts::PartsReader;

/// What the file says.
pub(super) struct Model {
    pub(super) groups: BTreeMap<String, GroupKind>,
    pub(super) records: BTreeMap<String, RecordKind>,
    pub(super) parts: Parts,
    pub(super) states: Vec<States>,
    pub(super) retention: BTreeMap<String, Retention>,
}

/// Reads the file; `forms` may hold forms with problems of their own.
pub(super) fn read(text: &str, forms: &BTreeMap<String, Form>, report: &mut Report) -> Model {
    TomlFile::read(text, report, |file, mut root| {
        for key in ["groups", "records", "parts"] {
            file.require(&root, key);
        }
        let groups = file.table(&mut root, "groups").map(|table| groups(file, &table)).unwrap_or_default();
        let retention =
            file.table(&mut root, "retention").map(|table| retention(file, &table)).unwrap_or_default();
        let records = file
            .table(&mut root, "records")
            .map(|table| {
                file.tables(&table)
                    .into_iter()
                    .map(|(form, mut table)| {
                        let kind = record(file, &form, &mut table, forms, &groups, &retention);
                        (form, kind)
                    })
                    .collect()
            })
            .unwrap_or_default();
        let parts = file.table(&mut root, "parts").map(|mut table| {
            PartsReader { forms, groups: &groups, records: &records }.read(file, &mut table)
        });
        let states = file
            .table(&mut root, "states")
            .map(|table| states::read(file, &table, forms))
            .unwrap_or_default();
        file.finish(&root);
        let parts = parts.unwrap_or_default();
        Model { groups, records, parts, states, retention }
    })
}

fn groups(file: &mut TomlFile<'_>, table: &Table<'_>) -> BTreeMap<String, GroupKind> {
    let mut groups = BTreeMap::new();
    let mut parents = Vec::new();
    for (name, mut table) in file.tables(table) {
        if !super::is_name(&name) {
            file.report.error(
                table.place(),
                "bad_name",
                format!("{} cannot be the name of a group.", quoted(&name)),
                "Write letters, digits, `_` or `-`, a letter first.",
            );
        }
        let title = file.required_text(&mut table, "title");
        let its_parents = file.texts(&mut table, "parents");
        let opened_on_phone = file.flag(&mut table, "opened_on_phone");
        let beside = file.text(&mut table, "beside");
        if let Some(beside) = beside.as_ref().filter(|_| !its_parents.is_empty() || opened_on_phone) {
            file.report.error(
                beside.place(),
                "restricted_group",
                format!("{} stands beside another group, so its links are settled.", quoted(&name)),
                "Leave out `parents` and `opened_on_phone`: a phone opens it where it has something to keep there.",
            );
        }
        file.finish(&table);
        let kind = GroupKind {
            title,
            parents: its_parents.iter().chain(&beside).map(|parent| parent.value.clone()).collect(),
            opened_on_phone: opened_on_phone || beside.is_some(),
            beside: beside.as_ref().map(|beside| beside.value.clone()),
        };
        let its_parents = its_parents.into_iter().chain(beside);
        parents.extend(its_parents.map(|parent| (name.clone(), parent)));
        groups.insert(name, kind);
    }
    for (name, parent) in parents {
        if !groups.contains_key(&parent.value) {
            unknown(file.report, &parent, "group", groups.keys());
        } else if is_ancestor(&groups, &name, &parent.value) {
            file.report.error(
                parent.place(),
                "group_cycle",
                format!("{} is its own ancestor through {}.", quoted(&name), quoted(&parent.value)),
                "Parents must not lead back to the group.",
            );
        }
    }
    groups
}

/// Whether `ancestor` is this group or stands above it.
fn is_ancestor(groups: &BTreeMap<String, GroupKind>, ancestor: &str, group: &str) -> bool {
    let mut seen = vec![group];
    let mut next = 0;
    while let Some(group) = seen.get(next).copied() {
        if group == ancestor {
            return true;
        }
        next += 1;
        for parent in groups.get(group).into_iter().flat_map(|kind| &kind.parents) {
            if !seen.contains(&parent.as_str()) {
                seen.push(parent);
            }
        }
    }
    false
}

fn record(
    file: &mut TomlFile<'_>,
    name: &str,
    table: &mut Table<'_>,
    forms: &BTreeMap<String, Form>,
    groups: &BTreeMap<String, GroupKind>,
    retention: &BTreeMap<String, Retention>,
) -> RecordKind {
    let form = forms.get(name);
    if form.is_none() {
        file.report.error(
            table.place(),
            "unknown_form",
            format!("There is no form {}.", quoted(name)),
            did_you_mean(name, forms.keys().map(String::as_str), "Add it to `forms/`."),
        );
    }
    file.require(table, "group");
    let group = file.text(table, "group");
    if let Some(group) = group.as_ref().filter(|group| !groups.contains_key(&group.value)) {
        unknown(file.report, group, "group", groups.keys());
    }
    let count =
        file.word(table, "count", &[("one", Count::One), ("many", Count::Many)]).unwrap_or(Count::Many);
    let at = file.text(table, "at");
    let title = file.texts(table, "title");
    let search = file.texts(table, "search");
    let immutable = file.flag(table, "immutable");
    let references =
        file.table(table, "references").map(|table| file.text_entries(&table)).unwrap_or_default();
    let key = file.has(table, "key").then(|| file.texts(table, "key"));
    let written_by = file.texts(table, "written_by");
    let class = file.text(table, "retention");
    file.finish(table);
    if let Some(class) = class.as_ref().filter(|class| !retention.contains_key(&class.value)) {
        file.report.error(
            class.place(),
            "unknown_retention",
            format!("There is no retention class {}.", quoted(&class.value)),
            did_you_mean(
                &class.value,
                retention.keys().map(String::as_str),
                "Name a table of `[retention]`.",
            ),
        );
    }

    if let Some(form) = form {
        if let Some(at) = &at
            && let Some(question) = question(file.report, form, at, &at.value)
        {
            expect_kind(file.report, at, question, TIMES, "a date or a date and time");
        }
        for name in title.iter().chain(&search) {
            question(file.report, form, name, &name.value);
        }
        for name in key.iter().flatten() {
            if let Some(question) = question(file.report, form, name, &name.value)
                && question.required.as_deref() != Some("yes")
            {
                file.report.error(
                    name.place(),
                    "key_not_required",
                    format!("{} is part of the key and need not be answered.", quoted(&name.value)),
                    "Make the question required: a record without a key has no id.",
                );
            }
        }
        if let Some(merged) = form.questions().find(|question| question.merge == MergePolicy::Text)
            && let Some(key) = &key
        {
            let place = key.first().map_or_else(|| table.place(), Located::place);
            file.report.error(
                place,
                "key_and_text",
                format!(
                    "{} is merged by character, which a record that is started twice cannot be.",
                    quoted(&merged.name)
                ),
                "Give the question another merge policy, or the records no key.",
            );
        }
        for (field, target) in &references {
            if let Some(question) = question(file.report, form, target, field) {
                expect_kind(file.report, target, question, TEXTS, "a text or hidden");
            }
        }
    }
    for (_, target) in &references {
        for form in target.value.split_whitespace().filter(|form| *form != "*" && !forms.contains_key(*form))
        {
            unknown(file.report, &target.with(form.to_owned()), "form", forms.keys());
        }
    }
    RecordKind {
        group: group.map(|group| group.value).unwrap_or_default(),
        count,
        at: at.map(|at| at.value),
        title: title.into_iter().map(|name| name.value).collect(),
        search: search.into_iter().map(|name| name.value).collect(),
        immutable,
        references: references.into_iter().map(|(field, target)| (field, target.value)).collect(),
        key: key.map(|key| key.into_iter().map(|name| name.value).collect()),
        restricted: None,
        written_by: written_by.into_iter().map(|role| role.value).collect(),
        retention: class.map(|class| class.value),
    }
}

fn retention(file: &mut TomlFile<'_>, table: &Table<'_>) -> BTreeMap<String, Retention> {
    let mut classes = BTreeMap::new();
    for (name, mut table) in file.tables(table) {
        let title = file.required_text(&mut table, "title");
        let keep = file.required_text(&mut table, "keep");
        let trigger = file.required_text(&mut table, "trigger");
        let action = file.word(
            &mut table,
            "action",
            &[
                ("review", RetentionAction::Review),
                ("delete", RetentionAction::Delete),
                ("auto_delete", RetentionAction::AutoDelete),
            ],
        );
        let hold = file.flag(&mut table, "hold");
        file.finish(&table);
        let action = action.unwrap_or(RetentionAction::Review);
        classes.insert(name, Retention { title, keep, trigger, action, hold });
    }
    classes
}

type Kinds = fn(&QuestionKind) -> bool;
const DATES: Kinds = |kind| *kind == QuestionKind::Date;
const TIMES: Kinds = |kind| matches!(kind, QuestionKind::Date | QuestionKind::DateTime);
const TEXTS: Kinds = |kind| matches!(kind, QuestionKind::Text | QuestionKind::Hidden);
const CODES: Kinds =
    |kind| matches!(kind, QuestionKind::SelectOne(_) | QuestionKind::Text | QuestionKind::Hidden);
const ANY: Kinds = |_| true;

/// The question of a form, which has to keep an answer and stand outside of repeats.
fn question<'f>(
    report: &mut Report,
    form: &'f Form,
    at: &Located<String>,
    name: &str,
) -> Option<&'f Question> {
    let found = form.question(name);
    match found {
        None => report.error(
            at.place(),
            "unknown_question",
            format!("The form {} has no question {}.", quoted(&form.id), quoted(name)),
            did_you_mean(
                name,
                form.questions().map(|question| question.name.as_str()),
                "Write the name of one of its questions.",
            ),
        ),
        Some(question) if !question.kind.is_kept() => report.error(
            at.place(),
            "no_answer",
            format!("{} of the form {} keeps no answer.", quoted(name), quoted(&form.id)),
            "Name a question that people answer, not a note or a calculation.",
        ),
        Some(_) if form.repeats_around(name).next().is_some() => report.error(
            at.place(),
            "repeated_question",
            format!("{} of the form {} stands in a repeat.", quoted(name), quoted(&form.id)),
            "Name a question that has one answer in a record.",
        ),
        Some(_) => {}
    }
    found
}

fn expect_kind(report: &mut Report, at: &Located<String>, question: &Question, kinds: Kinds, wanted: &str) {
    if !kinds(&question.kind) {
        report.error(
            at.place(),
            "wrong_question_type",
            format!("{} is of another type.", quoted(&question.name)),
            format!("Name a question of the type {wanted}."),
        );
    }
}

fn unknown<'k>(
    report: &mut Report,
    at: &Located<String>,
    what: &str,
    known: impl Iterator<Item = &'k String>,
) {
    let code = if what == "group" { "unknown_group" } else { "unknown_form" };
    report.error(
        at.place(),
        code,
        format!("There is no {what} {}.", quoted(&at.value)),
        did_you_mean(&at.value, known.map(String::as_str), &format!("Name a {what} of the package.")),
    );
}
