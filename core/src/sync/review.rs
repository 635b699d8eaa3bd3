//! What a coordinator decided on something that was sent too late.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{ChangeHash, GroupId},
    time::Millis,
    wire::Refusal,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{apply::Intake, rebase};
use crate::{
    error::ApiError,
    reads::waiting::Reason,
    store::{
        desk::Desk,
        log,
        rows::{id, to_cbor},
    },
};

/// Follows a decision. What was taken comes with the feed, to those who may see it. What was refused and is
/// still in the log goes to what is kept apart, where it can be read and entered anew.
pub(super) fn decided(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    at: Millis,
    group: GroupId,
    change: Option<ChangeHash>,
    refused: Option<&str>,
) -> Result<(), ApiError> {
    let name = change.map_or_else(|| group.0.to_vec(), |change| change.0.to_vec());
    tx.execute(
        "UPDATE review SET decided_at = ?2, refused = ?3 WHERE name = ?1",
        params![name, at.0, refused],
    )?;
    if refused.is_none() {
        return Ok(());
    }
    match change {
        None => {
            tx.execute(
                "UPDATE grp SET in_review = NULL, refused = ?2 WHERE grp = ?1",
                params![group.0, to_cbor(&Refusal::ByCoordinator)],
            )?;
        }
        Some(change) => {
            let record = tx
                .prepare_cached("SELECT record FROM change WHERE hash = ?1 AND feed_seq = ?2")?
                .query_row(params![change.0, log::IN_REVIEW], |row| id(row, 0))
                .optional()?;
            if let Some(record) = record {
                let bad = BTreeMap::from([(change, Reason::Refused(Refusal::ByCoordinator))]);
                rebase::rebase(tx, desk, intake, record, &bad)?;
            }
        }
    }
    Ok(())
}
