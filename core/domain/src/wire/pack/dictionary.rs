//! Dictionaries that ship with the app: what packs of every device have in common, so that a pack
//! with one change in it need not say it. They are trained on generated records
//! (`cargo run -p alongside-domain --release --example train_dictionary`) and named by their hash:
//! who does not have the one that is named packs without.

use std::{fmt, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// First four bytes of the BLAKE3 of a dictionary. There are a handful of dictionaries ever, and a
/// wrong one is caught by the pack's digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DictionaryName(pub [u8; 4]);

impl fmt::Display for DictionaryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DictionaryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DictionaryName({self})")
    }
}

impl Serialize for DictionaryName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for DictionaryName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self(serde_bytes::ByteArray::<4>::deserialize(d)?.into_array()))
    }
}

/// Most bytes of a dictionary: it ships with the app.
pub const MOST_BYTES: usize = 16_000;

/// Bodies above this size say themselves what a dictionary could say, in bytes.
pub(super) const WORTH_BELOW: usize = 64 << 10;

/// zstd's level where a dictionary is used: bodies are small then, and the tables of the dictionary
/// are made once.
const LEVEL: i32 = 19;

/// A dictionary, ready to use.
pub(super) struct Dictionary {
    name: DictionaryName,
    compress: LazyLock<EncoderDictionary<'static>>,
    decompress: LazyLock<DecoderDictionary<'static>>,
}

impl Dictionary {
    pub(super) fn to_compress(&self) -> &EncoderDictionary<'static> {
        &self.compress
    }

    pub(super) fn to_decompress(&self) -> &DecoderDictionary<'static> {
        &self.decompress
    }
}

/// The name of a dictionary with these bytes.
#[must_use]
pub fn name_of(bytes: &[u8]) -> DictionaryName {
    let [a, b, c, d, ..] = *blake3::hash(bytes).as_bytes();
    DictionaryName([a, b, c, d])
}

macro_rules! dictionary {
    ($path:literal) => {{
        static BYTES: &[u8] = include_bytes!(concat!("../../../dictionaries/", $path));
        Dictionary {
            name: name_of(BYTES),
            compress: LazyLock::new(|| EncoderDictionary::copy(BYTES, LEVEL)),
            decompress: LazyLock::new(|| DecoderDictionary::copy(BYTES)),
        }
    }};
}

/// Every dictionary that this version opens packs with, the newest first. One that was shipped stays
/// for as long as a supported version packs with it.
static KNOWN: LazyLock<Vec<Dictionary>> = LazyLock::new(|| vec![dictionary!("small-packs-dad49e14.zdict")]);

/// The dictionary that this version names to its peers.
#[must_use]
pub fn newest() -> Option<DictionaryName> {
    KNOWN.first().map(|dictionary| dictionary.name)
}

/// The dictionary with this name.
pub(super) fn named(name: DictionaryName) -> Option<&'static Dictionary> {
    KNOWN.iter().find(|dictionary| dictionary.name == name)
}
