//! Pages: what is shown together, in which order, and what a change brings to the one that is shown.

use std::collections::BTreeSet;

use super::{Kind, Rule, Session, SessionNode};
use crate::form::{
    expr::{Context as _, Scalar, Surroundings},
    mention::with_names,
    xform,
};

/// What is wrong with the answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `missing_answer`, `constraint`, or the code of an expression that cannot be computed.
    pub code: &'static str,
    /// What the form says about it, in the language of the session; otherwise a sentence of ours.
    pub message: String,
}

/// One page: the questions that are shown together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Its questions, by document key.
    pub questions: Vec<String>,
    /// The repeats to which a row can be added here ([`Session::pages_with_rows`]): `repeat`, or
    /// `repeat/row/repeat` inside of a row.
    pub rows: Vec<String>,
    pub(super) nodes: Vec<u32>,
}

impl Page {
    pub(super) fn first(&self) -> Option<u32> {
        self.nodes.first().copied()
    }
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionState {
    /// Document key.
    pub key: String,
    /// The label, in the language of the session.
    pub label: String,
    /// Its value.
    pub value: Scalar<'static>,
    /// Whether it is asked.
    pub relevant: bool,
    /// Whether an answer is needed.
    pub required: bool,
    /// Whether it is only shown.
    pub read_only: bool,
    /// What is wrong with its answer.
    pub trouble: Option<Trouble>,
    /// The codes that it offers; `None` where it has no list.
    pub choices: Option<Vec<String>>,
}

/// What a change brought to the page that is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageDelta {
    /// The questions of the page that stand differently now, the one answered among them.
    pub changed: Vec<QuestionState>,
    /// How many other questions and sections changed.
    pub elsewhere: usize,
    /// Whether the place is lost: the page that was shown is not asked any more.
    pub left_page: bool,
}

impl Session {
    /// The pages, in order: a section with the appearance `field-list` is one, and otherwise each
    /// question; in the style `pages`, each section of the top.
    #[must_use]
    pub fn pages(&self) -> Vec<Page> {
        let mut pages = Vec::new();
        self.walk(0, &mut pages, false, None);
        pages
    }

    /// As [`Session::pages`], with the places where rows can be added: on the page that shows the repeat,
    /// or else on a page of its own after the rows that there are.
    #[must_use]
    pub fn pages_with_rows(&self, around: &Surroundings) -> Vec<Page> {
        let mut pages = Vec::new();
        self.walk(0, &mut pages, false, Some(around));
        pages
    }

    /// The repeats of a section that are asked and do not count their rows themselves, each with its place
    /// among the section's parts.
    fn open_repeats(&self, node: u32, around: &Surroundings) -> Vec<(usize, String)> {
        let here = &self.nodes[node as usize];
        let row =
            if self.row_of(node).is_empty() { String::new() } else { format!("{}/", self.row_of(node)) };
        let children = self.form.templates[here.template].children.iter().enumerate();
        children
            .filter_map(|(slot, child)| {
                let template = &self.form.templates[*child];
                let is_open =
                    matches!(template.kind, Kind::Repeat) && !template.rules.contains_key(&Rule::Count);
                let is_asked = || match template.rules.get(&Rule::Relevant) {
                    Some(expr) => expr.boolean(self, SessionNode::Record(node), around).unwrap_or(false),
                    None => true,
                };
                (is_open && is_asked()).then(|| (slot, format!("{row}{}", template.name)))
            })
            .collect()
    }

    /// The key of the innermost row around a node, itself included; empty outside of rows.
    fn row_of(&self, node: u32) -> String {
        std::iter::successors(Some(node), |at| self.nodes[*at as usize].parent)
            .find(|at| matches!(self.form.templates[self.nodes[*at as usize].template].kind, Kind::Repeat))
            .map(|row| self.key(row))
            .unwrap_or_default()
    }

    fn walk(&self, node: u32, pages: &mut Vec<Page>, is_inside: bool, rows: Option<&Surroundings>) {
        let here = &self.nodes[node as usize];
        if !here.relevant {
            return;
        }
        let template = &self.form.templates[here.template];
        match &template.kind {
            Kind::Question(question) => {
                if !xform::is_shown(question) {
                    return;
                }
                if !is_inside || pages.is_empty() {
                    pages.push(Page::default());
                }
                if let Some(page) = pages.last_mut() {
                    page.questions.push(self.key(node));
                    page.nodes.push(node);
                }
            }
            Kind::Group | Kind::Repeat => {
                let is_top =
                    here.parent == Some(0) && self.form.style.split_whitespace().any(|word| word == "pages");
                let is_list = template.appearance.split_whitespace().any(|word| word == "field-list");
                let opens = !is_inside && node != 0 && (is_list || is_top);
                if opens {
                    pages.push(Page::default());
                }
                let repeats = rows.map(|around| self.open_repeats(node, around)).unwrap_or_default();
                for (slot, children) in here.slots.iter().enumerate() {
                    for child in children.nodes() {
                        self.walk(child, pages, is_inside || opens, rows);
                    }
                    let Some((_, repeat)) = repeats.iter().find(|(at, _)| *at == slot) else { continue };
                    if !(is_inside || opens) || pages.is_empty() {
                        pages.push(Page::default());
                    }
                    if let Some(page) = pages.last_mut() {
                        page.rows.push(repeat.clone());
                    }
                }
                if opens && pages.last().is_some_and(|page| page.nodes.is_empty() && page.rows.is_empty()) {
                    pages.pop();
                }
            }
        }
    }

    /// The page that is shown; the first where the place was lost.
    #[must_use]
    pub fn page(&self) -> Page {
        let at = self.at.filter(|at| self.is_asked(*at));
        match at {
            // Only the section of the place is walked, not the form.
            Some(at) => {
                let mut pages = Vec::new();
                self.walk(self.list_around(at), &mut pages, false, None);
                pages.into_iter().find(|page| page.nodes.contains(&at)).unwrap_or_default()
            }
            None => self.pages().into_iter().next().unwrap_or_default(),
        }
    }

    /// The outermost section whose questions are one page, or the node itself.
    fn list_around(&self, node: u32) -> u32 {
        let has_pages = self.form.style.split_whitespace().any(|word| word == "pages");
        let mut outermost = node;
        let mut at = self.nodes[node as usize].parent;
        while let Some(here) = at {
            let this = &self.nodes[here as usize];
            let template = &self.form.templates[this.template];
            let is_list = template.appearance.split_whitespace().any(|word| word == "field-list");
            if is_list || (has_pages && this.parent == Some(0)) {
                outermost = here;
            }
            at = this.parent;
        }
        outermost
    }

    /// Goes to the next page; `false` where there is none.
    pub fn next_page(&mut self) -> bool {
        self.go(1)
    }

    /// Goes to the page before; `false` where there is none.
    pub fn previous_page(&mut self) -> bool {
        self.go(-1)
    }

    fn go(&mut self, by: isize) -> bool {
        let pages = self.pages();
        let here = self.at.and_then(|at| pages.iter().position(|page| page.nodes.contains(&at)));
        let there = match here {
            Some(here) => here.checked_add_signed(by),
            None => Some(0),
        };
        let Some(first) = there.and_then(|there| pages.get(there)).and_then(Page::first) else {
            return false;
        };
        self.at = Some(first);
        true
    }

    /// Goes to the page of a question; `false` where it is not asked.
    pub fn jump(&mut self, key: &str) -> bool {
        match self.node(key).filter(|node| self.is_asked(*node)) {
            Some(node) => {
                self.at = Some(node);
                true
            }
            None => false,
        }
    }

    /// How a question stands.
    #[must_use]
    pub fn state(&self, key: &str, around: &Surroundings) -> Option<QuestionState> {
        self.node(key).and_then(|node| self.state_of(node, around))
    }

    pub(super) fn state_of(&self, node: u32, around: &Surroundings) -> Option<QuestionState> {
        self.question(node)?;
        let here = &self.nodes[node as usize];
        let template = &self.form.templates[here.template];
        let relevant = self.is_asked(node);
        Some(QuestionState {
            key: self.key(node),
            label: template.label.get(&self.language).unwrap_or_default().to_owned(),
            value: here.value.clone(),
            relevant,
            required: relevant && self.is_required(node, around),
            read_only: self.is_read_only(node, around),
            trouble: if relevant { self.trouble(node, around) } else { None },
            choices: (template.list.is_some() || template.source.is_some())
                .then(|| self.offered(node, around).iter().map(|choice| choice.name.clone()).collect()),
        })
    }

    /// A text of the form (a label, a hint) with the answers that it names, as the question of this key sees
    /// them: those of its own row before others. What is not answered or not asked is left out.
    #[must_use]
    pub fn told(&self, key: &str, text: &str, around: &Surroundings) -> String {
        self.node(key).map_or_else(|| text.to_owned(), |node| self.with_answers(node, text, around))
    }

    fn with_answers(&self, node: u32, text: &str, around: &Surroundings) -> String {
        with_names(text, |name| {
            let mut found = Vec::new();
            match name.strip_prefix("last-saved#") {
                Some(name) => self.last_saved(name, &mut found),
                None => self.named(name, Some(SessionNode::Record(node)), &mut found),
            }
            found.first().map(|node| self.value(*node).text(&around.zone)).unwrap_or_default()
        })
    }

    fn is_required(&self, node: u32, around: &Surroundings) -> bool {
        self.says(node, Rule::Required, around) == Some(true)
    }

    /// Whether a question is only shown. What waits for another answer can be changed by hand until then.
    fn is_read_only(&self, node: u32, around: &Surroundings) -> bool {
        let template = &self.form.templates[self.nodes[node as usize].template];
        let is_computed = template.rules.contains_key(&Rule::Calculation) && !template.is_triggered;
        let is_said = self.says(node, Rule::ReadOnly, around);
        is_computed
            || is_said.unwrap_or_else(|| self.question(node).is_some_and(|question| question.read_only))
    }

    /// What an expression of a question says, where it has this one; what cannot be computed says no.
    fn says(&self, node: u32, rule: Rule, around: &Surroundings) -> Option<bool> {
        let template = &self.form.templates[self.nodes[node as usize].template];
        let expr = template.rules.get(&rule)?;
        Some(expr.boolean(self, SessionNode::Record(node), around).unwrap_or(false))
    }

    /// What is wrong with the answer of a question that is asked.
    pub(super) fn trouble(&self, node: u32, around: &Surroundings) -> Option<Trouble> {
        let question = self.question(node)?;
        let here = &self.nodes[node as usize];
        let template = &self.form.templates[here.template];
        let said = |message: &crate::form::Translated, otherwise: &str| {
            let message = message.get(&self.language).filter(|text| !text.is_empty()).unwrap_or(otherwise);
            // What is found of a record is read by people who may not read all of its answers.
            if self.keeps { message.to_owned() } else { self.with_answers(node, message, around) }
        };
        for rule in [Rule::Relevant, Rule::Calculation, Rule::Default] {
            if let Some(error) = self.faults.get(&(node, rule)) {
                return Some(Trouble { code: error.kind.code(), message: error.to_string() });
            }
        }
        if matches!(here.value, Scalar::Empty) {
            let is_missing = question.kind.is_kept() && self.is_required(node, around);
            return is_missing.then(|| Trouble {
                code: "missing_answer",
                message: said(&question.required_message, "An answer is needed here."),
            });
        }
        if self.keeps && !self.is_offered(node, around) {
            let message = "This answer is not offered together with the others.".to_owned();
            return Some(Trouble { code: "not_offered", message });
        }
        let constraint = template.rules.get(&Rule::Constraint)?;
        match constraint.boolean(self, SessionNode::Record(node), around) {
            Ok(true) => None,
            Ok(false) => Some(Trouble {
                code: "constraint",
                message: said(&question.constraint_message, "This answer breaks a rule of the form."),
            }),
            Err(error) => Some(Trouble { code: error.kind.code(), message: error.to_string() }),
        }
    }

    /// How the questions of the page that were touched stand now.
    pub(super) fn delta(&mut self, touched: &BTreeSet<u32>, around: &Surroundings) -> PageDelta {
        let left_page = !self.at.is_some_and(|at| self.is_asked(at));
        let list = self.at.map(|at| self.list_around(at));
        let is_here = |node: u32| {
            list.is_some_and(|list| {
                std::iter::successors(Some(node), |at| self.nodes[*at as usize].parent).any(|up| up == list)
            })
        };
        let (here, elsewhere): (Vec<u32>, Vec<u32>) =
            touched.iter().copied().partition(|node| is_here(*node));
        let changed: Vec<_> = here.into_iter().filter_map(|node| self.state_of(node, around)).collect();
        PageDelta { changed, elsewhere: elsewhere.len(), left_page }
    }
}
