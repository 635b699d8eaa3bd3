//! Records that a group holds once for each key: their ids follow from the key, so that two phones that
//! start one apart have started the same record.

use super::{Programme, RecordKind};
use crate::{
    ids::{GroupId, RecordId},
    record::Edit,
    value::Value,
};

/// What keeps these hashes apart from all others.
const CONTEXT: &str = "alongside 2026 id of a record that follows from its key";

/// The id of the record with this key. The values are in the order in which the model names them.
#[must_use]
pub fn record_id(group: GroupId, form: &str, key: &[&str]) -> RecordId {
    RecordId::derived(hash(
        CONTEXT,
        std::iter::once(&group.0[..])
            .chain([form.as_bytes()])
            .chain(key.iter().map(|value| value.as_bytes())),
    ))
}

/// The hash of these parts, each with its length, so that none runs into the next.
pub(crate) fn hash<'a>(context: &str, parts: impl Iterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut first = [0; 16];
    hasher.finalize_xof().fill(&mut first);
    first
}

/// Why a record with a key cannot be started, or not be changed so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProblem {
    /// This question of the key has no answer.
    Missing(String),
    /// This question of the key has another answer already: a record does not change its key.
    Fixed(String),
}

impl RecordKind {
    /// The id of a new record with these first answers; `None` where such records have no key.
    ///
    /// # Errors
    /// The questions of the key that have no answer.
    pub fn keyed_id(
        &self,
        group: GroupId,
        form: &str,
        edits: &[Edit],
    ) -> Result<Option<RecordId>, Vec<KeyProblem>> {
        let Some(key) = &self.key else { return Ok(None) };
        let (mut values, mut missing) = (Vec::with_capacity(key.len()), Vec::new());
        for question in key {
            let said = edits.iter().find(|edit| edit.key == *question).map(|edit| text(&edit.value));
            match said.filter(|text| !text.is_empty()) {
                Some(text) => values.push(text),
                None => missing.push(KeyProblem::Missing(question.clone())),
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Ok(Some(record_id(group, form, &values)))
    }

    /// The questions of the key that these edits of an existing record would change.
    pub fn key_changes<'e>(
        &'e self,
        current: &'e dyn Fn(&str) -> Option<Value>,
        edits: &'e [Edit],
    ) -> impl Iterator<Item = KeyProblem> + 'e {
        edits.iter().filter_map(move |edit| {
            let in_key = self.key.as_ref().is_some_and(|key| key.contains(&edit.key));
            let changes = || current(&edit.key).is_some_and(|now| now.is_present() && now != edit.value);
            (in_key && changes()).then(|| KeyProblem::Fixed(edit.key.clone()))
        })
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Instant(at) => at.0.to_string(),
        Value::Ref(record) => record.to_string(),
        Value::Null | Value::Other(_) => String::new(),
    }
}

impl Programme {
    /// Whether records of this form have ids that follow from a key.
    #[must_use]
    pub fn is_keyed(&self, form: &str) -> bool {
        self.records.get(form).is_some_and(|kind| kind.key.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_id_and_no_other_does() {
        let (here, there) = (GroupId([1; 16]), GroupId([2; 16]));
        let id = record_id(here, "assessment", &["PW_FAM", "PARENT", "BASELINE"]);
        assert_eq!(id, record_id(here, "assessment", &["PW_FAM", "PARENT", "BASELINE"]));
        assert!(id.is_derived());
        for other in [
            record_id(there, "assessment", &["PW_FAM", "PARENT", "BASELINE"]),
            record_id(here, "assessmen", &["tPW_FAM", "PARENT", "BASELINE"]),
            record_id(here, "assessment", &["PW_FAM", "PARENTBASELINE"]),
            record_id(here, "assessment", &["PW_FAM", "PARENT", "END"]),
        ] {
            assert_ne!(id, other);
        }
        // The id is part of what is stored: it must never come out differently.
        assert_eq!(id.to_string(), "6bba342f-ffd6-8ef4-a988-127606f0a825");
    }

    #[test]
    fn ids_made_from_time_are_not_taken_for_derived_ones() {
        assert!(!RecordId::new(crate::time::Millis(1_425_391_800_000), [7; 10]).is_derived());
    }
}
