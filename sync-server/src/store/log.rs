//! The feed: appending to it inside a transaction, and the server's own reading of it.

use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    record::{Document, RawChange},
    time::Millis,
    wire::{ControlEvent, Cursor},
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{LogBody, LogEntry, StoreError, StoredChange, TENANT, rows::Sql};

pub(crate) fn head(tx: &Transaction<'_>) -> Result<Cursor, StoreError> {
    let head = tx
        .prepare_cached("SELECT seq, chain FROM feed WHERE tenant = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([TENANT], cursor)
        .optional()?;
    Ok(head.unwrap_or_default())
}

/// The feed's place with this number; `None` where there is no such entry.
pub(crate) fn place(tx: &Transaction<'_>, seq: u64) -> Result<Option<Cursor>, StoreError> {
    if seq == 0 {
        return Ok(Some(Cursor::default()));
    }
    Ok(tx
        .prepare_cached("SELECT seq, chain FROM feed WHERE tenant = ?1 AND seq = ?2")?
        .query_row(params![TENANT, Sql(seq)], cursor)
        .optional()?)
}

fn cursor(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor { seq: row.get::<_, Sql<u64>>(0)?.0, chain: row.get(1)? })
}

pub(crate) fn after(tx: &Transaction<'_>, seq: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, kind, group_id, record, hash, author, device, received_at, body
         FROM feed WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = statement.query(params![TENANT, Sql(seq), i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let body = if row.get::<_, i64>(1)? == 0 && body_len(row, 8)? == 0 {
            LogBody::Erased {
                group: row.get::<_, Sql<_>>(2)?.0,
                record: row.get::<_, Sql<_>>(3)?.0,
                hash: row.get::<_, Sql<_>>(4)?.0,
            }
        } else if row.get::<_, i64>(1)? == 0 {
            LogBody::Change {
                group: row.get::<_, Sql<_>>(2)?.0,
                record: row.get::<_, Sql<_>>(3)?.0,
                hash: row.get::<_, Sql<_>>(4)?.0,
                author: row.get::<_, Sql<_>>(5)?.0,
                device: row.get::<_, Option<Sql<_>>>(6)?.map(|device| device.0),
                bytes: row.get(8)?,
            }
        } else {
            LogBody::Control(control_event(row.get_ref(8)?.as_blob().map_err(rusqlite::Error::from)?)?)
        };
        entries.push(LogEntry {
            seq: row.get::<_, Sql<u64>>(0)?.0,
            received_at: row.get::<_, Sql<_>>(7)?.0,
            body,
        });
    }
    Ok(entries)
}

fn body_len(row: &Row<'_>, column: usize) -> Result<usize, StoreError> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?.len())
}

/// When the entry with this number was received; `None` where there is none.
pub(crate) fn received_at(tx: &Transaction<'_>, seq: u64) -> Result<Option<Millis>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT received_at FROM feed WHERE tenant = ?1 AND seq = ?2")?
        .query_row(params![TENANT, Sql(seq)], |row| Ok(row.get::<_, Sql<Millis>>(0)?.0))
        .optional()?)
}

/// The number of the entry that opened a group; `None` where there is no such group.
pub(crate) fn opened_at(tx: &Transaction<'_>, group: GroupId) -> Result<Option<u64>, StoreError> {
    if super::access::group(tx, group)?.is_none() {
        return Ok(None);
    }
    // Nothing of a group is in the feed before it was opened.
    Ok(tx
        .prepare_cached("SELECT min(seq) FROM feed WHERE tenant = ?1 AND group_id = ?2")?
        .query_row(params![TENANT, Sql(group)], |row| {
            Ok(row.get::<_, Option<Sql<u64>>>(0)?.map(|seq| seq.0))
        })?)
}

/// Left alone, the planner reads the whole feed to spare the sorting of a record's few changes.
const CHANGES_OF: &str = "SELECT seq, hash, author, device, received_at, body
    FROM feed INDEXED BY feed_record WHERE tenant = ?1 AND record = ?2 ORDER BY seq";

/// All changes of a record, in feed order. Those of an erased record have no bytes.
pub(crate) fn changes_of(tx: &Transaction<'_>, record: RecordId) -> Result<Vec<StoredChange>, StoreError> {
    let mut statement = tx.prepare_cached(CHANGES_OF)?;
    let changes = statement
        .query_map(params![TENANT, Sql(record)], |row| {
            Ok(StoredChange {
                seq: row.get::<_, Sql<u64>>(0)?.0,
                hash: row.get::<_, Sql<_>>(1)?.0,
                author: row.get::<_, Sql<_>>(2)?.0,
                device: row.get::<_, Option<Sql<_>>>(3)?.map(|device| device.0),
                received_at: row.get::<_, Sql<_>>(4)?.0,
                bytes: row.get(5)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(changes)
}

/// A record as the feed has it; `None` where it has none, or its group was erased.
pub(crate) fn document(tx: &Transaction<'_>, record: RecordId) -> Result<Option<Document>, StoreError> {
    let stored = changes_of(tx, record)?;
    if stored.is_empty() || stored.iter().any(|change| change.bytes.is_empty()) {
        return Ok(None);
    }
    Document::load(stored.iter().map(|change| change.bytes.as_slice()))
        .map(Some)
        .map_err(|_| StoreError::damaged("a record of the feed does not load"))
}

/// The records of a group, the first written first.
pub(crate) fn records_of(tx: &Transaction<'_>, group: GroupId) -> Result<Vec<RecordId>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT record FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 0
         GROUP BY record ORDER BY min(seq)",
    )?;
    let records = statement
        .query_map(params![TENANT, Sql(group)], |row| Ok(row.get::<_, Sql<RecordId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(records)
}

/// The control entries after this number, in order: number, time, what they say.
pub(crate) fn control_after(
    tx: &Transaction<'_>,
    seq: u64,
) -> Result<Vec<(u64, Millis, ControlEvent)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, received_at, body FROM feed WHERE tenant = ?1 AND seq > ?2 AND kind = 1 ORDER BY seq",
    )?;
    let mut rows = statement.query(params![TENANT, Sql(seq)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let event = control_event(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
        entries.push((row.get::<_, Sql<u64>>(0)?.0, row.get::<_, Sql<_>>(1)?.0, event));
    }
    Ok(entries)
}

pub(crate) fn control_event(bytes: &[u8]) -> Result<ControlEvent, StoreError> {
    ciborium::from_reader(bytes).map_err(|_| StoreError::damaged("a control entry of the feed is unreadable"))
}

/// The place after this one, of an entry with this digest, received then: the hash of a change, or of a
/// control entry's bytes. The time stands in it because a server that was restored may take back the very
/// entries that it lost, in their order: they are other entries then, received later.
pub(crate) fn link(head: &Cursor, digest: &[u8; 32], received_at: Millis) -> Cursor {
    chained(head, &[digest, &received_at.0.to_le_bytes()])
}

/// As [`link`], for entries of feeds of before the time stood in the chain.
pub(crate) fn link_without_time(head: &Cursor, digest: &[u8; 32]) -> Cursor {
    chained(head, &[digest])
}

fn chained(head: &Cursor, entry: &[&[u8]]) -> Cursor {
    let seq = head.seq + 1;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head.chain).update(&seq.to_le_bytes());
    for part in entry {
        hasher.update(part);
    }
    let mut chain = [0; 16];
    chain.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Cursor { seq, chain }
}

/// Who is sent a control entry.
enum Audience {
    Group(GroupId),
    Person(PersonId),
    Partner(PartnerId),
}

/// Appends to the feed inside one transaction: gives the numbers and carries the chain on.
pub(crate) struct Appender<'t> {
    pub(crate) tx: &'t Transaction<'t>,
    pub(crate) head: Cursor,
    pub(crate) now: Millis,
    /// The records that changes were appended of, for what follows from them.
    pub(crate) written: Vec<Written>,
    /// The restricted groups that were opened.
    pub(crate) opened: Vec<GroupId>,
}

/// Of which record a change was appended.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) group: GroupId,
    pub(crate) record: RecordId,
    pub(crate) author: PersonId,
    pub(crate) form: String,
}

impl<'t> Appender<'t> {
    pub(crate) fn new(tx: &'t Transaction<'t>, now: Millis) -> Result<Self, StoreError> {
        Ok(Self { tx, head: head(tx)?, now, written: Vec::new(), opened: Vec::new() })
    }

    fn next(&mut self, digest: &[u8; 32]) -> Cursor {
        self.head = link(&self.head, digest, self.now);
        self.head
    }

    /// Appends a change of a record of this form that passed guard and policy. Without a device, the server
    /// wrote it for its author.
    pub(crate) fn change(
        &mut self,
        group: GroupId,
        record: RecordId,
        (author, device): (PersonId, Option<DeviceId>),
        form: &str,
        change: &RawChange,
    ) -> Result<u64, StoreError> {
        let at = self.next(&change.hash.0);
        self.tx
            .prepare_cached(
                "INSERT INTO feed (tenant, seq, kind, group_id, record, hash, actor, actor_seq, author,
                                   device, received_at, body, chain)
                 VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                TENANT,
                Sql(at.seq),
                Sql(group),
                Sql(record),
                Sql(change.hash),
                Sql(change.actor),
                Sql(change.seq),
                Sql(author),
                device.map(Sql),
                Sql(self.now),
                change.bytes,
                at.chain,
            ])?;
        crate::blobs::rows::note_named(self.tx, group, record, &change.bytes)?;
        self.written.push(Written { group, record, author, form: form.to_owned() });
        Ok(at.seq)
    }

    pub(crate) fn person_entry(
        &mut self,
        event: &ControlEvent,
        partner: PartnerId,
    ) -> Result<u64, StoreError> {
        self.control(event, &Audience::Partner(partner))
    }

    pub(crate) fn group_entry(&mut self, event: &ControlEvent, group: GroupId) -> Result<u64, StoreError> {
        self.control(event, &Audience::Group(group))
    }

    pub(crate) fn personal_entry(
        &mut self,
        event: &ControlEvent,
        person: PersonId,
    ) -> Result<u64, StoreError> {
        self.control(event, &Audience::Person(person))
    }

    fn control(&mut self, event: &ControlEvent, audience: &Audience) -> Result<u64, StoreError> {
        let mut body = Vec::new();
        ciborium::into_writer(event, &mut body).expect("a control event is plain data, and a Vec takes it");
        let at = self.next(blake3::hash(&body).as_bytes());
        let (group, person, partner) = match *audience {
            Audience::Group(group) => (Some(Sql(group)), None, None),
            Audience::Person(person) => (None, Some(Sql(person)), None),
            Audience::Partner(partner) => (None, None, Some(Sql(partner))),
        };
        self.tx
            .prepare_cached(
                "INSERT INTO feed (tenant, seq, kind, group_id, person, partner, received_at, body, chain)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![TENANT, Sql(at.seq), group, person, partner, Sql(self.now), body, at.chain])?;
        Ok(at.seq)
    }
}

/// The feed number of a change; `None` where the feed does not have it.
pub(crate) fn number_of(tx: &Transaction<'_>, hash: &ChangeHash) -> Result<Option<u64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT seq FROM feed WHERE tenant = ?1 AND hash = ?2")?
        .query_row(params![TENANT, Sql(*hash)], |row| Ok(row.get::<_, Sql<u64>>(0)?.0))
        .optional()?)
}

/// The feed number of a change that this person wrote; `None` where the feed has none such.
pub(crate) fn number_of_own(
    tx: &Transaction<'_>,
    hash: &ChangeHash,
    author: PersonId,
) -> Result<Option<u64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT seq FROM feed WHERE tenant = ?1 AND hash = ?2 AND author = ?3")?
        .query_row(params![TENANT, Sql(*hash), Sql(author)], |row| Ok(row.get::<_, Sql<u64>>(0)?.0))
        .optional()?)
}

/// The group of the entry with this number.
pub(crate) fn group_of(tx: &Transaction<'_>, seq: u64) -> Result<Option<GroupId>, StoreError> {
    let group: Option<Option<Sql<GroupId>>> = tx
        .prepare_cached("SELECT group_id FROM feed WHERE tenant = ?1 AND seq = ?2")?
        .query_row(params![TENANT, Sql(seq)], |row| row.get(0))
        .optional()?;
    Ok(group.flatten().map(|group| group.0))
}

/// The number of a record's latest change; 0 where there is no such record.
pub(crate) fn latest_of(tx: &Transaction<'_>, record: RecordId) -> Result<u64, StoreError> {
    let latest: Option<Sql<u64>> = tx
        .prepare_cached("SELECT max(seq) FROM feed INDEXED BY feed_record WHERE tenant = ?1 AND record = ?2")?
        .query_row(params![TENANT, Sql(record)], |row| row.get(0))?;
    Ok(latest.map_or(0, |seq| seq.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn the_changes_of_a_record_are_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store.db")).unwrap();
        let plan: Vec<String> = store
            .read(|tx| {
                let mut statement = tx.prepare(&format!("EXPLAIN QUERY PLAN {CHANGES_OF}"))?;
                let plan = statement.query_map(params![TENANT, [0_u8; 16]], |row| row.get(3))?;
                Ok(plan.collect::<Result<_, _>>()?)
            })
            .unwrap();
        assert!(plan[0].contains("feed_record (tenant=? AND record=?)"), "{plan:?}");
    }
}
