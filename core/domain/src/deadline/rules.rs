//! The rules as data: what `deadlines.toml` of a programme says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{
    Deadline, Event, Facts, Nature, calendar,
    calendar::{Calendar, YearDay},
    evaluate, read,
    words::Template,
};
use crate::problem::Problem;

/// The statutory clock of a programme: its rules, its exemptions and the bank holidays.
#[derive(Debug, Clone)]
pub struct DeadlineRules {
    pub(super) version: String,
    pub(super) disclaimer: String,
    pub(super) holidays_unknown: String,
    /// What is added to a reason where the date of a letter holds, and where a correction does.
    pub(super) entered_why: Option<Template>,
    pub(super) corrected_why: Option<Template>,
    /// The dated field of an event that says when an authority under an exemption expects to act.
    pub(super) expected_field: Option<String>,
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
    pub fn evaluate(&self, facts: &Facts) -> Vec<Deadline> {
        evaluate::evaluate(self, facts)
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

    /// Of each rule its id, what its date is, and who has to act.
    pub fn glance(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.rules.iter().map(|rule| (rule.id.as_str(), rule.label.as_str(), rule.whose.as_str()))
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

    /// The ids of the rules, each once.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        let ids: BTreeSet<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        ids.into_iter()
    }

    /// The dated fields of events that the rules read, for checking them against the programme's forms.
    pub fn dated_fields(&self) -> impl Iterator<Item = &str> {
        let counted = self.rules.iter().flat_map(|rule| &rule.counts).flat_map(|count| &count.dates);
        let counted = counted.filter_map(|date| match date {
            CountDate::Field(name) => Some(name.as_str()),
            CountDate::Event => None,
        });
        let entered =
            self.rules.iter().filter_map(|rule| rule.entered.as_ref()).map(|entered| entered.field.as_str());
        let fields: BTreeSet<&str> = counted.chain(entered).chain(self.expected_field.as_deref()).collect();
        fields.into_iter()
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

impl Exemption {
    /// Whether it excuses from this rule. `D15` stands for every part of it, such as `D15.final`.
    pub(crate) fn covers(&self, rule: &str) -> bool {
        self.rules.iter().any(|named| covers(named, rule))
    }
}

/// Whether a rule is the one named, or a part of it.
pub(crate) fn covers(named: &str, rule: &str) -> bool {
    rule.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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
    /// They trigger it only where no trigger came before.
    pub(super) or_triggers: Vec<EventPattern>,
    /// Months before the trigger in which a meeting event counts as well.
    pub(super) looks_back: Option<i32>,
    pub(super) only_under: Option<OnlyUnder>,
    pub(super) only_after: Vec<EventPattern>,
    pub(super) repeats: Repeats,
    pub(super) valid: Validity,
    pub(super) valid_by: Vec<EventPattern>,
    pub(super) counts: Vec<Count>,
    /// A date of the triggering event that a person read in the letter.
    pub(super) entered: Option<Entered>,
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
    /// The first that can be counted, in the order of the file.
    First,
}

/// The rule holds only for somebody who was younger than that on the day of the trigger.
#[derive(Debug, Clone)]
pub(super) struct OnlyUnder {
    pub(super) years: i32,
    pub(super) birth: Vec<EventPattern>,
}

/// A date of the triggering event that takes the place of the counted one.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub(super) field: String,
    pub(super) holds: EnteredHolds,
    /// What is said where it is earlier than the law allows, and so does not hold.
    pub(super) too_early: Option<Template>,
}

/// When an entered date holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnteredHolds {
    Always,
    /// Only where it is later than the counted date.
    IfLater,
}

/// One way in which the date is counted.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) step: Step,
    /// A second count that starts where the first one ends.
    pub(super) then: Option<Step>,
    pub(super) from: CountFrom,
    /// The dates of that event that it counts from: the first one that is there.
    pub(super) dates: Vec<CountDate>,
    /// Counted only for these triggers.
    pub(super) at: Vec<EventPattern>,
    /// Left out where such an event is in the run.
    pub(super) unless: Vec<EventPattern>,
    pub(super) why: Template,
}

/// A date of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CountDate {
    /// The day of the event itself.
    Event,
    /// A field of its record.
    Field(String),
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
    /// That month and day of the event's year.
    InYear(i8, i8),
    /// A day of the school year of a birthday, counted from the birth.
    SchoolYear(i32, YearDay),
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
            Self::InYear(month, day) => calendar::in_year(d, month, day),
            Self::SchoolYear(birthday, day) => calendar::in_school_year_of_birthday(d, birthday, day),
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
            | Self::TribWorkingDays(n)
            | Self::SchoolYear(n, _) => n.saturating_abs(),
            Self::Next(..) | Self::On(_) | Self::InYear(..) => 0,
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
