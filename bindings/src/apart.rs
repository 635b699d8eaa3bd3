//! What a phone keeps apart.

use alongside_core::app::{AppError, DraftView};
use alongside_domain::ids::{ChangeHash, GroupId};

use crate::profile::RecordsClient;

#[uniffi::export]
impl RecordsClient {
    /// Makes a draft of an own change that was kept apart, to be put right and saved. Where its whole record
    /// was refused, the draft has everything of it. It stays listed until it is dropped.
    ///
    /// # Errors
    /// `NotFound` where there is no such change, or its group is no longer on this phone; `Closed`.
    pub async fn edit_kept_apart_again(&self, change: ChangeHash) -> Result<DraftView, AppError> {
        self.0.edit_kept_apart_again(change).await
    }

    /// Drops an own change that was kept apart from this phone, for good.
    ///
    /// # Errors
    /// `NotFound`, `Closed`.
    pub async fn drop_kept_apart(&self, change: ChangeHash) -> Result<(), AppError> {
        self.0.drop_kept_apart(change).await
    }

    /// Writes everything that is kept apart into a new file, which is not encrypted: hand it over, then delete
    /// it. Gives how many lines.
    ///
    /// # Errors
    /// `Unexpected` where the file is there already or cannot be written; `Closed`.
    pub async fn export_kept_apart(&self, to: String) -> Result<u32, AppError> {
        self.0.export_kept_apart(to.into()).await
    }

    /// The person has been told that a group was erased.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn seen_erased(&self, group: GroupId) -> Result<(), AppError> {
        self.0.seen_erased(group).await
    }

    /// The person has seen what was decided in review: decided lines are no longer listed.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn seen_decided(&self) -> Result<(), AppError> {
        self.0.seen_decided().await
    }
}
