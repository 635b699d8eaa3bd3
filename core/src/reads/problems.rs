//! What the programme's rules found, and what people are to be reminded of.

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::Programme,
    reminder::{Due, Known, Moment},
    rules::{Finding, Place},
    time::Millis,
    value::Value,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::{ApiError, Thing},
    store::{
        findings, groups, log,
        rows::{self, found, id},
        units,
    },
    views::{ProblemView, ProblemsView, ReminderView},
};

/// What the rules found for a unit. Where it has not been judged on this day yet, it is judged afresh.
pub(crate) fn problems(
    db: &Connection,
    programme: &Programme,
    unit: GroupId,
    now: Millis,
) -> Result<ProblemsView, ApiError> {
    found(groups::kind(db, unit)?.filter(|kind| *kind == programme.parts.unit), Thing::Group)?;
    let list = if findings::is_judged(db, unit, programme.day(now))? {
        findings::of_unit(db, unit)?
    } else {
        findings::fresh(db, programme, unit, now)?.findings
    };
    let not_here = programme.rules.not_for(Place::Phone).map(str::to_owned).collect();
    Ok(ProblemsView { problems: list.into_iter().map(|found| view(programme, found)).collect(), not_here })
}

/// What the rules found about one record, in every unit that shows it.
pub(crate) fn of_record(
    db: &Connection,
    programme: &Programme,
    record: RecordId,
    now: Millis,
) -> Result<ProblemsView, ApiError> {
    let place = found(log::place_of(db, record)?, Thing::Record)?;
    let mut all = ProblemsView { problems: Vec::new(), not_here: Vec::new() };
    for unit in groups::units_of(db, &programme.parts.unit, place.group)? {
        let view = problems(db, programme, unit, now)?;
        all.not_here = view.not_here;
        for problem in view.problems.into_iter().filter(|problem| problem.record == Some(record)) {
            if !all.problems.contains(&problem) {
                all.problems.push(problem);
            }
        }
    }
    Ok(all)
}

fn view(programme: &Programme, finding: Finding) -> ProblemView {
    let question = finding
        .form
        .as_ref()
        .and_then(|form| programme.form(form))
        .and_then(|form| form.question_of_key(finding.field.as_deref()?));
    ProblemView {
        label: question.map(|question| question.label.text().to_owned()),
        severity: finding.severity,
        rule: finding.rule,
        record: finding.record,
        form: finding.form,
        field: finding.field,
        message: finding.message,
        help: finding.help,
        explained: finding.explained,
        not_made: finding.not_made,
    }
}

/// What falls due after one moment and up to another.
pub(crate) fn reminders(
    db: &Connection,
    programme: &Programme,
    after: Millis,
    until: Millis,
) -> Result<Vec<ReminderView>, ApiError> {
    let due = programme.reminders.due(&known(db, programme, after)?, &programme.time_zone(), after, until);
    Ok(due
        .into_iter()
        .map(|Due { at, id, text, urgent, units }| ReminderView { id, at, text, urgent, units })
        .collect())
}

/// Furthest back that a moment of a record is looked for.
const MOMENTS_FROM: i64 = 7 * 24 * 60 * 60 * 1000;

fn known(db: &Connection, programme: &Programme, after: Millis) -> Result<Known, ApiError> {
    let mut known = Known::default();
    let ended = |status: Option<String>| status.is_some_and(|status| programme.parts.ended.contains(&status));
    let live: Vec<GroupId> = db
        .prepare_cached("SELECT grp, status FROM unit_row")?
        .query_map([], |row| Ok((id(row, 0)?, row.get(1)?)))?
        .collect::<Result<Vec<(GroupId, Option<String>)>, _>>()?
        .into_iter()
        .filter(|(_, status)| !ended(status.clone()))
        .map(|(unit, _)| unit)
        .collect();
    let (_, checks) = programme.reminders.rules();
    for unit in live {
        let dates = units::deadlines(db, unit)?.into_iter();
        known.dates.extend(
            dates
                .filter(|date| date.is_open() || date.is_awaited() || !date.is_task())
                .map(|date| (unit, date)),
        );
        for rule in &checks {
            let is_found = db
                .prepare_cached("SELECT 1 FROM finding WHERE grp = ?1 AND rule = ?2")?
                .exists(params![unit.0, rule])?;
            if is_found {
                known.findings.push((unit, (*rule).to_owned()));
            }
        }
        for (form, field, unless) in programme.reminders.moments() {
            let mut statement = db.prepare_cached(
                "SELECT body FROM record_row INDEXED BY record_row_form
                 WHERE grp = ?1 AND form = ?2 AND at >= ?3 ORDER BY at, record",
            )?;
            let from = after.0.saturating_sub(MOMENTS_FROM);
            let mut rows = statement.query(params![unit.0, form, from])?;
            while let Some(row) = rows.next()? {
                let view = rows::view(row, 0)?;
                if let Some(at) = view.value(field).and_then(Value::as_instant)
                    && unless.is_none_or(|field| view.value(field).is_none())
                {
                    known.moments.push(Moment { unit, source: (form.to_owned(), field.to_owned()), at });
                }
            }
        }
    }
    // The oldest change that waits: who has nothing to send need not connect.
    known.unsynced_since = db
        .prepare_cached("SELECT at FROM change WHERE feed_seq IS NULL ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?
        .map(Millis);
    for (list, column) in programme.reminders.listed() {
        for choice in programme.code_lists.get(list).into_iter().flatten() {
            if let Some(date) = choice.extra.get(column).and_then(|text| text.parse().ok()) {
                known.listed.push(((list.to_owned(), column.to_owned()), date));
            }
        }
    }
    known.errors = db
        .prepare_cached("SELECT count(DISTINCT record || grp) FROM finding WHERE severity = 0")?
        .query_row([], |row| row.get(0))?;
    Ok(known)
}
