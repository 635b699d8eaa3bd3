//! Calls: which function computes what.

use std::borrow::Cow;

use super::{Evaluation, Frame, Outcome};
use crate::form::expr::{
    ast::{Call, Node},
    context::Context,
    error::{ErrorKind, ExprError},
    functions::Function as F,
    temporal::Temporal,
    value::Value,
};

impl<'e, C: Context> Evaluation<'e, C> {
    pub(super) fn call(
        &self,
        call: &'e Call,
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<Value<'e, C::Node>> {
        let Some(function) = call.function else {
            return Err(ExprError::new(
                ErrorKind::UnknownFunction,
                at.span(),
                format!("There is no function `{}`.", call.name),
                "Check its name.",
            ));
        };
        let arguments = &*call.arguments;
        Ok(match function {
            F::True => Value::Boolean(true),
            F::False => Value::Boolean(false),
            F::Not => Value::Boolean(!self.truth(&arguments[0], frame)?),
            F::Boolean => Value::Boolean(self.truth(&arguments[0], frame)?),
            F::BooleanFromString => {
                let text = self.string(&arguments[0], frame)?;
                Value::Boolean(text.eq_ignore_ascii_case("true") || text == "1")
            }
            F::If => {
                let chosen = if self.truth(&arguments[0], frame)? { 1 } else { 2 };
                self.evaluate(&arguments[chosen], frame)?
            }
            F::Coalesce => {
                let first = self.evaluate(&arguments[0], frame)?;
                if self.atom(&first).is_empty() { self.evaluate(&arguments[1], frame)? } else { first }
            }
            F::Depend => {
                let first = self.evaluate(&arguments[0], frame)?;
                for other in &arguments[1..] {
                    self.evaluate(other, frame)?;
                }
                first
            }
            F::Once => self.once(&arguments[0], frame)?,
            F::Checklist => Value::Boolean(self.checklist(arguments, frame)?),
            F::WeightedChecklist => Value::Boolean(self.weighted_checklist(arguments, frame)?),
            F::String
            | F::Concat
            | F::Join
            | F::Substr
            | F::Substring
            | F::SubstringBefore
            | F::SubstringAfter
            | F::Translate
            | F::NormalizeSpace
            | F::Digest
            | F::Base64Encode
            | F::Base64Decode => Value::Text(self.text_function(function, arguments, at, frame)?),
            F::StringLength => {
                let text = self.optional_string(arguments.first(), frame)?;
                self.bounded_text(text.len(), at)?;
                Value::Number(count(text.chars().count()))
            }
            F::Contains | F::StartsWith | F::EndsWith => {
                let (text, part) = (self.string(&arguments[0], frame)?, self.string(&arguments[1], frame)?);
                self.bounded_text(text.len(), at)?;
                Value::Boolean(match function {
                    F::Contains => text.contains(&*part),
                    F::StartsWith => text.starts_with(&*part),
                    _ => text.ends_with(&*part),
                })
            }
            F::Regex => Value::Boolean(self.regex(call, at, frame)?),
            F::Number => Value::Number(match arguments.first() {
                Some(argument) => self.numeric(argument, frame)?,
                None => self.number(&Value::Nodes(vec![frame.node])),
            }),
            F::Min | F::Max | F::Sum => Value::Number(self.aggregate(function, arguments, at, frame)?),
            F::Pi => Value::Number(std::f64::consts::PI),
            F::Int
            | F::Round
            | F::Floor
            | F::Ceiling
            | F::Abs
            | F::Pow
            | F::Exp
            | F::Exp10
            | F::Log
            | F::Log10
            | F::Sqrt
            | F::Sin
            | F::Cos
            | F::Tan
            | F::Asin
            | F::Acos
            | F::Atan
            | F::Atan2 => Value::Number(self.arithmetic(function, arguments, frame)?),
            F::Today => Value::Date(self.around.wall().date()),
            F::Now => Value::DateTime(self.around.now),
            F::Date
            | F::DateTime
            | F::Time
            | F::DecimalDateTime
            | F::DecimalDate
            | F::DecimalTime
            | F::FormatDate
            | F::FormatDateTime => self.date_function(function, arguments, at, frame)?,
            F::Selected | F::IsSelected => {
                let (codes, code) = (self.string(&arguments[0], frame)?, self.string(&arguments[1], frame)?);
                self.bounded_text(codes.len(), at)?;
                let code = code.trim();
                Value::Boolean(if code.is_empty() {
                    codes.trim().is_empty()
                } else {
                    codes.split_whitespace().any(|known| known == code)
                })
            }
            F::SelectedAt => {
                let (codes, index) =
                    (self.string(&arguments[0], frame)?, self.numeric(&arguments[1], frame)?);
                self.bounded_text(codes.len(), at)?;
                let code = index_of(index).and_then(|index| codes.split_whitespace().nth(index));
                Value::Text(Cow::Owned(code.unwrap_or_default().to_owned()))
            }
            F::CountSelected => {
                let codes = self.string(&arguments[0], frame)?;
                self.bounded_text(codes.len(), at)?;
                Value::Number(count(codes.split_whitespace().count()))
            }
            F::ChoiceName => self.choice_name(arguments, frame)?,
            F::Count => Value::Number(count(self.nodes(&arguments[0], frame)?.len())),
            F::CountNonEmpty => {
                let nodes = self.nodes(&arguments[0], frame)?;
                self.step(nodes.len(), at)?;
                Value::Number(count(nodes.iter().filter(|node| !self.atom_of(**node).is_empty()).count()))
            }
            F::Position => Value::Number(self.position(arguments.first(), frame)?),
            F::Last => Value::Number(count(frame.place.map_or(1, |(_, size)| size))),
            F::Current => Value::Nodes(vec![self.current]),
            F::IndexedRepeat => Value::Nodes(self.indexed_repeat(arguments, at, frame)?),
            F::Instance => {
                let id = self.string(&arguments[0], frame)?;
                match self.context.instance(&id) {
                    Some(document) => Value::Nodes(vec![document]),
                    None => {
                        return Err(self
                            .missing(arguments[0].span(), "There is no instance of this name.".to_owned()));
                    }
                }
            }
            F::Pulldata => Value::Text(self.pulldata(arguments, at, frame)?),
            F::Randomize => Value::Nodes(self.randomize(arguments, at, frame)?),
            F::Name | F::LocalName => {
                let node = match arguments.first() {
                    Some(argument) => self.nodes(argument, frame)?.first().copied(),
                    None => Some(frame.node),
                };
                let name = node.map(|node| self.context.name(node)).unwrap_or_default();
                let local = if function == F::LocalName { name.rsplit(':').next() } else { None };
                Value::Text(Cow::Borrowed(local.unwrap_or(name)))
            }
            F::NamespaceUri => {
                if let Some(argument) = arguments.first() {
                    self.nodes(argument, frame)?;
                }
                Value::EMPTY
            }
            F::Area | F::EnclosedArea => Value::Number(self.area(&arguments[0], frame)?),
            F::Distance => Value::Number(self.distance(arguments, frame)?),
            F::Geofence => Value::Boolean(self.geofence(arguments, frame)?),
            F::Itext => {
                let id = self.string(&arguments[0], frame)?;
                match self.context.itext(&id) {
                    Some(text) => Value::Text(text),
                    None => {
                        return Err(
                            self.missing(arguments[0].span(), "There is no text of this name.".to_owned())
                        );
                    }
                }
            }
            F::Random => Value::Number(self.random()),
            F::Uuid => Value::Text(Cow::Owned(self.uuid(arguments.first(), at, frame)?)),
            F::Version => Value::Text(Cow::Borrowed(self.context.version())),
            F::Property => {
                let name = self.string(&arguments[0], frame)?;
                match self.context.property(&name) {
                    Some(text) => Value::Text(text),
                    None => Value::EMPTY,
                }
            }
        })
    }

    /// An argument as a text.
    pub(super) fn string(&self, node: &'e Node, frame: Frame<C::Node>) -> Outcome<Cow<'e, str>> {
        Ok(match self.evaluate(node, frame)? {
            Value::Text(text) => text,
            Value::Nodes(nodes) => match nodes.first() {
                Some(node) => self.atom_of(*node).text(&self.around.zone),
                None => Cow::Borrowed(""),
            },
            other => Cow::Owned(self.text(&other).into_owned()),
        })
    }

    /// An argument as a text, or that of the context node.
    pub(super) fn optional_string(
        &self,
        node: Option<&'e Node>,
        frame: Frame<C::Node>,
    ) -> Outcome<Cow<'e, str>> {
        match node {
            Some(node) => self.string(node, frame),
            None => Ok(self.atom_of(frame.node).text(&self.around.zone)),
        }
    }

    /// An argument as a number.
    pub(super) fn numeric(&self, node: &'e Node, frame: Frame<C::Node>) -> Outcome<f64> {
        let value = self.evaluate(node, frame)?;
        Ok(self.number(&value))
    }

    /// An argument as true or false.
    pub(super) fn truth(&self, node: &'e Node, frame: Frame<C::Node>) -> Outcome<bool> {
        let value = self.evaluate(node, frame)?;
        Ok(self.boolean(&value))
    }

    /// The values of arguments, each node of a set apart.
    pub(super) fn spread(
        &self,
        arguments: &'e [Node],
        frame: Frame<C::Node>,
    ) -> Outcome<Vec<super::Atom<'e>>> {
        let mut all = Vec::new();
        for argument in arguments {
            match self.evaluate(argument, frame)? {
                Value::Nodes(nodes) => {
                    self.step(nodes.len(), argument)?;
                    all.extend(nodes.into_iter().map(|node| self.atom_of(node)));
                }
                Value::Text(text) => all.push(super::Atom::Text(text)),
                Value::Number(number) => all.push(super::Atom::Number(number)),
                Value::Boolean(is) => all.push(super::Atom::Boolean(is)),
                Value::Date(date) => all.push(super::Atom::Temporal(Temporal::Date(date))),
                Value::DateTime(at) => all.push(super::Atom::Temporal(Temporal::Instant(at))),
                Value::Time(time) => all.push(super::Atom::Temporal(Temporal::Time(time))),
            }
        }
        Ok(all)
    }

    fn once(&self, argument: &'e Node, frame: Frame<C::Node>) -> Outcome<Value<'e, C::Node>> {
        let current = self.atom_of(self.current);
        if current.is_empty() { self.evaluate(argument, frame) } else { Ok(self.value_of(current)) }
    }

    fn checklist(&self, arguments: &'e [Node], frame: Frame<C::Node>) -> Outcome<bool> {
        let (least, most) = (self.numeric(&arguments[0], frame)?, self.numeric(&arguments[1], frame)?);
        let values = self.spread(&arguments[2..], frame)?;
        let chosen = count(values.iter().filter(|value| value.boolean()).count());
        Ok((least < 0.0 || chosen >= least) && (most < 0.0 || chosen <= most))
    }

    fn weighted_checklist(&self, arguments: &'e [Node], frame: Frame<C::Node>) -> Outcome<bool> {
        let (least, most) = (self.numeric(&arguments[0], frame)?, self.numeric(&arguments[1], frame)?);
        let mut total = 0.0;
        for pair in arguments[2..].chunks_exact(2) {
            let values = self.spread(&pair[..1], frame)?;
            let weights = self.spread(&pair[1..], frame)?;
            if values.len() != weights.len() {
                return Err(self.mismatch(
                    &pair[1],
                    "There are not as many weights as values.",
                    "Name a weight for each value.",
                ));
            }
            for (value, weight) in values.iter().zip(&weights) {
                if value.boolean() {
                    let weight = weight.number(&self.around.zone);
                    total += if weight.is_nan() { 0.0 } else { weight };
                }
            }
        }
        Ok((least < 0.0 || total >= least) && (most < 0.0 || total <= most))
    }
}

/// How many there are, as a number.
#[expect(clippy::cast_precision_loss, reason = "sets and texts are far smaller than 2^53")]
pub(super) fn count(count: usize) -> f64 {
    count as f64
}

/// A number as an index from 0, where it is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are checked")]
pub(super) fn index_of(number: f64) -> Option<usize> {
    let whole = number.trunc();
    (0.0..1e9).contains(&whole).then_some(whole as usize)
}
