//! The guard: nothing from outside reaches a document before it passed here.
//!
//! automerge trusts its input: a mutated change can make it panic, or be accepted and leave the
//! document unloadable. A verdict is a pure function of the change, its ancestors and this version.
//!
//! The order of the checks: [`chunk`] (bytes, caps, canonical form), then whether the change follows
//! from what is there (`ancestry`), then each operation against the operations of its ancestors
//! (`operations`), then a trial on a copy that is saved and loaded again (`trial`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::Automerge;

use crate::{
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    record::{Document, RawChange},
    wire::{Refusal, Verdict},
};

mod ancestry;
pub mod chunk;
mod operations;
mod root;
mod trial;

use ancestry::Ancestry;

/// Version of the guard's rules.
pub const VERSION: u16 = 2;

/// What the guard says of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may get a number and be applied.
    Pass(RawChange),
    /// The document has it already.
    Have(ChangeHash),
    /// These changes it depends on are absent.
    Missing(Vec<ChangeHash>),
    /// The actor's number is taken by another change.
    Fork {
        /// The actor.
        actor: ActorId,
        /// Its number.
        seq: u64,
    },
    /// It is not acceptable.
    Refused(Refusal),
}

/// Why a change does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// The document has it already.
    Have(ChangeHash),
    /// These changes it depends on are absent.
    Missing(Vec<ChangeHash>),
    /// The actor's number is taken by another change.
    Fork {
        /// The actor.
        actor: ActorId,
        /// Its number.
        seq: u64,
    },
    /// It is not acceptable.
    Refused(Refusal),
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unfit> for Ruling {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Have(hash) => Self::Have(hash),
            Unfit::Missing(hashes) => Self::Missing(hashes),
            Unfit::Fork { actor, seq } => Self::Fork { actor, seq },
            Unfit::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl Ruling {
    /// The verdict of a ruling that needs no feed number; `None` for [`Ruling::Pass`] and
    /// [`Ruling::Have`], whose number only the log knows.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Pass(_) | Self::Have(_) => None,
            Self::Missing(hashes) => Some(Verdict::Missing(hashes.clone())),
            Self::Fork { actor, seq } => Some(Verdict::Fork { actor: *actor, seq: *seq }),
            Self::Refused(refusal) => Some(Verdict::Refused(*refusal)),
        }
    }
}

/// Judges the changes of one record, one after the other, and applies those that pass to `document`
/// (`None`: the record is new here). The result has one ruling per change, in order; one bad change
/// does not hold up the others.
///
/// A change that passed is on top of the ones before it, also of those of the same call.
pub fn judge(
    document: &mut Option<Document>,
    record: RecordId,
    group: GroupId,
    changes: &[&[u8]],
) -> Vec<Ruling> {
    let present = document.as_ref().map(Document::changes).unwrap_or_default();
    let before = present.len();
    let mut court = Court::new(record, group, present, trial::survives);
    let mut rulings = court.judge(changes);
    let Some(tried) = court.tried.take() else { return rulings };
    // What went through the trial is the document from now on.
    *document = adopt(document.take(), tried, &court.changes[before..]);
    if document.is_none() {
        // The trial went well and the document itself did not: nothing of it is kept.
        *document = Document::load(court.changes[..before].iter().map(|change| change.bytes.as_slice())).ok();
        for ruling in &mut rulings {
            if matches!(ruling, Ruling::Pass(_)) {
                *ruling = Ruling::Refused(Refusal::BreaksDocument);
            }
        }
    }
    rulings
}

/// The document that these changes made; `None` where it is not whole, or automerge panicked.
fn adopt(before: Option<Document>, tried: Automerge, changes: &[RawChange]) -> Option<Document> {
    catch_unwind(AssertUnwindSafe(|| Document::of_trial(before, tried, changes).ok())).ok().flatten()
}

/// A document with changes that takes new ones and has these heads then ([`trial::survives`]).
type Try = fn(present: &[RawChange], new: &[RawChange], heads: &[ChangeHash]) -> Option<Automerge>;

/// Judges the changes of one record against those that are there.
#[derive(Debug)]
struct Court {
    record: RecordId,
    group: GroupId,
    ancestry: Ancestry,
    /// The changes that are present, each after what it depends on.
    changes: Vec<RawChange>,
    survives: Try,
    /// What came through the last trial that went well: a document with all of these changes. `None` where
    /// nothing new passed.
    tried: Option<Automerge>,
}

impl Court {
    fn new(record: RecordId, group: GroupId, present: Vec<RawChange>, survives: Try) -> Self {
        let mut ancestry = Ancestry::default();
        for change in &present {
            ancestry.add_known(change);
        }
        Self { record, group, ancestry, changes: present, survives, tried: None }
    }

    /// Judges changes. Those that pass count as present for those after them.
    ///
    /// A trial takes as long as the whole document, so there is one for all of them; where it fails,
    /// one for each half, until the change is found that breaks the document.
    fn judge(&mut self, changes: &[&[u8]]) -> Vec<Ruling> {
        let before = self.changes.len();
        let rulings: Vec<_> = changes.iter().map(|bytes| self.judge_one(bytes)).collect();
        let (present, new) = self.changes.split_at(before);
        if new.is_empty() {
            return rulings;
        }
        if let Some(tried) = (self.survives)(present, new, &self.ancestry.heads()) {
            self.tried = Some(tried);
            return rulings;
        }
        let tried = self.tried.take();
        *self = Self::new(self.record, self.group, present.to_vec(), self.survives);
        self.tried = tried;
        if let [_] = changes {
            return vec![Ruling::Refused(Refusal::BreaksDocument)];
        }
        let (first, second) = changes.split_at(changes.len() / 2);
        let mut rulings = self.judge(first);
        rulings.extend(self.judge(second));
        rulings
    }

    fn judge_one(&mut self, bytes: &[u8]) -> Ruling {
        match self.examine(bytes) {
            Ok(change) => {
                self.changes.push(change.clone());
                Ruling::Pass(change)
            }
            Err(unfit) => unfit.into(),
        }
    }

    fn examine(&mut self, bytes: &[u8]) -> Result<RawChange, Unfit> {
        let change = chunk::parse(bytes).map_err(Refusal::from)?;
        let header = &change.header;
        let place = self.ancestry.place(header)?;
        if header.deps.is_empty() {
            root::check(&change, self.record, self.group)?;
            if !self.ancestry.agrees_on_form(&change) {
                return Err(Refusal::WrongRoot.into());
            }
        } else if !self.ancestry.is_rooted_in(self.record, self.group) {
            return Err(Refusal::WrongRoot.into());
        }
        operations::check(&change, &self.ancestry, &place)?;
        self.ancestry.add(&change);
        Ok(RawChange {
            hash: header.hash,
            actor: header.actor,
            seq: header.seq,
            start_op: header.start_op,
            max_op: header.max_op,
            at: header.at,
            deps: header.deps.clone(),
            bytes: bytes.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Circumstances, Edit, Root},
        time::Millis,
        value::Value,
    };

    /// A record that these people edit one after the other: the changes in order.
    fn written(edits: u8) -> Vec<RawChange> {
        let by = |number| Circumstances {
            actor: ActorId([number; 16]),
            at: Millis(1_425_391_800_000),
            zone: "Europe/London".to_owned(),
            offline: false,
            reason: None,
        };
        let root = Root {
            id: RecordId([1; 16]),
            form: "contact".to_owned(),
            form_version: "1".to_owned(),
            group: GroupId([2; 16]),
        };
        let (mut document, first) = Document::create(&root, &[], &by(0)).unwrap();
        let later = (1..=edits).map(|number| {
            let edit = Edit { key: "about".to_owned(), value: Value::Integer(number.into()) };
            document.edit(&[edit], &by(number)).unwrap().unwrap()
        });
        std::iter::once(first).chain(later).collect()
    }

    #[test]
    fn the_one_change_that_fails_the_trial_is_found_among_many() {
        // No change is known that gets this far and breaks a document: the trial is made to fail.
        let fails_with_the_fifth: Try = |present, new, heads| {
            let fifth = ActorId([5; 16]);
            let fails = new.iter().any(|change| change.actor == fifth);
            if fails { None } else { trial::survives(present, new, heads) }
        };
        let changes = written(8);
        let bytes: Vec<_> = changes.iter().map(|change| change.bytes.as_slice()).collect();
        let mut court = Court::new(RecordId([1; 16]), GroupId([2; 16]), Vec::new(), fails_with_the_fifth);
        let rulings = court.judge(&bytes);
        for (number, ruling) in rulings.iter().enumerate() {
            let expected = match number {
                0..5 => Ruling::Pass(changes[number].clone()),
                5 => Ruling::Refused(Refusal::BreaksDocument),
                _ => Ruling::Missing(vec![changes[number - 1].hash]),
            };
            assert_eq!(*ruling, expected, "change {number}");
        }
        assert_eq!(court.changes, changes[..5]);
        let tried = court.tried.expect("five changes passed");
        assert_eq!(tried.get_heads().iter().map(|head| head.0).collect::<Vec<_>>(), [changes[4].hash.0]);
    }

    #[test]
    fn a_trial_notices_a_change_that_was_left_out() {
        let changes = written(2);
        let heads = |at: usize| [changes[at].hash];
        let survives =
            |new: &[RawChange], heads: &[ChangeHash]| trial::survives(&changes[..1], new, heads).is_some();
        assert!(survives(&changes[1..], &heads(2)));
        assert!(!survives(&changes[2..], &heads(2)));
        assert!(!survives(&changes[1..], &heads(1)));
        let unlike = RawChange { hash: changes[0].hash, ..changes[1].clone() };
        assert!(!survives(&[unlike], &heads(1)));
    }
}
