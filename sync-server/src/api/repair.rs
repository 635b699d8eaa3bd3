//! A step of a repair: what a phone and the server hold is compared by group, and what either lacks changes
//! hands. Nothing is kept between two steps.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    guard::chunk,
    ids::GroupId,
    tally::EntryName,
    time::Millis,
    wire::{
        Cursor, FeedEntry, GroupOpening, OpeningVerdict, PushedChange, Refusal, SyncAnswer, SyncRequest,
        Verdict, features,
        pack::{Common, Pack, dictionary, pack_entries, unpack_rows},
        repair::{Compare, Listed, Proof, RepairAnswer, RepairRequest},
    },
};

use super::{AppState, Failure, body};
use crate::{
    ingest::Origin,
    people,
    store::{DeviceRow, StoreError, access, devices, erasures, heads, log, pull},
};

/// Packs of changes compress to about a third.
const COMPRESSION: usize = 3;

/// Answers a step.
pub(super) async fn step(
    state: &AppState,
    device: DeviceRow,
    mut request: SyncRequest,
    repair: RepairRequest,
) -> Result<SyncAnswer, Failure> {
    if repair.mismatch {
        tracing::warn!(device = %device.id, "a phone holds other entries than the server up to the same place");
    }
    let openings = std::mem::take(&mut request.openings);
    let (mut opened, mut verdicts, mut received_at) = (Vec::new(), Vec::new(), None);
    if is_known(state, &repair).await? {
        // Without its journal a restored server may lack groups that what is relayed lives in.
        opened = open(state, &device, openings).await?;
        if let Some(relayed) = &repair.relayed {
            (verdicts, received_at) = relay(state, &device, relayed, &repair.proofs).await?;
        }
    }
    let state = state.clone();
    let mut answer = body::blocking(move || answer(&state, &device, &request, &repair, verdicts)).await?;
    answer.openings = opened;
    answer.server_time = received_at.unwrap_or(answer.server_time);
    Ok(answer)
}

async fn open(
    state: &AppState,
    device: &DeviceRow,
    openings: Vec<GroupOpening>,
) -> Result<Vec<OpeningVerdict>, Failure> {
    if openings.is_empty() {
        return Ok(Vec::new());
    }
    let (working, id, person) = (state.clone(), device.id, device.person);
    let prepared =
        body::blocking(move || Ok(working.ingest.prepare(id, person, openings, Vec::new())?)).await?;
    Ok(state.ingest.push(prepared).await?.openings)
}

/// Whether the feed is still the one in which the repair began, and went on.
async fn is_known(state: &AppState, repair: &RepairRequest) -> Result<bool, Failure> {
    let (state, heads) = (state.clone(), [repair.head, repair.seen]);
    body::blocking(move || Ok(state.store.read(|tx| know(tx, heads))?)).await
}

fn knows_heads(tx: &rusqlite::Transaction<'_>, repair: &RepairRequest) -> Result<bool, StoreError> {
    know(tx, [repair.head, repair.seen])
}

fn know(tx: &rusqlite::Transaction<'_>, places: [Option<Cursor>; 2]) -> Result<bool, StoreError> {
    for place in places.into_iter().flatten() {
        if log::place(tx, place.seq)? != Some(place) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes in relayed changes that are covered.
async fn relay(
    state: &AppState,
    device: &DeviceRow,
    relayed: &Pack,
    proofs: &[Proof],
) -> Result<(Vec<Verdict>, Option<Millis>), Failure> {
    let entries: Vec<FeedEntry> = unpack_rows(relayed).map_err(|error| error.code(relayed.form))?;
    let (working, proofs) = (state.clone(), proofs.to_vec());
    let device_id = device.id;
    let person = device.person;
    let (prepared, mut verdicts, places) = body::blocking(move || {
        let covered = covered(&working, &proofs);
        let mut verdicts = vec![Verdict::Refused(Refusal::NotCovered); entries.len()];
        let (mut changes, mut origins, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (place, entry) in entries.into_iter().enumerate() {
            let FeedEntry::Change { group, record, author, device, bytes, .. } = entry else { continue };
            let Ok(change) = chunk::parse(&bytes) else {
                verdicts[place] = Verdict::Refused(Refusal::Malformed);
                continue;
            };
            let name = EntryName::of(group, record, &change.header.hash, author, device);
            if covered.get(&group).is_some_and(|names| names.contains(&name)) {
                changes.push(PushedChange { group, record, bytes });
                origins.push(Origin { author, device });
                places.push(place);
            }
        }
        let prepared = working.ingest.prepare_relay(device_id, person, changes, origins)?;
        Ok((prepared, verdicts, places))
    })
    .await?;
    let mut received_at = None;
    if !places.is_empty() {
        let outcome = state.ingest.push(prepared).await?;
        received_at = outcome.received_at;
        for (place, verdict) in places.into_iter().zip(outcome.verdicts) {
            verdicts[place] = verdict;
        }
    }
    Ok((verdicts, received_at))
}

/// The names that heads of this server cover, by group. The signature is looked at first: only who can show
/// one has the server compute points, and no more than its head counts.
fn covered(state: &AppState, proofs: &[Proof]) -> BTreeMap<GroupId, BTreeSet<EntryName>> {
    let mut covered: BTreeMap<GroupId, BTreeSet<EntryName>> = BTreeMap::new();
    for proof in proofs.iter().filter(|proof| state.signer.believes(&proof.signed)) {
        // One proof for a group: a second one would be work for nothing.
        let std::collections::btree_map::Entry::Vacant(new) = covered.entry(proof.signed.head.group) else {
            continue;
        };
        new.insert(proof.names().unwrap_or_default().into_iter().collect());
    }
    covered
}

fn answer(
    state: &AppState,
    device: &DeviceRow,
    request: &SyncRequest,
    repair: &RepairRequest,
    verdicts: Vec<Verdict>,
) -> Result<SyncAnswer, Failure> {
    let mut room = (request.limit as usize).saturating_mul(COMPRESSION);
    let (said, entries) = state.store.read(|tx| {
        let seen = log::head(tx)?;
        let head = repair.head.unwrap_or(seen);
        let said = RepairAnswer { head, seen, verdicts, ..RepairAnswer::default() };
        if !knows_heads(tx, repair)? {
            return Ok((RepairAnswer { head: seen, restart: true, ..said }, Vec::new()));
        }
        let mut said = said;
        let mut entries = Vec::new();
        if let Some(compare) = &repair.compare {
            said.differ = differ(tx, device, compare)?;
            if compare.after.is_none() {
                let person = people::find(tx, device.person)?
                    .ok_or_else(|| StoreError::damaged("a device belongs to nobody"))?;
                entries.extend(pull::of_person(tx, device.person, person.partner)?);
            }
            entries.extend(standing(tx, device, compare)?);
        }
        let granted = access::granted(tx, device.person)?;
        for from in &repair.lists {
            if room == 0 {
                break;
            }
            let mut listed = Listed { group: from.group, entries: Vec::new(), more: false };
            if granted.contains_key(&from.group) {
                let most = (room / Listed::ENTRY).max(1);
                let mut list = heads::list(tx, from.group, from.after, most + 1)?;
                listed.more = list.len() > most;
                list.truncate(most);
                list.iter().for_each(|(number, at, name)| listed.push(*number, *at, name));
                room = room.saturating_sub(listed.entries.len() + Listed::ENTRY);
            }
            said.lists.push(listed);
        }
        let mut dealt_with = 0;
        let mut any = false;
        for number in &repair.wanted {
            let Some(entry) = pull::change(tx, *number)? else {
                dealt_with += 1;
                continue;
            };
            let FeedEntry::Change { group, bytes, .. } = &entry else { continue };
            if granted.contains_key(group) {
                // One always fits where nothing else was asked for, so that every step leaves less to do.
                if room < bytes.len() && (any || !said.lists.is_empty()) {
                    break;
                }
                any = true;
                room = room.saturating_sub(bytes.len() + pull::ENTRY_OVERHEAD);
                entries.push(entry);
            }
            dealt_with += 1;
        }
        said.dealt_with = dealt_with;
        Ok((said, entries))
    })?;
    let now = state.clock.now();
    state.store.write(|tx| {
        if repair.mismatch {
            devices::count_defect(tx, device.id)?;
        }
        devices::seen(tx, device.id, now, request.waiting)
    })?;
    let common = Common { actor: Some(request.actor), feed: None };
    let pack =
        (!entries.is_empty()).then(|| pack_entries(&entries, request.features, request.dictionary, &common));
    Ok(SyncAnswer {
        protocol: request.protocol,
        features: features::ALL,
        dictionary: dictionary::newest(),
        openings: Vec::new(),
        verdicts: Vec::new(),
        pull: pack,
        cursor: request.cursor,
        head: request.seen,
        backfills: request.backfills.clone(),
        start_again: false,
        more: false,
        revoked: false,
        server_time: now,
        tally: None,
        heads: None,
        key: request.needs_key.then(|| state.signer.public()),
        to_repair: false,
        relatives: None,
        repair: Some(Box::new(said)),
    })
}

/// The groups of a range whose entries have to be listed: those that differ, and those that the phone holds
/// and is not granted, which it lists for nothing but may still bring something of.
fn differ(
    tx: &rusqlite::Transaction<'_>,
    device: &DeviceRow,
    compare: &Compare,
) -> Result<Vec<GroupId>, StoreError> {
    let within = |group: &GroupId| {
        compare.after.is_none_or(|after| *group > after) && compare.to.is_none_or(|to| *group <= to)
    };
    let held: BTreeMap<GroupId, _> = compare
        .groups
        .iter()
        .filter(|held| within(&held.group))
        .map(|held| (held.group, held.tally))
        .collect();
    let granted = access::granted(tx, device.person)?;
    let mut differ = BTreeSet::new();
    for group in granted.keys().filter(|group| within(group)) {
        let here = heads::of_group(tx, *group)?.map(|head| head.tally).unwrap_or_default();
        if held.get(group).copied().unwrap_or_default() != here {
            differ.insert(*group);
        }
    }
    for (group, tally) in held {
        let erased = erasures::erased(tx, group)?.is_some();
        if tally.count > 0 && !erased && !granted.contains_key(&group) {
            differ.insert(group);
        }
    }
    Ok(differ.into_iter().collect())
}

/// How access to the groups of a range stands now, as the control entries that say so.
fn standing(
    tx: &rusqlite::Transaction<'_>,
    device: &DeviceRow,
    compare: &Compare,
) -> Result<Vec<FeedEntry>, StoreError> {
    let within = |group: &GroupId| {
        compare.after.is_none_or(|after| *group > after) && compare.to.is_none_or(|to| *group <= to)
    };
    let mut numbers = BTreeSet::new();
    let granted = access::granted(tx, device.person)?;
    let held = compare.groups.iter().map(|held| held.group);
    let groups: BTreeSet<GroupId> = granted.keys().copied().chain(held).filter(within).collect();
    for group in groups {
        if let Some(erased) = erasures::erased(tx, group)? {
            numbers.insert(erased);
            continue;
        }
        match access::access(tx, device.person, group)? {
            access::Access::Granted(grant) => {
                numbers.extend(pull::entry_of_group(tx, group)?);
                numbers.insert(grant);
            }
            access::Access::Withdrawn(end) => {
                numbers.insert(end);
            }
            access::Access::Never => {}
        }
    }
    let mut entries = Vec::with_capacity(numbers.len());
    for number in numbers {
        entries.extend(pull::entry_at(tx, number)?);
    }
    Ok(entries)
}

/// Whether the server knows the places that a phone names.
pub(super) fn knows(
    tx: &rusqlite::Transaction<'_>,
    cursor: Cursor,
    seen: Option<Cursor>,
) -> Result<bool, StoreError> {
    know(tx, [Some(cursor), seen])
}

/// The answer to a phone that has to repair: what became of what it sent waits until then.
pub(super) fn has_to(state: &AppState, request: &SyncRequest) -> SyncAnswer {
    SyncAnswer {
        protocol: request.protocol,
        features: features::ALL,
        dictionary: dictionary::newest(),
        openings: Vec::new(),
        verdicts: Vec::new(),
        pull: None,
        cursor: request.cursor,
        head: request.seen,
        backfills: request.backfills.clone(),
        start_again: false,
        more: true,
        revoked: false,
        server_time: state.clock.now(),
        tally: None,
        heads: None,
        key: request.needs_key.then(|| state.signer.public()),
        to_repair: true,
        relatives: None,
        repair: None,
    }
}
