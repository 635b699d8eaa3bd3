//! Console links and sessions. Only hashes of secrets are kept.

use alongside_domain::{ids::PersonId, time::Millis};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Principal, StoreError, TENANT, rows::Sql};
use crate::secret::{Secret, SessionSecret};

/// A session that nobody used for this long has ended, in milliseconds (30 minutes).
pub const SESSION_IDLE_MS: i64 = 30 * 60 * 1000;
/// A session ends after this long in any case, in milliseconds (12 hours).
pub const SESSION_LONGEST_MS: i64 = 12 * 60 * 60 * 1000;

pub(crate) fn add_link(
    tx: &Transaction<'_>,
    person: PersonId,
    now: Millis,
    valid_ms: i64,
) -> Result<Secret, StoreError> {
    let token = Secret::mint();
    tx.execute("DELETE FROM console_links WHERE tenant = ?1 AND expires <= ?2", params![TENANT, Sql(now)])?;
    tx.execute(
        "INSERT INTO console_links (tenant, hash, person, expires) VALUES (?1, ?2, ?3, ?4)",
        params![TENANT, token.hash(), Sql(person), now.0.saturating_add(valid_ms)],
    )?;
    Ok(token)
}

pub(super) fn redeem(
    tx: &Transaction<'_>,
    token: &Secret,
    now: Millis,
) -> Result<Option<SessionSecret>, StoreError> {
    let link: Option<(Sql<PersonId>, Sql<Millis>)> = tx
        .query_row(
            "DELETE FROM console_links WHERE tenant = ?1 AND hash = ?2 RETURNING person, expires",
            params![TENANT, token.hash()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((person, Sql(expires))) = link else { return Ok(None) };
    if expires <= now {
        return Ok(None);
    }
    tx.execute("DELETE FROM sessions WHERE tenant = ?1 AND expires <= ?2", params![TENANT, Sql(now)])?;
    let secret = Secret::mint();
    tx.execute(
        "INSERT INTO sessions (tenant, hash, person, expires, last_used) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![TENANT, secret.hash(), person, now.0.saturating_add(SESSION_LONGEST_MS), Sql(now)],
    )?;
    Ok(Some(secret))
}

/// The session's person, and whether its last use should be written down.
pub(super) fn find(
    tx: &Transaction<'_>,
    hash: &[u8; 32],
    now: Millis,
) -> Result<Option<(Principal, bool)>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT s.last_used, p.id, p.name, p.role, p.partner, p.areas
             FROM sessions s JOIN people p ON p.tenant = s.tenant AND p.id = s.person
             WHERE s.tenant = ?1 AND s.hash = ?2 AND s.expires > ?3 AND s.last_used > ?4",
        )?
        .query_row(params![TENANT, hash, Sql(now), now.0.saturating_sub(SESSION_IDLE_MS)], |row| {
            Ok((
                row.get::<_, Sql<Millis>>(0)?.0,
                Principal {
                    person: row.get::<_, Sql<_>>(1)?.0,
                    name: row.get(2)?,
                    role: row.get(3)?,
                    partner: row.get::<_, Sql<_>>(4)?.0,
                    areas: Vec::new(),
                },
                row.get::<_, String>(5)?,
            ))
        })
        .optional()?;
    let Some((last_used, mut principal, areas)) = found else { return Ok(None) };
    principal.areas = serde_json::from_str(&areas)
        .map_err(|_| StoreError::damaged("the areas of a person are unreadable"))?;
    Ok(Some((principal, now.0.saturating_sub(last_used.0) >= 60_000)))
}

pub(super) fn touch(tx: &Transaction<'_>, hash: &[u8; 32], now: Millis) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sessions SET last_used = ?3 WHERE tenant = ?1 AND hash = ?2",
        params![TENANT, hash, Sql(now)],
    )?;
    Ok(())
}

pub(super) fn end(tx: &Transaction<'_>, hash: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM sessions WHERE tenant = ?1 AND hash = ?2", params![TENANT, hash])?;
    Ok(())
}
