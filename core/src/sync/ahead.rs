//! Records that are new here, judged ahead of the writer.
//!
//! What the guard says of a record of which nothing is here, and what its rows will say, follows from its changes
//! alone. A phone that is filled for the first time gets thousands of them: they are judged on other cores, a
//! few records ahead, while the writer writes down those before. Whatever is not plain (a change that does
//! not pass, one of another group, anything set aside before) is left to the writer.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use alongside_domain::{
    guard::{self, Ruling},
    ids::{ChangeHash, RecordId},
    programme::Programme,
    record::{Attribution, RawChange},
};

use super::pull::Arrived;
use crate::store::projection::Projected;

/// Records that are new here below which the writer judges them itself: a thread costs more.
const FEW: usize = 48;

/// Records that one thread may be ahead of the writer: what they hold in memory is bounded by it.
const AHEAD: usize = 16;

/// Most threads.
const THREADS: usize = 3;

/// A record of which nothing was here, and all of whose changes passed.
pub(super) struct Ready {
    pub(super) form: String,
    /// As they arrived.
    pub(super) changes: Vec<RawChange>,
    pub(super) rows: Projected,
}

/// What is judged ahead, in the order of the records.
pub(super) struct Ahead {
    threads: Vec<Receiver<Option<Ready>>>,
    next: usize,
}

impl Ahead {
    /// What was found of the next record; `None` where the writer has to judge it itself.
    pub(super) fn next(&mut self) -> Option<Ready> {
        let thread = self.threads.get(self.next.checked_rem(self.threads.len())?)?;
        self.next += 1;
        thread.recv().ok().flatten()
    }
}

/// Does the writer's work while these records, which are new here, are judged ahead of it.
pub(super) fn while_judged<T>(
    programme: &Programme,
    records: &[(RecordId, &[Arrived])],
    work: impl FnOnce(&mut Ahead) -> T,
) -> T {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let wanted = if records.len() < FEW { 0 } else { cores.saturating_sub(1).min(THREADS) };
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(wanted);
        for place in 0..wanted {
            let (done, results) = sync_channel(AHEAD);
            let mine = records.iter().skip(place).step_by(wanted);
            let judging = move || {
                for (record, arrived) in mine {
                    let ready = catch_unwind(AssertUnwindSafe(|| ready(programme, *record, arrived)));
                    // Nobody waits any longer: the writer has given up.
                    if done.send(ready.ok().flatten()).is_err() {
                        return;
                    }
                }
            };
            let name = "alongside-guard".to_owned();
            if thread::Builder::new().name(name).spawn_scoped(scope, judging).is_err() {
                // Without all of them, the order would not hold: those that began find nobody listening.
                threads.clear();
                break;
            }
            threads.push(results);
        }
        work(&mut Ahead { threads, next: 0 })
    })
}

/// Judges the changes of a record of which nothing is here.
fn ready(programme: &Programme, record: RecordId, arrived: &[Arrived]) -> Option<Ready> {
    let group = arrived.first()?.group;
    if arrived.iter().any(|change| change.group != group) {
        return None;
    }
    let chunks: Vec<&[u8]> = arrived.iter().map(|change| change.bytes.as_slice()).collect();
    let mut document = None;
    let rulings = guard::judge(&mut document, record, group, &chunks);
    let passed = rulings.into_iter().map(|ruling| match ruling {
        Ruling::Pass(change) => Some(change),
        _ => None,
    });
    let changes: Vec<RawChange> = passed.collect::<Option<_>>()?;
    let document = document?;
    let who: BTreeMap<ChangeHash, Attribution> = changes
        .iter()
        .zip(arrived)
        .map(|(change, from)| {
            let received_at = Some(from.received_at);
            (change.hash, Attribution { author: from.author, device: from.device, received_at })
        })
        .collect();
    let form = document.root().ok()?.form;
    let rows = Projected::of(programme, &form, &document, &who).ok()?;
    Some(Ready { form, changes, rows })
}
