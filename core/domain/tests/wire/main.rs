//! What travels: the exact bytes of every message, and what happens to bodies that are not messages.
#![expect(clippy::unwrap_used, reason = "a test whose ground is not there fails")]

mod bodies;
mod codes;
mod messages;
mod paper;
mod rows;
mod samples;
