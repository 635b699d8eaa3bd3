//! What phones sent and the feed did not get: kept for a coordinator, or refused.

use alongside_domain::{
    guard::chunk,
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    time::Millis,
    wire::{GroupOpening, Refusal, codec},
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use super::{StoreError, TENANT, rows::Sql};

/// Most changes and openings of one device that wait for a coordinator. What comes on top stays on the
/// phone and is put off.
const WAITING: u64 = 50_000;
/// Most bytes of them.
const WAITING_BYTES: u64 = 256 << 20;
/// Most refused changes of one device that are kept; the oldest go first.
const REFUSED: i64 = 1_000;

/// Whether somebody still has to look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for a coordinator.
    Review,
    /// It was refused.
    Refused,
}

impl State {
    fn code(self) -> i64 {
        match self {
            Self::Review => 0,
            Self::Refused => 1,
        }
    }
}

/// Something that the feed did not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its number among all that was set aside, in the order in which it came.
    pub id: u64,
    /// Whether somebody still has to look at it.
    pub state: State,
    /// Of a change its hash; otherwise BLAKE3 of the body.
    pub hash: ChangeHash,
    /// The group it was sent for.
    pub group: GroupId,
    /// The record; `None` for the opening of the group.
    pub record: Option<RecordId>,
    /// The form, where it could be told.
    pub form: Option<String>,
    /// The person who sent it.
    pub author: PersonId,
    /// The installation that sent it.
    pub device: DeviceId,
    /// Why it was set aside.
    pub reason: Refusal,
    /// When it came.
    pub received_at: Millis,
    /// The code with which a coordinator refused it, and when; `None` where the server did.
    pub decision: Option<(String, Millis)>,
    /// The change chunk as it came, or the opening in CBOR.
    pub body: Vec<u8>,
}

impl Aside {
    /// The opening, where it is one.
    #[must_use]
    pub fn opening(&self) -> Option<GroupOpening> {
        if self.record.is_some() { None } else { codec::decode(&self.body).ok() }
    }
}

/// What is to be set aside.
pub(crate) struct New<'a> {
    pub(crate) group: GroupId,
    pub(crate) record: Option<RecordId>,
    pub(crate) form: Option<&'a str>,
    pub(crate) author: PersonId,
    pub(crate) device: DeviceId,
    pub(crate) reason: Refusal,
    pub(crate) body: &'a [u8],
}

/// The name under which something is set aside.
pub(crate) fn name(body: &[u8], is_change: bool) -> ChangeHash {
    let change = if is_change { chunk::parse(body).ok().map(|change| change.header.hash) } else { None };
    change.unwrap_or_else(|| ChangeHash(*blake3::hash(body).as_bytes()))
}

/// Sets something aside. What is there already from this device stays as it came; a coordinator's
/// decision stands.
pub(crate) fn keep(tx: &Transaction<'_>, now: Millis, state: State, new: &New<'_>) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO set_aside (tenant, id, state, hash, group_id, record, form, author, device, reason,
                                received_at, body)
         VALUES (?1, (SELECT coalesce(max(id), 0) + 1 FROM set_aside WHERE tenant = ?1), ?2, ?3, ?4, ?5, ?6,
                 ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (tenant, hash, device) DO UPDATE SET state = excluded.state, reason = excluded.reason
             WHERE decision IS NULL",
    )?
    .execute(params![
        TENANT,
        state.code(),
        Sql(name(new.body, new.record.is_some())),
        Sql(new.group),
        new.record.map(Sql),
        new.form,
        Sql(new.author),
        Sql(new.device),
        new.reason.code(),
        Sql(now),
        new.body,
    ])?;
    Ok(())
}

/// Whether so much of a device waits for a coordinator that nothing more is taken from it for now.
pub(crate) fn is_full(tx: &Transaction<'_>, device: DeviceId) -> Result<bool, StoreError> {
    let (count, bytes): (Sql<u64>, Sql<u64>) = tx
        .prepare_cached(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM set_aside
             WHERE tenant = ?1 AND device = ?2 AND state = 0",
        )?
        .query_row(params![TENANT, Sql(device)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(count.0 >= WAITING || bytes.0 >= WAITING_BYTES)
}

/// Lets go of the oldest refused changes of a device beyond what is kept.
pub(crate) fn trim(tx: &Transaction<'_>, device: DeviceId) -> Result<(), StoreError> {
    tx.prepare_cached(
        "DELETE FROM set_aside WHERE tenant = ?1 AND id IN (
             SELECT id FROM set_aside WHERE tenant = ?1 AND device = ?2 AND state = 1 AND decision IS NULL
             ORDER BY id DESC LIMIT -1 OFFSET ?3)",
    )?
    .execute(params![TENANT, Sql(device), REFUSED])?;
    Ok(())
}

/// What is known of this change of this person: waiting, or refused by a coordinator. What the server
/// itself refused may be sent again and is judged again.
pub(crate) fn of_change(
    tx: &Transaction<'_>,
    hash: &ChangeHash,
    author: PersonId,
) -> Result<Option<(State, Refusal)>, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT state, reason FROM set_aside
             WHERE tenant = ?1 AND hash = ?2 AND author = ?3 AND (state = 0 OR decision IS NOT NULL)",
        )?
        .query_row(params![TENANT, Sql(*hash), Sql(author)], |row| Ok((state(row, 0)?, refusal(row, 1)?)))
        .optional()?)
}

/// The opening of this group by this person that was set aside and not judged anew since.
pub(crate) fn opening_of(
    tx: &Transaction<'_>,
    group: GroupId,
    author: PersonId,
) -> Result<Option<Aside>, StoreError> {
    Ok(tx
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM set_aside
             WHERE tenant = ?1 AND group_id = ?2 AND author = ?3 AND record IS NULL
               AND (state = 0 OR decision IS NOT NULL) ORDER BY id LIMIT 1"
        ))?
        .query_row(params![TENANT, Sql(group), Sql(author)], aside)
        .optional()?)
}

/// Forgets what was set aside under this name: the feed has it now.
pub(crate) fn forget(tx: &Transaction<'_>, hash: &ChangeHash) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM set_aside WHERE tenant = ?1 AND hash = ?2")?
        .execute(params![TENANT, Sql(*hash)])?;
    Ok(())
}

/// Writes down that a coordinator refused it.
pub(crate) fn decide(tx: &Transaction<'_>, id: u64, code: &str, now: Millis) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE set_aside SET state = 1, reason = ?3, decision = ?4, decided_at = ?5
         WHERE tenant = ?1 AND id = ?2",
    )?
    .execute(params![TENANT, Sql(id), Refusal::ByCoordinator.code(), code, Sql(now)])?;
    Ok(())
}

/// Writes a coordinator's refusal down once more, where the store still has what was refused.
pub(crate) fn refuse_again(
    tx: &Transaction<'_>,
    author: PersonId,
    group: GroupId,
    change: Option<&ChangeHash>,
    code: &str,
    at: Millis,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE set_aside SET state = 1, reason = ?5, decision = ?6, decided_at = ?7
         WHERE tenant = ?1 AND author = ?2 AND group_id = ?3
           AND (hash = ?4 OR (?4 IS NULL AND record IS NULL))",
        params![
            TENANT,
            Sql(author),
            Sql(group),
            change.map(|change| Sql(*change)),
            Refusal::ByCoordinator.code(),
            code,
            Sql(at)
        ],
    )?;
    Ok(())
}

/// Which ones are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// In this state.
    pub state: Option<State>,
    /// Of this group.
    pub group: Option<GroupId>,
    /// Of this person.
    pub author: Option<PersonId>,
    /// With this number.
    pub id: Option<u64>,
}

const COLUMNS: &str =
    "id, state, hash, group_id, record, form, author, device, reason, received_at, decision,
    decided_at, body";

/// What was set aside, in the order in which it came.
pub(crate) fn list(tx: &Transaction<'_>, wanted: &Wanted) -> Result<Vec<Aside>, StoreError> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM set_aside
         WHERE tenant = ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR group_id = ?3)
           AND (?4 IS NULL OR author = ?4) AND (?5 IS NULL OR id = ?5)
         ORDER BY id"
    ))?;
    let found = statement
        .query_map(
            params![
                TENANT,
                wanted.state.map(State::code),
                wanted.group.map(Sql),
                wanted.author.map(Sql),
                wanted.id.map(Sql)
            ],
            aside,
        )?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    Ok(if row.get::<_, i64>(column)? == 0 { State::Review } else { State::Refused })
}

fn refusal(row: &Row<'_>, column: usize) -> rusqlite::Result<Refusal> {
    Ok(Refusal::from_code(&row.get::<_, String>(column)?))
}

fn aside(row: &Row<'_>) -> rusqlite::Result<Aside> {
    let decision: Option<String> = row.get(10)?;
    let decided_at = row.get::<_, Option<Sql<Millis>>>(11)?.map(|at| at.0);
    Ok(Aside {
        id: row.get::<_, Sql<_>>(0)?.0,
        state: state(row, 1)?,
        hash: row.get::<_, Sql<_>>(2)?.0,
        group: row.get::<_, Sql<_>>(3)?.0,
        record: row.get::<_, Option<Sql<_>>>(4)?.map(|record| record.0),
        form: row.get(5)?,
        author: row.get::<_, Sql<_>>(6)?.0,
        device: row.get::<_, Sql<_>>(7)?.0,
        reason: refusal(row, 8)?,
        received_at: row.get::<_, Sql<_>>(9)?.0,
        decision: decision.zip(decided_at),
        body: row.get(12)?,
    })
}
