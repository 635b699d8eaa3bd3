//! Rows of attachments.

use std::collections::BTreeSet;

use alongside_domain::{
    form::{Form, QuestionKind},
    ids::{GroupId, RecordId},
    media::{BlobHash, MediaRef},
    record::{Edit, RecordView},
    time::Millis,
    value::Value,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use zeroize::Zeroizing;

use super::{
    AttachmentId,
    sealed::FileKey,
    vault::{FileName, Written},
};
use crate::{
    error::{ApiError, InvalidAnswer},
    store::rows::{id, signed, unsigned},
};

/// An attachment as the phone keeps it.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) id: AttachmentId,
    pub(crate) bytes: u64,
    pub(crate) file: FileName,
    pub(crate) key: FileKey,
    pub(crate) held: bool,
    pub(crate) named: bool,
    pub(crate) since: Millis,
    pub(crate) sent: bool,
    pub(crate) there: u64,
    pub(crate) tries: u32,
    pub(crate) next_at: Millis,
    pub(crate) waits_for: Option<String>,
    pub(crate) stopped: bool,
}

const COLUMNS: &str = "grp, hash, bytes, file, key, held, named, since, sent_at IS NOT NULL, there, tries, \
                       next_at, waits_for, stopped";

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        id: AttachmentId { group: id(row, 0)?, hash: BlobHash(row.get(1)?) },
        bytes: unsigned(row.get(2)?),
        file: row.get(3)?,
        key: Zeroizing::new(row.get(4)?),
        held: row.get(5)?,
        named: row.get(6)?,
        since: Millis(row.get(7)?),
        sent: row.get(8)?,
        there: unsigned(row.get(9)?),
        tries: row.get(10)?,
        next_at: Millis(row.get(11)?),
        waits_for: row.get(12)?,
        stopped: row.get(13)?,
    })
}

pub(crate) fn get(db: &Connection, at: AttachmentId) -> rusqlite::Result<Option<Kept>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM attachment WHERE grp = ?1 AND hash = ?2"))?
        .query_row(params![at.group.0, at.hash.0], kept)
        .optional()
}

/// Every attachment of which something is here.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Kept>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM attachment ORDER BY since, grp, hash"))?
        .query_map([], kept)?
        .collect()
}

/// What waits to be sent and can be, the longest waiting first. A group that is not at the server yet, or
/// waits for a coordinator there, has to come first.
pub(crate) fn to_send(db: &Connection) -> rusqlite::Result<Vec<Kept>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM attachment WHERE held AND named AND sent_at IS NULL AND NOT stopped
         AND EXISTS (SELECT 1 FROM grp WHERE grp.grp = attachment.grp AND acknowledged AND in_review IS NULL)
         ORDER BY next_at, since, hash"
    ))?
    .query_map([], kept)?
    .collect()
}

/// What is being fetched.
pub(crate) fn to_fetch(db: &Connection) -> rusqlite::Result<Vec<Kept>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM attachment WHERE NOT held AND NOT stopped ORDER BY next_at, since, hash"
    ))?
    .query_map([], kept)?
    .collect()
}

/// What wait to be sent: how many, and how many bytes of them the server does not hold.
pub(crate) fn waiting(db: &Connection) -> rusqlite::Result<(u32, u64)> {
    db.prepare_cached(
        "SELECT count(*), coalesce(sum(max(bytes - there, 0)), 0) FROM attachment
         WHERE held AND named AND sent_at IS NULL",
    )?
    .query_row([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))
}

/// Writes down a file that was taken in. Gives whether it is wanted: the same file taken before stays, one
/// that was being fetched, or was lost, is here now.
pub(crate) fn add_taken(
    tx: &Transaction<'_>,
    group: GroupId,
    written: &Written,
    now: Millis,
) -> rusqlite::Result<bool> {
    let added = tx
        .prepare_cached(
            "INSERT INTO attachment (grp, hash, bytes, file, key, taken, held, named, since, used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, 0, ?6, ?6)
             ON CONFLICT (grp, hash) DO UPDATE SET file = excluded.file, key = excluded.key, held = 1,
                 next_at = 0, waits_for = NULL, stopped = 0
             WHERE NOT held OR waits_for = 'lost'",
        )?
        .execute(params![
            group.0,
            written.hash.0,
            signed(written.bytes),
            written.file,
            written.key.as_slice(),
            now.0
        ])?;
    Ok(added > 0)
}

/// Writes down that an attachment is to be fetched; one of which something is here stays as it is, and
/// has its turn at once.
pub(crate) fn add_wanted(
    tx: &Transaction<'_>,
    at: AttachmentId,
    bytes: u64,
    file: FileName,
    key: &FileKey,
    now: Millis,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO attachment (grp, hash, bytes, file, key, taken, held, named, since, used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 1, ?6, ?6)
         ON CONFLICT (grp, hash) DO UPDATE SET stopped = 0, next_at = 0",
    )?
    .execute(params![at.group.0, at.hash.0, signed(bytes), file, key.as_slice(), now.0])?;
    Ok(())
}

/// Begins a fetch again, with another key and file: what had come was not what its hash says.
pub(crate) fn begin_again(
    tx: &Transaction<'_>,
    at: AttachmentId,
    file: FileName,
    key: &FileKey,
) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE attachment SET file = ?3, key = ?4 WHERE grp = ?1 AND hash = ?2 AND NOT held")?
        .execute(params![at.group.0, at.hash.0, file, key.as_slice()])?;
    Ok(())
}

/// A fetch is complete. What somebody else sent is at the server, and named there.
pub(crate) fn fetched(tx: &Transaction<'_>, at: AttachmentId, now: Millis) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE attachment SET held = 1, sent_at = ?3, safe = 1, used_at = ?3, tries = 0, next_at = 0,
                               waits_for = NULL, stopped = 0
         WHERE grp = ?1 AND hash = ?2",
    )?
    .execute(params![at.group.0, at.hash.0, now.0])?;
    Ok(())
}

/// The server has it whole.
pub(crate) fn sent(tx: &Transaction<'_>, at: AttachmentId, safe: bool, now: Millis) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE attachment SET sent_at = ?3, safe = ?4, there = bytes, tries = 0, next_at = 0, waits_for = NULL,
                               stopped = 0
         WHERE grp = ?1 AND hash = ?2",
    )?
    .execute(params![at.group.0, at.hash.0, now.0, safe])?;
    Ok(())
}

/// The server holds this much of it.
pub(crate) fn there(tx: &Transaction<'_>, at: AttachmentId, bytes: u64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE attachment SET there = ?3 WHERE grp = ?1 AND hash = ?2")?.execute(params![
        at.group.0,
        at.hash.0,
        signed(bytes)
    ])?;
    Ok(())
}

/// A try failed: when and why.
pub(crate) fn failed(
    tx: &Transaction<'_>,
    at: AttachmentId,
    tries: u32,
    next_at: Millis,
    why: &str,
    stopped: bool,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE attachment SET tries = ?3, next_at = ?4, waits_for = ?5, stopped = ?6
         WHERE grp = ?1 AND hash = ?2",
    )?
    .execute(params![at.group.0, at.hash.0, tries, next_at.0, why, stopped])?;
    Ok(())
}

/// Everything has its turn at once: somebody asked for it.
pub(crate) fn hurry(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute("UPDATE attachment SET next_at = 0, stopped = 0 WHERE sent_at IS NULL OR NOT held", [])?;
    Ok(())
}

/// The server was restored from a backup: whatever is here whole is offered again, also what others sent.
/// What it has already, it says so of.
pub(crate) fn offer_again(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE attachment SET sent_at = NULL, safe = 0, there = 0, tries = 0, next_at = 0, waits_for = NULL
         WHERE held",
        [],
    )?;
    Ok(())
}

/// Takes a row out: its file is noise from now on.
pub(crate) fn remove(tx: &Transaction<'_>, at: AttachmentId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM attachment WHERE grp = ?1 AND hash = ?2")?
        .execute(params![at.group.0, at.hash.0])?;
    Ok(())
}

/// It was looked at.
pub(crate) fn used(tx: &Transaction<'_>, at: AttachmentId, now: Millis) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE attachment SET used_at = ?3 WHERE grp = ?1 AND hash = ?2")?
        .execute(params![at.group.0, at.hash.0, now.0])?;
    Ok(())
}

/// What may go when room is wanted, the longest unused first: what is safe at the server.
pub(crate) fn spare(db: &Connection) -> rusqlite::Result<Vec<Kept>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM attachment WHERE held AND safe AND sent_at IS NOT NULL ORDER BY used_at, hash"
    ))?
    .query_map([], kept)?
    .collect()
}

/// Checks what answers say of attachments, and marks those that they name: from now on they are sent, and
/// do not go before. A reference has to be of a file that is here, or of one that the group's records name
/// already.
pub(crate) fn name_saved(
    tx: &Transaction<'_>,
    form: &Form,
    group: GroupId,
    answers: &[Edit],
) -> Result<(), ApiError> {
    let mut problems = Vec::new();
    for edit in answers {
        let is_media =
            form.question_of_key(&edit.key).is_some_and(|q| matches!(q.kind, QuestionKind::Media(_)));
        if !is_media || edit.value == Value::Null {
            continue;
        }
        let code = match MediaRef::of(&edit.value) {
            None => "not_an_attachment",
            Some(media) if is_known(tx, group, &media)? => {
                tx.prepare_cached("UPDATE attachment SET named = 1 WHERE grp = ?1 AND hash = ?2")?
                    .execute(params![group.0, media.hash().0])?;
                continue;
            }
            Some(_) => "unknown_attachment",
        };
        problems.push(InvalidAnswer { field: edit.key.clone(), code });
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems)) }
}

fn is_known(db: &Connection, group: GroupId, media: &MediaRef) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM attachment WHERE grp = ?1 AND hash = ?2 AND held AND bytes = ?3)
             OR EXISTS (SELECT 1 FROM media_use WHERE grp = ?1 AND hash = ?2 AND bytes = ?3)",
    )?
    .query_row(params![group.0, media.hash().0, signed(media.bytes())], |row| row.get(0))
}

/// Writes which attachments a record names now, in place of what was written before.
pub(crate) fn project(
    tx: &Transaction<'_>,
    record: RecordId,
    group: GroupId,
    form: Option<&Form>,
    view: &RecordView,
) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM media_use WHERE record = ?1")?.execute([record.0])?;
    let Some(form) = form else { return Ok(()) };
    for (key, field) in &view.fields {
        if form.question_of_key(key).is_none_or(|q| !matches!(q.kind, QuestionKind::Media(_))) {
            continue;
        }
        for live in std::iter::once(&field.shown).chain(&field.others) {
            let Some(media) = MediaRef::of(&live.value) else { continue };
            tx.prepare_cached(
                "INSERT OR IGNORE INTO media_use (record, field, grp, hash, bytes, media_type, scope)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                record.0,
                key,
                group.0,
                media.hash().0,
                signed(media.bytes()),
                media.media_type(),
                media.scope()
            ])?;
        }
    }
    Ok(())
}

/// How many bytes an attachment has that a record names now.
pub(crate) fn named_bytes(db: &Connection, at: AttachmentId) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached("SELECT bytes FROM media_use WHERE grp = ?1 AND hash = ?2 LIMIT 1")?
        .query_row(params![at.group.0, at.hash.0], |row| row.get(0).map(unsigned))
        .optional()
}

/// The names of all files that have a row.
pub(crate) fn files(db: &Connection) -> rusqlite::Result<BTreeSet<FileName>> {
    db.prepare_cached("SELECT file FROM attachment")?.query_map([], |row| row.get(0))?.collect()
}
