//! The line of a unit (a case): what the lists show of it, and its dates.

use std::collections::BTreeMap;

use alongside_domain::{
    deadline::{self, Deadline, Facts},
    ids::{GroupId, PersonId},
    programme::{FieldRef, Programme},
    record::RecordView,
    rules::Touched,
    time::Millis,
    value::Value,
};
use jiff::civil::Date;
use rusqlite::{Connection, Row, Transaction, params, types::Type};

use super::{
    beside, findings, groups, projection,
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
        refresh(tx, programme, unit, changed.map(|changed| changed.form))?;
        if is_part {
            continue;
        }
        findings::judge(tx, programme, unit, now, changed.as_ref().map(std::slice::from_ref))?;
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
pub(crate) fn refresh(
    tx: &Transaction<'_>,
    programme: &Programme,
    unit: GroupId,
    form: Option<&str>,
) -> Result<(), ApiError> {
    let parts = &programme.parts;
    if form.is_none_or(|form| parts.clock_forms().any(|read| read == form)) {
        set_deadlines(tx, unit, &deadline::deadlines(&programme.deadlines, &facts(tx, programme, unit)?))?;
    }
    let mut around = Around::new(tx, programme, unit)?;
    let dates = deadlines(tx, unit)?;
    let status = around.text(parts.status.as_ref())?;
    let next = parts.next_date(status.as_deref(), &dates);
    let supporter = around.text(parts.supporter.as_ref())?.and_then(|text| text.parse::<PersonId>().ok());
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
        around.text(Some(&parts.reference))?,
        around.name(&parts.subject_name)?,
        status,
        around.text(parts.stage.as_ref())?,
        around.text(parts.area.as_ref())?,
        supporter.map(|person| person.0),
        last_contact,
        next.map(|next| next.due.to_string()),
        next.map(|next| next.rule.as_str()),
        next.map(|next| next.label.as_str()),
        next.map(|next| next.why.as_str()),
        around.conflicts()?,
        touched(tx, unit)?,
    ])?;
    Ok(())
}

/// The records around a unit: its own and those of the groups it is linked to, each form read once.
struct Around<'a> {
    db: &'a Connection,
    programme: &'a Programme,
    /// The nearest first, each with its kind.
    groups: Vec<(GroupId, String)>,
    /// What was read of each form, and how many of the groups were looked at.
    read: BTreeMap<String, (Vec<RecordView>, usize)>,
}

impl<'a> Around<'a> {
    fn new(db: &'a Connection, programme: &'a Programme, unit: GroupId) -> Result<Self, ApiError> {
        let mut groups = Vec::new();
        for group in std::iter::once(unit).chain(groups::linked(db, unit)?) {
            groups.push((group, groups::kind(db, group)?.unwrap_or_default()));
        }
        Ok(Self { db, programme, groups, read: BTreeMap::new() })
    }

    /// The value of this field in the first record that has one: in the unit's own group, or in the nearest.
    /// Two groups that were found to be one stand one behind the other.
    fn value(&mut self, field: &FieldRef) -> Result<Option<Value>, ApiError> {
        let programme = self.programme;
        let lives_in = programme.record_kind(&field.form).map(|kind| kind.group.as_str());
        let (views, looked) = self.read.entry(field.form.clone()).or_default();
        loop {
            if let Some(value) = views.iter().find_map(|view| view.value(&field.field)) {
                return Ok(Some(value.clone()));
            }
            let Some((group, kind)) = self.groups.get(*looked) else { return Ok(None) };
            *looked += 1;
            if lives_in.is_none_or(|lives_in| lives_in == kind) {
                views.extend(projection::first_of(self.db, *group, &field.form)?);
            }
        }
    }

    fn text(&mut self, field: Option<&FieldRef>) -> Result<Option<String>, ApiError> {
        let Some(field) = field else { return Ok(None) };
        let value = self.value(field)?;
        Ok(value.map(|value| match value {
            Value::Text(text) => text,
            other => crate::reads::words::plain(self.programme, &other),
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
        for (group, kind) in &self.groups {
            groups.push(*group);
            for restricted in self.programme.restricted_beside(kind) {
                groups.extend(beside::groups(self.db, *group, restricted)?);
            }
        }
        let mut sum = 0;
        for group in &groups {
            sum += self
                .db
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
fn facts(db: &Connection, programme: &Programme, unit: GroupId) -> Result<Facts, ApiError> {
    let mut groups = vec![unit];
    groups.extend(groups::linked(db, unit)?);
    let mut views = Vec::new();
    for form in programme.parts.clock_forms() {
        let Some(kind) = programme.record_kind(form) else { continue };
        for group in &groups {
            if groups::kind(db, *group)?.as_deref() == Some(&kind.group) {
                views.extend(projection::views_of(db, *group, form)?);
            }
        }
    }
    Ok(Facts::read(programme, &views))
}

fn set_deadlines(tx: &Transaction<'_>, unit: GroupId, deadlines: &[Deadline]) -> Result<(), ApiError> {
    tx.prepare_cached("DELETE FROM deadline WHERE grp = ?1")?.execute([unit.0])?;
    for (place, deadline) in deadlines.iter().enumerate() {
        tx.prepare_cached("INSERT INTO deadline (grp, place, body) VALUES (?1, ?2, ?3)")?
            .execute(params![unit.0, u32::try_from(place).unwrap_or(u32::MAX), to_cbor(deadline)])?;
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
