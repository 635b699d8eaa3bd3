//! Drafts: answers that nobody has saved yet. They never leave the phone.

use alongside_domain::{
    ids::{GroupId, RecordId},
    record::Edit,
    time::Millis,
};
use rusqlite::{Connection, Transaction, params};

use crate::{
    error::{ApiError, Thing},
    store::{
        desk::Desk,
        rows::{cbor, id, maybe_id, to_cbor},
    },
};

/// Answers that are being entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Token of the form session: the one that the save will carry.
    pub token: [u8; 16],
    /// The record; `None` for a new one.
    pub record: Option<RecordId>,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The answers so far.
    pub answers: Vec<Edit>,
    /// When it was kept; set by the store.
    pub at: Millis,
}

/// Keeps a draft in place of the one with the same token. Nothing new is begun in a group that is not
/// there, or no longer the person's: what is typed must not outlive an erasure.
pub(crate) fn keep(tx: &Transaction<'_>, desk: &Desk, draft: &Draft) -> Result<(), ApiError> {
    let open: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM grp WHERE grp = ?1 AND NOT withdrawn)")?
        .query_row([draft.group.0], |row| row.get(0))?;
    if !open && !may_be_finished(tx, Some(draft.token), draft.group)? {
        return Err(ApiError::NotFound(Thing::Group));
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO draft (token, record, grp, form, answers, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        draft.token,
        draft.record.map(|record| record.0),
        draft.group.0,
        draft.form,
        to_cbor(&draft.answers),
        desk.now().0
    ])?;
    Ok(())
}

/// Whether a draft with this token was begun in this group and the group is still on the phone: access
/// may have ended meanwhile, and what was begun before may be finished.
pub(crate) fn may_be_finished(
    db: &Connection,
    token: Option<[u8; 16]>,
    group: GroupId,
) -> Result<bool, ApiError> {
    let Some(token) = token else { return Ok(false) };
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM draft d JOIN grp g ON g.grp = d.grp
                            WHERE d.token = ?1 AND d.grp = ?2 AND NOT d.apart)",
        )?
        .query_row(params![token, group.0], |row| row.get(0))?)
}

/// Every draft that can be gone on with, newest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Draft>, ApiError> {
    listed(db, false)
}

/// Drafts, newest first: those that can be gone on with, or those set apart because their group is gone.
pub(crate) fn listed(db: &Connection, apart: bool) -> Result<Vec<Draft>, ApiError> {
    Ok(db
        .prepare_cached(
            "SELECT token, record, grp, form, answers, at FROM draft WHERE apart = ?1 ORDER BY at DESC, token",
        )?
        .query_map([apart], |row| {
            Ok(Draft {
                token: row.get(0)?,
                record: maybe_id(row, 1)?,
                group: id(row, 2)?,
                form: row.get(3)?,
                answers: cbor(row, 4)?,
                at: Millis(row.get(5)?),
            })
        })?
        .collect::<Result<_, _>>()?)
}

/// Drops a draft, where there is one.
pub(crate) fn discard(tx: &Transaction<'_>, token: [u8; 16]) -> Result<(), ApiError> {
    tx.execute("DELETE FROM draft WHERE token = ?1", [token])?;
    Ok(())
}
