//! What can be known to be wrong with an expression before it is evaluated.

use jiff::{civil::date, tz::TimeZone};

use super::{
    ast::{Call, Kind, Node, Start},
    error::{ErrorKind, ExprError},
    evaluate::{
        dates::bad_format,
        texts::{ALGORITHMS, ENCODINGS, bad_pattern, unknown_word},
    },
    functions::{FUNCTIONS, Function, Returns},
    pattern::Pattern,
    temporal::{self, Temporal},
    value::number_of,
};
use crate::{
    form::xlsform::is_name,
    problem::suggest::{did_you_mean, quoted},
};

/// Checks every call and path, and compiles the patterns that are literals.
pub(super) fn check(root: &mut Node) -> Vec<ExprError> {
    let mut errors = Vec::new();
    node(root, &mut errors);
    errors.sort_by_key(|error| (error.span.start, error.span.end));
    errors
}

/// As deep as brackets nest, which the parser bounds.
fn node(at: &mut Node, errors: &mut Vec<ExprError>) {
    let span = at.span();
    match &mut at.kind {
        Kind::Number(_) | Kind::Text(_) | Kind::Variable(_) => {}
        Kind::Negate(inner) => node(inner, errors),
        Kind::Chain(first, rest) => {
            node(first, errors);
            for (_, operand) in rest {
                node(operand, errors);
            }
        }
        Kind::Union(parts) => {
            for part in parts {
                node(part, errors);
                needs_nodes(part, "`|`", errors);
            }
        }
        Kind::Path(path) => {
            match &mut path.start {
                Start::Named { name, .. } if !is_name(name) => errors.push(ExprError::new(
                    ErrorKind::BadReference,
                    span,
                    format!("{} cannot be the name of a question.", quoted(name)),
                    "Write `${name}`, with the name of a question.",
                )),
                Start::Inner(inner) => {
                    node(inner, errors);
                    needs_nodes(inner, "A path or predicate", errors);
                }
                Start::Root | Start::Context | Start::Named { .. } => {}
            }
            for predicate in path.steps.iter_mut().flat_map(|step| &mut step.predicates) {
                node(predicate, errors);
            }
        }
        Kind::Call(call) => {
            for argument in &mut call.arguments {
                node(argument, errors);
            }
            let name = span.start..span.start + call.name.len();
            match call.function {
                Some(function) => {
                    if arity(call, function, &span, errors) {
                        arguments(call, function, errors);
                    }
                }
                None => errors.push(ExprError::new(
                    ErrorKind::UnknownFunction,
                    name,
                    format!("There is no function {}.", quoted(&call.name)),
                    did_you_mean(
                        &call.name,
                        FUNCTIONS.iter().map(|known| known.name),
                        "The functions are those of XPath 1.0 and of ODK: see docs/expressions.md.",
                    ),
                )),
            }
        }
    }
}

/// Whether the number of arguments is right.
fn arity(
    call: &Call,
    function: Function,
    span: &std::ops::Range<usize>,
    errors: &mut Vec<ExprError>,
) -> bool {
    let signature = function.signature();
    let given = call.arguments.len();
    let is_paired = match function {
        Function::WeightedChecklist => given.is_multiple_of(2),
        Function::IndexedRepeat => given % 2 == 1,
        _ => true,
    };
    if given >= signature.least && signature.most.is_none_or(|most| given <= most) && is_paired {
        return true;
    }
    let takes = match (signature.least, signature.most) {
        _ if !is_paired && given >= signature.least => "its values in pairs".to_owned(),
        (0, Some(0)) => "no argument".to_owned(),
        (1, Some(1)) => "one argument".to_owned(),
        (least, Some(most)) if least == most => format!("{least} arguments"),
        (least, Some(most)) => format!("{least} to {most} arguments"),
        (least, None) => format!("at least {least} arguments"),
    };
    errors.push(ExprError::new(
        ErrorKind::WrongArity,
        span.clone(),
        format!("`{}` takes {takes}, not {given}.", signature.name),
        format!("Write `{}({})`.", signature.name, signature.takes),
    ));
    false
}

/// Arguments that can never be right.
fn arguments(call: &mut Call, function: Function, errors: &mut Vec<ExprError>) {
    let literal = |at: usize| match call.arguments.get(at).map(|argument| &argument.kind) {
        Some(Kind::Text(text)) => Some(&**text),
        _ => None,
    };
    let name = function.signature().name;
    match function {
        Function::Count
        | Function::CountNonEmpty
        | Function::Sum
        | Function::Randomize
        | Function::Position
        | Function::Name
        | Function::LocalName
        | Function::NamespaceUri => {
            if let Some(argument) = call.arguments.first() {
                needs_nodes(argument, &format!("`{name}`"), errors);
            }
        }
        Function::IndexedRepeat => {
            for (index, argument) in call.arguments.iter().enumerate() {
                if index == 0 || index % 2 == 1 {
                    needs_nodes(argument, &format!("`{name}`"), errors);
                }
            }
        }
        Function::Regex => {
            if let Some(pattern) = literal(1) {
                match Pattern::new(pattern) {
                    Ok(pattern) => call.pattern = Some(pattern),
                    Err(why) => errors.push(bad_pattern(&call.arguments[1], &why)),
                }
            }
        }
        Function::Digest => {
            if let Some(word) = literal(1)
                && !ALGORITHMS.iter().any(|known| known.eq_ignore_ascii_case(word))
            {
                errors.push(unknown_word(&call.arguments[1], "algorithm", word, &ALGORITHMS));
            }
            if let Some(word) = literal(2)
                && !ENCODINGS.iter().any(|known| known.eq_ignore_ascii_case(word))
            {
                errors.push(unknown_word(&call.arguments[2], "encoding", word, &ENCODINGS));
            }
        }
        Function::FormatDate | Function::FormatDateTime => {
            if let Some(format) = literal(1)
                && let Err(letter) =
                    temporal::format(Temporal::Date(date(2000, 1, 1)), format, &TimeZone::UTC)
            {
                errors.push(bad_format(&call.arguments[1], &letter));
            }
            a_date(call, errors);
        }
        Function::Date
        | Function::DateTime
        | Function::Time
        | Function::DecimalDateTime
        | Function::DecimalDate
        | Function::DecimalTime => a_date(call, errors),
        _ => {}
    }
}

/// A literal that has to say a date, or nothing.
fn a_date(call: &Call, errors: &mut Vec<ExprError>) {
    let Some(argument) = call.arguments.first() else { return };
    if let Kind::Text(text) = &argument.kind
        && !text.trim().is_empty()
        && Temporal::parse(text, &TimeZone::UTC).is_none()
        && number_of(text).is_nan()
    {
        errors.push(ExprError::new(
            ErrorKind::WrongArgument,
            argument.span(),
            format!("{} is no date or time.", quoted(text)),
            "A date is written `2015-03-16`, a date and time `2015-03-16T14:30:00.000+00:00`, a time `14:30`.",
        ));
    }
}

/// Refuses what can never be a set of nodes.
fn needs_nodes(argument: &Node, who: &str, errors: &mut Vec<ExprError>) {
    let can_be = match &argument.kind {
        Kind::Path(_) | Kind::Union(_) | Kind::Variable(_) => true,
        Kind::Call(call) => call
            .function
            .is_none_or(|function| matches!(function.signature().returns, Returns::Nodes | Returns::Any)),
        Kind::Number(_) | Kind::Text(_) | Kind::Chain(..) | Kind::Negate(_) => false,
    };
    if !can_be {
        errors.push(ExprError::new(
            ErrorKind::WrongArgument,
            argument.span(),
            format!("{who} needs a set of nodes here."),
            "Name a question, a repeat or an instance.",
        ));
    }
}
