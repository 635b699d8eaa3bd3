//! Groups, who may see them, and people.

use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::rows::id;
use crate::error::ApiError;

/// Writes down a group, as opened here or as the server tells.
pub(crate) fn set(
    tx: &Transaction<'_>,
    group: GroupId,
    kind: &str,
    parents: &[GroupId],
    at: Millis,
    opened_here: bool,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO grp (grp, kind, opened_here, opened_at, acknowledged) VALUES (?1, ?2, ?3, ?4, NOT ?3)
         ON CONFLICT (grp) DO UPDATE SET kind = excluded.kind, acknowledged = 1, refused = NULL",
    )?
    .execute(params![group.0, kind, opened_here, at.0])?;
    tx.prepare_cached("DELETE FROM grp_parent WHERE grp = ?1")?.execute([group.0])?;
    for (place, parent) in parents.iter().enumerate() {
        tx.prepare_cached("INSERT INTO grp_parent (grp, place, parent) VALUES (?1, ?2, ?3)")?
            .execute(params![group.0, u32::try_from(place).unwrap_or(u32::MAX), parent.0])?;
    }
    Ok(())
}

/// The kind of a group.
pub(crate) fn kind(db: &Connection, group: GroupId) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT kind FROM grp WHERE grp = ?1")?
        .query_row([group.0], |row| row.get(0))
        .optional()
}

/// The groups that this one was linked to when it was opened, in that order.
pub(crate) fn parents(db: &Connection, group: GroupId) -> rusqlite::Result<Vec<GroupId>> {
    db.prepare_cached("SELECT parent FROM grp_parent WHERE grp = ?1 ORDER BY place")?
        .query_map([group.0], |row| id(row, 0))?
        .collect()
}

/// The groups that this one is linked to, nearest first.
pub(crate) fn linked(db: &Connection, group: GroupId) -> rusqlite::Result<Vec<GroupId>> {
    db.prepare_cached(
        "WITH RECURSIVE up (grp, distance, place) AS (
             SELECT parent, 1, place FROM grp_parent WHERE grp = ?1
             UNION
             SELECT p.parent, distance + 1, p.place FROM grp_parent p JOIN up ON p.grp = up.grp
             WHERE distance < 8)
         SELECT grp FROM up GROUP BY grp ORDER BY min(distance), min(place), grp",
    )?
    .query_map([group.0], |row| id(row, 0))?
    .collect()
}

/// The groups of this kind that are linked to this one, itself included.
pub(crate) fn units_of(db: &Connection, kind: &str, group: GroupId) -> rusqlite::Result<Vec<GroupId>> {
    db.prepare_cached(
        "WITH RECURSIVE down (grp, distance) AS (
             VALUES (?1, 0)
             UNION
             SELECT p.grp, distance + 1 FROM grp_parent p JOIN down ON p.parent = down.grp WHERE distance < 8)
         SELECT DISTINCT down.grp FROM down JOIN grp ON grp.grp = down.grp WHERE kind = ?2",
    )?
    .query_map(params![group.0, kind], |row| id(row, 0))?
    .collect()
}

/// Writes down a person.
pub(crate) fn set_person(
    tx: &Transaction<'_>,
    person: PersonId,
    name: &str,
    role: &str,
    partner: PartnerId,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO person (person, name, role, partner) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (person) DO UPDATE SET name = excluded.name, role = excluded.role,
                                            partner = excluded.partner",
    )?
    .execute(params![person.0, name, role, partner.0])?;
    Ok(())
}

/// Work name of a person.
pub(crate) fn name(db: &Connection, person: PersonId) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT name FROM person WHERE person = ?1")?
        .query_row([person.0], |row| row.get(0))
        .optional()
}

/// Erases a group and everything of it from this phone. What it wrote down of it beside the log goes too.
pub(crate) fn erase(tx: &Transaction<'_>, group: GroupId) -> Result<(), ApiError> {
    let of = "SELECT record FROM document WHERE grp = ?1";
    tx.execute(&format!("DELETE FROM change WHERE record IN ({of})"), [group.0])?;
    tx.execute("DELETE FROM search WHERE rowid IN (SELECT id FROM record_row WHERE grp = ?1)", [group.0])?;
    for table in [
        "record_row",
        "deadline",
        "unit_row",
        "refused",
        "quarantine",
        "draft",
        "saved",
        "document",
        "outbox",
        "access",
        "grp_parent",
        "grp",
    ] {
        tx.execute(&format!("DELETE FROM {table} WHERE grp = ?1"), [group.0])?;
    }
    Ok(())
}
