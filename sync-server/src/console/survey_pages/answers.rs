//! What was answered: one by one in words, and all of it to take away.

use std::sync::Arc;

use alongside_domain::{
    form::{Item, codebook::Codebook},
    ids::RecordId,
    programme::surveys::Survey,
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{Html, IntoResponse as _, Response},
};

use super::see;
use crate::{
    console::{Console, error::PageError, frame::Frame, session::SignedIn},
    surveys::{self, Run, export},
};

/// The answers of a run, where this person may read them now.
fn answers(
    console: &Console,
    signed_in: &SignedIn,
    run: &str,
) -> Result<(Run, Survey, Vec<export::Response>), PageError> {
    let seen = see(console, signed_in, run)?;
    let links = surveys::links(&console.store, seen.run.id)?;
    if !seen.may_read || export::withheld(seen.survey, &seen.run, &links).is_some() {
        return Err(PageError::NotFound);
    }
    let answers = export::responses(&console.store, &console.programme, seen.survey, &seen.run, &links)?;
    Ok((seen.run, seen.survey.clone(), answers))
}

/// One answer in words.
struct Said {
    label: String,
    value: String,
    heading: Option<String>,
}

#[derive(Template)]
#[template(path = "survey_answer.html")]
struct AnswerPage {
    frame: Frame,
    board: String,
    name: String,
    survey: String,
    who: String,
    form_version: String,
    said: Vec<Said>,
    next: Option<String>,
    before: Option<String>,
}

/// `GET /surveys/{run}/answers/{record}`; `first` for the first there is.
pub(in crate::console) async fn answer(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((run, record)): Path<(String, String)>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        let (run, survey, answers) = answers(&console, &signed_in, &run)?;
        let place = if record == "first" {
            0
        } else {
            let record: RecordId = record.parse().map_err(|_| PageError::NotFound)?;
            answers.iter().position(|answer| answer.record == record).ok_or(PageError::NotFound)?
        };
        let answer = answers.get(place).ok_or(PageError::NotFound)?;
        let programme = &console.programme;
        let form = programme.forms.get(&survey.form).ok_or(PageError::NotFound)?;
        let mut last = String::new();
        let mut said = Vec::new();
        for question in form.questions() {
            let own = |key: &str| key.rsplit('/').next() == Some(question.name.as_str());
            for (key, value) in answer.values.iter().filter(|(key, _)| own(key)) {
                let around = form.around(&question.name);
                let heading = around.first().map(|item| match item {
                    Item::Group(section) | Item::Repeat(section) => section.label.text().to_owned(),
                    Item::Question(_) => String::new(),
                });
                let heading = heading.filter(|heading| !heading.is_empty() && *heading != last);
                if let Some(heading) = &heading {
                    last.clone_from(heading);
                }
                let label = question.label.text();
                said.push(Said {
                    label: if label.is_empty() { question.name.clone() } else { label.to_owned() },
                    value: export::in_words(programme, &survey, key, value),
                    heading,
                });
            }
        }
        let board = format!("/surveys/{}", run.id);
        let at = |place: Option<usize>| {
            let answer = place.and_then(|place| answers.get(place));
            answer.map(|answer| format!("{board}/answers/{}", answer.record))
        };
        let page = AnswerPage {
            frame: signed_in.frame(&console),
            name: run.name.clone(),
            survey: survey.title.clone(),
            who: answer
                .respondent
                .clone()
                .unwrap_or_else(|| format!("Answer {} of {}", place + 1, answers.len())),
            form_version: answer.form_version.clone(),
            said,
            next: at(Some(place + 1)),
            before: at(place.checked_sub(1)),
            board,
        };
        Ok(Html(page.render()?).into_response())
    })
    .await?
}

/// `GET /surveys/{run}/export/{file}`: `answers.csv`, `answers.json`, `codebook.csv`, `codebook.json`.
pub(in crate::console) async fn take_away(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((run, file)): Path<(String, String)>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        let (_, survey, answers) = answers(&console, &signed_in, &run)?;
        let programme = &console.programme;
        let form = programme.forms.get(&survey.form).ok_or(PageError::NotFound)?;
        let book = Codebook::new(form, &programme.code_lists);
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "an export could not be written");
            PageError::Failed
        };
        let (kind, text) = match file.as_str() {
            "answers.csv" => (
                "text/csv; charset=utf-8",
                export::csv(programme, &survey, &answers).map_err(|e| failed(&e))?,
            ),
            "answers.json" => {
                ("application/json", serde_json::to_string_pretty(&answers).map_err(|e| failed(&e))?)
            }
            "codebook.csv" => ("text/csv; charset=utf-8", book.csv().map_err(|e| failed(&e))?),
            "codebook.json" => ("application/json", book.json().map_err(|e| failed(&e))?),
            _ => return Err(PageError::NotFound),
        };
        let name = format!("attachment; filename=\"{}-{file}\"", survey.code.to_ascii_lowercase());
        let name = HeaderValue::from_str(&name).map_err(|_| PageError::Failed)?;
        let headers =
            [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, name)];
        Ok((headers, text).into_response())
    })
    .await?
}
