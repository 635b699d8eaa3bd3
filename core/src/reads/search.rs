//! Finding records by words.

use alongside_domain::programme::Programme;
use rusqlite::{Connection, params};

use crate::{
    error::ApiError,
    store::{
        groups,
        rows::{id, maybe_id},
    },
    views::Hit,
};

/// Most words of a query that count.
const WORDS: usize = 8;

/// Finds records; every word must begin a word of the record. Best first.
pub(crate) fn search(
    db: &Connection,
    programme: &Programme,
    text: &str,
    limit: u32,
) -> Result<Vec<Hit>, ApiError> {
    let query = query(text);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let mut hits: Vec<Hit> = db
        .prepare_cached(
            "SELECT r.record, r.grp, r.form, r.title, u.grp
             FROM search JOIN record_row r ON r.id = search.rowid LEFT JOIN unit_row u ON u.grp = r.grp
             WHERE search MATCH ?1 ORDER BY search.rank, r.record LIMIT ?2",
        )?
        .query_map(params![query, limit], |row| {
            Ok(Hit {
                record: id(row, 0)?,
                group: id(row, 1)?,
                form: row.get(2)?,
                title: row.get(3)?,
                unit: maybe_id(row, 4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    for hit in hits.iter_mut().filter(|hit| hit.unit.is_none()) {
        let mut latest = None;
        for unit in groups::units_of(db, &programme.parts.unit, hit.group)? {
            let touched: Option<i64> = db
                .prepare_cached("SELECT max(touched) FROM unit_row WHERE grp = ?1")?
                .query_row([unit.0], |row| row.get(0))?;
            latest = latest.max(Some((touched, unit)));
        }
        hit.unit = latest.map(|(_, unit)| unit);
    }
    Ok(hits)
}

/// The words as a query that has no operators: each in quotes, each a prefix.
fn query(text: &str) -> String {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(|word| format!("\"{word}\"*"))
        .collect::<Vec<_>>()
        .join(" ")
}
