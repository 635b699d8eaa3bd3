//! Checks across fields and records (domain.md 2.6 and 11.2), as data: `rules.toml` of the programme.
//!
//! A rule never stops anybody from saving. It finds something, says it in plain words and how much it
//! matters, and finds it again, or no longer, after the next change. What it decides in doubt:
//!
//! - **Same result everywhere.** A rule sees records through [`Source`]; phone and server hand over the
//!   same records, in any order, and come to the same findings. A rule that needs what a phone does not
//!   have says so ([`Outcome::not_here`]); it is never answered by guessing.
//! - **Scope.** A rule looks at one record, at one unit (a case with the groups it is linked to), at a
//!   person's day, at a caseload, at an area, or at what goes into an extract.
//! - **What a change touches.** [`Rules::unit`] with [`Touched`] judges only the rules that read the form
//!   that changed, and those of one record only for that record: the work grows with the change.
//! - **Time.** `today()` is an argument. A finding can come and go with the days though nobody wrote
//!   anything, so a unit is judged again when its day is over.
//! - **An explanation** (an answered query of the coordinator) does not remove a finding of the kind
//!   [`Severity::Query`]: it marks it.
//! - **A check that fails** (an expression that meets a value it cannot take) is told as not made, and
//!   holds up no other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    form::{Form, expr::Expr},
    ids::{GroupId, RecordId},
    problem::Problem,
    programme::{FieldRef, Programme},
    time::Millis,
};

mod alike;
pub mod builtin;
mod check;
mod evaluate;
mod read;
mod scene;
mod source;
#[cfg(test)]
mod tests;

pub use alike::Alike;
pub use source::{Held, NEAR, Source, Take, UnitRecords, Views};

/// How much a finding matters (domain.md 2.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Holds up the area's return until it is put right; never a save.
    Error,
    /// To be put right or explained.
    Query,
    /// Shown only.
    Info,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One record.
    Record,
    /// One unit with the groups it is linked to.
    Unit,
    /// The records that one person dated on one day.
    Day,
    /// The units of one person.
    Caseload,
    /// The units of one area.
    Area,
    /// One unit, as it goes into an extract.
    Extract,
}

/// Where and when a rule is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a phone.
    Phone,
    /// On the server.
    Server,
    /// When a round closes.
    Round,
    /// When an extract is made.
    Extract,
}

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Id of the rule, such as `V12`.
    pub rule: String,
    /// The record it is about, where it is about one.
    pub record: Option<RecordId>,
    /// The form of that record, or of the field that is missing.
    pub form: Option<String>,
    /// The field to look at.
    pub field: Option<String>,
    /// What was found, in plain words, without personal data.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Version of the rules.
    pub rules_version: String,
    /// Whether somebody has explained it.
    pub explained: bool,
    /// Whether the check could not be made: the message says why.
    pub not_made: bool,
    /// Whether the own form of the record found it, and not a rule.
    #[serde(default)]
    pub own_form: bool,
}

/// What was judged, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every rule that was judged, each for one record or (`None`) for all that it looks at. What was
    /// found before for these is replaced by [`Outcome::findings`].
    pub judged: BTreeSet<(String, Option<RecordId>)>,
    /// What was found, sorted.
    pub findings: Vec<Finding>,
    /// Rules that cannot be computed here.
    pub not_here: BTreeSet<String>,
}

/// A change to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched<'a> {
    /// The form of the record that changed.
    pub form: &'a str,
    /// The record.
    pub record: RecordId,
    /// Whether it was not there before: then nothing can have been found beside it.
    pub is_new: bool,
}

/// When and where rules are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Where.
    pub place: Place,
    /// What `now()` is.
    pub now: Millis,
}

/// The rules of a programme.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    version: String,
    rules: Vec<Rule>,
    derived: Vec<Derived>,
    explained: Option<Explained>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    id: String,
    severity: Severity,
    scope: Scope,
    /// For [`Scope::Record`], the form.
    form: Option<String>,
    /// For the others, the nodes that it looks at one by one.
    each: Option<Expr>,
    problem_if: Option<Expr>,
    /// Lists of keys: two nodes of `each` are alike where all keys of one list are.
    alike: Vec<Vec<Expr>>,
    field: Option<Where>,
    places: Vec<Place>,
    message: String,
    help: String,
    from: Option<Date>,
    to: Option<Date>,
    /// Which records of a form it gets, where not all.
    takes: BTreeMap<String, Take>,
    /// Forms that it reads.
    forms: BTreeSet<String>,
    /// Forms that it reads of other units of the same subject.
    others: BTreeSet<String>,
    /// Forms whose change can change what it finds although it does not read them: those of the clock.
    stirred_by: BTreeSet<String>,
    reads_deadlines: bool,
    /// Code lists that it reads.
    lists: BTreeSet<String>,
    /// Every name that its paths have: nothing else of a record is shown to it.
    names: BTreeSet<String>,
    /// The attributes that it reads; `None`: it may read any.
    attributes: Option<BTreeSet<String>>,
}

/// The field that a finding points at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Where {
    /// A field of the record that was looked at.
    Own(String),
    /// The first word of an attribute of that record names it.
    Named(String),
    /// A field of the first record of a form.
    Of(FieldRef),
}

/// An attribute that records get, by a function that an expression cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Derived {
    form: String,
    name: String,
    function: builtin::Function,
    from: String,
}

/// How a record explains a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Explained {
    form: String,
    rule: String,
    target: String,
    status: String,
    codes: Vec<String>,
}

impl Rules {
    /// Reads `rules.toml`. `file` is its path inside the package, for the problems.
    ///
    /// # Errors
    /// Every problem in the text, in the order of its lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read::read(file, text)
    }

    /// Ties the rules to the forms of a programme; `clock` are the forms that the statutory clock reads.
    ///
    /// # Errors
    /// What the rules name and the programme does not have.
    pub fn bind(
        &mut self,
        file: &str,
        forms: &BTreeMap<String, Form>,
        clock: &BTreeSet<String>,
    ) -> Result<(), Vec<Problem>> {
        for rule in &mut self.rules {
            if rule.reads_deadlines {
                rule.stirred_by.clone_from(clock);
            }
            rule.forms.retain(|form| forms.contains_key(form));
            rule.others.retain(|form| forms.contains_key(form));
        }
        let problems = check::check(self, file, forms);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Version of the rules as a whole.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The ids of the rules, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// The rules that cannot be computed at this place.
    pub fn not_for(&self, place: Place) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(move |rule| !rule.places.contains(&place)).map(|rule| rule.id.as_str())
    }

    /// How much a finding of this rule matters.
    #[must_use]
    pub fn severity(&self, id: &str) -> Option<Severity> {
        self.rules.iter().find(|rule| rule.id == id).map(|rule| rule.severity)
    }

    /// The forms that the rules of a unit read: only a change of one of these needs [`Rules::unit`].
    pub fn reads(&self, form: &str) -> bool {
        self.rules.iter().any(|rule| rule.minds(form))
            || self.explained.as_ref().is_some_and(|explained| explained.form == form)
    }

    /// Judges a unit: everything, or what changes touch.
    ///
    /// # Errors
    /// Those of the source.
    pub fn unit<S: Source>(
        &self,
        programme: &Programme,
        source: &S,
        asked: Asked,
        touched: Option<&[Touched<'_>]>,
    ) -> Result<Outcome, S::Error> {
        evaluate::unit(self, programme, source, asked, touched)
    }

    /// Judges a set of units at once, for the rules of this scope: a caseload or an area.
    #[must_use]
    pub fn units(
        &self,
        programme: &Programme,
        scope: Scope,
        units: &[(GroupId, UnitRecords)],
        asked: Asked,
    ) -> Outcome {
        evaluate::units(self, programme, scope, units, asked)
    }

    /// The forms that the rules of this scope read.
    #[must_use]
    pub fn forms_of(&self, scope: Scope) -> BTreeSet<&str> {
        let rules = self.rules.iter().filter(|rule| rule.scope == scope);
        rules.flat_map(|rule| &rule.forms).map(String::as_str).collect()
    }

    /// The form whose records make up a person's day, for each rule that looks at days.
    #[must_use]
    pub fn day_forms(&self) -> BTreeSet<&str> {
        self.forms_of(Scope::Day)
    }
}
