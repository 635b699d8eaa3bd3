//! Repair on the phone: what the server holds of each group is compared with what is here, what is lacking
//! here is fetched, and what is lacking there is brought back, also where others wrote it.
//!
//! How far it has come is in the store, so that it goes on after an interruption, and after the app was
//! killed. Nothing is acknowledged anew, renumbered or asked for twice that a step has dealt with.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    tally::EntryName,
    time::Millis,
    wire::{
        Cursor, FeedEntry, Verdict, limits,
        pack::pack_rows,
        repair::{Compare, GroupTally, ListFrom, Listed, ListedEntry, Proof, RepairAnswer, RepairRequest},
    },
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{apply::Intake, pull};
use crate::{
    error::ApiError,
    media,
    store::{
        desk::Desk,
        log,
        rows::{cbor, hash, id, maybe_id, signed, to_cbor, unsigned},
        state::{self, Identity},
        tally,
    },
};

/// Repairs in a row that may end in a difference before only a server that was restored is a reason for one.
const VAIN: i64 = 3;
/// Bytes of a group in a comparison, about.
const COMPARED: usize = 48;
/// Groups listed in one step.
const LISTS: u32 = 64;
/// Numbers wanted in one step.
const WANTED: usize = 2_000;

/// How far a repair has come, beside what its tables say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Repair {
    /// The head when it began.
    head: Option<Cursor>,
    /// The head at the last step.
    seen: Option<Cursor>,
    /// Groups up to this one are compared.
    after: Option<GroupId>,
    /// All groups are compared.
    compared: bool,
    /// It began because tallies differed; said to the server once.
    mismatch: bool,
}

/// What a step carried, to match it with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairSent {
    /// The last group of the comparison; `None` in `Some` where that reached the end.
    compared: Option<Option<GroupId>>,
    lists: Vec<ListFrom>,
    wanted: Vec<u64>,
    /// Relayed changes, by their ids in the log.
    relayed: Vec<(i64, ChangeHash)>,
}

/// The repair under way, if there is one.
pub(crate) fn under_way(db: &Connection) -> Result<Option<Repair>, ApiError> {
    let bytes: Option<Vec<u8>> =
        db.prepare_cached("SELECT repair FROM sync_state")?.query_row([], |row| row.get(0))?;
    match bytes {
        Some(_) => Ok(db
            .prepare_cached("SELECT repair FROM sync_state")?
            .query_row([], |row| cbor(row, 0))
            .map(Some)?),
        None => Ok(None),
    }
}

fn keep(tx: &Transaction<'_>, repair: Option<&Repair>) -> Result<(), ApiError> {
    tx.execute("UPDATE sync_state SET repair = ?1", [repair.map(to_cbor)])?;
    Ok(())
}

/// Begins a repair, or begins it again. What is under the feed's numbers is looked at anew.
pub(crate) fn begin(tx: &Transaction<'_>, mismatch: bool) -> Result<(), ApiError> {
    for table in ["repair_list", "repair_there", "repair_want", "repair_relay"] {
        tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    // Where the server lost its journal too, it does not know what was opened here. What waited there for a
    // coordinator may be lost in any case: it is offered once more.
    tx.execute("UPDATE grp SET acknowledged = 0 WHERE opened_here AND NOT withdrawn", [])?;
    tx.execute(
        "UPDATE change SET feed_seq = NULL WHERE feed_seq = 0 AND actor IN (SELECT actor FROM own_actor)",
        [],
    )?;
    // The same goes for attachments: the server says which of them it has.
    if !mismatch {
        media::rows::offer_again(tx)?;
    }
    keep(tx, Some(&Repair { mismatch, ..Repair::default() }))
}

/// The tallies differ at one place. Gives whether that is a reason to repair: not where the last repairs
/// were in vain.
pub(crate) fn differs(tx: &Transaction<'_>) -> Result<bool, ApiError> {
    tx.execute("UPDATE sync_state SET defects = defects + 1, vain_repairs = vain_repairs + 1", [])?;
    let vain: i64 = tx.query_row("SELECT vain_repairs FROM sync_state", [], |row| row.get(0))?;
    tracing::warn!("this phone and the server hold different entries up to the same place");
    if vain > VAIN {
        return Ok(false);
    }
    begin(tx, true)?;
    Ok(true)
}

/// The tallies are equal.
pub(crate) fn agrees(tx: &Transaction<'_>) -> Result<(), ApiError> {
    tx.prepare_cached("UPDATE sync_state SET vain_repairs = 0 WHERE vain_repairs > 0")?.execute([])?;
    Ok(())
}

/// What the next step asks and brings: at most `bytes` of relayed changes, or one.
pub(crate) fn prepare(
    db: &Connection,
    repair: &Repair,
    bytes: usize,
) -> Result<(RepairRequest, RepairSent), ApiError> {
    let mut request = RepairRequest {
        head: repair.head,
        seen: repair.seen,
        mismatch: repair.mismatch && repair.head.is_none(),
        ..RepairRequest::default()
    };
    let mut sent = RepairSent::default();
    if !repair.compared {
        let compare = compare(db, repair, bytes)?;
        sent.compared = Some(compare.to);
        request.compare = Some(compare);
        // The head comes with the first answer; nothing else is asked for under another one.
        return Ok((request, sent));
    }
    sent.lists = db
        .prepare_cached("SELECT grp, after FROM repair_list ORDER BY grp LIMIT ?1")?
        .query_map([LISTS], |row| Ok(ListFrom { group: id(row, 0)?, after: unsigned(row.get(1)?) }))?
        .collect::<Result<_, _>>()?;
    request.lists.clone_from(&sent.lists);
    if sent.lists.is_empty() {
        sent.wanted = db
            .prepare_cached("SELECT feed_seq FROM repair_want ORDER BY feed_seq LIMIT ?1")?
            .query_map([u32::try_from(WANTED).unwrap_or(u32::MAX)], |row| row.get(0).map(unsigned))?
            .collect::<Result<_, _>>()?;
        request.wanted.clone_from(&sent.wanted);
        relay(db, bytes, &mut request, &mut sent)?;
    }
    Ok((request, sent))
}

fn compare(db: &Connection, repair: &Repair, bytes: usize) -> Result<Compare, ApiError> {
    let most = (bytes / COMPARED).clamp(1, limits::REPAIR_GROUPS);
    let me = state::identity(db)?;
    let mut statement = db.prepare_cached(
        "SELECT grp FROM (SELECT grp FROM grp UNION SELECT grp FROM access WHERE person = ?1
                          UNION SELECT grp FROM document)
         WHERE ?2 IS NULL OR grp > ?2 ORDER BY grp LIMIT ?3",
    )?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let mut groups: Vec<GroupId> = statement
        .query_map(params![me.person.0, repair.after.map(|group| group.0), limit], |row| id(row, 0))?
        .collect::<Result<_, _>>()?;
    let to = (groups.len() > most).then(|| groups[most - 1]);
    groups.truncate(most);
    let groups = groups
        .into_iter()
        .map(|group| {
            let mut tally = tally::of_group(db, group)?.tally;
            for aside in tally::set_aside(db, Some(group))? {
                match aside.name {
                    Some(name) => tally.add(&name, aside.number, aside.received_at),
                    // Not to be told: then the group is listed.
                    None => tally.count = u64::MAX,
                }
            }
            Ok(GroupTally { group, tally })
        })
        .collect::<Result<_, ApiError>>()?;
    Ok(Compare { after: repair.after, to, groups })
}

/// Relays the changes of as many groups as fit, each with its proof.
fn relay(
    db: &Connection,
    bytes: usize,
    request: &mut RepairRequest,
    sent: &mut RepairSent,
) -> Result<(), ApiError> {
    let mut statement = db.prepare_cached(
        "SELECT c.id, r.grp, c.record, c.hash, c.author, c.device, c.bytes, c.received_at, c.feed_seq
         FROM repair_relay r JOIN change c ON c.id = r.change ORDER BY r.grp, c.id",
    )?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    let mut size = 0;
    while let Some(row) = rows.next()? {
        let group: GroupId = id(row, 1)?;
        let body: Vec<u8> = row.get(6)?;
        if request.proofs.last().is_none_or(|proof| proof.signed.head.group != group) {
            let Some(signed) = tally::head(db, group)? else { continue };
            let names: Vec<u8> = tally::covered(db, group)?.iter().flat_map(|name| name.0).collect();
            size += names.len();
            if !entries.is_empty() && (size > bytes || request.proofs.len() >= limits::REPAIR_GROUPS) {
                break;
            }
            request.proofs.push(Proof { signed, names });
        }
        size += body.len();
        if !entries.is_empty() && (size > bytes || entries.len() >= limits::PACK_ENTRIES) {
            break;
        }
        let change: ChangeHash = hash(row, 3)?;
        sent.relayed.push((row.get(0)?, change));
        entries.push(FeedEntry::Change {
            // None for an own one that meanwhile waits to be sent: it comes back this way as well.
            seq: unsigned(row.get::<_, Option<i64>>(8)?.unwrap_or_default()),
            group,
            record: id(row, 2)?,
            author: id(row, 4)?,
            device: maybe_id(row, 5)?,
            received_at: Millis(row.get::<_, Option<i64>>(7)?.unwrap_or_default()),
            bytes: body,
        });
    }
    request.relayed = (!entries.is_empty()).then(|| pack_rows(&entries));
    Ok(())
}

/// Takes in what a step came to; its entries are in the log already. Gives the place where this phone stands
/// once the repair is done, with the furthest one that the server named; `None` before.
pub(crate) fn take_in(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    sent: &RepairSent,
    answer: &RepairAnswer,
) -> Result<Option<(Cursor, Cursor)>, ApiError> {
    let Some(mut repair) = under_way(tx)? else { return Ok(None) };
    intake.done.again = true;
    if answer.restart {
        begin(tx, false)?;
        return Ok(None);
    }
    if repair.head.is_some_and(|head| head != answer.head) {
        return Err(unfit());
    }
    repair.head = Some(answer.head);
    repair.seen = Some(answer.seen);
    if let Some(to) = sent.compared {
        for group in &answer.differ {
            tx.prepare_cached("INSERT OR REPLACE INTO repair_list (grp, after) VALUES (?1, 0)")?
                .execute([group.0])?;
        }
        repair.after = to;
        repair.compared = to.is_none();
    }
    if answer.lists.len() > sent.lists.len()
        || answer.verdicts.len() != sent.relayed.len()
        || answer.dealt_with as usize > sent.wanted.len()
        || (!sent.lists.is_empty() && answer.lists.is_empty())
        || (!sent.wanted.is_empty() && answer.dealt_with == 0 && sent.relayed.is_empty())
    {
        return Err(unfit());
    }
    let me = state::identity(tx)?;
    // Records of which the server says another time of receipt than before: their rows show it.
    let mut touched = BTreeSet::new();
    for (from, listed) in sent.lists.iter().zip(&answer.lists) {
        take_in_list(tx, &me, *from, listed, &mut touched)?;
    }
    for number in sent.wanted.iter().take(answer.dealt_with as usize) {
        tx.prepare_cached("DELETE FROM repair_want WHERE feed_seq = ?1")?.execute([signed(*number)])?;
    }
    for ((change, _), verdict) in sent.relayed.iter().zip(&answer.verdicts) {
        relayed(tx, intake, *change, verdict, &mut touched)?;
    }
    for record in touched {
        pull::show(tx, desk, intake, record)?;
    }
    if repair.compared && is_done(tx)? {
        keep(tx, None)?;
        tx.execute("DELETE FROM repair_there", [])?;
        return Ok(Some((answer.head, answer.seen)));
    }
    keep(tx, Some(&repair))?;
    Ok(None)
}

fn is_done(tx: &Transaction<'_>) -> Result<bool, ApiError> {
    Ok(tx.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM repair_list) AND NOT EXISTS (SELECT 1 FROM repair_want)
            AND NOT EXISTS (SELECT 1 FROM repair_relay)",
        [],
        |row| row.get(0),
    )?)
}

fn unfit() -> ApiError {
    ApiError::unexpected("verdicts_do_not_fit")
}

/// A change that is here.
struct Here {
    id: i64,
    record: RecordId,
    hash: ChangeHash,
    received_at: Option<i64>,
}

/// What is here of a group, by the short names that lists have.
fn here(tx: &Transaction<'_>, me: &Identity, group: GroupId) -> Result<BTreeMap<[u8; 16], Here>, ApiError> {
    let mut here = BTreeMap::new();
    let mut statement = tx.prepare_cached(
        "SELECT c.id, c.record, c.hash, c.author, c.device, c.feed_seq, c.received_at
         FROM document d JOIN change c ON c.record = d.record WHERE d.grp = ?1",
    )?;
    let mut rows = statement.query([group.0])?;
    while let Some(row) = rows.next()? {
        let (record, change): (RecordId, ChangeHash) = (id(row, 1)?, hash(row, 2)?);
        let mut author: PersonId = id(row, 3)?;
        let mut device: Option<DeviceId> = maybe_id(row, 4)?;
        if row.get::<_, Option<i64>>(5)?.is_none() {
            // Of what was never acknowledged the server says that it came from this installation.
            (author, device) = (me.person, Some(me.device));
        }
        let name = EntryName::of(group, record, &change, author, device);
        let found = Here { id: row.get(0)?, record, hash: change, received_at: row.get(6)? };
        here.insert(name.short(), found);
    }
    Ok(here)
}

fn take_in_list(
    tx: &Transaction<'_>,
    me: &Identity,
    from: ListFrom,
    listed: &Listed,
    touched: &mut BTreeSet<RecordId>,
) -> Result<(), ApiError> {
    let group = from.group;
    let entries = listed.read().filter(|_| listed.group == group).ok_or_else(unfit)?;
    let ascends = entries.first().is_none_or(|entry| entry.number > from.after);
    if !ascends || (listed.more && entries.is_empty()) {
        return Err(unfit());
    }
    let here = here(tx, me, group)?;
    let mut apart: BTreeMap<[u8; 16], u64> = BTreeMap::new();
    for aside in tally::set_aside(tx, Some(group))? {
        apart.extend(aside.name.map(|name| (name.short(), aside.number)));
    }
    for ListedEntry { number, received_at, name } in &entries {
        if let Some(found) = here.get(name) {
            tx.prepare_cached(
                "UPDATE change SET feed_seq = ?2, device = CASE WHEN feed_seq IS NULL THEN ?3 ELSE device END,
                                   received_at = ?4, first = 0, later = 0
                 WHERE id = ?1",
            )?
            .execute(params![found.id, signed(*number), me.device.0, received_at.0])?;
            if found.received_at != Some(received_at.0) {
                touched.insert(found.record);
            }
            tx.prepare_cached("INSERT OR IGNORE INTO repair_there (hash, grp) VALUES (?1, ?2)")?
                .execute(params![found.hash.0, group.0])?;
        } else if apart.get(name) != Some(number) {
            // What was set aside under another number comes again under this one.
            tx.prepare_cached("INSERT OR IGNORE INTO repair_want (feed_seq, grp) VALUES (?1, ?2)")?
                .execute(params![signed(*number), group.0])?;
        }
    }
    uncount_aside(tx, from, &entries, listed.more)?;
    if listed.more {
        let last = entries.last().map_or(from.after, |entry| entry.number);
        tx.prepare_cached("UPDATE repair_list SET after = ?2 WHERE grp = ?1")?
            .execute(params![group.0, signed(last)])?;
        return Ok(());
    }
    tx.prepare_cached("DELETE FROM repair_list WHERE grp = ?1")?.execute([group.0])?;
    lacking(tx, group)
}

/// The server lacks what its list did not name: own changes that nothing proves are sent anew, what a head
/// covers is relayed, and the rest is left to whoever can prove it.
fn lacking(tx: &Transaction<'_>, group: GroupId) -> Result<(), ApiError> {
    let of =
        "record IN (SELECT record FROM document WHERE grp = ?1) AND feed_seq IS NOT NULL AND feed_seq <> 0
              AND hash NOT IN (SELECT hash FROM repair_there)";
    let has_head = tally::head(tx, group)?.is_some();
    if has_head {
        tx.execute(
            &format!(
                "INSERT OR IGNORE INTO repair_relay (change, grp) SELECT id, ?1 FROM change WHERE covered AND {of}"
            ),
            [group.0],
        )?;
    }
    let unproven = if has_head { "NOT covered" } else { "1" };
    tx.execute(
        &format!(
            "UPDATE change SET feed_seq = CASE WHEN actor IN (SELECT actor FROM own_actor) THEN NULL ELSE ?2 END
             WHERE {unproven} AND {of}"
        ),
        params![group.0, log::UNPROVEN],
    )?;
    Ok(())
}

/// What was set aside under numbers that the server no longer has, or has given to others, stays here,
/// uncounted. A part of a list tells of the numbers from where it begins to where the next one does.
fn uncount_aside(
    tx: &Transaction<'_>,
    from: ListFrom,
    listed: &[ListedEntry],
    more: bool,
) -> Result<(), ApiError> {
    let last = listed.last().map_or(from.after, |entry| entry.number);
    let names: BTreeMap<u64, [u8; 16]> = listed.iter().map(|entry| (entry.number, entry.name)).collect();
    for tally::Aside { number, name, .. } in tally::set_aside(tx, Some(from.group))? {
        if number <= from.after || (more && number > last) {
            continue;
        }
        let stands = match (names.get(&number), name) {
            (Some(there), Some(here)) => *there == here.short(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !stands {
            tx.prepare_cached("UPDATE quarantine SET feed_seq = -id WHERE grp = ?1 AND feed_seq = ?2")?
                .execute(params![from.group.0, signed(number)])?;
        }
    }
    Ok(())
}

/// What became of a relayed change.
fn relayed(
    tx: &Transaction<'_>,
    intake: &mut Intake,
    change: i64,
    verdict: &Verdict,
    touched: &mut BTreeSet<RecordId>,
) -> Result<(), ApiError> {
    if *verdict == Verdict::Retry {
        return Ok(());
    }
    tx.prepare_cached("DELETE FROM repair_relay WHERE change = ?1")?.execute([change])?;
    let number = match verdict {
        Verdict::Accepted(number) | Verdict::Have(number) => {
            intake.done.relayed += u32::from(matches!(verdict, Verdict::Accepted(_)));
            Some(signed(*number))
        }
        // The entry that erased it comes with the feed.
        Verdict::Erased => Some(log::UNPROVEN),
        Verdict::Missing(_)
        | Verdict::Fork { .. }
        | Verdict::Refused(_)
        | Verdict::Review(_)
        | Verdict::Retry => {
            tracing::warn!("the server did not take back a change that this phone relayed");
            // An own one is sent as such; then the server says what is to be done about it.
            let own: bool = tx
                .prepare_cached("SELECT actor IN (SELECT actor FROM own_actor) FROM change WHERE id = ?1")?
                .query_row([change], |row| row.get(0))?;
            (!own).then_some(log::UNPROVEN)
        }
    };
    let received = matches!(verdict, Verdict::Accepted(_)).then_some(intake.server_time.0);
    let record = tx
        .prepare_cached(
            "UPDATE change SET feed_seq = ?2, received_at = coalesce(?3, received_at) WHERE id = ?1
             RETURNING record",
        )?
        .query_row(params![change, number, received], |row| id::<RecordId>(row, 0))
        .optional()?;
    touched.extend(record);
    Ok(())
}
