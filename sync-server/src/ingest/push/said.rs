//! What a pushed change says, as far as the policy asks.

use alongside_domain::{
    guard::chunk,
    ids::{GroupId, RecordId},
    programme::Programme,
    record::{Edit, RawChange},
};
use rusqlite::Transaction;

use crate::store::{StoreError, log};

/// Whether a change holds a restricted answer outside of the restricted group.
pub(crate) fn tells_restricted(
    programme: &Programme,
    group_kind: Option<&str>,
    form: Option<&str>,
    change: &RawChange,
) -> bool {
    let (Some(kind), Some(form)) = (group_kind, form) else { return false };
    if programme.records.get(form).is_none_or(|record| record.restricted.is_none()) {
        return false;
    }
    // A change that passed the guard parses.
    chunk::parse(&change.bytes)
        .is_ok_and(|change| programme.tells_restricted(kind, form, &change.said().edits))
}

/// Whether a change gives a record another key than the one that its id follows from, or starts a record whose
/// id does not follow from its key. What a coordinator decides says the same key again, and is no such change.
pub(crate) fn breaks_key(
    tx: &Transaction<'_>,
    programme: &Programme,
    (group, group_kind): (GroupId, Option<&str>),
    (record, form): (RecordId, Option<&str>),
    change: &RawChange,
) -> Result<bool, StoreError> {
    let Some((form, kind)) = form.and_then(|form| Some((form, programme.records.get(form)?))) else {
        return Ok(false);
    };
    let Some(key) = kind.key.as_ref().filter(|_| group_kind == Some(kind.group.as_str())) else {
        return Ok(false);
    };
    // A change that passed the guard parses.
    let Ok(said) = chunk::parse(&change.bytes).map(|change| change.said()) else { return Ok(false) };
    if change.deps.is_empty() {
        // What was started before the form had a key has an id of its own.
        return Ok(record.is_derived() && kind.keyed_id(group, form, &said.edits) != Ok(Some(record)));
    }
    // Whoever says a value once more writes another one before it: what counts is what stands in the end.
    let last = |key: &String| said.edits.iter().rfind(|edit| edit.key == *key);
    let touched: Vec<&Edit> = key.iter().filter_map(last).collect();
    if touched.is_empty() {
        return Ok(false);
    }
    let first = log::changes_of(tx, record)?.into_iter().find_map(|stored| {
        let change = chunk::parse(&stored.bytes).ok()?;
        change.header.deps.is_empty().then(|| change.said().edits)
    });
    let first = first.unwrap_or_default();
    let differs = |edit: &&Edit| {
        let before = first.iter().rfind(|known| known.key == edit.key);
        before.is_some_and(|before| before.value.is_present() && before.value != edit.value)
    };
    Ok(touched.iter().any(differs))
}
