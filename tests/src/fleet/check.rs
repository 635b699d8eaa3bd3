//! What must hold once everything is healed.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{ChangeHash, GroupId, PersonId, RecordId},
    time::Millis,
    value::Value,
    wire::{ControlEvent, Cursor, SyncAnswer, decode_message, encode},
};
use alongside_server::store::LogBody;
use anyhow::{Context, Result, bail, ensure};
use axum::http::StatusCode;

use super::{Excluded, handset::Handset, people::short, plot::Sim, server::AtServer};

impl Sim<'_> {
    /// Holds the end of the story against what was promised. `cloned`: phones were there twice.
    pub(super) fn check(&mut self, cloned: bool) -> Result<()> {
        self.nothing_lost()?;
        let records = self.server.records()?;
        if !cloned {
            self.written_once(&records)?;
        }
        self.references_resolve(&records)?;
        let granted = self.server.granted()?;
        self.ended_stays_ended(&granted)?;
        for handset in self.handsets.iter().filter(|handset| handset.in_use()) {
            let groups = granted.get(&handset.person).cloned().unwrap_or_default();
            self.holds_what_it_should(handset, &groups, &records)
                .with_context(|| format!("at {}", handset.name))?;
            self.nothing_stands_apart(handset).with_context(|| format!("at {}", handset.name))?;
            // They hold the same by now; that they ever differed up to one place is a fault of one of them.
            let defects = handset.phone()?.sync().defects()?;
            ensure!(defects == 0, "{} and the server differed {defects} times", handset.name);
        }
        for handset in &self.handsets {
            rebuilds(handset).with_context(|| format!("at {}", handset.name))?;
        }
        self.chain_holds()?;
        let findings = self.server.findings()?;
        ensure!(findings.is_empty(), "the server's store is not whole: {findings:?}");
        Ok(())
    }

    /// What the office ended is ended, also at a server that was restored since.
    fn ended_stays_ended(&self, granted: &BTreeMap<PersonId, BTreeSet<GroupId>>) -> Result<()> {
        for (person, group) in &self.ended {
            let open = granted.get(person).is_some_and(|groups| groups.contains(group));
            ensure!(!open, "access to {} that was withdrawn is open again", short(&group.0));
        }
        for handset in self.handsets.iter().filter(|handset| handset.revoked) {
            let (request, _, _) = handset.phone()?.sync().prepare(0, 0)?;
            let (status, body) = self.server.post("/v1/sync", Some(&handset.token), encode(&request))?;
            // It may still deliver what it has, for a coordinator to look at; it is sent nothing.
            let delivers = status == StatusCode::OK && {
                let answer: SyncAnswer = decode_message(&body)?;
                answer.revoked && answer.pull.is_none()
            };
            let stopped = status == StatusCode::FORBIDDEN;
            // What it would deliver is packed against what the server no longer has for it: it is asked for rows.
            let in_rows = status == StatusCode::UNPROCESSABLE_ENTITY;
            ensure!(stopped || delivers || in_rows, "{} was revoked and is answered {status}", handset.name);
        }
        Ok(())
    }

    /// Every value that a phone said was saved is in the server's history.
    fn nothing_lost(&mut self) -> Result<()> {
        let written = self.server.written()?;
        for saved in self.saved.iter().filter(|saved| saved.excused.is_none()) {
            let there = written.contains(&(saved.record, saved.key.clone(), saved.value.clone()));
            ensure!(
                there,
                "lost: {}.{} = {:?} in {}, saved on {}",
                short(&saved.record.0),
                saved.key,
                saved.value,
                short(&saved.group.0),
                self.handsets[saved.by].name,
            );
            self.story.told.found += 1;
        }
        // What a revoked phone could not send any more is still on it, unless it heard of an erasure.
        let erased = |saved: &&super::people::Saved| self.erased.contains(&saved.group);
        let stopped = |saved: &&super::people::Saved| saved.excused == Some(Excluded::RevokedWork);
        for saved in self.saved.iter().filter(stopped).filter(|saved| !erased(saved)) {
            let handset = &self.handsets[saved.by];
            ensure!(
                handset.has(saved.record, &saved.key, &saved.value)?,
                "{} was revoked and lost {}.{} = {:?}",
                handset.name,
                short(&saved.record.0),
                saved.key,
                saved.value,
            );
        }
        Ok(())
    }

    /// No change that the server holds was authored again: every value saved stands in one change.
    /// Where access ended and came back, work may be offered again and its original arrive late; two
    /// clones may both write again what neither had sent.
    fn written_once(&self, records: &BTreeMap<RecordId, AtServer>) -> Result<()> {
        let late: BTreeSet<GroupId> = self.late.iter().map(|(_, group)| *group).collect();
        let mut times: BTreeMap<(RecordId, String, Value), u32> = BTreeMap::new();
        for (record, at) in records.iter().filter(|(_, at)| !late.contains(&at.group)) {
            for field in at.document.history(&at.who)?.into_iter().flat_map(|entry| entry.fields) {
                *times.entry((*record, field.key, field.to)).or_default() += 1;
            }
        }
        let decided: BTreeSet<_> =
            self.decided.iter().map(|(record, key, value)| (*record, key.clone(), value.clone())).collect();
        for saved in self.saved.iter() {
            let value = (saved.record, saved.key.clone(), saved.value.clone());
            let once = times.get(&value).is_none_or(|times| *times == 1) || decided.contains(&value);
            ensure!(once, "{}.{} = {:?} was authored twice", short(&saved.record.0), saved.key, saved.value);
        }
        Ok(())
    }

    /// Every reference between records, and every link between groups, names something that is there;
    /// where access ended, what a record names may have been refused as late work.
    fn references_resolve(&self, records: &BTreeMap<RecordId, AtServer>) -> Result<()> {
        let late: BTreeSet<GroupId> = self.late.iter().map(|(_, group)| *group).collect();
        for (record, at) in records.iter().filter(|(_, at)| !late.contains(&at.group)) {
            for entry in at.document.history(&at.who)? {
                for field in entry.fields {
                    if let Value::Ref(other) = field.to {
                        ensure!(
                            records.get(&other).is_some_and(|there| there.group == at.group),
                            "{} names a record that is not there",
                            short(&record.0)
                        );
                    }
                }
            }
        }
        let mut groups = BTreeSet::new();
        for event in self.server.control()? {
            if let ControlEvent::Group { group, parents, .. } = event {
                ensure!(
                    parents.iter().all(|parent| groups.contains(parent)),
                    "a link to a group that is not there"
                );
                ensure!(groups.insert(group), "a group was opened twice");
            }
        }
        Ok(())
    }

    /// The phone has each record of the groups granted to its person as the server has it, with its
    /// whole history, and nothing else.
    fn holds_what_it_should(
        &self,
        handset: &Handset,
        granted: &BTreeSet<GroupId>,
        records: &BTreeMap<RecordId, AtServer>,
    ) -> Result<()> {
        let held = handset.holds()?;
        // Sent after access had ended: it stays on the phone that wrote it, where access was given again
        // since, and on others that had it before the server was restored, until a coordinator decides.
        let mut in_review = handset.in_review()?;
        in_review.extend(self.server.in_review()?);
        let waits = |record: RecordId| -> Result<bool> {
            Ok(handset.history(record)?.iter().all(|change| in_review.contains(change)))
        };
        for (record, (group, form)) in &held {
            ensure!(granted.contains(group), "{form} {} of a group that is not granted", short(&record.0));
            ensure!(
                records.contains_key(record) || waits(*record)?,
                "{form} {} that the server does not have",
                short(&record.0)
            );
        }
        for (record, at) in records.iter().filter(|(_, at)| granted.contains(&at.group)) {
            let name = || format!("{} {} of group {}", at.form, short(&record.0), short(&at.group.0));
            ensure!(held.get(record).is_some_and(|(group, _)| *group == at.group), "{} is not there", name());
            let mut hashes: Vec<ChangeHash> = at.who.keys().copied().collect();
            hashes.sort_unstable();
            let here = handset.history(*record)?;
            let more: Vec<_> = here.iter().filter(|change| !hashes.contains(change)).collect();
            ensure!(
                here.len() - more.len() == hashes.len()
                    && more.iter().all(|change| in_review.contains(change)),
                "{} has another history",
                name()
            );
            if !more.is_empty() {
                continue;
            }
            let form = handset.phone()?.programme().forms.get(&at.form);
            let policy = |key: &str| form.map(|form| form.merge_policy(key)).unwrap_or_default();
            let mut there = at.document.view(&policy, &at.who)?;
            handset.phone()?.programme().mark_illegal_transitions(&at.document, &mut there)?;
            let here = handset.phone()?.records().record(*record)?.view;
            ensure!(here == there, "{} differs:\nhere  {here:?}\nthere {there:?}", name());
        }
        Ok(())
    }

    /// Nothing waits, nothing is kept apart. What was refused belongs to access that had ended.
    fn nothing_stands_apart(&self, handset: &Handset) -> Result<()> {
        let outbox = handset.phone()?.records().outbox()?;
        ensure!(outbox.count == 0, "{} changes wait", outbox.count);
        ensure!(outbox.quarantined.is_empty(), "in quarantine: {:?}", outbox.quarantined);
        let late = |group: GroupId| self.late.contains(&(handset.person, group));
        for refused in outbox.refused {
            ensure!(late(refused.group), "refused: {:?} in {}", refused.reason, short(&refused.group.0));
        }
        for (group, refusal) in outbox.refused_openings {
            ensure!(late(group), "opening refused: {refusal:?} of {}", short(&group.0));
        }
        Ok(())
    }

    /// The feed's chain is what its entries say.
    fn chain_holds(&self) -> Result<()> {
        let mut chain = [0; 16];
        let mut last = 0;
        for entry in self.server.log_after(0)? {
            ensure!(entry.seq == last + 1, "the feed skips from {last} to {}", entry.seq);
            last = entry.seq;
            let digest = match entry.body {
                LogBody::Change { hash, .. } | LogBody::Erased { hash, .. } => hash.0,
                LogBody::Control(event) => {
                    let mut body = Vec::new();
                    ciborium::into_writer(&event, &mut body)?;
                    *blake3::hash(&body).as_bytes()
                }
            };
            let mut hasher = blake3::Hasher::new();
            hasher.update(&chain).update(&entry.seq.to_le_bytes()).update(&digest);
            hasher.update(&entry.received_at.0.to_le_bytes());
            chain.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        }
        ensure!(
            self.server.store()?.head()? == Cursor { seq: last, chain },
            "the feed's chain does not hold"
        );
        Ok(())
    }
}

/// The phone's file is whole, and its screens built again from its log are the same.
fn rebuilds(handset: &Handset) -> Result<()> {
    handset.set_clock(Millis(0));
    let phone = handset.phone()?;
    let problems = phone.verify()?;
    ensure!(problems.is_empty(), "its file is damaged: {problems:?}");
    let before = phone.dump_read_model()?;
    phone.rebuild_read_model()?;
    let after = phone.dump_read_model()?;
    if before != after {
        bail!("its screens differ when built again:\n{}", difference(&before, &after));
    }
    Ok(())
}

/// Lines that only one of the two has.
fn difference(before: &str, after: &str) -> String {
    let (a, b): (BTreeSet<&str>, BTreeSet<&str>) = (before.lines().collect(), after.lines().collect());
    let only = |mark: &str, lines: Vec<&&str>| -> String {
        lines.iter().take(5).map(|line| format!("{mark} {}\n", &line[..line.len().min(300)])).collect()
    };
    only("grown", a.difference(&b).collect()) + &only("built", b.difference(&a).collect())
}
