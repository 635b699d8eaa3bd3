//! What the page of one unit shows: its records, its disagreements, its history.

use std::collections::BTreeMap;

use alongside_domain::{
    deadline::{self, Deadline},
    ids::{ChangeHash, GroupId, PartnerId, PersonId, RecordId},
    programme::{Programme, split},
    record::{RecordView, history::HistoryEntry, moved},
    time::Millis,
};
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use super::{
    ReadModelError,
    list::{COLUMNS, UnitLine, unit_line},
    number, signed, unit,
};

/// The line of a unit; `None` where there is no such unit.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn unit(connection: &Connection, group: GroupId) -> Result<Option<UnitLine>, ReadModelError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM unit_row WHERE \"group\" = ?1"))?
        .query_row([&group.0[..]], unit_line)
        .optional()?)
}

/// Whether the group is granted to the person.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn is_granted(connection: &Connection, person: PersonId, group: GroupId) -> Result<bool, ReadModelError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM access WHERE person = ?1 AND \"group\" = ?2")?
        .exists(params![person.0, group.0])?)
}

/// The areas in which units are granted to the person.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn granted_areas(
    connection: &Connection,
    person: PersonId,
    partner: PartnerId,
) -> Result<Vec<String>, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT area FROM unit_row WHERE \"group\" IN (SELECT \"group\" FROM access WHERE person = ?1)
         AND partner = ?2 AND area <> '' ORDER BY area",
    )?;
    let areas =
        statement.query_map(params![person.0, partner.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(areas)
}

/// The unit's own group and those it is linked to, by kind.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn groups(
    connection: &Connection,
    group: GroupId,
) -> Result<BTreeMap<String, Vec<GroupId>>, ReadModelError> {
    Ok(unit::scope(connection, group)?)
}

/// The restricted groups beside these that are granted to the person by name, with their kinds, by the group
/// that they stand beside.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn restricted(
    connection: &Connection,
    programme: &Programme,
    groups: &BTreeMap<String, Vec<GroupId>>,
    person: PersonId,
) -> Result<BTreeMap<GroupId, Vec<(GroupId, String)>>, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT child FROM parent JOIN group_row ON group_row.\"group\" = child
         JOIN access ON access.\"group\" = child AND access.person = ?3
         WHERE parent = ?1 AND kind = ?2 ORDER BY child",
    )?;
    let mut found: BTreeMap<GroupId, Vec<(GroupId, String)>> = BTreeMap::new();
    for (kind, groups) in groups {
        for restricted in programme.restricted_beside(kind) {
            for group in groups {
                let rows = statement
                    .query_map(params![group.0, restricted, person.0], |row| row.get(0).map(GroupId))?;
                for beside in rows {
                    found.entry(*group).or_default().push((beside?, restricted.to_owned()));
                }
            }
        }
    }
    Ok(found)
}

/// The parts of a record in the restricted groups beside its own.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn parts(
    connection: &Connection,
    programme: &Programme,
    restricted: &BTreeMap<GroupId, Vec<(GroupId, String)>>,
    view: &RecordView,
) -> Result<Vec<RecordView>, ReadModelError> {
    let kind = programme.records.get(&view.root.form).and_then(|kind| kind.restricted.as_ref());
    let mut parts = Vec::new();
    for (group, of) in restricted.get(&view.root.group).into_iter().flatten() {
        if Some(of) == kind {
            parts.extend(record(connection, split::part_of(view.root.id, *group))?.map(|part| part.view));
        }
    }
    Ok(parts)
}

/// The record that this one, in a restricted group, is a part of.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn record_of_part(
    connection: &Connection,
    beside: GroupId,
    part: &RecordView,
) -> Result<Option<StoredRecord>, ReadModelError> {
    let mut statement = connection
        .prepare_cached("SELECT record FROM record_row WHERE \"group\" = ?1 AND form IN (?2, ?3)")?;
    let closed = format!("{}{}", moved::LOOKED_UP_WITH, part.root.form);
    let mut rows = statement.query(params![beside.0, part.root.form, closed])?;
    while let Some(row) = rows.next()? {
        let of = RecordId(row.get(0)?);
        if split::part_of(of, part.root.group) == part.root.id {
            return record(connection, of);
        }
    }
    Ok(None)
}

/// Names of the people of a partner.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn people(
    connection: &Connection,
    partner: PartnerId,
) -> Result<BTreeMap<PersonId, String>, ReadModelError> {
    let mut statement = connection.prepare_cached("SELECT person, name FROM person WHERE partner = ?1")?;
    let people = statement
        .query_map([&partner.0[..]], |row| Ok((PersonId(row.get(0)?), row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(people)
}

/// How many records of each form a group holds, and how many of them have a place in time.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn form_counts(
    connection: &Connection,
    group: GroupId,
) -> Result<BTreeMap<String, (u64, u64)>, ReadModelError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT form, COUNT(*), COUNT(at) FROM record_row WHERE \"group\" = ?1 AND form NOT GLOB '{}*' GROUP BY form",
        moved::LOOKED_UP_WITH
    ))?;
    let counts = statement
        .query_map([&group.0[..]], |row| Ok((row.get(0)?, (number(row, 1)?, number(row, 2)?))))?
        .collect::<Result<_, _>>()?;
    Ok(counts)
}

/// A record as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its place in time.
    pub at: Option<Millis>,
    /// The record.
    pub view: RecordView,
}

const RECORD: &str = "at, body";

fn records(
    statement: &mut rusqlite::Statement<'_>,
    parameters: &[(&str, &dyn rusqlite::ToSql)],
) -> Result<Vec<StoredRecord>, ReadModelError> {
    let mut rows = statement.query(parameters)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(stored(row)?);
    }
    Ok(records)
}

fn stored(row: &Row<'_>) -> Result<StoredRecord, ReadModelError> {
    Ok(StoredRecord {
        at: row.get::<_, Option<i64>>(0)?.map(Millis),
        view: serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?,
    })
}

/// A record; `None` where the read model has no such record.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn record(connection: &Connection, record: RecordId) -> Result<Option<StoredRecord>, ReadModelError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {RECORD} FROM record_row WHERE record = :record"))?;
    Ok(records(&mut statement, named_params! { ":record": &record.0[..] })?.pop())
}

/// The records of a form in a group, the latest first, at most `limit`; those that the timeline of their
/// group shows only where `all` are asked for.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn records_of_form(
    connection: &Connection,
    group: GroupId,
    form: &str,
    limit: u32,
    all: bool,
) -> Result<Vec<StoredRecord>, ReadModelError> {
    let which = if all { "" } else { "AND timeline = 0" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RECORD} FROM record_row WHERE \"group\" = :group AND form = :form {which}
         ORDER BY at DESC, record DESC LIMIT :limit"
    ))?;
    records(&mut statement, named_params! { ":group": &group.0[..], ":form": form, ":limit": limit })
}

/// The records of a form in a group, at most `limit`, in no order that matters.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn some_of_form(
    connection: &Connection,
    group: GroupId,
    form: &str,
    limit: u32,
) -> Result<Vec<StoredRecord>, ReadModelError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RECORD} FROM record_row WHERE \"group\" = :group AND form = :form ORDER BY at, record LIMIT :limit"
    ))?;
    records(&mut statement, named_params! { ":group": &group.0[..], ":form": form, ":limit": limit })
}

/// The records in which people disagree.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn disputed(connection: &Connection, group: GroupId) -> Result<Vec<StoredRecord>, ReadModelError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {RECORD} FROM record_row WHERE \"group\" = :group AND shown + decisions > 0
         ORDER BY decisions DESC, form, record"
    ))?;
    records(&mut statement, named_params! { ":group": &group.0[..] })
}

/// The records of a group that have a place in time, the latest first; of one form or of all.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn timeline(
    connection: &Connection,
    group: GroupId,
    form: Option<&str>,
    (limit, offset): (u32, u64),
) -> Result<Vec<StoredRecord>, ReadModelError> {
    let (group, offset) = (&group.0[..], signed(offset));
    match form {
        Some(form) => records(
            &mut *connection.prepare_cached(&format!(
                "SELECT {RECORD} FROM record_row WHERE \"group\" = :group AND form = :form AND at IS NOT NULL
                 ORDER BY at DESC, record DESC LIMIT :limit OFFSET :offset"
            ))?,
            named_params! { ":group": group, ":form": form, ":limit": limit, ":offset": offset },
        ),
        None => records(
            &mut *connection.prepare_cached(&format!(
                "SELECT {RECORD} FROM record_row WHERE \"group\" = :group AND timeline = 1
                 ORDER BY at DESC, record DESC LIMIT :limit OFFSET :offset"
            ))?,
            named_params! { ":group": group, ":limit": limit, ":offset": offset },
        ),
    }
}

/// How many records of a group have a place in time; of one form or of all.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn timeline_count(
    connection: &Connection,
    group: GroupId,
    form: Option<&str>,
) -> Result<u64, ReadModelError> {
    Ok(match form {
        Some(form) => connection
            .prepare_cached(
                "SELECT COUNT(*) FROM record_row WHERE \"group\" = ?1 AND form = ?2 AND at IS NOT NULL",
            )?
            .query_row(params![group.0, form], |row| number(row, 0))?,
        None => connection
            .prepare_cached("SELECT COUNT(*) FROM record_row WHERE \"group\" = ?1 AND timeline = 1")?
            .query_row([&group.0[..]], |row| number(row, 0))?,
    })
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record as it stands now.
    pub view: RecordView,
    /// What changed.
    pub entry: HistoryEntry,
}

/// The changes of a record, the latest first.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn history(
    connection: &Connection,
    record: RecordId,
    limit: u32,
) -> Result<Vec<HistoryEntry>, ReadModelError> {
    let mut statement = connection
        .prepare_cached("SELECT entry FROM change_row WHERE record = ?1 ORDER BY at DESC, hash LIMIT ?2")?;
    let mut rows = statement.query(params![record.0, limit])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?);
    }
    Ok(entries)
}

/// The latest changes in a group.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn latest_changes(
    connection: &Connection,
    group: GroupId,
    limit: u32,
) -> Result<Vec<Change>, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT body, entry FROM change_row
         JOIN record_row ON record_row.record = change_row.record
         WHERE change_row.\"group\" = ?1 ORDER BY change_row.at DESC, change_row.record DESC, hash DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![group.0, limit])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(Change {
            view: serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?,
            entry: serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?,
        });
    }
    Ok(changes)
}

/// Every deadline of a unit, in order of date.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn deadlines(
    connection: &Connection,
    programme: &Programme,
    groups: &BTreeMap<String, Vec<GroupId>>,
) -> Result<Vec<Deadline>, ReadModelError> {
    Ok(deadline::deadlines(&programme.deadlines, &unit::facts(connection, programme, groups)?))
}

/// Another person supported in the same family: what the page tells of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// Their group.
    pub group: GroupId,
    /// The name they are known by; no other.
    pub known_as: String,
    /// Their birth date: only the age is shown.
    pub birth: Option<Date>,
}

/// The others of the same kind as the person supported who share a linked group with them
/// (brothers and sisters).
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn relatives(
    connection: &Connection,
    programme: &Programme,
    groups: &BTreeMap<String, Vec<GroupId>>,
) -> Result<Vec<Relative>, ReadModelError> {
    let Some(name) = programme.parts.subject_name.first() else { return Ok(Vec::new()) };
    let Some(kind) = programme.records.get(&name.form).map(|kind| kind.group.as_str()) else {
        return Ok(Vec::new());
    };
    let Some(own) = groups.get(kind).filter(|_| kind != programme.parts.unit) else { return Ok(Vec::new()) };
    let mut others: Vec<GroupId> = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT other.child FROM parent AS mine JOIN parent AS other ON other.parent = mine.parent
         JOIN group_row ON group_row.\"group\" = other.child
         WHERE mine.child = ?1 AND group_row.kind = ?2 ORDER BY other.child",
    )?;
    for group in own {
        let mut rows = statement.query(params![group.0, kind])?;
        while let Some(row) = rows.next()? {
            let other = GroupId(row.get(0)?);
            if !own.contains(&other) && !others.contains(&other) {
                others.push(other);
            }
        }
    }
    let mut relatives = Vec::new();
    for group in others {
        let scope = BTreeMap::from([(kind.to_owned(), vec![group])]);
        let mut read = unit::PartReader::new(connection, programme, scope);
        let known_as = read.value(name)?.and_then(|value| value.as_text().map(str::to_owned));
        let birth = match &programme.parts.subject_birth {
            Some(field) => read.value(field)?.and_then(|value| value.as_date()),
            None => None,
        };
        relatives.push(Relative { group, known_as: known_as.unwrap_or_default(), birth });
    }
    Ok(relatives)
}

/// What is kept of one change; `None` where the read model has no such change.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn change(connection: &Connection, hash: ChangeHash) -> Result<Option<HistoryEntry>, ReadModelError> {
    let entry: Option<String> = connection
        .prepare_cached("SELECT entry FROM change_row WHERE hash = ?1")?
        .query_row([&hash.0[..]], |row| row.get(0))
        .optional()?;
    Ok(match entry {
        Some(entry) => Some(serde_json::from_str(&entry)?),
        None => None,
    })
}

/// How many records of a group could not be read.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn unreadable(connection: &Connection, group: GroupId) -> Result<u64, ReadModelError> {
    Ok(connection
        .prepare_cached("SELECT COUNT(*) FROM unreadable WHERE \"group\" = ?1")?
        .query_row([&group.0[..]], |row| number(row, 0))?)
}
