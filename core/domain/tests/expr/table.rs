//! The table: every row is an expression and its value or error.

use std::{collections::BTreeMap, fmt::Write as _};

use alongside_domain::form::expr::{ErrorKind, Expr, FUNCTIONS, Tree};

use super::{
    rows::{Row, rows},
    world,
};

/// What a row really gives: the value, or `!code text` of every error.
fn outcome(tree: &Tree, row: &Row) -> String {
    let around = world::surroundings();
    let listed = |errors: &[alongside_domain::form::expr::ExprError]| {
        let errors: Vec<String> = errors
            .iter()
            .map(|error| format!("!{} `{}`", error.kind.code(), error.text.replace('\n', "\\n")))
            .collect();
        errors.join(", ")
    };
    match Expr::compile(&row.expression) {
        Err(errors) => listed(&errors),
        Ok(expr) => match expr.evaluate(tree, world::node(tree, &row.here), &around) {
            Ok(value) => world::written(tree, &value),
            Err(error) => listed(&[error]),
        },
    }
}

#[test]
fn every_row_gives_what_it_says() {
    let tree = world::world();
    let rows = rows();
    let mut wrong = String::new();
    for row in &rows {
        let is = outcome(&tree, row);
        // What chance brings differs with its source, and is a value all the same.
        let is_any = row.expected == "?" && !is.starts_with('!');
        if is != row.expected && !is_any {
            writeln!(wrong, "line {}: {} ⇒ {is}  (not {})", row.line, row.expression, row.expected).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(rows.len() >= 600, "{} rows", rows.len());
}

#[test]
fn no_expression_stands_twice_in_a_section() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        let place = (row.section, row.here, row.expression);
        if let Some(before) = seen.insert(place.clone(), row.line) {
            panic!("lines {before} and {}: {}", row.line, place.2);
        }
    }
}

/// What the table says of one function.
#[derive(Default)]
struct Cover {
    values: usize,
    arities: std::collections::BTreeSet<usize>,
    empty: bool,
    nodes: bool,
    wrong_arity: bool,
}

/// How many arguments a call has that a whole expression is; `None` where it is no single call.
fn arity(expression: &str, name: &str) -> Option<usize> {
    let inner = expression.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
    let (mut depth, mut count, mut quote) = (0_usize, 1, None);
    for letter in inner.chars() {
        match (quote, letter) {
            (Some(mark), _) if mark == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => count += 1,
            _ => {}
        }
    }
    Some(if inner.trim().is_empty() { 0 } else { count })
}

/// Every function needs rows with the fewest and the most arguments, with an answer that is empty, with
/// a node instead of a literal, and with a wrong number of arguments.
#[test]
fn no_function_has_a_hole_in_the_table() {
    let mut covers: BTreeMap<&str, Cover> = BTreeMap::new();
    for row in rows() {
        for known in FUNCTIONS {
            let Some(count) = arity(&row.expression, known.name) else { continue };
            let cover = covers.entry(known.name).or_default();
            if row.expected.starts_with("!wrong_arity") {
                cover.wrong_arity = true;
            } else if !row.expected.starts_with('!') {
                cover.values += 1;
                cover.arities.insert(count);
            }
            cover.empty |= row.expression.contains("''") || row.expression.contains("nothing");
            cover.nodes |= row.expression.contains('/') || row.expression.contains("${");
        }
    }
    let mut table = String::from("function                rows  arguments  holes\n");
    let mut has_hole = false;
    for known in FUNCTIONS {
        let cover = covers.remove(known.name).unwrap_or_default();
        let mut holes = Vec::new();
        if cover.values == 0 {
            holes.push("no value".to_owned());
        }
        if !cover.arities.contains(&known.least) {
            holes.push(format!("{} arguments", known.least));
        }
        let most = known.most.unwrap_or(known.least + 2);
        if !cover.arities.iter().any(|count| *count >= most) {
            holes.push(format!("{most} arguments"));
        }
        let takes_something = most > 0;
        if takes_something && !cover.empty {
            holes.push("an empty answer".to_owned());
        }
        if takes_something && !cover.nodes {
            holes.push("a node".to_owned());
        }
        let takes_anything = known.least == 0 && known.most.is_none();
        if !(cover.wrong_arity || takes_anything) {
            holes.push("a wrong number of arguments".to_owned());
        }
        has_hole |= !holes.is_empty();
        let arities: Vec<String> = cover.arities.iter().map(ToString::to_string).collect();
        writeln!(
            table,
            "{:<22}{:>6}  {:<9}  {}",
            known.name,
            cover.values,
            arities.join(","),
            holes.join("; ")
        )
        .unwrap();
    }
    assert!(!has_hole, "\n{table}");
    insta::assert_snapshot!("coverage", table);
}

#[test]
fn no_error_is_without_a_row() {
    // What a form does not have (`unknown_reference`) is said by the form.
    let all = [
        ErrorKind::Empty,
        ErrorKind::TooLong,
        ErrorKind::TooDeep,
        ErrorKind::UnclosedQuote,
        ErrorKind::SmartQuote,
        ErrorKind::UnclosedReference,
        ErrorKind::BadReference,
        ErrorKind::BadCharacter,
        ErrorKind::ForeignOperator,
        ErrorKind::UnbalancedBracket,
        ErrorKind::MissingOperator,
        ErrorKind::Unexpected,
        ErrorKind::UnexpectedEnd,
        ErrorKind::UnknownFunction,
        ErrorKind::WrongArity,
        ErrorKind::WrongArgument,
        ErrorKind::BadPattern,
        ErrorKind::Unsupported,
        ErrorKind::TypeMismatch,
        ErrorKind::Missing,
        ErrorKind::TooManySteps,
        ErrorKind::TooBig,
    ];
    let rows = rows();
    for kind in all {
        let code = format!("!{} ", kind.code());
        assert!(rows.iter().any(|row| row.expected.contains(&code)), "no row has {code}");
    }
}

#[test]
fn every_error_says_where_what_and_what_to_do() {
    for row in rows().iter().filter(|row| row.expected.starts_with('!')) {
        let Err(errors) = Expr::compile(&row.expression) else { continue };
        for error in errors {
            assert_eq!(
                row.expression.get(error.span.clone()),
                Some(error.text.as_str()),
                "{}",
                row.expression
            );
            assert!(error.what.ends_with('.'), "{}: {}", row.expression, error.what);
            assert!(error.help.ends_with(['.', '?']), "{}: {}", row.expression, error.help);
        }
    }
}

#[test]
fn a_slip_in_a_name_brings_the_name_that_was_meant() {
    for (expression, help) in [
        ("slected(${topics}, 'home')", "Did you mean `selected`?"),
        ("count-slected(${topics})", "Did you mean `count-selected`?"),
        ("Round(2.5)", "Did you mean `round`?"),
        ("choice-name(${mode}, '${mode}')", "Did you mean `jr:choice-name`?"),
        ("digest('a', 'SHA256')", "Did you mean `SHA-256`?"),
        ("chld::name", "The functions are those"),
        ("chidl::name", "Did you mean `child`?"),
    ] {
        let errors = Expr::compile(expression).unwrap_err();
        if expression == "chld::name" {
            assert_eq!(errors[0].help, "Did you mean `child`?");
        } else {
            assert_eq!(errors[0].help, help, "{expression}");
        }
    }
}
