//! What a change sets, read from its bytes alone: for changes whose ancestors are not there, or that no
//! document may have.

use std::collections::BTreeMap;

use super::{Action, Change, Key, Object, Scalar, ScalarType, reader::Reader};
use crate::{
    ids::RecordId,
    record::{Edit, circumstances},
    time::Millis,
    value::Value,
};

/// What a change sets, as far as its own bytes tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The form of the record, where this is its first change.
    pub form: Option<String>,
    /// The fields it sets, in order. Of a text that is merged letter by letter only what was put in, and
    /// only where the change itself made the text; other letters stand under an empty key.
    pub edits: Vec<Edit>,
    /// The reason that its writer gave.
    pub reason: Option<String>,
}

impl Change<'_> {
    /// What the change sets.
    #[must_use]
    pub fn said(&self) -> Said {
        let mut form = None;
        let mut edits: Vec<Edit> = Vec::new();
        let mut texts = BTreeMap::new();
        for operation in &self.operations {
            match (operation.object, operation.key, operation.action) {
                (Object::Root, Key::Field("@form"), Action::Put) => form = text(operation.value),
                (Object::Root, Key::Field(key), _) if key.starts_with('@') => {}
                (Object::Root, Key::Field(key), Action::Put) => {
                    edits.push(Edit { key: key.to_owned(), value: value(operation.value) });
                }
                (Object::Root, Key::Field(key), Action::MakeText) => {
                    texts.insert(operation.id, edits.len());
                    edits.push(Edit { key: key.to_owned(), value: Value::Text(String::new()) });
                }
                (Object::Made(made), _, Action::Put) => {
                    let letters = text(operation.value).unwrap_or_default();
                    let place = *texts.entry(made).or_insert_with(|| {
                        edits.push(Edit { key: String::new(), value: Value::Text(String::new()) });
                        edits.len() - 1
                    });
                    if let Value::Text(text) = &mut edits[place].value {
                        text.push_str(&letters);
                    }
                }
                _ => {}
            }
        }
        Said { form, edits, reason: circumstances::decode(Some(self.message)).reason }
    }
}

fn text(scalar: Scalar<'_>) -> Option<String> {
    (scalar.kind == ScalarType::Text).then(|| String::from_utf8_lossy(scalar.bytes).into_owned())
}

fn value(scalar: Scalar<'_>) -> Value {
    let bytes = scalar.bytes;
    let number = || Reader::new(bytes).signed().ok();
    let known = match scalar.kind {
        ScalarType::Null => Some(Value::Null),
        ScalarType::False => Some(Value::Bool(false)),
        ScalarType::True => Some(Value::Bool(true)),
        ScalarType::Signed => number().map(Value::Integer),
        ScalarType::Timestamp => number().map(|at| Value::Instant(Millis(at))),
        ScalarType::Text => text(scalar).map(Value::Text),
        ScalarType::Bytes => RecordId::from_slice(bytes).map(Value::Ref),
        ScalarType::Unsigned | ScalarType::Float => None,
    };
    known.unwrap_or_else(|| Value::Other(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        guard::chunk,
        ids::{ActorId, GroupId},
        record::{Circumstances, Document, Root},
    };

    #[test]
    fn a_change_tells_what_it_sets_without_its_ancestors() {
        let by = Circumstances {
            actor: ActorId([3; 16]),
            at: Millis(1_425_391_800_000),
            zone: "Europe/London".to_owned(),
            offline: true,
            reason: Some("rang back".to_owned()),
        };
        let root = Root {
            id: RecordId([1; 16]),
            form: "contact".to_owned(),
            form_version: "1".to_owned(),
            group: GroupId([2; 16]),
        };
        let set = |key: &str, value: Value| Edit { key: key.to_owned(), value };
        let first = [
            set("about", "A visit".into()),
            set("minutes", Value::Integer(-7_000)),
            set("setting/HOME", Value::Bool(true)),
            set("when", Value::Instant(Millis(1_425_391_800_123))),
            set("who", Value::Ref(RecordId([9; 16]))),
        ];
        let (mut document, created) = Document::create_with_texts(&root, &["plan"], &first, &by).unwrap();
        let said = chunk::parse(&created.bytes).unwrap().said();
        assert_eq!(said.form.as_deref(), Some("contact"));
        assert_eq!(said.reason.as_deref(), Some("rang back"));
        for edit in &first {
            assert!(said.edits.contains(edit), "{edit:?} in {:?}", said.edits);
        }
        let cleared = set("about", Value::Null);
        let later = document.edit(std::slice::from_ref(&cleared), &by).unwrap().unwrap();
        let said = chunk::parse(&later.bytes).unwrap().said();
        assert_eq!((said.form, said.edits), (None, vec![cleared]));
    }
}
