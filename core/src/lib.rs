//! The phone's core of Alongside: one encrypted database per person, a read model for every screen,
//! the outbox and the sync driver, behind one object, [`Phone`]. [`app::App`] is the same in the shape in
//! which native apps call it, and owns their threads.
//!
//! The log of raw changes is the truth; everything that a screen reads is derived from it in the same
//! transaction, and can be rebuilt from it ([`Phone::rebuild_read_model`]). The core takes the time and
//! randomness from what it is given ([`clock::Clock`], any [`rand::Rng`]).

pub mod app;
pub mod clock;
pub mod error;
pub mod media;
pub mod observe;
pub mod phone;
mod store;
pub mod sync;
pub mod views;

mod reads;
mod writes;

pub use error::{ApiError, OpenError};
pub use phone::{Phone, Profile};
pub use store::key::Key;
pub use writes::{
    Draft, FirstRecord, MoveRequest, OpenGroupRequest, OpenedGroup, SaveRequest, SessionRequest,
};

/// The operating system's randomness, for [`Profile::rng`] in an app.
#[must_use]
pub fn os_rng() -> Box<dyn rand::Rng + Send> {
    Box::new(rand::rand_core::UnwrapErr(rand::rngs::SysRng))
}
