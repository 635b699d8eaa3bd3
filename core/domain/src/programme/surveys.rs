//! Which forms are answered by link, by whom, and who reads the answers: `surveys.toml`.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::{RecordKind, Role};
use crate::{
    deadline::section::{Place, Section, Source},
    form::Form,
    problem::{Problem, suggest::did_you_mean},
};

/// The longest time that a link is open, in days.
const MOST_DAYS: i32 = 1_000;

/// A form that people without an account answer by a link of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Stable code, such as `SURV_DP`.
    pub code: String,
    /// Name shown to people.
    pub title: String,
    /// The form.
    pub form: String,
    /// What whoever opens the link reads first.
    pub about: String,
    /// About how many minutes it takes.
    pub minutes: i32,
    /// The role under which the answers are written.
    pub answered_as: String,
    /// The roles that open it, make links, and see who has answered.
    pub run_by: Vec<String>,
    /// The roles that read the answers; none where they are read with the records around them.
    pub read_by: Vec<String>,
    /// Whether nobody may tell whose answers are whose.
    pub anonymous: bool,
    /// How many have to have answered before the answers to an anonymous one are shown.
    pub least: i32,
    /// Questions that the link answers: whoever makes it says them, the page does not ask them.
    pub says: Vec<String>,
    /// Questions that every link answers in the same way.
    pub fixed: BTreeMap<String, String>,
    /// Questions that are not asked: what the form sets for them holds.
    pub unasked: Vec<String>,
    /// How many days a link is open, unless its maker says otherwise.
    pub days: i32,
    /// After how many days without an answer a reminder is due.
    pub remind_after: Vec<i32>,
}

impl Survey {
    /// Whether people of this role open it and make links.
    #[must_use]
    pub fn is_run_by(&self, role: &str) -> bool {
        self.run_by.iter().any(|known| known == role)
    }

    /// Whether people of this role read the answers.
    #[must_use]
    pub fn is_read_by(&self, role: &str) -> bool {
        self.read_by.iter().any(|known| known == role)
    }

    /// Whether a page of it leaves this question out.
    #[must_use]
    pub fn leaves_out(&self, question: &str) -> bool {
        self.says.iter().chain(self.fixed.keys()).chain(&self.unasked).any(|known| known == question)
    }
}

/// What the rest of the package has that a survey names.
pub(super) struct Known<'p> {
    pub(super) forms: &'p BTreeMap<String, Form>,
    pub(super) records: &'p BTreeMap<String, RecordKind>,
    pub(super) roles: &'p BTreeMap<String, Role>,
}

/// Reads the file: every problem at once, each with its line.
pub(super) fn read(
    file: &str,
    text: &str,
    known: &Known<'_>,
) -> Result<BTreeMap<String, Survey>, Vec<Problem>> {
    let source = Source::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let what = format!("This is not TOML: {}.", error.message().replace('\n', "; "));
            let place = Place { section: None, key: None, code: "toml_syntax" };
            source.report(error.span(), place, what, "Correct the text at this line.");
        }
        return Err(source.into_problems());
    }
    let top = Section::new(&source, None, document.get_ref(), 0..0);
    let mut surveys: BTreeMap<String, Survey> = BTreeMap::new();
    for mut section in top.sections("survey", "survey") {
        let Some(survey) = survey(&mut section, known) else { continue };
        if surveys.contains_key(&survey.code) {
            let what = format!("The survey {} is there twice.", survey.code);
            section.wrong(Some("code"), "duplicate_survey", what, "Give one another code.");
        }
        surveys.insert(survey.code.clone(), survey);
    }
    top.finish();
    let problems = source.into_problems();
    if problems.is_empty() { Ok(surveys) } else { Err(problems) }
}

fn survey(section: &mut Section<'_, '_>, known: &Known<'_>) -> Option<Survey> {
    let code = section.text("code");
    if let Some(code) = &code {
        section.call(format!("survey {code}"));
    }
    let section = &*section;
    let title = section.text("title");
    let form = section.text("form");
    let about = section.text("about");
    let minutes = section.number("minutes", 1, 600);
    let answered_as = section.text("answered_as");
    let run_by = texts(section, "run_by", true);
    let read_by = texts(section, "read_by", false);
    let anonymous = section.flag("anonymous");
    let least = if section.get("least").is_some() { section.number("least", 1, 1_000) } else { Some(1) };
    let says = texts(section, "says", false);
    let unasked = texts(section, "unasked", false);
    let days = section.number("days", 1, MOST_DAYS);
    let remind_after = section
        .array("remind_after")
        .iter()
        .filter_map(|value| section.number_of("remind_after", value, 1, MOST_DAYS))
        .collect();
    let mut fixed = BTreeMap::new();
    for pair in texts(section, "fixed", false) {
        match pair.split_once('=') {
            Some((name, code)) if !name.trim().is_empty() && !code.trim().is_empty() => {
                fixed.insert(name.trim().to_owned(), code.trim().to_owned());
            }
            _ => {
                let what = format!("`fixed` has \"{pair}\", which says nothing of a question.");
                section.wrong(Some("fixed"), "bad_fixed", what, "Write \"question = code\".");
            }
        }
    }
    section.finish();
    let roles = known.roles.keys().map(String::as_str);
    let named =
        run_by.iter().map(|role| ("run_by", role)).chain(read_by.iter().map(|role| ("read_by", role)));
    for (key, role) in named.chain(answered_as.iter().map(|role| ("answered_as", role))) {
        if !known.roles.contains_key(role) {
            let help = did_you_mean(role, roles.clone(), "Name a role of `programme.toml`.");
            section.wrong(Some(key), "unknown_role", format!("There is no role `{role}`."), &help);
        }
    }
    let asked = form.as_ref().and_then(|form| known.forms.get(form));
    if let Some(name) = &form
        && (asked.is_none() || !known.records.contains_key(name))
    {
        let help = did_you_mean(
            name,
            known.records.keys().map(String::as_str),
            "Name a form that `model.toml` has records of.",
        );
        section.wrong(
            Some("form"),
            "unknown_form",
            format!("There is no form `{name}` with records."),
            &help,
        );
    }
    if let Some(asked) = asked {
        let names: BTreeSet<&str> = asked.questions().map(|question| question.name.as_str()).collect();
        let all = says.iter().map(|name| ("says", name)).chain(fixed.keys().map(|name| ("fixed", name)));
        for (key, name) in all.chain(unasked.iter().map(|name| ("unasked", name))) {
            if !names.contains(name.as_str()) {
                let help = did_you_mean(name, names.iter().copied(), "Name a question of the form.");
                section.wrong(Some(key), "unknown_question", format!("The form has no `{name}`."), &help);
            }
        }
    }
    Some(Survey {
        code: code?,
        title: title?,
        form: form?,
        about: about?,
        minutes: minutes?,
        answered_as: answered_as?,
        run_by,
        read_by,
        anonymous,
        least: least?,
        says,
        fixed,
        unasked,
        days: days?,
        remind_after,
    })
}

fn texts(section: &Section<'_, '_>, key: &'static str, required: bool) -> Vec<String> {
    let values = if required { section.filled_array(key) } else { section.array(key) };
    values.iter().filter_map(|value| section.text_of(key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::builtin;

    #[test]
    fn every_problem_is_named_at_once() {
        let programme = builtin::independent_support().unwrap();
        let known = Known { forms: &programme.forms, records: &programme.records, roles: &programme.roles };
        let text = r#"
[[survey]]
code = "A"
title = "One"
form = "no_such_form"
about = "x"
minutes = 5
answered_as = "NOBODY"
run_by = ["EVALUATER"]
days = 0
fixed = ["mode"]
colour = "red"
"#;
        let problems = read("surveys.toml", text, &known).unwrap_err();
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        for code in ["unknown_form", "unknown_role", "number_out_of_range", "bad_fixed", "unknown_key"] {
            assert!(codes.contains(&code), "{code} is not among {codes:?}");
        }
        assert_eq!(codes.iter().filter(|code| **code == "unknown_role").count(), 2);
    }
}
