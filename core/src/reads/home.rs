//! The first screen.

use alongside_domain::{deadline::DeadlineState, programme::Programme, sync::Status, time::Millis};
use jiff::{ToSpan, civil::Date};
use rusqlite::{Connection, Row, ToSql, types::ValueRef};

use super::words;
use crate::{
    app::SyncState,
    error::ApiError,
    store::{
        log,
        rows::{id, maybe_id},
        units::date,
    },
    views::{HomeView, LIST, NextDate, SyncChip, UnitLine},
};

/// Columns that [`line`] reads.
pub(crate) const LINE: &str = "SELECT u.grp, u.reference, u.name, u.status, u.stage, u.area, u.supporter,
    u.last_contact, u.next_due, u.next_rule, u.next_label, u.next_why, u.conflicts, u.touched,
    coalesce((SELECT waiting FROM outbox o WHERE o.grp = u.grp), 0),
    (SELECT count(*) FROM finding f WHERE f.grp = u.grp AND f.severity = 0),
    (SELECT count(*) FROM finding f WHERE f.grp = u.grp AND f.severity = 1 AND NOT f.explained)
    FROM unit_row u";

/// Reads a unit's line.
pub(crate) fn line(row: &Row<'_>, programme: &Programme, as_of: Date) -> rusqlite::Result<UnitLine> {
    let parts = &programme.parts;
    let label = |field: Option<&alongside_domain::programme::FieldRef>, code: Option<String>| {
        Some(words::code(programme, &field?.form, &field?.field, &code?))
    };
    let next = if row.get_ref(8)? == ValueRef::Null {
        None
    } else {
        let due = date(row, 8)?;
        let state = state(due, as_of);
        Some(NextDate { due, rule: row.get(9)?, label: row.get(10)?, why: row.get(11)?, state })
    };
    Ok(UnitLine {
        group: id(row, 0)?,
        reference: row.get(1)?,
        name: row.get(2)?,
        status: label(parts.status.as_ref(), row.get(3)?),
        stage: label(parts.stage.as_ref(), row.get(4)?),
        area: row.get(5)?,
        supporter: maybe_id(row, 6)?,
        last_contact: row.get::<_, Option<i64>>(7)?.map(Millis),
        next,
        conflicts: row.get(12)?,
        waiting: row.get(14)?,
        errors: row.get(15)?,
        queries: row.get(16)?,
        touched: Millis(row.get(13)?),
    })
}

/// State of an open date on a day (as [`alongside_domain::deadline::Deadline::state`]).
fn state(due: Date, as_of: Date) -> DeadlineState {
    match (due - as_of).get_days() {
        ..0 => DeadlineState::Overdue,
        0 => DeadlineState::DueToday,
        1..=7 => DeadlineState::Due7,
        _ => DeadlineState::Upcoming,
    }
}

/// The first screen. Its cost does not grow with the units on the phone: every list is an index range.
pub(crate) fn home(
    db: &Connection,
    programme: &Programme,
    as_of: Date,
    status: Option<Status>,
) -> Result<HomeView, ApiError> {
    let lines = |rest: &str, arguments: &[&dyn ToSql]| -> Result<Vec<UnitLine>, ApiError> {
        let mut statement = db.prepare_cached(&format!("{LINE} {rest} LIMIT {LIST}"))?;
        let rows = statement.query_map(arguments, |row| line(row, programme, as_of))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let day = as_of.to_string();
    let week = as_of.saturating_add(7.days()).to_string();
    let due = "ORDER BY u.next_due, u.grp";
    let person: Option<[u8; 16]> = db.query_row("SELECT person FROM sync_state", [], |row| row.get(0))?;
    let mine = if programme.parts.supporter.is_some() {
        lines("WHERE u.supporter = ?1 ORDER BY u.touched DESC", &[&person])?
    } else {
        lines("ORDER BY u.touched DESC", &[])?
    };
    Ok(HomeView {
        as_of,
        overdue: lines(&format!("WHERE u.next_due < ?1 {due}"), &[&day])?,
        today: lines(&format!("WHERE u.next_due = ?1 {due}"), &[&day])?,
        due_soon: lines(&format!("WHERE u.next_due > ?1 AND u.next_due <= ?2 {due}"), &[&day, &week])?,
        mine,
        units: db.query_row("SELECT count(*) FROM unit_row", [], |row| row.get(0))?,
        chip: chip(db, status)?,
    })
}

/// How sync stands.
pub(crate) fn chip(db: &Connection, status: Option<Status>) -> Result<SyncChip, ApiError> {
    let count = |query: &str| db.query_row(query, [], |row| row.get::<_, u32>(0));
    Ok(SyncChip {
        waiting: log::waiting(db)?,
        refused: count("SELECT count(*) FROM refused WHERE shown")?
            + count("SELECT count(*) FROM grp WHERE refused IS NOT NULL")?,
        quarantined: count("SELECT count(*) FROM quarantine")?,
        in_review: count("SELECT count(*) FROM review WHERE decided_at IS NULL")?,
        erased: count("SELECT count(*) FROM erased WHERE held AND NOT seen")?,
        status: status.map(SyncState::from),
    })
}
