//! What the programme's rules find: judged with every save and pull for what it touches, and again when
//! the day is over.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use alongside_domain::{
    deadline::Deadline,
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, live::OWN_FORM},
    record::RecordView,
    rules::{Asked, Finding, Outcome, Place, Severity, Source, Take, Touched, Views},
    time::Millis,
};
use jiff::{ToSpan, civil::Date};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{
    desk::Desk,
    groups, projection,
    rows::{cbor, id, to_cbor},
    units,
};
use crate::error::ApiError;

/// Changes of one unit that are judged at once; of more, the whole unit is judged later.
const AT_ONCE: usize = 64;

/// Judges what changed in a unit: these records, or all of it. The cost of the former grows with the
/// change, not with the unit.
pub(crate) fn judge(
    tx: &Transaction<'_>,
    programme: &Programme,
    unit: GroupId,
    now: Millis,
    changed: Option<&[Touched<'_>]>,
) -> Result<(), ApiError> {
    let day = programme.day(now).to_string();
    let asked = Asked { place: Place::Phone, now };
    match changed {
        Some(changed) if changed.len() > AT_ONCE => wait(tx, unit)?,
        Some(changed) => {
            let source = UnitSource::new(tx, programme, unit)?;
            let touched: Vec<Touched<'_>> =
                changed.iter().filter(|one| programme.is_judged(one.form)).copied().collect();
            if !touched.is_empty() {
                keep(tx, unit, &programme.rules.unit(programme, &source, asked, Some(&touched))?)?;
            }
        }
        None => {
            let source = UnitSource::new(tx, programme, unit)?;
            let outcome = programme.rules.unit(programme, &source, asked, None)?;
            tx.prepare_cached("DELETE FROM finding WHERE grp = ?1")?.execute([unit.0])?;
            keep(tx, unit, &outcome)?;
            tx.prepare_cached("INSERT OR REPLACE INTO judged (grp, day) VALUES (?1, ?2)")?
                .execute(params![unit.0, day])?;
        }
    }
    Ok(())
}

/// Has a unit judged later: see [`judge_some`].
pub(crate) fn wait(tx: &Transaction<'_>, unit: GroupId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM judged WHERE grp = ?1")?.execute([unit.0])?;
    Ok(())
}

fn judge_waiting(
    tx: &Transaction<'_>,
    programme: &Programme,
    now: Millis,
    most: u32,
) -> Result<bool, ApiError> {
    let day = programme.day(now).to_string();
    if !programme.judges() {
        return Ok(false);
    }
    let waiting: Vec<GroupId> = tx
        .prepare_cached(
            "SELECT grp FROM unit_row WHERE grp NOT IN (SELECT grp FROM judged WHERE day = ?1) LIMIT ?2",
        )?
        .query_map(params![day, most], |row| id(row, 0))?
        .collect::<Result<_, _>>()?;
    for unit in &waiting {
        judge(tx, programme, *unit, now, None)?;
    }
    Ok(u32::try_from(waiting.len()).unwrap_or(u32::MAX) >= most && most > 0)
}

/// Units that are judged by one transaction.
const SOME: u32 = 8;

/// Judges a few of the units that wait, or whose findings are of an earlier day; gives whether there are
/// more.
pub(crate) fn judge_some(tx: &Transaction<'_>, desk: &mut Desk) -> Result<bool, ApiError> {
    let programme = desk.programme.clone();
    judge_waiting(tx, &programme, desk.now(), SOME)
}

fn keep(tx: &Transaction<'_>, unit: GroupId, outcome: &Outcome) -> Result<(), ApiError> {
    for (rule, record) in &outcome.judged {
        match record {
            None if rule == OWN_FORM => {
                tx.prepare_cached("DELETE FROM finding WHERE grp = ?1 AND own_form")?.execute([unit.0])?
            }
            Some(record) if rule == OWN_FORM => tx
                .prepare_cached("DELETE FROM finding WHERE grp = ?1 AND record = ?2 AND own_form")?
                .execute(params![unit.0, record.0])?,
            None => tx
                .prepare_cached("DELETE FROM finding WHERE grp = ?1 AND rule = ?2")?
                .execute(params![unit.0, rule])?,
            Some(record) => tx
                .prepare_cached("DELETE FROM finding WHERE grp = ?1 AND rule = ?2 AND record = ?3")?
                .execute(params![unit.0, rule, record.0])?,
        };
    }
    for finding in &outcome.findings {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO finding (grp, rule, record, field, severity, explained, own_form, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            unit.0,
            finding.rule,
            finding.record.map(|record| record.0.to_vec()).unwrap_or_default(),
            finding.field.as_deref().unwrap_or_default(),
            match finding.severity {
                Severity::Error => 0,
                Severity::Query => 1,
                Severity::Info => 2,
            },
            finding.explained,
            finding.own_form,
            to_cbor(finding),
        ])?;
    }
    Ok(())
}

/// Whether a unit was judged as of this day.
pub(crate) fn is_judged(db: &Connection, unit: GroupId, day: Date) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM judged WHERE grp = ?1 AND day = ?2")?
        .exists(params![unit.0, day.to_string()])
}

/// What was found for a unit, the most important first.
pub(crate) fn of_unit(db: &Connection, unit: GroupId) -> rusqlite::Result<Vec<Finding>> {
    db.prepare_cached("SELECT body FROM finding WHERE grp = ?1 ORDER BY severity, rule, record, field")?
        .query_map([unit.0], |row| cbor(row, 0))?
        .collect()
}

/// Judges a unit afresh, as of a moment, without keeping anything: and which rules a phone cannot compute.
pub(crate) fn fresh(
    db: &Connection,
    programme: &Programme,
    unit: GroupId,
    now: Millis,
) -> Result<Outcome, ApiError> {
    let source = UnitSource::new(db, programme, unit)?;
    programme.rules.unit(programme, &source, Asked { place: Place::Phone, now }, None)
}

/// The records of a unit and of the groups it is linked to.
struct UnitSource<'a> {
    db: &'a Connection,
    programme: &'a Programme,
    unit: GroupId,
    /// With their kinds.
    groups: Vec<(GroupId, String)>,
    /// Several rules ask for the same.
    read: RefCell<BTreeMap<(String, Take), Views>>,
    /// What one asks for is among what another asks for.
    views: RefCell<BTreeMap<RecordId, Arc<RecordView>>>,
}

impl<'a> UnitSource<'a> {
    fn new(db: &'a Connection, programme: &'a Programme, unit: GroupId) -> Result<Self, ApiError> {
        let mut around = vec![unit];
        around.extend(groups::linked(db, unit)?);
        let mut groups = Vec::with_capacity(around.len());
        for group in around {
            groups.push((group, groups::kind(db, group)?.unwrap_or_default()));
        }
        Ok(Self { db, programme, unit, groups, read: RefCell::default(), views: RefCell::default() })
    }

    /// The groups that hold records of this form.
    fn groups_of(&self, form: &str) -> impl Iterator<Item = GroupId> {
        let kind = self.programme.record_kind(form).map(|kind| kind.group.as_str());
        self.groups.iter().filter(move |(_, own)| Some(own.as_str()) == kind).map(|(group, _)| *group)
    }

    /// The record of a row that begins with its id and its body.
    fn view(&self, row: &Row<'_>) -> rusqlite::Result<Arc<RecordView>> {
        let record: RecordId = id(row, 0)?;
        if let Some(known) = self.views.borrow().get(&record) {
            return Ok(Arc::clone(known));
        }
        let view: Arc<RecordView> = Arc::new(cbor(row, 1)?);
        self.views.borrow_mut().insert(record, Arc::clone(&view));
        Ok(view)
    }

    fn query(
        &self,
        groups: impl Iterator<Item = GroupId>,
        form: &str,
        (from, to): (i64, i64),
        rest: &str,
    ) -> Result<Views, ApiError> {
        let mut found = Vec::new();
        for group in groups {
            let mut statement = self.db.prepare_cached(&format!(
                "SELECT record, body FROM record_row INDEXED BY record_row_form
                 WHERE grp = ?1 AND form = ?2 AND at BETWEEN ?3 AND ?4 {rest}"
            ))?;
            let rows = statement.query_map(params![group.0, form, from, to], |row| self.view(row))?;
            found.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    }

    /// So many records that tell when they took place, in this order.
    fn some(
        &self,
        groups: impl Iterator<Item = GroupId>,
        form: &str,
        order: &str,
        most: u32,
    ) -> Result<Views, ApiError> {
        let at = self.programme.record_kind(form).and_then(|kind| kind.at.as_deref()).unwrap_or_default();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for group in groups {
            let mut statement = self.db.prepare_cached(&format!(
                "SELECT record, body FROM record_row INDEXED BY record_row_form
                 WHERE grp = ?1 AND form = ?2 {order}"
            ))?;
            let mut rows = statement.query(params![group.0, form])?;
            let before = found.len();
            while found.len() - before < most
                && let Some(row) = rows.next()?
            {
                let view = self.view(row)?;
                // The row of one that tells no time stands where it was written.
                if view.value(at).is_some() {
                    found.push(view);
                }
            }
        }
        Ok(found)
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

const EVER: (i64, i64) = (i64::MIN, i64::MAX);

impl Source for UnitSource<'_> {
    type Error = ApiError;

    fn records(&self, form: &str, take: Take) -> Result<Views, ApiError> {
        let key = (form.to_owned(), take);
        if let Some(known) = self.read.borrow().get(&key) {
            return Ok(known.clone());
        }
        let groups = self.groups_of(form);
        let found = match take {
            Take::All => self.query(groups, form, EVER, "")?,
            Take::Latest(n) => self.some(groups, form, "ORDER BY at DESC, record DESC", n)?,
            Take::First(n) => self.some(groups, form, "ORDER BY at, record", n)?,
            Take::Near(Millis(at)) => {
                let near = alongside_domain::rules::NEAR;
                self.query(groups, form, (at.saturating_sub(near), at.saturating_add(near)), "")?
            }
            Take::Others => self.query(self.others()?.into_iter(), form, EVER, "")?,
        };
        self.read.borrow_mut().insert(key, found.clone());
        Ok(found)
    }

    fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, ApiError> {
        if let Some(known) = self.views.borrow().get(&record) {
            return Ok(Some(Arc::clone(known)));
        }
        Ok(projection::view(self.db, record)?.filter(|view| !view.is_moved()).map(Arc::new))
    }

    fn deadlines(&self) -> Result<Vec<Deadline>, ApiError> {
        Ok(units::deadlines(self.db, self.unit)?)
    }

    /// Whose phone this is has all of their own days here; of nobody else.
    fn day(&self, form: &str, person: PersonId, day: Date) -> Result<Option<Views>, ApiError> {
        let me: Option<[u8; 16]> = self
            .db
            .prepare_cached("SELECT person FROM sync_state")?
            .query_row([], |row| row.get(0))
            .optional()?
            .flatten();
        if me != Some(person.0) {
            return Ok(None);
        }
        let kind = self.programme.record_kind(form).map(|kind| kind.group.clone()).unwrap_or_default();
        let start = |day: Date| self.programme.start_of(day).map_or(0, |at| at.0);
        let (from, to) = (start(day), start(day.saturating_add(1.day())).saturating_sub(1));
        let mut statement = self.db.prepare_cached(
            "SELECT record, body FROM grp CROSS JOIN record_row INDEXED BY record_row_form
                 ON record_row.grp = grp.grp AND form = ?2 AND at BETWEEN ?3 AND ?4
             WHERE kind = ?1 AND NOT withdrawn",
        )?;
        let rows = statement.query_map(params![kind, form, from, to], |row| self.view(row))?;
        let mut found = rows.collect::<Result<Vec<_>, _>>()?;
        found.retain(|view| view.created.author == Some(person));
        Ok(Some(found))
    }

    fn found_before(&self, rule: &str) -> Result<Vec<RecordId>, ApiError> {
        Ok(self
            .db
            .prepare_cached("SELECT record FROM finding WHERE grp = ?1 AND rule = ?2 AND record <> x''")?
            .query_map(params![self.unit.0, rule], |row| id(row, 0))?
            .collect::<Result<_, _>>()?)
    }
}
