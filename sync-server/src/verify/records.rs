//! Every record, put together from its changes.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use alongside_domain::{
    ids::{GroupId, RecordId},
    record::Document,
};
use rusqlite::{Transaction, params};

use super::{Finding, Report};
use crate::store::{StoreError, TENANT, rows::Sql};

/// Loads every record except those with altered changes, which have been told already.
pub(super) fn verify(
    tx: &Transaction<'_>,
    unsound: &BTreeSet<RecordId>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut records =
        tx.prepare("SELECT DISTINCT record FROM feed WHERE tenant = ?1 AND record IS NOT NULL")?;
    let mut changes =
        tx.prepare("SELECT group_id, body FROM feed WHERE tenant = ?1 AND record = ?2 ORDER BY seq")?;
    let mut rows = records.query([TENANT])?;
    while let Some(row) = rows.next()? {
        let Sql(record) = row.get::<_, Sql<RecordId>>(0)?;
        report.records += 1;
        if unsound.contains(&record) {
            continue;
        }
        let of_record: Vec<(GroupId, Vec<u8>)> = changes
            .query_map(params![TENANT, Sql(record)], |row| Ok((row.get::<_, Sql<_>>(0)?.0, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        // Every change passed the guard once; a fault in one record must not hide the others.
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            Document::load(of_record.iter().map(|(_, body)| body.as_slice()))
                .and_then(|document| document.root())
        }));
        match loaded {
            Ok(Ok(root)) if root.id == record && of_record.iter().all(|(group, _)| *group == root.group) => {}
            Ok(Ok(_)) => report.find(Finding::RecordMisplaced { record }),
            Ok(Err(_)) | Err(_) => report.find(Finding::RecordDoesNotLoad { record }),
        }
    }
    Ok(())
}
