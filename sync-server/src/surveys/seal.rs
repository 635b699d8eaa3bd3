//! Sealing what was not sent yet, and what else follows from the token of a link.

use chacha20poly1305::{
    ChaCha20Poly1305, Key, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};

use crate::store::StoreError;

const DRAFT: &str = "alongside 2026 key of the draft behind a link";
const RECORD: &str = "alongside 2026 record that is sent by a link";

/// Bytes of the nonce before the sealed text.
const NONCE: usize = 12;

fn cipher(token: &str) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::from(blake3::derive_key(DRAFT, token.as_bytes())))
}

/// Seals a draft for who has the token. `place` is bound to it: a draft cannot be put behind another link.
pub(super) fn seal(token: &str, place: &[u8], draft: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce: [u8; NONCE] = rand::random();
    let sealed = cipher(token)
        .encrypt(&Nonce::from(nonce), Payload { msg: draft, aad: place })
        .map_err(|_| StoreError::Unexpected("a draft could not be sealed".to_owned()))?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens a draft; `None` where there is none.
pub(super) fn open(token: &str, place: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    if sealed.is_empty() {
        return Ok(None);
    }
    let damaged = || StoreError::damaged("a draft behind a link cannot be opened");
    let (nonce, text) = sealed.split_at_checked(NONCE).ok_or_else(damaged)?;
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| damaged())?;
    let draft = cipher(token).decrypt(&Nonce::from(nonce), Payload { msg: text, aad: place });
    draft.map(Some).map_err(|_| damaged())
}

/// The random part of the id of the record that a link sends: the same each time, so that sending twice is
/// sending once; and it follows from the token, which nobody keeps: a record does not lead back to its link.
pub(super) fn record_bytes(token: &str) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&blake3::derive_key(RECORD, token.as_bytes())[..10]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_and_place_open_a_draft() {
        let sealed = seal("token", b"here", b"what was written").unwrap();
        assert_eq!(open("token", b"here", &sealed).unwrap().unwrap(), b"what was written");
        assert!(open("token", b"there", &sealed).is_err());
        assert!(open("other", b"here", &sealed).is_err());
        assert!(open("token", b"here", &sealed[..5]).is_err());
        assert_eq!(open("token", b"here", b"").unwrap(), None);
        assert!(!sealed.windows(4).any(|window| window == b"what"));
    }
}
