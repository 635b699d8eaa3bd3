//! What screens read of attachments.

use alongside_domain::{
    ids::RecordId,
    media::{BlobHash, MediaRef},
    wire::ErrorCode,
};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize as _, de::value::StrDeserializer};

use super::{
    AttachmentId, AttachmentLine, AttachmentState, AttachmentWait,
    rows::{self, Kept},
    take::LOST,
    vault::Vault,
};
use crate::{
    error::ApiError,
    store::rows::{id, unsigned},
};

/// Why an attachment waits, as the store keeps it.
pub(crate) fn word(wait: AttachmentWait) -> String {
    match wait {
        AttachmentWait::Turn => "turn".to_owned(),
        AttachmentWait::Records => "records".to_owned(),
        AttachmentWait::Network => "network".to_owned(),
        AttachmentWait::BusyServer => "busy_server".to_owned(),
        AttachmentWait::DamagedOnTheWay => "damaged_on_the_way".to_owned(),
        AttachmentWait::NotThereYet => "not_there_yet".to_owned(),
        AttachmentWait::Lost => LOST.to_owned(),
        AttachmentWait::Storage => "storage".to_owned(),
        AttachmentWait::Refused(code) => {
            let word = serde_json::to_value(code).ok();
            format!("refused:{}", word.as_ref().and_then(|word| word.as_str()).unwrap_or("other"))
        }
    }
}

fn wait(word: Option<&str>, is_open: bool) -> AttachmentWait {
    match word {
        None if is_open => AttachmentWait::Turn,
        None | Some("records") => AttachmentWait::Records,
        Some("network") => AttachmentWait::Network,
        Some("busy_server") => AttachmentWait::BusyServer,
        Some("damaged_on_the_way") => AttachmentWait::DamagedOnTheWay,
        Some("not_there_yet") => AttachmentWait::NotThereYet,
        Some("storage") => AttachmentWait::Storage,
        Some(LOST) => AttachmentWait::Lost,
        Some(word) => match word.strip_prefix("refused:") {
            Some(code) => {
                let code = StrDeserializer::<serde::de::value::Error>::new(code);
                AttachmentWait::Refused(ErrorCode::deserialize(code).unwrap_or(ErrorCode::Other))
            }
            None => AttachmentWait::Turn,
        },
    }
}

fn state(db: &Connection, vault: &Vault, kept: Option<&Kept>) -> Result<AttachmentState, ApiError> {
    let Some(kept) = kept else { return Ok(AttachmentState::NotHere) };
    let is_open: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM grp WHERE grp = ?1 AND acknowledged AND in_review IS NULL)",
        )?
        .query_row([kept.id.group.0], |row| row.get(0))?;
    let waits_for = wait(kept.waits_for.as_deref(), is_open);
    let stopped = kept.stopped;
    Ok(match (kept.held, kept.sent) {
        (false, _) => AttachmentState::Coming { here: vault.whole_pieces(&kept.file), waits_for, stopped },
        (true, false) => AttachmentState::Waiting { there: kept.there, waits_for, stopped },
        (true, true) => AttachmentState::Here,
    })
}

const USE: &str = "SELECT record, field, grp, hash, bytes, media_type, scope FROM media_use";

fn used(row: &Row<'_>) -> rusqlite::Result<AttachmentLine> {
    let bytes = unsigned(row.get(4)?);
    let hash = BlobHash(row.get(3)?);
    let (media_type, scope): (String, String) = (row.get(5)?, row.get(6)?);
    Ok(AttachmentLine {
        id: AttachmentId { group: id(row, 2)?, hash },
        record: Some(id(row, 0)?),
        field: row.get(1)?,
        reference: MediaRef::new(hash, bytes, &media_type, &scope).ok().map(|media| media.to_string()),
        bytes,
        media_type,
        scope,
        since: None,
        state: AttachmentState::NotHere,
    })
}

/// The attachments that a record names now, by field.
pub(crate) fn of_record(
    db: &Connection,
    vault: &Vault,
    record: RecordId,
) -> Result<Vec<AttachmentLine>, ApiError> {
    let mut lines: Vec<AttachmentLine> = db
        .prepare_cached(&format!("{USE} WHERE record = ?1 ORDER BY field, hash"))?
        .query_map([record.0], used)?
        .collect::<Result<_, _>>()?;
    for line in &mut lines {
        let kept = rows::get(db, line.id)?;
        line.since = kept.as_ref().map(|kept| kept.since);
        line.state = state(db, vault, kept.as_ref())?;
    }
    Ok(lines)
}

/// What waits to be sent, or to be fetched, the longest waiting first.
pub(crate) fn waiting(db: &Connection, vault: &Vault) -> Result<Vec<AttachmentLine>, ApiError> {
    let mut lines = Vec::new();
    for kept in rows::all(db)? {
        if (kept.held && kept.sent) || !kept.named {
            continue;
        }
        let first = db
            .prepare_cached(&format!("{USE} WHERE grp = ?1 AND hash = ?2 ORDER BY record, field LIMIT 1"))?
            .query_map(params![kept.id.group.0, kept.id.hash.0], used)?
            .next()
            .transpose()?;
        let line = first.unwrap_or(AttachmentLine {
            id: kept.id,
            record: None,
            field: String::new(),
            reference: None,
            bytes: kept.bytes,
            media_type: String::new(),
            scope: String::new(),
            since: None,
            state: AttachmentState::NotHere,
        });
        let state = state(db, vault, Some(&kept))?;
        lines.push(AttachmentLine { since: Some(kept.since), state, ..line });
    }
    Ok(lines)
}
