//! The sync engine of a phone, without IO: events in, effects out.
//!
//! The driver in `alongside-core` performs the effects with SQLite and HTTP and feeds back what
//! came of them. Time and randomness are arguments, so a whole fleet runs in one thread from one seed.

use serde::{Deserialize, Serialize};

use crate::{
    time::Millis,
    wire::{ErrorCode, SyncAnswer, SyncRequest},
};

pub mod backoff;
pub mod engine;

pub use engine::Engine;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody asks for a sync now (app opened, button, network came back).
    Wanted,
    /// Something was saved on this phone.
    Saved,
    /// The timer that the engine set went off.
    TimerFired,
    /// The request that the driver built from the store ([`Effect::Prepare`]).
    Prepared {
        /// The request.
        request: Box<SyncRequest>,
        /// Changes left in the outbox beyond this request.
        left: u32,
    },
    /// The server answered.
    Answered(Box<SyncAnswer>),
    /// The answer is durable on this phone.
    Applied {
        /// Changes that still wait to be sent.
        waiting: u32,
        /// Whether anything in the answer has to be sent or asked for again at once (missing
        /// changes, rebase, starting again).
        again: bool,
    },
    /// There was no answer.
    Failed(Failure),
}

/// Why there was no answer, or it could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection, or it broke: nothing is known of what the server kept.
    Network,
    /// The server is busy; it may have said for how many seconds.
    Busy(Option<u32>),
    /// The server turned the request down as a whole.
    Refused(ErrorCode),
    /// This phone could not read or write its own store.
    Store,
}

/// Something for the driver to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Build a request from the store: at most `push_bytes` of changes, asking for `pull_bytes`.
    Prepare {
        /// Most bytes of changes (before compression) to send.
        push_bytes: u32,
        /// Most bytes of pull pack to ask for.
        pull_bytes: u32,
        /// Both packs of the exchange in the row form: the last one could not be opened.
        rows_only: bool,
    },
    /// Send this request.
    Send(Box<SyncRequest>),
    /// Make this answer durable: verdicts, entries, cursor, in one transaction.
    Apply(Box<SyncAnswer>),
    /// Call back with [`Event::TimerFired`] at this time; replaces an earlier timer.
    SetTimer(Millis),
    /// Tell the app how things stand.
    Report(Status),
}

/// How sync stands, for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything that was saved here is at the server, and the phone has all that was there.
    UpToDate {
        /// When that was.
        at: Millis,
    },
    /// Under way.
    Syncing,
    /// Will try again by itself.
    WaitingForNetwork {
        /// When.
        next: Millis,
        /// What happened last.
        last: Failure,
    },
    /// Will not try again by itself: somebody has to act.
    Stopped(ErrorCode),
}
