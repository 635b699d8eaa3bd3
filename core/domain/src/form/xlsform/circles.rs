//! Expressions that need each other's values.

use super::expression::Compiled;
use crate::{
    form::{
        Form, Item,
        session::{CompileError, CompiledForm},
    },
    problem::report::{Place, Report},
};

/// Says which expressions of a form need each other, so that none can be computed first.
pub(super) fn check(form: &Form, compiled: &Compiled, report: &mut Report) {
    let Err(errors) = CompiledForm::check(form, compiled) else { return };
    for error in errors {
        let survey = Place::sheet("survey");
        match &error {
            CompileError::Cycle { names } => {
                let row = rows(form).into_iter().filter(|(name, _)| names.iter().any(|n| n == name));
                let row = row.map(|(_, row)| row).min();
                report.error(
                    row.map_or(survey, |row| survey.row(row)),
                    "circular",
                    format!("These depend on each other in a circle: {}.", names.join(", ")),
                    "Take one of the references out.",
                );
            }
            CompileError::Entangled => report.error(
                survey,
                "entangled",
                "The expressions read more questions together than can be kept track of.",
                "Name questions instead of paths such as `//*`.",
            ),
            // Said at its cell already.
            CompileError::Expression { .. } => {}
        }
    }
}

/// The rows of everything that has a name.
fn rows(form: &Form) -> Vec<(&str, u32)> {
    let mut rows = Vec::new();
    let mut open = vec![form.items.iter()];
    while let Some(items) = open.last_mut() {
        match items.next() {
            Some(Item::Question(question)) => rows.push((question.name.as_str(), question.row)),
            Some(Item::Group(section) | Item::Repeat(section)) => {
                rows.push((section.name.as_str(), section.row));
                open.push(section.items.iter());
            }
            None => {
                open.pop();
            }
        }
    }
    rows
}
