//! `GET /`: the areas of the signed-in person, with what waits in each.

use std::sync::Arc;

use alongside_domain::programme::{PartWords, Reach};
use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
};

use super::{
    Console, access::Reader, error::PageError, frame::Frame, session::SignedIn, survey_pages, words,
};
use crate::read_model::list;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    many: String,
    words: PartWords,
    own: bool,
    as_of: String,
    areas: Vec<Area>,
    surveys: bool,
}

/// One area with its figures.
struct Area {
    code: String,
    name: String,
    units: String,
    overdue: u64,
    due_soon: u64,
    conflicts: u64,
}

/// `GET /`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || page(&console, &signed_in)).await?
}

fn page(console: &Console, signed_in: &SignedIn) -> Result<Response, PageError> {
    let reader = Reader::new(&console.programme, &signed_in.principal);
    let surveys = survey_pages::concerns(console, &signed_in.principal.role);
    if reader.reach() == Reach::Nothing && surveys {
        return Ok(Redirect::to("/surveys").into_response());
    }
    if reader.reach() == Reach::Nothing {
        return Err(PageError::RoleSeesNothing);
    }
    let as_of = console.today();
    let mut areas = console.model.read(|connection| {
        let mut areas = Vec::new();
        for code in reader.areas(connection)? {
            let Some(scope) = reader.scope(&code) else { continue };
            let count = list::area_count(connection, scope, as_of)?;
            areas.push(Area {
                name: console.area_label(&code),
                units: words::thousands(count.units),
                overdue: count.overdue,
                due_soon: count.due_soon,
                conflicts: count.conflicts,
                code,
            });
        }
        Ok(areas)
    })?;
    areas.sort_by(|a, b| a.name.cmp(&b.name));
    let page = HomePage {
        frame: signed_in.frame(console),
        many: console.programme.parts.unit_words.1.clone(),
        words: console.programme.parts.words.clone(),
        own: reader.reach() == Reach::Granted,
        as_of: words::date(as_of),
        areas,
        surveys,
    };
    Ok(Html(page.render()?).into_response())
}
