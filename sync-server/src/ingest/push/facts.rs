//! How a person stands to a group at the moment of a push.

use alongside_domain::{
    ids::{GroupId, PersonId},
    policy::Standing,
    time::Millis,
};
use rusqlite::Transaction;

use crate::store::{
    StoreError,
    access::{self, Access},
    erasures, log, set_aside,
};

/// A group, as far as it matters to one person's push.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct GroupFacts {
    /// Whether it was erased.
    pub(in crate::ingest) erased: bool,
    /// Its kind; `None` where there is no such group.
    pub(in crate::ingest) kind: Option<String>,
    /// Granted now, or granted once: what comes late is told by `late`. Phones hold what was granted by
    /// name; an area alone brings nothing onto a phone.
    pub(in crate::ingest) standing: Standing,
    /// Access was withdrawn, and the time for late work is over.
    pub(in crate::ingest) late: bool,
    /// Access was withdrawn, however short a time ago; or its own opening waits for a coordinator.
    pub(in crate::ingest) withdrawn: bool,
}

impl GroupFacts {
    /// Reads them. `now` is when the push was received.
    pub(in crate::ingest) fn read(
        tx: &Transaction<'_>,
        person: PersonId,
        group: GroupId,
        now: Millis,
        late_work_ms: i64,
    ) -> Result<Self, StoreError> {
        let erased = erasures::erased(tx, group)?.is_some();
        let Some(row) = access::group(tx, group)? else {
            let opening = set_aside::opening_of(tx, group, person)?;
            let kind = opening.and_then(|aside| aside.opening()).map(|opening| opening.kind);
            let standing = if kind.is_some() { Standing::Granted } else { Standing::Stranger };
            let waits = kind.is_some();
            return Ok(Self { erased, kind, standing, late: waits, withdrawn: waits });
        };
        let (standing, withdrawn, late) = match access::access(tx, person, group)? {
            Access::Granted(_) => (Standing::Granted, false, false),
            Access::Withdrawn(seq) => {
                // Without the entry there is no telling when it was: then it is long ago.
                let at = log::received_at(tx, seq)?;
                let in_time = at.is_some_and(|at| now.0.saturating_sub(at.0) < late_work_ms);
                (Standing::Granted, true, !in_time)
            }
            Access::Never => (Standing::Stranger, false, false),
        };
        Ok(Self { erased, kind: Some(row.kind), standing, late, withdrawn })
    }

    /// Whether the guard's work is spent on what comes for this group: it may be taken, or a coordinator
    /// may have to look at it.
    pub(in crate::ingest) fn may_be_wanted(&self) -> bool {
        !self.erased && self.kind.is_some() && self.standing == Standing::Granted
    }
}
