//! The reserved keys of a record's first change.

use super::chunk::{Action, Change, Key, Object, Operation, Scalar, ScalarType};
use crate::{
    ids::{GroupId, RecordId},
    wire::Refusal,
};

/// The record's id: 16 bytes.
const ID: &str = "@id";
/// The group's id: 16 bytes.
const GROUP: &str = "@group";
/// The form's id: text.
const FORM: &str = "@form";
/// The form's version: text, possibly empty.
const VERSION: &str = "@version";

/// Whether a key is kept for what never changes about a record.
pub(super) fn is_reserved(key: &str) -> bool {
    key.starts_with('@')
}

/// What a first change says that its record is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) record: RecordId,
    pub(super) group: GroupId,
    pub(super) form: Vec<u8>,
}

/// Record, group and form that a first change names.
pub(super) fn declared(change: &Change<'_>) -> Option<Declared> {
    let bytes = |key| value(change, key).filter(|value| value.kind == ScalarType::Bytes);
    Some(Declared {
        record: RecordId::from_slice(bytes(ID)?.bytes)?,
        group: GroupId::from_slice(bytes(GROUP)?.bytes)?,
        form: value(change, FORM)?.bytes.to_vec(),
    })
}

/// Checks a first change: each reserved key once, with the record and group it was sent for, and a
/// form.
pub(super) fn check(change: &Change<'_>, record: RecordId, group: GroupId) -> Result<(), Refusal> {
    let reserved = || reserved(change).map(|(key, _)| key);
    let complete = [ID, GROUP, FORM, VERSION].iter().all(|key| reserved().filter(|k| k == key).count() == 1);
    let text = |key| value(change, key).filter(|value| value.kind == ScalarType::Text);
    let sound = complete
        && reserved().count() == 4
        && declared(change).is_some_and(|root| (root.record, root.group) == (record, group))
        && text(FORM).is_some_and(|form| !form.bytes.is_empty())
        && text(VERSION).is_some();
    if sound { Ok(()) } else { Err(Refusal::WrongRoot) }
}

fn reserved<'a>(change: &'a Change<'a>) -> impl Iterator<Item = (&'a str, &'a Operation<'a>)> {
    change.operations.iter().filter_map(|operation| match (operation.object, operation.key) {
        (Object::Root, Key::Field(key)) if is_reserved(key) => Some((key, operation)),
        _ => None,
    })
}

fn value<'a>(change: &'a Change<'a>, key: &str) -> Option<Scalar<'a>> {
    reserved(change)
        .find(|(found, operation)| *found == key && operation.action == Action::Put)
        .map(|(_, operation)| operation.value)
}
