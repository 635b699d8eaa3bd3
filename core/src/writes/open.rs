//! Opening a group on the phone, offline or not.

use alongside_domain::{ids::GroupId, programme::Count};
use rusqlite::{Connection, Transaction};

use super::{OpenGroupRequest, OpenedGroup, check, restricted, save};
use crate::{
    error::{ApiError, Thing},
    store::{desk::Desk, groups, log::Place, rows::found, state, units},
};

/// Opens a group with its first records, all in this transaction.
pub(crate) fn open_group(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    request: &OpenGroupRequest,
) -> Result<OpenedGroup, ApiError> {
    if let Some((group, records)) = save::finished(tx, request.token)? {
        return Ok(OpenedGroup { group, records });
    }
    let me = state::identity(tx)?;
    let programme = desk.programme.clone();
    let kind = found(programme.groups.get(&request.kind), Thing::GroupKind)?;
    // A restricted group opens by itself, where there is something to keep in it.
    if !kind.opened_on_phone || kind.beside.is_some() {
        return Err(ApiError::invalid("", "not_opened_on_phone"));
    }
    parents(tx, &kind.parents, &request.parents)?;
    let group = desk.new_group();
    let now = desk.now();
    groups::set(tx, group, &request.kind, &request.parents, now, true)?;
    tx.execute("INSERT INTO access (person, grp) VALUES (?1, ?2)", (me.person.0, group.0))?;
    let mut records = Vec::with_capacity(request.records.len());
    let mut singletons = Vec::new();
    for first in &request.records {
        let (form, kind) = check::form(&programme, &first.form)?;
        check::answers(form, &first.answers)?;
        if kind.group != request.kind {
            return Err(ApiError::invalid("", "wrong_group"));
        }
        if kind.count == Count::One {
            if singletons.contains(&&first.form) {
                return Err(ApiError::invalid("", "only_one"));
            }
            singletons.push(&first.form);
        }
        let keyed = kind.keyed_id(group, &first.form, &first.answers).map_err(check::key_problems)?;
        let record = keyed.unwrap_or_else(|| desk.new_record());
        let place = Place { group, form: first.form.clone() };
        let circumstances = desk.circumstances(me.actor, None);
        let split = restricted::apart(desk, form, kind, &first.answers);
        save::create(tx, desk, &me, record, &place, form, &split.open, &circumstances)?;
        restricted::write(tx, desk, &me, record, &place, form, kind, &split.restricted, &circumstances)?;
        records.push(record);
    }
    units::touch(tx, &programme, group, now, None)?;
    save::finish(tx, desk, request.token, group, &records)?;
    Ok(OpenedGroup { group, records })
}

/// One parent of each kind that the programme names, all on this phone.
fn parents(db: &Connection, kinds: &[String], given: &[GroupId]) -> Result<(), ApiError> {
    let mut found_kinds = Vec::with_capacity(given.len());
    for parent in given {
        found_kinds.push(found(groups::kind(db, *parent)?, Thing::Group)?);
    }
    found_kinds.sort_unstable();
    let mut asked: Vec<&String> = kinds.iter().collect();
    asked.sort_unstable();
    if asked.into_iter().eq(found_kinds.iter()) {
        Ok(())
    } else {
        Err(ApiError::invalid("", "wrong_parents"))
    }
}
