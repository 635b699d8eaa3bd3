//! The programme that is compiled in: Independent Support.

use super::{
    Programme,
    package::{self, Files},
};
use crate::problem::Problem;

/// The files of `core/programmes/independent-support`, as they were when this was compiled.
const INDEPENDENT_SUPPORT: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/independent_support.rs"));

/// The files of the Independent Support package, to be read, or offered to phones.
#[must_use]
pub fn independent_support_files() -> Files {
    INDEPENDENT_SUPPORT.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
}

/// The Independent Support programme.
///
/// # Errors
///
/// Every problem of the package, were there an error in it; a test holds that there is none.
pub fn independent_support() -> Result<Programme, Vec<Problem>> {
    package::read(&independent_support_files()).map(|(programme, _)| programme)
}
