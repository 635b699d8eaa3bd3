//! An expression as the plain conditions that it is made of, where it is made of nothing else: for those who
//! say it in words.

use super::{
    Expr,
    ast::{Call, Kind, Node, Operator, Start},
};

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Clause<'e> {
    /// All of these.
    All(Vec<Clause<'e>>),
    /// One of these at least.
    Any(Vec<Clause<'e>>),
    /// `${name} = 'code'`, or not.
    Says { name: &'e str, code: &'e str, negated: bool },
    /// `selected(${name}, 'code')`, or not.
    Ticked { name: &'e str, code: &'e str, negated: bool },
    /// `${name} > 3`.
    Number { name: &'e str, comparison: Comparison, number: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expr {
    /// The conditions of the expression; `None` where it says something else too.
    pub(crate) fn clause(&self) -> Option<Clause<'_>> {
        clause(&self.root, false)
    }
}

fn clause(node: &Node, negated: bool) -> Option<Clause<'_>> {
    match &node.kind {
        Kind::Chain(first, rest) => chain(first, rest, negated),
        Kind::Call(call) => called(call, negated),
        Kind::Path(path) => match &path.start {
            // A bracket.
            Start::Inner(inner) if path.steps.is_empty() => clause(inner, negated),
            _ => None,
        },
        _ => None,
    }
}

fn chain<'e>(first: &'e Node, rest: &'e [(Operator, Node)], negated: bool) -> Option<Clause<'e>> {
    let operator = rest.first()?.0;
    if matches!(operator, Operator::And | Operator::Or) {
        if rest.iter().any(|(other, _)| *other != operator) {
            return None;
        }
        let parts = std::iter::once(first).chain(rest.iter().map(|(_, node)| node));
        let parts: Option<Vec<_>> = parts.map(|part| clause(part, negated)).collect();
        // What is not (a and b) is not a or not b.
        return parts.map(|parts| {
            if (operator == Operator::And) == negated { Clause::Any(parts) } else { Clause::All(parts) }
        });
    }
    let [(_, second)] = rest else { return None };
    let (name, value) = (named(first)?, &second.kind);
    match (operator, value) {
        (Operator::Equal, Kind::Text(code)) => Some(Clause::Says { name, code, negated }),
        (Operator::NotEqual, Kind::Text(code)) => Some(Clause::Says { name, code, negated: !negated }),
        (_, Kind::Number(number)) if !negated => {
            let comparison = match operator {
                Operator::Less => Comparison::Less,
                Operator::LessOrEqual => Comparison::LessOrEqual,
                Operator::Greater => Comparison::Greater,
                Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
                _ => return None,
            };
            Some(Clause::Number { name, comparison, number: *number })
        }
        _ => None,
    }
}

fn called(call: &Call, negated: bool) -> Option<Clause<'_>> {
    match (&*call.name, &*call.arguments) {
        ("not", [inner]) => clause(inner, !negated),
        ("selected", [of, Node { kind: Kind::Text(code), .. }]) => {
            Some(Clause::Ticked { name: named(of)?, code, negated })
        }
        _ => None,
    }
}

/// The name of `${name}` and nothing else.
fn named(node: &Node) -> Option<&str> {
    let Kind::Path(path) = &node.kind else { return None };
    match &path.start {
        Start::Named { name, last_saved: false } if path.steps.is_empty() => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_conditions_are_found_and_others_are_not() {
        let found = |text: &str| Expr::compile(text).unwrap().clause().map(|clause| format!("{clause:?}"));
        for (text, says) in [
            ("${a} = 'yes'", r#"Says { name: "a", code: "yes", negated: false }"#),
            ("not(selected(${a}, 'x'))", r#"Ticked { name: "a", code: "x", negated: true }"#),
            ("${n} >= 2", r#"Number { name: "n", comparison: GreaterOrEqual, number: 2.0 }"#),
            (
                "not(${a} = 'x' and ${b} != '')",
                r#"Any([Says { name: "a", code: "x", negated: true }, Says { name: "b", code: "", negated: false }])"#,
            ),
        ] {
            assert_eq!(found(text).as_deref(), Some(says), "{text}");
        }
        for text in
            ["${a} + 1 > 2", "sum(${a}) > 2", "${a} = 'x' and today() > date('2015-01-01')", "not(${n} > 2)"]
        {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
