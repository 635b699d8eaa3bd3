//! What the programme's rules find: judged with every change for what it touches, and again when the day
//! is over.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use alongside_domain::{
    deadline::{self, Deadline},
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, live::OWN_FORM},
    record::RecordView,
    rules::{
        Alike, Asked, Finding, NEAR, Outcome, Place, Scope, Severity, Source, Take, Touched, UnitRecords,
        Views,
    },
    time::Millis,
};
use jiff::{ToSpan, civil::Date};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{ReadModelError, merged, unit};

/// Changes of one unit that are judged at once; of more, the whole unit is judged later.
const AT_ONCE: usize = 64;

/// Judges these records of a unit: the cost grows with them, not with the unit.
pub(super) fn judge(
    tx: &Transaction<'_>,
    programme: &Programme,
    unit: GroupId,
    now: Millis,
    changed: &[Touched<'_>],
) -> Result<(), ReadModelError> {
    if changed.len() > AT_ONCE {
        return wait(tx, unit);
    }
    let asked = Asked { place: Place::Server, now };
    let source = UnitSource::new(tx, programme, unit)?;
    let touched: Vec<Touched<'_>> =
        changed.iter().filter(|one| programme.is_judged(one.form)).copied().collect();
    if !touched.is_empty() {
        let outcome = programme.rules.unit(programme, &source, asked, Some(&touched))?;
        keep(tx, unit, &outcome)?;
    }
    count(tx, unit, None)
}

/// Has a unit judged whole, later.
pub(super) fn wait(tx: &Transaction<'_>, unit: GroupId) -> Result<(), ReadModelError> {
    tx.prepare_cached("UPDATE unit_finding SET judged = '' WHERE \"group\" = ?1")?.execute([unit.0])?;
    Ok(())
}

/// Judges whole the units that wait, or whose findings are of an earlier day: at most so many. Gives how
/// many there were.
pub(super) fn judge_waiting(
    tx: &Transaction<'_>,
    programme: &Programme,
    now: Millis,
    most: u32,
) -> Result<u32, ReadModelError> {
    if !programme.judges() {
        return Ok(0);
    }
    let day = programme.day(now).to_string();
    // Those that were never judged come first, then those of earlier days.
    let mut waiting: Vec<GroupId> = tx
        .prepare_cached(
            "SELECT \"group\" FROM unit_row WHERE NOT EXISTS
                 (SELECT 1 FROM unit_finding WHERE unit_finding.\"group\" = unit_row.\"group\") LIMIT ?1",
        )?
        .query_map([most], |row| row.get(0).map(GroupId))?
        .collect::<Result<_, _>>()?;
    if waiting.is_empty() {
        waiting = tx
            .prepare_cached("SELECT \"group\" FROM unit_finding WHERE judged < ?1 LIMIT ?2")?
            .query_map(params![day, most], |row| row.get(0).map(GroupId))?
            .collect::<Result<_, _>>()?;
    }
    for unit in &waiting {
        let source = UnitSource::new(tx, programme, *unit)?;
        let outcome = programme.rules.unit(programme, &source, Asked { place: Place::Server, now }, None)?;
        tx.prepare_cached("DELETE FROM finding WHERE \"group\" = ?1")?.execute([unit.0])?;
        keep(tx, *unit, &outcome)?;
        count(tx, *unit, Some(&day))?;
    }
    Ok(u32::try_from(waiting.len()).unwrap_or(u32::MAX))
}

fn keep(tx: &Transaction<'_>, unit: GroupId, outcome: &Outcome) -> Result<(), ReadModelError> {
    for (rule, record) in &outcome.judged {
        match record {
            None if rule == OWN_FORM => tx
                .prepare_cached("DELETE FROM finding WHERE \"group\" = ?1 AND own_form")?
                .execute([unit.0])?,
            Some(record) if rule == OWN_FORM => tx
                .prepare_cached("DELETE FROM finding WHERE \"group\" = ?1 AND record = ?2 AND own_form")?
                .execute(params![unit.0, record.0])?,
            None => tx
                .prepare_cached("DELETE FROM finding WHERE \"group\" = ?1 AND rule = ?2")?
                .execute(params![unit.0, rule])?,
            Some(record) => tx
                .prepare_cached("DELETE FROM finding WHERE \"group\" = ?1 AND rule = ?2 AND record = ?3")?
                .execute(params![unit.0, rule, record.0])?,
        };
    }
    for finding in &outcome.findings {
        tx.prepare_cached("INSERT OR REPLACE INTO finding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                unit.0,
                finding.rule,
                finding.record.map(|record| record.0.to_vec()).unwrap_or_default(),
                finding.field.as_deref().unwrap_or_default(),
                match finding.severity {
                    Severity::Error => 0,
                    Severity::Query => 1,
                    Severity::Info => 2,
                },
                finding.explained,
                finding.own_form,
                serde_json::to_string(finding)?,
            ])?;
    }
    Ok(())
}

/// Counts what was found for a unit again; `judged` is the day as of which it was judged whole.
fn count(tx: &Transaction<'_>, unit: GroupId, judged: Option<&str>) -> Result<(), ReadModelError> {
    tx.prepare_cached(
        "INSERT INTO unit_finding
         SELECT ?1, COALESCE(SUM(severity = 0), 0), COALESCE(SUM(severity = 1 AND NOT explained), 0),
             COALESCE(?2, '')
         FROM finding WHERE \"group\" = ?1
         ON CONFLICT (\"group\") DO UPDATE SET errors = excluded.errors, queries = excluded.queries,
             judged = COALESCE(?2, judged)",
    )?
    .execute(params![unit.0, judged])?;
    Ok(())
}

/// What was found for a unit, the most important first, and the day as of which it was judged whole.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn of_unit(
    connection: &Connection,
    unit: GroupId,
) -> Result<(Vec<Finding>, Option<Date>), ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM finding WHERE \"group\" = ?1 ORDER BY severity, rule, record, field",
    )?;
    let mut rows = statement.query([&unit.0[..]])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?);
    }
    let judged: Option<String> = connection
        .prepare_cached("SELECT judged FROM unit_finding WHERE \"group\" = ?1")?
        .query_row([&unit.0[..]], |row| row.get(0))
        .optional()?;
    Ok((found, judged.and_then(|day| day.parse().ok())))
}

/// What the rules of an area find over its units of one partner.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn of_area(
    connection: &Connection,
    programme: &Programme,
    (partner, area): ([u8; 16], &str),
    now: Millis,
) -> Result<Outcome, ReadModelError> {
    let units = units_of_area(connection, (partner, area))?;
    of_units(connection, programme, Scope::Area, &units, now)
}

/// The units of an area of one partner.
pub(super) fn units_of_area(
    connection: &Connection,
    (partner, area): ([u8; 16], &str),
) -> Result<Vec<GroupId>, ReadModelError> {
    Ok(connection
        .prepare_cached("SELECT \"group\" FROM unit_row WHERE partner = ?1 AND area = ?2")?
        .query_map(params![partner, area], |row| row.get(0).map(GroupId))?
        .collect::<Result<_, _>>()?)
}

/// What the rules of this scope find to be alike over these units.
pub(super) fn alike(
    connection: &Connection,
    programme: &Programme,
    scope: Scope,
    units: &[GroupId],
    now: Millis,
) -> Result<Vec<Alike>, ReadModelError> {
    let held = held(connection, programme, scope, units)?;
    Ok(programme.rules.alike(programme, scope, &held, Asked { place: Place::Server, now }))
}

/// What the rules of a caseload find over the units of a person.
///
/// # Errors
/// [`ReadModelError::Database`], [`ReadModelError::Row`].
pub fn of_caseload(
    connection: &Connection,
    programme: &Programme,
    person: PersonId,
    now: Millis,
) -> Result<Outcome, ReadModelError> {
    let units = connection
        .prepare_cached("SELECT \"group\" FROM unit_row WHERE supporter = ?1")?
        .query_map([person.0], |row| row.get(0).map(GroupId))?
        .collect::<Result<Vec<_>, _>>()?;
    of_units(connection, programme, Scope::Caseload, &units, now)
}

/// The units that show a record, with their references.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn units_of(
    connection: &Connection,
    programme: &Programme,
    record: RecordId,
) -> Result<Vec<(GroupId, String)>, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE own AS (SELECT \"group\" AS grp FROM record_row WHERE record = ?1),
              near AS (SELECT grp FROM own UNION SELECT child FROM parent JOIN near ON parent = near.grp)
         SELECT \"group\", reference FROM unit_row JOIN near ON near.grp = \"group\"
         JOIN group_row USING (\"group\") WHERE kind = ?2 ORDER BY reference, \"group\"",
    )?;
    let rows = statement.query_map(params![record.0, programme.parts.unit], |row| {
        Ok((GroupId(row.get(0)?), row.get::<_, String>(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn of_units(
    connection: &Connection,
    programme: &Programme,
    scope: Scope,
    units: &[GroupId],
    now: Millis,
) -> Result<Outcome, ReadModelError> {
    let held = held(connection, programme, scope, units)?;
    let asked = Asked { place: Place::Server, now };
    let mut outcome = programme.rules.units(programme, scope, &held, asked);
    let compare: Vec<&str> = programme.rules.that_compare(scope).collect();
    if outcome.findings.iter().any(|finding| compare.contains(&finding.rule.as_str())) {
        // One record that two units show is not two, nor are those of two groups that were merged.
        let alike = programme.rules.alike(programme, scope, &held, asked);
        let still = merged::still_alike(connection, alike)?;
        outcome.findings.retain(|finding| {
            let about = finding.record.map(|record| (finding.rule.clone(), record));
            finding.not_made
                || !compare.contains(&finding.rule.as_str())
                || about.is_none_or(|about| still.contains(&about))
        });
    }
    Ok(outcome)
}

/// What the rules of this scope read of these units.
fn held(
    connection: &Connection,
    programme: &Programme,
    scope: Scope,
    units: &[GroupId],
) -> Result<Vec<(GroupId, UnitRecords)>, ReadModelError> {
    let forms = programme.rules.forms_of(scope);
    let mut held = Vec::with_capacity(units.len());
    for unit in units {
        let source = UnitSource::new(connection, programme, *unit)?;
        let mut records = UnitRecords::default();
        for form in &forms {
            let views = source.records(form, Take::All)?;
            records.records.insert((*form).to_owned(), views.iter().map(|view| (**view).clone()).collect());
        }
        held.push((*unit, records));
    }
    Ok(held)
}

/// The records of a unit and of the groups it is linked to.
struct UnitSource<'a> {
    connection: &'a Connection,
    programme: &'a Programme,
    unit: GroupId,
    scope: BTreeMap<String, Vec<GroupId>>,
    /// Several rules ask for the same.
    read: RefCell<BTreeMap<(String, Take), Views>>,
    /// What one asks for is among what another asks for.
    views: RefCell<BTreeMap<RecordId, Arc<RecordView>>>,
}

const EVER: (i64, i64) = (i64::MIN, i64::MAX);

impl<'a> UnitSource<'a> {
    fn new(
        connection: &'a Connection,
        programme: &'a Programme,
        unit: GroupId,
    ) -> Result<Self, ReadModelError> {
        let scope = unit::scope(connection, unit)?;
        Ok(Self { connection, programme, unit, scope, read: RefCell::default(), views: RefCell::default() })
    }

    fn groups_of(&self, form: &str) -> &[GroupId] {
        let kind = self.programme.record_kind(form).map(|kind| kind.group.as_str());
        kind.and_then(|kind| self.scope.get(kind)).map(Vec::as_slice).unwrap_or_default()
    }

    fn query(
        &self,
        groups: &[GroupId],
        form: &str,
        span: (i64, i64),
        rest: &str,
    ) -> Result<Views, ReadModelError> {
        let within = if span == EVER { "" } else { "AND at BETWEEN ?3 AND ?4" };
        let mut found = Vec::new();
        for group in groups {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT record, body FROM record_row WHERE \"group\" = ?1 AND form = ?2 {within} {rest}"
            ))?;
            let mut rows = if span == EVER {
                statement.query(params![group.0, form])?
            } else {
                statement.query(params![group.0, form, span.0, span.1])?
            };
            while let Some(row) = rows.next()? {
                let record = RecordId(row.get(0)?);
                if let Some(known) = self.views.borrow().get(&record) {
                    found.push(Arc::clone(known));
                    continue;
                }
                let view: Arc<RecordView> =
                    Arc::new(serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?);
                self.views.borrow_mut().insert(record, Arc::clone(&view));
                found.push(view);
            }
        }
        Ok(found)
    }

    /// Other units of the same subject.
    fn others(&self) -> Result<Vec<GroupId>, ReadModelError> {
        let parts = &self.programme.parts;
        let Some(subject) = parts.subject_birth.as_ref().or_else(|| parts.subject_name.first()) else {
            return Ok(Vec::new());
        };
        let mut others = Vec::new();
        for group in self.groups_of(&subject.form).iter().filter(|group| **group != self.unit) {
            let mut statement = self.connection.prepare_cached(
                "SELECT child FROM parent JOIN group_row ON group_row.\"group\" = child
                 WHERE parent = ?1 AND kind = ?2",
            )?;
            let rows = statement.query_map(params![group.0, parts.unit], |row| row.get(0).map(GroupId))?;
            others.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        others.retain(|unit| *unit != self.unit);
        Ok(others)
    }
}

impl Source for UnitSource<'_> {
    type Error = ReadModelError;

    fn records(&self, form: &str, take: Take) -> Result<Views, ReadModelError> {
        let key = (form.to_owned(), take);
        if let Some(known) = self.read.borrow().get(&key) {
            return Ok(known.clone());
        }
        let groups = self.groups_of(form);
        let found = match take {
            Take::All => self.query(groups, form, EVER, "")?,
            Take::Latest(n) => self.query(
                groups,
                form,
                EVER,
                &format!("AND at IS NOT NULL ORDER BY at DESC, record DESC LIMIT {n}"),
            )?,
            Take::First(n) => {
                self.query(groups, form, EVER, &format!("AND at IS NOT NULL ORDER BY at, record LIMIT {n}"))?
            }
            Take::Near(Millis(at)) => {
                self.query(groups, form, (at.saturating_sub(NEAR), at.saturating_add(NEAR)), "")?
            }
            Take::Others => self.query(&self.others()?, form, EVER, "")?,
        };
        self.read.borrow_mut().insert(key, found.clone());
        Ok(found)
    }

    fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, ReadModelError> {
        if let Some(known) = self.views.borrow().get(&record) {
            return Ok(Some(Arc::clone(known)));
        }
        let stored = super::case::record(self.connection, record)?.filter(|stored| !stored.view.is_moved());
        Ok(stored.map(|stored| Arc::new(stored.view)))
    }

    fn deadlines(&self) -> Result<Vec<Deadline>, ReadModelError> {
        let facts = unit::facts(self.connection, self.programme, &self.scope)?;
        Ok(deadline::deadlines(&self.programme.deadlines, &facts))
    }

    fn day(&self, form: &str, person: PersonId, day: Date) -> Result<Option<Views>, ReadModelError> {
        let kind = self.programme.record_kind(form).map(|kind| kind.group.clone()).unwrap_or_default();
        let mut groups: Vec<GroupId> = self
            .connection
            .prepare_cached(
                "SELECT access.\"group\" FROM access JOIN group_row USING (\"group\")
                 WHERE person = ?1 AND kind = ?2",
            )?
            .query_map(params![person.0, kind], |row| row.get(0).map(GroupId))?
            .collect::<Result<_, _>>()?;
        // Somebody whose access has ended wrote here all the same.
        groups.extend(self.groups_of(form));
        groups.sort_unstable();
        groups.dedup();
        let start = |day: Date| self.programme.start_of(day).map_or(0, |at| at.0);
        let span = (start(day), start(day.saturating_add(1.day())).saturating_sub(1));
        let mut found = self.query(&groups, form, span, "")?;
        found.retain(|view| view.created.author == Some(person));
        Ok(Some(found))
    }

    fn found_before(&self, rule: &str) -> Result<Vec<RecordId>, ReadModelError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT record FROM finding WHERE \"group\" = ?1 AND rule = ?2 AND record <> x''",
        )?;
        let rows = statement.query_map(params![self.unit.0, rule], |row| row.get(0).map(RecordId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
