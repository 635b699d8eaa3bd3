//! Expressions: a table of them with their values, what hostile ones may cost, what they read.

mod document;
mod hostile;
mod peers;
mod reads;
mod rows;
mod table;
mod world;
