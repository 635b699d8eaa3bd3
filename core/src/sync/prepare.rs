//! What to send: from the outbox to a request.

use alongside_domain::{
    ids::{ChangeHash, GroupId},
    wire::{GroupOpening, PROTOCOL, PushedChange, SyncRequest, limits, pack},
};
use rusqlite::Connection;

use crate::{
    error::ApiError,
    store::{
        groups, log,
        rows::{hash, id},
        state,
    },
};

/// What a request carried, to match it with the verdicts of its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Groups opened, in the order sent.
    pub openings: Vec<GroupId>,
    /// Changes, in the order sent.
    pub changes: Vec<ChangeHash>,
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
/// `push_bytes` of them. What the server asked for goes first; what it put off goes last, alone.
pub(crate) fn prepare(db: &Connection, push_bytes: u32, pull_bytes: u32) -> Result<Prepared, ApiError> {
    let standing = state::standing(db)?;
    let openings = openings(db)?;
    let changes = changes(db, usize::try_from(push_bytes).unwrap_or(usize::MAX))?;
    let sent = Sent {
        openings: openings.iter().map(|opening| opening.group).collect(),
        changes: changes.iter().map(|(hash, _)| *hash).collect(),
    };
    let left = log::waiting(db)?.saturating_sub(u32::try_from(changes.len()).unwrap_or(u32::MAX));
    let changes: Vec<PushedChange> = changes.into_iter().map(|(_, change)| change).collect();
    let request = SyncRequest {
        protocol: PROTOCOL,
        features: 0,
        dictionary: None,
        cursor: standing.cursor,
        seen: (standing.seen.seq > standing.cursor.seq).then_some(standing.seen),
        backfills: standing.backfills,
        own_high: standing.own_high,
        actor: standing.actor,
        openings,
        push: (!changes.is_empty()).then(|| pack::pack_rows(&changes)),
        limit: pull_bytes,
        waiting: left,
    };
    Ok(Prepared { request, sent, left })
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
