//! Taking in entries of the feed: nothing reaches a document before it passed the guard.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alongside_domain::{
    guard::{self, Ruling},
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    record::{Document, RawChange},
    time::Millis,
    wire::{ControlEvent, FeedEntry},
};
use rusqlite::{OptionalExtension, ToSql, Transaction, params};

use super::{
    ahead::{self, Ready},
    apply::{self, Intake},
    rebase, review,
};
use crate::{
    error::ApiError,
    reads::waiting::Reason,
    store::{
        desk::Desk,
        groups,
        log::{self, Origin, Place},
        projection,
        rows::{cbor, hash, id, signed, to_cbor},
        state,
    },
};

/// A change of the feed.
#[derive(Clone)]
pub(super) struct Arrived {
    seq: u64,
    /// The server has it under this number. Not so after a repair in which it no longer named it.
    stands: bool,
    pub(super) group: GroupId,
    pub(super) author: PersonId,
    pub(super) device: Option<DeviceId>,
    pub(super) received_at: Millis,
    pub(super) bytes: Vec<u8>,
}

/// Takes in entries: what is about access first, then the changes of one record after the other. What
/// cannot be accepted is kept apart and holds up nothing else.
pub(crate) fn take_in(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    mut entries: Vec<FeedEntry>,
) -> Result<(), ApiError> {
    // A backfill's entries are older than those that came with the feed.
    entries.sort_by_key(FeedEntry::seq);
    let mut changes: BTreeMap<RecordId, Vec<Arrived>> = BTreeMap::new();
    for entry in entries {
        match entry {
            // A server that was restored, or a faulty one, may still have it.
            FeedEntry::Change { group, .. } if groups::is_erased(tx, group)? => {}
            FeedEntry::Change { seq, group, record, author, device, received_at, bytes } => changes
                .entry(record)
                .or_default()
                .push(Arrived { seq, stands: true, group, author, device, received_at, bytes }),
            FeedEntry::Control { at, event, .. } => control(tx, desk, intake, at, event)?,
        }
    }
    let mut records = Vec::with_capacity(changes.len());
    for (record, mut arrived) in changes {
        // The entry that erases a group is later than those of its changes, and may stand in one answer
        // with them.
        let erased = arrived.iter().map(|change| change.group).collect::<BTreeSet<_>>();
        for group in erased {
            if groups::is_erased(tx, group)? {
                arrived.retain(|change| change.group != group);
            }
        }
        let is_new = log::place_of(tx, record)?.is_none();
        records.push((record, arrived, is_new));
    }
    let of_new = records.iter().filter(|(_, _, is_new)| *is_new);
    let of_new: Vec<_> = of_new.map(|(record, arrived, _)| (*record, arrived.as_slice())).collect();
    let programme = Arc::clone(&desk.programme);
    ahead::while_judged(&programme, &of_new, |ahead| {
        for (record, arrived, is_new) in &records {
            let ready = if *is_new { ahead.next() } else { None };
            match ready {
                Some(ready) if !is_set_aside(tx, *record)? => {
                    take_in_ready(tx, desk, intake, *record, arrived, ready)?;
                }
                _ => take_in_record(tx, desk, intake, *record, arrived.clone())?,
            }
        }
        Ok(())
    })
}

/// Writes down a record of which nothing was here, and all of whose changes passed.
fn take_in_ready(
    tx: &Transaction<'_>,
    desk: &Desk,
    intake: &mut Intake,
    record: RecordId,
    arrived: &[Arrived],
    Ready { form, changes, rows }: Ready,
) -> Result<(), ApiError> {
    let Some(group) = arrived.first().map(|change| change.group) else { return Ok(()) };
    let place = Place { group, form };
    log::place(tx, record, &place)?;
    for (change, raw) in arrived.iter().zip(&changes) {
        append(tx, record, change, raw)?;
        intake.done.received += 1;
    }
    rows.write(tx, &desk.programme, record, &place, &mut intake.found_by)?;
    intake.touched.insert(group);
    intake.shown.insert(record, (group, place.form));
    Ok(())
}

fn control(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    at: Millis,
    event: ControlEvent,
) -> Result<(), ApiError> {
    let me = state::identity(tx)?;
    match event {
        ControlEvent::Person { person, name, role, partner } => {
            groups::set_person(tx, person, &name, &role, partner)?;
        }
        // It comes by backfill after the entry that erased it.
        ControlEvent::Group { group, .. } | ControlEvent::Grant { group, .. }
            if groups::is_erased(tx, group)? => {}
        ControlEvent::Erase { group, reason } => apply::erase(tx, desk, intake, group, Some(&reason))?,
        ControlEvent::Reviewed { person, group, change, refused } if person == me.person => {
            review::decided(tx, desk, intake, at, group, change, refused.as_deref())?;
        }
        ControlEvent::Group { group, kind, parents, partner: _ } => {
            let known = groups::kind(tx, group)?.is_some();
            if known && groups::parents(tx, group)? != parents {
                intake.relinked.insert(group);
            }
            groups::set(tx, group, &kind, &parents, at, false)?;
            intake.linked = true;
            intake.touched.insert(group);
        }
        ControlEvent::Grant { person, group } => {
            tx.execute(
                "INSERT INTO access (person, grp) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![person.0, group.0],
            )?;
            if person == me.person {
                tx.execute(
                    "UPDATE grp SET withdrawn = 0, withdrawn_at = NULL, in_review = NULL WHERE grp = ?1",
                    [group.0],
                )?;
                // What was being written when access ended can go on.
                tx.execute("UPDATE draft SET apart = 0 WHERE grp = ?1", [group.0])?;
            }
        }
        ControlEvent::Withdraw { person, group } => {
            tx.execute("DELETE FROM access WHERE person = ?1 AND grp = ?2", params![person.0, group.0])?;
            if person == me.person {
                let known = tx.execute(
                    "UPDATE grp SET withdrawn = 1, withdrawn_at = ?2 WHERE grp = ?1",
                    params![group.0, intake.server_time.0],
                )?;
                if known == 0 {
                    // Its backfill had not brought the group yet, only changes made since the grant.
                    // Nothing was written here in a group that was not here: it goes at once.
                    groups::take_off(tx, group)?;
                    desk.documents.clear();
                    intake.done.erased = true;
                }
            }
        }
        ControlEvent::Revoke { device } if device == me.device => {
            tx.execute("UPDATE sync_state SET revoked = 1", [])?;
        }
        // Other people's devices are the server's business.
        ControlEvent::Enrol { .. } | ControlEvent::Revoke { .. } | ControlEvent::Reviewed { .. } => {}
    }
    Ok(())
}

/// Judges the changes of one record and writes down what became of each.
fn take_in_record(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    record: RecordId,
    mut arrived: Vec<Arrived>,
) -> Result<(), ApiError> {
    join_released(&mut arrived, released(tx, record)?);
    let mut moved = false;
    let mut forked = false;
    // Once more as long as that may help: after a fork, when the own change that stood in the way was
    // written again; and when something came in that others wait for. A change from quarantine may have
    // the number that a server gave it before it was restored, and so stand before its ancestors.
    loop {
        let mut document = desk.documents.take(tx, record)?;
        let rulings = judge(&mut document, record, &arrived);
        let mut own_forks = BTreeMap::new();
        let mut left = Vec::new();
        let mut passed = false;
        for (change, ruling) in arrived.into_iter().zip(rulings) {
            match ruling {
                Ruling::Pass(raw) => {
                    accept(tx, record, &change, &raw, document.as_ref())?;
                    intake.done.received += 1;
                    passed = true;
                }
                Ruling::Have(hash) => {
                    confirm(tx, &hash, &change)?;
                    passed = true;
                }
                Ruling::Fork { actor, seq } => match own_waiting(tx, record, actor, seq)? {
                    Some(own) if !forked => {
                        own_forks.insert(own, Reason::Fork);
                        left.push(change);
                    }
                    _ => set_aside(tx, intake, record, &change, "fork", desk.now())?,
                },
                Ruling::Missing(_) => left.push(change),
                Ruling::Refused(refusal) => {
                    set_aside(tx, intake, record, &change, refusal.code(), desk.now())?;
                }
            }
        }
        moved |= passed;
        if let Some(document) = document {
            desk.documents.keep(record, document);
        }
        if !own_forks.is_empty() {
            rebase::rebase(tx, desk, intake, record, &own_forks)?;
            forked = true;
        }
        if left.is_empty() {
            break;
        }
        if !passed && own_forks.is_empty() {
            for change in &left {
                set_aside(tx, intake, record, change, MISSING, desk.now())?;
            }
            break;
        }
        arrived = left;
    }
    if moved {
        show(tx, desk, intake, record)?;
    }
    Ok(())
}

/// Adds what waited in quarantine. A server that was restored gives a change another number when it comes
/// back: what it sends now counts, not the number under which the change was set aside.
fn join_released(arrived: &mut Vec<Arrived>, released: Vec<Arrived>) {
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    arrived.retain(|change| seen.insert(change.bytes.clone()));
    // The one that was set aside last comes first.
    for change in released {
        if seen.insert(change.bytes.clone()) {
            arrived.push(change);
        }
    }
    arrived.sort_by_key(|change| change.seq);
}

/// Brings the record's rows up to date.
pub(super) fn show(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    record: RecordId,
) -> Result<(), ApiError> {
    let (Some(place), Some(document)) = (log::place_of(tx, record)?, desk.documents.take(tx, record)?) else {
        return Ok(());
    };
    let found_by = &mut intake.found_by;
    projection::project_one_of_many(tx, &desk.programme, record, &place, &document, found_by)?;
    desk.documents.keep(record, document);
    intake.touched.insert(place.group);
    intake.shown.insert(record, (place.group, place.form));
    Ok(())
}

/// Judges runs of changes that name the same group: an entry that names another one is judged so.
fn judge(document: &mut Option<Document>, record: RecordId, arrived: &[Arrived]) -> Vec<Ruling> {
    arrived
        .chunk_by(|a, b| a.group == b.group)
        .flat_map(|run| {
            let chunks: Vec<&[u8]> = run.iter().map(|change| change.bytes.as_slice()).collect();
            guard::judge(document, record, run[0].group, &chunks)
        })
        .collect()
}

fn accept(
    tx: &Transaction<'_>,
    record: RecordId,
    change: &Arrived,
    raw: &RawChange,
    document: Option<&Document>,
) -> Result<(), ApiError> {
    if log::place_of(tx, record)?.is_none()
        && let Some(document) = document
    {
        log::place(tx, record, &Place { group: change.group, form: document.root()?.form })?;
    }
    append(tx, record, change, raw)
}

/// Appends a change that passed to the log.
fn append(tx: &Transaction<'_>, record: RecordId, change: &Arrived, raw: &RawChange) -> Result<(), ApiError> {
    let origin = Origin {
        author: change.author,
        device: change.device,
        received_at: Some(change.received_at),
        feed_seq: Some(change.seq),
    };
    log::append(tx, record, raw, &origin)?;
    if !change.stands {
        tx.prepare_cached("UPDATE change SET feed_seq = ?2 WHERE hash = ?1")?
            .execute(params![raw.hash.0, log::UNPROVEN])?;
    }
    Ok(())
}

/// A change that is here already: what the server vouches for is taken over, its number too (a server
/// that was restored may have given another).
fn confirm(tx: &Transaction<'_>, hash: &ChangeHash, change: &Arrived) -> Result<(), ApiError> {
    if !change.stands {
        return Ok(());
    }
    tx.prepare_cached(
        "UPDATE change SET feed_seq = ?2, author = ?3, device = ?4, received_at = ?5, first = 0, later = 0
         WHERE hash = ?1",
    )?
    .execute(params![
        hash.0,
        signed(change.seq),
        change.author.0,
        change.device.map(|device| device.0),
        change.received_at.0
    ])?;
    log::settle_review(tx, hash, change.received_at)?;
    Ok(())
}

/// The own change that waits under this number, if that is what stands in the way.
fn own_waiting(
    tx: &Transaction<'_>,
    record: RecordId,
    actor: ActorId,
    seq: u64,
) -> Result<Option<ChangeHash>, ApiError> {
    Ok(tx
        .prepare_cached(
            "SELECT hash FROM change WHERE record = ?1 AND actor = ?2 AND seq = ?3 AND feed_seq IS NULL",
        )?
        .query_row(params![record.0, actor.0, signed(seq)], |row| hash(row, 0))
        .optional()?)
}

/// What it depends on has not arrived; it is tried again with the next changes of its record.
const MISSING: &str = "missing";

/// Keeps an entry as it came.
fn set_aside(
    tx: &Transaction<'_>,
    intake: &mut Intake,
    record: RecordId,
    change: &Arrived,
    reason: &str,
    at: Millis,
) -> Result<(), ApiError> {
    let entry = FeedEntry::Change {
        seq: change.seq,
        group: change.group,
        record,
        author: change.author,
        device: change.device,
        received_at: change.received_at,
        bytes: change.bytes.clone(),
    };
    if !change.stands {
        // Under no number of the feed.
        tx.prepare_cached(
            "INSERT INTO quarantine (record, grp, feed_seq, entry, reason, at)
             SELECT ?1, ?2, -1 - coalesce(max(id), 0), ?3, ?4, ?5 FROM quarantine",
        )?
        .execute(params![record.0, change.group.0, to_cbor(&entry), reason, at.0])?;
        intake.done.quarantined += 1;
        return Ok(());
    }
    forget_other_numbers(tx, record, change)?;
    let rows = tx
        .prepare_cached(
            "INSERT OR REPLACE INTO quarantine (record, grp, feed_seq, entry, reason, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![record.0, change.group.0, signed(change.seq), to_cbor(&entry), reason, at.0])?;
    intake.done.quarantined += u32::try_from(rows).unwrap_or(0);
    Ok(())
}

/// The same change under the number that it had before the server was restored stands aside no longer.
fn forget_other_numbers(tx: &Transaction<'_>, record: RecordId, change: &Arrived) -> Result<(), ApiError> {
    let rows: Vec<(i64, FeedEntry)> = tx
        .prepare_cached("SELECT id, entry FROM quarantine WHERE record = ?1 AND feed_seq <> ?2")?
        .query_map(params![record.0, signed(change.seq)], |row| Ok((row.get(0)?, cbor(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    for (row, entry) in rows {
        if matches!(&entry, FeedEntry::Change { bytes, .. } if *bytes == change.bytes) {
            tx.prepare_cached("DELETE FROM quarantine WHERE id = ?1")?.execute([row])?;
        }
    }
    Ok(())
}

/// Judges everything in quarantine once more: another guard or another programme may take it.
pub(crate) fn retry_quarantine(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
) -> Result<(), ApiError> {
    let records: Vec<RecordId> = tx
        .prepare("SELECT DISTINCT record FROM quarantine ORDER BY record")?
        .query_map([], |row| id(row, 0))?
        .collect::<Result<_, _>>()?;
    for record in records {
        let arrived = arrived(
            tx,
            "SELECT entry, feed_seq FROM quarantine WHERE record = ?1 ORDER BY id DESC",
            params![record.0],
        )?;
        tx.execute("DELETE FROM quarantine WHERE record = ?1", [record.0])?;
        take_in_record(tx, desk, intake, record, arrived)?;
    }
    Ok(())
}

/// Whether anything of a record is in quarantine.
fn is_set_aside(tx: &Transaction<'_>, record: RecordId) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM quarantine WHERE record = ?1")?.exists([record.0])
}

/// Takes out of quarantine what only waited for others.
fn released(tx: &Transaction<'_>, record: RecordId) -> Result<Vec<Arrived>, ApiError> {
    let query = "SELECT entry, feed_seq FROM quarantine WHERE record = ?1 AND reason = ?2 ORDER BY id DESC";
    let released = arrived(tx, query, params![record.0, MISSING])?;
    if !released.is_empty() {
        tx.execute("DELETE FROM quarantine WHERE record = ?1 AND reason = ?2", params![record.0, MISSING])?;
    }
    Ok(released)
}

fn arrived(tx: &Transaction<'_>, query: &str, of: &[&dyn ToSql]) -> Result<Vec<Arrived>, ApiError> {
    let entries: Vec<(FeedEntry, bool)> = tx
        .prepare_cached(query)?
        .query_map(of, |row| Ok((cbor(row, 0)?, row.get::<_, i64>(1)? > 0)))?
        .collect::<Result<_, _>>()?;
    Ok(entries
        .into_iter()
        .filter_map(|(entry, stands)| match entry {
            FeedEntry::Change { seq, group, author, device, received_at, bytes, .. } => {
                Some(Arrived { seq, stands, group, author, device, received_at, bytes })
            }
            FeedEntry::Control { .. } => None,
        })
        .collect())
}
