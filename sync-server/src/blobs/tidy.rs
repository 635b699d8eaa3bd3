//! What nobody names any more, or never did, goes after a while; what lies beside a restored store is
//! taken for what it is.

use std::{sync::Arc, time::Duration};

use alongside_domain::{ids::GroupId, media::BlobHash, time::Millis};
use rusqlite::{Transaction, params};
use tokio::sync::watch;

use super::{
    BlobFolder,
    erase::{destroy_group, overwrite},
    receive, rows,
};
use crate::{
    clock::Clock,
    store::{Store, StoreError, TENANT, erasures, rows::Sql},
};

/// How often a running server looks.
const EVERY: Duration = Duration::from_secs(3_600);

/// What was tidied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Whole attachments that no record came to name, deleted.
    pub unnamed: u64,
    /// Attachments that stayed on their way for too long, deleted.
    pub unfinished: u64,
    /// Files of erased groups, destroyed.
    pub erased: u64,
    /// Files that the store did not know of and that have the hash of their name, taken in.
    pub found: u64,
}

/// Deletes what came more than `keep_ms` before `now` and that no record names, nor anything that waits
/// for a coordinator; and brings folder and store together.
///
/// # Errors
/// See [`StoreError`]; what was done before stays done.
pub fn tidy(store: &Store, now: Millis, keep_ms: i64) -> Result<Tidied, StoreError> {
    let folder = BlobFolder::of(store.path());
    let mut done = Tidied::default();
    for group in folder.groups()? {
        if store.read(|tx| erasures::erased(tx, group))?.is_some() {
            done.erased += destroy_group(&folder, group)?;
            continue;
        }
        for hash in folder.files(group)? {
            if store.read(|tx| rows::whole(tx, group, hash))?.is_none()
                && receive::adopt(store, &folder, group, hash, now)?.is_some()
            {
                done.found += 1;
            }
        }
        for hash in folder.parts(group)? {
            if store.read(|tx| rows::part(tx, group, hash))?.is_none() {
                overwrite(&folder.part(group, hash))?;
            }
        }
    }
    let before = Millis(now.0.saturating_sub(keep_ms));
    for (group, hash) in store.read(|tx| unnamed(tx, before))? {
        // The row first: a file without a row is found again, a row without its file is a finding.
        let gone = store.write(|tx| {
            let stays = rows::is_named(tx, group, hash)? || rows::is_set_aside(tx, group, hash)?;
            if !stays {
                rows::forget(tx, group, hash)?;
            }
            Ok(!stays)
        })?;
        if gone {
            let file = folder.whole(group, hash);
            if file.exists() {
                overwrite(&file)?;
            }
            done.unnamed += 1;
        }
    }
    for (group, hash) in store.read(|tx| unfinished(tx, before))? {
        store.write(|tx| rows::forget_part(tx, group, hash))?;
        let part = folder.part(group, hash);
        if part.exists() {
            overwrite(&part)?;
        }
        done.unfinished += 1;
    }
    Ok(done)
}

type Key = (GroupId, BlobHash);

fn unnamed(tx: &Transaction<'_>, before: Millis) -> Result<Vec<Key>, StoreError> {
    keys(
        tx,
        "SELECT group_id, hash FROM blobs b WHERE tenant = ?1 AND received_at < ?2 AND NOT EXISTS (
             SELECT 1 FROM blob_refs r WHERE r.tenant = b.tenant AND r.group_id = b.group_id AND r.hash = b.hash)",
        before,
    )
}

fn unfinished(tx: &Transaction<'_>, before: Millis) -> Result<Vec<Key>, StoreError> {
    keys(tx, "SELECT group_id, hash FROM blob_parts WHERE tenant = ?1 AND started_at < ?2", before)
}

fn keys(tx: &Transaction<'_>, query: &str, before: Millis) -> Result<Vec<Key>, StoreError> {
    let mut statement = tx.prepare(query)?;
    let rows = statement.query_map(params![TENANT, Sql(before)], |row| {
        Ok((row.get::<_, Sql<_>>(0)?.0, row.get::<_, Sql<_>>(1)?.0))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Tidies at the start and then every hour, until the sender of `stop` says so or is gone.
pub(crate) async fn keep_tidy(
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    keep_ms: i64,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let (store, now) = (Arc::clone(&store), clock.now());
        match tokio::task::spawn_blocking(move || tidy(&store, now, keep_ms)).await {
            Ok(Ok(done)) if done == Tidied::default() => {}
            Ok(Ok(done)) => tracing::info!(?done, "attachments tidied"),
            Ok(Err(error)) => tracing::error!(%error, "attachments could not be tidied"),
            Err(_) => tracing::error!("tidying attachments panicked"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            stopped = stop.wait_for(|stop| *stop) => { drop(stopped); return }
        }
    }
}
