//! Expressions that need each other's values.

use crate::{
    form::{
        Form,
        expr::Expressions,
        session::{CompileError, CompiledForm, circle},
    },
    problem::report::{Place, Report},
};

/// Says which expressions of a form need each other, so that none can be computed first.
pub(super) fn check(form: &Form, compiled: &Expressions, report: &mut Report) {
    let Err(errors) = CompiledForm::check(form, compiled) else { return };
    for error in errors {
        let survey = Place::sheet("survey");
        match &error {
            CompileError::Cycle { names, others, row, rule } => report.error(
                survey.row(*row).column(rule.column()),
                "circular",
                circle(names, others),
                "Take one of the references out.",
            ),
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
