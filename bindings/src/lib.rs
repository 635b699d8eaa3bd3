//! The phone's core for Kotlin, Swift and Python: [`alongside_core::app`] exported with uniffi.
//!
//! There is no logic here. `border` repeats what crosses the border, field by field, so that the
//! compiler finds whatever no longer fits; the objects below hand every call over as it is.

mod apart;
mod app;
mod border;
mod media;
mod observer;
mod profile;

pub use app::AlongsideApp;
pub use media::MediaClient;
pub use observer::{ObserverError, PulseObserver, Subscription};
pub use profile::{FormsClient, ProfileClient, RecordsClient, SyncClient};

uniffi::setup_scaffolding!("alongside");
