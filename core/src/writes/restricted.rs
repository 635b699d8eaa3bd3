//! Writing restricted answers: into the person's own restricted group beside the record's.

use std::collections::BTreeSet;

use alongside_domain::{
    form::Form,
    ids::{GroupId, RecordId},
    programme::{
        RecordKind,
        split::{self, Split},
    },
    record::{Circumstances, Edit},
};
use rusqlite::Transaction;

use super::save;
use crate::{
    error::{ApiError, Thing},
    store::{beside, desk::Desk, groups, log::Place, projection, state::Identity},
};

/// Takes the restricted answers apart from the others, where the form has such.
pub(crate) fn apart(desk: &Desk, form: &Form, kind: &RecordKind, edits: &[Edit]) -> Split {
    match kind.restricted {
        Some(_) => split::split(&desk.programme, form, edits.to_vec()),
        None => Split { open: edits.to_vec(), restricted: Vec::new() },
    }
}

/// The person's own restricted group beside this one, opened where it is not there yet.
pub(crate) fn own_group(
    tx: &Transaction<'_>,
    desk: &Desk,
    me: &Identity,
    group: GroupId,
    kind: &str,
) -> Result<GroupId, ApiError> {
    let own = split::restricted_group(group, me.person);
    if groups::is_erased(tx, own)? {
        return Err(ApiError::NotFound(Thing::Group));
    }
    if groups::kind(tx, own)?.is_none() {
        groups::set(tx, own, kind, &[group], desk.now(), true)?;
        tx.execute("INSERT OR IGNORE INTO access (person, grp) VALUES (?1, ?2)", (me.person.0, own.0))?;
    }
    Ok(own)
}

/// Writes the restricted answers of a record. One that is taken back, or said anew, is written in every
/// part that holds an answer; what no part holds goes into the person's own.
#[expect(clippy::too_many_arguments, reason = "one caller each; a struct would only rename them")]
pub(crate) fn write(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    me: &Identity,
    record: RecordId,
    place: &Place,
    form: &Form,
    kind: &RecordKind,
    edits: &[Edit],
    circumstances: &Circumstances,
) -> Result<(), ApiError> {
    let (Some(kind), false) = (&kind.restricted, edits.is_empty()) else { return Ok(()) };
    let own = split::restricted_group(place.group, me.person);
    let mut taken = BTreeSet::new();
    for group in beside::groups(tx, place.group, kind)? {
        let part = split::part_of(record, group);
        let Some(view) = projection::view(tx, part)? else { continue };
        let here = split::held(&view, edits);
        if !here.is_empty() {
            let place = Place { group, form: place.form.clone() };
            save::edit(tx, desk, me, part, &place, &here, circumstances)?;
            taken.extend(here.into_iter().map(|edit| edit.key));
        }
    }
    let left = split::left(edits, &taken);
    if left.is_empty() {
        return Ok(());
    }
    let part = split::part_of(record, own);
    let own_place = Place { group: own, form: place.form.clone() };
    if projection::view(tx, part)?.is_some() {
        save::edit(tx, desk, me, part, &own_place, &left, circumstances)?;
    } else {
        own_group(tx, desk, me, place.group, kind)?;
        save::create(tx, desk, me, part, &own_place, form, &left, circumstances)?;
    }
    Ok(())
}
