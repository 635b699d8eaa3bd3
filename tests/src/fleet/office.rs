//! What the coordinator does at the server: grants, withdrawals, revocations, corrections.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{GroupId, PersonId},
    record::Edit,
    time::Millis,
    value::Value,
    wire::ControlEvent,
};
use alongside_server::ingest::LocalWrite;
use anyhow::Result;
use rand::RngExt as _;

use super::{Excluded, people::short, plot::Sim};

/// What the server's log says of groups.
pub(super) struct Groups {
    /// Kind of each.
    pub(super) kinds: BTreeMap<GroupId, String>,
    pub(super) granted: BTreeMap<PersonId, BTreeSet<GroupId>>,
}

impl Groups {
    fn of(&self, person: PersonId, group: GroupId) -> bool {
        self.granted.get(&person).is_some_and(|groups| groups.contains(&group))
    }

    fn cases(&self, which: impl Fn(GroupId) -> bool) -> Vec<GroupId> {
        self.kinds
            .iter()
            .filter(|(group, kind)| *kind == "case" && which(**group))
            .map(|(group, _)| *group)
            .collect()
    }
}

impl Sim<'_> {
    pub(super) fn groups(&self) -> Result<Groups> {
        let kinds = self
            .server
            .control()?
            .into_iter()
            .filter_map(|event| match event {
                ControlEvent::Group { group, kind, .. } if !self.erased.contains(&group) => {
                    Some((group, kind))
                }
                _ => None,
            })
            .collect();
        Ok(Groups { kinds, granted: self.server.granted()? })
    }

    /// Whether the server takes nothing of this group from this person: access was withdrawn, or it was
    /// opened under a group whose access was withdrawn.
    pub(super) fn is_closed(&self, person: PersonId, group: GroupId) -> Result<bool> {
        let groups = self.groups()?;
        Ok(self.closed(&groups, person, group))
    }

    fn closed(&self, groups: &Groups, person: PersonId, group: GroupId) -> bool {
        if groups.kinds.contains_key(&group) {
            return !groups.of(person, group);
        }
        self.late.contains(&(person, group))
            || self
                .parents
                .get(&group)
                .is_some_and(|parents| parents.iter().any(|parent| self.closed(groups, person, *parent)))
    }

    pub(super) fn grant(&mut self) -> Result<()> {
        let groups = self.groups()?;
        let person = self.people[self.rng.random_range(0..self.people.len())];
        let cases = groups.cases(|group| !groups.of(person, group));
        if cases.is_empty() {
            return Ok(());
        }
        let group = cases[self.rng.random_range(0..cases.len())];
        self.story.tell(format!("the office grants {} to {}", short(&group.0), short(&person.0)));
        self.server.write(self.office, vec![LocalWrite::Grant { person, group }])?;
        let groups = self.groups()?;
        self.ended.retain(|(person, group)| !groups.of(*person, *group));
        Ok(())
    }

    pub(super) fn withdraw(&mut self) -> Result<()> {
        let groups = self.groups()?;
        let person = self.people[self.rng.random_range(0..self.people.len())];
        let cases = groups.cases(|group| groups.of(person, group));
        if cases.is_empty() {
            return Ok(());
        }
        let group = cases[self.rng.random_range(0..cases.len())];
        self.story.tell(format!("the office withdraws {} from {}", short(&group.0), short(&person.0)));
        self.server.write(self.office, vec![LocalWrite::Withdraw { person, group }])?;
        let (before, groups) = (groups, self.groups()?);
        let ended = before.granted.get(&person).cloned().unwrap_or_default();
        let ended: Vec<_> = ended
            .into_iter()
            .filter(|group| !groups.of(person, *group))
            .map(|group| (person, group))
            .collect();
        self.ended.extend(ended.iter().copied());
        self.late.extend(ended);
        let written = self.server.written()?;
        for at in 0..self.saved.len() {
            let saved = &self.saved[at];
            let arrived = written.contains(&(saved.record, saved.key.clone(), saved.value.clone()));
            if saved.person != person || arrived || !self.closed(&groups, person, saved.group) {
                continue;
            }
            let text = format!("{:?}", saved.value);
            self.late.insert((person, saved.group));
            self.saved[at].excused.get_or_insert(Excluded::LateWork);
            self.story.exclude(Excluded::LateWork, &text);
        }
        Ok(())
    }

    /// Revokes one of several phones.
    pub(super) fn revoke(&mut self) -> Result<()> {
        let in_use = self.handsets.iter().filter(|handset| handset.in_use()).count();
        let at = self.rng.random_range(0..self.handsets.len());
        let device = self.handsets[at].device;
        let same = self.handsets.iter().filter(|handset| handset.device == device).count();
        if !self.handsets[at].in_use() || in_use <= same + 1 {
            return Ok(());
        }
        if !self.can_do_without(|handset| handset.device == device)? {
            self.story.exclude(Excluded::NobodyHolds, "a revocation");
            return Ok(());
        }
        self.story.fault("phone revoked", &self.handsets[at].name);
        self.server.revoke(device, Millis(self.now))?;
        for at in 0..self.handsets.len() {
            if self.handsets[at].device == device {
                self.handsets[at].revoked = true;
                self.excuse_unsent(Excluded::RevokedWork, at)?;
            }
        }
        Ok(())
    }

    /// Does not look for what only this phone ever had. What a restored server lost and others hold has to
    /// come back.
    pub(super) fn excuse_unsent(&mut self, reason: Excluded, at: usize) -> Result<()> {
        let written = self.server.written()?;
        let held_once = self.held_once.clone();
        self.excuse(reason, |saved| {
            let value = (saved.record, saved.key.clone(), saved.value.clone());
            saved.by == at && !held_once.contains(&value) && !written.contains(&value)
        });
        Ok(())
    }

    /// Does not look for these values in the end.
    pub(super) fn excuse(&mut self, reason: Excluded, which: impl Fn(&super::people::Saved) -> bool) {
        for saved in self.saved.iter_mut().filter(|saved| saved.excused.is_none() && which(saved)) {
            saved.excused = Some(reason);
            self.story.exclude(reason, &format!("{:?}", saved.value));
        }
    }

    /// A case is erased for good.
    pub(super) fn erase(&mut self) -> Result<()> {
        let cases = self.groups()?.cases(|_| true);
        if cases.is_empty() {
            return Ok(());
        }
        let group = cases[self.rng.random_range(0..cases.len())];
        if !self.server.erase(group, Millis(self.now))? {
            self.story.fault("server's disk full", "after an erasure");
            self.to_erase_again.insert(group);
        }
        self.story.fault("case erased", &short(&group.0));
        self.erased.insert(group);
        self.excuse(Excluded::Erased, |saved| saved.group == group);
        Ok(())
    }

    /// The office corrects a record at the console.
    pub(super) fn correct(&mut self) -> Result<()> {
        let records: Vec<_> = self
            .server
            .records()?
            .into_iter()
            .filter(|(_, at)| ["family", "child", "case"].contains(&at.form.as_str()))
            .map(|(record, at)| (record, at.form))
            .collect();
        if records.is_empty() {
            return Ok(());
        }
        let (record, form) = records[self.rng.random_range(0..records.len())].clone();
        let key = match form.as_str() {
            "family" => "best_time",
            "child" => "primary_need",
            _ => "ehc_stage",
        };
        self.number += 1;
        let value = Value::Text(format!("office{}", self.number));
        let edits = vec![Edit { key: key.to_owned(), value }];
        self.story.tell(format!("the office corrects {}.{key}", short(&record.0)));
        let write = LocalWrite::Edit {
            record,
            edits,
            at: Millis(self.now),
            zone: "Europe/London".to_owned(),
            reason: None,
        };
        self.server.write(self.office, vec![write])
    }
}
