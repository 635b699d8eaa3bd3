//! Merging two groups that are one family or one child, and undoing it.
//!
//! Nothing is copied: what was linked to the one group is linked to the other, and the first stays behind
//! it, so that whoever reads the kept group reads both. Each link that changes is told by the group's own
//! entry in the feed, which every version of the phone understands; who decided it, when and why stands in
//! the store and in the control journal.

use std::collections::BTreeSet;

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, Reach},
    time::Millis,
    wire::is_reason_code,
};
use rusqlite::Transaction;

use crate::{
    people,
    store::{
        Store, StoreError, access, erasures,
        log::Appender,
        merges::{self, Led},
    },
};

pub use merges::Merge;

/// For how long a merge can be undone: 30 days.
pub const UNDO_MS: i64 = 30 * 24 * 3_600_000;

/// Why two groups were not merged, or a merge not undone. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The reason is a sentence.
    #[error(
        "the reason is kept where an erasure does not reach, so it must be a code: lower case letters, \
         digits and _, at most 40 (same_family, same_child, merged_by_mistake)"
    )]
    BadReason,
    /// One of the groups does not exist or was erased.
    #[error("one of the two is not there, or was erased: look at the list of possible duplicates again")]
    UnknownGroup,
    /// The two are no pair that can be merged.
    #[error("these cannot be merged: choose two families, or two children, of one partner organisation")]
    NotAPair,
    /// The person may not decide it.
    #[error("only a coordinator of the partner organisation may merge, or undo it")]
    NotEntitled,
    /// One of them is merged already in a way that stands against it.
    #[error("one of the two is merged already: undo that first, or merge the group that it leads to")]
    MergedAlready,
    /// There is no such merge.
    #[error("there is no such merge: look at the list of merges again")]
    UnknownMerge,
    /// It was merged too long ago.
    #[error("a merge can be undone for 30 days, and those are over")]
    TooLate,
    /// Another merge stands on this one.
    #[error("a later merge stands on this one: undo that first")]
    StoodOn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Leads everything that is linked to `other` to `kept`. Merged so already, the merge that stands is given
/// and nothing happens.
///
/// # Errors
/// See [`MergeError`].
pub fn merge(
    store: &Store,
    programme: &Programme,
    now: Millis,
    by: PersonId,
    (kept, other): (GroupId, GroupId),
    reason: &str,
) -> Result<Merge, MergeError> {
    if !is_reason_code(reason) {
        return Err(MergeError::BadReason);
    }
    let id = RecordId::new(now, rand::random());
    store.write(|tx| {
        if let Err(error) = may_merge(tx, programme, by, kept, other)? {
            return Ok(Err(error));
        }
        match merges::standing(tx, other)? {
            Some(merge) if merge.kept == kept => return Ok(Ok(merge)),
            Some(_) => return Ok(Err(MergeError::MergedAlready)),
            None => {}
        }
        if merges::standing(tx, kept)?.is_some() || leads_to(tx, other, kept)? {
            return Ok(Err(MergeError::MergedAlready));
        }
        let mut log = Appender::new(tx, now)?;
        let linked = access::children(tx, other)?;
        // First what stays reachable, so that nobody loses the other group for a moment.
        let mut behind = access::parents_in_order(tx, kept)?;
        behind.push(other);
        access::relink(&mut log, kept, &instead(behind, other, other))?;
        let mut led = Vec::new();
        for group in linked {
            // What was erased is told of no more.
            if group == kept || erasures::erased(tx, group)?.is_some() {
                continue;
            }
            let parents = access::parents_in_order(tx, group)?;
            let had_both = parents.contains(&kept);
            access::relink(&mut log, group, &instead(parents, other, kept))?;
            led.push(Led { group, had_both });
        }
        let merge = Merge { id, kept, other, by, at: now, reason: reason.to_owned(), led, undone: None };
        merges::keep(tx, &merge)?;
        Ok(Ok(merge))
    })?
}

/// Leads the links back that the merge led over. What came since stays where it was linked. Undone
/// already, nothing happens.
///
/// # Errors
/// See [`MergeError`].
pub fn undo(
    store: &Store,
    programme: &Programme,
    now: Millis,
    by: PersonId,
    id: RecordId,
    reason: &str,
) -> Result<Merge, MergeError> {
    if !is_reason_code(reason) {
        return Err(MergeError::BadReason);
    }
    store.write(|tx| {
        let Some(mut merge) = merges::find(tx, id)? else { return Ok(Err(MergeError::UnknownMerge)) };
        if let Err(error) = may_merge(tx, programme, by, merge.kept, merge.other)? {
            return Ok(Err(error));
        }
        if merge.undone.is_some() {
            return Ok(Ok(merge));
        }
        if now.0.saturating_sub(merge.at.0) > UNDO_MS {
            return Ok(Err(MergeError::TooLate));
        }
        if merges::standing(tx, merge.kept)?.is_some() {
            return Ok(Err(MergeError::StoodOn));
        }
        let mut log = Appender::new(tx, now)?;
        for led in &merge.led {
            if erasures::erased(tx, led.group)?.is_some() {
                continue;
            }
            let parents = access::parents_in_order(tx, led.group)?;
            let back = if led.had_both {
                parents.into_iter().chain([merge.other]).collect()
            } else {
                instead(parents, merge.kept, merge.other)
            };
            access::relink(&mut log, led.group, &back)?;
        }
        let mut behind = access::parents_in_order(tx, merge.kept)?;
        behind.retain(|parent| *parent != merge.other);
        access::relink(&mut log, merge.kept, &behind)?;
        merge.undone = Some((by, now, reason.to_owned()));
        merges::keep(tx, &merge)?;
        Ok(Ok(merge))
    })?
}

/// Every merge, the latest first.
///
/// # Errors
/// See [`StoreError`].
pub fn list(store: &Store) -> Result<Vec<Merge>, StoreError> {
    store.read(merges::all)
}

/// These links with `new` in the place of `old`, each once.
fn instead(parents: Vec<GroupId>, old: GroupId, new: GroupId) -> Vec<GroupId> {
    let mut seen = BTreeSet::new();
    let replaced = parents.into_iter().map(|parent| if parent == old { new } else { parent });
    replaced.filter(|parent| seen.insert(*parent)).collect()
}

fn may_merge(
    tx: &Transaction<'_>,
    programme: &Programme,
    by: PersonId,
    kept: GroupId,
    other: GroupId,
) -> Result<Result<(), MergeError>, StoreError> {
    let (Some(a), Some(b)) = (access::group(tx, kept)?, access::group(tx, other)?) else {
        return Ok(Err(MergeError::UnknownGroup));
    };
    if erasures::erased(tx, kept)?.is_some() || erasures::erased(tx, other)?.is_some() {
        return Ok(Err(MergeError::UnknownGroup));
    }
    // Only what a unit is linked to: two cases are two episodes, whoever they are about.
    let parents = programme.groups.get(&programme.parts.unit).map(|kind| kind.parents.as_slice());
    let linked = parents.is_some_and(|parents| parents.contains(&a.kind));
    if kept == other || a.kind != b.kind || a.partner != b.partner || !linked {
        return Ok(Err(MergeError::NotAPair));
    }
    let person = people::find(tx, by)?.filter(|person| person.partner == a.partner);
    let role = person.and_then(|person| programme.roles.get(&person.role));
    Ok(match role {
        Some(role) if role.sees == Reach::PartnerAreas => Ok(()),
        _ => Err(MergeError::NotEntitled),
    })
}

/// Whether this group leads to that one over any number of links.
fn leads_to(tx: &Transaction<'_>, from: GroupId, to: GroupId) -> Result<bool, StoreError> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(group) = next.pop() {
        if group == to {
            return Ok(true);
        }
        if seen.insert(group) {
            next.extend(access::parents(tx, group)?);
        }
    }
    Ok(false)
}
