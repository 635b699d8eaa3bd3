//! Strict parser of raw change chunks, with no type of automerge in it.
//!
//! The layout is that of automerge's storage format
//! (<https://alexjg.github.io/automerge-storage-docs/#change-chunks>), narrowed to what this system
//! writes: one uncompressed change, operations on the root map and on text, in the one canonical
//! encoding. A chunk that parses is written again and has to come out byte for byte the same, so
//! nothing can hide in an encoding that another parser reads differently.

use sha2::{Digest, Sha256};

use crate::{
    ids::{ActorId, ChangeHash},
    record::OpId,
    time::Millis,
    wire::{Refusal, limits},
};

mod columns;
mod reader;
mod rows;
mod said;

pub use said::Said;

use reader::{Reader, write_counted, write_signed, write_unsigned};

/// First bytes of every chunk.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Type of an uncompressed change.
const CHANGE: u8 = 1;

/// Why a chunk was not taken for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Not one plain change in its canonical form.
    #[error("the bytes are not one plain change")]
    Malformed,
    /// More bytes, operations, dependencies, or a longer key, value or message than allowed.
    #[error("the change is larger than allowed")]
    TooLarge,
}

impl From<ChunkError> for Refusal {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Malformed => Self::Malformed,
            ChunkError::TooLarge => Self::TooLarge,
        }
    }
}

/// What a change says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// SHA-256 of its type, length and body.
    pub hash: ChangeHash,
    /// Who wrote it.
    pub actor: ActorId,
    /// Its number among the actor's changes of its document, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Counter of its last operation.
    pub max_op: u64,
    /// The time that the writer's clock claimed.
    pub at: Millis,
    /// The changes it was made on top of.
    pub deps: Vec<ChangeHash>,
    /// Length of its message, in bytes.
    pub message_len: usize,
    /// Number of its operations; at least 1.
    pub operations: u64,
}

/// A change, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// What it says of itself.
    pub header: Header,
    /// Its message: the circumstances, in compact text.
    pub message: &'a str,
    /// Its operations, in order.
    pub operations: Vec<Operation<'a>>,
}

/// The object that an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Object {
    /// The root map.
    Root,
    /// What this operation made.
    Made(OpId),
}

/// The place in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// A key of a map.
    Field(&'a str),
    /// The start of a text.
    Head,
    /// The element that this operation inserted.
    Element(OpId),
}

/// What an operation does, as far as this system writes it (automerge's action codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sets a value (1).
    Put,
    /// Removes a value (3).
    Delete,
    /// Makes a text (4).
    MakeText,
}

/// A value as it is encoded: a type code and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scalar<'a> {
    /// automerge's type code, see [`ScalarType`].
    pub kind: ScalarType,
    /// The bytes of the value.
    pub bytes: &'a [u8],
}

/// Type codes of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ScalarType {
    /// Nothing.
    Null = 0,
    /// `false`.
    False = 1,
    /// `true`.
    True = 2,
    /// Unsigned number.
    Unsigned = 3,
    /// Signed number.
    Signed = 4,
    /// Eight bytes of floating point.
    Float = 5,
    /// Text.
    Text = 6,
    /// Bytes.
    Bytes = 7,
    /// Milliseconds since 1970.
    Timestamp = 9,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<'a> {
    /// Its id: the change's actor, and one counter after the other.
    pub id: OpId,
    /// What it works on.
    pub object: Object,
    /// Where.
    pub key: Key<'a>,
    /// Whether it inserts a new element after `key`.
    pub insert: bool,
    /// What it does.
    pub action: Action,
    /// The value it sets; null for the other actions.
    pub value: Scalar<'a>,
    /// The operations whose values it replaces.
    pub replaces: Vec<OpId>,
}

/// The hash that names a change: SHA-256 over type, length and body of its chunk. `None` for bytes
/// too short to be a chunk. Nothing else about the bytes is checked.
#[must_use]
pub fn hash_of(chunk: &[u8]) -> Option<ChangeHash> {
    let named = chunk.get(8..).filter(|named| !named.is_empty())?;
    Some(ChangeHash(Sha256::digest(named).into()))
}

/// Parses one change.
///
/// # Errors
/// [`ChunkError`]; memory stays within a small multiple of [`limits::CHANGE_BYTES`].
pub fn parse(bytes: &[u8]) -> Result<Change<'_>, ChunkError> {
    if bytes.len() > limits::CHANGE_BYTES {
        return Err(ChunkError::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    if reader.take(4)? != MAGIC {
        return Err(ChunkError::Malformed);
    }
    let checksum = reader.take(4)?;
    let hash = hash_of(bytes).ok_or(ChunkError::Malformed)?;
    if checksum != &hash.0[..4] || reader.byte()? != CHANGE {
        return Err(ChunkError::Malformed);
    }
    let body = reader.counted()?;
    if !reader.is_empty() {
        return Err(ChunkError::Malformed);
    }
    let mut reader = Reader::new(body);
    let deps = read_deps(&mut reader)?;
    let actor = read_actor(&mut reader)?;
    let seq = reader.unsigned()?;
    let start_op = reader.unsigned()?;
    let at = reader.signed()?;
    let message = reader.counted()?;
    if message.len() > limits::MESSAGE_BYTES {
        return Err(ChunkError::TooLarge);
    }
    let message = std::str::from_utf8(message).map_err(|_| ChunkError::Malformed)?;
    let actors = read_actors(actor, &mut reader)?;
    if seq == 0 || start_op == 0 || at.unsigned_abs() > limits::TIME_BOUND_MS.unsigned_abs() {
        return Err(ChunkError::Malformed);
    }
    if start_op >= limits::MAX_OP {
        return Err(ChunkError::TooLarge);
    }
    let operations = rows::read(&mut reader, &actors, start_op)?;
    let count = operations.len() as u64;
    let max_op = start_op - 1 + count;
    if max_op >= limits::MAX_OP {
        return Err(ChunkError::TooLarge);
    }
    let header = Header {
        hash,
        actor,
        seq,
        start_op,
        max_op,
        at: Millis(at),
        deps,
        message_len: message.len(),
        operations: count,
    };
    let change = Change { header, message, operations };
    // Whatever reads in two ways is written in one.
    if change.to_bytes() == bytes { Ok(change) } else { Err(ChunkError::Malformed) }
}

impl Change<'_> {
    /// Writes the change as the one canonical chunk. The hash in the header is not used: it follows
    /// from the rest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        write_unsigned(&mut body, self.header.deps.len() as u64);
        for dep in &self.header.deps {
            body.extend_from_slice(&dep.0);
        }
        write_counted(&mut body, &self.header.actor.0);
        write_unsigned(&mut body, self.header.seq);
        write_unsigned(&mut body, self.header.start_op);
        write_signed(&mut body, self.header.at.0);
        write_counted(&mut body, self.message.as_bytes());
        rows::write(&mut body, self.header.actor, &self.operations);
        seal(&body)
    }
}

/// Makes the chunk of an uncompressed change out of its body, with a checksum that fits.
#[must_use]
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(body.len() + 14);
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&[0; 4]);
    chunk.push(CHANGE);
    write_counted(&mut chunk, body);
    let digest = Sha256::digest(&chunk[8..]);
    chunk[4..8].copy_from_slice(&digest[..4]);
    chunk
}

fn read_deps(reader: &mut Reader<'_>) -> Result<Vec<ChangeHash>, ChunkError> {
    let count = reader.size()?;
    if count > limits::DEPENDENCIES {
        return Err(ChunkError::TooLarge);
    }
    let mut deps = Vec::with_capacity(count);
    for _ in 0..count {
        deps.push(ChangeHash::from_slice(reader.take(32)?).ok_or(ChunkError::Malformed)?);
    }
    if deps.is_sorted_by(|a, b| a < b) { Ok(deps) } else { Err(ChunkError::Malformed) }
}

fn read_actor(reader: &mut Reader<'_>) -> Result<ActorId, ChunkError> {
    ActorId::from_slice(reader.counted()?).ok_or(ChunkError::Malformed)
}

/// The actors that operations refer to by number: the author, then the others.
fn read_actors(author: ActorId, reader: &mut Reader<'_>) -> Result<Vec<ActorId>, ChunkError> {
    let count = reader.size()?;
    if count > limits::DEPENDENCIES {
        return Err(ChunkError::TooLarge);
    }
    let mut actors = Vec::with_capacity(count + 1);
    actors.push(author);
    for _ in 0..count {
        actors.push(read_actor(reader)?);
    }
    Ok(actors)
}
