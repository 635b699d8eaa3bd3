//! What waits to be sent, and what was refused.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{ChangeHash, GroupId, RecordId},
    programme::Programme,
    record::Edit,
    time::Millis,
    wire::Refusal,
};
use rusqlite::Connection;

use super::{
    records::{Stock, form_title},
    words::{self, Names as _},
};
use crate::{
    error::ApiError,
    media::{reads, vault::Vault},
    store::{
        log,
        rows::{cbor, hash, id},
    },
    views::{
        ErasedGroup, FieldLine, OutboxView, RefusedBecause, RefusedChange, ReviewLine, ReviewOutcome,
        Waiting, WaitingChange,
    },
};

/// Most changes listed.
const LISTED: u32 = 500;

/// The outbox.
pub(crate) fn outbox(db: &Connection, programme: &Programme, vault: &Vault) -> Result<OutboxView, ApiError> {
    let waiting = db
        .prepare_cached(
            "SELECT c.record, coalesce(r.title, ''), d.form, c.at, c.first, c.later
             FROM change c JOIN document d ON d.record = c.record
             LEFT JOIN record_row r ON r.record = c.record
             WHERE c.feed_seq IS NULL ORDER BY c.id LIMIT ?1",
        )?
        .query_map([LISTED], |row| {
            let why = match (row.get::<_, bool>(4)?, row.get::<_, u32>(5)?) {
                (_, 1..) => Waiting::Later,
                (true, _) => Waiting::AskedAgain,
                _ => Waiting::NotSent,
            };
            Ok(WaitingChange {
                record: id(row, 0)?,
                title: row.get(1)?,
                form_title: form_title(programme, &row.get::<_, String>(2)?),
                since: Millis(row.get(3)?),
                why,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(OutboxView {
        waiting,
        count: log::waiting(db)?,
        refused: refused(db, programme)?,
        refused_openings: refused_openings(db)?,
        quarantined: db
            .prepare_cached("SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?,
        in_review: in_review(db, programme)?,
        erased: erased(db)?,
        attachments: reads::waiting(db, vault)?,
        only_here: log::unproven(db)?,
    })
}

fn in_review(db: &Connection, programme: &Programme) -> Result<Vec<ReviewLine>, ApiError> {
    let lines = db
        .prepare_cached(
            "SELECT name, grp, form, at, sent_at, reason, decided_at, refused FROM review
             ORDER BY sent_at DESC, name LIMIT ?1",
        )?
        .query_map([LISTED], |row| {
            let change = <[u8; 32]>::try_from(row.get_ref(0)?.as_blob()?).ok().map(ChangeHash);
            let form: String = row.get(2)?;
            let title = match change {
                Some(_) => form_title(programme, &form),
                None => programme.groups.get(&form).map_or(form, |kind| kind.title.clone()),
            };
            let outcome = match (row.get::<_, Option<i64>>(6)?, row.get::<_, Option<String>>(7)?) {
                (None, _) => ReviewOutcome::Waits,
                (Some(_), None) => ReviewOutcome::Taken,
                (Some(_), Some(code)) => ReviewOutcome::Refused(code),
            };
            Ok(ReviewLine {
                change,
                group: id(row, 1)?,
                title,
                at: Millis(row.get(3)?),
                sent_at: Millis(row.get(4)?),
                reason: cbor(row, 5)?,
                outcome,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(lines)
}

fn erased(db: &Connection) -> Result<Vec<ErasedGroup>, ApiError> {
    let groups = db
        .prepare_cached(
            "SELECT grp, at, reason, unsent, drafts FROM erased WHERE held AND NOT seen ORDER BY at, grp",
        )?
        .query_map([], |row| {
            Ok(ErasedGroup {
                group: id(row, 0)?,
                at: Millis(row.get(1)?),
                reason: row.get(2)?,
                unsent: row.get(3)?,
                drafts: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(groups)
}

pub(crate) fn refused(db: &Connection, programme: &Programme) -> Result<Vec<RefusedChange>, ApiError> {
    type Kept = (ChangeHash, RecordId, GroupId, String, Millis, Reason, Vec<Edit>);
    let kept: Vec<Kept> = db
        .prepare_cached(
            "SELECT hash, record, grp, form, at, reason, edits FROM refused WHERE shown ORDER BY at, hash",
        )?
        .query_map([], |row| {
            Ok((
                hash(row, 0)?,
                id(row, 1)?,
                id(row, 2)?,
                row.get(3)?,
                Millis(row.get(4)?),
                cbor(row, 5)?,
                cbor(row, 6)?,
            ))
        })?
        .collect::<Result<_, _>>()?;
    Ok(kept
        .into_iter()
        .filter_map(|(change, record, group, form, at, reason, edits)| {
            let fields = edits.iter().map(|edit| in_words(db, programme, &form, edit)).collect();
            let reason = reason.shown()?;
            let what_to_do = reason.what_to_do();
            Some(RefusedChange { change, record, group, at, reason, what_to_do, fields, form })
        })
        .collect())
}

pub(crate) fn in_words(db: &Connection, programme: &Programme, form: &str, edit: &Edit) -> FieldLine {
    let name = edit.key.split('/').next().unwrap_or_default();
    let label = programme
        .forms
        .get(form)
        .and_then(|form| Some(form.question(name)?.label.get(&form.default_language)?.to_owned()));
    let reference = match &edit.value {
        alongside_domain::value::Value::Ref(record) => Stock(db).record(*record),
        _ => None,
    };
    FieldLine {
        label: label.unwrap_or_else(|| edit.key.clone()),
        text: reference.unwrap_or_else(|| words::value(programme, form, name, &edit.value)),
        key: edit.key.clone(),
        author: None,
        at: None,
        change: None,
        others: Vec::new(),
        disagreement: alongside_domain::record::Disagreement::None,
    }
}

fn refused_openings(db: &Connection) -> Result<Vec<(GroupId, Refusal)>, ApiError> {
    let kept: BTreeMap<GroupId, Refusal> = db
        .prepare_cached("SELECT grp, refused FROM grp WHERE refused IS NOT NULL")?
        .query_map([], |row| Ok((id(row, 0)?, cbor(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(kept.into_iter().collect())
}

/// Why a change was kept apart, as the store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Reason {
    /// Refused by the server.
    Refused(Refusal),
    /// In review at the server.
    Review(Refusal),
    /// Its actor's number was taken: written again as another actor.
    Fork,
    /// It stood on a change that was kept apart: written again without it.
    Successor,
    /// Its record was refused with its first change.
    WithRecord,
}

impl Reason {
    /// The reason as a stable word.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Refused(refusal) | Self::Review(refusal) => refusal.code(),
            Self::Fork => "fork",
            Self::Successor => "successor",
            Self::WithRecord => "with_its_record",
        }
    }

    /// What the person is shown; `None` where the values live on.
    fn shown(self) -> Option<RefusedBecause> {
        match self {
            Self::Refused(refusal) => Some(RefusedBecause::Refused(refusal)),
            Self::Review(refusal) => Some(RefusedBecause::InReview(refusal)),
            Self::WithRecord => Some(RefusedBecause::WithItsRecord),
            Self::Fork | Self::Successor => None,
        }
    }
}
