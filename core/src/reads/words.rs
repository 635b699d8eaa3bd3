//! Records in words: labels instead of codes.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::{Form, Item, Question, QuestionKind, Section},
    ids::PersonId,
    media::MediaRef,
    programme::Programme,
    record::{FieldView, LiveValue, RecordView, moved},
    value::Value,
};

use crate::views::{FieldLine, OtherValue};

/// Names for the ids that values hold.
pub(crate) trait Names {
    /// Work name of a person.
    fn person(&self, person: PersonId) -> Option<String>;
    /// Title of a record.
    fn record(&self, record: alongside_domain::ids::RecordId) -> Option<String>;
}

/// The line that names a record in a list; the form's title where none of its questions is answered.
pub(crate) fn title(programme: &Programme, form: &str, view: &RecordView) -> String {
    let kind = programme.records.get(form);
    let mut words: Vec<String> = Vec::new();
    for field in kind.map(|kind| kind.title.as_slice()).unwrap_or_default() {
        let text = match view.value(field) {
            Some(shown) => value(programme, form, field, shown),
            None => {
                let question = question(programme, form, field);
                let codes = view.codes(field);
                codes
                    .iter()
                    .map(|code| code_label(programme, form, question, code))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        };
        if !text.is_empty() && !words.contains(&text) {
            words.push(text);
        }
    }
    if words.is_empty() {
        return programme.forms.get(form).map_or_else(|| form.to_owned(), |form| form.title.clone());
    }
    words.join(" ")
}

/// A value in words, as the form's question understands it.
pub(crate) fn value(programme: &Programme, form: &str, field: &str, value: &Value) -> String {
    let question = question(programme, form, field);
    match (question.map(|question| &question.kind), value) {
        (Some(QuestionKind::SelectOne(_)), Value::Text(code)) => code_label(programme, form, question, code),
        (Some(QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_)), Value::Text(codes)) => codes
            .split_ascii_whitespace()
            .map(|code| code_label(programme, form, question, code))
            .collect::<Vec<_>>()
            .join(", "),
        (Some(QuestionKind::Media(_)), value) => {
            MediaRef::of(value).map_or_else(|| plain(programme, value), |media| media.in_words())
        }
        (_, value) => plain(programme, value),
    }
}

/// The label of a code of a form's question; the code itself where it has none.
pub(crate) fn code(programme: &Programme, form: &str, field: &str, code: &str) -> String {
    code_label(programme, form, question(programme, form, field), code)
}

fn question<'a>(programme: &'a Programme, form: &str, field: &str) -> Option<&'a Question> {
    programme.forms.get(form)?.question(field.rsplit('/').next().unwrap_or(field))
}

fn code_label(programme: &Programme, form: &str, question: Option<&Question>, code: &str) -> String {
    match (programme.forms.get(form), question) {
        (Some(form), Some(question)) => programme.code_label(form, question, code).to_owned(),
        _ => code.to_owned(),
    }
}

/// A value as it is.
pub(crate) fn plain(programme: &Programme, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) | Value::Other(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Instant(at) => {
            at.timestamp().to_zoned_datetime(programme.time_zone()).strftime("%Y-%m-%d %H:%M").to_string()
        }
        Value::Ref(record) => record.to_string(),
    }
}

/// The fields of a record in the order of its form, then those that the form does not know.
pub(crate) fn fields(
    programme: &Programme,
    form_id: &str,
    view: &RecordView,
    names: &dyn Names,
) -> Vec<FieldLine> {
    let mut writer = Writer { programme, form_id, view, names, done: BTreeSet::new(), lines: Vec::new() };
    if let Some(form) = programme.forms.get(form_id) {
        writer.items(form, &form.items);
    }
    for (key, field) in &view.fields {
        // Where a record was moved is said apart.
        if !writer.done.contains(key) && ![moved::FROM, moved::TO].contains(&key.as_str()) {
            writer.line(key, key.clone(), key, field);
        }
    }
    writer.lines
}

struct Writer<'a> {
    programme: &'a Programme,
    form_id: &'a str,
    view: &'a RecordView,
    names: &'a dyn Names,
    done: BTreeSet<String>,
    lines: Vec<FieldLine>,
}

impl Writer<'_> {
    fn items(&mut self, form: &Form, items: &[Item]) {
        for item in items {
            match item {
                Item::Question(question) => self.question(form, question),
                Item::Group(section) => self.items(form, &section.items),
                Item::Repeat(section) => self.repeat(section),
            }
        }
    }

    fn question(&mut self, form: &Form, question: &Question) {
        let label = label(form, question);
        if let Some(field) = self.view.fields.get(&question.name) {
            self.line(&question.name, label, &question.name, field);
            return;
        }
        self.set(&question.name, label, question);
    }

    /// One line for all codes of a set.
    fn set(&mut self, name: &str, label: String, question: &Question) {
        let prefix = format!("{name}/");
        let codes: Vec<(&String, &FieldView)> = self
            .view
            .fields
            .range(prefix.clone()..)
            .take_while(|(key, _)| key.starts_with(&prefix))
            .filter(|(key, _)| !key[prefix.len()..].contains('/'))
            .collect();
        if codes.is_empty() {
            return;
        }
        let mut chosen = Vec::new();
        let mut others = Vec::new();
        let mut disagreement = alongside_domain::record::Disagreement::None;
        let latest = codes.iter().map(|(_, field)| &field.shown).max_by_key(|shown| (shown.at, shown.op));
        let (author, at) = latest.map_or((None, None), |shown| (self.author(shown), Some(shown.at)));
        for (key, field) in codes {
            let code = code_label(self.programme, self.form_id, Some(question), &key[prefix.len()..]);
            if field.shown.value == Value::Bool(true) {
                chosen.push(code.clone());
            }
            disagreement = disagreement.max(field.disagreement);
            for other in field.others.iter().filter(|other| other.value != field.shown.value) {
                let text =
                    if other.value == Value::Bool(true) { code.clone() } else { format!("not {code}") };
                others.push(self.other(other, text));
            }
            self.done.insert(key.clone());
        }
        let text = chosen.join(", ");
        let key = name.to_owned();
        self.lines.push(FieldLine { key, label, text, author, at, change: None, others, disagreement });
    }

    /// The rows of a repeat, in the order of their ids.
    fn repeat(&mut self, section: &Section) {
        let prefix = format!("{}/", section.name);
        let labels: BTreeMap<&str, &Question> = section
            .items
            .iter()
            .filter_map(|item| {
                if let Item::Question(question) = item {
                    Some((question.name.as_str(), question))
                } else {
                    None
                }
            })
            .collect();
        let view = self.view;
        let mut rows: Vec<&str> = Vec::new();
        for (key, field) in
            view.fields.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix))
        {
            let Some((row, name)) = key[prefix.len()..].split_once('/') else { continue };
            if rows.last() != Some(&row) {
                rows.push(row);
            }
            let question = labels.get(name).map_or(name, |question| question.label.text());
            let label = format!("{} {}: {question}", section.label.text(), rows.len());
            self.line(key, label, name, field);
        }
    }

    fn line(&mut self, key: &str, label: String, name: &str, field: &FieldView) {
        self.done.insert(key.to_owned());
        let others =
            field.others.iter().map(|other| self.other(other, self.words(name, &other.value))).collect();
        self.lines.push(FieldLine {
            key: key.to_owned(),
            label,
            text: self.words(name, &field.shown.value),
            author: self.author(&field.shown),
            at: Some(field.shown.at),
            change: Some(field.shown.change),
            others,
            disagreement: field.disagreement,
        });
    }

    fn words(&self, name: &str, shown: &Value) -> String {
        match shown {
            Value::Ref(record) => self.names.record(*record),
            Value::Text(text) => text.parse().ok().and_then(|person| self.names.person(person)),
            _ => None,
        }
        .unwrap_or_else(|| value(self.programme, self.form_id, name, shown))
    }

    fn other(&self, live: &LiveValue, text: String) -> OtherValue {
        OtherValue { text, author: self.author(live), at: live.at, change: live.change }
    }

    fn author(&self, live: &LiveValue) -> Option<String> {
        live.author.and_then(|person| self.names.person(person))
    }
}

fn label(form: &Form, question: &Question) -> String {
    question.label.get(&form.default_language).unwrap_or(&question.name).to_owned()
}
