//! What people are reminded of, and when (domain.md 3.8): `reminders.toml` of the programme.
//!
//! A reminder is worked out from what is known and a span of time; nothing is stored and nothing fires by
//! itself. Its text names nobody: it can stand on a lock screen. In quiet hours it waits for their end,
//! unless it is about somebody's safety.

use std::collections::BTreeMap;

use jiff::{
    ToSpan,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::Serialize;

use crate::{
    deadline::{Deadline, Resolution, covers},
    ids::GroupId,
    problem::Problem,
    time::Millis,
};

mod read;
#[cfg(test)]
mod tests;

/// The reminders of a programme.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reminders {
    version: String,
    /// Start and end of the quiet hours.
    quiet: Option<(Time, Time)>,
    reminders: Vec<Reminder>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reminder {
    id: String,
    about: About,
    at: Time,
    /// Not held back in quiet hours.
    urgent: bool,
    one: String,
    many: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// Dates of these rules: so many days from the date, then every so many days while it is open.
    Deadline { rules: Vec<String>, days: Vec<i32>, then_every: Option<i32>, on: Vec<(i8, i8)> },
    /// Dates under an exemption that are still awaited: every so many days after the date.
    Exempt { every: i32 },
    /// What a rule found.
    Finding { rules: Vec<String> },
    /// A moment of a record: so many minutes after it, unless another field is filled.
    Moment { form: String, field: String, unless: Option<String>, minutes: i32 },
    /// Nothing was synced for so many hours.
    Unsynced { hours: Vec<i32> },
    /// A day of a code list's column, such as the end of a round.
    Listed { list: String, column: String, days: Vec<i32> },
}

/// A moment of a record to be reminded of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The unit.
    pub unit: GroupId,
    /// The form and the field.
    pub source: (String, String),
    /// When.
    pub at: Millis,
}

/// What is known, to be reminded of. The order does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The dates of each unit that has not ended.
    pub dates: Vec<(GroupId, Deadline)>,
    /// What rules found, by unit and rule.
    pub findings: Vec<(GroupId, String)>,
    /// The moments that [`Reminders::moments`] asks for.
    pub moments: Vec<Moment>,
    /// The last time everything was synced, where something waits.
    pub unsynced_since: Option<Millis>,
    /// The days that [`Reminders::listed`] asks for, by list and column.
    pub listed: Vec<((String, String), Date)>,
    /// Findings that hold up a return.
    pub errors: u32,
}

/// A reminder that is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Due {
    /// When it is due, outside of quiet hours.
    pub at: Millis,
    /// Which reminder.
    pub id: String,
    /// What it says: no name, no reference.
    pub text: String,
    /// Whether it is about somebody's safety.
    pub urgent: bool,
    /// The units it is about, to open them.
    pub units: Vec<GroupId>,
}

impl Reminders {
    /// Reads `reminders.toml`.
    ///
    /// # Errors
    /// Every problem in the text, in the order of its lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read::read(file, text)
    }

    /// Version of the reminders as a whole.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The ids, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.reminders.iter().map(|reminder| reminder.id.as_str())
    }

    /// The rules of the statutory clock and of the checks that reminders are about.
    pub fn rules(&self) -> (Vec<&str>, Vec<&str>) {
        let (mut dates, mut checks) = (Vec::new(), Vec::new());
        for reminder in &self.reminders {
            match &reminder.about {
                About::Deadline { rules, .. } => dates.extend(rules.iter().map(String::as_str)),
                About::Finding { rules } => checks.extend(rules.iter().map(String::as_str)),
                _ => {}
            }
        }
        (dates, checks)
    }

    /// The moments of records that reminders are about: form, field, and the field that ends it.
    pub fn moments(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        self.reminders.iter().filter_map(|reminder| match &reminder.about {
            About::Moment { form, field, unless, .. } => {
                Some((form.as_str(), field.as_str(), unless.as_deref()))
            }
            _ => None,
        })
    }

    /// The columns of code lists that reminders are about.
    pub fn listed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reminders.iter().filter_map(|reminder| match &reminder.about {
            About::Listed { list, column, .. } => Some((list.as_str(), column.as_str())),
            _ => None,
        })
    }

    /// The reminders that fall due after one moment and up to another, by the clocks of this zone. The
    /// result depends on nothing else.
    #[must_use]
    pub fn due(&self, known: &Known, zone: &TimeZone, after: Millis, until: Millis) -> Vec<Due> {
        let mut found: BTreeMap<(Millis, &str, String), (Vec<GroupId>, &Reminder)> = BTreeMap::new();
        for reminder in &self.reminders {
            for (at, when, unit) in self.moments_of(reminder, known, zone, (after, until)) {
                let at = if reminder.urgent { at } else { self.after_quiet(at, zone) };
                if after < at && at <= until {
                    let entry = found.entry((at, &reminder.id, when)).or_insert((Vec::new(), reminder));
                    entry.0.extend(unit);
                }
            }
        }
        found
            .into_iter()
            .map(|((at, id, when), (mut units, reminder))| {
                units.sort_unstable();
                units.dedup();
                let count = units.len();
                let text = if count == 1 { &reminder.one } else { &reminder.many };
                let text = text
                    .replace("{when}", &when)
                    .replace("{count}", &count.to_string())
                    .replace("{errors}", &known.errors.to_string());
                Due { at, id: id.to_owned(), text, urgent: reminder.urgent, units }
            })
            .collect()
    }

    /// Every moment of a reminder that can matter between two, with its words and its unit.
    fn moments_of(
        &self,
        reminder: &Reminder,
        known: &Known,
        zone: &TimeZone,
        (after, until): (Millis, Millis),
    ) -> Vec<(Millis, String, Option<GroupId>)> {
        let last = day_of(until, zone);
        // What fell into the quiet hours of the day before is told on the day after.
        let first = day_of(after, zone).saturating_sub(2.days());
        let at = |day: Date| instant(day, reminder.at, zone);
        let mut moments = Vec::new();
        match &reminder.about {
            About::Deadline { rules, days, then_every, on } => {
                let dates = known.dates.iter().filter(|(_, date)| {
                    date.resolution == Resolution::Open && rules.iter().any(|rule| covers(rule, &date.rule))
                });
                for (unit, date) in dates {
                    let fixed = days.iter().filter_map(|offset| day_after(date.due, *offset));
                    let seasonal =
                        on.iter().filter_map(|(month, day)| in_school_year(date.due, *month, *day));
                    let weekly = then_every.iter().flat_map(|every| {
                        let from = days.iter().max().copied().unwrap_or(0).max(0);
                        repeated(date.due, from, *every, (first, last))
                    });
                    let all: std::collections::BTreeSet<Date> =
                        fixed.chain(seasonal).chain(weekly).filter(|day| *day <= last).collect();
                    for day in all {
                        moments.push((at(day), words(date.due, day), Some(*unit)));
                    }
                }
            }
            About::Exempt { every } => {
                for (unit, date) in known.dates.iter().filter(|(_, date)| date.is_awaited()) {
                    for day in repeated(date.due, 0, *every, (first, last)) {
                        moments.push((at(day), words(date.due, day), Some(*unit)));
                    }
                }
            }
            About::Finding { rules } => {
                let units = known.findings.iter().filter(|(_, rule)| rules.contains(rule));
                moments.extend(units.map(|(unit, _)| (at(last), String::new(), Some(*unit))));
            }
            About::Moment { form, field, minutes, .. } => {
                let of = |moment: &&Moment| moment.source.0 == *form && moment.source.1 == *field;
                for moment in known.moments.iter().filter(of) {
                    let at = Millis(moment.at.0.saturating_add(i64::from(*minutes) * 60_000));
                    moments.push((at, String::new(), Some(moment.unit)));
                }
            }
            About::Unsynced { hours } => {
                if let Some(since) = known.unsynced_since {
                    for hours in hours {
                        let at = Millis(since.0.saturating_add(i64::from(*hours) * 3_600_000));
                        moments.push((at, format!("{hours} hours"), None));
                    }
                }
            }
            About::Listed { list, column, days } => {
                let of = |((own, of), _): &&((String, String), Date)| own == list && of == column;
                for (_, date) in known.listed.iter().filter(of) {
                    for day in days.iter().filter_map(|offset| day_after(*date, *offset)) {
                        moments.push((at(day), words(*date, day), None));
                    }
                }
            }
        }
        moments
    }

    /// The end of the quiet hours, for a moment inside of them.
    fn after_quiet(&self, at: Millis, zone: &TimeZone) -> Millis {
        let Some((from, to)) = self.quiet else { return at };
        let zoned = at.timestamp().to_zoned_datetime(zone.clone());
        let (day, time) = (zoned.date(), zoned.time());
        let is_quiet = if from <= to { from <= time && time < to } else { time >= from || time < to };
        if !is_quiet {
            return at;
        }
        let ends = if from > to && time >= from { day.saturating_add(1.day()) } else { day };
        instant(ends, to, zone)
    }
}

/// The days from `from` after a date on, every so many days, that lie between two.
fn repeated(due: Date, from: i32, every: i32, (first, last): (Date, Date)) -> Vec<Date> {
    let turn_of = |day: Date| (day - due).get_days().saturating_sub(from).div_euclid(every.max(1));
    (1.max(turn_of(first))..=turn_of(last))
        .filter_map(|turn| day_after(due, from.saturating_add(turn.saturating_mul(every))))
        .collect()
}

fn day_after(day: Date, days: i32) -> Option<Date> {
    crate::deadline::calendar::days(day, days)
}

/// That month and day of the school year of a date.
fn in_school_year(due: Date, month: i8, day: i8) -> Option<Date> {
    let ends = crate::deadline::calendar::school_year_end(due)?;
    Date::new(if month >= 9 { ends.checked_sub(1)? } else { ends }, month, day).ok()
}

/// How a day lies to a date: `in 5 days`, `tomorrow`, `today`, `yesterday`, `12 days ago`.
fn words(due: Date, day: Date) -> String {
    match (due - day).get_days() {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        ahead @ 2.. => format!("in {ahead} days"),
        ago => format!("{} days ago", ago.unsigned_abs()),
    }
}

fn day_of(at: Millis, zone: &TimeZone) -> Date {
    at.timestamp().to_zoned_datetime(zone.clone()).date()
}

fn instant(day: Date, time: Time, zone: &TimeZone) -> Millis {
    let at = day.to_datetime(time).to_zoned_datetime(zone.clone());
    at.map_or(Millis(i64::MAX), |at| Millis(at.timestamp().as_millisecond()))
}
