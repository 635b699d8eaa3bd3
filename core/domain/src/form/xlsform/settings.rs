//! The sheets `settings` and `entities`.

use std::collections::BTreeMap;

use super::{
    columns::{Columns, Known},
    table::Sheet,
};
use crate::{
    form::Form,
    problem::{
        report::{Place, Report},
        suggest::quoted,
    },
};

const SETTINGS: Known = Known {
    sheet: Some("settings"),
    plain: &["form_title", "form_id", "version", "default_language"],
    translated: &[],
    aliases: &[("set_form_title", "form_title"), ("set_form_id", "form_id"), ("id_string", "form_id")],
    kept: &[
        "style",
        "instance_name",
        "public_key",
        "submission_url",
        "auto_send",
        "auto_delete",
        "client_editable",
        "allow_choice_duplicates",
        "clean_text_values",
        "omit_instanceid",
        "instance_id",
        "namespaces",
        "prefix",
        "delimiter",
        "sms_keyword",
        "name",
        "attribute",
    ],
};

const ENTITIES: Known = Known {
    sheet: Some("entities"),
    plain: &["list_name", "label", "entity_id", "create_if", "update_if", "repeat"],
    translated: &[],
    aliases: &[("dataset", "list_name")],
    kept: &[],
};

/// A form with its settings and nothing else.
pub(super) fn read(sheet: Option<&Sheet>, report: &mut Report) -> Form {
    let mut form = Form::default();
    let Some(sheet) = sheet else {
        if report.is_standard() {
            return form;
        }
        report.error(
            Place::sheet("settings"),
            "missing_sheet",
            "There is no table under a heading `# settings`.",
            "Add it, with the columns `form_title`, `form_id` and `version`.",
        );
        return form;
    };
    let columns = Columns::find(sheet, &SETTINGS, report);
    let standard = report.is_standard();
    let has_id = !standard && columns.require("form_id", report);
    let has_version = !standard && columns.require("version", report);
    let mut rows = columns.rows(sheet);
    let Some(row) = rows.next() else {
        if standard {
            return form;
        }
        report.error(
            Place::sheet("settings"),
            "missing_settings",
            "The sheet has no row below its heading.",
            "Add one row with the id and the version of the form.",
        );
        return form;
    };
    if let Some(second) = rows.next() {
        report.error(
            second.place(),
            "second_settings",
            "There is a second row.",
            "A form has one row of settings.",
        );
    }
    row.check_unnamed(report);
    form.id = row.get("form_id").to_owned();
    form.version = row.get("version").to_owned();
    form.title = row.optional("form_title").unwrap_or_else(|| form.id.clone());
    form.default_language = row.get("default_language").to_owned();
    form.settings = row.extra().into_iter().collect();
    if form.id.is_empty() && has_id {
        report.error(row.at("form_id"), "missing_form_id", "The form has no id.", "Write it in `form_id`.");
    } else if has_id && (!super::is_name(&form.id) || form.id.contains('.')) {
        report.error(
            row.at("form_id"),
            "bad_form_id",
            format!("{} cannot be the id of a form.", quoted(&form.id)),
            "An id is a letter, then letters, digits, `_` or `-`.",
        );
    }
    if form.version.is_empty() && has_version {
        report.error(
            row.at("version"),
            "missing_version",
            "The form has no version.",
            "Write it in `version`.",
        );
    }
    form
}

/// The rows of the entities sheet, as they are written.
pub(super) fn entities(sheet: Option<&Sheet>, report: &mut Report) -> Vec<BTreeMap<String, String>> {
    let Some(sheet) = sheet else { return Vec::new() };
    let columns = Columns::find(sheet, &ENTITIES, report);
    columns.require("list_name", report);
    columns
        .rows(sheet)
        .map(|row| {
            row.check_unnamed(report);
            if columns.has("list_name") && row.get("list_name").is_empty() {
                report.error(
                    row.at("list_name"),
                    "missing_list",
                    "The row names no entity list.",
                    "Write it in `list_name`.",
                );
            }
            let known =
                ENTITIES.plain.iter().filter_map(|name| Some(((*name).to_owned(), row.optional(name)?)));
            known.chain(row.extra()).collect()
        })
        .collect()
}
