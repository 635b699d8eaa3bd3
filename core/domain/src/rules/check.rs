//! Whether a programme has what its rules name.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rule, Rules, Where};
use crate::{
    form::{Form, Item},
    problem::{
        Problem, Severity,
        suggest::{did_you_mean, quoted},
    },
};

/// What stands in a tree beside forms and their fields.
const OURS: [&str; 7] = ["unit", "deadline", "rule", "due", "state", "met_on", "trigger"];

pub(super) fn check(rules: &Rules, file: &str, forms: &BTreeMap<String, Form>) -> Vec<Problem> {
    let mut known: BTreeSet<&str> = OURS.into_iter().collect();
    for form in forms.values() {
        all_names(&form.items, &mut known);
    }
    let mut checker = Checker { file, forms, problems: Vec::new() };
    for rule in &rules.rules {
        checker.rule(rule, &known);
    }
    for (form, question) in forms.values().flat_map(|form| form.questions().map(move |one| (form, one))) {
        if let Some(id) = question.extra.get("rule").filter(|id| rules.ids().any(|own| own == **id)) {
            let what = format!(
                "The question {} of {} has a rule of this id too.",
                quoted(&question.name),
                quoted(&form.id)
            );
            checker.wrong(&format!("rule {id}"), "duplicate_rule", what, "Keep it in one place.".to_owned());
        }
    }
    for derived in &rules.derived {
        checker.field("derived", &derived.form, &derived.from);
    }
    if let Some(explained) = &rules.explained {
        for field in [&explained.rule, &explained.target, &explained.status] {
            checker.field("explained", &explained.form, field);
        }
    }
    checker.problems
}

fn all_names<'f>(items: &'f [Item], names: &mut BTreeSet<&'f str>) {
    for item in items {
        match item {
            Item::Question(question) => {
                names.insert(&question.name);
            }
            Item::Group(section) | Item::Repeat(section) => {
                names.insert(&section.name);
                all_names(&section.items, names);
            }
        }
    }
}

struct Checker<'a> {
    file: &'a str,
    forms: &'a BTreeMap<String, Form>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn wrong(&mut self, sheet: &str, code: &'static str, what: String, help: String) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            sheet: Some(sheet.to_owned()),
            row: None,
            column: None,
            severity: Severity::Error,
            code,
            what,
            help,
        });
    }

    fn rule(&mut self, rule: &Rule, known: &BTreeSet<&str>) {
        let sheet = format!("rule {}", rule.id);
        let forms = self.forms;
        let is_known = |name: &str| {
            let name = name.strip_prefix("other_").unwrap_or(name);
            known.contains(name) || forms.contains_key(name)
        };
        for name in rule.names.iter().filter(|name| !is_known(name)) {
            let all = known.iter().copied().chain(forms.keys().map(String::as_str));
            let help = did_you_mean(name, all, "Name a form of the package or a question of one.");
            self.wrong(&sheet, "unknown_name", format!("No form and no question is {}.", quoted(name)), help);
        }
        for form in rule.form.iter().chain(rule.takes.keys()) {
            self.form(&sheet, form);
        }
        match (&rule.field, &rule.form) {
            (Some(Where::Of(of)), _) => self.field(&sheet, &of.form, &of.field),
            (Some(Where::Own(field)), Some(form)) => self.field(&sheet, form, field),
            _ => {}
        }
    }

    fn form(&mut self, sheet: &str, form: &str) -> bool {
        let is_known = self.forms.contains_key(form);
        if !is_known {
            let known = self.forms.keys().map(String::as_str);
            let help = did_you_mean(form, known, "Name a form of the package.");
            self.wrong(sheet, "unknown_form", format!("There is no form {}.", quoted(form)), help);
        }
        is_known
    }

    fn field(&mut self, sheet: &str, form: &str, field: &str) {
        if !self.form(sheet, form) {
            return;
        }
        let Some(found) = self.forms.get(form) else { return };
        if found.question(field).is_none() {
            let names: Vec<&str> = found.questions().map(|question| question.name.as_str()).collect();
            let what = format!("The form {} has no question {}.", quoted(form), quoted(field));
            let help = did_you_mean(field, names, "Write the name of one of its questions.");
            self.wrong(sheet, "unknown_question", what, help);
        }
    }
}
