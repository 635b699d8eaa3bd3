//! What the store knows of attachments, inside a transaction.

use alongside_domain::{
    form::Sensitivity,
    guard::chunk,
    ids::{DeviceId, GroupId, RecordId},
    media::{self, BlobHash},
    programme::Programme,
    time::Millis,
};
use rusqlite::{
    OptionalExtension as _, ToSql, Transaction, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::store::{StoreError, TENANT, rows::Sql};

impl ToSql for Sql<BlobHash> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0.0)))
    }
}

impl FromSql for Sql<BlobHash> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        BlobHash::from_slice(value.as_blob()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

/// A whole attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) group: GroupId,
    pub(crate) hash: BlobHash,
    pub(crate) bytes: u64,
}

/// How many bytes a whole attachment has; `None` where the store has none.
pub(crate) fn whole(tx: &Transaction<'_>, group: GroupId, hash: BlobHash) -> Result<Option<u64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT bytes FROM blobs WHERE tenant = ?1 AND group_id = ?2 AND hash = ?3")?
        .query_row(params![TENANT, Sql(group), Sql(hash)], |row| Ok(row.get::<_, Sql<u64>>(0)?.0))
        .optional()?)
}

/// Every whole attachment.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Whole>, StoreError> {
    let mut statement =
        tx.prepare("SELECT group_id, hash, bytes FROM blobs WHERE tenant = ?1 ORDER BY group_id, hash")?;
    let rows = statement.query_map([TENANT], |row| {
        Ok(Whole {
            group: row.get::<_, Sql<_>>(0)?.0,
            hash: row.get::<_, Sql<_>>(1)?.0,
            bytes: row.get::<_, Sql<_>>(2)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes down that an attachment is whole.
pub(crate) fn keep(
    tx: &Transaction<'_>,
    whole: Whole,
    device: Option<DeviceId>,
    now: Millis,
) -> Result<(), StoreError> {
    let Whole { group, hash, bytes } = whole;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO blobs (tenant, group_id, hash, bytes, device, received_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![TENANT, Sql(group), Sql(hash), Sql(bytes), device.map(Sql), Sql(now)])?;
    forget_part(tx, group, hash)
}

/// Takes an attachment out, whole or not.
pub(crate) fn forget(tx: &Transaction<'_>, group: GroupId, hash: BlobHash) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM blobs WHERE tenant = ?1 AND group_id = ?2 AND hash = ?3")?
        .execute(params![TENANT, Sql(group), Sql(hash)])?;
    forget_part(tx, group, hash)
}

pub(crate) fn forget_part(tx: &Transaction<'_>, group: GroupId, hash: BlobHash) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM blob_parts WHERE tenant = ?1 AND group_id = ?2 AND hash = ?3")?
        .execute(params![TENANT, Sql(group), Sql(hash)])?;
    Ok(())
}

/// How many bytes an attachment on its way will have, where its first piece has come.
pub(crate) fn part(tx: &Transaction<'_>, group: GroupId, hash: BlobHash) -> Result<Option<u64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT bytes FROM blob_parts WHERE tenant = ?1 AND group_id = ?2 AND hash = ?3")?
        .query_row(params![TENANT, Sql(group), Sql(hash)], |row| Ok(row.get::<_, Sql<u64>>(0)?.0))
        .optional()?)
}

/// Writes down that an attachment is on its way.
pub(crate) fn begin(
    tx: &Transaction<'_>,
    coming: Whole,
    device: DeviceId,
    now: Millis,
) -> Result<(), StoreError> {
    let Whole { group, hash, bytes } = coming;
    tx.prepare_cached(
        "INSERT INTO blob_parts (tenant, group_id, hash, bytes, device, started_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tenant, group_id, hash) DO UPDATE SET bytes = excluded.bytes",
    )?
    .execute(params![TENANT, Sql(group), Sql(hash), Sql(bytes), Sql(device), Sql(now)])?;
    Ok(())
}

/// Bytes of all attachments of a group, those on their way counted whole.
pub(crate) fn bytes_of(tx: &Transaction<'_>, group: GroupId) -> Result<u64, StoreError> {
    let Sql(bytes) = tx
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(bytes), 0) FROM blobs WHERE tenant = ?1 AND group_id = ?2)
                  + (SELECT coalesce(sum(bytes), 0) FROM blob_parts WHERE tenant = ?1 AND group_id = ?2)",
        )?
        .query_row(params![TENANT, Sql(group)], |row| row.get::<_, Sql<u64>>(0))?;
    Ok(bytes)
}

/// How many attachments a phone sent, whole or not, that no record names.
pub(crate) fn unnamed_of(tx: &Transaction<'_>, device: DeviceId) -> Result<u64, StoreError> {
    let count = |table: &str| {
        tx.prepare_cached(&format!(
            "SELECT count(*) FROM {table} b WHERE tenant = ?1 AND device = ?2 AND NOT EXISTS (
                 SELECT 1 FROM blob_refs r WHERE r.tenant = b.tenant AND r.group_id = b.group_id
                 AND r.hash = b.hash)"
        ))?
        .query_row(params![TENANT, Sql(device)], |row| Ok(row.get::<_, Sql<u64>>(0)?.0))
    };
    Ok(count("blobs")? + count("blob_parts")?)
}

/// Whether a record names an attachment.
pub(crate) fn is_named(tx: &Transaction<'_>, group: GroupId, hash: BlobHash) -> Result<bool, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM blob_refs WHERE tenant = ?1 AND group_id = ?2 AND hash = ?3)",
        )?
        .query_row(params![TENANT, Sql(group), Sql(hash)], |row| row.get(0))?)
}

/// Writes down what a change of the feed names.
pub(crate) fn note_named(
    tx: &Transaction<'_>,
    group: GroupId,
    record: RecordId,
    change: &[u8],
) -> Result<(), StoreError> {
    for (field, named) in media::named_in_change(change) {
        tx.prepare_cached(
            "INSERT OR IGNORE INTO blob_refs (tenant, group_id, hash, record, field)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![TENANT, Sql(group), Sql(named.hash()), Sql(record), field])?;
    }
    Ok(())
}

/// The classes of the fields that name an attachment. A field that the programme does not ask for a
/// file names nothing.
pub(crate) fn classes(
    tx: &Transaction<'_>,
    programme: &Programme,
    group: GroupId,
    hash: BlobHash,
) -> Result<Vec<Sensitivity>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT record, field FROM blob_refs WHERE tenant = ?1 AND group_id = ?2 AND hash = ?3",
    )?;
    let named: Vec<(RecordId, String)> = statement
        .query_map(params![TENANT, Sql(group), Sql(hash)], |row| {
            Ok((row.get::<_, Sql<_>>(0)?.0, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut classes = Vec::with_capacity(named.len());
    for (record, field) in named {
        let form = form_of(tx, record)?.and_then(|form| programme.form(&form));
        classes.extend(form.and_then(|form| media::class_of(form, &field)));
    }
    Ok(classes)
}

/// The form that a record's first change names.
fn form_of(tx: &Transaction<'_>, record: RecordId) -> Result<Option<String>, StoreError> {
    let first: Option<Vec<u8>> = tx
        .prepare_cached(
            "SELECT body FROM feed INDEXED BY feed_record WHERE tenant = ?1 AND record = ?2 AND actor_seq = 1
             ORDER BY seq LIMIT 1",
        )?
        .query_row(params![TENANT, Sql(record)], |row| row.get(0))
        .optional()?;
    Ok(first.and_then(|bytes| chunk::parse(&bytes).ok()?.said().form))
}

/// Whether something that waits for a coordinator, or was refused, names an attachment.
pub(crate) fn is_set_aside(tx: &Transaction<'_>, group: GroupId, hash: BlobHash) -> Result<bool, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT body FROM set_aside WHERE tenant = ?1 AND group_id = ?2 AND record IS NOT NULL",
    )?;
    let mut rows = statement.query(params![TENANT, Sql(group)])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        if media::named_in_change(body).iter().any(|(_, named)| named.hash() == hash) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes everything of a group out: how many attachments there were.
pub(crate) fn erase_group(tx: &Transaction<'_>, group: GroupId) -> Result<u64, StoreError> {
    let key = params![TENANT, Sql(group)];
    let gone = tx.execute("DELETE FROM blobs WHERE tenant = ?1 AND group_id = ?2", key)?;
    tx.execute("DELETE FROM blob_parts WHERE tenant = ?1 AND group_id = ?2", key)?;
    tx.execute("DELETE FROM blob_refs WHERE tenant = ?1 AND group_id = ?2", key)?;
    Ok(gone as u64)
}
