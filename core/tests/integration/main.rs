//! The phone's core against real files.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as loudly as the tests themselves")]

mod builtin;
mod driver;
mod installation;
mod lab;
mod programme;
mod reading;
mod saving;
mod store;
mod sync;
