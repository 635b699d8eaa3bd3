//! Saving answers to a record.

use alongside_domain::{
    form::Form,
    ids::{GroupId, RecordId},
    programme::{Count, RecordKind, split::Split},
    record::{Circumstances, Document, Edit, RawChange, RecordView, Root, moved},
    rules::Touched,
    wire::limits,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{SaveRequest, check, draft, moving, restricted};
use crate::{
    error::{ApiError, Thing},
    media,
    store::{
        beside,
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
        return found(beside::whole(tx, &desk.programme, first)?, Thing::Record);
    }
    let me = state::identity(tx)?;
    let programme = desk.programme.clone();
    let (form, kind) = check::form(&programme, &request.form)?;
    check::answers(form, &request.answers)?;
    check::role(tx, me.person, kind)?;
    // A record that is restricted as a whole is saved beside the group that is named.
    let named = groups::kind(tx, request.group)?;
    let beside_of = programme.groups.get(&kind.group).and_then(|group| group.beside.as_ref());
    let group = if beside_of.is_some() && beside_of == named.as_ref() {
        in_group(tx, request.group, named.as_deref().unwrap_or_default())?;
        restricted::own_group(tx, desk, &me, request.group, &kind.group)?
    } else {
        request.group
    };
    if draft::may_be_finished(tx, request.token, group)? {
        of_kind(groups::kind(tx, group)?, &kind.group)?;
    } else {
        in_group(tx, group, &kind.group)?;
    }
    let circumstances = desk.circumstances(me.actor, request.reason.clone());
    let place = Place { group, form: request.form.clone() };
    let mut record = match request.record {
        Some(record) => Some(record),
        None if kind.count == Count::One => only_one(tx, &place)?,
        None => None,
    };
    let mut keyed = None;
    if record.is_none() {
        keyed = kind.keyed_id(group, &form.id, &request.answers).map_err(check::key_problems)?;
        // Started here before, or on another phone: it is the same record.
        record = match keyed {
            Some(id) if log::place_of(tx, id)?.is_some() => keyed,
            _ => None,
        };
    }
    let split = restricted::apart(desk, form, kind, &request.answers);
    let is_new = record.is_none();
    let view = if let Some(record) = record {
        if found(log::place_of(tx, record)?, Thing::Record)? != place {
            return Err(ApiError::NotFound(Thing::Record));
        }
        if kind.immutable {
            return Err(ApiError::invalid("", "immutable"));
        }
        let now = found(projection::view(tx, record)?, Thing::Record)?;
        if now.is_moved() {
            return Err(ApiError::invalid("", "moved_already"));
        }
        let fixed: Vec<_> = kind.key_changes(&|key| now.value(key).cloned(), &split.open).collect();
        if !fixed.is_empty() {
            return Err(check::key_problems(fixed));
        }
        edit(tx, desk, &me, record, &place, &split.open, &circumstances)?
    } else {
        let record = keyed.unwrap_or_else(|| desk.new_record());
        create(tx, desk, &me, record, &place, form, &split.open, &circumstances)?
    };
    restricted::write(tx, desk, &me, view.root.id, &place, form, kind, &split.restricted, &circumstances)?;
    let view = beside::joined(tx, &programme, view)?;
    units::touch(
        tx,
        &programme,
        place.group,
        desk.now(),
        Some(Touched { form: &place.form, record: view.root.id, is_new }),
    )?;
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
    let lives_in = part_or_whole(tx, place.group, kind)?;
    in_group(tx, place.group, lives_in)?;
    let in_part = lives_in != kind.group;
    let view = found(projection::view(tx, record)?, Thing::Record)?;
    match answers {
        // Where it went is no answer of the form.
        [only] if only.key == moved::TO && view.is_moved() => {}
        _ if view.is_moved() => return Err(ApiError::invalid("", "moved_already")),
        _ => check::answers(form, answers)?,
    }
    let circumstances = desk.circumstances(me.actor, Some(reason));
    let split = if in_part {
        Split { open: answers.to_vec(), restricted: Vec::new() }
    } else {
        restricted::apart(desk, form, kind, answers)
    };
    let view = edit(tx, desk, &me, record, &place, &split.open, &circumstances)?;
    restricted::write(tx, desk, &me, record, &place, form, kind, &split.restricted, &circumstances)?;
    moving::parts_follow(tx, desk, &me, &view, &circumstances)?;
    units::touch(
        tx,
        &programme,
        place.group,
        desk.now(),
        Some(Touched { form: &place.form, record, is_new: false }),
    )?;
    Ok(beside::joined(tx, &programme, view)?)
}

/// Says of a record, or of one of its answers, that it is right as it stands.
pub(crate) fn affirm(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    record: RecordId,
    key: Option<&str>,
    reason: String,
) -> Result<RecordView, ApiError> {
    let me = state::identity(tx)?;
    let programme = desk.programme.clone();
    let place = found(log::place_of(tx, record)?, Thing::Record)?;
    let (_, kind) = check::form(&programme, &place.form)?;
    in_group(tx, place.group, part_or_whole(tx, place.group, kind)?)?;
    check::role(tx, me.person, kind)?;
    let circumstances = desk.circumstances(me.actor, Some(reason));
    let mut document = found(desk.documents.take(tx, record)?, Thing::Record)?;
    let change = match key {
        Some(key) => document.affirm(key, &circumstances)?,
        None => document.confirm(&circumstances)?,
    };
    let Some(change) = change else {
        // Its answers differ, every one of them: whoever decides on one has said it.
        desk.documents.keep(record, document);
        return Err(ApiError::invalid(key.unwrap_or_default(), "decide_first"));
    };
    let view = write(tx, desk, &me, record, &place, document, &change)?;
    moving::parts_follow(tx, desk, &me, &view, &circumstances)?;
    units::touch(
        tx,
        &programme,
        place.group,
        desk.now(),
        Some(Touched { form: &place.form, record, is_new: false }),
    )?;
    Ok(beside::joined(tx, &programme, view)?)
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
    let group_kind = groups::kind(tx, place.group)?.unwrap_or_default();
    let texts = desk.programme.merged_texts(form, &group_kind);
    let (document, change) = Document::create_with_texts(&root, &texts, answers, circumstances)?;
    small_enough(&change)?;
    log::place(tx, record, place)?;
    log::append(tx, record, &change, &own(me))?;
    let view = projection::project(tx, &desk.programme, record, place, &document)?;
    desk.documents.keep(record, document);
    Ok(view)
}

/// Writes to an existing record.
pub(crate) fn edit(
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
    match document.edit(answers, circumstances)? {
        Some(change) => write(tx, desk, me, record, place, document, &change),
        None => {
            desk.documents.keep(record, document);
            found(projection::view(tx, record)?, Thing::Record)
        }
    }
}

/// Writes down a change of this document, and what follows from it for the rows.
pub(super) fn write(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    me: &Identity,
    record: RecordId,
    place: &Place,
    document: Document,
    change: &RawChange,
) -> Result<RecordView, ApiError> {
    small_enough(change)?;
    log::append(tx, record, change, &own(me))?;
    let view = projection::project(tx, &desk.programme, record, place, &document)?;
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

/// The kind that this group has to be of: that of such records, or of their restricted parts.
fn part_or_whole<'k>(db: &Connection, group: GroupId, kind: &'k RecordKind) -> Result<&'k str, ApiError> {
    let there = groups::kind(db, group)?;
    Ok(kind.restricted.as_ref().filter(|part| there.as_ref() == Some(part)).unwrap_or(&kind.group))
}

/// The group is on this phone, open to writing, and of the kind that holds such records.
pub(crate) fn in_group(db: &Connection, group: GroupId, kind: &str) -> Result<(), ApiError> {
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
