//! The expressions of a form, compiled, and the names that texts and expressions mention.

use std::{cell::OnceCell, collections::HashSet, sync::Arc};

use crate::{
    form::expr::{Expr, Expressions},
    problem::{
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
};

/// The names of a form.
pub(super) struct Names<'a> {
    all: HashSet<&'a str>,
    has_twins: bool,
    /// In their order, for who looks for what was meant.
    sorted: OnceCell<Vec<&'a str>>,
}

impl<'a> Names<'a> {
    /// None, with room for so many.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self { all: HashSet::with_capacity(count), has_twins: false, sorted: OnceCell::new() }
    }

    pub(super) fn extend(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            self.has_twins |= !self.all.insert(name);
        }
    }

    /// Whether several rows have one name.
    pub(super) fn has_twins(&self) -> bool {
        self.has_twins
    }

    fn sorted(&self) -> impl Iterator<Item = &'a str> {
        let sorted = self.sorted.get_or_init(|| {
            let mut names: Vec<&str> = self.all.iter().copied().collect();
            names.sort_unstable();
            names
        });
        sorted.iter().copied()
    }
}

/// A text to check once every name of the form is known.
pub(super) struct Mention<'p> {
    pub(super) place: Place<'p>,
    pub(super) text: &'p str,
    /// Whether the text is an expression: a label only mentions.
    pub(super) is_expression: bool,
}

impl Mention<'_> {
    pub(super) fn check(self, names: &Names<'_>, compiled: &mut Expressions, report: &mut Report) {
        if self.is_expression {
            self.compile(names, compiled, report);
        } else if self.text.contains('$') {
            self.mentioned(names, report);
        }
    }

    /// Says everything that is wrong with an expression, and where in the cell.
    fn compile(self, names: &Names<'_>, compiled: &mut Expressions, report: &mut Report) {
        if let Some(known) = compiled.get(self.text) {
            return self.all_known(known, names, report);
        }
        match Expr::compile(self.text) {
            Ok(expr) => {
                self.all_known(&expr, names, report);
                compiled.insert(Arc::new(expr));
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

    fn all_known(&self, expr: &Expr, names: &Names<'_>, report: &mut Report) {
        let reads = expr.reads();
        for name in reads.names.iter().chain(&reads.last_saved).chain(&reads.labels_of) {
            self.known(name, names, report);
        }
    }

    /// Checks the names that a text mentions between its words.
    fn mentioned(&self, names: &Names<'_>, report: &mut Report) {
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

    fn known(&self, name: &str, names: &Names<'_>, report: &mut Report) {
        if names.all.contains(name) {
            return;
        }
        let help = if report.has_room() {
            did_you_mean(name, names.sorted(), "Write the name of a question of this form.")
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
