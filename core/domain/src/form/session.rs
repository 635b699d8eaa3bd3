//! A form being filled in: in memory, synchronous, without any IO.
//!
//! [`CompiledForm`] is made once and shared. A [`Session`] holds the answers of one record, computes
//! again what an answer affects and nothing else, hides what is not relevant and keeps its answers
//! aside, walks page by page, and ends in answers for [`entry::edits`](crate::programme::entry::edits).

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use compiled::{CompileError, CompiledForm, Rule};
pub use context::SessionNode;
pub use draft::{Draft, DraftError};
pub use page::{Page, PageDelta, QuestionState, Trouble};
pub(crate) use standing::Leaning;
pub use values::AnswerError;

use crate::{
    form::{
        Choice, Question, QuestionKind,
        expr::{Scalar, Surroundings, is_dynamic},
    },
    programme::entry::Answer,
};
use compiled::{Kind, T};
pub(in crate::form) use compiled::{circle, trigger_names};

mod compiled;
mod context;
mod device;
mod draft;
mod index;
mod page;
mod recompute;
mod rows;
mod standing;
mod submission;
mod values;

/// Most rows of one repeat.
pub const MOST_ROWS: usize = 1_000;

#[derive(Debug, Clone)]
enum Slot {
    One(u32),
    Rows(Vec<u32>),
}

impl Slot {
    fn nodes(&self) -> impl Iterator<Item = u32> {
        let (one, rows) = match self {
            Self::One(node) => (Some(*node), None),
            Self::Rows(rows) => (None, Some(rows.iter().copied())),
        };
        one.into_iter().chain(rows.into_iter().flatten())
    }
}

#[derive(Debug, Clone)]
struct Node {
    template: T,
    parent: Option<u32>,
    slots: Vec<Slot>,
    value: Scalar<'static>,
    relevant: bool,
    /// The key of a row.
    row: Box<str>,
    /// Whether a person answered, in this session or before it.
    answered: bool,
}

/// Values by their document keys.
fn pairs<'v>(
    values: &'v BTreeMap<String, Scalar<'static>>,
) -> impl Iterator<Item = (&'v str, Scalar<'static>)> {
    values.iter().map(|(key, value)| (key.as_str(), value.clone()))
}

/// Makes the nodes of a template, without rows.
fn grow(form: &CompiledForm, nodes: &mut Vec<Node>, template: T, parent: Option<u32>, row: &str) -> u32 {
    let at = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    nodes.push(Node {
        template,
        parent,
        slots: Vec::new(),
        value: Scalar::Empty,
        relevant: true,
        row: row.into(),
        answered: false,
    });
    let children = &form.templates[template].children;
    let mut slots = Vec::with_capacity(children.len());
    for child in children {
        slots.push(match form.templates[*child].kind {
            Kind::Repeat => Slot::Rows(Vec::new()),
            Kind::Group | Kind::Question(_) => Slot::One(grow(form, nodes, *child, Some(at), "")),
        });
    }
    nodes[at as usize].slots = slots;
    at
}

/// A form being filled in.
#[derive(Debug, Clone)]
pub struct Session {
    form: Arc<CompiledForm>,
    nodes: Vec<Node>,
    language: String,
    saved: Vec<(String, Scalar<'static>)>,
    /// Where the person is: the first node of the page.
    at: Option<u32>,
    /// Expressions that could not be computed.
    faults: BTreeMap<(u32, Rule), crate::form::expr::ExprError>,
    /// Answers that have no place in this version of the form.
    placeless: BTreeMap<String, Scalar<'static>>,
    /// Questions that were answered and relevant when the session began.
    before: BTreeSet<String>,
    /// Whether it shows a record as it stands: a code that is not offered any more is told, not taken back.
    keeps: bool,
}

/// What a session ends in.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The answers by document key. What the record said before and is not asked any more is cleared.
    pub answers: BTreeMap<String, Answer>,
    /// What is missing or wrong, by document key; nothing of it keeps a record from being saved.
    pub troubles: BTreeMap<String, Trouble>,
    /// Answers that were given and are not asked any more.
    pub set_aside: BTreeMap<String, Scalar<'static>>,
    /// Answers that have no place in this version of the form.
    pub placeless: BTreeMap<String, Scalar<'static>>,
}

impl Session {
    /// Opens a form for a new record: static and dynamic defaults, relevance, calculations.
    #[must_use]
    pub fn open(form: Arc<CompiledForm>, language: &str, around: &Surroundings) -> Self {
        Self::open_with(form, language, &BTreeMap::new(), around)
    }

    /// Opens a form with what was saved last, for `${last-saved#name}`.
    #[must_use]
    pub fn open_with(
        form: Arc<CompiledForm>,
        language: &str,
        last_saved: &BTreeMap<String, Scalar<'static>>,
        around: &Surroundings,
    ) -> Self {
        let mut session = Self::bare(form, language);
        session.saved = last_saved.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        session.start(0, around);
        session.compute_everything(around);
        session.at = session.pages().first().and_then(Page::first);
        session
    }

    /// Opens a finished record to change it. Its keys are those of the document; values that the form
    /// has no place for are kept.
    #[must_use]
    pub fn edit(
        form: Arc<CompiledForm>,
        language: &str,
        values: &BTreeMap<String, Scalar<'static>>,
        around: &Surroundings,
    ) -> Self {
        let mut session = Self::bare(form, language);
        session.take_in(pairs(values), &around.zone);
        session.compute_everything(around);
        session.before = session
            .all_relevant()
            .into_iter()
            .filter(|node| session.nodes[*node as usize].answered)
            .map(|node| session.key(node))
            .collect();
        session.at = session.pages().first().and_then(Page::first);
        session
    }

    fn bare(form: Arc<CompiledForm>, language: &str) -> Self {
        Self {
            nodes: form.bare().nodes.clone(),
            form,
            language: language.to_owned(),
            saved: Vec::new(),
            at: None,
            faults: BTreeMap::new(),
            placeless: BTreeMap::new(),
            before: BTreeSet::new(),
            keeps: false,
        }
    }

    /// Gives defaults, and what nobody is asked for, below a node that is new.
    fn start(&mut self, from: u32, around: &Surroundings) {
        let form = Arc::clone(&self.form);
        for at in self.below(from) {
            let template = self.nodes[at as usize].template;
            let Kind::Question(question) = &form.templates[template].kind else { continue };
            if !matches!(self.nodes[at as usize].value, Scalar::Empty) {
                continue;
            }
            if let Some(expr) = form.templates[template].rules.get(&Rule::Default) {
                match expr.answer(&*self, SessionNode::Record(at), around) {
                    Ok(value) => self.nodes[at as usize].value = values::typed(question, value, &around.zone),
                    Err(error) => {
                        self.faults.insert((at, Rule::Default), error);
                    }
                }
            } else if let Some(text) = question.default.as_deref().filter(|text| !is_dynamic(text)) {
                self.nodes[at as usize].value = values::typed(question, text.to_owned().into(), &around.zone);
            } else if let Some(value) = device::at_the_start(question, around) {
                self.nodes[at as usize].value = value;
            }
        }
    }

    /// Everything at and below a node, in the order of the form, relevant or not.
    fn below(&self, from: u32) -> Vec<u32> {
        let (mut found, mut open) = (Vec::new(), vec![from]);
        while let Some(at) = open.pop() {
            found.push(at);
            let before = open.len();
            open.extend(self.nodes[at as usize].slots.iter().flat_map(Slot::nodes));
            open[before..].reverse();
        }
        found
    }

    /// Questions that are asked now, calculations too.
    fn all_relevant(&self) -> Vec<u32> {
        let (mut found, mut open) = (Vec::new(), vec![0]);
        while let Some(at) = open.pop() {
            let node = &self.nodes[at as usize];
            if !node.relevant {
                continue;
            }
            if matches!(self.form.templates[node.template].kind, Kind::Question(_)) {
                found.push(at);
            }
            let before = open.len();
            open.extend(node.slots.iter().flat_map(Slot::nodes));
            open[before..].reverse();
        }
        found
    }

    fn is_asked(&self, node: u32) -> bool {
        std::iter::successors(Some(node), |at| self.nodes[*at as usize].parent)
            .all(|at| self.nodes[at as usize].relevant)
    }

    fn question(&self, node: u32) -> Option<&Question> {
        match &self.form.templates[self.nodes[node as usize].template].kind {
            Kind::Question(question) => Some(question),
            Kind::Group | Kind::Repeat => None,
        }
    }

    /// The document key of a node: `field`, or `repeat/row/field`.
    fn key(&self, node: u32) -> String {
        let mut parts: Vec<&str> = Vec::new();
        let mut at = Some(node);
        while let Some(here) = at {
            let this = &self.nodes[here as usize];
            let template = &self.form.templates[this.template];
            if matches!(template.kind, Kind::Repeat) {
                parts.push(&this.row);
                parts.push(&template.name);
            } else if here == node {
                parts.push(&template.name);
            }
            at = this.parent;
        }
        parts.reverse();
        parts.join("/")
    }

    /// The node of a document key.
    fn node(&self, key: &str) -> Option<u32> {
        if !key.contains('/') {
            return self.node_within(0, key);
        }
        let mut at = 0;
        let parts: Vec<&str> = key.split('/').collect();
        let (name, rows) = parts.split_last()?;
        for pair in rows.chunks(2) {
            let [repeat, row] = pair else { return None };
            let template = *self
                .form
                .by_name
                .get(*repeat)?
                .iter()
                .find(|at| matches!(self.form.templates[**at].kind, Kind::Repeat))?;
            let mut found = Vec::new();
            self.instances(at, template, false, &mut found);
            at = found.into_iter().find(|node| &*self.nodes[*node as usize].row == *row)?;
        }
        self.node_within(at, name)
    }

    /// The one node of a question at and below a node; `None` also where its rows are several.
    fn node_within(&self, at: u32, name: &str) -> Option<u32> {
        let template = *self
            .form
            .by_name
            .get(name)?
            .iter()
            .find(|at| matches!(self.form.templates[**at].kind, Kind::Question(_)))?;
        let mut found = Vec::new();
        self.instances(at, template, false, &mut found);
        // One, unless the key leaves a row out.
        if found.len() == 1 { found.pop() } else { None }
    }

    /// The nodes of a template at and below a node; those that are asked, or all.
    fn instances(&self, above: u32, target: T, only_relevant: bool, found: &mut Vec<u32>) {
        let start = self.nodes[above as usize].template;
        if !self.form.is_ancestor_or_self(start, target) {
            return;
        }
        // Outside of repeats there is one, and it is known which.
        if let Some(only) = self.form.bare().places[target] {
            let way = std::iter::successors(Some(only), |at| self.nodes[*at as usize].parent)
                .take_while(|at| *at != above);
            if !only_relevant || way.into_iter().all(|at| self.nodes[at as usize].relevant) {
                found.push(only);
            }
            return;
        }
        let mut way: Vec<T> =
            std::iter::once(target).chain(self.form.above(target)).take_while(|at| *at != start).collect();
        if start == target {
            way.clear();
        }
        let mut set = vec![above];
        for step in way.into_iter().rev() {
            let slot = self.form.templates[step].slot;
            set = set
                .into_iter()
                .flat_map(|node| self.nodes[node as usize].slots[slot].nodes())
                .filter(|node| !only_relevant || self.nodes[*node as usize].relevant)
                .collect();
        }
        found.extend(set);
    }

    /// The value of a question now, asked or not; `None` where the form has no such key.
    #[must_use]
    pub fn value_of(&self, key: &str) -> Option<&Scalar<'static>> {
        Some(&self.nodes[self.node(key)? as usize].value)
    }

    /// Whether a question is asked now.
    #[must_use]
    pub fn is_relevant(&self, key: &str) -> bool {
        self.node(key).is_some_and(|node| self.is_asked(node))
    }

    /// Answers a question, and computes again what depends on it.
    ///
    /// # Errors
    ///
    /// Where the form has no such question, or the answer is not of its kind: nothing is changed then.
    pub fn answer(
        &mut self,
        key: &str,
        answer: &Answer,
        around: &Surroundings,
    ) -> Result<PageDelta, AnswerError> {
        let node = self.node(key).ok_or(AnswerError::UnknownQuestion)?;
        let value = self.given(node, answer, &around.zone)?;
        self.nodes[node as usize].answered = !matches!(value, Scalar::Empty);
        let mut touched = BTreeSet::from([node]);
        if self.nodes[node as usize].value != value {
            self.nodes[node as usize].value = value;
            self.changed(node, &mut touched, around);
        }
        Ok(self.delta(&touched, around))
    }

    /// Adds a row to a repeat, inside of the row `within` (its key up to the row) or of the form.
    ///
    /// # Errors
    ///
    /// Where there is no such repeat, it counts its rows itself, or it has [`MOST_ROWS`].
    pub fn add_row(
        &mut self,
        repeat: &str,
        within: Option<&str>,
        around: &Surroundings,
    ) -> Result<(String, PageDelta), AnswerError> {
        let (parent, template) = self.repeat(repeat, within)?;
        if self.form.templates[template].rules.contains_key(&Rule::Count) {
            return Err(AnswerError::CountedRepeat);
        }
        if self.rows(parent, template).len() >= MOST_ROWS {
            return Err(AnswerError::TooManyRows);
        }
        let row = around.draw()[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut touched = BTreeSet::new();
        let node = self.push_row(parent, template, &row, &mut touched, around);
        Ok((self.key(node), self.delta(&touched, around)))
    }

    /// Takes a row away, with its answers.
    ///
    /// # Errors
    ///
    /// Where there is no such row, or its repeat counts its rows itself.
    pub fn remove_row(&mut self, key: &str, around: &Surroundings) -> Result<PageDelta, AnswerError> {
        let (above, row) = key.rsplit_once('/').ok_or(AnswerError::UnknownQuestion)?;
        let (within, repeat) = match above.rsplit_once('/') {
            Some((within, repeat)) => (Some(within), repeat),
            None => (None, above),
        };
        let (parent, template) = self.repeat(repeat, within)?;
        if self.form.templates[template].rules.contains_key(&Rule::Count) {
            return Err(AnswerError::CountedRepeat);
        }
        let node = self
            .rows(parent, template)
            .into_iter()
            .find(|node| &*self.nodes[*node as usize].row == row)
            .ok_or(AnswerError::UnknownQuestion)?;
        let mut touched = BTreeSet::new();
        self.drop_rows(parent, template, &[node], &mut touched, around);
        Ok(self.delta(&touched, around))
    }

    /// The keys of the rows of a repeat.
    #[must_use]
    pub fn row_keys(&self, repeat: &str, within: Option<&str>) -> Vec<String> {
        let Ok((parent, template)) = self.repeat(repeat, within) else { return Vec::new() };
        let above = within.map(|within| format!("{within}/")).unwrap_or_default();
        self.rows(parent, template)
            .into_iter()
            .map(|node| format!("{above}{repeat}/{}", self.nodes[node as usize].row))
            .collect()
    }

    /// The node that holds the rows of a repeat, and the repeat's template.
    fn repeat(&self, name: &str, within: Option<&str>) -> Result<(u32, T), AnswerError> {
        let template = self.form.by_name.get(name).into_iter().flatten().copied();
        let template = template
            .into_iter()
            .find(|at| matches!(self.form.templates[*at].kind, Kind::Repeat))
            .ok_or(AnswerError::UnknownQuestion)?;
        let mut above = 0;
        let parts: Vec<&str> = within.map(|within| within.split('/').collect()).unwrap_or_default();
        for pair in parts.chunks(2) {
            let [outer, row] = pair else { return Err(AnswerError::UnknownQuestion) };
            let outer = self
                .form
                .by_name
                .get(*outer)
                .into_iter()
                .flatten()
                .find(|at| matches!(self.form.templates[**at].kind, Kind::Repeat))
                .ok_or(AnswerError::UnknownQuestion)?;
            let mut found = Vec::new();
            self.instances(above, *outer, false, &mut found);
            above = found
                .into_iter()
                .find(|node| &*self.nodes[*node as usize].row == *row)
                .ok_or(AnswerError::UnknownQuestion)?;
        }
        let holder = self.form.templates[template].parent.unwrap_or(CompiledForm::TOP);
        let mut found = Vec::new();
        self.instances(above, holder, false, &mut found);
        match found.as_slice() {
            [parent] => Ok((*parent, template)),
            _ => Err(AnswerError::UnknownQuestion),
        }
    }

    fn rows(&self, parent: u32, template: T) -> Vec<u32> {
        self.nodes[parent as usize].slots[self.form.templates[template].slot].nodes().collect()
    }

    /// The choices that a question offers now; those that are answers of rows are made for it.
    ///
    /// `order` is the seed of those that the form asks to shuffle (`randomize=true`).
    #[must_use]
    pub fn choices(&self, key: &str, order: i64, around: &Surroundings) -> Vec<Cow<'_, Choice>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let choices = self.offered(node, around);
        let is_random = self
            .question(node)
            .is_some_and(|question| question.parameters.get("randomize").is_some_and(|is| is == "true"));
        if !is_random {
            return choices;
        }
        let written = self.question(node).and_then(|question| question.parameters.get("seed"));
        let seed = written.and_then(|seed| seed.parse().ok()).unwrap_or(order);
        let places = crate::form::expr::shuffled((0..choices.len()).collect(), seed);
        places.into_iter().filter_map(|place| choices.get(place).cloned()).collect()
    }

    /// Ends the session.
    #[must_use]
    pub fn finish(&self, around: &Surroundings) -> Finished {
        let mut finished = Finished {
            answers: BTreeMap::new(),
            troubles: BTreeMap::new(),
            set_aside: BTreeMap::new(),
            placeless: self.placeless.clone(),
        };
        for node in self.all_relevant() {
            let Some(question) = self.question(node) else { continue };
            if let Some(trouble) = self.trouble(node, around) {
                finished.troubles.insert(self.key(node), trouble);
            }
            if matches!(question.kind, QuestionKind::Note) {
                continue;
            }
            let key = self.key(node);
            match values::answer(question, &self.value_at_the_end(node, around), &around.zone) {
                Some(answer) => {
                    finished.answers.insert(key, answer);
                }
                None if self.before.contains(&key) => {
                    finished.answers.insert(key, Answer::Cleared);
                }
                None => {}
            }
        }
        for node in self.below(0) {
            let here = &self.nodes[node as usize];
            if !matches!(here.value, Scalar::Empty) && self.question(node).is_some() && !self.is_asked(node) {
                let key = self.key(node);
                if self.before.contains(&key) {
                    finished.answers.insert(key.clone(), Answer::Cleared);
                }
                finished.set_aside.insert(key, here.value.clone());
            }
        }
        for key in &self.before {
            // A row that was taken away.
            if self.node(key).is_none() {
                finished.answers.insert(key.clone(), Answer::Cleared);
            }
        }
        finished
    }
}
