//! Attachments.

use std::{path::Path, sync::PoisonError, time::Duration};

use alongside_domain::{ids::RecordId, media::MediaRef};

use super::Phone;
use crate::{
    error::{ApiError, Thing},
    media::{
        AttachmentId, AttachmentLine, AttachmentWait, CourierOutcome, TakeRequest, open, reads, room, rows,
        take,
    },
};

/// Attachments of a profile. What is not said to be asynchronous blocks for as long as the disk needs.
pub struct Media<'a> {
    pub(super) phone: &'a Phone,
}

impl Media<'_> {
    /// Takes a file: copied, sealed, durable when this returns. What it gives is the answer to the
    /// question that asks for a file; until a save names it, it is not sent, and goes after a week.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] (`path`: `empty`, `too_large`, `not_readable`; `media_type`, `scope`),
    /// [`ApiError::NotFound`] for the group, [`ApiError::StorageFull`]. Nothing is left behind then.
    pub fn take(&self, request: &TakeRequest) -> Result<MediaRef, ApiError> {
        take::take(&self.phone.0.store, request)
    }

    /// Writes the content in clear into a file of the app, which deletes it when it is done with it.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where it is not here: fetch it. Those of the file system.
    pub fn open_to(&self, at: AttachmentId, path: &Path) -> Result<(), ApiError> {
        open::open_to(&self.phone.0.store, at, path)
    }

    /// Reads at most this many bytes of the content from a place, without a file in clear.
    ///
    /// # Errors
    /// As [`Media::open_to`].
    pub fn read(&self, at: AttachmentId, from: u64, most: u32) -> Result<Vec<u8>, ApiError> {
        open::read(&self.phone.0.store, at, from, most)
    }

    /// Fetches an attachment that a record names, going on where it was broken off. Gives `None` once it
    /// is here, else what it waits for: the courier goes on with it.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where no record here names it, [`ApiError::NotEnrolled`], those of the store.
    pub async fn fetch(&self, at: AttachmentId) -> Result<Option<AttachmentWait>, ApiError> {
        let store = self.phone.0.store.clone();
        let want = move || {
            let (file, key) = (store.vault().new_name(), store.vault().new_key());
            store.write(move |tx, desk| {
                if rows::get(tx, at)?.is_some_and(|kept| kept.held) {
                    return Ok(true);
                }
                let bytes = rows::named_bytes(tx, at)?.ok_or(ApiError::NotFound(Thing::Attachment))?;
                rows::add_wanted(tx, at, bytes, file, &key, desk.now())?;
                Ok(false)
            })
        };
        let is_here =
            tokio::task::spawn_blocking(want).await.unwrap_or_else(|_| Err(ApiError::unexpected("task")))?;
        if is_here { Ok(None) } else { self.phone.0.courier.lock().await.fetch_now(at).await }
    }

    /// Sends and fetches everything whose turn has come. Records do not wait for it.
    ///
    /// # Errors
    /// [`ApiError::NotEnrolled`], [`ApiError::Closed`], those of the store.
    pub async fn send_once(&self) -> Result<CourierOutcome, ApiError> {
        self.phone.0.courier.lock().await.run().await
    }

    /// As [`Media::send_once`], with everything having its turn now, also what was stopped.
    ///
    /// # Errors
    /// As [`Media::send_once`].
    pub async fn send_now(&self) -> Result<CourierOutcome, ApiError> {
        let store = self.phone.0.store.clone();
        tokio::task::spawn_blocking(move || store.write(|tx, _| Ok(rows::hurry(tx)?)))
            .await
            .unwrap_or_else(|_| Err(ApiError::unexpected("task")))?;
        self.send_once().await
    }

    /// Sends and fetches by itself from now on, after each change and again after a failure, until it is
    /// stopped or the profile is closed. Must be called inside a tokio runtime.
    pub fn keep_sending(&self) {
        let courier = self.phone.0.courier.clone();
        let clock = self.phone.0.clock.clone();
        let Ok(mut changes) = self.phone.observe() else { return };
        let task = tokio::spawn(async move {
            loop {
                let next = match courier.lock().await.run().await {
                    Ok(outcome) => outcome.next,
                    Err(ApiError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "attachments wait for the next change");
                        None
                    }
                };
                let wait = next.map(|at| u64::try_from(at.0 - clock.now().0).unwrap_or_default().max(250));
                tokio::select! {
                    change = changes.next() => if change.is_none() { return },
                    () = sleep(wait) => {}
                }
            }
        });
        let mut sending = self.phone.0.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = sending.replace(task) {
            before.abort();
        }
    }

    /// Sends and fetches only when asked to. What is under way is broken off; what arrived stays.
    pub fn stop_sending(&self) {
        let mut sending = self.phone.0.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = sending.take() {
            task.abort();
        }
    }

    /// The attachments that a record names now, by field.
    ///
    /// # Errors
    /// Those of the store.
    pub fn of_record(&self, record: RecordId) -> Result<Vec<AttachmentLine>, ApiError> {
        let store = &self.phone.0.store;
        store.read(|db| reads::of_record(db, store.vault(), record))
    }

    /// What waits to be sent or fetched, and why.
    ///
    /// # Errors
    /// Those of the store.
    pub fn waiting(&self) -> Result<Vec<AttachmentLine>, ApiError> {
        let store = &self.phone.0.store;
        store.read(|db| reads::waiting(db, store.vault()))
    }

    /// Removes copies that are safe at the server, the longest unused first, until this many bytes are
    /// free of them. What is not safe there stays. Gives how many bytes went.
    ///
    /// # Errors
    /// Those of the store.
    pub fn make_room(&self, bytes: u64) -> Result<u64, ApiError> {
        room::make_room(&self.phone.0.store, bytes)
    }
}

/// Sleeps this long, or for ever.
async fn sleep(milliseconds: Option<u64>) {
    match milliseconds {
        Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        None => std::future::pending().await,
    }
}
