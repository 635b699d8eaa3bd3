//! What two sides hold, counted instead of listed.
//!
//! An entry has a *name*: a hash of everything about it that never changes. A [`Tally`] is the count of
//! some entries and the sum of a hash of each, with its number in the feed and the time of its receipt: equal
//! tallies mean that the same entries stand there in the same way, wherever both sides are honest. A [`Commitment`] stands for
//! a set of names also towards somebody who is not: that is what a server signs ([`heads`]).

use curve25519_dalek::{RistrettoPoint, ristretto::CompressedRistretto, traits::Identity as _};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    time::Millis,
};

pub mod heads;

/// The name of a feed entry: where it stands, what it is, and who wrote it on which installation. Not its
/// number nor the time of its receipt: a server that was restored gives those anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(pub [u8; 32]);

impl EntryName {
    /// The name of a change of a record.
    #[must_use]
    pub fn of(
        group: GroupId,
        record: RecordId,
        change: &ChangeHash,
        author: PersonId,
        device: Option<DeviceId>,
    ) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("alongside 2026 name of an entry");
        hasher.update(&group.0).update(&record.0).update(&change.0).update(&author.0);
        hasher.update(&[u8::from(device.is_some())]);
        hasher.update(&device.map_or([0; 16], |device| device.0));
        Self(*hasher.finalize().as_bytes())
    }

    /// The first half: what a list names the entry by, where nobody gains by a collision.
    #[must_use]
    pub fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }

    fn numbered(&self, number: u64, received_at: Millis) -> u128 {
        let mut hasher = blake3::Hasher::new_derive_key("alongside 2026 entry under its number");
        hasher.update(&self.0).update(&number.to_le_bytes()).update(&received_at.0.to_le_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_le_bytes(bytes)
    }
}

/// How many entries, and the sum modulo 2^128 of a hash of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    #[serde(rename = "n")]
    pub count: u64,
    /// The sum, little endian.
    #[serde(rename = "s", with = "serde_bytes")]
    pub sum: [u8; 16],
}

impl Tally {
    /// Counts an entry under its number in the feed, received at this time.
    pub fn add(&mut self, name: &EntryName, number: u64, received_at: Millis) {
        self.count = self.count.wrapping_add(1);
        self.plus(name.numbered(number, received_at));
    }

    /// Counts an entry no longer that was counted so.
    pub fn remove(&mut self, name: &EntryName, number: u64, received_at: Millis) {
        self.count = self.count.wrapping_sub(1);
        self.plus(name.numbered(number, received_at).wrapping_neg());
    }

    /// Counts what another tally counts.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.wrapping_add(other.count);
        self.plus(u128::from_le_bytes(other.sum));
    }

    fn plus(&mut self, number: u128) {
        self.sum = u128::from_le_bytes(self.sum).wrapping_add(number).to_le_bytes();
    }
}

/// A set of names in 32 bytes, in whatever order they came: the sum of their points in Ristretto. Nobody can
/// find another set with the same sum without solving discrete logarithms, which a sum of plain hashes
/// does not promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Commitment(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl Default for Commitment {
    /// To no names at all.
    fn default() -> Self {
        Self(RistrettoPoint::identity().compress().to_bytes())
    }
}

impl Commitment {
    /// The commitment to these names beside what it stands for already; `None` where it is none.
    #[must_use]
    pub fn with<'a>(&self, names: impl IntoIterator<Item = &'a EntryName>) -> Option<Self> {
        let before = CompressedRistretto(self.0).decompress()?;
        let sum = names.into_iter().fold(before, |sum, name| sum + point(name));
        Some(Self(sum.compress().to_bytes()))
    }
}

fn point(name: &EntryName) -> RistrettoPoint {
    let mut hasher = blake3::Hasher::new_derive_key("alongside 2026 point of an entry");
    hasher.update(&name.0);
    let mut wide = [0; 64];
    hasher.finalize_xof().fill(&mut wide);
    RistrettoPoint::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u8) -> EntryName {
        EntryName::of(
            GroupId([1; 16]),
            RecordId([2; 16]),
            &ChangeHash([number; 32]),
            PersonId([4; 16]),
            Some(DeviceId([5; 16])),
        )
    }

    #[test]
    fn a_name_says_who_wrote_what_where() {
        let (group, record, change, author) =
            (GroupId([1; 16]), RecordId([2; 16]), ChangeHash([3; 32]), PersonId([4; 16]));
        let device = Some(DeviceId([5; 16]));
        let name = EntryName::of(group, record, &change, author, device);
        for other in [
            EntryName::of(GroupId([9; 16]), record, &change, author, device),
            EntryName::of(group, RecordId([9; 16]), &change, author, device),
            EntryName::of(group, record, &ChangeHash([9; 32]), author, device),
            EntryName::of(group, record, &change, PersonId([9; 16]), device),
            EntryName::of(group, record, &change, author, Some(DeviceId([0; 16]))),
            EntryName::of(group, record, &change, author, None),
        ] {
            assert_ne!(name, other);
        }
    }

    #[test]
    fn a_tally_tells_entries_and_numbers_and_not_their_order() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        for number in 1..=5 {
            one.add(&name(number), u64::from(number), Millis(5));
            two.add(&name(6 - number), u64::from(6 - number), Millis(5));
        }
        assert_eq!(one, two);
        two.remove(&name(3), 3, Millis(5));
        assert_ne!(one, two);
        for (number, received_at) in [(7, 5), (3, 6)] {
            let mut other = two;
            other.add(&name(3), number, Millis(received_at));
            assert_ne!(one, other, "the same entry under another number, or received at another time");
        }
        let mut all = Tally::default();
        all.merge(&one);
        all.merge(&one);
        assert_eq!(all.count, 10);
        for number in 1..=5 {
            one.remove(&name(number), u64::from(number), Millis(5));
        }
        assert_eq!(one, Tally::default());
    }

    #[test]
    fn a_commitment_stands_for_a_set_in_any_order() {
        let none = Commitment::default();
        let names: Vec<EntryName> = (1..=4).map(name).collect();
        let all = none.with(&names).unwrap();
        let mut step = none;
        for name in names.iter().rev() {
            step = step.with([name]).unwrap();
        }
        assert_eq!(step, all);
        assert_ne!(none.with(&names[..3]).unwrap(), all);
        assert_eq!(Commitment([0xff; 32]).with(&names), None, "not every 32 bytes are one");
    }

    #[test]
    fn what_is_computed_stays_what_it_is() {
        let mut tally = Tally::default();
        tally.add(&name(1), 7, Millis(1_425_391_800_000));
        let commitment = Commitment::default().with([&name(1)]).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        insta::assert_snapshot!(format!(
            "name {}\nsum {}\ncommitment {}",
            hex(&name(1).0),
            hex(&tally.sum),
            hex(&commitment.0)
        ));
    }
}
