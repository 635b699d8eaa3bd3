//! Answers as an app gives and gets them.

use std::collections::BTreeMap;

use alongside_domain::{
    form::{Form, QuestionKind},
    ids::RecordId,
    programme::entry::Answer,
    record::{Edit, RecordView, moved},
    time::Millis,
    value::Value,
};

use super::AppError;

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerValue {
    /// What was written or picked: a text, a number, an ISO date, a time, one code.
    Text {
        /// As it was entered.
        text: String,
    },
    /// The codes that are chosen, in order.
    Codes {
        /// Codes of the question's choices.
        codes: Vec<String>,
    },
    /// A whole number.
    Number {
        /// The number.
        number: i64,
    },
    /// An instant.
    Instant {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        at: Millis,
    },
    /// Another record.
    Record {
        /// Its id.
        record: RecordId,
    },
    /// The answer was taken away.
    Cleared,
}

/// The answer to one question, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerView {
    /// The question's name, or `repeat/row/question` inside a repeat.
    pub key: String,
    /// The answer.
    pub answer: AnswerValue,
}

impl From<AnswerValue> for Answer {
    fn from(answer: AnswerValue) -> Self {
        match answer {
            AnswerValue::Text { text } => Self::Text(text),
            AnswerValue::Codes { codes } => Self::Codes(codes),
            AnswerValue::Number { number } => Self::Integer(number),
            AnswerValue::Instant { at } => Self::Instant(at),
            AnswerValue::Record { record } => Self::Ref(record),
            AnswerValue::Cleared => Self::Cleared,
        }
    }
}

impl From<Answer> for AnswerValue {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Text(text) => Self::Text { text },
            Answer::Codes(codes) => Self::Codes { codes },
            Answer::Integer(number) => Self::Number { number },
            Answer::Instant(at) => Self::Instant { at },
            Answer::Ref(record) => Self::Record { record },
            Answer::Cleared => Self::Cleared,
        }
    }
}

/// Answers by key; a key that is given twice is a problem.
pub(crate) fn by_key(answers: Vec<AnswerView>) -> Result<BTreeMap<String, Answer>, AppError> {
    let mut by_key = BTreeMap::new();
    for AnswerView { key, answer } in answers {
        if by_key.insert(key.clone(), answer.into()).is_some() {
            return Err(AppError::invalid(&key, "given_twice"));
        }
    }
    Ok(by_key)
}

/// A draft's answers as the store keeps them: what was entered, whether it can be saved or not.
pub(crate) fn to_draft(answers: Vec<AnswerView>) -> Vec<Edit> {
    let value = |answer| match answer {
        AnswerValue::Text { text } => Value::Text(text),
        AnswerValue::Codes { codes } => Value::Text(codes.join(" ")),
        AnswerValue::Number { number } => Value::Integer(number),
        AnswerValue::Instant { at } => Value::Instant(at),
        AnswerValue::Record { record } => Value::Ref(record),
        AnswerValue::Cleared => Value::Null,
    };
    answers.into_iter().map(|AnswerView { key, answer }| Edit { key, value: value(answer) }).collect()
}

/// A draft's answers as they were entered.
pub(crate) fn of_draft(form: Option<&Form>, edits: Vec<Edit>) -> Vec<AnswerView> {
    edits
        .into_iter()
        .map(|Edit { key, value }| AnswerView { answer: answer(form, &key, &value), key })
        .collect()
}

/// The answers that a record holds: what a form that is opened to change it starts with.
pub(crate) fn of_record(form: Option<&Form>, view: &RecordView) -> Vec<AnswerView> {
    let mut answers: Vec<AnswerView> = Vec::new();
    for (key, field) in &view.fields {
        let set = key.rsplit_once('/').filter(|(set, _)| is_set(form, set));
        match (set, &field.shown.value) {
            (Some((set, code)), Value::Bool(true)) => choose(&mut answers, set, code),
            (Some(_), Value::Bool(false)) => {}
            _ if [moved::FROM, moved::TO].contains(&key.as_str()) => {}
            (_, value) if value.is_present() => {
                answers.push(AnswerView { key: key.clone(), answer: answer(form, key, value) });
            }
            _ => {}
        }
    }
    answers
}

/// Whether the key is that of a question whose codes are fields of their own.
fn is_set(form: Option<&Form>, key: &str) -> bool {
    form.and_then(|form| form.question(key.rsplit('/').next()?))
        .is_some_and(|question| matches!(question.kind, QuestionKind::SelectMultiple(_)))
}

fn choose(answers: &mut Vec<AnswerView>, set: &str, code: &str) {
    match answers.last_mut() {
        Some(AnswerView { key, answer: AnswerValue::Codes { codes } }) if key == set => {
            codes.push(code.to_owned());
        }
        _ => {
            let answer = AnswerValue::Codes { codes: vec![code.to_owned()] };
            answers.push(AnswerView { key: set.to_owned(), answer });
        }
    }
}

fn answer(form: Option<&Form>, key: &str, value: &Value) -> AnswerValue {
    let kind = form.and_then(|form| form.question_of_key(key)).map(|question| &question.kind);
    match (value, kind) {
        (Value::Text(codes), Some(QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_))) => {
            AnswerValue::Codes { codes: codes.split_ascii_whitespace().map(str::to_owned).collect() }
        }
        (Value::Text(text) | Value::Other(text), _) => AnswerValue::Text { text: text.clone() },
        (Value::Integer(number), _) => AnswerValue::Number { number: *number },
        (Value::Bool(chosen), _) => AnswerValue::Text { text: chosen.to_string() },
        (Value::Instant(at), _) => AnswerValue::Instant { at: *at },
        (Value::Ref(record), _) => AnswerValue::Record { record: *record },
        (Value::Null, _) => AnswerValue::Cleared,
    }
}
