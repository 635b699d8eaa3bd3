//! Changes made wrong at random, and sealed again with a checksum that fits.

use alongside_domain::{
    guard::chunk::{self, Action, Change, Key, Object, Scalar, ScalarType},
    record::OpId,
    time::Millis,
};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::story::PEOPLE;

/// Mutates the body of a chunk byte by byte.
pub(crate) fn bytes(chunk: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let length = chunk[9..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let mut body = chunk[9 + length..].to_vec();
    for _ in 0..random.random_range(1..=3) {
        if body.is_empty() {
            break;
        }
        let at = random.random_range(0..body.len());
        match random.random_range(0..6) {
            0 => body[at] ^= 1 << random.random_range(0..8),
            1 => body[at] = random.random(),
            2 => body.insert(at, random.random()),
            3 => drop(body.remove(at)),
            4 => body[at] = body[at].wrapping_add(1),
            _ => {
                let end = (at + random.random_range(1..9)).min(body.len());
                body.copy_within(at..end, 0);
            }
        }
    }
    chunk::seal(&body)
}

/// Mutates what a change says, and writes it in the canonical form.
pub(crate) fn meaning(chunk: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut change = chunk::parse(chunk).unwrap();
    for _ in 0..random.random_range(1..=2) {
        once(&mut change, random);
    }
    change.to_bytes()
}

fn once(change: &mut Change<'_>, random: &mut ChaCha8Rng) {
    let id = |random: &mut ChaCha8Rng, near: u64| OpId {
        counter: near.saturating_add_signed(random.random_range(-12..3)).max(1),
        actor: *PEOPLE.choose(random).unwrap(),
    };
    let near = change.header.max_op;
    match random.random_range(0..10) {
        0 => change.header.seq = change.header.seq.saturating_add_signed(random.random_range(-1..2)),
        1 => {
            change.header.start_op =
                change.header.start_op.saturating_add_signed(random.random_range(-3..4)).max(1);
        }
        2 => change.header.actor = *PEOPLE.choose(random).unwrap(),
        3 => change.header.deps = change.header.deps.iter().skip(1).copied().collect(),
        4 => change.header.at = Millis(random.random()),
        _ if change.operations.is_empty() => {}
        5 => {
            let copy = change.operations.choose(random).unwrap().clone();
            change.operations.insert(random.random_range(0..=change.operations.len()), copy);
        }
        6 => drop(change.operations.remove(random.random_range(0..change.operations.len()))),
        _ => {
            let at = random.random_range(0..change.operations.len());
            let operation = &mut change.operations[at];
            match random.random_range(0..8) {
                0 => operation.object = Object::Made(id(random, near)),
                1 => operation.object = Object::Root,
                2 => operation.key = Key::Element(id(random, near)),
                3 => operation.key = Key::Field("about"),
                4 => operation.insert = !operation.insert,
                5 => {
                    operation.action =
                        *[Action::Put, Action::Delete, Action::MakeText].choose(random).unwrap();
                }
                6 => operation.replaces = (0..random.random_range(0..3)).map(|_| id(random, near)).collect(),
                _ => {
                    operation.value = *[
                        Scalar { kind: ScalarType::Null, bytes: &[] },
                        Scalar { kind: ScalarType::Text, bytes: b"x" },
                        Scalar { kind: ScalarType::Bytes, bytes: &[0; 16] },
                        Scalar { kind: ScalarType::Float, bytes: &[0xff; 8] },
                    ]
                    .choose(random)
                    .unwrap();
                }
            }
        }
    }
}
