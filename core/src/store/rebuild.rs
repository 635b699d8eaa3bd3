//! Deleting everything derived and building it again from the log; and writing it out to compare.

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::Programme,
};
use rusqlite::{Connection, Transaction, TransactionBehavior, params, types::ValueRef};

use super::{
    around::Around,
    found_by::FoundBy,
    log::{self, Place},
    projection,
    rows::id,
    units,
};
use crate::error::{ApiError, Thing};

/// Raised whenever the derived tables, or what is written into them, change.
const VERSION: u32 = 5;

/// Builds the read model again where another version of this code, or of the programme, had built it.
/// Where that fails (a full disk, say), the rows stay as they are and the next opening tries again: what
/// was saved must be within reach all the same.
pub(crate) fn keep_up(connection: &mut Connection, programme: &Programme) {
    let outcome = (|| {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_current: bool = tx.query_row(
            "SELECT derived_version = ?1 AND derived_programme = ?2 FROM sync_state",
            params![VERSION, programme.hash],
            |row| row.get(0),
        )?;
        if !is_current {
            rebuild(&tx, programme)?;
            tx.commit()?;
        }
        Ok::<_, ApiError>(())
    })();
    if let Err(error) = outcome {
        tracing::warn!(%error, "the read model could not be built again for this version");
    }
}

/// Builds the read model again.
pub(crate) fn rebuild(tx: &Transaction<'_>, programme: &Programme) -> Result<(), ApiError> {
    tx.execute_batch(
        "DELETE FROM search; DELETE FROM record_row; DELETE FROM deadline; DELETE FROM unit_row;
         DELETE FROM media_use; DELETE FROM finding; DELETE FROM judged;",
    )?;
    let records: Vec<(RecordId, Place)> = tx
        .prepare("SELECT record, grp, form FROM document ORDER BY record")?
        .query_map([], |row| Ok((id(row, 0)?, Place { group: id(row, 1)?, form: row.get(2)? })))?
        .collect::<Result<_, _>>()?;
    let mut found_by = FoundBy::default();
    for (record, place) in records {
        let document = log::load(tx, record)?.ok_or(ApiError::NotFound(Thing::Record))?;
        projection::project_one_of_many(tx, programme, record, &place, &document, &mut found_by)?;
    }
    found_by.write(tx)?;
    let groups: Vec<GroupId> = tx
        .prepare("SELECT grp FROM grp WHERE kind = ?1")?
        .query_map([&programme.parts.unit], |row| id(row, 0))?
        .collect::<Result<_, _>>()?;
    for unit in groups {
        units::refresh(tx, &Around::new(tx, programme, unit)?, None)?;
    }
    tx.execute(
        "UPDATE sync_state SET derived_version = ?1, derived_programme = ?2",
        params![VERSION, programme.hash],
    )?;
    Ok(())
}

/// The read model as text: every row of every derived table in an order of its own, without the row
/// numbers that depend on the order of writing.
pub(crate) fn dump(db: &Connection) -> Result<String, ApiError> {
    let mut out = String::new();
    for (table, query) in [
        (
            "record",
            "SELECT record, grp, form, at, touched, title, body, to_decide,
                    (SELECT words FROM search WHERE search.rowid = record_row.id)
             FROM record_row ORDER BY record",
        ),
        ("deadline", "SELECT * FROM deadline ORDER BY grp, place"),
        ("unit", "SELECT * FROM unit_row ORDER BY grp"),
        ("media", "SELECT * FROM media_use ORDER BY record, field, hash"),
    ] {
        let mut statement = db.prepare(query)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            out.push_str(table);
            for column in 0..columns {
                out.push('|');
                match row.get_ref(column)? {
                    ValueRef::Null => out.push('-'),
                    ValueRef::Integer(number) => out.push_str(&number.to_string()),
                    ValueRef::Real(number) => out.push_str(&number.to_string()),
                    ValueRef::Text(text) => out.push_str(&String::from_utf8_lossy(text).replace('\n', "\\n")),
                    ValueRef::Blob(bytes) => {
                        out.extend(bytes.iter().flat_map(|byte| {
                            [byte >> 4, byte & 15]
                                .map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('?'))
                        }));
                    }
                }
            }
            out.push('\n');
        }
    }
    Ok(out)
}
