//! Deciding a disagreement by naming one of the sides, or by a new answer.

use alongside_domain::{
    ids::{ChangeHash, RecordId},
    programme::entry::Answer,
    record::{Edit, RecordView},
};
use rusqlite::Transaction;

use super::{check, enter, save};
use crate::{
    error::{ApiError, Thing},
    store::{beside, desk::Desk, rows::found},
};

/// Says that what stands is right: that a record that was started on several phones apart is meant once, or
/// (with a key) that a state was reached by a step which the programme does not have.
pub(crate) fn affirm(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    record: RecordId,
    key: Option<&str>,
    reason: String,
) -> Result<RecordView, ApiError> {
    let view = found(beside::whole(tx, &desk.programme, record)?, Thing::Record)?;
    let open = match key {
        Some(key) => view.stands_alone(key),
        None => !view.twins.is_empty(),
    };
    if !open {
        return Err(ApiError::invalid(key.unwrap_or_default(), "nothing_to_affirm"));
    }
    save::affirm(tx, desk, record, key, reason)
}

/// What is to stand from now on.
pub(crate) enum Chosen {
    /// The value that is shown.
    Shown,
    /// The value that stands beside it, by the change that it stands in.
    Other(ChangeHash),
    /// A new answer.
    Answer(Answer),
}

/// Writes the chosen value on top of all that stand.
pub(crate) fn decide(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    record: RecordId,
    key: &str,
    chosen: Chosen,
    reason: String,
) -> Result<RecordView, ApiError> {
    let view = found(beside::whole(tx, &desk.programme, record)?, Thing::Record)?;
    let edits = match chosen {
        Chosen::Answer(answer) => {
            let programme = desk.programme.clone();
            let (form, _) = check::form(&programme, &view.root.form)?;
            let answers = enter::Answers::from([(key.to_owned(), answer)]);
            enter::edits(desk, form, &answers, Some(&view))?.0
        }
        // A value that stands alone and waits for a decision: it was reached by a step that the programme
        // does not have.
        Chosen::Shown if view.stands_alone(key) => return save::affirm(tx, desk, record, Some(key), reason),
        side => {
            let field = view.fields.get(key).ok_or_else(|| ApiError::invalid(key, "unknown_field"))?;
            let value = match side {
                Chosen::Other(change) => field.others.iter().find(|other| other.change == change),
                Chosen::Shown | Chosen::Answer(_) => Some(&field.shown),
            };
            // A side that somebody has decided meanwhile stands no more: look again.
            let value = value.ok_or_else(|| ApiError::invalid(key, "no_longer_stands"))?.value.clone();
            vec![Edit { key: key.to_owned(), value }]
        }
    };
    save::decide(tx, desk, record, &edits, reason)
}
