//! A session with several units: one record for each, which share an id; what was spent on all of them is
//! split so that the sum is exact.

use std::collections::BTreeSet;

use alongside_domain::{
    ids::RecordId,
    programme::{Programme, sessions},
    record::Edit,
    value::Value,
};
use rusqlite::Transaction;

use super::{SaveRequest, SessionRequest, save};
use crate::{error::ApiError, store::desk::Desk};

/// Saves the records, all in this transaction. Gives them in the order of the groups.
pub(crate) fn save(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    request: &SessionRequest,
) -> Result<Vec<RecordId>, ApiError> {
    if let Some((_, records)) = save::finished(tx, request.token)? {
        return Ok(records);
    }
    let Some(first) = request.groups.first() else { return Err(ApiError::invalid("", "no_groups")) };
    if request.groups.iter().collect::<BTreeSet<_>>().len() < request.groups.len() {
        return Err(ApiError::invalid("", "given_twice"));
    }
    let programme = desk.programme.clone();
    let shares = apart(&programme, request)?;
    let session = desk.new_record().to_string();
    let mut records = Vec::with_capacity(shares.len());
    for (group, (id, mut answers)) in request.groups.iter().zip(shares) {
        answers.push(Edit { key: id, value: Value::Text(session.clone()) });
        let one = SaveRequest {
            record: None,
            group: *group,
            form: request.form.clone(),
            answers,
            reason: request.reason.clone(),
            token: None,
        };
        records.push(save::save(tx, desk, &one)?.root.id);
    }
    save::finish(tx, desk, request.token, *first, &records)?;
    Ok(records)
}

/// The answers of each record, with the question that holds the shared id.
fn apart(programme: &Programme, request: &SessionRequest) -> Result<Vec<(String, Vec<Edit>)>, ApiError> {
    let parts = programme.parts.session.as_ref().filter(|parts| parts.id.form == request.form);
    let parts = parts.ok_or_else(|| ApiError::invalid("", "no_sessions"))?;
    let count = request.groups.len();
    let mut each: Vec<(String, Vec<Edit>)> = vec![(parts.id.field.clone(), Vec::new()); count];
    for edit in request.answers.iter().filter(|edit| edit.key != parts.id.field) {
        let is_split = parts.split.iter().any(|field| field.form == request.form && field.field == edit.key);
        let values = if is_split { split(edit, count)? } else { vec![edit.value.clone(); count] };
        for ((_, answers), value) in each.iter_mut().zip(values) {
            answers.push(Edit { key: edit.key.clone(), value });
        }
    }
    Ok(each)
}

/// The shares of an answer, in equal parts (domain.md 2.4.6: split equally unless edited).
fn split(edit: &Edit, count: usize) -> Result<Vec<Value>, ApiError> {
    let no_number = || ApiError::invalid(&edit.key, "not_a_number");
    Ok(match &edit.value {
        Value::Integer(whole) => {
            let whole = u64::try_from(*whole).map_err(|_| no_number())?;
            let shares = sessions::shares(whole, &vec![1; count]).into_iter();
            shares
                .map(|share| i64::try_from(share).map(Value::Integer).map_err(|_| no_number()))
                .collect::<Result<_, _>>()?
        }
        Value::Text(whole) if !whole.is_empty() => {
            let shares = sessions::decimal_shares(whole, count).ok_or_else(no_number)?;
            shares.into_iter().map(Value::Text).collect()
        }
        Value::Null | Value::Text(_) => vec![edit.value.clone(); count],
        _ => return Err(no_number()),
    })
}
