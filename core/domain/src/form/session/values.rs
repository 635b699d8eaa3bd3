//! Answers as the expressions see them, and back.

use std::fmt;

use jiff::tz::TimeZone;

use super::Session;
use crate::{
    form::{Question, QuestionKind, expr::Scalar},
    programme::entry::{Answer, convert},
    time::Millis,
    value::Value,
};

/// Why an answer is not taken. It never holds the answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerError {
    /// The form has no question, repeat or row of this key.
    UnknownQuestion,
    /// The repeat counts its rows itself.
    CountedRepeat,
    /// The repeat has [`MOST_ROWS`](super::MOST_ROWS).
    TooManyRows,
    /// The answer is not of the question's kind.
    WrongKind {
        /// A stable code for programs, such as `not_a_date`.
        code: &'static str,
        /// What is wrong, in a sentence.
        what: String,
        /// What to do about it, in a sentence.
        help: String,
    },
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownQuestion => {
                f.write_str("The form does not ask this. Check the version of the form.")
            }
            Self::CountedRepeat => f.write_str(
                "The form counts these rows itself. Change the answer that says how many there are.",
            ),
            Self::TooManyRows => f.write_str("There are too many rows. Write the rest in another record."),
            Self::WrongKind { what, help, .. } => write!(f, "{what} {help}"),
        }
    }
}

impl std::error::Error for AnswerError {}

impl Session {
    /// An answer as a value of its question's kind.
    pub(super) fn given(
        &self,
        node: u32,
        answer: &Answer,
        zone: &TimeZone,
    ) -> Result<Scalar<'static>, AnswerError> {
        let question = self.question(node).ok_or(AnswerError::UnknownQuestion)?;
        // A code of a list of which one is chosen may have blanks.
        if let (QuestionKind::SelectOne(_), Answer::Text(text)) = (&question.kind, answer)
            && let Some(list) = self.form.templates[self.nodes[node as usize].template].list
            && text.trim().contains(char::is_whitespace)
            && self.form.lists[list].choices.iter().any(|choice| choice.name == text.trim())
        {
            return Ok(text.trim().to_owned().into());
        }
        scalar(question, answer, zone)
    }
}

/// An answer as a value of the question's kind.
fn scalar(question: &Question, answer: &Answer, zone: &TimeZone) -> Result<Scalar<'static>, AnswerError> {
    let is_reference = matches!(answer, Answer::Ref(_));
    let value = convert::value(question, answer, is_reference, zone).map_err(|refusal| {
        AnswerError::WrongKind { code: refusal.code, what: refusal.what, help: refusal.help }
    })?;
    Ok(match value {
        Value::Null | Value::Other(_) => Scalar::Empty,
        Value::Text(text) => typed(question, text.into(), zone),
        Value::Integer(number) => Scalar::Integer(number),
        Value::Bool(is) => Scalar::Boolean(is),
        Value::Instant(at) => Scalar::Instant(at.timestamp()),
        Value::Ref(record) => Scalar::from(record.to_string()),
    })
}

/// A value with the type of its question, where it can have it; otherwise as it is.
pub(super) fn typed(question: &Question, value: Scalar<'static>, zone: &TimeZone) -> Scalar<'static> {
    let Scalar::Text(text) = &value else {
        return match (&question.kind, value) {
            // `true` and `false` are texts in a question of texts.
            (QuestionKind::Text, Scalar::Boolean(is)) => Scalar::from(if is { "true" } else { "false" }),
            (QuestionKind::Integer, Scalar::Decimal(text)) => match text.parse() {
                Ok(number) => Scalar::Integer(number),
                Err(_) => Scalar::Decimal(text),
            },
            (QuestionKind::Date, Scalar::Instant(at)) => Scalar::Date(zone.to_datetime(at).date()),
            (_, other) => other,
        };
    };
    let typed = match question.kind {
        QuestionKind::Integer => text.trim().parse().ok().map(Scalar::Integer),
        QuestionKind::Decimal | QuestionKind::Range if text.trim().parse::<f64>().is_ok() => {
            Some(Scalar::Decimal(text.trim().to_owned().into()))
        }
        QuestionKind::Date => text.trim().parse().ok().map(Scalar::Date),
        QuestionKind::DateTime => text.trim().parse().ok().map(Scalar::Instant),
        QuestionKind::Time => text.trim().parse().ok().map(Scalar::Time),
        _ => None,
    };
    typed.unwrap_or(value)
}

/// A value as the answer that a record stores; `None` where there is none.
pub(super) fn answer(question: &Question, value: &Scalar<'static>, zone: &TimeZone) -> Option<Answer> {
    Some(match (&question.kind, value) {
        (_, Scalar::Empty) => return None,
        (QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_), Scalar::Text(text)) => {
            Answer::Codes(text.split_whitespace().map(str::to_owned).collect())
        }
        (_, Scalar::Integer(number)) => Answer::Integer(*number),
        (_, Scalar::Instant(at)) => Answer::Instant(Millis(at.as_millisecond())),
        (_, other) => Answer::Text(other.text(zone)),
    })
}
