//! What this phone keeps apart, as an app calls it.

use std::path::PathBuf;

use alongside_domain::ids::{ChangeHash, GroupId};

use super::{AppError, DraftView, ProfileRecords};

impl ProfileRecords {
    /// Makes a draft of an own change that was kept apart, to be put right and saved. Where its whole record
    /// was refused, the draft has everything of it. It stays listed until it is dropped.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no such change, or its group is no longer on this phone;
    /// [`AppError::Closed`].
    pub async fn edit_kept_apart_again(&self, change: ChangeHash) -> Result<DraftView, AppError> {
        self.seat
            .work(move |phone| {
                let draft = phone.kept_apart().edit_again(change)?;
                Ok(DraftView::new(phone.programme(), draft))
            })
            .await
    }

    /// Drops an own change that was kept apart from this phone, for good.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Closed`].
    pub async fn drop_kept_apart(&self, change: ChangeHash) -> Result<(), AppError> {
        self.seat.work(move |phone| Ok(phone.kept_apart().drop_refused(change)?)).await
    }

    /// Writes everything that is kept apart into a new file: JSON, one object a line, values in words and the
    /// raw bytes in base64. The file is not encrypted: hand it over, then delete it. Gives how many lines.
    ///
    /// # Errors
    /// [`AppError::Unexpected`] where the file is there already or cannot be written; [`AppError::Closed`].
    pub async fn export_kept_apart(&self, to: PathBuf) -> Result<u32, AppError> {
        self.seat.work(move |phone| Ok(phone.kept_apart().export(&to)?)).await
    }

    /// The person has been told that a group was erased.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn seen_erased(&self, group: GroupId) -> Result<(), AppError> {
        self.seat.work(move |phone| Ok(phone.kept_apart().seen_erased(group)?)).await
    }

    /// The person has seen what was decided in review: decided lines are no longer listed.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn seen_decided(&self) -> Result<(), AppError> {
        self.seat.work(|phone| Ok(phone.kept_apart().seen_decided()?)).await
    }
}
