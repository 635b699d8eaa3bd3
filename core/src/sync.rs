//! Sync: what to send, making answers durable, and the driver between engine, store and network.

use alongside_domain::sync::Status;
use serde::Serialize;

mod ahead;
pub(crate) mod apply;
pub(crate) mod driver;
pub(crate) mod http;
pub(crate) mod prepare;
pub(crate) mod pull;
pub(crate) mod rebase;
pub(crate) mod receive;
pub(crate) mod repair;
mod review;
pub(crate) mod upgrade;

pub use prepare::Sent;

/// What one run of sync did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncOutcome {
    /// How sync stands at the end.
    pub status: Status,
    /// Requests that got an answer.
    pub round_trips: u32,
    /// Requests that got none, or an error.
    pub failures: u32,
    /// Bytes of request bodies, those without an answer included.
    pub bytes_sent: u64,
    /// Bytes of answer bodies.
    pub bytes_received: u64,
    /// Own changes that the server took or had.
    pub accepted: u32,
    /// Own changes that the server would not have.
    pub refused: u32,
    /// Own changes that the server keeps apart for a coordinator.
    pub in_review: u32,
    /// Changes received and taken in.
    pub received: u32,
    /// Entries that could not be accepted.
    pub quarantined: u32,
    /// Changes that a restored server had lost and that this phone brought back.
    pub relayed: u32,
    /// How often this phone and the server held different entries up to the same place: never, unless there
    /// is a fault somewhere. They are repaired at once.
    pub defects: u32,
    /// Own changes that still wait.
    pub waiting: u32,
}
