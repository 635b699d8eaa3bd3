//! The coordinators' console: server-rendered pages over the read model.
//!
//! No page needs a script, loads anything from elsewhere, or shows what the signed-in person is not
//! entitled to: the module `access` decides that, for every page.

use std::sync::Arc;

use alongside_domain::programme::{FieldRef, Programme};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use jiff::civil::Date;

use crate::{clock::Clock, ingest::Ingest, read_model::ReadModel, store::Store};

mod access;
mod answers;
mod assets;
mod attachment;
mod case_page;
mod checks_page;
mod conflicts;
mod duplicates_page;
mod error;
mod form_page;
mod frame;
mod history;
mod home_page;
mod list_page;
mod list_query;
mod people_page;
mod record_page;
mod session;
mod survey_pages;
mod words;

use access::Reader;

/// Shown in place of what a role may not read.
const RESTRICTED: &str = "Restricted";

/// What the pages are made from.
pub struct Console {
    store: Arc<Store>,
    model: Arc<ReadModel>,
    programme: Arc<Programme>,
    clock: Arc<dyn Clock>,
    secure: bool,
    ingest: Option<Arc<Ingest>>,
    /// The forms that are answered by link, made ready.
    forms: crate::surveys::answer::Forms,
    /// Where people reach the server, without a slash at the end; empty where that is not known.
    address: String,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Console {
    /// A console over this store and read model. `secure` says that people reach it over HTTPS: the
    /// session's cookie is then sent over HTTPS only. It is `false` on a loopback address alone.
    #[must_use]
    pub fn new(
        store: Arc<Store>,
        model: Arc<ReadModel>,
        programme: Arc<Programme>,
        clock: Arc<dyn Clock>,
        secure: bool,
    ) -> Self {
        Self {
            store,
            model,
            programme,
            clock,
            secure,
            ingest: None,
            forms: Default::default(),
            address: String::new(),
        }
    }

    /// The same, with a way to write what is decided on its pages. Without it, they only show.
    #[must_use]
    pub fn writing_through(self, ingest: Arc<Ingest>) -> Self {
        Self { ingest: Some(ingest), ..self }
    }

    /// The same, for links that are sent to people: where they reach the server.
    #[must_use]
    pub fn reached_at(self, address: String) -> Self {
        Self { address, ..self }
    }

    /// Path of the units' pages, such as `/cases`: the programme's own word.
    fn unit_path(&self) -> String {
        let word: String = self
            .programme
            .parts
            .unit_words
            .1
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
            .collect();
        let taken = ["", "areas", "f", "static", "sign-in", "sign-out", "surveys"];
        if taken.contains(&word.trim_matches('-')) { "/units".to_owned() } else { format!("/{word}") }
    }

    /// Today, where the programme is at home.
    fn today(&self) -> Date {
        self.programme.day(self.clock.now())
    }

    /// The name of an area.
    fn area_label(&self, code: &str) -> String {
        self.part_text(self.programme.parts.area.as_ref(), code)
    }

    fn part_text(&self, part: Option<&FieldRef>, code: &str) -> String {
        part.and_then(|part| Some((self.programme.forms.get(&part.form)?, part)))
            .and_then(|(form, part)| Some((form, form.question(&part.field)?)))
            .map_or(code, |(form, question)| self.programme.code_label(form, question, code))
            .to_owned()
    }

    /// The label of a part's code, as far as the reader may see it; empty where there is none.
    fn part_label(&self, reader: &Reader<'_>, part: Option<&FieldRef>, code: Option<&str>) -> String {
        match code {
            None => String::new(),
            Some(_) if !self.may_read_part(reader, part) => RESTRICTED.to_owned(),
            Some(code) => self.part_text(part, code),
        }
    }

    /// The name of the person supported, as far as the reader may see it.
    fn name_label(&self, reader: &Reader<'_>, name: String) -> String {
        if !self.may_read_part(reader, self.programme.parts.subject_name.first()) {
            RESTRICTED.to_owned()
        } else if name.is_empty() {
            "No name yet".to_owned()
        } else {
            name
        }
    }

    fn may_read_part(&self, reader: &Reader<'_>, part: Option<&FieldRef>) -> bool {
        part.and_then(|part| self.programme.forms.get(&part.form)?.question(&part.field))
            .is_none_or(|question| reader.may_read_answer(question))
    }
}

/// The pages, to be merged into the server's router.
pub fn router(console: Console) -> Router {
    let console = Arc::new(console);
    let unit = format!("{}/{{group}}", console.unit_path());
    Router::new()
        .route("/", get(home_page::get))
        .route("/areas/{code}", get(list_page::get))
        .route("/areas/{code}/checks", get(checks_page::get))
        .route("/areas/{code}/people", get(people_page::board))
        .route("/areas/{code}/people/{who}", get(people_page::caseload).post(people_page::hand_over))
        .route("/areas/{code}/duplicates", get(duplicates_page::get))
        .route("/areas/{code}/duplicates/undo/{merge}", post(duplicates_page::undo))
        .route(
            "/areas/{code}/duplicates/{one}/{other}",
            get(duplicates_page::pair).post(duplicates_page::merge),
        )
        .route(&unit, get(case_page::get))
        .route(&format!("{unit}/people"), get(people_page::unit).post(people_page::give_or_end))
        .route(&format!("{unit}/attachments/{{record}}/{{hash}}"), get(attachment::get))
        .route(&format!("{unit}/records/{{record}}/edit"), get(record_page::get).post(record_page::post))
        .route(&format!("{unit}/records/{{record}}/affirm"), post(case_page::affirm))
        .route(&format!("{unit}/records/{{record}}/decide"), post(case_page::decide))
        .route(&format!("{unit}/records/{{record}}/move"), get(case_page::move_page).post(case_page::move_it))
        .route("/sign-in", get(session::explain).post(session::redeem))
        .route("/sign-in/{token}", get(session::link))
        .route("/sign-out", post(session::sign_out))
        .route("/surveys", get(survey_pages::list).post(survey_pages::open))
        .route("/surveys/{run}", get(survey_pages::board))
        .route("/surveys/{run}/invite", post(survey_pages::invite))
        .route("/surveys/{run}/close", post(survey_pages::close))
        .route("/surveys/{run}/links/{number}/{what}", post(survey_pages::link))
        .route("/surveys/{run}/answers/{record}", get(survey_pages::answer))
        .route("/surveys/{run}/export/{file}", get(survey_pages::take_away))
        .route("/surveys/{run}/paper", get(survey_pages::paper))
        .route("/f/{token}", get(form_page::start).post(form_page::begin))
        .route(
            "/f/{token}/page",
            get(form_page::page).post(form_page::answer).layer(DefaultBodyLimit::max(form_page::MOST_BODY)),
        )
        .route("/f/{token}/check", get(form_page::check).post(form_page::send))
        .route("/static/{name}", get(assets::get))
        .fallback(async || error::PageError::NotFound)
        .layer(middleware::from_fn(frame::dress))
        .with_state(console)
}
