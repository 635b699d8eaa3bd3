//! The binary in an operator's hands: real processes, real phones, and what happens to machines.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod commands;
mod drill;
mod faults;
mod handset;
mod kill;
mod merging;
mod process;
mod review;
mod surveys;
