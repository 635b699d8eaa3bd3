//! A survey on paper: the form with item codes and room for answers, for a printer.

use std::sync::Arc;

use alongside_domain::form::paper::{Paper, Piece, ROWS, Room};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse as _, Response},
};

use super::see;
use crate::console::{Console, error::PageError, frame::Frame, session::SignedIn};

#[derive(Template)]
#[template(path = "survey_paper.html")]
struct PaperPage {
    frame: Frame,
    board: String,
    name: String,
    about: String,
    paper: Paper,
    /// What whoever hands out the paper fills in: label of each.
    office: Vec<String>,
    anonymous: bool,
    rows: usize,
}

/// `GET /surveys/{run}/paper`
pub(in crate::console) async fn paper(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(run): Path<String>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        let seen = see(&console, &signed_in, &run)?;
        let (programme, survey) = (&console.programme, seen.survey);
        let form = programme.forms.get(&survey.form).ok_or(PageError::NotFound)?;
        let left_out = |question: &alongside_domain::form::Question| survey.leaves_out(&question.name);
        let office = survey.says.iter().filter_map(|name| form.question(name));
        let page = PaperPage {
            frame: signed_in.frame(&console),
            board: format!("/surveys/{}", seen.run.id),
            name: seen.run.name.clone(),
            about: survey.about.clone(),
            paper: Paper::new(form, &programme.code_lists, "", &left_out),
            office: office.map(|question| question.label.text().to_owned()).collect(),
            anonymous: survey.anonymous,
            rows: ROWS,
        };
        Ok(Html(page.render()?).into_response())
    })
    .await?
}
