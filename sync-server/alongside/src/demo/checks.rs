//! What must hold after the week, each looked up afresh: nothing is believed because it was counted
//! on the way.

use std::collections::{BTreeMap, BTreeSet};

use alongside_core::{
    phone::Phone,
    views::{PageMark, RecordCard},
};
use alongside_domain::{
    ids::{ChangeHash, GroupId, PersonId, RecordId},
    programme::{Programme, split},
    record::{Attribution, Document, RecordView},
    value::Value,
};
use alongside_server::store::Store;
use anyhow::{Context, Result};
use jiff::civil::Date;
use serde::Serialize;

use super::week::{Collision, Saved, Work, by_record};
use crate::stop::StopFlag;

/// One thing that must hold.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// What must hold, as a sentence.
    pub(crate) name: &'static str,
    /// Whether it does.
    pub(crate) holds: bool,
    /// The figures behind it.
    pub(crate) detail: String,
}

impl Check {
    fn of(name: &'static str, wrong: usize, looked_at: usize, what: &str) -> Self {
        let detail = format!("{looked_at} {what} looked at, {wrong} wrong");
        Self { name, holds: wrong == 0 && looked_at > 0, detail }
    }
}

/// The server's side of a record, loaded from its log.
struct AtServer {
    view: RecordView,
    written: BTreeSet<(String, Value)>,
}

/// Loads records from the server's log, each once.
pub(crate) struct ServerRecords<'a> {
    store: &'a Store,
    programme: &'a Programme,
    stop: StopFlag,
    loaded: BTreeMap<RecordId, Option<AtServer>>,
}

impl<'a> ServerRecords<'a> {
    pub(crate) fn new(store: &'a Store, programme: &'a Programme, stop: StopFlag) -> Self {
        Self { store, programme, stop, loaded: BTreeMap::new() }
    }

    fn get(&mut self, record: RecordId) -> Result<Option<&AtServer>> {
        if !self.loaded.contains_key(&record) {
            self.stop.check()?;
            let found = self.load(record)?;
            self.loaded.insert(record, found);
        }
        Ok(self.loaded.get(&record).and_then(Option::as_ref))
    }

    fn load(&self, record: RecordId) -> Result<Option<AtServer>> {
        let changes = self.store.changes_of(record)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let document = Document::load(changes.iter().map(|change| change.bytes.as_slice()))
            .context("a record at the server does not load")?;
        let who: BTreeMap<ChangeHash, Attribution> = changes
            .iter()
            .map(|change| {
                let received_at = Some(change.received_at);
                (change.hash, Attribution { author: change.author, device: change.device, received_at })
            })
            .collect();
        let root = document.root()?;
        let form = self.programme.forms.get(&root.form);
        let policy = |key: &str| form.map(|form| form.merge_policy(key)).unwrap_or_default();
        let mut view = document.view(&policy, &who)?;
        self.programme.mark_illegal_transitions(&document, &mut view)?;
        let written = document
            .history(&who)?
            .into_iter()
            .flat_map(|entry| entry.fields)
            .map(|change| (change.key, change.to))
            .collect();
        Ok(Some(AtServer { view, written }))
    }
}

impl ServerRecords<'_> {
    /// A record as somebody who is granted these restricted groups reads it; `None` where it is a part of
    /// another record, or the server does not have it.
    fn whole(&mut self, record: RecordId, restricted: &[GroupId]) -> Result<Option<RecordView>> {
        let Some(view) = self.get(record)?.map(|found| found.view.clone()) else { return Ok(None) };
        let kind = self.programme.records.get(&view.root.form).and_then(|kind| kind.restricted.as_ref());
        let (Some(_), Some(form)) = (kind, self.programme.forms.get(&view.root.form)) else {
            return Ok(Some(view));
        };
        let mut parts = Vec::new();
        for group in restricted {
            parts.extend(self.get(split::part_of(record, *group))?.map(|found| found.view.clone()));
        }
        Ok(Some(if parts.is_empty() { view } else { split::join(form, view, parts) }))
    }
}

/// Promise 1: whatever a phone said was saved is in the server's history.
pub(crate) fn nothing_lost(
    server: &mut ServerRecords<'_>,
    works: &[&Work],
    restricted: &Restricted,
) -> Result<Check> {
    let (mut looked_at, mut lost) = (0, 0);
    for (record, saves) in by_record(works) {
        for Saved { key, value, .. } in saves {
            looked_at += 1;
            let said = (key.clone(), value.clone());
            let mut there = server.get(record)?.is_some_and(|found| found.written.contains(&said));
            // A restricted answer stands in a part of the record, in a group of its own.
            for group in restricted.keys().filter(|_| !there).collect::<Vec<_>>() {
                let part = server.get(split::part_of(record, *group))?;
                there |= part.is_some_and(|found| found.written.contains(&said));
            }
            lost += usize::from(!there);
        }
    }
    Ok(Check::of("every value a phone said was saved is at the server", lost, looked_at, "values"))
}

/// Promise 2: where two people answered differently, the last answer that each gave before seeing the
/// other's is live at the server, with the person who wrote it.
pub(crate) fn both_sides_kept(
    server: &mut ServerRecords<'_>,
    collisions: &[Collision],
    works: &BTreeMap<PersonId, &Work>,
) -> Result<Check> {
    let mut wrong = 0;
    for collision in collisions {
        let Some(found) = server.get(collision.record)? else {
            wrong += 1;
            continue;
        };
        let live: Vec<_> = found
            .view
            .fields
            .get(&collision.key)
            .into_iter()
            .flat_map(|field| std::iter::once(&field.shown).chain(&field.others))
            .collect();
        let kept = collision.people.iter().all(|person| {
            let last = works.get(person).and_then(|work| work.last(collision.record, &collision.key));
            last.is_some_and(|last| live.iter().any(|one| one.value == *last && one.author == Some(*person)))
        });
        let marked = found.view.fields.get(&collision.key).is_some_and(|field| !field.disagreement.is_none());
        wrong += usize::from(!(kept && marked));
    }
    let name = "where two people answered differently, both answers stand with who wrote them";
    Ok(Check::of(name, wrong, collisions.len(), "collisions"))
}

/// What the pages of a phone show.
pub(crate) struct Held {
    /// Records.
    pub(crate) records: BTreeMap<RecordId, RecordView>,
    /// Next date of each unit.
    pub(crate) next: BTreeMap<GroupId, Option<(Date, String)>>,
}

/// Reads everything a phone shows, page by page, as a person could.
pub(crate) fn held(phone: &Phone, units: &[GroupId], today: Date) -> Result<Held> {
    let mut held = Held { records: BTreeMap::new(), next: BTreeMap::new() };
    for unit in units {
        let mut after: Option<PageMark> = None;
        loop {
            let page = phone.records().unit_page(*unit, today, 200, after)?;
            if after.is_none() {
                let next = page.unit.next.as_ref().map(|next| (next.due, next.label.clone()));
                held.next.insert(*unit, next);
                let linked = page.linked.iter().flat_map(|group| &group.records);
                held.records.extend(linked.map(|card: &RecordCard| (card.record, card.view.clone())));
            }
            held.records.extend(page.records.iter().map(|card| (card.record, card.view.clone())));
            match page.after {
                Some(mark) => after = Some(mark),
                None => break,
            }
        }
    }
    Ok(held)
}

/// What each person is granted.
type Granted = BTreeMap<PersonId, BTreeSet<GroupId>>;
/// The restricted groups, with their kinds.
type Restricted = BTreeMap<GroupId, String>;
/// The group of each record at the server.
type Places = BTreeMap<RecordId, GroupId>;

/// Every phone shows every record that its person is entitled to, as the server has it.
pub(crate) fn replicas_equal(
    server: &mut ServerRecords<'_>,
    phones: &[(PersonId, Held)],
    granted: &Granted,
    places: &Places,
    restricted: &Restricted,
) -> Result<Check> {
    let (mut looked_at, mut wrong) = (0, 0);
    for (person, held) in phones {
        let mine: Vec<GroupId> =
            granted[person].iter().copied().filter(|group| restricted.contains_key(group)).collect();
        for (record, group) in places.iter().filter(|(_, group)| granted[person].contains(group)) {
            let Some(there) = server.whole(*record, &mine)? else { continue };
            // Parts of records are shown with them.
            let kind = server.programme.records.get(&there.root.form);
            if restricted.get(group).is_some_and(|of| kind.is_some_and(|kind| kind.group != *of)) {
                continue;
            }
            looked_at += 1;
            wrong += usize::from(held.records.get(record) != Some(&there));
        }
    }
    let name = "every phone shows each record it should, as the server does";
    Ok(Check::of(name, wrong, looked_at, "records for phones"))
}

/// Promise 3: a phone that is asked for any record that its person is not granted does not have it.
pub(crate) fn only_entitled(phones: &[(PersonId, &Phone)], granted: &Granted, places: &Places) -> Check {
    let (mut looked_at, mut wrong) = (0, 0);
    for (person, phone) in phones {
        for (record, _) in places.iter().filter(|(_, group)| !granted[person].contains(group)) {
            looked_at += 1;
            wrong += usize::from(phone.records().record(*record).is_ok());
        }
    }
    let name = "no phone holds a record that its person is not granted";
    Check::of(name, wrong, looked_at, "records of others asked for on phones")
}

/// Nothing waits, nothing was refused, nothing had to be put aside.
pub(crate) fn all_sent(phones: &[&Phone]) -> Result<Check> {
    let mut wrong = 0;
    for phone in phones {
        let outbox = phone.records().outbox()?;
        let clean = outbox.count == 0
            && outbox.refused.is_empty()
            && outbox.refused_openings.is_empty()
            && outbox.quarantined.is_empty();
        wrong += usize::from(!clean);
    }
    Ok(Check::of("no phone has anything waiting, refused or put aside", wrong, phones.len(), "phones"))
}

/// The read model of each phone, deleted and built again from its log, is the same.
pub(crate) fn phones_rebuild_equal(phones: &[&Phone]) -> Result<Check> {
    let mut wrong = 0;
    for phone in phones {
        let before = phone.dump_read_model()?;
        phone.rebuild_read_model()?;
        wrong += usize::from(phone.dump_read_model()? != before);
    }
    let name = "a phone's screens, built again from its log, are the same";
    Ok(Check::of(name, wrong, phones.len(), "phones"))
}

/// The next date of each case is the same on every phone and on the server's page.
pub(crate) fn dates_equal(
    phones: &[(PersonId, Held)],
    server: &BTreeMap<GroupId, Option<(Date, String)>>,
) -> Check {
    let (mut looked_at, mut wrong) = (0, 0);
    for (_, held) in phones {
        for (unit, next) in &held.next {
            looked_at += 1;
            wrong += usize::from(server.get(unit) != Some(next));
        }
    }
    Check::of("the next date of each case is the same on phone and page", wrong, looked_at, "cases on phones")
}
