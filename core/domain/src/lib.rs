//! The pure domain of Alongside: the same input gives the same result on phone and server.
//!
//! No file, network, clock, randomness, thread or log: time and randomness are arguments.

pub mod deadline;
pub mod form;
pub mod guard;
pub mod ids;
pub mod media;
pub mod policy;
pub mod problem;
pub mod programme;
pub mod record;
pub mod reminder;
pub mod rules;
pub mod sync;
pub mod tally;
pub mod time;
pub mod value;
pub mod wire;
