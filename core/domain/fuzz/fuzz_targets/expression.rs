//! Expressions: any text is compiled or refused, and evaluated within its limits.

#![no_main]

use alongside_domain::form::expr::{Expr, Scalar, Surroundings, Tree, limits::Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let Ok(expr) = Expr::compile(source) else { return };
    let _ = expr.reads();
    let mut tree = Tree::new();
    let data = tree.add(Tree::ROOT, "data", Scalar::Empty);
    let here = tree.add(data, "a", "x y".to_owned().into());
    for row in 0..3 {
        let node = tree.add(data, "r", Scalar::Empty);
        tree.add(node, "b", Scalar::Integer(row));
    }
    tree.add_row("list", [("name", "x"), ("label", "X")]);
    let Ok(now) = "2015-03-16T14:30:00Z".parse() else { return };
    let mut around = Surroundings::new(now, jiff::tz::TimeZone::UTC, [0; 32]);
    around.limits = Limits { steps: 50_000, text: 1 << 14, nodes: 2_000 };
    let _ = expr.answer(&tree, here, &around);
});
