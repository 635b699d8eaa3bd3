//! Lays entries out by column.

use std::collections::HashMap;

use super::{
    hash_of_raw, kind,
    model::{Model, Origin, Past},
    shape::{self, KeyForm, Keys, ObjectForm, Replaced, Shape, Step},
    streams::{Body, Column, Sink},
    values::{Here, Written, is_timed, time_of},
};
use crate::{
    guard::chunk::{self, Action, Change, Key, Object, ScalarType},
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    record::OpId,
    wire::{
        codec,
        pack::{
            Common,
            entry::{Event, Parts, Receipt},
        },
    },
};

/// Lays entries out.
pub(super) struct Writer<'a> {
    common: Common<'a>,
    sink: Sink,
    model: Model<'a>,
    keys: Keys<'a>,
    values: Written<'a>,
    by_hash: HashMap<ChangeHash, usize>,
    by_shape: HashMap<Vec<(Step, usize)>, usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(common: &Common<'a>, in_one: bool) -> Self {
        Self {
            common: *common,
            sink: Sink::new(in_one),
            model: Model::default(),
            keys: Keys::default(),
            values: Written::default(),
            by_hash: HashMap::new(),
            by_shape: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> Body {
        self.sink.finish()
    }

    /// Adds an entry; gives the hash that the digest takes.
    pub(super) fn entry(&mut self, parts: &Parts<'_, &'a [u8]>) -> ChangeHash {
        match parts {
            Parts::Change { group, record, receipt, bytes } => {
                match chunk::parse(bytes).ok().filter(has_plain_values) {
                    Some(change) => {
                        self.sink.number(Column::Kind, kind::CHANGE);
                        self.change(*group, *record, *receipt, &change);
                        change.header.hash
                    }
                    None => {
                        self.sink.number(Column::Kind, kind::RAW);
                        self.raw(*group, *record, *receipt, bytes);
                        hash_of_raw(bytes)
                    }
                }
            }
            Parts::Control { seq, at, event } => {
                self.sink.number(Column::Kind, kind::CONTROL);
                self.numbered(*seq, at.0);
                let event = match event {
                    Event::There(event) => codec::encode(*event),
                    Event::Read(event) => codec::encode(event),
                };
                self.sink.counted(Column::Control, &event);
                hash_of_raw(&event)
            }
        }
    }

    fn raw(&mut self, group: GroupId, record: RecordId, receipt: Option<Receipt>, bytes: &[u8]) {
        self.receipt(receipt, None);
        let at = self.model.last_at;
        self.record(record, None, at);
        self.group(group, None, record, at);
        self.sink.counted(Column::Raw, bytes);
    }

    fn change(&mut self, group: GroupId, record: RecordId, receipt: Option<Receipt>, change: &Change<'a>) {
        let header = &change.header;
        self.actor(Column::Actor, header.actor, self.model.last_actor);
        self.model.last_actor = Some(header.actor);
        self.receipt(receipt, Some(header.actor));
        let at = header.at.0;
        self.sink.signed(Column::At, at.wrapping_sub(self.model.expected_at(header.actor)));
        self.model.claimed(header.actor, at);

        let origin = self.dependencies(&header.deps);
        self.record(record, origin.place.map(|place| place.0), at);
        self.group(group, origin.place.map(|place| place.1), record, at);
        let seq = self.model.expected_seq(&origin, header.actor);
        self.sink.signed(Column::ActorSeq, header.seq.wrapping_sub(seq).cast_signed());
        self.sink.signed(Column::StartOp, header.start_op.wrapping_sub(origin.max_op + 1).cast_signed());
        self.message(change.message);
        let shape = self.operations(change, &origin, Here { at, record, group });
        self.by_hash.insert(header.hash, self.model.past.len());
        self.model.past.push(Past {
            hash: header.hash,
            actor: header.actor,
            record,
            group,
            seq: header.seq,
            start_op: header.start_op,
            max_op: header.max_op,
            shape,
            parent: origin.parent,
        });
    }

    fn numbered(&mut self, seq: u64, at: i64) {
        let expected = self.model.last_number.wrapping_add(1);
        self.sink.signed(Column::Number, seq.wrapping_sub(expected).cast_signed());
        self.model.last_number = seq;
        self.sink.signed(Column::ReceivedAt, at.wrapping_sub(self.model.last_received));
        self.model.last_received = at;
    }

    fn receipt(&mut self, receipt: Option<Receipt>, actor: Option<ActorId>) {
        let Some(Receipt { seq, author, device, received_at }) = receipt else { return };
        self.numbered(seq, received_at.0);
        let (expected_author, expected_device) = self.model.expected_author(actor);
        if expected_author == Some(author) {
            self.sink.number(Column::Author, 0);
        } else if let Some(place) = self.model.people.place(author) {
            self.sink.number(Column::Author, place as u64 + 2);
        } else {
            self.sink.number(Column::Author, 1);
            self.sink.bytes(Column::Random, &author.0);
            self.model.people.add(author);
        }
        match device {
            device if expected_device == Some(device) => self.sink.number(Column::Device, 0),
            None => self.sink.number(Column::Device, 1),
            Some(device) => {
                if let Some(place) = self.model.devices.place(device) {
                    self.sink.number(Column::Device, place as u64 + 3);
                } else {
                    self.sink.number(Column::Device, 2);
                    self.sink.bytes(Column::Random, &device.0);
                    self.model.devices.add(device);
                }
            }
        }
        self.model.attributed(actor, author, device);
    }

    /// 0 for the expected actor, 1 for a new one, 2 for the request's, then those of the pack.
    fn actor(&mut self, column: Column, actor: ActorId, expected: Option<ActorId>) {
        if expected == Some(actor) {
            self.sink.number(column, 0);
        } else if self.common.actor == Some(actor) {
            self.sink.number(column, 2);
        } else if let Some(place) = self.model.actors.place(actor) {
            self.sink.number(column, place as u64 + 3);
        } else {
            self.sink.number(column, 1);
            self.sink.bytes(Column::Random, &actor.0);
            self.model.actors.add(actor);
        }
    }

    /// Each dependency: 0 and its hash, 1 and its feed number, or the distance in the pack.
    fn dependencies(&mut self, deps: &[ChangeHash]) -> Origin {
        let mut origin = Origin::default();
        self.sink.number(Column::Dependencies, deps.len() as u64);
        for dep in deps {
            if let Some(&place) = self.by_hash.get(dep) {
                let distance = self.model.past.len() - place;
                self.sink.number(Column::DependencyNumber, distance as u64 + 1);
                self.model.descend(place, &mut origin);
                continue;
            }
            let known = self.common.feed.and_then(|feed| {
                let number = feed.number(dep)?;
                Some((number, feed.change(number).filter(|change| change.hash == *dep)?))
            });
            if let Some((number, change)) = known {
                self.sink.number(Column::DependencyNumber, 1);
                let distance = number.wrapping_sub(self.model.last_dependency).cast_signed();
                self.sink.signed(Column::DependencyNumber, distance);
                self.model.last_dependency = number;
                self.model.actors.add(change.actor);
                origin.place.get_or_insert((change.record, change.group));
            } else {
                self.sink.number(Column::DependencyNumber, 0);
                self.sink.bytes(Column::Random, &dep.0);
            }
        }
        origin
    }

    /// 0 for the expected record, 1 for a new one, 2 to 5 for a new one whose id begins with a time,
    /// then those of the pack.
    fn record(&mut self, record: RecordId, expected: Option<RecordId>, at: i64) {
        if expected == Some(record) {
            self.sink.number(Column::Record, 0);
        } else if let Some(place) = self.model.records.place(record) {
            self.sink.number(Column::Record, place as u64 + 6);
        } else {
            self.new_id(Column::Record, record.0, at);
        }
        self.model.records.add(record);
    }

    /// As a record; 6 for a group with the id of its record.
    fn group(&mut self, group: GroupId, expected: Option<GroupId>, record: RecordId, at: i64) {
        if expected.or(self.model.last_group) == Some(group) {
            self.sink.number(Column::Group, 0);
        } else if let Some(place) = self.model.groups.place(group) {
            self.sink.number(Column::Group, place as u64 + 7);
        } else if group.0 == record.0 {
            self.sink.number(Column::Group, 6);
        } else {
            self.new_id(Column::Group, group.0, at);
        }
        self.model.groups.add(group);
        self.model.last_group = Some(group);
    }

    /// 1 and the id; or 2 to 5, its time, and those of its bits that are not always the same.
    fn new_id(&mut self, column: Column, id: [u8; 16], at: i64) {
        if !is_timed(&id) {
            self.sink.number(column, 1);
            return self.sink.bytes(Column::Random, &id);
        }
        self.sink.number(column, u64::from(id[8] >> 4 & 3) + 2);
        self.sink.signed(Column::RecordTime, time_of(&id).wrapping_sub(at));
        self.sink.bytes(Column::Random, &[id[6] << 4 | id[8] & 0xf, id[7]]);
        self.sink.bytes(Column::Random, &id[9..]);
    }

    /// 0 for the message of the change before, 1 for a new one, then those of the pack.
    fn message(&mut self, message: &'a str) {
        if self.model.last_message == Some(message) {
            self.sink.number(Column::Message, 0);
        } else if let Some(place) = self.model.messages.place(message) {
            self.sink.number(Column::Message, place as u64 + 2);
        } else {
            self.sink.number(Column::Message, 1);
            self.sink.counted(Column::MessageText, message.as_bytes());
            self.model.messages.add(message);
        }
        self.model.last_message = Some(message);
    }

    fn operations(&mut self, change: &Change<'a>, origin: &Origin, here: Here) -> usize {
        let steps = shape::shape_of(&change.operations, &mut self.keys);
        let place = match self.by_shape.get(&steps) {
            Some(&place) => {
                self.sink.number(Column::Shape, place as u64 + 1);
                place
            }
            None => {
                let place = self.model.shapes.len();
                self.sink.number(Column::Shape, 0);
                shape::write(&mut self.sink, &steps, &mut self.keys);
                self.model.shapes.push(Shape::new(&steps));
                self.by_shape.insert(steps, place);
                place
            }
        };
        let shape = self.model.shapes[place].clone();
        let author = change.header.actor;
        self.model.last_counter = change.header.start_op;
        for (step, operation) in shape.steps().zip(&change.operations) {
            if let (ObjectForm::Named, Object::Made(id)) = (step.object, operation.object) {
                self.operation_id(id, author);
            }
            let element = if let Key::Element(id) = operation.key { Some(id) } else { None };
            if let (KeyForm::Named, Some(id)) = (step.key, element) {
                self.operation_id(id, author);
            }
            if step.replaced == Replaced::Many {
                self.sink.number(Column::Replaces, operation.replaces.len() as u64);
            }
            for replaced in &operation.replaces {
                let expected = match step.key {
                    KeyForm::Field(field) => self.model.expected_replaced(origin, field),
                    _ => element,
                };
                if expected == Some(*replaced) {
                    self.sink.number(Column::Replaces, 0);
                } else {
                    self.sink.number(Column::Replaces, 1);
                    self.operation_id(*replaced, author);
                }
            }
            if step.action == Action::Put {
                let lane = self.keys.lane(step.key);
                self.values.write(&mut self.sink, &self.model, lane, operation.value, here);
            }
        }
        place
    }

    fn operation_id(&mut self, id: OpId, author: ActorId) {
        self.actor(Column::OperationActor, id.actor, Some(author));
        let distance = id.counter.wrapping_sub(self.model.last_counter).cast_signed();
        self.sink.signed(Column::OperationCounter, distance);
        self.model.last_counter = id.counter;
    }
}

/// Whether only what sets a value has one.
fn has_plain_values(change: &Change<'_>) -> bool {
    change
        .operations
        .iter()
        .all(|operation| operation.action == Action::Put || operation.value.kind == ScalarType::Null)
}
