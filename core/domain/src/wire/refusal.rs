//! Why something is not accepted.

use serde::{Deserialize, Serialize};

/// Why something is not accepted. The wire carries the code; words are chosen where they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The bytes are not one plain change.
    Malformed,
    /// Too many bytes, operations, or too long a key or value.
    TooLarge,
    /// Number, counters or dependencies do not follow from its ancestors.
    OutOfOrder,
    /// It names an object, element or value that does not exist in its ancestors.
    DanglingReference,
    /// Its record, form or group is not what its first change says.
    WrongRoot,
    /// It made the document unreadable when tried on a copy.
    BreaksDocument,
    /// The person is not entitled to the group.
    NotEntitled,
    /// The actor belongs to another device.
    ForeignActor,
    /// The group does not exist.
    UnknownGroup,
    /// The form does not exist in the programme.
    UnknownForm,
    /// The kind of group cannot be opened so.
    BadOpening,
    /// The person's access ended before the change arrived, and the time for late work was over.
    AfterWithdrawal,
    /// The device was revoked before the change arrived.
    RevokedDevice,
    /// A coordinator looked at it and would not have it.
    ByCoordinator,
    /// A record of this kind cannot be changed once written.
    Immutable,
    /// It holds a restricted answer outside of the restricted group.
    Restricted,
    /// It changes an answer that the record's id follows from, or starts a record whose id does not.
    KeyFixed,
    /// No head that the server signed covers a change that another person or device wrote.
    NotCovered,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

impl Refusal {
    /// The reason as a stable word, as on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::OutOfOrder => "out_of_order",
            Self::DanglingReference => "dangling_reference",
            Self::WrongRoot => "wrong_root",
            Self::BreaksDocument => "breaks_document",
            Self::NotEntitled => "not_entitled",
            Self::ForeignActor => "foreign_actor",
            Self::UnknownGroup => "unknown_group",
            Self::UnknownForm => "unknown_form",
            Self::BadOpening => "bad_opening",
            Self::AfterWithdrawal => "after_withdrawal",
            Self::RevokedDevice => "revoked_device",
            Self::ByCoordinator => "by_coordinator",
            Self::Immutable => "immutable",
            Self::Restricted => "restricted",
            Self::KeyFixed => "key_fixed",
            Self::NotCovered => "not_covered",
            Self::Other => "other",
        }
    }

    /// The reason with this word; [`Refusal::Other`] for a word that this version does not know.
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        let word = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(code);
        Self::deserialize(word).unwrap_or(Self::Other)
    }
}
