//! The record that the table's expressions are evaluated over.

use std::borrow::Cow;

use alongside_domain::form::expr::{Context as _, Expr, NodeId, Scalar, Surroundings, Tree, Value};
use jiff::{Timestamp, tz::TimeZone};

/// Half past two in the afternoon of 16 March 2015, London; summer time began on 29 March.
pub(crate) fn surroundings() -> Surroundings {
    let now: Timestamp = "2015-03-16T14:30:15.250Z".parse().expect("an instant");
    Surroundings::new(now, TimeZone::get("Europe/London").expect("a zone"), [7; 32])
}

fn decimal(text: &'static str) -> Scalar<'static> {
    Scalar::Decimal(Cow::Borrowed(text))
}

/// A made-up visit with a repeat in a repeat, and the files around it.
pub(crate) fn world() -> Tree {
    let mut tree = Tree::new();
    let data = tree.add(Tree::ROOT, "data", Scalar::Empty);
    tree.add_attribute(data, "id", "visit".into());
    tree.add_attribute(data, "version", "3".into());
    for (name, value) in [
        ("name", Scalar::from("Ann")),
        ("nothing", Scalar::Empty),
        ("age", Scalar::Integer(14)),
        ("zero", Scalar::Integer(0)),
        ("price", decimal("12.50")),
        ("exact", decimal("12345678901234567890.123456789")),
        ("typed_number", "14".into()),
        ("word_false", "false".into()),
        ("yes", Scalar::Boolean(true)),
        ("no", Scalar::Boolean(false)),
        ("born", Scalar::Date(jiff::civil::date(2001, 2, 28))),
        ("visited_at", Scalar::Instant("2015-03-16T09:05:00Z".parse().expect("an instant"))),
        ("from_time", Scalar::Time(jiff::civil::time(9, 5, 0, 0))),
        ("text_date", "2015-03-01".into()),
        ("text_instant", "2015-03-01T10:00:00.000+00:00".into()),
        ("topics", "school home safety".into()),
        ("mode", "phone".into()),
        ("spaced", "  a \t b\n c  ".into()),
        ("place", "51.5007 -0.1246 10 5".into()),
        ("shape", "0 0 0 0;0 1 0 0;1 1 0 0;1 0 0 0;0 0 0 0".into()),
        ("accent", "Zoë Żak".into()),
    ] {
        tree.add(data, name, value);
    }
    for (child, age, visits) in [("Bea", 3_i64, &[10_i64, 20][..]), ("Cy", 7, &[30][..]), ("", 0, &[][..])] {
        let row = tree.add(data, "child", Scalar::Empty);
        tree.add(row, "child_name", child.into());
        tree.add(row, "child_age", if child.is_empty() { Scalar::Empty } else { Scalar::Integer(age) });
        for minutes in visits {
            let visit = tree.add(row, "visit", Scalar::Empty);
            tree.add(visit, "minutes", Scalar::Integer(*minutes));
            tree.add(visit, "note", format!("{child} {minutes}").into());
        }
    }
    for point in ["0 0 0 0", "0 1 0 0", "1 1 0 0"] {
        let row = tree.add(data, "stop", Scalar::Empty);
        tree.add(row, "at", point.into());
    }
    let flags = tree.add(data, "flags", Scalar::Empty);
    for value in ["yes", "", "yes"] {
        tree.add(flags, "flag", value.into());
    }
    for weight in ["2", "3", "4"] {
        tree.add(flags, "weight", weight.into());
    }
    for (code, name, county, people) in
        [("lo", "London", "gl", "8"), ("re", "Reading", "be", "2"), ("sl", "Slough", "be", "1")]
    {
        tree.add_row("towns", [("code", code), ("name", name), ("county", county), ("people", people)]);
    }
    tree.set_last_saved("name", "Old Ann".into());
    tree.set_label("mode", "phone", "By telephone");
    tree.set_label("topics", "home", "At home");
    tree.set_text("greeting", "Good day");
    tree.set_property("username", "sam");
    tree.set_variable("limit", Scalar::Integer(40));
    tree.set_version("3");
    tree
}

/// The node that an expression of the table belongs to.
pub(crate) fn node(tree: &Tree, path: &str) -> NodeId {
    let expr = Expr::compile(path).expect("a path");
    let around = surroundings();
    match expr.evaluate(tree, Tree::ROOT, &around).expect("a value") {
        Value::Nodes(nodes) => *nodes.first().unwrap_or_else(|| panic!("no node at {path}")),
        other => panic!("{path} is {other:?}"),
    }
}

/// A value as the table writes it.
pub(crate) fn written(tree: &Tree, value: &Value<'_, NodeId>) -> String {
    let zone = surroundings().zone;
    match value {
        Value::Text(text) => format!("\"{}\"", escaped(text)),
        Value::Number(number) if number.is_nan() => "NaN".to_owned(),
        Value::Number(number) if number.is_infinite() => {
            if *number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        }
        Value::Number(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Date(date) => format!("date {date}"),
        Value::DateTime(at) => format!("instant {at}"),
        Value::Time(time) => format!("time {time}"),
        Value::Nodes(nodes) => {
            let texts: Vec<String> = nodes
                .iter()
                .map(|node| match tree.value(*node) {
                    Scalar::Empty => format!("<{}>", tree.name(*node)),
                    value => escaped(&value.text(&zone)),
                })
                .collect();
            format!("[{}]", texts.join(" | "))
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t")
}
