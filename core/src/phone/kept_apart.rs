//! What this phone keeps apart.

use std::{fs::OpenOptions, io::BufWriter, path::Path};

use alongside_domain::ids::{ChangeHash, GroupId};

use super::Phone;
use crate::{
    error::{ApiError, Thing},
    reads,
    views::KeptApartView,
    writes::{Draft, draft},
};

/// What the server would not have, what this phone could not accept, and drafts of groups that are gone:
/// nothing of it is thrown away until the person says so, or the group is erased.
pub struct KeptApart<'a> {
    pub(super) phone: &'a Phone,
}

impl KeptApart<'_> {
    /// Everything, with the form's labels, the reason and what can be done.
    ///
    /// # Errors
    /// Those of the store.
    pub fn list(&self) -> Result<KeptApartView, ApiError> {
        self.phone.0.store.read(|db| reads::apart::view(db, &self.phone.0.programme))
    }

    /// Makes a draft of a refused change, to be put right and saved. Where its whole record was refused,
    /// the draft has everything of it. What was refused stays listed until it is dropped.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] where there is no such change, or its group is no longer on this phone; those
    /// of the store.
    pub fn edit_again(&self, change: ChangeHash) -> Result<Draft, ApiError> {
        self.phone.0.store.write(move |tx, desk| {
            let (token, now) = (desk.new_token(), desk.now());
            let draft = reads::apart::draft_of(tx, change, token, now)?;
            draft::keep(tx, desk, &draft)?;
            Ok(draft)
        })
    }

    /// Drops a refused change from this phone.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn drop_refused(&self, change: ChangeHash) -> Result<(), ApiError> {
        self.phone.0.store.write(move |tx, _| {
            match tx.execute("DELETE FROM refused WHERE hash = ?1", [change.0])? {
                0 => Err(ApiError::NotFound(Thing::Record)),
                _ => Ok(()),
            }
        })?;
        self.phone.changed();
        Ok(())
    }

    /// Writes everything into a new file: JSON, one object a line, with the values in words and the raw
    /// bytes in base64. The file is not encrypted: hand it over, then delete it. Gives how many lines.
    ///
    /// # Errors
    /// [`ApiError::Unexpected`] where the file is there already or cannot be written; those of the store.
    pub fn export(&self, to: &Path) -> Result<u32, ApiError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(to)
            .map_err(|error| ApiError::Unexpected { code: "export", source: Some(Box::new(error)) })?;
        let programme = &self.phone.0.programme;
        self.phone.0.store.read(|db| reads::apart::export(db, programme, BufWriter::new(file)))
    }

    /// The person has been told that a group was erased.
    ///
    /// # Errors
    /// Those of the store.
    pub fn seen_erased(&self, group: GroupId) -> Result<(), ApiError> {
        self.phone.0.store.write(move |tx, _| {
            tx.execute("UPDATE erased SET seen = 1 WHERE grp = ?1", [group.0])?;
            Ok(())
        })?;
        self.phone.changed();
        Ok(())
    }

    /// The person has seen what was decided in review: decided lines are no longer listed.
    ///
    /// # Errors
    /// Those of the store.
    pub fn seen_decided(&self) -> Result<(), ApiError> {
        self.phone.0.store.write(|tx, _| {
            tx.execute("DELETE FROM review WHERE decided_at IS NOT NULL", [])?;
            Ok(())
        })?;
        self.phone.changed();
        Ok(())
    }
}
