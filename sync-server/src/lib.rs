//! The sync server: an ordered feed of changes, enrolment of devices, the coordinators' console.
//!
//! A request walks [`api`] (limits, who is asking) → [`ingest`] (guard, policy, group commit) →
//! [`store`] (the feed, and what a device is sent of it). The server loads no document to serve a
//! pull; it loads one only to judge a change of it.

pub mod api;
pub mod backup;
pub mod blobs;
pub mod clock;
pub mod config;
pub mod console;
pub mod erase;
pub mod holders;
pub mod import;
pub mod ingest;
pub mod merge;
pub mod people;
pub mod read_model;
pub mod review;
pub mod secret;
pub mod store;
pub mod surveys;
pub mod telemetry;
pub mod verify;

pub use api::{Running, Server};
