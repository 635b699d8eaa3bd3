//! What can be said of an expression without understanding it: the names it mentions, and whether its
//! brackets and quotes close.

use std::collections::BTreeMap;

use crate::problem::{
    report::{Place, Report},
    suggest::{did_you_mean, quoted},
};

/// Deepest nesting of brackets.
const DEEPEST: usize = 64;

/// A text to check once every name of the form is known.
pub(super) struct Mention<'a> {
    pub(super) place: Place<'a>,
    pub(super) text: &'a str,
    /// Whether the text is an expression: a label only mentions.
    pub(super) is_expression: bool,
}

impl Mention<'_> {
    pub(super) fn check(&self, names: &BTreeMap<&str, u32>, report: &mut Report) {
        let mut rest = self.text;
        let mut is_whole = true;
        while let Some((_, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                report.error(
                    self.place,
                    "unclosed_reference",
                    format!("`${{` is not closed in {}.", quoted(self.text)),
                    "Write `${name}`.",
                );
                is_whole = false;
                break;
            };
            rest = after;
            let name = name.trim();
            let name = name.strip_prefix("last-saved#").unwrap_or(name);
            if !names.contains_key(name) {
                let help = if report.has_room() {
                    did_you_mean(name, names.keys().copied(), "Write the name of a question of this form.")
                } else {
                    String::new()
                };
                report.error(
                    self.place,
                    "unknown_reference",
                    format!("There is no question {} in this form.", quoted(name)),
                    help,
                );
            }
        }
        if self.is_expression
            && is_whole
            && let Err(what) = balanced(self.text)
        {
            report.error(
                self.place,
                "unbalanced_expression",
                what,
                "Close what is open, open what is closed.",
            );
        }
    }
}

/// Whether brackets and quotes close, or what does not.
fn balanced(text: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(mark), _) if mark == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '“' | '”' | '‘' | '’') => {
                return Err(format!(
                    "`{character}` is no quote of an expression, in {}: write `'`.",
                    quoted(text)
                ));
            }
            (None, '(' | '[' | '{') if open.len() == DEEPEST => {
                return Err(format!("Brackets nest deeper than {DEEPEST} in {}.", quoted(text)));
            }
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') if open.pop() != Some(character) => {
                return Err(format!("`{character}` closes nothing in {}.", quoted(text)));
            }
            (None, _) => {}
        }
    }
    match (quote, open.pop()) {
        (Some(mark), _) => Err(format!("A quote `{mark}` is not closed in {}.", quoted(text))),
        (None, Some(bracket)) => Err(format!("A `{bracket}` is missing in {}.", quoted(text))),
        (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_inside_quotes_do_not_count() {
        assert_eq!(balanced("regex(., '^[(]$') and ${a}[1] != \"it's\""), Ok(()));
        assert!(balanced("selected(${a}, 'x'").unwrap_err().contains("`)` is missing"));
        assert!(balanced("a)").unwrap_err().contains("closes nothing"));
        assert!(balanced("(a]").unwrap_err().contains("closes nothing"));
        assert!(balanced("${a} = 'x").unwrap_err().contains("not closed"));
        assert!(balanced("${a} = ‘x’").unwrap_err().contains("write `'`"));
        assert!(balanced(&"(".repeat(100_000)).unwrap_err().contains("nest deeper"));
    }
}
