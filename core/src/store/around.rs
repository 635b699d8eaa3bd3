//! The records around a unit: its own and those of the groups it is linked to. Its line, its dates and the
//! rules look at the same ones, so each is read once.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::Arc,
};

use alongside_domain::{
    deadline::Deadline,
    ids::{GroupId, PersonId, RecordId},
    programme::{Count, Programme},
    record::RecordView,
    rules::{NEAR, Take, Views},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{groups, projection, rows, units};
use crate::error::ApiError;

/// A record as it was read, with the moment that its row stands under.
#[derive(Clone)]
struct Dated {
    at: i64,
    view: Arc<RecordView>,
}

/// What was read of a form: of one group after the other.
type Lists = Rc<[Vec<Dated>]>;

/// The records around a unit. What was read stays: nothing of them may be written while this is used.
pub(crate) struct Around<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) programme: &'a Programme,
    pub(crate) unit: GroupId,
    /// The unit, then what it is linked to, the nearest first: each with its kind.
    pub(crate) groups: Vec<(GroupId, String)>,
    /// What one question asks for is among what another asks for.
    views: RefCell<HashMap<RecordId, Arc<RecordView>>>,
    read: RefCell<BTreeMap<String, Vec<(Take, Lists)>>>,
    deadlines: RefCell<Option<Rc<[Deadline]>>>,
    /// Whose phone this is.
    me: Cell<Option<Option<PersonId>>>,
}

impl<'a> Around<'a> {
    pub(crate) fn new(db: &'a Connection, programme: &'a Programme, unit: GroupId) -> Result<Self, ApiError> {
        Ok(Self {
            db,
            programme,
            unit,
            groups: groups::around(db, unit)?,
            views: RefCell::default(),
            read: RefCell::default(),
            deadlines: RefCell::default(),
            me: Cell::default(),
        })
    }

    /// The groups that hold records of this form.
    pub(crate) fn groups_of(&self, form: &str) -> impl Iterator<Item = GroupId> {
        let kind = self.programme.record_kind(form).map(|kind| kind.group.as_str());
        self.groups.iter().filter(move |(_, own)| Some(own.as_str()) == kind).map(|(group, _)| *group)
    }

    /// Records of a form.
    pub(crate) fn records(&self, form: &str, take: Take) -> Result<Views, ApiError> {
        Ok(self.lists(form, take)?.iter().flatten().map(|dated| Arc::clone(&dated.view)).collect())
    }

    /// The first record of a form in one of the groups.
    pub(crate) fn first(&self, group: GroupId, form: &str) -> Result<Option<Arc<RecordView>>, ApiError> {
        let kind = self.programme.record_kind(form);
        // Where there are few of them, whoever asks next wants them all.
        if kind.is_some_and(|kind| kind.count == Count::One) {
            let lists = self.lists(form, Take::All)?;
            let place = self.groups_of(form).position(|known| known == group);
            return Ok(place.and_then(|at| Some(Arc::clone(&lists.get(at)?.first()?.view))));
        }
        Ok(projection::first_of(self.db, group, form)?.map(Arc::new))
    }

    /// One record, whether it is around the unit or not. What was moved is not there.
    pub(crate) fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, ApiError> {
        if let Some(known) = self.views.borrow().get(&record) {
            return Ok(Some(Arc::clone(known)));
        }
        Ok(projection::view(self.db, record)?.filter(|view| !view.is_moved()).map(Arc::new))
    }

    /// The dates of the unit.
    pub(crate) fn deadlines(&self) -> Result<Rc<[Deadline]>, ApiError> {
        if let Some(known) = &*self.deadlines.borrow() {
            return Ok(Rc::clone(known));
        }
        let read: Rc<[Deadline]> = units::deadlines(self.db, self.unit)?.into();
        *self.deadlines.borrow_mut() = Some(Rc::clone(&read));
        Ok(read)
    }

    /// The dates of the unit were counted again.
    pub(crate) fn set_deadlines(&self, deadlines: Vec<Deadline>) {
        *self.deadlines.borrow_mut() = Some(deadlines.into());
    }

    /// Whose phone this is, if it is enrolled.
    pub(crate) fn me(&self) -> Result<Option<PersonId>, ApiError> {
        if let Some(known) = self.me.get() {
            return Ok(known);
        }
        let read = self
            .db
            .prepare_cached("SELECT person FROM sync_state")?
            .query_row([], |row| row.get::<_, Option<[u8; 16]>>(0));
        let me = read.optional()?.flatten().map(PersonId);
        self.me.set(Some(me));
        Ok(me)
    }

    /// The record of a row that begins with its id and its body.
    pub(crate) fn view(&self, row: &Row<'_>) -> rusqlite::Result<Arc<RecordView>> {
        let record: RecordId = rows::id(row, 0)?;
        if let Some(known) = self.views.borrow().get(&record) {
            return Ok(Arc::clone(known));
        }
        let view = Arc::new(rows::view(row, 1)?);
        self.views.borrow_mut().insert(record, Arc::clone(&view));
        Ok(view)
    }

    fn lists(&self, form: &str, take: Take) -> Result<Lists, ApiError> {
        if let Some(known) = self.known(form, take) {
            return Ok(known);
        }
        let groups = match take {
            Take::Others => self.others()?,
            _ => self.groups_of(form).collect(),
        };
        let lists: Lists =
            groups.into_iter().map(|group| self.list(group, form, take)).collect::<Result<_, _>>()?;
        self.read.borrow_mut().entry(form.to_owned()).or_default().push((take, Rc::clone(&lists)));
        Ok(lists)
    }

    /// What was read before, or is among what was read before.
    fn known(&self, form: &str, take: Take) -> Option<Lists> {
        let read = self.read.borrow();
        let read = read.get(form)?;
        if let Some((_, lists)) = read.iter().find(|(known, _)| *known == take) {
            return Some(Rc::clone(lists));
        }
        let (known, lists) = read.iter().find(|(known, _)| holds(*known, take))?;
        Some(lists.iter().map(|list| self.part(list, form, take, *known == Take::All)).collect())
    }

    /// What a question asks for of a list that holds it: of the whole of a form, oldest first, or of a longer
    /// list from the same end.
    fn part(&self, list: &[Dated], form: &str, take: Take, is_whole: bool) -> Vec<Dated> {
        let (count, is_latest) = match take {
            Take::Near(Millis(at)) => {
                let (from, to) = near(at);
                let begin = list.partition_point(|dated| dated.at < from);
                return list[begin..].iter().take_while(|dated| dated.at <= to).cloned().collect();
            }
            Take::First(count) => (count, false),
            Take::Latest(count) => (count, true),
            Take::All | Take::Others => return list.to_vec(),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let at = self.at_of(form);
        let tells_time = |dated: &&Dated| dated.view.value(at).is_some();
        if is_whole && is_latest {
            list.iter().rev().filter(tells_time).take(count).cloned().collect()
        } else {
            list.iter().filter(tells_time).take(count).cloned().collect()
        }
    }

    /// Records of one group.
    fn list(&self, group: GroupId, form: &str, take: Take) -> Result<Vec<Dated>, ApiError> {
        match take {
            Take::Latest(count) => self.some(group, form, "ORDER BY at DESC, record DESC", count),
            Take::First(count) => self.some(group, form, "ORDER BY at, record", count),
            Take::Near(Millis(at)) => self.query(group, form, near(at)),
            Take::All | Take::Others => self.query(group, form, (i64::MIN, i64::MAX)),
        }
    }

    /// All records of a group that stand under these moments, oldest first.
    fn query(&self, group: GroupId, form: &str, (from, to): (i64, i64)) -> Result<Vec<Dated>, ApiError> {
        let mut statement = self.db.prepare_cached(
            "SELECT record, body, at FROM record_row INDEXED BY record_row_form
             WHERE grp = ?1 AND form = ?2 AND at BETWEEN ?3 AND ?4",
        )?;
        let rows = statement.query_map(params![group.0, form, from, to], |row| {
            Ok(Dated { view: self.view(row)?, at: row.get(2)? })
        })?;
        let mut found: Vec<Dated> = rows.collect::<Result<_, _>>()?;
        // Sorted here: the database would carry every body through its sorter.
        found.sort_by_key(|dated| (dated.at, dated.view.root.id));
        Ok(found)
    }

    /// So many records that tell when they took place, in this order.
    fn some(&self, group: GroupId, form: &str, order: &str, most: u32) -> Result<Vec<Dated>, ApiError> {
        let at = self.at_of(form);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT record, body, at FROM record_row INDEXED BY record_row_form
             WHERE grp = ?1 AND form = ?2 {order}"
        ))?;
        let mut rows = statement.query(params![group.0, form])?;
        let mut found = Vec::new();
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            let dated = Dated { view: self.view(row)?, at: row.get(2)? };
            // The row of one that tells no time stands where it was written.
            if dated.view.value(at).is_some() {
                found.push(dated);
            }
        }
        Ok(found)
    }

    /// The field in which records of a form tell when they took place.
    fn at_of(&self, form: &str) -> &'a str {
        self.programme.record_kind(form).and_then(|kind| kind.at.as_deref()).unwrap_or_default()
    }

    /// Other units of the same subject.
    fn others(&self) -> Result<Vec<GroupId>, ApiError> {
        let parts = &self.programme.parts;
        let Some(subject) = parts.subject_birth.as_ref().or_else(|| parts.subject_name.first()) else {
            return Ok(Vec::new());
        };
        let mut others = Vec::new();
        for group in self.groups_of(&subject.form).filter(|group| *group != self.unit) {
            others.extend(groups::units_of(self.db, &parts.unit, group)?);
        }
        others.retain(|unit| *unit != self.unit);
        Ok(others)
    }
}

/// Whether what one question asked for holds what another asks for.
fn holds(known: Take, take: Take) -> bool {
    match (known, take) {
        (Take::All, Take::Latest(_) | Take::First(_) | Take::Near(_)) => true,
        (Take::Latest(many), Take::Latest(few)) | (Take::First(many), Take::First(few)) => many >= few,
        _ => false,
    }
}

fn near(at: i64) -> (i64, i64) {
    (at.saturating_sub(NEAR), at.saturating_add(NEAR))
}
