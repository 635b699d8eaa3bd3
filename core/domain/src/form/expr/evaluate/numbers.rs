//! Functions over numbers.

use super::{Evaluation, Frame, Outcome, texts::half_up};
use crate::form::expr::{ast::Node, context::Context, functions::Function};

impl<'e, C: Context> Evaluation<'e, C> {
    pub(super) fn arithmetic(
        &self,
        function: Function,
        arguments: &'e [Node],
        frame: Frame<C::Node>,
    ) -> Outcome<f64> {
        let number = self.numeric(&arguments[0], frame)?;
        let second = match arguments.get(1) {
            Some(argument) => Some(self.numeric(argument, frame)?),
            None => None,
        };
        Ok(match function {
            Function::Int => number.trunc(),
            Function::Round => rounded(number, second.unwrap_or_default()),
            Function::Floor => number.floor(),
            Function::Ceiling => number.ceil(),
            Function::Abs => number.abs(),
            Function::Pow => number.powf(second.unwrap_or(f64::NAN)),
            Function::Exp => number.exp(),
            Function::Exp10 => 10_f64.powf(number),
            Function::Log => number.ln(),
            Function::Log10 => number.log10(),
            Function::Sqrt => number.sqrt(),
            Function::Sin => number.sin(),
            Function::Cos => number.cos(),
            Function::Tan => number.tan(),
            Function::Asin => number.asin(),
            Function::Acos => number.acos(),
            Function::Atan => number.atan(),
            Function::Atan2 => number.atan2(second.unwrap_or(f64::NAN)),
            _ => f64::NAN,
        })
    }
}

/// Rounds the decimal digits of a number, not its binary ones: 1.005 to two places is 1.01.
fn rounded(number: f64, places: f64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    let places = if places.is_nan() { 0.0 } else { places.trunc() };
    if places.abs() > 30.0 {
        return f64::NAN;
    }
    if places == 0.0 {
        return half_up(number);
    }
    let shift = |number: f64, places: f64| format!("{number}e{places}").parse::<f64>().unwrap_or(f64::NAN);
    shift(half_up(shift(number, places)), -places)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn the_digits_are_rounded_and_not_the_bits() {
        for (number, places, is) in [
            (1.005, 2.0, 1.01),
            (12_345.15, 1.0, 12_345.2),
            (-12_345.15, 1.0, -12_345.1),
            (12_345.123_45, -2.0, 12_300.0),
            (1e300, 2.0, 1e300),
        ] {
            assert_eq!(rounded(number, places).to_string(), f64::to_string(&is), "{number} {places}");
        }
        assert!(rounded(1.0, 31.0).is_nan());
    }
}
