//! The feed from its first entry: numbers, chain, hashes, addresses, and who wrote what.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    record::RawChange,
    time::Millis,
    wire::{ControlEvent, Cursor},
};
use rusqlite::{Row, Transaction, params};

use super::{Finding, Report, access::FromFeed};
use crate::store::{StoreError, TENANT, log, rows::Sql};

/// What one pass over the feed leaves for the other checks.
#[derive(Default)]
pub(super) struct Seen {
    /// What the control entries say.
    pub(super) access: FromFeed,
    /// Records that automerge must not read: one of their changes is not as it was written, or they were
    /// erased.
    pub(super) unsound: BTreeSet<RecordId>,
    /// Changes without a body, each with its group: fine where the group was erased.
    bodiless: Vec<(u64, GroupId, RecordId)>,
}

struct Entry {
    seq: u64,
    chain: [u8; 16],
    received_at: Millis,
    body: Vec<u8>,
    content: Content,
}

enum Content {
    Change {
        group: GroupId,
        record: RecordId,
        hash: ChangeHash,
        actor: ActorId,
        actor_seq: u64,
        author: PersonId,
        device: Option<DeviceId>,
    },
    Control {
        group: Option<GroupId>,
        person: Option<PersonId>,
        partner: Option<PartnerId>,
    },
}

pub(super) fn verify(tx: &Transaction<'_>, report: &mut Report) -> Result<Seen, StoreError> {
    let mut seen = Seen::default();
    let mut head = Cursor::default();
    let mut statement = tx.prepare(
        "SELECT seq, chain, body, kind, group_id, record, hash, actor, actor_seq, author, device, person,
                partner, received_at
         FROM feed WHERE tenant = ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([TENANT])?;
    while let Some(row) = rows.next()? {
        report.entries += 1;
        let Ok(entry) = read(row) else {
            let Sql(seq) = row.get::<_, Sql<u64>>(0)?;
            report.find(Finding::EntryUnreadable { seq });
            // What follows cannot be held against a chain that is not known.
            head = Cursor { seq, chain: row.get(1).unwrap_or_default() };
            continue;
        };
        let gap = entry.seq != head.seq + 1;
        if gap {
            report.find(Finding::EntriesMissing { first: head.seq + 1, last: entry.seq.saturating_sub(1) });
        }
        let digest = match &entry.content {
            Content::Change { .. } => change(&entry, &mut seen, report),
            Content::Control { .. } => Some(control(&entry, &mut seen, report)),
        };
        if let Some(digest) = digest
            && !gap
            && log::link(&head, &digest, entry.received_at).chain != entry.chain
            && log::link_without_time(&head, &digest).chain != entry.chain
        {
            report.find(Finding::ChainBroken { seq: entry.seq });
        }
        head = Cursor { seq: entry.seq, chain: entry.chain };
    }
    report.head = head.seq;
    for &(seq, group, record) in &seen.bodiless {
        if !seen.access.erased.contains_key(&group) {
            report.find(Finding::ChangeAltered { seq, record });
        }
    }
    erasures(tx, &seen, report)?;
    sequences(tx, report)?;
    Ok(seen)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let content = if row.get::<_, i64>(3)? == 0 {
        Content::Change {
            group: row.get::<_, Sql<_>>(4)?.0,
            record: row.get::<_, Sql<_>>(5)?.0,
            hash: row.get::<_, Sql<_>>(6)?.0,
            actor: row.get::<_, Sql<_>>(7)?.0,
            actor_seq: row.get::<_, Sql<_>>(8)?.0,
            author: row.get::<_, Sql<_>>(9)?.0,
            device: row.get::<_, Option<Sql<_>>>(10)?.map(|device| device.0),
        }
    } else {
        Content::Control {
            group: row.get::<_, Option<Sql<_>>>(4)?.map(|group| group.0),
            person: row.get::<_, Option<Sql<_>>>(11)?.map(|person| person.0),
            partner: row.get::<_, Option<Sql<_>>>(12)?.map(|partner| partner.0),
        }
    };
    let (seq, received_at) = (row.get::<_, Sql<_>>(0)?.0, row.get::<_, Sql<_>>(13)?.0);
    Ok(Entry { seq, chain: row.get(1)?, received_at, body: row.get(2)?, content })
}

/// Checks a change; gives what the chain was made with. `None` where that is not known any more.
fn change(entry: &Entry, seen: &mut Seen, report: &mut Report) -> Option<[u8; 32]> {
    let &Content::Change { group, record, hash, actor, actor_seq, author, device } = &entry.content else {
        return None;
    };
    report.changes += 1;
    let access = &seen.access;
    let is_known = access.groups.contains_key(&group)
        && access.people.contains_key(&author)
        && device
            .is_none_or(|device| access.devices.get(&device).is_some_and(|(person, _)| *person == author));
    if !is_known {
        report.find(Finding::UnknownOrigin { seq: entry.seq });
    }
    if entry.body.is_empty() {
        // Which groups were erased stands later in the feed. The chain was made with the hash.
        seen.bodiless.push((entry.seq, group, record));
        seen.unsound.insert(record);
        return Some(hash.0);
    }
    // automerge computes the hash from the bytes, and refuses those that do not have their own checksum.
    match RawChange::parse(&entry.body) {
        Ok(raw) if raw.hash == hash && raw.actor == actor && raw.seq == actor_seq => Some(raw.hash.0),
        parsed => {
            report.find(Finding::ChangeAltered { seq: entry.seq, record });
            seen.unsound.insert(record);
            // If only the row beside the bytes was altered, the chain still tells of the bytes.
            Some(parsed.map_or(hash.0, |raw| raw.hash.0))
        }
    }
}

/// Checks a control entry and takes in what it says; gives what the chain is made with.
fn control(entry: &Entry, seen: &mut Seen, report: &mut Report) -> [u8; 32] {
    let digest = *blake3::hash(&entry.body).as_bytes();
    let Content::Control { group, person, partner } = entry.content else { return digest };
    let Ok(event) = log::control_event(&entry.body) else {
        report.find(Finding::EntryUnreadable { seq: entry.seq });
        return digest;
    };
    let meant = match &event {
        ControlEvent::Person { partner, .. } => (None, None, Some(*partner)),
        ControlEvent::Group { group, .. } | ControlEvent::Erase { group, .. } => (Some(*group), None, None),
        ControlEvent::Grant { person, .. }
        | ControlEvent::Withdraw { person, .. }
        | ControlEvent::Enrol { person, .. }
        | ControlEvent::Reviewed { person, .. } => (None, Some(*person), None),
        ControlEvent::Revoke { device } => {
            (None, seen.access.devices.get(device).map(|(person, _)| *person), None)
        }
    };
    if meant != (group, person, partner) {
        report.find(Finding::WrongAudience { seq: entry.seq });
    }
    seen.access.take_in(entry.seq, event);
    digest
}

/// The erased groups: what the rows say, and that nothing of their changes is left.
fn erasures(tx: &Transaction<'_>, seen: &Seen, report: &mut Report) -> Result<(), StoreError> {
    // A store of an older version, looked at as it is, has no such table.
    if !tx.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'erasures'")?.exists([])? {
        return Ok(());
    }
    let mut rows: BTreeMap<GroupId, u64> = BTreeMap::new();
    let mut statement = tx.prepare("SELECT group_id, seq FROM erasures WHERE tenant = ?1")?;
    let mut found = statement.query([TENANT])?;
    while let Some(row) = found.next()? {
        rows.insert(row.get::<_, Sql<_>>(0)?.0, row.get::<_, Sql<u64>>(1)?.0);
    }
    for group in rows.keys().chain(seen.access.erased.keys()).collect::<BTreeSet<_>>() {
        if rows.get(group) != seen.access.erased.get(group) {
            report.find(Finding::ErasureDiffers { group: *group });
        }
    }
    let mut left = tx.prepare(
        "SELECT seq FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 0 AND length(body) > 0",
    )?;
    for group in seen.access.erased.keys() {
        let mut rows = left.query(params![TENANT, Sql(*group)])?;
        while let Some(row) = rows.next()? {
            report.find(Finding::NotErased { seq: row.get::<_, Sql<_>>(0)?.0, group: *group });
        }
    }
    Ok(())
}

/// The numbers of each actor's changes of each record, and whose the actors are.
fn sequences(tx: &Transaction<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut statement = tx.prepare(
        "SELECT record, actor FROM feed WHERE tenant = ?1 AND record IS NOT NULL
         GROUP BY record, actor HAVING min(actor_seq) <> 1 OR max(actor_seq) <> count(*)",
    )?;
    let mut rows = statement.query([TENANT])?;
    while let Some(row) = rows.next()? {
        let (Sql(record), Sql(actor)) = (row.get(0)?, row.get(1)?);
        report.find(Finding::SequenceGap { record, actor });
    }
    let mut statement = tx.prepare(
        "SELECT actor FROM feed WHERE tenant = ?1 AND record IS NOT NULL
         EXCEPT SELECT actor FROM actors WHERE tenant = ?1",
    )?;
    let mut rows = statement.query([TENANT])?;
    while let Some(row) = rows.next()? {
        report.find(Finding::ActorUnbound { actor: row.get::<_, Sql<_>>(0)?.0 });
    }
    Ok(())
}
