//! `GET /cases/{group}/records/{record}/edit`: one record, its answers to be changed.
//!
//! The page asks what the form asks with the answers that there are, says beside a question what is wrong with
//! its answer, and shows what is worked out. No script is needed: *Look again* sends the page and draws it anew
//! with what was written; *Save* saves whatever can be stored as its type. What is missing or wrong is told, and
//! holds nothing up.
//!
//! Where an answer names a person or another record, those of the partner and of the unit are offered. Restricted
//! answers are changed by whoever reads them. Attachments are shown, and changed on the phone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alongside_domain::{
    form::{Form, Item, Question, QuestionKind, Sensitivity, expr::Surroundings, session::Session},
    ids::{GroupId, PersonId, RecordId},
    programme::{live::LiveForm, split},
    record::RecordView,
};
use askama::Template;
use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Console,
    access::Reader,
    answers::Wording,
    error::PageError,
    form_page::{
        controls::{self, Asking, Control},
        posted::{self, Posted},
        show::{self, Field},
    },
    frame::Frame,
    session::SignedIn,
};
use crate::read_model::{ReadModelError, case};

mod apply;
mod offers;

/// How long the page waits to show what was written.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Template)]
#[template(path = "record_edit.html")]
struct EditPage {
    frame: Frame,
    csrf: String,
    title: String,
    reference: String,
    back: String,
    action: String,
    saved: bool,
    /// Whether something could not be taken: nothing was saved then.
    has_errors: bool,
    single: bool,
    fields: Vec<Asked>,
    /// Repeats that can grow: key and label.
    grow: Vec<(String, String)>,
    /// Rows that can be taken away: key and label.
    rows: Vec<(String, String)>,
    /// Rows that are taken away with the next save.
    gone: Vec<String>,
    reason: String,
    elsewhere: bool,
}

/// One question with what the page showed of it.
struct Asked {
    field: Field,
    /// Its answer as the record has it: what comes back unchanged changes nothing.
    was: String,
    /// What is wrong with the answer that the record has or would have.
    trouble: Option<String>,
    required: bool,
}

/// Whether the reader may change this record on a page: of a form that they write, and no restricted part.
pub(super) fn may_change(wording: &Wording<'_>, view: &RecordView) -> bool {
    let is_restricted = wording.restricted.values().flatten().any(|(group, _)| *group == view.root.group);
    !is_restricted && !view.is_moved() && wording.form(view).is_some() && wording.may_write(view)
}

/// What one page of a record is made with.
struct Sight<'a> {
    console: &'a Console,
    reader: Reader<'a>,
    form: &'a Form,
    live: Arc<LiveForm>,
    /// With the restricted answers that the reader was granted.
    view: RecordView,
    unit: GroupId,
    reference: String,
    around: Surroundings,
    people: BTreeMap<PersonId, String>,
    offers: offers::Offers,
}

/// What was entered on the page so far.
#[derive(Default)]
struct Entry {
    errors: BTreeMap<String, String>,
    saved: bool,
    reason: String,
    /// Keys of the rows that are to go.
    gone: Vec<String>,
}

impl<'a> Sight<'a> {
    /// The record, where the reader may change it.
    fn of(
        console: &'a Console,
        signed_in: &'a SignedIn,
        (unit, record): (GroupId, RecordId),
    ) -> Result<Option<Self>, ReadModelError> {
        let programme = &console.programme;
        let reader = Reader::new(programme, &signed_in.principal);
        console.model.read(|connection| {
            let Some(line) = case::unit(connection, unit)? else { return Ok(None) };
            let Some(reader) = reader.at(connection, &line)? else { return Ok(None) };
            let Some(stored) = case::record(connection, record)? else { return Ok(None) };
            let groups = case::groups(connection, unit)?;
            let restricted = case::restricted(connection, programme, &groups, reader.person())?;
            let visible: BTreeSet<GroupId> = groups.values().flatten().copied().collect();
            let people = case::people(connection, line.partner)?;
            let wording = Wording {
                programme,
                reader: &reader,
                people: &people,
                connection,
                groups: &visible,
                restricted: &restricted,
                page: "",
                may_affirm: false,
            };
            if !visible.contains(&stored.view.root.group) || !may_change(&wording, &stored.view) {
                return Ok(None);
            }
            let (view, _) = wording.joined(&stored.view)?;
            let form = programme.forms.get(&view.root.form);
            let (Some(form), Some(live)) = (form, programme.live_form(&view.root.form)) else {
                return Ok(None);
            };
            let offers = match programme.records.get(&form.id) {
                Some(kind) => offers::read(connection, &wording, (form, kind), record)?,
                None => offers::Offers::new(),
            };
            let now = console.clock.now().timestamp();
            let around = Surroundings::new(now, programme.time_zone(), rand::random());
            let reference = line.reference;
            Ok(Some(Self { console, reader, form, live, view, unit, reference, around, people, offers }))
        })
    }

    fn session(&self) -> Session {
        self.live.session(&self.view, &self.around)
    }

    fn page(&self) -> String {
        format!("{}/{}", self.console.unit_path(), self.unit)
    }

    /// Whether a question stands on the page at all.
    fn is_shown(&self, question: &Question) -> bool {
        (question.kind != QuestionKind::Hidden || self.offers.contains_key(&question.name))
            && self.reader.may_read_answer(question)
            && (!split::is_apart(&self.console.programme, self.form, question)
                || self.reader.may_read(Sensitivity::X))
    }

    /// Whether its answer is changed on the page, and not only shown.
    fn is_open(&self, session: &Session, key: &str, question: &Question) -> bool {
        let kind = self.console.programme.records.get(&self.form.id);
        let is_fixed =
            kind.is_none_or(|kind| kind.key.as_ref().is_some_and(|fields| fields.contains(&question.name)));
        let text = session.value_of(key).map(|value| value.text(&self.around.zone)).unwrap_or_default();
        let is_offered = self.offers.contains_key(&question.name);
        let choices = self.console.programme.choices(self.form, question).unwrap_or_default();
        !is_fixed
            && self.is_shown(question)
            && question.kind.is_kept()
            && (is_offered || crate::surveys::answer::is_shown(&question.kind))
            && !matches!(question.kind, QuestionKind::Media(_))
            && choices.iter().all(|choice| self.reader.may_read_code(choice))
            && (is_offered || text.parse::<PersonId>().is_err())
            && session.state(key, &self.around).is_some_and(|state| !state.read_only)
    }

    /// What a question that is only shown holds, in words.
    fn in_words(&self, session: &Session, key: &str, question: &Question) -> String {
        let text = session.value_of(key).map(|value| value.text(&self.around.zone)).unwrap_or_default();
        if let Ok(person) = text.parse::<PersonId>()
            && let Some(name) = self.people.get(&person)
        {
            return name.clone();
        }
        if text.parse::<RecordId>().is_ok() {
            return "Another record: see the page of the case".to_owned();
        }
        let label = |code: &str| {
            let choice = self.console.programme.choice(self.form, question, code);
            match choice {
                Some(choice) if !self.reader.may_read_code(choice) => super::RESTRICTED.to_owned(),
                Some(choice) => choice.label.text().to_owned(),
                None => code.to_owned(),
            }
        };
        match question.kind {
            QuestionKind::Media(_) if !text.is_empty() => {
                "An attachment: see the page of the case".to_owned()
            }
            _ if question.kind.choices().is_some() => {
                text.split_whitespace().map(label).collect::<Vec<_>>().join("; ")
            }
            _ => text,
        }
    }

    /// Draws the page: `session` is the record with what was entered, `posted` what was sent.
    fn draw(
        &self,
        signed_in: &SignedIn,
        session: &Session,
        posted: Option<&Posted>,
        entry: Entry,
    ) -> Result<Response, PageError> {
        let stored = self.session();
        let asking = Asking { session, language: "", order: 0, around: &self.around };
        let mut before: Vec<String> = Vec::new();
        let mut fields = Vec::new();
        for state in session.states(&self.around).into_iter().filter(|state| state.relevant) {
            let Some(question) = self.form.question_of_key(&state.key).filter(|one| self.is_shown(one))
            else {
                continue;
            };
            let key = state.key;
            let all = headings(self.form, session, &key);
            let same = before.iter().zip(&all).take_while(|(one, other)| one == other).count();
            let headings = all[same..].to_vec();
            before = all;
            let error = entry.errors.get(&key).cloned();
            let typed = posted.filter(|_| error.is_some());
            let is_open = self.is_open(session, &key, question);
            let control = match question.kind {
                QuestionKind::Note => Control::Note,
                _ if is_open && self.offers.contains_key(&question.name) => {
                    let chosen = was(session, &key, &self.around);
                    Control::Box { picks: self.offers[&question.name].picks(&chosen) }
                }
                _ if is_open => controls::control(&asking, &key, question, typed),
                _ => Control::Fixed(self.in_words(session, &key, question)),
            };
            fields.push(Asked {
                was: was(&stored, &key, &self.around),
                trouble: state.trouble.map(|trouble| trouble.message).filter(|_| error.is_none()),
                required: state.required,
                field: Field {
                    id: show::id(&key),
                    label: state.label,
                    hint: question.hint.text().to_owned(),
                    guidance: question.guidance_hint.text().to_owned(),
                    optional: false,
                    error,
                    control,
                    headings,
                    ends: None,
                    key,
                },
            });
        }
        let elsewhere = self.form.questions().any(|question| {
            !self.reader.may_read_answer(question) || matches!(question.kind, QuestionKind::Media(_))
        });
        let has_errors = !entry.errors.is_empty();
        let frame = signed_in.frame(self.console);
        let page = EditPage {
            csrf: frame.reader.as_ref().map(|reader| reader.csrf.clone()).unwrap_or_default(),
            frame,
            title: self.form.title.clone(),
            reference: self.reference.clone(),
            back: format!("{}#r-{}", self.page(), self.view.root.id),
            action: format!("{}/records/{}/edit", self.page(), self.view.root.id),
            saved: entry.saved,
            has_errors,
            single: false,
            fields,
            rows: rows(self.form, session),
            gone: entry.gone,
            grow: repeats(self.form),
            reason: entry.reason,
            elsewhere,
        };
        let status = if has_errors { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, Html(page.render()?)).into_response())
    }
}

/// The answer of a question as the record has it.
fn was(session: &Session, key: &str, around: &Surroundings) -> String {
    session.value_of(key).map(|value| value.text(&around.zone)).unwrap_or_default()
}

/// The headings around a question; rows with their number.
fn headings(form: &Form, session: &Session, key: &str) -> Vec<String> {
    let name = key.rsplit('/').next().unwrap_or(key);
    let mut headings = Vec::new();
    for item in form.around(name) {
        match item {
            Item::Group(section) if !section.label.text().is_empty() => {
                headings.push(section.label.text().to_owned());
            }
            Item::Repeat(section) => {
                let label = Some(section.label.text()).filter(|label| !label.is_empty());
                let rows = session.row_keys(&section.name, None);
                let place = rows.iter().position(|row| key.starts_with(&format!("{row}/")));
                let place = place.map_or(1, |place| place + 1);
                headings.push(format!("{} {place}", label.unwrap_or(&section.name)));
            }
            _ => {}
        }
    }
    headings
}

/// The repeats that people add rows to: those outside of other repeats that do not count their rows.
fn repeats(form: &Form) -> Vec<(String, String)> {
    fn walk(items: &[Item], found: &mut Vec<(String, String)>) {
        for item in items {
            match item {
                Item::Repeat(section) if section.repeat_count.is_none() => {
                    let label = Some(section.label.text()).filter(|label| !label.is_empty());
                    found.push((section.name.clone(), label.unwrap_or(&section.name).to_owned()));
                }
                Item::Group(section) => walk(&section.items, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(&form.items, &mut found);
    found
}

/// The rows of the repeats that people take rows away from, with their labels.
fn rows(form: &Form, session: &Session) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (repeat, label) in repeats(form) {
        for (place, row) in session.row_keys(&repeat, None).into_iter().enumerate() {
            all.push((row, format!("{label} {}", place + 1)));
        }
    }
    all
}

#[derive(Deserialize)]
pub(super) struct Saved {
    saved: Option<String>,
}

fn ids(unit: &str, record: &str) -> Result<(GroupId, RecordId), PageError> {
    let unit = unit.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    Ok((unit, record.parse::<RecordId>().map_err(|_| PageError::NotFound)?))
}

/// `GET /cases/{group}/records/{record}/edit`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path((unit, record)): Path<(String, String)>,
    query: Result<Query<Saved>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageError> {
    let ids = ids(&unit, &record)?;
    let Ok(Query(Saved { saved })) = query else { return Err(PageError::BadRequest) };
    tokio::task::spawn_blocking(move || {
        console.ingest.as_ref().ok_or(PageError::NotFound)?;
        let sight = Sight::of(&console, &signed_in, ids)?.ok_or(PageError::NotFound)?;
        let entry = Entry { saved: saved.is_some(), ..Entry::default() };
        sight.draw(&signed_in, &sight.session(), None, entry)
    })
    .await?
}

/// `POST /cases/{group}/records/{record}/edit`: looks again, adds a row, or saves.
pub(super) async fn post(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path((unit, record)): Path<(String, String)>,
    request: Request,
) -> Result<Response, PageError> {
    let ids = ids(&unit, &record)?;
    let posted = posted::read(request).await?;
    if !signed_in.sent(&headers, posted.one("csrf").unwrap_or_default()) {
        return Err(PageError::Forged);
    }
    let worker = Arc::clone(&console);
    let done = tokio::task::spawn_blocking(move || {
        let sight = Sight::of(&worker, &signed_in, ids)?.ok_or(PageError::NotFound)?;
        apply::page(&sight, &signed_in, &posted)
    })
    .await??;
    match done {
        apply::Done::Drawn(response) => Ok(response),
        apply::Done::Saved { to, number } => {
            if let Some(number) = number {
                let mut projected = console.model.projected();
                // A page that is behind is still right for its time.
                let _ = tokio::time::timeout(SHOWN_WITHIN, projected.wait_for(|seq| *seq >= number)).await;
            }
            Ok(Redirect::to(&to).into_response())
        }
    }
}
