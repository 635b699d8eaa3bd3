//! What this phone keeps apart: to be looked at, entered again, or carried elsewhere.

use std::io::Write;

use alongside_domain::{
    guard::chunk,
    ids::{ChangeHash, GroupId, RecordId},
    programme::Programme,
    record::Edit,
    time::Millis,
    wire::FeedEntry,
};
use base64::Engine as _;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::{
    records::form_title,
    waiting::{self, Reason},
};
use crate::{
    error::{ApiError, Thing},
    store::rows::{cbor, found, hash, id, maybe_id},
    views::{FieldLine, KeptApartView, KeptDraft, QuarantinedEntry},
    writes::{Draft, draft},
};

/// Everything that is kept apart.
pub(crate) fn view(db: &Connection, programme: &Programme) -> Result<KeptApartView, ApiError> {
    let quarantined = db
        .prepare_cached(
            "SELECT q.id, q.record, q.grp, d.form, q.reason, q.at FROM quarantine q
             LEFT JOIN document d ON d.record = q.record ORDER BY q.id",
        )?
        .query_map([], |row| {
            let reason: String = row.get(4)?;
            Ok(QuarantinedEntry {
                id: row.get(0)?,
                record: id(row, 1)?,
                group: id(row, 2)?,
                form_title: row.get::<_, Option<String>>(3)?.map(|form| form_title(programme, &form)),
                what_to_do: what_to_do(&reason),
                reason,
                at: Millis(row.get(5)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    let drafts = draft::listed(db, true)?
        .into_iter()
        .map(|draft| KeptDraft {
            token: draft.token,
            group: draft.group,
            form_title: form_title(programme, &draft.form),
            at: draft.at,
            fields: in_words(db, programme, &draft.form, &draft.answers),
        })
        .collect();
    Ok(KeptApartView { refused: waiting::refused(db, programme)?, quarantined, drafts })
}

fn in_words(db: &Connection, programme: &Programme, form: &str, answers: &[Edit]) -> Vec<FieldLine> {
    answers.iter().map(|edit| waiting::in_words(db, programme, form, edit)).collect()
}

fn what_to_do(reason: &str) -> &'static str {
    match reason {
        "missing" => "Nothing: it waits for what it builds on, and is taken in by itself.",
        "fork" => "Nothing is lost at the server. Tell your coordinator: a phone may have been copied.",
        _ => "Update the app: it is tried again then. Tell your coordinator if it stays.",
    }
}

/// The answers of a refused change, ready to be gone on with. Where the record went with its first change,
/// everything of it that was refused comes together.
pub(crate) fn draft_of(
    db: &Connection,
    change: ChangeHash,
    token: [u8; 16],
    now: Millis,
) -> Result<Draft, ApiError> {
    let (record, group, form) = found(
        db.prepare_cached("SELECT record, grp, form FROM refused WHERE hash = ?1 AND shown")?
            .query_row([change.0], |row| {
                Ok((id::<RecordId>(row, 0)?, id::<GroupId>(row, 1)?, row.get::<_, String>(2)?))
            })
            .optional()?,
        Thing::Record,
    )?;
    let still_there: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM document WHERE record = ?1)")?
        .query_row([record.0], |row| row.get(0))?;
    let mut answers: Vec<Edit> = Vec::new();
    let mut statement = db.prepare_cached(
        "SELECT edits FROM refused WHERE record = ?1 AND shown AND (hash = ?2 OR NOT ?3) ORDER BY at, hash",
    )?;
    let mut rows = statement.query(rusqlite::params![record.0, change.0, still_there])?;
    while let Some(row) = rows.next()? {
        for edit in cbor::<Vec<Edit>>(row, 0)? {
            answers.retain(|known| known.key != edit.key);
            answers.push(edit);
        }
    }
    Ok(Draft { token, record: still_there.then_some(record), group, form, answers, at: now })
}

/// One line of an export.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    record: Option<RecordId>,
    group: GroupId,
    form: Option<String>,
    at: Millis,
    reason: String,
    fields: Vec<FieldLine>,
    values: Vec<Edit>,
    /// Base64.
    raw: Option<String>,
}

/// Writes everything as JSON, one object a line; gives how many.
pub(crate) fn export(db: &Connection, programme: &Programme, mut to: impl Write) -> Result<u32, ApiError> {
    let base64 = |bytes: &[u8]| Some(base64::engine::general_purpose::STANDARD.encode(bytes));
    let mut lines = Vec::new();
    let mut statement = db.prepare(
        "SELECT hash, record, grp, form, at, reason, edits, bytes FROM refused WHERE shown ORDER BY at, hash",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let form: String = row.get(3)?;
        let values: Vec<Edit> = cbor(row, 6)?;
        hash(row, 0)?;
        lines.push(Line {
            kind: "refused",
            record: Some(id(row, 1)?),
            group: id(row, 2)?,
            at: Millis(row.get(4)?),
            reason: cbor::<Reason>(row, 5)?.code().to_owned(),
            fields: in_words(db, programme, &form, &values),
            form: Some(form),
            values,
            raw: base64(row.get_ref(7)?.as_blob().map_err(rusqlite::Error::from)?),
        });
    }
    let mut statement = db.prepare("SELECT record, grp, reason, at, entry FROM quarantine ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let FeedEntry::Change { bytes, .. } = cbor(row, 4)? else { continue };
        let said = chunk::parse(&bytes).ok().map(|change| change.said());
        let (form, values) = said.map_or((None, Vec::new()), |said| (said.form, said.edits));
        lines.push(Line {
            kind: "quarantined",
            record: Some(id(row, 0)?),
            group: id(row, 1)?,
            at: Millis(row.get(3)?),
            reason: row.get(2)?,
            fields: in_words(db, programme, form.as_deref().unwrap_or_default(), &values),
            form,
            values,
            raw: base64(&bytes),
        });
    }
    let mut statement =
        db.prepare("SELECT record, grp, form, at, answers FROM draft WHERE apart ORDER BY at, token")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let form: String = row.get(2)?;
        let values: Vec<Edit> = cbor(row, 4)?;
        lines.push(Line {
            kind: "draft",
            record: maybe_id(row, 0)?,
            group: id(row, 1)?,
            at: Millis(row.get(3)?),
            reason: "group_taken_off".to_owned(),
            fields: in_words(db, programme, &form, &values),
            form: Some(form),
            values,
            raw: None,
        });
    }
    let failed =
        |error: std::io::Error| ApiError::Unexpected { code: "export", source: Some(Box::new(error)) };
    for line in &lines {
        serde_json::to_writer(&mut to, line).map_err(|error| failed(error.into()))?;
        to.write_all(b"\n").map_err(failed)?;
    }
    to.flush().map_err(failed)?;
    Ok(u32::try_from(lines.len()).unwrap_or(u32::MAX))
}
