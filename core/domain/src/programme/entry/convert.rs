//! One answer to one value, by the type of the question.

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};

use super::Answer;
use crate::{
    form::{
        ChoiceSource, Question, QuestionKind,
        xlsform::cells::{Refusal, iso_date},
    },
    media::MediaRef,
    time::Millis,
    value::Value,
    wire::limits,
};

/// Longest number, in bytes.
const LONGEST_NUMBER: usize = 64;

/// Whether nothing was answered.
pub(super) fn is_empty(answer: &Answer) -> bool {
    match answer {
        Answer::Text(text) => text.trim().is_empty(),
        Answer::Codes(codes) => codes.iter().all(|code| code.trim().is_empty()),
        Answer::Cleared => true,
        Answer::Integer(_) | Answer::Instant(_) | Answer::Ref(_) => false,
    }
}

/// The value of an answer to a question with one value; [`Value::Null`] where nothing was answered.
pub(crate) fn value(
    question: &Question,
    answer: &Answer,
    is_reference: bool,
    zone: &TimeZone,
) -> Result<Value, Refusal> {
    if is_empty(answer) {
        return Ok(Value::Null);
    }
    if is_reference {
        return match answer {
            Answer::Ref(record) => Ok(Value::Ref(*record)),
            Answer::Text(text) => text.parse().map(Value::Ref).map_err(|_| not_a_reference()),
            _ => Err(not_a_reference()),
        };
    }
    match (&question.kind, answer) {
        (QuestionKind::Integer, Answer::Integer(number)) => Ok(Value::Integer(*number)),
        (QuestionKind::Integer, Answer::Text(text)) => {
            integer(text).map(Value::Integer).ok_or_else(not_an_integer)
        }
        (QuestionKind::Integer, _) => Err(not_an_integer()),
        (QuestionKind::Decimal, Answer::Integer(number)) => Ok(number.to_string().into()),
        (QuestionKind::Decimal, Answer::Text(text)) => {
            decimal(text).map(Value::Text).ok_or_else(not_a_number)
        }
        (QuestionKind::Decimal, _) => Err(not_a_number()),
        (QuestionKind::Range, Answer::Integer(number)) => Ok(Value::Integer(*number)),
        (QuestionKind::Range, Answer::Text(text)) => integer(text)
            .map(Value::Integer)
            .or_else(|| decimal(text).map(Value::Text))
            .ok_or_else(not_a_number),
        (QuestionKind::Range, _) => Err(not_a_number()),
        (QuestionKind::Date, Answer::Text(text)) => {
            iso_date(text.trim()).map(Value::from).ok_or_else(not_a_date)
        }
        (QuestionKind::Date, _) => Err(not_a_date()),
        (QuestionKind::DateTime, Answer::Instant(at)) => Ok(Value::Instant(*at)),
        (QuestionKind::DateTime, Answer::Text(text)) => {
            instant(text, zone).map(Value::Instant).ok_or_else(not_an_instant)
        }
        (QuestionKind::DateTime, _) => Err(not_an_instant()),
        (QuestionKind::Time, Answer::Text(text)) => {
            time(text).map(|time| time.to_string().into()).ok_or_else(not_a_time)
        }
        (QuestionKind::Time, _) => Err(not_a_time()),
        // An answer of a row, which may have blanks.
        (QuestionKind::SelectOne(ChoiceSource::Answers(_)), Answer::Text(text)) => bounded(text),
        (QuestionKind::SelectOne(_), answer) => match codes(answer)?.as_slice() {
            [code] => Ok(code.clone().into()),
            _ => Err(Refusal::new("several_codes", "This takes one answer.", "Choose one of the list.")),
        },
        (QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_), answer) => {
            bounded(&codes(answer)?.join(" "))
        }
        (QuestionKind::Acknowledge, Answer::Text(_)) => Ok("OK".into()),
        (QuestionKind::Media(_), Answer::Text(text)) => {
            text.parse::<MediaRef>().map(|media| media.to_value()).map_err(|_| not_an_attachment())
        }
        (QuestionKind::Media(_), _) => Err(not_an_attachment()),
        (QuestionKind::Hidden, Answer::Integer(number)) => Ok(Value::Integer(*number)),
        (QuestionKind::Hidden | QuestionKind::Standard(_), Answer::Instant(at)) => Ok(Value::Instant(*at)),
        (_, Answer::Text(text)) => bounded(text),
        _ => Err(Refusal::new("wrong_kind", "This takes a text.", "Write it in words.")),
    }
}

/// The codes of an answer to a question with a list, each once, in the order given.
pub(super) fn codes(answer: &Answer) -> Result<Vec<String>, Refusal> {
    let given: Vec<&str> = match answer {
        Answer::Codes(codes) => codes.iter().map(String::as_str).collect(),
        Answer::Text(text) => text.split_ascii_whitespace().collect(),
        Answer::Cleared => Vec::new(),
        Answer::Integer(_) | Answer::Instant(_) | Answer::Ref(_) => {
            return Err(Refusal::new("not_a_code", "This takes answers of a list.", "Choose from the list."));
        }
    };
    let mut codes: Vec<String> = Vec::new();
    for code in given.into_iter().map(str::trim).filter(|code| !code.is_empty()) {
        if code.contains(char::is_whitespace) {
            return Err(Refusal::new("not_a_code", "A code has no blanks.", "Choose from the list."));
        }
        if !codes.iter().any(|known| known == code) {
            codes.push(code.to_owned());
        }
    }
    Ok(codes)
}

/// What is wrong with a number that lies outside of its scale.
pub(super) fn out_of_range(question: &Question, value: &Value) -> Option<Refusal> {
    if question.kind != QuestionKind::Range {
        return None;
    }
    let number: f64 = match value {
        Value::Integer(number) => number.to_string().parse().ok()?,
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    let bound = |key: &str| question.parameters.get(key).and_then(|text| text.parse::<f64>().ok());
    let (start, end) = (bound("start")?, bound("end")?);
    (!(start..=end).contains(&number)).then(|| {
        Refusal::new(
            "out_of_range",
            format!("The scale goes from {start} to {end}."),
            "Choose a number on the scale.",
        )
    })
}

fn bounded(text: &str) -> Result<Value, Refusal> {
    if text.len() > limits::VALUE_BYTES {
        return Err(Refusal::new(
            "too_long",
            format!("The text is longer than {} bytes.", limits::VALUE_BYTES),
            "Shorten it, or split it over several records.",
        ));
    }
    Ok(text.into())
}

fn integer(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// An exact decimal: the digits as they were written, without `+`, never `.5` or `5.`.
fn decimal(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !whole.is_empty() || part.is_some_and(|part| !part.is_empty());
    if text.len() > LONGEST_NUMBER || !has_digits || !is_number(whole) || !is_number(part.unwrap_or_default())
    {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match part {
        Some(part) if !part.is_empty() => format!("{sign}{whole}.{part}"),
        _ => format!("{sign}{whole}"),
    })
}

/// An instant: with its offset, or as the clock on the wall of the programme's zone shows it.
fn instant(text: &str, zone: &TimeZone) -> Option<Millis> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Millis(at.as_millisecond()));
    }
    // The date alone is no instant, though the parser would take it for midnight.
    let wall: DateTime = text.contains([':']).then(|| text.parse().ok()).flatten()?;
    Some(Millis(wall.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_millisecond()))
}

fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    let shape =
        |(at, byte): (usize, u8)| if matches!(at, 2 | 5) { byte == b':' } else { byte.is_ascii_digit() };
    (matches!(text.len(), 5 | 8) && text.bytes().enumerate().all(shape)).then(|| text.parse().ok()).flatten()
}

fn not_an_integer() -> Refusal {
    Refusal::new("not_an_integer", "This is not a whole number.", "Write digits only, such as 15.")
}

fn not_a_number() -> Refusal {
    Refusal::new(
        "not_a_number",
        "This is not a number.",
        "Write digits, with a point before decimals: 12.50.",
    )
}

fn not_a_date() -> Refusal {
    Refusal::new("not_a_date", "This is not a date.", "Write year, month and day, such as 2015-03-16.")
}

fn not_an_instant() -> Refusal {
    Refusal::new(
        "not_an_instant",
        "This is not a date and time.",
        "Write date and time, such as 2015-03-16T14:30.",
    )
}

fn not_a_time() -> Refusal {
    Refusal::new("not_a_time", "This is not a time of day.", "Write hours and minutes, such as 14:30.")
}

fn not_an_attachment() -> Refusal {
    Refusal::new("not_an_attachment", "This is not an attachment.", "Attach the file, then save.")
}

fn not_a_reference() -> Refusal {
    Refusal::new("not_a_reference", "This does not name a record.", "Choose the record from the list.")
}
