//! What is worked out from records as of a day, and never stored: `derived.toml`.
//!
//! The package says which of the named ways below is used on which fields; this module knows the ways.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{FieldRef, Programme};
use crate::{form::Sensitivity, record::RecordView};

mod evaluate;
mod rights;

/// One derived value of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Its id, `form.name`: it is shown with records of that form.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Its class.
    pub sensitivity: Sensitivity,
    /// Where it is used, as of a question.
    pub uses: String,
    /// How it is worked out.
    pub way: Way,
    /// Labels of the codes that come out, where codes do.
    pub labels: BTreeMap<String, String>,
}

/// Which records of a form count: those whose field has one of these codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    /// The field, of the form that is looked at.
    pub field: String,
    /// Its codes.
    pub codes: Vec<String>,
}

/// A band: from where the one before ends, up to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Its code.
    pub code: String,
    /// The last number that is in it; `None` in the last band.
    pub to: Option<i64>,
}

/// How a value is worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The sum of fields over the records of their form.
    Sum {
        /// Whole numbers.
        fields: Vec<FieldRef>,
        /// Which records count.
        only: Option<Only>,
    },
    /// The sum of a field by the code of another one.
    SumBy {
        /// A whole number.
        field: FieldRef,
        /// A code, of the same form.
        by: String,
    },
    /// How many records of a form there are.
    Count {
        /// The form.
        form: String,
        /// Which records count.
        only: Option<Only>,
    },
    /// The highest code of a field, in the order of its list.
    Highest {
        /// The field.
        field: FieldRef,
    },
    /// Days from the earliest of one field to the latest of another; to the day asked about, where
    /// `open` says so and the other has none yet.
    Days {
        /// From.
        from: FieldRef,
        /// To.
        to: FieldRef,
        /// Whether the days run on while there is no end.
        open: bool,
    },
    /// Full years since a date.
    Age {
        /// The birth date.
        birth: FieldRef,
    },
    /// Whether the rights have passed: after the last of a weekday in June of the school year in which an
    /// age is reached (domain.md 3.2).
    RightsPassed {
        /// The birth date.
        birth: FieldRef,
        /// The age.
        age: i16,
    },
    /// The band of another derived value.
    Bands {
        /// Its id.
        of: String,
        /// The bands, from low to high.
        bands: Vec<Band>,
    },
    /// Whether any chosen code is marked `yes` in a column of its list.
    AnyMarked {
        /// The field.
        field: FieldRef,
        /// The column.
        column: String,
        /// Other words of the column, and the field and codes on which they count as `yes`.
        conditions: BTreeMap<String, (FieldRef, Vec<String>)>,
    },
    /// Whether every code that a column of the list marks `yes` is taken by some record, and other fields
    /// are filled in.
    AllMarked {
        /// The field.
        field: FieldRef,
        /// The column.
        column: String,
        /// Which records count.
        only: Option<Only>,
        /// What else has to be filled in.
        present: Vec<FieldRef>,
        /// The code that comes out where all is there.
        yes: String,
        /// The code that comes out where not.
        no: String,
    },
    /// The stage that the latest event up to a record's own time led to.
    StageAt {
        /// The record's own time.
        at: FieldRef,
        /// Event code, or `code=outcome` → stage.
        stages: BTreeMap<String, String>,
    },
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DerivedValue {
    /// A number.
    Number(i64),
    /// A code; its label is in [`Derived::labels`], or it is that of a list of the programme.
    Code(String),
    /// Numbers by code.
    Table(BTreeMap<String, i64>),
}

impl Derived {
    /// The form with whose records it is shown.
    #[must_use]
    pub fn form(&self) -> &str {
        self.id.split_once('.').map_or("", |(form, _)| form)
    }

    /// The codes that may come out, where the way itself tells them.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        let codes: Vec<&str> = match &self.way {
            Way::Bands { bands, .. } => bands.iter().map(|band| band.code.as_str()).collect(),
            Way::RightsPassed { .. } | Way::AnyMarked { .. } => vec!["yes", "no"],
            Way::AllMarked { yes, no, .. } => vec![yes, no],
            _ => Vec::new(),
        };
        codes.into_iter()
    }

    /// The text to show for what came out.
    #[must_use]
    pub fn text(&self, programme: &Programme, value: &DerivedValue) -> String {
        let label = |code: &str| {
            let own = self.labels.get(code).map(String::as_str);
            own.unwrap_or_else(|| self.way.code_label(programme, code)).to_owned()
        };
        match value {
            DerivedValue::Number(number) => number.to_string(),
            DerivedValue::Code(code) => label(code),
            DerivedValue::Table(numbers) => {
                let rows: Vec<String> =
                    numbers.iter().map(|(code, number)| format!("{}: {number}", label(code))).collect();
                rows.join("; ")
            }
        }
    }
}

impl Way {
    /// Its word in `derived.toml`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sum { .. } => "sum",
            Self::SumBy { .. } => "sum_by",
            Self::Count { .. } => "count",
            Self::Highest { .. } => "highest",
            Self::Days { .. } => "days",
            Self::Age { .. } => "age",
            Self::RightsPassed { .. } => "rights_passed",
            Self::Bands { .. } => "bands",
            Self::AnyMarked { .. } => "any_marked",
            Self::AllMarked { .. } => "all_marked",
            Self::StageAt { .. } => "stage_at",
        }
    }

    /// The label that the programme's own list gives a code.
    fn code_label<'a>(&self, programme: &'a Programme, code: &'a str) -> &'a str {
        let field = match self {
            Self::Highest { field } => Some(field.clone()),
            Self::SumBy { field, by } => Some(FieldRef { form: field.form.clone(), field: by.clone() }),
            Self::StageAt { .. } => programme.parts.stage.clone(),
            _ => None,
        };
        let found = field.and_then(|field| {
            let form = programme.form(&field.form)?;
            Some(programme.code_label(form, form.question(&field.field)?, code))
        });
        found.unwrap_or(code)
    }
}

impl Way {
    /// The forms whose records it reads; of bands, those of the value that they are of are read for that.
    pub fn forms(&self) -> impl Iterator<Item = &str> {
        let forms: Vec<&str> = match self {
            Self::Sum { fields, .. } => fields.iter().map(|field| field.form.as_str()).collect(),
            Self::SumBy { field, .. } | Self::Highest { field } => vec![&field.form],
            Self::Count { form, .. } => vec![form],
            Self::Days { from, to, .. } => vec![&from.form, &to.form],
            Self::Age { birth } | Self::RightsPassed { birth, .. } => vec![&birth.form],
            Self::Bands { .. } => Vec::new(),
            Self::AnyMarked { field, conditions, .. } => {
                let others = conditions.values().map(|(other, _)| other.form.as_str());
                others.chain([field.form.as_str()]).collect()
            }
            Self::AllMarked { field, present, .. } => {
                present.iter().map(|other| other.form.as_str()).chain([field.form.as_str()]).collect()
            }
            Self::StageAt { at, .. } => vec![&at.form],
        };
        forms.into_iter()
    }
}

/// A derived value, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure<'p> {
    /// Which value it is.
    pub derived: &'p Derived,
    /// In words.
    pub text: String,
}

/// What derived values are worked out from.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The records around a unit, or of whatever group is looked at: as the reader may see them.
    pub records: &'a [RecordView],
    /// The record that the values are shown with, where they are of one record.
    pub subject: Option<&'a RecordView>,
    /// The day that is asked about.
    pub as_of: Date,
}

impl Programme {
    /// Whether a value is one of the records of groups of these kinds: of a unit and what it is linked to, not
    /// of a single record among many.
    fn is_of_unit(&self, value: &Derived, kinds: &[&str]) -> bool {
        let kind = self.records.get(value.form());
        !matches!(value.way, Way::StageAt { .. })
            && kind.is_some_and(|kind| kinds.contains(&kind.group.as_str()))
    }

    /// The forms whose records [`Programme::figures`] reads, for groups of these kinds.
    #[must_use]
    pub fn figures_read(&self, kinds: &[&str]) -> BTreeSet<&str> {
        let by_id = |id: &str| self.derived.iter().find(|value| value.id == id);
        self.derived
            .iter()
            .filter(|value| self.is_of_unit(value, kinds))
            .filter_map(|value| match &value.way {
                Way::Bands { of, .. } => by_id(of),
                _ => Some(value),
            })
            .flat_map(|value| value.way.forms())
            .collect()
    }

    /// What is worked out from these records, around a unit, as of a day; in the order of the package. What
    /// cannot be worked out, since something is not known yet, is left out.
    #[must_use]
    pub fn figures(&self, kinds: &[&str], records: &[RecordView], as_of: Date) -> Vec<Figure<'_>> {
        let scope = Scope { records, subject: None, as_of };
        let mut figures = Vec::new();
        for derived in self.derived.iter().filter(|value| self.is_of_unit(value, kinds)) {
            if let Some(value) = evaluate::value(self, derived, scope) {
                figures.push(Figure { derived, text: derived.text(self, &value) });
            }
        }
        figures
    }

    /// Whether a value is one of a single record among many, and not of a unit.
    fn is_of_record(&self, value: &Derived, form: &str) -> bool {
        matches!(value.way, Way::StageAt { .. }) && value.form() == form
    }

    /// The forms whose records, around a unit, [`Programme::figures_of_record`] reads for a record of this form;
    /// none where nothing is worked out with such a record.
    #[must_use]
    pub fn figures_of_record_read(&self, form: &str) -> BTreeSet<&str> {
        if !self.derived.iter().any(|value| self.is_of_record(value, form)) {
            return BTreeSet::new();
        }
        self.parts.event.iter().map(|event| event.kind.form.as_str()).collect()
    }

    /// What is worked out with one record, from those around its unit, as of a day; in the order of the package.
    #[must_use]
    pub fn figures_of_record(
        &self,
        subject: &RecordView,
        records: &[RecordView],
        as_of: Date,
    ) -> Vec<Figure<'_>> {
        let scope = Scope { records, subject: Some(subject), as_of };
        let of_record = self.derived.iter().filter(|value| self.is_of_record(value, &subject.root.form));
        let figure = |derived| {
            let value = evaluate::value(self, derived, scope)?;
            Some(Figure { derived, text: derived.text(self, &value) })
        };
        of_record.filter_map(figure).collect()
    }

    /// The derived values of a form, as of a day, in the order of the package; those that cannot be
    /// worked out, since something is not known yet, are left out.
    #[must_use]
    pub fn derive(&self, form: &str, scope: Scope<'_>) -> Vec<(&Derived, DerivedValue)> {
        let of_form = self.derived.iter().filter(|value| value.form() == form);
        of_form.filter_map(|value| Some((value, evaluate::value(self, value, scope)?))).collect()
    }
}
