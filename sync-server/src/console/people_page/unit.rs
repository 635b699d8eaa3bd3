//! `GET` and `POST /cases/{group}/people`: who has one unit, who had it, and who is to have it.

use std::sync::Arc;

use alongside_domain::ids::{GroupId, PersonId};
use askama::Template;
use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use jiff::civil::Date;

use super::{Asked, Fault, Fields, Planner, Wanted, named, plan::UnitPeople, wanted, writes_for};
use crate::{
    console::{
        Console,
        case_page::{shown_at, write_all},
        error::PageError,
        form_page::posted,
        frame::Frame,
        session::SignedIn,
        words,
    },
    ingest::LocalWrite,
    read_model::{ReadModelError, case, people::Person},
};

#[derive(Template)]
#[template(path = "unit_people.html")]
struct UnitPage {
    frame: Frame,
    csrf: String,
    one: String,
    reference: String,
    unit_link: String,
    address: String,
    given: bool,
    /// Who has it now.
    having: Vec<HavingLine>,
    /// All intervals, the latest first.
    intervals: Vec<IntervalLine>,
    fields: Fields,
    today: String,
}

struct HavingLine {
    person: String,
    name: String,
    /// How, from when to when.
    how: Vec<String>,
}

struct IntervalLine {
    name: String,
    how: String,
    from: String,
    to: String,
    reason: String,
    link: String,
}

/// `GET /cases/{group}/people`
pub(in crate::console) async fn unit(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(group): Path<String>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let group = group.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    let Ok(Query(asked)) = query else { return Err(PageError::BadRequest) };
    tokio::task::spawn_blocking(move || {
        let planner = Planner::new(&console, &signed_in).ok_or(PageError::NotFound)?;
        draw(&planner, &signed_in, group, asked.given.is_some(), &Wanted::default(), Vec::new())
    })
    .await?
}

fn draw(
    planner: &Planner<'_>,
    signed_in: &SignedIn,
    group: GroupId,
    given: bool,
    wanted: &Wanted,
    faults: Vec<Fault>,
) -> Result<Response, PageError> {
    let console = planner.console;
    let found = console.model.read(|connection| {
        let Some(unit) = planner.unit(connection, group)? else { return Ok(None) };
        let names = case::people(connection, unit.line.partner)?;
        let candidates = planner.candidates(connection)?;
        Ok::<_, ReadModelError>(Some((unit, names, candidates)))
    })?;
    let (unit, names, candidates) = found.ok_or(PageError::NotFound)?;
    let name = |person: PersonId| names.get(&person).cloned().unwrap_or_else(|| "Name not known".to_owned());
    let unit_link = format!("{}/{group}", console.unit_path());
    let page = UnitPage {
        csrf: signed_in.csrf.clone(),
        frame: signed_in.frame(console),
        one: console.programme.parts.unit_words.0.clone(),
        reference: named(unit.line.reference.clone()),
        address: format!("{unit_link}/people"),
        given,
        having: having(planner, &unit, &name),
        intervals: unit
            .held
            .iter()
            .map(|held| {
                let form = console.programme.forms.get(&held.view.root.form);
                let code = held.holders.reason.as_ref().and_then(|reason| held.view.text(&reason.field));
                let reason =
                    form.zip(held.holders.reason.as_ref()).zip(code).and_then(|((form, reason), code)| {
                        let question = form.question(&reason.field)?;
                        Some(console.programme.code_label(form, question, code).to_owned())
                    });
                IntervalLine {
                    name: name(held.interval.person),
                    how: form.map(|form| form.title.clone()).unwrap_or_default(),
                    from: words::date(held.interval.from),
                    to: held.interval.to.map(words::date).unwrap_or_default(),
                    reason: reason.unwrap_or_default(),
                    link: format!("{unit_link}/records/{}/edit", held.view.root.id),
                }
            })
            .collect(),
        unit_link,
        fields: Fields::new(planner, &candidates, wanted, faults),
        today: planner.today.to_string(),
    };
    let status = if page.fields.faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok((status, Html(page.render()?)).into_response())
}

/// Who has the unit as of today, and how.
fn having(
    planner: &Planner<'_>,
    unit: &UnitPeople<'_>,
    name: &dyn Fn(PersonId) -> String,
) -> Vec<HavingLine> {
    let mut lines: Vec<HavingLine> = Vec::new();
    let mut add = |person: PersonId, how: String| {
        let id = person.to_string();
        match lines.iter_mut().find(|line| line.person == id) {
            Some(line) => line.how.push(how),
            None => lines.push(HavingLine { person: id, name: name(person), how: vec![how] }),
        }
    };
    for held in unit.held.iter().filter(|held| held.interval.runs(planner.today)) {
        let form = planner.console.programme.forms.get(&held.view.root.form);
        let title = form.map(|form| form.title.clone()).unwrap_or_default();
        let from = words::date(held.interval.from);
        let how = match held.interval.to {
            Some(to) => format!("{title} from {from} to {}", words::date(to)),
            None => format!("{title} since {from}"),
        };
        add(held.interval.person, how);
    }
    for (person, since) in &unit.unsaid {
        add(person.id, format!("On the phone since {}, without a record of it", words::date(*since)));
    }
    lines
}

/// `POST /cases/{group}/people`: gives the unit to somebody, or ends that somebody has it.
pub(in crate::console) async fn give_or_end(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path(group): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let group = group.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    let posted = posted::read(request).await?;
    if !signed_in.sent(&headers, posted.one("csrf").unwrap_or_default()) {
        return Err(PageError::Forged);
    }
    let worker = Arc::clone(&console);
    let done = tokio::task::spawn_blocking(move || {
        let planner = Planner::new(&worker, &signed_in).ok_or(PageError::NotFound)?;
        let wanted = wanted(&posted);
        let found = worker.model.read(|connection| {
            let candidates = planner.candidates(connection)?;
            Ok((planner.unit(connection, group)?, candidates))
        })?;
        let (Some(unit), candidates) = found else { return Err(PageError::NotFound) };
        let planned = match posted.one("end") {
            Some(person) => end(&planner, &unit, person, posted.one("from").unwrap_or_default())?,
            None => give(&planner, &unit, &wanted, &candidates),
        };
        match planned {
            Ok(writes) => {
                let ingest = planner.ingest()?;
                Ok::<_, PageError>(Ok(write_all(&ingest, &signed_in, writes)?))
            }
            Err(faults) => draw(&planner, &signed_in, group, false, &wanted, faults).map(Err),
        }
    })
    .await??;
    match done {
        Ok(number) => {
            shown_at(&console, number).await;
            Ok(Redirect::to(&format!("{}/{group}/people?given=1", console.unit_path())).into_response())
        }
        Err(page) => Ok(page),
    }
}

fn give(
    planner: &Planner<'_>,
    unit: &UnitPeople<'_>,
    wanted: &Wanted,
    candidates: &[Person],
) -> Result<Vec<LocalWrite>, Vec<Fault>> {
    let checked = planner.check(wanted, candidates)?;
    writes_for(planner, std::iter::once(unit), &checked)
}

fn end(
    planner: &Planner<'_>,
    unit: &UnitPeople<'_>,
    person: &str,
    from: &str,
) -> Result<Result<Vec<LocalWrite>, Vec<Fault>>, PageError> {
    let person = person.parse::<PersonId>().map_err(|_| PageError::BadRequest)?;
    let Ok(from) = from.trim().parse::<Date>() else {
        return Ok(Err(vec![(
            "having",
            "Enter the day from which they no longer have it, such as 2015-03-16".to_owned(),
        )]));
    };
    Ok(Ok(planner.take_back(unit, person, from)))
}
