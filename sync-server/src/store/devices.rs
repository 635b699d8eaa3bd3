//! Installations, their tokens, their actors, and the codes that enrol them.

use alongside_domain::{
    ids::{ActorId, DeviceId, PersonId},
    time::Millis,
    wire::ControlEvent,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{StoreError, TENANT, log::Appender, rows::Sql};
use crate::secret::{Secret, TypedCode};

/// One enrolled installation, as the sync board shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// The installation.
    pub id: DeviceId,
    /// Its person.
    pub person: PersonId,
    /// What the person calls it.
    pub name: String,
    /// When it was enrolled.
    pub enrolled_at: Millis,
    /// When it was revoked; `None` while it is in use.
    pub revoked_at: Option<Millis>,
    /// When it last synced.
    pub last_seen: Option<Millis>,
    /// How many changes waited on it after its last sync, as it said.
    pub waiting: u32,
    /// The version of the app, as it said.
    pub app: Option<String>,
    /// How often it held other entries than the server up to the same place of the feed.
    pub defects: u32,
}

const COLUMNS: &str = "id, person, name, enrolled_at, revoked_at, last_seen, waiting, app, defects";

fn device(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    Ok(DeviceRow {
        id: row.get::<_, Sql<_>>(0)?.0,
        person: row.get::<_, Sql<_>>(1)?.0,
        name: row.get(2)?,
        enrolled_at: row.get::<_, Sql<_>>(3)?.0,
        revoked_at: row.get::<_, Option<Sql<_>>>(4)?.map(|at| at.0),
        last_seen: row.get::<_, Option<Sql<_>>>(5)?.map(|at| at.0),
        waiting: row.get(6)?,
        app: row.get(7)?,
        defects: row.get(8)?,
    })
}

pub(super) fn all(tx: &Transaction<'_>) -> Result<Vec<DeviceRow>, StoreError> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM devices WHERE tenant = ?1 ORDER BY id"))?;
    let devices = statement.query_map([TENANT], device)?.collect::<Result<_, _>>()?;
    Ok(devices)
}

/// The installation with this token, revoked or not.
pub(crate) fn by_token(tx: &Transaction<'_>, token: &Secret) -> Result<Option<DeviceRow>, StoreError> {
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM devices WHERE tenant = ?1 AND token_hash = ?2"))?
        .query_row(params![TENANT, token.hash()], device)
        .optional()?)
}

pub(crate) fn by_id(tx: &Transaction<'_>, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM devices WHERE tenant = ?1 AND id = ?2"))?
        .query_row(params![TENANT, Sql(id)], device)
        .optional()?)
}

pub(crate) fn seen(tx: &Transaction<'_>, id: DeviceId, now: Millis, waiting: u32) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE devices SET last_seen = ?3, waiting = ?4 WHERE tenant = ?1 AND id = ?2")?
        .execute(params![TENANT, Sql(id), Sql(now), waiting])?;
    Ok(())
}

/// It held other entries than the server up to the same place.
pub(crate) fn count_defect(tx: &Transaction<'_>, id: DeviceId) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE devices SET defects = defects + 1 WHERE tenant = ?1 AND id = ?2")?
        .execute(params![TENANT, Sql(id)])?;
    Ok(())
}

pub(crate) fn add_code(
    tx: &Transaction<'_>,
    person: PersonId,
    now: Millis,
    valid_ms: i64,
) -> Result<TypedCode, StoreError> {
    let code = TypedCode::mint();
    tx.execute("DELETE FROM enrolment_codes WHERE tenant = ?1 AND expires <= ?2", params![TENANT, Sql(now)])?;
    tx.execute(
        "INSERT INTO enrolment_codes (tenant, hash, person, expires) VALUES (?1, ?2, ?3, ?4)",
        params![TENANT, code.hash(), Sql(person), now.0.saturating_add(valid_ms)],
    )?;
    Ok(code)
}

/// Uses up a code; `None` where it is unknown, used or too old.
pub(crate) fn use_code(
    tx: &Transaction<'_>,
    code: &TypedCode,
    now: Millis,
) -> Result<Option<PersonId>, StoreError> {
    let person: Option<Sql<PersonId>> = tx
        .query_row(
            "UPDATE enrolment_codes SET used = ?3
             WHERE tenant = ?1 AND hash = ?2 AND used IS NULL AND expires > ?3 RETURNING person",
            params![TENANT, code.hash(), Sql(now)],
            |row| row.get(0),
        )
        .optional()?;
    Ok(person.map(|person| person.0))
}

/// Adds an installation and binds its actor.
pub(crate) fn enrol(
    log: &mut Appender<'_>,
    id: DeviceId,
    person: PersonId,
    name: &str,
    actor: ActorId,
) -> Result<Secret, StoreError> {
    let token = Secret::mint();
    log.tx.execute(
        "INSERT INTO devices (tenant, id, person, token_hash, name, enrolled_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![TENANT, Sql(id), Sql(person), token.hash(), name, Sql(log.now)],
    )?;
    // An installation that enrols again takes its actor along, if it is the same person's: what it
    // wrote before and has not sent yet stays acceptable.
    let owner = actor_owner(log.tx, actor)?;
    let same_person = match owner {
        None => true,
        Some(None) => false,
        Some(Some(device)) => by_id(log.tx, device)?.is_some_and(|device| device.person == person),
    };
    if same_person {
        bind_actor(log.tx, actor, Some(id))?;
    }
    log.personal_entry(&ControlEvent::Enrol { device: id, person }, person)?;
    Ok(token)
}

/// Whose an actor is: `None` nobody's yet, `Some(None)` a server process's.
pub(crate) fn actor_owner(
    tx: &Transaction<'_>,
    actor: ActorId,
) -> Result<Option<Option<DeviceId>>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT device FROM actors WHERE tenant = ?1 AND actor = ?2")?
        .query_row(params![TENANT, Sql(actor)], |row| {
            Ok(row.get::<_, Option<Sql<DeviceId>>>(0)?.map(|device| device.0))
        })
        .optional()?)
}

pub(crate) fn bind_actor(
    tx: &Transaction<'_>,
    actor: ActorId,
    device: Option<DeviceId>,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO actors (tenant, actor, device) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, actor) DO UPDATE SET device = excluded.device",
    )?
    .execute(params![TENANT, Sql(actor), device.map(Sql)])?;
    Ok(())
}

/// Revokes an installation at once; `false` where there is none in use with this id.
pub(crate) fn revoke(log: &mut Appender<'_>, id: DeviceId) -> Result<bool, StoreError> {
    let person: Option<Sql<PersonId>> = log
        .tx
        .query_row(
            "UPDATE devices SET revoked_at = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL
             RETURNING person",
            params![TENANT, Sql(id), Sql(log.now)],
            |row| row.get(0),
        )
        .optional()?;
    let Some(Sql(person)) = person else { return Ok(false) };
    log.personal_entry(&ControlEvent::Revoke { device: id }, person)?;
    Ok(true)
}
