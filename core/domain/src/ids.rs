//! Identifiers. All are 16 bytes; in text they are hyphenated UUIDs, on the wire plain bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Millis;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id: expected a UUID such as 0190f3b2-6c1e-7a41-9d0a-5b7c2f4e8a11")]
pub struct ParseIdError;

/// Why a text is not the hash of a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a change hash has 64 hexadecimal digits")]
pub struct ParseHashError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Makes an id that sorts by creation time (UUID version 7) from a time and ten random bytes.
            #[must_use]
            pub fn new(at: Millis, random: [u8; 10]) -> Self {
                let at = u64::try_from(at.0).unwrap_or(0);
                Self(*uuid::Builder::from_unix_timestamp_millis(at, &random).as_uuid().as_bytes())
            }

            /// Makes an id without a time in it (UUID version 4) from sixteen random bytes.
            #[must_use]
            pub fn random(random: [u8; 16]) -> Self {
                Self(*uuid::Builder::from_random_bytes(random).as_uuid().as_bytes())
            }

            /// Reads the id out of a byte slice; `None` unless it has 16 bytes.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                uuid::Uuid::parse_str(text.trim()).map(|id| Self(*id.as_bytes())).map_err(|_| ParseIdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    String::deserialize(d)?.parse().map_err(de::Error::custom)
                } else {
                    let bytes = serde_bytes::ByteArray::<16>::deserialize(d)?;
                    Ok(Self(bytes.into_array()))
                }
            }
        }
    };
}

id!(
    /// One record: one document.
    RecordId
);
id!(
    /// One group of records: the unit of access, sync scope, allocation and erasure.
    GroupId
);
id!(
    /// A person who uses the system: the author of changes.
    PersonId
);
id!(
    /// One installation enrolled at the server.
    DeviceId
);
id!(
    /// A partner organisation; each is its own data controller.
    PartnerId
);
id!(
    /// The automerge actor of one installation (or of one run of a server process).
    ActorId
);
id!(
    /// One person's records on one phone: a folder with a database of its own.
    ProfileId
);
id!(
    /// One filling-in of a form: made when the form is opened, so that a repeated save is one save.
    FormToken
);

impl RecordId {
    /// Makes an id (UUID version 8) from a hash: the same wherever it is made.
    #[must_use]
    pub fn derived(hash: [u8; 16]) -> Self {
        Self(*uuid::Builder::from_custom_bytes(hash).as_uuid().as_bytes())
    }

    /// Whether the id is worked out from a key, so that two phones may start the record apart.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        uuid::Uuid::from_bytes(self.0).get_version_num() == 8
    }
}

impl GroupId {
    /// Makes an id (UUID version 8) from a hash: the same wherever it is made.
    #[must_use]
    pub fn derived(hash: [u8; 16]) -> Self {
        Self(*uuid::Builder::from_custom_bytes(hash).as_uuid().as_bytes())
    }
}

/// The SHA-256 hash that names a change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash(pub [u8; 32]);

impl ChangeHash {
    /// Reads the hash out of a byte slice; `None` unless it has 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl FromStr for ChangeHash {
    type Err = ParseHashError;
    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let digits = text.trim().as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(ParseHashError);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ParseHashError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseHashError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeHash({self})")
    }
}

impl Serialize for ChangeHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for ChangeHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            Ok(Self(serde_bytes::ByteArray::<32>::deserialize(d)?.into_array()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = RecordId::new(Millis(1_425_391_800_000), [7; 10]);
        assert_eq!(id.to_string().parse::<RecordId>(), Ok(id));
        assert_eq!("not an id".parse::<RecordId>(), Err(ParseIdError));
    }

    #[test]
    fn ids_of_a_later_time_sort_later() {
        assert!(RecordId::new(Millis(1), [255; 10]) < RecordId::new(Millis(2), [0; 10]));
    }

    #[test]
    fn a_hash_reads_back_from_json() {
        let hash = ChangeHash([0xab; 32]);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<ChangeHash>(&json).unwrap(), hash);
        assert_eq!(hash.to_string().parse::<ChangeHash>(), Ok(hash));
        for bad in ["", "ab", &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(bad.parse::<ChangeHash>(), Err(ParseHashError), "{bad}");
        }
    }
}
