//! `GET /areas/{code}/duplicates/{one}/{other}`: two groups side by side, and the button that says that they
//! are one.

use std::sync::Arc;

use alongside_domain::{ids::GroupId, programme::Count};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse as _, Redirect, Response},
};
use rusqlite::Connection;
use serde::Deserialize;

use super::{Desk, refused, shown};
use crate::{
    console::{
        Console,
        answers::Wording,
        error::PageError,
        frame::Frame,
        session::{Sent, SignedIn},
        words,
    },
    merge as merging,
    read_model::{ReadModelError, case, merged},
};

/// Records of one form that a side shows.
const SHOWN: u32 = 20;
/// Why two groups were merged on the page.
const FOUND: &str = "found_to_be_one";

#[derive(Template)]
#[template(path = "pair.html")]
struct PairPage {
    frame: Frame,
    csrf: String,
    area: String,
    area_link: String,
    areas: String,
    address: String,
    kind: String,
    /// Whether neither was chosen.
    fault: bool,
    sides: [Side; 2],
    rows: Vec<Row>,
    units: String,
}

/// One of the two.
struct Side {
    group: String,
    title: String,
    /// The units that hang on it: address, reference, who supports it.
    units: Vec<(String, String, String)>,
}

/// One question, as each of the two answers it.
struct Row {
    label: String,
    answers: [Vec<String>; 2],
    differs: bool,
}

/// `GET /areas/{code}/duplicates/{one}/{other}`
pub(in crate::console) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((area, one, other)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let pair = parse(&one, &other)?;
    tokio::task::spawn_blocking(move || page(&console, &signed_in, &area, pair, false)).await?
}

fn parse(one: &str, other: &str) -> Result<[GroupId; 2], PageError> {
    let group = |text: &str| text.parse::<GroupId>().map_err(|_| PageError::NotFound);
    Ok([group(one)?, group(other)?])
}

/// What the page sends: which of the two stands in front.
#[derive(Deserialize)]
pub(in crate::console) struct MergeForm {
    #[serde(default)]
    kept: String,
}

/// `POST /areas/{code}/duplicates/{one}/{other}`
pub(in crate::console) async fn merge(
    State(console): State<Arc<Console>>,
    Path((area, one, other)): Path<(String, String, String)>,
    Sent { signed_in, fields }: Sent<MergeForm>,
) -> Result<Response, PageError> {
    let pair = parse(&one, &other)?;
    let kept = fields.kept.parse::<GroupId>().ok().filter(|kept| pair.contains(kept));
    let worker = Arc::clone(&console);
    let code = area.clone();
    let done = tokio::task::spawn_blocking(move || {
        let Some(kept) = kept else { return page(&worker, &signed_in, &code, pair, true).map(Err) };
        let other = if kept == pair[0] { pair[1] } else { pair[0] };
        let desk = Desk::new(&worker, &signed_in, &code)?;
        worker.model.read(|connection| kind_of(&desk, connection, pair))?.ok_or(PageError::NotFound)?;
        let (now, by) = (worker.clock.now(), signed_in.principal.person);
        merging::merge(&worker.store, &worker.programme, now, by, (kept, other), FOUND).map_err(refused)?;
        Ok::<_, PageError>(Ok(worker.store.head()?.seq))
    })
    .await??;
    match done {
        Ok(seq) => shown(&console, &area, seq).await,
        Err(page) => Ok(page),
    }
}

/// The kind of the two, where they can be merged and both are the reader's to look at.
fn kind_of(
    desk: &Desk<'_>,
    connection: &Connection,
    pair: [GroupId; 2],
) -> Result<Option<String>, ReadModelError> {
    let mut kinds = Vec::new();
    for group in pair {
        if desk.units(connection, group)?.is_empty() {
            return Ok(None);
        }
        kinds.extend(merged::group(connection, group)?.map(|(kind, _)| kind));
    }
    let is_pair = pair[0] != pair[1] && kinds.len() == 2 && kinds[0] == kinds[1];
    Ok(kinds.pop().filter(|kind| is_pair && desk.console.programme.may_be_merged(kind)))
}

fn page(
    console: &Console,
    signed_in: &SignedIn,
    area: &str,
    pair: [GroupId; 2],
    fault: bool,
) -> Result<Response, PageError> {
    let desk = Desk::new(console, signed_in, area)?;
    let found = console.model.read(|connection| {
        let Some(kind) = kind_of(&desk, connection, pair)? else { return Ok(None) };
        if merged::front(connection, pair[0])? == merged::front(connection, pair[1])? {
            return Ok(Some(None));
        }
        let sides = [side(&desk, connection, &kind, pair[0])?, side(&desk, connection, &kind, pair[1])?];
        let rows =
            desk.with_wording(connection, &kind, &pair, |wording| rows(wording, connection, &kind, pair))?;
        Ok(Some(Some((kind, sides, rows))))
    })?;
    let Some(found) = found else { return Err(PageError::NotFound) };
    let Some((kind, sides, rows)) = found else {
        // They are one already.
        return Ok(Redirect::to(&format!("/areas/{area}/duplicates#merged")).into_response());
    };
    let parts = &console.programme.parts;
    let page = PairPage {
        csrf: signed_in.csrf.clone(),
        frame: signed_in.frame(console),
        area: console.area_label(area),
        area_link: format!("/areas/{area}"),
        areas: parts.words.area.1.clone(),
        address: format!("/areas/{area}/duplicates/{}/{}", pair[0], pair[1]),
        kind: desk.kind_title(&kind),
        fault,
        sides,
        rows,
        units: words::capital(&parts.unit_words.1),
    };
    let status = if fault { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok((status, Html(page.render()?)).into_response())
}

fn side(
    desk: &Desk<'_>,
    connection: &Connection,
    kind: &str,
    group: GroupId,
) -> Result<Side, ReadModelError> {
    let title = desk.with_wording(connection, kind, &[group], |wording| wording.group_title(kind, group))?;
    let units = desk.units(connection, group)?.into_iter().map(|unit| {
        let reference =
            if unit.reference.is_empty() { "No reference yet".to_owned() } else { unit.reference.clone() };
        let supporter = unit.supporter_name.unwrap_or_else(|| "Nobody allocated".to_owned());
        (format!("{}/{}", desk.console.unit_path(), unit.group), reference, supporter)
    });
    Ok(Side {
        group: group.to_string(),
        title: title.unwrap_or_else(|| "No name yet".to_owned()),
        units: units.collect(),
    })
}

/// What each of the two says, question by question, then the records that there are many of.
fn rows(
    wording: &Wording<'_>,
    connection: &Connection,
    kind: &str,
    pair: [GroupId; 2],
) -> Result<Vec<Row>, ReadModelError> {
    let mut rows: Vec<Row> = Vec::new();
    for (form, record) in &wording.programme.records {
        if record.group != kind {
            continue;
        }
        for (place, group) in pair.into_iter().enumerate() {
            for stored in case::records_of_form(connection, group, form, SHOWN, true)? {
                if record.count == Count::Many {
                    let title = wording.title(&stored.view)?;
                    let title = if title.is_empty() { "No title".to_owned() } else { title };
                    add(&mut rows, wording.form_title(form), place, [title]);
                    continue;
                }
                let view = wording.joined(&stored.view)?.0;
                for answer in wording.sections(&view)?.into_iter().flat_map(|section| section.answers) {
                    let lines =
                        if answer.restricted.is_empty() { answer.lines } else { vec![answer.restricted] };
                    add(&mut rows, answer.label, place, lines);
                }
            }
        }
    }
    for row in &mut rows {
        row.differs = row.answers[0] != row.answers[1];
    }
    Ok(rows)
}

fn add(rows: &mut Vec<Row>, label: String, place: usize, lines: impl IntoIterator<Item = String>) {
    let row = match rows.iter().position(|row| row.label == label) {
        Some(known) => &mut rows[known],
        None => {
            rows.push(Row { label, answers: [Vec::new(), Vec::new()], differs: false });
            let last = rows.len() - 1;
            &mut rows[last]
        }
    };
    row.answers[place].extend(lines);
}
