//! What the XLSForm standard and its converter refuse or warn of beyond what makes a form unreadable.
//!
//! `docs/form-problems.md` holds the whole list, each with a case that the tests read.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use crate::{
    form::{ChoiceSource, Form, Item, Question, QuestionKind, Section, named::Named},
    problem::report::{Place, Report},
};

mod entities;
mod names;
mod parameters;
mod selects;
mod texts;
mod triggers;

/// Checks a form that is held to the standard alone, once all of it is read; `has_twins` says whether several
/// of its rows may have one name.
pub(super) fn check(form: &Form, has_twins: bool, report: &mut Report) {
    let index = Index::new(form);
    names::check(form, has_twins, report);
    for question in form.questions() {
        parameters::check(question, &index, report);
        question_itself(question, report);
    }
    selects::check(&index, report);
    triggers::check(&index, report);
    texts::check(form, report);
    entities::check(form, report);
    settings(form, report);
}

/// What is looked up for many rows, found once: a form may have a hundred thousand of them.
struct Index<'f> {
    form: &'f Form,
    /// By name, the first of each; found when it is first asked for.
    questions: OnceCell<HashMap<&'f str, &'f Question>>,
    repeats: BTreeSet<&'f str>,
    /// Lists of choices and entities, and files without their endings.
    data: BTreeSet<&'f str>,
    /// The first code with a blank of each list that has one.
    blank_codes: BTreeMap<&'f str, &'f str>,
    /// The first row that shows each list as it is.
    shown_lists: BTreeMap<&'f str, u32>,
}

impl<'f> Index<'f> {
    fn new(form: &'f Form) -> Self {
        let mut index = Self {
            form,
            questions: OnceCell::new(),
            repeats: BTreeSet::new(),
            data: form.choices.keys().map(String::as_str).collect(),
            blank_codes: BTreeMap::new(),
            shown_lists: BTreeMap::new(),
        };
        for (list, choices) in &form.choices {
            if let Some(blank) = choices.iter().find(|choice| choice.name.contains(char::is_whitespace)) {
                index.blank_codes.insert(list, &blank.name);
            }
        }
        index
            .data
            .extend(form.entities.iter().filter_map(|entity| entity.get("list_name")).map(String::as_str));
        for row in rows(form) {
            match row {
                Row::Section(section, true) => {
                    index.repeats.insert(&section.name);
                }
                Row::Section(_, false) => {}
                Row::Question(question) => index.question(question),
            }
        }
        index
    }

    /// The question of a name.
    fn question_named(&self, name: &str) -> Option<&'f Question> {
        let questions = self.questions.get_or_init(|| {
            let mut questions = HashMap::new();
            for question in self.form.questions() {
                questions.entry(question.name.as_str()).or_insert(question);
            }
            questions
        });
        questions.get(name).copied()
    }

    fn question(&mut self, question: &'f Question) {
        match (&question.kind, question.kind.choices()) {
            (_, Some(ChoiceSource::File(file))) => {
                self.data.insert(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
            }
            (_, Some(ChoiceSource::List(list))) if !is_search(question) => {
                self.shown_lists.entry(list).or_insert(question.row);
            }
            (QuestionKind::Standard(kind), _) if kind.ends_with("-external") => {
                self.data.insert(&question.name);
            }
            _ => {}
        }
    }
}

/// Whether the app searches the choices itself.
fn is_search(question: &Question) -> bool {
    question.appearance.as_deref().is_some_and(|appearance| appearance.contains("search("))
}

/// The place of a cell of a row of the survey sheet.
fn at(row: u32, column: &str) -> Place<'_> {
    Place::sheet("survey").row(row).column(column)
}

/// A question, a group or a repeat.
enum Row<'f> {
    Question(&'f Question),
    Section(&'f Section, bool),
}

impl<'f> Row<'f> {
    fn name(&self) -> &'f str {
        match self {
            Self::Question(question) => &question.name,
            Self::Section(section, _) => &section.name,
        }
    }

    fn number(&self) -> u32 {
        match self {
            Self::Question(question) => question.row,
            Self::Section(section, _) => section.row,
        }
    }

    fn extra(&self) -> &'f Named {
        match self {
            Self::Question(question) => &question.extra,
            Self::Section(section, _) => &section.extra,
        }
    }
}

/// Every row in the order of the sheet.
fn rows(form: &Form) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut open = vec![form.items.iter()];
    while let Some(items) = open.last_mut() {
        match items.next() {
            Some(Item::Question(question)) => rows.push(Row::Question(question)),
            Some(item @ (Item::Group(section) | Item::Repeat(section))) => {
                rows.push(Row::Section(section, matches!(item, Item::Repeat(_))));
                open.push(section.items.iter());
            }
            None => {
                open.pop();
            }
        }
    }
    rows
}

fn question_itself(question: &Question, report: &mut Report) {
    let row = question.row;
    if question.media.contains_key("big-image") && !question.media.contains_key("image") {
        report.error(
            at(row, "big-image"),
            "missing_image",
            "There is a big image and no image that it enlarges.",
            "Write the small one in the column `image`.",
        );
    }
    let shows_nothing =
        question.label.0.is_empty() && question.media.is_empty() && question.hint.0.is_empty();
    if shows_nothing && !question.guidance_hint.0.is_empty() && question.calculation.is_none() {
        report.error(
            at(row, "label"),
            "missing_label",
            "The question has guidance alone, which apps show on request only.",
            "Write what people read in `label`, or in `hint`.",
        );
    }
    match &question.kind {
        QuestionKind::Standard(kind) if matches!(kind.as_str(), "simserial" | "subscriberid") => {
            report.warning(
                at(row, "type"),
                "untold_property",
                format!("Few devices tell `{kind}`: those of Android 11 and later do not."),
                "Leave the row out, or ask a person.",
            );
        }
        QuestionKind::Standard(kind) if kind == "audit" && question.name != "audit" => report.error(
            at(row, "name"),
            "bad_name",
            "An audit has no name of its own.",
            "Leave the cell empty: it is kept as `audit`.",
        ),
        _ => {}
    }
}

fn settings(form: &Form, report: &mut Report) {
    let place = Place::sheet("settings").row(2);
    let setting = |name: &str| form.setting(name).filter(|text| !text.is_empty());
    if let Some(name) = setting("name").filter(|name| !super::is_xml_name(name)) {
        super::bad_name(report, place.column("name"), name);
    }
    let omits = setting("omit_instanceid").is_some_and(|text| super::cells::yes_or_no(text) == Some(true));
    if omits && setting("public_key").is_some() {
        report.error(
            place.column("omit_instanceID"),
            "missing_instance_id",
            "Records that are encrypted need their id, and the form leaves it out.",
            "Take out `omit_instanceID`, or `public_key`.",
        );
    }
}
