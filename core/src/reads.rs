//! What the screens ask for.

pub(crate) mod apart;
pub(crate) mod figures;
pub(crate) mod home;
pub(crate) mod problems;
pub(crate) mod records;
pub(crate) mod search;
pub(crate) mod state;
pub(crate) mod unit;
pub(crate) mod waiting;
pub(crate) mod words;
