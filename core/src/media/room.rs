//! Making room: what is safe at the server may go from here, the longest unused first. What is not, stays.

use super::{CACHE_BYTES, rows};
use crate::{error::ApiError, store::Store};

/// Removes copies until this many bytes are free of them, or none is left that may go. Gives how many
/// bytes went.
pub(crate) fn make_room(store: &Store, wanted: u64) -> Result<u64, ApiError> {
    let gone = store.write(move |tx, _| {
        let (mut gone, mut freed) = (Vec::new(), 0);
        for spare in rows::spare(tx)? {
            if freed >= wanted {
                break;
            }
            rows::remove(tx, spare.id)?;
            freed += spare.bytes;
            gone.push(spare.file);
        }
        Ok((gone, freed))
    })?;
    let (files, freed) = gone;
    for file in files {
        store.vault().remove(&file).map_err(ApiError::from_io)?;
    }
    Ok(freed)
}

/// Removes copies beyond what may be kept for convenience.
pub(crate) fn keep_within(store: &Store) -> Result<u64, ApiError> {
    let spare: u64 = store.read(|db| Ok(rows::spare(db)?.iter().map(|spare| spare.bytes).sum()))?;
    if spare > CACHE_BYTES { make_room(store, spare - CACHE_BYTES) } else { Ok(0) }
}
