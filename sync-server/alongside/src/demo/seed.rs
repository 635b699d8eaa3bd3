//! The world into the server: people first, then two years of records as if written at the time.

use alongside_domain::{
    ids::{GroupId, PersonId},
    programme::Programme,
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
    let mut by_author: Vec<(PersonId, Vec<LocalWrite>)> =
        world.people.iter().map(|person| (person.id, Vec::new())).collect();
    for family in &world.families {
        let partner = world.partners[family.partner].id;
        let open = |group: GroupId, kind: &str, parents: Vec<GroupId>| LocalWrite::OpenGroup {
            group,
            kind: kind.to_owned(),
            partner,
            parents,
        };
        // A family is written by the supporter who met it.
        let writes = &mut by_author[family.records[0].author].1;
        writes.push(open(family.group, "family", Vec::new()));
        writes.extend(family.records.iter().map(|draft| create(programme, draft, family.group)));
        for child in &family.children {
            writes.push(open(child.group, "child", vec![family.group]));
            writes.extend(child.records.iter().map(|draft| create(programme, draft, child.group)));
            for case in &child.cases {
                writes.push(open(case.group, "case", vec![child.group, family.group]));
                writes.extend(case.records.iter().map(|draft| create(programme, draft, case.group)));
                if case.open {
                    let person = world.people[case.supporter].id;
                    writes.push(LocalWrite::Grant { person, group: case.group });
                }
            }
        }
    }
    let total: usize = by_author.iter().map(|(_, writes)| writes.len()).sum();
    let mut done = 0;
    for (author, writes) in by_author.into_iter().filter(|(_, writes)| !writes.is_empty()) {
        let count = writes.len();
        ingest.ingest_local(author, writes).context("a record of the demo was not taken")?;
        done += count;
        progress(done, total)?;
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
