//! `indexed-repeat`.

use super::{Evaluation, Frame, Outcome, call::index_of};
use crate::form::expr::{
    ast::{Kind, Node, Path, Start},
    context::Context,
};

impl<'e, C: Context> Evaluation<'e, C> {
    /// The nodes of a question in the rows that pairs of repeat and index name. The pairs can come in
    /// any order; an index below 1 is 1, as JavaRosa has it.
    pub(super) fn indexed_repeat(
        &self,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<Vec<C::Node>> {
        let mut targets = self.everywhere(&arguments[0], frame)?;
        let mut pairs = Vec::new();
        for pair in arguments[1..].chunks_exact(2) {
            let repeats = self.everywhere(&pair[0], frame)?;
            let index = self.numeric(&pair[1], frame)?;
            if index.is_nan() || repeats.is_empty() {
                return Ok(Vec::new());
            }
            let index = index_of(index).unwrap_or_default().max(1) - 1;
            let depth = repeats.first().map_or(0, |node| self.above(*node).count());
            pairs.push((depth, repeats, index));
        }
        pairs.sort_by_key(|(depth, _, _)| *depth);
        let mut within: Option<C::Node> = None;
        for (_, mut repeats, index) in pairs {
            self.step(repeats.len() * 4, at)?;
            if let Some(outer) = within {
                // The row itself, too: a repeat can be named again.
                repeats.retain(|node| *node == outer || self.above(*node).any(|up| up == outer));
            }
            let Some(row) = repeats.get(index).copied() else { return Ok(Vec::new()) };
            within = Some(row);
        }
        if let Some(row) = within {
            self.step(targets.len() * 4, at)?;
            targets.retain(|node| *node == row || self.above(*node).any(|up| up == row));
        }
        Ok(targets)
    }

    /// The nodes that an argument names in every row, wherever the expression stands.
    fn everywhere(&self, node: &'e Node, frame: Frame<C::Node>) -> Outcome<Vec<C::Node>> {
        if let Kind::Path(path) = &node.kind
            && let Path { start: Start::Named { name, last_saved: false }, steps } = &**path
            && steps.is_empty()
        {
            let mut found = Vec::new();
            self.context.named(name, None, &mut found);
            self.step(found.len(), node)?;
            return Ok(found);
        }
        self.nodes(node, frame)
    }
}
