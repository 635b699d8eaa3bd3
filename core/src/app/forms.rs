//! The programme's forms, as one renderer draws them.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::{Choice, Form, Item, Question, QuestionKind, Section},
    programme::{Count, GroupKind, Programme},
};
use jiff::civil::Date;

use super::AppError;
use crate::error::Thing;

/// What the programme says about groups and forms. In memory: no call waits for anything.
#[derive(Clone)]
pub struct ProgrammeForms {
    programme: Arc<Programme>,
}

/// The programme.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionView {
    /// Name.
    pub name: String,
    /// Heading shown to people.
    pub label: String,
    /// Place in [`FormView::sections`] of the section that it is in.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionView {
    /// Name: the key of its answer.
    pub name: String,
    /// Place in [`FormView::sections`] of the section that it is in.
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// Its text.
    pub value: String,
}

impl ProgrammeForms {
    pub(crate) fn new(programme: Arc<Programme>) -> Self {
        Self { programme }
    }

    /// The programme: kinds of groups, and a line for each form.
    #[must_use]
    pub fn programme(&self) -> ProgrammeView {
        let programme = &self.programme;
        let kind = |(name, kind): (&String, &GroupKind)| GroupKindView {
            kind: name.clone(),
            title: kind.title.clone(),
            parents: kind.parents.clone(),
            is_opened_on_phone: kind.opened_on_phone,
        };
        let (unit_word, units_word) = programme.parts.unit_words.clone();
        ProgrammeView {
            id: programme.id.clone(),
            title: programme.title.clone(),
            version: programme.version.clone(),
            unit: programme.parts.unit.clone(),
            unit_word,
            units_word,
            group_kinds: programme.groups.iter().map(kind).collect(),
            forms: programme.records.keys().filter_map(|form| self.line(form)).collect(),
        }
    }

    fn line(&self, form: &str) -> Option<FormLine> {
        let (form, kind) = (self.programme.form(form)?, self.programme.record_kind(form)?);
        Some(FormLine {
            form: form.id.clone(),
            title: form.title.clone(),
            group_kind: kind.group.clone(),
            is_only_one: kind.count == Count::One,
            is_immutable: kind.immutable,
        })
    }

    /// One form, whole, in the order in which it is asked.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn form(&self, form: &str) -> Result<FormView, AppError> {
        let missing = AppError::NotFound { thing: Thing::Form };
        let (Some(line), Some(form)) = (self.line(form), self.programme.form(form)) else {
            return Err(missing);
        };
        let mut reader = Reader { forms: self, form, sections: Vec::new(), questions: Vec::new() };
        reader.items(&form.items, None);
        Ok(FormView {
            form: line.form,
            title: line.title,
            version: form.version.clone(),
            group_kind: line.group_kind,
            is_only_one: line.is_only_one,
            is_immutable: line.is_immutable,
            sections: reader.sections,
            questions: reader.questions,
        })
    }

    fn question(&self, form: &Form, question: &Question, section: Option<u32>) -> QuestionView {
        let references = self.programme.record_kind(&form.id).map(|kind| &kind.references);
        let choices = self.programme.choices(form, question).unwrap_or_default();
        QuestionView {
            name: question.name.clone(),
            section,
            kind: kind(&question.kind),
            label: question.label.text().to_owned(),
            hint: question.hint.text().to_owned(),
            guidance: question.guidance_hint.text().to_owned(),
            required: question.required.clone(),
            required_message: question.required_message.text().to_owned(),
            relevant: question.relevant.clone(),
            constraint: question.constraint.clone(),
            constraint_message: question.constraint_message.text().to_owned(),
            calculation: question.calculation.clone(),
            default: question.default.clone(),
            choice_filter: question.choice_filter.clone(),
            appearance: question.appearance.clone(),
            is_read_only: question.read_only,
            choices: choices.iter().map(choice).collect(),
            refers_to: references.and_then(|references| references.get(&question.name).cloned()),
            parameters: parameters(question.parameters.iter().chain(&question.extra)),
        }
    }
}

struct Reader<'a> {
    forms: &'a ProgrammeForms,
    form: &'a Form,
    sections: Vec<SectionView>,
    questions: Vec<QuestionView>,
}

impl Reader<'_> {
    fn items(&mut self, items: &[Item], section: Option<u32>) {
        for item in items {
            match item {
                Item::Question(question) => {
                    let question = self.forms.question(self.form, question, section);
                    self.questions.push(question);
                }
                Item::Group(inner) => self.section(inner, section, false),
                Item::Repeat(inner) => self.section(inner, section, true),
            }
        }
    }

    fn section(&mut self, section: &Section, parent: Option<u32>, is_repeat: bool) {
        let place = u32::try_from(self.sections.len()).ok();
        self.sections.push(SectionView {
            name: section.name.clone(),
            label: section.label.text().to_owned(),
            parent,
            is_repeat,
            relevant: section.relevant.clone(),
            appearance: section.appearance.clone(),
        });
        self.items(&section.items, place);
    }
}

fn choice(choice: &Choice) -> ChoiceView {
    ChoiceView {
        code: choice.name.clone(),
        label: choice.label.text().to_owned(),
        valid_from: choice.valid_from,
        valid_to: choice.valid_to,
        columns: parameters(&choice.extra),
    }
}

fn parameters<'a>(texts: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<ParameterView> {
    let texts: BTreeMap<&String, &String> = texts.into_iter().collect();
    let view = |(name, value): (&String, &String)| ParameterView { name: name.clone(), value: value.clone() };
    texts.into_iter().map(view).collect()
}

fn kind(kind: &QuestionKind) -> AnswerKind {
    match kind {
        QuestionKind::Text => AnswerKind::Text,
        QuestionKind::Integer => AnswerKind::Integer,
        QuestionKind::Decimal => AnswerKind::Decimal,
        QuestionKind::Date => AnswerKind::Date,
        QuestionKind::DateTime => AnswerKind::DateTime,
        QuestionKind::Time => AnswerKind::Time,
        QuestionKind::Range => AnswerKind::Range,
        QuestionKind::SelectOne(_) => AnswerKind::ChooseOne,
        QuestionKind::SelectMultiple(_) => AnswerKind::ChooseSeveral,
        QuestionKind::Rank(_) => AnswerKind::Rank,
        QuestionKind::Note => AnswerKind::Note,
        QuestionKind::Calculate => AnswerKind::Calculated,
        QuestionKind::Hidden => AnswerKind::Hidden,
        QuestionKind::Acknowledge => AnswerKind::Acknowledge,
        QuestionKind::Media(kind) => AnswerKind::Media { kind: kind.clone() },
        QuestionKind::Standard(kind) => AnswerKind::Unsupported { kind: kind.clone() },
    }
}
