//! Functions over dates and times.

use std::borrow::Cow;

use super::{Atom, Evaluation, Frame, Outcome};
use crate::form::expr::{
    ast::Node,
    context::Context,
    error::{ErrorKind, ExprError},
    functions::Function,
    temporal::{self, Temporal},
    value::{Value, number_of},
};

impl<'e, C: Context> Evaluation<'e, C> {
    pub(super) fn date_function(
        &self,
        function: Function,
        arguments: &'e [Node],
        at: &'e Node,
        frame: Frame<C::Node>,
    ) -> Outcome<Value<'e, C::Node>> {
        let zone = &self.around.zone;
        let value = self.evaluate(&arguments[0], frame)?;
        let is_number =
            matches!(function, Function::DecimalDateTime | Function::DecimalDate | Function::DecimalTime);
        let Some(when) = self.when(&value, function, &arguments[0])? else {
            return Ok(if is_number { Value::Number(f64::NAN) } else { Value::EMPTY });
        };
        let no_date = || {
            self.mismatch(&arguments[0], "A time of day has no date.", "Give a date, or a date with a time.")
        };
        Ok(match function {
            Function::Date => Value::Date(when.date(zone).ok_or_else(no_date)?),
            Function::DateTime => Value::DateTime(when.instant(zone).ok_or_else(no_date)?),
            Function::Time => Value::Time(when.time(zone)),
            Function::DecimalDateTime => match when {
                Temporal::Time(_) => return Err(no_date()),
                when => Value::Number(when.days()),
            },
            Function::DecimalDate => {
                Value::Number(Temporal::Date(when.date(zone).ok_or_else(no_date)?).days())
            }
            Function::DecimalTime => Value::Number(temporal::part_of_day(when.time(zone))),
            _ => {
                let format = self.string(&arguments[1], frame)?;
                self.bounded_text(format.len() * 2, at)?;
                let text = temporal::format(when, &format, zone)
                    .map_err(|letter| bad_format(&arguments[1], &letter))?;
                Value::Text(Cow::Owned(text))
            }
        })
    }

    /// The date, instant or time that an argument says; `None` for one that is empty.
    fn when(&self, value: &Value<'e, C::Node>, function: Function, at: &Node) -> Outcome<Option<Temporal>> {
        let zone = &self.around.zone;
        let of_number = |number: f64| {
            if number.is_nan() {
                return Ok(None);
            }
            let when = match function {
                Function::Time | Function::DecimalTime => {
                    temporal::time_of_part(number - number.floor()).map(Temporal::Time)
                }
                Function::Date | Function::DecimalDate => temporal::date_of_days(number).map(Temporal::Date),
                // Whole days are a date, whatever the offset of the zone is.
                Function::FormatDate | Function::FormatDateTime if number.fract() == 0.0 => {
                    temporal::date_of_days(number).map(Temporal::Date)
                }
                _ => temporal::instant_of_days(number).map(Temporal::Instant),
            };
            when.map(Some).ok_or_else(|| {
                self.mismatch(at, "This number of days is no date of the calendar.", "Check the computation.")
            })
        };
        match self.atom(value) {
            Atom::Temporal(when) => Ok(Some(when)),
            Atom::Number(number) => of_number(number),
            Atom::Text(text) | Atom::Decimal(text) if text.trim().is_empty() => Ok(None),
            Atom::Text(text) | Atom::Decimal(text) => match Temporal::parse(&text, zone) {
                Some(when) => Ok(Some(when)),
                None if !number_of(&text).is_nan() => of_number(number_of(&text)),
                None => Err(self.mismatch(
                    at,
                    "This is no date or time.",
                    "A date is written `2015-03-16`, a date and time `2015-03-16T14:30:00.000+00:00`, a time `14:30`.",
                )),
            },
            Atom::Boolean(_) => {
                Err(self.mismatch(at, "True and false are no dates.", "Give a date, or days since 1970-01-01."))
            }
        }
    }
}

/// What is wrong with the letters of a format.
pub(in crate::form::expr) fn bad_format(at: &Node, letter: &str) -> ExprError {
    ExprError::new(
        ErrorKind::WrongArgument,
        at.span(),
        format!("`{letter}` means nothing in a format."),
        "Write letters of %Y %y %m %n %b %d %e %a %H %h %M %S %3, and %% for a percent sign.",
    )
}
