//! What only the whole can prove.

pub mod fleet;
pub mod office;
