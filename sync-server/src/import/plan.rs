//! What a row comes to: which groups and records are new, which are known, what is to be written.

use std::collections::{BTreeMap, HashMap};

use alongside_domain::{
    form::MergePolicy,
    ids::{GroupId, PersonId, RecordId},
    programme::Programme,
    record::{Attribution, Document, Edit, Root},
    time::Millis,
    value::Value,
};

use super::{
    map::{Map, RecordMap},
    row::{Key, ReadRecord, ReadRow, RowProblem, RowReader},
};
use crate::{
    ingest::LocalWrite,
    store::{ImportKey, Store, StoreError, access, import_keys, log},
};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Imported {
        /// Something of it was there before.
        joined: bool,
    },
    Unchanged,
    Updated,
}

/// A row with what it takes.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) outcome: Outcome,
    pub(super) notes: Vec<(String, &'static str)>,
    pub(super) writes: Vec<LocalWrite>,
}

/// Hashes of fields and of their values, as the row had them.
type Content = BTreeMap<[u8; 8], [u8; 8]>;

pub(super) struct Planner<'a> {
    pub(super) store: &'a Store,
    pub(super) programme: &'a Programme,
    pub(super) map: &'a Map,
    pub(super) reader: &'a RowReader<'a>,
    pub(super) rng: &'a mut dyn rand::Rng,
    pub(super) now: Millis,
    /// Keys that were looked up or made in this run.
    keys: HashMap<Key, Option<ImportKey>>,
    /// Links of groups that were looked up or made in this run.
    parents: HashMap<GroupId, Vec<GroupId>>,
    /// Values of records that are not in the store yet.
    waiting: HashMap<RecordId, BTreeMap<String, Value>>,
    /// Rows of this run, as they were first met.
    met: HashMap<Key, Content>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        store: &'a Store,
        reader: &'a RowReader<'a>,
        rng: &'a mut dyn rand::Rng,
        now: Millis,
    ) -> Self {
        Self {
            store,
            programme: reader.programme,
            map: reader.map,
            reader,
            rng,
            now,
            keys: HashMap::new(),
            parents: HashMap::new(),
            waiting: HashMap::new(),
            met: HashMap::new(),
        }
    }

    /// Everything planned so far is in the store.
    pub(super) fn written(&mut self) {
        self.waiting.clear();
    }

    /// Plans a row. The inner error refuses the row; nothing of it is kept then.
    pub(super) fn plan(&mut self, row: &ReadRow) -> Result<Result<Planned, RowProblem>, StoreError> {
        let content = content(row);
        let mut notes = row.notes.clone();
        if let Some(met) = self.met.get(&row.key) {
            notes.extend(self.differences(row, met, &content));
            return Ok(Ok(Planned { outcome: Outcome::Unchanged, notes, writes: Vec::new() }));
        }
        let groups = match self.groups(row)? {
            Ok(groups) => groups,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut plan = Plan { notes, writes: Vec::new(), created: false, known: false };
        let ids = self.open(row, groups, &mut plan);
        let before = self.find(&row.key)?.map(|key| decode(&key.content));
        let kept = match &before {
            Some(before) => self.again(row, before, &content, &ids, &mut plan)?,
            None => {
                self.first(row, &ids, &mut plan)?;
                content.clone()
            }
        };
        // Whom the row names as having it reads what it says in confidence.
        if !plan.writes.is_empty() {
            for record in &row.records {
                let group = ids[self.map.records[record.map].group];
                let shares =
                    record.grants.values().map(|person| LocalWrite::Share { person: *person, group });
                plan.writes.extend(shares);
            }
        }
        let outcome = match (&before, plan.created, plan.writes.is_empty()) {
            (None, true, _) => Outcome::Imported { joined: plan.known },
            (_, _, true) => Outcome::Unchanged,
            _ => Outcome::Updated,
        };
        if before.as_ref() != Some(&kept) {
            let target = ids.last().map_or([0; 16], |id| id.0);
            self.remember(row.key, target, encode(&kept), &mut plan);
        }
        self.met.insert(row.key, content);
        Ok(Ok(Planned { outcome, notes: plan.notes, writes: plan.writes }))
    }

    /// The groups of the row that are known, or the reason why they do not fit together.
    fn groups(&mut self, row: &ReadRow) -> Result<Result<Vec<Option<GroupId>>, RowProblem>, StoreError> {
        let mut groups: Vec<Option<GroupId>> = Vec::with_capacity(row.groups.len());
        for (key, group) in row.groups.iter().zip(&self.map.groups) {
            let Some(known) = self.find(key)? else {
                groups.push(None);
                continue;
            };
            let id = GroupId(known.target);
            let linked = self.parents_of(id)?;
            let fits =
                group.parents.iter().all(|parent| groups[*parent].is_some_and(|id| linked.contains(&id)));
            if !fits {
                return Ok(Err(RowProblem {
                    column: self.reader.headings(&group.key),
                    code: "other_parent",
                    reason: format!(
                        "an earlier row has the same {}, linked to another {}: put right whichever is wrong",
                        group.kind,
                        group
                            .parents
                            .first()
                            .map_or("group", |parent| self.map.groups[*parent].kind.as_str()),
                    ),
                }));
            }
            groups.push(Some(id));
        }
        Ok(Ok(groups))
    }

    /// Opens the groups that are not known yet.
    fn open(&mut self, row: &ReadRow, known: Vec<Option<GroupId>>, plan: &mut Plan) -> Vec<GroupId> {
        let map = self.map;
        let mut ids: Vec<GroupId> = Vec::with_capacity(known.len());
        for ((key, group), known) in row.groups.iter().zip(&map.groups).zip(known) {
            if let Some(id) = known {
                plan.known = true;
                ids.push(id);
                continue;
            }
            plan.created = true;
            let id = GroupId::new(self.now, self.random());
            let parents: Vec<GroupId> = group.parents.iter().map(|parent| ids[*parent]).collect();
            let partner = self.reader.partner;
            plan.writes.push(LocalWrite::OpenGroup {
                group: id,
                kind: group.kind.clone(),
                partner,
                parents: parents.clone(),
            });
            self.parents.insert(id, parents);
            self.remember(*key, id.0, Vec::new(), plan);
            ids.push(id);
        }
        ids
    }

    /// A row that was not imported before. Where a record of it is known from another row, the first
    /// stays; what that one left empty is filled in.
    fn first(&mut self, row: &ReadRow, ids: &[GroupId], plan: &mut Plan) -> Result<(), StoreError> {
        for record in &row.records {
            let map = &self.map.records[record.map];
            let Some(known) = self.find(&record.key)? else {
                self.create(record, map, ids, plan);
                continue;
            };
            plan.known = true;
            let id = RecordId(known.target);
            let current = self.values(id)?;
            let mut gaps: Vec<Edit> = Vec::new();
            for (question, edits) in by_question(&record.edits) {
                let set = format!("{question}/");
                let is_untouched =
                    !current.contains_key(question) && !current.keys().any(|key| key.starts_with(&set));
                let chosen = current
                    .iter()
                    .filter(|(key, value)| key.starts_with(&set) && **value == Value::Bool(true));
                let is_same = edits.iter().all(|edit| current.get(&edit.key) == Some(&edit.value))
                    && (current.contains_key(question) || chosen.count() == edits.len());
                if is_untouched && !map.immutable {
                    gaps.extend(edits.into_iter().cloned());
                } else if !is_same {
                    plan.notes.push((self.heading(map, question), "differs"));
                }
            }
            self.edit(record, map, id, gaps, ids, plan)?;
        }
        Ok(())
    }

    /// The same row again: what changed in it is written, and nothing else. Gives back what is to be
    /// remembered of it.
    fn again(
        &mut self,
        row: &ReadRow,
        before: &Content,
        content: &Content,
        ids: &[GroupId],
        plan: &mut Plan,
    ) -> Result<Content, StoreError> {
        let mut kept = content.clone();
        for record in &row.records {
            let map = &self.map.records[record.map];
            let Some(known) = self.find(&record.key)? else {
                self.create(record, map, ids, plan);
                continue;
            };
            let mut changed: Vec<Edit> = record
                .edits
                .iter()
                .filter(|edit| {
                    let path = path_hash(row, record, &edit.key);
                    before.get(&path) != content.get(&path)
                })
                .cloned()
                .collect();
            for field in &map.fields {
                let answered = record.edits.iter().any(|edit| question_of(&edit.key) == field.question);
                for key in self.keys_of(map, &field.question) {
                    let path = path_hash(row, record, &key);
                    let Some(value) = before.get(&path).filter(|_| !content.contains_key(&path)) else {
                        continue;
                    };
                    if answered {
                        // A code of a set that is no longer in the cell.
                        changed.push(Edit { key, value: Value::Bool(false) });
                    } else {
                        // An empty cell takes nothing away: somebody may have cut a column.
                        kept.insert(path, *value);
                        let note = (self.heading(map, &field.question), "emptied");
                        if !plan.notes.contains(&note) {
                            plan.notes.push(note);
                        }
                    }
                }
            }
            if map.immutable {
                let questions = by_question(&changed);
                plan.notes
                    .extend(questions.keys().map(|question| (self.heading(map, question), "cannot_change")));
                continue;
            }
            self.edit(record, map, RecordId(known.target), changed, ids, plan)?;
        }
        Ok(kept)
    }

    /// Names the fields in which a row says otherwise than when it was first met in this file.
    fn differences(&self, row: &ReadRow, met: &Content, content: &Content) -> Vec<(String, &'static str)> {
        let mut notes = Vec::new();
        for record in &row.records {
            let map = &self.map.records[record.map];
            for edit in &record.edits {
                let path = path_hash(row, record, &edit.key);
                let note = (self.heading(map, question_of(&edit.key)), "differs");
                if met.get(&path) != content.get(&path) && !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        notes
    }

    fn create(&mut self, record: &ReadRecord, map: &RecordMap, ids: &[GroupId], plan: &mut Plan) {
        let Some(form) = self.programme.forms.get(&map.form) else { return };
        let id = RecordId::new(self.now, self.random());
        let group = ids[map.group];
        plan.created = true;
        plan.writes.push(LocalWrite::Create {
            root: Root { id, form: form.id.clone(), form_version: form.version.clone(), group },
            edits: record.edits.clone(),
            at: self.now,
            zone: self.programme.zone.clone(),
            reason: Some("import".to_owned()),
        });
        plan.writes.extend(record.grants.values().map(|person| LocalWrite::Grant { person: *person, group }));
        let values = record.edits.iter().map(|edit| (edit.key.clone(), edit.value.clone())).collect();
        self.waiting.insert(id, values);
        self.remember(record.key, id.0, Vec::new(), plan);
    }

    fn edit(
        &mut self,
        record: &ReadRecord,
        map: &RecordMap,
        id: RecordId,
        edits: Vec<Edit>,
        ids: &[GroupId],
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        if edits.is_empty() {
            return Ok(());
        }
        let group = ids[map.group];
        let granted =
            |edit: &Edit| -> Option<PersonId> { record.grants.get(question_of(&edit.key)).copied() };
        plan.writes
            .extend(edits.iter().filter_map(granted).map(|person| LocalWrite::Grant { person, group }));
        if let Some(values) = self.waiting.get_mut(&id) {
            values.extend(edits.iter().map(|edit| (edit.key.clone(), edit.value.clone())));
        } else {
            // The same record may be met again before this is written.
            let mut values = self.values(id)?;
            values.extend(edits.iter().map(|edit| (edit.key.clone(), edit.value.clone())));
            self.waiting.insert(id, values);
        }
        plan.writes.push(LocalWrite::Edit {
            record: id,
            edits,
            at: self.now,
            zone: self.programme.zone.clone(),
            reason: Some("import".to_owned()),
        });
        Ok(())
    }

    fn remember(&mut self, key: Key, target: [u8; 16], content: Vec<u8>, plan: &mut Plan) {
        let key = ImportKey { partner: self.reader.partner, key, target, content };
        self.keys.insert(key.key, Some(key.clone()));
        plan.writes.push(LocalWrite::Remember(key));
    }

    fn find(&mut self, key: &Key) -> Result<Option<ImportKey>, StoreError> {
        if let Some(found) = self.keys.get(key) {
            return Ok(found.clone());
        }
        let partner = self.reader.partner;
        let found = self.store.read(|tx| import_keys::find(tx, partner, key))?;
        self.keys.insert(*key, found.clone());
        Ok(found)
    }

    fn parents_of(&mut self, group: GroupId) -> Result<Vec<GroupId>, StoreError> {
        if let Some(parents) = self.parents.get(&group) {
            return Ok(parents.clone());
        }
        let parents = self.store.read(|tx| access::parents(tx, group))?;
        self.parents.insert(group, parents.clone());
        Ok(parents)
    }

    /// The values of a record as they stand, with those that are about to be written.
    fn values(&self, record: RecordId) -> Result<BTreeMap<String, Value>, StoreError> {
        if let Some(values) = self.waiting.get(&record) {
            return Ok(values.clone());
        }
        let broken = |_| StoreError::damaged("a record of the feed does not load");
        let changes = self.store.read(|tx| log::changes_of(tx, record))?;
        let document =
            Document::load(changes.iter().map(|change| change.bytes.as_slice())).map_err(broken)?;
        let nobody = BTreeMap::<_, Attribution>::new();
        let view = document.view(&|_| MergePolicy::default(), &nobody).map_err(broken)?;
        Ok(view.fields.into_iter().map(|(key, field)| (key, field.shown.value)).collect())
    }

    fn heading(&self, map: &RecordMap, question: &str) -> String {
        let field = map.fields.iter().find(|field| field.question == question);
        field.map_or_else(|| question.to_owned(), |field| self.reader.heading_of(field))
    }

    /// The document keys that a question may have: of a set, one for each code.
    fn keys_of(&self, map: &RecordMap, question: &str) -> Vec<String> {
        let mut keys = vec![question.to_owned()];
        if let Some(form) = self.programme.forms.get(&map.form)
            && let Some(found) = form.question(question)
            && found.merge == MergePolicy::Set
        {
            let choices = self.programme.choices(form, found).unwrap_or_default();
            keys.extend(choices.iter().map(|choice| format!("{question}/{}", choice.name)));
        }
        keys
    }

    fn random(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

/// A row being planned.
struct Plan {
    notes: Vec<(String, &'static str)>,
    writes: Vec<LocalWrite>,
    /// A group or record is new.
    created: bool,
    /// A group or record was there before.
    known: bool,
}

fn question_of(key: &str) -> &str {
    key.split_once('/').map_or(key, |(question, _)| question)
}

fn by_question(edits: &[Edit]) -> BTreeMap<&str, Vec<&Edit>> {
    let mut questions: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in edits {
        questions.entry(question_of(&edit.key)).or_default().push(edit);
    }
    questions
}

fn content(row: &ReadRow) -> Content {
    let all = row.records.iter().flat_map(|record| record.edits.iter().map(move |edit| (record, edit)));
    all.map(|(record, edit)| (path_hash(row, record, &edit.key), value_hash(row, record, edit))).collect()
}

fn path_hash(row: &ReadRow, record: &ReadRecord, key: &str) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_keyed(&row.key);
    hasher.update(&record.key).update(key.as_bytes());
    short(&hasher)
}

/// The path goes in, so that equal values in two fields do not show as equal.
fn value_hash(row: &ReadRow, record: &ReadRecord, edit: &Edit) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_keyed(&row.key);
    hasher.update(&path_hash(row, record, &edit.key));
    match &edit.value {
        Value::Null => hasher.update(&[0]),
        Value::Text(text) | Value::Other(text) => hasher.update(&[1]).update(text.as_bytes()),
        Value::Integer(number) => hasher.update(&[2]).update(&number.to_le_bytes()),
        Value::Bool(chosen) => hasher.update(&[3, u8::from(*chosen)]),
        Value::Instant(at) => hasher.update(&[4]).update(&at.0.to_le_bytes()),
        Value::Ref(record) => hasher.update(&[5]).update(&record.0),
    };
    short(&hasher)
}

fn short(hasher: &blake3::Hasher) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    short
}

fn encode(content: &Content) -> Vec<u8> {
    content.iter().flat_map(|(path, value)| path.iter().chain(value).copied()).collect()
}

fn decode(bytes: &[u8]) -> Content {
    let (pairs, _) = bytes.as_chunks::<16>();
    pairs
        .iter()
        .map(|pair| {
            let (mut path, mut value) = ([0; 8], [0; 8]);
            path.copy_from_slice(&pair[..8]);
            value.copy_from_slice(&pair[8..]);
            (path, value)
        })
        .collect()
}
