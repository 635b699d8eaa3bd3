//! What a question is in an XForm: the type of its bind and the control of the body.

use crate::form::{ChoiceSource, Question, QuestionKind};

/// How a kind of question is written.
pub(super) struct Bound {
    /// Type of the bind.
    pub(super) value: &'static str,
    /// The control of the body; none for what no page shows.
    pub(super) control: Option<&'static str>,
    /// Files that a control takes.
    pub(super) files: Option<&'static str>,
    /// What the device fills in: the way and what of it.
    pub(super) preload: Option<(&'static str, &'static str)>,
}

const fn shown(control: &'static str, value: &'static str) -> Bound {
    Bound { value, control: Some(control), files: None, preload: None }
}

const fn unseen(value: &'static str) -> Bound {
    Bound { value, control: None, files: None, preload: None }
}

const fn upload(files: &'static str) -> Bound {
    Bound { value: "binary", control: Some("upload"), files: Some(files), preload: None }
}

const fn filled(value: &'static str, way: &'static str, what: &'static str) -> Bound {
    Bound { value, control: None, files: None, preload: Some((way, what)) }
}

pub(super) fn bound(question: &Question) -> Bound {
    match &question.kind {
        QuestionKind::Text | QuestionKind::Note => shown("input", "string"),
        QuestionKind::Integer => shown("input", "int"),
        QuestionKind::Decimal => shown("input", "decimal"),
        QuestionKind::Date => shown("input", "date"),
        QuestionKind::DateTime => shown("input", "dateTime"),
        QuestionKind::Time => shown("input", "time"),
        QuestionKind::Range => shown("range", if is_fine(question) { "decimal" } else { "int" }),
        QuestionKind::SelectOne(ChoiceSource::External(_)) => shown("input", "string"),
        QuestionKind::SelectOne(_) => shown("select1", "string"),
        QuestionKind::SelectMultiple(_) => shown("select", "string"),
        QuestionKind::Rank(_) => shown("odk:rank", "odk:rank"),
        QuestionKind::Calculate | QuestionKind::Hidden => unseen("string"),
        QuestionKind::Acknowledge => shown("trigger", "string"),
        QuestionKind::Media(kind) => upload(match kind.as_str() {
            "image" => "image/*",
            "audio" => "audio/*",
            "video" => "video/*",
            _ => "application/*",
        }),
        QuestionKind::Standard(kind) => standard(kind),
    }
}

fn standard(kind: &str) -> Bound {
    match kind {
        "geopoint" => shown("input", "geopoint"),
        "geotrace" => shown("input", "geotrace"),
        "geoshape" => shown("input", "geoshape"),
        "barcode" => shown("input", "barcode"),
        "osm" => upload("osm/*"),
        "start-geopoint" | "background-geopoint" => unseen("geopoint"),
        "background-audio" | "audit" => unseen("binary"),
        "start" => filled("dateTime", "timestamp", "start"),
        "end" => filled("dateTime", "timestamp", "end"),
        "today" => filled("date", "date", "today"),
        "deviceid" => filled("string", "property", "deviceid"),
        "subscriberid" => filled("string", "property", "subscriberid"),
        "simserial" => filled("string", "property", "simserial"),
        "phonenumber" => filled("string", "property", "phonenumber"),
        "username" => filled("string", "property", "username"),
        "email" => filled("string", "property", "email"),
        _ => unseen("string"),
    }
}

/// Whether a page shows it: not what the device fills in, nor what is computed without a word about it.
pub(in crate::form) fn is_shown(question: &Question) -> bool {
    let is_computed = question.calculation.is_some() || question.trigger.is_some();
    let has_words = !question.label.0.is_empty() || !question.hint.0.is_empty();
    bound(question).control.is_some() && (has_words || !is_computed)
}

/// Whether it is recorded by an action, which holds its parameters.
pub(super) fn is_recorded(kind: &QuestionKind) -> bool {
    matches!(kind, QuestionKind::Standard(kind) if kind == "background-audio")
}

/// Whether a scale has values that are not whole.
fn is_fine(question: &Question) -> bool {
    ["start", "end", "step", "tick_interval", "placeholder"]
        .iter()
        .filter_map(|name| question.parameters.get(*name)?.parse::<f64>().ok())
        .any(|number| number.fract() != 0.0)
}
