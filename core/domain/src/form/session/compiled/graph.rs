//! The questions and sections of a form with their expressions, and who reads whom: enough to see whether it
//! can be run, and what is made ready to run is made of.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{super::rows::Source, CompileError, Dependent, Rule, T, rule::Rules};
use crate::form::{
    Choice, ChoiceSource, Form, Item, Question, QuestionKind, Section, Translated,
    expr::{Expr, Expressions, is_dynamic},
};

/// What a part of a form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Group,
    Repeat,
    Question,
}

/// A question or section.
#[derive(Debug)]
pub(super) struct Part<'f> {
    pub(super) name: &'f str,
    pub(super) row: u32,
    pub(super) kind: PartKind,
    pub(super) parent: Option<T>,
    /// Whether a repeat is around it.
    pub(super) in_rows: bool,
    pub(super) children: Vec<T>,
    pub(super) rules: Rules,
    pub(super) trigger: &'f str,
    /// The question whose answers its choices are.
    answers: Option<&'f str>,
    pub(super) source: Option<Source>,
}

/// The parts of a form, and who reads whom.
#[derive(Debug)]
pub(super) struct Graph<'f> {
    /// In the order of the sheet, behind the top element.
    pub(super) parts: Vec<Part<'f>>,
    by_name: HashMap<&'f str, Few>,
    /// Whether only what is computed counts: circles are looked for and nothing is run.
    pub(super) is_check: bool,
    pub(super) dependents: Vec<Vec<Dependent>>,
    /// Rules that read the place of their row.
    pub(super) by_place: Vec<(T, Rule)>,
    pub(super) rank: Vec<usize>,
}

/// The parts of one name: mostly it is one.
#[derive(Debug)]
struct Few {
    first: T,
    more: Vec<T>,
}

/// Reads the parts of a form.
struct Reader<'f, 'k> {
    graph: Graph<'f>,
    known: &'k Expressions,
    /// Those that were not known.
    compiled: Expressions,
    errors: Vec<CompileError>,
}

impl<'f> Graph<'f> {
    /// The parts of a form with their expressions, of which some may be compiled already, and what is wrong
    /// with the others.
    pub(super) fn of(form: &'f Form, known: &Expressions, is_check: bool) -> (Self, Vec<CompileError>) {
        let graph = Self {
            parts: Vec::with_capacity(form.items.len() + 1),
            by_name: HashMap::with_capacity(form.items.len()),
            is_check,
            dependents: Vec::new(),
            by_place: Vec::new(),
            rank: Vec::new(),
        };
        let mut reader = Reader { graph, known, compiled: Expressions::default(), errors: Vec::new() };
        let top = Part { name: "data", ..Part::of(PartKind::Group) };
        reader.graph.push(top, None);
        let mut open = vec![(0, form.items.iter())];
        while let Some((parent, items)) = open.last_mut() {
            let parent = *parent;
            match items.next() {
                Some(Item::Question(question)) => reader.question(question, parent),
                Some(item @ (Item::Group(section) | Item::Repeat(section))) => {
                    let kind =
                        if matches!(item, Item::Repeat(_)) { PartKind::Repeat } else { PartKind::Group };
                    let at = reader.section(section, kind, parent);
                    open.push((at, section.items.iter()));
                }
                None => {
                    open.pop();
                }
            }
        }
        reader.graph.sources();
        (reader.graph, reader.errors)
    }

    fn push(&mut self, part: Part<'f>, parent: Option<T>) -> T {
        let at = self.parts.len();
        if let Some(parent) = parent {
            self.parts[parent].children.push(at);
        }
        let in_rows =
            parent.is_some_and(|up| self.parts[up].in_rows || self.parts[up].kind == PartKind::Repeat);
        self.by_name
            .entry(part.name)
            .and_modify(|few| few.more.push(at))
            .or_insert(Few { first: at, more: Vec::new() });
        self.parts.push(Part { parent, in_rows, ..part });
        at
    }

    /// Finds the rows that selects take their choices from, once all are there.
    fn sources(&mut self) {
        for at in 0..self.parts.len() {
            let Some(name) = self.parts[at].answers else { continue };
            let source = self.named(name).find_map(|question| {
                let is_asked = self.parts[question].kind == PartKind::Question;
                let repeat = self.above(question).find(|up| self.parts[*up].kind == PartKind::Repeat);
                Some(Source { question, repeat: repeat.filter(|_| is_asked)? })
            });
            self.parts[at].source = source;
        }
    }

    /// The parts of a name, in the order of the sheet.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = T> {
        let few = self.by_name.get(name);
        few.into_iter().flat_map(|few| std::iter::once(few.first).chain(few.more.iter().copied()))
    }

    pub(super) fn above(&self, at: T) -> impl Iterator<Item = T> {
        std::iter::successors(self.parts[at].parent, |up| self.parts[*up].parent)
    }
}

impl Part<'_> {
    fn of(kind: PartKind) -> Self {
        Self {
            name: "",
            row: 0,
            kind,
            parent: None,
            in_rows: false,
            children: Vec::new(),
            rules: Rules::default(),
            trigger: "",
            answers: None,
            source: None,
        }
    }
}

impl<'f> Reader<'f, '_> {
    fn section(&mut self, section: &'f Section, kind: PartKind, parent: T) -> T {
        let rules = self.rules(
            (&section.name, section.row),
            [(Rule::Relevant, section.relevant.as_deref()), (Rule::Count, section.repeat_count.as_deref())],
        );
        let part = Part { name: &section.name, row: section.row, rules, ..Part::of(kind) };
        self.graph.push(part, Some(parent))
    }

    fn question(&mut self, question: &'f Question, parent: T) {
        let required = question.required.as_deref().map(|text| if text == "yes" { "true()" } else { text });
        // Without a calculation, a trigger takes the answer away; a place is for the device to find.
        let is_taken_away = question.trigger.is_some() && !matches!(question.kind, QuestionKind::Standard(_));
        let calculation = question.calculation.as_deref().or(is_taken_away.then_some("''"));
        let rules = self.rules(
            (&question.name, question.row),
            [
                (Rule::Relevant, question.relevant.as_deref()),
                (Rule::Calculation, calculation),
                (Rule::Choices, question.choice_filter.as_deref()),
                (Rule::Required, required),
                (Rule::Constraint, question.constraint.as_deref()),
                (Rule::ReadOnly, question.read_only_when.as_deref()),
                (Rule::Default, question.default.as_deref().filter(|text| is_dynamic(text))),
            ],
        );
        let answers = match question.kind.choices() {
            Some(ChoiceSource::Answers(name)) => Some(name.as_str()),
            _ => None,
        };
        let part = Part {
            name: &question.name,
            row: question.row,
            rules,
            trigger: question.trigger.as_deref().unwrap_or_default(),
            answers,
            ..Part::of(PartKind::Question)
        };
        self.graph.push(part, Some(parent));
    }

    fn rules<const N: usize>(
        &mut self,
        (name, row): (&str, u32),
        texts: [(Rule, Option<&'f str>); N],
    ) -> Rules {
        let mut rules = Rules::default();
        for (rule, text) in texts {
            let Some(text) = text else { continue };
            if let Some(expr) = self.known.get(text).or_else(|| self.compiled.get(text)) {
                rules.push(rule, Arc::clone(expr));
                continue;
            }
            match Expr::compile(text) {
                Ok(expr) => {
                    let expr = Arc::new(expr);
                    self.compiled.insert(Arc::clone(&expr));
                    rules.push(rule, expr);
                }
                Err(all) => self.errors.extend(all.into_iter().map(|error| CompileError::Expression {
                    name: name.to_owned(),
                    row,
                    rule,
                    error,
                })),
            }
        }
        rules
    }
}

/// The lists of a form's sheets, by the name that a session has for them.
pub(super) fn lists(form: &Form) -> impl Iterator<Item = (String, &Vec<Choice>)> {
    let external = form.external_choices.iter().map(|(name, choices)| (external(name), choices));
    form.choices.iter().map(|(name, choices)| (name.clone(), choices)).chain(external)
}

/// The list of a select; `None` where its choices are the answers of rows.
pub(super) fn list_name(source: &ChoiceSource) -> Option<Cow<'_, str>> {
    match source {
        ChoiceSource::List(name) => Some(Cow::Borrowed(name)),
        ChoiceSource::File(file) => Some(Cow::Borrowed(stem(file))),
        ChoiceSource::External(name) => Some(Cow::Owned(external(name))),
        ChoiceSource::Answers(_) => None,
    }
}

/// The name of a file of choices without its ending.
fn stem(file: &str) -> &str {
    let endings = [".csv", ".xml", ".geojson"];
    endings.into_iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file)
}

/// The columns of a file that hold code and label, where they are not `name` and `label`.
pub(super) fn columns(question: &Question) -> Option<(&str, &str)> {
    let Some(ChoiceSource::File(file)) = question.kind.choices() else { return None };
    let (value, label) = if file.ends_with(".geojson") { ("id", "title") } else { ("name", "label") };
    let named =
        |parameter: &str, otherwise| question.parameters.get(parameter).map_or(otherwise, String::as_str);
    let columns = (named("value", value), named("label", label));
    (columns != ("name", "label")).then_some(columns)
}

/// A list as its other columns tell it.
pub(super) fn told_by(choices: &[Choice], (value, label): (&str, &str)) -> Vec<Choice> {
    let cell = |choice: &Choice, column: &str| match column {
        "name" => choice.name.clone(),
        "label" => choice.label.text().to_owned(),
        other => choice.extra.get(other).cloned().unwrap_or_default(),
    };
    let told = choices.iter().map(|choice| Choice {
        name: cell(choice, value),
        label: if label == "label" {
            choice.label.clone()
        } else {
            Translated([(String::new(), cell(choice, label))].into())
        },
        ..choice.clone()
    });
    told.collect()
}

/// How a list of the `external_choices` sheet is told from one of the `choices` sheet with its name.
fn external(list: &str) -> String {
    format!("external:{list}")
}

/// The choice lists in files.
pub(super) type CodeLists = BTreeMap<String, Vec<Choice>>;
