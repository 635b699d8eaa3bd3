//! Expressions that need each other's values.

use std::collections::HashSet;

use crate::{
    form::{
        ChoiceSource, Form, Item,
        expr::{Expressions, PathRead, PathStart, PathStep},
        session::{CompileError, CompiledForm, circle},
    },
    problem::report::{Place, Report},
};

/// Says which expressions of a form need each other, so that none can be computed first.
pub(super) fn check(form: &Form, compiled: &Expressions, report: &mut Report) {
    if is_forward(form, compiled) {
        return;
    }
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

/// Whether every expression that is computed reads only what stands before it, and by its name alone, as in most
/// forms: then there is no circle. What is not that plain is looked at as a whole.
fn is_forward(form: &Form, compiled: &Expressions) -> bool {
    let mut before: HashSet<&str> = HashSet::new();
    // Below a question there is nothing: `county = ${county}` of a filter names a column of the list.
    let is_outside = |path: &PathRead, is_question: bool| match path.from {
        PathStart::Instance(_) => true,
        PathStart::Here => is_question && matches!(path.steps.first(), Some(PathStep::Child(_))),
        _ => false,
    };
    let reads_before = |before: &HashSet<&str>, texts: [Option<&str>; 3], is_question: bool| {
        texts.into_iter().flatten().all(|text| {
            let Some(expr) = compiled.get(text) else { return false };
            let reads = expr.reads();
            !reads.is_open
                && reads.names.iter().all(|name| before.contains(name.as_str()))
                && reads.paths.iter().all(|path| is_outside(path, is_question))
        })
    };
    let mut open = vec![form.items.iter()];
    while let Some(items) = open.last_mut() {
        let Some(item) = items.next() else {
            open.pop();
            continue;
        };
        let (name, texts, is_plain) = match item {
            Item::Question(question) => (
                &question.name,
                [&question.relevant, &question.calculation, &question.choice_filter],
                question.trigger.is_none()
                    && !matches!(question.kind.choices(), Some(ChoiceSource::Answers(_))),
            ),
            Item::Group(section) | Item::Repeat(section) => {
                open.push(section.items.iter());
                (&section.name, [&section.relevant, &section.repeat_count, &None], true)
            }
        };
        // Two of one name are told apart by where they stand.
        if !is_plain
            || !reads_before(&before, texts.map(Option::as_deref), matches!(item, Item::Question(_)))
            || !before.insert(name)
        {
            return false;
        }
    }
    true
}
