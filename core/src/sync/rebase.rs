//! Writing again what stood on a change that the server would not have.
//!
//! One routine for a fork and for a refusal: the record is built again from what is left, and the own
//! changes that stood on the one kept apart are written again under a new actor, with the time and the
//! circumstances they had. What the server holds is never written again; every original is kept.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{ActorId, ChangeHash, RecordId},
    record::{Circumstances, Document, Edit, RawChange, Root, history::HistoryEntry},
    value::Value,
    wire::Refusal,
};
use rusqlite::{Transaction, params};

use super::apply::{Intake, put_off};
use crate::{
    error::ApiError,
    reads::waiting::Reason,
    store::{
        desk::Desk,
        groups,
        log::{self, Place},
        projection,
        rows::{hash, to_cbor},
        state,
    },
    writes::{check, save},
};

/// Keeps `bad` apart and writes again what stood on it.
pub(crate) fn rebase(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    record: RecordId,
    bad: &BTreeMap<ChangeHash, Reason>,
) -> Result<(), ApiError> {
    let (Some(place), Some(document)) = (log::place_of(tx, record)?, desk.documents.take(tx, record)?) else {
        return Ok(());
    };
    let root = document.root()?;
    let entries: BTreeMap<ChangeHash, HistoryEntry> = document
        .history(&log::attributions(tx, record)?)?
        .into_iter()
        .map(|entry| (entry.change, entry))
        .collect();
    let apart = standing_on(&document.changes(), bad);
    drop(document);
    let waiting = own(tx, record, "feed_seq IS NULL")?;
    // The server has these too, apart: whatever is decided on them, they are not written again.
    let in_review = own(tx, record, "feed_seq = 0")?;
    if !apart.iter().all(|change| waiting.contains(&change.hash) || in_review.contains(&change.hash)) {
        // The server holds what stands on a change that it says it would not have.
        for hash in bad.keys() {
            put_off(tx, hash)?;
        }
        return Ok(());
    }
    let lost_root = apart.iter().any(|change| {
        change.deps.is_empty()
            && matches!(bad.get(&change.hash), Some(Reason::Refused(_) | Reason::Review(_)))
    });
    let mut again = Vec::new();
    for change in &apart {
        let reason = match bad.get(&change.hash) {
            Some(reason @ (Reason::Refused(_) | Reason::Review(_))) => *reason,
            _ if lost_root => Reason::WithRecord,
            _ if in_review.contains(&change.hash) => Reason::Refused(Refusal::ByCoordinator),
            Some(reason) => *reason,
            None => Reason::Successor,
        };
        let Some(entry) = entries.get(&change.hash) else { continue };
        let edits = edits(entry);
        keep(tx, record, &place, change, &edits, reason)?;
        if matches!(reason, Reason::Fork | Reason::Successor) {
            again.push((entry, edits));
        } else {
            intake.done.refused += 1;
        }
    }
    intake.touched.insert(place.group);
    if lost_root {
        projection::remove(tx, record)?;
        tx.execute("DELETE FROM document WHERE record = ?1", [record.0])?;
        return Ok(());
    }
    write_again(tx, desk, intake, &root, &place, again)
}

/// The changes in `bad` and all that stand on them, in an order in which each follows what it stands on.
fn standing_on(changes: &[RawChange], bad: &BTreeMap<ChangeHash, Reason>) -> Vec<RawChange> {
    let mut apart: BTreeSet<ChangeHash> = BTreeSet::new();
    let mut out = Vec::new();
    for change in changes {
        if bad.contains_key(&change.hash) || change.deps.iter().any(|dep| apart.contains(dep)) {
            apart.insert(change.hash);
            out.push(change.clone());
        }
    }
    out
}

fn own(tx: &Transaction<'_>, record: RecordId, condition: &str) -> Result<BTreeSet<ChangeHash>, ApiError> {
    Ok(tx
        .prepare_cached(&format!("SELECT hash FROM change WHERE record = ?1 AND {condition}"))?
        .query_map([record.0], |row| hash(row, 0))?
        .collect::<Result<_, _>>()?)
}

/// What a change set. What only a newer version can write cannot be written again.
fn edits(entry: &HistoryEntry) -> Vec<Edit> {
    entry
        .fields
        .iter()
        .filter(|field| !matches!(field.to, Value::Other(_)))
        .map(|field| Edit { key: field.key.clone(), value: field.to.clone() })
        .collect()
}

/// Moves a change from the log to those kept apart.
fn keep(
    tx: &Transaction<'_>,
    record: RecordId,
    place: &Place,
    change: &RawChange,
    edits: &[Edit],
    reason: Reason,
) -> Result<(), ApiError> {
    tx.prepare_cached(
        "INSERT INTO refused (hash, record, grp, form, bytes, edits, at, reason, shown)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (hash) DO NOTHING",
    )?
    .execute(params![
        change.hash.0,
        record.0,
        place.group.0,
        place.form,
        change.bytes,
        to_cbor(edits),
        change.at.0,
        to_cbor(&reason),
        !matches!(reason, Reason::Fork | Reason::Successor),
    ])?;
    tx.prepare_cached("DELETE FROM change WHERE hash = ?1")?.execute([change.hash.0])?;
    Ok(())
}

fn write_again(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    root: &Root,
    place: &Place,
    again: Vec<(&HistoryEntry, Vec<Edit>)>,
) -> Result<(), ApiError> {
    let me = state::identity(tx)?;
    let mut document = log::load(tx, root.id)?;
    if !again.is_empty() {
        let actor = new_actor(tx, desk, intake)?;
        for (entry, edits) in again {
            let circumstances = Circumstances {
                actor,
                at: entry.at,
                zone: entry.zone.clone(),
                offline: entry.offline,
                reason: entry.reason.clone(),
            };
            let change = match &mut document {
                Some(document) => document.edit(&edits, &circumstances)?,
                None => {
                    let programme = desk.programme.clone();
                    let (form, _) = check::form(&programme, &place.form)?;
                    let group_kind = groups::kind(tx, place.group)?.unwrap_or_default();
                    let texts = programme.merged_texts(form, &group_kind);
                    let (begun, change) = Document::create_with_texts(root, &texts, &edits, &circumstances)?;
                    document = Some(begun);
                    Some(change)
                }
            };
            if let Some(change) = change {
                log::append(tx, root.id, &change, &save::own(&me))?;
                intake.done.again = true;
            }
        }
    }
    if let Some(document) = document {
        let found_by = &mut intake.found_by;
        projection::project_one_of_many(tx, &desk.programme, root.id, place, &document, found_by)?;
        desk.documents.keep(root.id, document);
    }
    Ok(())
}

/// The actor for everything written from now on: one new actor for each answer that needs it.
fn new_actor(tx: &Transaction<'_>, desk: &mut Desk, intake: &mut Intake) -> Result<ActorId, ApiError> {
    if let Some(actor) = intake.new_actor {
        return Ok(actor);
    }
    let actor = desk.new_actor();
    state::set_actor(tx, actor)?;
    intake.new_actor = Some(actor);
    Ok(actor)
}
