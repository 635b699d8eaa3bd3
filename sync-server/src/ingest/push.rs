//! A push inside the writing transaction: policy, numbers, verdicts.

use std::collections::BTreeMap;

use alongside_domain::{
    guard::{Ruling, chunk},
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    policy::{self, Denial, OpeningFacts, ParentFacts, PushFacts},
    programme::{Programme, Role, split},
    record::RawChange,
    time::Millis,
    wire::{GroupOpening, OpeningVerdict, PushedChange, Refusal, Verdict, encode},
};
use rusqlite::Transaction;

use super::{
    IngestError, Origin, PreparedPush, PushOutcome,
    judgement::{self, Judged},
};
use crate::{
    holders,
    people::{self, PersonRow},
    store::{
        StoreError, access, devices, erasures,
        log::{self, Appender},
        set_aside::{self, State},
    },
};

mod facts;
mod said;

pub(super) use facts::GroupFacts;
pub(crate) use said::{breaks_key, tells_restricted};

/// One push under way.
struct Push<'a, 't> {
    log: Appender<'t>,
    programme: &'a Programme,
    push: &'a PreparedPush,
    person: PersonRow,
    /// The device was revoked before this push came.
    revoked: bool,
    /// How long after a withdrawal changes are still taken.
    late_work_ms: i64,
    /// Nothing more of this device is kept for a coordinator for now.
    full: bool,
    /// Something was refused, and so kept.
    has_refused: bool,
    /// What was looked up of the groups that changes name.
    groups: BTreeMap<GroupId, GroupFacts>,
    outcome: PushOutcome,
    /// Changes of this push that are not in the feed, so nothing may build on them.
    left_out: BTreeMap<ChangeHash, Verdict>,
    /// Judgements made again because the record had moved.
    again: BTreeMap<(RecordId, GroupId), Judged>,
}

pub(super) fn commit(
    tx: &Transaction<'_>,
    now: Millis,
    programme: &Programme,
    (actor, late_work_ms): (ActorId, i64),
    push: &PreparedPush,
) -> Result<PushOutcome, IngestError> {
    let device = devices::by_id(tx, push.device)?
        .ok_or_else(|| StoreError::damaged("a phone that syncs is not there"))?;
    let person =
        people::find(tx, push.person)?.ok_or_else(|| StoreError::damaged("a device belongs to nobody"))?;
    let mut work = Push {
        log: Appender::new(tx, now)?,
        programme,
        push,
        person,
        revoked: device.revoked_at.is_some(),
        late_work_ms,
        full: set_aside::is_full(tx, push.device)?,
        has_refused: false,
        groups: BTreeMap::new(),
        outcome: PushOutcome { received_at: Some(now), ..PushOutcome::default() },
        left_out: BTreeMap::new(),
        again: BTreeMap::new(),
    };
    for opening in &push.openings {
        let verdict = work.open(opening)?;
        work.outcome.openings.push(verdict);
    }
    work.judge_again_what_moved()?;
    work.changes()?;
    if work.has_refused {
        set_aside::trim(tx, push.device)?;
    }
    holders::follow(&mut work.log, programme, Some(actor), programme.day(now))?;
    Ok(work.outcome)
}

impl Push<'_, '_> {
    fn open(&mut self, opening: &GroupOpening) -> Result<OpeningVerdict, StoreError> {
        if erasures::erased(self.log.tx, opening.group)?.is_some() {
            return Ok(OpeningVerdict::Erased);
        }
        if let Some(existing) = access::group(self.log.tx, opening.group)? {
            // Withdrawn since, it was opened all the same: the feed tells the phone the rest.
            let mine = self.facts(opening.group)?.may_be_wanted();
            return Ok(if mine && existing.kind == opening.kind {
                OpeningVerdict::Opened
            } else {
                OpeningVerdict::Refused(Refusal::NotEntitled)
            });
        }
        let before = set_aside::opening_of(self.log.tx, opening.group, self.push.person)?;
        if let Some(aside) = before.filter(|aside| aside.decision.is_some()) {
            return Ok(OpeningVerdict::Refused(aside.reason));
        }
        match self.why_not_open(opening)? {
            Some(Denial::Refused(refusal)) => return Ok(OpeningVerdict::Refused(refusal)),
            Some(Denial::Review(reason)) => {
                let body = encode(opening);
                self.set_aside(State::Review, opening.group, None, None, reason, &body)?;
                self.groups.clear();
                return Ok(OpeningVerdict::Review(reason));
            }
            None => {}
        }
        access::open_group(
            &mut self.log,
            opening.group,
            &opening.kind,
            self.person.partner,
            &opening.parents,
            self.push.person,
        )?;
        access::grant(&mut self.log, self.push.person, opening.group)?;
        if self.programme.is_restricted(&opening.kind) {
            access::grant_to_safeguarding(&mut self.log, self.programme, self.person.partner, opening.group)?;
        }
        set_aside::forget(self.log.tx, &set_aside::name(&encode(opening), false))?;
        // It may have been looked up as the parent of an earlier one.
        self.groups.clear();
        Ok(OpeningVerdict::Opened)
    }

    fn why_not_open(&mut self, opening: &GroupOpening) -> Result<Option<Denial>, StoreError> {
        let mut found = Vec::with_capacity(opening.parents.len());
        for parent in &opening.parents {
            let facts = self.facts(*parent)?.clone();
            // A group of another partner does not exist for this one, nor does an erased one for anybody.
            let elsewhere =
                access::group(self.log.tx, *parent)?.is_some_and(|row| row.partner != self.person.partner);
            let kind = facts.kind.filter(|_| !elsewhere && !facts.erased);
            found.push((kind, facts.standing, facts.withdrawn));
        }
        let parents: Vec<ParentFacts<'_>> = found
            .iter()
            .map(|(kind, standing, late)| ParentFacts {
                kind: kind.as_deref(),
                standing: *standing,
                late: *late,
            })
            .collect();
        // A restricted group is that of who opens it: its id says whose it is and what it stands beside.
        if self.programme.is_restricted(&opening.kind)
            && opening
                .parents
                .first()
                .is_none_or(|beside| split::restricted_group(*beside, self.push.person) != opening.group)
        {
            return Ok(Some(Denial::Refused(Refusal::BadOpening)));
        }
        let facts = OpeningFacts {
            role: self.role(),
            device_revoked: self.revoked,
            kind: self.programme.groups.get(&opening.kind),
            parents: &parents,
        };
        Ok(policy::decide_opening(&facts).err())
    }

    fn judge_again_what_moved(&mut self) -> Result<(), StoreError> {
        let push = self.push;
        for (&(record, group), judged) in &push.judged {
            let stale = judged.rulings.is_none() || log::latest_of(self.log.tx, record)? != judged.latest;
            if stale && self.facts(group)?.may_be_wanted() {
                let again =
                    judgement::judge(self.log.tx, record, group, judged.positions.clone(), &push.changes)?;
                self.again.insert((record, group), again);
            }
        }
        Ok(())
    }

    /// Gives verdicts and numbers in the order in which the changes were sent.
    fn changes(&mut self) -> Result<(), StoreError> {
        let push = self.push;
        let mut verdicts = vec![Verdict::Retry; push.changes.len()];
        // Position → its record's judgement, and its place in it.
        let mut rulings: Vec<Option<(Ruling, Option<String>, bool)>> = vec![None; verdicts.len()];
        for (key, first) in &push.judged {
            let judged = self.again.get(key).unwrap_or(first);
            let Some(of_record) = &judged.rulings else { continue };
            for (place, (position, ruling)) in judged.positions.iter().zip(of_record).enumerate() {
                let existed = judged.latest > 0 || place > 0;
                rulings[*position] = Some((ruling.clone(), judged.form.clone(), existed));
            }
        }
        for (position, change) in push.changes.iter().enumerate() {
            if let Some(origin) = push.origins.as_ref().and_then(|origins| origins.get(position)) {
                verdicts[position] = match rulings[position].take() {
                    Some((ruling, form, _)) => {
                        self.relayed(change, *origin, ruling, form.as_deref().unwrap_or_default())?
                    }
                    None => self.why_not_relayed(change.group)?.unwrap_or(Verdict::Retry),
                };
                continue;
            }
            let verdict = match self.why_not_group(change.group)? {
                Some(Verdict::Refused(refusal)) => match self.held(&change.bytes)? {
                    Some(seq) => Verdict::Have(seq),
                    None => self.refuse(change, None, refusal)?,
                },
                Some(verdict) => verdict,
                None => match rulings[position].take() {
                    Some((ruling, form, existed)) => self.rule(change, ruling, form.as_deref(), existed)?,
                    None => Verdict::Retry,
                },
            };
            if let Verdict::Accepted(seq) = verdict {
                self.outcome.accepted.insert(seq);
            }
            verdicts[position] = verdict;
        }
        self.outcome.verdicts = verdicts;
        Ok(())
    }

    fn rule(
        &mut self,
        pushed: &PushedChange,
        ruling: Ruling,
        form: Option<&str>,
        existed: bool,
    ) -> Result<Verdict, StoreError> {
        Ok(match ruling {
            Ruling::Have(hash) => match log::number_of(self.log.tx, &hash)? {
                Some(seq) => Verdict::Have(seq),
                // The same change earlier in this push, which was not taken.
                None => self.left_out.get(&hash).cloned().unwrap_or(Verdict::Retry),
            },
            Ruling::Missing(hashes) => match self.waits_with(&hashes)? {
                Some(reason) => {
                    let verdict = self.review(pushed, form, reason)?;
                    if let Ok(change) = chunk::parse(&pushed.bytes) {
                        self.left_out.insert(change.header.hash, verdict.clone());
                    }
                    verdict
                }
                None => Verdict::Missing(hashes),
            },
            Ruling::Fork { actor, seq } => Verdict::Fork { actor, seq },
            Ruling::Refused(refusal) => self.refuse(pushed, form, refusal)?,
            Ruling::Pass(change) => {
                let verdict = self.rule_on_sound(pushed, &change, form, existed)?;
                if !matches!(verdict, Verdict::Accepted(_)) {
                    self.left_out.insert(change.hash, verdict.clone());
                }
                verdict
            }
        })
    }

    /// Decides on a change that passed the guard.
    fn rule_on_sound(
        &mut self,
        pushed: &PushedChange,
        change: &RawChange,
        form: Option<&str>,
        existed: bool,
    ) -> Result<Verdict, StoreError> {
        let before = set_aside::of_change(self.log.tx, &change.hash, self.push.person)?;
        if let Some((State::Refused, refusal)) = before {
            return Ok(Verdict::Refused(refusal));
        }
        let left_out: Vec<ChangeHash> =
            change.deps.iter().filter(|dep| self.left_out.contains_key(*dep)).copied().collect();
        if let Some(reason) = self.waits_with(&left_out)? {
            return self.review(pushed, form, reason);
        }
        if !left_out.is_empty() {
            return Ok(Verdict::Missing(left_out));
        }
        match self.why_not_change((pushed.record, pushed.group), change, form, existed)? {
            Some(Denial::Refused(refusal)) => self.refuse(pushed, form, refusal),
            Some(Denial::Review(reason)) => self.review(pushed, form, reason),
            None => {
                if before.is_some() {
                    set_aside::forget(self.log.tx, &change.hash)?;
                }
                let origin = Origin { author: self.push.person, device: Some(self.push.device) };
                self.accept(pushed.record, pushed.group, origin, form.unwrap_or_default(), change)
            }
        }
    }

    /// Why all of these changes wait for a coordinator; `None` where one of them does not, or there are
    /// none. What stands on them waits with them: its author has nothing else to send.
    fn waits_with(&self, hashes: &[ChangeHash]) -> Result<Option<Refusal>, StoreError> {
        let mut reason = None;
        for hash in hashes {
            let waits = match self.left_out.get(hash) {
                Some(Verdict::Review(reason)) => Some(*reason),
                Some(_) => None,
                None => match set_aside::of_change(self.log.tx, hash, self.push.person)? {
                    Some((State::Review, reason)) => Some(reason),
                    _ => None,
                },
            };
            let Some(waits) = waits else { return Ok(None) };
            reason = Some(waits);
        }
        Ok(reason)
    }

    fn accept(
        &mut self,
        record: RecordId,
        group: GroupId,
        origin: Origin,
        form: &str,
        change: &RawChange,
    ) -> Result<Verdict, StoreError> {
        if devices::actor_owner(self.log.tx, change.actor)?.is_none() {
            devices::bind_actor(self.log.tx, change.actor, origin.device)?;
        }
        let seq = self.log.change(group, record, (origin.author, origin.device), form, change)?;
        Ok(Verdict::Accepted(seq))
    }

    /// Decides on a change that was in the feed before a restore. It was entitled then, whoever brings it
    /// back and whatever became of its author's access since: only the guard and an erasure stand in its way.
    fn relayed(
        &mut self,
        pushed: &PushedChange,
        origin: Origin,
        ruling: Ruling,
        form: &str,
    ) -> Result<Verdict, StoreError> {
        if let Some(verdict) = self.why_not_relayed(pushed.group)? {
            return Ok(verdict);
        }
        let verdict = match ruling {
            Ruling::Have(hash) => match log::number_of(self.log.tx, &hash)? {
                Some(seq) => return Ok(Verdict::Have(seq)),
                None => self.left_out.get(&hash).cloned().unwrap_or(Verdict::Retry),
            },
            Ruling::Missing(hashes) => Verdict::Missing(hashes),
            Ruling::Fork { actor, seq } => Verdict::Fork { actor, seq },
            Ruling::Refused(refusal) => Verdict::Refused(refusal),
            Ruling::Pass(change) => {
                let lacking: Vec<ChangeHash> =
                    change.deps.iter().filter(|dep| self.left_out.contains_key(*dep)).copied().collect();
                if lacking.is_empty() {
                    set_aside::forget(self.log.tx, &change.hash)?;
                    return self.accept(pushed.record, pushed.group, origin, form, &change);
                }
                Verdict::Missing(lacking)
            }
        };
        if let Ok(change) = chunk::parse(&pushed.bytes) {
            self.left_out.insert(change.header.hash, verdict.clone());
        }
        Ok(verdict)
    }

    /// Why nothing of this group is taken back from this person. Who was granted it once held it rightly.
    fn why_not_relayed(&mut self, group: GroupId) -> Result<Option<Verdict>, StoreError> {
        let facts = self.facts(group)?;
        Ok(if facts.erased {
            Some(Verdict::Erased)
        } else if facts.kind.is_none() {
            Some(Verdict::Refused(Refusal::UnknownGroup))
        } else if facts.standing == policy::Standing::Granted {
            None
        } else {
            Some(Verdict::Refused(Refusal::NotEntitled))
        })
    }

    /// Keeps a change for a coordinator.
    fn review(
        &mut self,
        pushed: &PushedChange,
        form: Option<&str>,
        reason: Refusal,
    ) -> Result<Verdict, StoreError> {
        if self.full {
            return Ok(Verdict::Retry);
        }
        self.set_aside(State::Review, pushed.group, Some(pushed.record), form, reason, &pushed.bytes)?;
        Ok(Verdict::Review(reason))
    }

    /// Refuses a change, and keeps it: whoever asks why is shown what it was.
    fn refuse(
        &mut self,
        pushed: &PushedChange,
        form: Option<&str>,
        refusal: Refusal,
    ) -> Result<Verdict, StoreError> {
        self.has_refused = true;
        self.set_aside(State::Refused, pushed.group, Some(pushed.record), form, refusal, &pushed.bytes)?;
        Ok(Verdict::Refused(refusal))
    }

    fn set_aside(
        &self,
        state: State,
        group: GroupId,
        record: Option<RecordId>,
        form: Option<&str>,
        reason: Refusal,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let (author, device) = (self.push.person, self.push.device);
        let new = set_aside::New { group, record, form, author, device, reason, body };
        set_aside::keep(self.log.tx, self.log.now, state, &new)
    }

    /// The number of a change that the feed has from this person: it is theirs to be told of, also once
    /// they may write no more. Refused, it would be kept apart on the phone with all that stands on it.
    fn held(&self, bytes: &[u8]) -> Result<Option<u64>, StoreError> {
        match chunk::parse(bytes) {
            Ok(change) => log::number_of_own(self.log.tx, &change.header.hash, self.push.person),
            Err(_) => Ok(None),
        }
    }

    /// Why nothing of this group is taken from this person, whatever it is.
    fn why_not_group(&mut self, group: GroupId) -> Result<Option<Verdict>, StoreError> {
        let facts = self.facts(group)?.clone();
        if facts.erased {
            return Ok(Some(Verdict::Erased));
        }
        if facts.kind.is_none() {
            return Ok(Some(Verdict::Refused(Refusal::UnknownGroup)));
        }
        let may_write = self.role().is_some_and(|role| policy::may_write(role, facts.standing));
        Ok((!may_write).then_some(Verdict::Refused(Refusal::NotEntitled)))
    }

    fn why_not_change(
        &mut self,
        (record, group): (RecordId, GroupId),
        change: &RawChange,
        form: Option<&str>,
        existed: bool,
    ) -> Result<Option<Denial>, StoreError> {
        let owner = devices::actor_owner(self.log.tx, change.actor)?;
        let of_group = self.facts(group)?.clone();
        let record_kind = form.and_then(|form| self.programme.records.get(form));
        let facts = PushFacts {
            role: self.role(),
            device_revoked: self.revoked,
            actor_of_another: owner.is_some_and(|owner| owner != Some(self.push.device)),
            group_kind: of_group.kind.as_deref(),
            standing: of_group.standing,
            withdrawn: of_group.late,
            record_kind,
            open_to_role: record_kind.is_none_or(|kind| kind.is_open_to(&self.person.role)),
            tells_restricted: tells_restricted(self.programme, of_group.kind.as_deref(), form, change),
            starts_record: !existed,
            breaks_key: breaks_key(
                self.log.tx,
                self.programme,
                (group, of_group.kind.as_deref()),
                (record, form),
                change,
            )?,
        };
        Ok(policy::decide_push(&facts).err())
    }

    fn role(&self) -> Option<&Role> {
        self.programme.roles.get(&self.person.role)
    }

    /// What is known of a group, looked up once in a push.
    fn facts(&mut self, group: GroupId) -> Result<&GroupFacts, StoreError> {
        match self.groups.entry(group) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(new) => {
                let person = self.push.person;
                let facts = GroupFacts::read(self.log.tx, person, group, self.log.now, self.late_work_ms)?;
                Ok(new.insert(facts))
            }
        }
    }
}
