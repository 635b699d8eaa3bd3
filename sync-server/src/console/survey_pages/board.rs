//! The board of a run: who was asked, how far they are, whom to remind; and asking, reminding, taking back,
//! closing.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::ids::GroupId;
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{links, see};
use crate::{
    console::{
        Console,
        access::Reader,
        error::PageError,
        frame::Frame,
        session::{Button, Sent, SignedIn},
        words,
    },
    read_model::case,
    surveys::{self, Invitation, LinkState, SurveyError, export},
};

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
pub(in crate::console) async fn board(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(run): Path<String>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || board_page(&console, &signed_in, &run, None, None)).await?
}

/// `POST /surveys/{run}/invite`: makes a link, and shows it once.
pub(in crate::console) async fn invite(
    State(console): State<Arc<Console>>,
    Path(run): Path<String>,
    Sent { signed_in, fields }: Sent<BTreeMap<String, String>>,
) -> Result<Response, PageError> {
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
pub(in crate::console) async fn link(
    State(console): State<Arc<Console>>,
    Path((run, number, what)): Path<(String, u32, String)>,
    Sent { signed_in, fields: Button {} }: Sent<Button>,
) -> Result<Response, PageError> {
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
pub(in crate::console) async fn close(
    State(console): State<Arc<Console>>,
    Path(run): Path<String>,
    Sent { signed_in, fields: Button {} }: Sent<Button>,
) -> Result<Response, PageError> {
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
