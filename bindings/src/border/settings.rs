//! What an app is started with.

use alongside_core::app::{AppSettings, ProfileView};
use alongside_domain::ids::ProfileId;

/// What a native app says of itself.
#[uniffi::remote(Record)]
pub struct AppSettings {
    /// Folder that the app keeps for the core, where backups of the platform do not reach.
    pub folder: String,
    /// Most bytes that each profile's database may grow to; `None`: what the device has.
    pub most_bytes: Option<u64>,
}

/// A profile on this phone.
#[uniffi::remote(Record)]
pub struct ProfileView {
    /// Its id. The name of its person is inside, encrypted: what a list of profiles shows, the app keeps
    /// beside the key.
    pub profile: ProfileId,
    /// Whether it is open in this app.
    pub is_open: bool,
}
