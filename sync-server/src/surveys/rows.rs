//! Runs and links, inside a transaction.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{GroupId, PartnerId, RecordId},
    time::Millis,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Link, Run};
use crate::store::{StoreError, TENANT, rows::Sql};

pub(super) fn add_run(tx: &Transaction<'_>, run: &Run) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO survey_runs (tenant, id, survey, name, partner, group_id, author, opened_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            TENANT,
            Sql(run.id),
            run.survey,
            run.name,
            Sql(run.partner),
            run.group.map(Sql),
            Sql(run.author),
            Sql(run.opened_at)
        ],
    )?;
    Ok(())
}

const RUN: &str = "id, survey, name, partner, group_id, author, opened_at, closed_at";

fn read_run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get::<_, Sql<_>>(0)?.0,
        survey: row.get(1)?,
        name: row.get(2)?,
        partner: row.get::<_, Sql<_>>(3)?.0,
        group: row.get::<_, Option<Sql<_>>>(4)?.map(|group| group.0),
        author: row.get::<_, Sql<_>>(5)?.0,
        opened_at: row.get::<_, Sql<_>>(6)?.0,
        closed_at: row.get::<_, Option<Sql<_>>>(7)?.map(|at| at.0),
    })
}

pub(super) fn run(tx: &Transaction<'_>, id: GroupId) -> Result<Option<Run>, StoreError> {
    let sql = format!("SELECT {RUN} FROM survey_runs WHERE tenant = ?1 AND id = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row(params![TENANT, Sql(id)], read_run).optional()?)
}

pub(super) fn runs(tx: &Transaction<'_>, partner: Option<PartnerId>) -> Result<Vec<Run>, StoreError> {
    let sql = format!(
        "SELECT {RUN} FROM survey_runs WHERE tenant = ?1 AND (?2 IS NULL OR partner = ?2)
         ORDER BY opened_at DESC, id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let runs = statement.query_map(params![TENANT, partner.map(Sql)], read_run)?;
    Ok(runs.collect::<Result<_, _>>()?)
}

/// A link to be made.
pub(super) struct NewLink<'a> {
    pub(super) run: GroupId,
    pub(super) hash: [u8; 32],
    pub(super) label: &'a str,
    pub(super) says: &'a BTreeMap<String, String>,
    pub(super) group: GroupId,
    pub(super) made_at: Millis,
    pub(super) expires: Millis,
}

/// Keeps a link, and gives its number; `None` where the same respondent has one.
pub(super) fn add_link(tx: &Transaction<'_>, link: &NewLink<'_>) -> Result<Option<u32>, StoreError> {
    let says = serde_json::to_string(link.says)
        .map_err(|_| StoreError::Unexpected("what a link says is no JSON".to_owned()))?;
    let number: u32 = tx.query_row(
        "SELECT coalesce(max(number), 0) + 1 FROM survey_links WHERE tenant = ?1 AND run = ?2",
        params![TENANT, Sql(link.run)],
        |row| row.get(0),
    )?;
    let added = tx.execute(
        "INSERT OR IGNORE INTO survey_links (tenant, run, number, hash, label, says, group_id, made_at, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            TENANT,
            Sql(link.run),
            number,
            link.hash,
            link.label,
            says,
            Sql(link.group),
            Sql(link.made_at),
            Sql(link.expires)
        ],
    )?;
    Ok((added == 1).then_some(number))
}

const LINK: &str = "run, number, label, says, group_id, made_at, expires, revoked_at IS NOT NULL, reminders,
    reminded_at, asked, answered, finished, record, saves, draft";

fn read_link(row: &Row<'_>) -> rusqlite::Result<(Link, String)> {
    Ok((
        Link {
            run: row.get::<_, Sql<_>>(0)?.0,
            number: row.get(1)?,
            label: row.get(2)?,
            says: BTreeMap::new(),
            group: row.get::<_, Sql<_>>(4)?.0,
            made_at: row.get::<_, Sql<_>>(5)?.0,
            expires: row.get::<_, Sql<_>>(6)?.0,
            revoked: row.get(7)?,
            reminders: row.get(8)?,
            reminded_at: row.get::<_, Option<Sql<_>>>(9)?.map(|at| at.0),
            asked: row.get(10)?,
            answered: row.get(11)?,
            finished: row.get(12)?,
            record: row.get::<_, Option<Sql<_>>>(13)?.map(|record| record.0),
            saves: row.get::<_, Sql<_>>(14)?.0,
            draft: row.get(15)?,
        },
        row.get(3)?,
    ))
}

fn with_says((link, says): (Link, String)) -> Result<Link, StoreError> {
    let says =
        serde_json::from_str(&says).map_err(|_| StoreError::damaged("what a link says is unreadable"))?;
    Ok(Link { says, ..link })
}

pub(super) fn links(tx: &Transaction<'_>, run: GroupId) -> Result<Vec<Link>, StoreError> {
    let sql = format!("SELECT {LINK} FROM survey_links WHERE tenant = ?1 AND run = ?2 ORDER BY number");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(params![TENANT, Sql(run)], read_link)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(with_says).collect()
}

pub(super) fn by_hash(tx: &Transaction<'_>, hash: &[u8; 32]) -> Result<Option<(Run, Link)>, StoreError> {
    let sql = format!("SELECT {LINK} FROM survey_links WHERE tenant = ?1 AND hash = ?2");
    let found = tx.prepare_cached(&sql)?.query_row(params![TENANT, hash], read_link).optional()?;
    let Some(link) = found.map(with_says).transpose()? else { return Ok(None) };
    let run = run(tx, link.run)?.ok_or_else(|| StoreError::damaged("a link has no run"))?;
    Ok(Some((run, link)))
}

/// Keeps a draft, unless another page has saved meanwhile.
pub(super) fn save(
    tx: &Transaction<'_>,
    link: &Link,
    draft: &[u8],
    (asked, answered): (u32, u32),
    day: Option<Millis>,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE survey_links SET draft = ?4, saves = saves + 1, asked = ?5, answered = ?6, touched_at = ?7
         WHERE tenant = ?1 AND run = ?2 AND number = ?3 AND saves = ?8 AND finished = 0 AND revoked_at IS NULL",
        params![
            TENANT,
            Sql(link.run),
            link.number,
            draft,
            asked,
            answered,
            day.map(Sql),
            Sql(link.saves)
        ],
    )?;
    Ok(changed == 1)
}

/// Writes down that the answer was sent; the draft is destroyed.
pub(super) fn finish(
    tx: &Transaction<'_>,
    link: &Link,
    record: Option<RecordId>,
    day: Option<Millis>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE survey_links SET draft = x'', finished = 1, record = ?4, touched_at = ?5, answered = asked
         WHERE tenant = ?1 AND run = ?2 AND number = ?3",
        params![TENANT, Sql(link.run), link.number, record.map(Sql), day.map(Sql)],
    )?;
    Ok(())
}

pub(super) fn revoke(
    tx: &Transaction<'_>,
    run: GroupId,
    number: u32,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE survey_links SET revoked_at = ?4, draft = x''
         WHERE tenant = ?1 AND run = ?2 AND number = ?3 AND finished = 0 AND revoked_at IS NULL",
        params![TENANT, Sql(run), number, Sql(now)],
    )?;
    Ok(changed == 1)
}

pub(super) fn reminded(
    tx: &Transaction<'_>,
    run: GroupId,
    number: u32,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE survey_links SET reminders = reminders + 1, reminded_at = ?4
         WHERE tenant = ?1 AND run = ?2 AND number = ?3 AND finished = 0 AND revoked_at IS NULL
         AND expires > ?4",
        params![TENANT, Sql(run), number, Sql(now)],
    )?;
    Ok(changed == 1)
}

pub(super) fn close(tx: &Transaction<'_>, run: GroupId, now: Millis) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE survey_runs SET closed_at = ?3 WHERE tenant = ?1 AND id = ?2 AND closed_at IS NULL",
        params![TENANT, Sql(run), Sql(now)],
    )?;
    tx.execute(
        "UPDATE survey_links SET draft = x'' WHERE tenant = ?1 AND run = ?2 AND finished = 0",
        params![TENANT, Sql(run)],
    )?;
    Ok(changed == 1)
}

/// Takes out what belongs to a group that is erased: its links with their respondents and drafts, and its run.
pub(crate) fn erase_group(tx: &Transaction<'_>, group: GroupId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM survey_links WHERE tenant = ?1 AND group_id = ?2", params![TENANT, Sql(group)])?;
    tx.execute("DELETE FROM survey_runs WHERE tenant = ?1 AND group_id = ?2", params![TENANT, Sql(group)])?;
    Ok(())
}
