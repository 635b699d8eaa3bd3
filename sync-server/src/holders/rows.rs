//! The intervals as the store keeps them.

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::holders::Interval,
};
use jiff::civil::Date;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::store::{StoreError, TENANT, rows::Sql};

/// What a record says, and of which group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) group: GroupId,
    pub(super) form: String,
    pub(super) interval: Interval,
}

/// Which forms the rows were read from, and the day as of which access follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ReadAs {
    pub(super) forms: String,
    pub(super) day: Option<Date>,
}

pub(super) fn of_record(tx: &Transaction<'_>, record: RecordId) -> Result<Option<Held>, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT group_id, form, person, from_day, to_day FROM holders WHERE tenant = ?1 AND record = ?2",
        )?
        .query_row(params![TENANT, Sql(record)], held)
        .optional()?)
}

/// Keeps what a record says now; `None`: it says nothing.
pub(super) fn put(tx: &Transaction<'_>, record: RecordId, held: Option<&Held>) -> Result<(), StoreError> {
    let Some(Held { group, form, interval }) = held else {
        tx.prepare_cached("DELETE FROM holders WHERE tenant = ?1 AND record = ?2")?
            .execute(params![TENANT, Sql(record)])?;
        return Ok(());
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO holders (tenant, record, group_id, form, person, from_day, to_day)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        TENANT,
        Sql(record),
        Sql(*group),
        form,
        Sql(interval.person),
        interval.from.to_string(),
        interval.to.map(|day| day.to_string()),
    ])?;
    Ok(())
}

/// All intervals of a group.
pub(super) fn of_group(tx: &Transaction<'_>, group: GroupId) -> Result<Vec<Interval>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT group_id, form, person, from_day, to_day FROM holders
         WHERE tenant = ?1 AND group_id = ?2 ORDER BY from_day, record",
    )?;
    let all = statement
        .query_map(params![TENANT, Sql(group)], |row| held(row).map(|held| held.interval))?
        .collect::<Result<_, _>>()?;
    Ok(all)
}

/// The groups and people whose access does not yet follow from their intervals as of this day.
pub(super) fn unsettled(tx: &Transaction<'_>, day: Date) -> Result<Vec<(GroupId, PersonId)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT h.group_id, h.person FROM holders h
         LEFT JOIN grants g ON g.tenant = h.tenant AND g.person = h.person AND g.group_id = h.group_id
                           AND g.until IS NULL
         WHERE h.tenant = ?1
           AND (   (h.from_day <= ?2 AND (h.to_day IS NULL OR h.to_day >= ?2) AND g.person IS NULL)
                OR (h.to_day < ?2 AND g.person IS NOT NULL))",
    )?;
    let pairs = statement
        .query_map(params![TENANT, day.to_string()], |row| {
            Ok((row.get::<_, Sql<GroupId>>(0)?.0, row.get::<_, Sql<PersonId>>(1)?.0))
        })?
        .collect::<Result<_, _>>()?;
    Ok(pairs)
}

/// What of this form began after one day and by another.
pub(super) fn begun(
    tx: &Transaction<'_>,
    form: &str,
    (after, by): (Date, Date),
) -> Result<Vec<(RecordId, Held)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT group_id, form, person, from_day, to_day, record FROM holders
         WHERE tenant = ?1 AND form = ?2 AND from_day > ?3 AND from_day <= ?4 ORDER BY from_day, record",
    )?;
    let all = statement
        .query_map(params![TENANT, form, after.to_string(), by.to_string()], |row| {
            Ok((row.get::<_, Sql<RecordId>>(5)?.0, held(row)?))
        })?
        .collect::<Result<_, _>>()?;
    Ok(all)
}

fn held(row: &Row<'_>) -> rusqlite::Result<Held> {
    let day = |column: usize, text: String| {
        text.parse::<Date>().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
        })
    };
    let to: Option<String> = row.get(4)?;
    Ok(Held {
        group: row.get::<_, Sql<_>>(0)?.0,
        form: row.get(1)?,
        interval: Interval {
            person: row.get::<_, Sql<_>>(2)?.0,
            from: day(3, row.get(3)?)?,
            to: to.map(|text| day(4, text)).transpose()?,
        },
    })
}

pub(super) fn read_as(tx: &Transaction<'_>) -> Result<ReadAs, StoreError> {
    let found: Option<(String, Option<String>)> = tx
        .prepare_cached("SELECT forms, day FROM holders_read WHERE tenant = ?1")?
        .query_row([TENANT], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (forms, day) = found.unwrap_or_default();
    Ok(ReadAs { forms, day: day.and_then(|day| day.parse().ok()) })
}

pub(super) fn say_read_as(tx: &Transaction<'_>, read: &ReadAs) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR REPLACE INTO holders_read (tenant, forms, day) VALUES (?1, ?2, ?3)")?
        .execute(params![TENANT, read.forms, read.day.map(|day| day.to_string())])?;
    Ok(())
}

pub(super) fn clear(tx: &Transaction<'_>) -> Result<(), StoreError> {
    tx.execute("DELETE FROM holders WHERE tenant = ?1", [TENANT])?;
    Ok(())
}

/// Takes an erased group out.
pub(crate) fn erase_group(tx: &Transaction<'_>, group: GroupId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM holders WHERE tenant = ?1 AND group_id = ?2")?
        .execute(params![TENANT, Sql(group)])?;
    Ok(())
}
