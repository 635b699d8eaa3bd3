//! The wire between real phone cores and the real server, with a man in the middle who counts, and now
//! and then changes, what passes.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod figures;
mod lab;
mod old_client;
mod old_server;
mod packs;
mod raw;
