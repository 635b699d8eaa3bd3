//! What can be wrong with a store.

use alongside_domain::{
    ids::{ActorId, DeviceId, GroupId, PersonId, RecordId},
    media::BlobHash,
};
use serde::Serialize;

/// One thing that is wrong. Numbers and ids only: nothing that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// The file itself does not hold together.
    #[error("the file is damaged: {what}")]
    Damaged {
        /// What does not fit, in SQLite's words.
        what: String,
    },
    /// Entries of the feed are gone.
    #[error("entries {first} to {last} of the feed are missing")]
    EntriesMissing {
        /// Number of the first that is gone.
        first: u64,
        /// Number of the last that is gone.
        last: u64,
    },
    /// An entry does not follow from those before it.
    #[error("the chain is broken at entry {seq}")]
    ChainBroken {
        /// Number of the entry.
        seq: u64,
    },
    /// An entry cannot be read.
    #[error("entry {seq} of the feed cannot be read")]
    EntryUnreadable {
        /// Number of the entry.
        seq: u64,
    },
    /// The bytes of a change do not have the hash, author or number that its row says.
    #[error("the change in entry {seq} is not the one that was written: its hash, actor or number differs")]
    ChangeAltered {
        /// Number of the entry.
        seq: u64,
        /// Its record.
        record: RecordId,
    },
    /// An entry would be sent to others than it is meant for.
    #[error("entry {seq} of the feed is addressed to others than its content says")]
    WrongAudience {
        /// Number of the entry.
        seq: u64,
    },
    /// A change comes from a person, installation or group that the feed did not name before.
    #[error("the change in entry {seq} comes from a person, phone or group that was not there")]
    UnknownOrigin {
        /// Number of the entry.
        seq: u64,
    },
    /// The numbers of an installation's changes of a record do not run from 1 without a gap.
    #[error("changes of record {record} by actor {actor} are missing: their numbers have a gap")]
    SequenceGap {
        /// The record.
        record: RecordId,
        /// The actor.
        actor: ActorId,
    },
    /// A record cannot be put together from its changes.
    #[error("record {record} does not load from its changes")]
    RecordDoesNotLoad {
        /// The record.
        record: RecordId,
    },
    /// A record says that it is another one, or belongs to another group, than its entries say.
    #[error("record {record} says that it is another record, or of another group, than its entries do")]
    RecordMisplaced {
        /// The record.
        record: RecordId,
    },
    /// An actor that wrote changes is bound to nobody.
    #[error("actor {actor} wrote changes and is bound to no phone and no server")]
    ActorUnbound {
        /// The actor.
        actor: ActorId,
    },
    /// A group's row or its links are not those of the feed.
    #[error("the row or the links of group {group} are not what the feed says")]
    GroupDiffers {
        /// The group.
        group: GroupId,
    },
    /// A group is marked as erased and the feed does not say so, or the other way round.
    #[error("whether group {group} was erased is not what the feed says")]
    ErasureDiffers {
        /// The group.
        group: GroupId,
    },
    /// A change of an erased group is still there.
    #[error("the change in entry {seq} belongs to group {group}, which was erased, and is still there")]
    NotErased {
        /// Number of the entry.
        seq: u64,
        /// The group.
        group: GroupId,
    },
    /// A grant is there that the feed does not know, or the other way round, or it ends elsewhere.
    #[error("what person {person} is granted of group {group} is not what the feed says")]
    GrantDiffers {
        /// The person.
        person: PersonId,
        /// The group.
        group: GroupId,
    },
    /// A person's row is not what the feed says.
    #[error("the row of person {person} is not what the feed says")]
    PersonDiffers {
        /// The person.
        person: PersonId,
    },
    /// An installation's row is not what the feed says.
    #[error("the row of phone {device} is not what the feed says")]
    DeviceDiffers {
        /// The installation.
        device: DeviceId,
    },
    /// What is counted of a group, and signed, is not what the feed has.
    #[error("what is counted of group {group} is not what the feed has: phones would repair for nothing")]
    HeadDiffers {
        /// The group.
        group: GroupId,
    },
    /// An attachment that was acknowledged is gone.
    #[error(
        "attachment {hash} of group {group} is missing: restore a backup that has it; phones that still have it \
         may send it again"
    )]
    AttachmentMissing {
        /// The group.
        group: GroupId,
        /// Its hash.
        hash: BlobHash,
    },
    /// An attachment has other bytes than its hash says.
    #[error("attachment {hash} of group {group} is not the one that was sent: restore a backup that has it")]
    AttachmentAltered {
        /// The group.
        group: GroupId,
        /// Its hash.
        hash: BlobHash,
    },
    /// A change names an attachment and it is not written down.
    #[error("the attachment that the change in entry {seq} names is not written down")]
    AttachmentNotNoted {
        /// Number of the entry.
        seq: u64,
    },
    /// It is written down that a record names an attachment, and none does.
    #[error("no change of group {group} names attachment {hash}, and it is written down that one does")]
    AttachmentNotNamed {
        /// The group.
        group: GroupId,
        /// Its hash.
        hash: BlobHash,
    },
    /// The control journal does not say what the feed says: after a restore, access would not be as it was.
    #[error("entry {seq} of the feed is not in the control journal: put the right journal back")]
    NotInJournal {
        /// Number of the entry.
        seq: u64,
    },
    /// The control journal is missing, damaged, or another store's.
    #[error("the control journal cannot be used ({what}): starting the server says what to do")]
    JournalUnusable {
        /// Why, as a stable word.
        what: String,
    },
    /// The pages show another state than the one the log gives.
    #[error("the pages' read model has {rows} rows that differ from one built afresh: delete its file")]
    PagesDiffer {
        /// How many rows only one of the two has.
        rows: u64,
    },
    /// The pages were made from entries that the feed does not have.
    #[error(
        "the pages' read model is ahead of the feed (at {pages}, the feed ends at {head}): delete its file"
    )]
    PagesAhead {
        /// Entry up to which the pages were made.
        pages: u64,
        /// Last entry of the feed.
        head: u64,
    },
    /// The pages cannot be read.
    #[error("the pages' read model cannot be read: delete its file")]
    PagesUnreadable,
}

impl Finding {
    /// Whether only attachments are wrong: records are sound.
    #[must_use]
    pub fn is_about_attachments(&self) -> bool {
        matches!(
            self,
            Self::AttachmentMissing { .. }
                | Self::AttachmentAltered { .. }
                | Self::AttachmentNotNoted { .. }
                | Self::AttachmentNotNamed { .. }
        )
    }

    /// Whether only the pages are wrong, which are made from the store and can be made again.
    #[must_use]
    pub fn is_about_pages(&self) -> bool {
        matches!(self, Self::PagesDiffer { .. } | Self::PagesAhead { .. } | Self::PagesUnreadable)
    }
}
