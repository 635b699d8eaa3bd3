//! The rules as data: what `deadlines.toml` of a programme says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Deadline, Event, Nature, calendar, calendar::Calendar, evaluate, read, words::Template};
use crate::problem::Problem;

/// The statutory clock of a programme: its rules, its exemptions and the bank holidays.
#[derive(Debug, Clone)]
pub struct DeadlineRules {
    pub(super) version: String,
    pub(super) disclaimer: String,
    pub(super) holidays_unknown: String,
    /// What events are called, by kind or by `KIND=OUTCOME`.
    pub(super) events: BTreeMap<String, String>,
    pub(super) calendar: Calendar,
    pub(super) exemptions: Vec<Exemption>,
    pub(super) rules: Vec<Rule>,
}

impl DeadlineRules {
    /// Reads `deadlines.toml`. `file` is its path inside the package, for the problems.
    ///
    /// # Errors
    /// Every problem in the text, in the order of its lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read::read(file, text)
    }

    /// See [`super::deadlines`].
    #[must_use]
    pub fn evaluate(&self, events: &[Event]) -> Vec<Deadline> {
        evaluate::evaluate(self, events)
    }

    /// Version of the rules as a whole.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What every view, print and reminder of a deadline says beside it.
    #[must_use]
    pub fn disclaimer(&self) -> &str {
        &self.disclaimer
    }

    /// The working days, for counts that are no deadlines of the law.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The kinds of events that the rules know, for checking them against the programme's code list.
    pub fn event_kinds(&self) -> impl Iterator<Item = &str> {
        let kinds: BTreeSet<&str> = self
            .events
            .keys()
            .map(|key| key.split_once('=').map_or(key.as_str(), |(kind, _)| kind))
            .collect();
        kinds.into_iter()
    }

    /// The exemptions that the rules know: code, and the ground in words.
    pub fn exemptions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.exemptions.iter().map(|exemption| (exemption.code.as_str(), exemption.label.as_str()))
    }

    /// What an event is called: for its outcome, or for its kind.
    pub(super) fn event_name<'a>(&'a self, event: &'a Event) -> &'a str {
        let of_outcome =
            event.outcome.as_ref().and_then(|outcome| self.events.get(&format!("{}={outcome}", event.kind)));
        of_outcome.or_else(|| self.events.get(&event.kind)).map_or(event.kind.as_str(), String::as_str)
    }
}

/// Events of a kind, or only those with one outcome: `E02` or `E02=N`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventPattern {
    pub(super) kind: String,
    pub(super) outcome: Option<String>,
}

impl EventPattern {
    pub(super) fn matches(&self, event: &Event) -> bool {
        self.kind == event.kind && (self.outcome.is_none() || self.outcome == event.outcome)
    }
}

/// Whether one of the patterns fits.
pub(super) fn any(patterns: &[EventPattern], event: &Event) -> bool {
    patterns.iter().any(|pattern| pattern.matches(event))
}

/// Days from and to which something holds, both included; open where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
}

impl Validity {
    /// Whether any day from `first` to `last` is within.
    pub(super) fn touches(self, first: Date, last: Date) -> bool {
        self.from.is_none_or(|from| from <= last) && self.to.is_none_or(|to| first <= to)
    }

    /// Whether some day is within both.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.touches(other.from.unwrap_or(Date::MIN), other.to.unwrap_or(Date::MAX))
    }
}

/// A ground on which an authority need not comply.
#[derive(Debug, Clone)]
pub(super) struct Exemption {
    pub(super) code: String,
    pub(super) label: String,
    pub(super) rules: Vec<String>,
    pub(super) valid: Validity,
}

/// One rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) version: u32,
    pub(super) nature: Nature,
    pub(super) whose: String,
    pub(super) label: String,
    pub(super) basis: String,
    pub(super) triggers: Vec<EventPattern>,
    pub(super) only_after: Vec<EventPattern>,
    pub(super) repeats: Repeats,
    pub(super) valid: Validity,
    pub(super) valid_by: Vec<EventPattern>,
    pub(super) counts: Vec<Count>,
    pub(super) pick: Pick,
    pub(super) pick_why: Option<Template>,
    /// The reason for moving the date to a day on which an appeal can be started, if it is moved.
    pub(super) tribunal_roll: Option<Template>,
    pub(super) met_by: Vec<EventPattern>,
    pub(super) not_applicable: Vec<Exclusion>,
    pub(super) superseded_by: Vec<EventPattern>,
    pub(super) claims_on: Vec<EventPattern>,
    /// For a guard: what is said where its event came too early.
    pub(super) too_early: Option<Template>,
}

/// What a second trigger does to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It takes its place.
    Replace,
    /// It stands beside it.
    Each,
}

/// Which of several dates holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Later,
    Earlier,
}

/// One way in which the date is counted.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) step: Step,
    pub(super) from: CountFrom,
    /// Left out where such an event is in the run.
    pub(super) unless: Vec<EventPattern>,
    pub(super) why: Template,
}

/// The event that is counted from.
#[derive(Debug, Clone)]
pub(super) enum CountFrom {
    Trigger,
    /// The first such event of the run.
    Run(Vec<EventPattern>),
    /// The last such event up to the trigger.
    Earlier(Vec<EventPattern>),
}

/// The arithmetic (domain.md 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Weeks(i32),
    Months(i32),
    Days(i32),
    InclDays(i32),
    WorkingDays(i32),
    TribWorkingDays(i32),
    /// The next such month and day.
    Next(i8, i8),
    /// That day, whatever the event's.
    On(Date),
}

impl Step {
    pub(super) fn apply(self, calendar: &Calendar, d: Date) -> Option<Date> {
        match self {
            Self::Weeks(n) => calendar::weeks(d, n),
            Self::Months(n) => calendar::months(d, n),
            Self::Days(n) => calendar::days(d, n),
            Self::InclDays(n) => calendar::incl_days(d, n),
            Self::WorkingDays(n) => calendar.working_days(d, n),
            Self::TribWorkingDays(n) => calendar.trib_working_days(d, n),
            Self::Next(month, day) => calendar::next_on(d, month, day),
            Self::On(day) => Some(day),
        }
    }

    /// The number that a reason names; 0 where there is none.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Weeks(n)
            | Self::Months(n)
            | Self::Days(n)
            | Self::InclDays(n)
            | Self::WorkingDays(n)
            | Self::TribWorkingDays(n) => n,
            Self::Next(..) | Self::On(_) => 0,
        }
    }

    pub(super) fn needs_bank_holidays(self) -> bool {
        matches!(self, Self::WorkingDays(_) | Self::TribWorkingDays(_))
    }
}

/// After this event the deadline does not arise.
#[derive(Debug, Clone)]
pub(super) struct Exclusion {
    pub(super) event: EventPattern,
    pub(super) why: Template,
    pub(super) unless_met: bool,
}
