//! The words by which records are found.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};

/// Words of rows that were written, on their way into the search index.
///
/// The index writes itself out, a segment for each record, whenever a statement that may be undone by itself
/// follows. So where many records come, their words go in one after the other, after everything else.
#[derive(Default)]
pub(crate) struct FoundBy(BTreeMap<i64, String>);

impl FoundBy {
    /// The row is found by these words and no others.
    pub(crate) fn set(&mut self, row: i64, words: String) {
        self.0.insert(row, words);
    }

    /// Puts them in the place of those that the index has, where they changed. What was taken off meanwhile
    /// is not brought back.
    pub(crate) fn write(self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for (row, words) in self.0 {
            let there: bool = tx
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM record_row WHERE id = ?1)")?
                .query_row([row], |row| row.get(0))?;
            if there {
                replace(tx, row, &words)?;
            }
        }
        Ok(())
    }
}

fn replace(tx: &Transaction<'_>, row: i64, words: &str) -> rusqlite::Result<()> {
    let before: Option<String> = tx
        .prepare_cached("SELECT words FROM search WHERE rowid = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()?;
    if before.as_deref().unwrap_or_default() == words {
        return Ok(());
    }
    if before.is_some() {
        tx.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([row])?;
    }
    if !words.is_empty() {
        tx.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?.execute((row, words))?;
    }
    Ok(())
}
