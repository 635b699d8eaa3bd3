//! The ways, worked out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Unit, civil::Date};

use super::{Derived, DerivedValue, Only, Scope, Way, rights};
use crate::{
    form::Choice,
    programme::{FieldRef, Programme},
    record::RecordView,
    value::Value,
};

pub(super) fn value(programme: &Programme, derived: &Derived, scope: Scope<'_>) -> Option<DerivedValue> {
    match &derived.way {
        Way::Sum { fields, only } => {
            let mut sum = 0_i64;
            for field in fields {
                for record in records(scope, &field.form, only.as_ref()) {
                    sum = sum.saturating_add(number(record, &field.field).unwrap_or(0));
                }
            }
            Some(DerivedValue::Number(sum))
        }
        Way::SumBy { field, by } => {
            let mut sums = BTreeMap::new();
            for record in records(scope, &field.form, None) {
                if let (Some(code), Some(more)) = (record.text(by), number(record, &field.field)) {
                    let sum: &mut i64 = sums.entry(code.to_owned()).or_default();
                    *sum = sum.saturating_add(more);
                }
            }
            Some(DerivedValue::Table(sums))
        }
        Way::Count { form, only } => {
            Some(DerivedValue::Number(i64::try_from(records(scope, form, only.as_ref()).count()).ok()?))
        }
        Way::Highest { field } => {
            let choices = list(programme, field)?;
            let place = |code: &str| choices.iter().position(|choice| choice.name == code);
            let codes = records(scope, &field.form, None).filter_map(|record| record.text(&field.field));
            codes.max_by_key(|code| place(code)).map(|code| DerivedValue::Code(code.to_owned()))
        }
        Way::Days { from, to, open } => {
            let from = dates(programme, scope, from).min()?;
            let to = dates(programme, scope, to).max().or_else(|| open.then_some(scope.as_of))?;
            Some(DerivedValue::Number(days(from, to)?))
        }
        Way::Age { birth } => {
            let birth = dates(programme, scope, birth).next()?;
            let years = birth.until((Unit::Year, scope.as_of)).ok()?.get_years();
            (birth <= scope.as_of).then_some(DerivedValue::Number(years.into()))
        }
        Way::RightsPassed { birth, age } => {
            let day = rights::pass_on(dates(programme, scope, birth).next()?, *age)?;
            Some(yes_or_no(scope.as_of > day))
        }
        Way::Bands { of, bands } => {
            let of = programme.derived.iter().find(|other| other.id == *of)?;
            // A band of a band would go in a circle; the package's reader turns it down.
            let DerivedValue::Number(number) = value(programme, of, scope)? else { return None };
            let band = bands.iter().find(|band| band.to.is_none_or(|to| number <= to))?;
            Some(DerivedValue::Code(band.code.clone()))
        }
        Way::AnyMarked { field, column, conditions } => {
            let holds = |word: &str| match conditions.get(word) {
                Some((other, codes)) => records(scope, &other.form, None).any(|record| {
                    record.codes(&other.field).iter().any(|code| codes.iter().any(|c| c == code))
                }),
                None => word == "yes",
            };
            let choices = list(programme, field)?;
            let mut asked = false;
            let any = records(scope, &field.form, None).any(|record| {
                let codes = record.codes(&field.field);
                asked |= !codes.is_empty();
                codes.iter().any(|code| {
                    let choice = choices.iter().find(|choice| choice.name == **code);
                    choice.and_then(|choice| choice.extra.get(column)).is_some_and(|word| holds(word))
                })
            });
            (any || asked).then(|| yes_or_no(any))
        }
        Way::AllMarked { field, column, only, present, yes, no } => {
            let wanted = list(programme, field)?
                .iter()
                .filter(|choice| choice.extra.get(column).is_some_and(|word| word == "yes"))
                .map(|choice| choice.name.as_str());
            let taken: BTreeSet<&str> = records(scope, &field.form, only.as_ref())
                .filter_map(|record| record.text(&field.field))
                .collect();
            let filled_in = present.iter().all(|other| {
                records(scope, &other.form, None).any(|record| record.value(&other.field).is_some())
            });
            let all = filled_in && wanted.into_iter().all(|code| taken.contains(code));
            Some(DerivedValue::Code(if all { yes } else { no }.clone()))
        }
        Way::StageAt { at, stages } => {
            let until = day(programme, scope.subject?.value(&at.field)?)?;
            let event = programme.parts.event.as_ref()?;
            let mut reached: Option<(Date, &String)> = None;
            for record in records(scope, &event.kind.form, None) {
                let Some(kind) = record.text(&event.kind.field) else { continue };
                let Some(on) = record.value(&event.date.field).and_then(|value| day(programme, value)) else {
                    continue;
                };
                let outcome = event.outcome.as_ref().and_then(|outcome| record.text(&outcome.field));
                let stage = outcome
                    .and_then(|outcome| stages.get(&format!("{kind}={outcome}")))
                    .or_else(|| stages.get(kind));
                if let Some(stage) = stage
                    && on <= until
                    && reached.is_none_or(|(before, of)| (before, of.as_str()) <= (on, stage.as_str()))
                {
                    reached = Some((on, stage));
                }
            }
            reached.map(|(_, stage)| DerivedValue::Code(stage.clone()))
        }
    }
}

fn yes_or_no(yes: bool) -> DerivedValue {
    DerivedValue::Code(if yes { "yes" } else { "no" }.to_owned())
}

fn list<'p>(programme: &'p Programme, field: &FieldRef) -> Option<&'p [Choice]> {
    let form = programme.form(&field.form)?;
    programme.choices(form, form.question(&field.field)?)
}

fn records<'a>(
    scope: Scope<'a>,
    form: &'a str,
    only: Option<&'a Only>,
) -> impl Iterator<Item = &'a RecordView> {
    scope.records.iter().filter(move |record| {
        let counts =
            |only: &Only| record.text(&only.field).is_some_and(|code| only.codes.iter().any(|c| c == code));
        record.root.form == form && only.is_none_or(counts)
    })
}

fn number(record: &RecordView, field: &str) -> Option<i64> {
    match record.value(field)? {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn dates<'a>(
    programme: &'a Programme,
    scope: Scope<'a>,
    field: &'a FieldRef,
) -> impl Iterator<Item = Date> + 'a {
    records(scope, &field.form, None).filter_map(|record| day(programme, record.value(&field.field)?))
}

fn day(programme: &Programme, value: &Value) -> Option<Date> {
    match value {
        Value::Instant(at) => Some(programme.day(*at)),
        value => value.as_date(),
    }
}

fn days(from: Date, to: Date) -> Option<i64> {
    Some(from.until((Unit::Day, to)).ok()?.get_days().into())
}
