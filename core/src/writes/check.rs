//! What cannot be saved: the phone refuses at once what the server would refuse later.

use std::collections::BTreeSet;

use alongside_domain::{
    form::{Form, Item, QuestionKind},
    ids::PersonId,
    programme::{Programme, RecordKind, singleton::KeyProblem},
    record::Edit,
    value::Value,
    wire::limits,
};

use rusqlite::{Connection, OptionalExtension};

use crate::error::{ApiError, InvalidAnswer, Thing};

/// The form of this id, and how its records live.
pub(crate) fn form<'a>(programme: &'a Programme, form: &str) -> Result<(&'a Form, &'a RecordKind), ApiError> {
    match (programme.forms.get(form), programme.records.get(form)) {
        (Some(form), Some(kind)) => Ok((form, kind)),
        _ => Err(ApiError::NotFound(Thing::Form)),
    }
}

/// What is wrong with the key of a record, as an answer is told of it.
pub(crate) fn key_problems(problems: Vec<KeyProblem>) -> ApiError {
    let told = problems.into_iter().map(|problem| match problem {
        KeyProblem::Missing(field) => InvalidAnswer { field, code: "missing" },
        KeyProblem::Fixed(field) => InvalidAnswer { field, code: "part_of_key" },
    });
    ApiError::Invalid(told.collect())
}

/// Whether the person's role writes such records, as far as this phone knows the role.
pub(crate) fn role(db: &Connection, person: PersonId, kind: &RecordKind) -> Result<(), ApiError> {
    if kind.written_by.is_empty() {
        return Ok(());
    }
    let role: Option<String> = db
        .prepare_cached("SELECT role FROM person WHERE person = ?1")?
        .query_row([person.0], |row| row.get(0))
        .optional()?;
    if role.is_some_and(|role| !kind.is_open_to(&role)) {
        return Err(ApiError::invalid("", "not_for_your_role"));
    }
    Ok(())
}

/// Checks the answers: every problem at once.
pub(crate) fn answers(form: &Form, answers: &[Edit]) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for edit in answers {
        let code = if !seen.insert(&edit.key) {
            "given_twice"
        } else if edit.key.len() > limits::KEY_BYTES {
            "key_too_long"
        } else if !knows(&form.items, &edit.key) {
            "unknown_field"
        } else if size(&edit.value) > limits::VALUE_BYTES {
            "too_long"
        } else if matches!(edit.value, Value::Other(_)) {
            "not_writable"
        } else {
            continue;
        };
        problems.push(InvalidAnswer { field: edit.key.clone(), code });
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems)) }
}

/// Whether the form has a question for this document key.
fn knows(items: &[Item], key: &str) -> bool {
    items.iter().any(|item| match item {
        Item::Question(question) => match key.strip_prefix(question.name.as_str()) {
            Some("") => true,
            Some(rest) => {
                matches!(question.kind, QuestionKind::SelectMultiple(_))
                    && rest.strip_prefix('/').is_some_and(|code| !code.is_empty() && !code.contains('/'))
            }
            None => false,
        },
        Item::Group(section) => knows(&section.items, key),
        Item::Repeat(section) => key
            .strip_prefix(section.name.as_str())
            .and_then(|rest| rest.strip_prefix('/')?.split_once('/'))
            .is_some_and(|(row, key)| !row.is_empty() && knows(&section.items, key)),
    })
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Other(text) => text.len(),
        Value::Null | Value::Integer(_) | Value::Bool(_) | Value::Instant(_) | Value::Ref(_) => 16,
    }
}
