//! A programme: everything that makes the system serve one field of work, as data.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    deadline::{self, Deadline, DeadlineRules},
    form::{Choice, ChoiceSource, Form, Question, Sensitivity},
    reminder::Reminders,
    rules::Rules,
    time::Millis,
};

pub mod builtin;
pub mod derived;
pub mod entry;
pub mod holders;
pub mod live;
pub mod package;
pub mod sessions;
pub mod singleton;
pub mod split;
pub mod states;
pub mod surveys;

/// A programme package, read and checked as a whole.
#[derive(Debug, Clone)]
pub struct Programme {
    /// Stable name, such as `independent-support`.
    pub id: String,
    /// Title shown to people.
    pub title: String,
    /// Version of the package.
    pub version: String,
    /// Languages of its texts, the default first, as the forms name them (`English (en)`).
    pub languages: Vec<String>,
    /// IANA name of the zone in which its days are meant, such as `Europe/London`.
    pub zone: String,
    /// BLAKE3 of the package's files: what servers offer and phones keep it by.
    pub hash: [u8; 32],
    /// Roles, by code.
    pub roles: BTreeMap<String, Role>,
    /// Kinds of groups, by name.
    pub groups: BTreeMap<String, GroupKind>,
    /// Forms, by id.
    pub forms: BTreeMap<String, Form>,
    /// How each form's records live, by form id.
    pub records: BTreeMap<String, RecordKind>,
    /// Code lists, by file name without its ending (`sen_type`).
    pub code_lists: BTreeMap<String, Vec<Choice>>,
    /// The statutory clock.
    pub deadlines: DeadlineRules,
    /// Checks across fields and records; none where the package has no file of them.
    pub rules: Rules,
    /// What people are reminded of; nothing where the package has no file of it.
    pub reminders: Reminders,
    /// Which form or field plays a part that the code knows.
    pub parts: Parts,
    /// Which status may follow which.
    pub states: Vec<states::States>,
    /// How long records are kept, by the name of the class.
    pub retention: BTreeMap<String, Retention>,
    /// What is worked out from records and never stored.
    pub derived: Vec<derived::Derived>,
    /// What is answered by link, by code.
    pub surveys: BTreeMap<String, surveys::Survey>,
    /// The forms made ready to run, each when it is first needed.
    pub live: live::LiveForms,
}

/// A role and how far it sees (domain.md 1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Name shown to people.
    pub title: String,
    /// How far the role sees.
    pub sees: Reach,
    /// The highest class of sensitivity that the role may read; what a package does not say is not
    /// personal.
    #[serde(default = "Sensitivity::lowest")]
    pub reads: Sensitivity,
    /// Whether the role may write case records.
    #[serde(default)]
    pub writes: bool,
}

/// How far a role sees into case records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Only the groups granted to the person.
    Granted,
    /// All unrestricted groups of the person's partner in the person's areas.
    PartnerAreas,
    /// No case record at all.
    Nothing,
}

/// A kind of group (design: family, child, case, ...).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupKind {
    /// Name shown to people.
    pub title: String,
    /// Kinds of the groups that a group of this kind is linked to when it is opened: being entitled
    /// to it brings them.
    #[serde(default)]
    pub parents: Vec<String>,
    /// Whether a phone may open a group of this kind.
    #[serde(default)]
    pub opened_on_phone: bool,
    /// The kind of group that it stands beside, where it is restricted: it holds what only those who are
    /// granted it by name may read, and being entitled to the other brings nothing of it.
    #[serde(default)]
    pub beside: Option<String>,
}

/// How long records of one class are kept (domain.md 10.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Name shown to people.
    pub title: String,
    /// How long, in words that the trigger counts from (`6 years`, `14 days`).
    pub keep: String,
    /// What it counts from, in words.
    pub trigger: String,
    /// What is done then.
    pub action: RetentionAction,
    /// Whether a legal hold stops it.
    pub hold: bool,
}

/// What is done when the time of a record is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionAction {
    /// A person looks at it first.
    Review,
    /// It is proposed for erasure, and erased when approved.
    Delete,
    /// It is erased without being proposed.
    AutoDelete,
}

/// How the records of a form live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordKind {
    /// Kind of the group that holds them.
    pub group: String,
    /// Whether a group holds one such record or many.
    pub count: Count,
    /// The question that places the record in time (a date or an instant), where there is one.
    #[serde(default)]
    pub at: Option<String>,
    /// Questions whose answers make the line that names a record in a list.
    #[serde(default)]
    pub title: Vec<String>,
    /// Questions whose answers are searched.
    #[serde(default)]
    pub search: Vec<String>,
    /// Whether a correction is a new record that names the old one.
    #[serde(default)]
    pub immutable: bool,
    /// Questions that hold a reference to another record, with the form it refers to; several forms
    /// with blanks between them, and `*` for any.
    #[serde(default)]
    pub references: BTreeMap<String, String>,
    /// The questions whose answers are the record's key within its group: two records with the same key,
    /// made apart, are one. `Some` without questions: there is one in a group.
    #[serde(default)]
    pub key: Option<Vec<String>>,
    /// The restricted kind of group that holds the restricted answers, where the form has such.
    #[serde(default)]
    pub restricted: Option<String>,
    /// Roles that write such records; empty for every role that writes.
    #[serde(default)]
    pub written_by: Vec<String>,
    /// Its class in `[retention]`.
    #[serde(default)]
    pub retention: Option<String>,
}

impl RecordKind {
    /// Whether groups of this kind hold such records, or the restricted answers of such.
    #[must_use]
    pub fn lives_in(&self, group_kind: &str) -> bool {
        self.group == group_kind || self.restricted.as_deref() == Some(group_kind)
    }

    /// Whether people of this role may write such records, as far as the form goes.
    #[must_use]
    pub fn is_open_to(&self, role: &str) -> bool {
        self.written_by.is_empty() || self.written_by.iter().any(|open| open == role)
    }
}

/// How many records of a form one group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// At most one (a singleton of its group).
    One,
    /// Any number.
    Many,
}

/// A question of a form, written `form.question`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRef {
    /// The form's id.
    pub form: String,
    /// The question's name.
    pub field: String,
}

impl<'de> Deserialize<'de> for FieldRef {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        match text.split_once('.') {
            Some((form, field)) if !form.is_empty() && !field.is_empty() => {
                Ok(Self { form: form.to_owned(), field: field.to_owned() })
            }
            _ => Err(serde::de::Error::custom(format!(
                "`{text}` does not name a question: write `form.question`"
            ))),
        }
    }
}

/// Which form or field plays a part that the code knows. This is the only place where Rust meets the
/// programme's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The kind of group that is one line of the console's lists (a case).
    pub unit: String,
    /// What a unit is called: one, many.
    pub unit_words: (String, String),
    /// What pages call the other parts.
    #[serde(default)]
    pub words: PartWords,
    /// Human-readable reference of a unit.
    pub reference: FieldRef,
    /// Status of a unit.
    pub status: Option<FieldRef>,
    /// Codes of the status that end a unit: nobody is asked to keep its dates any more.
    #[serde(default)]
    pub ended: Vec<String>,
    /// Stage of a unit.
    pub stage: Option<FieldRef>,
    /// The person who supports the unit (a person id).
    pub supporter: Option<FieldRef>,
    /// The area that answers for the unit; in the unit's own group or in one it is linked to.
    pub area: Option<FieldRef>,
    /// Names of the person supported, the first that is present is shown first.
    pub subject_name: Vec<FieldRef>,
    /// Birth date of the person supported.
    pub subject_birth: Option<FieldRef>,
    /// When a contact took place.
    pub contact_at: Option<FieldRef>,
    /// Events that start and meet deadlines.
    pub event: Option<EventParts>,
    /// Records of one session with several units.
    pub session: Option<sessions::SessionParts>,
    /// Days that records tell although they are no events: a birth, a route that was taken. The clock
    /// takes them as events.
    #[serde(default)]
    pub moments: Vec<MomentParts>,
    /// A deadline's date that a person set by hand.
    pub correction: Option<CorrectionParts>,
    /// Records that say who has a unit from when to when: access follows from them.
    #[serde(default)]
    pub holders: Vec<holders::HolderParts>,
}

/// What pages call the parts; where a package does not say, the software's own words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartWords {
    /// The person who supports the unit.
    pub supporter: String,
    /// The status of a unit.
    pub status: String,
    /// The stage of a unit.
    pub stage: String,
    /// An area: one, many.
    pub area: (String, String),
    /// The last contact.
    pub contact: String,
    /// Other people of the groups that a unit is linked to.
    pub relatives: String,
}

impl Default for PartWords {
    fn default() -> Self {
        Self {
            supporter: "Supporter".to_owned(),
            status: "Status".to_owned(),
            stage: "Stage".to_owned(),
            area: ("area".to_owned(), "areas".to_owned()),
            contact: "Last contact".to_owned(),
            relatives: "Others known here".to_owned(),
        }
    }
}

/// Where the deadline rules find their inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventParts {
    /// Code of the event.
    pub kind: FieldRef,
    /// Date of the event.
    pub date: FieldRef,
    /// Outcome, where the event has one.
    pub outcome: Option<FieldRef>,
    /// Exemption that the authority claims, where it claims one.
    pub exemption: Option<FieldRef>,
    /// The other dates of an event: those of the letter.
    #[serde(default)]
    pub dates: Vec<FieldRef>,
}

/// A day that a record tells although it is no event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MomentParts {
    /// Which kind of event it counts as.
    pub kind: MomentKind,
    /// The day.
    pub date: FieldRef,
    /// Its outcome, where it has one.
    pub outcome: Option<FieldRef>,
}

/// Which kind of event a moment counts as.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// Always this one.
    Always(String),
    /// The code in this field.
    Field(FieldRef),
}

/// Where a deadline's date set by hand is found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectionParts {
    /// The rule whose date it sets.
    pub rule: FieldRef,
    /// The date that holds.
    pub date: FieldRef,
    /// The event that started the deadline, where it names one.
    pub event: Option<FieldRef>,
    /// Why.
    pub reason: Option<FieldRef>,
}

impl Parts {
    /// The forms whose records the clock reads, each once. They live in the unit's own group and in those
    /// it is linked to.
    pub fn clock_forms(&self) -> impl Iterator<Item = &str> {
        let event = self.event.iter().map(|event| event.kind.form.as_str());
        let moments = self.moments.iter().map(|moment| moment.date.form.as_str());
        let correction = self.correction.iter().map(|correction| correction.rule.form.as_str());
        let forms: BTreeSet<&str> = event.chain(moments).chain(correction).collect();
        forms.into_iter()
    }

    /// The date to show first for a unit with this status: none once the unit has ended.
    #[must_use]
    pub fn next_date<'a>(&self, status: Option<&str>, dates: &'a [Deadline]) -> Option<&'a Deadline> {
        let ended = status.is_some_and(|status| self.ended.iter().any(|code| code == status));
        if ended { None } else { deadline::next_open(dates) }
    }
}

impl Programme {
    /// Whether two groups of this kind can be found to be one: a unit is linked to it (a family, a child), and
    /// it is no unit itself. Two units are two, whoever they are about.
    #[must_use]
    pub fn may_be_merged(&self, kind: &str) -> bool {
        let unit = self.groups.get(&self.parts.unit);
        unit.is_some_and(|unit| unit.parents.iter().any(|parent| parent == kind))
    }

    /// The zone in which the programme's days are meant.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        // A package whose zone is not known is not read.
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// The calendar day of an instant, where the programme is at home.
    #[must_use]
    pub fn day(&self, at: Millis) -> Date {
        at.date_in(&self.zone)
    }

    /// The moment at which a day begins, where the programme is at home.
    #[must_use]
    pub fn start_of(&self, day: Date) -> Option<Millis> {
        let midnight = day.to_zoned_datetime(self.time_zone()).ok()?;
        Some(Millis(midnight.timestamp().as_millisecond()))
    }

    /// The form with this id.
    #[must_use]
    pub fn form(&self, id: &str) -> Option<&Form> {
        self.forms.get(id)
    }

    /// How the records of the form with this id live.
    #[must_use]
    pub fn record_kind(&self, form: &str) -> Option<&RecordKind> {
        self.records.get(form)
    }

    /// The forms whose records live in groups of this kind, by id.
    pub fn forms_in<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Form> {
        self.records
            .iter()
            .filter(move |(_, kind)| kind.group == group)
            .filter_map(|(form, _)| self.forms.get(form))
    }

    /// The question that a part of the programme names.
    #[must_use]
    pub fn question(&self, field: &FieldRef) -> Option<&Question> {
        self.forms.get(&field.form)?.question(&field.field)
    }

    /// The choices that a question offers, or `None` where it has no list.
    #[must_use]
    pub fn choices<'a>(&'a self, form: &'a Form, question: &'a Question) -> Option<&'a [Choice]> {
        match question.kind.choices()? {
            ChoiceSource::List(name) => form.choices.get(name),
            ChoiceSource::File(file) => self.code_lists.get(file.strip_suffix(".csv").unwrap_or(file)),
            ChoiceSource::External(name) => form.external_choices.get(name),
            ChoiceSource::Answers(_) => None,
        }
        .map(Vec::as_slice)
    }

    /// The choice with this code, where the question has a list that knows it.
    #[must_use]
    pub fn choice<'a>(&'a self, form: &'a Form, question: &'a Question, code: &str) -> Option<&'a Choice> {
        self.choices(form, question)?.iter().find(|choice| choice.name == code)
    }

    /// The label of a code of a question; the code itself where the list does not know it.
    #[must_use]
    pub fn code_label<'a>(&'a self, form: &'a Form, question: &'a Question, code: &'a str) -> &'a str {
        self.choice(form, question, code).map_or(code, |choice| choice.label.text())
    }
}
