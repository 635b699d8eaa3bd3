//! The projector: follows the log and keeps the read model's rows.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use alongside_domain::{
    ids::{ChangeHash, GroupId, RecordId},
    programme::Programme,
    record::{Attribution, Document},
    rules,
    wire::ControlEvent,
};
use rusqlite::{Transaction, params};

use super::{
    ReadModel, ReadModelError, control, empty_log, findings, forget, lock, position,
    record::{self, Loaded, NotWritten},
    signed, unit,
};
use crate::{
    clock::{Clock, SystemClock},
    store::{LogBody, Store},
};

/// Log entries taken in by one transaction.
const BATCH: usize = 512;

/// Units judged by one transaction.
const JUDGED: u32 = 32;

/// Units that are judged before the log is looked at again.
const JUDGED_BETWEEN: u32 = 512;

/// How long after a change of the day at the latest its findings are there.
const DAY_CHECK: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// Documents kept in memory between batches: a record is often changed again soon.
const CACHED_DOCUMENTS: usize = 256;

/// Follows the log.
pub struct Projector {
    model: Arc<ReadModel>,
    store: Arc<Store>,
    programme: Arc<Programme>,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

impl std::fmt::Debug for Projector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projector").field("model", &self.model).finish_non_exhaustive()
    }
}

/// New changes of one record in a batch.
struct Touched {
    group: GroupId,
    changes: Vec<(ChangeHash, Attribution, Vec<u8>)>,
}

impl Projector {
    /// A projector that writes this read model from this log.
    #[must_use]
    pub fn new(model: Arc<ReadModel>, store: Arc<Store>, programme: Arc<Programme>) -> Self {
        Self { model, store, programme, clock: Arc::new(SystemClock), cache: Cache::default() }
    }

    /// The same, judging by the day of this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Judges units whose findings wait, or are of an earlier day, a few in each transaction, up to so
    /// many. Gives whether there may be more.
    ///
    /// # Errors
    /// [`ReadModelError`]: what was judged before stays.
    pub fn judge_waiting(&mut self, most: u32) -> Result<bool, ReadModelError> {
        let mut left = most;
        while left > 0 {
            let model = Arc::clone(&self.model);
            let mut writer = lock(&model.writer);
            let tx = writer.transaction()?;
            let asked = left.min(JUDGED);
            let judged = findings::judge_waiting(&tx, &self.programme, self.clock.now(), asked)?;
            tx.commit()?;
            if judged < asked {
                return Ok(false);
            }
            left -= judged;
        }
        Ok(true)
    }

    /// Projects everything that is in the log now, batch by batch; returns the number of the last
    /// entry projected. Blocks: run it on a thread that may.
    ///
    /// # Errors
    /// [`ReadModelError`]: what was projected before stays; calling again goes on from there.
    pub fn catch_up(&mut self) -> Result<u64, ReadModelError> {
        loop {
            match self.batch() {
                Ok((seq, 0)) => {
                    self.judge_waiting(JUDGED_BETWEEN)?;
                    return Ok(seq);
                }
                Ok(_) => {}
                Err(error) => {
                    // The cache may be ahead of what was committed; the log has everything.
                    self.cache = Cache::default();
                    return Err(error);
                }
            }
        }
    }

    /// Follows the log until the sender of `stop` says `true` or is gone. A failure is logged and
    /// tried again when the log grows.
    pub async fn run(mut self, mut stop: tokio::sync::watch::Receiver<bool>) {
        let mut head = self.store.subscribe_head();
        loop {
            head.borrow_and_update();
            let work = tokio::task::spawn_blocking(move || {
                let outcome = self.catch_up();
                (self, outcome)
            });
            let Ok((projector, outcome)) = work.await else {
                tracing::error!("the projector stopped; pages show what was projected before");
                return;
            };
            self = projector;
            if let Err(error) = outcome {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the read model could not be brought up to date"
                );
            }
            tokio::select! {
                () = tokio::time::sleep(DAY_CHECK) => {}
                changed = head.changed() => if changed.is_err() { return },
                stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return }
            }
        }
    }

    /// One batch: everything in one transaction with its place in the log.
    fn batch(&mut self) -> Result<(u64, usize), ReadModelError> {
        let model = Arc::clone(&self.model);
        let mut writer = lock(&model.writer);
        let mut from = position(&writer)?;
        let tx = writer.transaction()?;
        if !self.is_of_this_log(&tx, from)? {
            tracing::warn!("the log is not the one that the pages were made from: they are made again");
            forget(&tx)?;
            self.cache = Cache::default();
            from = 0;
        }
        let entries = self.store.log_after(from, BATCH).map_err(log_error)?;
        let Some(seq) = entries.last().map(|entry| entry.seq) else {
            tx.commit()?;
            return Ok((from, 0));
        };
        let taken = entries.len();
        let place = self.store.place(seq).map_err(log_error)?.unwrap_or_default();

        let mut erased = false;
        let mut dirty = BTreeSet::new();
        let mut touched: BTreeMap<RecordId, Touched> = BTreeMap::new();
        for entry in entries {
            match entry.body {
                LogBody::Control(event) => {
                    erased |= matches!(event, ControlEvent::Erase { .. });
                    control::apply(&tx, &event, &mut dirty)?;
                }
                // Its rows, where there were any, go with the entry that says so.
                LogBody::Erased { .. } => {}
                LogBody::Change { group, record, author, device, hash, bytes } => {
                    let who = Attribution { author, device, received_at: Some(entry.received_at) };
                    touched
                        .entry(record)
                        .or_insert_with(|| Touched { group, changes: Vec::new() })
                        .changes
                        .push((hash, who, bytes));
                }
            }
        }
        // With the form, and whether it was not there before.
        let mut changed: BTreeMap<GroupId, Vec<(RecordId, String, bool)>> = BTreeMap::new();
        for (record, touched) in touched {
            let group = touched.group;
            dirty.insert(group);
            let is_new = record::form_of(&tx, record)?.is_none();
            self.project_record(&tx, record, touched)?;
            if let Some(form) = record::form_of(&tx, record)? {
                changed.entry(group).or_default().push((record, form, is_new));
            }
        }
        let mut units: BTreeMap<GroupId, Vec<rules::Touched<'_>>> = BTreeMap::new();
        for group in dirty {
            let changed = changed.get(&group).into_iter().flatten();
            let changed = changed.map(|(record, form, is_new)| rules::Touched {
                form,
                record: *record,
                is_new: *is_new,
            });
            for unit in unit::depending_on(&tx, &self.programme, group)? {
                units.entry(unit).or_default().extend(changed.clone());
            }
        }
        let now = self.clock.now();
        for (group, changed) in units {
            unit::recompute(&tx, &self.programme, group)?;
            // While the log is taken in in bulk, and where it is not a record that changed, the unit is
            // judged once, afterwards.
            if taken == BATCH || changed.is_empty() {
                findings::wait(&tx, group)?;
            } else {
                findings::judge(&tx, &self.programme, group, now, &changed)?;
            }
        }
        tx.execute("UPDATE position SET seq = ?1, chain = ?2", params![signed(seq), place.chain])?;
        tx.commit()?;
        if erased {
            self.cache = Cache::default();
            empty_log(&writer)?;
        }
        model.projected.send_replace(seq);
        Ok((seq, taken))
    }

    /// Whether the log still has the place up to which it was projected: a store that was restored
    /// from a backup has another past there, or none.
    fn is_of_this_log(&self, tx: &Transaction<'_>, seq: u64) -> Result<bool, ReadModelError> {
        let chain: [u8; 16] = tx.query_row("SELECT chain FROM position", [], |row| row.get(0))?;
        let place = self.store.place(seq).map_err(log_error)?;
        Ok(place.is_some_and(|place| place.chain == chain))
    }

    fn project_record(
        &mut self,
        tx: &Transaction<'_>,
        record: RecordId,
        touched: Touched,
    ) -> Result<(), ReadModelError> {
        let group = touched.group;
        let outcome = match self.load(record, touched)? {
            Ok(loaded) => match record::write(tx, &self.programme, &loaded) {
                Ok(()) => {
                    self.cache.keep(record, loaded);
                    Ok(())
                }
                Err(NotWritten::Unreadable(error)) => Err(error),
                Err(NotWritten::Failed(error)) => return Err(error),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            // The record is told as unreadable on its page and does not hold up the others.
            tracing::error!(%record, error = &error as &dyn std::error::Error, "a record could not be read");
            tx.prepare_cached("INSERT OR IGNORE INTO unreadable VALUES (?1, ?2)")?
                .execute(params![record.0, group.0])?;
        }
        Ok(())
    }

    fn load(
        &mut self,
        record: RecordId,
        touched: Touched,
    ) -> Result<Result<Loaded, alongside_domain::record::DocumentError>, ReadModelError> {
        if let Some(mut loaded) = self.cache.take(record) {
            let applied = loaded.document.apply(touched.changes.iter().map(|(_, _, bytes)| &bytes[..]));
            loaded.who.extend(touched.changes.into_iter().map(|(hash, who, _)| (hash, who)));
            return Ok(applied.map(|()| loaded));
        }
        let changes = self.store.changes_of(record).map_err(log_error)?;
        let document = Document::load(changes.iter().map(|change| &change.bytes[..]));
        Ok(document.map(|document| Loaded {
            document,
            who: changes
                .into_iter()
                .map(|change| {
                    let received_at = Some(change.received_at);
                    let who = Attribution { author: change.author, device: change.device, received_at };
                    (change.hash, who)
                })
                .collect(),
        }))
    }
}

fn log_error(error: impl std::error::Error + Send + Sync + 'static) -> ReadModelError {
    ReadModelError::Log(Box::new(error))
}

/// Loaded documents, the oldest dropped first.
#[derive(Default)]
struct Cache {
    loaded: BTreeMap<RecordId, Loaded>,
    order: VecDeque<RecordId>,
}

impl Cache {
    fn take(&mut self, record: RecordId) -> Option<Loaded> {
        self.loaded.remove(&record)
    }

    fn keep(&mut self, record: RecordId, loaded: Loaded) {
        self.loaded.insert(record, loaded);
        self.order.push_back(record);
        while self.order.len() > CACHED_DOCUMENTS {
            if let Some(oldest) = self.order.pop_front()
                && !self.order.contains(&oldest)
            {
                self.loaded.remove(&oldest);
            }
        }
    }
}
