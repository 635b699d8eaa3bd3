//! Repair: finding out by group what two sides hold, where the server does not know a phone's place.
//!
//! The phone compares tallies of its groups, gets a list of those that differ, fetches what it lacks, and
//! brings what the server lacks. Changes of others it *relays*: they are taken where a head that the server
//! signed before covers them. Each request stands for itself: the server keeps nothing between two.

use serde::{Deserialize, Serialize};

use super::{Cursor, Verdict, limits, pack::Pack};
use crate::{
    ids::GroupId,
    tally::{EntryName, Tally, heads::SignedHead},
    time::Millis,
};

/// What a phone asks and brings in one step of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepairRequest {
    /// The head that the server named when the repair began; absent at first.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Cursor>,
    /// The head that the server named in its last answer to the repair; absent at first. A server that was
    /// restored once more meanwhile does not know it.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Cursor>,
    /// The repair began because tallies differed at one place: a fault that the server counts. Said once.
    #[serde(rename = "w", default, skip_serializing_if = "is_false")]
    pub mismatch: bool,
    /// Groups to compare.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// Groups whose entries are to be listed.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListFrom>,
    /// Numbers of entries to be sent, ascending.
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<u64>,
    /// What covers the relayed changes: one proof for each of their groups.
    #[serde(rename = "y", default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// Relayed changes, as feed entries in rows, in the order in which they stand on each other.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Pack>,
}

impl RepairRequest {
    /// Whether its lists are as short as they have to be.
    #[must_use]
    pub fn within_limits(&self) -> bool {
        let compared = self.compare.as_ref().map_or(0, |compare| compare.groups.len());
        compared <= limits::REPAIR_GROUPS
            && self.lists.len() <= limits::REPAIR_GROUPS
            && self.proofs.len() <= limits::REPAIR_GROUPS
            && self.wanted.len() <= limits::REPAIR_WANTED
    }
}

/// A range of groups, by id, and what the phone holds of each in it. One that is not listed it does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Compare {
    /// The range begins after this group; absent: with the first.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<GroupId>,
    /// It ends with this one; absent: with the last.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<GroupId>,
    /// The groups in it, ascending.
    #[serde(rename = "g", default)]
    pub groups: Vec<GroupTally>,
}

/// What one side holds of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTally {
    /// The group.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// Its entries under their numbers.
    #[serde(rename = "t")]
    pub tally: Tally,
}

/// A group to list, from a place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFrom {
    /// The group.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// Entries after this number.
    #[serde(rename = "a")]
    pub after: u64,
}

/// That a set of entries was in the feed once: a signed head, and the names that it commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The head.
    #[serde(rename = "s")]
    pub signed: SignedHead,
    /// All names, 32 bytes each, ascending.
    #[serde(rename = "n", with = "serde_bytes")]
    pub names: Vec<u8>,
}

impl Proof {
    /// The names; `None` unless they are as many as the head says, ascending, each once, and those that it
    /// commits to. The signature is another matter, and looked at before: this costs work for each name.
    #[must_use]
    pub fn names(&self) -> Option<Vec<EntryName>> {
        let (names, rest) = self.names.as_chunks::<32>();
        if !rest.is_empty() || u64::try_from(names.len()).ok()? != self.signed.head.count {
            return None;
        }
        let names: Vec<EntryName> = names.iter().copied().map(EntryName).collect();
        if !names.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let commitment = crate::tally::Commitment::default().with(&names)?;
        (commitment == self.signed.head.commitment).then_some(names)
    }
}

/// What a server says in one step of a repair. Entries that were wanted, and the control entries that tell
/// how access stands, come in the answer's pack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepairAnswer {
    /// The head of the feed when the repair began: the phone stands there once it is done.
    #[serde(rename = "h")]
    pub head: Cursor,
    /// The head of the feed after this step.
    #[serde(rename = "s")]
    pub seen: Cursor,
    /// The server does not know a head that was named: it was restored again, and so the repair begins
    /// again.
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub restart: bool,
    /// Groups of the range that are to be listed.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub differ: Vec<GroupId>,
    /// Lists, in the order asked for; those at the end may be left out.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<Listed>,
    /// How many of the wanted numbers are dealt with: they are in the pack, or not to be had any more.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub dealt_with: u32,
    /// One verdict per relayed change, in the order sent.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
}

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its number in the feed.
    pub number: u64,
    /// When the server received it.
    pub received_at: Millis,
    /// The first half of its name.
    pub name: [u8; 16],
}

/// Entries of a group, or of the part of it that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The group.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// Of each entry its number and the time of its receipt, 8 bytes little endian each, and the first 16 bytes
    /// of its name.
    #[serde(rename = "e", with = "serde_bytes")]
    pub entries: Vec<u8>,
    /// There are more, after the last of these.
    #[serde(rename = "m", default, skip_serializing_if = "is_false")]
    pub more: bool,
}

impl Listed {
    /// Bytes of one entry.
    pub const ENTRY: usize = 32;

    /// Adds an entry.
    pub fn push(&mut self, number: u64, received_at: Millis, name: &EntryName) {
        self.entries.extend(number.to_le_bytes());
        self.entries.extend(received_at.0.to_le_bytes());
        self.entries.extend(name.short());
    }

    /// The entries; `None` unless their numbers ascend and nothing is left over.
    #[must_use]
    pub fn read(&self) -> Option<Vec<ListedEntry>> {
        let (entries, rest) = self.entries.as_chunks::<{ Self::ENTRY }>();
        let mut read: Vec<ListedEntry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let number = u64::from_le_bytes(entry[..8].try_into().ok()?);
            let received_at = Millis(i64::from_le_bytes(entry[8..16].try_into().ok()?));
            if read.last().is_some_and(|before| before.number >= number) {
                return None;
            }
            read.push(ListedEntry { number, received_at, name: entry[16..].try_into().ok()? });
        }
        rest.is_empty().then_some(read)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
