//! Collects every problem of a file, so that a person puts all of them right at once.

use super::{Problem, Severity};

/// Most problems reported for one file: enough for any honest mistake, and a bound for a hostile file.
pub(crate) const MOST_PROBLEMS: usize = 1_000;

/// Where in a file a problem is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    pub(crate) sheet: Option<&'a str>,
    pub(crate) row: Option<u32>,
    pub(crate) column: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// The file as a whole.
    pub(crate) const FILE: Self = Self { sheet: None, row: None, column: None };

    pub(crate) const fn sheet(sheet: &'a str) -> Self {
        Self { sheet: Some(sheet), ..Self::FILE }
    }

    pub(crate) const fn line(line: u32) -> Self {
        Self { row: Some(line), ..Self::FILE }
    }

    pub(crate) const fn row(self, row: u32) -> Self {
        Self { row: Some(row), ..self }
    }

    pub(crate) const fn column(self, column: &'a str) -> Self {
        Self { column: Some(column), ..self }
    }
}

/// The problems of one file.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    problems: Vec<Problem>,
    left_out: usize,
    has_error: bool,
    dialect: Dialect,
}

/// What a form is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// A form of a programme: names are keys of records, so they are short and unique, and every
    /// question says what it is.
    #[default]
    Programme,
    /// Whatever the XLSForm standard allows.
    Standard,
}

impl Report {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            problems: Vec::new(),
            left_out: 0,
            has_error: false,
            dialect: Dialect::Programme,
        }
    }

    /// A report of a file that is held to this.
    pub(crate) fn of(file: &str, dialect: Dialect) -> Self {
        Self { dialect, ..Self::new(file) }
    }

    /// Whether the file is held to the standard alone.
    pub(crate) fn is_standard(&self) -> bool {
        self.dialect == Dialect::Standard
    }

    /// Adds a problem that keeps a programme from using the form, and that the standard allows.
    pub(crate) fn stricter(
        &mut self,
        place: Place<'_>,
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.is_standard() {
            self.warning(place, code, what, help);
        } else {
            self.error(place, code, what, help);
        }
    }

    /// Adds a problem that keeps the file from being used.
    pub(crate) fn error(
        &mut self,
        place: Place<'_>,
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.has_error = true;
        self.add(place, Severity::Error, code, what.into(), help.into());
    }

    /// Adds a problem that does not keep the file from being used.
    pub(crate) fn warning(
        &mut self,
        place: Place<'_>,
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(place, Severity::Warning, code, what.into(), help.into());
    }

    fn add(&mut self, place: Place<'_>, severity: Severity, code: &'static str, what: String, help: String) {
        if self.problems.len() >= MOST_PROBLEMS {
            self.left_out += 1;
            return;
        }
        self.problems.push(Problem {
            file: self.file.clone(),
            sheet: place.sheet.map(str::to_owned),
            row: place.row,
            column: place.column.map(str::to_owned),
            severity,
            code,
            what,
            help,
        });
    }

    /// Whether a problem found so far keeps the file from being used.
    pub(crate) fn has_error(&self) -> bool {
        self.has_error
    }

    /// Whether there is room for more problems: where there is none, the work of explaining them
    /// can be saved.
    pub(crate) fn has_room(&self) -> bool {
        self.problems.len() < MOST_PROBLEMS
    }

    /// The problems in the order of the sheets named, then of the rows; what concerns the whole file
    /// comes first.
    pub(crate) fn finish(mut self, sheets: &[&str]) -> Vec<Problem> {
        let rank = |problem: &Problem| {
            let sheet = problem.sheet.as_deref()?;
            Some(sheets.iter().position(|known| *known == sheet).unwrap_or(sheets.len()))
        };
        self.problems.sort_by_key(|problem| (rank(problem), problem.row));
        if self.left_out > 0 {
            self.problems.push(Problem {
                file: self.file,
                sheet: None,
                row: None,
                column: None,
                severity: if self.has_error { Severity::Error } else { Severity::Warning },
                code: "more_problems",
                what: format!("There are {} more problems than these.", self.left_out),
                help: "Put these right first, then read the file again.".to_owned(),
            });
        }
        self.problems
    }
}
