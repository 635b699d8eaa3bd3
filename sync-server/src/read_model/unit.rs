//! The row of one unit (a case): computed from few records, each found by an index, never from all
//! contacts.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    deadline::{self, Facts},
    ids::{GroupId, PersonId},
    programme::{FieldRef, Programme},
    record::RecordView,
    value::Value,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::ReadModelError;

/// How many links are followed: two groups that are one stand one behind the other.
const FAR: u32 = 8;

/// The units whose row depends on this group: itself, or those linked to it over any number of links.
pub(super) fn depending_on(
    tx: &Connection,
    programme: &Programme,
    group: GroupId,
) -> Result<Vec<GroupId>, rusqlite::Error> {
    tx.prepare_cached(
        "WITH RECURSIVE down (grp, distance) AS (
             VALUES (?1, 0)
             UNION SELECT child, distance + 1 FROM parent JOIN down ON parent = grp WHERE distance < ?3)
         SELECT DISTINCT grp FROM down JOIN group_row ON group_row.\"group\" = grp WHERE kind = ?2",
    )?
    .query_map(params![group.0, programme.parts.unit, FAR], |row| row.get(0).map(GroupId))?
    .collect()
}

/// Groups of a unit by kind: its own and those it is linked to, of each kind the nearest first. Phones go by
/// the same order.
pub(super) fn scope(
    connection: &Connection,
    unit: GroupId,
) -> Result<BTreeMap<String, Vec<GroupId>>, rusqlite::Error> {
    let mut groups: BTreeMap<String, Vec<GroupId>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE up (grp, distance, place) AS (
             VALUES (?1, 0, 0)
             UNION SELECT p.parent, distance + 1, p.place FROM parent p JOIN up ON p.child = up.grp
             WHERE distance < ?2)
         SELECT kind, grp FROM up JOIN group_row ON group_row.\"group\" = grp
         GROUP BY grp ORDER BY min(distance * 65536 + up.place), grp",
    )?;
    let mut rows = statement.query(params![unit.0, FAR])?;
    while let Some(row) = rows.next()? {
        groups.entry(row.get(0)?).or_default().push(GroupId(row.get(1)?));
    }
    Ok(groups)
}

/// Reads the fields that play a part, each record once.
pub(super) struct PartReader<'a> {
    connection: &'a Connection,
    programme: &'a Programme,
    scope: BTreeMap<String, Vec<GroupId>>,
    views: BTreeMap<String, Vec<RecordView>>,
}

impl<'a> PartReader<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        programme: &'a Programme,
        scope: BTreeMap<String, Vec<GroupId>>,
    ) -> Self {
        Self { connection, programme, scope, views: BTreeMap::new() }
    }

    /// The value of the field in the first record of its form that has one. A few records at most are
    /// looked at: parts live in singletons, and two made apart are both there.
    pub(super) fn value(&mut self, field: &FieldRef) -> Result<Option<Value>, ReadModelError> {
        const TWINS: u32 = 4;
        if !self.views.contains_key(&field.form) {
            let kind = self.programme.records.get(&field.form).map(|kind| kind.group.as_str());
            let mut views = Vec::new();
            for group in kind.and_then(|kind| self.scope.get(kind)).into_iter().flatten() {
                let mut statement = self.connection.prepare_cached(
                    "SELECT body FROM record_row WHERE \"group\" = ?1 AND form = ?2 ORDER BY at, record LIMIT ?3",
                )?;
                let mut rows = statement.query(params![group.0, field.form, TWINS])?;
                while let Some(row) = rows.next()? {
                    views.push(serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?);
                }
            }
            self.views.insert(field.form.clone(), views);
        }
        let views = self.views.get(&field.form).map(Vec::as_slice).unwrap_or_default();
        Ok(views.iter().find_map(|view| view.value(&field.field)).cloned())
    }

    /// Every text of the field around the unit: two groups that are one may have two.
    fn texts(&mut self, field: &FieldRef) -> Result<Vec<String>, ReadModelError> {
        self.value(field)?;
        let views = self.views.get(&field.form).map(Vec::as_slice).unwrap_or_default();
        Ok(views.iter().filter_map(|view| view.text(&field.field).map(str::to_owned)).collect())
    }

    fn text(&mut self, field: Option<&FieldRef>) -> Result<Option<String>, ReadModelError> {
        let Some(field) = field else { return Ok(None) };
        Ok(match self.value(field)? {
            Some(Value::Text(text)) => Some(text),
            Some(Value::Integer(number)) => Some(number.to_string()),
            _ => None,
        })
    }
}

/// What the records of a unit, and of the groups it is linked to, tell the clock.
pub(super) fn facts(
    connection: &Connection,
    programme: &Programme,
    scope: &BTreeMap<String, Vec<GroupId>>,
) -> Result<Facts, ReadModelError> {
    let mut views: Vec<RecordView> = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT body FROM record_row WHERE \"group\" = ?1 AND form = ?2 ORDER BY at, record",
    )?;
    for form in programme.parts.clock_forms() {
        let kind = programme.records.get(form).map(|kind| kind.group.as_str());
        for group in kind.and_then(|kind| scope.get(kind)).into_iter().flatten() {
            let mut rows = statement.query(params![group.0, form])?;
            while let Some(row) = rows.next()? {
                views.push(serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?);
            }
        }
    }
    Ok(Facts::read(programme, &views))
}

/// Computes the row of a unit again.
pub(super) fn recompute(
    tx: &Transaction<'_>,
    programme: &Programme,
    unit: GroupId,
) -> Result<(), ReadModelError> {
    let parts = &programme.parts;
    let partner: Option<[u8; 16]> = tx
        .prepare_cached("SELECT partner FROM group_row WHERE \"group\" = ?1")?
        .query_row([&unit.0[..]], |row| row.get(0))
        .optional()?;
    let Some(partner) = partner else { return Ok(()) };
    let scope = scope(tx, unit)?;
    let all_groups: Vec<GroupId> = scope.values().flatten().copied().collect();
    let groups_of = |form: &str| -> Vec<GroupId> {
        programme.records.get(form).and_then(|kind| scope.get(&kind.group)).cloned().unwrap_or_default()
    };

    let mut last_contact: Option<i64> = None;
    if let Some(field) = &parts.contact_at {
        for group in groups_of(&field.form) {
            let at: Option<i64> = tx
                .prepare_cached("SELECT MAX(at) FROM record_row WHERE \"group\" = ?1 AND form = ?2")?
                .query_row(params![group.0, field.form], |row| row.get(0))?;
            last_contact = last_contact.max(at);
        }
    }
    let deadlines = deadline::deadlines(&programme.deadlines, &facts(tx, programme, &scope)?);
    let (mut shown, mut decisions) = (0_i64, 0_i64);
    for group in &all_groups {
        let (more_shown, more_decisions): (i64, i64) = tx
            .prepare_cached(
                "SELECT COALESCE(SUM(shown), 0), COALESCE(SUM(decisions), 0) FROM record_row
                 WHERE \"group\" = ?1 AND shown + decisions > 0",
            )?
            .query_row([&group.0[..]], |row| Ok((row.get(0)?, row.get(1)?)))?;
        shown += more_shown;
        decisions += more_decisions;
    }
    let updated: Option<i64> = tx
        .prepare_cached("SELECT MAX(at) FROM change_row WHERE \"group\" = ?1")?
        .query_row([&unit.0[..]], |row| row.get(0))?;

    let mut read = PartReader::new(tx, programme, scope.clone());
    let mut names = Vec::new();
    for field in &parts.subject_name {
        names.extend(read.text(Some(field))?);
    }
    let reference = read.text(Some(&parts.reference))?.unwrap_or_default();
    let status = read.text(parts.status.as_ref())?;
    let next = parts.next_date(status.as_deref(), &deadlines);
    let stage = read.text(parts.stage.as_ref())?;
    let area = read.text(parts.area.as_ref())?.unwrap_or_default();
    let birth = read
        .text(parts.subject_birth.as_ref())?
        .filter(|text| Value::from(text.as_str()).as_date().is_some());
    let supporter = read.text(parts.supporter.as_ref())?.and_then(|text| text.parse::<PersonId>().ok());
    let supporter_name: Option<String> = match supporter {
        Some(person) => tx
            .prepare_cached("SELECT name FROM person WHERE person = ?1")?
            .query_row([&person.0[..]], |row| row.get(0))
            .optional()?,
        None => None,
    };
    let mut words = vec![reference.clone()];
    for field in &parts.subject_name {
        words.extend(read.texts(field)?);
    }
    let mut seen = BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    let search = words.join(" ").to_lowercase();

    tx.prepare_cached(
        "INSERT OR REPLACE INTO unit_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
         ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
    )?
    .execute(params![
        unit.0,
        partner,
        area,
        reference,
        names.first().map(String::as_str).unwrap_or_default(),
        search,
        birth,
        status,
        rank(programme, parts.status.as_ref(), status.as_deref()),
        stage,
        rank(programme, parts.stage.as_ref(), stage.as_deref()),
        supporter.map(|person| person.0),
        supporter_name,
        last_contact,
        next.map(|next| next.due.to_string()),
        next.map(|next| next.rule.as_str()),
        next.map(|next| next.label.as_str()),
        next.map(|next| next.why.as_str()),
        next.map(|next| next.whose.as_str()),
        shown,
        decisions,
        shown + decisions,
        updated.unwrap_or(0),
    ])?;
    Ok(())
}

/// Place of a code in its list: lists are sorted as the programme orders its codes.
fn rank(programme: &Programme, field: Option<&FieldRef>, code: Option<&str>) -> Option<i64> {
    let (field, code) = (field?, code?);
    let form = programme.forms.get(&field.form)?;
    let choices = programme.choices(form, form.question(&field.field)?)?;
    choices.iter().position(|choice| choice.name == code).and_then(|place| i64::try_from(place).ok())
}
