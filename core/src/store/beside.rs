//! Restricted parts: the answers of a record that live in groups beside its own.

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::{Programme, split},
    record::RecordView,
};
use rusqlite::{Connection, params};

use super::{log, projection, rows::id};
use crate::error::ApiError;

/// The restricted groups of this kind beside a group that are on this phone and open to writing.
pub(crate) fn groups(db: &Connection, group: GroupId, kind: &str) -> rusqlite::Result<Vec<GroupId>> {
    db.prepare_cached(
        "SELECT grp.grp FROM grp_parent JOIN grp ON grp.grp = grp_parent.grp
         WHERE parent = ?1 AND kind = ?2 AND NOT withdrawn ORDER BY grp.grp",
    )?
    .query_map(params![group.0, kind], |row| id(row, 0))?
    .collect()
}

/// A record with those of its restricted parts that are on this phone.
pub(crate) fn joined(
    db: &Connection,
    programme: &Programme,
    view: RecordView,
) -> rusqlite::Result<RecordView> {
    let kind = programme.records.get(&view.root.form).and_then(|kind| kind.restricted.as_ref());
    let (Some(kind), Some(form)) = (kind, programme.forms.get(&view.root.form)) else { return Ok(view) };
    let mut parts = Vec::new();
    for group in groups(db, view.root.group, kind)? {
        parts.extend(projection::view(db, split::part_of(view.root.id, group))?);
    }
    Ok(if parts.is_empty() { view } else { split::join(form, view, parts) })
}

/// The view of a record, restricted answers and all.
pub(crate) fn whole(
    db: &Connection,
    programme: &Programme,
    record: RecordId,
) -> Result<Option<RecordView>, ApiError> {
    match projection::view(db, record)? {
        Some(view) => Ok(Some(joined(db, programme, view)?)),
        None => Ok(None),
    }
}

/// The ids of the restricted parts of a record that are on this phone.
pub(crate) fn parts_of(
    db: &Connection,
    programme: &Programme,
    record: RecordId,
) -> Result<Vec<RecordId>, ApiError> {
    let Some(place) = log::place_of(db, record)? else { return Ok(Vec::new()) };
    let Some(kind) = programme.records.get(&place.form).and_then(|kind| kind.restricted.as_ref()) else {
        return Ok(Vec::new());
    };
    let mut parts = Vec::new();
    for group in groups(db, place.group, kind)? {
        let part = split::part_of(record, group);
        if log::place_of(db, part)?.is_some() {
            parts.push(part);
        }
    }
    Ok(parts)
}
