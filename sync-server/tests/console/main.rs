//! The console's pages, over a store with real records: what they show, and what they do not.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod access;
mod attachments;
mod boards;
mod browse;
mod browser_of_links;
mod checks;
mod decisions;
mod duplicates;
mod every_kind;
mod fixture;
mod forms;
mod moves;
mod pages;
mod projection;
mod records;
mod sign_in;
