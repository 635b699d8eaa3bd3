//! Access follows from the records that say who has a unit from when to when, day by day, in the transaction
//! that takes such a record in: whoever's interval runs is granted the unit, whoever's are over has it
//! withdrawn. Whoever no such record names keeps what they have.
//!
//! Who takes a unit over reads what those who had it before wrote in confidence beside it (a hidden address
//! does not become known to the next one by chance), and nothing that others wrote there.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::MergePolicy,
    ids::{ActorId, GroupId, PersonId, RecordId},
    policy::{self, Standing},
    programme::{
        Programme, Reach,
        holders::{self, Holding},
    },
    record::{Circumstances, Document, Edit, RecordView},
    time::Millis,
    value::Value,
};
use jiff::civil::Date;
use rusqlite::Transaction;

use crate::{
    people,
    store::{
        Store, StoreError, access, devices, erasures,
        log::{self, Appender},
    },
};

pub(crate) mod rows;
#[cfg(test)]
mod tests;

/// Somebody who was granted a group for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Having {
    /// Who.
    pub person: PersonId,
    /// When the server took in that they were.
    pub since: Millis,
}

/// Who was granted a group for itself and has it now.
///
/// # Errors
/// See [`StoreError`].
pub fn having(store: &Store, group: GroupId) -> Result<Vec<Having>, StoreError> {
    store.read(|tx| {
        let mut all = Vec::new();
        for person in access::ever_granted_directly(tx, group)? {
            if let access::Access::Granted(seq) = access::access(tx, person, group)?
                && let Some(since) = log::received_at(tx, seq)?
            {
                all.push(Having { person, since });
            }
        }
        Ok(all)
    })
}

use rows::{Held, ReadAs};

/// Why the server itself writes who supports a unit: the interval of a record has begun.
const BEGUN: &str = "begun";

/// Lets access follow from what was written with this appender. `actor` writes what the server says itself;
/// without one, one is made where there is something to say.
pub(crate) fn follow(
    log: &mut Appender<'_>,
    programme: &Programme,
    actor: Option<ActorId>,
    today: Date,
) -> Result<(), StoreError> {
    let written = std::mem::take(&mut log.written);
    let opened = std::mem::take(&mut log.opened);
    let mut latest = BTreeMap::new();
    for written in written {
        if programme.parts.holders_of(&written.form).is_some() {
            latest.insert(written.record, written);
        }
    }
    let (mut named, mut leads) = (BTreeSet::new(), Vec::new());
    for (record, written) in latest {
        let before = rows::of_record(log.tx, record)?;
        let now = read(log.tx, programme, record, written.group)?;
        if before == now {
            continue;
        }
        rows::put(log.tx, record, now.as_ref())?;
        named.extend(before.iter().chain(&now).map(|held| (held.group, held.interval.person)));
        leads.extend(now.map(|held| (held, written.author)));
    }
    for (group, person) in named {
        settle(log, programme, (group, person), today, true)?;
    }
    for (held, author) in leads {
        lead(log, programme, actor, &held, author, today)?;
    }
    for restricted in opened {
        share(log, programme, restricted, today)?;
    }
    Ok(())
}

/// Lets access follow the day: what begins with it, and what ended before it. The records are read first where
/// they have not been, or the programme names other forms by now. Gives whether anything was done.
pub(crate) fn turn(
    log: &mut Appender<'_>,
    programme: &Programme,
    actor: Option<ActorId>,
    today: Date,
) -> Result<bool, StoreError> {
    let forms = forms(programme);
    let mut read = rows::read_as(log.tx)?;
    if read.forms != forms {
        read_all(log.tx, programme)?;
        read = ReadAs { forms, day: None };
    } else if read.day == Some(today) {
        return Ok(false);
    }
    for pair in rows::unsettled(log.tx, today)? {
        settle(log, programme, pair, today, false)?;
    }
    if let (Some(before), Some(leading)) = (read.day, programme.parts.leading_holders()) {
        for (record, held) in rows::begun(log.tx, &leading.person.form, (before, today))? {
            if let Some(change) = log::changes_of(log.tx, record)?.pop() {
                lead(log, programme, actor, &held, change.author, today)?;
            }
        }
    }
    rows::say_read_as(log.tx, &ReadAs { day: Some(today), ..read })?;
    Ok(true)
}

/// The questions that say who has a unit, as one text.
fn forms(programme: &Programme) -> String {
    let mut text = String::new();
    for holders in &programme.parts.holders {
        for field in [&holders.person, &holders.from, &holders.to] {
            text.push_str(&field.form);
            text.push('.');
            text.push_str(&field.field);
            text.push(' ');
        }
    }
    text
}

/// Reads every record that says who has a unit.
fn read_all(tx: &Transaction<'_>, programme: &Programme) -> Result<(), StoreError> {
    rows::clear(tx)?;
    if programme.parts.holders.is_empty() {
        return Ok(());
    }
    for group in access::of_kind(tx, &programme.parts.unit)? {
        for record in log::records_of(tx, group)? {
            let held = read(tx, programme, record, group)?;
            if held.is_some() {
                rows::put(tx, record, held.as_ref())?;
            }
        }
    }
    Ok(())
}

/// What a record of a unit says; `None` where it says nothing, or is no such record.
fn read(
    tx: &Transaction<'_>,
    programme: &Programme,
    record: RecordId,
    group: GroupId,
) -> Result<Option<Held>, StoreError> {
    let is_unit = access::group(tx, group)?.is_some_and(|row| row.kind == programme.parts.unit);
    if !is_unit || erasures::erased(tx, group)?.is_some() {
        return Ok(None);
    }
    let Some(document) = log::document(tx, record)? else { return Ok(None) };
    let form = document.root().map_err(broken)?.form;
    let Some(holders) = programme.parts.holders_of(&form) else { return Ok(None) };
    let view = view_of(programme, &form, &document)?;
    let interval = holders.interval(&view);
    Ok(interval.map(|interval| Held { group, form, interval }))
}

/// Grants or withdraws a unit, as the person's intervals have it. Where they `changed`, whatever was granted before
/// goes; with a new day only what was granted by their end: who is given it afterwards keeps it.
fn settle(
    log: &mut Appender<'_>,
    programme: &Programme,
    (group, person): (GroupId, PersonId),
    today: Date,
    changed: bool,
) -> Result<(), StoreError> {
    let mut intervals = rows::of_group(log.tx, group)?;
    intervals.retain(|interval| interval.person == person);
    match holders::holding(&intervals, today) {
        Some(Holding::Now) => {
            if may_have(log.tx, programme, group, person)? {
                access::grant(log, person, group)?;
                hand_on(log, programme, group, person)?;
            }
            Ok(())
        }
        Some(Holding::Over) if !changed => {
            let access::Access::Granted(seq) = access::access(log.tx, person, group)? else { return Ok(()) };
            let granted = log::received_at(log.tx, seq)?.map(|at| programme.day(at));
            let ended = intervals.iter().filter_map(|interval| interval.to).max();
            if granted > ended { Ok(()) } else { access::withdraw_with_links(log, person, group) }
        }
        // No record names them any more: one did, by mistake.
        Some(Holding::Over) | None => access::withdraw_with_links(log, person, group),
        Some(Holding::NotYet) => Ok(()),
    }
}

/// Whether somebody can have a unit: their partner's, with a role that reads what it is granted.
fn may_have(
    tx: &Transaction<'_>,
    programme: &Programme,
    group: GroupId,
    person: PersonId,
) -> Result<bool, StoreError> {
    let (Some(person), Some(row)) = (people::find(tx, person)?, access::group(tx, group)?) else {
        return Ok(false);
    };
    let role = programme.roles.get(&person.role);
    Ok(person.partner == row.partner
        && role.is_some_and(|role| policy::may_read(role, Standing::Granted))
        && erasures::erased(tx, group)?.is_none())
}

/// Grants what those who have or had the unit wrote in confidence beside it and beside what it is linked to, and what
/// came along with it for one of them.
fn hand_on(
    log: &mut Appender<'_>,
    programme: &Programme,
    unit: GroupId,
    person: PersonId,
) -> Result<(), StoreError> {
    let mut workers = BTreeSet::new();
    for worker in access::ever_granted_directly(log.tx, unit)? {
        let role = people::find(log.tx, worker)?.and_then(|found| programme.roles.get(&found.role));
        if role.is_some_and(|role| role.sees == Reach::Granted) {
            workers.insert(worker);
        }
    }
    hand_on_from(log, &workers, true, unit, person)
}

/// Grants what one person wrote in confidence beside a group and beside what it is linked to, to somebody who has
/// that group.
pub(crate) fn share_own(
    log: &mut Appender<'_>,
    author: PersonId,
    group: GroupId,
    person: PersonId,
) -> Result<(), StoreError> {
    match access::access(log.tx, person, group)? {
        access::Access::Granted(_) => hand_on_from(log, &BTreeSet::from([author]), false, group, person),
        _ => Ok(()),
    }
}

fn hand_on_from(
    log: &mut Appender<'_>,
    workers: &BTreeSet<PersonId>,
    with_theirs: bool,
    group: GroupId,
    person: PersonId,
) -> Result<(), StoreError> {
    let (mut around, mut seen) = (vec![group], BTreeSet::new());
    while let Some(group) = around.pop() {
        if !seen.insert(group) {
            continue;
        }
        around.extend(access::parents(log.tx, group)?);
        for (restricted, opened_by) in access::restricted_with_owner(log.tx, group)? {
            let is_handed_on =
                workers.contains(&opened_by) || (with_theirs && came_along(log.tx, restricted, workers)?);
            if is_handed_on && erasures::erased(log.tx, restricted)?.is_none() {
                access::grant_along(log, person, restricted)?;
            }
        }
    }
    Ok(())
}

/// Whether a restricted group came along with the unit for one of these people.
fn came_along(
    tx: &Transaction<'_>,
    restricted: GroupId,
    workers: &BTreeSet<PersonId>,
) -> Result<bool, StoreError> {
    Ok(access::ever_granted_along(tx, restricted)?.iter().any(|person| workers.contains(person)))
}

/// Grants a restricted group that was just opened to the others who have one of the units that it concerns.
fn share(
    log: &mut Appender<'_>,
    programme: &Programme,
    restricted: GroupId,
    today: Date,
) -> Result<(), StoreError> {
    let (mut below, mut seen) = (access::parents(log.tx, restricted)?, BTreeSet::new());
    while let Some(group) = below.pop() {
        if !seen.insert(group) {
            continue;
        }
        let is_unit = access::group(log.tx, group)?.is_some_and(|row| row.kind == programme.parts.unit);
        if !is_unit {
            below.extend(access::children(log.tx, group)?);
            continue;
        }
        let running = rows::of_group(log.tx, group)?.into_iter().filter(|interval| interval.runs(today));
        let people: BTreeSet<PersonId> = running.map(|interval| interval.person).collect();
        for person in people {
            if may_have(log.tx, programme, group, person)? {
                hand_on(log, programme, group, person)?;
            }
        }
    }
    Ok(())
}

/// Writes who supports the unit, where an interval that says so runs and the unit's own record says another: in
/// the name of who wrote the interval.
fn lead(
    log: &mut Appender<'_>,
    programme: &Programme,
    actor: Option<ActorId>,
    held: &Held,
    author: PersonId,
    today: Date,
) -> Result<(), StoreError> {
    let leads = programme.parts.holders_of(&held.form).is_some_and(|holders| holders.leads);
    let Some(supporter) = programme.parts.supporter.as_ref().filter(|_| leads) else { return Ok(()) };
    if !held.interval.runs(today) {
        return Ok(());
    }
    let Some((record, mut document)) = first_of_form(log.tx, held.group, &supporter.form)? else {
        return Ok(());
    };
    let view = view_of(programme, &supporter.form, &document)?;
    let person = held.interval.person.to_string();
    if view.is_moved() || view.text(&supporter.field) == Some(person.as_str()) {
        return Ok(());
    }
    let actor = match actor {
        Some(actor) => actor,
        None => {
            let actor = ActorId::random(rand::random());
            devices::bind_actor(log.tx, actor, None)?;
            actor
        }
    };
    let circumstances = Circumstances {
        actor,
        at: log.now,
        zone: programme.zone.clone(),
        offline: false,
        reason: Some(BEGUN.to_owned()),
    };
    let edit = Edit { key: supporter.field.clone(), value: Value::Text(person) };
    if let Some(change) = document.edit(&[edit], &circumstances).map_err(broken)? {
        log.change(held.group, record, (author, None), &supporter.form, &change)?;
    }
    Ok(())
}

/// The first record of a form in a group: forms of a unit itself are there once.
fn first_of_form(
    tx: &Transaction<'_>,
    group: GroupId,
    form: &str,
) -> Result<Option<(RecordId, Document)>, StoreError> {
    for record in log::records_of(tx, group)? {
        if let Some(document) = log::document(tx, record)?
            && document.root().map_err(broken)?.form == form
        {
            return Ok(Some((record, document)));
        }
    }
    Ok(None)
}

/// What a record of this form says, as the server shows it.
fn view_of(programme: &Programme, form: &str, document: &Document) -> Result<RecordView, StoreError> {
    let form = programme.forms.get(form);
    let policy = |key: &str| form.map_or_else(MergePolicy::default, |form| form.merge_policy(key));
    document.view(&policy, &BTreeMap::new()).map_err(broken)
}

fn broken<E>(_: E) -> StoreError {
    StoreError::damaged("a record of the feed does not load")
}
