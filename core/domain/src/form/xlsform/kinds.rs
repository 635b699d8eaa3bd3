//! The type column.

use super::cells::Refusal;
use crate::{
    form::{ChoiceSource, QuestionKind},
    problem::suggest::{nearest, quoted},
};

/// A group or a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    Group,
    Repeat,
}

impl Bracket {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Repeat => "repeat",
        }
    }
}

/// What a row of the survey sheet is.
#[derive(Debug, Clone)]
pub(super) enum RowType {
    Begin(Bracket),
    End(Bracket),
    /// A question; the flag says that another answer than those of the list may be written.
    Question(QuestionKind, bool),
}

/// Types of the standard that take no argument and that records do not use yet.
const STANDARD: [&str; 20] = [
    "geopoint",
    "geotrace",
    "geoshape",
    "start-geopoint",
    "background-geopoint",
    "barcode",
    "start",
    "end",
    "today",
    "deviceid",
    "subscriberid",
    "simserial",
    "phonenumber",
    "username",
    "email",
    "audit",
    "xml-external",
    "csv-external",
    "background-audio",
    "osm",
];

/// Every type by the name that is suggested.
const NAMES: [&str; 26] = [
    "text",
    "integer",
    "decimal",
    "date",
    "time",
    "datetime",
    "range",
    "note",
    "select_one",
    "select_multiple",
    "select_one_from_file",
    "select_multiple_from_file",
    "rank",
    "calculate",
    "hidden",
    "acknowledge",
    "image",
    "audio",
    "video",
    "file",
    "begin group",
    "end group",
    "begin repeat",
    "end repeat",
    "begin_group",
    "begin_repeat",
];

/// A kind of select over a list.
type Select = fn(ChoiceSource) -> QuestionKind;

/// Reads the type of a row.
pub(super) fn parse(cell: &str, is_standard: bool) -> Result<RowType, Refusal> {
    let words: Vec<&str> = cell.split_whitespace().take(8).collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let question = |kind| Ok(RowType::Question(kind, false));
    match lower.as_slice() {
        ["begin", "group"] | ["begin_group"] => Ok(RowType::Begin(Bracket::Group)),
        ["begin", "repeat"] | ["begin_repeat"] => Ok(RowType::Begin(Bracket::Repeat)),
        ["end", "group"] | ["end_group"] => Ok(RowType::End(Bracket::Group)),
        ["end", "repeat"] | ["end_repeat"] => Ok(RowType::End(Bracket::Repeat)),
        ["text" | "string"] => question(QuestionKind::Text),
        ["integer" | "int"] => question(QuestionKind::Integer),
        ["decimal"] => question(QuestionKind::Decimal),
        ["date"] => question(QuestionKind::Date),
        ["time"] => question(QuestionKind::Time),
        ["datetime"] | ["date", "time"] => question(QuestionKind::DateTime),
        ["range"] => question(QuestionKind::Range),
        ["note"] => question(QuestionKind::Note),
        ["calculate"] => question(QuestionKind::Calculate),
        ["hidden"] => question(QuestionKind::Hidden),
        ["acknowledge" | "trigger"] => question(QuestionKind::Acknowledge),
        ["image" | "photo"] => question(QuestionKind::Media("image".to_owned())),
        [media @ ("audio" | "video" | "file")] => question(QuestionKind::Media((*media).to_owned())),
        [standard] if STANDARD.contains(standard) => question(QuestionKind::Standard((*standard).to_owned())),
        ["select_one_external", ..] if is_standard => external(&words[1..], cell),
        ["select_one" | "select_multiple" | "rank", source, ..]
            if is_standard && source.starts_with("${") =>
        {
            answers(lower[0], &words[1..])
        }
        ["select_one_from_file" | "select_multiple_from_file", file, ..]
            if is_standard && (has_ending(file, "xml") || has_ending(file, "geojson")) =>
        {
            let kind = if lower[0] == "select_one_from_file" {
                QuestionKind::SelectOne
            } else {
                QuestionKind::SelectMultiple
            };
            question(kind(ChoiceSource::File(words[1].to_owned())))
        }
        ["select_one", ..] => select(QuestionKind::SelectOne, &words[1..], false, cell),
        ["select", "one", ..] if lower.get(2) != Some(&"from") => {
            select(QuestionKind::SelectOne, &words[2..], false, cell)
        }
        ["select_multiple", ..] => select(QuestionKind::SelectMultiple, &words[1..], false, cell),
        ["select", "multiple", ..] if lower.get(2) != Some(&"from") => {
            select(QuestionKind::SelectMultiple, &words[2..], false, cell)
        }
        ["rank", ..] => select(QuestionKind::Rank, &words[1..], false, cell),
        ["select_one_from_file", ..] => select(QuestionKind::SelectOne, &words[1..], true, cell),
        ["select_multiple_from_file", ..] => select(QuestionKind::SelectMultiple, &words[1..], true, cell),
        _ if is_standard => old_spelling(&words, &lower, cell),
        _ => Err(unknown(cell, &lower)),
    }
}

fn unknown(cell: &str, words: &[&str]) -> Refusal {
    let names = || NAMES.into_iter().chain(STANDARD);
    let first = words.first().copied().unwrap_or_default();
    let known_first = names().any(|name| name == first);
    let near = if known_first && words.len() > 1 {
        Some(first)
    } else {
        nearest(&words.join(" "), names()).or_else(|| nearest(first, names()))
    };
    let help = match near {
        Some(near) if words.len() > 1 && near == first => format!("`{near}` takes nothing behind it."),
        Some(near) => format!("Did you mean `{near}`?"),
        None => {
            "The types are those of the XLSForm standard, such as `text` or `select_one LIST`.".to_owned()
        }
    };
    Refusal::new("unknown_type", format!("There is no type {}.", quoted(cell)), help)
}

fn select(
    kind: fn(ChoiceSource) -> QuestionKind,
    arguments: &[&str],
    from_file: bool,
    cell: &str,
) -> Result<RowType, Refusal> {
    let refuse = |code, what: String, help: &str| Err(Refusal::new(code, what, help));
    let (source, or_other) = match arguments {
        [source] if !source.eq_ignore_ascii_case("or_other") => (*source, false),
        [source, "or_other"] | [source, "or", "other"] => (*source, true),
        [] | [_] => {
            return refuse(
                "missing_list",
                format!("{} names no list.", quoted(cell)),
                "Write the list behind the type, such as `select_one yes_no`.",
            );
        }
        [_, more @ ..] => {
            return refuse(
                "unknown_type",
                format!("{} stands behind the list in {}.", quoted(&more.join(" ")), quoted(cell)),
                "One list stands behind the type; only `or_other` may follow. A name has no blanks.",
            );
        }
    };
    if !from_file {
        return Ok(RowType::Question(kind(ChoiceSource::List(source.to_owned())), or_other));
    }
    if or_other {
        return refuse(
            "unknown_type",
            format!("`or_other` does not go with a file, in {}.", quoted(cell)),
            "Add a code for other answers to the file, and a text question that asks for them.",
        );
    }
    match source.strip_suffix(".csv") {
        Some(name) if super::is_name(name) => {
            Ok(RowType::Question(kind(ChoiceSource::File(source.to_owned())), false))
        }
        _ => refuse(
            "bad_file",
            format!("{} is not the name of a code list.", quoted(source)),
            "Write the name of a file in `codelists/`, such as `area.csv`.",
        ),
    }
}

fn has_ending(file: &str, ending: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(ending))
}

fn external(arguments: &[&str], cell: &str) -> Result<RowType, Refusal> {
    match arguments {
        [list] => {
            Ok(RowType::Question(QuestionKind::SelectOne(ChoiceSource::External((*list).to_owned())), false))
        }
        _ => Err(Refusal::new(
            "missing_list",
            format!("{} names no list.", quoted(cell)),
            "Write one list of the sheet `external_choices` behind `select_one_external`.",
        )),
    }
}

/// A select whose choices are the answers of a repeat.
fn answers(word: &str, arguments: &[&str]) -> Result<RowType, Refusal> {
    let joined = arguments.join(" ");
    let name = joined.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    match name {
        Some(name) if super::is_xml_name(name) => {
            let source = ChoiceSource::Answers(name.to_owned());
            let kind = match word {
                "select_one" => QuestionKind::SelectOne(source),
                "rank" => QuestionKind::Rank(source),
                _ => QuestionKind::SelectMultiple(source),
            };
            Ok(RowType::Question(kind, false))
        }
        _ => Err(Refusal::new(
            "unclosed_reference",
            format!("{} is no reference to a question.", quoted(&joined)),
            "Write one question of a repeat, such as `select_one ${name}`.",
        )),
    }
}

/// Types as older forms write them.
fn old_spelling(words: &[&str], lower: &[&str], cell: &str) -> Result<RowType, Refusal> {
    let question = |kind| Ok(RowType::Question(kind, false));
    let standard = |name: &str| question(QuestionKind::Standard(name.to_owned()));
    let media = |name: &str| question(QuestionKind::Media(name.to_owned()));
    let joined = lower.join(" ");
    if let Some((opening, bracket)) = joined.split_once([' ', '_']) {
        let bracket = match bracket {
            "group" => Some(Bracket::Group),
            "repeat" | "lgroup" | "looped group" => Some(Bracket::Repeat),
            _ => None,
        };
        match (opening, bracket) {
            ("begin", Some(bracket)) => return Ok(RowType::Begin(bracket)),
            ("end", Some(bracket)) => return Ok(RowType::End(bracket)),
            _ => {}
        }
    }
    let selects: [(&[&str], Select, bool); 9] = [
        (&["add", "select", "one", "prompt", "using"], QuestionKind::SelectOne, false),
        (&["add", "select", "multiple", "prompt", "using"], QuestionKind::SelectMultiple, false),
        (&["select", "one", "from", "file"], QuestionKind::SelectOne, true),
        (&["select", "multiple", "from", "file"], QuestionKind::SelectMultiple, true),
        (&["select", "all", "that", "apply", "from"], QuestionKind::SelectMultiple, false),
        (&["select", "all", "that", "apply"], QuestionKind::SelectMultiple, false),
        (&["select", "one", "from"], QuestionKind::SelectOne, false),
        (&["select1"], QuestionKind::SelectOne, false),
        (&["select_one"], QuestionKind::SelectOne, false),
    ];
    for (start, kind, from_file) in selects {
        if lower.starts_with(start) {
            return select(kind, &words[start.len()..], from_file, cell);
        }
    }
    match joined.as_str() {
        "add text prompt" | "q string" => question(QuestionKind::Text),
        "add integer prompt" | "q int" => question(QuestionKind::Integer),
        "add decimal prompt" | "q decimal" => question(QuestionKind::Decimal),
        "add date prompt" | "q date" => question(QuestionKind::Date),
        "add date time prompt" | "add datetime prompt" | "q date time" | "q datetime" => {
            question(QuestionKind::DateTime)
        }
        "add note prompt" | "q note" => question(QuestionKind::Note),
        "add calculate prompt" | "q calculate" => question(QuestionKind::Calculate),
        "add acknowledge prompt" | "q acknowledge" => question(QuestionKind::Acknowledge),
        "add image prompt" | "add photo prompt" | "q image" | "q picture" => media("image"),
        "add audio prompt" | "q audio" => media("audio"),
        "add video prompt" | "q video" => media("video"),
        "add file prompt" => media("file"),
        "add barcode prompt" | "q barcode" => standard("barcode"),
        "add location prompt" | "q location" | "location" | "gps" | "q geopoint" => standard("geopoint"),
        "q geoshape" => standard("geoshape"),
        "q geotrace" => standard("geotrace"),
        "imei" | "device id" | "get device id" => standard("deviceid"),
        "subscriber id" | "get subscriber id" => standard("subscriberid"),
        "sim id" | "get sim id" => standard("simserial"),
        "get phone number" => standard("phonenumber"),
        "start time" | "get start time" => standard("start"),
        "end time" | "get end time" => standard("end"),
        "get today" => standard("today"),
        _ => Err(unknown(cell, lower)),
    }
}
