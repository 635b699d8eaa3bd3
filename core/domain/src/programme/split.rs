//! Restricted answers (class X) live in a group of their own, beside the one of their record.
//!
//! A change is hashed whole, so nothing can be hidden inside one. A record whose form has restricted
//! questions or choices is therefore two documents: the one that every reader of the group has, and
//! the *restricted part* in a group beside it. Outside, a restricted answer leaves no key and no value:
//! it looks as though the question had not been answered.
//!
//! Who writes a restricted answer opens a restricted group of their own, since reading what others wrote
//! there needs a grant by name. So there may be several parts of one record, and [`join`] settles them for
//! a reader who has several.

use std::collections::{BTreeMap, BTreeSet};

use super::{Programme, singleton};
use crate::{
    form::{Form, MergePolicy, Question, Sensitivity},
    ids::{GroupId, PersonId, RecordId},
    record::{Disagreement, Edit, FieldView, RecordView, merge, moved},
    value::Value,
};

const GROUP_CONTEXT: &str = "alongside 2026 id of a restricted group";
const PART_CONTEXT: &str = "alongside 2026 id of the restricted part of a record";

/// The restricted group beside this one that this person writes to.
#[must_use]
pub fn restricted_group(beside: GroupId, opened_by: PersonId) -> GroupId {
    GroupId::derived(singleton::hash(GROUP_CONTEXT, [&beside.0[..], &opened_by.0[..]].into_iter()))
}

/// The record in this restricted group that holds the restricted answers of that record.
#[must_use]
pub fn part_of(record: RecordId, restricted: GroupId) -> RecordId {
    RecordId::derived(singleton::hash(PART_CONTEXT, [&record.0[..], &restricted.0[..]].into_iter()))
}

/// Edits of a record, as the two documents take them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// For the record itself.
    pub open: Vec<Edit>,
    /// For its restricted part.
    pub restricted: Vec<Edit>,
}

/// Takes apart the edits of a record.
///
/// An answer with restricted choices stands on one side only: where such a choice is taken, the other
/// document is cleared of the question, and the other way round. [`Value::Null`] among the restricted
/// edits matters only where a part holds an answer.
#[must_use]
pub fn split(programme: &Programme, form: &Form, edits: Vec<Edit>) -> Split {
    let mut split = Split::default();
    for edit in edits {
        let Some(question) = form.question_of_key(&edit.key) else {
            split.open.push(edit);
            continue;
        };
        if question.sensitivity == Sensitivity::X {
            split.restricted.push(edit);
        } else if !has_restricted_choice(programme, form, question) {
            split.open.push(edit);
        } else if code_of_key(question, &edit.key).is_some() {
            let side =
                if is_restricted(programme, form, &edit) { &mut split.restricted } else { &mut split.open };
            side.push(edit);
        } else {
            let cleared = Edit { key: edit.key.clone(), value: Value::Null };
            if is_restricted(programme, form, &edit) {
                split.open.push(cleared);
                split.restricted.push(edit);
            } else {
                split.restricted.push(cleared);
                split.open.push(edit);
            }
        }
    }
    split
}

/// Whether an edit holds what only the restricted part may hold.
#[must_use]
pub fn is_restricted(programme: &Programme, form: &Form, edit: &Edit) -> bool {
    let Some(question) = form.question_of_key(&edit.key) else { return false };
    if question.sensitivity == Sensitivity::X {
        return true;
    }
    let restricted = |code: &str| {
        programme
            .choice(form, question, code)
            .is_some_and(|choice| choice.sensitivity == Some(Sensitivity::X))
    };
    match (code_of_key(question, &edit.key), &edit.value) {
        (Some(code), _) => restricted(code),
        (None, Value::Text(text)) => {
            question.kind.choices().is_some() && text.split_ascii_whitespace().any(restricted)
        }
        (None, _) => false,
    }
}

/// Whether a form asks anything restricted, so that its records have a restricted part.
#[must_use]
pub fn asks_restricted(programme: &Programme, form: &Form) -> bool {
    form.questions().any(|question| is_apart(programme, form, question))
}

/// Whether answers to a question, or some of them, stand in the restricted part.
#[must_use]
pub fn is_apart(programme: &Programme, form: &Form, question: &Question) -> bool {
    question.sensitivity == Sensitivity::X || has_restricted_choice(programme, form, question)
}

fn has_restricted_choice(programme: &Programme, form: &Form, question: &Question) -> bool {
    programme
        .choices(form, question)
        .is_some_and(|choices| choices.iter().any(|choice| choice.sensitivity == Some(Sensitivity::X)))
}

/// The code of a key that stands for one code of a question (`field/code`), whatever the question's policy:
/// readers go by the key.
fn code_of_key<'k>(question: &Question, key: &'k str) -> Option<&'k str> {
    let (before, code) = key.rsplit_once('/')?;
    let names_it = before.rsplit('/').next() == Some(question.name.as_str());
    (question.kind.choices().is_some() && names_it).then_some(code)
}

/// What of these restricted edits is written in a part that holds an answer to the question already: it is
/// taken back there, or said anew.
#[must_use]
pub fn held(part: &RecordView, edits: &[Edit]) -> Vec<Edit> {
    let holds = |key: &str| {
        let live = part.fields.get(key).into_iter();
        live.flat_map(|field| std::iter::once(&field.shown).chain(&field.others))
            .any(|live| live.value.is_present())
    };
    edits.iter().filter(|edit| holds(&edit.key)).cloned().collect()
}

/// What of these restricted edits no part has taken: it goes into the writer's own part.
#[must_use]
pub fn left(edits: &[Edit], taken: &BTreeSet<String>) -> Vec<Edit> {
    edits.iter().filter(|edit| edit.value.is_present() && !taken.contains(&edit.key)).cloned().collect()
}

/// A record and those of its restricted parts that the reader has, as one.
///
/// Of several answers the protective one is shown, and otherwise the latest; one that is restricted is
/// shown before one that is not. The others stay beside it, as live values do.
#[must_use]
pub fn join(form: &Form, mut record: RecordView, parts: impl IntoIterator<Item = RecordView>) -> RecordView {
    let mut held: BTreeMap<String, Vec<FieldView>> = BTreeMap::new();
    for part in parts {
        record.updated = if part.updated.at > record.updated.at { part.updated } else { record.updated };
        // Where the record was moved, it says itself.
        let is_answer = |key: &String| ![moved::FROM, moved::TO].contains(&key.as_str());
        for (key, field) in part.fields.into_iter().filter(|(key, _)| is_answer(key)) {
            held.entry(key).or_default().push(field);
        }
    }
    for (key, fields) in held {
        let mut asks = fields.iter().map(|field| field.disagreement).max().unwrap_or_default();
        // What a part cleared while another still says something is no answer of its own.
        let says_something = fields.iter().any(|field| field.shown.value.is_present());
        let live = fields
            .into_iter()
            .filter(|field| !says_something || field.shown.value.is_present() || !field.others.is_empty())
            .flat_map(|field| std::iter::once(field.shown).chain(field.others))
            .collect();
        let Some(mut joined) = merge::settle(&form.merge_policy(&key), live) else { continue };
        asks = asks.max(joined.disagreement);
        if let Some(outside) = record.fields.remove(&key) {
            if !joined.shown.value.is_present() {
                record.fields.insert(key, outside);
                continue;
            }
            asks = asks.max(outside.disagreement);
            let beside = std::iter::once(outside.shown).chain(outside.others);
            let others: Vec<_> = beside.filter(|live| live.value.is_present()).collect();
            if others.iter().any(|live| live.value != joined.shown.value) {
                asks = asks.max(Disagreement::Shown);
            }
            joined.others.extend(others);
        }
        joined.disagreement = asks;
        record.fields.insert(key, joined);
    }
    record
}

impl Programme {
    /// The kinds of restricted groups that stand beside groups of this kind.
    pub fn restricted_beside<'p>(&'p self, kind: &'p str) -> impl Iterator<Item = &'p str> {
        self.groups
            .iter()
            .filter(move |(_, group)| group.beside.as_deref() == Some(kind))
            .map(|(name, _)| name.as_str())
    }

    /// Whether groups of this kind are restricted: granted by name only.
    #[must_use]
    pub fn is_restricted(&self, kind: &str) -> bool {
        self.groups.get(kind).is_some_and(|group| group.beside.is_some())
    }

    /// The questions of a form that are merged by character, of records in a group of this kind: their first
    /// change makes the text objects. A record that is split has those of its restricted questions in its part.
    #[must_use]
    pub fn merged_texts<'f>(&self, form: &'f Form, group_kind: &str) -> Vec<&'f str> {
        let is_split = self.records.get(&form.id).is_some_and(|kind| kind.restricted.is_some());
        let in_part = self.is_restricted(group_kind);
        let is_there = |question: &&Question| {
            question.merge == MergePolicy::Text
                && (!is_split || (question.sensitivity == Sensitivity::X) == in_part)
        };
        form.questions().filter(is_there).map(|question| question.name.as_str()).collect()
    }

    /// Whether these edits, in a group of this kind, hold a restricted answer that does not belong there.
    #[must_use]
    pub fn tells_restricted(&self, group_kind: &str, form: &str, edits: &[Edit]) -> bool {
        if self.is_restricted(group_kind) {
            return false;
        }
        self.forms.get(form).is_some_and(|form| edits.iter().any(|edit| is_restricted(self, form, edit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ActorId, ChangeHash},
        programme::builtin,
        record::{Attribution, Circumstances, Document, Root},
        time::Millis,
    };

    fn programme() -> Programme {
        builtin::independent_support().expect("the built-in programme is sound")
    }

    fn edit(key: &str, value: impl Into<Value>) -> Edit {
        Edit { key: key.to_owned(), value: value.into() }
    }

    /// The questions with restricted choices, each with such a choice and one that is not.
    fn marked(programme: &Programme) -> Vec<(&Form, &Question, &str, &str)> {
        let mut found = Vec::new();
        for form in programme.forms.values() {
            for question in form.questions().filter(|question| question.sensitivity != Sensitivity::X) {
                let choices = programme.choices(form, question).unwrap_or_default();
                let of = |restricted| {
                    choices.iter().find(|choice| (choice.sensitivity == Some(Sensitivity::X)) == restricted)
                };
                if let (Some(restricted), Some(open)) = (of(true), of(false)) {
                    found.push((form, question, restricted.name.as_str(), open.name.as_str()));
                }
            }
        }
        found
    }

    #[test]
    fn an_answer_with_restricted_choices_stands_on_one_side_only() {
        let programme = programme();
        let marked = marked(&programme);
        assert!(!marked.is_empty());
        for (form, question, restricted, open) in marked {
            let name = question.name.as_str();
            let cleared = vec![edit(name, Value::Null)];
            let taken = split(&programme, form, vec![edit(name, restricted)]);
            assert_eq!((taken.open, taken.restricted), (cleared.clone(), vec![edit(name, restricted)]));
            let taken = split(&programme, form, vec![edit(name, open)]);
            assert_eq!((taken.open, taken.restricted), (vec![edit(name, open)], cleared));
            // Readers go by the key, so the guard does too, whatever the question's policy is.
            for code in [restricted, open] {
                let of_code = edit(&format!("{name}/{code}"), Value::Bool(true));
                assert_eq!(
                    is_restricted(&programme, form, &of_code),
                    code == restricted,
                    "{}.{name}",
                    form.id
                );
            }
            assert!(is_restricted(&programme, form, &edit(name, format!("{open} {restricted}").as_str())));
        }
    }

    #[test]
    fn an_answer_is_said_anew_where_one_stands_and_in_the_own_part_where_none_does() {
        let root = Root {
            id: RecordId([1; 16]),
            form: "f".to_owned(),
            form_version: String::new(),
            group: GroupId([2; 16]),
        };
        let at = Circumstances {
            actor: ActorId([3; 16]),
            at: Millis(0),
            zone: "Europe/London".to_owned(),
            offline: false,
            reason: None,
        };
        let (document, _) = Document::create(&root, &[edit("dog", "large")], &at).expect("it is sound");
        let who: BTreeMap<ChangeHash, Attribution> = BTreeMap::new();
        let part = document.view(&|_| MergePolicy::Value, &who).expect("it is sound");
        let edits = [edit("dog", "gone"), edit("lift", "broken"), edit("gate", Value::Null)];
        let here = held(&part, &edits);
        assert_eq!(here, [edit("dog", "gone")]);
        let taken = here.into_iter().map(|edit| edit.key).collect();
        assert_eq!(
            left(&edits, &taken),
            [edit("lift", "broken")],
            "nothing is taken back where nothing stands"
        );
        assert_eq!(held(&part, &[edit("dog", Value::Null)]).len(), 1);
    }
}
