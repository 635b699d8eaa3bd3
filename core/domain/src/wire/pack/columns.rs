//! The column form: what entries have in common is said once, what follows from the rest is left
//! out, and like stands beside like.
//!
//! A change that [`crate::guard::chunk`] reads is taken apart into its header and operations. Its
//! hash, its length and its encoding follow from those. What is left of the header is written as the
//! difference from what was to be expected after the changes before it in the pack (`model`); the
//! operations without their values are a *shape*, of which there are few (`shape`); the values go
//! into a lane for each field (`values`). Any other bytes are carried as they are. Control entries
//! are CBOR.

use super::{
    Common, DictionaryName, Entry, Pack, PackError, PackForm, dictionary,
    entry::{Parts, Receipt},
    frame,
};
use crate::{
    ids::{ChangeHash, GroupId, RecordId},
    wire::limits,
};

mod model;
mod read;
mod shape;
mod streams;
mod values;
mod write;

use read::Reader;
use streams::Body;
use write::Writer;

/// Up to this number of entries it is worth trying both ways of arranging the streams.
const FEW: usize = 24;

/// Packs entries; `None` where they do not open again as they are.
pub(super) fn pack<T: Entry>(
    entries: &[T],
    dictionary: Option<DictionaryName>,
    common: &Common<'_>,
) -> Option<Pack> {
    if entries.is_empty() {
        return None;
    }
    let (body, digest) = lay_out(entries, common, false);
    let mut best = compress(&body, dictionary);
    if entries.len() <= FEW {
        let (body, _) = lay_out(entries, common, true);
        let in_one = compress(&body, dictionary);
        if in_one.0.len() < best.0.len() {
            best = in_one;
        }
    }
    let (body, dictionary) = best;
    let entries_count = u32::try_from(entries.len()).ok()?;
    let pack = Pack { form: PackForm::Columns, entries: entries_count, digest, dictionary, body };
    unpack(&pack, common).is_ok_and(|opened: Vec<T>| opened == entries).then_some(pack)
}

/// Opens a pack.
pub(super) fn unpack<T: Entry>(pack: &Pack, common: &Common<'_>) -> Result<Vec<T>, PackError> {
    let count = frame::entries(pack)?;
    let dictionary = match pack.dictionary {
        Some(name) => Some(dictionary::named(name).ok_or(PackError::Unknown)?),
        None => None,
    };
    let body = frame::inflate_columns(&pack.body, dictionary)?;
    let mut reader = Reader::new(&body, common)?;
    let mut digest = Digest::default();
    let mut entries = Vec::new();
    for _ in 0..count {
        let (parts, hash) = reader.entry(T::RECEIVED)?;
        digest.add(&parts, hash);
        entries.push(T::from_parts(parts).ok_or(PackError::Malformed)?);
    }
    if !reader.is_empty() {
        return Err(PackError::Malformed);
    }
    if digest.finish() == pack.digest { Ok(entries) } else { Err(PackError::Digest) }
}

/// The body of a pack before it is compressed, with everything in one stream: what a dictionary is
/// trained on.
#[must_use]
pub fn body<T: Entry>(entries: &[T], common: &Common<'_>, in_one: bool) -> Vec<u8> {
    lay_out(entries, common, in_one).0.bytes
}

fn lay_out<T: Entry>(entries: &[T], common: &Common<'_>, in_one: bool) -> (Body, [u8; 16]) {
    let mut writer = Writer::new(common, in_one);
    let mut digest = Digest::default();
    for entry in entries {
        let parts = entry.parts();
        let hash = writer.entry(&parts);
        digest.add(&parts, hash);
    }
    (writer.finish(), digest.finish())
}

/// Compresses a body, with the dictionary if that makes it smaller.
fn compress(body: &Body, dictionary: Option<DictionaryName>) -> (Vec<u8>, Option<DictionaryName>) {
    let known = dictionary
        .filter(|_| body.bytes.len() <= dictionary::WORTH_BELOW)
        .and_then(|name| Some((name, dictionary::named(name)?)));
    let plain = frame::deflate_columns(&body.bytes, &body.ends, None);
    if let Some((name, dictionary)) = known {
        let with = frame::deflate_columns(&body.bytes, &[], Some(dictionary));
        // The name takes seven bytes in the envelope.
        if with.len() + 7 < plain.len() {
            return (with, Some(name));
        }
    }
    (plain, None)
}

/// Digest over entries as they come out of a pack.
#[derive(Default)]
struct Digest(blake3::Hasher);

impl Digest {
    /// Adds an entry; `hash` is that of its change, of raw bytes and of a control event the BLAKE3.
    fn add<B>(&mut self, parts: &Parts<'_, B>, hash: ChangeHash) {
        match parts {
            Parts::Change { group: GroupId(group), record: RecordId(record), receipt, .. } => {
                self.0.update(&[1]).update(group).update(record).update(&hash.0);
                if let Some(Receipt { seq, author, device, received_at }) = receipt {
                    self.0.update(&seq.to_le_bytes()).update(&author.0);
                    self.0.update(&received_at.0.to_le_bytes());
                    self.0.update(&[u8::from(device.is_some())]);
                    self.0.update(&device.map_or([0; 16], |device| device.0));
                }
            }
            Parts::Control { seq, at, event: _ } => {
                self.0.update(&[2]).update(&seq.to_le_bytes()).update(&at.0.to_le_bytes()).update(&hash.0);
            }
        }
    }

    fn finish(self) -> [u8; 16] {
        let mut digest = [0; 16];
        digest.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        digest
    }
}

/// The BLAKE3 of bytes that are not taken apart, in the place of a change's hash.
fn hash_of_raw(bytes: &[u8]) -> ChangeHash {
    ChangeHash(*blake3::hash(bytes).as_bytes())
}

/// What an entry is, in [`streams::Column::Kind`].
mod kind {
    /// A change, taken apart.
    pub(super) const CHANGE: u64 = 0;
    /// A change as it is.
    pub(super) const RAW: u64 = 1;
    /// A control entry.
    pub(super) const CONTROL: u64 = 2;
}

/// Longest value that a lane remembers, in bytes.
const REMEMBERED: usize = 64;

/// Most bytes that all changes of a pack may come to.
const MOST_BYTES: usize = limits::PACK_INFLATED_BYTES;
