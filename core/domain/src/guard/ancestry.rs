//! What is known of the changes and operations that a document has.

use std::collections::{HashMap, HashSet};

use super::{
    Unfit,
    chunk::{self, Action, Change, Header, Key, Object},
    root::{self, Declared},
};
use crate::{
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    record::{OpId, RawChange},
    wire::Refusal,
};

/// The changes and operations of one document.
#[derive(Debug, Default)]
pub(super) struct Ancestry {
    changes: Vec<Known>,
    by_hash: HashMap<ChangeHash, usize>,
    /// The last change of each actor.
    last: HashMap<ActorId, usize>,
    operations: HashMap<OpId, Standing>,
    /// The changes that no other depends on.
    heads: HashMap<usize, ChangeHash>,
    /// Record and group that the first change names.
    root: Option<Declared>,
}

#[derive(Debug)]
struct Known {
    seq: u64,
    max_op: u64,
    deps: Vec<usize>,
}

/// An operation that others may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The change it stands in.
    change: usize,
    pub(super) role: OperationRole,
}

/// What an operation is to those that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OperationRole {
    /// A value of a key of the root.
    Value(Box<str>),
    /// A text, made at a key of the root.
    Text(Box<str>),
    /// An element of this text.
    Element(OpId),
    /// A removal: nothing can name it.
    Removal,
}

impl OperationRole {
    /// What an operation of ours is to those that come after it.
    pub(super) fn of(operation: &chunk::Operation<'_>) -> Self {
        match (operation.object, operation.key, operation.action) {
            (Object::Root, Key::Field(key), Action::Put) => Self::Value(key.into()),
            (Object::Root, Key::Field(key), Action::MakeText) => Self::Text(key.into()),
            (Object::Made(text), _, Action::Put) if operation.insert => Self::Element(text),
            _ => Self::Removal,
        }
    }
}

/// Where a change stands: the changes that it was made on top of, directly or not.
#[derive(Debug)]
pub(super) struct Place {
    /// `None`: all that are there.
    ancestors: Option<HashSet<usize>>,
}

impl Place {
    fn has(&self, change: usize) -> bool {
        self.ancestors.as_ref().is_none_or(|ancestors| ancestors.contains(&change))
    }
}

impl Ancestry {
    /// Takes in a change that the document has. One that this version cannot parse counts, but its
    /// operations cannot be named.
    pub(super) fn add_known(&mut self, change: &RawChange) {
        match chunk::parse(&change.bytes) {
            Ok(parsed) => self.add(&parsed),
            Err(_) => {
                self.add_header(change.hash, change.actor, change.seq, change.max_op, &change.deps);
            }
        }
    }

    /// Takes in a change that passed.
    pub(super) fn add(&mut self, change: &Change<'_>) {
        let header = &change.header;
        let at = self.add_header(header.hash, header.actor, header.seq, header.max_op, &header.deps);
        for operation in &change.operations {
            self.operations.insert(operation.id, Standing { change: at, role: OperationRole::of(operation) });
        }
        if header.deps.is_empty() && self.root.is_none() {
            self.root = root::declared(change);
        }
    }

    /// Hashes of the changes that no other depends on, sorted.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.heads.values().copied().collect();
        heads.sort_unstable();
        heads
    }

    fn add_header(
        &mut self,
        hash: ChangeHash,
        actor: ActorId,
        seq: u64,
        max_op: u64,
        deps: &[ChangeHash],
    ) -> usize {
        let at = self.changes.len();
        let deps: Vec<_> = deps.iter().filter_map(|dep| self.by_hash.get(dep).copied()).collect();
        for dep in &deps {
            self.heads.remove(dep);
        }
        self.heads.insert(at, hash);
        self.changes.push(Known { seq, max_op, deps });
        self.by_hash.insert(hash, at);
        self.last.insert(actor, at);
        at
    }

    /// Whether a further first change names the same form as the one before.
    #[must_use]
    pub(super) fn agrees_on_form(&self, change: &Change<'_>) -> bool {
        let (Some(first), Some(again)) = (&self.root, root::declared(change)) else { return true };
        first.form == again.form
    }

    /// Whether the document's first change names this record and group.
    #[must_use]
    pub(super) fn is_rooted_in(&self, record: RecordId, group: GroupId) -> bool {
        self.root.as_ref().is_some_and(|root| (root.record, root.group) == (record, group))
    }

    /// Finds the place of a change: new, with all it depends on present, the next of its actor, made
    /// on top of the actor's last one, its counters following from its ancestors, and the only one
    /// without ancestors.
    ///
    /// # Errors
    /// Why it has no place.
    pub(super) fn place(&self, header: &Header) -> Result<Place, Unfit> {
        if self.by_hash.contains_key(&header.hash) {
            return Err(Unfit::Have(header.hash));
        }
        let missing: Vec<_> =
            header.deps.iter().filter(|dep| !self.by_hash.contains_key(dep)).copied().collect();
        if !missing.is_empty() {
            return Err(Unfit::Missing(missing));
        }
        let last = self.last.get(&header.actor).map(|at| (*at, self.changes[*at].seq));
        let last_seq = last.map_or(0, |(_, seq)| seq);
        if header.seq <= last_seq {
            return Err(Unfit::Fork { actor: header.actor, seq: header.seq });
        }
        // A record whose id follows from its key may have been started on two phones apart.
        let may_start_twice = self.root.as_ref().is_some_and(|root| root.record.is_derived());
        if header.deps.is_empty() && !self.changes.is_empty() && !may_start_twice {
            return Err(Unfit::Refused(Refusal::WrongRoot));
        }
        let deps: Vec<usize> = header.deps.iter().filter_map(|dep| self.by_hash.get(dep).copied()).collect();
        let follows = deps.iter().map(|dep| self.changes[*dep].max_op).max().unwrap_or(0) + 1;
        let place = Place { ancestors: self.ancestors(deps) };
        let on_top_of_own = last.is_none_or(|(at, _)| place.has(at));
        if header.seq != last_seq + 1 || !on_top_of_own || header.start_op != follows {
            return Err(Unfit::Refused(Refusal::OutOfOrder));
        }
        Ok(place)
    }

    /// All changes that these depend on, and these; `None` where that is every change, as it is for a
    /// writer who had seen everything.
    fn ancestors(&self, deps: Vec<usize>) -> Option<HashSet<usize>> {
        if self.heads.keys().all(|head| deps.contains(head)) {
            return None;
        }
        let mut found: HashSet<usize> = HashSet::new();
        let mut open = deps;
        while let Some(at) = open.pop() {
            if found.insert(at) {
                open.extend(&self.changes[at].deps);
            }
        }
        Some(found)
    }

    /// The operation with this id, if it stands in an ancestor.
    pub(super) fn operation(&self, place: &Place, id: &OpId) -> Option<&OperationRole> {
        let standing = self.operations.get(id)?;
        place.has(standing.change).then_some(&standing.role)
    }
}
