//! Functions over sets of nodes and over what is around the form.

use std::borrow::Cow;

use super::{Evaluation, Frame, Outcome, call::count};
use crate::form::expr::{
    ast::{Kind, Node},
    context::Context,
    functions::Function,
    value::Value,
};

impl<'e, C: Context> Evaluation<'e, C> {
    pub(super) fn aggregate(
        &self,
        function: Function,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<f64> {
        if function == Function::Sum {
            let nodes = self.nodes(&arguments[0], frame)?;
            self.step(nodes.len(), at)?;
            let numbers = nodes.into_iter().map(|node| self.atom_of(node).number(&self.around.zone));
            return Ok(numbers.filter(|number| !number.is_nan()).fold(0.0, |sum, number| sum + number));
        }
        let values = self.spread(arguments, frame)?;
        let numbers = values.iter().map(|value| value.number(&self.around.zone));
        let best = numbers
            .filter(|number| !number.is_nan())
            .reduce(|one, other| if (one < other) == (function == Function::Min) { one } else { other });
        Ok(best.unwrap_or(f64::NAN))
    }

    /// The place of a node among its siblings of the same name, or in the set of a predicate.
    pub(super) fn position(&self, argument: Option<&'e Node>, frame: Frame<C::Node>) -> Outcome<f64> {
        let node = match (argument, frame.place) {
            (None, Some((place, _))) => return Ok(count(place)),
            (None, None) => Some(frame.node),
            (Some(argument), _) => self.nodes(argument, frame)?.first().copied(),
        };
        let Some(node) = node else { return Ok(f64::NAN) };
        let Some(parent) = self.context.parent(node) else { return Ok(1.0) };
        let mut siblings = Vec::new();
        self.context.children_named(parent, self.context.name(node), &mut siblings);
        if let Some(argument) = argument {
            self.step(siblings.len(), argument)?;
        }
        let place = siblings.iter().position(|sibling| *sibling == node).map_or(1, |index| index + 1);
        Ok(count(place))
    }

    /// The label of a code. The question stands in quotes, as `${name}`, as a path or as its name.
    pub(super) fn choice_name(
        &self,
        arguments: &'e [Node],
        frame: Frame<C::Node>,
    ) -> Outcome<Value<'e, C::Node>> {
        let code = self.string(&arguments[0], frame)?;
        if code.is_empty() {
            return Ok(Value::EMPTY);
        }
        let named = self.string(&arguments[1], frame)?;
        let question = question_of(&named);
        let label = self.context.choice_label(question, &code, self.current);
        Ok(Value::Text(label.unwrap_or(Cow::Borrowed(""))))
    }

    /// A column of the row of a file whose key column holds the key.
    pub(super) fn pulldata(
        &self,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<Cow<'e, str>> {
        let id = self.string(&arguments[0], frame)?;
        let (column, key_column) = (self.string(&arguments[1], frame)?, self.string(&arguments[2], frame)?);
        let key = self.string(&arguments[3], frame)?;
        let id = id.strip_suffix(".csv").unwrap_or(&id);
        let Some(document) = self.context.instance(id) else {
            return Err(
                self.missing(arguments[0].span(), "There is no file of data of this name.".to_owned())
            );
        };
        if key.is_empty() {
            return Ok(Cow::Borrowed(""));
        }
        let (mut roots, mut rows, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        self.context.children_named(document, "root", &mut roots);
        for root in roots {
            self.context.children_named(root, "item", &mut rows);
        }
        for row in rows {
            self.step(1, at)?;
            cells.clear();
            self.context.children_named(row, &key_column, &mut cells);
            let is_it = cells.first().is_some_and(|cell| self.atom_of(*cell).text(&self.around.zone) == key);
            if is_it {
                cells.clear();
                self.context.children_named(row, &column, &mut cells);
                let cell = cells.first().map(|cell| self.atom_of(*cell).text(&self.around.zone));
                return Ok(cell.unwrap_or_default());
            }
        }
        Ok(Cow::Borrowed(""))
    }
}

/// The name of the question that a text of `jr:choice-name` names: `${name}`, a path, a name.
pub(in crate::form::expr) fn question_of(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(text).trim();
    text.rsplit('/').next().unwrap_or(text).trim()
}

/// The name in the literal second argument of `jr:choice-name`.
pub(in crate::form::expr) fn named_question(arguments: &[Node]) -> Option<&str> {
    match &arguments.get(1)?.kind {
        Kind::Text(text) => Some(question_of(text)),
        _ => None,
    }
}
