//! Attachments end to end: real phone cores, the real server over TCP, and a line that drops, flips and
//! dies.
#![expect(clippy::print_stdout, reason = "a test says why it is skipped")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod faults;
mod hostile;
mod kill;
mod lab;
mod life;
mod line;
mod way;
