//! A form made ready to run: its expressions compiled, and who depends on whom.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use super::{Node, grow, index::Column, rows::Source};
use crate::form::{Choice, Form, Item, Question, Translated, expr::Expressions};
use graph::{CodeLists, Graph, Part};
pub(super) use rule::Rules;
pub(in crate::form) use rule::circle;
pub use rule::{CompileError, Rule};

mod connect;
mod graph;
mod order;
mod rule;

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
    pub(super) kind: Kind,
    pub(super) parent: Option<T>,
    /// Place among the children of its parent.
    pub(super) slot: usize,
    pub(super) children: Vec<T>,
    pub(super) rules: Rules,
    /// Whether its calculation waits for another question to change.
    pub(super) is_triggered: bool,
    pub(super) appearance: String,
    pub(super) label: Translated,
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
    /// The nodes of a session that has no rows yet: each template outside of repeats has one, in every session.
    bare: OnceLock<Bare>,
}

/// What every session of a form begins with.
#[derive(Debug)]
pub(super) struct Bare {
    pub(super) nodes: Vec<Node>,
    /// The node of each template; `None` where it stands in a repeat.
    pub(super) places: Vec<Option<u32>>,
}

impl CompiledForm {
    /// The template of the top element.
    pub(super) const TOP: T = 0;

    /// Compiles a form; `code_lists` are the lists in files that its selects name.
    ///
    /// # Errors
    ///
    /// Every expression that cannot be compiled, and every circle of expressions.
    pub fn new(form: &Form, code_lists: &CodeLists) -> Result<Self, Vec<CompileError>> {
        Self::with(form, code_lists, &Expressions::default())
    }

    /// As [`CompiledForm::new`], with expressions that were compiled when the form was opened.
    ///
    /// # Errors
    ///
    /// As [`CompiledForm::new`].
    pub fn with(form: &Form, code_lists: &CodeLists, known: &Expressions) -> Result<Self, Vec<CompileError>> {
        let (mut graph, errors) = Graph::of(form, known, false);
        let errors = complete(&mut graph, errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut compiled = Self {
            id: form.id.clone(),
            version: form.version.clone(),
            style: form.setting("style").unwrap_or_default().to_owned(),
            root: form.setting("name").filter(|name| !name.is_empty()).unwrap_or("data").to_owned(),
            instance_name: form.setting("instance_name").filter(|text| !text.is_empty()).map(str::to_owned),
            templates: Vec::with_capacity(graph.parts.len()),
            by_name: HashMap::new(),
            lists: graph::lists(form).map(|(name, choices)| List::new(name, choices.clone())).collect(),
            dependents: std::mem::take(&mut graph.dependents),
            by_place: std::mem::take(&mut graph.by_place),
            rank: std::mem::take(&mut graph.rank),
            bare: OnceLock::new(),
        };
        compiled.take(form, graph, code_lists);
        compiled.take_files(code_lists);
        Ok(compiled)
    }

    /// Whether a form can be compiled: without keeping what only a session needs.
    ///
    /// # Errors
    ///
    /// As [`CompiledForm::new`].
    pub(in crate::form) fn check(form: &Form, known: &Expressions) -> Result<(), Vec<CompileError>> {
        let (mut graph, errors) = Graph::of(form, known, true);
        let errors = complete(&mut graph, errors);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Takes the parts over as templates, each with its question or section.
    fn take(&mut self, form: &Form, graph: Graph<'_>, code_lists: &CodeLists) {
        let mut places: HashMap<Cow<'_, str>, usize> =
            (0..).zip(graph::lists(form)).map(|(at, (name, _))| (name.into(), at)).collect();
        let mut parts = graph.parts.into_iter();
        let mut open = vec![form.items.iter()];
        if let Some(top) = parts.next() {
            self.push(top, Kind::Group, "", &Translated::default(), None);
        }
        while let Some(items) = open.last_mut() {
            let Some(item) = items.next() else {
                open.pop();
                continue;
            };
            let Some(part) = parts.next() else { return };
            match item {
                Item::Question(question) => {
                    let appearance = question.appearance.as_deref().unwrap_or_default();
                    let list = question.kind.choices().and_then(|source| {
                        let name = graph::list_name(source)?;
                        // One in a file is taken in when it is first named.
                        if !places.contains_key(&name) {
                            let choices = code_lists.get(&*name)?.clone();
                            places.insert(name.clone(), self.lists.len());
                            self.lists.push(List::new(name.clone().into_owned(), choices));
                        }
                        let Some(columns) = graph::columns(question) else {
                            return places.get(&name).copied();
                        };
                        // No expression can name what has brackets.
                        let told = Cow::Owned(format!("{name}[{}, {}]", columns.0, columns.1));
                        if !places.contains_key(&told) {
                            let choices = graph::told_by(&self.lists[*places.get(&name)?].choices, columns);
                            places.insert(told.clone(), self.lists.len());
                            self.lists.push(List::new(told.clone().into_owned(), choices));
                        }
                        places.get(&told).copied()
                    });
                    let kind = Kind::Question(Box::new(question.clone()));
                    self.push(part, kind, appearance, &question.label, list);
                }
                Item::Group(section) | Item::Repeat(section) => {
                    let kind = if matches!(item, Item::Repeat(_)) { Kind::Repeat } else { Kind::Group };
                    let appearance = section.appearance.as_deref().unwrap_or_default();
                    self.push(part, kind, appearance, &section.label, None);
                    open.push(section.items.iter());
                }
            }
        }
    }

    /// Takes in the lists in files that only expressions name.
    fn take_files(&mut self, code_lists: &CodeLists) {
        if code_lists.is_empty() {
            return;
        }
        let known: BTreeSet<&str> = self.lists.iter().map(|list| list.name.as_str()).collect();
        let rules = self.templates.iter().flat_map(|template| template.rules.iter());
        let named: BTreeSet<&String> = rules.flat_map(|(_, expr)| &expr.reads().instances).collect();
        let wanted = named.into_iter().filter(|name| !known.contains(name.as_str()));
        let lists = wanted.filter_map(|name| Some(List::new(name.clone(), code_lists.get(name)?.clone())));
        let lists: Vec<List> = lists.collect();
        self.lists.extend(lists);
    }

    fn push(
        &mut self,
        part: Part<'_>,
        kind: Kind,
        appearance: &str,
        label: &Translated,
        list: Option<usize>,
    ) {
        let at = self.templates.len();
        if let (Some(list), Some(filter)) = (list, part.rules.get(&Rule::Choices)) {
            let list = &mut self.lists[list];
            // A short list is read through as fast.
            if list.choices.len() > SHORT_LIST {
                for column in filter.equalities().columns() {
                    list.columns.entry(column.to_owned()).or_default();
                }
            }
        }
        let siblings = part.parent.and_then(|parent| self.templates.get_mut(parent)).map(|parent| {
            parent.children.push(at);
            parent.children.len()
        });
        self.by_name.entry(part.name.to_owned()).or_default().push(at);
        self.templates.push(Template {
            name: part.name.to_owned(),
            kind,
            parent: part.parent,
            slot: siblings.map_or(0, |count| count - 1),
            children: Vec::new(),
            rules: part.rules,
            is_triggered: !part.trigger.is_empty(),
            appearance: appearance.to_owned(),
            label: label.clone(),
            list,
            source: part.source,
        });
    }

    /// What every session begins with.
    pub(super) fn bare(&self) -> &Bare {
        self.bare.get_or_init(|| {
            let mut nodes = Vec::with_capacity(self.templates.len());
            grow(self, &mut nodes, Self::TOP, None, "");
            let mut places = vec![None; self.templates.len()];
            for (at, node) in (0..).zip(&nodes) {
                places[node.template] = Some(at);
            }
            Bare { nodes, places }
        })
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

/// Finds who reads whom and in which order; everything that is wrong, with what is known already.
fn complete(graph: &mut Graph<'_>, mut errors: Vec<CompileError>) -> Vec<CompileError> {
    if graph.is_check && graph.is_forward() == Some(true) {
        return errors;
    }
    match graph.connect() {
        None => errors.push(CompileError::Entangled),
        Some(own) => errors.extend(graph.order(&own).err().into_iter().flatten()),
    }
    errors
}

/// The names in a `trigger` cell: `${a}`, several with commas between.
pub(in crate::form) fn trigger_names(text: &str) -> Vec<&str> {
    text.split(',')
        .filter_map(|part| part.trim().strip_prefix("${")?.strip_suffix('}').map(str::trim))
        .collect()
}
