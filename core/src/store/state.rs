//! Who this installation is, and where it stands in the server's feed.

use alongside_domain::{
    ids::{ActorId, DeviceId, PersonId},
    tally::heads::PublicKey,
    wire::{Backfill, Cursor, EnrolAnswer, pack::DictionaryName},
};
use rusqlite::{Connection, Transaction, params};

use super::rows::{cbor, id, maybe_id, signed, to_cbor, unsigned};
use crate::error::ApiError;

/// Who writes on this phone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) actor: ActorId,
    pub(crate) person: PersonId,
    pub(crate) device: DeviceId,
}

/// Where this installation stands in the feed.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) actor: ActorId,
    pub(crate) cursor: Cursor,
    /// The furthest place that the server has named.
    pub(crate) seen: Cursor,
    pub(crate) own_high: u64,
    pub(crate) backfills: Vec<Backfill>,
}

/// What the server understands, as it said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Peer {
    /// Its feature bits.
    pub(crate) features: u32,
    /// The dictionary that it opens packs with.
    pub(crate) dictionary: Option<DictionaryName>,
}

/// Writes the first row, for a new installation.
pub(crate) fn begin(db: &Connection, actor: ActorId) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO sync_state (only, actor, cursor_chain, backfills) VALUES (1, ?1, ?2, ?3)",
        params![actor.0, [0_u8; 16], to_cbor::<[Backfill]>(&[])],
    )?;
    db.execute("INSERT INTO own_actor (actor) VALUES (?1)", [actor.0])?;
    Ok(())
}

/// Who writes here; an error before the phone is enrolled.
pub(crate) fn identity(db: &Connection) -> Result<Identity, ApiError> {
    let (actor, person, device) =
        db.prepare_cached("SELECT actor, person, device FROM sync_state")?.query_row([], |row| {
            Ok((id(row, 0)?, maybe_id::<PersonId>(row, 1)?, maybe_id::<DeviceId>(row, 2)?))
        })?;
    match (person, device) {
        (Some(person), Some(device)) => Ok(Identity { actor, person, device }),
        _ => Err(ApiError::NotEnrolled),
    }
}

/// The actor this installation writes as.
pub(crate) fn actor(db: &Connection) -> rusqlite::Result<ActorId> {
    db.query_row("SELECT actor FROM sync_state", [], |row| id(row, 0))
}

/// Writes as another actor from now on.
pub(crate) fn set_actor(tx: &Transaction<'_>, actor: ActorId) -> rusqlite::Result<()> {
    tx.execute("UPDATE sync_state SET actor = ?1", [actor.0])?;
    tx.execute("INSERT INTO own_actor (actor) VALUES (?1)", [actor.0])?;
    Ok(())
}

/// Server address and token; an error before the phone is enrolled.
pub(crate) fn server(db: &Connection) -> Result<(String, String), ApiError> {
    match db.query_row("SELECT server, token FROM sync_state", [], |row| Ok((row.get(0)?, row.get(1)?)))? {
        (Some(server), Some(token)) => Ok((server, token)),
        _ => Err(ApiError::NotEnrolled),
    }
}

/// Where this installation stands.
pub(crate) fn standing(db: &Connection) -> rusqlite::Result<Standing> {
    db.query_row(
        "SELECT actor, cursor_seq, cursor_chain, own_high, backfills, seen_seq, seen_chain FROM sync_state",
        [],
        |row| {
            Ok(Standing {
                actor: id(row, 0)?,
                cursor: Cursor { seq: unsigned(row.get(1)?), chain: row.get(2)? },
                seen: Cursor { seq: unsigned(row.get(5)?), chain: row.get(6)? },
                own_high: unsigned(row.get(3)?),
                backfills: cbor(row, 4)?,
            })
        },
    )
}

/// Moves on in the feed. `head` is the furthest place that the server names.
pub(crate) fn stand_at(
    tx: &Transaction<'_>,
    cursor: &Cursor,
    head: &Cursor,
    own_high: u64,
    backfills: &[Backfill],
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE sync_state SET cursor_seq = ?1, cursor_chain = ?2, own_high = ?3, backfills = ?4,
                               seen_seq = ?5, seen_chain = ?6",
        params![
            signed(cursor.seq),
            cursor.chain,
            signed(own_high),
            to_cbor(backfills),
            signed(head.seq),
            head.chain
        ],
    )?;
    Ok(())
}

/// With which guard and programme the entries in quarantine were judged last; empty before the first time.
pub(crate) fn judged_with(db: &Connection) -> rusqlite::Result<Vec<u8>> {
    db.query_row("SELECT judged_with FROM sync_state", [], |row| row.get(0))
}

/// Remembers with which guard and programme they were judged.
pub(crate) fn set_judged_with(tx: &Transaction<'_>, with: &[u8]) -> rusqlite::Result<()> {
    tx.execute("UPDATE sync_state SET judged_with = ?1", [with])?;
    Ok(())
}

/// Keeps what the server gave this installation.
pub(crate) fn enrolled(tx: &Transaction<'_>, server: &str, answer: &EnrolAnswer) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE sync_state SET server = ?1, token = ?2, device = ?3, person = ?4, partner = ?5, revoked = 0",
        params![server, answer.token, answer.device.0, answer.person.0, answer.partner.0],
    )?;
    set_peer(tx, Peer::default())?;
    set_server_key(tx, answer.key)?;
    super::groups::set_person(tx, answer.person, &answer.name, &answer.role, answer.partner)
}

/// Talks to this server from now on.
pub(crate) fn set_server(tx: &Transaction<'_>, server: &str) -> rusqlite::Result<()> {
    tx.execute("UPDATE sync_state SET server = ?1", [server])?;
    set_peer(tx, Peer::default())
}

/// What the server understands; nothing until it has said so.
pub(crate) fn peer(db: &Connection) -> rusqlite::Result<Peer> {
    db.prepare_cached("SELECT server_features, server_dictionary FROM sync_state")?.query_row([], |row| {
        let dictionary = row.get::<_, Option<[u8; 4]>>(1)?.map(DictionaryName);
        Ok(Peer { features: row.get(0)?, dictionary })
    })
}

/// The server's public key; `None` where this phone does not know it.
pub(crate) fn server_key(db: &Connection) -> rusqlite::Result<Option<PublicKey>> {
    let key: Option<[u8; 32]> =
        db.prepare_cached("SELECT server_key FROM sync_state")?.query_row([], |row| row.get(0))?;
    Ok(key.map(PublicKey))
}

/// Keeps the server's public key, or forgets it.
pub(crate) fn set_server_key(tx: &Transaction<'_>, key: Option<PublicKey>) -> rusqlite::Result<()> {
    tx.execute("UPDATE sync_state SET server_key = ?1", [key.map(|key| key.0)])?;
    Ok(())
}

/// How often this phone and the server held different entries up to the same place.
pub(crate) fn defects(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("SELECT defects FROM sync_state", [], |row| row.get(0))
}

/// Keeps what the server says that it understands.
pub(crate) fn set_peer(tx: &Transaction<'_>, peer: Peer) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE sync_state SET server_features = ?1, server_dictionary = ?2")?
        .execute(params![peer.features, peer.dictionary.map(|name| name.0)])?;
    Ok(())
}
