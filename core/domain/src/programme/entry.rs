//! From what a person enters to the edits of a document.
//!
//! Nothing that can be kept is refused: a value that breaks a rule, a code out of date, a missing
//! answer are said and kept. Only what cannot be stored as its type is left out, and said.

use std::{collections::BTreeMap, fmt};

use jiff::civil::Date;
use serde::Serialize;

use super::Programme;
use crate::{
    form::{Form, MergePolicy, Question, QuestionKind},
    ids::RecordId,
    problem::Severity,
    record::{Edit, RecordView},
    time::Millis,
    value::Value,
    wire::limits,
};

pub(crate) mod convert;

/// What a person answered to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What they wrote or picked: a text, a number, an ISO date, a code, codes with blanks between.
    Text(String),
    /// The codes that are chosen now.
    Codes(Vec<String>),
    /// A whole number.
    Integer(i64),
    /// An instant.
    Instant(Millis),
    /// Another record.
    Ref(RecordId),
    /// The answer was taken away.
    Cleared,
}

/// What is wrong with one answer. It never holds the answer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryProblem {
    /// The key of the answer: the question's name, or `repeat/row/question`.
    pub key: String,
    /// [`Severity::Error`]: the answer is not stored. [`Severity::Warning`]: it is.
    pub severity: Severity,
    /// A stable code for programs, such as `not_an_integer`.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What to do about it, in a sentence.
    pub help: String,
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.key, self.what, self.help)
    }
}

/// Turns answers into the edits that store them, in the order of the keys.
///
/// The keys of `answers` are names of questions, or `repeat/row/question` inside a repeat. `current` is
/// the record as it stands, `None` for a new one: an answer that says what the record says already,
/// without anybody disagreeing, is no edit; and codes of a set that are no longer chosen are taken back.
/// `on` is the day for which codes have to be valid.
///
/// Problems of [`Severity::Error`] are answers that are left out; all others are stored. A required
/// question that neither the answers nor the record answer is a warning, where no condition says
/// whether it is asked.
#[must_use]
pub fn edits(
    programme: &Programme,
    form: &Form,
    answers: &BTreeMap<String, Answer>,
    current: Option<&RecordView>,
    on: Date,
) -> (Vec<Edit>, Vec<EntryProblem>) {
    let mut entry = Entry { programme, form, current, on, edits: Vec::new(), problems: Vec::new() };
    for (key, answer) in answers {
        match entry.question(key) {
            Some(question) => entry.answer(key, question, answer),
            None => entry.problem(
                key,
                Severity::Error,
                "unknown_question",
                "The form does not ask this.",
                "Update the app, or check the version of the form.",
            ),
        }
    }
    entry.missing(answers);
    (entry.edits, entry.problems)
}

struct Entry<'a> {
    programme: &'a Programme,
    form: &'a Form,
    current: Option<&'a RecordView>,
    on: Date,
    edits: Vec<Edit>,
    problems: Vec<EntryProblem>,
}

impl<'a> Entry<'a> {
    fn problem(
        &mut self,
        key: &str,
        severity: Severity,
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem =
            EntryProblem { key: key.to_owned(), severity, code, what: what.into(), help: help.into() };
        self.problems.push(problem);
    }

    /// The question of a key, where the key has the shape that its repeats ask for.
    fn question(&self, key: &str) -> Option<&'a Question> {
        if key.len() > limits::KEY_BYTES {
            return None;
        }
        let mut parts = key.split('/');
        let name = parts.next_back()?;
        let question = self.form.question(name)?;
        for repeat in self.form.repeats_around(name) {
            let row = (parts.next() == Some(repeat)).then(|| parts.next()).flatten()?;
            if row.is_empty() {
                return None;
            }
        }
        parts.next().is_none().then_some(question)
    }

    fn answer(&mut self, key: &str, question: &Question, answer: &Answer) {
        if !question.kind.is_kept() {
            self.problem(
                key,
                Severity::Error,
                "not_entered",
                "Nobody enters this: it is shown or calculated.",
                "Change the answers that it follows from.",
            );
        } else if question.merge == MergePolicy::Set
            && matches!(question.kind, QuestionKind::SelectMultiple(_))
        {
            self.set(key, question, answer);
        } else {
            self.value(key, question, answer);
        }
    }

    /// A question with one value.
    fn value(&mut self, key: &str, question: &Question, answer: &Answer) {
        let is_reference = self
            .programme
            .record_kind(&self.form.id)
            .is_some_and(|kind| kind.references.contains_key(&question.name));
        let value = match convert::value(question, answer, is_reference, &self.programme.time_zone()) {
            Ok(value) => value,
            Err(refusal) => {
                self.problem(key, Severity::Error, refusal.code, refusal.what, refusal.help);
                return;
            }
        };
        if let Some(codes) = value.as_text().filter(|_| question.kind.choices().is_some()) {
            let codes: Vec<&str> = codes.split_ascii_whitespace().collect();
            if !codes.iter().all(|code| self.knows(key, question, code)) {
                return;
            }
            for code in codes {
                self.check_validity(key, question, code);
            }
        }
        if let Some(refusal) = convert::out_of_range(question, &value) {
            self.problem(key, Severity::Warning, refusal.code, refusal.what, refusal.help);
        }
        self.put(key.to_owned(), value);
    }

    /// A set: each code is a field of its own.
    fn set(&mut self, key: &str, question: &Question, answer: &Answer) {
        let chosen = match convert::codes(answer) {
            Ok(chosen) => chosen,
            Err(refusal) => {
                self.problem(key, Severity::Error, refusal.code, refusal.what, refusal.help);
                return;
            }
        };
        let before: Vec<String> = self
            .current
            .map(|view| view.codes(key).into_iter().map(str::to_owned).collect())
            .unwrap_or_default();
        for code in &chosen {
            // A code that the record holds stays, even where a list no longer knows it.
            if before.contains(code) || self.knows(key, question, code) {
                if !before.contains(code) {
                    self.check_validity(key, question, code);
                }
                self.put(format!("{key}/{code}"), Value::Bool(true));
            }
        }
        for code in before.iter().filter(|code| !chosen.contains(code)) {
            self.put(format!("{key}/{code}"), Value::Bool(false));
        }
    }

    /// Whether a question has this code; says so where it has not.
    fn knows(&mut self, key: &str, question: &Question, code: &str) -> bool {
        let Some(choices) = self.programme.choices(self.form, question) else { return true };
        let is_known = choices.iter().any(|choice| choice.name == code);
        if !is_known {
            self.problem(
                key,
                Severity::Error,
                "unknown_code",
                "This is none of the answers that the question offers.",
                "Choose an answer of the list.",
            );
        }
        is_known
    }

    fn check_validity(&mut self, key: &str, question: &Question, code: &str) {
        let (form, on) = (self.form, self.on);
        let Some(choice) =
            self.programme.choice(form, question, code).filter(|choice| !choice.is_valid_on(on))
        else {
            return;
        };
        let range = match (choice.valid_from, choice.valid_to) {
            (Some(from), Some(to)) => format!("from {from} to {to}"),
            (Some(from), None) => format!("from {from}"),
            (None, Some(to)) => format!("to {to}"),
            (None, None) => return,
        };
        self.problem(
            key,
            Severity::Warning,
            "code_out_of_date",
            format!("The answer is in use {range} only, not on {on}."),
            "Choose one that is in use on that day, or check the date.",
        );
    }

    /// Adds an edit, unless the record says the same already and nobody disagrees.
    fn put(&mut self, key: String, value: Value) {
        let field = self.current.and_then(|view| view.fields.get(&key));
        let says_so = match field {
            Some(field) => field.shown.value == value && field.disagreement.is_none(),
            None => value == Value::Null || value == Value::Bool(false),
        };
        if !says_so {
            self.edits.push(Edit { key, value });
        }
    }

    /// Names the required questions that have no answer.
    fn missing(&mut self, answers: &BTreeMap<String, Answer>) {
        for question in self.form.questions() {
            let name = question.name.as_str();
            let is_asked = question.required.as_deref() == Some("yes")
                && question.kind.is_kept()
                && question.relevant.is_none()
                && self.form.around(name).iter().all(|item| item.relevant().is_none())
                && self.form.repeats_around(name).next().is_none();
            let is_answered = match answers.get(name) {
                Some(answer) => !convert::is_empty(answer),
                None => self
                    .current
                    .is_some_and(|view| view.value(name).is_some() || !view.codes(name).is_empty()),
            };
            if is_asked && !is_answered {
                let help =
                    question.required_message.get("").unwrap_or("It can be saved and filled in later.");
                self.problem(name, Severity::Warning, "missing_answer", "An answer is needed here.", help);
            }
        }
    }
}
