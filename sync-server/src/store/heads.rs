//! Which changes each group has, as a count and sums: for a phone to compare, and for the server to sign.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{GroupId, PersonId},
    tally::{
        Commitment, EntryName, Tally,
        heads::{GroupHead, sum_with},
    },
    time::Millis,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{StoreError, TENANT, rows::Sql};

/// What is counted of an entry: its number, when it was received, its name.
pub(crate) type Counting = (u64, Millis, EntryName);

/// A group's changes, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// What is signed.
    pub(crate) head: GroupHead,
    /// The changes under their numbers.
    pub(crate) tally: Tally,
}

impl Head {
    fn empty(group: GroupId) -> Self {
        Self { head: GroupHead::empty(group), tally: Tally::default() }
    }

    fn take_in(&mut self, entries: &[Counting]) -> Result<(), StoreError> {
        for (number, received_at, name) in entries {
            self.tally.add(name, *number, *received_at);
            self.head.count += 1;
            sum_with(&mut self.head.sum, name);
        }
        self.head.commitment = self
            .head
            .commitment
            .with(entries.iter().map(|(.., name)| name))
            .ok_or_else(|| StoreError::damaged("the head of a group is unreadable"))?;
        Ok(())
    }
}

/// The changes after this number, counted by group.
pub(crate) fn counted(
    tx: &Transaction<'_>,
    after: u64,
    mut known: impl FnMut(GroupId) -> Result<Option<Head>, StoreError>,
) -> Result<BTreeMap<GroupId, Head>, StoreError> {
    let mut new: BTreeMap<GroupId, Vec<Counting>> = BTreeMap::new();
    let mut statement = tx.prepare_cached(
        "SELECT group_id, seq, received_at, record, hash, author, device FROM feed
         WHERE tenant = ?1 AND seq > ?2 AND kind = 0 AND length(body) > 0 ORDER BY seq",
    )?;
    let mut rows = statement.query(params![TENANT, Sql(after)])?;
    while let Some(row) = rows.next()? {
        let group = row.get::<_, Sql<GroupId>>(0)?.0;
        new.entry(group).or_default().push(counting(row, group, 1)?);
    }
    let mut heads = BTreeMap::new();
    for (group, entries) in new {
        let mut head = known(group)?.unwrap_or_else(|| Head::empty(group));
        head.take_in(&entries)?;
        heads.insert(group, head);
    }
    Ok(heads)
}

/// Number, time of receipt and name of an entry, in the columns from this one.
fn counting(row: &Row<'_>, group: GroupId, first: usize) -> Result<Counting, StoreError> {
    let (number, at) = (row.get::<_, Sql<u64>>(first)?.0, row.get::<_, Sql<Millis>>(first + 1)?.0);
    Ok((number, at, name(row, group, first + 2)?))
}

/// The name of an entry; record, hash, author and device are in the columns from this one.
fn name(row: &Row<'_>, group: GroupId, first: usize) -> Result<EntryName, StoreError> {
    let hash = row.get::<_, Sql<_>>(first + 1)?.0;
    let device = row.get::<_, Option<Sql<_>>>(first + 3)?.map(|device| device.0);
    let (record, author) = (row.get::<_, Sql<_>>(first)?.0, row.get::<_, Sql<_>>(first + 2)?.0);
    Ok(EntryName::of(group, record, &hash, author, device))
}

/// Counts what the feed has and was not counted yet.
pub(crate) fn catch_up(tx: &Transaction<'_>, head: u64) -> Result<(), StoreError> {
    let place = place(tx)?;
    if place >= head {
        return Ok(());
    }
    let heads = counted(tx, place, |group| of_group(tx, group))?;
    for (group, head) in heads {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO group_heads (tenant, group_id, count, names, numbered, commitment)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            TENANT,
            Sql(group),
            Sql(head.head.count),
            head.head.sum,
            head.tally.sum,
            head.head.commitment.0
        ])?;
    }
    tx.prepare_cached("INSERT OR REPLACE INTO heads_place (tenant, seq) VALUES (?1, ?2)")?
        .execute(params![TENANT, Sql(head)])?;
    Ok(())
}

/// The number of the last entry that is counted.
pub(crate) fn place(tx: &Transaction<'_>) -> Result<u64, StoreError> {
    let place: Option<Sql<u64>> = tx
        .prepare_cached("SELECT seq FROM heads_place WHERE tenant = ?1")?
        .query_row([TENANT], |row| row.get(0))
        .optional()?;
    Ok(place.map_or(0, |place| place.0))
}

const COLUMNS: &str = "h.group_id, h.count, h.names, h.numbered, h.commitment";

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    let count = row.get::<_, Sql<u64>>(1)?.0;
    Ok(Head {
        head: GroupHead {
            group: row.get::<_, Sql<_>>(0)?.0,
            count,
            commitment: Commitment(row.get(4)?),
            sum: row.get(2)?,
        },
        tally: Tally { count, sum: row.get(3)? },
    })
}

/// The head of a group; `None` where it has no changes.
pub(crate) fn of_group(tx: &Transaction<'_>, group: GroupId) -> Result<Option<Head>, StoreError> {
    Ok(tx
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM group_heads h WHERE h.tenant = ?1 AND h.group_id = ?2"
        ))?
        .query_row(params![TENANT, Sql(group)], head)
        .optional()?)
}

/// Every head that is kept.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<BTreeMap<GroupId, Head>, StoreError> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM group_heads h WHERE h.tenant = ?1"))?;
    let heads = statement.query_map([TENANT], head)?;
    heads.map(|head| Ok(head.map(|head| (head.head.group, head))?)).collect()
}

/// Forgets the head of a group that was erased.
pub(crate) fn forget(tx: &Transaction<'_>, group: GroupId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM group_heads WHERE tenant = ?1 AND group_id = ?2")?
        .execute(params![TENANT, Sql(group)])?;
    Ok(())
}

/// What all groups hold that a person is granted.
pub(crate) fn scope(tx: &Transaction<'_>, person: PersonId) -> Result<Tally, StoreError> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM grants g JOIN group_heads h ON h.tenant = g.tenant AND h.group_id = g.group_id
         WHERE g.tenant = ?1 AND g.person = ?2 AND g.until IS NULL"
    ))?;
    let mut rows = statement.query(params![TENANT, Sql(person)])?;
    let mut scope = Tally::default();
    while let Some(row) = rows.next()? {
        scope.merge(&head(row)?.tally);
    }
    Ok(scope)
}

/// The changes of a group after this number, at most `most`.
pub(crate) fn list(
    tx: &Transaction<'_>,
    group: GroupId,
    after: u64,
    most: usize,
) -> Result<Vec<Counting>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, received_at, record, hash, author, device FROM feed INDEXED BY feed_group
         WHERE tenant = ?1 AND group_id = ?2 AND seq > ?3 AND kind = 0 AND length(body) > 0
         ORDER BY seq LIMIT ?4",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![TENANT, Sql(group), Sql(after), most])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(counting(row, group, 0)?);
    }
    Ok(list)
}
