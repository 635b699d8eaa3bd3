//! The guard's part: what may be a change of its record at all.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    guard::{self, Ruling},
    ids::{DeviceId, GroupId, PersonId, RecordId},
    record::Document,
    time::Millis,
    wire::{GroupOpening, PushedChange, Refusal},
};
use rusqlite::Transaction;

use super::{Origin, push::GroupFacts};
use crate::store::{StoreError, log};

/// A push with the guard's rulings, ready for the writing thread.
pub struct PreparedPush {
    pub(super) device: DeviceId,
    pub(super) person: PersonId,
    pub(super) openings: Vec<GroupOpening>,
    pub(super) changes: Vec<PushedChange>,
    /// Who wrote each change, where they are relayed: they were in the feed before.
    pub(super) origins: Option<Vec<Origin>>,
    pub(super) judged: BTreeMap<(RecordId, GroupId), Judged>,
}

/// The guard's rulings on one record's changes.
pub(super) struct Judged {
    /// Positions in the push, in order.
    pub(super) positions: Vec<usize>,
    /// Number of the record's latest change when it was judged.
    pub(super) latest: u64,
    /// One per position; `None` where it was not judged, since the person is not entitled.
    pub(super) rulings: Option<Vec<Ruling>>,
    /// The form of the record, once it has a root.
    pub(super) form: Option<String>,
}

pub(super) fn prepare(
    tx: &Transaction<'_>,
    device: DeviceId,
    person: PersonId,
    openings: Vec<GroupOpening>,
    changes: Vec<PushedChange>,
) -> Result<PreparedPush, StoreError> {
    let opened: BTreeSet<GroupId> = openings.iter().map(|opening| opening.group).collect();
    let mut positions: BTreeMap<(RecordId, GroupId), Vec<usize>> = BTreeMap::new();
    for (position, change) in changes.iter().enumerate() {
        positions.entry((change.record, change.group)).or_default().push(position);
    }
    let mut judged = BTreeMap::new();
    let mut wanted: BTreeMap<GroupId, bool> = BTreeMap::new();
    for ((record, group), positions) in positions {
        // Work is spent only on what could be accepted, or that a coordinator would have to look at; the
        // transaction decides in any case. When it comes does not matter to the guard.
        let may = match wanted.get(&group) {
            Some(may) => *may,
            None => {
                let facts = GroupFacts::read(tx, person, group, Millis(0), 0)?;
                let may = opened.contains(&group) || facts.may_be_wanted();
                wanted.insert(group, may);
                may
            }
        };
        let judgement = if may {
            judge(tx, record, group, positions, &changes)?
        } else {
            Judged { positions, latest: 0, rulings: None, form: None }
        };
        judged.insert((record, group), judgement);
    }
    Ok(PreparedPush { device, person, openings, changes, origins: None, judged })
}

/// Judges the changes at these positions against the record as the feed has it.
pub(super) fn judge(
    tx: &Transaction<'_>,
    record: RecordId,
    group: GroupId,
    positions: Vec<usize>,
    changes: &[PushedChange],
) -> Result<Judged, StoreError> {
    let stored = log::changes_of(tx, record)?;
    let latest = stored.last().map_or(0, |change| change.seq);
    if stored.iter().any(|change| change.bytes.is_empty()) {
        // The record was erased with its group: there is no other that it could belong to.
        let rulings = vec![Ruling::Refused(Refusal::WrongRoot); positions.len()];
        return Ok(Judged { positions, latest, rulings: Some(rulings), form: None });
    }
    let mut document = if stored.is_empty() {
        None
    } else {
        Some(
            Document::load(stored.iter().map(|change| change.bytes.as_slice()))
                .map_err(|_| StoreError::damaged("a record of the feed does not load"))?,
        )
    };
    let bytes: Vec<&[u8]> = positions.iter().map(|at| changes[*at].bytes.as_slice()).collect();
    let rulings = guard::judge(&mut document, record, group, &bytes);
    let form = document.and_then(|document| document.root().ok()).map(|root| root.form);
    Ok(Judged { positions, latest, rulings: Some(rulings), form })
}
