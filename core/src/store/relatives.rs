//! What the server tells of relatives whose groups are not here.

use alongside_domain::{ids::GroupId, time::Millis, wire::relatives::Relatives};
use rusqlite::{Connection, Transaction, params};

use crate::views::RelativeView;

/// After this time it is asked again, in milliseconds: somebody may have had a birthday.
const ANEW_AFTER: i64 = 24 * 3_600_000;

/// Whether the server is to be asked.
pub(crate) fn are_due(db: &Connection, now: Millis) -> rusqlite::Result<bool> {
    let told: Option<i64> =
        db.prepare_cached("SELECT relatives_at FROM sync_state")?.query_row([], |row| row.get(0))?;
    // A clock that was set back does not keep it from being asked.
    Ok(told.is_none_or(|told| now.0.abs_diff(told) >= ANEW_AFTER.unsigned_abs()))
}

/// Asks with the next request.
pub(crate) fn ask(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE sync_state SET relatives_at = NULL")?.execute([])?;
    Ok(())
}

/// Puts what the server tells in the place of what it told before.
pub(crate) fn replace(tx: &Transaction<'_>, told: &Relatives, now: Millis) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM relative", [])?;
    let mut insert = tx.prepare_cached(
        "INSERT OR REPLACE INTO relative (grp, place, name, age)
         SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM grp WHERE grp = ?1)",
    )?;
    for of in &told.units {
        for (place, other) in (0_u32..).zip(&of.others) {
            insert.execute(params![of.unit.0, place, other.known_as, other.age])?;
        }
    }
    tx.execute("UPDATE sync_state SET relatives_at = ?1", [now.0])?;
    Ok(())
}

/// The relatives of the person that a unit is about.
pub(crate) fn of(db: &Connection, unit: GroupId) -> rusqlite::Result<Vec<RelativeView>> {
    db.prepare_cached("SELECT name, age FROM relative WHERE grp = ?1 ORDER BY place")?
        .query_map([unit.0], |row| Ok(RelativeView { known_as: row.get(0)?, age: row.get(1)? }))?
        .collect()
}
