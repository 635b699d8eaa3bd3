//! Location paths: steps along axes, tests, predicates.

use std::collections::HashSet;

use super::{Evaluation, Frame, Outcome};
use crate::form::expr::{
    ast::{Axis, Node, Path, Start, Step, Test},
    context::{Context, Scalar},
    value::Value,
};

/// Sets up to this size are put in order by comparing their nodes, greater ones by a walk of the tree.
const FEW: usize = 8;

impl<'e, C: Context> Evaluation<'e, C> {
    pub(super) fn path(&self, path: &'e Path, at: &'e Node, frame: Frame<C::Node>) -> Outcome<Vec<C::Node>> {
        let mut set = Vec::new();
        match &path.start {
            Start::Root => set.push(self.context.root()),
            Start::Context => set.push(frame.node),
            Start::Named { name, last_saved: false } => {
                self.context.named(name, Some(self.current), &mut set);
            }
            Start::Named { name, last_saved: true } => self.context.last_saved(name, &mut set),
            Start::Inner(inner) => set = self.nodes(inner, frame)?,
        }
        self.step(set.len(), at)?;
        // Whether some nodes of the set may lie inside of others.
        let mut is_nested = false;
        for step in &path.steps {
            let has_many = set.len() > 1;
            let mut next = Vec::new();
            if step.axis == Axis::Filter {
                next = self.filter(std::mem::take(&mut set), &step.predicates)?;
            } else {
                let mut found = Vec::new();
                for node in set.drain(..) {
                    found.clear();
                    self.along(step, node, &mut found, at)?;
                    if step.predicates.is_empty() {
                        next.append(&mut found);
                    } else {
                        next.append(&mut self.filter(std::mem::take(&mut found), &step.predicates)?);
                    }
                    self.bounded_nodes(next.len(), at)?;
                }
            }
            let is_simple = matches!(
                step.axis,
                Axis::Filter | Axis::Child | Axis::SelfNode | Axis::Attribute | Axis::Parent
            );
            if step.axis.is_reverse() && !has_many {
                next.reverse();
            }
            if next.len() > 1
                && step.axis != Axis::Filter
                && step.axis != Axis::SelfNode
                && ((has_many && (step.axis == Axis::Parent || !is_simple)) || is_nested)
            {
                next = self.in_document_order(next, at)?;
            }
            is_nested = match step.axis {
                Axis::Descendant
                | Axis::DescendantOrSelf
                | Axis::Ancestor
                | Axis::AncestorOrSelf
                | Axis::Following
                | Axis::Preceding => true,
                _ => is_nested,
            };
            set = next;
        }
        Ok(set)
    }

    /// The nodes of one axis that pass the test, in the order of the axis.
    fn along(&self, step: &Step, node: C::Node, found: &mut Vec<C::Node>, at: &Node) -> Outcome<()> {
        let context = self.context;
        match (step.axis, &step.test) {
            (Axis::Child, Test::Name(name)) => {
                context.children_named(node, name, found);
                return self.step(found.len(), at);
            }
            // Answers are the texts of their nodes: there is no node of text below them.
            (Axis::Child, Test::Text) => {
                if !matches!(context.value(node), Scalar::Empty) {
                    found.push(node);
                }
                return Ok(());
            }
            _ => {}
        }
        match step.axis {
            Axis::Filter | Axis::SelfNode => found.push(node),
            Axis::Child => found.extend(context.children(node)),
            Axis::Attribute => found.extend(context.attributes(node)),
            Axis::Parent => found.extend(context.parent(node)),
            Axis::Descendant => self.below(node, found, at)?,
            Axis::DescendantOrSelf => {
                found.push(node);
                self.below(node, found, at)?;
            }
            Axis::Ancestor => found.extend(self.above(node)),
            Axis::AncestorOrSelf => {
                found.push(node);
                found.extend(self.above(node));
            }
            Axis::FollowingSibling => found.extend(self.siblings(node).1),
            Axis::PrecedingSibling => found.extend(self.siblings(node).0.into_iter().rev()),
            Axis::Following => {
                let lineage: Vec<C::Node> = std::iter::once(node).chain(self.above(node)).collect();
                for up in lineage {
                    for sibling in self.siblings(up).1 {
                        found.push(sibling);
                        self.below(sibling, found, at)?;
                    }
                }
            }
            Axis::Preceding => {
                let lineage: Vec<C::Node> = std::iter::once(node).chain(self.above(node)).collect();
                for up in lineage {
                    for sibling in self.siblings(up).0.into_iter().rev() {
                        let mut tree = vec![sibling];
                        self.below(sibling, &mut tree, at)?;
                        found.extend(tree.into_iter().rev());
                    }
                }
            }
        }
        self.step(found.len(), at)?;
        if step.test != Test::Node {
            found.retain(|node| self.passes(&step.test, *node));
        }
        Ok(())
    }

    fn passes(&self, test: &Test, node: C::Node) -> bool {
        let name = self.context.name(node);
        match test {
            Test::Node => true,
            Test::Any => !name.is_empty(),
            Test::Name(wanted) => name == &**wanted,
            Test::Prefix(prefix) => name.split_once(':').is_some_and(|(known, _)| known == &**prefix),
            Test::Text | Test::Nothing => false,
        }
    }

    /// Everything below a node, in the order of the document.
    fn below(&self, node: C::Node, found: &mut Vec<C::Node>, at: &Node) -> Outcome<()> {
        let mut open: Vec<C::Node> = self.context.children(node).collect();
        open.reverse();
        while let Some(node) = open.pop() {
            self.step(1, at)?;
            found.push(node);
            self.bounded_nodes(found.len(), at)?;
            let before = open.len();
            open.extend(self.context.children(node));
            open[before..].reverse();
        }
        Ok(())
    }

    /// The nodes above a node, from the nearest up.
    pub(super) fn above(&self, node: C::Node) -> impl Iterator<Item = C::Node> {
        std::iter::successors(self.context.parent(node), |up| self.context.parent(*up))
    }

    fn siblings(&self, node: C::Node) -> (Vec<C::Node>, Vec<C::Node>) {
        let Some(parent) = self.context.parent(node) else { return (Vec::new(), Vec::new()) };
        let all: Vec<C::Node> = self.context.children(parent).collect();
        match all.iter().position(|sibling| *sibling == node) {
            Some(at) => (all[..at].to_vec(), all[at + 1..].to_vec()),
            None => (Vec::new(), Vec::new()),
        }
    }

    /// What the predicates leave of a set.
    fn filter(&self, mut set: Vec<C::Node>, predicates: &'e [Node]) -> Outcome<Vec<C::Node>> {
        for predicate in predicates {
            let size = set.len();
            let mut kept = Vec::new();
            for (index, node) in set.into_iter().enumerate() {
                let place = index + 1;
                let value = self.evaluate(predicate, Frame { node, place: Some((place, size)) })?;
                let is_kept = match value {
                    Value::Number(number) => is_place(number, place),
                    other => self.boolean(&other),
                };
                if is_kept {
                    kept.push(node);
                }
            }
            set = kept;
        }
        Ok(set)
    }

    /// The nodes of a set, each once, in the order of the document.
    pub(super) fn in_document_order(&self, mut set: Vec<C::Node>, at: &Node) -> Outcome<Vec<C::Node>> {
        if set.len() <= FEW {
            set.sort_by(|one, other| self.context.compare(*one, *other));
            set.dedup();
            return Ok(set);
        }
        let wanted: HashSet<C::Node> = set.iter().copied().collect();
        let mut tops = Vec::new();
        for node in &set {
            let top = self.above(*node).last().unwrap_or(*node);
            if !tops.contains(&top) {
                tops.push(top);
            }
        }
        set.clear();
        for top in tops {
            let mut all = vec![top];
            self.below(top, &mut all, at)?;
            for node in all {
                if wanted.contains(&node) {
                    set.push(node);
                }
                for attribute in self.context.attributes(node) {
                    if wanted.contains(&attribute) {
                        set.push(attribute);
                    }
                }
            }
        }
        Ok(set)
    }
}

#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "a place is a whole number")]
fn is_place(number: f64, place: usize) -> bool {
    number == place as f64
}
