//! A row that asks something: to a question.

use std::{borrow::Cow, collections::BTreeMap};

use super::Reader;
use crate::{
    form::{
        Choice, ChoiceSource, Item, MergePolicy, Question, QuestionKind, Translated,
        named::Named,
        xlsform::{cells, columns::Row},
    },
    problem::suggest::{did_you_mean, quoted},
};

impl<'s> Reader<'_, 's> {
    pub(super) fn question(&mut self, kind: QuestionKind, or_other: bool, row: Row<'_, 's>) {
        let fallback = match &kind {
            QuestionKind::Note => Some(format!("generated_note_name_{}", row.number())),
            QuestionKind::Standard(standard) if standard == "audit" => Some(standard.clone()),
            _ => None,
        };
        let name = self.name(row, true, fallback);
        let label = row.texts("label");
        let media = row.media();
        let shows_label =
            !matches!(kind, QuestionKind::Calculate | QuestionKind::Hidden | QuestionKind::Standard(_));
        let standard = self.report.is_standard();
        let is_shown = if standard {
            media.is_empty()
                && !row.says("hint")
                && !row.says("guidance_hint")
                && row.get("calculation").is_empty()
                && row.get("default").is_empty()
        } else {
            self.has_label
        };
        if is_shown && shows_label && label.0.is_empty() && !name.is_empty() {
            self.report.error(
                row.at("label"),
                "missing_label",
                format!("The question {} has no label.", quoted(&name)),
                "Write what people read in `label`.",
            );
        }
        self.check_list(&kind, or_other, row);
        self.refuse_cells(row, &["repeat_count"], "Only a repeat is counted.");
        if kind.choices().is_none() {
            self.refuse_cells(row, &["choice_filter"], "Only a question with a list has choices to filter.");
        }
        if kind == QuestionKind::Calculate
            && ["calculation", "default", "trigger"].iter().all(|at| row.get(at).is_empty())
        {
            self.report.error(
                row.at("calculation"),
                "missing_calculation",
                format!("{} calculates nothing.", quoted(&name)),
                "Write the expression in `calculation`.",
            );
        }
        let (parameters, refusals) = cells::parameters(row.get("parameters"), &kind);
        for refusal in refusals {
            self.report.error(row.at("parameters"), refusal.code, refusal.what, refusal.help);
        }
        let sensitivity = self.cell(row, "sensitivity", cells::sensitivity(row.get("sensitivity")));
        let uses = self.cell(row, "use", cells::uses(row.get("use")));
        let merge = self.cell(row, "merge", cells::merge(row.get("merge"), &kind));
        self.check_protected(&merge, &kind, row);
        let question = Question {
            label,
            media,
            hint: row.texts("hint"),
            guidance_hint: row.texts("guidance_hint"),
            required: self.required(row),
            required_message: row.texts("required_message"),
            relevant: row.optional("relevant"),
            constraint: row.optional("constraint"),
            constraint_message: row.texts("constraint_message"),
            calculation: row.optional("calculation"),
            default: row.optional("default"),
            choice_filter: row.optional("choice_filter"),
            appearance: row.optional("appearance"),
            parameters,
            read_only: self.read_only(row),
            read_only_when: row.optional("read_only").filter(|text| cells::yes_or_no(text).is_none()),
            trigger: row.optional("trigger"),
            sensitivity: sensitivity.unwrap_or_default(),
            uses,
            merge,
            extra: row.extra(),
            row: row.number(),
            name,
            kind,
        };
        let other = (or_other && !question.name.is_empty()).then(|| other_question(&question));
        self.add(Item::Question(question));
        if let Some(other) = other {
            self.given.push(other.name.clone());
            self.claim(&Cow::Owned(other.name.clone()), row, true);
            self.add(Item::Question(other));
        }
    }

    /// Takes what a cell says, or says why it cannot.
    fn cell<T: Default>(&mut self, row: Row<'_, '_>, column: &str, read: Result<T, cells::Refusal>) -> T {
        read.unwrap_or_else(|refusal| {
            self.report.error(row.place().column(column), refusal.code, refusal.what, refusal.help);
            T::default()
        })
    }

    fn required(&mut self, row: Row<'_, '_>) -> Option<String> {
        let text = row.get("required");
        match cells::yes_or_no(text) {
            Some(true) => Some("yes".to_owned()),
            Some(false) => None,
            None => {
                self.refuse_word(row, "required", text);
                Some(text.to_owned())
            }
        }
    }

    fn read_only(&mut self, row: Row<'_, '_>) -> bool {
        let text = row.get("read_only");
        cells::yes_or_no(text).unwrap_or_else(|| {
            self.refuse_word(row, "read_only", text);
            true
        })
    }

    fn refuse_word(&mut self, row: Row<'_, '_>, column: &'static str, text: &str) {
        if !cells::looks_like_expression(text) {
            self.report.error(
                row.place().column(column),
                "bad_yes_or_no",
                format!("{} says neither yes nor no.", quoted(text)),
                "Write `yes`, leave it empty, or write an expression.",
            );
        }
    }

    /// Whether the list of a select is there; adds the choice for other answers.
    fn check_list(&mut self, kind: &QuestionKind, or_other: bool, row: Row<'_, '_>) {
        let Some(ChoiceSource::List(list)) = kind.choices() else { return };
        if !self.choices.contains_key(list) {
            let lists = self.choices.keys().map(String::as_str);
            let help = if self.report.has_room() {
                did_you_mean(list, lists, "Add its choices to the sheet `choices`.")
            } else {
                String::new()
            };
            self.report.error(
                row.at("type"),
                "unknown_list",
                format!("There is no choice list {}.", quoted(list)),
                help,
            );
        } else if or_other && self.offers(list, "other") == Some(false) {
            self.offered.insert((list.clone(), "other".to_owned()), true);
            self.choices.entry(list.clone()).or_default().push(Choice {
                name: "other".to_owned(),
                label: Translated([(String::new(), "Other".to_owned())].into()),
                media: BTreeMap::new(),
                sensitivity: None,
                valid_from: None,
                valid_to: None,
                extra: Named::new(),
            });
        }
    }

    /// Whether a list has a code; `None` where there is no such list. Looked for once.
    fn offers(&mut self, list: &str, code: &str) -> Option<bool> {
        let choices = self.choices.get(list)?;
        let known = self.offered.entry((list.to_owned(), code.to_owned()));
        Some(*known.or_insert_with(|| choices.iter().any(|choice| choice.name == code)))
    }

    /// Whether a protected value can be chosen. For a list in a file the package looks.
    fn check_protected(&mut self, merge: &MergePolicy, kind: &QuestionKind, row: Row<'_, '_>) {
        if let (MergePolicy::Protect(code), Some(ChoiceSource::List(list))) = (merge, kind.choices())
            && self.offers(list, code) == Some(false)
            && let Some(choices) = self.choices.get(list)
        {
            self.report.error(
                row.at("merge"),
                "unknown_protected_code",
                format!("The list {} has no code {} to protect.", quoted(list), quoted(code)),
                did_you_mean(
                    code,
                    choices.iter().map(|choice| choice.name.as_str()),
                    "Write a code of the question's list.",
                ),
            );
        }
    }
}

/// The text question that asks for another answer than those of the list (`or_other`).
fn other_question(question: &Question) -> Question {
    Question {
        name: format!("{}_other", question.name),
        label: Translated([(String::new(), "Specify other.".to_owned())].into()),
        relevant: Some(format!("selected(${{{}}}, 'other')", question.name)),
        sensitivity: question.sensitivity,
        uses: question.uses.clone(),
        row: question.row,
        ..Question::default()
    }
}
