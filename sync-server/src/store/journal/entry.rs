//! What the journal keeps of a control entry: what the feed says, and what the store needs beside it.

use alongside_domain::{
    ids::{ActorId, DeviceId, GroupId, PersonId},
    time::Millis,
    wire::ControlEvent,
};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{
    super::{StoreError, TENANT, log, rows::Sql},
    JournalFile, Place,
};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When the feed's entry was written, in milliseconds.
    #[serde(rename = "t")]
    pub(crate) at: Millis,
    /// The feed's entry; absent for a fact that has none.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<ControlEvent>,
    /// What the feed does not say.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(crate) fact: Option<Fact>,
}

/// What the store has to know again and the feed does not say, because phones are not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fact {
    /// Of a person: the areas, and the name of the partner.
    #[serde(rename = "p")]
    Person { areas: Vec<String>, partner_name: String },
    /// Of a group: who opened it.
    #[serde(rename = "g")]
    Group { opened_by: PersonId },
    /// Of a grant: whether it came along with a group that this one is a parent of.
    #[serde(rename = "y")]
    AlongWith,
    /// Of an installation: what it is known again by.
    #[serde(rename = "d")]
    Device {
        #[serde(with = "serde_bytes")]
        token_hash: [u8; 32],
        name: String,
        actors: Vec<ActorId>,
    },
    /// A grant that came along with another group stands for itself from now on.
    #[serde(rename = "s")]
    Direct { person: PersonId, group: GroupId },
    /// Two groups were merged, or that was undone: who, when and why.
    #[serde(rename = "m")]
    Merge(Box<super::super::merges::Merge>),
}

/// The control entries after this number, as they are in this transaction, and what was noted beside
/// them.
pub(super) fn written_after(tx: &Transaction<'_>, head: u64) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for (seq, at, event) in log::control_after(tx, head)? {
        let fact = fact(tx, seq, &event)?;
        entries.push(Entry { at, event: Some(event), fact });
    }
    let notes: Vec<Vec<u8>> = tx
        .prepare_cached("SELECT body FROM journal_notes WHERE tenant = ?1 ORDER BY note")?
        .query_map([TENANT], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !notes.is_empty() {
        tx.execute("DELETE FROM journal_notes WHERE tenant = ?1", [TENANT])?;
    }
    for note in notes {
        let fact: Fact = ciborium::from_reader(note.as_slice())
            .map_err(|_| StoreError::damaged("a note for the journal is unreadable"))?;
        entries.push(Entry { at: Millis(0), event: None, fact: Some(fact) });
    }
    Ok(entries)
}

/// Everything that the feed and the tables say now, for a journal that begins.
pub(super) fn of_feed(tx: &Transaction<'_>) -> Result<Vec<Entry>, StoreError> {
    written_after(tx, 0)
}

/// The place in a journal up to which the feed has its entries: for a store that is older than its
/// journal and than this bookkeeping.
pub(super) fn place_of_feed(tx: &Transaction<'_>, journal: &JournalFile) -> Result<Place, StoreError> {
    let read = journal.after(Place::START)?;
    let feed = log::control_after(tx, 0)?;
    let (mut matched, mut place) = (0, Place::START);
    let mut entries = read.entries.iter();
    let mut before = 0;
    for (upto, after) in read.places {
        for entry in entries.by_ref().take(upto - before) {
            let Some(event) = &entry.event else { continue };
            match feed.get(matched) {
                Some((_, _, told)) if told == event => matched += 1,
                // The feed ends inside a transaction of the journal, or says something else.
                _ if matched < feed.len() => return Err(journal.of_another()),
                _ => return Ok(place),
            }
        }
        (before, place) = (upto, after);
    }
    if matched < feed.len() { Err(journal.of_another()) } else { Ok(place) }
}

/// What the tables say beside an entry of the feed.
fn fact(tx: &Transaction<'_>, seq: u64, event: &ControlEvent) -> Result<Option<Fact>, StoreError> {
    Ok(match event {
        ControlEvent::Person { person, partner, .. } => tx
            .prepare_cached(
                "SELECT p.areas, o.name FROM people p JOIN partners o ON o.tenant = p.tenant AND o.id = ?3
                 WHERE p.tenant = ?1 AND p.id = ?2",
            )?
            .query_row(params![TENANT, Sql(*person), Sql(*partner)], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?))
            })
            .optional()?
            .map(|(areas, partner_name)| {
                let areas = serde_json::from_str(&areas)
                    .map_err(|_| StoreError::damaged("the areas of a person are unreadable"))?;
                Ok::<_, StoreError>(Fact::Person { areas, partner_name })
            })
            .transpose()?,
        ControlEvent::Group { group, .. } => tx
            .prepare_cached("SELECT opened_by FROM groups WHERE tenant = ?1 AND id = ?2")?
            .query_row(params![TENANT, Sql(*group)], |row| {
                Ok(Fact::Group { opened_by: row.get::<_, Sql<_>>(0)?.0 })
            })
            .optional()?,
        ControlEvent::Grant { person, group } => {
            let direct: Option<bool> = tx
                .prepare_cached(
                    "SELECT direct FROM grants WHERE tenant = ?1 AND person = ?2 AND group_id = ?3 AND seq = ?4",
                )?
                .query_row(params![TENANT, Sql(*person), Sql(*group), Sql(seq)], |row| row.get(0))
                .optional()?;
            (direct == Some(false)).then_some(Fact::AlongWith)
        }
        ControlEvent::Enrol { device, .. } => installation(tx, *device)?,
        ControlEvent::Withdraw { .. }
        | ControlEvent::Revoke { .. }
        | ControlEvent::Erase { .. }
        | ControlEvent::Reviewed { .. } => None,
    })
}

fn installation(tx: &Transaction<'_>, device: DeviceId) -> Result<Option<Fact>, StoreError> {
    let row: Option<([u8; 32], String)> = tx
        .prepare_cached("SELECT token_hash, name FROM devices WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![TENANT, Sql(device)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((token_hash, name)) = row else { return Ok(None) };
    let actors = tx
        .prepare_cached("SELECT actor FROM actors WHERE tenant = ?1 AND device = ?2 ORDER BY actor")?
        .query_map(params![TENANT, Sql(device)], |row| Ok(row.get::<_, Sql<ActorId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(Some(Fact::Device { token_hash, name, actors }))
}
