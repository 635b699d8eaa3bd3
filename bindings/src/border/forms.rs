//! The programme's forms.

use alongside_core::app::{
    AnswerKind, ChoiceView, FormLine, FormView, GroupKindView, ParameterView, ProgrammeView, QuestionView,
    SectionView,
};
use jiff::civil::Date;

/// The programme.
#[uniffi::remote(Record)]
pub struct ProgrammeView {
    /// Stable name.
    pub id: String,
    /// Title shown to people.
    pub title: String,
    /// Version of the package.
    pub version: String,
    /// The kind of group that is one line of the lists.
    pub unit: String,
    /// What one such is called.
    pub unit_word: String,
    /// What several are called.
    pub units_word: String,
    /// Kinds of groups.
    pub group_kinds: Vec<GroupKindView>,
    /// Its forms.
    pub forms: Vec<FormLine>,
}

/// A kind of group.
#[uniffi::remote(Record)]
pub struct GroupKindView {
    /// Stable name.
    pub kind: String,
    /// Name shown to people.
    pub title: String,
    /// Kinds of the groups that it is linked to when it is opened: one each.
    pub parents: Vec<String>,
    /// Whether a phone may open one.
    pub is_opened_on_phone: bool,
}

/// A form in a list of forms.
#[uniffi::remote(Record)]
pub struct FormLine {
    /// Its id.
    pub form: String,
    /// Title shown to people.
    pub title: String,
    /// Kind of the group that holds its records.
    pub group_kind: String,
    /// Whether a group holds one such record at most.
    pub is_only_one: bool,
    /// Whether a record, once written, can only be corrected by a new one.
    pub is_immutable: bool,
}

/// A form, whole.
#[uniffi::remote(Record)]
pub struct FormView {
    /// Its id.
    pub form: String,
    /// Title shown to people.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Kind of the group that holds its records.
    pub group_kind: String,
    /// Whether a group holds one such record at most.
    pub is_only_one: bool,
    /// Whether a record, once written, can only be corrected by a new one.
    pub is_immutable: bool,
    /// Groups and repeats of questions, in the order of the form.
    pub sections: Vec<SectionView>,
    /// Questions in the order of the form.
    pub questions: Vec<QuestionView>,
}

/// A group or a repeat of questions.
#[uniffi::remote(Record)]
pub struct SectionView {
    /// Name.
    pub name: String,
    /// Heading shown to people.
    pub label: String,
    /// Place in `sections` of the section that it is in.
    pub parent: Option<u32>,
    /// Whether it is answered any number of times: its keys are `section/row/question`, where the app
    /// makes up the row (a UUID).
    pub is_repeat: bool,
    /// Expression that says whether it is asked.
    pub relevant: Option<String>,
    /// `appearance` of the form.
    pub appearance: Option<String>,
}

/// One question.
#[uniffi::remote(Record)]
pub struct QuestionView {
    /// Name: the key of its answer.
    pub name: String,
    /// Place in `sections` of the section that it is in.
    pub section: Option<u32>,
    /// What kind of answer it takes.
    pub kind: AnswerKind,
    /// Label shown to people.
    pub label: String,
    /// Hint shown below the label; empty where there is none.
    pub hint: String,
    /// Longer guidance, shown on request; empty where there is none.
    pub guidance: String,
    /// Whether an answer is needed: `yes`, or an expression; `None` where it is not.
    pub required: Option<String>,
    /// What to say when it is needed and missing; empty where the form does not say.
    pub required_message: String,
    /// Expression that says whether it is asked.
    pub relevant: Option<String>,
    /// Expression that a valid answer satisfies.
    pub constraint: Option<String>,
    /// What to say when it does not; empty where the form does not say.
    pub constraint_message: String,
    /// Expression of a calculated value.
    pub calculation: Option<String>,
    /// Value or expression at the start.
    pub default: Option<String>,
    /// Expression that picks among the choices.
    pub choice_filter: Option<String>,
    /// `appearance` of the form.
    pub appearance: Option<String>,
    /// Whether it is shown and not entered.
    pub is_read_only: bool,
    /// The choices it offers, in order; empty for a kind without choices.
    pub choices: Vec<ChoiceView>,
    /// The form whose records an answer names, where it names a record.
    pub refers_to: Option<String>,
    /// Parameters (`start`, `end`, `step` of a scale) and further columns (`quick_picks`, `remember`).
    pub parameters: Vec<ParameterView>,
}

/// What kind of answer a question takes.
#[uniffi::remote(Enum)]
pub enum AnswerKind {
    /// Text; long where the appearance is `multiline`.
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
    /// Number on a scale, given by the parameters.
    Range,
    /// One of the choices.
    ChooseOne,
    /// Several of the choices.
    ChooseSeveral,
    /// The choices in order of preference.
    Rank,
    /// Text shown, nothing asked.
    Note,
    /// Computed from other answers.
    Calculated,
    /// Kept, not shown.
    Hidden,
    /// A box to tick.
    Acknowledge,
    /// A file.
    Media {
        /// `image`, `audio`, `video`, `file`.
        kind: String,
    },
    /// A kind of the standard that records do not use yet: shown as not available.
    Unsupported {
        /// Its name in the standard.
        kind: String,
    },
}

/// One choice.
#[uniffi::remote(Record)]
pub struct ChoiceView {
    /// The code that is stored.
    pub code: String,
    /// The label shown.
    pub label: String,
    /// First day on which it is offered.
    pub valid_from: Option<Date>,
    /// Last day on which it is offered.
    pub valid_to: Option<Date>,
    /// Further columns of the list.
    pub columns: Vec<ParameterView>,
}

/// A named text.
#[uniffi::remote(Record)]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// Its text.
    pub value: String,
}
