//! What only the whole can prove.

pub mod fleet;
