//! The one object that an app makes.

use std::{sync::Arc, time::Duration};

use alongside_core::app::{App, AppError, AppSettings, PauseView, ProfileKey, ProfileSyncView, ProfileView};
use alongside_domain::ids::ProfileId;

use crate::{FormsClient, ProfileClient};

/// The core of an app: its threads, and the profiles on this phone. Make one.
#[derive(uniffi::Object)]
pub struct AlongsideApp(App);

#[uniffi::export]
impl AlongsideApp {
    /// Starts the core's threads and makes its folder. Opens no profile.
    ///
    /// # Errors
    /// `Unexpected` where the folder cannot be made.
    #[uniffi::constructor]
    pub fn new(settings: AppSettings) -> Result<Self, AppError> {
        Ok(Self(App::start(settings.try_into()?)?))
    }

    /// The programme's forms, which need no profile.
    #[must_use]
    pub fn forms(&self) -> Arc<FormsClient> {
        Arc::new(FormsClient(self.0.forms()))
    }

    /// The profiles on this phone, in the order in which they were made.
    ///
    /// # Errors
    /// `Unexpected` where the folder cannot be read.
    pub async fn profiles(&self) -> Result<Vec<ProfileView>, AppError> {
        self.0.profiles().await
    }

    /// Makes a profile with this new key, 32 random bytes, and opens it. The core never stores the key.
    ///
    /// # Errors
    /// `Invalid` for a key of another length, `StorageFull`, `Unexpected`; nothing is left behind.
    pub async fn create_profile(&self, key: Vec<u8>) -> Result<Arc<ProfileClient>, AppError> {
        Ok(Arc::new(ProfileClient(self.0.create_profile(key).await?)))
    }

    /// Opens a profile with the key that it was made with.
    ///
    /// # Errors
    /// `Invalid` for a key that has not 32 bytes, `NotFound`, `WrongKey`, `InUse`, `Damaged`,
    /// `UpdateNeeded`, `StorageFull`; the file is left as it was.
    pub async fn open_profile(
        &self,
        profile: ProfileId,
        key: Vec<u8>,
    ) -> Result<Arc<ProfileClient>, AppError> {
        Ok(Arc::new(ProfileClient(self.0.open_profile(profile, key).await?)))
    }

    /// Syncs these profiles, for work in the background: those that are not open are opened for it and
    /// closed again. Ends after `deadline_ms` milliseconds at the latest, apart from a write that has
    /// begun, and says for each profile what came of it.
    ///
    /// # Errors
    /// `Invalid` for an id that is none.
    pub async fn sync_profiles(
        &self,
        profiles: Vec<ProfileKey>,
        deadline_ms: u64,
    ) -> Result<Vec<ProfileSyncView>, AppError> {
        Ok(self.0.sync_profiles(profiles, Duration::from_millis(deadline_ms)).await)
    }

    /// Finishes what is being written, holds syncing, and lets go of what a sleeping app must not hold.
    /// Takes at most `grace_ms` milliseconds, and says what is unfinished then; that goes on for as long
    /// as the app runs.
    pub async fn pause(&self, grace_ms: u64) -> PauseView {
        self.0.pause(Duration::from_millis(grace_ms)).await
    }

    /// Goes on as before the pause. Calls on records need no resuming.
    pub fn resume(&self) {
        self.0.resume();
    }

    /// Closes every profile: no observer is called after this returns.
    pub async fn shut_down(&self) {
        self.0.shut_down().await;
    }
}
