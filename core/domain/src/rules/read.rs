//! Reads `rules.toml`: every problem at once, each with its line.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::{Derived, Explained, Place, Rule, Rules, Scope, Severity, Take, Where, builtin};
use crate::{
    deadline::section::{Place as TextPlace, Section, Source},
    form::expr::{Expr, PathStart, PathStep, Reads},
    problem::Problem,
    programme::FieldRef,
    time::Millis,
};

pub(super) fn read(file: &str, text: &str) -> Result<Rules, Vec<Problem>> {
    let source = Source::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let what = format!("This is not TOML: {}.", error.message().replace('\n', "; "));
            let place = TextPlace { section: None, key: None, code: "toml_syntax" };
            source.report(error.span(), place, what, "Correct the text at this line.");
        }
        return Err(source.into_problems());
    }
    let top = Section::new(&source, None, document.get_ref(), 0..0);
    let read = rules(&top);
    top.finish();
    let problems = source.into_problems();
    match read {
        Some(rules) if problems.is_empty() => Ok(rules),
        _ => Err(problems),
    }
}

fn rules(top: &Section<'_, '_>) -> Option<Rules> {
    let version = top.text("version");
    let mut ids = BTreeSet::new();
    let derived = if top.get("derived").is_some() {
        top.sections("derived", "derived").iter().filter_map(derived).collect()
    } else {
        Vec::new()
    };
    let explained = if top.get("explained").is_some() {
        top.section("explained").and_then(|section| explained(&section))
    } else {
        None
    };
    let mut rules = Vec::new();
    for mut section in top.sections("rule", "rule") {
        rules.extend(rule(&mut section, &mut ids));
    }
    Some(Rules { version: version?, rules, derived, explained })
}

fn derived(section: &Section<'_, '_>) -> Option<Derived> {
    let form = section.text("form");
    let name = section.text("name");
    let from = section.text("from");
    if section.get("function").is_none() {
        section.missing::<()>("function");
    }
    let function = section.choice("function", &builtin::Function::ALL);
    section.finish();
    Some(Derived { form: form?, name: name?, from: from?, function: function? })
}

fn explained(section: &Section<'_, '_>) -> Option<Explained> {
    let [form, rule, target, status] = ["form", "rule", "target", "status"].map(|key| section.text(key));
    let codes = texts(section, "codes");
    section.finish();
    Some(Explained { form: form?, rule: rule?, target: target?, status: status?, codes })
}

fn texts(section: &Section<'_, '_>, key: &'static str) -> Vec<String> {
    section.filled_array(key).iter().filter_map(|value| section.text_of(key, value)).collect()
}

fn rule(section: &mut Section<'_, '_>, ids: &mut BTreeSet<String>) -> Option<Rule> {
    let id = section.text("id");
    if let Some(id) = &id {
        section.call(format!("rule {id}"));
        if !ids.insert(id.clone()) {
            let what = format!("The rule {id} is there twice.");
            section.wrong(Some("id"), "duplicate_rule", what, "Give one another id.");
        }
    }
    let section = &*section;
    let required = |key: &'static str| {
        if section.get(key).is_none() {
            section.missing::<()>(key);
        }
    };
    required("severity");
    let severity = section.choice(
        "severity",
        &[("ERROR", Severity::Error), ("QUERY", Severity::Query), ("INFO", Severity::Info)],
    );
    required("scope");
    let scope = section.choice(
        "scope",
        &[
            ("record", Scope::Record),
            ("unit", Scope::Unit),
            ("day", Scope::Day),
            ("caseload", Scope::Caseload),
            ("area", Scope::Area),
            ("extract", Scope::Extract),
        ],
    );
    let mut forms = BTreeSet::new();
    let mut others = BTreeSet::new();
    let form = match scope {
        Some(Scope::Record) => section.text("form"),
        _ => None,
    };
    forms.extend(form.clone());
    let mut reads = Vec::new();
    let mut expression = |key: &'static str, text: &str| -> Option<Expr> {
        match Expr::compile(text) {
            Ok(expr) => {
                let read = expr.reads();
                for name in read.volatile.iter().filter(|name| !["today", "now"].contains(*name)) {
                    let what = format!("`{key}` calls {name}(), which gives another value each time.");
                    section.wrong(Some(key), "left_to_chance", what, "A check has to give the same again.");
                }
                if let Some(name) = read.names.first() {
                    let what = format!("`{key}` names `${{{name}}}`.");
                    section.wrong(
                        Some(key),
                        "form_reference",
                        what,
                        "Name a field of the record as `field`, one beside it as `../form/field`.",
                    );
                }
                reads.push(read.clone());
                Some(expr)
            }
            Err(errors) => {
                for error in errors {
                    let what = format!("`{key}`: {} (`{}`)", error.what, error.text);
                    section.wrong(Some(key), error.kind.code(), what, &error.help);
                }
                None
            }
        }
    };
    let each = section.optional_text("each").and_then(|text| expression("each", &text));
    let problem_if = section.optional_text("problem_if").and_then(|text| expression("problem_if", &text));
    let alike: Vec<Vec<Expr>> = section
        .array("alike")
        .iter()
        .map(|keys| {
            let keys = section.array_of("alike", keys);
            keys.iter()
                .filter_map(|key| section.text_of("alike", key))
                .filter_map(|key| expression("alike", &key))
                .collect()
        })
        .collect();
    match (problem_if.is_some() || section.get("problem_if").is_some(), alike.is_empty()) {
        (true, true) | (false, false) => {}
        (false, true) => {
            section.missing::<()>("problem_if");
        }
        (true, false) => {
            let what = "`problem_if` and `alike` exclude each other.".to_owned();
            section.wrong(Some("alike"), "excluded_key", what, "Remove one of them.");
        }
    }
    if !alike.is_empty() && each.is_none() {
        section.missing::<()>("each");
    }
    let field = section.optional_text("field").map(|text| place(&text));
    let places: Vec<Place> = texts(section, "runs")
        .iter()
        .filter_map(|word| {
            const PLACES: [(&str, Place); 4] = [
                ("phone", Place::Phone),
                ("server", Place::Server),
                ("round", Place::Round),
                ("extract", Place::Extract),
            ];
            let found = PLACES.iter().find(|(name, _)| name == word).map(|(_, place)| *place);
            if found.is_none() {
                let what = format!("`runs` cannot have \"{word}\".");
                section.wrong(Some("runs"), "unknown_word", what, "Write phone, server, round or extract.");
            }
            found
        })
        .collect();
    let message = section.text("message");
    let help = section.text("help");
    let from = section.optional_date("valid_from");
    let to = section.optional_date("valid_to");
    let takes = takes(section);
    let named = names(&reads, &mut forms, &mut others, scope, section);
    let reads_deadlines = named.contains("deadline");
    let exprs = each.iter().chain(&problem_if).chain(alike.iter().flatten());
    let attributes = attributes(exprs, field.as_ref());
    section.finish();
    Some(Rule {
        id: id?,
        severity: severity?,
        scope: scope?,
        form,
        each,
        problem_if,
        alike,
        field,
        places,
        message: message?,
        help: help?,
        from,
        to,
        takes,
        forms,
        others,
        stirred_by: BTreeSet::new(),
        reads_deadlines,
        lists: reads.iter().flat_map(|read| read.instances.clone()).collect(),
        names: named,
        attributes,
    })
}

/// The attributes that expressions may read, and the one that names the field of a finding: every name with an
/// `@` before it. `None` where they may read any.
fn attributes<'a>(exprs: impl Iterator<Item = &'a Expr>, field: Option<&Where>) -> Option<BTreeSet<String>> {
    let mut read = BTreeSet::new();
    if let Some(Where::Named(name)) = field {
        read.insert(name.clone());
    }
    for source in exprs.map(Expr::source) {
        if source.contains("attribute") {
            return None;
        }
        for rest in source.split('@').skip(1) {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')));
            let name = &rest[..end.unwrap_or(rest.len())];
            if name.is_empty() {
                return None;
            }
            read.insert(name.to_owned());
        }
    }
    Some(read)
}

/// `upn` of the record, `@doubled` whose attribute names the field, `case.status` of another record.
fn place(text: &str) -> Where {
    if let Some(name) = text.strip_prefix('@') {
        return Where::Named(name.to_owned());
    }
    match text.split_once('.') {
        Some((form, field)) => Where::Of(FieldRef { form: form.to_owned(), field: field.to_owned() }),
        None => Where::Own(text.to_owned()),
    }
}

/// `takes = { contact = "latest 20" }`: which records of a form the rule gets.
fn takes(section: &Section<'_, '_>) -> BTreeMap<String, Take> {
    let mut read = BTreeMap::new();
    if section.get("takes").is_none() {
        return read;
    }
    let Some(inner) = section.section("takes") else { return read };
    for (form, value) in inner.table() {
        let form = form.get_ref().to_string();
        let Some(text) = inner.text_of(&form, value) else { continue };
        let number = |rest: &str| rest.trim().parse::<u32>().ok().filter(|n| (1..=1000).contains(n));
        let take = match text.split_once(' ').unwrap_or((&text, "")) {
            ("all", "") => Some(Take::All),
            ("near", "") => Some(Take::Near(Millis(0))),
            ("latest", rest) => number(rest).map(Take::Latest),
            ("first", rest) => number(rest).map(Take::First),
            _ => None,
        };
        match take {
            Some(take) => {
                read.insert(form, take);
            }
            None => inner.wrong(
                Some(&form),
                "unknown_word",
                format!("`{form}` cannot be taken as \"{text}\"."),
                "Write all, near, `latest 20` or `first 1`.",
            ),
        }
    }
    read
}

/// Which forms and fields the expressions of a rule read. A form is named by the first step of a path
/// from a unit. What only looks like a form is left out when the rules meet the programme
/// ([`Rules::bind`]). Gives every name.
fn names(
    reads: &[Reads],
    forms: &mut BTreeSet<String>,
    others: &mut BTreeSet<String>,
    scope: Option<Scope>,
    section: &Section<'_, '_>,
) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let is_of_record = scope == Some(Scope::Record);
    let is_of_many = matches!(scope, Some(Scope::Caseload | Scope::Area));
    for read in reads {
        if read.is_open {
            let what = "An expression names a list by a text that is computed.".to_owned();
            section.wrong(None, "open_expression", what, "Name the list in quotes.");
        }
        for path in read.paths.iter().filter(|path| !matches!(path.from, PathStart::Instance(_))) {
            let mut is_up = false;
            let mut nth = 0;
            for step in &path.steps {
                if let PathStep::Child(name) = step {
                    named.insert(name.clone());
                    // From a record, forms stand beside it; from a unit, below it.
                    if is_up || (nth == 0 && !is_of_record) || (nth == 1 && is_of_many) {
                        match name.strip_prefix("other_") {
                            Some(other) => others.insert(other.to_owned()),
                            None => forms.insert(name.clone()),
                        };
                    }
                    nth += 1;
                }
                is_up = matches!(step, PathStep::Up);
            }
        }
    }
    named
}
