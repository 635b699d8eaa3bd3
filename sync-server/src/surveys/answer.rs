//! A form being answered behind a link: resumed, saved, sent.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::{
        QuestionKind,
        expr::{Scalar, Surroundings},
        session::{CompiledForm, Draft, DraftError, Session},
    },
    ids::RecordId,
    programme::{
        Programme,
        entry::{self, Answer},
        surveys::Survey,
    },
    record::{Edit, Root},
    time::Millis,
    value::Value,
};
use serde::{Deserialize, Serialize};

use super::{Link, Run, rows, seal};
use crate::{
    ingest::{Ingest, IngestError, LocalProblem, LocalWrite},
    secret::Secret,
    store::{Store, StoreError},
};

/// Types of the standard that a person answers; the others are found out by a phone, or are no questions.
const ANSWERED: [&str; 4] = ["geopoint", "geotrace", "geoshape", "barcode"];

/// Why an answer cannot be opened or sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was kept is a draft of another form.
    #[error("the draft cannot be opened: {0}")]
    Draft(#[from] DraftError),
    /// The record was not taken.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// What was kept is unreadable.
    #[error("the draft cannot be read or written")]
    Unreadable(#[from] serde_json::Error),
    /// The programme has no survey or form of the link.
    #[error("the programme has no place for the answer")]
    NoPlace,
    /// An answer is none that a record can hold.
    #[error("an answer cannot be stored")]
    NotStorable,
    /// The link does not wait for an answer.
    #[error("the link does not wait for an answer: it is unknown, expired, taken back, or was answered")]
    NotWaiting,
    /// Another page of the same link was saved meanwhile, or the link ended.
    #[error("somebody else went on with the same link meanwhile: open it again")]
    Overtaken,
}

/// What is sealed behind a link.
#[derive(Serialize, Deserialize)]
struct Written {
    draft: Draft,
    at: String,
    language: String,
}

/// An answer on its way.
pub(crate) struct Filling {
    pub(crate) session: Session,
    /// Where its respondent is: a question, or `+` and a repeat; empty before the first.
    pub(crate) at: String,
    pub(crate) language: String,
}

/// The link behind a token, with its run.
pub(crate) fn find(store: &Store, token: &str) -> Result<Option<(Run, Link)>, StoreError> {
    store.read(|tx| rows::by_hash(tx, &Secret::shown(token).hash()))
}

/// What binds a draft to its link.
fn place(link: &Link) -> Vec<u8> {
    [&link.run.0[..], &link.number.to_le_bytes()].concat()
}

/// Whether a page can show a question of this kind.
pub(crate) fn is_shown(kind: &QuestionKind) -> bool {
    match kind {
        QuestionKind::Calculate | QuestionKind::Hidden => false,
        QuestionKind::Standard(kind) => ANSWERED.contains(&kind.as_str()),
        _ => true,
    }
}

impl Filling {
    /// Goes on where the link left off, or begins.
    pub(crate) fn open(
        form: &Arc<CompiledForm>,
        survey: &Survey,
        link: &Link,
        token: &str,
        around: &Surroundings,
    ) -> Result<Self, AnswerError> {
        if let Some(written) = seal::open(token, &place(link), &link.draft)? {
            let written: Written = serde_json::from_slice(&written)?;
            let session = Session::resume(Arc::clone(form), &written.language, &written.draft, around)?;
            return Ok(Self { session, at: written.at, language: written.language });
        }
        let mut session = Session::open(Arc::clone(form), "", around);
        for (name, said) in survey.fixed.iter().chain(&link.says) {
            // The package and the maker of the link were held to the codes that there are.
            session
                .answer(name, &Answer::Text(said.clone()), around)
                .map_err(|_| AnswerError::NotStorable)?;
        }
        Ok(Self { session, at: String::new(), language: String::new() })
    }

    /// The same in another language of the form.
    pub(crate) fn speak(
        self,
        form: &Arc<CompiledForm>,
        language: &str,
        around: &Surroundings,
    ) -> Result<Self, AnswerError> {
        let session = Session::resume(Arc::clone(form), language, &self.session.draft(), around)?;
        Ok(Self { session, language: language.to_owned(), at: self.at })
    }

    /// The questions that are asked now, by key, with the kind of each, and whether each is answered.
    fn count(&self, programme: &Programme, survey: &Survey, around: &Surroundings) -> (u32, u32) {
        let form = programme.forms.get(&survey.form);
        let (mut asked, mut answered) = (0, 0);
        for key in self.session.pages_with_rows(around).iter().flat_map(|page| &page.questions) {
            let name = key.rsplit('/').next().unwrap_or(key);
            let question = form.and_then(|form| form.question(name));
            let counts = question.is_some_and(|question| {
                is_shown(&question.kind) && question.kind != QuestionKind::Note && !survey.leaves_out(name)
            });
            if counts {
                asked += 1;
                let empty = self.session.value_of(key).is_none_or(|value| matches!(value, Scalar::Empty));
                answered += u32::from(!empty);
            }
        }
        (asked, answered)
    }

    /// Keeps it behind its link. `false` where another page has saved meanwhile, or the link ended: nothing
    /// is kept then.
    pub(crate) fn save(
        &self,
        store: &Store,
        programme: &Programme,
        survey: &Survey,
        link: &Link,
        (token, now): (&str, Millis),
        around: &Surroundings,
    ) -> Result<bool, AnswerError> {
        let written =
            Written { draft: self.session.draft(), at: self.at.clone(), language: self.language.clone() };
        let sealed = seal::seal(token, &place(link), &serde_json::to_vec(&written)?)?;
        let count = self.count(programme, survey, around);
        let day = day(programme, survey, now);
        Ok(store.write(|tx| rows::save(tx, link, &sealed, count, day))?)
    }

    /// Sends it: a record of the link's group. Sending twice is sending once.
    pub(crate) fn send(
        &self,
        (store, ingest): (&Store, &Ingest),
        programme: &Programme,
        survey: &Survey,
        (run, link): (&Run, &Link),
        (token, now): (&str, Millis),
        around: &Surroundings,
    ) -> Result<(), AnswerError> {
        let form = programme.forms.get(&survey.form).ok_or(AnswerError::NoPlace)?;
        let kind = programme.records.get(&survey.form).ok_or(AnswerError::NoPlace)?;
        let mut answers = self.session.finish(around).answers;
        let mut frozen = Vec::new();
        answers.retain(|key, answer| {
            let name = key.rsplit('/').next().unwrap_or(key);
            let question = form.question(name);
            let worked_out = question.is_some_and(|question| question.kind == QuestionKind::Calculate);
            if worked_out {
                frozen.extend(value(answer).map(|value| Edit { key: key.clone(), value }));
            }
            !worked_out && question.is_some()
        });
        let (mut edits, problems) = entry::edits(programme, form, &answers, None, programme.day(now));
        if problems.iter().any(|problem| problem.severity == alongside_domain::problem::Severity::Error) {
            return Err(AnswerError::NotStorable);
        }
        // What was worked out is kept as it was when it was sent.
        edits.extend(frozen);
        let keyed = kind.keyed_id(link.group, &survey.form, &edits).map_err(|_| AnswerError::NotStorable)?;
        let id = keyed.unwrap_or_else(|| RecordId::new(run.opened_at, seal::record_bytes(token)));
        // Of an anonymous one, no more than the day.
        let at = programme.start_of(programme.day(now)).filter(|_| survey.anonymous);
        let at = at.unwrap_or(now);
        let received = survey.anonymous.then_some(at);
        let root = Root { id, form: form.id.clone(), form_version: form.version.clone(), group: link.group };
        let (zone, reason) = (programme.zone.clone(), Some("by_link".to_owned()));
        let create =
            LocalWrite::Create { root, edits: edits.clone(), at, zone: zone.clone(), reason: reason.clone() };
        match ingest.ingest_local_at(run.author, received, vec![create]) {
            Ok(_) => {}
            // Somebody began the same record already: both keep what they said.
            Err(IngestError::Local { problem: LocalProblem::RecordExists, .. }) if keyed.is_some() => {
                let edit = LocalWrite::Edit { record: id, edits, at, zone, reason };
                ingest.ingest_local_at(run.author, received, vec![edit])?;
            }
            // Sent before, by a server that stopped before it could say so.
            Err(IngestError::Local { problem: LocalProblem::RecordExists, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let record = (!survey.anonymous).then_some(id);
        Ok(store.write(|tx| rows::finish(tx, link, record, day(programme, survey, now)))?)
    }
}

/// The day, for a board; nothing where it could tell whose answer is whose.
fn day(programme: &Programme, survey: &Survey, now: Millis) -> Option<Millis> {
    if survey.anonymous { None } else { programme.start_of(programme.day(now)) }
}

fn value(answer: &Answer) -> Option<Value> {
    Some(match answer {
        Answer::Text(text) => Value::Text(text.clone()),
        Answer::Codes(codes) => Value::Text(codes.join(" ")),
        Answer::Integer(number) => Value::Integer(*number),
        Answer::Instant(at) => Value::Instant(*at),
        Answer::Ref(record) => Value::Ref(*record),
        Answer::Cleared => return None,
    })
}

/// The compiled forms of the surveys, each made once.
#[derive(Debug, Default)]
pub(crate) struct Forms(std::sync::Mutex<BTreeMap<String, Arc<CompiledForm>>>);

impl Forms {
    /// A form made ready; `None` where the programme does not have it, or it cannot be run.
    pub(crate) fn get(&self, programme: &Programme, id: &str) -> Option<Arc<CompiledForm>> {
        let mut forms = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(form) = forms.get(id) {
            return Some(Arc::clone(form));
        }
        let form = Arc::new(CompiledForm::new(programme.forms.get(id)?, &programme.code_lists).ok()?);
        forms.insert(id.to_owned(), Arc::clone(&form));
        Some(form)
    }
}
