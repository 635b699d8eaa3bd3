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
    views::{HomeView, LIST, NextDate, SyncChip, UnitLine, UnitList, UnitMark, UnitsView},
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
    let first = |list| Ok::<_, ApiError>(units(db, programme, as_of, list, LIST, None)?.lines);
    let mine = if programme.parts.supporter.is_some() { UnitList::Mine } else { UnitList::All };
    Ok(HomeView {
        as_of,
        overdue: first(UnitList::Overdue)?,
        today: first(UnitList::Today)?,
        due_soon: first(UnitList::DueSoon)?,
        mine: first(mine)?,
        units: db.query_row("SELECT count(*) FROM unit_row", [], |row| row.get(0))?,
        chip: chip(db, status)?,
    })
}

/// A piece of a list of units: an index range.
pub(crate) fn units(
    db: &Connection,
    programme: &Programme,
    as_of: Date,
    list: UnitList,
    limit: u32,
    after: Option<UnitMark>,
) -> Result<UnitsView, ApiError> {
    let day = as_of.to_string();
    let week = as_of.saturating_add(7.days()).to_string();
    let person: Option<[u8; 16]> = db.query_row("SELECT person FROM sync_state", [], |row| row.get(0))?;
    let (range, arguments): (&str, Vec<&dyn ToSql>) = match list {
        UnitList::Overdue => ("u.next_due < ?4", vec![&day]),
        UnitList::Today => ("u.next_due = ?4", vec![&day]),
        UnitList::DueSoon => ("u.next_due > ?4 AND u.next_due <= ?5", vec![&day, &week]),
        UnitList::Mine => ("u.supporter = ?4", vec![&person]),
        UnitList::All => ("true", vec![]),
    };
    let by_date = matches!(list, UnitList::Overdue | UnitList::Today | UnitList::DueSoon);
    let order = if by_date {
        "(u.next_due, u.grp) > (?1, ?2) ORDER BY u.next_due, u.grp"
    } else {
        "(u.touched, u.grp) < (?1, ?2) ORDER BY u.touched DESC, u.grp DESC"
    };
    let (place, group): (Box<dyn ToSql>, [u8; 16]) = match after {
        Some(UnitMark { due, group, .. }) if by_date => {
            (Box::new(due.map(|due| due.to_string()).unwrap_or_default()), group.0)
        }
        Some(UnitMark { touched, group, .. }) => (Box::new(touched.0), group.0),
        None if by_date => (Box::new(""), [0; 16]),
        None => (Box::new(i64::MAX), [255; 16]),
    };
    let more = limit.saturating_add(1);
    let mut all: Vec<&dyn ToSql> = vec![&place, &group, &more];
    all.extend(arguments);
    let mut statement = db.prepare_cached(&format!("{LINE} WHERE {range} AND {order} LIMIT ?3"))?;
    let mut lines: Vec<UnitLine> =
        statement.query_map(&all[..], |row| line(row, programme, as_of))?.collect::<Result<_, _>>()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_more = lines.len() > limit;
    lines.truncate(limit);
    let after = lines.last().filter(|_| is_more).map(|line| UnitMark {
        due: line.next.as_ref().map(|next| next.due),
        touched: line.touched,
        group: line.group,
    });
    Ok(UnitsView { lines, after })
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
