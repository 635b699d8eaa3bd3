//! Documents in memory: a bounded cache over the log.

use std::collections::VecDeque;

use alongside_domain::{ids::RecordId, record::Document};
use rusqlite::Connection;

use super::log;
use crate::error::ApiError;

/// Most documents kept.
const MOST: usize = 64;

/// The documents touched last, newest first.
#[derive(Default)]
pub(crate) struct Documents(VecDeque<(RecordId, Document)>);

impl Documents {
    /// Takes the document out of the cache, or builds it from the log; `None` where the log has none.
    pub(crate) fn take(&mut self, db: &Connection, record: RecordId) -> Result<Option<Document>, ApiError> {
        if let Some(place) = self.0.iter().position(|(id, _)| *id == record) {
            return Ok(self.0.remove(place).map(|(_, document)| document));
        }
        log::load(db, record)
    }

    /// Keeps the document for the next time.
    pub(crate) fn keep(&mut self, record: RecordId, document: Document) {
        self.forget(record);
        self.0.push_front((record, document));
        self.0.truncate(MOST);
    }

    /// Drops one document.
    pub(crate) fn forget(&mut self, record: RecordId) {
        self.0.retain(|(id, _)| *id != record);
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
