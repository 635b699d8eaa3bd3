//! The column `parameters`, by type.

use super::{Index, at};
use crate::{
    form::{ChoiceSource, Question, QuestionKind},
    problem::{
        report::Report,
        suggest::{one_of, quoted},
    },
};

const AUDIT: [&str; 6] = [
    "identify-user",
    "location-max-age",
    "location-min-interval",
    "location-priority",
    "track-changes",
    "track-changes-reasons",
];

/// The parameters of a type; `None` for a type that may have any.
fn known(kind: &QuestionKind) -> Option<&'static [&'static str]> {
    Some(match kind {
        QuestionKind::Range => &["end", "placeholder", "start", "step", "tick_interval", "tick_labelset"],
        QuestionKind::Text => &["rows"],
        QuestionKind::SelectOne(ChoiceSource::File(_))
        | QuestionKind::SelectMultiple(ChoiceSource::File(_)) => &["label", "randomize", "seed", "value"],
        QuestionKind::SelectOne(_) | QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_) => {
            &["randomize", "seed"]
        }
        QuestionKind::Media(kind) => match kind.as_str() {
            "image" => &["app", "max-pixels"],
            "audio" => &["quality"],
            _ => return None,
        },
        QuestionKind::Standard(kind) => match kind.as_str() {
            "audit" => &AUDIT,
            "background-audio" => &["quality"],
            "geopoint" => {
                &["allow-mock-accuracy", "capture-accuracy", "reference-geometry", "warning-accuracy"]
            }
            "geotrace" | "geoshape" => &["allow-mock-accuracy", "incremental", "reference-geometry"],
            _ => return None,
        },
        _ => return None,
    })
}

/// Most labels of ticks: nobody reads as many.
const MOST_LABELS: usize = 1_000;

/// What is said of one question.
struct Said<'r> {
    question: &'r Question,
    report: &'r mut Report,
}

impl Said<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.question.parameters.get(name).map(String::as_str)
    }

    fn error(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.report.error(at(self.question.row, "parameters"), "bad_parameter", what, help);
    }

    /// A number that stands there; says so where it is none.
    fn number(&mut self, name: &str) -> Option<f64> {
        let text = self.get(name)?.to_owned();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            _ => {
                self.error(
                    format!("The parameter `{name}` is no number: {}.", quoted(&text)),
                    "Write digits, with a point before decimals.",
                );
                None
            }
        }
    }

    fn whole(&mut self, name: &str) -> Option<i64> {
        let text = self.get(name)?.to_owned();
        let number = text.parse().ok();
        if number.is_none() {
            self.error(
                format!("The parameter `{name}` is no whole number: {}.", quoted(&text)),
                "Write digits alone.",
            );
        }
        number
    }

    fn one_of(&mut self, name: &str, words: &[&str]) {
        if let Some(text) = self.get(name).map(str::to_owned)
            && !words.contains(&text.as_str())
        {
            self.error(
                format!("The parameter `{name}` cannot be {}.", quoted(&text)),
                format!("Write {}.", one_of(words.iter().copied())),
            );
        }
    }
}

pub(super) fn check(question: &Question, index: &Index<'_>, report: &mut Report) {
    let mut said = Said { question, report };
    if let Some(known) = known(&question.kind) {
        for name in question.parameters.keys().filter(|name| !known.contains(&name.as_str())) {
            // A slip of the pen is said already, with what was meant.
            if super::super::cells::misspelt(name, &question.kind).is_none() {
                said.error(
                    format!("The type has no parameter {}.", quoted(name)),
                    format!("It has {}.", one_of(known.iter().copied())),
                );
            }
        }
    }
    match &question.kind {
        QuestionKind::Range => range(&mut said, index),
        QuestionKind::Text => {
            said.whole("rows");
        }
        QuestionKind::SelectOne(_) | QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_) => {
            shuffled(&mut said);
        }
        QuestionKind::Media(kind) if kind == "image" => image(&mut said),
        QuestionKind::Media(kind) if kind == "audio" => {
            said.one_of("quality", &["voice-only", "low", "normal", "external"]);
        }
        QuestionKind::Standard(kind) => match kind.as_str() {
            "background-audio" => said.one_of("quality", &["voice-only", "low", "normal"]),
            "audit" => audit(&mut said),
            "geopoint" | "geotrace" | "geoshape" => place(&mut said, index),
            _ => {}
        },
        _ => {}
    }
}

fn shuffled(said: &mut Said<'_>) {
    said.one_of("randomize", &["true", "false"]);
    let Some(seed) = said.get("seed").map(str::to_owned) else { return };
    if said.get("randomize").is_none() {
        said.error(
            "There is a seed, and nothing is shuffled with it.",
            "Add `randomize=true`, or take out `seed`.",
        );
    } else if seed.parse::<f64>().is_err() && !(seed.starts_with("${") && seed.ends_with('}')) {
        said.error(
            format!("{} is no seed.", quoted(&seed)),
            "Write a number, or a reference to a question that holds one: `seed=${chance}`.",
        );
    }
}

fn image(said: &mut Said<'_>) {
    if said.get("max-pixels").is_none() {
        said.report.warning(
            at(said.question.row, "parameters"),
            "any_size",
            "Pictures are sent in whatever size the camera takes them.",
            "Write `max-pixels=1024` or so: records are sent sooner and take less room.",
        );
    }
    said.whole("max-pixels");
    let appearance = said.question.appearance.as_deref().unwrap_or_default();
    if let Some(app) = said.get("app").map(str::to_owned)
        && matches!(appearance, "" | "annotate")
    {
        let is_part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !app.contains('.') || !app.split('.').all(is_part) {
            said.error(
                format!("{} is not the name of an app.", quoted(&app)),
                "Write the name of its package, such as `org.example.camera`.",
            );
        }
    }
}

fn audit(said: &mut Said<'_>) {
    said.one_of("track-changes", &["true", "false"]);
    said.one_of("track-changes-reasons", &["on-form-edit"]);
    said.one_of("identify-user", &["true", "false"]);
    let places = ["location-priority", "location-min-interval", "location-max-age"];
    let missing: Vec<&str> = places.into_iter().filter(|name| said.get(name).is_none()).collect();
    if missing.len() == places.len() {
        return;
    }
    if !missing.is_empty() {
        said.error(
            format!("An audit of places lacks {}.", missing.join(" and ")),
            "Write all of `location-priority`, `location-min-interval` and `location-max-age`.",
        );
    }
    said.one_of("location-priority", &["no-power", "low-power", "balanced", "high-accuracy"]);
    let (interval, age) = (said.whole("location-min-interval"), said.whole("location-max-age"));
    for (name, seconds) in [("location-min-interval", interval), ("location-max-age", age)] {
        if seconds.is_some_and(|seconds| seconds < 0) {
            said.error(format!("The parameter `{name}` is less than 0."), "Write seconds, 0 or more.");
        }
    }
    if let (Some(interval), Some(age)) = (interval, age)
        && age < interval
    {
        said.error(
            format!("A place may be {age} seconds old, and is taken every {interval} seconds only."),
            "`location-max-age` is at least `location-min-interval`.",
        );
    }
}

fn place(said: &mut Said<'_>, index: &Index<'_>) {
    said.number("capture-accuracy");
    said.number("warning-accuracy");
    said.one_of("allow-mock-accuracy", &["true", "false"]);
    if let Some(text) = said.get("incremental").map(str::to_owned)
        && super::super::cells::yes_or_no(&text) != Some(true)
    {
        said.error(
            format!("The parameter `incremental` cannot be {}.", quoted(&text)),
            "Write `incremental=true`, or leave it out.",
        );
    }
    if let Some(geometry) = said.get("reference-geometry").map(str::to_owned) {
        let repeat = geometry.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let is_there = match repeat {
            Some(name) => index.repeats.contains(name.trim()),
            None => index.data.contains(geometry.as_str()),
        };
        if !is_there {
            said.error(
                format!("There is no geometry {}.", quoted(&geometry)),
                "Write the name of a choice list, of an entity list, of a file without its ending, or `${repeat}`.",
            );
        }
    }
}

/// Whether a number is a whole count of steps from a start.
fn is_on(number: f64, start: f64, step: f64) -> bool {
    let steps = (number - start) / step;
    (steps - steps.round()).abs() < 1e-9
}

fn range(said: &mut Said<'_>, index: &Index<'_>) {
    // What is no number, and a step of 0, is said when the cell is read.
    let number = |said: &Said<'_>, name: &str, otherwise: f64| match said.get(name) {
        None => Some(otherwise),
        Some(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
    };
    let all = (number(said, "start", 1.0), number(said, "end", 10.0), number(said, "step", 1.0));
    let (Some(start), Some(end), Some(step)) = all else { return };
    if step <= 0.0 {
        return;
    }
    let (low, high) = (start.min(end), start.max(end));
    if step > high - low {
        said.error(
            format!("The step {step} is longer than the range from {start} to {end}."),
            "Write a shorter step.",
        );
    }
    let appearance = said.question.appearance.clone().unwrap_or_default();
    let is_plain =
        appearance.is_empty() || appearance.contains("vertical") || appearance.contains("no-ticks");
    let marks = ["tick_interval", "placeholder", "tick_labelset"];
    if !is_plain && marks.iter().any(|name| said.get(name).is_some()) {
        said.error(
            format!("A range that is shown as {} has no ticks.", quoted(&appearance)),
            "Take out the ticks, or show it `vertical`, with `no-ticks`, or without an appearance.",
        );
    }
    let interval = said.number("tick_interval");
    if let Some(interval) = interval {
        if interval <= 0.0 || interval > high - low {
            said.error(
                format!("Ticks every {interval} do not fit the range from {start} to {end}."),
                "Write more than 0, and no more than the range is long.",
            );
        } else if !is_on(interval, 0.0, step) {
            said.error(
                format!("Ticks every {interval} fall between steps of {step}."),
                "Write a multiple of the step.",
            );
        }
    }
    if let Some(placeholder) = said.number("placeholder") {
        if !(low..=high).contains(&placeholder) {
            said.error(
                format!("The placeholder {placeholder} is outside of the range from {start} to {end}."),
                "Write a value of the range.",
            );
        } else if !is_on(placeholder, start, step) {
            said.error(
                format!("The placeholder {placeholder} falls between steps of {step}."),
                "Write a value that can be chosen.",
            );
        }
    }
    let between = interval.filter(|interval| *interval > 0.0).unwrap_or(step);
    labels(said, index, &appearance, (start, end), between);
}

/// The labels of ticks.
fn labels(said: &mut Said<'_>, index: &Index<'_>, appearance: &str, (start, end): (f64, f64), step: f64) {
    let Some(list) = said.get("tick_labelset").map(str::to_owned) else { return };
    let Some(choices) = index.form.choices.get(&list) else {
        said.error(
            format!("There is no choice list {} for the labels of ticks.", quoted(&list)),
            "Write a list of the sheet `choices`.",
        );
        return;
    };
    if choices.len() > MOST_LABELS {
        said.error(
            format!("{} has {} labels for ticks.", quoted(&list), choices.len()),
            format!("Label at most {MOST_LABELS} ticks."),
        );
        return;
    }
    let mut labelled = Vec::new();
    for choice in choices {
        match choice.name.parse::<f64>() {
            Ok(number) if number.is_finite() => labelled.push(number),
            _ => said.error(
                format!("The code {} of {} is no number.", quoted(&choice.name), quoted(&list)),
                "The codes of labels are the values that they stand at.",
            ),
        }
    }
    for number in &labelled {
        if !(start.min(end)..=start.max(end)).contains(number) {
            said.error(
                format!("The label at {number} is outside of the range from {start} to {end}."),
                "Label values of the range.",
            );
        } else if !is_on(*number, start, step) {
            said.error(
                format!("The label at {number} falls between ticks, which are {step} apart."),
                "Label values that have a tick.",
            );
        }
    }
    let is_end = |number: &f64| *number == start || *number == end;
    if appearance.contains("no-ticks") && (labelled.len() > 2 || !labelled.iter().all(is_end)) {
        said.error(
            "A range without ticks has labels at its ends only.",
            format!("Label {start} and {end}, and nothing else."),
        );
    } else if appearance.contains("no-ticks") && labelled.len() < 2 {
        said.error(
            "A range without ticks has labels at both of its ends.",
            format!("Label {start} and {end}."),
        );
    }
}
