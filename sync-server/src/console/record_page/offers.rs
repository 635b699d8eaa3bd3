//! What is offered where an answer names a person or another record.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::{Form, Question, QuestionKind},
    ids::{GroupId, PersonId, RecordId},
    programme::{RecordKind, entry::Answer},
};
use rusqlite::Connection;

use crate::{
    console::{answers::Wording, form_page::controls::Pick},
    read_model::{ReadModelError, case},
};

/// Records of one form in one group that are offered.
const MOST_RECORDS: u32 = 100;
/// How a form says that a text names a person.
const PERSON: &str = "person";

/// One question's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// Whether the answers are records, or people.
    are_records: bool,
    /// Id and words of each, in the order in which they are shown.
    named: Vec<(String, String)>,
}

/// By the question's name.
pub(super) type Offers = BTreeMap<String, Offer>;

/// What the questions of a form offer around a unit, apart from the record itself.
pub(super) fn read(
    connection: &Connection,
    wording: &Wording<'_>,
    (form, kind): (&Form, &RecordKind),
    own: RecordId,
) -> Result<Offers, ReadModelError> {
    let mut offers = Offers::new();
    for question in form.questions() {
        if let Some(wanted) = kind.references.get(&question.name) {
            let named = records(connection, wording, wanted, own)?;
            offers.insert(question.name.clone(), Offer { are_records: true, named });
        } else if names_person(question) {
            let mut named: Vec<(String, String)> =
                wording.people.iter().map(|(person, name)| (person.to_string(), name.clone())).collect();
            named.sort_by(|one, other| one.1.cmp(&other.1));
            offers.insert(question.name.clone(), Offer { are_records: false, named });
        }
    }
    Ok(offers)
}

/// Whether a question is answered with a person.
fn names_person(question: &Question) -> bool {
    matches!(question.kind, QuestionKind::Text | QuestionKind::Hidden)
        && question.appearance.as_deref().unwrap_or_default().split_whitespace().any(|word| word == PERSON)
}

/// The records of these forms that the reader finds on the page of the unit.
fn records(
    connection: &Connection,
    wording: &Wording<'_>,
    wanted: &str,
    own: RecordId,
) -> Result<Vec<(String, String)>, ReadModelError> {
    let forms: Vec<&str> = match wanted.trim() {
        "*" => wording.programme.records.keys().map(String::as_str).collect(),
        some => some.split_whitespace().collect(),
    };
    let mut named = Vec::new();
    let groups: &BTreeSet<GroupId> = wording.groups;
    for group in groups {
        for form in &forms {
            for stored in case::some_of_form(connection, *group, form, MOST_RECORDS)? {
                if stored.view.root.id != own {
                    let (view, _) = wording.joined(&stored.view)?;
                    let words = match wording.title(&view)? {
                        title if title.is_empty() => wording.form_title(form),
                        title => format!("{}: {title}", wording.form_title(form)),
                    };
                    named.push((view.root.id.to_string(), words));
                }
            }
        }
    }
    named.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(named)
}

impl Offer {
    /// What is offered, with the answer that is there.
    pub(super) fn picks(&self, chosen: &str) -> Vec<Pick> {
        let pick = |code: &str, label: &str| Pick {
            code: code.to_owned(),
            label: label.to_owned(),
            is_chosen: code == chosen,
        };
        let mut picks: Vec<Pick> = self.named.iter().map(|(id, words)| pick(id, words)).collect();
        if !chosen.is_empty() && !picks.iter().any(|pick| pick.is_chosen) {
            picks.push(pick(chosen, if self.are_records { "The record that is named now" } else { chosen }));
        }
        picks
    }

    /// The answer that was chosen, where it is offered or was there before.
    pub(super) fn answer(&self, sent: &str, now: &str) -> Result<Answer, String> {
        if sent.is_empty() {
            return Ok(Answer::Cleared);
        }
        let is_known = sent == now || self.named.iter().any(|(id, _)| id == sent);
        let answer = if self.are_records {
            sent.parse::<RecordId>().ok().map(Answer::Ref)
        } else {
            // Somebody who was named by their name only stays so.
            (sent == now || sent.parse::<PersonId>().is_ok()).then(|| Answer::Text(sent.to_owned()))
        };
        answer.filter(|_| is_known).ok_or_else(|| "Choose one of those that are offered".to_owned())
    }
}
