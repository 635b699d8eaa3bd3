//! The runs that somebody may see, and opening another.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{concerns, links, see};
use crate::{
    console::{
        Console,
        error::PageError,
        frame::Frame,
        session::{Sent, SignedIn},
        words,
    },
    surveys,
};

/// One run in the list.
struct RunLine {
    address: String,
    name: String,
    survey: String,
    opened: String,
    closed: bool,
    answered: usize,
    asked: usize,
    due: usize,
}

#[derive(Template)]
#[template(path = "surveys.html")]
struct ListPage {
    frame: Frame,
    csrf: String,
    runs: Vec<RunLine>,
    /// Surveys that this person may open: code and title.
    open: Vec<(String, String)>,
}

/// `GET /surveys`
pub(in crate::console) async fn list(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        let role = &signed_in.principal.role;
        if !concerns(&console, role) {
            return Err(PageError::NotFound);
        }
        let now = console.clock.now();
        let mut runs = Vec::new();
        for run in surveys::runs(&console.store, Some(signed_in.principal.partner))? {
            let Ok(seen) = see(&console, &signed_in, &run.id.to_string()) else { continue };
            let links = links(&console, &signed_in, &run)?;
            runs.push(RunLine {
                address: format!("/surveys/{}", run.id),
                name: run.name.clone(),
                survey: seen.survey.title.clone(),
                opened: words::date(console.programme.day(run.opened_at)),
                closed: run.closed_at.is_some(),
                answered: links.iter().filter(|link| link.finished).count(),
                asked: links.iter().filter(|link| link.finished || !link.revoked).count(),
                due: links.iter().filter(|link| link.reminder_due(seen.survey, &run, now)).count(),
            });
        }
        let open = console.programme.surveys.values().filter(|survey| survey.is_run_by(role));
        let page = ListPage {
            frame: signed_in.frame(&console),
            csrf: signed_in.csrf.clone(),
            runs,
            open: open.map(|survey| (survey.code.clone(), survey.title.clone())).collect(),
        };
        Ok(Html(page.render()?).into_response())
    })
    .await?
}

/// `POST /surveys`: opens a run.
pub(in crate::console) async fn open(
    State(console): State<Arc<Console>>,
    Sent { signed_in, fields }: Sent<BTreeMap<String, String>>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        let said = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let survey = console.programme.surveys.get(said("survey")).ok_or(PageError::NotFound)?;
        if !survey.is_run_by(&signed_in.principal.role) {
            return Err(PageError::NotFound);
        }
        let run = surveys::open(
            &console.store,
            console.clock.now(),
            &console.programme,
            &survey.code,
            said("name"),
            signed_in.principal.partner,
        )?;
        Ok(Redirect::to(&format!("/surveys/{}", run.id)).into_response())
    })
    .await?
}
