//! What an import came to: counts, row numbers, headings and codes. Never a cell's content.

use std::fmt;

use serde::Serialize;

use super::{plan::Outcome, row::RowProblem};

/// Lines of each kind that are printed; all are in the JSON.
const PRINTED: usize = 50;

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// Nothing was written: this is what would have come of it.
    pub dry_run: bool,
    /// Rows that are not blank.
    pub read: u64,
    /// Rows that made something new.
    pub imported: u64,
    /// Of those, rows that joined a group or record that was there before, in this file or in an
    /// earlier one.
    pub joined: u64,
    /// Rows that were there already.
    pub unchanged: u64,
    /// Rows that were there already and of which some cells had changed.
    pub updated: u64,
    /// Rows that were refused as a whole.
    pub rejected: u64,
    /// Groups opened.
    pub groups: u64,
    /// Records started.
    pub records: u64,
    /// The refused rows.
    pub refused: Vec<RefusedRow>,
    /// What is worth a look in rows that were taken in.
    pub notes: Vec<Note>,
}

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// Its number in the file, counted from 1.
    pub row: u32,
    /// What is wrong with it.
    pub problems: Vec<RowProblem>,
}

/// Something worth a look in a row that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its number in the file, counted from 1.
    pub row: u32,
    /// Heading of the column.
    pub column: String,
    /// `differs`: an earlier row says otherwise, and that one stays. `emptied`: the cell is empty
    /// now, and the value stays. `cannot_change`: the record is of a kind that never changes.
    /// `code_out_of_date`, `out_of_range`, `constraint`, `not_offered`: taken in, to be checked. `not_asked`: taken
    /// in, and does not count with the other answers. `worked_out`: what the form works out stands in its place.
    pub code: &'static str,
}

impl Note {
    fn text(&self) -> &'static str {
        match self.code {
            "differs" => "an earlier row says otherwise, and that one stays",
            "emptied" => "the cell is empty now, and the value imported earlier stays",
            "cannot_change" => "records of this kind never change, and the value imported earlier stays",
            "code_out_of_date" => "the answer was not in use on the reference date",
            "out_of_range" => "the number is outside of its scale",
            "constraint" => "the form's own check of this answer does not hold",
            "not_offered" => "with the other answers, the form does not offer this one",
            "not_asked" => "with the other answers, the form does not ask this: it does not count",
            "worked_out" => "the form works this out from other answers, and what it worked out stands",
            other => other,
        }
    }
}

impl Summary {
    /// Whether every row that was read is counted once.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.read == self.imported + self.unchanged + self.updated + self.rejected
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Imported { joined } => {
                self.imported += 1;
                self.joined += u64::from(joined);
            }
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Updated => self.updated += 1,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "Nothing was written. An import would come to:")?;
        }
        writeln!(
            f,
            "{} rows read = {} imported + {} unchanged + {} updated + {} refused",
            self.read, self.imported, self.unchanged, self.updated, self.rejected
        )?;
        write!(
            f,
            "{} of the imported rows joined what was there before; {} groups and {} records are new",
            self.joined, self.groups, self.records
        )?;
        for row in self.refused.iter().take(PRINTED) {
            for problem in &row.problems {
                write!(f, "\nrow {} refused: column {}: {}", row.row, problem.column, problem.code)?;
            }
        }
        more(f, self.refused.len(), "refused rows")?;
        for note in self.notes.iter().take(PRINTED) {
            write!(f, "\nrow {}: column {}: {}", note.row, note.column, note.text())?;
        }
        more(f, self.notes.len(), "notes")
    }
}

fn more(f: &mut fmt::Formatter<'_>, count: usize, what: &str) -> fmt::Result {
    match count.checked_sub(PRINTED) {
        None | Some(0) => Ok(()),
        Some(rest) => write!(f, "\n... and {rest} more {what}: --json has them all"),
    }
}
