//! A record's answers in the programme's words, without what the reader may not see.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::{Form, Item, Question, QuestionKind},
    ids::{GroupId, PersonId, RecordId},
    media::MediaRef,
    programme::{Programme, split},
    record::{Disagreement, FieldView, RecordView},
    value::Value,
};
use rusqlite::Connection;

use super::{RESTRICTED, access::Reader, attachment, words};
use crate::read_model::{ReadModelError, case};

/// What values are put into words with.
pub(super) struct Wording<'a> {
    pub(super) programme: &'a Programme,
    pub(super) reader: &'a Reader<'a>,
    pub(super) people: &'a BTreeMap<PersonId, String>,
    pub(super) connection: &'a Connection,
    /// The groups that the page shows: references elsewhere are not followed.
    pub(super) groups: &'a BTreeSet<GroupId>,
    /// The restricted groups beside them that the reader was granted.
    pub(super) restricted: &'a BTreeMap<GroupId, Vec<(GroupId, String)>>,
    /// Address of the page, without parameters.
    pub(super) page: &'a str,
    /// Whether the reader may say here that what stands is right.
    pub(super) may_affirm: bool,
}

/// Answers under one heading of the form.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) answers: Vec<Answer>,
}

/// One answer.
pub(super) struct Answer {
    pub(super) label: String,
    pub(super) lines: Vec<String>,
    /// Files to be had: address, and what it is.
    pub(super) files: Vec<(String, String)>,
    /// Why the answer is not shown; empty where it is.
    pub(super) restricted: String,
    /// Address of the disagreement about it on this page; empty where there is none.
    pub(super) dispute: String,
    /// Whether several people wrote it at once and the question's rule settled it.
    pub(super) settled: bool,
}

impl Answer {
    /// A value that nobody entered.
    pub(super) fn worked_out(label: String, text: String) -> Self {
        Self {
            label,
            lines: vec![text],
            files: Vec::new(),
            restricted: String::new(),
            dispute: String::new(),
            settled: false,
        }
    }
}

/// What a key of a document stands for.
pub(super) struct Key<'a> {
    pub(super) label: String,
    pub(super) question: Option<&'a Question>,
    /// The code, for a key of a set.
    pub(super) code: Option<&'a str>,
}

impl<'a> Wording<'a> {
    /// The form of a record, where the programme has it.
    pub(super) fn form(&self, view: &RecordView) -> Option<&'a Form> {
        self.programme.forms.get(&view.root.form)
    }

    /// A record with its restricted answers, as far as the reader was granted them, and the ids of the parts
    /// that hold those.
    pub(super) fn joined(&self, view: &RecordView) -> Result<(RecordView, Vec<RecordId>), ReadModelError> {
        let parts = case::parts(self.connection, self.programme, self.restricted, view)?;
        let ids = parts.iter().map(|part| part.root.id).collect();
        Ok(match self.form(view) {
            Some(form) if !parts.is_empty() => (split::join(form, view.clone(), parts), ids),
            _ => (view.clone(), ids),
        })
    }

    /// Whether a value under a key that the reader may read tells of a code that they may not.
    pub(super) fn tells(&self, form: Option<&Form>, key: &Key<'_>, value: &Value) -> bool {
        let (Some(form), Some(question), Some(text)) = (form, key.question, value.as_text()) else {
            return false;
        };
        self.programme.choices(form, question).is_some()
            && text.split_ascii_whitespace().any(|code| !self.may_read_code(Some(form), question, code))
    }

    /// The name of a record's form.
    pub(super) fn form_title(&self, form: &str) -> String {
        self.programme.forms.get(form).map_or_else(|| plain(form), |form| form.title.clone())
    }

    /// Whether the reader may change records of this form here: not those that are never changed.
    pub(super) fn may_write(&self, view: &RecordView) -> bool {
        let kind = self.programme.records.get(&view.root.form);
        kind.is_some_and(|kind| !kind.immutable && self.reader.may_write(kind))
    }

    /// What a key stands for.
    pub(super) fn key<'k>(&self, form: Option<&'k Form>, key: &'k str) -> Key<'k> {
        let mut parts = key.split('/');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let Some(form) = form else { return Key { label: plain(first), question: None, code: None } };
        match (form.question(first), rest.as_slice()) {
            (Some(question), []) => Key { label: label(question), question: Some(question), code: None },
            (Some(question), [code, ..]) => {
                let choice = self.programme.code_label(form, question, code);
                Key {
                    label: format!("{}: {choice}", label(question)),
                    question: Some(question),
                    code: Some(code),
                }
            }
            (None, [.., last]) => match form.question(last) {
                Some(question) => Key { label: label(question), question: Some(question), code: None },
                None => Key { label: plain(first), question: None, code: None },
            },
            (None, []) => Key { label: plain(first), question: None, code: None },
        }
    }

    /// Whether the reader may see what stands under a key.
    pub(super) fn may_read(&self, form: Option<&Form>, key: &Key<'_>) -> bool {
        let Some(question) = key.question else { return true };
        self.reader.may_read_answer(question)
            && key.code.is_none_or(|code| self.may_read_code(form, question, code))
    }

    fn may_read_code(&self, form: Option<&Form>, question: &Question, code: &str) -> bool {
        form.and_then(|form| self.programme.choices(form, question))
            .and_then(|choices| choices.iter().find(|choice| choice.name == code))
            .is_none_or(|choice| self.reader.may_read_code(choice))
    }

    /// A value in words.
    pub(super) fn value(
        &self,
        form: Option<&Form>,
        key: &Key<'_>,
        value: &Value,
    ) -> Result<String, ReadModelError> {
        let question = key.question;
        Ok(match value {
            Value::Null => "No answer".to_owned(),
            Value::Bool(chosen) if key.code.is_some() => {
                if *chosen { "Chosen" } else { "Not chosen" }.to_owned()
            }
            Value::Bool(yes) => if *yes { "Yes" } else { "No" }.to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Instant(at) => words::moment_in(*at, &self.programme.zone),
            Value::Ref(record) => match case::record(self.connection, *record)? {
                Some(stored) if self.groups.contains(&stored.view.root.group) => {
                    let title = self.title(&stored.view)?;
                    let form = self.form_title(&stored.view.root.form);
                    if title.is_empty() { form } else { format!("{form}: {title}") }
                }
                _ => "A record that is not on this page".to_owned(),
            },
            Value::Text(text) if text.is_empty() => "No answer".to_owned(),
            Value::Text(text) => match (form, question) {
                (Some(form), Some(question)) if self.programme.choices(form, question).is_some() => {
                    self.codes(form, question, text.split_ascii_whitespace()).join("; ")
                }
                (_, Some(question)) if matches!(question.kind, QuestionKind::Media(_)) => {
                    MediaRef::of(value).map_or_else(|| text.clone(), |media| media.in_words())
                }
                (_, Some(question)) if question.kind == QuestionKind::Date => {
                    value.as_date().map_or_else(|| text.clone(), words::date)
                }
                _ => self.text(text),
            },
            Value::Other(text) => text.clone(),
        })
    }

    /// A text: the name of a person where it is a person's id.
    fn text(&self, text: &str) -> String {
        match text.parse::<PersonId>() {
            Ok(person) => self.person(Some(person)),
            Err(_) => text.to_owned(),
        }
    }

    /// A person's name.
    pub(super) fn person(&self, person: Option<PersonId>) -> String {
        person
            .and_then(|person| self.people.get(&person))
            .map_or_else(|| "Somebody whose name is not known here".to_owned(), Clone::clone)
    }

    fn codes<'c>(
        &self,
        form: &Form,
        question: &Question,
        codes: impl Iterator<Item = &'c str>,
    ) -> Vec<String> {
        codes
            .map(|code| match self.may_read_code(Some(form), question, code) {
                true => self.programme.code_label(form, question, code).to_owned(),
                false => RESTRICTED.to_owned(),
            })
            .collect()
    }

    /// The line that names a record, of what the reader may see.
    pub(super) fn title(&self, view: &RecordView) -> Result<String, ReadModelError> {
        let (Some(kind), Some(form)) = (self.programme.records.get(&view.root.form), self.form(view)) else {
            return Ok(String::new());
        };
        let mut parts: Vec<String> = Vec::new();
        for name in &kind.title {
            let Some(question) = form.question(name).filter(|question| self.reader.may_read_answer(question))
            else {
                continue;
            };
            if self.programme.choices(form, question).is_some() {
                let codes = view.codes(name);
                let visible =
                    codes.iter().filter(|code| self.may_read_code(Some(form), question, code)).copied();
                parts.extend(self.codes(form, question, visible));
            } else if let Some(value) = view.value(name) {
                parts.push(self.value(Some(form), &self.key(Some(form), name), value)?);
            }
        }
        parts.dedup();
        Ok(parts.join(", "))
    }

    /// All answers of a record, in the form's order; what no question explains comes last.
    pub(super) fn sections(&self, view: &RecordView) -> Result<Vec<Section>, ReadModelError> {
        let mut sections = vec![Section { heading: String::new(), answers: Vec::new() }];
        let mut told = BTreeSet::new();
        if let Some(form) = self.form(view) {
            self.walk(form, &form.items, view, "", &mut sections, &mut told)?;
        }
        let mut rest = Section { heading: "Other answers".to_owned(), answers: Vec::new() };
        for (key, field) in &view.fields {
            if !told.contains(key.as_str()) && !key.starts_with('@') && shows(field) {
                let form = self.form(view);
                let meaning = self.key(form, key);
                let hidden = meaning.question.is_some_and(|question| question.kind == QuestionKind::Hidden);
                if hidden || !self.may_read(form, &meaning) {
                    continue;
                }
                let lines = vec![self.value(form, &meaning, &field.shown.value)?];
                rest.answers.push(self.answer(view, meaning.label, lines, &[(key, field)]));
            }
        }
        sections.push(rest);
        sections.retain(|section| !section.answers.is_empty());
        Ok(sections)
    }

    fn walk<'v>(
        &self,
        form: &Form,
        items: &[Item],
        view: &'v RecordView,
        prefix: &str,
        sections: &mut Vec<Section>,
        told: &mut BTreeSet<&'v str>,
    ) -> Result<(), ReadModelError> {
        for item in items {
            match item {
                Item::Question(question) => {
                    if let Some(answer) = self.question(form, question, view, prefix, told)?
                        && let Some(section) = sections.last_mut()
                    {
                        section.answers.push(answer);
                    }
                }
                Item::Group(group) => {
                    let heading = sections.last().map(|section| section.heading.clone()).unwrap_or_default();
                    sections.push(Section { heading: group.label.text().to_owned(), answers: Vec::new() });
                    self.walk(form, &group.items, view, prefix, sections, told)?;
                    sections.push(Section { heading, answers: Vec::new() });
                }
                Item::Repeat(repeat) => {
                    let heading = sections.last().map(|section| section.heading.clone()).unwrap_or_default();
                    let label = Some(repeat.label.text()).filter(|label| !label.is_empty());
                    for (place, row) in rows(view, &repeat.name).into_iter().enumerate() {
                        let label = label.map_or_else(|| plain(&repeat.name), str::to_owned);
                        let heading = format!("{label} {}", place + 1);
                        sections.push(Section { heading, answers: Vec::new() });
                        let prefix = format!("{}/{row}/", repeat.name);
                        self.walk(form, &repeat.items, view, &prefix, sections, told)?;
                    }
                    sections.push(Section { heading, answers: Vec::new() });
                }
            }
        }
        Ok(())
    }

    fn question<'v>(
        &self,
        form: &Form,
        question: &Question,
        view: &'v RecordView,
        prefix: &str,
        told: &mut BTreeSet<&'v str>,
    ) -> Result<Option<Answer>, ReadModelError> {
        if matches!(question.kind, QuestionKind::Note | QuestionKind::Hidden) {
            return Ok(None);
        }
        let name = format!("{prefix}{}", question.name);
        let of_set = format!("{name}/");
        let fields: Vec<(&'v str, &'v FieldView)> = view
            .fields
            .iter()
            .filter(|(key, _)| **key == name || key.starts_with(&of_set))
            .map(|(key, field)| (key.as_str(), field))
            .collect();
        told.extend(fields.iter().map(|(key, _)| *key));
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|(key, _)| self.may_read(Some(form), &self.key(Some(form), key)))
            .collect();
        if !self.reader.may_read_answer(question) {
            // Shown whether or not there is an answer: that there is one may tell something already.
            return Ok(Some(Answer {
                label: label(question),
                lines: Vec::new(),
                files: Vec::new(),
                restricted: format!(
                    "Restricted. The role {} does not include answers of this kind.",
                    self.reader.role_title()
                ),
                dispute: String::new(),
                settled: false,
            }));
        }
        if !fields.iter().any(|(_, field)| shows(field)) {
            return Ok(None);
        }
        let key = Key { label: label(question), question: Some(question), code: None };
        let mut lines = Vec::new();
        if let Some(choices) = self.programme.choices(form, question) {
            let codes = view.codes(&name);
            let visible = codes.iter().filter(|code| self.may_read_code(Some(form), question, code)).copied();
            lines.extend(self.codes(form, question, visible));
            if choices.iter().any(|choice| !self.reader.may_read_code(choice)) {
                lines.push(
                    "Some choices of this question are restricted and not shown to your role.".to_owned(),
                );
            }
        } else if let Some((_, field)) = fields.first() {
            lines.push(self.value(Some(form), &key, &field.shown.value)?);
        }
        let files = match question.kind {
            QuestionKind::Media(_) => self.files(view, &fields),
            _ => Vec::new(),
        };
        if !files.is_empty() {
            lines.clear();
        } else if lines.is_empty() {
            lines.push("No answer".to_owned());
        }
        Ok(Some(Answer { files, ..self.answer(view, key.label, lines, &fields) }))
    }

    /// The file that is shown; those that others attached without having seen it stand with the
    /// disagreement.
    fn files(&self, view: &RecordView, fields: &[(&str, &FieldView)]) -> Vec<(String, String)> {
        let shown = fields.iter().filter_map(|(_, field)| MediaRef::of(&field.shown.value));
        shown.map(|media| (attachment::address(self.page, view, &media), media.in_words())).collect()
    }

    fn answer(
        &self,
        view: &RecordView,
        label: String,
        lines: Vec<String>,
        fields: &[(&str, &FieldView)],
    ) -> Answer {
        let disputed = fields.iter().find(|(_, field)| is_open(field.disagreement));
        Answer {
            label,
            lines,
            files: Vec::new(),
            restricted: String::new(),
            dispute: disputed.map_or_else(String::new, |(key, _)| format!("#{}", dispute_id(view, key))),
            settled: fields.iter().any(|(_, field)| field.disagreement == Disagreement::Settled),
        }
    }
}

/// Whether a disagreement is listed for people to look at.
pub(super) fn is_open(disagreement: Disagreement) -> bool {
    matches!(disagreement, Disagreement::Shown | Disagreement::NeedsDecision)
}

/// Id of a disagreement on the page.
pub(super) fn dispute_id(view: &RecordView, key: &str) -> String {
    let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("d-{}-{key}", view.root.id)
}

/// Whether there is anything to show: an answer, or a disagreement about whether there is one.
fn shows(field: &FieldView) -> bool {
    let unchosen = field.shown.value == Value::Bool(false) && field.disagreement.is_none();
    (field.shown.value.is_present() && !unchosen) || !field.disagreement.is_none()
}

/// The rows of a repeat, in order of their names.
fn rows(view: &RecordView, repeat: &str) -> Vec<String> {
    let prefix = format!("{repeat}/");
    let mut rows: Vec<String> = view
        .fields
        .keys()
        .filter_map(|key| key.strip_prefix(&prefix)?.split_once('/'))
        .map(|(row, _)| row.to_owned())
        .collect();
    rows.dedup();
    rows
}

fn label(question: &Question) -> String {
    match question.label.text() {
        "" => plain(&question.name),
        label => label.to_owned(),
    }
}

/// A name of the programme as words, where it gives none.
fn plain(name: &str) -> String {
    words::capital(&name.replace(['_', '-'], " "))
}
