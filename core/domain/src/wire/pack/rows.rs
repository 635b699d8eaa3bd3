//! The row form: a CBOR array of entries, then zstd.

use serde::{Serialize, de::DeserializeOwned};

use super::{Pack, PackError, PackForm, frame};
use crate::wire::{
    codec::{self, Rows},
    limits,
};

/// Packs entries in the row form. The caller keeps within [`limits::PACK_ENTRIES`] and
/// [`limits::PACK_INFLATED_BYTES`]; the other side refuses a larger pack.
#[must_use]
pub fn pack_rows<T: Serialize>(entries: &[T]) -> Pack {
    let rows = codec::encode(entries);
    Pack {
        form: PackForm::Rows,
        entries: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        digest: digest(&rows),
        dictionary: None,
        body: frame::deflate(&rows),
    }
}

/// Opens a pack in the row form: checks sizes before inflating, the digest, the number of entries.
///
/// # Errors
/// [`PackError::TooLarge`] before anything is inflated; [`PackError::Digest`] where the sender
/// should send it again; [`PackError::Malformed`] otherwise, also for a pack in another form.
pub fn unpack_rows<T: DeserializeOwned>(pack: &Pack) -> Result<Vec<T>, PackError> {
    let entries = frame::entries(pack)?;
    if pack.form != PackForm::Rows || pack.dictionary.is_some() {
        return Err(PackError::Malformed);
    }
    let rows = frame::inflate(&pack.body, None)?;
    if digest(&rows) != pack.digest {
        return Err(PackError::Digest);
    }
    let Rows(rows) =
        codec::decode_within(&rows, limits::PACK_INFLATED_BYTES).map_err(|_| PackError::Malformed)?;
    if rows.len() == entries { Ok(rows) } else { Err(PackError::Malformed) }
}

fn digest(rows: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(rows).as_bytes()[..16]);
    digest
}
