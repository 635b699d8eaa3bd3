//! `GET` and `POST /cases/{group}/records/{record}/move`: a record that was entered in the wrong group is written
//! anew in the right one, in the reader's name, and closed where it stood.

use std::sync::Arc;

use alongside_domain::{
    form::QuestionKind,
    ids::{GroupId, RecordId},
    media::MediaRef,
    record::{
        RecordView, Root,
        moved::{self, CannotMove, Move},
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{Html, IntoResponse as _, Redirect, Response},
};
use rusqlite::Connection;
use serde::Deserialize;

use super::disagreements::{shown_at, write_all};
use crate::{
    blobs,
    console::{
        Console,
        access::Reader,
        error::PageError,
        frame::Frame,
        session::{Sent, SignedIn},
        words,
    },
    ingest::LocalWrite,
    read_model::{
        ReadModelError, case,
        list::{self, Filter, Sort, UnitLine},
        merged,
    },
};

/// Units that one search lists.
const LISTED: u32 = 20;

#[derive(Template)]
#[template(path = "move.html")]
struct MovePage {
    frame: Frame,
    csrf: String,
    one: String,
    many: String,
    unit: String,
    unit_link: String,
    address: String,
    /// The record, in words.
    record: String,
    q: String,
    /// Whether the search found more than are listed.
    more: bool,
    targets: Vec<Target>,
    /// What is wrong; empty where nothing is.
    fault: String,
}

/// A unit that the record may belong to.
struct Target {
    group: String,
    reference: String,
    name: String,
    supporter: String,
}

/// What the page searches for.
#[derive(Deserialize)]
pub(in crate::console) struct Search {
    #[serde(default)]
    q: String,
}

/// What the page sends.
#[derive(Deserialize)]
pub(in crate::console) struct MoveForm {
    /// The unit that the record belongs to.
    #[serde(default)]
    unit: String,
    #[serde(default)]
    reason: String,
    /// What was searched for.
    #[serde(default)]
    q: String,
}

fn parse(unit: &str, record: &str) -> Result<(GroupId, RecordId), PageError> {
    let unit = unit.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    Ok((unit, record.parse::<RecordId>().map_err(|_| PageError::NotFound)?))
}

/// `GET /cases/{group}/records/{record}/move`
pub(in crate::console) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((unit, record)): Path<(String, String)>,
    Query(search): Query<Search>,
) -> Result<Response, PageError> {
    let (unit, record) = parse(&unit, &record)?;
    tokio::task::spawn_blocking(move || page(&console, &signed_in, (unit, record), search.q, String::new()))
        .await?
}

/// `POST /cases/{group}/records/{record}/move`
pub(in crate::console) async fn post(
    State(console): State<Arc<Console>>,
    Path((unit, record)): Path<(String, String)>,
    Sent { signed_in, fields: form }: Sent<MoveForm>,
) -> Result<Response, PageError> {
    let (unit, record) = parse(&unit, &record)?;
    let ingest = console.ingest.clone().ok_or(PageError::NotFound)?;
    let worker = Arc::clone(&console);
    let done = tokio::task::spawn_blocking(move || {
        let Ok(target) = form.unit.parse::<GroupId>() else {
            let fault = format!("Choose the {} that it belongs to", worker.programme.parts.unit_words.0);
            return page(&worker, &signed_in, (unit, record), form.q, fault).map(Err);
        };
        let planned = match plan(&worker, &signed_in, (unit, record), target)? {
            Ok(planned) => planned,
            Err(reason) => {
                let fault = in_words(&worker, &reason);
                return page(&worker, &signed_in, (unit, record), form.q, fault).map(Err);
            }
        };
        if !attachments_follow(&worker, &planned)? {
            let fault =
                "A file of it has not come from the phone yet, or there is no room for it: move it later";
            return page(&worker, &signed_in, (unit, record), form.q, fault.to_owned()).map(Err);
        }
        let reason = Some(form.reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let number = write_all(&ingest, &signed_in, writes(&worker, planned, record, reason))?;
        Ok::<_, PageError>(Ok((target, number)))
    })
    .await??;
    match done {
        Ok((target, number)) => {
            shown_at(&console, number).await;
            Ok(Redirect::to(&format!("{}/{target}", console.unit_path())).into_response())
        }
        Err(page) => Ok(page),
    }
}

/// The record as this reader may move it away from here; `None` where it is not theirs to move.
fn movable(
    console: &Console,
    connection: &Connection,
    reader: &Reader<'_>,
    (unit, record): (GroupId, RecordId),
) -> Result<Option<(UnitLine, RecordView)>, ReadModelError> {
    let Some(unit) = case::unit(connection, unit)? else { return Ok(None) };
    let Some(reader) = reader.at(connection, &unit)? else { return Ok(None) };
    let Some(stored) = case::record(connection, record)? else { return Ok(None) };
    let groups = case::groups(connection, unit.group)?;
    let is_here = groups.values().flatten().any(|group| *group == stored.view.root.group);
    let kind = console.programme.records.get(&stored.view.root.form);
    let may = is_here && kind.is_some_and(|kind| reader.may_write(kind));
    Ok(may.then_some((unit, stored.view)))
}

/// What is to be written, and as what.
struct Planned {
    /// The group that the record stands in.
    from: GroupId,
    root: Root,
    planned: Move,
}

fn plan(
    console: &Console,
    signed_in: &SignedIn,
    from: (GroupId, RecordId),
    target: GroupId,
) -> Result<Result<Planned, CannotMove>, PageError> {
    let programme = &console.programme;
    let reader = Reader::new(programme, &signed_in.principal);
    let found = console.model.read(|connection| {
        let Some((_, view)) = movable(console, connection, &reader, from)? else { return Ok(None) };
        let (Some(kind), Some(form)) =
            (programme.records.get(&view.root.form), programme.forms.get(&view.root.form))
        else {
            return Ok(None);
        };
        let Some(unit) = case::unit(connection, target)? else { return Ok(None) };
        if !reader.at(connection, &unit)?.is_some_and(|there| there.may_write(kind)) {
            return Ok(None);
        }
        let groups = case::groups(connection, unit.group)?;
        let Some(group) = groups.get(&kind.group).and_then(|groups| groups.first()) else {
            return Ok(Some(Err(CannotMove::WrongKind)));
        };
        let group = merged::front(connection, *group)?;
        let planned = moved::plan(kind, form, &view, (group, &kind.group));
        if let Ok(planned) = &planned
            && case::record(connection, planned.record)?.is_some()
        {
            return Ok(Some(Err(CannotMove::ThereAlready)));
        }
        let root =
            |record| Root { id: record, group, form_version: form.version.clone(), ..view.root.clone() };
        let from = view.root.group;
        Ok(Some(planned.map(|planned| Planned { from, root: root(planned.record), planned })))
    })?;
    found.ok_or(PageError::NotFound)
}

/// Gives the new group its own copy of every file that the record names. `false` where one cannot be given.
fn attachments_follow(console: &Console, moved: &Planned) -> Result<bool, PageError> {
    let form = console.programme.forms.get(&moved.root.form);
    let groups = (moved.from, moved.root.group);
    for edit in &moved.planned.answers {
        let question = form.and_then(|form| form.question_of_key(&edit.key));
        let is_file = question.is_some_and(|question| matches!(question.kind, QuestionKind::Media(_)));
        let Some(media) = MediaRef::of(&edit.value).filter(|_| is_file) else { continue };
        let now = console.clock.now();
        if blobs::local::copy(&console.store, groups, media.hash(), blobs::MOST_GROUP_BYTES, now)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The new record and the closing of the old one: both, or nothing.
fn writes(
    console: &Console,
    Planned { from: _, root, planned }: Planned,
    record: RecordId,
    reason: Option<String>,
) -> Vec<LocalWrite> {
    let (at, zone) = (console.clock.now(), console.programme.zone.clone());
    vec![
        LocalWrite::Create { root, edits: planned.answers, at, zone: zone.clone(), reason: reason.clone() },
        LocalWrite::Edit { record, edits: vec![planned.closing], at, zone, reason },
    ]
}

fn in_words(console: &Console, reason: &CannotMove) -> String {
    let one = &console.programme.parts.unit_words.0;
    match reason {
        CannotMove::OnlyOne => format!(
            "Each {one} has one record of this form, which stays where it is. If the two are one, say so on the page \
             of possible duplicates"
        ),
        CannotMove::Immutable => {
            "Records of this form are never changed, so that it cannot be moved".to_owned()
        }
        CannotMove::SameGroup => format!("It is in this {one} already. Choose another"),
        CannotMove::WrongKind => format!("This {one} has no place for such records. Choose another"),
        CannotMove::Moved => "It was moved meanwhile".to_owned(),
        CannotMove::DecideFirst => "People disagree about it: decide that first".to_owned(),
        CannotMove::ThereAlready => {
            format!("This {one} has such a record already. Put the answers right there")
        }
        // Of a later version.
        _ => "It holds answers that only a newer version can write. Update first".to_owned(),
    }
}

fn page(
    console: &Console,
    signed_in: &SignedIn,
    from: (GroupId, RecordId),
    q: String,
    fault: String,
) -> Result<Response, PageError> {
    let programme = &console.programme;
    let reader = Reader::new(programme, &signed_in.principal);
    let filter =
        Filter { text: Some(q.trim().to_owned()).filter(|text| !text.is_empty()), ..Filter::default() };
    let as_of = console.today();
    let found = console.model.read(|connection| {
        let Some((unit, view)) = movable(console, connection, &reader, from)? else { return Ok(None) };
        let mut lines = Vec::new();
        if filter.text.is_some() {
            for area in reader.areas(connection)? {
                let Some(scope) = reader.scope(&area) else { continue };
                let sort = (Sort::Reference, false);
                lines.extend(list::page(connection, scope, &filter, sort, as_of, (LISTED + 1, 0))?);
            }
        }
        lines.retain(|line| line.group != unit.group);
        Ok(Some((unit, view, lines)))
    })?;
    let (unit, view, mut lines) = found.ok_or(PageError::NotFound)?;
    let most = usize::try_from(LISTED).unwrap_or(usize::MAX);
    let more = lines.len() > most;
    lines.truncate(most);
    let named = |reference: String| {
        if reference.is_empty() { "No reference yet".to_owned() } else { reference }
    };
    let form = programme.forms.get(&view.root.form).map_or(view.root.form.clone(), |form| form.title.clone());
    let page = MovePage {
        csrf: signed_in.csrf.clone(),
        frame: signed_in.frame(console),
        one: programme.parts.unit_words.0.clone(),
        many: programme.parts.unit_words.1.clone(),
        unit: named(unit.reference),
        unit_link: format!("{}/{}", console.unit_path(), unit.group),
        address: format!("{}/{}/records/{}/move", console.unit_path(), unit.group, view.root.id),
        record: format!("{form}, first entered {}", words::date(programme.day(view.created.at))),
        q,
        more,
        targets: lines
            .into_iter()
            .map(|line| Target {
                group: line.group.to_string(),
                reference: named(line.reference),
                name: console.name_label(&reader, line.name),
                supporter: line.supporter_name.unwrap_or_else(|| "Nobody allocated".to_owned()),
            })
            .collect(),
        fault,
    };
    let status = if page.fault.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok((status, Html(page.render()?)).into_response())
}
