//! Saving what a person entered: answers as they stand on the screen become the edits of a document.

use std::collections::BTreeMap;

use alongside_domain::{
    form::Form,
    ids::{GroupId, RecordId},
    problem::Severity,
    programme::{
        Count,
        entry::{Answer, EntryProblem},
        live,
    },
    record::{Edit, RecordView},
};
use rusqlite::Transaction;

use super::{
    FirstRecord, OpenGroupRequest, OpenedGroup, SaveRequest, SessionRequest, check, open, save, session,
};
use crate::{
    error::{ApiError, InvalidAnswer, Thing},
    store::{beside, desk::Desk, log::Place, rows::found},
};

/// What was entered, with the keys of questions: name, or `repeat/row/name`.
pub(crate) type Answers = BTreeMap<String, Answer>;

/// Answers to save.
pub(crate) struct Entered {
    pub(crate) record: Option<RecordId>,
    pub(crate) group: GroupId,
    pub(crate) form: String,
    pub(crate) answers: Answers,
    pub(crate) reason: Option<String>,
    pub(crate) token: Option<[u8; 16]>,
}

/// Saves answers. Gives the record, and what was said about answers that were saved all the same.
pub(crate) fn save_answers(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    entered: Entered,
) -> Result<(RecordView, Vec<EntryProblem>), ApiError> {
    let Entered { record, group, form, answers, reason, token } = entered;
    let mut request = SaveRequest { record, group, form, answers: Vec::new(), reason, token };
    if save::finished(tx, token)?.is_some() {
        return Ok((save::save(tx, desk, &request)?, Vec::new()));
    }
    let programme = desk.programme.clone();
    let (form, kind) = check::form(&programme, &request.form)?;
    if request.record.is_none() && kind.count == Count::One {
        request.record = save::only_one(tx, &Place { group, form: request.form.clone() })?;
    }
    let current = match request.record {
        Some(record) => Some(found(beside::whole(tx, &programme, record)?, Thing::Record)?),
        None => None,
    };
    let (edits, warnings) = edits(desk, form, &answers, current.as_ref())?;
    request.answers = edits;
    Ok((save::save(tx, desk, &request)?, warnings))
}

/// Saves a session with several units. Warnings are those of its answers as a whole.
pub(crate) fn save_session(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    mut request: SessionRequest,
    answers: &Answers,
) -> Result<(Vec<RecordId>, Vec<EntryProblem>), ApiError> {
    let mut said = Vec::new();
    if save::finished(tx, request.token)?.is_none() {
        let programme = desk.programme.clone();
        (request.answers, said) = edits(desk, check::form(&programme, &request.form)?.0, answers, None)?;
    }
    Ok((session::save(tx, desk, &request)?, said))
}

/// Opens a group with the first answers of its records. Warnings are told by the record's place.
pub(crate) fn open_group(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    kind: String,
    parents: Vec<GroupId>,
    records: Vec<(String, Answers)>,
    token: Option<[u8; 16]>,
) -> Result<(OpenedGroup, Vec<EntryProblem>), ApiError> {
    let programme = desk.programme.clone();
    let mut request = OpenGroupRequest { kind, parents, records: Vec::new(), token };
    let mut said = Vec::new();
    if save::finished(tx, token)?.is_none() {
        for (form, answers) in records {
            let (edits, warnings) = edits(desk, check::form(&programme, &form)?.0, &answers, None)?;
            request.records.push(FirstRecord { form, answers: edits });
            said.extend(warnings);
        }
    }
    Ok((open::open_group(tx, desk, &request)?, said))
}

/// The edits that store these answers, and what the form works out from them. An answer that cannot be stored as its type stops the whole save:
/// it is still on the screen, where it can be put right.
pub(crate) fn edits(
    desk: &mut Desk,
    form: &Form,
    answers: &Answers,
    current: Option<&RecordView>,
) -> Result<(Vec<Edit>, Vec<EntryProblem>), ApiError> {
    let around = desk.around();
    let (edits, problems) = live::entered(&desk.programme, form, answers, current, &around);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if errors.is_empty() {
        return Ok((edits, warnings));
    }
    let invalid = |problem: EntryProblem| InvalidAnswer { field: problem.key, code: problem.code };
    Err(ApiError::Invalid(errors.into_iter().map(invalid).collect()))
}
