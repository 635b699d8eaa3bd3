//! The equalities that a choice filter begins with, so that a long list is looked up and not read through.
//!
//! `region = ${region} and size = 'L'` asks of each choice whether two of its columns equal something that does
//! not depend on the choice. What is compared with is computed once; an index of the columns then gives the few
//! choices that can pass. Only equalities before any other condition count: a choice that one of them turns
//! down is not asked the rest, so no fault in the rest can show. `selected(${several}, region)` asks for one of
//! several in the same way.

use super::{
    Context, Expr, Surroundings,
    ast::{Axis, Call, Kind, Node, Operator, Path, Start, Test},
    evaluate::{Evaluation, Frame},
    functions::Function,
    temporal::Temporal,
    value::{Atom, Value, number_of},
};

/// The equalities that a filter begins with, each a column and what it is compared with.
pub(crate) struct Equalities<'e> {
    pairs: Vec<Pair<'e>>,
    /// Whether the filter is nothing else.
    is_all: bool,
}

/// A column and what it is compared with.
struct Pair<'e> {
    column: &'e str,
    other: &'e Node,
    how: How,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It equals the other.
    Equal,
    /// It is one of the codes of the other.
    Among,
}

/// What the columns of a choice have to equal.
pub(crate) struct Wanted<'a> {
    keys: Vec<(How, Vec<Atom<'a>>)>,
    is_all: bool,
}

/// How a wanted value is looked up.
pub(crate) enum LookUp<'a> {
    /// By the text itself.
    Text(&'a str),
    /// By the number that the text says.
    Number(f64),
}

/// What the text of a cell is beside a text.
pub(crate) enum Meaning {
    /// No number.
    Text,
    /// A number.
    Number(f64),
    /// A date or time: what number it is depends on the zone.
    Moment,
}

/// What a cell means where it is compared with a number.
pub(crate) fn meaning(cell: &str) -> Meaning {
    if Temporal::parse(cell, &jiff::tz::TimeZone::UTC).is_some() {
        return Meaning::Moment;
    }
    let number = number_of(cell);
    if number.is_nan() { Meaning::Text } else { Meaning::Number(number) }
}

impl Expr {
    /// The equalities that this expression begins with, where it is the filter of a list.
    pub(crate) fn equalities(&self) -> Equalities<'_> {
        let mut pairs = Vec::new();
        let mut is_all = true;
        let conjuncts: Vec<&Node> = match &self.root.kind {
            Kind::Chain(first, rest) if rest.iter().all(|(operator, _)| *operator == Operator::And) => {
                std::iter::once(&**first).chain(rest.iter().map(|(_, operand)| operand)).collect()
            }
            _ => vec![&self.root],
        };
        for conjunct in conjuncts {
            match pair(conjunct) {
                Some(pair) => pairs.push(pair),
                None => {
                    is_all = false;
                    break;
                }
            }
        }
        Equalities { pairs, is_all }
    }
}

/// A column of the choice and what it is compared with, of a conjunct that says so.
fn pair(conjunct: &Node) -> Option<Pair<'_>> {
    let (one, other, how) = match &conjunct.kind {
        Kind::Chain(one, rest) => match &**rest {
            [(Operator::Equal, other)] => (&**one, other, How::Equal),
            _ => return None,
        },
        Kind::Call(call) => match (call.function, &*call.arguments) {
            (Some(Function::Selected | Function::IsSelected), [codes, code]) => (code, codes, How::Among),
            _ => return None,
        },
        _ => return None,
    };
    if is_of_the_question(other) {
        Some(Pair { column: column_of(one)?, other, how })
    } else if how == How::Equal && is_of_the_question(one) {
        Some(Pair { column: column_of(other)?, other: one, how })
    } else {
        None
    }
}

/// The column that a path names, where it is nothing but that.
fn column_of(node: &Node) -> Option<&str> {
    let Kind::Path(path) = &node.kind else { return None };
    match (&path.start, &*path.steps) {
        (Start::Context, [step]) if step.axis == Axis::Child && step.predicates.is_empty() => {
            match &step.test {
                Test::Name(name) => Some(name),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a piece of a filter has the same value for every choice.
fn is_of_the_question(node: &Node) -> bool {
    let is_current = |inner: &Node| matches!(&inner.kind, Kind::Call(call) if matches!(**call, Call { function: Some(Function::Current), .. }));
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) => true,
        Kind::Path(path) => {
            let Path { start, steps } = &**path;
            let is_outside = match start {
                Start::Named { .. } => true,
                Start::Inner(inner) => is_current(inner),
                Start::Root | Start::Context => false,
            };
            is_outside && steps.iter().all(|step| step.predicates.is_empty())
        }
        _ => false,
    }
}

impl<'e> Equalities<'e> {
    /// The columns that are compared.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'e str> + '_ {
        self.pairs.iter().map(|pair| pair.column)
    }

    /// What the columns have to equal now; `None` where that has to be asked of each choice.
    pub(crate) fn wanted<C: Context>(
        &self,
        context: &'e C,
        current: C::Node,
        around: &'e Surroundings,
    ) -> Option<Wanted<'e>> {
        if self.pairs.is_empty() {
            return None;
        }
        let evaluation = Evaluation { context, around, current, steps: std::cell::Cell::new(0) };
        let mut keys = Vec::with_capacity(self.pairs.len());
        for pair in &self.pairs {
            let value = evaluation.evaluate(pair.other, Frame { node: current, place: None }).ok()?;
            if pair.how == How::Among {
                let codes = evaluation.text(&value);
                if codes.len() > around.limits.text {
                    return None;
                }
                let mut codes: Vec<Atom<'_>> =
                    codes.split_whitespace().map(|code| Atom::Text(code.to_owned().into())).collect();
                if codes.is_empty() {
                    // Where nothing is chosen, what has no code passes.
                    codes.push(Atom::Text("".into()));
                }
                keys.push((How::Among, codes));
                continue;
            }
            let atoms = match value {
                Value::Text(text) => vec![Atom::Text(text)],
                Value::Number(number) => vec![Atom::Number(number)],
                Value::Nodes(nodes) if nodes.is_empty() => vec![Atom::Text("".into())],
                Value::Nodes(nodes) => nodes.into_iter().map(|node| evaluation.atom_of(node)).collect(),
                _ => return None,
            };
            if atoms.iter().any(|atom| matches!(atom, Atom::Boolean(_) | Atom::Temporal(_))) {
                return None;
            }
            keys.push((How::Equal, atoms));
        }
        Some(Wanted { keys, is_all: self.is_all })
    }
}

impl Wanted<'_> {
    /// How the values wanted of the column at this place are looked up.
    pub(crate) fn look_ups(&self, at: usize) -> impl Iterator<Item = LookUp<'_>> {
        self.keys.get(at).into_iter().flat_map(|(_, keys)| keys).map(|atom| match atom {
            Atom::Text(text) => LookUp::Text(text),
            Atom::Decimal(text) => LookUp::Number(number_of(text)),
            Atom::Number(number) => LookUp::Number(*number),
            // Not among those that are wanted.
            Atom::Boolean(_) | Atom::Temporal(_) => LookUp::Number(f64::NAN),
        })
    }

    /// Whether a choice with these cells passes; `None` where the filter asks more than the equalities.
    pub(crate) fn passes<'c>(
        &self,
        cells: impl Iterator<Item = &'c str>,
        around: &Surroundings,
    ) -> Option<bool> {
        self.is_all.then(|| {
            cells.zip(&self.keys).all(|(cell, (how, keys))| {
                if *how == How::Among {
                    let code = cell.trim();
                    return keys.iter().any(|key| matches!(key, Atom::Text(key) if key == code));
                }
                let cell = Atom::Text(cell.into());
                keys.iter().any(|key| cell.equals(key, &around.zone))
            })
        })
    }
}
