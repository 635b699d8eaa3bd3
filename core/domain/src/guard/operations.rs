//! Each operation of a change against the operations that its ancestors made.

use std::collections::HashMap;

use super::{
    ancestry::{Ancestry, OperationRole, Place},
    chunk::{Action, Change, Key, Object, Operation, ScalarType},
    root::is_reserved,
};
use crate::{record::OpId, wire::Refusal};

/// Checks every operation: what it works on, stands at and replaces exists before it and is of the
/// right kind, and it is one that this system writes.
pub(super) fn check(change: &Change<'_>, ancestry: &Ancestry, place: &Place) -> Result<(), Refusal> {
    let is_first = change.header.deps.is_empty();
    let mut scope = Scope { ancestry, place, own: HashMap::new() };
    for operation in &change.operations {
        match operation.object {
            Object::Root => check_field(operation, is_first, &scope)?,
            Object::Made(text) => check_text(operation, text, &scope)?,
        }
        scope.own.insert(operation.id, OperationRole::of(operation));
    }
    Ok(())
}

/// What an operation may name: operations of ancestors, and earlier ones of its own change.
struct Scope<'a> {
    ancestry: &'a Ancestry,
    place: &'a Place,
    own: HashMap<OpId, OperationRole>,
}

impl Scope<'_> {
    fn role(&self, id: &OpId) -> Option<&OperationRole> {
        self.own.get(id).or_else(|| self.ancestry.operation(self.place, id))
    }
}

fn check_field(operation: &Operation<'_>, is_first: bool, scope: &Scope<'_>) -> Result<(), Refusal> {
    let Key::Field(key) = operation.key else { return Err(Refusal::Malformed) };
    if operation.insert {
        return Err(Refusal::Malformed);
    }
    if is_reserved(key) && !(is_first && operation.action == Action::Put && operation.replaces.is_empty()) {
        return Err(Refusal::WrongRoot);
    }
    let sound = match operation.action {
        Action::Put => true,
        // Two texts made at one key by two people would be two texts: only the first change makes one.
        Action::MakeText => is_first && is_null(operation) && operation.replaces.is_empty(),
        // A removal that removes nothing leaves no trace in a saved document.
        Action::Delete => is_null(operation) && !operation.replaces.is_empty(),
    };
    if !sound {
        return Err(Refusal::Malformed);
    }
    let same_key = |id: &OpId| match scope.role(id) {
        Some(OperationRole::Value(at) | OperationRole::Text(at)) => **at == *key,
        _ => false,
    };
    if operation.replaces.iter().all(same_key) { Ok(()) } else { Err(Refusal::DanglingReference) }
}

fn check_text(operation: &Operation<'_>, text: OpId, scope: &Scope<'_>) -> Result<(), Refusal> {
    if !matches!(scope.role(&text), Some(OperationRole::Text(_))) {
        return Err(Refusal::DanglingReference);
    }
    let is_here = |id: &OpId| scope.role(id) == Some(&OperationRole::Element(text));
    match (operation.key, operation.action) {
        (Key::Head | Key::Element(_), Action::Put) if operation.insert => {
            let after_something = match operation.key {
                Key::Element(element) => is_here(&element),
                _ => true,
            };
            let character = operation.value.kind == ScalarType::Text && !operation.value.bytes.is_empty();
            match (character && operation.replaces.is_empty(), after_something) {
                (true, true) => Ok(()),
                (true, false) => Err(Refusal::DanglingReference),
                (false, _) => Err(Refusal::Malformed),
            }
        }
        (Key::Element(element), Action::Delete) if !operation.insert && is_null(operation) => {
            // Elements are never overwritten, so the element itself is all that can be removed.
            if is_here(&element) && operation.replaces == [element] {
                Ok(())
            } else {
                Err(Refusal::DanglingReference)
            }
        }
        _ => Err(Refusal::Malformed),
    }
}

fn is_null(operation: &Operation<'_>) -> bool {
    operation.value.kind == ScalarType::Null
}
