//! Every attachment that was acknowledged is there and has its hash; what records name is known.

use std::collections::BTreeSet;

use alongside_domain::{
    ids::{GroupId, RecordId},
    media::{self, BlobHash},
};
use rusqlite::{Transaction, params};

use super::{Finding, Report};
use crate::{
    blobs::{self, BlobFolder, rows},
    store::{StoreError, TENANT, rows::Sql},
};

/// Hashes every file, and compares what records name with the feed.
pub(super) fn verify(
    tx: &Transaction<'_>,
    folder: &BlobFolder,
    report: &mut Report,
) -> Result<(), StoreError> {
    for whole in rows::all(tx)? {
        let (group, hash) = (whole.group, whole.hash);
        match blobs::hash_of(&folder.whole(group, hash))? {
            Some((found, bytes)) if found == hash && bytes == whole.bytes => report.attachments += 1,
            Some(_) => report.find(Finding::AttachmentAltered { group, hash }),
            None => report.find(Finding::AttachmentMissing { group, hash }),
        }
    }
    let mut known: BTreeSet<(GroupId, BlobHash, RecordId, String)> = tx
        .prepare("SELECT group_id, hash, record, field FROM blob_refs WHERE tenant = ?1")?
        .query_map([TENANT], |row| {
            let Sql(group) = row.get::<_, Sql<GroupId>>(0)?;
            Ok((group, row.get::<_, Sql<_>>(1)?.0, row.get::<_, Sql<_>>(2)?.0, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let awaited: Sql<u64> = tx.query_row(
        "SELECT count(*) FROM (SELECT DISTINCT group_id, hash FROM blob_refs r WHERE tenant = ?1 AND NOT EXISTS (
             SELECT 1 FROM blobs b WHERE b.tenant = r.tenant AND b.group_id = r.group_id AND b.hash = r.hash))",
        [TENANT],
        |row| row.get(0),
    )?;
    report.attachments_awaited = awaited.0;
    let named = known.clone();
    let mut statement = tx.prepare(
        "SELECT seq, group_id, record, body FROM feed WHERE tenant = ?1 AND kind = 0 ORDER BY seq",
    )?;
    let mut rows = statement.query(params![TENANT])?;
    while let Some(row) = rows.next()? {
        let (Sql(seq), Sql(group), Sql(record)) =
            (row.get::<_, Sql<u64>>(0)?, row.get::<_, Sql<GroupId>>(1)?, row.get::<_, Sql<RecordId>>(2)?);
        let body = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        for (field, media) in media::named_in_change(body) {
            let key = (group, media.hash(), record, field);
            known.remove(&key);
            if !named.contains(&key) {
                report.find(Finding::AttachmentNotNoted { seq });
            }
        }
    }
    for (group, hash, ..) in known {
        report.find(Finding::AttachmentNotNamed { group, hash });
    }
    Ok(())
}
