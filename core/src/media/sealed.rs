//! A sealed file: pieces of the content, each encrypted and authenticated on its own, so that it is
//! written and read as a stream, and a file that was cut goes on from its last whole piece.
//!
//! Each piece is a random nonce, the ciphertext, the tag. Its place in the file is authenticated with it;
//! that the file is whole is known from its length and the hash of its content, which the database keeps
//! beside the key.

use std::io;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes of content in a piece: what a line must carry before it breaks for a fetch to move on at all.
pub(crate) const PIECE: usize = 16 << 10;
/// Bytes that sealing adds to a piece.
pub(crate) const OVERHEAD: usize = NONCE_LEN + 16;
/// Bytes of a whole sealed piece.
pub(crate) const SEALED: usize = PIECE + OVERHEAD;

/// The key of one file.
pub(crate) type FileKey = Zeroizing<[u8; 32]>;

/// Seals and opens the pieces of one file.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    pub(crate) fn new(key: &FileKey) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).expect("a key of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Seals a piece in place: `buffer` is the content on the way in, and what is written on the way out.
    pub(crate) fn seal(
        &self,
        place: u64,
        nonce: [u8; NONCE_LEN],
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.extend_from_slice(&nonce);
        let mut sealed = content.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(place), &mut sealed)
            .map_err(|_| io::Error::other("a piece of a file could not be sealed"))?;
        out.extend_from_slice(&sealed);
        Ok(())
    }

    /// Opens a sealed piece in place; `None` where it is not the piece that was sealed for this place.
    pub(crate) fn open<'a>(&self, place: u64, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        Some(self.0.open_in_place(nonce, aad(place), sealed).ok()?)
    }
}

fn aad(place: u64) -> Aad<[u8; 8]> {
    Aad::from(place.to_le_bytes())
}

/// Length of a sealed file with this much content.
pub(crate) fn sealed_length(bytes: u64) -> u64 {
    bytes + bytes.div_ceil(PIECE as u64) * OVERHEAD as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_opens_at_its_own_place_with_its_own_key_and_unchanged() {
        let (key, other) = (Zeroizing::new([1; 32]), Zeroizing::new([2; 32]));
        let sealer = Sealer::new(&key);
        let mut sealed = Vec::new();
        sealer.seal(7, [9; NONCE_LEN], b"a photo", &mut sealed).unwrap();
        assert_eq!(sealed.len() as u64, sealed_length(7));
        assert!(!sealed.windows(7).any(|window| window == b"a photo"));
        let open =
            |sealer: &Sealer, place, mut bytes: Vec<u8>| sealer.open(place, &mut bytes).map(<[u8]>::to_vec);
        assert_eq!(open(&sealer, 7, sealed.clone()).as_deref(), Some(&b"a photo"[..]));
        assert_eq!(open(&sealer, 8, sealed.clone()), None, "moved");
        assert_eq!(open(&Sealer::new(&other), 7, sealed.clone()), None, "another key");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&sealer, 7, changed), None, "byte {at} flipped");
            assert_eq!(open(&sealer, 7, sealed[..at].to_vec()), None, "cut at {at}");
        }
    }
}
