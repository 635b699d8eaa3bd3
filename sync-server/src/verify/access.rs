//! Groups, grants, people and phones: the rows against what the control entries say.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{DeviceId, GroupId, PartnerId, PersonId},
    wire::ControlEvent,
};
use rusqlite::{Row, Transaction};

use super::{Finding, Report};
use crate::store::{StoreError, TENANT, rows::Sql};

/// A grant: person, group, number of its entry; and the number of the entry that ended it.
type Grants = BTreeMap<(PersonId, GroupId, u64), Option<u64>>;

/// What the control entries of a feed add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FromFeed {
    /// Kind, partner and links.
    pub(super) groups: BTreeMap<GroupId, (String, PartnerId, BTreeSet<GroupId>)>,
    pub(super) grants: Grants,
    /// The grant that stands.
    current: BTreeMap<(PersonId, GroupId), u64>,
    /// Whose, and whether revoked.
    pub(super) devices: BTreeMap<DeviceId, (PersonId, bool)>,
    /// Groups that were erased, with the number of the first entry that says so.
    pub(super) erased: BTreeMap<GroupId, u64>,
    /// Name, role, partner.
    pub(super) people: BTreeMap<PersonId, (String, String, PartnerId)>,
}

impl FromFeed {
    /// Takes in the control entry with this number.
    pub(super) fn take_in(&mut self, seq: u64, event: ControlEvent) {
        match event {
            ControlEvent::Person { person, name, role, partner } => {
                self.people.insert(person, (name, role, partner));
            }
            ControlEvent::Group { group, kind, partner, parents } => {
                self.groups.insert(group, (kind, partner, parents.into_iter().collect()));
            }
            ControlEvent::Grant { person, group } => {
                self.grants.insert((person, group, seq), None);
                self.current.insert((person, group), seq);
            }
            ControlEvent::Withdraw { person, group } => {
                if let Some(granted) = self.current.remove(&(person, group)) {
                    self.grants.insert((person, group, granted), Some(seq));
                }
            }
            ControlEvent::Erase { group, reason: _ } => {
                self.erased.entry(group).or_insert(seq);
            }
            // It is told to a phone, and leaves nothing behind at the server.
            ControlEvent::Reviewed { .. } => {}
            ControlEvent::Enrol { device, person } => {
                self.devices.insert(device, (person, false));
            }
            ControlEvent::Revoke { device } => {
                if let Some((_, revoked)) = self.devices.get_mut(&device) {
                    *revoked = true;
                }
            }
        }
    }
}

pub(super) fn verify(tx: &Transaction<'_>, feed: &FromFeed, report: &mut Report) -> Result<(), StoreError> {
    let mut links: BTreeMap<GroupId, BTreeSet<GroupId>> = BTreeMap::new();
    for (child, parent) in all(tx, "SELECT child, parent FROM group_parents WHERE tenant = ?1", |row| {
        Ok((id(row, 0)?, id(row, 1)?))
    })? {
        links.entry(child).or_default().insert(parent);
    }
    let mut groups: BTreeMap<_, _> =
        all(tx, "SELECT id, kind, partner FROM groups WHERE tenant = ?1", |row| {
            Ok((id(row, 0)?, (row.get(1)?, id(row, 2)?, BTreeSet::new())))
        })?
        .into_iter()
        .collect();
    let mut strays = BTreeSet::new();
    for (child, parents) in links {
        match groups.get_mut(&child) {
            Some((_, _, kept)) => *kept = parents,
            None => {
                strays.insert(child);
            }
        }
    }
    for group in differing(&groups, &feed.groups).into_iter().chain(strays) {
        report.find(Finding::GroupDiffers { group });
    }

    let grants: Grants =
        all(tx, "SELECT person, group_id, seq, until FROM grants WHERE tenant = ?1", |row| {
            let until = row.get::<_, Option<Sql<u64>>>(3)?.map(|until| until.0);
            Ok(((id(row, 0)?, id(row, 1)?, row.get::<_, Sql<u64>>(2)?.0), until))
        })?
        .into_iter()
        .collect();
    let grants: BTreeSet<_> =
        differing(&grants, &feed.grants).into_iter().map(|(person, group, _)| (person, group)).collect();
    for (person, group) in grants {
        report.find(Finding::GrantDiffers { person, group });
    }

    let people = all(tx, "SELECT id, name, role, partner FROM people WHERE tenant = ?1", |row| {
        Ok((id(row, 0)?, (row.get(1)?, row.get(2)?, id(row, 3)?)))
    })?;
    for person in differing(&people.into_iter().collect(), &feed.people) {
        report.find(Finding::PersonDiffers { person });
    }

    let devices =
        all(tx, "SELECT id, person, revoked_at IS NOT NULL FROM devices WHERE tenant = ?1", |row| {
            Ok((id(row, 0)?, (id(row, 1)?, row.get(2)?)))
        })?;
    for device in differing(&devices.into_iter().collect(), &feed.devices) {
        report.find(Finding::DeviceDiffers { device });
    }
    Ok(())
}

/// The keys under which the two do not say the same.
fn differing<K: Ord + Copy, V: PartialEq>(rows: &BTreeMap<K, V>, feed: &BTreeMap<K, V>) -> BTreeSet<K> {
    rows.keys().chain(feed.keys()).filter(|key| rows.get(key) != feed.get(key)).copied().collect()
}

fn all<T>(
    tx: &Transaction<'_>,
    query: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    Ok(tx.prepare(query)?.query_map([TENANT], read)?.collect::<Result<_, _>>()?)
}

fn id<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    Sql<T>: rusqlite::types::FromSql,
{
    Ok(row.get::<_, Sql<T>>(column)?.0)
}
