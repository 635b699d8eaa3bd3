//! A record as it stands, read through its form: nothing of it is changed by looking at it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{AnswerError, CompiledForm, Kind, QuestionState, Rule, Session, T, Trouble, values};
use crate::{
    form::{
        Question,
        expr::{Scalar, Surroundings},
    },
    programme::entry::Answer,
};

impl Session {
    /// A record as it stands. Its keys are those of the document. What its form would take back (a code that
    /// is not offered with the other answers) stays and is told; calculations are as they come out now.
    #[must_use]
    pub fn of_record(
        form: Arc<CompiledForm>,
        language: &str,
        values: &BTreeMap<String, Scalar<'static>>,
        around: &Surroundings,
    ) -> Self {
        Self::of_values(form, language, super::pairs(values), around)
    }

    /// As [`Session::of_record`], with the values in the order of their keys.
    pub(crate) fn of_values<'k>(
        form: Arc<CompiledForm>,
        language: &str,
        values: impl IntoIterator<Item = (&'k str, Scalar<'static>)>,
        around: &Surroundings,
    ) -> Self {
        let mut session = Self::bare(form, language);
        session.keeps = true;
        session.take_in(values, &around.zone);
        session.compute_everything(around);
        session
    }

    /// A record that does not exist yet, with what the form says at the start.
    #[must_use]
    pub fn of_new_record(form: Arc<CompiledForm>, language: &str, around: &Surroundings) -> Self {
        let mut session = Self::bare(form, language);
        session.keeps = true;
        session.start(0, around);
        session.compute_everything(around);
        session
    }

    /// Answers a question, in a row that is made where it is not there, and computes again what depends on it.
    ///
    /// # Errors
    ///
    /// As [`Session::answer`].
    pub fn put(&mut self, key: &str, answer: &Answer, around: &Surroundings) -> Result<(), AnswerError> {
        if let Some((row, _)) = key.rsplit_once('/')
            && self.node(key).is_none()
        {
            let before = self.nodes.len();
            self.make_row(row);
            if self.nodes.len() > before {
                self.compute_everything(around);
            }
        }
        let node = self.node(key).ok_or(AnswerError::UnknownQuestion)?;
        let value = self.given(node, answer, &around.zone)?;
        self.nodes[node as usize].answered = !matches!(value, Scalar::Empty);
        if self.nodes[node as usize].value != value {
            self.nodes[node as usize].value = value;
            self.changed(node, &mut BTreeSet::from([node]), around);
        }
        Ok(())
    }

    /// How every question stands, asked or not, in the order of the form.
    #[must_use]
    pub fn states(&self, around: &Surroundings) -> Vec<QuestionState> {
        self.below(0).into_iter().filter_map(|node| self.state_of(node, around)).collect()
    }

    /// What is wrong with what is asked, by document key, in the order of the form: of the questions that
    /// `is_judged` says.
    pub fn troubles<'s>(
        &'s self,
        is_judged: &'s dyn Fn(&Question) -> bool,
        around: &'s Surroundings,
    ) -> impl Iterator<Item = (String, Trouble)> + 's {
        self.all_relevant().into_iter().filter_map(move |node| {
            self.question(node).filter(|question| is_judged(question))?;
            let trouble = self.trouble(node, around)?;
            Some((self.key(node), trouble))
        })
    }

    /// The answers that are there and are not asked, by document key.
    pub fn not_asked(&self) -> impl Iterator<Item = String> + '_ {
        self.below(0)
            .into_iter()
            .filter(|node| {
                let is_there = !matches!(self.nodes[*node as usize].value, Scalar::Empty);
                is_there
                    && self.question(*node).is_some_and(|question| question.kind.is_kept())
                    && !self.is_asked(*node)
            })
            .map(|node| self.key(node))
    }

    /// What came out of the calculations that a record keeps, of those that are asked, by document key: of
    /// questions that people answer as well. A value of the kind `calculate` is kept by no record.
    #[must_use]
    pub fn calculated(&self) -> BTreeMap<String, Scalar<'static>> {
        let nodes = self.all_relevant().into_iter();
        nodes
            .filter(|node| {
                let template = &self.form.templates[self.nodes[*node as usize].template];
                template.rules.contains_key(&Rule::Calculation)
                    && self.question(*node).is_some_and(|question| question.kind.is_kept())
            })
            .map(|node| (self.key(node), self.nodes[node as usize].value.clone()))
            .collect()
    }

    /// A value of this session as the answer that a record keeps; `None` where there is none.
    #[must_use]
    pub fn as_answer(&self, key: &str, around: &Surroundings) -> Option<Answer> {
        let node = self.node(key)?;
        values::answer(self.question(node)?, &self.nodes[node as usize].value, &around.zone)
    }

    /// Whether every code that a question holds passes its choice filter.
    pub(super) fn is_offered(&self, node: u32, around: &Surroundings) -> bool {
        let template = &self.form.templates[self.nodes[node as usize].template];
        let (true, Some(list), Scalar::Text(text)) =
            (template.rules.contains_key(&Rule::Choices), template.list, &self.nodes[node as usize].value)
        else {
            return true;
        };
        let choices = &self.form.lists[list].choices;
        // A code that no list knows is told by another check.
        text.split_whitespace().all(|code| {
            let mut rows = (0..).zip(choices).filter(|(_, choice)| choice.name == code).peekable();
            rows.peek().is_none() || rows.any(|(row, _)| self.passes(node, list, row, around))
        })
    }
}

/// The questions whose checks need answers that these questions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leaning {
    /// Whether an answer is needed cannot be told without them.
    pub(crate) required: BTreeSet<String>,
    /// Whether an answer is right cannot be told without them.
    pub(crate) right: BTreeSet<String>,
}

impl CompiledForm {
    /// The questions whose checks read one of these, by themselves, through the sections around them or
    /// through a calculation; these questions among them.
    pub(crate) fn leaning_on(&self, names: &BTreeSet<&str>) -> Leaning {
        let mut leaning = Leaning::default();
        let mut open: Vec<T> =
            names.iter().filter_map(|name| self.by_name.get(*name)).flatten().copied().collect();
        let mut seen: BTreeSet<T> = open.iter().copied().collect();
        let note = |at: T, set: &mut BTreeSet<String>| {
            for at in std::iter::once(at).chain(self.below(at)) {
                if matches!(self.templates[at].kind, Kind::Question(_)) {
                    set.insert(self.templates[at].name.clone());
                }
            }
        };
        while let Some(at) = open.pop() {
            note(at, &mut leaning.required);
            note(at, &mut leaning.right);
            for dependent in &self.dependents[at] {
                match dependent.rule {
                    Rule::Calculation if seen.insert(dependent.template) => open.push(dependent.template),
                    Rule::Constraint | Rule::Choices => note(dependent.template, &mut leaning.right),
                    Rule::Relevant | Rule::Required | Rule::Count => {
                        note(dependent.template, &mut leaning.required);
                    }
                    Rule::Calculation | Rule::ReadOnly | Rule::Default => {}
                }
            }
        }
        leaning
    }
}
