//! Servers and phones that come back from older copies, and phones that are there twice.

use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    tally::EntryName,
};
use alongside_server::store::LogBody;
use anyhow::Result;
use rand::RngExt as _;

use super::{Excluded, Mutant, handset::Handset, plot::Sim};

/// A change that a restored server lost and a phone will bring back.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    group: GroupId,
    pub(super) record: RecordId,
    hash: ChangeHash,
    author: PersonId,
    device: Option<DeviceId>,
}

impl Sim<'_> {
    pub(super) fn back_up_server(&mut self) -> Result<()> {
        let backup = self.server.back_up(self.dir.path(), self.backups.len())?;
        self.story.tell(format!("the server is backed up at {}", backup.head));
        self.backups.push(backup);
        Ok(())
    }

    /// The server comes back as it was at an earlier time; sometimes it grows on before any phone
    /// returns.
    pub(super) fn restore_server(&mut self) -> Result<()> {
        if self.backups.is_empty() {
            return self.back_up_server();
        }
        let chosen = self.rng.random_range(0..self.backups.len());
        let head = self.backups[chosen].head;
        let gone = self.server.log_after(head)?;
        let mut lost = Vec::new();
        for entry in &gone {
            let LogBody::Change { group, record, author, device, hash, .. } = &entry.body else { continue };
            let (group, record, hash) = (*group, *record, *hash);
            lost.push(Lost { group, record, hash, author: *author, device: *device });
        }
        let all: Vec<Lost> = self.returning.iter().chain(&lost).cloned().collect();
        if !self.somebody_offers(&all, |_| true)? {
            self.story.exclude(Excluded::NobodyHolds, "a restore");
            return Ok(());
        }
        let backup = self.backups.swap_remove(chosen);
        self.story.fault("server restored", &format!("to {head}; {} entries gone", gone.len()));
        self.held_once.extend(self.server.written()?);
        self.server.restore(&backup, self.story.mutant != Some(Mutant::ForgetsTheJournal))?;
        // Later copies hold what never happened in this server's life.
        self.backups.clear();
        self.backups.push(backup);
        self.returning.extend(lost);
        if self.rng.random_bool(0.6) {
            let times = self.rng.random_range(1..12);
            self.story.fault("restored server grows on", &format!("by {times}"));
            for _ in 0..times {
                self.correct()?;
            }
        }
        Ok(())
    }

    /// Whether each of these changes would be brought back by one of these phones: its author's, or one that
    /// can prove it.
    fn somebody_offers(&self, lost: &[Lost], who: impl Fn(&Handset) -> bool) -> Result<bool> {
        let granted = self.server.granted()?;
        for lost in lost.iter().filter(|lost| !self.erased.contains(&lost.group)) {
            let name = EntryName::of(lost.group, lost.record, &lost.hash, lost.author, lost.device);
            let mut offered = false;
            for handset in self.handsets.iter().filter(|handset| handset.in_use() && who(handset)) {
                let open = granted.get(&handset.person).is_some_and(|groups| groups.contains(&lost.group));
                let held = handset.holds()?.contains_key(&lost.record)
                    && handset.history(lost.record)?.contains(&lost.hash);
                // The answer on its way to it may say that access ended; it then takes the group off.
                let held = held && (open || !handset.has_an_answer_under_way());
                let own = Some(handset.device) == lost.device && open;
                offered |= held && (own || handset.phone()?.sync().provable(lost.group)?.contains(&name));
            }
            if !offered {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether everything that restored servers lost would still come back without these phones.
    pub(super) fn can_do_without(&mut self, gone: impl Fn(&Handset) -> bool) -> Result<bool> {
        if self.returning.is_empty() {
            return Ok(true);
        }
        let here: std::collections::BTreeSet<ChangeHash> = self
            .server
            .log_after(0)?
            .into_iter()
            .filter_map(|entry| match entry.body {
                LogBody::Change { hash, .. } | LogBody::Erased { hash, .. } => Some(hash),
                LogBody::Control(_) => None,
            })
            .collect();
        self.returning.retain(|lost| !here.contains(&lost.hash));
        self.somebody_offers(&self.returning, |handset| !gone(handset))
    }

    /// A phone is lost for good, with what only it held.
    pub(super) fn lose_phone(&mut self, at: usize) -> Result<()> {
        let others = self.handsets.iter().filter(|handset| handset.in_use()).count() > 1;
        let device = self.handsets[at].device;
        if !others || !self.handsets[at].in_use() {
            return Ok(());
        }
        if !self.can_do_without(|handset| handset.device == device)? {
            self.story.exclude(Excluded::NobodyHolds, "a lost phone");
            return Ok(());
        }
        self.story.fault("phone lost", &self.handsets[at].name);
        self.handsets[at].gone = true;
        self.excuse_unsent(Excluded::GoneWithPhone, at)
    }

    pub(super) fn copy_phone(&mut self) -> Result<()> {
        let at = self.rng.random_range(0..self.handsets.len());
        let copy = self.handsets[at].copy(self.copies.len(), self.saved.len())?;
        self.story.tell(format!("{} is backed up", self.handsets[at].name));
        self.copies.push((at, copy));
        Ok(())
    }

    /// A phone comes back as it was at an earlier time.
    pub(super) fn restore_phone(&mut self) -> Result<()> {
        if self.copies.is_empty() {
            return self.copy_phone();
        }
        let (at, copy) = &self.copies[self.rng.random_range(0..self.copies.len())];
        let (at, mark) = (*at, copy.saved);
        if self.handsets[at].revoked {
            return Ok(());
        }
        self.story.fault("phone restored", &self.handsets[at].name);
        self.handsets[at].restore(copy, &mut self.rng)?;
        let written = self.server.written()?;
        let late: Vec<bool> = (0..self.saved.len()).map(|number| number >= mark).collect();
        for (saved, late) in self.saved.iter_mut().zip(late) {
            let arrived = written.contains(&(saved.record, saved.key.clone(), saved.value.clone()));
            if late && saved.by == at && !arrived && saved.excused.is_none() {
                saved.excused = Some(Excluded::GoneWithPhone);
                self.story.exclude(Excluded::GoneWithPhone, &format!("{:?}", saved.value));
            }
        }
        Ok(())
    }

    /// One phone becomes two, and both go on: each with a new family of its own.
    pub(super) fn clone_phone(&mut self) -> Result<()> {
        let at = self.rng.random_range(0..self.handsets.len());
        if self.handsets[at].revoked || self.handsets.len() >= 7 {
            return Ok(());
        }
        self.handsets[at].empty(&mut self.rng)?;
        let number = self.handsets.len();
        self.story.fault("phone cloned", &format!("{} as phone {number}", self.handsets[at].name));
        let clone = self.handsets[at].clone_to(self.dir.path(), number, &mut self.rng)?;
        self.handsets.push(clone);
        for at in [at, number] {
            self.handsets[at].set_clock(alongside_domain::time::Millis(self.now));
            self.new_family(at)?;
        }
        Ok(())
    }
}
