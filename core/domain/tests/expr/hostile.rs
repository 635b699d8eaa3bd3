//! Expressions that mean harm: they are refused or stopped, and never panic or hang.

use alongside_domain::form::expr::{
    ErrorKind, Expr, FUNCTIONS, Scalar, Surroundings, Tree, Value,
    limits::{DEEPEST, LONGEST, Limits},
};
use proptest::prelude::*;

use super::{rows, world};

fn kinds(expression: &str) -> Vec<ErrorKind> {
    match Expr::compile(expression) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.kind).collect(),
    }
}

fn fails_with(tree: &Tree, expression: &str) -> ErrorKind {
    let expr = Expr::compile(expression).unwrap_or_else(|errors| panic!("{expression}: {errors:?}"));
    let around = world::surroundings();
    let outcome = expr.evaluate(tree, Tree::ROOT, &around);
    outcome.expect_err(expression).kind
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_costs_anything() {
    assert_eq!(kinds(&"1".repeat(LONGEST + 1)), [ErrorKind::TooLong]);
    for (open, close) in [("(", ")"), ("not(", ")"), ("/a[", "]"), ("concat('a', ", ")"), ("-(", ")")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(kinds(&nested(DEEPEST + 1)), [ErrorKind::TooDeep], "{open}");
        let expr = Expr::compile(&nested(DEEPEST)).unwrap_or_else(|errors| panic!("{open}: {errors:?}"));
        let tree = world::world();
        let around = world::surroundings();
        let _ = expr.evaluate(&tree, Tree::ROOT, &around);
        assert!(!expr.reads().is_open);
    }
    assert_eq!(kinds(&"(".repeat(LONGEST)), [ErrorKind::TooDeep]);
    assert_eq!(kinds(&")".repeat(LONGEST)), [ErrorKind::UnbalancedBracket]);
}

#[test]
fn a_chain_of_any_length_is_not_deep() {
    let tree = world::world();
    let around = world::surroundings();
    for (part, is) in
        [("1+", Value::Number(20_001.0)), ("1=2 or ", Value::Boolean(true)), ("-", Value::Number(1.0))]
    {
        let count = if part == "1+" { 20_000 } else { 9_000 };
        let expr = Expr::compile(&format!("{}1", part.repeat(count)))
            .unwrap_or_else(|errors| panic!("{part}: {errors:?}"));
        assert_eq!(expr.evaluate(&tree, Tree::ROOT, &around).unwrap(), is, "{part}");
    }
    let path = format!("{}name", "../data/".repeat(0)) + &"/..".repeat(20_000);
    assert!(Expr::compile(&path).is_ok());
    let union = format!("{}/data", "/data|".repeat(9_000));
    let expr = Expr::compile(&union).unwrap();
    assert!(
        matches!(expr.evaluate(&tree, Tree::ROOT, &around).unwrap(), Value::Nodes(nodes) if nodes.len() == 1)
    );
}

/// A tree with this many rows.
fn wide(rows: usize) -> Tree {
    let mut tree = Tree::new();
    let data = tree.add(Tree::ROOT, "data", Scalar::Empty);
    for row in 0..rows {
        let node = tree.add(data, "row", Scalar::Empty);
        tree.add(node, "text", format!("{row:0>1000}").into());
    }
    tree
}

#[test]
fn work_that_multiplies_is_stopped() {
    let tree = wide(2_000);
    for expression in [
        "count(//*[count(//*[count(//*) > 1]) > 1])",
        "count(/data/row[text = /data/row/text])",
        "count(//row[following::row[preceding::row]])",
        "sum(//*[//* = 'x'])",
        "count(/data/row[. = ../row[. = ../row]])",
        "regex('a', concat('(a', join('', //text), ')'))",
    ] {
        let kind = fails_with(&tree, expression);
        assert!(
            matches!(kind, ErrorKind::TooManySteps | ErrorKind::TooBig | ErrorKind::BadPattern),
            "{expression}: {kind:?}"
        );
    }
}

#[test]
fn a_text_that_grows_is_stopped() {
    let tree = wide(2_000);
    for expression in
        ["concat(//text, //text)", "join('x', //text, //text)", "uuid(100000000)", "uuid(2000000)"]
    {
        assert_eq!(fails_with(&tree, expression), ErrorKind::TooBig, "{expression}");
    }
}

#[test]
fn a_pattern_that_explodes_is_stopped() {
    let tree = world::world();
    let many = "a".repeat(40);
    for pattern in [r"(a|aa)+\1b", r"(?=(a+)+b)a", r"(a*)*\1c"] {
        let expr = Expr::compile(&format!("regex('{many}!', '{pattern}')")).unwrap();
        let around = world::surroundings();
        // Either there is an answer or a word that it takes too long, and never a hang.
        if let Err(error) = expr.evaluate(&tree, Tree::ROOT, &around) {
            assert_eq!(error.kind, ErrorKind::BadPattern, "{pattern}");
        }
    }
    assert_eq!(kinds("regex('a', '(((a{100}){100}){100})')"), [ErrorKind::BadPattern]);
    let long = "a".repeat(5_000);
    assert_eq!(kinds(&format!("regex('a', '{long}')")), [ErrorKind::BadPattern]);
}

#[test]
fn numbers_at_the_edge_are_no_trouble() {
    let tree = world::world();
    let around = world::surroundings();
    for argument in ["1 div 0", "-1 div 0", "0 div 0", "pow(10, 308)", "-pow(10, 308)", "pow(10, -320)"] {
        for known in FUNCTIONS {
            for count in known.least..=known.most.unwrap_or(known.least + 2).min(known.least + 3) {
                let arguments = vec![argument; count].join(", ");
                if let Ok(expr) = Expr::compile(&format!("{}({arguments})", known.name)) {
                    let _ = expr.evaluate(&tree, Tree::ROOT, &around);
                }
            }
        }
    }
}

/// Every function with every kind of argument, so that no pair of them was forgotten.
#[test]
fn every_function_takes_every_kind_of_argument_without_a_panic() {
    let tree = world::world();
    let around = world::surroundings();
    let arguments = [
        "''",
        "'a'",
        "'2015-03-16'",
        "'12:30'",
        "-1",
        "99999999999",
        "true()",
        "/data/missing",
        "/data/child",
        "${name}",
        "today()",
        "now()",
        "/",
        "'%Y'",
        "'é'",
        "instance('towns')/root/item",
    ];
    for known in FUNCTIONS {
        let count = known.most.unwrap_or(known.least + 2).max(1);
        for first in arguments {
            for second in arguments {
                for count in known.least..=count.min(known.least + 2) {
                    let mut all = vec![first, second, first, second, first, second];
                    all.truncate(count);
                    if let Ok(expr) = Expr::compile(&format!("{}({})", known.name, all.join(", "))) {
                        let _ = expr.answer(&tree, Tree::ROOT, &around);
                    }
                }
            }
        }
    }
}

fn strict() -> Surroundings {
    let mut around = world::surroundings();
    around.limits = Limits { steps: 20_000, text: 4_096, nodes: 1_000 };
    around
}

fn try_it(source: &str) {
    match Expr::compile(source) {
        Ok(expr) => {
            let tree = world::world();
            let around = strict();
            let reads = expr.reads();
            assert!(reads.functions.iter().all(|name| FUNCTIONS.iter().any(|known| known.name == *name)));
            let _ = expr.answer(&tree, world::node(&tree, "/data/child[1]/visit[1]/note"), &around);
            assert_eq!(Expr::compile(expr.source()).as_ref(), Ok(&expr));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert_eq!(
                    source.get(error.span.clone()),
                    Some(error.text.as_str()),
                    "{source:?}: {error:?}"
                );
                assert!(!error.what.is_empty() && !error.help.is_empty());
            }
        }
    }
}

/// Pieces of expressions, put together in any way.
fn pieces() -> impl Strategy<Value = String> {
    let mut words: Vec<String> = [
        "(",
        ")",
        "[",
        "]",
        ",",
        "+",
        "-",
        "*",
        " div ",
        " mod ",
        " and ",
        " or ",
        "=",
        "!=",
        "<",
        ">=",
        "|",
        "/",
        "//",
        "..",
        ".",
        "@",
        "::",
        "child::",
        "ancestor::",
        "'a'",
        "\"\"",
        "1",
        "0.5",
        "${name}",
        "${last-saved#name}",
        "$x",
        "name",
        "child",
        "visit",
        "minutes",
        "text()",
        "node()",
        " ",
        "'",
        "${",
        "“",
        "é",
        "2015-03-16",
        "'2015-03-16'",
        "instance('towns')",
        "root",
        "item",
        "%",
        "#",
        "position()",
        "last()",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    words.extend(FUNCTIONS.iter().map(|known| format!("{}(", known.name)));
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.concat())
}

/// A blank of several bytes before the number.
#[test]
fn a_number_that_runs_into_a_name_after_a_wide_blank_is_refused_with_its_place() {
    let errors = Expr::compile("a\u{2007}9ⶦw").unwrap_err();
    assert!(!errors.is_empty());
    let errors = Expr::compile("1 +\u{a0}9b").unwrap_err();
    assert!(!errors.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_expressions_never_panic(source in pieces()) {
        try_it(&source);
    }

    #[test]
    fn any_text_never_panics(source in "\\PC{0,60}") {
        try_it(&source);
    }

    /// A row of the table with one slip in it.
    #[test]
    fn a_slip_in_a_good_expression_never_panics(
        row in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        slip in prop::sample::select(vec!["", "(", ")", "'", ",", "-", "é", "[", "$", "1", " "]),
    ) {
        let rows = rows::rows();
        let mut letters: Vec<String> = row.get(&rows).expression.chars().map(String::from).collect();
        if !letters.is_empty() {
            let at = at.index(letters.len());
            letters[at] = slip.to_owned();
        }
        try_it(&letters.concat());
    }
}
