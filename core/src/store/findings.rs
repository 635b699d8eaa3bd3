//! What the programme's rules find: judged with every save and pull for what it touches, and again when
//! the day is over.

use std::{sync::Arc, thread};

use alongside_domain::{
    deadline::Deadline,
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, live::OWN_FORM},
    record::RecordView,
    rules::{Asked, Finding, Outcome, Place, Severity, Source, Take, Touched, Views},
    time::Millis,
};
use jiff::{ToSpan, civil::Date};
use rusqlite::{Connection, Transaction, params};

use super::{
    Store,
    around::Around,
    rows::{cbor, id, to_cbor},
};
use crate::error::ApiError;

/// Changes of one unit that are judged at once; of more, the whole unit is judged later.
const AT_ONCE: usize = 64;

/// Judges what changed in a unit: these records, or all of it. The cost of the former grows with the
/// change, not with the unit.
pub(crate) fn judge(
    tx: &Transaction<'_>,
    around: &Around<'_>,
    now: Millis,
    changed: Option<&[Touched<'_>]>,
) -> Result<(), ApiError> {
    let (programme, unit) = (around.programme, around.unit);
    let asked = Asked { place: Place::Phone, now };
    match changed {
        Some(changed) if changed.len() > AT_ONCE => wait(tx, unit)?,
        Some(changed) => {
            let touched: Vec<Touched<'_>> =
                changed.iter().filter(|one| programme.is_judged(one.form)).copied().collect();
            if !touched.is_empty() {
                let outcome = programme.rules.unit(programme, around, asked, Some(&touched))?;
                forget(tx, unit, &outcome)?;
                keep(tx, unit, &outcome)?;
            }
        }
        None => {
            let outcome = programme.rules.unit(programme, around, asked, None)?;
            replace(tx, programme, unit, now, &outcome)?;
        }
    }
    Ok(())
}

/// Has a unit judged later: see [`judge_some`].
pub(crate) fn wait(tx: &Transaction<'_>, unit: GroupId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM judged WHERE grp = ?1")?.execute([unit.0])?;
    Ok(())
}

/// Units that are judged at once.
const SOME: u32 = 32;

/// Units that the writer judges itself in one transaction, so that other writes come in between.
const FEW: usize = 8;

/// Most threads that judge: each holds a reader, and a screen needs one too.
const THREADS: usize = 2;

/// Judges some of the units that wait, or whose findings are of an earlier day; gives whether there are more.
///
/// They are judged by readers, side by side, and the writer writes down what they found. Where something was
/// written meanwhile, it judges a few of them itself: what was found may be no longer so.
pub(crate) fn judge_some(store: &Store) -> Result<bool, ApiError> {
    let (programme, now) = store.on_writer(|_, desk| Ok((Arc::clone(&desk.programme), desk.now())))?;
    if !programme.judges() {
        return Ok(false);
    }
    let written = store.written();
    let units = store.read(|db| Ok(waiting(db, &programme, now)?))?;
    if units.is_empty() {
        return Ok(false);
    }
    let are_more = units.len() >= SOME as usize;
    let outcomes = judged(store, &programme, &units, now)?;
    store.write_after(written, move |tx, _, is_so| {
        if is_so {
            for (unit, outcome) in units.iter().zip(&outcomes) {
                replace(tx, &programme, *unit, now, outcome)?;
            }
            return Ok(are_more);
        }
        for unit in waiting(tx, &programme, now)?.into_iter().take(FEW) {
            judge(tx, &Around::new(tx, &programme, unit)?, now, None)?;
        }
        Ok(true)
    })
}

fn waiting(db: &Connection, programme: &Programme, now: Millis) -> rusqlite::Result<Vec<GroupId>> {
    db.prepare_cached(
        "SELECT grp FROM unit_row WHERE grp NOT IN (SELECT grp FROM judged WHERE day = ?1) LIMIT ?2",
    )?
    .query_map(params![programme.day(now).to_string(), SOME], |row| id(row, 0))?
    .collect()
}

/// What the rules find for these units, in their order.
fn judged(
    store: &Store,
    programme: &Programme,
    units: &[GroupId],
    now: Millis,
) -> Result<Vec<Outcome>, ApiError> {
    let some = |units: &[GroupId]| -> Result<Vec<Outcome>, ApiError> {
        store.read(|db| units.iter().map(|unit| fresh(db, programme, *unit, now)).collect())
    };
    let cores = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let mut parts = units.chunks(units.len().div_ceil(cores).max(1));
    let Some(own) = parts.next() else { return Ok(Vec::new()) };
    thread::scope(|scope| {
        let begin = |part| thread::Builder::new().spawn_scoped(scope, move || some(part)).map_err(|_| part);
        let others: Vec<_> = parts.map(begin).collect();
        let mut outcomes = some(own)?;
        for other in others {
            outcomes.extend(match other {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(ApiError::unexpected("panic")))?,
                // There was no thread for them.
                Err(part) => some(part)?,
            });
        }
        Ok(outcomes)
    })
}

/// Writes down what was found for a whole unit.
fn replace(
    tx: &Transaction<'_>,
    programme: &Programme,
    unit: GroupId,
    now: Millis,
    outcome: &Outcome,
) -> Result<(), ApiError> {
    tx.prepare_cached("DELETE FROM finding WHERE grp = ?1")?.execute([unit.0])?;
    keep(tx, unit, outcome)?;
    tx.prepare_cached("INSERT OR REPLACE INTO judged (grp, day) VALUES (?1, ?2)")?
        .execute(params![unit.0, programme.day(now).to_string()])?;
    Ok(())
}

/// Takes away what was found before for what was judged.
fn forget(tx: &Transaction<'_>, unit: GroupId, outcome: &Outcome) -> Result<(), ApiError> {
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
    Ok(())
}

/// Writes down what was found.
fn keep(tx: &Transaction<'_>, unit: GroupId, outcome: &Outcome) -> Result<(), ApiError> {
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
    let around = Around::new(db, programme, unit)?;
    programme.rules.unit(programme, &around, Asked { place: Place::Phone, now }, None)
}

impl Source for Around<'_> {
    type Error = ApiError;

    fn records(&self, form: &str, take: Take) -> Result<Views, ApiError> {
        Around::records(self, form, take)
    }

    fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, ApiError> {
        Around::record(self, record)
    }

    fn deadlines(&self) -> Result<Vec<Deadline>, ApiError> {
        Ok(Around::deadlines(self)?.to_vec())
    }

    /// Whose phone this is has all of their own days here; of nobody else.
    fn day(&self, form: &str, person: PersonId, day: Date) -> Result<Option<Views>, ApiError> {
        if self.me()? != Some(person) {
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
