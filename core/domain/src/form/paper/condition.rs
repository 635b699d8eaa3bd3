//! When a question is answered, in words: the conditions that forms are mostly made of, and no others.

use crate::form::expr::{Clause, Comparison, Expr};

/// A question that a condition speaks of.
pub(super) struct Known {
    /// Its number on the paper.
    pub(super) number: usize,
    /// The label of each code.
    pub(super) labels: Vec<(String, String)>,
}

impl Known {
    fn says(&self, code: &str) -> String {
        let label = self.labels.iter().find(|(known, _)| known == code).map_or(code, |(_, label)| label);
        format!("“{label}”")
    }
}

/// The condition in words; `None` where it has no simple ones.
pub(super) fn words(expr: &Expr, known: &dyn Fn(&str) -> Option<Known>) -> Option<String> {
    let clause = expr.clause()?;
    said(&clause, known, false)
}

fn said(clause: &Clause<'_>, known: &dyn Fn(&str) -> Option<Known>, is_inner: bool) -> Option<String> {
    let joined = |parts: &[Clause<'_>], word: &str| -> Option<String> {
        let parts: Option<Vec<String>> = parts.iter().map(|part| said(part, known, true)).collect();
        let words = parts?.join(word);
        Some(if is_inner { format!("({words})") } else { words })
    };
    Some(match clause {
        Clause::All(parts) => joined(parts, " and ")?,
        Clause::Any(parts) => joined(parts, " or ")?,
        Clause::Says { name, code, negated } => {
            let known = known(name)?;
            match (code.is_empty(), negated) {
                (true, false) => format!("you did not answer {}", known.number),
                (true, true) => format!("you answered {}", known.number),
                (false, false) => format!("your answer to {} is {}", known.number, known.says(code)),
                (false, true) => format!("your answer to {} is not {}", known.number, known.says(code)),
            }
        }
        Clause::Ticked { name, code, negated } => {
            let known = known(name)?;
            let not = if *negated { "did not tick" } else { "ticked" };
            format!("you {not} {} in {}", known.says(code), known.number)
        }
        Clause::Number { name, comparison, number } => {
            let known = known(name)?;
            let words = match comparison {
                Comparison::Less => "is less than",
                Comparison::LessOrEqual => "is at most",
                Comparison::Greater => "is more than",
                Comparison::GreaterOrEqual => "is at least",
            };
            format!("your answer to {} {words} {number}", known.number)
        }
    })
}
