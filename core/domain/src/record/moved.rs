//! Records that were entered in the wrong group: written anew in the right one, and closed where they stood
//! (design.md 4: a record belongs to one group for ever).
//!
//! The new record says where it came from, the old one where it went. Its id follows from the old one and the
//! group, so that two people who move it to the same place have made the same record.

use std::borrow::Cow;

use super::{Edit, RecordView};
use crate::{
    form::Form,
    ids::{GroupId, RecordId},
    programme::{RecordKind, singleton},
    value::Value,
};

/// The field of the new record that names the old one.
pub const FROM: &str = "moved_from";
/// The field of the old record that names the new one.
pub const TO: &str = "moved_to";

/// What keeps these hashes apart from all others.
const CONTEXT: &str = "alongside 2026 id of a record that was moved";
/// What stands before the form of a closed record where records are looked up by their form.
pub const LOOKED_UP_WITH: &str = "moved:";

/// Why a record cannot be moved to a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotMove {
    /// A group holds one record of this form, which stays what it is.
    #[error("a record of which there is one in each group stays where it is; merge the two groups instead")]
    OnlyOne,
    /// Nobody writes to such records twice.
    #[error("records of this form are never changed, so that this one cannot be closed")]
    Immutable,
    /// It is there already.
    #[error("the record is in this group already")]
    SameGroup,
    /// The group is not of the kind that holds such records.
    #[error("records of this form do not live in a group of this kind")]
    WrongKind,
    /// It was moved before.
    #[error("the record was moved already; move the one that it became")]
    Moved,
    /// The group has a record with its key.
    #[error("the group has such a record already; put the answers right there")]
    ThereAlready,
    /// Several answers stand beside each other.
    #[error("decide first between what different people wrote")]
    DecideFirst,
    /// It holds what only a newer version can write.
    #[error("`{0}` was written by a newer version; update first")]
    Newer(String),
}

impl CannotMove {
    /// The code by which apps know the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OnlyOne => "only_one",
            Self::Immutable => "immutable",
            Self::SameGroup => "same_group",
            Self::WrongKind => "wrong_group",
            Self::Moved => "moved_already",
            Self::ThereAlready => "there_already",
            Self::DecideFirst => "decide_first",
            Self::Newer(_) => "not_writable",
        }
    }
}

/// A record that is to be written in another group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Its id there.
    pub record: RecordId,
    /// Its answers there; those that are restricted among them.
    pub answers: Vec<Edit>,
    /// What closes the record that it was.
    pub closing: Edit,
}

/// What moving a record to a group takes; `kind_of_group` is that of the group.
///
/// # Errors
/// [`CannotMove`].
pub fn plan(
    kind: &RecordKind,
    form: &Form,
    view: &RecordView,
    (group, kind_of_group): (GroupId, &str),
) -> Result<Move, CannotMove> {
    if kind.count == crate::programme::Count::One {
        return Err(CannotMove::OnlyOne);
    }
    if kind.immutable {
        return Err(CannotMove::Immutable);
    }
    if kind_of_group != kind.group {
        return Err(CannotMove::WrongKind);
    }
    if view.is_moved() {
        return Err(CannotMove::Moved);
    }
    if view.root.group == group {
        return Err(CannotMove::SameGroup);
    }
    if !view.twins.is_empty() || view.fields.values().any(|field| !field.others.is_empty()) {
        return Err(CannotMove::DecideFirst);
    }
    let mut answers = Vec::new();
    for (key, field) in &view.fields {
        match &field.shown.value {
            Value::Null => {}
            Value::Other(_) => return Err(CannotMove::Newer(key.clone())),
            _ if key == FROM => {}
            value => answers.push(Edit { key: key.clone(), value: value.clone() }),
        }
    }
    let record = kind.keyed_id(group, &form.id, &answers).ok().flatten().unwrap_or_else(|| {
        RecordId::derived(singleton::hash(CONTEXT, [&view.root.id.0[..], &group.0[..]].into_iter()))
    });
    answers.push(Edit { key: FROM.to_owned(), value: Value::Ref(view.root.id) });
    Ok(Move { record, answers, closing: Edit { key: TO.to_owned(), value: Value::Ref(record) } })
}

impl RecordView {
    /// The record that this one became in another group.
    #[must_use]
    pub fn moved_to(&self) -> Option<RecordId> {
        self.reference(TO)
    }

    /// The record that this one was in another group.
    #[must_use]
    pub fn moved_from(&self) -> Option<RecordId> {
        self.reference(FROM)
    }

    /// Whether it was moved: it stands for nothing any more.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        self.moved_to().is_some()
    }

    /// Whether somebody wrote to the record who did not know that it had been moved, or moved it elsewhere: a
    /// person has to see to it that nothing of that is lost.
    #[must_use]
    pub fn is_moved_in_doubt(&self) -> bool {
        let Some(field) = self.fields.get(TO).filter(|_| self.is_moved()) else { return false };
        !field.others.is_empty() || self.heads != [field.shown.change]
    }

    /// The form under which the record is looked up: a closed one under a name of its own, so that whoever
    /// asks for the records of a form passes it over.
    #[must_use]
    pub fn looked_up_as(&self) -> Cow<'_, str> {
        if self.is_moved() {
            Cow::Owned(format!("{LOOKED_UP_WITH}{}", self.root.form))
        } else {
            Cow::Borrowed(&self.root.form)
        }
    }

    fn reference(&self, field: &str) -> Option<RecordId> {
        match self.value(field)? {
            Value::Ref(record) => Some(*record),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
