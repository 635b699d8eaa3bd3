//! The feed as far as a device and the server both hold it: what a pack by column need not carry.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use alongside_domain::{
    ids::{ChangeHash, GroupId, PersonId},
    wire::{
        Backfill, Cursor,
        pack::{KnownChange, KnownFeed},
    },
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{StoreError, TENANT, access, rows::Sql};

/// The trait has no room for errors: the first is kept until the pack is done.
#[derive(Default)]
struct Failed(RefCell<Option<StoreError>>);

impl Failed {
    fn kept<T>(&self, read: Result<Option<T>, StoreError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.0.borrow_mut().get_or_insert(error);
            None
        })
    }

    fn over<T>(self, value: T) -> Result<T, StoreError> {
        self.0.into_inner().map_or(Ok(value), Err)
    }
}

/// What a device holds of the feed, as its request says: a pack for it may stand on that.
pub(crate) struct Held<'t> {
    tx: &'t Transaction<'t>,
    granted: BTreeMap<GroupId, u64>,
    cursor: u64,
    backfills: BTreeMap<GroupId, u64>,
    /// What the pack being made names so far.
    named: RefCell<HashMap<u64, KnownChange>>,
    failed: Failed,
}

impl<'t> Held<'t> {
    /// Does something with what this person's device holds that stands here with these backfills under
    /// way; a failure to read the store wins over what comes of it.
    pub(crate) fn use_for<T>(
        tx: &'t Transaction<'t>,
        person: PersonId,
        cursor: Cursor,
        backfills: &[Backfill],
        work: impl FnOnce(&Self) -> T,
    ) -> Result<T, StoreError> {
        let held = Self {
            tx,
            granted: access::granted(tx, person)?,
            cursor: cursor.seq,
            backfills: backfills.iter().map(|backfill| (backfill.group, backfill.after)).collect(),
            named: RefCell::default(),
            failed: Failed::default(),
        };
        let value = work(&held);
        held.failed.over(value)
    }

    /// Whether an entry has reached the device: with the feed where the grant is older, else by the
    /// backfill that the grant began, as far as that has come.
    fn has(&self, number: u64, group: GroupId) -> bool {
        let Some(&granted) = self.granted.get(&group) else { return false };
        let filled = self.backfills.get(&group).is_none_or(|after| number <= *after);
        number <= self.cursor && (number > granted || (granted <= self.cursor && filled))
    }

    fn find(&self, change: &ChangeHash) -> Result<Option<(u64, KnownChange)>, StoreError> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT hash, actor, record, group_id, seq FROM feed WHERE tenant = ?1 AND hash = ?2",
            )?
            .query_row(params![TENANT, Sql(*change)], |row| Ok((row.get::<_, Sql<u64>>(4)?.0, known(row)?)))
            .optional()?)
    }
}

impl KnownFeed for Held<'_> {
    fn number(&self, change: &ChangeHash) -> Option<u64> {
        let (number, known) = self.failed.kept(self.find(change))?;
        if !self.has(number, known.group) {
            return None;
        }
        self.named.borrow_mut().insert(number, known);
        Some(number)
    }

    fn change(&self, number: u64) -> Option<KnownChange> {
        self.named.borrow().get(&number).copied()
    }
}

/// The feed as a device may name it in what it sends: changes of groups that its person was granted at
/// some time. A number of any other group is as unknown as one that does not exist.
pub(crate) struct Nameable<'t> {
    tx: &'t Transaction<'t>,
    person: PersonId,
    failed: Failed,
}

impl<'t> Nameable<'t> {
    /// Does something with what this person's devices may name; a failure to read the store wins over
    /// what comes of it.
    pub(crate) fn use_for<T>(
        tx: &'t Transaction<'t>,
        person: PersonId,
        work: impl FnOnce(&Self) -> T,
    ) -> Result<T, StoreError> {
        let nameable = Self { tx, person, failed: Failed::default() };
        let value = work(&nameable);
        nameable.failed.over(value)
    }

    fn find(&self, number: u64) -> Result<Option<KnownChange>, StoreError> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT hash, actor, record, group_id FROM feed f
                 WHERE tenant = ?1 AND seq = ?2 AND kind = 0
                   AND EXISTS (SELECT 1 FROM grants g WHERE g.tenant = f.tenant AND g.person = ?3
                               AND g.group_id = f.group_id)",
            )?
            .query_row(params![TENANT, Sql(number), Sql(self.person)], known)
            .optional()?)
    }
}

impl KnownFeed for Nameable<'_> {
    /// Only for opening: a device packs what it sends itself.
    fn number(&self, _: &ChangeHash) -> Option<u64> {
        None
    }

    fn change(&self, number: u64) -> Option<KnownChange> {
        self.failed.kept(self.find(number))
    }
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownChange> {
    Ok(KnownChange {
        hash: row.get::<_, Sql<_>>(0)?.0,
        actor: row.get::<_, Sql<_>>(1)?.0,
        record: row.get::<_, Sql<_>>(2)?.0,
        group: row.get::<_, Sql<_>>(3)?.0,
    })
}
