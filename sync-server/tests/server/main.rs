//! The server as phones meet it: in process through its router, and over a real port.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod enrolment;
mod erasure;
mod hostile;
mod late;
mod local_writes;
mod merge;
mod repair;
mod start;
mod sync_round_trip;
mod world;
