//! What the table of expressions covers: functions, how values become each other, errors.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::form::expr::{Context as _, ErrorKind, Expr, NodeId, Scalar, Tree, Value};
use serde::Deserialize;

use super::{
    rows::{Row, rows},
    world,
};

/// The functions that the specifications name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Functions {
    pub(crate) xpath: Vec<String>,
    pub(crate) odk: Vec<String>,
    pub(crate) later: Vec<String>,
    /// Those that are not there, and why.
    pub(crate) missing: BTreeMap<String, String>,
}

pub(crate) fn functions() -> Functions {
    toml::from_str(include_str!("functions.toml")).expect("the functions")
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':')
}

/// The names with a bracket behind them, outside of quotes.
pub(crate) fn called(expression: &str) -> BTreeSet<String> {
    const NO_CALLS: [&str; 4] = ["and", "or", "div", "mod"];
    let (mut found, mut name, mut has_gap, mut quote) = (BTreeSet::new(), String::new(), false, None);
    for letter in expression.chars() {
        match quote {
            Some(mark) if mark == letter => quote = None,
            Some(_) => {}
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None if is_of_name(letter) => {
                if has_gap {
                    name.clear();
                }
                has_gap = false;
                name.push(letter);
                continue;
            }
            None if letter.is_whitespace() => {
                has_gap = true;
                continue;
            }
            None if letter == '('
                && name.starts_with(char::is_alphabetic)
                && !name.contains("::")
                && !NO_CALLS.contains(&name.as_str()) =>
            {
                found.insert(name.clone());
            }
            None => {}
        }
        name.clear();
    }
    found
}

/// How many rows of the table call each function.
pub(crate) fn calls() -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows() {
        for name in called(&row.expression) {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
}

/// What a value is before it becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Text,
    Number,
    Boolean,
    Date,
    Instant,
    Time,
    TextAnswer,
    NumberAnswer,
    ExactAnswer,
    BooleanAnswer,
    DateAnswer,
    InstantAnswer,
    TimeAnswer,
    EmptyAnswer,
    Section,
    NoNode,
    SeveralNodes,
}

impl Kind {
    pub(crate) const ALL: [Self; 17] = [
        Self::Text,
        Self::Number,
        Self::Boolean,
        Self::Date,
        Self::Instant,
        Self::Time,
        Self::TextAnswer,
        Self::NumberAnswer,
        Self::ExactAnswer,
        Self::BooleanAnswer,
        Self::DateAnswer,
        Self::InstantAnswer,
        Self::TimeAnswer,
        Self::EmptyAnswer,
        Self::Section,
        Self::NoNode,
        Self::SeveralNodes,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Date => "a date",
            Self::Instant => "a date and time",
            Self::Time => "a time of day",
            Self::TextAnswer => "an answer that is a text",
            Self::NumberAnswer => "… a whole number",
            Self::ExactAnswer => "… a number with decimals",
            Self::BooleanAnswer => "… true or false",
            Self::DateAnswer => "… a date",
            Self::InstantAnswer => "… a date and time",
            Self::TimeAnswer => "… a time of day",
            Self::EmptyAnswer => "… empty",
            Self::Section => "a section",
            Self::NoNode => "no node",
            Self::SeveralNodes => "several nodes",
        }
    }

    /// What counts where two values are compared: an answer is as good as a value.
    const fn compared(self) -> Self {
        match self {
            Self::TextAnswer | Self::Section => Self::Text,
            Self::NumberAnswer | Self::ExactAnswer => Self::Number,
            Self::BooleanAnswer => Self::Boolean,
            Self::DateAnswer => Self::Date,
            Self::InstantAnswer => Self::Instant,
            Self::TimeAnswer => Self::Time,
            other => other,
        }
    }
}

/// The kinds that are told apart where two values are compared.
pub(crate) const COMPARED: [Kind; 9] = [
    Kind::Text,
    Kind::Number,
    Kind::Boolean,
    Kind::Date,
    Kind::Instant,
    Kind::Time,
    Kind::EmptyAnswer,
    Kind::NoNode,
    Kind::SeveralNodes,
];

/// What a function or an operator needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Text,
    Number,
    Boolean,
    Date,
    Instant,
    Time,
}

impl Need {
    pub(crate) const ALL: [Self; 6] =
        [Self::Text, Self::Number, Self::Boolean, Self::Date, Self::Instant, Self::Time];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "true or false",
            Self::Date => "date",
            Self::Instant => "date and time",
            Self::Time => "time of day",
        }
    }
}

/// What a function needs in a place, counted from 0.
fn need(function: &str, place: usize) -> Option<Need> {
    Some(match (function, place) {
        ("substr" | "substring", 1 | 2)
        | ("selected-at", 1)
        | ("checklist" | "weighted-checklist", 0 | 1) => Need::Number,
        ("checklist", _) | ("not" | "boolean", _) | ("if", 0) => Need::Boolean,
        ("weighted-checklist", place) => {
            if place.is_multiple_of(2) {
                Need::Boolean
            } else {
                Need::Number
            }
        }
        ("date", _) | ("format-date", 0) => Need::Date,
        ("date-time" | "decimal-date-time", _) | ("format-date-time", 0) => Need::Instant,
        ("time" | "decimal-time", _) => Need::Time,
        (
            "string" | "concat" | "join" | "substr" | "substring" | "substring-before" | "substring-after"
            | "translate" | "string-length" | "normalize-space" | "contains" | "starts-with" | "ends-with"
            | "regex" | "digest" | "base64-encode" | "base64-decode" | "selected" | "is-selected"
            | "selected-at" | "count-selected" | "format-date" | "format-date-time" | "pulldata" | "property",
            _,
        ) => Need::Text,
        (
            "number" | "int" | "round" | "floor" | "ceiling" | "abs" | "pow" | "exp" | "exp10" | "log"
            | "log10" | "sqrt" | "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "atan2" | "uuid",
            _,
        ) => Need::Number,
        _ => return None,
    })
}

/// How many rows of the table have a value become another, and how many compare two.
#[derive(Debug, Default)]
pub(crate) struct Coercions {
    pub(crate) become_: BTreeMap<(Kind, Need), usize>,
    /// By the kinds, the lesser first.
    pub(crate) equal: BTreeMap<(Kind, Kind), usize>,
    pub(crate) order: BTreeMap<(Kind, Kind), usize>,
}

/// What one row does.
#[derive(Default)]
struct Found {
    become_: BTreeSet<(Kind, Need)>,
    equal: BTreeSet<(Kind, Kind)>,
    order: BTreeSet<(Kind, Kind)>,
}

pub(crate) fn coercions() -> Coercions {
    let tree = world::world();
    let mut all = Coercions::default();
    for row in rows() {
        if Expr::compile(&row.expression).is_err() {
            continue;
        }
        let mut found = Found::default();
        look(&tree, &row, row.expression.trim(), &mut found);
        for pair in found.become_ {
            *all.become_.entry(pair).or_default() += 1;
        }
        for pair in found.equal {
            *all.equal.entry(pair).or_default() += 1;
        }
        for pair in found.order {
            *all.order.entry(pair).or_default() += 1;
        }
    }
    all
}

/// Looks into an expression that is one call, or two parts with an operator between; others are left alone.
fn look(tree: &Tree, row: &Row, text: &str, found: &mut Found) {
    let kind = |part: &str| kind(tree, row, part);
    if let Some((name, arguments)) = call(text) {
        for (place, argument) in arguments.into_iter().enumerate() {
            if let (Some(need), Some(kind)) = (need(name, place), kind(argument)) {
                found.become_.insert((kind, need));
            }
            look(tree, row, argument, found);
        }
        return;
    }
    let Some((left, operator, right)) = split(text) else { return };
    look(tree, row, left, found);
    look(tree, row, right, found);
    let (Some(left), Some(right)) = (kind(left), kind(right)) else { return };
    let need = match operator {
        "and" | "or" => Need::Boolean,
        "+" | "-" | "*" | "div" | "mod" => Need::Number,
        other => {
            let (left, right) = (left.compared(), right.compared());
            let set = if matches!(other, "=" | "!=") { &mut found.equal } else { &mut found.order };
            set.insert((left.min(right), left.max(right)));
            return;
        }
    };
    found.become_.extend([(left, need), (right, need)]);
}

fn kind(tree: &Tree, row: &Row, part: &str) -> Option<Kind> {
    let expr = Expr::compile(part).ok()?;
    let around = world::surroundings();
    let value: Value<'_, NodeId> = expr.evaluate(tree, world::node(tree, &row.here), &around).ok()?;
    Some(match value {
        Value::Text(_) => Kind::Text,
        Value::Number(_) => Kind::Number,
        Value::Boolean(_) => Kind::Boolean,
        Value::Date(_) => Kind::Date,
        Value::DateTime(_) => Kind::Instant,
        Value::Time(_) => Kind::Time,
        Value::Nodes(nodes) => match nodes.as_slice() {
            [] => Kind::NoNode,
            [node] => match tree.value(*node) {
                Scalar::Empty if tree.children(*node).next().is_some() => Kind::Section,
                Scalar::Empty => Kind::EmptyAnswer,
                Scalar::Text(_) => Kind::TextAnswer,
                Scalar::Integer(_) => Kind::NumberAnswer,
                Scalar::Decimal(_) => Kind::ExactAnswer,
                Scalar::Boolean(_) => Kind::BooleanAnswer,
                Scalar::Date(_) => Kind::DateAnswer,
                Scalar::Instant(_) => Kind::InstantAnswer,
                Scalar::Time(_) => Kind::TimeAnswer,
            },
            _ => Kind::SeveralNodes,
        },
    })
}

/// The places of a text that are outside of brackets and quotes, with their letters.
fn outside(text: &str) -> Vec<(usize, char)> {
    let (mut depth, mut quote) = (0_usize, None);
    let mut found = Vec::new();
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(mark), _) if mark == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => found.push((at, letter)),
            _ => {}
        }
    }
    found
}

/// The name and the arguments of a text that is one call.
fn call(text: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = text.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let is_name = !name.is_empty() && name.chars().all(is_of_name);
    // Nothing stands behind the bracket that closes it.
    if !is_name || outside(text).into_iter().any(|(at, _)| at > name.len()) {
        return None;
    }
    let mut arguments = Vec::new();
    let mut from = 0;
    for (at, _) in outside(inner).into_iter().filter(|(_, letter)| *letter == ',') {
        arguments.push(inner[from..at].trim());
        from = at + 1;
    }
    if !inner.trim().is_empty() {
        arguments.push(inner[from..].trim());
    }
    Some((name, arguments))
}

/// The two sides of the only operator of a text, which has blanks around it.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    const OPERATORS: [&str; 13] = ["<=", ">=", "!=", "=", "<", ">", "+", "-", "*", "and", "or", "div", "mod"];
    let mut found = None;
    for (at, letter) in outside(text) {
        if letter != ' ' {
            continue;
        }
        let rest = &text[at + 1..];
        let operator = OPERATORS
            .into_iter()
            .find(|known| rest.strip_prefix(known).is_some_and(|rest| rest.starts_with(' ')));
        if let Some(operator) = operator {
            if found.is_some() {
                return None;
            }
            found = Some((text[..at].trim(), operator, rest[operator.len()..].trim()));
        }
    }
    found.filter(|(left, _, right)| !left.is_empty() && !right.is_empty())
}

/// Every kind of error. The match keeps the list complete.
pub(crate) fn errors() -> Vec<ErrorKind> {
    use ErrorKind as E;
    let mut all = vec![E::Empty];
    while let Some(last) = all.last() {
        let next = match last {
            E::Empty => E::TooLong,
            E::TooLong => E::TooDeep,
            E::TooDeep => E::UnclosedQuote,
            E::UnclosedQuote => E::SmartQuote,
            E::SmartQuote => E::UnclosedReference,
            E::UnclosedReference => E::BadReference,
            E::BadReference => E::BadCharacter,
            E::BadCharacter => E::ForeignOperator,
            E::ForeignOperator => E::UnbalancedBracket,
            E::UnbalancedBracket => E::MissingOperator,
            E::MissingOperator => E::Unexpected,
            E::Unexpected => E::UnexpectedEnd,
            E::UnexpectedEnd => E::UnknownFunction,
            E::UnknownFunction => E::WrongArity,
            E::WrongArity => E::WrongArgument,
            E::WrongArgument => E::BadPattern,
            E::BadPattern => E::Unsupported,
            E::Unsupported => E::UnknownReference,
            E::UnknownReference => E::TypeMismatch,
            E::TypeMismatch => E::Missing,
            E::Missing => E::TooManySteps,
            E::TooManySteps => E::TooBig,
            E::TooBig => break,
        };
        all.push(next);
    }
    all
}

/// How many rows of the table end in each error, by its code.
pub(crate) fn failures() -> BTreeMap<&'static str, usize> {
    let rows = rows();
    let counted = errors().into_iter().map(|kind| {
        let code = format!("!{} ", kind.code());
        (kind.code(), rows.iter().filter(|row| row.expected.contains(&code)).count())
    });
    counted.collect()
}
