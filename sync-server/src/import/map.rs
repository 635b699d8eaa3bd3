//! The map: which columns of a charity's spreadsheet become which groups, records and answers.
//!
//! `docs/importing.md` describes it for those who write one.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    problem::{Problem, Severity},
    programme::Programme,
};
use jiff::civil::Date;

use super::{nearest, source::Sheet, tidy};

mod check;
mod toml_reader;

/// A column that the map names, with the place where it does.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) title: String,
    table: String,
    key: String,
    line: u32,
}

/// A column by its number in [`Map::columns`].
pub(super) type ColumnId = usize;

/// A map that fits its programme.
#[derive(Debug)]
pub(super) struct Map {
    file: String,
    pub(super) partner: String,
    pub(super) author: String,
    pub(super) sheet: Option<String>,
    pub(super) heading_row: Option<u32>,
    /// What two-digit years are reckoned from.
    pub(super) reference_date: Option<Date>,
    pub(super) columns: Vec<Column>,
    /// Groups, each after those that it is linked to.
    pub(super) groups: Vec<GroupMap>,
    pub(super) records: Vec<RecordMap>,
}

#[derive(Debug)]
pub(super) struct GroupMap {
    pub(super) kind: String,
    pub(super) key: Vec<ColumnId>,
    /// Numbers of the groups of the same map that it is linked to.
    pub(super) parents: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct RecordMap {
    pub(super) form: String,
    /// Number of its group.
    pub(super) group: usize,
    /// Empty for a form of which a group has one record.
    pub(super) key: Vec<ColumnId>,
    /// The record is there only in rows where this column is filled.
    pub(super) when: Option<ColumnId>,
    pub(super) immutable: bool,
    pub(super) fields: Vec<FieldMap>,
}

#[derive(Debug)]
pub(super) struct FieldMap {
    pub(super) question: String,
    pub(super) source: Source,
    /// What to take words of the spreadsheet for, by their folded text; empty for nothing.
    pub(super) codes: BTreeMap<String, String>,
    /// The characters that part several codes in one cell.
    pub(super) split: Option<String>,
    pub(super) default: Option<String>,
    pub(super) unknown: Option<String>,
    pub(super) tidy: Option<Tidy>,
    pub(super) required: bool,
    /// The cell is the work name of a person of the partner.
    pub(super) person: bool,
    /// That person is granted the record's group.
    pub(super) grant: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Columns { columns: Vec<ColumnId>, join: String },
    Constant(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tidy {
    Postcode,
    Name,
    Upper,
}

impl Map {
    /// Reads a map and checks it against the programme.
    pub(super) fn read(file: &str, text: &str, programme: &Programme) -> Result<Self, Vec<Problem>> {
        let mut report = Report { file: file.to_owned(), problems: Vec::new() };
        let draft = toml_reader::draft(text, &mut report);
        let map = check::check(draft, programme, &mut report);
        if report.problems.is_empty() { Ok(map) } else { Err(report.problems) }
    }

    /// Finds each column of the map among the headings: its place in the sheet, by [`ColumnId`].
    pub(super) fn bind(&self, sheet: &Sheet) -> Result<Vec<usize>, Vec<Problem>> {
        let folded: Vec<String> = sheet.headings.iter().map(|heading| tidy::folded(heading)).collect();
        let mut report = Report { file: self.file.clone(), problems: Vec::new() };
        let mut said = BTreeSet::new();
        let mut bound = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let wanted = tidy::folded(&column.title);
            let mut places = folded.iter().enumerate().filter(|(_, heading)| **heading == wanted);
            let (first, second) = (places.next(), places.next());
            bound.push(first.map_or(0, |(at, _)| at));
            if (first.is_some() && second.is_none()) || !said.insert(wanted) {
                continue;
            }
            let title = &column.title;
            let place = Place { table: &column.table, line: column.line, key: Some(&column.key) };
            if first.is_none() {
                let known = sheet.headings.iter().map(String::as_str).filter(|heading| !heading.is_empty());
                let help = nearest::help(
                    title,
                    known,
                    "Look at the headings of the spreadsheet, and at `heading_row`.",
                );
                report.error(
                    place,
                    "missing_heading",
                    format!("The spreadsheet has no column `{title}`."),
                    help,
                );
            } else {
                report.error(
                    place,
                    "duplicate_heading",
                    format!("The spreadsheet has several columns `{title}`."),
                    "Give each of them a heading of its own.",
                );
            }
        }
        if report.problems.is_empty() { Ok(bound) } else { Err(report.problems) }
    }

    /// Most writes that a row can take: a group is opened and remembered; a record is written,
    /// remembered, and granted to those whom it names; the row is remembered.
    pub(super) fn most_writes(&self) -> usize {
        let granted =
            self.records.iter().flat_map(|record| &record.fields).filter(|field| field.grant).count();
        2 * self.groups.len() + 2 * self.records.len() + granted + 1
    }

    /// The field that alone reads this column, where there is one: its record's number and its own.
    /// A record that is not in every row does not count, except for its `own` key.
    pub(super) fn reader_of(&self, column: ColumnId, own: Option<usize>) -> Option<(usize, usize)> {
        let title = tidy::folded(&self.columns[column].title);
        let reads = |field: &FieldMap| match &field.source {
            Source::Columns { columns, .. } => {
                columns.len() == 1 && !field.person && tidy::folded(&self.columns[columns[0]].title) == title
            }
            Source::Constant(_) => false,
        };
        self.records
            .iter()
            .enumerate()
            .filter(|(record, map)| map.when.is_none() || own == Some(*record))
            .find_map(|(record, map)| map.fields.iter().position(reads).map(|field| (record, field)))
    }
}

/// Where in the map something is wrong.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    table: &'a str,
    line: u32,
    key: Option<&'a str>,
}

/// All that is wrong with a map.
#[derive(Debug)]
struct Report {
    file: String,
    problems: Vec<Problem>,
}

impl Report {
    fn error(
        &mut self,
        place: Place<'_>,
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem {
            file: self.file.clone(),
            sheet: Some(place.table.to_owned()).filter(|table| !table.is_empty()),
            row: Some(place.line),
            column: place.key.map(str::to_owned),
            severity: Severity::Error,
            code,
            what: what.into(),
            help: help.into(),
        });
    }
}
