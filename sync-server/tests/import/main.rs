//! Import of spreadsheets, from the file to the feed.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod dirty;
mod errors;
mod example;
mod office;
mod repeated;
mod shuffled;
