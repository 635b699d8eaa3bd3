//! Groups, who may see them, and people.

use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId},
    programme::split,
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{rows::id, state};
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
         ON CONFLICT (grp) DO UPDATE SET kind = excluded.kind, acknowledged = 1, refused = NULL,
                                         in_review = NULL",
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
         SELECT grp FROM up GROUP BY grp ORDER BY min(distance * 65536 + place), grp",
    )?
    .query_map([group.0], |row| id(row, 0))?
    .collect()
}

/// This group and those that it is linked to, nearest first, each with its kind.
pub(crate) fn around(db: &Connection, group: GroupId) -> rusqlite::Result<Vec<(GroupId, String)>> {
    db.prepare_cached(
        "WITH RECURSIVE up (grp, distance, place) AS (
             VALUES (?1, 0, 0)
             UNION
             SELECT p.parent, distance + 1, p.place FROM grp_parent p JOIN up ON p.grp = up.grp
             WHERE distance < 8)
         SELECT up.grp, coalesce(grp.kind, '') FROM up LEFT JOIN grp ON grp.grp = up.grp
         GROUP BY up.grp ORDER BY min(distance * 65536 + up.place), up.grp",
    )?
    .query_map([group.0], |row| Ok((id(row, 0)?, row.get(1)?)))?
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

/// Takes a group off this phone, because access to it ended. Its unfinished drafts are set apart: they are
/// the person's own words, and nobody else has them. What waits for a coordinator stays listed.
pub(crate) fn take_off(tx: &Transaction<'_>, group: GroupId) -> Result<(), ApiError> {
    tx.execute("UPDATE draft SET apart = 1 WHERE grp = ?1", [group.0])?;
    clear(tx, group)
}

/// Erases a group for good, with everything that this phone wrote down beside it, and leaves a mark, so
/// that nothing of it comes back. A reason that is known already stays.
pub(crate) fn erase(
    tx: &Transaction<'_>,
    group: GroupId,
    at: Millis,
    reason: Option<&str>,
) -> Result<(), ApiError> {
    // What the person wrote in confidence beside it goes too: the server may never have heard of it.
    let own = split::restricted_group(group, state::identity(tx)?.person);
    if kind(tx, own)?.is_some() {
        erase(tx, own, at, reason)?;
    }
    let count = |query: &str| tx.query_row(query, [group.0], |row| row.get::<_, u32>(0));
    let unsent = count("SELECT coalesce(sum(waiting), 0) FROM outbox WHERE grp = ?1")?;
    let drafts = count("SELECT count(*) FROM draft WHERE grp = ?1")?;
    let held = drafts > 0
        || count("SELECT count(*) FROM grp WHERE grp = ?1")? > 0
        || count("SELECT count(*) FROM document WHERE grp = ?1")? > 0;
    tx.execute(
        "INSERT INTO erased (grp, at, reason, unsent, drafts, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (grp) DO UPDATE SET reason = coalesce(reason, excluded.reason),
             unsent = unsent + excluded.unsent, drafts = drafts + excluded.drafts,
             seen = seen AND NOT excluded.held, held = held OR excluded.held",
        params![group.0, at.0, reason, unsent, drafts, held],
    )?;
    clear(tx, group)?;
    for table in ["draft", "review"] {
        tx.execute(&format!("DELETE FROM {table} WHERE grp = ?1"), [group.0])?;
    }
    Ok(())
}

/// Whether a group was erased for good.
pub(crate) fn is_erased(db: &Connection, group: GroupId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM erased WHERE grp = ?1)")?
        .query_row([group.0], |row| row.get(0))
}

fn clear(tx: &Transaction<'_>, group: GroupId) -> Result<(), ApiError> {
    let of = "SELECT record FROM document WHERE grp = ?1";
    tx.execute(&format!("DELETE FROM change WHERE record IN ({of})"), [group.0])?;
    tx.execute("DELETE FROM search WHERE rowid IN (SELECT id FROM record_row WHERE grp = ?1)", [group.0])?;
    for table in [
        "record_row",
        "deadline",
        "finding",
        "judged",
        "unit_row",
        "relative",
        "refused",
        "quarantine",
        "saved",
        "document",
        "outbox",
        "grp_tally",
        "grp_head",
        "tally_step",
        "repair_list",
        "repair_there",
        "repair_want",
        "repair_relay",
        "attachment",
        "media_use",
        "access",
        "grp_parent",
        "grp",
    ] {
        tx.execute(&format!("DELETE FROM {table} WHERE grp = ?1"), [group.0])?;
    }
    Ok(())
}
