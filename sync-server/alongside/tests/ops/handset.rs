//! A phone with what was saved on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest, clock::SystemClock, os_rng,
};
use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::builtin,
    record::{Attribution, Document, Edit},
    sync::Status,
    value::Value,
};
use alongside_server::store::Store;

pub(crate) struct Handset {
    pub(crate) phone: Phone,
    folder: PathBuf,
    case: Option<GroupId>,
    saved: Vec<(RecordId, String)>,
}

fn answers(pairs: &[(&str, &str)]) -> Vec<Edit> {
    pairs.iter().map(|&(key, text)| Edit { key: key.to_owned(), value: Value::from(text) }).collect()
}

fn profile(folder: &Path) -> Profile {
    let programme = Arc::new(builtin::independent_support().unwrap());
    Profile::new(folder.to_owned(), Key::new([5; 32]), programme, Arc::new(SystemClock), os_rng())
}

impl Handset {
    /// A phone with this name in the folder; not enrolled yet.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        let phone = Phone::create(profile(&folder)).unwrap();
        Self { phone, folder, case: None, saved: Vec::new() }
    }

    /// Closes the app and starts it again: it does not wait for as long as a busy server asked it to.
    pub(crate) fn start_again(&mut self) {
        self.phone.close();
        self.phone = Phone::open(profile(&self.folder)).unwrap();
    }

    pub(crate) async fn enrol(&self, url: &str, code: &str) {
        self.phone.sync().enrol(url, code, "Phone").await.unwrap();
    }

    /// Opens a family with a child and a case.
    pub(crate) fn open_case(&mut self) {
        let supporter = self.phone.sync().person().unwrap().to_string();
        let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
            let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
            let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
            self.phone.records().open_group(request).unwrap().group
        };
        let family = open("family", vec![], &[("family_ref", "F-1"), ("area", "840")]);
        let child = open("child", vec![family], &[("known_as", "Sam"), ("family_name", "Okafor")]);
        let case =
            open("case", vec![child, family], &[("case_ref", "C-1"), ("allocated_supporter", &supporter)]);
        self.case = Some(case);
    }

    /// Saves a contact, or edits the last one.
    pub(crate) fn save(&mut self, note: &str, edit: bool) {
        if self.case.is_none() {
            self.open_case();
        }
        let record = if edit { self.saved.last().map(|(record, _)| *record) } else { None };
        let pairs: &[_] =
            if record.is_some() { &[("note", note)] } else { &[("note", note), ("mode", "PHONE")] };
        let request = SaveRequest {
            record,
            group: self.case.unwrap(),
            form: "contact".into(),
            answers: answers(pairs),
            reason: None,
            token: None,
        };
        let view = self.phone.records().save(request).unwrap();
        self.saved.push((view.root.id, note.to_owned()));
    }

    /// Syncs until everything is there and nothing waits.
    pub(crate) async fn sync(&self, url: &str) {
        self.phone.sync().set_server(url).unwrap();
        let mut last = None;
        for _ in 0..50 {
            let outcome = self.phone.sync().sync_once().await.unwrap();
            if matches!(outcome.status, Status::UpToDate { .. }) && outcome.waiting == 0 {
                let outbox = self.phone.records().outbox().unwrap();
                assert!(outbox.refused.is_empty() && outbox.refused_openings.is_empty(), "{outbox:?}");
                assert!(outbox.quarantined.is_empty(), "{outbox:?}");
                return;
            }
            last = Some(outcome);
        }
        panic!("the phone does not come up to date: {last:?}");
    }

    pub(crate) fn saves(&self) -> usize {
        self.saved.len()
    }

    /// How many of the saves the phone holds for acknowledged; each has to be in this store.
    pub(crate) fn acknowledged_are_in(&self, store: &Store) -> usize {
        let outbox = self.phone.records().outbox().unwrap();
        assert!(outbox.count as usize <= outbox.waiting.len(), "the list is complete");
        let waiting: BTreeSet<RecordId> = outbox.waiting.iter().map(|change| change.record).collect();
        let mut by_record: BTreeMap<RecordId, Vec<&str>> = BTreeMap::new();
        for (record, note) in &self.saved {
            if !waiting.contains(record) {
                by_record.entry(*record).or_default().push(note);
            }
        }
        let mut looked_at = 0;
        for (record, notes) in by_record {
            let at_server = notes_of(store, record);
            for note in notes {
                assert!(at_server.contains(note), "an acknowledged save of {record} is not at the server");
                looked_at += 1;
            }
        }
        looked_at
    }
}

/// Every text that the note of a record ever had at the server.
fn notes_of(store: &Store, record: RecordId) -> BTreeSet<String> {
    let changes = store.changes_of(record).unwrap();
    if changes.is_empty() {
        return BTreeSet::new();
    }
    let document = Document::load(changes.iter().map(|change| change.bytes.as_slice())).unwrap();
    let who: BTreeMap<_, _> = changes
        .iter()
        .map(|change| (change.hash, Attribution { author: change.author, device: None, received_at: None }))
        .collect();
    document
        .history(&who)
        .unwrap()
        .into_iter()
        .flat_map(|entry| entry.fields)
        .filter(|field| field.key == "note")
        .filter_map(|field| field.to.as_text().map(str::to_owned))
        .collect()
}
