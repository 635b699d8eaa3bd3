//! Many changes or feed entries in one compressed body.
//!
//! The row form is a CBOR array of entries, then zstd. The column form ([`columns`]) lays the same
//! entries out by what they hold, leaves out what follows from the rest, and is rebuilt byte for
//! byte. Who packs opens the pack again before sending it and falls back to rows where it differs;
//! who cannot open a column form asks for rows ([`PackError::code`]).

use serde::{Deserialize, Serialize};

use super::{ErrorCode, features};
use crate::ids::{ActorId, ChangeHash, GroupId, RecordId};

pub mod columns;
pub mod dictionary;
mod entry;
mod frame;
mod rows;

pub use dictionary::DictionaryName;
pub use entry::Entry;
pub use rows::{pack_rows, unpack_rows};

/// A compressed body with a digest over what is inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// How the entries are laid out.
    #[serde(rename = "k")]
    pub form: PackForm,
    /// Number of entries.
    #[serde(rename = "n")]
    pub entries: u32,
    /// First 16 bytes of BLAKE3: over the uncompressed body of rows; of columns over the entries as
    /// they come out, each change by its hash.
    #[serde(rename = "h", with = "serde_bytes")]
    pub digest: [u8; 16],
    /// The dictionary that the body was compressed with.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<DictionaryName>,
    /// The compressed body: a zstd frame; of columns without its first four bytes, which are always
    /// the same.
    #[serde(rename = "z", with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// Layout of a pack's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackForm {
    /// A CBOR array of entries.
    #[serde(rename = "r")]
    Rows,
    /// Entries by column.
    #[serde(rename = "c")]
    Columns,
}

/// Why a pack was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// More bytes, entries or operations than allowed.
    #[error("the pack is larger than allowed: send less at once")]
    TooLarge,
    /// Not what its digest says.
    #[error("the pack does not match its digest: send it in the row form")]
    Digest,
    /// It names a dictionary, a change or an actor that is not known here.
    #[error("the pack builds on something that is not known here: send it in the row form")]
    Unknown,
    /// Not a pack of these entries.
    #[error("the pack is malformed: send it in the row form, or update the app")]
    Malformed,
}

impl PackError {
    /// The code of the answer to a request whose pack of this form could not be opened. What does not
    /// come out of columns, whatever the reason, its sender still has in rows.
    #[must_use]
    pub fn code(&self, form: PackForm) -> ErrorCode {
        match self {
            _ if form == PackForm::Columns => ErrorCode::Repack,
            Self::TooLarge => ErrorCode::TooLarge,
            Self::Digest | Self::Unknown => ErrorCode::Repack,
            Self::Malformed => ErrorCode::Malformed,
        }
    }
}

impl Pack {
    /// Whether nothing is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

/// How to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackOptions {
    /// The layout.
    pub form: PackForm,
    /// The dictionary that the other side has; one that this code does not have counts as none.
    pub dictionary: Option<DictionaryName>,
}

impl PackOptions {
    /// What suits a peer with these feature bits, which named this dictionary.
    #[must_use]
    pub fn for_peer(features: u32, dictionary: Option<DictionaryName>) -> Self {
        let form = if features & features::COLUMN_PACK == 0 { PackForm::Rows } else { PackForm::Columns };
        Self { form, dictionary: dictionary.filter(|_| features & features::DICTIONARY != 0) }
    }
}

/// What both sides know before a pack is opened, so that it need not be inside. What one side
/// assumes wrongly is caught by the digest and costs a repack, never a wrong change.
#[derive(Clone, Copy, Default)]
pub struct Common<'a> {
    /// The actor of the request, whichever way the pack goes.
    pub actor: Option<ActorId>,
    /// The changes that both sides hold under the same feed number.
    pub feed: Option<&'a dyn KnownFeed>,
}

impl std::fmt::Debug for Common<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common").field("actor", &self.actor).field("feed", &self.feed.is_some()).finish()
    }
}

/// A change in the server's feed, as both sides know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// Who wrote it.
    pub actor: ActorId,
    /// The record.
    pub record: RecordId,
    /// The record's group.
    pub group: GroupId,
}

/// The server's feed as far as both sides hold it. A change whose dependency stands in it is sent
/// with a number of one to four bytes instead of 64 bytes of hash, record and group.
///
/// The server answers from its own feed. A phone answers with the changes of which it holds both
/// the bytes and the number.
pub trait KnownFeed {
    /// The feed number of a change that the other side holds too.
    fn number(&self, change: &ChangeHash) -> Option<u64>;
    /// The change with this feed number.
    fn change(&self, number: u64) -> Option<KnownChange>;
}

/// Packs entries. The column form opens again to exactly these entries, or the pack is in the row
/// form. The caller keeps within [`super::limits::PACK_ENTRIES`] and
/// [`super::limits::PACK_INFLATED_BYTES`]; the other side refuses a larger pack.
#[must_use]
pub fn pack<T: Entry>(entries: &[T], options: PackOptions, common: &Common<'_>) -> Pack {
    let columns = match options.form {
        PackForm::Rows => None,
        PackForm::Columns => columns::pack(entries, options.dictionary, common),
    };
    columns.unwrap_or_else(|| pack_rows(entries))
}

/// Opens a pack of either form: checks sizes before inflating, every read, the digest, the number of
/// entries. Memory stays within a small multiple of [`super::limits::PACK_INFLATED_BYTES`].
///
/// The changes inside are as the sender had them. Whether they may touch a document is for
/// [`crate::guard`] to say.
///
/// # Errors
/// [`PackError::TooLarge`]; [`PackError::Digest`] and [`PackError::Unknown`] where the sender should
/// send the row form instead; [`PackError::Malformed`] otherwise.
pub fn unpack<T: Entry>(pack: &Pack, common: &Common<'_>) -> Result<Vec<T>, PackError> {
    match pack.form {
        PackForm::Rows => unpack_rows(pack),
        PackForm::Columns => columns::unpack(pack, common),
    }
}

/// Packs entries for a peer with these feature bits, which named this dictionary: columns where it
/// reads them, rows otherwise. See [`pack`].
#[must_use]
pub fn pack_entries<T: Entry>(
    entries: &[T],
    features: u32,
    dictionary: Option<DictionaryName>,
    common: &Common<'_>,
) -> Pack {
    pack(entries, PackOptions::for_peer(features, dictionary), common)
}

/// Opens a pack of either form. See [`unpack`].
///
/// # Errors
/// As [`unpack`].
pub fn unpack_entries<T: Entry>(pack: &Pack, common: &Common<'_>) -> Result<Vec<T>, PackError> {
    unpack(pack, common)
}
