//! The page of one unit.

use alongside_domain::{ids::GroupId, programme::Programme, record::moved, time::Millis};
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    home::{LINE, line},
    records::{STORED, Stored},
};
use crate::{
    error::{ApiError, Thing},
    store::{beside, groups, relatives, rows::found, units},
    views::{DeadlineView, LinkedGroup, PageMark, RecordCard, UnitView},
};

/// Most records of a linked group.
const LINKED: u32 = 50;

/// Most records of a page.
const MOST: u32 = 200;

/// The page of a unit. Its cost grows with the page, not with the records of the unit.
pub(crate) fn unit(
    db: &Connection,
    programme: &Programme,
    group: GroupId,
    as_of: Date,
    limit: u32,
    after: Option<PageMark>,
) -> Result<UnitView, ApiError> {
    let unit = db
        .prepare_cached(&format!("{LINE} WHERE u.grp = ?1"))?
        .query_row([group.0], |row| line(row, programme, as_of))
        .optional()?;
    let unit = found(unit, Thing::Group)?;
    let mut deadlines = Vec::new();
    for deadline in units::deadlines(db, group)? {
        let set_by = match deadline.set.as_ref().and_then(|set| set.by) {
            Some(person) => groups::name(db, person)?,
            None => None,
        };
        deadlines.push(DeadlineView { state: deadline.state(as_of), deadline, set_by });
    }
    let mut linked: Vec<LinkedGroup> = Vec::new();
    for group in groups::linked(db, group)? {
        let kind = groups::kind(db, group)?.unwrap_or_default();
        let records = page(db, programme, group, LINKED, None)?.0;
        // What a coordinator found to be one stands behind it, and is shown as one with it.
        match front_of(db, &mut linked, group, &kind)? {
            Some(front) => {
                front.also.push(group);
                front.records.extend(records);
                front.records.sort_by_key(|card| std::cmp::Reverse((card.at, card.record)));
                front.records.truncate(usize::try_from(LINKED).unwrap_or(usize::MAX));
            }
            None => linked.push(LinkedGroup { group, kind, also: Vec::new(), records }),
        }
    }
    // What is restricted as a whole lives beside the unit or what it is linked to.
    let mut around = vec![group];
    around.extend(groups::linked(db, group)?);
    for group in around {
        let of = groups::kind(db, group)?.unwrap_or_default();
        for kind in programme.restricted_beside(&of) {
            for group in beside::groups(db, group, kind)? {
                let mut records = page(db, programme, group, LINKED, None)?.0;
                // The parts of records are shown with them.
                records.retain(|card| programme.records.get(&card.form).is_none_or(|of| of.group == kind));
                if !records.is_empty() {
                    linked.push(LinkedGroup { group, kind: kind.to_owned(), also: Vec::new(), records });
                }
            }
        }
    }
    let (records, after) = page(db, programme, group, limit.clamp(1, MOST), after)?;
    let disclaimer = programme.deadlines.disclaimer().to_owned();
    let relatives = relatives::of(db, group)?;
    Ok(UnitView { unit, deadlines, disclaimer, linked, relatives, records, after })
}

/// The group among these that this one was found to be one with.
fn front_of<'a>(
    db: &Connection,
    linked: &'a mut [LinkedGroup],
    group: GroupId,
    kind: &str,
) -> Result<Option<&'a mut LinkedGroup>, ApiError> {
    for front in linked.iter_mut().filter(|front| front.kind == kind) {
        for member in std::iter::once(front.group).chain(front.also.clone()) {
            if groups::parents(db, member)?.contains(&group) {
                return Ok(Some(front));
            }
        }
    }
    Ok(None)
}

/// Records of a group, newest first, and where the next page starts.
fn page(
    db: &Connection,
    programme: &Programme,
    group: GroupId,
    limit: u32,
    after: Option<PageMark>,
) -> Result<(Vec<RecordCard>, Option<PageMark>), ApiError> {
    let (at, record) =
        after.map_or((i64::MAX, [255; 16]), |PageMark { at: Millis(at), record }| (at, record.0));
    let mut stored: Vec<Stored> = db
        .prepare_cached(&format!(
            "{STORED} WHERE grp = ?1 AND (at, record) < (?2, ?3) AND form NOT GLOB '{}*'
             ORDER BY at DESC, record DESC LIMIT ?4",
            moved::LOOKED_UP_WITH
        ))?
        .query_map(params![group.0, at, record, limit + 1], Stored::read)?
        .collect::<Result<_, _>>()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = stored.len() > limit;
    stored.truncate(limit);
    let cards = stored.into_iter().map(|stored| stored.card(db, programme)).collect::<Result<Vec<_>, _>>()?;
    let next = cards.last().filter(|_| more).map(|card| PageMark { at: card.at, record: card.record });
    Ok((cards, next))
}
