//! A push inside the writing transaction: policy, numbers, verdicts.

use std::collections::BTreeMap;

use alongside_domain::{
    guard::{Ruling, chunk},
    ids::{ChangeHash, GroupId, RecordId},
    policy::{self, OpeningFacts, ParentFacts, PushFacts, Standing},
    programme::{Programme, Role},
    record::RawChange,
    time::Millis,
    wire::{GroupOpening, OpeningVerdict, Refusal, Verdict},
};
use rusqlite::Transaction;

use super::{
    IngestError, PreparedPush, PushOutcome,
    judgement::{self, Judged},
};
use crate::{
    people::{self, PersonRow},
    store::{
        StoreError,
        access::{self, Access},
        devices,
        log::{self, Appender},
    },
};

/// One push under way.
struct Push<'a, 't> {
    log: Appender<'t>,
    programme: &'a Programme,
    push: &'a PreparedPush,
    person: PersonRow,
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
    push: &PreparedPush,
) -> Result<PushOutcome, IngestError> {
    let device = devices::by_id(tx, push.device)?;
    if device.is_none_or(|device| device.revoked_at.is_some()) {
        return Err(IngestError::Revoked);
    }
    let person =
        people::find(tx, push.person)?.ok_or_else(|| StoreError::damaged("a device belongs to nobody"))?;
    let mut work = Push {
        log: Appender::new(tx, now)?,
        programme,
        push,
        person,
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
    Ok(work.outcome)
}

impl Push<'_, '_> {
    fn open(&mut self, opening: &GroupOpening) -> Result<OpeningVerdict, StoreError> {
        if let Some(existing) = access::group(self.log.tx, opening.group)? {
            let mine = matches!(self.access(opening.group)?, Access::Granted(_));
            return Ok(if mine && existing.kind == opening.kind {
                OpeningVerdict::Opened
            } else {
                OpeningVerdict::Refused(Refusal::NotEntitled)
            });
        }
        if let Some(refusal) = self.why_not_open(opening)? {
            return Ok(OpeningVerdict::Refused(refusal));
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
        Ok(OpeningVerdict::Opened)
    }

    fn why_not_open(&self, opening: &GroupOpening) -> Result<Option<Refusal>, StoreError> {
        let mut kinds = Vec::with_capacity(opening.parents.len());
        for parent in &opening.parents {
            // A group of another partner does not exist for this one.
            let row = access::group(self.log.tx, *parent)?.filter(|row| row.partner == self.person.partner);
            kinds.push((row.map(|row| row.kind), self.standing(*parent)?));
        }
        let parents: Vec<ParentFacts<'_>> = kinds
            .iter()
            .map(|(kind, standing)| ParentFacts { kind: kind.as_deref(), standing: *standing })
            .collect();
        let facts = OpeningFacts {
            role: self.role(),
            device_revoked: false,
            kind: self.programme.groups.get(&opening.kind),
            parents: &parents,
        };
        Ok(policy::decide_opening(&facts).err())
    }

    fn judge_again_what_moved(&mut self) -> Result<(), StoreError> {
        for (&(record, group), judged) in &self.push.judged {
            let entitled = matches!(self.access(group)?, Access::Granted(_));
            let stale = judged.rulings.is_none() || log::latest_of(self.log.tx, record)? != judged.latest;
            if entitled && stale {
                let again = judgement::judge(
                    self.log.tx,
                    record,
                    group,
                    judged.positions.clone(),
                    &self.push.changes,
                )?;
                self.again.insert((record, group), again);
            }
        }
        Ok(())
    }

    /// Gives verdicts and numbers in the order in which the changes were sent.
    fn changes(&mut self) -> Result<(), StoreError> {
        let mut verdicts = vec![Verdict::Retry; self.push.changes.len()];
        // Position → its record's judgement, and its place in it.
        let mut rulings: Vec<Option<(Ruling, Option<String>, bool)>> = vec![None; verdicts.len()];
        for (key, first) in &self.push.judged {
            let judged = self.again.get(key).unwrap_or(first);
            let Some(of_record) = &judged.rulings else { continue };
            for (place, (position, ruling)) in judged.positions.iter().zip(of_record).enumerate() {
                let existed = judged.latest > 0 || place > 0;
                rulings[*position] = Some((ruling.clone(), judged.form.clone(), existed));
            }
        }
        for (position, change) in self.push.changes.iter().enumerate() {
            let verdict = if let Some(refusal) = self.why_not_group(change.group)? {
                self.held(&change.bytes)?.map_or(Verdict::Refused(refusal), Verdict::Have)
            } else {
                match rulings[position].take() {
                    Some((ruling, form, existed)) => {
                        self.rule(change.record, change.group, ruling, form.as_deref(), existed)?
                    }
                    None => Verdict::Retry,
                }
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
        record: RecordId,
        group: GroupId,
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
            Ruling::Missing(hashes) => Verdict::Missing(hashes),
            Ruling::Fork { actor, seq } => Verdict::Fork { actor, seq },
            Ruling::Refused(refusal) => Verdict::Refused(refusal),
            Ruling::Pass(change) => {
                let left_out: Vec<ChangeHash> =
                    change.deps.iter().filter(|dep| self.left_out.contains_key(*dep)).copied().collect();
                let verdict = if left_out.is_empty() {
                    match self.why_not_change(group, &change, form, existed)? {
                        Some(refusal) => Verdict::Refused(refusal),
                        None => self.accept(record, group, &change)?,
                    }
                } else {
                    Verdict::Missing(left_out)
                };
                if !matches!(verdict, Verdict::Accepted(_)) {
                    self.left_out.insert(change.hash, verdict.clone());
                }
                verdict
            }
        })
    }

    fn accept(
        &mut self,
        record: RecordId,
        group: GroupId,
        change: &RawChange,
    ) -> Result<Verdict, StoreError> {
        if devices::actor_owner(self.log.tx, change.actor)?.is_none() {
            devices::bind_actor(self.log.tx, change.actor, Some(self.push.device))?;
        }
        let seq = self.log.change(group, record, self.push.person, Some(self.push.device), change)?;
        Ok(Verdict::Accepted(seq))
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
    fn why_not_group(&self, group: GroupId) -> Result<Option<Refusal>, StoreError> {
        if access::group(self.log.tx, group)?.is_none() {
            return Ok(Some(Refusal::UnknownGroup));
        }
        let role = self.role().filter(|role| policy::may_write(role, Standing::Granted));
        Ok(match self.access(group)? {
            Access::Granted(_) if role.is_some() => None,
            Access::Withdrawn(_) => Some(Refusal::AfterWithdrawal),
            Access::Granted(_) | Access::Never => Some(Refusal::NotEntitled),
        })
    }

    fn why_not_change(
        &self,
        group: GroupId,
        change: &RawChange,
        form: Option<&str>,
        existed: bool,
    ) -> Result<Option<Refusal>, StoreError> {
        let owner = devices::actor_owner(self.log.tx, change.actor)?;
        let row = access::group(self.log.tx, group)?;
        let facts = PushFacts {
            role: self.role(),
            device_revoked: false,
            actor_of_another: owner.is_some_and(|owner| owner != Some(self.push.device)),
            group_kind: row.as_ref().map(|row| row.kind.as_str()),
            standing: self.standing(group)?,
            withdrawn: matches!(self.access(group)?, Access::Withdrawn(_)),
            record_kind: form.and_then(|form| self.programme.records.get(form)),
            starts_record: !existed,
        };
        Ok(policy::decide_push(&facts).err())
    }

    fn role(&self) -> Option<&Role> {
        self.programme.roles.get(&self.person.role)
    }

    /// Phones hold what was granted by name; an area alone brings nothing onto a phone.
    fn standing(&self, group: GroupId) -> Result<Standing, StoreError> {
        Ok(match self.access(group)? {
            Access::Granted(_) => Standing::Granted,
            Access::Withdrawn(_) | Access::Never => Standing::Stranger,
        })
    }

    fn access(&self, group: GroupId) -> Result<Access, StoreError> {
        access::access(self.log.tx, self.push.person, group)
    }
}
