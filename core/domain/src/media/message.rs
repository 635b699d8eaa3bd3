//! What the server says of an attachment on its way up.

use serde::{Deserialize, Serialize};

use crate::wire::{Message, limits};

/// How much of an attachment the server holds: the answer to a piece of it, and to the question. Pieces
/// are taken in order, so what is held is one range from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobHeld {
    /// Protocol version.
    #[serde(rename = "p")]
    pub protocol: u16,
    /// Bytes held from the beginning: the next piece starts here.
    #[serde(rename = "h")]
    pub held: u64,
    /// Whether it is whole, has the hash that names it, and is durable.
    #[serde(rename = "w", default, skip_serializing_if = "is_false")]
    pub whole: bool,
    /// Whether a record at the server names it. Until then it is kept for a limited time only.
    #[serde(rename = "n", default, skip_serializing_if = "is_false")]
    pub named: bool,
}

impl Message for BlobHeld {
    const MAX_BYTES: usize = limits::ENROL_BYTES;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
