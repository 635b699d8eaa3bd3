//! Attachments: files that a record names. The record holds a reference; the bytes travel apart from
//! records, and no record waits for them.
//!
//! A reference is kept as one text in its canonical form, so every version carries it along untouched:
//!
//! ```text
//! blake3:<64 hexadecimal digits>;<bytes>;<media type>;<consent scope>
//! ```

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    form::{Form, QuestionKind, Sensitivity},
    guard::chunk,
    ids::ParseHashError,
    value::Value,
};

mod message;

pub use message::BlobHeld;

/// Most bytes of one attachment. A server may allow less.
pub const MOST_BYTES: u64 = 100 << 20;
/// Longest media type, in bytes.
pub const MEDIA_TYPE_BYTES: usize = 80;
/// Longest code of a consent scope, in bytes.
pub const SCOPE_BYTES: usize = 40;

/// What every reference begins with.
const SCHEME: &str = "blake3:";

/// The BLAKE3 hash that names the content of an attachment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; 32]);

impl BlobHash {
    /// Reads the hash out of a byte slice; `None` unless it has 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash of this content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

impl FromStr for BlobHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        text.parse::<crate::ids::ChangeHash>().map(|hash| Self(hash.0))
    }
}

impl Serialize for BlobHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for BlobHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            Ok(Self(serde_bytes::ByteArray::<32>::deserialize(d)?.into_array()))
        }
    }
}

/// Hashes content that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct BlobHasher(blake3::Hasher);

impl BlobHasher {
    /// Takes in the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of everything that was taken in.
    #[must_use]
    pub fn finish(&self) -> BlobHash {
        BlobHash(*self.0.finalize().as_bytes())
    }
}

/// Why something is no reference to an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaRefError {
    /// Nothing, or more than is allowed.
    #[error("an attachment has between 1 and {MOST_BYTES} bytes")]
    Size,
    /// Not `type/subtype` in lower case, without parameters.
    #[error("a media type is written `image/jpeg`: in lower case, without parameters")]
    MediaType,
    /// Not a code.
    #[error("a consent scope is a code of capital letters, digits and `_`")]
    Scope,
    /// Not the canonical form.
    #[error("this is not the reference of an attachment: attach the file, and save what that gives")]
    Form,
}

impl MediaRefError {
    /// The error as a stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Size => "bad_size",
            Self::MediaType => "bad_media_type",
            Self::Scope => "bad_scope",
            Self::Form => "not_an_attachment",
        }
    }
}

/// What a record says of an attachment: its content by hash, how much it is and of which kind, and what
/// was agreed to when it was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaRef {
    hash: BlobHash,
    bytes: u64,
    media_type: String,
    scope: String,
}

impl MediaRef {
    /// A reference. `scope` is the code of the consent under which the attachment was made (domain.md
    /// 2, `consent_record.scope`).
    ///
    /// # Errors
    /// [`MediaRefError`] for a part that could not be read back.
    pub fn new(hash: BlobHash, bytes: u64, media_type: &str, scope: &str) -> Result<Self, MediaRefError> {
        check_size(bytes)?;
        check_labels(media_type, scope)?;
        Ok(Self { hash, bytes, media_type: media_type.to_owned(), scope: scope.to_owned() })
    }

    /// The reference that a value is; `None` for every other value.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        value.as_text()?.parse().ok()
    }

    /// The hash of its content.
    #[must_use]
    pub fn hash(&self) -> BlobHash {
        self.hash
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its media type, such as `image/jpeg`.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Code of the consent under which it was made.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The value that a record keeps.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    /// Kind and size for people: `image/jpeg, 1.2 MB`.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{}, {}", self.media_type, size_in_words(self.bytes))
    }
}

/// A number of bytes for people.
fn size_in_words(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// Checks how large an attachment is.
///
/// # Errors
/// [`MediaRefError::Size`].
pub fn check_size(bytes: u64) -> Result<(), MediaRefError> {
    if (1..=MOST_BYTES).contains(&bytes) { Ok(()) } else { Err(MediaRefError::Size) }
}

/// Checks media type and consent scope, before a file is read.
///
/// # Errors
/// [`MediaRefError::MediaType`], [`MediaRefError::Scope`].
pub fn check_labels(media_type: &str, scope: &str) -> Result<(), MediaRefError> {
    let word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'+' | b'-'))
    };
    let is_type = media_type.split_once('/').is_some_and(|(kind, sub)| word(kind) && word(sub));
    if !is_type || media_type.len() > MEDIA_TYPE_BYTES {
        return Err(MediaRefError::MediaType);
    }
    let is_code =
        scope.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if scope.is_empty() || scope.len() > SCOPE_BYTES || !is_code {
        return Err(MediaRefError::Scope);
    }
    Ok(())
}

impl fmt::Display for MediaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{};{};{};{}", self.hash, self.bytes, self.media_type, self.scope)
    }
}

impl FromStr for MediaRef {
    type Err = MediaRefError;

    /// Reads the canonical form and no other: the same attachment is always the same text.
    fn from_str(text: &str) -> Result<Self, MediaRefError> {
        let parts: Vec<&str> = text.strip_prefix(SCHEME).unwrap_or_default().split(';').collect();
        let [hash, bytes, media_type, scope] = parts.as_slice() else { return Err(MediaRefError::Form) };
        let hash = hash.parse().map_err(|_| MediaRefError::Form)?;
        let bytes = bytes.parse().map_err(|_| MediaRefError::Form)?;
        let read = Self::new(hash, bytes, media_type, scope)?;
        if read.to_string() == text { Ok(read) } else { Err(MediaRefError::Form) }
    }
}

/// The attachments that a change names, each with the key of its field. For changes whose bytes may be
/// anything: what cannot be read names nothing.
#[must_use]
pub fn named_in_change(bytes: &[u8]) -> Vec<(String, MediaRef)> {
    // Texts stand in a change as they are: nearly every change is passed over without being parsed.
    if !bytes.windows(SCHEME.len()).any(|window| window == SCHEME.as_bytes()) {
        return Vec::new();
    }
    let Ok(change) = chunk::parse(bytes) else { return Vec::new() };
    let named = change.said().edits.into_iter();
    named.filter_map(|edit| Some((edit.key, MediaRef::of(&edit.value)?))).collect()
}

/// The class of a field that holds attachments; `None` where the form does not have it, or asks for
/// something else there: then its text is no reference, whatever it looks like.
#[must_use]
pub fn class_of(form: &Form, key: &str) -> Option<Sensitivity> {
    let question = form.question_of_key(key)?;
    matches!(question.kind, QuestionKind::Media(_)).then_some(question.sensitivity)
}

#[cfg(test)]
mod tests;
