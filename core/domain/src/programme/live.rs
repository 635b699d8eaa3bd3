//! The programme's own forms at work on its records: what is asked, what is missing, what is wrong, what is
//! worked out. One implementation, for the phone, the server and the console's pages.
//!
//! - **Compiled when first needed**, and kept with the programme: opening a programme compiles nothing.
//! - **A save is never stopped.** What a form finds wrong becomes a [`Finding`] beside those of `rules.toml`:
//!   a broken constraint is an error, a missing answer a query.
//! - **What is not asked stays.** A value that became irrelevant is kept in its record and hidden from every
//!   expression, as the standard has it; it comes back when it is asked again.
//! - **Restricted answers.** A finding is of the open part of a record, which every reader has. What cannot be
//!   told without a restricted answer is no finding: whoever enters the record is told it then.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, OnceLock},
};

use super::{Programme, split};
use crate::{
    form::{
        Form, Question,
        expr::{Scalar, Surroundings},
        session::{CompiledForm, Leaning, Session, Trouble},
    },
    record::RecordView,
    rules::{Finding, Severity},
    value::Value,
};

mod entering;

pub use entering::{Entered, entered, states};

/// What `judged` of an outcome says for the checks of a record's own form: no rule of a package has such an id.
pub const OWN_FORM: &str = "@form";

/// The column of a question that names the id of its constraint, where the field's papers have one.
const RULE_COLUMN: &str = "rule";

/// The forms of a programme made ready, each when it is first needed. A copy begins empty: whoever changes
/// the forms of a copy gets what they say.
#[derive(Default)]
pub struct LiveForms(OnceLock<BTreeMap<String, OnceLock<Option<Arc<LiveForm>>>>>);

impl Clone for LiveForms {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for LiveForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveForms").finish_non_exhaustive()
    }
}

/// A form of the programme made ready to run over records.
#[derive(Debug)]
pub struct LiveForm {
    compiled: Arc<CompiledForm>,
    /// The questions whose checks need answers that the open part of a record does not have.
    leaning: Leaning,
}

impl LiveForm {
    fn new(programme: &Programme, form: &Form) -> Option<Self> {
        let compiled = CompiledForm::new(form, &programme.code_lists).ok()?;
        let restricted = form.questions().filter(|question| split::is_apart(programme, form, question));
        let restricted: BTreeSet<&str> = restricted.map(|question| question.name.as_str()).collect();
        let leaning = compiled.leaning_on(&restricted);
        Some(Self { compiled: Arc::new(compiled), leaning })
    }

    /// The form, compiled.
    #[must_use]
    pub fn compiled(&self) -> &Arc<CompiledForm> {
        &self.compiled
    }

    /// A record read through its form.
    #[must_use]
    pub fn session(&self, view: &RecordView, around: &Surroundings) -> Session {
        Session::of_values(Arc::clone(&self.compiled), "", answers(view), around)
    }
}

/// The answers of a record as expressions see them, by document key.
#[must_use]
pub fn values(view: &RecordView) -> BTreeMap<String, Scalar<'static>> {
    answers(view).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn answers(view: &RecordView) -> impl Iterator<Item = (&str, Scalar<'static>)> {
    let present = view.fields.iter().filter(|(_, field)| field.shown.value.is_present());
    present.map(|(key, field)| (key.as_str(), scalar(&field.shown.value)))
}

fn scalar(value: &Value) -> Scalar<'static> {
    match value {
        Value::Null => Scalar::Empty,
        Value::Text(text) | Value::Other(text) => text.clone().into(),
        Value::Integer(number) => Scalar::Integer(*number),
        Value::Bool(is) => Scalar::Boolean(*is),
        Value::Instant(at) => Scalar::Instant(at.timestamp()),
        Value::Ref(record) => record.to_string().into(),
    }
}

/// Whether a question checks anything by itself.
fn checks(question: &Question) -> bool {
    question.required.is_some() || question.constraint.is_some() || question.choice_filter.is_some()
}

impl Programme {
    /// A form made ready to run; `None` where the programme does not have it, or it cannot be run.
    #[must_use]
    pub fn live_form(&self, id: &str) -> Option<Arc<LiveForm>> {
        let forms =
            self.live.0.get_or_init(|| self.forms.keys().map(|id| (id.clone(), OnceLock::new())).collect());
        let made = || LiveForm::new(self, self.forms.get(id)?).map(Arc::new);
        forms.get(id)?.get_or_init(made).clone()
    }

    /// Whether a record of this form is judged: by its own form, or by a rule that reads it.
    #[must_use]
    pub fn is_judged(&self, form: &str) -> bool {
        self.rules.reads(form) || self.checks_itself(form)
    }

    /// Whether anything is judged at all.
    #[must_use]
    pub fn judges(&self) -> bool {
        self.rules.ids().next().is_some() || self.records.keys().any(|form| self.checks_itself(form))
    }

    /// Whether a form checks its records by itself.
    pub(crate) fn checks_itself(&self, form: &str) -> bool {
        self.forms.get(form).is_some_and(|form| form.questions().any(checks))
    }

    /// How much a finding with this id matters, of the rules or of a form.
    #[must_use]
    pub fn severity_of(&self, id: &str) -> Option<Severity> {
        self.rules.severity(id).or_else(|| {
            let of_form = id.strip_suffix(".required").map(|question| (question, Severity::Query));
            let of_form =
                of_form.or(id.strip_suffix(".constraint").map(|question| (question, Severity::Error)));
            match of_form {
                Some((question, severity)) => {
                    let (form, question) = question.split_once('.')?;
                    self.forms.get(form)?.question(question).map(|_| severity)
                }
                None => {
                    let named = |question: &Question| {
                        question.extra.get(RULE_COLUMN).is_some_and(|named| named == id)
                    };
                    let is_there = self.forms.values().any(|form| form.questions().any(named));
                    is_there.then_some(Severity::Error)
                }
            }
        })
    }

    /// What the own form of a record finds: of the open part of the record, in the order of the form.
    #[must_use]
    pub fn found_by_form(&self, view: &RecordView, around: &Surroundings) -> Vec<Finding> {
        let Some(form) = self.forms.get(&view.root.form).filter(|form| form.questions().any(checks)) else {
            return Vec::new();
        };
        let Some(live) = self.live_form(&form.id) else { return Vec::new() };
        let session = live.session(view, around);
        let can_tell = |question: &Question| {
            checks(question)
                && !(live.leaning.required.contains(&question.name)
                    && live.leaning.right.contains(&question.name))
        };
        session
            .troubles(&can_tell, around)
            .filter_map(|(key, trouble)| {
                let question = form.question_of_key(&key)?;
                let is_missing = trouble.code == MISSING;
                let leaning = if is_missing { &live.leaning.required } else { &live.leaning.right };
                (!leaning.contains(&question.name)).then(|| self.finding(form, question, key, trouble, view))
            })
            .collect()
    }

    fn finding(
        &self,
        form: &Form,
        question: &Question,
        key: String,
        trouble: Trouble,
        view: &RecordView,
    ) -> Finding {
        let (severity, rule, help) = match trouble.code {
            MISSING => (
                Severity::Query,
                format!("{}.{}.required", form.id, question.name),
                "Ask for it, or say why it cannot be had.",
            ),
            _ => (Severity::Error, rule_of(form, question), "Correct the answer."),
        };
        let is_told = matches!(trouble.code, MISSING | "constraint" | "not_offered");
        Finding {
            severity: if is_told { severity } else { Severity::Info },
            rule,
            record: Some(view.root.id),
            form: Some(form.id.clone()),
            field: Some(key),
            message: match is_told {
                true => trouble.message,
                // The words of an expression's fault hold no value of a record.
                false => format!("This could not be checked: {}", trouble.message),
            },
            help: help.to_owned(),
            rules_version: form.version.clone(),
            explained: false,
            not_made: !is_told,
            own_form: true,
        }
    }
}

const MISSING: &str = "missing_answer";

/// The id under which a broken constraint is told.
fn rule_of(form: &Form, question: &Question) -> String {
    let named = question.extra.get(RULE_COLUMN).filter(|id| !id.is_empty());
    named.cloned().unwrap_or_else(|| format!("{}.{}.constraint", form.id, question.name))
}
