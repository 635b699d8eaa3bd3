//! Forms that people without an account answer by link: runs of a survey, the links of its respondents, what
//! they have not sent yet, and what they sent.
//!
//! An answer is a record of a group like any other. Until it is sent it is a draft, sealed with a key that
//! follows from the token in the link: nobody else can read it, not even with a backup in hand.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId, RecordId},
    programme::{Programme, surveys::Survey},
    time::Millis,
};

use crate::{
    people::{self, NewPerson, PeopleError},
    secret::Secret,
    store::{Store, StoreError, access, erasures, log::Appender},
};

pub(crate) mod answer;
pub mod export;
mod respondent;
pub(crate) mod rows;
pub(crate) mod seal;

pub use answer::AnswerError;
pub use respondent::Respondent;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Longest name of a run or a respondent, in characters.
const LONGEST_NAME: usize = 200;

/// One run of a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id; where the answers have a group of their own, that of the group.
    pub id: GroupId,
    /// Code of the survey.
    pub survey: String,
    /// What it is called.
    pub name: String,
    /// Partner organisation that runs it.
    pub partner: PartnerId,
    /// The group of the answers; `None` where each link names one.
    pub group: Option<GroupId>,
    /// Whom answers are written as.
    pub author: PersonId,
    /// When it was opened.
    pub opened_at: Millis,
    /// When it was closed: no link of it works any more.
    pub closed_at: Option<Millis>,
}

/// How a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not opened yet.
    Waiting,
    /// Begun, not sent.
    Begun,
    /// Sent.
    Answered,
    /// Its time is over.
    Expired,
    /// Taken back, or its run closed.
    Ended,
}

impl LinkState {
    /// In words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Waiting => "Not started",
            Self::Begun => "Started",
            Self::Answered => "Answered",
            Self::Expired => "Expired",
            Self::Ended => "Ended",
        }
    }
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its run.
    pub run: GroupId,
    /// Its number in the run, from 1.
    pub number: u32,
    /// Whom it was given to.
    pub label: String,
    /// What it answers by itself.
    pub says: BTreeMap<String, String>,
    /// The group that the answer goes into.
    pub group: GroupId,
    /// When it was made.
    pub made_at: Millis,
    /// Until when it works.
    pub expires: Millis,
    /// Whether it was taken back.
    pub revoked: bool,
    /// How often its respondent was reminded.
    pub reminders: u32,
    /// When last.
    pub reminded_at: Option<Millis>,
    /// How many questions are asked.
    pub asked: u32,
    /// How many of them are answered.
    pub answered: u32,
    /// Whether it was sent.
    pub finished: bool,
    /// The record of the answer; `None` before it was sent, and of an anonymous one for ever.
    pub record: Option<RecordId>,
    pub(crate) saves: u64,
    pub(crate) draft: Vec<u8>,
}

impl Link {
    /// How it stands now.
    #[must_use]
    pub fn state(&self, run: &Run, now: Millis) -> LinkState {
        if self.finished {
            LinkState::Answered
        } else if self.revoked || run.closed_at.is_some() {
            LinkState::Ended
        } else if self.expires <= now {
            LinkState::Expired
        } else if self.saves > 0 {
            LinkState::Begun
        } else {
            LinkState::Waiting
        }
    }

    /// Whether its respondent should be reminded by now.
    #[must_use]
    pub fn reminder_due(&self, survey: &Survey, run: &Run, now: Millis) -> bool {
        let waits = matches!(self.state(run, now), LinkState::Waiting | LinkState::Begun);
        let next = survey.remind_after.get(self.reminders as usize);
        waits && next.is_some_and(|days| self.made_at.0 + i64::from(*days) * DAY_MS <= now.0)
    }
}

/// Why something cannot be done with a survey.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// The programme has no such survey.
    #[error("the programme has no survey `{code}`: there are {known}")]
    UnknownSurvey {
        /// What was asked for.
        code: String,
        /// Those there are.
        known: String,
    },
    /// There is no such run.
    #[error("there is no such run: `surveys list` shows which there are")]
    UnknownRun,
    /// There is no such link.
    #[error("there is no such link that still waits for an answer: `surveys board` shows which there are")]
    UnknownLink,
    /// The run was closed.
    #[error("this run is closed: open another")]
    Closed,
    /// A name is empty or too long.
    #[error("a name has 1 to {LONGEST_NAME} characters")]
    BadName,
    /// What a link has to say is not said, or not so.
    #[error("{0}")]
    BadSaying(String),
    /// The respondent has a link already.
    #[error("this respondent has a link already: revoke it first, or give the respondent another name")]
    TwoLinks,
    /// The group is not one that such answers go into.
    #[error("the answers of this survey do not go into that group")]
    WrongGroup,
    /// Somebody could not be added.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SurveyError {
    /// The error as a stable word, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSurvey { .. } => "unknown_survey",
            Self::UnknownRun => "unknown_run",
            Self::UnknownLink => "unknown_link",
            Self::Closed => "closed",
            Self::BadName => "bad_name",
            Self::BadSaying(_) => "bad_saying",
            Self::TwoLinks => "two_links",
            Self::WrongGroup => "wrong_group",
            Self::People(_) => "people",
            Self::Store(error) => error.code(),
        }
    }
}

/// The survey with this code.
///
/// # Errors
/// [`SurveyError::UnknownSurvey`].
pub fn survey<'p>(programme: &'p Programme, code: &str) -> Result<&'p Survey, SurveyError> {
    programme.surveys.get(code).ok_or_else(|| SurveyError::UnknownSurvey {
        code: code.to_owned(),
        known: programme.surveys.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

/// Opens a run of a survey; its answers get a group of their own where the programme keeps them in one that
/// stands alone.
///
/// # Errors
/// See [`SurveyError`].
pub fn open(
    store: &Store,
    now: Millis,
    programme: &Programme,
    code: &str,
    name: &str,
    partner: PartnerId,
) -> Result<Run, SurveyError> {
    let survey = survey(programme, code)?;
    let name = checked(name)?;
    let kind = programme.records.get(&survey.form).ok_or(SurveyError::WrongGroup)?;
    // A group that a phone opens, or that hangs below others, is one of casework.
    let alone = programme
        .groups
        .get(&kind.group)
        .is_some_and(|group| group.parents.is_empty() && group.beside.is_none() && !group.opened_on_phone);
    let called = format!("By link: {}", survey.title);
    let known = people::list(store)?.into_iter().find(|row| row.partner == partner && row.name == called);
    let author = match known {
        Some(row) => row.id,
        None => people::add_person(
            store,
            now,
            programme,
            &NewPerson { name: called, role: survey.answered_as.clone(), partner, areas: Vec::new() },
        )?,
    };
    let id = GroupId::new(now, rand::random());
    let run = Run {
        id,
        survey: survey.code.clone(),
        name: name.to_owned(),
        partner,
        group: alone.then_some(id),
        author,
        opened_at: now,
        closed_at: None,
    };
    store.write(|tx| {
        if alone {
            let mut log = Appender::new(tx, now)?;
            access::open_group(&mut log, id, &kind.group, partner, &[], author)?;
        }
        rows::add_run(tx, &run)
    })?;
    Ok(run)
}

/// Somebody to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invitation {
    /// Who.
    pub label: String,
    /// What the link answers by itself.
    pub says: BTreeMap<String, String>,
    /// Where the answer goes, for a run without a group.
    pub group: Option<GroupId>,
    /// How many days the link works; as the survey says where `None`.
    pub days: Option<u32>,
}

/// Makes a link. The token is told this once.
///
/// # Errors
/// See [`SurveyError`].
pub fn invite(
    store: &Store,
    now: Millis,
    programme: &Programme,
    run: GroupId,
    invitation: &Invitation,
) -> Result<(u32, Secret), SurveyError> {
    let label = checked(&invitation.label)?;
    let run = find_run(store, run)?;
    let survey = survey(programme, &run.survey)?;
    if run.closed_at.is_some() {
        return Err(SurveyError::Closed);
    }
    let says = checked_sayings(programme, survey, &invitation.says)?;
    let group = match (run.group, invitation.group) {
        (Some(group), None) => group,
        (None, Some(group)) => group,
        _ => return Err(SurveyError::WrongGroup),
    };
    let days = invitation.days.map_or(i64::from(survey.days), i64::from);
    let token = Secret::mint();
    let kind = programme.records.get(&survey.form).ok_or(SurveyError::WrongGroup)?;
    let made = store.write(|tx| {
        let fits = access::group(tx, group)?
            .is_some_and(|row| row.partner == run.partner && row.kind == kind.group)
            && erasures::erased(tx, group)?.is_none();
        if !fits {
            return Ok(Err(SurveyError::WrongGroup));
        }
        let link = rows::NewLink {
            run: run.id,
            hash: token.hash(),
            label,
            says: &says,
            group,
            made_at: now,
            expires: Millis(now.0.saturating_add(days.saturating_mul(DAY_MS))),
        };
        Ok(rows::add_link(tx, &link)?.ok_or(SurveyError::TwoLinks))
    })??;
    Ok((made, token))
}

/// Every run of a partner, the latest first.
///
/// # Errors
/// See [`StoreError`].
pub fn runs(store: &Store, partner: Option<PartnerId>) -> Result<Vec<Run>, StoreError> {
    store.read(|tx| rows::runs(tx, partner))
}

/// A run.
///
/// # Errors
/// [`SurveyError::UnknownRun`], or the store's.
pub fn find_run(store: &Store, run: GroupId) -> Result<Run, SurveyError> {
    store.read(|tx| rows::run(tx, run))?.ok_or(SurveyError::UnknownRun)
}

/// The links of a run, by number.
///
/// # Errors
/// See [`StoreError`].
pub fn links(store: &Store, run: GroupId) -> Result<Vec<Link>, StoreError> {
    store.read(|tx| rows::links(tx, run))
}

/// Takes a link back: what was not sent is destroyed.
///
/// # Errors
/// [`SurveyError::UnknownLink`] where it does not wait for an answer.
pub fn revoke(store: &Store, now: Millis, run: GroupId, number: u32) -> Result<(), SurveyError> {
    if store.write(|tx| rows::revoke(tx, run, number, now))? { Ok(()) } else { Err(SurveyError::UnknownLink) }
}

/// Writes down that a respondent was reminded.
///
/// # Errors
/// [`SurveyError::UnknownLink`] where the link does not wait for an answer.
pub fn reminded(store: &Store, now: Millis, run: GroupId, number: u32) -> Result<(), SurveyError> {
    if store.write(|tx| rows::reminded(tx, run, number, now))? {
        Ok(())
    } else {
        Err(SurveyError::UnknownLink)
    }
}

/// Closes a run for good: no link works any more, and what was not sent is destroyed.
///
/// # Errors
/// [`SurveyError::UnknownRun`], or [`SurveyError::Closed`] where it is closed already.
pub fn close(store: &Store, now: Millis, run: GroupId) -> Result<(), SurveyError> {
    let run = find_run(store, run)?;
    if store.write(|tx| rows::close(tx, run.id, now))? { Ok(()) } else { Err(SurveyError::Closed) }
}

fn checked(name: &str) -> Result<&str, SurveyError> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
    if fits { Ok(name) } else { Err(SurveyError::BadName) }
}

/// What a link says: everything that the survey wants said, with codes that there are.
fn checked_sayings(
    programme: &Programme,
    survey: &Survey,
    says: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, SurveyError> {
    let mut checked = BTreeMap::new();
    if let Some(name) = says.keys().find(|name| !survey.says.contains(name)) {
        let known = survey.says.join(", ");
        return Err(SurveyError::BadSaying(format!("`{name}` is not said by the link; said are: {known}")));
    }
    let form = programme.forms.get(&survey.form).ok_or(SurveyError::WrongGroup)?;
    for name in &survey.says {
        let said = says.get(name).map(|said| said.trim()).filter(|said| !said.is_empty());
        let Some(said) = said else {
            return Err(SurveyError::BadSaying(format!("say `{name}`, as in `--says {name}=...`")));
        };
        let question = form.question(name).ok_or(SurveyError::WrongGroup)?;
        if let Some(choices) = programme.choices(form, question)
            && let Some(code) =
                said.split_whitespace().find(|code| !choices.iter().any(|choice| choice.name == *code))
        {
            return Err(SurveyError::BadSaying(format!("`{code}` is no code of `{name}`")));
        }
        checked.insert(name.clone(), said.to_owned());
    }
    Ok(checked)
}
