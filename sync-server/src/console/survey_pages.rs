//! `/surveys`: the runs of surveys, who has answered and how far the others are, whom to remind; each answer
//! in words, and all of them to take away.

use alongside_domain::{ids::GroupId, programme::surveys::Survey};

use super::{Console, access::Reader, error::PageError, session::SignedIn};
use crate::{
    read_model::case,
    surveys::{self, Link, Run, SurveyError},
};

mod answers;
mod board;
mod list;
mod paper;

pub(super) use answers::{answer, take_away};
pub(super) use board::{board, close, invite, link};
pub(super) use list::{list, open};
pub(super) use paper::paper;

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
