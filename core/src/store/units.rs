//! The line of a unit (a case): what the lists show of it, and its dates.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    deadline::{self, Deadline, Facts},
    ids::{GroupId, PersonId},
    programme::{FieldRef, Programme},
    rules::{Take, Touched, Views},
    time::Millis,
    value::Value,
};
use jiff::civil::Date;
use rusqlite::{Connection, Row, Transaction, params, types::Type};

use super::{
    around::Around,
    beside, findings, groups,
    rows::{cbor, to_cbor},
};
use crate::error::ApiError;

/// Brings the lines of every unit that this group touches up to date, and has them judged by the rules.
/// `changed` is the record that changed; `None` stands for any.
pub(crate) fn touch(
    tx: &Transaction<'_>,
    programme: &Programme,
    group: GroupId,
    now: Millis,
    changed: Option<Touched<'_>>,
) -> Result<(), ApiError> {
    // A restricted part is no record of its form: its own answers alone are not judged.
    let is_part = groups::kind(tx, group)?.is_some_and(|kind| programme.is_restricted(&kind));
    for unit in shown_by(tx, programme, group)? {
        let around = Around::new(tx, programme, unit)?;
        refresh(tx, &around, changed.map(|changed| changed.form))?;
        if is_part {
            continue;
        }
        findings::judge(tx, &around, now, changed.as_ref().map(std::slice::from_ref))?;
    }
    Ok(())
}

/// The units whose line tells of this group: those linked to it; of a restricted one, those linked to what it
/// stands beside.
pub(crate) fn shown_by(
    db: &Connection,
    programme: &Programme,
    group: GroupId,
) -> rusqlite::Result<Vec<GroupId>> {
    let unit = &programme.parts.unit;
    let is_restricted = groups::kind(db, group)?.is_some_and(|kind| programme.is_restricted(&kind));
    if !is_restricted {
        return groups::units_of(db, unit, group);
    }
    let mut units = Vec::new();
    for beside in groups::parents(db, group)? {
        units.extend(groups::units_of(db, unit, beside)?);
    }
    Ok(units)
}

/// Brings one unit's line up to date. The dates are computed again only where a record changed
/// that the clock reads.
pub(crate) fn refresh(tx: &Transaction<'_>, around: &Around<'_>, form: Option<&str>) -> Result<(), ApiError> {
    let (programme, unit) = (around.programme, around.unit);
    let parts = &programme.parts;
    if form.is_none_or(|form| parts.clock_forms().any(|read| read == form)) {
        let deadlines = deadline::deadlines(&programme.deadlines, &facts(around)?);
        set_deadlines(tx, unit, &deadlines)?;
        around.set_deadlines(deadlines);
    }
    let mut line = Line { around, read: BTreeMap::new() };
    let dates = around.deadlines()?;
    let status = line.text(parts.status.as_ref())?;
    let next = parts.next_date(status.as_deref(), &dates);
    let supporter = line.text(parts.supporter.as_ref())?.and_then(|text| text.parse::<PersonId>().ok());
    let last_contact = match &parts.contact_at {
        Some(contact) => latest(tx, unit, &contact.form)?,
        None => None,
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO unit_row (grp, reference, name, status, stage, area, supporter, last_contact,
             next_due, next_rule, next_label, next_why, conflicts, touched)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        unit.0,
        line.text(Some(&parts.reference))?,
        line.name(&parts.subject_name)?,
        status,
        line.text(parts.stage.as_ref())?,
        line.text(parts.area.as_ref())?,
        supporter.map(|person| person.0),
        last_contact,
        next.map(|next| next.due.to_string()),
        next.map(|next| next.rule.as_str()),
        next.map(|next| next.label.as_str()),
        next.map(|next| next.why.as_str()),
        line.conflicts()?,
        touched(tx, unit)?,
    ])?;
    Ok(())
}

/// What the line of a unit says, from the records around it: each form is read once.
struct Line<'l, 'a> {
    around: &'l Around<'a>,
    /// What was read of each form, and how many of the groups were looked at.
    read: BTreeMap<String, (Views, usize)>,
}

impl Line<'_, '_> {
    /// The value of this field in the first record that has one: in the unit's own group, or in the nearest.
    /// Two groups that were found to be one stand one behind the other.
    fn value(&mut self, field: &FieldRef) -> Result<Option<Value>, ApiError> {
        let around = self.around;
        let lives_in = around.programme.record_kind(&field.form).map(|kind| kind.group.as_str());
        let (views, looked) = self.read.entry(field.form.clone()).or_default();
        loop {
            if let Some(value) = views.iter().find_map(|view| view.value(&field.field)) {
                return Ok(Some(value.clone()));
            }
            let Some((group, kind)) = around.groups.get(*looked) else { return Ok(None) };
            *looked += 1;
            if lives_in.is_none_or(|lives_in| lives_in == kind) {
                views.extend(around.first(*group, &field.form)?);
            }
        }
    }

    fn text(&mut self, field: Option<&FieldRef>) -> Result<Option<String>, ApiError> {
        let Some(field) = field else { return Ok(None) };
        let value = self.value(field)?;
        Ok(value.map(|value| match value {
            Value::Text(text) => text,
            other => crate::reads::words::plain(self.around.programme, &other),
        }))
    }

    /// The name to call the person by, then what else the programme lists, without repeating a word.
    fn name(&mut self, fields: &[FieldRef]) -> Result<Option<String>, ApiError> {
        let mut words: Vec<String> = Vec::new();
        for field in fields {
            if let Some(text) = self.text(Some(field))?
                && !words.contains(&text)
            {
                words.push(text);
            }
        }
        Ok((!words.is_empty()).then(|| words.join(" ")))
    }

    fn conflicts(&self) -> Result<i64, ApiError> {
        // What was written in confidence beside these counts where it is on this phone.
        let mut groups: Vec<GroupId> = Vec::new();
        let Around { db, programme, .. } = self.around;
        for (group, kind) in &self.around.groups {
            groups.push(*group);
            for restricted in programme.restricted_beside(kind) {
                groups.extend(beside::groups(db, *group, restricted)?);
            }
        }
        let mut sum = 0;
        for group in &groups {
            sum += db
                .prepare_cached(
                    "SELECT coalesce(sum(to_decide), 0) FROM record_row WHERE grp = ?1 AND to_decide > 0",
                )?
                .query_row([group.0], |row| row.get::<_, i64>(0))?;
        }
        Ok(sum)
    }
}

fn latest(db: &Connection, unit: GroupId, form: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT max(at) FROM record_row WHERE grp = ?1 AND form = ?2")?
        .query_row(params![unit.0, form], |row| row.get(0))
}

fn touched(db: &Connection, unit: GroupId) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "SELECT coalesce((SELECT max(touched) FROM record_row WHERE grp = ?1),
                         (SELECT opened_at FROM grp WHERE grp = ?1), 0)",
    )?
    .query_row([unit.0], |row| row.get(0))
}

/// What the records of a unit, and of the groups it is linked to, tell the clock.
fn facts(around: &Around<'_>) -> Result<Facts, ApiError> {
    let mut views = Vec::new();
    for form in around.programme.parts.clock_forms() {
        views.extend(around.records(form, Take::All)?);
    }
    Ok(Facts::read(around.programme, views.iter().map(Arc::as_ref)))
}

/// Writes down the dates of a unit, where they are others than before.
fn set_deadlines(tx: &Transaction<'_>, unit: GroupId, deadlines: &[Deadline]) -> Result<(), ApiError> {
    let bodies: Vec<Vec<u8>> = deadlines.iter().map(to_cbor).collect();
    let before: Vec<Vec<u8>> = tx
        .prepare_cached("SELECT body FROM deadline WHERE grp = ?1 ORDER BY place")?
        .query_map([unit.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if before == bodies {
        return Ok(());
    }
    if !before.is_empty() {
        tx.prepare_cached("DELETE FROM deadline WHERE grp = ?1")?.execute([unit.0])?;
    }
    for (place, body) in bodies.into_iter().enumerate() {
        tx.prepare_cached("INSERT INTO deadline (grp, place, body) VALUES (?1, ?2, ?3)")?
            .execute(params![unit.0, u32::try_from(place).unwrap_or(u32::MAX), body])?;
    }
    Ok(())
}

/// The dates of a unit, in order of date.
pub(crate) fn deadlines(db: &Connection, unit: GroupId) -> rusqlite::Result<Vec<Deadline>> {
    db.prepare_cached("SELECT body FROM deadline WHERE grp = ?1 ORDER BY place")?
        .query_map([unit.0], |row| cbor(row, 0))?
        .collect()
}

/// Reads a date.
pub(crate) fn date(row: &Row<'_>, column: usize) -> rusqlite::Result<Date> {
    row.get::<_, String>(column)?
        .parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
