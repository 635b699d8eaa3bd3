//! Merges of groups as the store and its control journal keep them.

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    time::Millis,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, TENANT, journal, rows::Sql};

/// A merge of two groups: who found them to be one, and whose links were led over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Its id.
    pub id: RecordId,
    /// The group that links lead to.
    pub kept: GroupId,
    /// The group that links led to before; it stays as it is, behind the kept one.
    pub other: GroupId,
    /// Who decided it.
    pub by: PersonId,
    /// When.
    pub at: Millis,
    /// Why, as a code.
    pub reason: String,
    /// The groups whose link was led over.
    pub led: Vec<Led>,
    /// Who undid it, when, and why as a code. Where the kept group was erased, it stands here with who merged
    /// the two.
    pub undone: Option<(PersonId, Millis, String)>,
}

/// A group whose link to the other group was led to the kept one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Led {
    /// The linked group.
    pub group: GroupId,
    /// Whether it was linked to the kept group as well, before.
    pub had_both: bool,
}

/// Writes a merge down as it is now, here and for the journal.
pub(crate) fn keep(tx: &Transaction<'_>, merge: &Merge) -> Result<(), StoreError> {
    write(tx, merge)?;
    journal::note(tx, &journal::Fact::Merge(Box::new(merge.clone())))
}

/// As [`keep`], of what the journal knows already.
pub(crate) fn write(tx: &Transaction<'_>, merge: &Merge) -> Result<(), StoreError> {
    let mut body = Vec::new();
    ciborium::into_writer(merge, &mut body).expect("a merge is plain data, and a Vec takes it");
    tx.prepare_cached(
        "INSERT OR REPLACE INTO merges (tenant, id, kept, other, by_person, at, undone_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        TENANT,
        Sql(merge.id),
        Sql(merge.kept),
        Sql(merge.other),
        Sql(merge.by),
        Sql(merge.at),
        merge.undone.as_ref().map(|(_, at, _)| Sql(*at)),
        body
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    row.get(0)
}

fn whole(body: &[u8]) -> Result<Merge, StoreError> {
    ciborium::from_reader(body).map_err(|_| StoreError::damaged("a merge of groups is unreadable"))
}

/// The merge with this id.
pub(crate) fn find(tx: &Transaction<'_>, id: RecordId) -> Result<Option<Merge>, StoreError> {
    tx.prepare_cached("SELECT body FROM merges WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![TENANT, Sql(id)], read)
        .optional()?
        .map(|body| whole(&body))
        .transpose()
}

/// The merge that leads this group's links to another one now.
pub(crate) fn standing(tx: &Transaction<'_>, other: GroupId) -> Result<Option<Merge>, StoreError> {
    tx.prepare_cached("SELECT body FROM merges WHERE tenant = ?1 AND other = ?2 AND undone_at IS NULL")?
        .query_row(params![TENANT, Sql(other)], read)
        .optional()?
        .map(|body| whole(&body))
        .transpose()
}

/// The merges that lead others' links to this group now.
pub(crate) fn kept_by(tx: &Transaction<'_>, kept: GroupId) -> Result<Vec<Merge>, StoreError> {
    let bodies: Vec<Vec<u8>> = tx
        .prepare_cached(
            "SELECT body FROM merges WHERE tenant = ?1 AND kept = ?2 AND undone_at IS NULL ORDER BY at, id",
        )?
        .query_map(params![TENANT, Sql(kept)], read)?
        .collect::<Result<_, _>>()?;
    bodies.iter().map(|body| whole(body)).collect()
}

/// Every merge, the latest first.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<Merge>, StoreError> {
    let bodies: Vec<Vec<u8>> = tx
        .prepare_cached("SELECT body FROM merges WHERE tenant = ?1 ORDER BY at DESC, id DESC")?
        .query_map([TENANT], read)?
        .collect::<Result<_, _>>()?;
    bodies.iter().map(|body| whole(body)).collect()
}
