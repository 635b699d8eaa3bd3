//! Where the restricted answers of each form are kept, and whether there is such a place.

use std::collections::BTreeMap;

use crate::{
    form::{Choice, ChoiceSource, Form, Question, Sensitivity},
    problem::{
        Problem,
        report::{Place, Report},
        suggest::quoted,
    },
    programme::{GroupKind, RecordKind},
};

/// Names the restricted kind of group of every form that needs one, and says where there is none. `forms`
/// are given with their files.
pub(super) fn settle(
    forms: &[(&str, &Form)],
    lists: &BTreeMap<String, Vec<Choice>>,
    groups: &BTreeMap<String, GroupKind>,
    records: &mut BTreeMap<String, RecordKind>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, form) in forms {
        let Some(kind) = records.get_mut(&form.id) else { continue };
        if groups.get(&kind.group).is_none_or(|group| group.beside.is_some()) {
            continue;
        }
        let asks = form.questions().find(|question| asks_restricted(form, question, lists));
        let Some(question) = asks else { continue };
        let beside = groups.iter().find(|(_, group)| group.beside.as_ref() == Some(&kind.group));
        kind.restricted = beside.map(|(name, _)| name.clone());
        let mut report = Report::new(file);
        if beside.is_none() {
            report.error(
                Place::sheet("survey").row(question.row).column("sensitivity"),
                "class_above_group",
                format!(
                    "{} can be of class X, and no restricted group stands beside {}.",
                    quoted(&question.name),
                    quoted(&kind.group)
                ),
                format!("Add a group with `beside = {:?}` to `model.toml`, or lower the class.", kind.group),
            );
        }
        let outside = |name: &&String| {
            form.question(name).is_some_and(|question| question.sensitivity == Sensitivity::X)
        };
        let key = kind.key.iter().flatten();
        for name in kind.title.iter().chain(&kind.search).chain(&kind.at).chain(key).filter(outside) {
            report.error(
                Place::sheet("survey").row(form.question(name).map_or(1, |question| question.row)),
                "class_above_group",
                format!(
                    "{} is of class X, and names, finds or places its records for everybody.",
                    quoted(name)
                ),
                "Take it out of `title`, `search`, `at` and `key` in `model.toml`.",
            );
        }
        problems.extend(report.finish(&["survey"]));
    }
    problems
}

fn asks_restricted(form: &Form, question: &Question, lists: &BTreeMap<String, Vec<Choice>>) -> bool {
    let choices = match question.kind.choices() {
        Some(ChoiceSource::List(name)) => form.choices.get(name),
        Some(ChoiceSource::File(file)) => lists.get(file.strip_suffix(".csv").unwrap_or(file)),
        Some(ChoiceSource::External(name)) => form.external_choices.get(name),
        Some(ChoiceSource::Answers(_)) | None => None,
    };
    question.sensitivity == Sensitivity::X
        || choices
            .is_some_and(|choices| choices.iter().any(|choice| choice.sensitivity == Some(Sensitivity::X)))
}
