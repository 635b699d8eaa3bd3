//! A form: the questions of one kind of record or survey, as an XLSForm describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use named::Named;

pub mod codebook;
pub mod expr;
mod mention;
pub mod named;
pub mod paper;
pub mod session;
pub mod xform;
pub mod xlsform;

/// A text in several languages. The key is the language as the form names it (`English (en)`); the
/// empty key is the text of a column without a language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Translated(pub Named);

impl Translated {
    /// The text in this language, or in the form's default, or whichever there is.
    #[must_use]
    pub fn get(&self, language: &str) -> Option<&str> {
        self.0.get(language).or_else(|| self.0.get("")).or_else(|| self.0.values().next()).map(String::as_str)
    }

    /// Makes the text in this language that of the empty key, where that has none.
    pub(crate) fn set_default(&mut self, language: &str) {
        if !self.0.contains_key("")
            && let Some(text) = self.0.get(language).cloned()
        {
            self.0.insert(String::new(), text);
        }
    }

    /// The text in the default language; empty where there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.get("").unwrap_or_default()
    }
}

/// A form, complete and checked on its own (references to other files are checked by the package).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Form {
    /// `form_id` of the settings: the name that records carry.
    pub id: String,
    /// `form_title` of the settings.
    pub title: String,
    /// `version` of the settings.
    pub version: String,
    /// `default_language` of the settings, or else the first language that a label column names; empty
    /// where the form has one language without a name. The texts of this language are also those of
    /// the empty key of each [`Translated`].
    pub default_language: String,
    /// Questions and groups in the order of the sheet.
    pub items: Vec<Item>,
    /// The choice lists of the `choices` sheet, by list name.
    pub choices: BTreeMap<String, Vec<Choice>>,
    /// The other settings (`style`, `instance_name`, ...), as they are written.
    pub settings: BTreeMap<String, String>,
    /// Rows of the `entities` sheet, as they are written, by column.
    pub entities: Vec<BTreeMap<String, String>>,
    /// The lists of the `external_choices` sheet, by list name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_choices: BTreeMap<String, Vec<Choice>>,
}

/// A row of the survey sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "questions are by far the most frequent")]
pub enum Item {
    /// A question, note, calculation or hidden value.
    Question(Question),
    /// `begin group` ... `end group`.
    Group(Section),
    /// `begin repeat` ... `end repeat`.
    Repeat(Section),
}

/// A group or a repeat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Section {
    /// Name, unique among its siblings.
    pub name: String,
    /// Heading shown to people.
    pub label: Translated,
    /// Files shown or played with the heading, by kind (`image`, `audio`, `video`, `big-image`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub media: BTreeMap<String, Translated>,
    /// Expression that says whether the section is asked.
    pub relevant: Option<String>,
    /// Expression for the number of repeats (`repeat_count`).
    pub repeat_count: Option<String>,
    /// `appearance` column.
    pub appearance: Option<String>,
    /// What is inside.
    pub items: Vec<Item>,
    /// Columns that this version does not know, kept as they are.
    pub extra: Named,
    /// Row of the sheet, counted from 1 (the heading is row 1).
    pub row: u32,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Question {
    /// Name: the key of the value in the document (`field`, `field/code`, `repeat/row/field`).
    pub name: String,
    /// What kind of answer it takes.
    pub kind: QuestionKind,
    /// Label shown to people.
    pub label: Translated,
    /// Files shown or played with the label, by kind (`image`, `audio`, `video`, `big-image`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub media: BTreeMap<String, Translated>,
    /// Hint shown below the label.
    pub hint: Translated,
    /// Longer guidance (`guidance_hint`), shown on request.
    pub guidance_hint: Translated,
    /// `required`: `None` = optional, `Some("yes")` or an expression.
    pub required: Option<String>,
    /// What to say when an answer is required and missing.
    pub required_message: Translated,
    /// Expression that says whether the question is asked.
    pub relevant: Option<String>,
    /// Expression that a valid answer satisfies.
    pub constraint: Option<String>,
    /// What to say when it does not.
    pub constraint_message: Translated,
    /// Expression of a calculated value.
    pub calculation: Option<String>,
    /// Value or expression at the start.
    pub default: Option<String>,
    /// Expression that picks among the choices.
    pub choice_filter: Option<String>,
    /// `appearance` column.
    pub appearance: Option<String>,
    /// `parameters` column, split into its parts.
    pub parameters: BTreeMap<String, String>,
    /// `read_only` column.
    pub read_only: bool,
    /// The expression of the `read_only` column, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_when: Option<String>,
    /// `trigger` column: the questions whose change computes the calculation again.
    pub trigger: Option<String>,
    /// Sensitivity class (domain.md 2.0).
    pub sensitivity: Sensitivity,
    /// Where the value is used (domain.md 2.0): letters of `RDEL`.
    pub uses: String,
    /// What happens when two people change the value at once.
    pub merge: MergePolicy,
    /// Columns that this version does not know, kept as they are.
    pub extra: Named,
    /// Row of the sheet, counted from 1 (the heading is row 1).
    pub row: u32,
}

/// The kind of a question, with its choice list where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Text; long where the appearance is `multiline`.
    #[default]
    Text,
    /// Whole number.
    Integer,
    /// Exact decimal.
    Decimal,
    /// ISO date.
    Date,
    /// Date and time.
    DateTime,
    /// Time of day.
    Time,
    /// Number on a scale (`start`, `end`, `step` in the parameters).
    Range,
    /// One code of a list.
    SelectOne(ChoiceSource),
    /// Several codes of a list.
    SelectMultiple(ChoiceSource),
    /// Codes of a list in order of preference.
    Rank(ChoiceSource),
    /// Text shown, nothing asked.
    Note,
    /// Computed from the other answers.
    Calculate,
    /// Kept but not shown.
    Hidden,
    /// A box to tick.
    Acknowledge,
    /// A file of one of these types: `image`, `audio`, `video`, `file`.
    Media(String),
    /// A type of the standard that records do not use yet (`geopoint`, `barcode`, `start`, ...), by
    /// its name.
    Standard(String),
}

/// Where the choices of a select come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceSource {
    /// A list of the form's own `choices` sheet.
    List(String),
    /// A code list of the package: the file name in `codelists/`, as `select_one_from_file` names it.
    File(String),
    /// The answers to a question inside a repeat, which is named (`select_one ${name}`).
    Answers(String),
    /// A list of the `external_choices` sheet (`select_one_external`).
    External(String),
}

/// One choice of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The code that is stored.
    pub name: String,
    /// The label shown.
    pub label: Translated,
    /// Files shown or played with the label, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub media: BTreeMap<String, Translated>,
    /// A class higher than its question's, where this code has one (a marker such as CPP is X).
    pub sensitivity: Option<Sensitivity>,
    /// First day on which the code is offered.
    pub valid_from: Option<jiff::civil::Date>,
    /// Last day on which the code is offered.
    pub valid_to: Option<jiff::civil::Date>,
    /// Further columns (for choice filters, roll-ups).
    pub extra: Named,
}

/// Sensitivity class of a field or code (domain.md 2.0), from open to restricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Sensitivity {
    /// Not personal.
    #[serde(rename = "0")]
    NotPersonal,
    /// Personal, not special category. What a form does not say is taken for personal.
    #[default]
    P,
    /// Direct identifier.
    I,
    /// Special category (Art 9 UK GDPR).
    S,
    /// Criminal-offence data (Art 10 UK GDPR).
    C,
    /// Restricted: safeguarding, domestic abuse, hidden address.
    X,
}

impl Sensitivity {
    /// The class that everybody may read.
    #[must_use]
    pub const fn lowest() -> Self {
        Self::NotPersonal
    }
}

/// What happens when several people change one field without having seen each other's change.
/// Whatever the policy, every live value stays visible.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MergePolicy {
    /// The whole value; the latest claimed time is shown, both are kept.
    #[default]
    Value,
    /// Codes are united.
    Set,
    /// Ranked picks as one value.
    Ordered,
    /// Character merge; concurrent edits are always flagged.
    Text,
    /// As `Value`, and a person has to decide.
    Review,
    /// This value wins among concurrent values only.
    Protect(String),
}

impl Form {
    /// A setting other than id, title, version and language, whatever the case of its heading.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, text)| text.as_str())
    }

    /// Every question, in the order of the sheet, those of groups and repeats too.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        let mut open = vec![self.items.iter()];
        std::iter::from_fn(move || {
            while let Some(items) = open.last_mut() {
                match items.next() {
                    Some(Item::Question(question)) => return Some(question),
                    Some(Item::Group(section) | Item::Repeat(section)) => open.push(section.items.iter()),
                    None => {
                        open.pop();
                    }
                }
            }
            None
        })
    }

    /// The questions that are asked once: those outside of repeats, in the order of the sheet.
    pub fn questions_outside_repeats(&self) -> impl Iterator<Item = &Question> {
        let mut open = vec![self.items.iter()];
        std::iter::from_fn(move || {
            while let Some(items) = open.last_mut() {
                match items.next() {
                    Some(Item::Question(question)) => return Some(question),
                    Some(Item::Group(section)) => open.push(section.items.iter()),
                    Some(Item::Repeat(_)) => {}
                    None => {
                        open.pop();
                    }
                }
            }
            None
        })
    }

    /// The question with this name. Names of questions are unique in a form.
    #[must_use]
    pub fn question(&self, name: &str) -> Option<&Question> {
        self.questions().find(|question| question.name == name)
    }

    /// The question that a document key belongs to: `field`, `field/code`, `repeat/row/field` or
    /// `repeat/row/field/code`.
    #[must_use]
    pub fn question_of_key(&self, key: &str) -> Option<&Question> {
        // Every second part names something: what stands between is the key of a row, or a code.
        key.split('/').step_by(2).find_map(|name| self.question(name))
    }

    /// The merge policy of a document key; [`MergePolicy::Value`] where the form does not know it.
    #[must_use]
    pub fn merge_policy(&self, key: &str) -> MergePolicy {
        self.question_of_key(key).map(|question| question.merge.clone()).unwrap_or_default()
    }

    /// The groups and repeats around a question, from the outermost in; empty for a question outside of
    /// any, and for a name that the form does not have.
    #[must_use]
    pub fn around(&self, name: &str) -> Vec<&Item> {
        let mut around = Vec::new();
        let mut open = vec![self.items.iter()];
        while let Some(items) = open.last_mut() {
            match items.next() {
                Some(Item::Question(question)) if question.name == name => break,
                Some(Item::Question(_)) => {}
                Some(item @ (Item::Group(section) | Item::Repeat(section))) => {
                    around.push(item);
                    open.push(section.items.iter());
                }
                None => {
                    open.pop();
                    around.pop();
                }
            }
        }
        around
    }

    /// Names of the repeats around a question, from the outermost in: where there are any, a record
    /// holds several answers to it, under the keys `repeat/row/field`.
    pub fn repeats_around(&self, name: &str) -> impl Iterator<Item = &str> {
        self.around(name).into_iter().filter_map(|item| match item {
            Item::Repeat(section) => Some(section.name.as_str()),
            Item::Question(_) | Item::Group(_) => None,
        })
    }
}

impl Item {
    /// Its expression that says whether it is asked.
    #[must_use]
    pub fn relevant(&self) -> Option<&str> {
        match self {
            Self::Question(question) => question.relevant.as_deref(),
            Self::Group(section) | Self::Repeat(section) => section.relevant.as_deref(),
        }
    }
}

impl QuestionKind {
    /// Where its choices come from; `None` for a kind without choices.
    #[must_use]
    pub fn choices(&self) -> Option<&ChoiceSource> {
        match self {
            Self::SelectOne(source) | Self::SelectMultiple(source) | Self::Rank(source) => Some(source),
            _ => None,
        }
    }

    /// Whether a person's answer is kept under the question's name: not for a note, nor for a
    /// calculation, whose value follows from the others.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !matches!(self, Self::Note | Self::Calculate)
    }
}

impl Choice {
    /// Whether the code is offered on this day.
    #[must_use]
    pub fn is_valid_on(&self, day: jiff::civil::Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }
}
