//! What the expressions of a session see: the record as it stands, and the choice lists.

use std::borrow::Cow;

use super::{Session, Slot, compiled::CompiledForm};
use crate::form::expr::{Context, Scalar};

/// A node of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionNode {
    /// The document node of the record.
    Document,
    /// A question, section or row.
    Record(u32),
    /// The document node of a choice list.
    List(u32),
    /// The `root` of a choice list.
    Root(u32),
    /// A choice.
    Item(u32, u32),
    /// A column of a choice.
    Cell(u32, u32, u32),
    /// An answer of the record saved before.
    Saved(u32),
}

impl Session {
    fn choice(&self, list: u32, row: u32) -> Option<&crate::form::Choice> {
        self.form.lists.get(list as usize)?.choices.get(row as usize)
    }

    fn cell(&self, list: u32, row: u32, column: u32) -> (&str, &str) {
        let Some(choice) = self.choice(list, row) else { return ("", "") };
        match column {
            0 => ("name", &choice.name),
            1 => ("label", choice.label.text()),
            more => {
                let extra = choice.extra.iter().nth(more as usize - 2);
                extra.map_or(("", ""), |(name, value)| (name.as_str(), value.as_str()))
            }
        }
    }

    fn relevant_children(&self, node: u32) -> impl Iterator<Item = u32> {
        self.nodes[node as usize]
            .slots
            .iter()
            .flat_map(Slot::nodes)
            .filter(|child| self.nodes[*child as usize].relevant)
    }
}

impl Context for Session {
    type Node = SessionNode;

    fn root(&self) -> SessionNode {
        SessionNode::Document
    }

    fn parent(&self, node: SessionNode) -> Option<SessionNode> {
        match node {
            SessionNode::Document | SessionNode::List(_) | SessionNode::Saved(_) => None,
            SessionNode::Record(node) => Some(match self.nodes[node as usize].parent {
                Some(parent) => SessionNode::Record(parent),
                None => SessionNode::Document,
            }),
            SessionNode::Root(list) => Some(SessionNode::List(list)),
            SessionNode::Item(list, _) => Some(SessionNode::Root(list)),
            SessionNode::Cell(list, row, _) => Some(SessionNode::Item(list, row)),
        }
    }

    fn children(&self, node: SessionNode) -> impl Iterator<Item = SessionNode> {
        let (record, top, root, items, cells) = match node {
            SessionNode::Document => (None, Some(SessionNode::Record(0)), None, 0, 0),
            SessionNode::Record(node) => (Some(node), None, None, 0, 0),
            SessionNode::List(list) => (None, None, Some(SessionNode::Root(list)), 0, 0),
            SessionNode::Root(list) => {
                let count = self.form.lists.get(list as usize).map_or(0, |list| list.choices.len());
                (None, None, None, u32::try_from(count).unwrap_or(u32::MAX), 0)
            }
            SessionNode::Item(list, row) => {
                let count = self.choice(list, row).map_or(0, |choice| choice.extra.len() + 2);
                (None, None, None, 0, u32::try_from(count).unwrap_or(u32::MAX))
            }
            SessionNode::Cell(..) | SessionNode::Saved(_) => (None, None, None, 0, 0),
        };
        record
            .into_iter()
            .flat_map(|node| self.relevant_children(node).map(SessionNode::Record))
            .chain(top)
            .chain(root)
            .chain((0..items).map(move |row| match node {
                SessionNode::Root(list) => SessionNode::Item(list, row),
                other => other,
            }))
            .chain((0..cells).map(move |column| match node {
                SessionNode::Item(list, row) => SessionNode::Cell(list, row, column),
                other => other,
            }))
    }

    fn name(&self, node: SessionNode) -> &str {
        match node {
            SessionNode::Document | SessionNode::List(_) => "",
            SessionNode::Record(node) => &self.form.templates[self.nodes[node as usize].template].name,
            SessionNode::Root(_) => "root",
            SessionNode::Item(..) => "item",
            SessionNode::Cell(list, row, column) => self.cell(list, row, column).0,
            SessionNode::Saved(at) => self.saved.get(at as usize).map_or("", |(name, _)| name),
        }
    }

    fn value(&self, node: SessionNode) -> Scalar<'_> {
        match node {
            SessionNode::Record(node) => match &self.nodes[node as usize].value {
                Scalar::Text(text) => Scalar::Text(Cow::Borrowed(text)),
                Scalar::Decimal(text) => Scalar::Decimal(Cow::Borrowed(text)),
                other => other.clone(),
            },
            SessionNode::Cell(list, row, column) => self.cell(list, row, column).1.into(),
            SessionNode::Saved(at) => {
                self.saved.get(at as usize).map_or(Scalar::Empty, |(_, value)| value.clone())
            }
            _ => Scalar::Empty,
        }
    }

    fn children_named(&self, node: SessionNode, name: &str, found: &mut Vec<SessionNode>) {
        let SessionNode::Record(at) = node else {
            found.extend(self.children(node).filter(|child| self.name(*child) == name));
            return;
        };
        let template = self.nodes[at as usize].template;
        for child in self.form.by_name.get(name).into_iter().flatten() {
            if self.form.templates[*child].parent == Some(template) {
                let slot = &self.nodes[at as usize].slots[self.form.templates[*child].slot];
                let relevant = slot.nodes().filter(|child| self.nodes[*child as usize].relevant);
                found.extend(relevant.map(SessionNode::Record));
            }
        }
    }

    fn named(&self, name: &str, from: Option<SessionNode>, found: &mut Vec<SessionNode>) {
        for target in self.form.by_name.get(name).into_iter().flatten() {
            let above = match from {
                Some(SessionNode::Record(node)) => self.shared(node, *target),
                _ => 0,
            };
            let mut nodes = Vec::new();
            self.instances(above, *target, true, &mut nodes);
            found.extend(nodes.into_iter().map(SessionNode::Record));
        }
    }

    fn last_saved(&self, name: &str, found: &mut Vec<SessionNode>) {
        let all = (0_u32..).zip(&self.saved).filter(|(_, (known, _))| known == name);
        found.extend(all.map(|(at, _)| SessionNode::Saved(at)));
    }

    fn instance(&self, id: &str) -> Option<SessionNode> {
        let at = self.form.lists.iter().position(|list| list.name == id)?;
        Some(SessionNode::List(u32::try_from(at).ok()?))
    }

    fn choice_label(&self, question: &str, code: &str, _from: SessionNode) -> Option<Cow<'_, str>> {
        let template = *self.form.by_name.get(question)?.first()?;
        if self.form.templates[template].source.is_some() {
            // An answer of a row is its own label.
            return Some(Cow::Owned(code.to_owned()));
        }
        let list = self.form.templates[template].list?;
        let choice = self.form.lists[list].choices.iter().find(|choice| choice.name == code)?;
        choice.label.get(&self.language).map(Cow::Borrowed)
    }

    fn version(&self) -> &str {
        &self.form.version
    }
}

impl Session {
    /// The deepest node above (or at) a node of which the target can be a descendant.
    pub(super) fn shared(&self, node: u32, target: super::compiled::T) -> u32 {
        let mut at = node;
        loop {
            let here = &self.nodes[at as usize];
            if self.form.is_ancestor_or_self(here.template, target) {
                return at;
            }
            match here.parent {
                Some(parent) => at = parent,
                None => return CompiledForm::TOP as u32,
            }
        }
    }
}
