//! Dates, ages and counts in plain words.

use std::collections::BTreeMap;

use alongside_domain::{
    deadline::{Deadline, DeadlineState, Nature, Resolution},
    ids::PersonId,
    rules::Severity,
    time::Millis,
};
use jiff::{Unit, civil::Date, tz::TimeZone};

/// A date in full: `3 March 2015`.
pub(super) fn date(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

/// A moment in a zone: `3 March 2015, 2:10pm`.
pub(super) fn moment_in(at: Millis, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let at = at.timestamp().to_zoned_datetime(zone);
    at.strftime("%-d %B %Y, %-I:%M%P").to_string()
}

/// So many of something: `1 day`, `2 days`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A number with its thousands apart: `12,345`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Days from `as_of` to `date`; negative for the past.
pub(super) fn days_until(date: Date, as_of: Date) -> i64 {
    i64::from((date - as_of).get_days())
}

/// How far a day lies from another: `today`, `12 days ago`, `in 3 days`, `5 months ago`.
pub(super) fn relative(date: Date, as_of: Date) -> String {
    let days = days_until(date, as_of);
    match days {
        0 => return "today".to_owned(),
        -1 => return "yesterday".to_owned(),
        1 => return "tomorrow".to_owned(),
        _ => {}
    }
    let distance = match days.unsigned_abs() {
        days @ ..=60 => count(days, "day", "days"),
        days => count(days / 30, "month", "months"),
    };
    if days < 0 { format!("{distance} ago") } else { format!("in {distance}") }
}

/// The age on a day: `9 years`, `11 months`; empty for a birth after the day.
pub(super) fn age(birth: Date, as_of: Date) -> String {
    let Ok(lived) = birth.until((Unit::Year, as_of)) else { return String::new() };
    match (lived.get_years(), lived.get_months()) {
        _ if birth > as_of => String::new(),
        (0, months) => count(u64::from(months.unsigned_abs()), "month", "months"),
        (years, _) => count(u64::from(years.unsigned_abs()), "year", "years"),
    }
}

/// How a state is shown: words first, a class for its colour second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) text: String,
    pub(super) class: &'static str,
}

impl Tag {
    fn new(text: impl Into<String>, class: &'static str) -> Self {
        Self { text: text.into(), class }
    }
}

/// The state of an open deadline on a day: `Overdue by 12 days`, `Due in 3 days`.
pub(super) fn due_tag(due: Date, as_of: Date) -> Tag {
    match days_until(due, as_of) {
        days @ ..0 => {
            Tag::new(format!("Overdue by {}", count(days.unsigned_abs(), "day", "days")), "tag tag-overdue")
        }
        0 => Tag::new("Due today", "tag tag-soon"),
        days @ 1..=7 => {
            Tag::new(format!("Due in {}", count(days.unsigned_abs(), "day", "days")), "tag tag-soon")
        }
        days => Tag::new(format!("Due in {}", count(days.unsigned_abs(), "day", "days")), "tag"),
    }
}

/// The state of any deadline on a day.
pub(super) fn deadline_tag(deadline: &Deadline, as_of: Date) -> Tag {
    match deadline.state(as_of) {
        DeadlineState::Upcoming | DeadlineState::Due7 | DeadlineState::DueToday | DeadlineState::Overdue => {
            match deadline.nature {
                Nature::Happens => Tag::new(format!("In {}", ahead(deadline.due, as_of)), "tag"),
                _ => due_tag(deadline.due, as_of),
            }
        }
        DeadlineState::MetOnTime if deadline.nature == Nature::Happens => {
            Tag::new("Has come", "tag tag-quiet")
        }
        DeadlineState::MetOnTime => Tag::new("Met on time", "tag tag-met"),
        DeadlineState::MetLate => Tag::new("Met late", "tag tag-late"),
        DeadlineState::Exempt => Tag::new(exemption(deadline), "tag"),
        DeadlineState::NotApplicable => Tag::new("Does not apply", "tag tag-quiet"),
        DeadlineState::Superseded => Tag::new("Replaced", "tag tag-quiet"),
    }
}

/// How much a finding of the rules matters.
pub(super) fn check_tag(severity: Severity, explained: bool) -> Tag {
    match severity {
        Severity::Error => Tag::new("To put right", "tag tag-overdue"),
        Severity::Query if explained => Tag::new("Explained", "tag tag-quiet"),
        Severity::Query => Tag::new("To explain", "tag tag-soon"),
        Severity::Info => Tag::new("To know", "tag"),
    }
}

/// `12 days`.
fn ahead(due: Date, as_of: Date) -> String {
    count(days_until(due, as_of).unsigned_abs(), "day", "days")
}

/// What is known of a deadline under an exemption.
fn exemption(deadline: &Deadline) -> String {
    match deadline.resolution {
        Resolution::Exempt { met_on: Some(on), .. } => format!("Exemption claimed, done on {}", date(on)),
        Resolution::Exempt { expected_on: Some(on), .. } => {
            format!("Exemption claimed, expected by {}", date(on))
        }
        _ => "Exemption claimed".to_owned(),
    }
}

/// Who set the date of a deadline by hand, and why; empty where nobody did.
pub(super) fn set_by(deadline: &Deadline, people: &BTreeMap<PersonId, String>) -> String {
    let Some(set) = &deadline.set else { return String::new() };
    let name = set.by.and_then(|person| people.get(&person)).map_or("Somebody", String::as_str);
    let counted = match deadline.computed {
        Some(computed) if computed != deadline.due => {
            format!(" The rule counts to {}.", date(computed))
        }
        _ => String::new(),
    };
    match &set.reason {
        Some(reason) => format!("{name} set this date: {reason}.{counted}"),
        None => format!("{name} entered this date.{counted}"),
    }
}

/// A word with a capital at its start.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[test]
    fn days_are_told_in_words() {
        let today = day(2015, 3, 16);
        assert_eq!(relative(today, today), "today");
        assert_eq!(relative(day(2015, 3, 4), today), "12 days ago");
        assert_eq!(relative(day(2015, 3, 17), today), "tomorrow");
        assert_eq!(relative(day(2014, 9, 1), today), "6 months ago");
        assert_eq!(due_tag(day(2015, 3, 4), today).text, "Overdue by 12 days");
        assert_eq!(due_tag(day(2015, 3, 15), today).text, "Overdue by 1 day");
        assert_eq!(due_tag(day(2015, 3, 19), today).text, "Due in 3 days");
        assert_eq!(due_tag(today, today).text, "Due today");
    }

    #[test]
    fn ages_count_whole_years_and_babies_months() {
        assert_eq!(age(day(2006, 3, 17), day(2015, 3, 16)), "8 years");
        assert_eq!(age(day(2006, 3, 16), day(2015, 3, 16)), "9 years");
        assert_eq!(age(day(2014, 12, 1), day(2015, 3, 16)), "3 months");
        assert_eq!(age(day(2016, 1, 1), day(2015, 3, 16)), "");
    }

    #[test]
    fn numbers_are_grouped_and_moments_follow_the_summer() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(212), "212");
        assert_eq!(moment_in(Millis(1_435_707_000_000), "Europe/London"), "1 July 2015, 12:30am");
    }
}
