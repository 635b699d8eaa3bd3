//! Merging two groups that are one family or one child, and undoing it.
//!
//! Nothing is copied: what was linked to the one group is linked to the other, and the first stays behind
//! it, so that whoever reads the kept group reads both. Each link that changes is told by the group's own
//! entry in the feed, which every version of the phone understands; who decided it, when and why stands in
//! the store and in the control journal.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, Reach},
    time::Millis,
    wire::is_reason_code,
};
use rusqlite::{Connection, OpenFlags, Transaction};

use crate::{
    people,
    read_model::{Projector, ReadModel, ReadModelError, merged},
    store::{
        Store, StoreError, access, erasures,
        log::Appender,
        merges::{self, Led},
    },
};

pub use crate::read_model::merged::Pair;
pub use merges::Merge;

/// For how long a merge can be undone: 30 days.
pub const UNDO_MS: i64 = 30 * 24 * 3_600_000;

/// The reason of a merge that was undone because the kept group was erased.
const ERASED: &str = "kept_group_erased";

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

impl MergeError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadReason => "bad_reason",
            Self::UnknownGroup => "unknown_group",
            Self::NotAPair => "not_a_pair",
            Self::NotEntitled => "not_entitled",
            Self::MergedAlready => "merged_already",
            Self::UnknownMerge => "unknown_merge",
            Self::TooLate => "too_late",
            Self::StoodOn => "stood_on",
            Self::Store(error) => error.code(),
        }
    }
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
            // What was erased is told of no more. What is restricted stays beside the group that it was written
            // about: its records are parts of that group's, and whoever was granted it by name still is.
            if group == kept || erasures::erased(tx, group)?.is_some() || is_restricted(tx, programme, group)?
            {
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
        lead_back(&mut Appender::new(tx, now)?, &mut merge, (by, now), reason)?;
        Ok(Ok(merge))
    })?
}

/// Leads the links of a merge back, and writes down that it is undone.
fn lead_back(
    log: &mut Appender<'_>,
    merge: &mut Merge,
    (by, now): (PersonId, Millis),
    reason: &str,
) -> Result<(), StoreError> {
    for led in &merge.led {
        if erasures::erased(log.tx, led.group)?.is_some() {
            continue;
        }
        let parents = access::parents_in_order(log.tx, led.group)?;
        let back = if led.had_both {
            parents.into_iter().chain([merge.other]).collect()
        } else {
            instead(parents, merge.kept, merge.other)
        };
        access::relink(log, led.group, &back)?;
    }
    let mut behind = access::parents_in_order(log.tx, merge.kept)?;
    behind.retain(|parent| *parent != merge.other);
    access::relink(log, merge.kept, &behind)?;
    merge.undone = Some((by, now, reason.to_owned()));
    merges::keep(log.tx, merge)
}

/// Leads back what was led to a group that is about to be erased: what stands behind it is not erased with
/// it, and has to be found without it.
pub(crate) fn lead_back_before_erasure(
    log: &mut Appender<'_>,
    now: Millis,
    kept: GroupId,
) -> Result<(), StoreError> {
    for mut merge in merges::kept_by(log.tx, kept)? {
        let by = merge.by;
        lead_back(log, &mut merge, (by, now), ERASED)?;
    }
    Ok(())
}

/// Every merge, the latest first.
///
/// # Errors
/// See [`StoreError`].
pub fn list(store: &Store) -> Result<Vec<Merge>, StoreError> {
    store.read(merges::all)
}

/// The merges that lead others' links to one of these groups now.
///
/// # Errors
/// See [`StoreError`].
pub fn standing(store: &Store, groups: &[GroupId]) -> Result<Vec<Merge>, StoreError> {
    store.read(|tx| {
        let mut found = Vec::new();
        for group in groups {
            found.extend(merges::kept_by(tx, *group)?);
        }
        Ok(found)
    })
}

/// Who may have been entered twice in an area, over every partner, by the programme's own checks: from a copy
/// of the pages in this file, brought up to date, or made anew where there are none.
///
/// # Errors
/// [`ReadModelError`]: the log or the pages could not be read.
pub fn suggested_in_files(
    (path, journal): (&Path, &Path),
    pages: &Path,
    programme: &Arc<Programme>,
    now: Millis,
    area: &str,
) -> Result<Vec<Pair>, ReadModelError> {
    let failed = |error: std::io::Error| ReadModelError::Log(Box::new(error));
    let store = Store::open_with(path, journal).map_err(|error| ReadModelError::Log(Box::new(error)))?;
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = folder.path().join("pages");
    if pages.exists() {
        // Whoever serves the pages goes on with them.
        let connection = Connection::open_with_flags(pages, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    }
    let model = Arc::new(ReadModel::open(&copy, programme)?);
    Projector::new(Arc::clone(&model), store, Arc::clone(programme)).catch_up()?;
    model.read(|connection| {
        let mut pairs = Vec::new();
        for partner in merged::partners(connection)? {
            pairs.extend(merged::proposed(connection, programme, (partner, area), now)?);
        }
        Ok(pairs)
    })
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
    // Two cases are two episodes, whoever they are about.
    let is_pair = kept != other && a.kind == b.kind && a.partner == b.partner;
    if !is_pair || !programme.may_be_merged(&a.kind) {
        return Ok(Err(MergeError::NotAPair));
    }
    let person = people::find(tx, by)?.filter(|person| person.partner == a.partner);
    let role = person.and_then(|person| programme.roles.get(&person.role));
    Ok(match role {
        Some(role) if role.sees == Reach::PartnerAreas && role.writes => Ok(()),
        _ => Err(MergeError::NotEntitled),
    })
}

fn is_restricted(tx: &Transaction<'_>, programme: &Programme, group: GroupId) -> Result<bool, StoreError> {
    Ok(access::group(tx, group)?.is_some_and(|row| programme.is_restricted(&row.kind)))
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
