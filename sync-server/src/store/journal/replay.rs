//! Taking an entry of the journal into a store that lacks it: its entry in the feed, and its rows.

use alongside_domain::{
    ids::{GroupId, PersonId},
    time::Millis,
    wire::ControlEvent,
};
use rusqlite::{Transaction, params};

use super::{
    super::{StoreError, TENANT, log::Appender, rows::Sql},
    Entry, Fact,
};

/// Writes what the entry says, once: the rows are those that the entry's own transaction wrote, not
/// decided on again.
pub(super) fn replay(tx: &Transaction<'_>, entry: &Entry) -> Result<(), StoreError> {
    if let Some(Fact::Direct { person, group }) = &entry.fact {
        tx.prepare_cached(
            "UPDATE grants SET direct = 1 WHERE tenant = ?1 AND person = ?2 AND group_id = ?3 AND until IS NULL",
        )?
        .execute(params![TENANT, Sql(*person), Sql(*group)])?;
    }
    if let Some(Fact::Merge(merge)) = &entry.fact {
        super::super::merges::write(tx, merge)?;
    }
    let Some(event) = &entry.event else { return Ok(()) };
    let mut log = Appender::new(tx, entry.at)?;
    match event {
        ControlEvent::Person { person, name, role, partner } => {
            let (areas, partner_name) = match &entry.fact {
                Some(Fact::Person { areas, partner_name }) => (areas.as_slice(), partner_name.as_str()),
                _ => return Err(unfit()),
            };
            tx.execute(
                "INSERT OR IGNORE INTO partners (tenant, id, name) VALUES (?1, ?2, ?3)",
                params![TENANT, Sql(*partner), partner_name],
            )?;
            let areas = serde_json::to_string(areas).expect("a list of texts is JSON");
            tx.execute(
                "INSERT OR REPLACE INTO people (tenant, id, partner, name, role, areas)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![TENANT, Sql(*person), Sql(*partner), name, role, areas],
            )?;
            log.person_entry(event, *partner)?;
        }
        ControlEvent::Group { group, kind, partner, parents } => {
            let Some(Fact::Group { opened_by }) = &entry.fact else { return Err(unfit()) };
            tx.prepare_cached(
                "INSERT OR IGNORE INTO groups (tenant, id, kind, partner, opened_by) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![TENANT, Sql(*group), kind, Sql(*partner), Sql(*opened_by)])?;
            // Told again, a group's links are those that it tells now.
            tx.prepare_cached("DELETE FROM group_parents WHERE tenant = ?1 AND child = ?2")?
                .execute(params![TENANT, Sql(*group)])?;
            for parent in parents {
                tx.prepare_cached(
                    "INSERT OR IGNORE INTO group_parents (tenant, child, parent) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![TENANT, Sql(*group), Sql(*parent)])?;
            }
            log.group_entry(event, *group)?;
        }
        ControlEvent::Grant { person, group } => {
            let direct = entry.fact != Some(Fact::AlongWith);
            let seq = log.personal_entry(event, *person)?;
            // Two grants of one group never stand at once.
            end_grant(tx, *person, *group, seq)?;
            tx.prepare_cached(
                "INSERT INTO grants (tenant, person, group_id, seq, direct) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![TENANT, Sql(*person), Sql(*group), Sql(seq), direct])?;
        }
        ControlEvent::Withdraw { person, group } => {
            let seq = log.personal_entry(event, *person)?;
            end_grant(tx, *person, *group, seq)?;
        }
        ControlEvent::Enrol { device, person } => {
            let Some(Fact::Device { token_hash, name, actors }) = &entry.fact else { return Err(unfit()) };
            tx.execute(
                "INSERT OR IGNORE INTO devices (tenant, id, person, token_hash, name, enrolled_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![TENANT, Sql(*device), Sql(*person), token_hash, name, Sql(entry.at)],
            )?;
            for actor in actors {
                super::super::devices::bind_actor(tx, *actor, Some(*device))?;
            }
            log.personal_entry(event, *person)?;
        }
        ControlEvent::Erase { group, reason } => {
            // Writes its entry itself; what the backup still had of the group is destroyed again.
            super::super::erasures::erase_group(&mut log, *group, reason)?;
        }
        ControlEvent::Reviewed { person, group, change, refused } => {
            // What was taken and is not in the feed of the backup waits again: it has to be taken again.
            if let Some(code) = refused {
                super::super::set_aside::refuse_again(tx, *person, *group, change.as_ref(), code, entry.at)?;
            }
            log.personal_entry(event, *person)?;
        }
        ControlEvent::Revoke { device } => {
            let person = revoke(tx, *device, entry.at)?;
            log.personal_entry(event, person)?;
        }
    }
    Ok(())
}

fn end_grant(tx: &Transaction<'_>, person: PersonId, group: GroupId, seq: u64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE grants SET until = ?4
         WHERE tenant = ?1 AND person = ?2 AND group_id = ?3 AND until IS NULL",
    )?
    .execute(params![TENANT, Sql(person), Sql(group), Sql(seq)])?;
    Ok(())
}

fn revoke(
    tx: &Transaction<'_>,
    device: alongside_domain::ids::DeviceId,
    at: Millis,
) -> Result<PersonId, StoreError> {
    let Some(row) = super::super::devices::by_id(tx, device)? else { return Err(unfit()) };
    tx.execute(
        "UPDATE devices SET revoked_at = coalesce(revoked_at, ?3) WHERE tenant = ?1 AND id = ?2",
        params![TENANT, Sql(device), Sql(at)],
    )?;
    Ok(row.person)
}

fn unfit() -> StoreError {
    StoreError::damaged("an entry of the control journal does not fit the store that takes it in")
}
