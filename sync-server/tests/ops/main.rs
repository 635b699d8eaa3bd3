//! Operations on the store: prove it, back it up, restore it, bring it up to date.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod backup;
mod migrations;
mod office;
mod opening;
mod restore;
mod verify;
