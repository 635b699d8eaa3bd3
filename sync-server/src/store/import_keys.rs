//! What the import remembers of rows that it has taken in.

use alongside_domain::ids::PartnerId;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{StoreError, TENANT, rows::Sql};

/// What a key of a spreadsheet stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportKey {
    /// The partner whose spreadsheet it was.
    pub partner: PartnerId,
    /// Hash of the tidied cells that make the key.
    pub key: [u8; 32],
    /// The group or record; of a row, the last of its groups.
    pub target: [u8; 16],
    /// Of a row: hashes of its fields and values. Else empty.
    pub content: Vec<u8>,
}

pub(crate) fn find(
    tx: &Transaction<'_>,
    partner: PartnerId,
    key: &[u8; 32],
) -> Result<Option<ImportKey>, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT target, content FROM import_keys WHERE tenant = ?1 AND partner = ?2 AND key = ?3",
        )?
        .query_row(params![TENANT, Sql(partner), key], |row| {
            Ok(ImportKey { partner, key: *key, target: row.get(0)?, content: row.get(1)? })
        })
        .optional()?)
}

/// Keeps a key, or its new content. `false` where the key stands for something else already.
pub(crate) fn keep(tx: &Transaction<'_>, key: &ImportKey) -> Result<bool, StoreError> {
    let changed = tx
        .prepare_cached(
            "INSERT INTO import_keys (tenant, partner, key, target, content) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant, partner, key) DO UPDATE SET content = excluded.content
             WHERE target = excluded.target",
        )?
        .execute(params![TENANT, Sql(key.partner), key.key, key.target, key.content])?;
    Ok(changed == 1)
}
