//! Bodies in CBOR: written without failing, read within limits.

use std::{fmt, marker::PhantomData, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned},
};

use super::{EnrolAnswer, EnrolRequest, ErrorAnswer, ErrorCode, PROTOCOL, SyncAnswer, SyncRequest, limits};

/// Protocol versions that this code reads: its own and the two before.
pub const SUPPORTED: RangeInclusive<u16> = oldest_beside(PROTOCOL)..=PROTOCOL;

/// The oldest version that is spoken beside this one. Versions are counted from 1.
const fn oldest_beside(newest: u16) -> u16 {
    if newest > 3 { newest - 2 } else { 1 }
}

/// Why a body was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// More bytes or more items than allowed.
    #[error("the body is larger than allowed: send less at once")]
    TooLarge,
    /// Not the message that was expected, nested too deep, or followed by more bytes.
    #[error("the body is not a well-formed message")]
    Malformed,
    /// A version of the protocol that this code does not read.
    #[error("the body has protocol version {0}, which is not supported: update the app or the server")]
    UnsupportedProtocol(u64),
}

impl DecodeError {
    /// The code of the answer to a request that could not be read.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge => ErrorCode::TooLarge,
            Self::Malformed => ErrorCode::Malformed,
            Self::UnsupportedProtocol(_) => ErrorCode::UnsupportedProtocol,
        }
    }
}

/// A body of its own on the wire, with the limits that hold for it.
pub trait Message: Serialize + DeserializeOwned {
    /// Most bytes of the body.
    const MAX_BYTES: usize;
    /// Whether the body starts with a protocol version.
    const VERSIONED: bool = true;
    /// Whether its lists are as short as they have to be.
    fn within_limits(&self) -> bool {
        true
    }
}

impl Message for SyncRequest {
    const MAX_BYTES: usize = limits::REQUEST_BYTES;
    fn within_limits(&self) -> bool {
        self.openings.len() <= limits::OPENINGS
            && self.backfills.len() <= limits::BACKFILLS
            && self.repair.as_ref().is_none_or(|repair| repair.within_limits())
    }
}

impl Message for SyncAnswer {
    const MAX_BYTES: usize = limits::ANSWER_BYTES;
}

impl Message for EnrolRequest {
    const MAX_BYTES: usize = limits::ENROL_BYTES;
}

impl Message for EnrolAnswer {
    const MAX_BYTES: usize = limits::ENROL_BYTES;
}

impl Message for ErrorAnswer {
    const MAX_BYTES: usize = limits::ENROL_BYTES;
    const VERSIONED: bool = false;
}

/// Writes a value as CBOR.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    ciborium::into_writer(value, &mut bytes).expect("memory takes every byte, and derived types every value");
    bytes
}

/// Reads one CBOR value of at most [`limits::ANSWER_BYTES`] and [`limits::CBOR_DEPTH`] levels.
/// Keys that this version does not know are passed over.
///
/// # Errors
/// [`DecodeError::TooLarge`] or [`DecodeError::Malformed`]; bytes after the value are malformed too.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_within(bytes, limits::ANSWER_BYTES)
}

/// Reads the body of a message: checks its size, then its protocol version (so that another version
/// is recognised even where everything else about it differs), then the message itself.
///
/// # Errors
/// [`DecodeError::UnsupportedProtocol`] for a version outside [`SUPPORTED`]; otherwise as [`decode`].
pub fn decode_message<T: Message>(bytes: &[u8]) -> Result<T, DecodeError> {
    if T::VERSIONED {
        let Versioned { protocol } = decode_within(bytes, T::MAX_BYTES)?;
        if !u16::try_from(protocol).is_ok_and(|version| SUPPORTED.contains(&version)) {
            return Err(DecodeError::UnsupportedProtocol(protocol));
        }
    }
    let message: T = decode_within(bytes, T::MAX_BYTES)?;
    if message.within_limits() { Ok(message) } else { Err(DecodeError::TooLarge) }
}

/// The part of a message that no version may change.
#[derive(Deserialize)]
struct Versioned {
    #[serde(rename = "p")]
    protocol: u64,
}

/// The rows of a pack, read as they come: the announced length is not trusted with memory, and
/// reading stops at the first row too many.
pub(super) struct Rows<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Taking<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Taking<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {} rows", limits::PACK_ENTRIES)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = seq.next_element()? {
                    if rows.len() == limits::PACK_ENTRIES {
                        return Err(de::Error::invalid_length(rows.len() + 1, &self));
                    }
                    rows.push(row);
                }
                Ok(rows)
            }
        }
        d.deserialize_seq(Taking(PhantomData)).map(Self)
    }
}

/// Reads one CBOR value of at most `most` bytes, and nothing after it.
pub(super) fn decode_within<T: DeserializeOwned>(bytes: &[u8], most: usize) -> Result<T, DecodeError> {
    if bytes.len() > most {
        return Err(DecodeError::TooLarge);
    }
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, limits::CBOR_DEPTH)
        .map_err(|_| DecodeError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::oldest_beside;

    #[test]
    fn a_version_and_the_two_before_are_spoken() {
        assert_eq!([1, 2, 3, 4, 5, 60].map(oldest_beside), [1, 1, 1, 2, 3, 58]);
    }
}
