//! `GET /areas/{code}/checks`: what the programme's rules find over all units of an area, and over those of
//! each person who supports in it. Worked out when it is asked for.

use std::sync::Arc;

use alongside_domain::rules::Finding;
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse as _, Response},
};

use super::{
    Console,
    access::Reader,
    error::PageError,
    frame::Frame,
    session::SignedIn,
    words::{self, Tag},
};
use crate::read_model::{ReadModelError, findings, list};

#[derive(Template)]
#[template(path = "checks.html")]
struct ChecksPage {
    frame: Frame,
    area: String,
    area_link: String,
    as_of: String,
    lines: Vec<Line>,
}

/// What one rule found.
struct Line {
    tag: Tag,
    message: String,
    help: String,
    rule: String,
    /// Whose caseload it is about; empty where it is about the area.
    who: String,
    /// The units to look at: address and reference.
    units: Vec<(String, String)>,
}

/// `GET /areas/{code}/checks`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(area): Path<String>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || page(&console, &signed_in, &area)).await?
}

fn page(console: &Console, signed_in: &SignedIn, area: &str) -> Result<Response, PageError> {
    let reader = Reader::new(&console.programme, &signed_in.principal);
    // It is about everybody's units: only who sees those of the whole area may see it.
    let scope = reader.scope(area).filter(|scope| scope.granted_to.is_none()).ok_or(PageError::NotFound)?;
    let now = console.clock.now();
    let lines = console.model.read(|connection| {
        let programme = &console.programme;
        let of_area = findings::of_area(connection, programme, (scope.partner.0, area), now)?;
        let mut lines = lines(console, connection, of_area.findings, "")?;
        for (person, name) in list::supporters(connection, scope)? {
            let found = findings::of_caseload(connection, programme, person, now)?;
            lines.extend(self::lines(
                console,
                connection,
                found.findings,
                name.as_deref().unwrap_or("Name not known"),
            )?);
        }
        Ok(lines)
    })?;
    let page = ChecksPage {
        frame: signed_in.frame(console),
        area: console.area_label(area),
        area_link: format!("/areas/{area}"),
        as_of: words::date(console.programme.day(now)),
        lines,
    };
    Ok(Html(page.render()?).into_response())
}

/// One line for each rule, with every unit that it found.
fn lines(
    console: &Console,
    connection: &rusqlite::Connection,
    found: Vec<Finding>,
    who: &str,
) -> Result<Vec<Line>, ReadModelError> {
    let mut lines: Vec<Line> = Vec::new();
    for finding in found {
        let mut units = Vec::new();
        if let Some(record) = finding.record {
            for (group, reference) in findings::units_of(connection, &console.programme, record)? {
                units.push((format!("{}/{group}", console.unit_path()), reference));
            }
        }
        match lines.iter_mut().find(|line| line.rule == finding.rule) {
            Some(line) => line.units.extend(units),
            None => lines.push(Line {
                tag: words::check_tag(finding.severity, finding.explained),
                message: finding.message,
                help: finding.help,
                rule: finding.rule,
                who: who.to_owned(),
                units,
            }),
        }
    }
    Ok(lines)
}
