//! What waits to be sent, and what was refused.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{GroupId, RecordId},
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
    store::{
        log,
        rows::{cbor, hash, id},
    },
    views::{FieldLine, OutboxView, RefusedBecause, RefusedChange, Waiting, WaitingChange},
};

/// Most changes listed.
const LISTED: u32 = 500;

/// The outbox.
pub(crate) fn outbox(db: &Connection, programme: &Programme) -> Result<OutboxView, ApiError> {
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
    })
}

fn refused(db: &Connection, programme: &Programme) -> Result<Vec<RefusedChange>, ApiError> {
    type Kept = (alongside_domain::ids::ChangeHash, RecordId, GroupId, String, Millis, Reason, Vec<Edit>);
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
            Some(RefusedChange { change, record, group, at, reason: reason.shown()?, fields, form })
        })
        .collect())
}

fn in_words(db: &Connection, programme: &Programme, form: &str, edit: &Edit) -> FieldLine {
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
