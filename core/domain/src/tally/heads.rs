//! What a server signs of its groups, so that it believes a phone later that shows it.
//!
//! The head of a group says how many entries it has and which. Each answer that brings entries carries the
//! heads of their groups under one signature, over the root of a hash tree: each head can be shown alone,
//! with its path to the root.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{Commitment, EntryName};
use crate::ids::GroupId;

/// Longest path from a head to the root: more heads than any answer has.
const LONGEST_PATH: usize = 32;

/// What is in a group, as its server counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHead {
    /// The group.
    #[serde(rename = "g")]
    pub group: GroupId,
    /// How many entries.
    #[serde(rename = "n")]
    pub count: u64,
    /// Which.
    #[serde(rename = "c")]
    pub commitment: Commitment,
    /// The sum of the names' first halves modulo 2^128, little endian: a phone compares it with its own
    /// without computing points. Whoever has to be convinced looks at the commitment.
    #[serde(rename = "s", with = "serde_bytes")]
    pub sum: [u8; 16],
}

impl GroupHead {
    /// The head of a group without entries.
    #[must_use]
    pub fn empty(group: GroupId) -> Self {
        Self { group, count: 0, commitment: Commitment::default(), sum: [0; 16] }
    }

    fn leaf(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("alongside 2026 head of a group");
        hasher.update(&self.group.0).update(&self.count.to_le_bytes());
        hasher.update(&self.commitment.0).update(&self.sum);
        *hasher.finalize().as_bytes()
    }
}

/// Adds a name to a sum of names.
pub fn sum_with(sum: &mut [u8; 16], name: &EntryName) {
    *sum = u128::from_le_bytes(*sum).wrapping_add(u128::from_le_bytes(name.short())).to_le_bytes();
}

/// Takes a name out of a sum of names.
pub fn sum_without(sum: &mut [u8; 16], name: &EntryName) {
    *sum = u128::from_le_bytes(*sum).wrapping_sub(u128::from_le_bytes(name.short())).to_le_bytes();
}

/// A server's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl PublicKey {
    /// The key that belongs to this secret one.
    #[must_use]
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }

    fn verifies(&self, root: &[u8; 32], heads: u32, signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(&message(root, heads), &Signature::from_bytes(signature)).is_ok()
        })
    }
}

/// Heads of groups under one signature, as an answer carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHeads {
    /// The heads.
    #[serde(rename = "h")]
    pub heads: Vec<GroupHead>,
    /// Ed25519 over the root of their tree.
    #[serde(rename = "s", with = "serde_bytes")]
    pub signature: [u8; 64],
}

impl SignedHeads {
    /// Signs heads; `None` where there are none.
    #[must_use]
    pub fn sign(heads: Vec<GroupHead>, key: &SigningKey) -> Option<Self> {
        let levels = levels(&heads);
        let root = levels.last()?.first()?;
        let signature = key.sign(&message(root, u32::try_from(heads.len()).ok()?)).to_bytes();
        Some(Self { heads, signature })
    }

    /// Each head with its path, for a phone to keep; `None` where the signature is not of this key.
    #[must_use]
    pub fn open(&self, key: &PublicKey) -> Option<Vec<SignedHead>> {
        let levels = levels(&self.heads);
        let of = u32::try_from(self.heads.len()).ok()?;
        if !key.verifies(levels.last()?.first()?, of, &self.signature) {
            return None;
        }
        let signed = self.heads.iter().enumerate().map(|(place, head)| SignedHead {
            head: *head,
            place: u32::try_from(place).unwrap_or(u32::MAX),
            of,
            path: path(&levels, place),
            signature: self.signature,
        });
        Some(signed.collect())
    }
}

/// One head, as a phone keeps it and shows it to a server that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// The head.
    #[serde(rename = "h")]
    pub head: GroupHead,
    /// Which of the heads under the signature it was, from 0.
    #[serde(rename = "i")]
    pub place: u32,
    /// How many those were.
    #[serde(rename = "o")]
    pub of: u32,
    /// The hashes beside its way to the root, from the bottom.
    #[serde(rename = "w", with = "hashes")]
    pub path: Vec<[u8; 32]>,
    /// Ed25519 over the root.
    #[serde(rename = "s", with = "serde_bytes")]
    pub signature: [u8; 64],
}

impl SignedHead {
    /// Whether one of these keys signed it.
    #[must_use]
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        self.root().is_some_and(|root| keys.iter().any(|key| key.verifies(&root, self.of, &self.signature)))
    }

    fn root(&self) -> Option<[u8; 32]> {
        let (mut place, mut of) = (self.place, self.of);
        if place >= of || self.path.len() > LONGEST_PATH {
            return None;
        }
        let mut hash = self.head.leaf();
        let mut path = self.path.iter();
        while of > 1 {
            // The last of an odd number has nothing beside it and goes up as it is.
            if place % 2 == 1 {
                hash = node(path.next()?, &hash);
            } else if place + 1 < of {
                hash = node(&hash, path.next()?);
            }
            (place, of) = (place / 2, of.div_ceil(2));
        }
        path.next().is_none().then_some(hash)
    }
}

fn message(root: &[u8; 32], heads: u32) -> Vec<u8> {
    [b"alongside heads of groups 1\n".as_slice(), root, &heads.to_le_bytes()].concat()
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("alongside 2026 node above heads");
    *hasher.update(left).update(right).finalize().as_bytes()
}

/// The tree from its leaves to its root.
fn levels(heads: &[GroupHead]) -> Vec<Vec<[u8; 32]>> {
    let mut levels = vec![heads.iter().map(GroupHead::leaf).collect::<Vec<_>>()];
    while let Some(last) = levels.last().filter(|last| last.len() > 1) {
        let above = last.chunks(2).map(|pair| match pair {
            [left, right] => node(left, right),
            alone => alone[0],
        });
        let above = above.collect();
        levels.push(above);
    }
    levels
}

fn path(levels: &[Vec<[u8; 32]>], mut place: usize) -> Vec<[u8; 32]> {
    let mut path = Vec::new();
    for level in levels {
        path.extend(level.get(place ^ 1).filter(|_| level.len() > 1));
        place /= 2;
    }
    path
}

/// Hashes as one byte string.
mod hashes {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(hashes: &[[u8; 32]], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&hashes.concat())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<[u8; 32]>, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(d)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() { Ok(hashes.to_vec()) } else { Err(D::Error::custom("not a row of hashes")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(number: u8) -> Vec<GroupHead> {
        (0..number).map(|n| GroupHead { count: u64::from(n), ..GroupHead::empty(GroupId([n; 16])) }).collect()
    }

    #[test]
    fn each_head_proves_itself_alone_whatever_their_number() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = PublicKey::of(&key);
        for number in 1..=17 {
            let signed = SignedHeads::sign(heads(number), &key).unwrap();
            let kept = signed.open(&public).unwrap();
            assert_eq!(kept.len(), usize::from(number));
            for one in &kept {
                assert!(one.is_signed_by(&[public]), "{number}");
                assert!(!one.is_signed_by(&[]));
                let mut more = one.clone();
                more.head.count += 1;
                assert!(!more.is_signed_by(&[public]));
                let mut elsewhere = one.clone();
                elsewhere.place = (one.place + 1) % (one.of + 1);
                assert!(!elsewhere.is_signed_by(&[public]));
                let mut longer = one.clone();
                longer.path.push([0; 32]);
                assert!(!longer.is_signed_by(&[public]));
            }
        }
        assert_eq!(SignedHeads::sign(Vec::new(), &key), None);
    }

    #[test]
    fn another_key_proves_nothing() {
        let signed = SignedHeads::sign(heads(3), &SigningKey::from_bytes(&[7; 32])).unwrap();
        let other = PublicKey::of(&SigningKey::from_bytes(&[8; 32]));
        assert_eq!(signed.open(&other), None);
        assert_eq!(signed.open(&PublicKey([0xff; 32])), None, "not every 32 bytes are a key");
        let own = PublicKey::of(&SigningKey::from_bytes(&[7; 32]));
        let kept = signed.open(&own).unwrap().remove(0);
        assert!(!kept.is_signed_by(&[other]));
        assert!(kept.is_signed_by(&[other, own]), "a key that was replaced is still believed");
    }
}
