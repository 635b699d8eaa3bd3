//! `/f/{token}`: a form that somebody without an account fills in, page by page, without a script.
//!
//! The token is what lets them in, so nothing else is asked for and no cookie is set: a page elsewhere that
//! does not know it cannot send anything. Every page saves what was answered, right or not.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::{Form, expr::Surroundings, session::CompiledForm},
    programme::surveys::Survey,
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, Path, Query, rejection::QueryRejection},
    http::{StatusCode, request::Parts},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{Console, error::PageError, frame::Frame, words};
use crate::surveys::{
    Link, LinkState, Run,
    answer::{self, AnswerError, Filling},
};

mod apply;
pub(super) mod controls;
mod language;
pub(super) mod posted;
pub(super) mod show;
mod steps;

use posted::Posted;

pub(super) use posted::MOST_BODY;

/// Longest token that is looked up.
const LONGEST_TOKEN: usize = 128;
/// How often a save is tried that another page of the same link came before.
const TRIES: usize = 3;

/// What every page of one link needs.
struct Visit<'c> {
    console: &'c Console,
    token: &'c str,
    run: Run,
    link: Link,
    survey: &'c Survey,
    form: &'c Form,
    compiled: Arc<CompiledForm>,
    around: Surroundings,
}

impl<'c> Visit<'c> {
    /// Who comes with this token, where the link still works or was answered.
    fn of(console: &'c Console, token: &'c str) -> Result<Self, PageError> {
        if token.len() > LONGEST_TOKEN {
            return Err(PageError::LinkUnknown);
        }
        let (run, link) = answer::find(&console.store, token)?.ok_or(PageError::LinkUnknown)?;
        let programme = &console.programme;
        let survey = programme.surveys.get(&run.survey).ok_or(PageError::LinkEnded)?;
        let form = programme.forms.get(&survey.form).ok_or(PageError::LinkEnded)?;
        let compiled = console.forms.get(programme, &survey.form).ok_or(PageError::LinkEnded)?;
        let now = console.clock.now().timestamp();
        let around = Surroundings::new(now, programme.time_zone(), rand::random());
        match link.state(&run, console.clock.now()) {
            LinkState::Expired => return Err(PageError::LinkExpired),
            LinkState::Ended => return Err(PageError::LinkEnded),
            LinkState::Waiting | LinkState::Begun | LinkState::Answered => {}
        }
        Ok(Self { console, token, run, link, survey, form, compiled, around })
    }

    /// As [`Visit::of`], where the link was not answered yet.
    fn unanswered(console: &'c Console, token: &'c str) -> Result<Self, PageError> {
        let visit = Self::of(console, token)?;
        if visit.link.finished { Err(PageError::LinkAnswered) } else { Ok(visit) }
    }

    fn filling(&self) -> Result<Filling, PageError> {
        Ok(Filling::open(&self.compiled, self.survey, &self.link, self.token, &self.around)?)
    }

    fn save(&self, filling: &Filling) -> Result<bool, PageError> {
        let console = self.console;
        let now = console.clock.now();
        let (store, programme) = (&console.store, &console.programme);
        Ok(filling.save(store, programme, self.survey, &self.link, (self.token, now), &self.around)?)
    }

    fn address(&self, rest: &str) -> String {
        format!("/f/{}{rest}", self.token)
    }

    /// What its questions are drawn and read with; the same order on every page of the same link.
    fn asking<'a>(&'a self, filling: &'a Filling) -> controls::Asking<'a> {
        controls::Asking {
            session: &filling.session,
            language: &filling.language,
            order: i64::from(self.link.number),
            around: &self.around,
        }
    }

    fn frame(&self) -> Frame {
        Frame::new(&self.console.programme.title, None)
    }

    fn until(&self) -> String {
        words::date(self.console.programme.day(self.link.expires))
    }
}

/// Whoever comes with a token: their pages are made off the threads that serve.
pub(super) struct Caller {
    console: Arc<Console>,
    token: String,
}

impl FromRequestParts<Arc<Console>> for Caller {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, PageError> {
        let token = Path::<String>::from_request_parts(parts, console).await;
        let Ok(Path(token)) = token else { return Err(PageError::LinkUnknown) };
        Ok(Self { console: Arc::clone(console), token })
    }
}

impl Caller {
    /// What a link shows that still works or was answered.
    async fn visit(
        self,
        work: impl FnOnce(&Visit<'_>) -> Result<Response, PageError> + Send + 'static,
    ) -> Result<Response, PageError> {
        tokio::task::spawn_blocking(move || work(&Visit::of(&self.console, &self.token)?)).await?
    }

    /// What a link shows that was not answered yet.
    async fn unanswered(
        self,
        work: impl FnOnce(&Visit<'_>) -> Result<Response, PageError> + Send + 'static,
    ) -> Result<Response, PageError> {
        tokio::task::spawn_blocking(move || work(&Visit::unanswered(&self.console, &self.token)?)).await?
    }
}

impl From<AnswerError> for PageError {
    fn from(error: AnswerError) -> Self {
        match &error {
            AnswerError::Draft(_) => return Self::DraftOfAnother,
            AnswerError::Ingest(crate::ingest::IngestError::Busy) => return Self::Busy,
            _ => {}
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a form could not be kept");
        Self::Failed
    }
}

#[derive(Template)]
#[template(path = "form_start.html")]
struct StartPage {
    frame: Frame,
    title: String,
    about: String,
    minutes: i32,
    until: String,
    begun: bool,
    says: Vec<(String, String)>,
    languages: Vec<language::Offered>,
    speech: language::Speech,
    action: String,
    anonymous: bool,
}

#[derive(Template)]
#[template(path = "form_said.html")]
struct SaidPage {
    frame: Frame,
    title: &'static str,
    lines: Vec<String>,
    back: Option<String>,
}

/// `GET /f/{token}`
pub(super) async fn start(caller: Caller) -> Result<Response, PageError> {
    caller.visit(|visit| if visit.link.finished { sent(visit) } else { unsent(visit) }).await
}

/// What the form is about, and the way in.
fn unsent(visit: &Visit<'_>) -> Result<Response, PageError> {
    let filling = visit.filling()?;
    let speech = language::speech(visit.form, &filling.language);
    let programme = &visit.console.programme;
    let says = visit.link.says.iter().map(|(name, said)| {
        let label = visit
            .form
            .question(name)
            .map_or(name.as_str(), |question| question.label.get(&filling.language).unwrap_or_default());
        (label.to_owned(), crate::surveys::export::in_words(programme, visit.survey, name, said))
    });
    let page = StartPage {
        frame: visit.frame(),
        title: visit.form.title.clone(),
        about: visit.survey.about.clone(),
        minutes: visit.survey.minutes,
        until: visit.until(),
        begun: visit.link.saves > 0,
        says: says.collect(),
        languages: language::offered(visit.form, &programme.code_lists, &filling.language),
        speech,
        action: visit.address(""),
        anonymous: visit.survey.anonymous,
    };
    Ok(Html(page.render()?).into_response())
}

fn sent(visit: &Visit<'_>) -> Result<Response, PageError> {
    let page = SaidPage {
        frame: visit.frame(),
        title: "Your answers were sent",
        lines: vec![
            "Thank you. There is nothing more to do, and you can close this page.".to_owned(),
            "The link cannot be used to send other answers. If something needs to be put right, ask the person who sent it to you.".to_owned(),
        ],
        back: None,
    };
    Ok(Html(page.render()?).into_response())
}

/// `POST /f/{token}`: begins or goes on, in the language that was chosen.
pub(super) async fn begin(caller: Caller, posted: Posted) -> Result<Response, PageError> {
    caller
        .unanswered(move |visit| {
            posted.only(&["go", "language"])?;
            if let Some(wanted) = posted.one("language") {
                let offered = language::offered(visit.form, &visit.console.programme.code_lists, "");
                if !offered.iter().any(|offered| offered.name == wanted) {
                    return Err(PageError::NotOfForm);
                }
                let filling = visit.filling()?.speak(&visit.compiled, wanted, &visit.around)?;
                // Should another page have saved first, only the choice of the language is lost.
                visit.save(&filling)?;
            }
            let next = if posted.one("go") == Some("language") { "" } else { "/page" };
            Ok(Redirect::to(&visit.address(next)).into_response())
        })
        .await
}

#[derive(Deserialize)]
pub(super) struct At {
    at: Option<String>,
}

/// `GET /f/{token}/page`: where the respondent is, or at the question that `at` names.
pub(super) async fn page(
    caller: Caller,
    at: Result<Query<At>, QueryRejection>,
) -> Result<Response, PageError> {
    let Ok(Query(At { at })) = at else { return Err(PageError::BadRequest) };
    caller
        .unanswered(move |visit| {
            let mut filling = visit.filling()?;
            if let Some(at) = at {
                filling.at = at;
            }
            show::page(visit, &filling, &BTreeMap::new(), None, StatusCode::OK)
        })
        .await
}

/// `POST /f/{token}/page`: takes the answers of a page, and goes where the button says.
pub(super) async fn answer(caller: Caller, posted: Posted) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || {
        for _ in 0..TRIES {
            let visit = Visit::unanswered(&caller.console, &caller.token)?;
            if let Some(response) = apply::page(&visit, &posted)? {
                return Ok(response);
            }
        }
        Err(PageError::Busy)
    })
    .await?
}

/// `GET /f/{token}/check`
pub(super) async fn check(caller: Caller) -> Result<Response, PageError> {
    caller.unanswered(|visit| show::check(visit, &visit.filling()?, false)).await
}

/// `POST /f/{token}/check`: sends the answers, unless something is missing or wrong.
pub(super) async fn send(caller: Caller, posted: Posted) -> Result<Response, PageError> {
    caller
        .unanswered(move |visit| {
            posted.only(&["go"])?;
            let filling = visit.filling()?;
            if !filling.session.finish(&visit.around).troubles.is_empty() {
                return show::check(visit, &filling, true);
            }
            let console = visit.console;
            let ingest = console.ingest.as_ref().ok_or(PageError::Busy)?;
            filling.send(
                (&console.store, ingest),
                &console.programme,
                visit.survey,
                (&visit.run, &visit.link),
                (visit.token, console.clock.now()),
                &visit.around,
            )?;
            Ok(Redirect::to(&visit.address("")).into_response())
        })
        .await
}
