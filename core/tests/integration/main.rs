//! The phone's core against real files.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as loudly as the tests themselves")]

mod ahead;
mod apart;
mod builtin;
mod driver;
mod erasure;
mod hostile;
mod installation;
mod lab;
mod programme;
mod reading;
mod restored;
mod saving;
mod store;
mod sync;
