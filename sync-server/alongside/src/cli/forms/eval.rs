//! `alongside forms eval`: an expression and its value, or one of each a line.

use std::{borrow::Cow, io::Write as _};

use alongside_domain::form::expr::{
    Context as _, Expr, ExprError, NodeId, Scalar, Surroundings, Tree, Value as Outcome,
};
use anyhow::Context as _;
use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::line;

/// Longest line that is read, in bytes.
const LONGEST_LINE: usize = 4 << 20;

/// Most nodes that the paths of one context make.
const MOST_NODES: usize = 1_000_000;

/// Deepest path.
const DEEPEST: usize = 128;

/// Highest place of a row that a path names.
const HIGHEST_PLACE: usize = 10_000;

/// An expression and what it is evaluated over.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The expression: XPath 1.0 with the functions of forms and `${name}`.
    #[arg(required_unless_present = "json_lines", allow_hyphen_values = true)]
    expression: Option<String>,
    /// An answer: `name=value`, or a path such as `/data/child[2]/age=7`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// The node that `.` is.
    #[arg(long, value_name = "PATH")]
    here: Option<String>,
    /// What `now()` is, such as 2015-03-16T14:30:00Z; without it, the machine's time.
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,
    /// The zone of dates and times.
    #[arg(long, value_name = "NAME", default_value = "Europe/London")]
    zone: String,
    /// Print the value as JSON.
    #[arg(long)]
    json: bool,
    /// Read one object a line, `{"expr": "...", "context": {"path": "value"}}`, and print one a line.
    #[arg(long, conflicts_with_all = ["expression", "set", "here", "json"])]
    json_lines: bool,
}

/// One line of the input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    expr: String,
    /// Answers by path; an object is a group, a list of texts an answer of several codes, any other list
    /// a repeat.
    #[serde(default)]
    context: Map<String, Value>,
    /// Rows of files of data, by the name of the file.
    #[serde(default)]
    instances: Map<String, Value>,
    #[serde(default)]
    here: Option<String>,
    #[serde(default)]
    now: Option<Timestamp>,
    #[serde(default)]
    zone: Option<String>,
}

pub(super) fn run(eval: &Eval) -> anyhow::Result<bool> {
    if eval.json_lines {
        return lines(eval);
    }
    let mut context = Map::new();
    for pair in &eval.set {
        let (path, value) =
            pair.split_once('=').with_context(|| format!("`{pair}` sets nothing: write `name=value`"))?;
        context.insert(path.to_owned(), Value::String(value.to_owned()));
    }
    let line = Line {
        expr: eval.expression.clone().unwrap_or_default(),
        context,
        instances: Map::new(),
        here: eval.here.clone(),
        now: None,
        zone: None,
    };
    let answer = evaluated(&line, eval);
    let went_well = answer.get("error").is_none();
    let mut out = std::io::stdout().lock();
    if eval.json {
        writeln!(out, "{answer}")?;
    } else if let Some(value) = answer.get("value") {
        match value {
            Value::String(text) => writeln!(out, "{text}")?,
            Value::Array(values) => {
                for value in values {
                    writeln!(out, "{}", value.as_str().unwrap_or_default())?;
                }
            }
            other => writeln!(out, "{other}")?,
        }
    } else {
        anyhow::bail!("{}", answer["error"].as_str().unwrap_or_default());
    }
    Ok(went_well)
}

/// Every line is answered: one that cannot be read by an error of its own.
fn lines(eval: &Eval) -> anyhow::Result<bool> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut input = std::io::stdin().lock();
    let mut bytes = Vec::new();
    loop {
        let answer = match line::next(&mut input, LONGEST_LINE, &mut bytes)
            .context("the lines cannot be read")?
        {
            line::Line::End => break,
            line::Line::TooLong => json!({
                "error": format!("The line is longer than {LONGEST_LINE} bytes. Put less into its context."),
                "code": "line_too_long",
            }),
            line::Line::Whole if bytes.iter().all(u8::is_ascii_whitespace) => continue,
            line::Line::Whole => match serde_json::from_slice::<Line>(&bytes) {
                Ok(line) => evaluated(&line, eval),
                Err(error) => json!({
                    "error": format!(
                        "This is no line of an expression: {error}. Write \
                         {{\"expr\": \"1 + 1\", \"context\": {{\"path\": \"value\"}}}}."
                    ),
                    "code": "bad_line",
                }),
            },
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(true)
}

fn evaluated(line: &Line, eval: &Eval) -> Value {
    let zone = line.zone.as_deref().unwrap_or(&eval.zone);
    let Ok(zone) = TimeZone::get(zone) else {
        return json!({ "error": format!("There is no time zone `{zone}`."), "code": "unknown_zone" });
    };
    let now = line
        .now
        .or(eval.now)
        .unwrap_or_else(|| alongside_domain::time::Millis(super::super::now().0).timestamp());
    let around = Surroundings::new(now, zone, rand::random());
    let expr = match Expr::compile(&line.expr) {
        Ok(expr) => expr,
        Err(errors) => return refused(&errors),
    };
    let paths = line.context.keys().map(String::as_str).filter(|path| *path != ".");
    if let Err(refusal) = check_paths(paths.chain(line.here.as_deref())) {
        return json!({ "error": refusal, "code": "bad_path" });
    }
    let mut tree = Tree::new();
    let top = tree.node_at("");
    let mut here = line.here.as_deref().map_or(top, |path| tree.node_at(path));
    for (path, value) in &line.context {
        if path == "." {
            if line.here.is_none() {
                here = tree.node_at("here");
            }
            fill(&mut tree, here, value);
        } else {
            let node = match value {
                // The rows of a list are added behind each other.
                Value::Array(values) if !are_codes(values) => {
                    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path.as_str()));
                    let parent = tree.node_at(parent);
                    rows(&mut tree, parent, name, value);
                    continue;
                }
                _ => tree.node_at(path),
            };
            fill(&mut tree, node, value);
        }
    }
    for (id, value) in &line.instances {
        let document = tree.add_instance(id);
        let root = tree.add(document, "root", Scalar::Empty);
        rows(&mut tree, root, "item", value);
    }
    match expr.evaluate(&tree, here, &around) {
        Ok(value) => shown(&tree, &value, &around.zone),
        Err(error) => refused(&[error]),
    }
}

/// Whether paths can be made without making a world of rows.
fn check_paths<'p>(paths: impl Iterator<Item = &'p str>) -> Result<(), String> {
    let mut nodes = 0;
    for path in paths {
        let mut depth = 0;
        for step in path.split('/').filter(|step| !step.is_empty()) {
            depth += 1;
            let place = match step.split_once('[') {
                None => Some(1),
                Some((_, place)) => place.strip_suffix(']').and_then(|place| place.trim().parse().ok()),
            };
            match place.filter(|place| (1..=HIGHEST_PLACE).contains(place)) {
                Some(place) => nodes += place,
                None => {
                    return Err(format!(
                        "`{}` is no step of a path. Write a name, and behind it the place of a row from 1 to \
                         {HIGHEST_PLACE} where there are several, such as `visit[2]`.",
                        step.chars().take(40).collect::<String>()
                    ));
                }
            }
        }
        if depth > DEEPEST {
            return Err(format!("A path has {depth} steps. It has at most {DEEPEST}."));
        }
    }
    if nodes > MOST_NODES {
        return Err(format!("The paths make {nodes} nodes. Name fewer rows: at most {MOST_NODES} nodes."));
    }
    Ok(())
}

fn fill(tree: &mut Tree, node: NodeId, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if value.as_array().is_some_and(|values| !are_codes(values)) {
                    rows(tree, node, name, value);
                } else {
                    let child = tree.add(node, name, Scalar::Empty);
                    fill(tree, child, value);
                }
            }
        }
        // A list of texts is an answer of several codes.
        Value::Array(values) => {
            let codes: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            tree.set(node, codes.join(" ").into());
        }
        Value::Null => tree.set(node, Scalar::Empty),
        Value::Bool(is) => tree.set(node, Scalar::Boolean(*is)),
        Value::Number(number) => tree.set(node, Scalar::Decimal(Cow::Owned(number.to_string()))),
        Value::String(text) => tree.set(node, text.clone().into()),
    }
}

/// Whether a list is one answer of several codes; otherwise its values are the rows of a repeat.
fn are_codes(values: &[Value]) -> bool {
    values.iter().all(Value::is_string)
}

fn rows(tree: &mut Tree, parent: NodeId, name: &str, value: &Value) {
    let Value::Array(values) = value else { return };
    for value in values {
        let row = tree.add(parent, name, Scalar::Empty);
        fill(tree, row, value);
    }
}

fn shown(tree: &Tree, value: &Outcome<'_, NodeId>, zone: &TimeZone) -> Value {
    let text = |scalar: Scalar<'_>| Value::String(scalar.text(zone));
    match value {
        Outcome::Text(text) => json!({ "value": text, "type": "string" }),
        Outcome::Number(number) if number.is_finite() => {
            // A whole number is written as one.
            let digits: Value = serde_json::from_str(&number.to_string()).unwrap_or_else(|_| json!(number));
            json!({ "value": if *number == 0.0 { json!(0) } else { digits }, "type": "number" })
        }
        // JSON has no such numbers: they are written as XPath writes them.
        Outcome::Number(number) => {
            let text = if number.is_nan() {
                "NaN"
            } else if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            json!({ "value": text, "type": "number" })
        }
        Outcome::Boolean(is) => json!({ "value": is, "type": "boolean" }),
        Outcome::Date(date) => json!({ "value": text(Scalar::Date(*date)), "type": "string" }),
        Outcome::DateTime(at) => json!({ "value": text(Scalar::Instant(*at)), "type": "string" }),
        Outcome::Time(time) => json!({ "value": text(Scalar::Time(*time)), "type": "string" }),
        Outcome::Nodes(nodes) => {
            let values: Vec<Value> = nodes.iter().map(|node| text(tree.value(*node))).collect();
            json!({ "value": values, "type": "nodeset" })
        }
    }
}

fn refused(errors: &[ExprError]) -> Value {
    let first = errors.first();
    let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
    json!({
        "error": all.join(" "),
        "code": first.map(|error| error.kind.code()),
        "from": first.map(|error| error.span.start),
        "to": first.map(|error| error.span.end),
    })
}
