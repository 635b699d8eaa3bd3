//! Names that are taken, or that a reader would mix up.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

use super::{Row, at, rows};
use crate::{
    form::{Form, Item},
    problem::{
        report::{Place, Report},
        suggest::quoted,
    },
};

pub(super) fn check(form: &Form, has_twins: bool, report: &mut Report) {
    alike(&form.items, report);
    let root = form.setting("name").filter(|name| !name.is_empty()).unwrap_or("data");
    let rows = rows(form);
    let mut repeats: BTreeMap<&str, u32> = BTreeMap::new();
    let mut first_rows: HashMap<&str, u32> = HashMap::new();
    let mut twins: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for row in &rows {
        let (name, number) = (row.name(), row.number());
        if has_twins {
            match first_rows.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(number);
                }
                Entry::Occupied(first) => {
                    twins.entry(name).or_insert_with(|| vec![*first.get()]).push(number);
                }
            }
        }
        if name == "meta" {
            report.error(
                at(number, "name"),
                "reserved_name",
                "The standard keeps the name `meta` for itself.",
                "Write another name.",
            );
        }
        if let Row::Section(section, true) = row {
            if name == root {
                report.error(
                    at(number, "name"),
                    "reserved_name",
                    format!("The repeat {} has the name of the whole record.", quoted(name)),
                    "Write another name, or set `name` in the settings.",
                );
            }
            if let Some(first) = repeats.insert(name, number) {
                report.error(
                    at(number, "name"),
                    "duplicate_name",
                    format!("The repeat of row {first} is {} already.", quoted(name)),
                    "Repeats have names of their own in the whole form.",
                );
            }
            if section.label.0.is_empty() && section.media.is_empty() {
                report.warning(
                    at(number, "label"),
                    "missing_label",
                    format!("The repeat {} has no heading.", quoted(name)),
                    "Write what one row of it is: apps ask with it whether another is to be added.",
                );
            }
        }
        if row.extra().contains_key("disabled") {
            report.warning(
                at(number, "disabled"),
                "old_column",
                "The column `disabled` is no part of the standard any more.",
                "Write `false()` in `relevant`, or take the row out.",
            );
        }
    }
    ambiguous(form, &rows, &twins, report);
}

/// Names beside each other that differ in capitals alone.
fn alike(items: &[Item], report: &mut Report) {
    let mut open = vec![items];
    while let Some(items) = open.pop() {
        let mut named = Vec::with_capacity(items.len());
        for item in items {
            named.push(match item {
                Item::Question(question) => (question.name.as_str(), question.row),
                Item::Group(section) | Item::Repeat(section) => {
                    open.push(&section.items);
                    (section.name.as_str(), section.row)
                }
            });
        }
        // Names without a capital among them differ in more than capitals.
        let may_have_capitals =
            |name: &str| name.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii());
        if !named.iter().any(|(name, _)| may_have_capitals(name)) {
            continue;
        }
        let mut seen: HashMap<String, (&str, u32)> = HashMap::with_capacity(named.len());
        for (name, row) in named {
            match seen.get(&name.to_lowercase()) {
                Some((known, first)) if *known != name => report.warning(
                    at(row, "name"),
                    "similar_name",
                    format!(
                        "{} differs from {} of row {first} in capitals alone.",
                        quoted(name),
                        quoted(known)
                    ),
                    "Write another name: some programs take them for one.",
                ),
                Some(_) => {}
                None => {
                    seen.insert(name.to_lowercase(), (name, row));
                }
            }
        }
    }
}

/// References to names that several rows have.
fn ambiguous(form: &Form, rows: &[Row<'_>], twins: &BTreeMap<&str, Vec<u32>>, report: &mut Report) {
    if twins.is_empty() {
        return;
    }
    let mut say = |place: Place<'_>, text: &str| {
        let mut said = BTreeSet::new();
        for (start, _) in text.match_indices("${") {
            let Some((name, _)) = text[start + 2..].split_once('}') else { continue };
            let name = name.trim();
            if let Some(rows) = twins.get(name)
                && said.insert(name)
            {
                let rows: Vec<String> = rows.iter().take(5).map(ToString::to_string).collect();
                report.error(
                    place,
                    "ambiguous_reference",
                    format!("Several rows are named {}: {}.", quoted(name), rows.join(", ")),
                    "A name that is referred to stands once in the whole form: rename the others.",
                );
            }
        }
    };
    for row in rows {
        let number = row.number();
        match row {
            Row::Question(question) => {
                for (column, text) in [
                    ("relevant", &question.relevant),
                    ("required", &question.required),
                    ("constraint", &question.constraint),
                    ("calculation", &question.calculation),
                    ("default", &question.default),
                    ("choice_filter", &question.choice_filter),
                    ("read_only", &question.read_only_when),
                    ("trigger", &question.trigger),
                ] {
                    say(at(number, column), text.as_deref().unwrap_or_default());
                }
                for (column, texts) in [("label", &question.label), ("hint", &question.hint)] {
                    say(at(number, column), texts.text());
                }
            }
            Row::Section(section, _) => {
                say(at(number, "relevant"), section.relevant.as_deref().unwrap_or_default());
                say(at(number, "repeat_count"), section.repeat_count.as_deref().unwrap_or_default());
                say(at(number, "label"), section.label.text());
            }
        }
    }
    let place = Place::sheet("settings").row(2).column("instance_name");
    say(place, form.setting("instance_name").unwrap_or_default());
}
