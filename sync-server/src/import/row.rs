//! One row understood: keys of its groups and records, answers of its fields.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::expr::Surroundings,
    ids::{PartnerId, PersonId},
    problem::Severity,
    programme::{Programme, entry::Answer, live},
    record::Edit,
    time::Millis,
};
use jiff::{ToSpan as _, civil::Date};
use serde::Serialize;

use super::{
    answer::{self, Trouble},
    map::{ColumnId, FieldMap, Map, RecordMap, Source},
    nearest,
    source::{CELL_CHARACTERS, Cell, Line},
    tidy,
};
use crate::people::PersonRow;

/// What is wrong with one cell of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowProblem {
    /// Heading of the column, or the question's name where the map gives the value.
    pub column: String,
    /// A stable code for programs, such as `no_such_day`.
    pub code: &'static str,
    /// The reason in plain words. It may quote the cell: it goes into the file of refused rows only.
    #[serde(skip)]
    pub reason: String,
}

/// A hash that stands for tidied cells.
pub(super) type Key = [u8; 32];

/// A row that is understood as a whole.
#[derive(Debug)]
pub(super) struct ReadRow {
    pub(super) key: Key,
    /// One for each group of the map.
    pub(super) groups: Vec<Key>,
    pub(super) records: Vec<ReadRecord>,
    /// Column and code of what is worth a look, and was taken in all the same.
    pub(super) notes: Vec<(String, &'static str)>,
}

#[derive(Debug)]
pub(super) struct ReadRecord {
    /// Its number in the map.
    pub(super) map: usize,
    pub(super) key: Key,
    pub(super) edits: Vec<Edit>,
    /// Who is granted its group, by the question that names them.
    pub(super) grants: BTreeMap<String, PersonId>,
}

/// What all rows are read by.
pub(super) struct RowReader<'a> {
    pub(super) programme: &'a Programme,
    pub(super) map: &'a Map,
    /// Places of the map's columns in the sheet.
    pub(super) places: Vec<usize>,
    pub(super) partner: PartnerId,
    /// The people of the partner.
    pub(super) people: Vec<PersonRow>,
    pub(super) reference: Date,
}

/// Answers of a record, by question.
type Answers = BTreeMap<String, Answer>;

impl RowReader<'_> {
    /// Understands a row, or says everything that is wrong with it.
    pub(super) fn read(&self, line: &Line) -> Result<ReadRow, Vec<RowProblem>> {
        let mut reading = Reading { reader: self, line, problems: Vec::new(), notes: Vec::new() };
        let row = reading.row();
        let mut said = BTreeSet::new();
        let problems: Vec<RowProblem> = reading
            .problems
            .into_iter()
            .filter(|problem| said.insert((problem.column.clone(), problem.code)))
            .collect();
        if problems.is_empty() { Ok(ReadRow { notes: reading.notes, ..row }) } else { Err(problems) }
    }

    /// The heading of the first column that a field comes from.
    pub(super) fn heading_of(&self, field: &FieldMap) -> String {
        match &field.source {
            Source::Columns { columns, .. } => {
                columns.first().map(|column| self.map.columns[*column].title.clone()).unwrap_or_default()
            }
            Source::Constant(_) => field.question.clone(),
        }
    }

    pub(super) fn headings(&self, columns: &[ColumnId]) -> String {
        let titles: Vec<&str> =
            columns.iter().map(|column| self.map.columns[*column].title.as_str()).collect();
        titles.join(" + ")
    }
}

struct Reading<'a> {
    reader: &'a RowReader<'a>,
    line: &'a Line,
    problems: Vec<RowProblem>,
    notes: Vec<(String, &'static str)>,
}

impl<'a> Reading<'a> {
    fn row(&mut self) -> ReadRow {
        let map = self.reader.map;
        if self.line.cells.iter().any(|cell| cell.typed().chars().nth(CELL_CHARACTERS).is_some()) {
            let reason =
                format!("a cell has more than {CELL_CHARACTERS} characters: a quotation mark may be missing");
            self.problem("", "cell_too_long", reason);
        }
        let is_there: Vec<bool> = map
            .records
            .iter()
            .map(|record| record.when.is_none_or(|when| !self.says_nothing(when)))
            .collect();
        let answers: Vec<Answers> = map
            .records
            .iter()
            .zip(&is_there)
            .map(|(record, is_there)| if *is_there { self.answers(record) } else { Answers::new() })
            .collect();
        let groups: Vec<Key> = map
            .groups
            .iter()
            .map(|group| {
                let parts = self.key_parts(&group.key, None, &answers);
                hash(&["group", &group.kind], &[], &parts)
            })
            .collect();
        let mut records = Vec::new();
        let mut whole: Vec<Key> = groups.clone();
        let mut keys = BTreeSet::new();
        for (at, record) in map.records.iter().enumerate().filter(|(at, _)| is_there[*at]) {
            let parts = self.key_parts(&record.key, Some(at), &answers);
            let key = hash(&["record", &record.form], &[groups[record.group]], &parts);
            if !keys.insert(key) {
                let column = self.reader.headings(&record.key);
                self.problem(
                    &column,
                    "same_record_twice",
                    "two records of this row have the same key: tell them apart",
                );
            }
            if record.when.is_none() && !record.key.is_empty() {
                whole.push(key);
            }
            let (edits, grants) = self.edits(record, &answers[at], key);
            if !edits.is_empty() {
                records.push(ReadRecord { map: at, key, edits, grants });
            }
        }
        ReadRow { key: hash(&["row"], &whole, &[]), groups, records, notes: Vec::new() }
    }

    fn problem(&mut self, column: &str, code: &'static str, reason: impl Into<String>) {
        self.problems.push(RowProblem { column: column.to_owned(), code, reason: reason.into() });
    }

    fn cell(&self, column: ColumnId) -> &'a Cell {
        self.line.cells.get(self.reader.places[column]).unwrap_or(&Cell::Empty)
    }

    fn says_nothing(&self, column: ColumnId) -> bool {
        let folded = tidy::folded(&self.cell(column).typed());
        tidy::says_nothing(&folded) || tidy::says_unknown(&folded)
    }

    fn answers(&mut self, record: &RecordMap) -> Answers {
        let mut answers = Answers::new();
        for field in &record.fields {
            match self.answer(record, field) {
                Ok(Some(answer)) => {
                    answers.insert(field.question.clone(), answer);
                }
                Ok(None) if field.required => {
                    let heading = self.empty_column(field);
                    self.problem(&heading, "required", "this is needed and empty");
                }
                Ok(None) => {}
                Err(trouble) => self.problem(&self.reader.heading_of(field), trouble.code, trouble.reason),
            }
        }
        answers
    }

    /// The first of a field's columns that is empty.
    fn empty_column(&self, field: &FieldMap) -> String {
        if let Source::Columns { columns, .. } = &field.source
            && let Some(column) = columns.iter().find(|column| self.cell(**column).is_blank())
        {
            return self.reader.map.columns[*column].title.clone();
        }
        self.reader.heading_of(field)
    }

    fn answer(&self, record: &RecordMap, field: &FieldMap) -> Result<Option<Answer>, Trouble> {
        let reader = self.reader;
        let joined;
        let cell = match &field.source {
            Source::Constant(constant) => {
                joined = Cell::Text(constant.clone());
                &joined
            }
            Source::Columns { columns, .. } if columns.len() == 1 => self.cell(columns[0]),
            Source::Columns { columns, join } => {
                let parts: Vec<&Cell> =
                    columns.iter().map(|column| self.cell(*column)).filter(|cell| !cell.is_blank()).collect();
                if let Some(fault) = parts.iter().find(|cell| matches!(cell, Cell::Fault(_))) {
                    fault
                } else if parts.is_empty() || (field.required && parts.len() < columns.len()) {
                    &Cell::Empty
                } else {
                    let parts: Vec<String> = parts.iter().map(|cell| tidy::clean(&cell.typed())).collect();
                    joined = Cell::Text(parts.join(join));
                    &joined
                }
            }
        };
        if field.person {
            return self.person(cell);
        }
        let (Some(form), Some(question)) = (
            reader.programme.forms.get(&record.form),
            reader.programme.forms.get(&record.form).and_then(|form| form.question(&field.question)),
        ) else {
            return Ok(None);
        };
        answer::of_cell(reader.programme, form, question, field, cell, reader.reference)
    }

    fn person(&self, cell: &Cell) -> Result<Option<Answer>, Trouble> {
        let folded = tidy::folded(&cell.typed());
        if tidy::says_nothing(&folded) || tidy::says_unknown(&folded) {
            return Ok(None);
        }
        let people = &self.reader.people;
        let mut found = people.iter().filter(|person| tidy::folded(&person.name) == folded);
        match (found.next(), found.next()) {
            (Some(person), None) => Ok(Some(Answer::Text(person.id.to_string()))),
            (Some(_), Some(_)) => {
                Err(Trouble::new("several_people", "several people of the partner have this work name"))
            }
            (None, _) => {
                let help = nearest::help(
                    &folded,
                    people.iter().map(|person| person.name.as_str()),
                    "Add the person with `alongside user add`.",
                );
                Err(Trouble::new(
                    "unknown_person",
                    format!("nobody of the partner has this work name. {help}"),
                ))
            }
        }
    }

    /// What the columns of a key mean: where a field reads the column, its answer, so that `3/9/14`
    /// and `3 Sep 2014` are one key.
    fn key_parts(&mut self, columns: &[ColumnId], own: Option<usize>, answers: &[Answers]) -> Vec<String> {
        columns
            .iter()
            .map(|column| {
                if self.says_nothing(*column) {
                    let heading = self.reader.map.columns[*column].title.clone();
                    self.problem(
                        &heading,
                        "key_missing",
                        "rows are told apart by this column, and it is empty",
                    );
                    return String::new();
                }
                let map = self.reader.map;
                let read = map.reader_of(*column, own).and_then(|(record, field)| {
                    answers[record].get(&map.records[record].fields[field].question)
                });
                match read {
                    Some(Answer::Text(text)) => tidy::folded(text),
                    Some(Answer::Codes(codes)) => codes.join(" "),
                    Some(Answer::Integer(number)) => number.to_string(),
                    Some(Answer::Instant(at)) => at.0.to_string(),
                    Some(Answer::Ref(_) | Answer::Cleared) | None => {
                        tidy::folded(&self.cell(*column).typed())
                    }
                }
            })
            .collect()
    }

    /// What a record's answers become, with what its form works out from them. What its form finds wrong is noted:
    /// the record is taken in, and shown among the checks of its unit.
    fn edits(
        &mut self,
        record: &RecordMap,
        answers: &Answers,
        chance: Key,
    ) -> (Vec<Edit>, BTreeMap<String, PersonId>) {
        let reader = self.reader;
        let Some(form) = reader.programme.forms.get(&record.form) else { return Default::default() };
        let programme = reader.programme;
        // The same file read again on the same reference date is the same.
        // What happened on that day has happened.
        let next = reader.reference.saturating_add(1.day());
        let now = Millis(programme.start_of(next).unwrap_or_default().0 - 1);
        let around = Surroundings::new(now.timestamp(), programme.time_zone(), chance);
        let (edits, problems) = live::entered(programme, form, answers, None, &around);
        for problem in problems {
            let Some(field) = record.fields.iter().find(|field| field.question == problem.key) else {
                continue;
            };
            let heading = reader.heading_of(field);
            if problem.severity == Severity::Error {
                self.problem(&heading, problem.code, format!("{} {}", problem.what, problem.help));
            } else if problem.code != "missing_answer" {
                self.notes.push((heading, problem.code));
            }
        }
        let granted = record.fields.iter().filter(|field| field.grant);
        let grants = granted
            .filter_map(|field| match answers.get(&field.question) {
                Some(Answer::Text(id)) => Some((field.question.clone(), id.parse().ok()?)),
                _ => None,
            })
            .collect();
        (edits, grants)
    }
}

/// Hashes what a key is made of. Lengths go in, so that no two lists run together.
fn hash(what: &[&str], above: &[Key], parts: &[String]) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key("Alongside import key, version 1");
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    what.iter().for_each(|part| add(part.as_bytes()));
    above.iter().for_each(|key| add(key));
    parts.iter().for_each(|part| add(part.as_bytes()));
    *hasher.finalize().as_bytes()
}
