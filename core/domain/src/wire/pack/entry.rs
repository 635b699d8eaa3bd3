//! What can be packed by column: changes on their way to the server, and entries of the feed.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ids::{DeviceId, GroupId, PersonId, RecordId},
    time::Millis,
    wire::{ControlEvent, FeedEntry, PushedChange},
};

/// An entry of a pack. Implemented for [`PushedChange`] and [`FeedEntry`], and nothing else.
pub trait Entry: Serialize + DeserializeOwned + PartialEq + sealed::Sealed {}

impl Entry for PushedChange {}
impl Entry for FeedEntry {}

/// The parts of an entry.
#[derive(Debug)]
pub enum Parts<'a, B> {
    /// A change.
    Change {
        /// The group of the record.
        group: GroupId,
        /// The record.
        record: RecordId,
        /// What the server says of it.
        receipt: Option<Receipt>,
        /// The change chunk.
        bytes: B,
    },
    /// Something about access.
    Control {
        /// Feed number.
        seq: u64,
        /// When the server wrote it.
        at: Millis,
        /// What it says.
        event: Event<'a>,
    },
}

/// A control event, there already or just read.
#[derive(Debug)]
pub enum Event<'a> {
    /// There already.
    There(&'a ControlEvent),
    /// Just read.
    Read(ControlEvent),
}

/// What the server says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Feed number.
    pub seq: u64,
    /// The person who wrote it.
    pub author: PersonId,
    /// The installation.
    pub device: Option<DeviceId>,
    /// When the server received it.
    pub received_at: Millis,
}

pub(super) mod sealed {
    use super::Parts;

    /// Takes an entry apart and puts it together.
    pub trait Sealed: Sized {
        /// Whether entries of this kind carry a receipt.
        const RECEIVED: bool;
        /// The parts of the entry.
        fn parts(&self) -> Parts<'_, &[u8]>;
        /// The entry with these parts; `None` where it cannot have them.
        fn from_parts(parts: Parts<'_, Vec<u8>>) -> Option<Self>;
    }
}

impl sealed::Sealed for PushedChange {
    const RECEIVED: bool = false;

    fn parts(&self) -> Parts<'_, &[u8]> {
        Parts::Change { group: self.group, record: self.record, receipt: None, bytes: &self.bytes }
    }

    fn from_parts(parts: Parts<'_, Vec<u8>>) -> Option<Self> {
        match parts {
            Parts::Change { group, record, receipt: None, bytes } => Some(Self { group, record, bytes }),
            _ => None,
        }
    }
}

impl sealed::Sealed for FeedEntry {
    const RECEIVED: bool = true;

    fn parts(&self) -> Parts<'_, &[u8]> {
        match self {
            Self::Change { seq, group, record, author, device, received_at, bytes } => Parts::Change {
                group: *group,
                record: *record,
                receipt: Some(Receipt {
                    seq: *seq,
                    author: *author,
                    device: *device,
                    received_at: *received_at,
                }),
                bytes,
            },
            Self::Control { seq, at, event } => {
                Parts::Control { seq: *seq, at: *at, event: Event::There(event) }
            }
        }
    }

    fn from_parts(parts: Parts<'_, Vec<u8>>) -> Option<Self> {
        match parts {
            Parts::Change { group, record, receipt: Some(receipt), bytes } => {
                let Receipt { seq, author, device, received_at } = receipt;
                Some(Self::Change { seq, group, record, author, device, received_at, bytes })
            }
            Parts::Control { seq, at, event: Event::Read(event) } => Some(Self::Control { seq, at, event }),
            _ => None,
        }
    }
}
