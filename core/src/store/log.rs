//! The log of raw changes: the truth of this phone.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    record::{Attribution, Document, RawChange},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::rows::{hash, id, maybe_id, signed};
use crate::error::ApiError;

/// Where a change comes from, as far as this phone knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) author: PersonId,
    pub(crate) device: Option<DeviceId>,
    pub(crate) received_at: Option<Millis>,
    /// `None`: waits to be sent.
    pub(crate) feed_seq: Option<u64>,
}

/// Where a record lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) group: GroupId,
    pub(crate) form: String,
}

/// Appends a change. One that is there already is left as it is.
pub(crate) fn append(
    tx: &Transaction<'_>,
    record: RecordId,
    change: &RawChange,
    origin: &Origin,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO change (record, hash, actor, seq, start_op, max_op, at, bytes, author, device,
                             received_at, feed_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (hash) DO NOTHING",
    )?
    .execute(params![
        record.0,
        change.hash.0,
        change.actor.0,
        signed(change.seq),
        signed(change.start_op),
        signed(change.max_op),
        change.at.0,
        change.bytes,
        origin.author.0,
        origin.device.map(|device| device.0),
        origin.received_at.map(|at| at.0),
        origin.feed_seq.map(signed),
    ])?;
    Ok(())
}

/// Writes down where a new record lives.
pub(crate) fn place(tx: &Transaction<'_>, record: RecordId, place: &Place) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO document (record, grp, form) VALUES (?1, ?2, ?3) ON CONFLICT (record) DO NOTHING",
    )?
    .execute(params![record.0, place.group.0, place.form])?;
    Ok(())
}

/// Where a record lives.
pub(crate) fn place_of(db: &Connection, record: RecordId) -> rusqlite::Result<Option<Place>> {
    db.prepare_cached("SELECT grp, form FROM document WHERE record = ?1")?
        .query_row([record.0], |row| Ok(Place { group: id(row, 0)?, form: row.get(1)? }))
        .optional()
}

/// Builds a document from the log; `None` where it has no change of it.
pub(crate) fn load(db: &Connection, record: RecordId) -> Result<Option<Document>, ApiError> {
    let chunks: Vec<Vec<u8>> = db
        .prepare_cached("SELECT bytes FROM change WHERE record = ?1 ORDER BY id")?
        .query_map([record.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if chunks.is_empty() {
        return Ok(None);
    }
    Ok(Some(Document::load(chunks.iter().map(Vec::as_slice))?))
}

/// Who made the changes of a record.
pub(crate) fn attributions(
    db: &Connection,
    record: RecordId,
) -> rusqlite::Result<BTreeMap<ChangeHash, Attribution>> {
    db.prepare_cached("SELECT hash, author, device, received_at FROM change WHERE record = ?1")?
        .query_map([record.0], |row| {
            let received_at = row.get::<_, Option<i64>>(3)?.map(Millis);
            Ok((hash(row, 0)?, Attribution { author: id(row, 1)?, device: maybe_id(row, 2)?, received_at }))
        })?
        .collect()
}

/// How many changes wait to be sent.
pub(crate) fn waiting(db: &Connection) -> rusqlite::Result<u32> {
    db.prepare_cached("SELECT coalesce(sum(waiting), 0) FROM outbox")?.query_row([], |row| row.get(0))
}

/// Whether a change of this record waits to be sent.
pub(crate) fn is_waiting(db: &Connection, record: RecordId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM change WHERE record = ?1 AND feed_seq IS NULL)")?
        .query_row([record.0], |row| row.get(0))
}

/// The server has it, under this number, and received it at this time from this installation, where that is
/// known.
pub(crate) fn acknowledge(
    tx: &Transaction<'_>,
    change: &ChangeHash,
    seq: u64,
    received: Option<Millis>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE change SET feed_seq = ?2, received_at = coalesce(?3, received_at), first = 0, later = 0,
             device = CASE WHEN ?3 IS NULL THEN device ELSE (SELECT device FROM sync_state) END
         WHERE hash = ?1",
    )?
    .execute(params![change.0, signed(seq), received.map(|at| at.0)])?;
    if let Some(received) = received {
        settle_review(tx, change, received)?;
    }
    Ok(())
}

/// The number of a change that the server lacks and that this phone can neither prove nor write: it stays here,
/// and whoever wrote it may bring it back.
pub(crate) const UNPROVEN: i64 = -1;

/// How many changes have that number.
pub(crate) fn unproven(db: &Connection) -> rusqlite::Result<u32> {
    db.prepare_cached("SELECT count(*) FROM change WHERE feed_seq = ?1")?
        .query_row([UNPROVEN], |row| row.get(0))
}

/// Where it waited for a coordinator, it does so no longer: it came in another way, as after access was given
/// again.
pub(crate) fn settle_review(
    tx: &Transaction<'_>,
    change: &ChangeHash,
    received: Millis,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE review SET decided_at = ?2 WHERE name = ?1 AND decided_at IS NULL")?
        .execute(params![change.0, received.0])?;
    Ok(())
}

/// The server keeps it apart for a coordinator: it is not sent again, and has no number yet.
pub(crate) const IN_REVIEW: i64 = 0;

/// The server keeps it apart for a coordinator.
pub(crate) fn put_in_review(tx: &Transaction<'_>, change: &ChangeHash) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE change SET feed_seq = ?2, first = 0, later = 0 WHERE hash = ?1")?
        .execute(params![change.0, IN_REVIEW])?;
    Ok(())
}

/// Whether a change claims a time after this one.
pub(crate) fn was_ahead(db: &Connection, change: &ChangeHash, received: Millis) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT at > ?2 FROM change WHERE hash = ?1")?
        .query_row(params![change.0, received.0], |row| row.get(0))
}
