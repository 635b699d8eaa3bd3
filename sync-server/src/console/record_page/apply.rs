//! Taking in what was written on the page of a record.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::{Question, QuestionKind, session::Session},
    problem::Severity,
    programme::{entry::Answer, live},
};
use axum::response::Response;

use super::{Entry, Sight, was};
use crate::{
    console::{
        error::PageError,
        form_page::{
            controls::{self, Asking},
            posted::Posted,
        },
        session::SignedIn,
    },
    ingest::{IngestError, LocalWrite},
};

/// Most questions of one page.
const MOST_ASKED: usize = 2_000;
/// Longest reason.
const LONGEST_REASON: usize = 500;

/// What became of a page.
pub(super) enum Done {
    /// It is shown again.
    Drawn(Response),
    /// It was saved: where to go, once the change of this number is shown.
    Saved { to: String, number: Option<u64> },
}

/// Takes a page in.
pub(super) fn page(sight: &Sight<'_>, signed_in: &SignedIn, posted: &Posted) -> Result<Done, PageError> {
    let asked: BTreeSet<&str> = posted.all("asked").iter().map(String::as_str).collect();
    if asked.len() > MOST_ASKED {
        return Err(PageError::TooMuch);
    }
    for name in posted.names() {
        let key = name.split('~').next().unwrap_or(name);
        if !["go", "csrf", "reason", "asked", "gone"].contains(&name) && !asked.contains(key) {
            return Err(PageError::NotOfForm);
        }
    }
    let reason: String =
        posted.one("reason").unwrap_or_default().trim().chars().take(LONGEST_REASON).collect();
    let stored = sight.session();
    let mut session = stored.clone();
    let mut errors = BTreeMap::new();
    let mut answers = BTreeMap::new();
    let go = posted.one("go").unwrap_or("save");
    let mut gone: Vec<String> = posted.all("gone").to_vec();
    gone.extend(go.strip_prefix("remove:").map(str::to_owned));
    let is_gone = |key: &str| {
        gone.iter().any(|row| key.strip_prefix(row.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    for key in asked.into_iter().filter(|key| !is_gone(key)) {
        let question = sight.form.question_of_key(key).ok_or(PageError::NotOfForm)?;
        // A row that is new, or that was taken away elsewhere meanwhile, is made.
        if session.value_of(key).is_none() {
            session.put(key, &Answer::Cleared, &sight.around).map_err(|_| PageError::NotOfForm)?;
        }
        if !sight.is_open(&session, key, question) {
            return Err(PageError::NotOfForm);
        }
        let asking = Asking { session: &session, language: "", order: 0, around: &sight.around };
        let read = match sight.offers.get(&question.name) {
            Some(offer) => {
                let sent = posted.one(key).unwrap_or_default().trim();
                offer.answer(sent, &was(&stored, key, &sight.around)).map(Some)
            }
            None => controls::read(&asking, key, question, posted),
        };
        let answer = match read {
            Ok(Some(answer)) => answer,
            Ok(None) => continue,
            Err(error) => {
                errors.insert(key.to_owned(), error);
                continue;
            }
        };
        let now = was(&stored, key, &sight.around);
        let answer = in_order(question, answer, &now);
        let mut trial = session.clone();
        if let Err(error) = trial.put(key, &answer, &sight.around) {
            errors.insert(key.to_owned(), error.to_string());
            continue;
        }
        let written = was(&trial, key, &sight.around);
        let shown = posted.one(&format!("{key}~was")).unwrap_or_default();
        if is_same(question, shown, &written) {
            continue;
        }
        if !is_same(question, shown, &now) && !is_same(question, &now, &written) {
            let theirs = sight.in_words(&stored, key, question);
            errors.insert(key.to_owned(), format!("Somebody has changed this meanwhile to: {theirs}"));
        }
        session = trial;
        answers.insert(key.to_owned(), answer);
    }
    take_away(sight, &stored, &mut session, &gone, &mut answers)?;
    if let Some(repeat) = go.strip_prefix("add:") {
        session.add_row(repeat, None, &sight.around).map_err(|_| PageError::NotOfForm)?;
    }
    if go != "save" || !errors.is_empty() {
        let entry = Entry { errors, reason, saved: false, gone };
        return Ok(Done::Drawn(sight.draw(signed_in, &session, Some(posted), entry)?));
    }
    save(sight, signed_in, &answers, &session, reason, posted)
}

/// Takes rows away: every answer of one is cleared, and the row is not on the page.
fn take_away(
    sight: &Sight<'_>,
    stored: &Session,
    session: &mut Session,
    gone: &[String],
    answers: &mut BTreeMap<String, Answer>,
) -> Result<(), PageError> {
    let rows = super::rows(sight.form, stored);
    for row in gone {
        let of_row = format!("{row}/");
        if rows.iter().any(|(key, _)| key == row) {
            for state in
                stored.states(&sight.around).into_iter().filter(|state| state.key.starts_with(&of_row))
            {
                let question = sight.form.question_of_key(&state.key).ok_or(PageError::NotOfForm)?;
                let now = was(stored, &state.key, &sight.around);
                if now.is_empty() {
                    continue;
                }
                if !sight.is_open(stored, &state.key, question) {
                    return Err(PageError::NotOfForm);
                }
                answers.insert(state.key, Answer::Cleared);
            }
        }
        // One that was added on the page is not there yet.
        if session.row_keys(row.rsplit_once('/').map_or("", |(repeat, _)| repeat), None).contains(row) {
            session.remove_row(row, &sight.around).map_err(|_| PageError::NotOfForm)?;
        }
    }
    Ok(())
}

/// Saves what changed. Only what cannot be stored as its type is turned down, and is still on the page then.
fn save(
    sight: &Sight<'_>,
    signed_in: &SignedIn,
    answers: &BTreeMap<String, Answer>,
    session: &Session,
    reason: String,
    posted: &Posted,
) -> Result<Done, PageError> {
    let console = sight.console;
    let ingest = console.ingest.as_ref().ok_or(PageError::NotFound)?;
    let (edits, said) =
        live::entered(&console.programme, sight.form, answers, Some(&sight.view), &sight.around);
    let errors: BTreeMap<String, String> = said
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| (problem.key.clone(), format!("{} {}", problem.what, problem.help)))
        .collect();
    if !errors.is_empty() {
        let entry = Entry { errors, reason, saved: false, ..Entry::default() };
        return Ok(Done::Drawn(sight.draw(signed_in, session, Some(posted), entry)?));
    }
    let record = sight.view.root.id;
    let number = if edits.is_empty() {
        None
    } else {
        let edit = LocalWrite::Edit {
            record,
            edits,
            at: console.clock.now(),
            zone: console.programme.zone.clone(),
            reason: Some(reason).filter(|reason| !reason.is_empty()),
        };
        match ingest.ingest_local(signed_in.principal.person, vec![edit]) {
            Ok(numbers) => numbers.into_iter().flatten().next(),
            Err(IngestError::Busy) => return Err(PageError::Busy),
            Err(IngestError::Local { .. }) => return Err(PageError::NotFound),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a record could not be changed");
                return Err(PageError::Failed);
            }
        }
    };
    let is_seen = |question: &Question| sight.is_shown(question);
    let is_right = session.troubles(&is_seen, &sight.around).next().is_none();
    let page = sight.page();
    let to = if is_right {
        format!("{page}#r-{record}")
    } else {
        format!("{page}/records/{record}/edit?saved=yes")
    };
    Ok(Done::Saved { to, number })
}

/// Codes in the order that they had, new ones last: the first may be the main one.
fn in_order(question: &Question, answer: Answer, before: &str) -> Answer {
    match (&question.kind, answer) {
        (QuestionKind::SelectMultiple(_), Answer::Codes(codes)) => {
            let mut ordered: Vec<String> = before
                .split_whitespace()
                .filter(|code| codes.iter().any(|c| c == code))
                .map(str::to_owned)
                .collect();
            let new: Vec<String> = codes.into_iter().filter(|code| !ordered.contains(code)).collect();
            ordered.extend(new);
            Answer::Codes(ordered)
        }
        (_, answer) => answer,
    }
}

/// Whether two answers are the same as far as the page shows them.
fn is_same(question: &Question, one: &str, other: &str) -> bool {
    let tidy = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let (one, other) = (tidy(one), tidy(other));
    match question.kind {
        // The page shows no seconds.
        QuestionKind::DateTime => one.get(..16) == other.get(..16) && one.is_empty() == other.is_empty(),
        QuestionKind::Time => one.get(..5) == other.get(..5) && one.is_empty() == other.is_empty(),
        QuestionKind::SelectMultiple(_) => {
            let set = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
            set(&one) == set(&other)
        }
        _ => one == other,
    }
}
