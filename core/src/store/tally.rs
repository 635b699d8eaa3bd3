//! What this phone holds of its groups, counted as the server counts it.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    guard::chunk,
    ids::{GroupId, PersonId},
    tally::{
        EntryName, Tally,
        heads::{SignedHead, sum_with, sum_without},
    },
    time::Millis,
    wire::FeedEntry,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::rows::{cbor, hash, id, maybe_id, signed, to_cbor, unsigned};
use crate::error::ApiError;

/// A group's acknowledged changes, counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// Under their numbers.
    pub(crate) tally: Tally,
    /// Sum of their names.
    pub(crate) names: [u8; 16],
}

/// Counts what the transaction has moved. Cheap where nothing moved.
pub(crate) fn settle(tx: &Transaction<'_>) -> Result<(), ApiError> {
    let mut groups: BTreeMap<GroupId, Counted> = BTreeMap::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT sign, grp, record, hash, author, device, feed_seq, received FROM tally_step ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let group: GroupId = id(row, 1)?;
            let counted = match groups.entry(group) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => new.insert(of_group(tx, group)?),
            };
            let name = EntryName::of(group, id(row, 2)?, &hash(row, 3)?, id(row, 4)?, maybe_id(row, 5)?);
            let number = unsigned(row.get(6)?);
            // The server's answer tells the time with the number, or the feed does.
            let at = Millis(row.get::<_, Option<i64>>(7)?.unwrap_or(i64::MIN));
            if row.get::<_, i64>(0)? > 0 {
                counted.tally.add(&name, number, at);
                sum_with(&mut counted.names, &name);
            } else {
                counted.tally.remove(&name, number, at);
                sum_without(&mut counted.names, &name);
            }
        }
    }
    if groups.is_empty() {
        return Ok(());
    }
    for (group, counted) in groups {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO grp_tally (grp, count, names, numbered) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![group.0, signed(counted.tally.count), counted.names, counted.tally.sum])?;
    }
    tx.execute("DELETE FROM tally_step", [])?;
    Ok(())
}

fn counted(row: &Row<'_>) -> rusqlite::Result<Counted> {
    let tally = Tally { count: unsigned(row.get(0)?), sum: row.get(2)? };
    Ok(Counted { tally, names: row.get(1)? })
}

/// What is counted of a group.
pub(crate) fn of_group(db: &Connection, group: GroupId) -> rusqlite::Result<Counted> {
    let found = db
        .prepare_cached("SELECT count, names, numbered FROM grp_tally WHERE grp = ?1")?
        .query_row([group.0], counted)
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// What is held of all groups that this person may see, entries that were set aside included; `None` where
/// one of these cannot be told, or something is still to be counted.
pub(crate) fn scope(db: &Connection, person: PersonId) -> Result<Option<Tally>, ApiError> {
    let pending: bool =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM tally_step)")?.query_row([], |row| row.get(0))?;
    if pending {
        return Ok(None);
    }
    let mut scope = Tally::default();
    let mut statement = db.prepare_cached(
        "SELECT t.count, t.names, t.numbered FROM access a JOIN grp_tally t ON t.grp = a.grp
         WHERE a.person = ?1",
    )?;
    let mut rows = statement.query([person.0])?;
    while let Some(row) = rows.next()? {
        scope.merge(&counted(row)?.tally);
    }
    for aside in set_aside(db, None)? {
        let mine: bool = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM access WHERE person = ?1 AND grp = ?2)")?
            .query_row(params![person.0, aside.group.0], |row| row.get(0))?;
        let Some(name) = aside.name else { return Ok(None) };
        if mine {
            scope.add(&name, aside.number, aside.received_at);
        }
    }
    Ok(Some(scope))
}

/// An entry that was set aside and stands in the feed.
pub(crate) struct Aside {
    pub(crate) group: GroupId,
    pub(crate) number: u64,
    pub(crate) received_at: Millis,
    /// `None` where it cannot be told.
    pub(crate) name: Option<EntryName>,
}

/// Entries that were set aside and stand in the feed.
pub(crate) fn set_aside(db: &Connection, of: Option<GroupId>) -> Result<Vec<Aside>, ApiError> {
    let entries: Vec<(i64, FeedEntry)> = db
        .prepare_cached(
            "SELECT feed_seq, entry FROM quarantine WHERE feed_seq > 0 AND (?1 IS NULL OR grp = ?1)",
        )?
        .query_map(params![of.map(|group| group.0)], |row| Ok((row.get(0)?, cbor(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(entries
        .into_iter()
        .filter_map(|(number, entry)| match entry {
            FeedEntry::Change { group, record, author, device, received_at, bytes, .. } => {
                let name = chunk::parse(&bytes)
                    .ok()
                    .map(|change| EntryName::of(group, record, &change.header.hash, author, device));
                Some(Aside { group, number: unsigned(number), received_at, name })
            }
            FeedEntry::Control { .. } => None,
        })
        .collect())
}

/// Keeps the heads of groups of which this phone holds exactly what they count, and marks the changes that
/// they cover. Of the others, an earlier head stays: it still proves what it counts.
pub(crate) fn keep_heads(tx: &Transaction<'_>, heads: &[SignedHead]) -> Result<(), ApiError> {
    let mut whole = BTreeSet::new();
    for head in heads {
        let group = head.head.group;
        let here = of_group(tx, group)?;
        if (here.tally.count, here.names) == (head.head.count, head.head.sum) {
            tx.prepare_cached("INSERT OR REPLACE INTO grp_head (grp, signed) VALUES (?1, ?2)")?
                .execute(params![group.0, to_cbor(head)])?;
            whole.insert(group);
        }
    }
    if whole.is_empty() {
        return Ok(());
    }
    let uncovered: Vec<(i64, GroupId)> = tx
        .prepare_cached(
            "SELECT c.id, d.grp FROM change c INDEXED BY change_uncovered
             CROSS JOIN document d ON d.record = c.record WHERE c.covered = 0 AND c.feed_seq > 0",
        )?
        .query_map([], |row| Ok((row.get(0)?, id(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    for (change, _) in uncovered.into_iter().filter(|(_, group)| whole.contains(group)) {
        tx.prepare_cached("UPDATE change SET covered = 1 WHERE id = ?1")?.execute([change])?;
    }
    Ok(())
}

/// The head of a group that this phone can show.
pub(crate) fn head(db: &Connection, group: GroupId) -> rusqlite::Result<Option<SignedHead>> {
    db.prepare_cached("SELECT signed FROM grp_head WHERE grp = ?1")?
        .query_row([group.0], |row| cbor(row, 0))
        .optional()
}

/// The names of the changes that the group's head covers.
pub(crate) fn covered(db: &Connection, group: GroupId) -> rusqlite::Result<Vec<EntryName>> {
    let mut names: Vec<EntryName> = db
        .prepare_cached(
            "SELECT c.record, c.hash, c.author, c.device FROM document d JOIN change c ON c.record = d.record
             WHERE d.grp = ?1 AND c.covered",
        )?
        .query_map([group.0], |row| {
            Ok(EntryName::of(group, id(row, 0)?, &hash(row, 1)?, id(row, 2)?, maybe_id(row, 3)?))
        })?
        .collect::<Result<_, _>>()?;
    names.sort_unstable();
    Ok(names)
}
