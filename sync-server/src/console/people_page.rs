//! Who has which units: the people of an area with how much each has and when they last synced, what one of them
//! has, and giving units to others, many at once or one.
//!
//! What is written are records of intervals; access follows from them (the module [`crate::holders`]).

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::Form,
    ids::{GroupId, PersonId},
    programme::{PartWords, holders::HolderParts},
};
use askama::Template;
use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use rusqlite::Connection;
use serde::Deserialize;

use super::{
    Console,
    case_page::{shown_at, write_all},
    error::PageError,
    form_page::posted::{self, Posted},
    frame::Frame,
    session::SignedIn,
    words,
};
use crate::{
    ingest::LocalWrite,
    read_model::{
        ReadModelError,
        people::{self, Area, Caseload, Person},
    },
    store::DeviceRow,
};

mod plan;
mod unit;

pub(super) use plan::decides;
use plan::{Checked, Fault, Planner, UnitPeople, Wanted};
pub(super) use unit::{give_or_end, unit};

/// Units of one person that are listed, and given to somebody at once.
const MOST_UNITS: u32 = 500;
/// In the place of a person: the units that nobody has.
const UNHELD: &str = "nobody";

/// What the fields of the form ask, in the programme's words.
struct Fields {
    /// The forms that say how: id, title, and whether it is chosen.
    ways: Vec<(String, String, bool)>,
    /// Id, name, and whether they are chosen.
    people: Vec<(String, String, bool)>,
    from: String,
    from_label: String,
    to: String,
    to_label: String,
    to_hint: String,
    /// Code, label, and whether it is chosen.
    reasons: Vec<(String, String, bool)>,
    reason_label: String,
    note: String,
    note_label: String,
    note_hint: String,
    faults: Vec<Fault>,
}

impl Fields {
    fn new(planner: &Planner<'_>, candidates: &[Person], wanted: &Wanted, faults: Vec<Fault>) -> Self {
        let programme = &planner.console.programme;
        let all = &programme.parts.holders;
        let form = |holders: &HolderParts| programme.forms.get(&holders.person.form);
        let first = programme.parts.leading_holders().or_else(|| all.first());
        let label = |field: Option<&str>| {
            let question = first.and_then(form).zip(field).and_then(|(form, field)| form.question(field));
            question.map_or((String::new(), String::new()), |question| {
                (question.label.text().to_owned(), question.hint.text().to_owned())
            })
        };
        let reason = first.and_then(|first| first.reason.as_ref());
        let reasons = first.and_then(form).zip(reason).and_then(|(form, reason)| {
            let question: &alongside_domain::form::Question = form.question(&reason.field)?;
            let choices = programme.choices(form, question)?;
            let choice = |choice: &alongside_domain::form::Choice| {
                (choice.name.clone(), choice.label.text().to_owned(), choice.name == wanted.reason)
            };
            Some(choices.iter().map(choice).collect())
        });
        let (from_label, _) = label(first.map(|first| first.from.field.as_str()));
        let (to_label, to_hint) = label(first.map(|first| first.to.field.as_str()));
        let (reason_label, _) = label(reason.map(|reason| reason.field.as_str()));
        let note = first.and_then(|first| first.note.as_ref());
        let (note_label, note_hint) = label(note.map(|note| note.field.as_str()));
        let title = |holders: &HolderParts| form(holders).map(|form: &Form| form.title.clone());
        Self {
            ways: all
                .iter()
                .map(|holders| {
                    let id = holders.person.form.clone();
                    let chosen = if wanted.form.is_empty() { holders.leads } else { id == wanted.form };
                    let title = title(holders).unwrap_or_else(|| id.clone());
                    (id, title, chosen)
                })
                .collect(),
            people: candidates
                .iter()
                .map(|person| {
                    let id = person.id.to_string();
                    let chosen = id == wanted.person;
                    (id, person.name.clone(), chosen)
                })
                .collect(),
            from: if wanted.from.is_empty() { planner.today.to_string() } else { wanted.from.clone() },
            from_label,
            to: wanted.to.clone(),
            to_label,
            to_hint,
            reasons: reasons.unwrap_or_default(),
            reason_label,
            note: wanted.note.clone(),
            note_label,
            note_hint,
            faults,
        }
    }

    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(of, _)| *of == field).map(|(_, text)| text.as_str())
    }
}

/// What was entered.
fn wanted(posted: &Posted) -> Wanted {
    let text = |name: &str| posted.one(name).unwrap_or_default().to_owned();
    Wanted {
        form: text("form"),
        person: text("person"),
        from: text("from"),
        to: text("to"),
        reason: text("reason"),
        note: text("note"),
    }
}

#[derive(Template)]
#[template(path = "people.html")]
struct Board {
    frame: Frame,
    area: String,
    area_link: String,
    words: PartWords,
    one: String,
    many: String,
    as_of: String,
    lines: Vec<BoardLine>,
    nobody: usize,
    nobody_link: String,
}

struct BoardLine {
    name: String,
    link: String,
    load: Caseload,
    synced: Synced,
}

/// When somebody's phones last synced.
struct Synced {
    /// Since when; empty without a phone.
    ago: String,
    when: String,
    /// Whether that is longer ago than a week, or never.
    late: bool,
    /// Changes that waited to be sent, as the phones last said.
    waiting: u32,
}

impl Synced {
    fn of(planner: &Planner<'_>, devices: &[DeviceRow], person: PersonId) -> Self {
        let own = || devices.iter().filter(|row| row.person == person && row.revoked_at.is_none());
        let waiting = own().map(|row| row.waiting).sum();
        if own().next().is_none() {
            return Self { ago: String::new(), when: String::new(), late: false, waiting };
        }
        // The phone that is furthest behind counts: it may hold what nobody has seen.
        if own().any(|row| row.last_seen.is_none()) {
            return Self { ago: "Never".to_owned(), when: String::new(), late: true, waiting };
        }
        let last = own().filter_map(|row| row.last_seen).min().unwrap_or_default();
        let day = planner.console.programme.day(last);
        Self {
            ago: words::relative(day, planner.today),
            when: words::moment_in(last, &planner.console.programme.zone),
            late: words::days_until(day, planner.today) < -7,
            waiting,
        }
    }
}

/// `GET /areas/{code}/people`
pub(super) async fn board(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(area): Path<String>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        let planner = planner(&console, &signed_in, &area)?;
        let devices = console.store.devices()?;
        let of = area_of(&planner, &area);
        let (lines, nobody) = console.model.read(|connection| {
            let mut lines = Vec::new();
            for person in planner.candidates(connection)? {
                let load = people::caseload(connection, of, person.id)?;
                lines.push(BoardLine {
                    link: format!("/areas/{area}/people/{}", person.id),
                    load,
                    synced: Synced::of(&planner, &devices, person.id),
                    name: person.name,
                });
            }
            Ok((lines, units(&planner, connection, of, None)?.len()))
        })?;
        let parts = &console.programme.parts;
        let page = Board {
            frame: signed_in.frame(&console),
            area: console.area_label(&area),
            area_link: format!("/areas/{area}"),
            words: parts.words.clone(),
            one: parts.unit_words.0.clone(),
            many: parts.unit_words.1.clone(),
            as_of: words::date(planner.today),
            lines,
            nobody,
            nobody_link: format!("/areas/{area}/people/{UNHELD}"),
        };
        Ok(Html(page.render()?).into_response())
    })
    .await?
}

/// The planner of whoever decides about the units of an area.
fn planner<'a>(console: &'a Console, signed_in: &'a SignedIn, area: &str) -> Result<Planner<'a>, PageError> {
    let planner = Planner::new(console, signed_in).ok_or(PageError::NotFound)?;
    planner.reader.scope(area).ok_or(PageError::NotFound)?;
    Ok(planner)
}

fn area_of<'a>(planner: &Planner<'a>, code: &'a str) -> Area<'a> {
    let ended = &planner.console.programme.parts.ended;
    Area { partner: planner.reader.principal.partner, code, ended }
}

/// The units of an area that somebody has; `None`: that nobody has.
fn units(
    planner: &Planner<'_>,
    connection: &Connection,
    area: Area<'_>,
    who: Option<PersonId>,
) -> Result<Vec<crate::read_model::list::UnitLine>, ReadModelError> {
    match who {
        Some(person) => people::units_of(connection, area, person, MOST_UNITS),
        None => {
            let roles = planner.console.programme.roles.keys().map(String::as_str);
            let roles: Vec<&str> = roles.filter(|role| planner.has_units(role)).collect();
            people::units_of_nobody(connection, area, &roles, MOST_UNITS)
        }
    }
}

#[derive(Template)]
#[template(path = "caseload.html")]
struct CaseloadPage {
    frame: Frame,
    csrf: String,
    area: String,
    area_link: String,
    people_link: String,
    address: String,
    areas: String,
    one: String,
    many: String,
    /// Empty: what nobody has.
    name: String,
    synced: Option<Synced>,
    all: bool,
    given: Option<usize>,
    lines: Vec<Choosable>,
    fields: Fields,
}

/// A unit that can be chosen.
struct Choosable {
    group: String,
    link: String,
    reference: String,
    name: String,
    status: String,
    due: String,
    /// Whether they stand in for its supporter.
    beside: bool,
    chosen: bool,
}

/// How the page is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Every unit is chosen.
    all: Option<String>,
    /// How many were given away.
    given: Option<usize>,
}

/// `GET /areas/{code}/people/{who}`
pub(super) async fn caseload(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((area, who)): Path<(String, String)>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Ok(Query(asked)) = query else { return Err(PageError::BadRequest) };
    tokio::task::spawn_blocking(move || {
        let planner = planner(&console, &signed_in, &area)?;
        let shown = Shown { area: &area, who: parse(&who)?, asked, chosen: &[] };
        draw(&planner, &signed_in, shown, &Wanted::default(), Vec::new())
    })
    .await?
}

fn parse(who: &str) -> Result<Option<PersonId>, PageError> {
    if who == UNHELD {
        return Ok(None);
    }
    who.parse().map(Some).map_err(|_| PageError::NotFound)
}

/// What a page of somebody's units shows.
struct Shown<'a> {
    area: &'a str,
    who: Option<PersonId>,
    asked: Asked,
    chosen: &'a [String],
}

fn draw(
    planner: &Planner<'_>,
    signed_in: &SignedIn,
    Shown { area, who, asked, chosen }: Shown<'_>,
    wanted: &Wanted,
    faults: Vec<Fault>,
) -> Result<Response, PageError> {
    let console = planner.console;
    let devices = console.store.devices()?;
    let found = console.model.read(|connection| {
        let mut candidates = planner.candidates(connection)?;
        let name = match who {
            Some(who) => match candidates.iter().position(|person| person.id == who) {
                Some(place) => candidates.remove(place).name,
                None => return Ok(None),
            },
            None => String::new(),
        };
        Ok(Some((name, candidates, units(planner, connection, area_of(planner, area), who)?)))
    })?;
    let (name, candidates, lines) = found.ok_or(PageError::NotFound)?;
    let parts = &console.programme.parts;
    let all = asked.all.is_some();
    let frame = signed_in.frame(console);
    let page = CaseloadPage {
        csrf: signed_in.csrf.clone(),
        frame,
        area: console.area_label(area),
        area_link: format!("/areas/{area}"),
        people_link: format!("/areas/{area}/people"),
        address: format!("/areas/{area}/people/{}", who.map_or(UNHELD.to_owned(), |who| who.to_string())),
        areas: parts.words.area.1.clone(),
        one: parts.unit_words.0.clone(),
        many: parts.unit_words.1.clone(),
        name,
        synced: who.map(|who| Synced::of(planner, &devices, who)),
        all,
        given: asked.given,
        lines: lines
            .into_iter()
            .map(|line| {
                let group = line.group.to_string();
                Choosable {
                    chosen: all || chosen.contains(&group),
                    link: format!("{}/{group}/people", console.unit_path()),
                    beside: who.is_some() && line.supporter != who,
                    status: console.part_label(
                        &planner.reader,
                        parts.status.as_ref(),
                        line.status.as_deref(),
                    ),
                    due: line.due.map(|due| words::date(due.due)).unwrap_or_default(),
                    name: console.name_label(&planner.reader, line.name),
                    reference: named(line.reference),
                    group,
                }
            })
            .collect(),
        fields: Fields::new(planner, &candidates, wanted, faults),
    };
    let status = if page.fields.faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok((status, Html(page.render()?)).into_response())
}

fn named(reference: String) -> String {
    if reference.is_empty() { "No reference yet".to_owned() } else { reference }
}

/// `POST /areas/{code}/people/{who}`: the chosen units are given to somebody, all of them or none.
pub(super) async fn hand_over(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path((area, who)): Path<(String, String)>,
    request: Request,
) -> Result<Response, PageError> {
    let posted = posted::read(request).await?;
    if !signed_in.sent(&headers, posted.one("csrf").unwrap_or_default()) {
        return Err(PageError::Forged);
    }
    let worker = Arc::clone(&console);
    let address = format!("/areas/{area}/people/{who}");
    let done = tokio::task::spawn_blocking(move || {
        let planner = planner(&worker, &signed_in, &area)?;
        let who = parse(&who)?;
        let (wanted, chosen) = (wanted(&posted), posted.all("unit"));
        match plan_all(&planner, &area, &wanted, who, chosen)? {
            Ok(writes) => {
                let ingest = planner.ingest()?;
                Ok::<_, PageError>(Ok((write_all(&ingest, &signed_in, writes)?, chosen.len())))
            }
            Err(faults) => {
                let shown = Shown { area: &area, who, asked: Asked::default(), chosen };
                draw(&planner, &signed_in, shown, &wanted, faults).map(Err)
            }
        }
    })
    .await??;
    match done {
        Ok((number, given)) => {
            shown_at(&console, number).await;
            Ok(Redirect::to(&format!("{address}?given={given}")).into_response())
        }
        Err(page) => Ok(page),
    }
}

/// What is written for all chosen units, or what is wrong.
fn plan_all(
    planner: &Planner<'_>,
    area: &str,
    wanted: &Wanted,
    who: Option<PersonId>,
    chosen: &[String],
) -> Result<Result<Vec<LocalWrite>, Vec<Fault>>, PageError> {
    if chosen.len() > MOST_UNITS as usize {
        return Err(PageError::TooMuch);
    }
    let chosen: Vec<GroupId> = chosen
        .iter()
        .map(|unit| unit.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| PageError::BadRequest)?;
    let found = planner.console.model.read(|connection| {
        let mut candidates = planner.candidates(connection)?;
        candidates.retain(|person| Some(person.id) != who);
        let checked = planner.check(wanted, &candidates);
        let mut units = BTreeMap::new();
        for group in chosen {
            // A unit of another area is not one of this page.
            match planner.unit(connection, group)?.filter(|unit| unit.line.area == area) {
                Some(unit) => units.insert(group, unit),
                None => return Ok(None),
            };
        }
        Ok(Some((checked, units)))
    })?;
    let (checked, units) = found.ok_or(PageError::NotFound)?;
    let mut faults = Vec::new();
    if units.is_empty() {
        let many = &planner.console.programme.parts.unit_words.1;
        faults.push(("units", format!("Choose the {many} that are meant")));
    }
    let checked = match checked {
        Ok(checked) if faults.is_empty() => checked,
        Ok(_) => return Ok(Err(faults)),
        Err(more) => {
            faults.extend(more);
            return Ok(Err(faults));
        }
    };
    Ok(writes_for(planner, units.values(), &checked))
}

fn writes_for<'u>(
    planner: &Planner<'_>,
    units: impl Iterator<Item = &'u UnitPeople<'u>>,
    checked: &Checked<'_>,
) -> Result<Vec<LocalWrite>, Vec<Fault>> {
    let (mut writes, mut faults) = (Vec::new(), Vec::new());
    for unit in units {
        match planner.give(unit, checked) {
            Ok(more) => writes.extend(more),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(writes) } else { Err(faults) }
}
