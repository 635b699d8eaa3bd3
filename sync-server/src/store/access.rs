//! Groups, what they are linked to, and who is granted them.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::Sensitivity,
    ids::{GroupId, PartnerId, PersonId},
    programme::{Programme, Reach, split},
    wire::ControlEvent,
};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    StoreError, TENANT, journal,
    log::{self, Appender},
    merges,
    rows::Sql,
};

/// A group as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupRow {
    pub(crate) kind: String,
    pub(crate) partner: PartnerId,
}

pub(crate) fn group(tx: &Transaction<'_>, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT kind, partner FROM groups WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![TENANT, Sql(id)], |row| {
            Ok(GroupRow { kind: row.get(0)?, partner: row.get::<_, Sql<_>>(1)?.0 })
        })
        .optional()?)
}

pub(crate) fn parents(tx: &Transaction<'_>, id: GroupId) -> Result<Vec<GroupId>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT parent FROM group_parents WHERE tenant = ?1 AND child = ?2 ORDER BY parent",
    )?;
    let parents = statement
        .query_map(params![TENANT, Sql(id)], |row| Ok(row.get::<_, Sql<GroupId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(parents)
}

/// The groups that are linked to this one.
pub(crate) fn children(tx: &Transaction<'_>, id: GroupId) -> Result<Vec<GroupId>, StoreError> {
    let mut statement = tx
        .prepare_cached("SELECT child FROM group_parents WHERE tenant = ?1 AND parent = ?2 ORDER BY child")?;
    let children = statement
        .query_map(params![TENANT, Sql(id)], |row| Ok(row.get::<_, Sql<GroupId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(children)
}

/// The groups that this one is linked to, in the order in which phones were told of them last.
pub(crate) fn parents_in_order(tx: &Transaction<'_>, id: GroupId) -> Result<Vec<GroupId>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT body FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 1 ORDER BY seq DESC",
    )?;
    let mut rows = statement.query(params![TENANT, Sql(id)])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        if let ControlEvent::Group { parents, .. } = log::control_event(body)? {
            return Ok(parents);
        }
    }
    parents(tx, id)
}

/// Links a group to these and no others: tells it, and grants and withdraws what comes along with it.
pub(crate) fn relink(log: &mut Appender<'_>, id: GroupId, links: &[GroupId]) -> Result<(), StoreError> {
    let Some(row) = group(log.tx, id)? else {
        return Err(StoreError::damaged("a group is linked that does not exist"));
    };
    let before = parents(log.tx, id)?;
    log.tx
        .prepare_cached("DELETE FROM group_parents WHERE tenant = ?1 AND child = ?2")?
        .execute(params![TENANT, Sql(id)])?;
    for parent in links {
        log.tx
            .prepare_cached("INSERT INTO group_parents (tenant, child, parent) VALUES (?1, ?2, ?3)")?
            .execute(params![TENANT, Sql(id), Sql(*parent)])?;
    }
    let event =
        ControlEvent::Group { group: id, kind: row.kind, partner: row.partner, parents: links.to_vec() };
    log.group_entry(&event, id)?;
    let readers: Vec<PersonId> = log
        .tx
        .prepare_cached(
            "SELECT person FROM grants WHERE tenant = ?1 AND group_id = ?2 AND until IS NULL ORDER BY person",
        )?
        .query_map(params![TENANT, Sql(id)], |row| Ok(row.get::<_, Sql<PersonId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    for person in readers {
        for parent in links {
            grant_linked(log, person, *parent, false)?;
        }
        for parent in before.iter().filter(|parent| !links.contains(parent)) {
            withdraw_unless_needed(log, person, *parent)?;
        }
    }
    Ok(())
}

/// How a person stands to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Granted now, by the feed entry with this number.
    Granted(u64),
    /// Granted once, and withdrawn by the feed entry with this number.
    Withdrawn(u64),
    /// Never granted.
    Never,
}

pub(crate) fn access(tx: &Transaction<'_>, person: PersonId, group: GroupId) -> Result<Access, StoreError> {
    let last: Option<(Sql<u64>, Option<Sql<u64>>)> = tx
        .prepare_cached(
            "SELECT seq, until FROM grants WHERE tenant = ?1 AND person = ?2 AND group_id = ?3
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![TENANT, Sql(person), Sql(group)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match last {
        None => Access::Never,
        Some((Sql(seq), None)) => Access::Granted(seq),
        Some((_, Some(Sql(until)))) => Access::Withdrawn(until),
    })
}

/// The groups that a person is granted now, each with the number of its grant.
pub(crate) fn granted(tx: &Transaction<'_>, person: PersonId) -> Result<BTreeMap<GroupId, u64>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT group_id, seq FROM grants WHERE tenant = ?1 AND person = ?2 AND until IS NULL",
    )?;
    let granted = statement
        .query_map(params![TENANT, Sql(person)], |row| {
            Ok((row.get::<_, Sql<GroupId>>(0)?.0, row.get::<_, Sql<u64>>(1)?.0))
        })?
        .collect::<Result<_, _>>()?;
    Ok(granted)
}

/// The groups of this kind that are granted to a person now.
pub(crate) fn granted_of_kind(
    tx: &Transaction<'_>,
    person: PersonId,
    kind: &str,
) -> Result<Vec<GroupId>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT g.group_id FROM grants AS g JOIN groups ON groups.tenant = g.tenant AND groups.id = g.group_id
         WHERE g.tenant = ?1 AND g.person = ?2 AND g.until IS NULL AND groups.kind = ?3 ORDER BY g.group_id",
    )?;
    let groups = statement
        .query_map(params![TENANT, Sql(person), kind], |row| Ok(row.get::<_, Sql<GroupId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(groups)
}

/// The groups that were withdrawn from a person at some time, granted again or not.
pub(crate) fn withdrawn_once(
    tx: &Transaction<'_>,
    person: PersonId,
) -> Result<BTreeSet<GroupId>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT group_id FROM grants WHERE tenant = ?1 AND person = ?2 AND until IS NOT NULL",
    )?;
    let withdrawn = statement
        .query_map(params![TENANT, Sql(person)], |row| Ok(row.get::<_, Sql<GroupId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(withdrawn)
}

/// Opens a group: its entry in the feed, its links. It must not exist yet.
pub(crate) fn open_group(
    log: &mut Appender<'_>,
    id: GroupId,
    kind: &str,
    partner: PartnerId,
    parents: &[GroupId],
    opened_by: PersonId,
) -> Result<(), StoreError> {
    let mut links = Vec::with_capacity(parents.len());
    for parent in parents {
        let mut parent = *parent;
        // A phone that has not heard of a merge links to the group it knew; undoing the merge gives the
        // link back as the phone made it. What is restricted stays beside the group that it is about.
        let is_beside = split::restricted_group(parent, opened_by) == id;
        while let Some(mut merge) = merges::standing(log.tx, parent)?.filter(|_| !is_beside) {
            let led = merges::Led { group: id, had_both: parents.contains(&merge.kept) };
            merge.led.push(led);
            merges::keep(log.tx, &merge)?;
            parent = merge.kept;
        }
        if !links.contains(&parent) {
            links.push(parent);
        }
    }
    let parents = links.as_slice();
    log.tx
        .prepare_cached(
            "INSERT INTO groups (tenant, id, kind, partner, opened_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![TENANT, Sql(id), kind, Sql(partner), Sql(opened_by)])?;
    for parent in parents {
        log.tx
            .prepare_cached(
                "INSERT OR IGNORE INTO group_parents (tenant, child, parent) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![TENANT, Sql(id), Sql(*parent)])?;
    }
    let event = ControlEvent::Group { group: id, kind: kind.to_owned(), partner, parents: parents.to_vec() };
    log.group_entry(&event, id)?;
    if let [beside] = parents
        && split::restricted_group(*beside, opened_by) == id
    {
        log.opened.push(id);
    }
    Ok(())
}

/// Grants a group to a person, and before it every group it is linked to.
pub(crate) fn grant(log: &mut Appender<'_>, person: PersonId, group: GroupId) -> Result<(), StoreError> {
    grant_linked(log, person, group, true)
}

/// Grants a restricted group to a person along with what it stands beside: it goes when that goes.
pub(crate) fn grant_along(
    log: &mut Appender<'_>,
    person: PersonId,
    restricted: GroupId,
) -> Result<(), StoreError> {
    grant_linked(log, person, restricted, false)
}

fn grant_linked(
    log: &mut Appender<'_>,
    person: PersonId,
    group: GroupId,
    direct: bool,
) -> Result<(), StoreError> {
    // Links never form a ring: a group is linked, when it is opened, to groups that exist already.
    for parent in parents(log.tx, group)? {
        grant_linked(log, person, parent, false)?;
    }
    if let Access::Granted(_) = access(log.tx, person, group)? {
        if direct {
            let changed = log
                .tx
                .prepare_cached(
                    "UPDATE grants SET direct = 1 WHERE tenant = ?1 AND person = ?2 AND group_id = ?3
                     AND until IS NULL AND direct = 0",
                )?
                .execute(params![TENANT, Sql(person), Sql(group)])?;
            if changed > 0 {
                journal::note(log.tx, &journal::Fact::Direct { person, group })?;
            }
        }
        return Ok(());
    }
    let seq = log.personal_entry(&ControlEvent::Grant { person, group }, person)?;
    log.tx
        .prepare_cached(
            "INSERT INTO grants (tenant, person, group_id, seq, direct) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![TENANT, Sql(person), Sql(group), Sql(seq), direct])?;
    Ok(())
}

/// Grants a restricted group to those of the partner who read every such record (the safeguarding lead).
pub(crate) fn grant_to_safeguarding(
    log: &mut Appender<'_>,
    programme: &Programme,
    partner: PartnerId,
    group: GroupId,
) -> Result<(), StoreError> {
    let leads: Vec<PersonId> = {
        let mut statement =
            log.tx.prepare_cached("SELECT id, role FROM people WHERE tenant = ?1 AND partner = ?2")?;
        let people = statement
            .query_map(params![TENANT, Sql(partner)], |row| {
                Ok((row.get::<_, Sql<PersonId>>(0)?.0, row.get::<_, String>(1)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let is_lead = |role: &str| {
            programme
                .roles
                .get(role)
                .is_some_and(|role| role.reads == Sensitivity::X && role.sees == Reach::PartnerAreas)
        };
        people.into_iter().filter(|(_, role)| is_lead(role)).map(|(person, _)| person).collect()
    };
    for person in leads {
        grant(log, person, group)?;
    }
    Ok(())
}

/// The restricted groups beside this one. Their ids tell: they follow from it and from who opened them.
pub(crate) fn restricted_beside(tx: &Transaction<'_>, group: GroupId) -> Result<Vec<GroupId>, StoreError> {
    Ok(restricted_with_owner(tx, group)?.into_iter().map(|(restricted, _)| restricted).collect())
}

/// The restricted groups beside this one, each with who opened it.
pub(crate) fn restricted_with_owner(
    tx: &Transaction<'_>,
    group: GroupId,
) -> Result<Vec<(GroupId, PersonId)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT l.child, g.opened_by FROM group_parents l JOIN groups g ON g.tenant = l.tenant AND g.id = l.child
         WHERE l.tenant = ?1 AND l.parent = ?2 ORDER BY l.child",
    )?;
    let mut children = statement
        .query_map(params![TENANT, Sql(group)], |row| {
            Ok((row.get::<_, Sql<GroupId>>(0)?.0, row.get::<_, Sql<PersonId>>(1)?.0))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    children.retain(|(child, opened_by)| split::restricted_group(group, *opened_by) == *child);
    Ok(children)
}

/// Everybody who was granted a group for itself, now or once.
pub(crate) fn ever_granted_directly(
    tx: &Transaction<'_>,
    group: GroupId,
) -> Result<Vec<PersonId>, StoreError> {
    ever_granted(tx, group, true)
}

/// Everybody to whom a group came along with another one, now or once.
pub(crate) fn ever_granted_along(tx: &Transaction<'_>, group: GroupId) -> Result<Vec<PersonId>, StoreError> {
    ever_granted(tx, group, false)
}

fn ever_granted(tx: &Transaction<'_>, group: GroupId, direct: bool) -> Result<Vec<PersonId>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT person FROM grants WHERE tenant = ?1 AND group_id = ?2 AND direct = ?3 ORDER BY person",
    )?;
    let people = statement
        .query_map(params![TENANT, Sql(group), direct], |row| Ok(row.get::<_, Sql<PersonId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(people)
}

/// The groups of this kind.
pub(crate) fn of_kind(tx: &Transaction<'_>, kind: &str) -> Result<Vec<GroupId>, StoreError> {
    let mut statement =
        tx.prepare_cached("SELECT id FROM groups WHERE tenant = ?1 AND kind = ?2 ORDER BY id")?;
    let groups = statement
        .query_map(params![TENANT, kind], |row| Ok(row.get::<_, Sql<GroupId>>(0)?.0))?
        .collect::<Result<_, _>>()?;
    Ok(groups)
}

/// Withdraws a group from a person, and the groups that came along with it and that no other group
/// of theirs still brings. Nothing happens where it is not granted.
pub(crate) fn withdraw(log: &mut Appender<'_>, person: PersonId, group: GroupId) -> Result<(), StoreError> {
    // What stands beside it goes first, and takes along what only it has brought.
    for restricted in restricted_beside(log.tx, group)? {
        withdraw(log, person, restricted)?;
    }
    let Access::Granted(_) = access(log.tx, person, group)? else { return Ok(()) };
    let seq = log.personal_entry(&ControlEvent::Withdraw { person, group }, person)?;
    log.tx
        .prepare_cached(
            "UPDATE grants SET until = ?4
             WHERE tenant = ?1 AND person = ?2 AND group_id = ?3 AND until IS NULL",
        )?
        .execute(params![TENANT, Sql(person), Sql(group), Sql(seq)])?;
    for parent in parents(log.tx, group)? {
        withdraw_unless_needed(log, person, parent)?;
    }
    Ok(())
}

/// Withdraws a group that came along with another one, unless it was granted itself or still comes along.
fn withdraw_unless_needed(
    log: &mut Appender<'_>,
    person: PersonId,
    group: GroupId,
) -> Result<(), StoreError> {
    if still_needed(log.tx, person, group)? { Ok(()) } else { withdraw(log, person, group) }
}

/// Withdraws a group from a person for good, and what it is linked to as far as nothing else of theirs is linked to
/// that: also what they opened themselves for its sake.
pub(crate) fn withdraw_with_links(
    log: &mut Appender<'_>,
    person: PersonId,
    group: GroupId,
) -> Result<(), StoreError> {
    withdraw(log, person, group)?;
    for parent in parents(log.tx, group)? {
        if !is_brought(log.tx, person, parent)? {
            withdraw_with_links(log, person, parent)?;
        }
    }
    Ok(())
}

/// Whether a group was granted to the person for itself, or something else of theirs brings it.
fn still_needed(tx: &Transaction<'_>, person: PersonId, group: GroupId) -> Result<bool, StoreError> {
    let direct: bool = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM grants WHERE tenant = ?1 AND person = ?2 AND group_id = ?3
                            AND until IS NULL AND direct = 1)",
        )?
        .query_row(params![TENANT, Sql(person), Sql(group)], |row| row.get(0))?;
    Ok(direct || is_brought(tx, person, group)?)
}

/// Whether something else of theirs brings a group. What they wrote in a restricted group of their own beside it
/// brings nothing, nor does one that came along with it.
fn is_brought(tx: &Transaction<'_>, person: PersonId, group: GroupId) -> Result<bool, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT l.child, g.direct, o.opened_by FROM group_parents l
         JOIN grants g ON g.tenant = l.tenant AND g.group_id = l.child
         JOIN groups o ON o.tenant = l.tenant AND o.id = l.child
         WHERE l.tenant = ?1 AND l.parent = ?3 AND g.person = ?2 AND g.until IS NULL",
    )?;
    let mut children = statement.query_map(params![TENANT, Sql(person), Sql(group)], |row| {
        let (child, direct) = (row.get::<_, Sql<GroupId>>(0)?.0, row.get::<_, bool>(1)?);
        let opened_by = row.get::<_, Sql<PersonId>>(2)?.0;
        let is_restricted = split::restricted_group(group, opened_by) == child;
        Ok(!is_restricted || (direct && opened_by != person))
    })?;
    children.try_fold(false, |needed, brings| Ok(needed || brings?))
}
