//! Single cells that hold more than a text: classes, uses, merge policies, parameters, dates.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{
    form::{MergePolicy, QuestionKind, Sensitivity},
    problem::suggest::{did_you_mean, nearest, one_of, quoted},
};

/// Why a cell cannot be read: a stable code, what is wrong, what to do.
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, what: what.into(), help: help.into() }
    }
}

/// A sensitivity class; `None` where the cell is empty.
pub(crate) fn sensitivity(text: &str) -> Result<Option<Sensitivity>, Refusal> {
    Ok(Some(match text {
        "" => return Ok(None),
        "0" => Sensitivity::NotPersonal,
        "P" => Sensitivity::P,
        "I" => Sensitivity::I,
        "S" => Sensitivity::S,
        "C" => Sensitivity::C,
        "X" => Sensitivity::X,
        other => {
            return Err(Refusal::new(
                "bad_sensitivity",
                format!("{} is no sensitivity class.", quoted(other)),
                did_you_mean(other, ["0", "P", "I", "S", "C", "X"], "Write one of 0, P, I, S, C, X."),
            ));
        }
    }))
}

/// Letters of `RDEL`, each at most once; commas and blanks between them are left out.
pub(super) fn uses(text: &str) -> Result<String, Refusal> {
    let letters: String = text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect();
    let refuse =
        |what| Refusal::new("bad_use", what, "Write letters of R, D, E, L, each at most once, or nothing.");
    for (at, letter) in letters.char_indices() {
        if !matches!(letter, 'R' | 'D' | 'E' | 'L') {
            return Err(refuse(format!(
                "{} is no use: {} holds it.",
                quoted(&letter.to_string()),
                quoted(text)
            )));
        }
        if letters[..at].contains(letter) {
            return Err(refuse(format!("`{letter}` stands twice in {}.", quoted(text))));
        }
    }
    Ok(letters)
}

/// A merge policy that fits the kind of question.
pub(super) fn merge(text: &str, kind: &QuestionKind) -> Result<MergePolicy, Refusal> {
    const POLICIES: [&str; 5] = ["value", "set", "ordered", "text", "review"];
    let is_multiple = matches!(kind, QuestionKind::SelectMultiple(_));
    let misfit =
        |help: &str| Err(Refusal::new("merge_does_not_fit", format!("{} does not fit.", quoted(text)), help));
    match text {
        "" if is_multiple => Ok(MergePolicy::Set),
        "" if matches!(kind, QuestionKind::Rank(_)) => Ok(MergePolicy::Ordered),
        "" | "value" => Ok(MergePolicy::Value),
        "review" => Ok(MergePolicy::Review),
        "set" if is_multiple => Ok(MergePolicy::Set),
        "set" => misfit("`set` unites the codes of a `select_multiple` only."),
        "ordered" if is_multiple || matches!(kind, QuestionKind::Rank(_)) => Ok(MergePolicy::Ordered),
        "ordered" => misfit("`ordered` is for `rank` and `select_multiple` only."),
        "text" if *kind == QuestionKind::Text => Ok(MergePolicy::Text),
        "text" => misfit("`text` is for questions of the type `text` only."),
        other => match other.strip_prefix("protect:").map(str::trim) {
            Some("") => Err(Refusal::new(
                "bad_merge",
                format!("{} protects nothing.", quoted(text)),
                "Write the protected value behind it: `protect:CODE`.",
            )),
            Some(_) if is_multiple => {
                misfit("A `select_multiple` keeps each code by itself: use `set` or `review`.")
            }
            Some(value) => Ok(MergePolicy::Protect(value.to_owned())),
            None => Err(Refusal::new(
                "bad_merge",
                format!("{} is no merge policy.", quoted(other)),
                match nearest(other, POLICIES) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => format!("Write {} or `protect:VALUE`.", one_of(POLICIES)),
                },
            )),
        },
    }
}

/// Whether a cell says yes: `None` for a text that says neither yes nor no.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if text.is_empty() || is(&["no", "false", "false()"]) {
        Some(false)
    } else if is(&["yes", "true", "true()"]) {
        Some(true)
    } else {
        None
    }
}

/// Whether a text could be an expression rather than a word: it calls, compares or mentions something.
pub(super) fn looks_like_expression(text: &str) -> bool {
    text.contains(['(', '$', '=', '<', '>', '.', '/'])
}

/// An ISO date, `None` where the cell is empty.
pub(crate) fn date(text: &str) -> Result<Option<Date>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    iso_date(text).map(Some).ok_or_else(|| {
        Refusal::new(
            "bad_date",
            format!("{} is no date.", quoted(text)),
            "Write year, month and day, such as 2014-09-01.",
        )
    })
}

/// The date of a text in the form `2014-09-01` and no other.
pub(crate) fn iso_date(text: &str) -> Option<Date> {
    let shape =
        |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    (text.len() == 10 && text.bytes().enumerate().all(shape)).then(|| text.parse().ok()).flatten()
}

/// `key=value` pairs, with blanks, commas or semicolons between them.
pub(super) fn parameters(text: &str, kind: &QuestionKind) -> (BTreeMap<String, String>, Vec<Refusal>) {
    let mut pairs = BTreeMap::new();
    let mut refusals = Vec::new();
    let joined = text.split('=').map(str::trim).collect::<Vec<_>>().join("=");
    for pair in
        joined.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|pair| !pair.is_empty())
    {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() && !value.contains('=') => {
                if let Some(near) = misspelt(key, kind) {
                    refusals.push(Refusal::new(
                        "bad_parameter",
                        format!("There is no parameter {}.", quoted(key)),
                        format!("Did you mean `{near}`?"),
                    ));
                }
                if pairs.insert(key.to_owned(), value.to_owned()).is_some() {
                    refusals.push(Refusal::new(
                        "bad_parameter",
                        format!("The parameter {} stands twice.", quoted(key)),
                        "Keep one of them.",
                    ));
                }
            }
            _ => refusals.push(Refusal::new(
                "bad_parameter",
                format!("{} is no parameter.", quoted(pair)),
                "Write `name=value`, with a blank between parameters.",
            )),
        }
    }
    if *kind == QuestionKind::Range {
        refusals.extend(range(&pairs));
    }
    (pairs, refusals)
}

/// The standard's parameter that a name is a slip of.
pub(super) fn misspelt(key: &str, kind: &QuestionKind) -> Option<&'static str> {
    let known: &[&str] = match kind {
        QuestionKind::Range => &["start", "end", "step", "placeholder", "tick_interval", "tick_labelset"],
        QuestionKind::Text => &["rows"],
        QuestionKind::SelectOne(_) | QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_) => {
            &["randomize", "seed", "value", "label"]
        }
        QuestionKind::Media(_) => &["max-pixels", "app", "quality"],
        _ => &[],
    };
    (!known.contains(&key)).then(|| nearest(key, known.iter().copied())).flatten()
}

/// What is wrong with the scale of a range.
fn range(pairs: &BTreeMap<String, String>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let refuse = |what| Refusal::new("bad_parameter", what, "A range is written `start=1 end=5 step=1`.");
    let mut number = |key: &str| match pairs.get(key).map(|text| (text, text.parse::<f64>())) {
        None => None,
        Some((_, Ok(number))) if number.is_finite() => Some(number),
        Some((text, _)) => {
            refusals.push(refuse(format!("The parameter `{key}` is no number: {}.", quoted(text))));
            None
        }
    };
    let (start, end, step) = (number("start"), number("end"), number("step"));
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        refusals.push(refuse(format!("The range starts at {start} and ends at {end}.")));
    }
    if step.is_some_and(|step| step <= 0.0) {
        refusals.push(refuse("The step of a range is more than 0.".to_owned()));
    }
    refusals
}
