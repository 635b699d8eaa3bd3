//! zstd frames: made in one go, opened only within the caps.

use std::io::{self, Write};

use zstd::{bulk, stream::write::Encoder, zstd_safe};

use super::{Pack, PackError, dictionary::Dictionary};
use crate::wire::limits;

/// zstd's level: fast enough for a phone at every save.
const LEVEL: i32 = 3;
/// First bytes of every zstd frame; the column form leaves them out.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes from which on a group of columns gets entropy tables of its own.
const OWN_TABLES: usize = 1 << 10;

/// The number of entries that a pack announces, checked with the size of its body.
pub(super) fn entries(pack: &Pack) -> Result<usize, PackError> {
    let entries = usize::try_from(pack.entries).map_err(|_| PackError::TooLarge)?;
    if entries > limits::PACK_ENTRIES || pack.body.len() > limits::ANSWER_BYTES {
        return Err(PackError::TooLarge);
    }
    Ok(entries)
}

/// Compresses a body into one frame.
pub(super) fn deflate(body: &[u8]) -> Vec<u8> {
    bulk::compress(body, LEVEL).expect("zstd takes every input at a fixed level")
}

/// Compresses columns into one frame, less its magic number. `ends` are the places where columns
/// end, in order: a block of the frame never mixes large columns, as what is frequent in one is rare
/// in another.
pub(super) fn deflate_columns(body: &[u8], ends: &[usize], dictionary: Option<&Dictionary>) -> Vec<u8> {
    let frame = deflate_in_blocks(body, ends, dictionary).expect("memory takes every byte that zstd makes");
    frame.strip_prefix(&MAGIC).map(<[u8]>::to_vec).expect("every frame begins with the magic number")
}

fn deflate_in_blocks(body: &[u8], ends: &[usize], dictionary: Option<&Dictionary>) -> io::Result<Vec<u8>> {
    let mut encoder = match dictionary {
        Some(dictionary) => Encoder::with_prepared_dictionary(Vec::new(), dictionary.to_compress())?,
        None => Encoder::new(Vec::new(), LEVEL)?,
    };
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    encoder.include_contentsize(true)?;
    encoder.include_dictid(false)?;
    encoder.include_checksum(false)?;
    let mut begun = 0;
    let mut written = 0;
    for &end in ends {
        // Small columns share their tables; a large one begins a block, and the next after it too.
        if end - written >= OWN_TABLES {
            if written > begun {
                encoder.flush()?;
            }
            encoder.write_all(&body[written..end])?;
            encoder.flush()?;
            begun = end;
        } else {
            encoder.write_all(&body[written..end])?;
        }
        written = end;
    }
    encoder.write_all(&body[written..])?;
    encoder.finish()
}

/// Opens the frame of columns.
pub(super) fn inflate_columns(body: &[u8], dictionary: Option<&Dictionary>) -> Result<Vec<u8>, PackError> {
    inflate(&[&MAGIC, body].concat(), dictionary)
}

/// Inflates exactly one zstd frame that says how large it is and is not larger than it says.
pub(super) fn inflate(frame: &[u8], dictionary: Option<&Dictionary>) -> Result<Vec<u8>, PackError> {
    let size = match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) => usize::try_from(size).map_err(|_| PackError::TooLarge)?,
        Ok(None) | Err(_) => return Err(PackError::Malformed),
    };
    if size > limits::PACK_INFLATED_BYTES {
        return Err(PackError::TooLarge);
    }
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(PackError::Malformed);
    }
    let inflated = match dictionary {
        Some(dictionary) => bulk::Decompressor::with_prepared_dictionary(dictionary.to_decompress())
            .and_then(|mut decompressor| decompressor.decompress(frame, size)),
        None => bulk::decompress(frame, size),
    }
    .map_err(|_| PackError::Malformed)?;
    if inflated.len() == size { Ok(inflated) } else { Err(PackError::Malformed) }
}
