//! Who has a unit from when to when: records of intervals, written by a coordinator; access follows from
//! them.

use jiff::civil::Date;
use serde::Deserialize;

use super::{FieldRef, Parts};
use crate::{ids::PersonId, record::RecordView, value::Value};

/// A form whose records each say who has a unit from when to when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderParts {
    /// Who (a person id).
    pub person: FieldRef,
    /// The first day.
    pub from: FieldRef,
    /// The last day; no answer while it goes on.
    pub to: FieldRef,
    /// Why.
    pub reason: Option<FieldRef>,
    /// What the next one needs to know.
    pub note: Option<FieldRef>,
    /// The reason where somebody had the unit from the start and no record said so: they opened it.
    pub begins: Option<String>,
    /// Whether who has the unit so is its supporter ([`Parts::supporter`]); otherwise they stand in for the
    /// supporter.
    pub leads: bool,
}

/// From when to when somebody has a unit, both days included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Who.
    pub person: PersonId,
    /// The first day.
    pub from: Date,
    /// The last day; `None` while it goes on.
    pub to: Option<Date>,
}

/// How somebody stands to a unit by all the intervals in which they have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// One runs.
    Now,
    /// None runs, and one is over: whoever had it has it no longer.
    Over,
    /// None has begun yet.
    NotYet,
}

impl HolderParts {
    /// What a record says, by the values that are shown; `None` where it does not say who or from when, or the
    /// record was moved away.
    #[must_use]
    pub fn interval(&self, record: &RecordView) -> Option<Interval> {
        if record.is_moved() {
            return None;
        }
        let day = |field: &FieldRef| record.value(&field.field).and_then(Value::as_date);
        let person = record.text(&self.person.field)?.parse().ok()?;
        Some(Interval { person, from: day(&self.from)?, to: day(&self.to) })
    }
}

impl Interval {
    /// Whether it runs on this day.
    #[must_use]
    pub fn runs(&self, day: Date) -> bool {
        self.from <= day && !self.is_over(day)
    }

    /// Whether its last day is before this one.
    #[must_use]
    pub fn is_over(&self, day: Date) -> bool {
        self.to.is_some_and(|to| to < day)
    }
}

/// How one person stands to a unit on a day, by their intervals; `None` where there are none.
#[must_use]
pub fn holding(intervals: &[Interval], day: Date) -> Option<Holding> {
    if intervals.iter().any(|interval| interval.runs(day)) {
        Some(Holding::Now)
    } else if intervals.iter().any(|interval| interval.is_over(day)) {
        Some(Holding::Over)
    } else if intervals.is_empty() {
        None
    } else {
        Some(Holding::NotYet)
    }
}

impl Parts {
    /// What records of this form say of who has a unit; `None` where they say nothing of it.
    #[must_use]
    pub fn holders_of(&self, form: &str) -> Option<&HolderParts> {
        self.holders.iter().find(|holders| holders.person.form == form)
    }

    /// Those whose records say who supports a unit.
    #[must_use]
    pub fn leading_holders(&self) -> Option<&HolderParts> {
        self.holders.iter().find(|holders| holders.leads)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn interval(from: Date, to: Option<Date>) -> Interval {
        Interval { person: PersonId([1; 16]), from, to }
    }

    #[test]
    fn both_days_are_included() {
        let (first, last) = (date(2015, 3, 2), date(2015, 3, 6));
        let week = interval(first, Some(last));
        let runs = |day| week.runs(day);
        assert_eq!([date(2015, 3, 1), first, last, date(2015, 3, 7)].map(runs), [false, true, true, false]);
        assert!(interval(first, None).runs(date(2035, 1, 1)));
        assert!(!interval(last, Some(first)).runs(first), "one that ends before it begins never runs");
    }

    #[test]
    fn one_that_runs_counts_before_one_that_is_over_and_that_before_one_to_come() {
        let today = date(2015, 3, 16);
        let over = interval(date(2015, 1, 5), Some(date(2015, 2, 27)));
        let now = interval(date(2015, 3, 16), None);
        let to_come = interval(date(2015, 4, 1), None);
        assert_eq!(holding(&[over, now, to_come], today), Some(Holding::Now));
        assert_eq!(holding(&[over, to_come], today), Some(Holding::Over));
        assert_eq!(holding(&[to_come], today), Some(Holding::NotYet));
        assert_eq!(holding(&[], today), None);
    }
}
