//! Rebuilds entries from columns. Nothing that is read is trusted: every place is looked up, every
//! length is within its stream, and what the entries come to is counted before it is built.

use super::{
    MOST_BYTES, hash_of_raw, kind,
    model::{Model, Origin, Past},
    shape::{self, KeyForm, Keys, ObjectForm, Replaced, Shape, object_after},
    streams::{Column, Source},
    values::{self, Here},
};
use crate::{
    guard::chunk::{Action, Change, Header, Key, Object, Operation, Scalar, ScalarType, hash_of},
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    record::OpId,
    time::Millis,
    wire::{
        codec, limits,
        pack::{
            Common, PackError,
            entry::{Event, Parts, Receipt},
        },
    },
};

/// Reads entries.
pub(super) struct Reader<'a> {
    common: Common<'a>,
    source: Source<'a>,
    model: Model<'a>,
    keys: Keys<'a>,
    values: values::Read<'a>,
    bytes_left: usize,
    operations_left: usize,
    lookups_left: usize,
}

/// An operation before its value is put in.
struct Plan {
    id: OpId,
    object: Object,
    key: KeyPlan,
    insert: bool,
    action: Action,
    replaces: Vec<OpId>,
}

/// A key, its field by place.
#[derive(Clone, Copy)]
enum KeyPlan {
    Field(usize),
    Head,
    Element(OpId),
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8], common: &Common<'a>) -> Result<Self, PackError> {
        Ok(Self {
            common: *common,
            source: Source::new(body)?,
            model: Model::default(),
            keys: Keys::default(),
            values: values::Read::default(),
            bytes_left: MOST_BYTES,
            operations_left: limits::PACK_OPERATIONS,
            lookups_left: limits::PACK_LOOKUPS,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The next entry, with the hash that the digest takes.
    pub(super) fn entry(&mut self, received: bool) -> Result<(Parts<'a, Vec<u8>>, ChangeHash), PackError> {
        match self.source.number(Column::Kind)? {
            kind::CHANGE => self.change(received),
            kind::RAW => self.raw(received),
            kind::CONTROL => {
                let (seq, at) = self.numbered()?;
                let bytes = self.source.counted(Column::Control)?;
                let event = codec::decode(bytes).map_err(|_| PackError::Malformed)?;
                let parts = Parts::Control { seq, at: Millis(at), event: Event::Read(event) };
                // As it was written: a newer version may have put more into it than is read here.
                Ok((parts, hash_of_raw(bytes)))
            }
            _ => Err(PackError::Malformed),
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PackError> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(PackError::TooLarge)?;
        Ok(())
    }

    fn raw(&mut self, received: bool) -> Result<(Parts<'a, Vec<u8>>, ChangeHash), PackError> {
        let receipt = self.receipt(received, None)?;
        let at = self.model.last_at;
        let record = self.record(None, at)?;
        let group = self.group(None, record, at)?;
        let bytes = self.source.counted(Column::Raw)?;
        self.spend(bytes.len())?;
        let parts = Parts::Change { group, record, receipt, bytes: bytes.to_vec() };
        Ok((parts, hash_of_raw(bytes)))
    }

    fn change(&mut self, received: bool) -> Result<(Parts<'a, Vec<u8>>, ChangeHash), PackError> {
        let actor = self.actor(Column::Actor, self.model.last_actor)?;
        self.model.last_actor = Some(actor);
        let receipt = self.receipt(received, Some(actor))?;
        let at = self.source.signed(Column::At)?.wrapping_add(self.model.expected_at(actor));
        self.model.claimed(actor, at);

        let (deps, origin) = self.dependencies()?;
        let record = self.record(origin.place.map(|place| place.0), at)?;
        let group = self.group(origin.place.map(|place| place.1), record, at)?;
        let seq = self.source.signed(Column::ActorSeq)?.cast_unsigned();
        let seq = seq.wrapping_add(self.model.expected_seq(&origin, actor));
        let start_op = self.source.signed(Column::StartOp)?.cast_unsigned();
        let start_op = start_op.wrapping_add(origin.max_op + 1);
        if start_op == 0 || start_op >= limits::MAX_OP {
            return Err(PackError::TooLarge);
        }
        let message = self.message()?;

        let (place, shape) = self.shape()?;
        let here = Here { at, record, group };
        let (plans, values) = self.operations(&shape, actor, start_op, &origin, here)?;
        let operations: Vec<_> = plans
            .into_iter()
            .zip(&values)
            .map(|(plan, (kind, bytes))| Operation {
                id: plan.id,
                object: plan.object,
                key: match plan.key {
                    KeyPlan::Field(place) => Key::Field(self.keys.name(place)),
                    KeyPlan::Head => Key::Head,
                    KeyPlan::Element(id) => Key::Element(id),
                },
                insert: plan.insert,
                action: plan.action,
                value: Scalar { kind: *kind, bytes },
                replaces: plan.replaces,
            })
            .collect();
        let count = operations.len() as u64;
        let header = Header {
            hash: ChangeHash([0; 32]),
            actor,
            seq,
            start_op,
            max_op: start_op + count - 1,
            at: Millis(at),
            deps,
            message_len: message.len(),
            operations: count,
        };
        let max_op = header.max_op;
        let bytes = Change { header, message, operations }.to_bytes();
        let hash = hash_of(&bytes).ok_or(PackError::Malformed)?;
        let parent = origin.parent;
        self.model.past.push(Past {
            hash,
            actor,
            record,
            group,
            seq,
            start_op,
            max_op,
            shape: place,
            parent,
        });
        Ok((Parts::Change { group, record, receipt, bytes }, hash))
    }

    fn numbered(&mut self) -> Result<(u64, i64), PackError> {
        let expected = self.model.last_number.wrapping_add(1);
        let seq = expected.wrapping_add(self.source.signed(Column::Number)?.cast_unsigned());
        self.model.last_number = seq;
        let at = self.source.signed(Column::ReceivedAt)?.wrapping_add(self.model.last_received);
        self.model.last_received = at;
        Ok((seq, at))
    }

    fn receipt(&mut self, received: bool, actor: Option<ActorId>) -> Result<Option<Receipt>, PackError> {
        if !received {
            return Ok(None);
        }
        let (seq, at) = self.numbered()?;
        let (expected_author, expected_device) = self.model.expected_author(actor);
        let author = match self.source.size(Column::Author)? {
            0 => expected_author.ok_or(PackError::Malformed)?,
            1 => {
                let author = PersonId(self.source.array(Column::Random)?);
                self.model.people.add(author);
                author
            }
            place => self.model.people.get(place - 2).ok_or(PackError::Malformed)?,
        };
        let device = match self.source.size(Column::Device)? {
            0 => expected_device.ok_or(PackError::Malformed)?,
            1 => None,
            2 => {
                let device = DeviceId(self.source.array(Column::Random)?);
                self.model.devices.add(device);
                Some(device)
            }
            place => Some(self.model.devices.get(place - 3).ok_or(PackError::Malformed)?),
        };
        self.model.attributed(actor, author, device);
        Ok(Some(Receipt { seq, author, device, received_at: Millis(at) }))
    }

    fn actor(&mut self, column: Column, expected: Option<ActorId>) -> Result<ActorId, PackError> {
        match self.source.size(column)? {
            0 => expected.ok_or(PackError::Malformed),
            1 => {
                let actor = ActorId(self.source.array(Column::Random)?);
                self.model.actors.add(actor);
                Ok(actor)
            }
            2 => self.common.actor.ok_or(PackError::Unknown),
            place => self.model.actors.get(place - 3).ok_or(PackError::Malformed),
        }
    }

    fn dependencies(&mut self) -> Result<(Vec<ChangeHash>, Origin), PackError> {
        let count = self.source.size(Column::Dependencies)?;
        if count > limits::DEPENDENCIES {
            return Err(PackError::TooLarge);
        }
        self.spend(count * size_of::<ChangeHash>())?;
        let mut origin = Origin::default();
        let mut deps = Vec::with_capacity(count);
        for _ in 0..count {
            deps.push(match self.source.size(Column::DependencyNumber)? {
                0 => ChangeHash(self.source.array(Column::Random)?),
                1 => {
                    let distance = self.source.signed(Column::DependencyNumber)?.cast_unsigned();
                    let number = self.model.last_dependency.wrapping_add(distance);
                    self.model.last_dependency = number;
                    self.lookups_left = self.lookups_left.checked_sub(1).ok_or(PackError::TooLarge)?;
                    let known = self.common.feed.and_then(|feed| feed.change(number));
                    let known = known.ok_or(PackError::Unknown)?;
                    self.model.actors.add(known.actor);
                    origin.place.get_or_insert((known.record, known.group));
                    known.hash
                }
                distance => {
                    let place = self.model.past.len().checked_sub(distance - 1);
                    let place = place.ok_or(PackError::Malformed)?;
                    let past = self.model.past.get(place).ok_or(PackError::Malformed)?;
                    self.model.descend(place, &mut origin);
                    past.hash
                }
            });
        }
        Ok((deps, origin))
    }

    fn record(&mut self, expected: Option<RecordId>, at: i64) -> Result<RecordId, PackError> {
        let record = match self.source.size(Column::Record)? {
            0 => expected.ok_or(PackError::Malformed)?,
            new @ 1..=5 => RecordId(self.new_id(new, at)?),
            place => self.model.records.get(place - 6).ok_or(PackError::Malformed)?,
        };
        self.model.records.add(record);
        Ok(record)
    }

    fn group(&mut self, expected: Option<GroupId>, record: RecordId, at: i64) -> Result<GroupId, PackError> {
        let group = match self.source.size(Column::Group)? {
            0 => expected.or(self.model.last_group).ok_or(PackError::Malformed)?,
            new @ 1..=5 => GroupId(self.new_id(new, at)?),
            6 => GroupId(record.0),
            place => self.model.groups.get(place - 7).ok_or(PackError::Malformed)?,
        };
        self.model.groups.add(group);
        self.model.last_group = Some(group);
        Ok(group)
    }

    fn new_id(&mut self, code: usize, at: i64) -> Result<[u8; 16], PackError> {
        if code == 1 {
            return self.source.array(Column::Random);
        }
        let time = self.source.signed(Column::RecordTime)?.wrapping_add(at);
        let [mixed, seventh]: [u8; 2] = self.source.array(Column::Random)?;
        let rest: [u8; 7] = self.source.array(Column::Random)?;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        id[6] = 0x70 | mixed >> 4;
        id[7] = seventh;
        id[8] = 0x80 | ((code - 2) as u8) << 4 | mixed & 0xf;
        id[9..].copy_from_slice(&rest);
        Ok(id)
    }

    fn message(&mut self) -> Result<&'a str, PackError> {
        let message = match self.source.size(Column::Message)? {
            0 => self.model.last_message.ok_or(PackError::Malformed)?,
            1 => {
                let message = self.source.counted(Column::MessageText)?;
                if message.len() > limits::MESSAGE_BYTES {
                    return Err(PackError::TooLarge);
                }
                let message = std::str::from_utf8(message).map_err(|_| PackError::Malformed)?;
                self.model.messages.add(message);
                message
            }
            place => self.model.messages.get(place - 2).ok_or(PackError::Malformed)?,
        };
        self.spend(message.len())?;
        self.model.last_message = Some(message);
        Ok(message)
    }

    fn shape(&mut self) -> Result<(usize, Shape), PackError> {
        let most = self.operations_left.min(limits::CHANGE_OPERATIONS as usize);
        let place = match self.source.size(Column::Shape)? {
            0 => {
                let shape = shape::read(&mut self.source, &mut self.keys, most)?;
                self.model.shapes.push(shape);
                self.model.shapes.len() - 1
            }
            place => place - 1,
        };
        let shape = self.model.shapes.get(place).ok_or(PackError::Malformed)?.clone();
        let operations = shape.len();
        if operations == 0 {
            return Err(PackError::Malformed);
        }
        self.operations_left = self.operations_left.checked_sub(operations).ok_or(PackError::TooLarge)?;
        Ok((place, shape))
    }

    fn operations(
        &mut self,
        shape: &Shape,
        author: ActorId,
        start_op: u64,
        origin: &Origin,
        here: Here,
    ) -> Result<(Vec<Plan>, Vec<values::Value<'a>>), PackError> {
        self.model.last_counter = start_op;
        let mut plans: Vec<Plan> = Vec::new();
        let mut values = Vec::new();
        let mut replaces_left = limits::CHANGE_REPLACES;
        for (step, counter) in shape.steps().zip(start_op..) {
            let id = OpId { counter, actor: author };
            let before = plans.last();
            let object = match step.object {
                ObjectForm::Root => Object::Root,
                ObjectForm::Same => {
                    let before = before.ok_or(PackError::Malformed)?;
                    object_after(before.id, before.action, before.object)
                }
                ObjectForm::Named => Object::Made(self.operation_id(author)?),
            };
            let key = match step.key {
                KeyForm::Field(place) => KeyPlan::Field(place),
                KeyForm::Head => KeyPlan::Head,
                KeyForm::Previous => KeyPlan::Element(plans.last().ok_or(PackError::Malformed)?.id),
                KeyForm::Named => KeyPlan::Element(self.operation_id(author)?),
            };
            let count = match step.replaced {
                Replaced::None => 0,
                Replaced::One => 1,
                Replaced::Many => self.source.size(Column::Replaces)?,
            };
            replaces_left = replaces_left.checked_sub(count).ok_or(PackError::TooLarge)?;
            let mut replaces = Vec::with_capacity(count.min(16));
            for _ in 0..count {
                replaces.push(match self.source.number(Column::Replaces)? {
                    0 => match key {
                        KeyPlan::Field(field) => self.model.expected_replaced(origin, field),
                        KeyPlan::Element(id) => Some(id),
                        KeyPlan::Head => None,
                    }
                    .ok_or(PackError::Malformed)?,
                    1 => self.operation_id(author)?,
                    _ => return Err(PackError::Malformed),
                });
            }
            let value = if step.action == Action::Put {
                let lane = self.keys.lane(step.key);
                self.values.read(&mut self.source, &self.model, lane, here)?
            } else {
                (ScalarType::Null, [].as_slice().into())
            };
            let name = if let KeyPlan::Field(place) = key { self.keys.name(place).len() } else { 0 };
            self.spend(name + value.1.len() + count * size_of::<u64>())?;
            plans.push(Plan { id, object, key, insert: step.insert, action: step.action, replaces });
            values.push(value);
        }
        Ok((plans, values))
    }

    fn operation_id(&mut self, author: ActorId) -> Result<OpId, PackError> {
        let actor = self.actor(Column::OperationActor, Some(author))?;
        let distance = self.source.signed(Column::OperationCounter)?.cast_unsigned();
        let counter = self.model.last_counter.wrapping_add(distance);
        self.model.last_counter = counter;
        Ok(OpId { counter, actor })
    }
}
