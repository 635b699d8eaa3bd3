//! The classes of hostile changes that are known to make automerge panic, hang, take all memory, or
//! keep what it can never load again. None of them may pass, whatever record it is aimed at.

use alongside_domain::{
    guard::chunk::{self, Action, Change, Key, Object, Operation, Scalar, ScalarType},
    ids::{ActorId, ChangeHash},
    record::OpId,
    time::Millis,
    wire::limits,
};
use automerge::{AutoCommit, ROOT, transaction::Transactable};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::story::PEOPLE;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    CompressedChunk,
    DocumentChunk,
    BundleChunk,
    OperationBomb,
    InsertAfterNothing,
    PutOnNothing,
    UnknownActor,
    MissingObject,
    ValueAsObject,
    FieldOfText,
    ElementOfRoot,
    NumberSkipped,
    NumberTaken,
    ReplacesItsFuture,
    ReplacesNothing,
    IdsOfAnother,
    CounterTooLow,
    CounterNearItsEnd,
    TimeOutOfRange,
    WithoutDependencies,
    UnknownDependency,
    KeyTooLong,
}

impl Class {
    pub(crate) const ALL: [Self; 22] = [
        Self::CompressedChunk,
        Self::DocumentChunk,
        Self::BundleChunk,
        Self::OperationBomb,
        Self::InsertAfterNothing,
        Self::PutOnNothing,
        Self::UnknownActor,
        Self::MissingObject,
        Self::ValueAsObject,
        Self::FieldOfText,
        Self::ElementOfRoot,
        Self::NumberSkipped,
        Self::NumberTaken,
        Self::ReplacesItsFuture,
        Self::ReplacesNothing,
        Self::IdsOfAnother,
        Self::CounterTooLow,
        Self::CounterNearItsEnd,
        Self::TimeOutOfRange,
        Self::WithoutDependencies,
        Self::UnknownDependency,
        Self::KeyTooLong,
    ];

    /// A change of this class out of an honest one; `None` where that has nothing to make it of.
    pub(crate) fn made_of(self, honest: &[u8], random: &mut ChaCha8Rng) -> Option<Vec<u8>> {
        match self {
            Self::CompressedChunk => return Some(foreign_chunk(2, random)),
            Self::DocumentChunk => return Some(foreign_chunk(0, random)),
            Self::BundleChunk => return Some(foreign_chunk(3, random)),
            _ => {}
        }
        let mut change = chunk::parse(honest).unwrap();
        self.tamper(&mut change, random)?;
        let bytes = change.to_bytes();
        (bytes != honest).then_some(bytes)
    }

    fn tamper(self, change: &mut Change<'_>, random: &mut ChaCha8Rng) -> Option<()> {
        let last = change.operations.last()?.id;
        let made_up = OpId { counter: random.random_range(900..100_000), actor: last.actor };
        match self {
            Self::CompressedChunk | Self::DocumentChunk | Self::BundleChunk => return None,
            Self::OperationBomb => {
                let count = random.random_range(limits::CHANGE_OPERATIONS as usize + 1..60_000);
                let put = Operation {
                    object: Object::Root,
                    key: Key::Field("about"),
                    insert: false,
                    action: Action::Put,
                    value: NULL,
                    replaces: Vec::new(),
                    ..change.operations[0].clone()
                };
                change.operations = vec![put; count];
            }
            Self::InsertAfterNothing => {
                insertion(change, random)?.key = Key::Element(made_up);
            }
            Self::PutOnNothing => {
                let element = insertion(change, random)?;
                (element.insert, element.key) = (false, Key::Element(made_up));
            }
            Self::UnknownActor => {
                let operation = any(change, random);
                operation.replaces.push(OpId { actor: ActorId(random.random()), ..last });
                operation.replaces.sort_unstable_by_key(|id| (id.counter, id.actor));
            }
            Self::MissingObject => any(change, random).object = Object::Made(made_up),
            Self::ValueAsObject => {
                let value = field(change, random)?.id;
                insertion(change, random)?.object = Object::Made(value);
            }
            Self::FieldOfText => insertion(change, random)?.key = Key::Field("about"),
            Self::ElementOfRoot => {
                let operation = field(change, random)?;
                operation.key = *[Key::Head, Key::Element(made_up)].choose(random)?;
            }
            Self::NumberSkipped => change.header.seq += random.random_range(1..1 << 40),
            Self::NumberTaken => {
                change.header.seq = change.header.seq.checked_sub(1).filter(|seq| *seq > 0)?;
            }
            Self::ReplacesItsFuture => {
                let ahead = OpId { counter: last.counter + random.random_range(0..3), ..last };
                field(change, random)?.replaces = vec![ahead];
            }
            Self::ReplacesNothing => field(change, random)?.replaces = vec![made_up],
            Self::IdsOfAnother => {
                // As if another of the three had written it, with numbers that are taken or not yet due.
                let other = *PEOPLE
                    .iter()
                    .filter(|actor| **actor != last.actor)
                    .collect::<Vec<_>>()
                    .choose(random)?;
                change.header.actor = *other;
                change.header.start_op = change.header.start_op.checked_sub(1).filter(|first| *first > 0)?;
            }
            Self::CounterTooLow => {
                change.header.start_op = random.random_range(1..change.header.start_op.max(2));
                if change.header.deps.is_empty() {
                    return None;
                }
            }
            Self::CounterNearItsEnd => {
                change.header.start_op =
                    *[(1 << 32) - 10, limits::MAX_OP - 1, limits::MAX_OP, u64::MAX >> 1].choose(random)?;
            }
            Self::TimeOutOfRange => {
                let wrong = [i64::MIN, i64::MAX, limits::TIME_BOUND_MS + 1, -limits::TIME_BOUND_MS - 1];
                change.header.at = Millis(*wrong.choose(random)?);
            }
            Self::WithoutDependencies => {
                if change.header.deps.is_empty() {
                    return None;
                }
                change.header.deps.clear();
            }
            Self::UnknownDependency => {
                change.header.deps.push(ChangeHash(random.random()));
                change.header.deps.sort_unstable();
            }
            Self::KeyTooLong => any_field_key(change, random)?,
        }
        Some(())
    }
}

const NULL: Scalar<'static> = Scalar { kind: ScalarType::Null, bytes: &[] };

static LONG: [u8; limits::KEY_BYTES + 1] = [b'k'; limits::KEY_BYTES + 1];

fn any_field_key(change: &mut Change<'_>, random: &mut ChaCha8Rng) -> Option<()> {
    field(change, random)?.key = Key::Field(std::str::from_utf8(&LONG).unwrap());
    Some(())
}

fn any<'c, 'b>(change: &'c mut Change<'b>, random: &mut ChaCha8Rng) -> &'c mut Operation<'b> {
    let at = random.random_range(0..change.operations.len());
    &mut change.operations[at]
}

fn insertion<'c, 'b>(change: &'c mut Change<'b>, random: &mut ChaCha8Rng) -> Option<&'c mut Operation<'b>> {
    let all: Vec<_> = change.operations.iter_mut().filter(|operation| operation.insert).collect();
    let at = (!all.is_empty()).then(|| random.random_range(0..all.len()))?;
    all.into_iter().nth(at)
}

fn field<'c, 'b>(change: &'c mut Change<'b>, random: &mut ChaCha8Rng) -> Option<&'c mut Operation<'b>> {
    let is_field = |operation: &&mut Operation<'b>| {
        operation.action == Action::Put && matches!(operation.key, Key::Field(_))
    };
    let all: Vec<_> = change.operations.iter_mut().filter(is_field).collect();
    let at = (!all.is_empty()).then(|| random.random_range(0..all.len()))?;
    all.into_iter().nth(at)
}

/// A chunk that automerge takes and this system never writes: 0 a document, 2 a compressed change, 3 a
/// bundle.
fn foreign_chunk(kind: u8, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut document = AutoCommit::new();
    // Nothing but the same letter: what compression makes small.
    document.put(ROOT, "about", "a".repeat(random.random_range(2_000..200_000))).unwrap();
    document.commit();
    match kind {
        0 => document.save(),
        2 => document.get_changes(&[]).remove(0).bytes().into_owned(),
        _ => {
            let heads = document.get_heads();
            document.bundle(heads).unwrap().bytes().to_vec()
        }
    }
}
