//! What is wrong with something that a person wrote, and where.

use std::fmt;

use serde::Serialize;

pub(crate) mod report;
pub(crate) mod suggest;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Shown only.
    Warning,
    /// The thing cannot be used until it is put right.
    Error,
}

/// One problem in a file: what is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, as a path inside the package.
    pub file: String,
    /// The sheet (`survey`, `choices`, ...) or the table of a TOML file, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The row, or the line of a text file, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The name of the column or key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Whether the file can still be used.
    pub severity: Severity,
    /// A stable code for programs, such as `unknown_type`.
    pub code: &'static str,
    /// What is wrong, in a sentence, with the offending text.
    pub what: String,
    /// What to do about it, in a sentence.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(sheet) = &self.sheet {
            write!(f, " [{sheet}]")?;
        }
        if let Some(row) = self.row {
            write!(f, " row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {} {}", self.what, self.help)
    }
}
