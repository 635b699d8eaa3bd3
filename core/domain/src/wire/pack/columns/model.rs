//! What both sides remember of the changes before, and what they expect of the next one.

use std::{collections::HashMap, hash::Hash};

use super::shape::Shape;
use crate::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    record::OpId,
};

/// Values numbered as they come.
#[derive(Debug)]
pub(super) struct Table<T> {
    list: Vec<T>,
    places: HashMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> Table<T> {
    pub(super) fn place(&self, value: T) -> Option<usize> {
        self.places.get(&value).copied()
    }

    pub(super) fn get(&self, place: usize) -> Option<T> {
        self.list.get(place).copied()
    }

    /// Numbers a value, unless it has a number.
    pub(super) fn add(&mut self, value: T) {
        if !self.places.contains_key(&value) {
            self.places.insert(value, self.list.len());
            self.list.push(value);
        }
    }
}

/// A change that stood in the pack before.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) hash: ChangeHash,
    pub(super) actor: ActorId,
    pub(super) record: RecordId,
    pub(super) group: GroupId,
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) max_op: u64,
    pub(super) shape: usize,
    /// Its first dependency in the pack, by place.
    pub(super) parent: Option<usize>,
}

/// What the dependencies of a change say of it.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// The first dependency in the pack, by place.
    pub(super) parent: Option<usize>,
    /// Highest operation counter of those in the pack.
    pub(super) max_op: u64,
    /// Record and group of one that is known.
    pub(super) place: Option<(RecordId, GroupId)>,
}

/// How many changes back an expectation looks.
const HOPS: usize = 16;

/// Everything remembered.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) records: Table<RecordId>,
    pub(super) groups: Table<GroupId>,
    pub(super) people: Table<PersonId>,
    pub(super) devices: Table<DeviceId>,
    pub(super) actors: Table<ActorId>,
    pub(super) messages: Table<&'a str>,
    pub(super) past: Vec<Past>,
    pub(super) shapes: Vec<Shape>,
    pub(super) last_actor: Option<ActorId>,
    pub(super) last_group: Option<GroupId>,
    pub(super) last_message: Option<&'a str>,
    pub(super) last_author: Option<PersonId>,
    /// Claimed time of the change before, of any actor.
    pub(super) last_at: i64,
    pub(super) last_received: i64,
    pub(super) last_number: u64,
    pub(super) last_dependency: u64,
    pub(super) last_counter: u64,
    claimed: HashMap<ActorId, i64>,
    attributed: HashMap<Option<ActorId>, (PersonId, Option<DeviceId>)>,
}

impl Model<'_> {
    /// Time that the actor last claimed.
    pub(super) fn expected_at(&self, actor: ActorId) -> i64 {
        self.claimed.get(&actor).copied().unwrap_or(self.last_at)
    }

    pub(super) fn claimed(&mut self, actor: ActorId, at: i64) {
        self.claimed.insert(actor, at);
        self.last_at = at;
    }

    /// Person and installation that the actor's last change came from.
    pub(super) fn expected_author(
        &self,
        actor: Option<ActorId>,
    ) -> (Option<PersonId>, Option<Option<DeviceId>>) {
        match self.attributed.get(&actor) {
            Some((person, device)) => (Some(*person), Some(*device)),
            None => (self.last_author, None),
        }
    }

    pub(super) fn attributed(&mut self, actor: Option<ActorId>, person: PersonId, device: Option<DeviceId>) {
        self.attributed.insert(actor, (person, device));
        self.last_author = Some(person);
    }

    /// Takes in a dependency that stands in the pack.
    pub(super) fn descend(&self, place: usize, origin: &mut Origin) {
        let Some(past) = self.past.get(place) else { return };
        origin.parent.get_or_insert(place);
        origin.max_op = origin.max_op.max(past.max_op);
        origin.place.get_or_insert((past.record, past.group));
    }

    fn lineage(&self, origin: &Origin) -> impl Iterator<Item = &Past> {
        let first = origin.parent.and_then(|place| self.past.get(place));
        std::iter::successors(first, |past| self.past.get(past.parent?)).take(HOPS)
    }

    /// The actor's next number in the record.
    pub(super) fn expected_seq(&self, origin: &Origin, actor: ActorId) -> u64 {
        self.lineage(origin).find(|past| past.actor == actor).map_or(1, |past| past.seq.wrapping_add(1))
    }

    /// The operation that last set a field.
    pub(super) fn expected_replaced(&self, origin: &Origin, field: usize) -> Option<OpId> {
        self.lineage(origin).find_map(|past| {
            let offset = self.shapes.get(past.shape)?.last_set(field)?;
            Some(OpId { counter: past.start_op.wrapping_add(offset), actor: past.actor })
        })
    }
}
