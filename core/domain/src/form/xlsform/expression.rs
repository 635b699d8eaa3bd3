//! The expressions of a form, compiled, and the names that texts and expressions mention.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    form::expr::{Expr, Reads},
    problem::{
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
};

/// Expressions that were compiled, by their text: each is compiled once, however often the form has it.
pub(in crate::form) type Compiled = HashMap<String, Arc<Expr>>;

/// A text to check once every name of the form is known.
pub(super) struct Mention<'a> {
    pub(super) place: Place<'a>,
    pub(super) text: &'a str,
    /// Whether the text is an expression: a label only mentions.
    pub(super) is_expression: bool,
}

impl Mention<'_> {
    pub(super) fn check(&self, names: &BTreeMap<&str, u32>, compiled: &mut Compiled, report: &mut Report) {
        if self.text.is_empty() {
            return;
        }
        if self.is_expression {
            self.compile(names, compiled, report);
        } else {
            self.mentioned(names, report);
        }
    }

    /// Says everything that is wrong with an expression, and where in the cell.
    fn compile(&self, names: &BTreeMap<&str, u32>, compiled: &mut Compiled, report: &mut Report) {
        if let Some(known) = compiled.get(self.text) {
            let reads = known.reads();
            return self.all_known(&reads, names, report);
        }
        match Expr::compile(self.text) {
            Ok(expr) => {
                self.all_known(&expr.reads(), names, report);
                compiled.insert(self.text.to_owned(), Arc::new(expr));
            }
            Err(errors) => {
                for error in errors {
                    let before = self.text.get(..error.span.start).unwrap_or_default();
                    let what = if error.span == (0..self.text.len()) {
                        error.what
                    } else {
                        let place = before.chars().count() + 1;
                        format!("{} See character {place} of the cell.", error.what)
                    };
                    report.error(self.place, error.kind.code(), what, error.help);
                }
            }
        }
    }

    fn all_known(&self, reads: &Reads, names: &BTreeMap<&str, u32>, report: &mut Report) {
        for name in reads.names.iter().chain(&reads.last_saved).chain(&reads.labels_of) {
            self.known(name, names, report);
        }
    }

    /// Checks the names that a text mentions between its words.
    fn mentioned(&self, names: &BTreeMap<&str, u32>, report: &mut Report) {
        let mut rest = self.text;
        while let Some((_, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                report.error(
                    self.place,
                    "unclosed_reference",
                    format!("`${{` is not closed in {}.", quoted(self.text)),
                    "Write `${name}`.",
                );
                return;
            };
            rest = after;
            let name = name.trim();
            self.known(name.strip_prefix("last-saved#").unwrap_or(name), names, report);
        }
    }

    fn known(&self, name: &str, names: &BTreeMap<&str, u32>, report: &mut Report) {
        if names.contains_key(name) {
            return;
        }
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
