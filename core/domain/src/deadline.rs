//! The statutory clock: dates that follow from what happened, each with its reason.
//!
//! Every date here is indicative. Each view says so: [`DeadlineRules::disclaimer`] (domain.md 3).
//!
//! The rules are data (`deadlines.toml` of the programme); this is the small machine that runs them.
//! What it decides where events can be read in more than one way:
//!
//! - **Order.** Events count by date, then by record id, which grows with the time of recording. The
//!   order in which they are handed over does not matter, nor does handing one over twice.
//! - **A correction** is an edit of its record: the old date is never seen here.
//! - **Runs.** A trigger opens a run that lasts until the next trigger of the same rule: a second
//!   request is a new episode. What is still open (or exempt) when the next run opens is superseded;
//!   what was met stays met. Rules that say `repeats = "each"` (advice asked of several bodies)
//!   instead keep every trigger, and deal the meeting events out among them in order.
//! - **The same day.** A meeting event dated on the day of the trigger counts, even if it was recorded
//!   first, unless an earlier run is there to have it.
//! - **What closes it.** The first event of the run that meets it, ends it or makes it not arise. An
//!   event marked `unless_met` gives way to a meeting event of the run, however late.
//! - **An exemption** changes no date. One that was met in time is met, whatever was claimed; one that
//!   is open, or was met late, under a claim is exempt.
//! - **A date that a person entered** (the letter's) holds over the counted one where the rule says so,
//!   and a correction of a deadline always does. Both are kept beside the counted date, with who and, for
//!   a correction, the reason. Of several corrections the one written last holds.
//! - **A guard, and what comes about by itself** (rights that pass on a birthday) are nobody's task: they
//!   are never open, overdue or next.
//! - **Absurd dates** that leave the calendar give no deadline.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{PersonId, RecordId},
    time::Millis,
};

pub mod calendar;
mod evaluate;
mod facts;
mod read;
pub mod rules;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use read::section;
pub use rules::DeadlineRules;
pub(crate) use rules::covers;

/// What the records of one case tell the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The events, in any order.
    pub events: Vec<Event>,
    /// The dates that people set by hand, in any order.
    pub corrections: Vec<Correction>,
}

/// A deadline's date set by hand: what the letter says, or a court, or an agreement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Correction {
    /// When it was written, by the writer's clock.
    pub at: Millis,
    /// The record it comes from.
    pub record: RecordId,
    /// The rule whose date it sets.
    pub rule: String,
    /// The event that started that deadline; `None`: the latest one of the rule.
    pub event: Option<RecordId>,
    /// The date that holds.
    pub date: Date,
    /// Why, in the words of the person.
    pub reason: Option<String>,
    /// Who set it, where known.
    pub by: Option<PersonId>,
}

/// A date that a person typed into a field of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Typed {
    /// The date.
    pub date: Date,
    /// Who typed it, where known.
    pub by: Option<PersonId>,
}

/// One event of the process, as the records tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The record it comes from.
    pub record: RecordId,
    /// Code of the event (domain.md 3.3), such as `E01`.
    pub kind: String,
    /// Date on the letter, or of service.
    pub date: Date,
    /// Outcome code, where the event has one.
    pub outcome: Option<String>,
    /// Exemption that the authority claims (domain.md 3.5).
    pub exemption: Option<String>,
    /// The other dates of its record, by the name of the field.
    pub dates: BTreeMap<String, Typed>,
}

/// A date that somebody has to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Id of the rule, such as `D01`.
    pub rule: String,
    /// Version of this rule.
    pub rule_version: u32,
    /// Version of the rules as a whole that it was computed with.
    pub rules_version: String,
    /// What kind of date it is.
    pub nature: Nature,
    /// The date that holds. An exemption does not change it.
    pub due: Date,
    /// The date that the rule counts, where it counts one; the same as `due` unless somebody set that.
    pub computed: Option<Date>,
    /// The date that a person set, where it holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<SetDate>,
    /// Who has to act.
    pub whose: String,
    /// What the date is, in the words shown to families.
    pub label: String,
    /// Why this date, in a sentence that names the event and the count.
    pub why: String,
    /// Legal basis.
    pub basis: String,
    /// The records that the date follows from, the trigger first.
    pub inputs: Vec<RecordId>,
    /// What became of it.
    pub resolution: Resolution,
}

/// A date that holds because somebody entered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDate {
    /// The record that says it.
    pub record: RecordId,
    /// Why, in the words of the person; none for a date typed from a letter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Who, where known.
    pub by: Option<PersonId>,
}

/// What kind of date a deadline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Somebody has to act by this day.
    Due,
    /// What usually happens by this day; no law says so.
    Expected,
    /// A guard: something must not happen before this day.
    NotBefore,
    /// It comes about on this day by itself.
    Happens,
}

/// What became of a deadline, apart from the passing of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Resolution {
    /// Still to come, or overdue.
    Open,
    /// Met on this day.
    Met {
        /// The day on which it was met.
        on: Date,
    },
    /// The authority claims an exemption; there is no new date.
    Exempt {
        /// Code of the exemption (domain.md 3.5).
        exemption: String,
        /// The day after the date on which it was done all the same. `None`: still awaited.
        #[serde(skip_serializing_if = "Option::is_none")]
        met_on: Option<Date>,
        /// When the authority says it will be done.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expected_on: Option<Date>,
    },
    /// Does not arise, for this reason.
    NotApplicable {
        /// Reason in a sentence.
        why: String,
    },
    /// A later event took its place.
    Superseded,
}

/// State of a deadline on a given day (domain.md 3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeadlineState {
    /// More than seven days ahead.
    Upcoming,
    /// At most seven days ahead.
    #[serde(rename = "DUE_7")]
    Due7,
    /// Today.
    DueToday,
    /// Past, and not met.
    Overdue,
    /// Met on or before the day.
    MetOnTime,
    /// Met after the day.
    MetLate,
    /// Under an exemption.
    Exempt,
    /// Does not arise.
    NotApplicable,
    /// Replaced.
    Superseded,
}

impl Deadline {
    /// The state as of a day. A guard that nothing broke is met once its day has come, and so is what
    /// comes about by itself.
    #[must_use]
    pub fn state(&self, as_of: Date) -> DeadlineState {
        match &self.resolution {
            Resolution::Met { .. } if self.nature == Nature::NotBefore => DeadlineState::MetOnTime,
            Resolution::Open if !self.is_task() && as_of >= self.due => DeadlineState::MetOnTime,
            Resolution::Met { on } if *on <= self.due => DeadlineState::MetOnTime,
            Resolution::Met { .. } => DeadlineState::MetLate,
            Resolution::Exempt { .. } => DeadlineState::Exempt,
            Resolution::NotApplicable { .. } => DeadlineState::NotApplicable,
            Resolution::Superseded => DeadlineState::Superseded,
            Resolution::Open => match (self.due - as_of).get_days() {
                ..0 => DeadlineState::Overdue,
                0 => DeadlineState::DueToday,
                1..=7 => DeadlineState::Due7,
                _ => DeadlineState::Upcoming,
            },
        }
    }

    /// Whether somebody still has to act, or is still expected to. Never so for a guard or for what comes
    /// about by itself.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.resolution == Resolution::Open && self.is_task()
    }

    /// Whether it is still to come or awaited on this day: open, or a day ahead that is nobody's task.
    #[must_use]
    pub fn is_ahead(&self, as_of: Date) -> bool {
        self.is_open()
            || (self.resolution == Resolution::Open && self.nature == Nature::Happens && as_of < self.due)
    }

    /// Whether it is still awaited although an exemption was claimed: nobody knows a new date, so people
    /// go on asking.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(self.resolution, Resolution::Exempt { met_on: None, .. })
    }

    /// Whether it is a date that somebody has to keep or is expected to.
    #[must_use]
    pub fn is_task(&self) -> bool {
        matches!(self.nature, Nature::Due | Nature::Expected)
    }
}

/// Computes every deadline that follows from these facts, in order of date. The result does not depend
/// on the order of the records or on today's date.
#[must_use]
pub fn deadlines(rules: &DeadlineRules, facts: &Facts) -> Vec<Deadline> {
    rules.evaluate(facts)
}

/// The deadline to show first: the earliest that is still open. Dates that are only expected are not
/// among them: a draft that is late against custom must not hide what the law asks.
#[must_use]
pub fn next_open(deadlines: &[Deadline]) -> Option<&Deadline> {
    deadlines
        .iter()
        .filter(|deadline| deadline.is_open() && deadline.nature == Nature::Due)
        .min_by_key(|deadline| (deadline.due, &deadline.rule))
}
