//! What rules see: records of a scope, handed over by phone or server.

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::Date;

use crate::{
    deadline::Deadline,
    ids::{PersonId, RecordId},
    record::RecordView,
    time::Millis,
};

/// Which records of a form a rule gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Take {
    /// All of the unit and of the groups it is linked to.
    All,
    /// The latest so many by the day they tell, then by id.
    Latest(u32),
    /// The first so many.
    First(u32),
    /// Those within a day of this moment.
    Near(Millis),
    /// Of other units of the same subject.
    Others,
}

/// Records as a source hands them over.
pub type Views = Vec<Arc<RecordView>>;

/// Gives the records of one unit: its own, and those of the groups it is linked to.
///
/// The order does not matter, nor does a record handed over twice. Several rules ask for the same records:
/// a source hands over what it has read before.
pub trait Source {
    /// What can go wrong with reading.
    type Error;

    /// Records of a form.
    ///
    /// # Errors
    /// The source's own.
    fn records(&self, form: &str, take: Take) -> Result<Views, Self::Error>;

    /// One record.
    ///
    /// # Errors
    /// The source's own.
    fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, Self::Error>;

    /// The dates of the unit.
    ///
    /// # Errors
    /// The source's own.
    fn deadlines(&self) -> Result<Vec<Deadline>, Self::Error>;

    /// The records of a form that a person wrote and that are dated on this day, in every unit of theirs.
    /// `None` where not all of them are here.
    ///
    /// # Errors
    /// The source's own.
    fn day(&self, form: &str, person: PersonId, day: Date) -> Result<Option<Views>, Self::Error>;

    /// The records for which a rule found something before.
    ///
    /// # Errors
    /// The source's own.
    fn found_before(&self, rule: &str) -> Result<Vec<RecordId>, Self::Error>;
}

/// The records of one unit in memory, by form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitRecords {
    /// By form.
    pub records: BTreeMap<String, Vec<RecordView>>,
    /// The dates of the unit.
    pub deadlines: Vec<Deadline>,
}

/// A unit in memory as a [`Source`], for what is small enough to hold.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The unit.
    pub unit: UnitRecords,
    /// Records of other units of the same subject, by form.
    pub others: BTreeMap<String, Vec<RecordView>>,
    /// When a record tells that it took place.
    pub at: BTreeMap<RecordId, Millis>,
    /// The records of a person's day; `None` where they are not here.
    pub day: Option<Vec<RecordView>>,
}

impl Held {
    fn of(&self, form: &str) -> Vec<RecordView> {
        let mut found = self.unit.records.get(form).cloned().unwrap_or_default();
        found.sort_by_key(|view| (self.at.get(&view.root.id).copied(), view.root.id));
        found.dedup_by_key(|view| view.root.id);
        found
    }
}

impl Source for Held {
    type Error = std::convert::Infallible;

    fn records(&self, form: &str, take: Take) -> Result<Views, Self::Error> {
        let mut found = self.of(form);
        let most = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        match take {
            Take::All => {}
            Take::First(n) => found.truncate(most(n)),
            Take::Latest(n) => {
                found.reverse();
                found.truncate(most(n));
            }
            Take::Near(at) => found.retain(|view| {
                self.at.get(&view.root.id).is_some_and(|there| (there.0 - at.0).abs() <= NEAR)
            }),
            Take::Others => found = self.others.get(form).cloned().unwrap_or_default(),
        }
        Ok(found.into_iter().map(Arc::new).collect())
    }

    fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, Self::Error> {
        Ok(self.unit.records.values().flatten().find(|view| view.root.id == record).cloned().map(Arc::new))
    }

    fn deadlines(&self) -> Result<Vec<Deadline>, Self::Error> {
        Ok(self.unit.deadlines.clone())
    }

    fn day(&self, _: &str, _: PersonId, _: Date) -> Result<Option<Views>, Self::Error> {
        Ok(self.day.clone().map(|day| day.into_iter().map(Arc::new).collect()))
    }

    fn found_before(&self, _: &str) -> Result<Vec<RecordId>, Self::Error> {
        Ok(Vec::new())
    }
}

/// How far two records may lie apart to be near each other: a day.
pub const NEAR: i64 = 24 * 60 * 60 * 1000;
