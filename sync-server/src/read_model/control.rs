//! Control entries: people, installations, groups and who may see them.

use std::collections::BTreeSet;

use alongside_domain::{ids::GroupId, wire::ControlEvent};
use rusqlite::{Transaction, params};

/// Takes in one control entry; groups whose units have to be computed again are added to `dirty`.
pub(super) fn apply(
    tx: &Transaction<'_>,
    event: &ControlEvent,
    dirty: &mut BTreeSet<GroupId>,
) -> Result<(), rusqlite::Error> {
    match event {
        ControlEvent::Person { person, name, role, partner } => {
            tx.prepare_cached(
                "INSERT INTO person VALUES (?1, ?2, ?3, ?4) ON CONFLICT (person) DO UPDATE
                 SET name = excluded.name, role = excluded.role, partner = excluded.partner",
            )?
            .execute(params![person.0, name, role, partner.0])?;
            // The name stands in the rows so that lists can be sorted by it.
            tx.prepare_cached("UPDATE unit_row SET supporter_name = ?2 WHERE supporter = ?1")?
                .execute(params![person.0, name])?;
        }
        ControlEvent::Group { group, kind, partner, parents } => {
            tx.prepare_cached(
                "INSERT INTO group_row VALUES (?1, ?2, ?3) ON CONFLICT (\"group\") DO UPDATE
                 SET kind = excluded.kind, partner = excluded.partner",
            )?
            .execute(params![group.0, kind, partner.0])?;
            tx.prepare_cached("DELETE FROM parent WHERE child = ?1")?.execute([&group.0[..]])?;
            for (place, parent) in parents.iter().enumerate() {
                tx.prepare_cached("INSERT OR IGNORE INTO parent VALUES (?1, ?2, ?3)")?.execute(params![
                    group.0,
                    parent.0,
                    u32::try_from(place).unwrap_or(u32::MAX)
                ])?;
            }
            dirty.insert(*group);
        }
        ControlEvent::Grant { person, group } => {
            tx.prepare_cached("INSERT OR IGNORE INTO access VALUES (?1, ?2)")?
                .execute(params![person.0, group.0])?;
        }
        ControlEvent::Withdraw { person, group } => {
            tx.prepare_cached("DELETE FROM access WHERE person = ?1 AND \"group\" = ?2")?
                .execute(params![person.0, group.0])?;
        }
        ControlEvent::Enrol { device, person } => {
            tx.prepare_cached(
                "INSERT INTO device VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET person = excluded.person",
            )?
            .execute(params![device.0, person.0])?;
        }
        ControlEvent::Erase { group, reason: _ } => erase(tx, *group, dirty)?,
        // What a revoked installation wrote is still its own; a decision that matters here brings its own
        // entries.
        ControlEvent::Revoke { .. } | ControlEvent::Reviewed { .. } => {}
    }
    Ok(())
}

/// Takes everything of a group out of the pages, its place beside others too.
fn erase(tx: &Transaction<'_>, group: GroupId, dirty: &mut BTreeSet<GroupId>) -> Result<(), rusqlite::Error> {
    // What is linked to it shows it no longer.
    dirty.extend(
        tx.prepare_cached("SELECT child FROM parent WHERE parent = ?1")?
            .query_map([&group.0[..]], |row| row.get(0).map(GroupId))?
            .collect::<Result<Vec<_>, _>>()?,
    );
    // What was found about its records, in whichever unit shows them.
    tx.execute(
        "DELETE FROM finding WHERE record IN (SELECT record FROM record_row WHERE \"group\" = ?1)",
        [&group.0[..]],
    )?;
    for table in
        ["finding", "unit_finding", "record_row", "change_row", "unreadable", "unit_row", "group_row"]
    {
        tx.execute(&format!("DELETE FROM {table} WHERE \"group\" = ?1"), [&group.0[..]])?;
    }
    tx.execute("DELETE FROM parent WHERE child = ?1 OR parent = ?1", [&group.0[..]])?;
    Ok(())
}
