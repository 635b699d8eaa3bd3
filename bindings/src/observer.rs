//! Being told that something changed.

use std::sync::Arc;

use alongside_core::app::{self, PulseView};

/// Why an observer could not take what it was told. Its observation goes on.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ObserverError {
    /// It failed.
    #[error("the observer failed")]
    Failed {
        /// Why, in the words of its language.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ObserverError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// Somebody who is told. Called from a thread of the core, one call at a time; must not wait for the end
/// of its own subscription or profile.
#[uniffi::export(foreign)]
pub trait PulseObserver: Send + Sync {
    /// The current value at first, then the newest after each change; several changes may be one call.
    ///
    /// # Errors
    /// Whatever it throws is noted in the log and changes nothing.
    fn changed(&self, pulse: PulseView) -> Result<(), ObserverError>;
}

pub(crate) struct Told(pub(crate) Arc<dyn PulseObserver>);

impl app::Observer for Told {
    fn changed(&self, pulse: PulseView) {
        // Its reason is the app's own text, which may hold anything.
        self.0.changed(pulse).unwrap_or_else(|_| tracing::warn!("an observer failed"));
    }
}

/// A running observation. Ends with `stop()`, with its profile, or when it is let go of.
#[derive(uniffi::Object)]
pub struct Subscription(pub(crate) app::Subscription);

#[uniffi::export]
impl Subscription {
    /// Ends the observation: the observer is not called after this returns. Called by an observer
    /// itself, it does not wait for the call that it is in.
    pub fn stop(&self) {
        self.0.stop();
    }
}
