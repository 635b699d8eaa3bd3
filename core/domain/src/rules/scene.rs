//! The tree that a rule's expressions read: a unit, below it its records, below them their answers.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{Rule, Rules, builtin};
use crate::{
    deadline::Deadline,
    form::{
        Choice, Form, Question, QuestionKind,
        expr::{NodeId, Scalar, Tree},
    },
    ids::RecordId,
    programme::Programme,
    record::RecordView,
    value::Value,
};

/// A tree and where its records are in it.
pub(super) struct Scene<'a> {
    rules: &'a Rules,
    programme: &'a Programme,
    pub(super) tree: Tree,
    /// Names that the rules at hand read: of a record nothing else is shown to them.
    names: BTreeSet<&'a str>,
    /// Attributes that they read; `None`: any.
    attributes: Option<BTreeSet<&'a str>>,
    /// Which record a node is.
    pub(super) records: BTreeMap<NodeId, (RecordId, String)>,
}

impl<'a> Scene<'a> {
    /// An empty tree for these of the rules.
    pub(super) fn new(rules: &'a Rules, programme: &'a Programme, at_hand: &[&'a Rule]) -> Self {
        let names = at_hand.iter().flat_map(|rule| &rule.names).map(String::as_str).collect();
        let mut attributes = Some(BTreeSet::new());
        for rule in at_hand {
            match (&mut attributes, &rule.attributes) {
                (Some(all), Some(read)) => all.extend(read.iter().map(String::as_str)),
                (all, _) => *all = None,
            }
        }
        let lists: BTreeSet<&String> = at_hand.iter().flat_map(|rule| &rule.lists).collect();
        let mut tree = Tree::new();
        for name in lists {
            for choice in programme.code_lists.get(name).into_iter().flatten() {
                let dates = [("valid_from", choice.valid_from), ("valid_to", choice.valid_to)];
                let dates: Vec<(&str, String)> = dates
                    .into_iter()
                    .map(|(column, date)| (column, date.map(|date| date.to_string()).unwrap_or_default()))
                    .collect();
                let fixed = [("name", choice.name.as_str())];
                let more = choice.extra.iter().map(|(column, value)| (column.as_str(), value.as_str()));
                let dates = dates.iter().map(|(column, date)| (*column, date.as_str()));
                tree.add_row(name, fixed.into_iter().chain(dates).chain(more));
            }
        }
        Self { rules, programme, tree, names, attributes, records: BTreeMap::new() }
    }

    /// The element of a unit.
    pub(super) fn unit(&mut self, parent: NodeId) -> NodeId {
        self.tree.add(parent, "unit", Scalar::Empty)
    }

    /// Adds a record below a unit; `prefix` stands before the form's name.
    pub(super) fn record(&mut self, unit: NodeId, prefix: &str, view: &RecordView) -> NodeId {
        let form_id = &view.root.form;
        let name = if prefix.is_empty() { form_id.into() } else { Cow::Owned(format!("{prefix}{form_id}")) };
        let node = self.tree.add(unit, &name, Scalar::Empty);
        self.records.insert(node, (view.root.id, form_id.clone()));
        let form = self.programme.form(form_id);
        self.attributes(node, form, view);
        let names = &self.names;
        match form {
            Some(form) => {
                let read = form
                    .questions_outside_repeats()
                    .filter(|question| names.contains(question.name.as_str()));
                for Question { name, kind, .. } in read {
                    let value = match kind {
                        QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_) => {
                            Scalar::from(view.codes(name).join(" "))
                        }
                        kind => view.value(name).map_or(Scalar::Empty, |value| scalar(Some(kind), value)),
                    };
                    self.tree.add(node, name, value);
                }
            }
            None => {
                for (name, value) in names.iter().filter_map(|name| Some((name, view.value(name)?))) {
                    self.tree.add(node, name, scalar(None, value));
                }
            }
        }
        self.repeats(node, form, view);
        node
    }

    /// The rows of the repeats that rules read.
    fn repeats(&mut self, node: NodeId, form: Option<&Form>, view: &RecordView) {
        let Some(form) = form else { return };
        for (key, field) in &view.fields {
            let mut parts = key.split('/');
            let Some((repeat, (row, name))) = parts.next().zip(parts.next().zip(parts.next())) else {
                continue;
            };
            if parts.next().is_some() || !self.names.contains(repeat) || !field.shown.value.is_present() {
                continue;
            }
            let kind = form.question(name).map(|question| &question.kind);
            let row_node = self.row(node, repeat, row);
            self.tree.add(row_node, name, scalar(kind, &field.shown.value));
        }
    }

    /// The node of a row: keys come sorted, so the rows of a repeat lie together.
    fn row(&mut self, node: NodeId, repeat: &str, row: &str) -> NodeId {
        use crate::form::expr::Context as _;
        let mut rows = Vec::new();
        self.tree.children_named(node, repeat, &mut rows);
        let same = rows.last().copied().filter(|last| {
            let key = self.tree.attributes(*last).find(|attribute| self.tree.name(*attribute) == "key");
            key.is_some_and(|key| self.tree.value(key) == Scalar::from(row))
        });
        same.unwrap_or_else(|| {
            let added = self.tree.add(node, repeat, Scalar::Empty);
            self.tree.add_attribute(added, "key", row.to_owned().into());
            added
        })
    }

    fn attributes(&mut self, node: NodeId, form: Option<&Form>, view: &RecordView) {
        let attributes = &self.attributes;
        let is_read = |name: &str| attributes.as_ref().is_none_or(|read| read.contains(name));
        let tree = &mut self.tree;
        let mut add = |name: &str, value: &dyn Fn() -> Scalar<'static>| {
            if is_read(name) {
                tree.add_attribute(node, name, value());
            }
        };
        add("id", &|| view.root.id.to_string().into());
        add("created", &|| Scalar::Instant(view.created.at.timestamp()));
        add("author", &|| view.created.author.map(|author| author.to_string()).unwrap_or_default().into());
        add("disputed", &|| {
            view.disagreements().map(|(field, _)| field).collect::<Vec<_>>().join(" ").into()
        });
        add("clock_ahead", &|| {
            let ahead = view.fields.iter().filter(|(_, field)| field.shown.clock_ahead);
            ahead.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ").into()
        });
        if let Some(form) = form {
            let programme = self.programme;
            let doubled = |_: &[Choice], codes: &[&str]| builtin::has_doubles(codes);
            let unlisted = |choices: &[Choice], codes: &[&str]| {
                codes.iter().any(|code| !choices.iter().any(|choice| choice.name == **code))
            };
            add("doubled", &|| with_codes(programme, form, view, &doubled));
            add("unlisted", &|| with_codes(programme, form, view, &unlisted));
        }
        for derived in self.rules.derived.iter().filter(|derived| derived.form == view.root.form) {
            let text = view.text(&derived.from).unwrap_or_default();
            add(&derived.name, &|| {
                let value = match derived.function {
                    builtin::Function::UpnLetter => builtin::upn_letter(text),
                    builtin::Function::Soundex => builtin::soundex(text),
                    builtin::Function::RuleSeverity => self
                        .programme
                        .severity_of(text)
                        .and_then(|severity| serde_json::to_value(severity).ok()?.as_str().map(str::to_owned))
                        .unwrap_or_default(),
                };
                value.into()
            });
        }
    }

    /// Adds the dates of a unit.
    pub(super) fn deadlines(&mut self, unit: NodeId, deadlines: &[Deadline], as_of: jiff::civil::Date) {
        for deadline in deadlines {
            let node = self.tree.add(unit, "deadline", Scalar::Empty);
            let state = serde_json::to_value(deadline.state(as_of))
                .ok()
                .and_then(|state| state.as_str().map(str::to_owned))
                .unwrap_or_default();
            let met = match deadline.resolution {
                crate::deadline::Resolution::Met { on } => Some(on),
                crate::deadline::Resolution::Exempt { met_on, .. } => met_on,
                _ => None,
            };
            let trigger = deadline.inputs.first().map(RecordId::to_string).unwrap_or_default();
            for (name, value) in [
                ("rule", Scalar::from(deadline.rule.clone())),
                ("due", Scalar::Date(deadline.due)),
                ("state", Scalar::from(state)),
                ("met_on", met.map_or(Scalar::Empty, Scalar::Date)),
                ("trigger", Scalar::from(trigger)),
            ] {
                self.tree.add(node, name, value);
            }
        }
    }
}

/// The names, with blanks between, of the questions with a list of choices of which this holds for the codes of
/// the record.
fn with_codes(
    programme: &Programme,
    form: &Form,
    view: &RecordView,
    holds: &dyn Fn(&[Choice], &[&str]) -> bool,
) -> Scalar<'static> {
    let mut names = Vec::new();
    for question in form.questions().filter(|question| question.kind.choices().is_some()) {
        // The cheaper first: most questions of most records have no answer.
        let codes = view.codes(&question.name);
        if codes.is_empty() {
            continue;
        }
        if programme.choices(form, question).is_some_and(|choices| holds(choices, &codes)) {
            names.push(question.name.as_str());
        }
    }
    names.join(" ").into()
}

fn scalar(kind: Option<&QuestionKind>, value: &Value) -> Scalar<'static> {
    match (value, kind) {
        (Value::Null, _) => Scalar::Empty,
        (Value::Integer(number), _) => Scalar::Integer(*number),
        (Value::Bool(is), _) => Scalar::Boolean(*is),
        (Value::Instant(at), _) => Scalar::Instant(at.timestamp()),
        (Value::Ref(record), _) => Scalar::from(record.to_string()),
        (Value::Other(text), _) => Scalar::from(text.clone()),
        (Value::Text(text), Some(QuestionKind::Date)) => match value.as_date() {
            Some(date) => Scalar::Date(date),
            None => Scalar::from(text.clone()),
        },
        (Value::Text(text), Some(QuestionKind::Decimal | QuestionKind::Range | QuestionKind::Integer)) => {
            if text.is_empty() {
                Scalar::Empty
            } else {
                Scalar::Decimal(Cow::Owned(text.clone()))
            }
        }
        (Value::Text(text), _) => Scalar::from(text.clone()),
    }
}
