//! Moving a record that was entered in the wrong group: written anew in the right one, closed where it stood.

use alongside_domain::{
    ids::{GroupId, RecordId},
    record::{Circumstances, Edit, RecordView, moved},
    rules::Touched,
    value::Value,
};
use rusqlite::Transaction;

use super::{MoveRequest, check, restricted, save};
use crate::{
    error::{ApiError, Thing},
    media,
    store::{
        beside,
        desk::Desk,
        groups,
        log::{self, Place},
        projection,
        rows::found,
        state, units,
    },
};

/// Moves a record, all in this transaction. Gives what it became.
pub(crate) fn move_record(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    request: &MoveRequest,
) -> Result<RecordView, ApiError> {
    if let Some(first) = save::finished(tx, request.token)?.and_then(|(_, records)| records.first().copied())
    {
        return found(beside::whole(tx, &desk.programme, first)?, Thing::Record);
    }
    let me = state::identity(tx)?;
    let programme = desk.programme.clone();
    let old = found(beside::whole(tx, &programme, request.record)?, Thing::Record)?;
    let from = found(log::place_of(tx, request.record)?, Thing::Record)?;
    let (form, kind) = check::form(&programme, &from.form)?;
    check::role(tx, me.person, kind)?;
    save::in_group(tx, from.group, &kind.group)?;
    let group = target(tx, desk, &me, request.group, &kind.group)?;
    let there = found(groups::kind(tx, group)?, Thing::Group)?;
    let planned = moved::plan(kind, form, &old, (group, &there))
        .map_err(|reason| ApiError::invalid("", reason.code()))?;
    if log::place_of(tx, planned.record)?.is_some() {
        // A record with a key that the group has already.
        return Err(ApiError::invalid("", moved::CannotMove::ThereAlready.code()));
    }
    let circumstances = desk.circumstances(me.actor, request.reason.clone());
    let to = Place { group, form: from.form.clone() };
    media::take::take_along(tx, desk, form, &planned.answers, (from.group, group))?;
    let split = restricted::apart(desk, form, kind, &planned.answers);
    let view = save::create(tx, desk, &me, planned.record, &to, form, &split.open, &circumstances)?;
    restricted::write(tx, desk, &me, planned.record, &to, form, kind, &split.restricted, &circumstances)?;
    let closed = save::edit(tx, desk, &me, request.record, &from, &[planned.closing], &circumstances)?;
    parts_follow(tx, desk, &me, &closed, &circumstances)?;
    let touched = |record: RecordId, is_new| Some(Touched { form: &from.form, record, is_new });
    units::touch(tx, &programme, from.group, desk.now(), touched(request.record, false))?;
    units::touch(tx, &programme, group, desk.now(), touched(planned.record, true))?;
    save::finish(tx, desk, request.token, group, &[planned.record])?;
    Ok(beside::joined(tx, &programme, view)?)
}

/// Has those of a record's restricted parts that are here say that it was moved, and where to: on top of what was
/// written to them without knowing.
pub(super) fn parts_follow(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    me: &state::Identity,
    whole: &RecordView,
    circumstances: &Circumstances,
) -> Result<(), ApiError> {
    let Some(to) = whole.moved_to().filter(|_| !whole.is_moved_in_doubt()) else { return Ok(()) };
    let programme = desk.programme.clone();
    for part in beside::parts_of(tx, &programme, whole.root.id)? {
        let view = found(projection::view(tx, part)?, Thing::Record)?;
        if view.moved_to() == Some(to) && !view.is_moved_in_doubt() {
            continue;
        }
        let place = found(log::place_of(tx, part)?, Thing::Record)?;
        let mut document = found(desk.documents.take(tx, part)?, Thing::Record)?;
        let closing = [Edit { key: moved::TO.to_owned(), value: Value::Ref(to) }];
        let change = match document.edit(&closing, circumstances)? {
            None => document.affirm(moved::TO, circumstances)?,
            edited => edited,
        };
        match change {
            Some(change) => drop(save::write(tx, desk, me, part, &place, document, &change)?),
            None => desk.documents.keep(part, document),
        }
    }
    Ok(())
}

/// The group that is meant: for a record that is restricted as a whole, the person's own beside the one named.
fn target(
    tx: &Transaction<'_>,
    desk: &Desk,
    me: &state::Identity,
    named: GroupId,
    kind: &str,
) -> Result<GroupId, ApiError> {
    let named_kind = groups::kind(tx, named)?;
    let beside_of = desk.programme.groups.get(kind).and_then(|group| group.beside.as_ref());
    if beside_of.is_some() && beside_of == named_kind.as_ref() {
        save::in_group(tx, named, named_kind.as_deref().unwrap_or_default())?;
        return restricted::own_group(tx, desk, me, named, kind);
    }
    save::in_group(tx, named, kind)?;
    Ok(named)
}
