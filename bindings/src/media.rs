//! Attachments of a profile.

use alongside_core::app::{AppError, AttachRequest, AttachmentView, ProfileMedia, SendView};
use alongside_domain::{
    ids::{GroupId, RecordId},
    media::BlobHash,
};

/// Attachments of a profile: files that records name, sent and fetched apart from records. Observers are
/// told how many wait, and how many bytes.
#[derive(uniffi::Object)]
pub struct MediaClient(pub(crate) ProfileMedia);

#[uniffi::export]
impl MediaClient {
    /// Takes a file: copied, sealed, durable when this returns. Gives the answer to save, as a text; until a
    /// save names it, it is not sent, and goes after a week.
    ///
    /// # Errors
    /// `Invalid` (`path`: `empty`, `too_large`, `not_readable`; `media_type`, `scope`), `NotFound` for the
    /// group, `StorageFull`.
    pub async fn attach(&self, request: AttachRequest) -> Result<String, AppError> {
        self.0.attach(request).await
    }

    /// Writes the content in clear into a file of the app, which deletes it when it is done with it. What is
    /// not here is fetched first, going on where it was broken off.
    ///
    /// # Errors
    /// `NotFound` where no record here names it, `Offline`, `Busy`, `ServerRefused`, `StorageFull`.
    pub async fn open_to(&self, group: GroupId, hash: BlobHash, path: String) -> Result<(), AppError> {
        self.0.open_to(group, hash, path).await
    }

    /// Reads at most this many bytes of the content from a place, without a file in clear. What is not here
    /// is not fetched.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn read(
        &self,
        group: GroupId,
        hash: BlobHash,
        start: u64,
        most: u32,
    ) -> Result<Vec<u8>, AppError> {
        self.0.read(group, hash, start, most).await
    }

    /// Fetches an attachment that a record names. Where it is broken off, it goes on with the next run.
    ///
    /// # Errors
    /// As `open_to`.
    pub async fn fetch(&self, group: GroupId, hash: BlobHash) -> Result<(), AppError> {
        self.0.fetch(group, hash).await
    }

    /// Sends and fetches everything that waits, now.
    ///
    /// # Errors
    /// `NotEnrolled`, `Closed`.
    pub async fn send_now(&self) -> Result<SendView, AppError> {
        self.0.send_now().await
    }

    /// Sends and fetches by itself from now on. An app calls it where the network is one to spend on files,
    /// and `stop_sending` where it is not. Pausing holds it.
    ///
    /// # Errors
    /// `Closed`.
    pub fn keep_sending(&self) -> Result<(), AppError> {
        self.0.keep_sending()
    }

    /// Sends and fetches only when it is asked to.
    ///
    /// # Errors
    /// `Closed`.
    pub fn stop_sending(&self) -> Result<(), AppError> {
        self.0.stop_sending()
    }

    /// The attachments that a record names now, by key.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn of_record(&self, record: RecordId) -> Result<Vec<AttachmentView>, AppError> {
        self.0.of_record(record).await
    }

    /// What waits to be sent or fetched, and why, the longest waiting first.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn waiting(&self) -> Result<Vec<AttachmentView>, AppError> {
        self.0.waiting().await
    }

    /// Removes copies that are safe at the server, the longest unused first, until this many bytes are free
    /// of them. Gives how many bytes went.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn make_room(&self, bytes: u64) -> Result<u64, AppError> {
        self.0.make_room(bytes).await
    }
}
