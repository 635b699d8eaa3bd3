//! A form made ready to run: its expressions compiled, and who depends on whom.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
};

use super::{index::Column, rows::Source};
use crate::form::{
    Choice, ChoiceSource, Form, Item, Question, Section,
    expr::{Expr, is_dynamic},
};

mod connect;
mod order;
mod rule;

pub(in crate::form) use rule::circle;
pub use rule::{CompileError, Rule};

/// Most questions that the expressions of a form read together: no honest form comes near it.
const MOST_READS: usize = 2_000_000;

/// Lists up to this length are not looked up.
const SHORT_LIST: usize = 32;

/// Place of a template in its form.
pub(super) type T = usize;

#[derive(Debug)]
pub(super) enum Kind {
    Group,
    Repeat,
    Question(Box<Question>),
}

/// A question or section, of which a session has one node or, in repeats, many.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: String,
    /// Row of the sheet.
    pub(super) row: u32,
    pub(super) kind: Kind,
    pub(super) parent: Option<T>,
    /// Place among the children of its parent.
    pub(super) slot: usize,
    pub(super) children: Vec<T>,
    pub(super) rules: BTreeMap<Rule, Arc<Expr>>,
    pub(super) appearance: String,
    pub(super) label: crate::form::Translated,
    pub(super) list: Option<usize>,
    /// Where its choices come from, if they are answers of rows.
    pub(super) source: Option<Source>,
}

/// Who has to be computed again when something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dependent {
    pub(super) template: T,
    pub(super) rule: Rule,
    /// Whether every row depends on it, or only those in the same rows.
    pub(super) is_wide: bool,
}

/// A choice list, whose rows choice filters read.
#[derive(Debug)]
pub(super) struct List {
    pub(super) name: String,
    pub(super) choices: Vec<Choice>,
    /// The columns that filters look up, each read when it is first asked for.
    pub(super) columns: HashMap<String, OnceLock<Column>>,
}

impl List {
    fn new(name: String, choices: Vec<Choice>) -> Self {
        Self { name, choices, columns: HashMap::new() }
    }
}

/// What a form is compiled with: the lists in files, unless it is only checked, and expressions that were
/// compiled before.
#[derive(Clone, Copy)]
struct Known<'a> {
    lists: Option<&'a BTreeMap<String, Vec<Choice>>>,
    expressions: Option<&'a HashMap<String, Arc<Expr>>>,
}

/// A form made ready to run. Made once, shared by every session.
#[derive(Debug)]
pub struct CompiledForm {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) style: String,
    /// Name of the top element in a submission.
    pub(super) root: String,
    pub(super) instance_name: Option<String>,
    pub(super) templates: Vec<Template>,
    pub(super) by_name: HashMap<String, Vec<T>>,
    pub(super) lists: Vec<List>,
    pub(super) dependents: Vec<Vec<Dependent>>,
    /// Rules that read the place of their row.
    pub(super) by_place: Vec<(T, Rule)>,
    pub(super) rank: Vec<usize>,
}

impl CompiledForm {
    /// The template of the top element.
    pub(super) const TOP: T = 0;

    /// Compiles a form; `code_lists` are the lists in files that its selects name.
    ///
    /// # Errors
    ///
    /// Every expression that cannot be compiled, and every circle of expressions.
    pub fn new(form: &Form, code_lists: &BTreeMap<String, Vec<Choice>>) -> Result<Self, Vec<CompileError>> {
        Self::build(form, Known { lists: Some(code_lists), expressions: None })
    }

    /// Whether a form can be compiled: without keeping what only a session needs.
    ///
    /// # Errors
    ///
    /// As [`CompiledForm::new`].
    pub(in crate::form) fn check(
        form: &Form,
        known: &HashMap<String, Arc<Expr>>,
    ) -> Result<(), Vec<CompileError>> {
        Self::build(form, Known { lists: None, expressions: Some(known) }).map(|_| ())
    }

    /// Compiles a form; without code lists, only to see whether it can be.
    fn build(form: &Form, known: Known<'_>) -> Result<Self, Vec<CompileError>> {
        let mut compiled = Self {
            id: form.id.clone(),
            version: form.version.clone(),
            style: form.setting("style").unwrap_or_default().to_owned(),
            root: form.setting("name").filter(|name| !name.is_empty()).unwrap_or("data").to_owned(),
            instance_name: form.setting("instance_name").filter(|text| !text.is_empty()).map(str::to_owned),
            templates: Vec::new(),
            by_name: HashMap::new(),
            lists: form
                .choices
                .iter()
                .filter(|_| known.lists.is_some())
                .map(|(name, choices)| List::new(name.clone(), choices.clone()))
                .chain(
                    form.external_choices
                        .iter()
                        .filter(|_| known.lists.is_some())
                        .map(|(name, choices)| List::new(external(name), choices.clone())),
                )
                .collect(),
            dependents: Vec::new(),
            by_place: Vec::new(),
            rank: Vec::new(),
        };
        let mut errors = Vec::new();
        let top = Section { name: "data".to_owned(), ..Section::default() };
        compiled.section(&top, Kind::Group, None, known, &mut errors);
        for item in &form.items {
            compiled.item(item, Self::TOP, known, &mut errors);
        }
        compiled.sources();
        match compiled.connect() {
            None => errors.push(CompileError::Entangled),
            Some(own) => errors.extend(compiled.order(&own).err().into_iter().flatten()),
        }
        if errors.is_empty() { Ok(compiled) } else { Err(errors) }
    }

    fn item(&mut self, item: &Item, parent: T, known: Known<'_>, errors: &mut Vec<CompileError>) {
        match item {
            Item::Question(question) => self.question(question, parent, known, errors),
            Item::Group(section) | Item::Repeat(section) => {
                let kind = if matches!(item, Item::Repeat(_)) { Kind::Repeat } else { Kind::Group };
                let at = self.section(section, kind, Some(parent), known, errors);
                for item in &section.items {
                    self.item(item, at, known, errors);
                }
            }
        }
    }

    fn section(
        &mut self,
        section: &Section,
        kind: Kind,
        parent: Option<T>,
        known: Known<'_>,
        errors: &mut Vec<CompileError>,
    ) -> T {
        let mut rules = BTreeMap::new();
        for (rule, text) in
            [(Rule::Relevant, section.relevant.as_deref()), (Rule::Count, section.repeat_count.as_deref())]
        {
            compile(&section.name, section.row, rule, (text, known), &mut rules, errors);
        }
        self.push(Template {
            name: section.name.clone(),
            row: section.row,
            kind,
            parent,
            slot: 0,
            children: Vec::new(),
            rules,
            appearance: section.appearance.clone().unwrap_or_default(),
            label: known.lists.map(|_| section.label.clone()).unwrap_or_default(),
            list: None,
            source: None,
        })
    }

    fn question(&mut self, question: &Question, parent: T, known: Known<'_>, errors: &mut Vec<CompileError>) {
        let mut rules = BTreeMap::new();
        let required = question.required.as_deref().map(|text| if text == "yes" { "true()" } else { text });
        let default = question.default.as_deref().filter(|text| is_dynamic(text));
        for (rule, text) in [
            (Rule::Relevant, question.relevant.as_deref()),
            (Rule::Calculation, question.calculation.as_deref()),
            (Rule::Choices, question.choice_filter.as_deref()),
            (Rule::Required, required),
            (Rule::Constraint, question.constraint.as_deref()),
            (Rule::Default, default),
        ] {
            compile(&question.name, question.row, rule, (text, known), &mut rules, errors);
        }
        let list =
            question.kind.choices().zip(known.lists).and_then(|(source, lists)| self.list(source, lists));
        if let (Some(list), Some(filter)) = (list, rules.get(&Rule::Choices)) {
            let list = &mut self.lists[list];
            // A short list is read through as fast.
            if list.choices.len() > SHORT_LIST {
                for column in filter.equalities().columns() {
                    list.columns.entry(column.to_owned()).or_default();
                }
            }
        }
        self.push(Template {
            name: question.name.clone(),
            row: question.row,
            kind: Kind::Question(Box::new(match known.lists {
                Some(_) => question.clone(),
                None => Question { trigger: question.trigger.clone(), ..Question::default() },
            })),
            parent: Some(parent),
            slot: 0,
            children: Vec::new(),
            rules,
            appearance: question.appearance.clone().unwrap_or_default(),
            label: known.lists.map(|_| question.label.clone()).unwrap_or_default(),
            list,
            source: None,
        });
    }

    /// The list of a select; one in a file is taken in when it is first named.
    fn list(&mut self, source: &ChoiceSource, lists: &BTreeMap<String, Vec<Choice>>) -> Option<usize> {
        let name = match source {
            ChoiceSource::List(name) => name.clone(),
            ChoiceSource::File(file) => file.strip_suffix(".csv").unwrap_or(file).to_owned(),
            ChoiceSource::External(name) => external(name),
            // Its choices are the rows that there are: see `sources`.
            ChoiceSource::Answers(_) => return None,
        };
        if let Some(at) = self.lists.iter().position(|list| list.name == name) {
            return Some(at);
        }
        let choices = lists.get(&name)?.clone();
        self.lists.push(List::new(name, choices));
        Some(self.lists.len() - 1)
    }

    /// Finds the rows that selects take their choices from, once all are there.
    fn sources(&mut self) {
        for at in 0..self.templates.len() {
            let Kind::Question(question) = &self.templates[at].kind else { continue };
            let Some(ChoiceSource::Answers(name)) = question.kind.choices() else { continue };
            let named = self.by_name.get(name).into_iter().flatten().copied();
            let source = named.into_iter().find_map(|question| {
                let is_asked = matches!(self.templates[question].kind, Kind::Question(_));
                let repeat = self.above(question).find(|up| matches!(self.templates[*up].kind, Kind::Repeat));
                Some(Source { question, repeat: repeat.filter(|_| is_asked)? })
            });
            self.templates[at].source = source;
        }
    }

    fn push(&mut self, mut template: Template) -> T {
        let at = self.templates.len();
        if let Some(parent) = template.parent {
            template.slot = self.templates[parent].children.len();
            self.templates[parent].children.push(at);
        }
        self.by_name.entry(template.name.clone()).or_default().push(at);
        self.templates.push(template);
        at
    }

    /// Every template below one.
    pub(super) fn below(&self, at: T) -> Vec<T> {
        let mut found = match self.templates.get(at) {
            Some(template) => template.children.clone(),
            None => vec![Self::TOP],
        };
        let mut next = 0;
        while let Some(at) = found.get(next) {
            found.extend(self.templates[*at].children.clone());
            next += 1;
        }
        found
    }

    pub(super) fn above(&self, at: T) -> impl Iterator<Item = T> {
        std::iter::successors(self.templates[at].parent, |up| self.templates[*up].parent)
    }

    pub(super) fn is_ancestor_or_self(&self, above: T, at: T) -> bool {
        above == at || self.above(at).any(|up| up == above)
    }
}

fn compile(
    name: &str,
    row: u32,
    rule: Rule,
    (text, known): (Option<&str>, Known<'_>),
    rules: &mut BTreeMap<Rule, Arc<Expr>>,
    errors: &mut Vec<CompileError>,
) {
    let Some(text) = text else { return };
    if let Some(expr) = known.expressions.and_then(|expressions| expressions.get(text)) {
        rules.insert(rule, Arc::clone(expr));
        return;
    }
    match Expr::compile(text) {
        Ok(expr) => {
            rules.insert(rule, Arc::new(expr));
        }
        Err(all) => errors.extend(all.into_iter().map(|error| CompileError::Expression {
            name: name.to_owned(),
            row,
            rule,
            error,
        })),
    }
}

/// How a list of the `external_choices` sheet is told from one of the `choices` sheet with its name.
fn external(list: &str) -> String {
    format!("external:{list}")
}

/// The names in a `trigger` cell: `${a}`, several with commas between.
pub(in crate::form) fn trigger_names(text: &str) -> Vec<&str> {
    text.split(',')
        .filter_map(|part| part.trim().strip_prefix("${")?.strip_suffix('}').map(str::trim))
        .collect()
}
