//! Reads `reminders.toml`: every problem at once, each with its line.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use toml::de::DeTable;

use super::{About, Reminder, Reminders};
use crate::{
    deadline::section::{Place, Section, Source},
    problem::Problem,
};

/// The largest number of days or minutes.
const MOST: i32 = 100_000;

pub(super) fn read(file: &str, text: &str) -> Result<Reminders, Vec<Problem>> {
    let source = Source::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let what = format!("This is not TOML: {}.", error.message().replace('\n', "; "));
            let place = Place { section: None, key: None, code: "toml_syntax" };
            source.report(error.span(), place, what, "Correct the text at this line.");
        }
        return Err(source.into_problems());
    }
    let top = Section::new(&source, None, document.get_ref(), 0..0);
    let version = top.text("version");
    let usual = time(&top, "at");
    let quiet = if top.get("quiet").is_some() {
        top.section("quiet").and_then(|section| {
            let times = (time(&section, "from"), time(&section, "to"));
            section.finish();
            Some((times.0?, times.1?))
        })
    } else {
        None
    };
    let mut seen = BTreeSet::new();
    let mut reminders = Vec::new();
    for mut section in top.sections("reminder", "reminder") {
        reminders.extend(reminder(&mut section, usual, &mut seen));
    }
    top.finish();
    let problems = source.into_problems();
    match version {
        Some(version) if problems.is_empty() => Ok(Reminders { version, quiet, reminders }),
        _ => Err(problems),
    }
}

fn reminder(
    section: &mut Section<'_, '_>,
    usual: Option<Time>,
    seen: &mut BTreeSet<String>,
) -> Option<Reminder> {
    let id = section.text("id");
    if let Some(id) = &id {
        section.call(format!("reminder {id}"));
        if !seen.insert(id.clone()) {
            let what = format!("The reminder {id} is there twice.");
            section.wrong(Some("id"), "duplicate_reminder", what, "Give one another id.");
        }
    }
    let section = &*section;
    if section.get("about").is_none() {
        section.missing::<()>("about");
    }
    let about = section.choice(
        "about",
        &[("deadline", 0), ("exempt", 1), ("finding", 2), ("moment", 3), ("unsynced", 4), ("listed", 5)],
    );
    let about = match about {
        Some(0) => Some(About::Deadline {
            rules: texts(section, "rules"),
            days: numbers(section, "days", section.get("on").is_none()),
            then_every: section
                .get("then_every")
                .is_some()
                .then(|| section.number("then_every", 1, MOST))
                .flatten(),
            on: if section.get("on").is_some() { year_days(section) } else { Vec::new() },
        }),
        Some(1) => section.number("every", 1, MOST).map(|every| About::Exempt { every }),
        Some(2) => Some(About::Finding { rules: texts(section, "rules") }),
        Some(3) => {
            let (form, field) = (section.text("form"), section.text("field"));
            let unless = section.optional_text("unless");
            let minutes = section.number("minutes", -MOST, MOST);
            (|| Some(About::Moment { form: form?, field: field?, unless, minutes: minutes? }))()
        }
        Some(4) => Some(About::Unsynced { hours: numbers(section, "hours", true) }),
        Some(5) => {
            let (list, column) = (section.text("list"), section.text("column"));
            let days = numbers(section, "days", true);
            (|| Some(About::Listed { list: list?, column: column?, days }))()
        }
        _ => None,
    };
    let at = if section.get("at").is_some() { time(section, "at") } else { usual };
    let urgent = section.flag("urgent");
    let many = section.text("many");
    let one = if section.get("one").is_some() { section.optional_text("one") } else { many.clone() };
    for (key, text) in [("one", &one), ("many", &many)] {
        let rest = text.as_deref().unwrap_or_default();
        let rest =
            ["{when}", "{count}", "{errors}"].iter().fold(rest.to_owned(), |rest, gap| rest.replace(gap, ""));
        if rest.contains('{') || rest.contains('}') {
            let what = format!("`{key}` has a gap that nothing can fill.");
            section.wrong(Some(key), "unknown_placeholder", what, "Use {when}, {count} or {errors}.");
        }
    }
    section.finish();
    Some(Reminder { id: id?, about: about?, at: at?, urgent, one: one?, many: many? })
}

fn texts(section: &Section<'_, '_>, key: &'static str) -> Vec<String> {
    section.filled_array(key).iter().filter_map(|value| section.text_of(key, value)).collect()
}

fn numbers(section: &Section<'_, '_>, key: &'static str, required: bool) -> Vec<i32> {
    let values = if required { section.filled_array(key) } else { section.array(key) };
    values.iter().filter_map(|value| section.number_of(key, value, -MOST, MOST)).collect()
}

fn year_days(section: &Section<'_, '_>) -> Vec<(i8, i8)> {
    texts(section, "on")
        .iter()
        .filter_map(|text| {
            let day = format!("2016-{text}").parse::<Date>().ok().filter(|_| text.len() == 5);
            if day.is_none() {
                let what = format!("`on` has \"{text}\", which is no day of the year.");
                section.wrong(Some("on"), "no_such_day", what, "Write month and day, such as \"10-01\".");
            }
            day.map(|day| (day.month(), day.day()))
        })
        .collect()
}

/// `08:00`.
fn time(section: &Section<'_, '_>, key: &'static str) -> Option<Time> {
    let text = section.text(key)?;
    let read = text.parse::<Time>().ok().filter(|_| text.len() == 5);
    if read.is_none() {
        let what = format!("`{key}` is \"{text}\", which is no time of day.");
        section.wrong(Some(key), "no_such_time", what, "Write hours and minutes, such as \"08:00\".");
    }
    read
}
