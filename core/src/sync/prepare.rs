//! What to send: from the outbox to a request.

use alongside_domain::{
    ids::{ActorId, ChangeHash, GroupId},
    time::Millis,
    wire::{
        GroupOpening, PROTOCOL, PushedChange, SyncRequest, features, limits,
        pack::{self, Common, Pack, dictionary},
    },
};
use rusqlite::Connection;

use super::repair::{self, Repair, RepairSent};
use crate::{
    error::ApiError,
    store::{
        groups,
        known::Known,
        log, relatives,
        rows::{hash, id},
        state::{self, Standing},
        tally,
    },
};

/// What a request carried, to match it with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Groups opened, in the order sent.
    pub openings: Vec<GroupId>,
    /// Changes, in the order sent.
    pub changes: Vec<ChangeHash>,
    /// The actor that the request named: the answer's pack may stand on it.
    pub actor: Option<ActorId>,
    /// What it carried of a repair.
    pub repair: Option<RepairSent>,
}

/// A request, what it carries, and how many changes it leaves in the outbox.
pub(crate) struct Prepared {
    pub(crate) request: SyncRequest,
    pub(crate) sent: Sent,
    pub(crate) left: u32,
}

/// What one change costs in a pack beside its bytes.
const ENVELOPE: usize = 48;

/// Builds a request: openings first, then changes in the order they were made, at least one, at most
/// `push_bytes` of them. What the server asked for goes first; what it put off goes last, alone. With
/// `rows_only` the request's pack is in rows, and asks for an answer's pack in rows.
pub(crate) fn prepare(
    db: &Connection,
    push_bytes: u32,
    pull_bytes: u32,
    rows_only: bool,
    now: Millis,
) -> Result<Prepared, ApiError> {
    let standing = state::standing(db)?;
    let openings = openings(db)?;
    if let Some(repair) = repair::under_way(db)? {
        return step(db, &standing, openings, &repair, push_bytes, pull_bytes, rows_only);
    }
    let changes = changes(db, usize::try_from(push_bytes).unwrap_or(usize::MAX))?;
    let sent = Sent {
        openings: openings.iter().map(|opening| opening.group).collect(),
        changes: changes.iter().map(|(hash, _)| *hash).collect(),
        actor: Some(standing.actor),
        repair: None,
    };
    let left = log::waiting(db)?.saturating_sub(u32::try_from(changes.len()).unwrap_or(u32::MAX));
    let changes: Vec<PushedChange> = changes.into_iter().map(|(_, change)| change).collect();
    let mine = understood(rows_only);
    // Where something is on its way to either side, the answer's tally is compared.
    let is_at_rest = openings.is_empty() && changes.is_empty() && standing.backfills.is_empty();
    let tally = match state::identity(db) {
        Ok(me) if is_at_rest => tally::scope(db, me.person)?,
        _ => None,
    };
    let request = SyncRequest {
        protocol: PROTOCOL,
        features: mine,
        dictionary: dictionary::newest().filter(|_| mine & features::DICTIONARY != 0),
        cursor: standing.cursor,
        seen: (standing.seen.seq > standing.cursor.seq).then_some(standing.seen),
        backfills: standing.backfills,
        own_high: standing.own_high,
        actor: standing.actor,
        openings,
        push: push(db, &changes, standing.actor, rows_only)?,
        limit: pull_bytes,
        waiting: left,
        tally,
        needs_key: state::server_key(db)?.is_none(),
        asks_relatives: relatives::are_due(db, now)?,
        repair: None,
    };
    Ok(Prepared { request, sent, left })
}

fn understood(rows_only: bool) -> u32 {
    let in_rows = features::ALL & !(features::COLUMN_PACK | features::DICTIONARY);
    if rows_only { in_rows } else { features::ALL }
}

/// A step of a repair. What waits is sent once it is done: the server may lack what it stands on.
fn step(
    db: &Connection,
    standing: &Standing,
    openings: Vec<GroupOpening>,
    repair: &Repair,
    push_bytes: u32,
    pull_bytes: u32,
    rows_only: bool,
) -> Result<Prepared, ApiError> {
    let bytes = usize::try_from(push_bytes).unwrap_or(usize::MAX);
    let (asked, carried) = repair::prepare(db, repair, bytes)?;
    let waiting = log::waiting(db)?;
    let sent = Sent {
        openings: openings.iter().map(|opening| opening.group).collect(),
        changes: Vec::new(),
        actor: Some(standing.actor),
        repair: Some(carried),
    };
    let mine = understood(rows_only);
    let request = SyncRequest {
        protocol: PROTOCOL,
        features: mine,
        dictionary: dictionary::newest().filter(|_| mine & features::DICTIONARY != 0),
        cursor: standing.cursor,
        seen: (standing.seen.seq > standing.cursor.seq).then_some(standing.seen),
        backfills: Vec::new(),
        own_high: standing.own_high,
        actor: standing.actor,
        openings,
        push: None,
        limit: pull_bytes,
        waiting,
        tally: None,
        needs_key: state::server_key(db)?.is_none(),
        asks_relatives: false,
        repair: Some(Box::new(asked)),
    };
    Ok(Prepared { request, sent, left: waiting })
}

/// The changes in the form that the server reads, as far as it has said.
fn push(
    db: &Connection,
    changes: &[PushedChange],
    actor: ActorId,
    rows_only: bool,
) -> Result<Option<Pack>, ApiError> {
    if changes.is_empty() {
        return Ok(None);
    }
    if rows_only {
        return Ok(Some(pack::pack_rows(changes)));
    }
    let server = state::peer(db)?;
    Known::use_for(db, |known| {
        let common = Common { actor: Some(actor), feed: Some(known) };
        Some(pack::pack_entries(changes, server.features, server.dictionary, &common))
    })
}

/// Groups opened here that the server has not confirmed, parents first.
fn openings(db: &Connection) -> Result<Vec<GroupOpening>, ApiError> {
    let most = u32::try_from(limits::OPENINGS).unwrap_or(u32::MAX);
    let groups: Vec<(GroupId, String)> = db
        .prepare_cached(
            "SELECT grp, kind FROM grp WHERE opened_here AND NOT acknowledged AND refused IS NULL
             ORDER BY id LIMIT ?1",
        )?
        .query_map([most], |row| Ok((id(row, 0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    groups
        .into_iter()
        .map(|(group, kind)| Ok(GroupOpening { group, kind, parents: groups::parents(db, group)? }))
        .collect()
}

fn changes(db: &Connection, budget: usize) -> Result<Vec<(ChangeHash, PushedChange)>, ApiError> {
    let mut statement = db.prepare_cached(
        "SELECT c.hash, c.record, d.grp, c.bytes, c.later
         FROM change c JOIN document d ON d.record = c.record
         WHERE c.feed_seq IS NULL ORDER BY c.later, c.first DESC, c.id",
    )?;
    let mut rows = statement.query([])?;
    let mut changes = Vec::new();
    let mut size = 0;
    while let Some(row) = rows.next()? {
        let change = PushedChange { record: id(row, 1)?, group: id(row, 2)?, bytes: row.get(3)? };
        let alone = row.get::<_, u32>(4)? > 0;
        size += change.bytes.len() + ENVELOPE;
        if !changes.is_empty() && (alone || size > budget || changes.len() >= limits::PACK_ENTRIES) {
            break;
        }
        changes.push((hash(row, 0)?, change));
        if alone {
            break;
        }
    }
    Ok(changes)
}
