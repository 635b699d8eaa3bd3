//! What a device is sent of the feed.
//!
//! A person sees an entry of a group in the feed where their grant of the group is older than the
//! entry; older entries come by backfill, up to the number of the grant. Whatever is sent, a device
//! that keeps cursor and backfills together with the entries gets each entry once. Erased changes have no
//! body and are passed over.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{DeviceId, GroupId, PartnerId, PersonId},
    wire::{Backfill, ControlEvent, Cursor, FeedEntry, limits},
};
use rusqlite::{Row, Transaction, params};

use super::{StoreError, TENANT, access, log, rows::Sql};

/// Who pulls, and from where.
#[derive(Debug, Clone)]
pub(crate) struct PullRequest<'a> {
    pub(crate) person: PersonId,
    pub(crate) partner: PartnerId,
    pub(crate) device: DeviceId,
    pub(crate) cursor: Cursor,
    /// The furthest place that the device was told of.
    pub(crate) seen: Option<Cursor>,
    pub(crate) backfills: &'a [Backfill],
    /// Up to here the device's own changes are left out of the feed. Never out of a backfill, and
    /// never those of a group that was withdrawn once: the phone erases its own with the group.
    pub(crate) own_high: u64,
    /// Numbers given to changes of this same request.
    pub(crate) just_accepted: &'a BTreeSet<u64>,
    /// Most bytes of compressed pack wanted; roughly kept.
    pub(crate) limit: u32,
}

/// What the device is sent, and where it stands once that is durable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PullAnswer {
    pub(crate) entries: Vec<FeedEntry>,
    pub(crate) cursor: Cursor,
    /// The last entry of the feed, where it is further.
    pub(crate) head: Option<Cursor>,
    pub(crate) backfills: Vec<Backfill>,
    pub(crate) start_again: bool,
    pub(crate) more: bool,
}

/// Packs of changes compress to about a third in the row form.
const COMPRESSION: usize = 3;
/// Envelope of one entry in the row form, in bytes.
pub(crate) const ENTRY_OVERHEAD: usize = 96;
/// Where the device is at most this far behind, looking at every entry is shorter than asking the
/// index for each of its groups.
const SCAN_AT_MOST: u64 = 512;

/// How the entries for a device are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// Every entry after the cursor.
    Scan,
    /// The index of each group, merged by number.
    Groups,
}

/// Room left in an answer.
struct Room {
    bytes: usize,
    entries: usize,
    any: bool,
}

impl Room {
    /// Takes an entry of this size; the first always fits, so that every answer moves on.
    fn take(&mut self, body: usize) -> bool {
        let size = body + ENTRY_OVERHEAD;
        if self.any && (size > self.bytes || self.entries == 0) {
            self.bytes = 0;
            return false;
        }
        self.any = true;
        self.bytes = self.bytes.saturating_sub(size);
        self.entries = self.entries.saturating_sub(1);
        true
    }
}

pub(crate) fn pull(tx: &Transaction<'_>, request: &PullRequest<'_>) -> Result<PullAnswer, StoreError> {
    let head = log::head(tx)?;
    let search = if head.seq.saturating_sub(request.cursor.seq) <= SCAN_AT_MOST {
        Search::Scan
    } else {
        Search::Groups
    };
    let answer = pull_by(tx, request, head, search)?;
    Ok(PullAnswer { head: (answer.cursor != head).then_some(head), ..answer })
}

pub(crate) fn pull_by(
    tx: &Transaction<'_>,
    request: &PullRequest<'_>,
    head: Cursor,
    search: Search,
) -> Result<PullAnswer, StoreError> {
    let mut known = log::place(tx, request.cursor.seq)? == Some(request.cursor);
    if let Some(seen) = request.seen {
        known &= log::place(tx, seen.seq)? == Some(seen);
    }
    if !known {
        return Ok(PullAnswer {
            entries: Vec::new(),
            cursor: Cursor::default(),
            head: None,
            backfills: Vec::new(),
            start_again: true,
            more: true,
        });
    }
    if request.cursor == head && request.backfills.is_empty() {
        // Nothing new and nothing on its way: what most questions come to. The person's grants, hundreds
        // perhaps, need not be read.
        return Ok(PullAnswer {
            entries: Vec::new(),
            cursor: head,
            head: None,
            backfills: Vec::new(),
            start_again: false,
            more: false,
        });
    }
    let granted = access::granted(tx, request.person)?;
    // A backfill under way counts only while the grant it belongs to stands.
    let mut backfills: BTreeMap<GroupId, Backfill> = request
        .backfills
        .iter()
        .filter(|backfill| granted.get(&backfill.group) == Some(&backfill.until))
        .map(|backfill| (backfill.group, *backfill))
        .collect();
    let mut answer = PullAnswer {
        entries: Vec::new(),
        cursor: request.cursor,
        head: None,
        backfills: Vec::new(),
        start_again: false,
        more: false,
    };
    if request.limit == 0 {
        answer.more = request.cursor.seq < head.seq || !backfills.is_empty();
        answer.backfills = backfills.into_values().collect();
        return Ok(answer);
    }
    let mut room = Room {
        bytes: (request.limit as usize).saturating_mul(COMPRESSION).min(limits::PACK_INFLATED_BYTES / 2),
        entries: limits::PACK_ENTRIES,
        any: false,
    };
    let whole = feed(tx, request, head, search, &granted, &mut backfills, &mut room, &mut answer)?;
    answer.more = !whole;
    if whole {
        answer.cursor = head;
        answer.more = !fill_back(tx, &mut backfills, &mut room, &mut answer.entries)?;
    }
    answer.backfills = backfills.into_values().collect();
    Ok(answer)
}

/// Adds the feed's entries after the cursor; `false` where the room ended first.
#[expect(clippy::too_many_arguments, reason = "the parts of one answer under construction")]
fn feed(
    tx: &Transaction<'_>,
    request: &PullRequest<'_>,
    head: Cursor,
    search: Search,
    granted: &BTreeMap<GroupId, u64>,
    backfills: &mut BTreeMap<GroupId, Backfill>,
    room: &mut Room,
    answer: &mut PullAnswer,
) -> Result<bool, StoreError> {
    if request.cursor.seq >= head.seq {
        return Ok(true);
    }
    let sql = match search {
        Search::Scan => {
            "SELECT seq, kind, group_id, record, author, device, received_at, body, chain
             FROM feed f WHERE tenant = ?1 AND seq > ?2 AND length(body) > 0
               AND (person = ?3 OR partner = ?4
                    OR EXISTS (SELECT 1 FROM grants g
                               WHERE g.tenant = f.tenant AND g.person = ?3 AND g.group_id = f.group_id
                                 AND g.until IS NULL AND g.seq < f.seq))
             ORDER BY seq"
        }
        Search::Groups => {
            "SELECT seq, kind, group_id, record, author, device, received_at, body, chain
             FROM feed WHERE tenant = ?1 AND length(body) > 0 AND seq IN (
                 SELECT f.seq FROM grants g CROSS JOIN feed f INDEXED BY feed_group
                    ON f.tenant = g.tenant AND f.group_id = g.group_id AND f.seq > max(g.seq, ?2)
                    WHERE g.tenant = ?1 AND g.person = ?3 AND g.until IS NULL
                 UNION ALL
                 SELECT seq FROM feed INDEXED BY feed_person
                    WHERE tenant = ?1 AND person = ?3 AND seq > ?2
                 UNION ALL
                 SELECT seq FROM feed INDEXED BY feed_partner
                    WHERE tenant = ?1 AND partner = ?4 AND seq > ?2)
             ORDER BY seq"
        }
    };
    let withdrawn_once = access::withdrawn_once(tx, request.person)?;
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![
        TENANT,
        Sql(request.cursor.seq),
        Sql(request.person),
        Sql(request.partner)
    ])?;
    while let Some(row) = rows.next()? {
        let seq = row.get::<_, Sql<u64>>(0)?.0;
        let device: Option<Sql<DeviceId>> = row.get(5)?;
        let group: Option<Sql<GroupId>> = row.get(2)?;
        let held = device == Some(Sql(request.device))
            && (seq <= request.own_high || request.just_accepted.contains(&seq))
            && group.is_none_or(|group| !withdrawn_once.contains(&group.0));
        if !held {
            if !room.take(body_len(row)?) {
                return Ok(false);
            }
            let entry = entry(row)?;
            match &entry {
                FeedEntry::Control { event: ControlEvent::Grant { group, .. }, .. }
                    if granted.get(group) == Some(&seq) =>
                {
                    backfills.insert(*group, Backfill { group: *group, after: 0, until: seq });
                }
                _ => {}
            }
            answer.entries.push(entry);
        }
        answer.cursor = Cursor { seq, chain: row.get(8)? };
    }
    Ok(true)
}

/// Adds older entries of groups granted later; `true` where no backfill is left.
fn fill_back(
    tx: &Transaction<'_>,
    backfills: &mut BTreeMap<GroupId, Backfill>,
    room: &mut Room,
    entries: &mut Vec<FeedEntry>,
) -> Result<bool, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, kind, group_id, record, author, device, received_at, body
         FROM feed WHERE tenant = ?1 AND group_id = ?2 AND seq > ?3 AND seq <= ?4 AND length(body) > 0
         ORDER BY seq",
    )?;
    // Oldest grant first: a group's parents were granted before it.
    let mut order: Vec<Backfill> = backfills.values().copied().collect();
    order.sort_by_key(|backfill| backfill.until);
    for backfill in order {
        let mut after = backfill.after;
        let mut rows =
            statement.query(params![TENANT, Sql(backfill.group), Sql(after), Sql(backfill.until)])?;
        while let Some(row) = rows.next()? {
            if !room.take(body_len(row)?) {
                backfills.insert(backfill.group, Backfill { after, ..backfill });
                return Ok(false);
            }
            let entry = entry(row)?;
            after = entry.seq();
            entries.push(entry);
        }
        backfills.remove(&backfill.group);
    }
    Ok(true)
}

/// The columns that [`entry`] reads.
const ENTRY: &str = "seq, kind, group_id, record, author, device, received_at, body";

/// The entry with this number; `None` where there is none, or it was erased.
pub(crate) fn entry_at(tx: &Transaction<'_>, seq: u64) -> Result<Option<FeedEntry>, StoreError> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {ENTRY} FROM feed WHERE tenant = ?1 AND seq = ?2 AND length(body) > 0"
    ))?;
    let mut rows = statement.query(params![TENANT, Sql(seq)])?;
    rows.next()?.map(entry).transpose()
}

/// The change with this number; `None` where there is none, or it was erased.
pub(crate) fn change(tx: &Transaction<'_>, seq: u64) -> Result<Option<FeedEntry>, StoreError> {
    Ok(entry_at(tx, seq)?.filter(|entry| matches!(entry, FeedEntry::Change { .. })))
}

/// The number of the entry that says what a group is.
pub(crate) fn entry_of_group(tx: &Transaction<'_>, group: GroupId) -> Result<Option<u64>, StoreError> {
    // Nothing of a group is in the feed before it was opened.
    let first: Option<Sql<u64>> = tx
        .prepare_cached("SELECT min(seq) FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 1")?
        .query_row(params![TENANT, Sql(group)], |row| row.get(0))?;
    Ok(first.map(|seq| seq.0))
}

/// What the feed tells a person beside what is in groups and who may see them: people of the partner,
/// installations, decisions.
pub(crate) fn of_person(
    tx: &Transaction<'_>,
    person: PersonId,
    partner: PartnerId,
) -> Result<Vec<FeedEntry>, StoreError> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {ENTRY} FROM feed WHERE tenant = ?1 AND seq IN (
             SELECT seq FROM feed INDEXED BY feed_person WHERE tenant = ?1 AND person = ?2
             UNION ALL
             SELECT seq FROM feed INDEXED BY feed_partner WHERE tenant = ?1 AND partner = ?3)
         ORDER BY seq"
    ))?;
    let mut rows = statement.query(params![TENANT, Sql(person), Sql(partner)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        let of_access = matches!(
            entry,
            FeedEntry::Control { event: ControlEvent::Grant { .. } | ControlEvent::Withdraw { .. }, .. }
        );
        if !of_access {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn body_len(row: &Row<'_>) -> Result<usize, StoreError> {
    Ok(row.get_ref(7)?.as_blob().map_err(rusqlite::Error::from)?.len())
}

fn entry(row: &Row<'_>) -> Result<FeedEntry, StoreError> {
    let seq = row.get::<_, Sql<u64>>(0)?.0;
    let at = row.get::<_, Sql<_>>(6)?.0;
    if row.get::<_, i64>(1)? == 1 {
        let event = log::control_event(row.get_ref(7)?.as_blob().map_err(rusqlite::Error::from)?)?;
        return Ok(FeedEntry::Control { seq, at, event });
    }
    Ok(FeedEntry::Change {
        seq,
        group: row.get::<_, Sql<_>>(2)?.0,
        record: row.get::<_, Sql<_>>(3)?.0,
        author: row.get::<_, Sql<_>>(4)?.0,
        device: row.get::<_, Option<Sql<_>>>(5)?.map(|device| device.0),
        received_at: at,
        bytes: row.get(7)?,
    })
}

#[cfg(test)]
mod tests;
