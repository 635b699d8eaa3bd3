//! What people do on their phones.

use alongside_core::{ApiError, Draft, FirstRecord, OpenGroupRequest, SaveRequest};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    record::Edit,
    time::Millis,
    value::Value,
};
use anyhow::{Context, Error, Result, bail, ensure};
use rand::RngExt as _;

use super::{Excluded, plot::Sim, programmes::NEW_FIELD};

/// Something that a phone said was saved.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    pub(super) record: RecordId,
    pub(super) group: GroupId,
    pub(super) key: String,
    pub(super) value: Value,
    /// Which handset saved it.
    pub(super) by: usize,
    pub(super) person: PersonId,
    /// Why it need not be at the server in the end.
    pub(super) excused: Option<Excluded>,
}

/// Fields in which every value is told apart by its text.
const FIELDS: &[(&str, &[&str])] = &[
    ("family", &["best_time", "preferred_language", "household"]),
    ("child", &["primary_need", "setting_type", "known_as"]),
    ("case", &["ehc_stage", "status"]),
    ("contact", &["note", "venue"]),
    ("ehc_event", &["note"]),
];

impl Sim<'_> {
    /// One thing that somebody does on this phone.
    pub(super) fn work(&mut self, at: usize) -> Result<()> {
        if self.handsets[at].revoked {
            return Ok(());
        }
        self.handsets[at].set_clock(Millis(self.now));
        let done = match self.rng.random_range(0..20) {
            0..2 => self.new_family(at),
            2..6 => self.new_record(at),
            6..15 => self.change_record(at),
            15..18 => self.decide(at),
            18 => self.keep_draft(at),
            _ => self.save_twice(at),
        };
        match done {
            Err(error) if self.handsets[at].is_full() && says_full(&error) => {
                self.story.fault("phone's disk full", &self.handsets[at].name);
                Ok(())
            }
            done => done,
        }
    }

    /// Somebody saves, and the phone dies somewhere among its writes: what it had not said was saved may
    /// be gone, but nothing that was saved before something that is there.
    pub(super) fn work_and_die(&mut self, at: usize) -> Result<()> {
        let before = self.handsets[at].disk()?;
        let mark = self.saved.len();
        self.work(at)?;
        let torn = self.handsets[at].die_since(&before, &mut self.rng)?;
        let name = self.handsets[at].name.clone();
        self.story.fault(if torn { "phone killed in a save" } else { "phone killed after a save" }, &name);
        let mut kept = mark;
        for place in mark..self.saved.len() {
            let saved = &self.saved[place];
            if self.handsets[at].has(saved.record, &saved.key, &saved.value)? {
                ensure!(kept == place, "{name} lost a save and kept the next: {:?}", saved.value);
                kept += 1;
            }
        }
        ensure!(torn || kept == self.saved.len(), "{name} lost what was durable");
        for gone in self.saved.drain(kept..) {
            self.story.tell(format!("{name} never said that {:?} was saved", gone.value));
        }
        Ok(())
    }

    fn unique(&mut self) -> String {
        self.number += 1;
        format!("v{}", self.number)
    }

    /// A family met on the doorstep: three groups, and records that name one another.
    pub(super) fn new_family(&mut self, at: usize) -> Result<()> {
        let family = self.open(at, "family", Vec::new(), &[("best_time", None)])?;
        let child = self.open(at, "child", vec![family], &[("known_as", None)])?;
        let supporter = self.handsets[at].person.to_string();
        let fields = [("ehc_stage", None), ("allocated_supporter", Some(supporter))];
        let case = self.open(at, "case", vec![child, family], &fields)?;
        self.save_new(at, case, "contact", vec![], "note")?;
        let episode = self.save_new(at, case, "ehc_episode", vec![], "")?;
        let reference = Edit { key: "episode".to_owned(), value: Value::Ref(episode) };
        self.save_new(at, case, "ehc_event", vec![reference], "note")?;
        Ok(())
    }

    fn open(
        &mut self,
        at: usize,
        kind: &str,
        parents: Vec<GroupId>,
        fields: &[(&str, Option<String>)],
    ) -> Result<GroupId> {
        let mut answers = Vec::new();
        for (key, text) in fields {
            let text = text.clone().unwrap_or_else(|| self.unique());
            answers.push(Edit { key: (*key).to_owned(), value: Value::Text(text) });
        }
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers.clone() }];
        let request =
            OpenGroupRequest { kind: kind.to_owned(), parents: parents.clone(), records, token: None };
        let opened = self.handsets[at]
            .phone()?
            .records()
            .open_group(request)
            .context("a group could not be opened")?;
        let name = self.handsets[at].name.clone();
        self.story.tell(format!("{name} opens {kind} {}", short(&opened.group.0)));
        self.parents.insert(opened.group, parents);
        self.remember(at, opened.records[0], opened.group, &answers)?;
        Ok(opened.group)
    }

    fn save_new(
        &mut self,
        at: usize,
        group: GroupId,
        form: &str,
        mut answers: Vec<Edit>,
        key: &str,
    ) -> Result<RecordId> {
        if !key.is_empty() {
            answers.push(Edit { key: key.to_owned(), value: Value::Text(self.unique()) });
        }
        self.save(at, None, group, form, &answers)
    }

    fn save(
        &mut self,
        at: usize,
        record: Option<RecordId>,
        group: GroupId,
        form: &str,
        answers: &[Edit],
    ) -> Result<RecordId> {
        let request = SaveRequest {
            record,
            group,
            form: form.to_owned(),
            answers: answers.to_vec(),
            reason: None,
            token: None,
        };
        let view = match self.handsets[at].phone()?.records().save(request) {
            Ok(view) => view,
            // The phone knows that the group was withdrawn, and still sends what waits.
            Err(ApiError::NotFound(_)) if record.is_some() => return Ok(record.unwrap_or(RecordId([0; 16]))),
            Err(error) => return Err(error).context("a phone could not save"),
        };
        self.remember(at, view.root.id, group, answers)?;
        Ok(view.root.id)
    }

    fn remember(&mut self, at: usize, record: RecordId, group: GroupId, answers: &[Edit]) -> Result<()> {
        let person = self.handsets[at].person;
        // A record whose beginning was refused as late work takes with it what is written on top.
        let begun_late =
            self.late.contains(&(person, group)) && self.server.store()?.changes_of(record)?.is_empty();
        let late = begun_late || self.is_closed(person, group)?;
        for edit in answers {
            let Value::Text(text) = &edit.value else { continue };
            let name = self.handsets[at].name.clone();
            self.story.tell(format!("{name} saves {}.{} = {text}", short(&record.0), edit.key));
            self.story.told.saved += 1;
            if late {
                self.story.exclude(Excluded::LateWork, text);
                self.late.insert((person, group));
            }
            self.saved.push(Saved {
                record,
                group,
                key: edit.key.clone(),
                value: edit.value.clone(),
                by: at,
                person,
                excused: if self.erased.contains(&group) {
                    Some(Excluded::Erased)
                } else {
                    late.then_some(Excluded::LateWork)
                },
            });
        }
        Ok(())
    }

    /// A record of this form on the phone.
    fn pick(&mut self, at: usize, forms: &[&str]) -> Result<Option<(RecordId, GroupId, String)>> {
        let held: Vec<_> = self.handsets[at]
            .holds()?
            .into_iter()
            .filter(|(_, (_, form))| forms.contains(&form.as_str()))
            .collect();
        if held.is_empty() {
            return Ok(None);
        }
        let (record, (group, form)) = held[self.rng.random_range(0..held.len())].clone();
        Ok(Some((record, group, form)))
    }

    fn new_record(&mut self, at: usize) -> Result<()> {
        let Some((_, group, _)) = self.pick(at, &["case"])? else { return self.new_family(at) };
        let answers = vec![Edit { key: "note".to_owned(), value: Value::Text(self.unique()) }];
        let request = SaveRequest {
            record: None,
            group,
            form: "contact".to_owned(),
            answers: answers.clone(),
            reason: None,
            token: None,
        };
        match self.handsets[at].phone()?.records().save(request) {
            Ok(view) => self.remember(at, view.root.id, group, &answers),
            Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(error).context("a phone could not save"),
        }
    }

    fn change_record(&mut self, at: usize) -> Result<()> {
        let forms: Vec<&str> = FIELDS.iter().map(|(form, _)| *form).collect();
        let Some((record, group, form)) = self.pick(at, &forms)? else { return Ok(()) };
        let mut keys: Vec<&str> =
            FIELDS.iter().filter(|(known, _)| *known == form).flat_map(|(_, keys)| *keys).copied().collect();
        let knows = |field| self.handsets[at].programme().form(&form)?.question(field);
        if form == "contact" && knows(NEW_FIELD).is_some() {
            keys.push(NEW_FIELD);
        }
        let mut answers = Vec::new();
        for key in &keys {
            if answers.is_empty() || self.rng.random_bool(0.3) {
                let key = if answers.is_empty() { keys[self.rng.random_range(0..keys.len())] } else { *key };
                let cleared = self.rng.random_bool(0.08);
                let value = if cleared { Value::Null } else { Value::Text(self.unique()) };
                answers.push(Edit { key: key.to_owned(), value });
            }
        }
        answers.sort_by(|a, b| a.key.cmp(&b.key));
        answers.dedup_by(|a, b| a.key == b.key);
        if form == "family" && self.rng.random_bool(0.3) {
            let value = Value::Bool(self.rng.random_bool(0.5));
            answers.push(Edit { key: "contact_preferences/CALL".to_owned(), value });
        }
        self.save(at, Some(record), group, &form, &answers).map(drop)
    }

    /// Decides a disagreement: for the value shown, for another, or for a new one.
    fn decide(&mut self, at: usize) -> Result<()> {
        let phone = self.handsets[at].phone()?.clone();
        let conflicts = phone.records().conflicts(20)?;
        if conflicts.is_empty() {
            return self.change_record(at);
        }
        let line = &conflicts[self.rng.random_range(0..conflicts.len())];
        let Some(key) = line.fields.first() else { bail!("a conflict without a field") };
        let field = line.card.view.fields.get(key).context("a conflict in a field that is not there")?;
        let fresh = self.rng.random_bool(0.3);
        let value = match (fresh, field.others.first()) {
            (true, _) => Value::Text(self.unique()),
            (false, Some(other)) if self.rng.random_bool(0.5) => other.value.clone(),
            _ => field.shown.value.clone(),
        };
        match phone.records().decide(line.card.record, key, value.clone(), "they said so") {
            Ok(_) if fresh => {
                let edit = Edit { key: key.clone(), value };
                self.remember(at, line.card.record, line.card.group, &[edit])
            }
            Ok(_) => {
                self.decided.push((line.card.record, key.clone(), value));
                Ok(())
            }
            // This version of the programme shows what the newer one asked, and cannot write it.
            Err(ApiError::Invalid(_)) if key == NEW_FIELD => Ok(()),
            Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(error).context("a phone could not decide"),
        }
    }

    fn keep_draft(&mut self, at: usize) -> Result<()> {
        let Some((record, group, form)) = self.pick(at, &["contact"])? else { return Ok(()) };
        let draft = Draft {
            token: self.rng.random(),
            record: Some(record),
            group,
            form,
            answers: vec![],
            at: Millis(0),
        };
        match self.handsets[at].phone()?.records().keep_draft(draft) {
            // Access has ended: nothing new is begun there.
            Err(ApiError::NotFound(_)) => Ok(()),
            kept => Ok(kept?),
        }
    }

    /// A button pressed twice: one record.
    fn save_twice(&mut self, at: usize) -> Result<()> {
        let Some((_, group, _)) = self.pick(at, &["case"])? else { return Ok(()) };
        let answers = vec![Edit { key: "note".to_owned(), value: Value::Text(self.unique()) }];
        let request = SaveRequest {
            record: None,
            group,
            form: "contact".to_owned(),
            answers: answers.clone(),
            reason: None,
            token: Some(self.rng.random()),
        };
        let phone = self.handsets[at].phone()?.clone();
        let first = match phone.records().save(request.clone()) {
            Ok(view) => view,
            Err(ApiError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error).context("a phone could not save"),
        };
        let second = phone.records().save(request).context("a repeated save")?;
        if first.root.id != second.root.id {
            bail!("a repeated save made a second record");
        }
        self.remember(at, first.root.id, group, &answers)
    }
}

/// Whether this is the phone's word that storage is full.
fn says_full(error: &Error) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(ApiError::StorageFull)))
}

/// The beginning of an id.
pub(super) fn short(id: &[u8; 16]) -> String {
    id[12..].iter().map(|byte| format!("{byte:02x}")).collect()
}
