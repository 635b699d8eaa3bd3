//! Changes of one document: what their headers say, which is an ancestor of which, and their order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet},
};

use automerge::Change;

use super::{DocumentError, OpId, RawChange};
use crate::{
    ids::{ActorId, ChangeHash},
    time::Millis,
};

impl RawChange {
    /// Reads a change through automerge: for bytes that passed the guard or that this installation
    /// wrote itself. automerge trusts what it reads; bytes from outside go to [`crate::guard`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        Self::try_from(&Change::try_from(bytes).map_err(DocumentError::NotAChange)?)
    }
}

impl TryFrom<&Change> for RawChange {
    type Error = DocumentError;

    /// Fails where the actor is not 16 bytes long.
    fn try_from(change: &Change) -> Result<Self, DocumentError> {
        let ChangeHeader { hash, actor, seq, start_op, max_op, at, deps } = ChangeHeader::of(change)?;
        Ok(Self { hash, actor, seq, start_op, max_op, at, deps, bytes: change.raw_bytes().to_vec() })
    }
}

/// What the header of a change in a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHeader {
    /// Its hash.
    pub hash: ChangeHash,
    /// Who wrote it.
    pub actor: ActorId,
    /// Its number among the actor's changes of this document, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Counter of its last operation.
    pub max_op: u64,
    /// The time that the writer's clock claimed.
    pub at: Millis,
    /// The changes it was made on top of.
    pub deps: Vec<ChangeHash>,
}

impl From<&RawChange> for ChangeHeader {
    fn from(change: &RawChange) -> Self {
        let RawChange { hash, actor, seq, start_op, max_op, at, deps, bytes: _ } = change;
        let (hash, actor, seq, start_op, max_op, at) = (*hash, *actor, *seq, *start_op, *max_op, *at);
        Self { hash, actor, seq, start_op, max_op, at, deps: deps.clone() }
    }
}

impl ChangeHeader {
    pub(super) fn of(change: &Change) -> Result<Self, DocumentError> {
        let start_op = change.start_op().get();
        Ok(Self {
            hash: hash(change.hash()),
            actor: actor(change.actor_id())?,
            seq: change.seq(),
            start_op,
            // A change without operations ends before it starts.
            max_op: start_op.saturating_add(change.len() as u64).saturating_sub(1),
            at: Millis(change.timestamp()),
            deps: change.deps().iter().copied().map(hash).collect(),
        })
    }
}

pub(super) fn hash(hash: automerge::ChangeHash) -> ChangeHash {
    ChangeHash(hash.0)
}

pub(super) fn hashes(hashes: &[ChangeHash]) -> Vec<automerge::ChangeHash> {
    hashes.iter().map(|hash| automerge::ChangeHash(hash.0)).collect()
}

pub(super) fn actor(actor: &automerge::ActorId) -> Result<ActorId, DocumentError> {
    ActorId::from_slice(actor.to_bytes()).ok_or(DocumentError::Incomplete("an actor is not 16 bytes long"))
}

/// The changes of a document by hash and by actor. What automerge says of itself is checked
/// against this, and it answers cheaply who wrote an operation.
#[derive(Debug, Clone, Default)]
pub(super) struct ChangeIndex {
    /// Each after those it depends on.
    headers: Vec<ChangeHeader>,
    by_hash: HashMap<ChangeHash, usize>,
    /// By actor, in the order of their numbers.
    by_actor: BTreeMap<ActorId, Vec<usize>>,
    heads: BTreeSet<ChangeHash>,
}

impl ChangeIndex {
    pub(super) fn has(&self, hash: &ChangeHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    pub(super) fn get(&self, hash: &ChangeHash) -> Option<&ChangeHeader> {
        self.by_hash.get(hash).map(|&at| &self.headers[at])
    }

    pub(super) fn headers(&self) -> &[ChangeHeader] {
        &self.headers
    }

    /// Hashes of the newest changes, sorted.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// Takes in a change whose dependencies are here.
    pub(super) fn push(&mut self, header: ChangeHeader) {
        let place = self.headers.len();
        self.by_hash.insert(header.hash, place);
        self.by_actor.entry(header.actor).or_default().push(place);
        for dep in &header.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(header.hash);
        self.headers.push(header);
    }

    /// The actor's change with this number.
    pub(super) fn by_seq(&self, actor: &ActorId, seq: u64) -> Option<&ChangeHeader> {
        let places = self.by_actor.get(actor)?;
        let found = places.binary_search_by_key(&seq, |&place| self.headers[place].seq).ok()?;
        Some(&self.headers[places[found]])
    }

    /// The number of the actor's latest change; 0 where it wrote none.
    pub(super) fn latest_seq(&self, actor: &ActorId) -> u64 {
        let places = self.by_actor.get(actor).map_or(&[][..], Vec::as_slice);
        places.last().map_or(0, |&place| self.headers[place].seq)
    }

    /// The change that holds an operation.
    pub(super) fn writer(&self, op: OpId) -> Option<&ChangeHeader> {
        let places = self.by_actor.get(&op.actor)?;
        let after = places.partition_point(|&place| self.headers[place].start_op <= op.counter);
        let header = &self.headers[places[after.checked_sub(1)?]];
        (op.counter <= header.max_op).then_some(header)
    }

    /// Which changes these heads and all before them are, by place; `None` where one is unknown.
    pub(super) fn ancestry(&self, heads: &[ChangeHash]) -> Option<Vec<bool>> {
        let mut seen = vec![false; self.headers.len()];
        for head in heads {
            seen[*self.by_hash.get(head)?] = true;
        }
        self.spread_to_deps(&mut seen, |_| false);
        Some(seen)
    }

    /// The newest of the changes that `counts` names: those that no other of them has seen.
    pub(super) fn frontier(
        &self,
        counts: &dyn Fn(&ChangeHeader) -> bool,
        within: &[bool],
    ) -> Vec<&ChangeHeader> {
        let mut seen = vec![false; self.headers.len()];
        let chosen: Vec<bool> =
            self.headers.iter().zip(within).map(|(header, &within)| within && counts(header)).collect();
        self.spread_to_deps(&mut seen, |place| chosen[place]);
        self.headers
            .iter()
            .enumerate()
            .filter(|&(place, _)| chosen[place] && !seen[place])
            .map(|(_, header)| header)
            .collect()
    }

    /// Whether somebody wrote on top of every first change: some change among these has all of them among
    /// its ancestors. What two write apart after that opens nothing again.
    pub(super) fn has_seen_all_roots(&self, within: &[bool]) -> bool {
        let among = |place: &usize| within.get(*place).copied().unwrap_or(false);
        let roots: Vec<usize> =
            (0..self.headers.len()).filter(among).filter(|&at| self.headers[at].deps.is_empty()).collect();
        let mut seen: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.headers.len()];
        for place in (0..self.headers.len()).filter(among) {
            let header = &self.headers[place];
            let mut of_this = BTreeSet::new();
            if header.deps.is_empty() {
                of_this.insert(place);
            }
            for dep in header.deps.iter().filter_map(|dep| self.by_hash.get(dep)) {
                of_this.extend(&seen[*dep]);
            }
            if of_this.len() == roots.len() {
                return true;
            }
            seen[place] = of_this;
        }
        false
    }

    fn spread_to_deps(&self, seen: &mut [bool], also: impl Fn(usize) -> bool) {
        for place in (0..self.headers.len()).rev() {
            if seen[place] || also(place) {
                for dep in &self.headers[place].deps {
                    if let Some(&dep) = self.by_hash.get(dep) {
                        seen[dep] = true;
                    }
                }
            }
        }
    }

    /// All changes, each after those it depends on; among those that could come next the earliest
    /// claimed time first, then the hash. The same on every replica.
    pub(super) fn in_reading_order(&self) -> Vec<&ChangeHeader> {
        let mut waiting: Vec<usize> = self.headers.iter().map(|header| header.deps.len()).collect();
        let mut dependents: HashMap<ChangeHash, Vec<usize>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for (place, header) in self.headers.iter().enumerate() {
            for dep in &header.deps {
                dependents.entry(*dep).or_default().push(place);
            }
            if header.deps.is_empty() {
                ready.push(Reverse((header.at, header.hash, place)));
            }
        }
        let mut order = Vec::with_capacity(self.headers.len());
        while let Some(Reverse((_, hash, place))) = ready.pop() {
            order.push(&self.headers[place]);
            for next in dependents.remove(&hash).unwrap_or_default() {
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    let header = &self.headers[next];
                    ready.push(Reverse((header.at, header.hash, next)));
                }
            }
        }
        order
    }

    /// Picks the changes that are new here, each once, and puts each after those it depends on.
    /// Fails where a dependency is neither here nor among them.
    pub(super) fn sort_new(
        &self,
        changes: Vec<Change>,
    ) -> Result<Vec<(ChangeHeader, Change)>, DocumentError> {
        let mut given = HashSet::new();
        let mut pending = Vec::new();
        for change in changes {
            let header = ChangeHeader::of(&change)?;
            if !self.has(&header.hash) && given.insert(header.hash) {
                pending.push(Some((header, change)));
            }
        }
        let mut waiting = vec![0_usize; pending.len()];
        let mut dependents: HashMap<ChangeHash, Vec<usize>> = HashMap::new();
        let mut ready = Vec::new();
        for (place, (header, _)) in pending.iter().flatten().enumerate() {
            for dep in header.deps.iter().filter(|dep| !self.has(dep)) {
                waiting[place] += 1;
                dependents.entry(*dep).or_default().push(place);
            }
            if waiting[place] == 0 {
                ready.push(place);
            }
        }
        // Taken from the end: the order given is kept where it can be.
        ready.reverse();
        let mut sorted = Vec::with_capacity(pending.len());
        while let Some(place) = ready.pop() {
            let Some((header, change)) = pending[place].take() else { continue };
            for next in dependents.remove(&header.hash).unwrap_or_default() {
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    ready.push(next);
                }
            }
            sorted.push((header, change));
        }
        if sorted.len() < pending.len() {
            return Err(DocumentError::Incomplete("a change that others depend on is absent"));
        }
        Ok(sorted)
    }
}
