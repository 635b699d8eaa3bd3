//! The feed as far as this phone and the server both hold it: what a pack by column need not carry.

use std::cell::RefCell;

use alongside_domain::{
    guard::chunk,
    ids::ChangeHash,
    wire::{
        FeedEntry,
        pack::{KnownChange, KnownFeed},
    },
};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{cbor, hash, id, signed, unsigned};
use crate::error::ApiError;

/// The changes of which this phone has both the bytes and the number in the feed.
pub(crate) struct Known<'a> {
    db: &'a Connection,
    /// The trait has no room for errors: the first is kept for [`Known::use_for`].
    failed: RefCell<Option<rusqlite::Error>>,
}

impl<'a> Known<'a> {
    /// Does something with the known feed; a failure to read the store wins over what comes of it.
    pub(crate) fn use_for<T>(db: &'a Connection, work: impl FnOnce(&Self) -> T) -> Result<T, ApiError> {
        let known = Self { db, failed: RefCell::default() };
        let value = work(&known);
        match known.failed.into_inner() {
            Some(error) => Err(error.into()),
            None => Ok(value),
        }
    }

    fn kept<T>(&self, read: rusqlite::Result<Option<T>>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        })
    }

    fn in_log(&self, number: u64) -> rusqlite::Result<Option<KnownChange>> {
        self.db
            .prepare_cached(
                "SELECT c.hash, c.actor, c.record, d.grp
                 FROM change c JOIN document d ON d.record = c.record WHERE c.feed_seq = ?1 LIMIT 1",
            )?
            .query_row([signed(number)], |row| {
                Ok(KnownChange {
                    hash: hash(row, 0)?,
                    actor: id(row, 1)?,
                    record: id(row, 2)?,
                    group: id(row, 3)?,
                })
            })
            .optional()
    }

    /// What was set aside as it came is held too: the server does not know that it was.
    fn set_aside(&self, number: u64) -> rusqlite::Result<Option<KnownChange>> {
        let entry: Option<FeedEntry> = self
            .db
            .prepare_cached("SELECT entry FROM quarantine WHERE feed_seq = ?1 LIMIT 1")?
            .query_row([signed(number)], |row| cbor(row, 0))
            .optional()?;
        let Some(FeedEntry::Change { group, record, bytes, .. }) = entry else { return Ok(None) };
        Ok(chunk::parse(&bytes).ok().map(|change| KnownChange {
            hash: change.header.hash,
            actor: change.header.actor,
            record,
            group,
        }))
    }
}

impl KnownFeed for Known<'_> {
    fn number(&self, change: &ChangeHash) -> Option<u64> {
        let read = || {
            self.db
                .prepare_cached("SELECT feed_seq FROM change WHERE hash = ?1 AND feed_seq > 0")?
                .query_row(params![change.0], |row| row.get(0).map(unsigned))
                .optional()
        };
        self.kept(read())
    }

    fn change(&self, number: u64) -> Option<KnownChange> {
        self.kept(self.in_log(number)).or_else(|| self.kept(self.set_aside(number)))
    }
}
