//! The operations of a change, column by column.

use std::collections::{BTreeSet, HashMap};

use super::{
    Action, ChunkError, Key, Object, Operation, Scalar, ScalarType,
    columns::{read_booleans, read_deltas, read_runs, write_booleans, write_deltas, write_runs},
    reader::{Reader, write_counted, write_unsigned},
};
use crate::{ids::ActorId, record::OpId, wire::limits};

// Column specifications: column id << 4 | type. Bit 3 says "compressed" and is never set here.
const OBJECT_ACTOR: u64 = 0x01;
const OBJECT_COUNTER: u64 = 0x02;
const KEY_ACTOR: u64 = 0x11;
const KEY_COUNTER: u64 = 0x13;
const KEY_TEXT: u64 = 0x15;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const REPLACES_COUNT: u64 = 0x70;
const REPLACES_ACTOR: u64 = 0x71;
const REPLACES_COUNTER: u64 = 0x73;

/// All columns that an operation of ours uses, in the order in which they are written.
const COLUMNS: [u64; 12] = [
    OBJECT_ACTOR,
    OBJECT_COUNTER,
    KEY_ACTOR,
    KEY_COUNTER,
    KEY_TEXT,
    INSERT,
    ACTION,
    VALUE_META,
    VALUE,
    REPLACES_COUNT,
    REPLACES_ACTOR,
    REPLACES_COUNTER,
];

/// Most operations of one change, as a number of rows.
const MOST: usize = limits::CHANGE_OPERATIONS as usize;

/// The bytes of each column of [`COLUMNS`]; empty where it is absent.
struct Columns<'a>([&'a [u8]; COLUMNS.len()]);

impl<'a> Columns<'a> {
    /// Reads the specifications and then the columns, which have to fill the rest exactly.
    fn read(reader: &mut Reader<'a>) -> Result<Self, ChunkError> {
        let count = reader.size()?;
        if count > COLUMNS.len() {
            return Err(ChunkError::Malformed);
        }
        let mut present = Vec::with_capacity(count);
        for _ in 0..count {
            let spec = reader.unsigned()?;
            let at = COLUMNS.iter().position(|column| *column == spec).ok_or(ChunkError::Malformed)?;
            let length = reader.size()?;
            if length == 0 || present.last().is_some_and(|(before, _)| *before >= at) {
                return Err(ChunkError::Malformed);
            }
            present.push((at, length));
        }
        let mut columns = [[].as_slice(); COLUMNS.len()];
        for (at, length) in present {
            columns[at] = reader.take(length)?;
        }
        if reader.is_empty() { Ok(Self(columns)) } else { Err(ChunkError::Malformed) }
    }

    fn get(&self, spec: u64) -> &'a [u8] {
        COLUMNS.iter().position(|column| *column == spec).map_or(&[], |at| self.0[at])
    }
}

/// Reads all operations; the number of rows is that of the action column.
pub(super) fn read<'a>(
    reader: &mut Reader<'a>,
    actors: &[ActorId],
    start_op: u64,
) -> Result<Vec<Operation<'a>>, ChunkError> {
    let columns = Columns::read(reader)?;
    let actions = read_runs::<u64>(columns.get(ACTION), MOST)?;
    let count = actions.len();
    if count == 0 {
        return Err(ChunkError::Malformed);
    }
    let object_actors = full_or_absent(read_runs::<u64>(columns.get(OBJECT_ACTOR), count)?, count)?;
    let object_counters = full_or_absent(read_runs::<u64>(columns.get(OBJECT_COUNTER), count)?, count)?;
    let key_actors = full_or_absent(read_runs::<u64>(columns.get(KEY_ACTOR), count)?, count)?;
    let key_counters = full_or_absent(read_deltas(columns.get(KEY_COUNTER), count)?, count)?;
    let key_texts = full_or_absent(read_runs::<&str>(columns.get(KEY_TEXT), count)?, count)?;
    let inserts = read_booleans(columns.get(INSERT), count)?;
    let metas = read_runs::<u64>(columns.get(VALUE_META), count)?;
    let replaced = read_runs::<u64>(columns.get(REPLACES_COUNT), count)?;
    if inserts.len() != count || metas.len() != count || replaced.len() != count {
        return Err(ChunkError::Malformed);
    }
    let mut values = Reader::new(columns.get(VALUE));
    let mut replaces = Replaces::read(&columns, actors)?;

    let mut operations = Vec::with_capacity(count);
    for row in 0..count {
        let id = OpId { counter: start_op + row as u64, actor: actors[0] };
        let object = match (object_actors[row], object_counters[row]) {
            (None, None) => Object::Root,
            (Some(actor), Some(counter)) => Object::Made(op_id(actors, actor, counter)?),
            _ => return Err(ChunkError::Malformed),
        };
        let key = match (key_actors[row], key_counters[row], key_texts[row]) {
            (None, None, Some(text)) if text.len() > limits::KEY_BYTES => return Err(ChunkError::TooLarge),
            (None, None, Some(text)) if !text.is_empty() => Key::Field(text),
            (None, Some(0), None) => Key::Head,
            (Some(actor), Some(counter), None) => {
                let counter = u64::try_from(counter).map_err(|_| ChunkError::Malformed)?;
                Key::Element(op_id(actors, actor, counter)?)
            }
            _ => return Err(ChunkError::Malformed),
        };
        let action = match actions[row] {
            Some(1) => Action::Put,
            Some(3) => Action::Delete,
            Some(4) => Action::MakeText,
            _ => return Err(ChunkError::Malformed),
        };
        let value = read_value(metas[row].ok_or(ChunkError::Malformed)?, &mut values)?;
        let replaces = replaces.next(replaced[row].ok_or(ChunkError::Malformed)?)?;
        operations.push(Operation { id, object, key, insert: inserts[row], action, value, replaces });
    }
    if values.is_empty() && replaces.is_empty() { Ok(operations) } else { Err(ChunkError::Malformed) }
}

/// A column that is absent holds nothing but nulls; otherwise it has a value or null for each row.
fn full_or_absent<T: Clone>(mut rows: Vec<Option<T>>, count: usize) -> Result<Vec<Option<T>>, ChunkError> {
    if rows.is_empty() {
        rows.resize(count, None);
    }
    if rows.len() == count { Ok(rows) } else { Err(ChunkError::Malformed) }
}

fn op_id(actors: &[ActorId], actor: u64, counter: u64) -> Result<OpId, ChunkError> {
    let actor = usize::try_from(actor).ok().and_then(|at| actors.get(at)).ok_or(ChunkError::Malformed)?;
    if counter == 0 || counter >= limits::MAX_OP {
        return Err(ChunkError::Malformed);
    }
    Ok(OpId { counter, actor: *actor })
}

/// The ids of replaced operations, in the order of the rows that name them.
struct Replaces(std::vec::IntoIter<OpId>);

impl Replaces {
    fn read(columns: &Columns<'_>, actors: &[ActorId]) -> Result<Self, ChunkError> {
        let numbers = read_runs::<u64>(columns.get(REPLACES_ACTOR), limits::CHANGE_REPLACES)?;
        let counters = read_deltas(columns.get(REPLACES_COUNTER), limits::CHANGE_REPLACES)?;
        if numbers.len() != counters.len() {
            return Err(ChunkError::Malformed);
        }
        let ids: Result<Vec<_>, _> = numbers
            .into_iter()
            .zip(counters)
            .map(|pair| match pair {
                (Some(actor), Some(counter)) => {
                    op_id(actors, actor, u64::try_from(counter).map_err(|_| ChunkError::Malformed)?)
                }
                _ => Err(ChunkError::Malformed),
            })
            .collect();
        Ok(Self(ids?.into_iter()))
    }

    fn next(&mut self, count: u64) -> Result<Vec<OpId>, ChunkError> {
        let count = usize::try_from(count).map_err(|_| ChunkError::TooLarge)?;
        if count > self.0.len() {
            return Err(ChunkError::Malformed);
        }
        let ids: Vec<_> = self.0.by_ref().take(count).collect();
        if ids.is_sorted_by(|a, b| a < b) { Ok(ids) } else { Err(ChunkError::Malformed) }
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

fn read_value<'a>(meta: u64, values: &mut Reader<'a>) -> Result<Scalar<'a>, ChunkError> {
    let length = usize::try_from(meta >> 4).map_err(|_| ChunkError::TooLarge)?;
    if length > limits::VALUE_BYTES {
        return Err(ChunkError::TooLarge);
    }
    let bytes = values.take(length)?;
    let mut inside = Reader::new(bytes);
    let (kind, sound) = match meta & 0xf {
        0 => (ScalarType::Null, length == 0),
        1 => (ScalarType::False, length == 0),
        2 => (ScalarType::True, length == 0),
        3 => (ScalarType::Unsigned, inside.unsigned().is_ok() && inside.is_empty()),
        4 => (ScalarType::Signed, inside.signed().is_ok() && inside.is_empty()),
        // Not-a-number is unequal to itself, so nobody could say that it was kept.
        5 => (ScalarType::Float, <[u8; 8]>::try_from(bytes).is_ok_and(|le| !f64::from_le_bytes(le).is_nan())),
        6 => (ScalarType::Text, std::str::from_utf8(bytes).is_ok()),
        7 => (ScalarType::Bytes, true),
        9 => (ScalarType::Timestamp, inside.signed().is_ok() && inside.is_empty()),
        // 8 is a counter; the others do not exist yet.
        _ => return Err(ChunkError::Malformed),
    };
    if sound { Ok(Scalar { kind, bytes }) } else { Err(ChunkError::Malformed) }
}

/// Writes the other actors and the columns.
pub(super) fn write(out: &mut Vec<u8>, author: ActorId, operations: &[Operation<'_>]) {
    let others: BTreeSet<ActorId> =
        operations.iter().flat_map(mentioned).map(|id| id.actor).filter(|actor| *actor != author).collect();
    write_unsigned(out, others.len() as u64);
    for actor in &others {
        write_counted(out, &actor.0);
    }
    let numbers: HashMap<ActorId, u64> = std::iter::once(author).chain(others).zip(0..).collect();
    // Every actor that is mentioned has a number.
    let number = |id: &OpId| numbers.get(&id.actor).copied().unwrap_or_default();

    let mut columns: [Vec<u8>; COLUMNS.len()] = Default::default();
    let mut column = |spec: u64, write: &mut dyn FnMut(&mut Vec<u8>)| {
        if let Some(at) = COLUMNS.iter().position(|column| *column == spec) {
            write(&mut columns[at]);
        }
    };
    let objects = || operations.iter().map(|operation| made(operation.object));
    column(OBJECT_ACTOR, &mut |out| write_runs(&each(objects(), |id| id.as_ref().map(number)), out));
    column(OBJECT_COUNTER, &mut |out| write_runs(&each(objects(), |id| id.map(|id| id.counter)), out));
    let keys = || operations.iter().map(|operation| operation.key);
    column(KEY_ACTOR, &mut |out| {
        write_runs(
            &each(keys(), |key| if let Key::Element(id) = key { Some(number(&id)) } else { None }),
            out,
        );
    });
    column(KEY_COUNTER, &mut |out| write_deltas(&each(keys(), key_counter), out));
    column(KEY_TEXT, &mut |out| {
        write_runs(&each(keys(), |key| if let Key::Field(text) = key { Some(text) } else { None }), out);
    });
    column(INSERT, &mut |out| write_booleans(&each(operations.iter(), |operation| operation.insert), out));
    column(ACTION, &mut |out| {
        write_runs(&each(operations.iter(), |operation| Some(code(operation.action))), out);
    });
    column(VALUE_META, &mut |out| {
        write_runs(&each(operations.iter(), |operation| Some(meta(operation.value))), out);
    });
    column(VALUE, &mut |out| {
        operations.iter().for_each(|operation| out.extend_from_slice(operation.value.bytes));
    });
    column(REPLACES_COUNT, &mut |out| {
        write_runs(&each(operations.iter(), |operation| Some(operation.replaces.len() as u64)), out);
    });
    let replaces = || operations.iter().flat_map(|operation| &operation.replaces);
    column(REPLACES_ACTOR, &mut |out| write_runs(&each(replaces(), |id| Some(number(id))), out));
    column(REPLACES_COUNTER, &mut |out| {
        write_deltas(&each(replaces(), |id| Some(id.counter as i64)), out);
    });

    let present = || COLUMNS.iter().zip(&columns).filter(|(_, column)| !column.is_empty());
    write_unsigned(out, present().count() as u64);
    for (spec, column) in present() {
        write_unsigned(out, *spec);
        write_unsigned(out, column.len() as u64);
    }
    for (_, column) in present() {
        out.extend_from_slice(column);
    }
}

fn each<I: Iterator, T>(items: I, of: impl FnMut(I::Item) -> T) -> Vec<T> {
    items.map(of).collect()
}

fn made(object: Object) -> Option<OpId> {
    match object {
        Object::Root => None,
        Object::Made(id) => Some(id),
    }
}

fn key_counter(key: Key<'_>) -> Option<i64> {
    match key {
        Key::Field(_) => None,
        Key::Head => Some(0),
        Key::Element(id) => Some(id.counter as i64),
    }
}

fn mentioned<'a>(operation: &'a Operation<'_>) -> impl Iterator<Item = OpId> + 'a {
    let element = if let Key::Element(id) = operation.key { Some(id) } else { None };
    made(operation.object).into_iter().chain(element).chain(operation.replaces.iter().copied())
}

fn code(action: Action) -> u64 {
    match action {
        Action::Put => 1,
        Action::Delete => 3,
        Action::MakeText => 4,
    }
}

fn meta(value: Scalar<'_>) -> u64 {
    (value.bytes.len() as u64) << 4 | u64::from(value.kind as u8)
}
