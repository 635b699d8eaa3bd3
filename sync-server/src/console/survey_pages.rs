//! `/surveys`: the runs of surveys, who has answered and how far the others are, whom to remind; each answer
//! in words, and all of them to take away.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::codebook::Codebook,
    ids::{GroupId, RecordId},
    programme::surveys::Survey,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{
    Console,
    access::Reader,
    error::PageError,
    frame::Frame,
    session::{SignedIn, is_forged},
    words,
};
use crate::{
    read_model::case,
    surveys::{self, Invitation, Link, LinkState, Run, SurveyError, export},
};

/// Whether somebody of this role has anything to do with surveys.
pub(super) fn concerns(console: &Console, role: &str) -> bool {
    console.programme.surveys.values().any(|survey| survey.is_run_by(role) || survey.is_read_by(role))
}

impl From<SurveyError> for PageError {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Store(error) => error.into(),
            SurveyError::UnknownRun | SurveyError::UnknownSurvey { .. } | SurveyError::UnknownLink => {
                Self::NotFound
            }
            _ => Self::BadRequest,
        }
    }
}

/// A run that the signed-in person may see.
struct Seen<'c> {
    run: Run,
    survey: &'c Survey,
    may_run: bool,
    may_read: bool,
}

fn see<'c>(console: &'c Console, signed_in: &SignedIn, run: &str) -> Result<Seen<'c>, PageError> {
    let id: GroupId = run.parse().map_err(|_| PageError::NotFound)?;
    let run = surveys::find_run(&console.store, id)?;
    let survey = console.programme.surveys.get(&run.survey).ok_or(PageError::NotFound)?;
    let principal = &signed_in.principal;
    let (may_run, may_read) = (survey.is_run_by(&principal.role), survey.is_read_by(&principal.role));
    if run.partner != principal.partner || !(may_run || may_read) {
        return Err(PageError::NotFound);
    }
    Ok(Seen { run, survey, may_run, may_read })
}

/// The links of a run, without those of units that are not this person's to see.
fn links(console: &Console, signed_in: &SignedIn, run: &Run) -> Result<Vec<Link>, PageError> {
    let mut links = surveys::links(&console.store, run.id)?;
    if run.group.is_none() {
        let reader = Reader::new(&console.programme, &signed_in.principal);
        links = console.model.read(|connection| {
            let mut seen = Vec::new();
            for link in links {
                let unit = case::unit(connection, link.group)?;
                let standing = unit.map(|unit| reader.at(connection, &unit)).transpose()?.flatten();
                if standing.is_some() {
                    seen.push(link);
                }
            }
            Ok(seen)
        })?;
    }
    Ok(links)
}

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
pub(super) async fn list(
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

type Fields = Result<Form<BTreeMap<String, String>>, axum::extract::rejection::FormRejection>;

/// The fields of a form that changes something, sent from a page of ours.
fn fields(
    headers: &HeaderMap,
    signed_in: &SignedIn,
    form: Fields,
) -> Result<BTreeMap<String, String>, PageError> {
    let Ok(Form(fields)) = form else { return Err(PageError::BadRequest) };
    let csrf = fields.get("csrf").map(String::as_str).unwrap_or_default();
    if is_forged(headers, signed_in, csrf) { Err(PageError::Forged) } else { Ok(fields) }
}

/// `POST /surveys`: opens a run.
pub(super) async fn open(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    form: Fields,
) -> Result<Response, PageError> {
    let fields = fields(&headers, &signed_in, form)?;
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

/// One link on the board.
struct BoardLine {
    number: u32,
    label: String,
    says: String,
    state: &'static str,
    tag: &'static str,
    far: String,
    expires: String,
    reminders: String,
    is_due: bool,
    waits: bool,
    answer: Option<String>,
}

/// A question that whoever makes a link answers.
struct Saying {
    name: String,
    label: String,
    choices: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "survey_board.html")]
struct BoardPage {
    frame: Frame,
    csrf: String,
    address: String,
    name: String,
    survey: String,
    closed: bool,
    may_run: bool,
    may_read: bool,
    withheld: Option<String>,
    lines: Vec<BoardLine>,
    answered: usize,
    begun: usize,
    waiting: usize,
    due: usize,
    sayings: Vec<Saying>,
    by_reference: bool,
    unit: String,
    days: i32,
    /// The link that was made just now, and for whom.
    made: Option<(String, String)>,
    problem: Option<String>,
    anonymous: bool,
}

fn withheld_words(why: export::Withheld) -> String {
    match why {
        export::Withheld::UntilClosed => {
            "The survey is anonymous: its answers are shown when it is closed.".to_owned()
        }
        export::Withheld::TooFew(least) => format!(
            "The survey is anonymous, and fewer than {least} people have answered: their answers are not shown."
        ),
    }
}

fn board_page(
    console: &Console,
    signed_in: &SignedIn,
    run: &str,
    made: Option<(String, String)>,
    problem: Option<String>,
) -> Result<Response, PageError> {
    let seen = see(console, signed_in, run)?;
    let links = links(console, signed_in, &seen.run)?;
    let (now, programme, survey) = (console.clock.now(), &console.programme, seen.survey);
    let address = format!("/surveys/{}", seen.run.id);
    let withheld = export::withheld(survey, &seen.run, &links);
    let form = programme.forms.get(&survey.form).ok_or(PageError::NotFound)?;
    let lines: Vec<BoardLine> = links
        .iter()
        .map(|link| {
            let state = link.state(&seen.run, now);
            let said = link.says.iter().map(|(name, said)| export::in_words(programme, survey, name, said));
            let far = match state {
                LinkState::Begun => format!("{} of {} questions", link.answered, link.asked),
                LinkState::Answered => "All".to_owned(),
                _ => "–".to_owned(),
            };
            let reminded = link.reminded_at.map(|at| words::date(programme.day(at)));
            BoardLine {
                number: link.number,
                label: link.label.clone(),
                says: said.collect::<Vec<_>>().join(", "),
                state: state.in_words(),
                tag: match state {
                    LinkState::Answered => "tag tag-met",
                    LinkState::Begun => "tag",
                    LinkState::Waiting => "tag tag-soon",
                    LinkState::Expired => "tag tag-overdue",
                    LinkState::Ended => "tag tag-quiet",
                },
                far,
                expires: words::date(programme.day(link.expires)),
                reminders: reminded.map_or_else(String::new, |day| {
                    format!("{}, last on {day}", words::count(link.reminders.into(), "reminder", "reminders"))
                }),
                is_due: link.reminder_due(survey, &seen.run, now),
                waits: matches!(state, LinkState::Begun | LinkState::Waiting),
                answer: link
                    .record
                    .filter(|_| seen.may_read && withheld.is_none())
                    .map(|record| format!("{address}/answers/{record}")),
            }
        })
        .collect();
    let count = |state: LinkState| links.iter().filter(|link| link.state(&seen.run, now) == state).count();
    let today = programme.day(now);
    let sayings = survey.says.iter().filter_map(|name| {
        let question = form.question(name)?;
        let choices = programme.choices(form, question).unwrap_or_default();
        Some(Saying {
            name: name.clone(),
            label: question.label.text().to_owned(),
            choices: choices
                .iter()
                .filter(|choice| choice.is_valid_on(today))
                .map(|choice| (choice.name.clone(), choice.label.text().to_owned()))
                .collect(),
        })
    });
    let page = BoardPage {
        frame: signed_in.frame(console),
        csrf: signed_in.csrf.clone(),
        address,
        name: seen.run.name.clone(),
        survey: survey.title.clone(),
        closed: seen.run.closed_at.is_some(),
        may_run: seen.may_run,
        may_read: seen.may_read && seen.run.group.is_some(),
        withheld: withheld.map(withheld_words),
        answered: count(LinkState::Answered),
        begun: count(LinkState::Begun),
        waiting: count(LinkState::Waiting),
        due: lines.iter().filter(|line| line.is_due).count(),
        lines,
        sayings: sayings.collect(),
        by_reference: seen.run.group.is_none(),
        unit: programme.parts.unit_words.0.clone(),
        days: survey.days,
        made,
        problem,
        anonymous: survey.anonymous,
    };
    Ok(Html(page.render()?).into_response())
}

/// `GET /surveys/{run}`
pub(super) async fn board(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(run): Path<String>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || board_page(&console, &signed_in, &run, None, None)).await?
}

/// `POST /surveys/{run}/invite`: makes a link, and shows it once.
pub(super) async fn invite(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path(run): Path<String>,
    form: Fields,
) -> Result<Response, PageError> {
    let fields = fields(&headers, &signed_in, form)?;
    tokio::task::spawn_blocking(move || {
        let seen = see(&console, &signed_in, &run)?;
        if !seen.may_run {
            return Err(PageError::NotFound);
        }
        let again = |problem: String| board_page(&console, &signed_in, &run, None, Some(problem));
        let said = |name: &str| fields.get(name).map(|said| said.trim()).unwrap_or_default();
        let group = match seen.run.group {
            Some(_) => None,
            None => match unit(&console, &signed_in, said("reference"))? {
                Some(group) => Some(group),
                None => {
                    let one = &console.programme.parts.unit_words.0;
                    return again(format!("There is no {one} with this reference that you may write to"));
                }
            },
        };
        let says = seen.survey.says.iter();
        let invitation = Invitation {
            label: said("label").to_owned(),
            says: says.map(|name| (name.clone(), said(&format!("says.{name}")).to_owned())).collect(),
            group,
            days: None,
        };
        let now = console.clock.now();
        match surveys::invite(&console.store, now, &console.programme, seen.run.id, &invitation) {
            Ok((_, token)) => {
                let link = format!("{}/f/{}", console.address, token.reveal());
                board_page(&console, &signed_in, &run, Some((link, invitation.label)), None)
            }
            Err(SurveyError::Store(error)) => Err(error.into()),
            Err(error) => again(error.to_string()),
        }
    })
    .await?
}

/// The unit with this reference, where this person may write to it.
fn unit(console: &Console, signed_in: &SignedIn, reference: &str) -> Result<Option<GroupId>, PageError> {
    let reader = Reader::new(&console.programme, &signed_in.principal);
    let found = console.model.read(|connection| {
        let mut statement = connection
            .prepare_cached("SELECT \"group\" FROM unit_row WHERE reference = ?1 AND partner = ?2")?;
        let mut rows = statement.query(rusqlite::params![reference, signed_in.principal.partner.0])?;
        while let Some(row) = rows.next()? {
            let group = GroupId(row.get(0)?);
            let Some(unit) = case::unit(connection, group)? else { continue };
            if reader.at(connection, &unit)?.is_some_and(|reader| reader.may_write_here()) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    })?;
    Ok(found)
}

/// `POST /surveys/{run}/links/{number}/{what}`: takes a link back, or writes down a reminder.
pub(super) async fn link(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path((run, number, what)): Path<(String, u32, String)>,
    form: Fields,
) -> Result<Response, PageError> {
    fields(&headers, &signed_in, form)?;
    tokio::task::spawn_blocking(move || {
        let seen = see(&console, &signed_in, &run)?;
        let is_theirs = links(&console, &signed_in, &seen.run)?.iter().any(|link| link.number == number);
        if !seen.may_run || !is_theirs {
            return Err(PageError::NotFound);
        }
        let (store, now, id) = (&console.store, console.clock.now(), seen.run.id);
        match what.as_str() {
            "revoke" => surveys::revoke(store, now, id, number)?,
            "reminded" => surveys::reminded(store, now, id, number)?,
            _ => return Err(PageError::NotFound),
        }
        Ok(Redirect::to(&format!("/surveys/{id}")).into_response())
    })
    .await?
}

/// `POST /surveys/{run}/close`
pub(super) async fn close(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path(run): Path<String>,
    form: Fields,
) -> Result<Response, PageError> {
    fields(&headers, &signed_in, form)?;
    tokio::task::spawn_blocking(move || {
        let seen = see(&console, &signed_in, &run)?;
        if !seen.may_run {
            return Err(PageError::NotFound);
        }
        surveys::close(&console.store, console.clock.now(), seen.run.id)?;
        Ok(Redirect::to(&format!("/surveys/{}", seen.run.id)).into_response())
    })
    .await?
}

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
pub(super) async fn answer(
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
                    alongside_domain::form::Item::Group(section)
                    | alongside_domain::form::Item::Repeat(section) => section.label.text().to_owned(),
                    alongside_domain::form::Item::Question(_) => String::new(),
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
pub(super) async fn take_away(
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
