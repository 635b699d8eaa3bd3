//! The world into the server: people first, then two years of records as if written at the time.

use std::collections::BTreeSet;

use alongside_domain::{
    ids::GroupId,
    programme::{Programme, split},
    record::Root,
    time::Millis,
};
use alongside_server::{
    ingest::{Ingest, LocalWrite},
    people::{self, NewPerson},
    store::Store,
};
use anyhow::{Context, Result};

use super::generate::{Draft, World};
use crate::stop::Stopped;

/// Adds the partners and people, and gives the world the ids that the server gave them.
pub(crate) fn people(store: &Store, programme: &Programme, world: &mut World, now: Millis) -> Result<()> {
    for partner in &mut world.partners {
        partner.id = people::partner(store, now, &partner.name).context("a partner could not be added")?;
    }
    for person in &mut world.people {
        let new = NewPerson {
            name: person.name.clone(),
            role: person.role.to_owned(),
            partner: world.partners[person.partner].id,
            areas: person.areas.clone(),
        };
        person.id = people::add_person(store, now, programme, &new).context("a person could not be added")?;
    }
    Ok(())
}

/// Writes every family, one author after the other; `progress` hears how many of the writes are done,
/// and may end it.
pub(crate) fn records(
    ingest: &Ingest,
    programme: &Programme,
    world: &World,
    mut progress: impl FnMut(usize, usize) -> Result<(), Stopped>,
) -> Result<()> {
    let mut openings: Vec<Vec<LocalWrite>> = world.people.iter().map(|_| Vec::new()).collect();
    let mut writes: Vec<Vec<LocalWrite>> = world.people.iter().map(|_| Vec::new()).collect();
    let opening = |partner: usize, group: GroupId, kind: &str, parents: Vec<GroupId>| LocalWrite::OpenGroup {
        group,
        kind: kind.to_owned(),
        partner: world.partners[partner].id,
        parents,
    };
    // Opened after the cases are granted: who was granted the case is granted what they write beside it.
    let mut restricted: Vec<Vec<LocalWrite>> = world.people.iter().map(|_| Vec::new()).collect();
    let mut opened = BTreeSet::new();
    let mut drafts = |records: &[Draft], group: GroupId| {
        for draft in records {
            writes[draft.author].push(create(programme, draft, group));
        }
    };
    for standing in &world.standing {
        let by = standing.records[0].author;
        openings[by].push(opening(standing.partner, standing.group, standing.kind, Vec::new()));
        drafts(&standing.records, standing.group);
    }
    for family in &world.families {
        // A family is opened by the supporter who met it.
        let by = family.records[0].author;
        openings[by].push(opening(family.partner, family.group, "family", Vec::new()));
        drafts(&family.records, family.group);
        for child in &family.children {
            openings[by].push(opening(family.partner, child.group, "child", vec![family.group]));
            drafts(&child.records, child.group);
            for case in &child.cases {
                openings[by].push(opening(
                    family.partner,
                    case.group,
                    "case",
                    vec![child.group, family.group],
                ));
                drafts(&case.records, case.group);
                for draft in &case.restricted {
                    // Each who writes there has a restricted group of their own beside the case.
                    let group = split::restricted_group(case.group, world.people[draft.author].id);
                    if opened.insert(group) {
                        let kind = &programme.records[draft.form].group;
                        restricted[draft.author].push(opening(family.partner, group, kind, vec![case.group]));
                    }
                    drafts(std::slice::from_ref(draft), group);
                }
                if case.open {
                    let person = world.people[case.supporter].id;
                    openings[by].push(LocalWrite::Grant { person, group: case.group });
                }
            }
        }
    }
    // Every group before any record: a record may be written by somebody else.
    let total: usize = openings.iter().chain(&restricted).chain(&writes).map(Vec::len).sum();
    let mut done = 0;
    for round in [openings, restricted, writes] {
        for (person, writes) in world.people.iter().zip(round).filter(|(_, writes)| !writes.is_empty()) {
            let count = writes.len();
            ingest.ingest_local(person.id, writes).context("a record of the demo was not taken")?;
            done += count;
            progress(done, total)?;
        }
    }
    Ok(())
}

fn create(programme: &Programme, draft: &Draft, group: GroupId) -> LocalWrite {
    let form_version = programme.forms.get(draft.form).map(|form| form.version.clone()).unwrap_or_default();
    LocalWrite::Create {
        root: Root { id: draft.id, form: draft.form.to_owned(), form_version, group },
        edits: draft.edits.clone(),
        at: draft.at,
        zone: programme.zone.clone(),
        reason: None,
    }
}
