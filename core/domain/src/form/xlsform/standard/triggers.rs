//! Questions whose answers set something off.

use super::{Index, at};
use crate::{
    form::{Question, QuestionKind},
    problem::{report::Report, suggest::quoted},
};

pub(super) fn check(index: &Index<'_>, report: &mut Report) {
    for question in index.form.questions() {
        let is_place =
            matches!(&question.kind, QuestionKind::Standard(kind) if kind == "background-geopoint");
        if is_place && question.trigger.is_none() {
            report.error(
                at(question.row, "trigger"),
                "missing_trigger",
                "Nothing says when the place is taken.",
                "Write the question whose answer takes it, such as `${arrived}`.",
            );
        }
        if is_place && question.calculation.is_some() {
            report.error(
                at(question.row, "calculation"),
                "misplaced_cell",
                "A place in the background is measured, not calculated.",
                "Leave the cell empty.",
            );
        }
        for part in question.trigger.as_deref().unwrap_or_default().split(',') {
            triggered(part.trim(), question, index, report);
        }
    }
}

fn triggered(part: &str, question: &Question, index: &Index<'_>, report: &mut Report) {
    if part.is_empty() {
        return;
    }
    let name = part.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    let Some(name) = name.filter(|name| !name.contains(['$', '{', '}'])) else {
        report.error(
            at(question.row, "trigger"),
            "bad_trigger",
            format!("{} is not one question.", quoted(part)),
            "Write `${name}`, with a comma between several.",
        );
        return;
    };
    // What is nowhere is said when the names are looked up.
    let Some(source) = index.question_named(name) else { return };
    let is_computed = source.calculation.is_some() || source.trigger.is_some();
    let is_shown = match &source.kind {
        QuestionKind::Calculate | QuestionKind::Hidden => false,
        QuestionKind::Standard(kind) => {
            matches!(kind.as_str(), "geopoint" | "geotrace" | "geoshape" | "barcode" | "osm")
        }
        _ => !is_computed || !source.label.0.is_empty() || !source.hint.0.is_empty(),
    };
    if !is_shown {
        report.error(
            at(question.row, "trigger"),
            "unseen_trigger",
            format!("Nobody answers {}, so it sets nothing off.", quoted(name)),
            "Name a question that people answer.",
        );
    }
}
