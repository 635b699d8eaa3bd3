//! The control journal: who may do what, in a file that no backup of the store carries back in time.
//!
//! Every control entry is appended to it and made durable before the transaction that writes the entry
//! into the feed is committed, so before anybody is told. A store that was restored from an older backup
//! takes in what its feed lacks before it serves: a revoked phone stays revoked, a withdrawn case stays
//! withdrawn. The store remembers in the same transaction how far it has taken the journal in; the
//! write lock of the database orders the processes that append.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{StoreError, TENANT, log, rows::Sql};

mod entry;
mod file;
mod replay;

pub(crate) use entry::{Entry, Fact};
pub(crate) use file::{JournalFile, Place};

/// Brings journal and store together when the store is opened: begins the journal where there was none
/// yet, and takes in what the feed lacks. Gives how many entries that were.
pub(super) fn attach(connection: &mut Connection, file: &Path) -> Result<u64, StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let journal = JournalFile::at(file);
    let place = match place(&tx)? {
        Some(place) => place,
        None if journal.is_there()? => entry::place_of_feed(&tx, &journal)?,
        None => journal.begin(&entry::of_feed(&tx)?)?,
    };
    keep_place(&tx, place)?;
    let taken = catch_up(&tx, &journal)?;
    tx.commit()?;
    if taken > 0 {
        tracing::warn!(entries = taken, "the store was behind its control journal and took it in");
    }
    Ok(taken)
}

/// Takes in what the journal has and the feed lacks; cuts off a last entry that was never whole.
pub(super) fn catch_up(tx: &Transaction<'_>, journal: &JournalFile) -> Result<u64, StoreError> {
    let Some(place) = place(tx)? else { return Ok(0) };
    if journal.length()? == Some(place.bytes) {
        return Ok(0);
    }
    let read = journal.after(place)?;
    let mut taken = 0;
    for entry in read.entries {
        replay::replay(tx, &entry)?;
        taken += 1;
    }
    if read.torn {
        journal.cut(read.place)?;
        tracing::warn!(
            "the last entry of the control journal was never whole, nor acknowledged: it was cut off"
        );
    }
    keep_place(tx, read.place)?;
    Ok(taken)
}

/// Makes the control entries that this transaction wrote after `head` durable in the journal.
pub(super) fn record(tx: &Transaction<'_>, journal: &JournalFile, head: u64) -> Result<(), StoreError> {
    let entries = entry::written_after(tx, head)?;
    if entries.is_empty() {
        return Ok(());
    }
    let Some(place) = place(tx)? else { return Ok(()) };
    let place = journal.append(place, &entries)?;
    keep_place(tx, place)
}

/// Notes something that the journal has to keep and that has no entry in the feed.
pub(super) fn note(tx: &Transaction<'_>, fact: &Fact) -> Result<(), StoreError> {
    let mut body = Vec::new();
    ciborium::into_writer(fact, &mut body).expect("a fact is plain data, and a Vec takes it");
    tx.prepare_cached("INSERT INTO journal_notes (tenant, body) VALUES (?1, ?2)")?
        .execute(params![TENANT, body])?;
    Ok(())
}

/// How far the store has taken the journal in; `None` where it never had one.
pub(crate) fn place(tx: &Connection) -> Result<Option<Place>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT bytes, chain FROM journal_place WHERE tenant = ?1")?
        .query_row([TENANT], |row| Ok(Place { bytes: row.get::<_, Sql<u64>>(0)?.0, chain: row.get(1)? }))
        .optional()?)
}

fn keep_place(tx: &Transaction<'_>, place: Place) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR REPLACE INTO journal_place (tenant, bytes, chain) VALUES (?1, ?2, ?3)")?
        .execute(params![TENANT, Sql(place.bytes), place.chain])?;
    Ok(())
}

/// Lets the store in this file begin a new journal when it is next opened. What only the old journal
/// knows is lost to it: for a journal that is gone for good.
///
/// # Errors
/// See [`StoreError`].
pub(crate) fn forget(store: &Path) -> Result<(), StoreError> {
    let connection = Connection::open(store)?;
    let is_there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'journal_place')",
        [],
        |row| row.get(0),
    )?;
    if is_there {
        connection.execute("DELETE FROM journal_place WHERE tenant = ?1", [TENANT])?;
    }
    Ok(())
}

/// Whether everything that the feed's control entries say is in the journal, in that order; the number
/// of the first entry that is not.
pub(crate) fn first_absent(tx: &Transaction<'_>, file: &Path) -> Result<Option<u64>, StoreError> {
    let journal = JournalFile::at(file);
    let read = journal.after(Place::START)?;
    let mut kept = read.entries.into_iter().filter_map(|entry| entry.event);
    for (seq, _, event) in log::control_after(tx, 0)? {
        if kept.next() != Some(event) {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
