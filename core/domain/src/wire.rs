//! What travels between phone and server: one CBOR envelope each way.
//!
//! `POST /v1/sync` takes a [`SyncRequest`] and gives a [`SyncAnswer`]; `POST /v1/enrol` takes an
//! [`EnrolRequest`] and gives an [`EnrolAnswer`]. Field names are short because a no-op has a budget.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    tally::{
        Tally,
        heads::{PublicKey, SignedHeads},
    },
    time::Millis,
};

pub mod codec;
pub mod limits;
#[cfg(test)]
mod listed;
pub mod pack;
mod refusal;
pub mod relatives;
pub mod repair;

pub use refusal::Refusal;

pub use codec::{DecodeError, Message, SUPPORTED, decode, decode_message, encode};

/// Version of the protocol this code speaks. A server takes this one and the two before.
pub const PROTOCOL: u16 = 1;

/// Media type of both bodies.
pub const MEDIA_TYPE: &str = "application/vnd.alongside.sync+cbor";

/// Feature bits: what the sender of a message understands beyond protocol 1 as it began.
pub mod features {
    /// Packs in the column form ([`super::pack::PackForm::Columns`]).
    pub const COLUMN_PACK: u32 = 1;
    /// Packs compressed with the dictionary that the message names.
    pub const DICTIONARY: u32 = 1 << 1;
    /// Tallies, signed heads and repair by group.
    pub const REPAIR: u32 = 1 << 2;
    /// All that this code understands.
    pub const ALL: u32 = COLUMN_PACK | DICTIONARY | REPAIR;
}

/// A place in the server's feed: its number, and the rolling hash of the feed up to there. A server
/// that was restored from a backup cannot show the hash that a device remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// Number of the last feed entry seen; 0 before the first.
    #[serde(rename = "n")]
    pub seq: u64,
    /// Rolling hash of the feed up to that entry.
    #[serde(rename = "h", with = "serde_bytes")]
    pub chain: [u8; 16],
}

/// A group whose older entries are still on their way to a device that was granted it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The group.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// Entries up to this number have arrived.
    #[serde(rename = "a")]
    pub after: u64,
    /// Entries from this number on arrive with the feed.
    #[serde(rename = "u")]
    pub until: u64,
}

/// What a phone sends: its place, and what the server lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Protocol version, see [`PROTOCOL`].
    #[serde(rename = "p")]
    pub protocol: u16,
    /// Feature bits that the sender understands.
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    pub features: u32,
    /// The dictionary that the sender opens packs with; absent for none. A name that the other side
    /// does not know counts as none.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<pack::DictionaryName>,
    /// Place in the feed.
    #[serde(rename = "c")]
    pub cursor: Cursor,
    /// The head that the server named last ([`SyncAnswer::head`]), where it is further than the cursor:
    /// up to there the phone counts its own changes as acknowledged, so a server that was restored to
    /// a place in between must not go on from the cursor as if nothing had happened.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Cursor>,
    /// Backfills under way.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<Backfill>,
    /// The highest feed number of an own change that the device holds as acknowledged: up to there
    /// the server leaves the device's own changes out.
    #[serde(rename = "o", default)]
    pub own_high: u64,
    /// The installation's actor.
    #[serde(rename = "a")]
    pub actor: ActorId,
    /// Groups that the phone opened.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub openings: Vec<GroupOpening>,
    /// Changes that the server lacks.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub push: Option<pack::Pack>,
    /// How many bytes of pull pack (compressed) the phone wants at most.
    #[serde(rename = "l")]
    pub limit: u32,
    /// How many changes wait on the phone after this request, for the sync board.
    #[serde(rename = "w", default)]
    pub waiting: u32,
    /// What the phone holds of its groups up to the cursor, under the feed's numbers. Absent where something
    /// is on its way to either side: then the answer's is compared.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
    /// The phone does not know the key that the server signs with.
    #[serde(rename = "k", default, skip_serializing_if = "is_false")]
    pub needs_key: bool,
    /// The phone wants to be told of relatives anew: once a day, and after groups have come or changed.
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub asks_relatives: bool,
    /// A step of a repair: instead of everything else.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Box<repair::RepairRequest>>,
}

/// A group that a phone opened, possibly offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOpening {
    /// The new group.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// Its kind, as the programme names it.
    #[serde(rename = "k")]
    pub kind: String,
    /// Groups it is linked to: being entitled to it brings them.
    #[serde(rename = "p", default)]
    pub parents: Vec<GroupId>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// Protocol version of the answer.
    #[serde(rename = "p")]
    pub protocol: u16,
    /// Feature bits of the server.
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    pub features: u32,
    /// The dictionary that the sender opens packs with; absent for none. A name that the other side
    /// does not know counts as none.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<pack::DictionaryName>,
    /// One verdict per opening, in the order sent.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub openings: Vec<OpeningVerdict>,
    /// One verdict per pushed change, in the order sent.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
    /// Feed entries for the phone.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<pack::Pack>,
    /// The phone's next place, once everything in this answer is durable.
    #[serde(rename = "c")]
    pub cursor: Cursor,
    /// The last entry of the server's feed, where it is further than the cursor.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Cursor>,
    /// Backfills still under way, once everything in this answer is durable.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<Backfill>,
    /// The server does not know a place that the phone named (it was restored from a backup): the
    /// phone starts from the first entry again and offers everything it has.
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub start_again: bool,
    /// Whether there is more to pull at once.
    #[serde(rename = "m", default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// The device was revoked: it sends what it still has, which is kept for a coordinator, is sent
    /// nothing, and stops once nothing waits on it.
    #[serde(rename = "x", default, skip_serializing_if = "is_false")]
    pub revoked: bool,
    /// The server's clock: where it accepted changes, when it received them.
    #[serde(rename = "t")]
    pub server_time: Millis,
    /// What the phone's groups hold up to the answer's cursor, where that is the end of the feed and nothing
    /// more is on its way.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
    /// The heads of the groups that this answer brings entries of, or took changes of.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<SignedHeads>,
    /// The server's public key, where the phone asked for it.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The phone is to repair: the server does not know a place that it named, or holds other entries up to
    /// the same place. Instead of [`SyncAnswer::start_again`], for phones that can.
    #[serde(rename = "a", default, skip_serializing_if = "is_false")]
    pub to_repair: bool,
    /// What a step of a repair came to.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Box<repair::RepairAnswer>>,
    /// The relatives, where the phone asked and nothing more is on its way; they replace what it was told before.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub relatives: Option<relatives::Relatives>,
}

/// What became of an opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpeningVerdict {
    /// The group exists, and the phone's person is entitled to it.
    Opened,
    /// The server will not have it, for this reason.
    Refused(Refusal),
    /// Kept apart for a coordinator, for this reason. Not to be sent again.
    Review(Refusal),
    /// The group was erased: the phone erases it too.
    Erased,
}

/// What became of a pushed change (design 6.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Durable, with this feed number.
    #[serde(rename = "a")]
    Accepted(u64),
    /// The server had it already, with this feed number.
    #[serde(rename = "h")]
    Have(u64),
    /// Changes it depends on are not here: send them.
    #[serde(rename = "m")]
    Missing(Vec<ChangeHash>),
    /// The actor has already written another change with this number: two installations share it.
    #[serde(rename = "f")]
    Fork {
        /// The actor.
        #[serde(rename = "a")]
        actor: ActorId,
        /// Its number.
        #[serde(rename = "s")]
        seq: u64,
    },
    /// The server will not have it, for this reason; the phone keeps and shows it.
    #[serde(rename = "x")]
    Refused(Refusal),
    /// Kept apart for a coordinator, for this reason. Not to be sent again; what stands on it is sent
    /// as it is.
    #[serde(rename = "q")]
    Review(Refusal),
    /// The group was erased: the phone erases it too.
    #[serde(rename = "e")]
    Erased,
    /// Not now: later, alone, smaller.
    #[serde(rename = "l")]
    Retry,
}

/// One entry of the feed as a phone receives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedEntry {
    /// A change of a record.
    #[serde(rename = "c")]
    Change {
        /// Feed number.
        #[serde(rename = "n")]
        seq: u64,
        /// The group of the record.
        #[serde(rename = "g")]
        group: GroupId,
        /// The record.
        #[serde(rename = "r")]
        record: RecordId,
        /// The person who wrote it, as the server checked.
        #[serde(rename = "w")]
        author: PersonId,
        /// The installation; absent for a change made at the server.
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        device: Option<DeviceId>,
        /// When the server received it.
        #[serde(rename = "t")]
        received_at: Millis,
        /// The change chunk.
        #[serde(rename = "b", with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// Something about access, written only by the server.
    #[serde(rename = "k")]
    Control {
        /// Feed number.
        #[serde(rename = "n")]
        seq: u64,
        /// When the server wrote it.
        #[serde(rename = "t")]
        at: Millis,
        /// What it says.
        #[serde(rename = "e")]
        event: ControlEvent,
    },
}

impl FeedEntry {
    /// The entry's feed number.
    #[must_use]
    pub fn seq(&self) -> u64 {
        match self {
            Self::Change { seq, .. } | Self::Control { seq, .. } => *seq,
        }
    }
}

/// What a control entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlEvent {
    /// A person of a partner: for names beside changes.
    #[serde(rename = "p")]
    Person {
        /// The person.
        #[serde(rename = "i")]
        person: PersonId,
        /// Work name.
        #[serde(rename = "n")]
        name: String,
        /// Role code.
        #[serde(rename = "r")]
        role: String,
        /// Partner.
        #[serde(rename = "o")]
        partner: PartnerId,
    },
    /// A group exists, linked to these groups.
    #[serde(rename = "g")]
    Group {
        /// The group.
        #[serde(rename = "g")]
        group: GroupId,
        /// Its kind.
        #[serde(rename = "k")]
        kind: String,
        /// Its partner.
        #[serde(rename = "o")]
        partner: PartnerId,
        /// Groups it is linked to.
        #[serde(rename = "p", default)]
        parents: Vec<GroupId>,
    },
    /// A person may see a group from now on; its older entries come by backfill.
    #[serde(rename = "y")]
    Grant {
        /// The person.
        #[serde(rename = "i")]
        person: PersonId,
        /// The group.
        #[serde(rename = "g")]
        group: GroupId,
    },
    /// A person may no longer see a group: the phone sends what it has of it, then erases it.
    #[serde(rename = "z")]
    Withdraw {
        /// The person.
        #[serde(rename = "i")]
        person: PersonId,
        /// The group.
        #[serde(rename = "g")]
        group: GroupId,
    },
    /// An installation was enrolled.
    #[serde(rename = "e")]
    Enrol {
        /// The installation.
        #[serde(rename = "d")]
        device: DeviceId,
        /// Its person.
        #[serde(rename = "i")]
        person: PersonId,
    },
    /// An installation was revoked.
    #[serde(rename = "x")]
    Revoke {
        /// The installation.
        #[serde(rename = "d")]
        device: DeviceId,
    },
    /// A group was erased: the server has destroyed what was in it, and whoever holds it does the same.
    /// Nothing of it is ever taken again.
    #[serde(rename = "w")]
    Erase {
        /// The group.
        #[serde(rename = "g")]
        group: GroupId,
        /// Why, as a code: nothing that a person wrote.
        #[serde(rename = "r")]
        reason: String,
    },
    /// A coordinator has decided on something of this person's that was kept apart for review.
    #[serde(rename = "v")]
    Reviewed {
        /// The person.
        #[serde(rename = "i")]
        person: PersonId,
        /// The group of the change, or that was to be opened.
        #[serde(rename = "g")]
        group: GroupId,
        /// The change; absent where the opening of the group was decided.
        #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
        change: Option<ChangeHash>,
        /// Why it was refused, as a code; absent where it was taken.
        #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
}

/// Most characters of a code that gives a reason.
pub const REASON_CODE: usize = 40;

/// Whether a text is a code that may stand for a reason: lower case letters, digits and `_`, a letter
/// first. Reasons go where an erasure does not reach, so nobody may write a sentence there.
#[must_use]
pub fn is_reason_code(text: &str) -> bool {
    text.len() <= REASON_CODE
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A change on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedChange {
    /// The group of the record.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// The record.
    #[serde(rename = "r")]
    pub record: RecordId,
    /// The change chunk.
    #[serde(rename = "b", with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What a new installation sends to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// Protocol version.
    #[serde(rename = "p")]
    pub protocol: u16,
    /// The one-time code, as typed or scanned.
    #[serde(rename = "c")]
    pub code: String,
    /// The installation's actor.
    #[serde(rename = "a")]
    pub actor: ActorId,
    /// What the person calls the device.
    #[serde(rename = "n")]
    pub device_name: String,
}

/// What a new installation gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// Protocol version.
    #[serde(rename = "p")]
    pub protocol: u16,
    /// The installation's id.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// Secret that the installation shows with each request; the server keeps only its hash.
    #[serde(rename = "t")]
    pub token: String,
    /// The person it belongs to.
    #[serde(rename = "i")]
    pub person: PersonId,
    /// The person's work name.
    #[serde(rename = "n")]
    pub name: String,
    /// The person's role code.
    #[serde(rename = "r")]
    pub role: String,
    /// The person's partner.
    #[serde(rename = "o")]
    pub partner: PartnerId,
    /// The programme's id and hash, so that the phone knows which package it needs.
    #[serde(rename = "g")]
    pub programme: (String, ChangeHash),
    /// The server's public key, with which it signs heads of groups; absent of a server that does not.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

/// Body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// Stable code.
    #[serde(rename = "c")]
    pub code: ErrorCode,
    /// What to do, in a sentence.
    #[serde(rename = "h")]
    pub help: String,
    /// For 429 and 503: seconds to wait.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// Why a request as a whole was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not the media type of the protocol.
    WrongMediaType,
    /// Larger than the server takes.
    TooLarge,
    /// Not a well-formed request (also: nested too deep).
    Malformed,
    /// The protocol version is not one the server speaks: update the app.
    UnsupportedProtocol,
    /// No token, or one that the server does not know: enrol again.
    NotEnrolled,
    /// The device was revoked: send nothing more, ask the coordinator.
    Revoked,
    /// The enrolment code is unknown, used or too old: ask for a new one.
    BadCode,
    /// Busy: try again after the time given.
    Busy,
    /// The pack does not match its digest: send it in the row form.
    Repack,
    /// The person is not entitled to the group.
    NotEntitled,
    /// The server does not have the group, or not yet.
    UnknownGroup,
    /// The group was erased.
    Erased,
    /// The server does not have the attachment, or not yet, or no record that the person may read names it.
    UnknownBlob,
    /// The piece does not follow on what the server holds: ask how much that is.
    WrongOffset,
    /// What arrived does not have the hash that names it, and was thrown away: send it again.
    WrongHash,
    /// The range asked for is not one of the attachment.
    BadRange,
    /// There is no room for more attachments of this group, or of this phone.
    OverQuota,
    /// The server's own fault; it kept a log entry.
    Internal,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
