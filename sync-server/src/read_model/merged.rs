//! Groups that may be one (two families, two children), and groups that were found to be one.
//!
//! Nothing here decides anything: what is alike is said by the programme's rules, and a coordinator looks.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::Programme,
    rules::{Alike, Scope},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{ReadModelError, findings, unit};

/// Two groups that may be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Their kind.
    pub kind: String,
    /// The two, the smaller id first.
    pub groups: [GroupId; 2],
    /// What the rules say of them, each once; empty where only what is linked to them was merged.
    pub why: Vec<String>,
}

/// The pairs that the rules of an area propose, and those that follow from a merge: one unit that is linked
/// to two families.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn proposed(
    connection: &Connection,
    programme: &Programme,
    (partner, area): ([u8; 16], &str),
    now: Millis,
) -> Result<Vec<Pair>, ReadModelError> {
    let units = findings::units_of_area(connection, (partner, area))?;
    let mut pairs: BTreeMap<[GroupId; 2], (String, BTreeSet<String>)> = BTreeMap::new();
    for alike in findings::alike(connection, programme, Scope::Area, &units, now)? {
        let groups = apart(connection, &alike)?;
        for (place, (one, kind)) in groups.iter().enumerate() {
            if programme.may_be_merged(kind) {
                for (other, _) in groups.iter().skip(place + 1) {
                    let pair = pairs.entry([*one, *other]).or_insert_with(|| (kind.clone(), BTreeSet::new()));
                    pair.1.insert(alike.message.clone());
                }
            }
        }
    }
    for unit in units {
        for (kind, groups) in unit::scope(connection, unit)? {
            if !programme.may_be_merged(&kind) || groups.len() < 2 {
                continue;
            }
            let mut fronts = BTreeSet::new();
            for group in groups {
                fronts.insert(front(connection, group)?);
            }
            let fronts: Vec<GroupId> = fronts.into_iter().collect();
            for (place, one) in fronts.iter().enumerate() {
                for other in &fronts[place + 1..] {
                    pairs.entry([*one, *other]).or_insert_with(|| (kind.clone(), BTreeSet::new()));
                }
            }
        }
    }
    let pair = |(groups, (kind, why)): ([GroupId; 2], (String, BTreeSet<String>))| Pair {
        kind,
        groups,
        why: why.into_iter().collect(),
    };
    Ok(pairs.into_iter().map(pair).collect())
}

/// The records that rules which compare found alike, and that are of two groups still: those of groups that
/// were merged are one.
pub(super) fn still_alike(
    connection: &Connection,
    alike: Vec<Alike>,
) -> Result<BTreeSet<(String, RecordId)>, ReadModelError> {
    let mut still = BTreeSet::new();
    for alike in alike {
        if apart(connection, &alike)?.len() > 1 {
            still.extend(alike.records.iter().map(|record| (alike.rule.clone(), *record)));
        }
    }
    Ok(still)
}

/// The groups of these records with their kinds, each as the one that it was merged into.
fn apart(connection: &Connection, alike: &Alike) -> Result<BTreeMap<GroupId, String>, ReadModelError> {
    let mut groups = BTreeMap::new();
    for record in &alike.records {
        let found: Option<(GroupId, String)> = connection
            .prepare_cached(
                "SELECT \"group\", kind FROM record_row JOIN group_row USING (\"group\") WHERE record = ?1",
            )?
            .query_row([record.0], |row| Ok((GroupId(row.get(0)?), row.get(1)?)))
            .optional()?;
        if let Some((group, kind)) = found {
            groups.insert(front(connection, group)?, kind);
        }
    }
    Ok(groups)
}

/// The group that this one was merged into, over any number of merges; itself where it was not.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn front(connection: &Connection, group: GroupId) -> Result<GroupId, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT child FROM parent JOIN group_row kept ON kept.\"group\" = child
         JOIN group_row other ON other.\"group\" = parent
         WHERE parent = ?1 AND kept.kind = other.kind ORDER BY child LIMIT 1",
    )?;
    let (mut front, mut seen) = (group, BTreeSet::new());
    while seen.insert(front) {
        let next = statement.query_row([front.0], |row| row.get(0).map(GroupId)).optional()?;
        front = next.unwrap_or(front);
    }
    Ok(front)
}

/// The units that hang on a group, with their areas.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn units_of(
    connection: &Connection,
    programme: &Programme,
    group: GroupId,
) -> Result<Vec<super::list::UnitLine>, ReadModelError> {
    let mut units = Vec::new();
    for unit in unit::depending_on(connection, programme, group)? {
        units.extend(super::case::unit(connection, unit)?);
    }
    units.sort_by(|a, b| (&a.reference, a.group).cmp(&(&b.reference, b.group)));
    Ok(units)
}

/// Kind and partner of a group.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn group(
    connection: &Connection,
    group: GroupId,
) -> Result<Option<(String, alongside_domain::ids::PartnerId)>, ReadModelError> {
    Ok(connection
        .prepare_cached("SELECT kind, partner FROM group_row WHERE \"group\" = ?1")?
        .query_row(params![group.0], |row| Ok((row.get(0)?, alongside_domain::ids::PartnerId(row.get(1)?))))
        .optional()?)
}

/// The partners that units belong to.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn partners(connection: &Connection) -> Result<Vec<[u8; 16]>, ReadModelError> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT partner FROM unit_row ORDER BY partner")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
