//! Saving answers to a record.

use alongside_domain::{
    form::{Form, MergePolicy},
    ids::{GroupId, RecordId},
    programme::Count,
    record::{Circumstances, Document, Edit, RawChange, RecordView, Root},
    wire::limits,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{SaveRequest, check, draft};
use crate::{
    error::{ApiError, Thing},
    media,
    store::{
        desk::Desk,
        groups,
        log::{self, Origin, Place},
        projection,
        rows::{found, id},
        state::{self, Identity},
        units,
    },
};

/// Saves answers: the change, what is derived from it, and the token, in this transaction.
pub(crate) fn save(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    request: &SaveRequest,
) -> Result<RecordView, ApiError> {
    if let Some(first) = finished(tx, request.token)?.and_then(|(_, records)| records.first().copied()) {
        return found(projection::view(tx, first)?, Thing::Record);
    }
    let me = state::identity(tx)?;
    let programme = desk.programme.clone();
    let (form, kind) = check::form(&programme, &request.form)?;
    check::answers(form, &request.answers)?;
    if draft::may_be_finished(tx, request.token, request.group)? {
        of_kind(groups::kind(tx, request.group)?, &kind.group)?;
    } else {
        in_group(tx, request.group, &kind.group)?;
    }
    let circumstances = desk.circumstances(me.actor, request.reason.clone());
    let place = Place { group: request.group, form: request.form.clone() };
    let record = match request.record {
        Some(record) => Some(record),
        None if kind.count == Count::One => only_one(tx, &place)?,
        None => None,
    };
    let view = if let Some(record) = record {
        if found(log::place_of(tx, record)?, Thing::Record)? != place {
            return Err(ApiError::NotFound(Thing::Record));
        }
        if kind.immutable {
            return Err(ApiError::invalid("", "immutable"));
        }
        edit(tx, desk, &me, record, &place, &request.answers, &circumstances)?
    } else {
        let record = desk.new_record();
        create(tx, desk, &me, record, &place, form, &request.answers, &circumstances)?
    };
    units::touch(tx, &programme, place.group, desk.now(), Some((view.root.id, &place.form)))?;
    finish(tx, desk, request.token, place.group, &[view.root.id])?;
    Ok(view)
}

/// Decides a disagreement: these values on top of all that stand, also where they are those shown.
pub(crate) fn decide(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    record: RecordId,
    answers: &[Edit],
    reason: String,
) -> Result<RecordView, ApiError> {
    let me = state::identity(tx)?;
    let programme = desk.programme.clone();
    let place = found(log::place_of(tx, record)?, Thing::Record)?;
    let (form, kind) = check::form(&programme, &place.form)?;
    in_group(tx, place.group, &kind.group)?;
    check::answers(form, answers)?;
    let circumstances = desk.circumstances(me.actor, Some(reason));
    let view = edit(tx, desk, &me, record, &place, answers, &circumstances)?;
    units::touch(tx, &programme, place.group, desk.now(), Some((view.root.id, &place.form)))?;
    Ok(view)
}

/// Writes a new record.
#[expect(clippy::too_many_arguments, reason = "one caller each; a struct would only rename them")]
pub(crate) fn create(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    me: &Identity,
    record: RecordId,
    place: &Place,
    form: &Form,
    answers: &[Edit],
    circumstances: &Circumstances,
) -> Result<RecordView, ApiError> {
    let root =
        Root { id: record, form: form.id.clone(), form_version: form.version.clone(), group: place.group };
    media::rows::name_saved(tx, form, place.group, answers)?;
    let (document, change) = begin(&root, form, answers, circumstances)?;
    small_enough(&change)?;
    log::place(tx, record, place)?;
    log::append(tx, record, &change, &own(me))?;
    let view = projection::project(tx, &desk.programme, record, place, &document)?;
    desk.documents.keep(record, document);
    Ok(view)
}

/// Starts a document, with its text objects in the first change so that two phones share them.
pub(crate) fn begin(
    root: &Root,
    form: &Form,
    answers: &[Edit],
    circumstances: &Circumstances,
) -> Result<(Document, RawChange), ApiError> {
    let texts: Vec<&str> = form
        .questions()
        .filter(|question| question.merge == MergePolicy::Text)
        .map(|question| question.name.as_str())
        .collect();
    Ok(Document::create_with_texts(root, &texts, answers, circumstances)?)
}

/// Writes to an existing record.
fn edit(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    me: &Identity,
    record: RecordId,
    place: &Place,
    answers: &[Edit],
    circumstances: &Circumstances,
) -> Result<RecordView, ApiError> {
    if let Some(form) = desk.programme.form(&place.form) {
        media::rows::name_saved(tx, form, place.group, answers)?;
    }
    let mut document = found(desk.documents.take(tx, record)?, Thing::Record)?;
    let view = if let Some(change) = document.edit(answers, circumstances)? {
        small_enough(&change)?;
        log::append(tx, record, &change, &own(me))?;
        projection::project(tx, &desk.programme, record, place, &document)?
    } else {
        found(projection::view(tx, record)?, Thing::Record)?
    };
    desk.documents.keep(record, document);
    Ok(view)
}

/// A change made here, that waits to be sent.
pub(crate) fn own(me: &Identity) -> Origin {
    Origin { author: me.person, device: Some(me.device), received_at: None, feed_seq: None }
}

fn small_enough(change: &RawChange) -> Result<(), ApiError> {
    if change.bytes.len() > limits::CHANGE_BYTES {
        return Err(ApiError::invalid("", "too_large"));
    }
    Ok(())
}

/// The group is on this phone, open to writing, and of the kind that holds such records.
fn in_group(db: &Connection, group: GroupId, kind: &str) -> Result<(), ApiError> {
    let there: Option<String> = db
        .prepare_cached("SELECT kind FROM grp WHERE grp = ?1 AND NOT withdrawn")?
        .query_row([group.0], |row| row.get(0))
        .optional()?;
    of_kind(there, kind)
}

fn of_kind(there: Option<String>, kind: &str) -> Result<(), ApiError> {
    if found(there, Thing::Group)? == kind { Ok(()) } else { Err(ApiError::invalid("", "wrong_group")) }
}

/// The record that a form answered once already has in this group: a new save writes to it.
pub(crate) fn only_one(db: &Connection, place: &Place) -> Result<Option<RecordId>, ApiError> {
    Ok(db
        .prepare_cached("SELECT record FROM document WHERE grp = ?1 AND form = ?2 ORDER BY record LIMIT 1")?
        .query_row(params![place.group.0, place.form], |row| id(row, 0))
        .optional()?)
}

/// What a save with this token gave, if there was one.
pub(crate) fn finished(
    db: &Connection,
    token: Option<[u8; 16]>,
) -> Result<Option<(GroupId, Vec<RecordId>)>, ApiError> {
    let Some(token) = token else { return Ok(None) };
    Ok(db
        .prepare_cached("SELECT grp, records FROM saved WHERE token = ?1")?
        .query_row([token], |row| {
            let records = row.get::<_, Vec<u8>>(1)?;
            Ok((id(row, 0)?, records.chunks(16).filter_map(RecordId::from_slice).collect()))
        })
        .optional()?)
}

/// Remembers what a token gave; its draft is no longer needed.
pub(crate) fn finish(
    tx: &Transaction<'_>,
    desk: &Desk,
    token: Option<[u8; 16]>,
    group: GroupId,
    records: &[RecordId],
) -> Result<(), ApiError> {
    let Some(token) = token else { return Ok(()) };
    tx.prepare_cached("DELETE FROM draft WHERE token = ?1")?.execute([token])?;
    tx.prepare_cached("INSERT INTO saved (token, grp, records, at) VALUES (?1, ?2, ?3, ?4)")?.execute(
        params![
            token,
            group.0,
            records.iter().flat_map(|record| record.0).collect::<Vec<u8>>(),
            desk.now().0
        ],
    )?;
    Ok(())
}
