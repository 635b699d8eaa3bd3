//! Drafts: answers that nobody has saved yet. They never leave the phone.

use alongside_domain::{
    ids::{GroupId, RecordId},
    record::Edit,
    time::Millis,
};
use rusqlite::{Connection, Transaction, params};

use crate::{
    error::ApiError,
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

/// Keeps a draft in place of the one with the same token.
pub(crate) fn keep(tx: &Transaction<'_>, desk: &Desk, draft: &Draft) -> Result<(), ApiError> {
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

/// Every draft, newest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Draft>, ApiError> {
    Ok(db
        .prepare_cached("SELECT token, record, grp, form, answers, at FROM draft ORDER BY at DESC, token")?
        .query_map([], |row| {
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
