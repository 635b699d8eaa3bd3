//! Evaluates the tree of an expression over a [`Context`].

use std::{borrow::Cow, cell::Cell, ops::Range};

use super::{
    ast::{Kind, Node, Operator},
    context::{Context, Surroundings},
    error::{ErrorKind, ExprError},
    temporal::{self, Temporal},
    value::{Atom, Value},
};

mod call;
pub(super) mod dates;
mod geo;
mod numbers;
mod path;
pub(super) mod randomness;
mod repeats;
pub(super) mod sets;
pub(super) mod texts;

pub(crate) type Outcome<T> = Result<T, ExprError>;

/// One evaluation.
pub(crate) struct Evaluation<'e, C: Context> {
    pub(crate) context: &'e C,
    pub(crate) around: &'e Surroundings,
    /// The node that the expression belongs to.
    pub(crate) current: C::Node,
    pub(crate) steps: Cell<u64>,
}

/// Where in the evaluation we are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<N> {
    /// The context node.
    pub(crate) node: N,
    /// Place and size of the set, inside of a predicate.
    pub(crate) place: Option<(usize, usize)>,
}

impl<'e, C: Context> Evaluation<'e, C> {
    pub(crate) fn evaluate(&self, node: &'e Node, frame: Frame<C::Node>) -> Outcome<Value<'e, C::Node>> {
        self.step(1, node)?;
        match &node.kind {
            Kind::Number(number) => Ok(Value::Number(*number)),
            Kind::Text(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Kind::Negate(inner) => {
                let value = self.evaluate(inner, frame)?;
                Ok(Value::Number(-self.number(&value)))
            }
            Kind::Chain(first, rest) => self.chain(first, rest, frame),
            Kind::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.nodes(part, frame)?);
                    self.bounded_nodes(all.len(), part)?;
                }
                self.in_document_order(all, node).map(Value::Nodes)
            }
            Kind::Path(path) => self.path(path, node, frame).map(Value::Nodes),
            Kind::Call(call) => self.call(call, node, frame),
            Kind::Variable(name) => match self.context.variable(name) {
                Some(value) => Ok(self.value_of(value.into())),
                None => Err(self.missing(node.span(), format!("There is no variable `${name}` here."))),
            },
        }
    }

    /// Counts work done.
    pub(crate) fn step(&self, cost: usize, at: &Node) -> Outcome<()> {
        let steps = self.steps.get().saturating_add(cost as u64);
        self.steps.set(steps);
        if steps > self.around.limits.steps {
            return Err(ExprError::new(
                ErrorKind::TooManySteps,
                at.span(),
                "The expression takes too long to compute.",
                "Make it read fewer nodes: name them by a shorter path, or put parts into calculations of their own.",
            ));
        }
        Ok(())
    }

    /// Counts the work of handling a text, and refuses one that is too long.
    pub(crate) fn bounded_text(&self, length: usize, at: &Node) -> Outcome<()> {
        self.step(length / 64, at)?;
        if length > self.around.limits.text {
            return Err(ExprError::new(
                ErrorKind::TooBig,
                at.span(),
                format!("The text grows beyond {} bytes.", self.around.limits.text),
                "Make it shorter.",
            ));
        }
        Ok(())
    }

    pub(crate) fn bounded_nodes(&self, count: usize, at: &Node) -> Outcome<()> {
        if count > self.around.limits.nodes {
            return Err(ExprError::new(
                ErrorKind::TooBig,
                at.span(),
                format!("The set grows beyond {} nodes.", self.around.limits.nodes),
                "Name fewer nodes.",
            ));
        }
        Ok(())
    }

    pub(crate) fn missing(&self, span: Range<usize>, what: String) -> ExprError {
        ExprError::new(ErrorKind::Missing, span, what, "Check its name, and whether it is there.")
    }

    pub(crate) fn mismatch(&self, at: &Node, what: impl Into<String>, help: &str) -> ExprError {
        ExprError::new(ErrorKind::TypeMismatch, at.span(), what, help)
    }

    /// The nodes of an expression that has to be a set.
    pub(crate) fn nodes(&self, node: &'e Node, frame: Frame<C::Node>) -> Outcome<Vec<C::Node>> {
        match self.evaluate(node, frame)? {
            Value::Nodes(nodes) => Ok(nodes),
            _ => Err(self.mismatch(
                node,
                "A set of nodes is needed here.",
                "Name a question, a repeat or an instance.",
            )),
        }
    }

    /// A value as one that is no set: of a set, the first node.
    pub(crate) fn atom<'v>(&self, value: &'v Value<'e, C::Node>) -> Atom<'v>
    where
        'e: 'v,
    {
        match value {
            Value::Text(text) => Atom::Text(Cow::Borrowed(text)),
            Value::Number(number) => Atom::Number(*number),
            Value::Boolean(is) => Atom::Boolean(*is),
            Value::Date(date) => Atom::Temporal(Temporal::Date(*date)),
            Value::DateTime(at) => Atom::Temporal(Temporal::Instant(*at)),
            Value::Time(time) => Atom::Temporal(Temporal::Time(*time)),
            Value::Nodes(nodes) => match nodes.first() {
                Some(node) => self.atom_of(*node),
                None => Atom::Text(Cow::Borrowed("")),
            },
        }
    }

    /// The value of a node; of one that has others below it, their texts one behind the other.
    pub(crate) fn atom_of(&self, node: C::Node) -> Atom<'e> {
        match self.context.value(node) {
            super::context::Scalar::Empty if self.context.children(node).next().is_some() => {
                let mut text = String::new();
                let mut open = vec![node];
                while let Some(node) = open.pop() {
                    self.steps.set(self.steps.get().saturating_add(1));
                    if text.len() > self.around.limits.text || self.steps.get() > self.around.limits.steps {
                        break;
                    }
                    let value = Atom::from(self.context.value(node));
                    text.push_str(&value.text(&self.around.zone));
                    let before = open.len();
                    open.extend(self.context.children(node));
                    open[before..].reverse();
                }
                Atom::Text(Cow::Owned(text))
            }
            value => value.into(),
        }
    }

    pub(crate) fn value_of(&self, atom: Atom<'e>) -> Value<'e, C::Node> {
        match atom {
            Atom::Text(text) | Atom::Decimal(text) => Value::Text(text),
            Atom::Number(number) => Value::Number(number),
            Atom::Boolean(is) => Value::Boolean(is),
            Atom::Temporal(Temporal::Date(date)) => Value::Date(date),
            Atom::Temporal(Temporal::Instant(at)) => Value::DateTime(at),
            Atom::Temporal(Temporal::Time(time)) => Value::Time(time),
        }
    }

    pub(crate) fn text<'v>(&self, value: &'v Value<'e, C::Node>) -> Cow<'v, str>
    where
        'e: 'v,
    {
        self.atom(value).text(&self.around.zone)
    }

    pub(crate) fn number(&self, value: &Value<'e, C::Node>) -> f64 {
        self.atom(value).number(&self.around.zone)
    }

    /// Whether a value is true. A set of one node is true where its answer is; XPath alone would call a
    /// question without an answer true, because it is there.
    pub(crate) fn boolean(&self, value: &Value<'e, C::Node>) -> bool {
        match value {
            Value::Nodes(nodes) if nodes.len() > 1 => true,
            other => self.atom(other).boolean(),
        }
    }

    fn chain(
        &self,
        first: &'e Node,
        rest: &'e [(Operator, Node)],
        frame: Frame<C::Node>,
    ) -> Outcome<Value<'e, C::Node>> {
        let mut value = self.evaluate(first, frame)?;
        for (operator, operand) in rest {
            value = match operator {
                Operator::Or => {
                    if self.boolean(&value) {
                        return Ok(Value::Boolean(true));
                    }
                    let operand = self.evaluate(operand, frame)?;
                    Value::Boolean(self.boolean(&operand))
                }
                Operator::And => {
                    if !self.boolean(&value) {
                        return Ok(Value::Boolean(false));
                    }
                    let operand = self.evaluate(operand, frame)?;
                    Value::Boolean(self.boolean(&operand))
                }
                Operator::Equal
                | Operator::NotEqual
                | Operator::Less
                | Operator::LessOrEqual
                | Operator::Greater
                | Operator::GreaterOrEqual => {
                    let other = self.evaluate(operand, frame)?;
                    Value::Boolean(self.compare(&value, *operator, &other, operand)?)
                }
                Operator::Subtract => {
                    let other = self.evaluate(operand, frame)?;
                    Value::Number(self.difference(&value, &other))
                }
                Operator::Add | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                    let other = self.evaluate(operand, frame)?;
                    let (one, other) = (self.number(&value), self.number(&other));
                    Value::Number(match operator {
                        Operator::Add => one + other,
                        Operator::Multiply => one * other,
                        Operator::Divide => one / other,
                        _ => one % other,
                    })
                }
            };
        }
        Ok(value)
    }

    /// A difference. Between a date and an instant the date is midnight of the zone.
    fn difference(&self, one: &Value<'e, C::Node>, other: &Value<'e, C::Node>) -> f64 {
        let zone = &self.around.zone;
        let (one, other) = (self.atom(one), self.atom(other));
        match (one.temporal(zone), other.temporal(zone)) {
            (Some(a @ Temporal::Date(_)), Some(b @ Temporal::Instant(_)))
            | (Some(a @ Temporal::Instant(_)), Some(b @ Temporal::Date(_))) => {
                a.instant(zone).zip(b.instant(zone)).map_or(f64::NAN, |(a, b)| temporal::days_between(a, b))
            }
            (Some(Temporal::Instant(a)), Some(Temporal::Instant(b))) => temporal::days_between(a, b),
            _ => one.number(zone) - other.number(zone),
        }
    }

    /// Compares two values. Of sets, some pair has to satisfy; an empty set is one empty answer.
    fn compare(
        &self,
        one: &Value<'e, C::Node>,
        operator: Operator,
        other: &Value<'e, C::Node>,
        at: &Node,
    ) -> Outcome<bool> {
        if let (Value::Boolean(is), set) | (set, Value::Boolean(is)) = (one, other)
            && matches!(operator, Operator::Equal | Operator::NotEqual)
        {
            return Ok((*is == self.boolean(set)) == (operator == Operator::Equal));
        }
        let ones = self.atoms(one, at)?;
        let others = self.atoms(other, at)?;
        for one in &ones {
            for other in &others {
                self.step(1, at)?;
                if self.satisfies(one, operator, other) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The values of a set, or the one value.
    fn atoms<'v>(&self, value: &'v Value<'e, C::Node>, at: &Node) -> Outcome<Vec<Atom<'v>>>
    where
        'e: 'v,
    {
        match value {
            Value::Nodes(nodes) if nodes.len() > 1 => {
                self.step(nodes.len(), at)?;
                Ok(nodes.iter().map(|node| self.atom_of(*node)).collect())
            }
            other => Ok(vec![self.atom(other)]),
        }
    }

    fn satisfies(&self, one: &Atom<'_>, operator: Operator, other: &Atom<'_>) -> bool {
        let zone = &self.around.zone;
        match operator {
            Operator::Equal => return one.equals(other, zone),
            Operator::NotEqual => return !one.equals(other, zone),
            _ => {}
        }
        if let (Some(a), Some(b)) = (one.temporal(zone), other.temporal(zone)) {
            return a.order(b, zone).is_some_and(|order| match operator {
                Operator::Less => order.is_lt(),
                Operator::LessOrEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                _ => order.is_ge(),
            });
        }
        let (one, other) = (one.number(zone), other.number(zone));
        match operator {
            Operator::Less => one < other,
            Operator::LessOrEqual => one <= other,
            Operator::Greater => one > other,
            _ => one >= other,
        }
    }
}
