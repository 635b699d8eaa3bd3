//! Choices that are the answers of a repeat (`select_one ${name}`): one for each row that says something.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{Kind, Session, SessionNode, T, compiled::Rule};
use crate::form::{
    Choice, QuestionKind, Translated,
    expr::{Context, Scalar, Surroundings},
    named::Named,
};

/// Where the choices of a select come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// The question whose answers they are.
    pub(super) question: T,
    /// The repeat whose rows hold it.
    pub(super) repeat: T,
}

impl Session {
    /// The choices of a select that takes them from rows: each answer once, in the order of the rows. Of a
    /// repeat that both stand in, every row of it is one, not only that of the select.
    ///
    /// Where several can be chosen, an answer with a blank is none: blanks stand between codes.
    pub(super) fn row_choices(&self, node: u32, source: Source, around: &Surroundings) -> Vec<Choice> {
        let holder = self.form.templates[source.repeat].parent.unwrap_or_default();
        let mut rows = Vec::new();
        self.instances(self.shared(node, holder), source.repeat, true, &mut rows);
        let template = &self.form.templates[self.nodes[node as usize].template];
        let filter = template.rules.get(&Rule::Choices);
        let is_one = matches!(&template.kind, Kind::Question(question) if matches!(question.kind, QuestionKind::SelectOne(_)));
        let mut seen = BTreeSet::new();
        let mut choices = Vec::new();
        for row in rows {
            let offering = Offering { session: self, row, repeat: source.repeat };
            let (here, there) = (SessionNode::Record(node), SessionNode::Record(row));
            let is_offered = filter.is_none_or(|filter| {
                // A filter that cannot be computed leaves every choice.
                filter.boolean_in(&offering, here, there, around).unwrap_or(true)
            });
            if !is_offered {
                continue;
            }
            let mut found = Vec::new();
            self.instances(row, source.question, true, &mut found);
            for text in found.into_iter().map(|node| self.nodes[node as usize].value.text(&around.zone)) {
                let is_code = !text.is_empty() && (is_one || !text.contains(char::is_whitespace));
                if is_code && seen.insert(text.clone()) {
                    choices.push(choice(text));
                }
            }
        }
        choices
    }
}

fn choice(text: String) -> Choice {
    Choice {
        label: Translated([(String::new(), text.clone())].into()),
        name: text,
        media: BTreeMap::new(),
        sensitivity: None,
        valid_from: None,
        valid_to: None,
        extra: Named::new(),
    }
}

/// A session as the filter of such a select sees it: what stands in the repeat is that of the row that is
/// offered, everything else that of the select.
struct Offering<'s> {
    session: &'s Session,
    row: u32,
    repeat: T,
}

impl Context for Offering<'_> {
    type Node = SessionNode;

    fn root(&self) -> SessionNode {
        self.session.root()
    }

    fn parent(&self, node: SessionNode) -> Option<SessionNode> {
        self.session.parent(node)
    }

    fn children(&self, node: SessionNode) -> impl Iterator<Item = SessionNode> {
        self.session.children(node)
    }

    fn name(&self, node: SessionNode) -> &str {
        self.session.name(node)
    }

    fn value(&self, node: SessionNode) -> Scalar<'_> {
        self.session.value(node)
    }

    fn named(&self, name: &str, from: Option<SessionNode>, found: &mut Vec<SessionNode>) {
        let form = &self.session.form;
        let targets = form.by_name.get(name).into_iter().flatten();
        let is_of_row = targets.into_iter().any(|target| form.is_ancestor_or_self(self.repeat, *target));
        let from = if is_of_row { Some(SessionNode::Record(self.row)) } else { from };
        self.session.named(name, from, found);
    }

    fn children_named(&self, node: SessionNode, name: &str, found: &mut Vec<SessionNode>) {
        self.session.children_named(node, name, found);
    }

    fn last_saved(&self, name: &str, found: &mut Vec<SessionNode>) {
        self.session.last_saved(name, found);
    }

    fn instance(&self, id: &str) -> Option<SessionNode> {
        self.session.instance(id)
    }

    fn choice_label(&self, question: &str, code: &str, from: SessionNode) -> Option<Cow<'_, str>> {
        self.session.choice_label(question, code, from)
    }

    fn version(&self) -> &str {
        self.session.version()
    }
}
