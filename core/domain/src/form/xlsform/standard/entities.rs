//! The sheet `entities`, and what questions keep in entities (`save_to`).

use std::collections::BTreeMap;

use super::{Row, at, rows};
use crate::{
    form::Form,
    problem::{
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
};

/// Columns of the sheet.
const COLUMNS: [&str; 7] = ["list_name", "dataset", "label", "entity_id", "create_if", "update_if", "repeat"];

pub(super) fn check(form: &Form, report: &mut Report) {
    let mut lists: BTreeMap<&str, u32> = BTreeMap::new();
    for (row, entity) in (2..).zip(&form.entities) {
        declared(row, entity, &mut lists, report);
    }
    saved(form, &lists, report);
}

fn declared<'f>(
    row: u32,
    entity: &'f BTreeMap<String, String>,
    lists: &mut BTreeMap<&'f str, u32>,
    report: &mut Report,
) {
    let place = Place::sheet("entities").row(row);
    let list = entity.get("list_name").map(String::as_str).unwrap_or_default();
    let cell = |name: &str| entity.get(name).is_some_and(|text| !text.is_empty());
    for column in entity.keys().filter(|column| !COLUMNS.contains(&column.as_str())) {
        report.error(
            Place::sheet("entities").row(1).column(column),
            "unknown_column",
            format!("The sheet has no column {}.", quoted(column)),
            did_you_mean(column, COLUMNS, "Take it out."),
        );
    }
    if list.starts_with("__") || list.contains('.') || (!list.is_empty() && !super::super::is_xml_name(list))
    {
        report.error(
            place.column("list_name"),
            "bad_name",
            format!("{} cannot be the name of an entity list.", quoted(list)),
            "Write a letter, then letters, digits, `_` or `-`; no point, and no two `_` before it.",
        );
    }
    if let Some(first) = lists.insert(list, row).filter(|_| !list.is_empty()) {
        report.error(
            place.column("list_name"),
            "duplicate_name",
            format!("{} stands in row {first} already.", quoted(list)),
            "A list has one row.",
        );
    }
    let changes = cell("entity_id");
    let makes = cell("create_if") || !changes;
    if cell("update_if") && !changes {
        report.error(
            place.column("entity_id"),
            "missing_entity_id",
            "An entity is changed, and nothing says which.",
            "Write the expression of its id in `entity_id`, or move the condition to `create_if`.",
        );
    } else if makes && !cell("label") {
        report.error(
            place.column("label"),
            "missing_label",
            "An entity is made without a label.",
            "Write an expression in `label`, or `entity_id` where an entity is changed.",
        );
    }
    if changes && cell("create_if") && !cell("update_if") {
        report.error(
            place.column("update_if"),
            "missing_update_if",
            "An entity is made or changed, and nothing says when it is changed.",
            "Write the condition in `update_if`, or take out `entity_id`.",
        );
    }
}

fn saved(form: &Form, lists: &BTreeMap<&str, u32>, report: &mut Report) {
    let mut properties: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for row in rows(form) {
        let Some(save_to) = row.extra().get("save_to") else { continue };
        let place = at(row.number(), "save_to");
        let mut error = |code, what: String, help: String| report.error(place, code, what, help);
        if lists.is_empty() {
            error(
                "missing_sheet",
                "The answer is saved to an entity, and the form has none.".to_owned(),
                "Add the sheet `entities` with a row for the list.".to_owned(),
            );
            continue;
        }
        if matches!(row, Row::Section(..)) {
            error(
                "misplaced_cell",
                "A group is no property of an entity.".to_owned(),
                "Write it at the questions of the group.".to_owned(),
            );
            continue;
        }
        let parts: Vec<&str> = save_to.split('#').map(str::trim).collect();
        let (list, property) = match parts.as_slice() {
            [property] if lists.len() == 1 => (lists.keys().next().copied().unwrap_or_default(), *property),
            [list, property] => (*list, *property),
            [_] => {
                error(
                    "missing_list",
                    format!("{} does not say of which list it is a property.", quoted(save_to)),
                    format!(
                        "Write the list before it: `{}#{save_to}`.",
                        lists.keys().next().unwrap_or(&"list")
                    ),
                );
                continue;
            }
            _ => {
                error(
                    "bad_property",
                    format!("{} has more than one `#`.", quoted(save_to)),
                    "Write one list and one property: `people#age`.".to_owned(),
                );
                continue;
            }
        };
        if !lists.contains_key(list) {
            error(
                "unknown_list",
                format!("There is no entity list {}.", quoted(list)),
                did_you_mean(list, lists.keys().copied().take(1_000), "Add it to the sheet `entities`."),
            );
        }
        let lower = property.to_lowercase();
        if matches!(lower.as_str(), "name" | "label")
            || property.starts_with("__")
            || !super::super::is_xml_name(property)
        {
            error(
                "bad_property",
                format!("{} cannot be a property.", quoted(property)),
                "Write a name that does not begin with two `_`, and is neither `name` nor `label`."
                    .to_owned(),
            );
        }
        if let Some(first) = properties.insert((list.to_owned(), property), row.number()) {
            error(
                "duplicate_property",
                format!("Row {first} is saved to {} already.", quoted(property)),
                "A property has one question.".to_owned(),
            );
        }
    }
}
