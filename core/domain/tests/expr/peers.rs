//! The table and its record written out, for `cargo xtask evaluators`: what other evaluators give of them.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf};

use alongside_domain::form::expr::{Context as _, Expr, NodeId, Scalar, Tree, Value};
use serde_json::{Value as Json, json};

use super::{
    rows::{Row, rows},
    world,
};

/// The repeats of the record: within one, a name means the row that the expression stands in.
const REPEATS: [&str; 3] = ["child", "visit", "stop"];
/// What the tree has no list of.
const INSTANCES: [&str; 1] = ["towns"];
const TEXTS: [&str; 1] = ["greeting"];
/// What is refused because it would take too much: others have no such bound, and would be at it for minutes.
const BOUNDS: [&str; 4] = ["expression_too_deep", "expression_too_long", "result_too_big", "too_many_steps"];

#[test]
#[ignore = "writes files for `cargo xtask evaluators`, which runs it"]
fn write_for_other_evaluators() {
    let file =
        PathBuf::from(env::var_os("EVALUATORS_FILE").expect("EVALUATORS_FILE names the file to write"));
    let tree = world::world();
    let mut instances: BTreeMap<&str, String> = INSTANCES
        .into_iter()
        .map(|id| (id, xml(&tree, only_child(&tree, tree.instance(id).expect("an instance")))))
        .collect();
    instances.insert("__last-saved", last_saved(&tree));
    let texts: BTreeMap<&str, String> =
        TEXTS.into_iter().map(|id| (id, tree.itext(id).expect("a text").into_owned())).collect();
    let around = world::surroundings();
    let rows: Vec<Json> = rows()
        .iter()
        .map(|row| {
            json!({
                "line": row.line,
                "section": row.section,
                "expression": row.expression,
                "resolved": resolved(&tree, row),
                "here": row.here,
                "ours": ours(&tree, row),
            })
        })
        .filter(|row| !BOUNDS.iter().any(|code| row["ours"]["code"] == *code))
        .collect();
    let written = json!({
        "now": around.now.as_millisecond(),
        "zone": around.zone.iana_name(),
        "record": xml(&tree, only_child(&tree, Tree::ROOT)),
        "instances": instances,
        "texts": texts,
        "rows": rows,
    });
    fs::write(&file, written.to_string()).expect("the file can be written");
}

fn only_child(tree: &Tree, document: NodeId) -> NodeId {
    tree.children(document).next().expect("a top element")
}

/// A node as XML, with all below it.
fn xml(tree: &Tree, node: NodeId) -> String {
    let zone = world::surroundings().zone;
    let name = tree.name(node);
    let mut out = format!("<{name}");
    for attribute in tree.attributes(node) {
        let value = escaped(&tree.value(attribute).text(&zone));
        write!(out, " {}=\"{value}\"", tree.name(attribute)).expect("a text takes it");
    }
    out.push('>');
    out.push_str(&escaped(&tree.value(node).text(&zone)));
    for child in tree.children(node) {
        out.push_str(&xml(tree, child));
    }
    write!(out, "</{name}>").expect("a text takes it");
    out
}

/// The answers of the last record, in a record of their own as the specification has them.
fn last_saved(tree: &Tree) -> String {
    let zone = world::surroundings().zone;
    let mut out = String::from("<data>");
    for child in tree.children(only_child(tree, Tree::ROOT)) {
        let mut found = Vec::new();
        tree.last_saved(tree.name(child), &mut found);
        for node in found {
            let name = tree.name(node);
            write!(out, "<{name}>{}</{name}>", escaped(&tree.value(node).text(&zone)))
                .expect("a text takes it");
        }
    }
    out.push_str("</data>");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The value of our engine, of which the kind decides how another's is compared.
fn ours(tree: &Tree, row: &Row) -> Json {
    let around = world::surroundings();
    let here = world::node(tree, &row.here);
    let expr = match Expr::compile(&row.expression) {
        Ok(expr) => expr,
        Err(errors) => return json!({ "kind": "error", "code": errors[0].kind.code() }),
    };
    if row.expected == "?" {
        return json!({ "kind": "chance" });
    }
    match expr.evaluate(tree, here, &around) {
        Err(error) => json!({ "kind": "error", "code": error.kind.code() }),
        Ok(Value::Text(text)) => json!({ "kind": "text", "value": text }),
        // JSON has no numbers beyond the finite, so they are texts as the table has them.
        Ok(Value::Number(number)) => {
            json!({ "kind": "number", "value": world::written(tree, &Value::Number(number)) })
        }
        Ok(Value::Boolean(is)) => json!({ "kind": "boolean", "value": is }),
        Ok(Value::Date(date)) => json!({ "kind": "date", "value": date.to_string() }),
        Ok(Value::DateTime(at)) => json!({ "kind": "instant", "value": at.as_millisecond() }),
        Ok(Value::Time(time)) => json!({ "kind": "time", "value": time.to_string() }),
        Ok(Value::Nodes(nodes)) => {
            let values: Vec<String> = nodes
                .iter()
                .map(|node| match tree.value(*node) {
                    Scalar::Empty => format!("<{}>", tree.name(*node)),
                    value => value.text(&around.zone),
                })
                .collect();
            json!({ "kind": "nodes", "value": values })
        }
    }
}

/// The expression with a path for every `${name}`, as a conversion to XForms writes it; `None` where one
/// is no name or not closed, which no other evaluator ever sees.
fn resolved(tree: &Tree, row: &Row) -> Option<String> {
    let here = world::node(tree, &row.here);
    let mut out = String::new();
    let mut rest = row.expression.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (name, behind) = after.split_once('}')?;
        let name = name.trim();
        if name.is_empty()
            || name.contains(['$', '{', ' '])
            || name.starts_with(|first: char| first.is_ascii_digit())
        {
            return None;
        }
        if let Some(last) = name.strip_prefix("last-saved#") {
            write!(out, "instance('__last-saved')/data/{last}").expect("a text takes it");
        } else {
            let is_indexed = out.contains("indexed-repeat(");
            out.push_str(&path_of(tree, name, here, is_indexed));
        }
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

/// The path of a name: from the row that both stand in, or else from the top.
fn path_of(tree: &Tree, name: &str, here: NodeId, is_indexed: bool) -> String {
    let mut found = Vec::new();
    tree.named(name, None, &mut found);
    let Some(first) = found.first() else { return format!("/data/{name}") };
    let (theirs, ours) = (steps(tree, *first), steps(tree, here));
    let common = theirs.iter().zip(&ours).take_while(|(one, other)| one == other).count();
    let shared = theirs[..common].iter().rposition(|step| REPEATS.contains(step));
    match shared {
        Some(row) if !is_indexed => {
            let up = vec![".."; ours.len() - row - 1];
            up.into_iter().chain(theirs[row + 1..].iter().copied()).collect::<Vec<_>>().join("/")
        }
        _ => format!("/{}", theirs.join("/")),
    }
}

/// The names from the top down to a node.
fn steps(tree: &Tree, node: NodeId) -> Vec<&str> {
    let mut names = vec![tree.name(node)];
    let mut at = node;
    while let Some(above) = tree.parent(at).filter(|above| *above != Tree::ROOT) {
        names.push(tree.name(above));
        at = above;
    }
    names.reverse();
    names
}
