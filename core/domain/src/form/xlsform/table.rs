//! Markdown to sheets: the tables and the rows that a person sees, nothing of what they mean.

use std::{collections::BTreeMap, mem};

use super::{SHEETS, row::Cells};
use crate::problem::{
    report::{Place, Report},
    suggest::{nearest, one_of, quoted},
};

/// Most rows of a sheet.
pub(crate) const MOST_ROWS: usize = 20_000;
/// Most cells of a row.
const MOST_CELLS: usize = 128;
/// Longest cell, in bytes (what a spreadsheet's cell holds).
pub(crate) const LONGEST_CELL: usize = 32_767;

/// A sheet: its heading and the rows below it.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) heading: Vec<String>,
    pub(crate) rows: Vec<SheetRow>,
}

/// A row of a sheet, its number counted from the heading, which is row 1.
#[derive(Debug)]
pub(crate) struct SheetRow {
    pub(crate) number: u32,
    pub(crate) cells: Cells,
}

/// Reads the tables of a file into sheets, by name.
pub(super) fn sheets(text: &str, report: &mut Report) -> BTreeMap<&'static str, Sheet> {
    let mut reader = Reader {
        report,
        sheets: BTreeMap::new(),
        part: Part::Unnamed,
        block: Vec::new(),
        after_table: false,
        full: false,
    };
    for line in text.lines() {
        reader.line(line.trim());
    }
    reader.end_block();
    reader.sheets
}

/// What the lines being read belong to.
enum Part {
    /// Nothing yet: prose, or a table in the style of pyxform.
    Unnamed,
    /// The section of a sheet, with the level of its heading.
    Sheet(&'static str, usize),
    /// A section that is no sheet, with its heading.
    Other(String),
    /// The current sheet of a table in the style of pyxform; `None` for one that is not known.
    FirstColumn(Option<&'static str>),
}

struct Reader<'r> {
    report: &'r mut Report,
    sheets: BTreeMap<&'static str, Sheet>,
    part: Part,
    /// The table lines read since the last other line.
    block: Vec<Vec<String>>,
    after_table: bool,
    /// Whether a sheet has had too many rows, which is said once.
    full: bool,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) {
        if line.starts_with('|') {
            if self.block.len() < MOST_ROWS + 3 {
                self.block.push(cells(line));
            }
            self.after_table = true;
            return;
        }
        self.end_block();
        if let Some((level, title)) = heading(line) {
            self.section(level, title);
        } else if self.after_table && has_pipe(line) {
            self.report.error(
                self.place(),
                "broken_row",
                format!("A row of the table does not begin with `|`: {}.", quoted(line)),
                "Begin and end each row with `|`, or leave a blank line between table and text.",
            );
        }
        self.after_table = false;
    }

    /// The sheet being read, and its last row so far.
    fn place(&self) -> Place<'static> {
        match self.part {
            Part::Sheet(name, _) | Part::FirstColumn(Some(name)) => {
                let row = self.sheets.get(name).map(|sheet| sheet.rows.last().map_or(1, |row| row.number));
                Place { row, ..Place::sheet(name) }
            }
            _ => Place::FILE,
        }
    }

    fn section(&mut self, level: usize, title: &str) {
        let wanted = title.trim_matches(|c: char| c.is_whitespace() || c == '`' || c == '#').to_lowercase();
        if let Some(name) = SHEETS.into_iter().find(|sheet| *sheet == wanted) {
            if self.sheets.contains_key(name) {
                self.report.error(
                    Place::sheet(name),
                    "duplicate_sheet",
                    format!("There is a second section `{name}`."),
                    "Put all rows of a sheet into one section.",
                );
            }
            self.part = Part::Sheet(name, level);
        } else if !matches!(self.part, Part::Sheet(_, current) if level > current) {
            self.part = Part::Other(wanted);
        }
    }

    fn end_block(&mut self) {
        let block = mem::take(&mut self.block);
        let Some(first) = block.first() else { return };
        if matches!(self.part, Part::Unnamed) && names_a_sheet(first) {
            self.part = Part::FirstColumn(None);
        }
        match &self.part {
            Part::Sheet(name, _) => {
                let name = *name;
                self.table(name, block);
            }
            Part::FirstColumn(_) => self.first_column(block),
            Part::Other(title) => {
                let title = title.clone();
                self.unknown_sheet(&title);
                self.part = Part::Unnamed;
            }
            Part::Unnamed => {}
        }
    }

    fn unknown_sheet(&mut self, title: &str) {
        let what = format!("The table under {} is no sheet of a form and is not read.", quoted(title));
        match nearest(title, SHEETS) {
            Some(near) => {
                self.report.stricter(Place::FILE, "unknown_sheet", what, format!("Did you mean `{near}`?"));
            }
            None => self.report.warning(
                Place::FILE,
                "unknown_sheet",
                what,
                format!("The sheets are {}.", one_of(SHEETS)),
            ),
        }
    }

    /// A table in the section of a sheet.
    fn table(&mut self, name: &'static str, block: Vec<Vec<String>>) {
        let headed = block.get(1).is_some_and(|row| is_rule(row));
        let known = self.sheets.get(name).map(|sheet| &sheet.heading);
        let has_heading = match known {
            None => true,
            Some(heading) if headed && *heading != block[0] => {
                self.report.error(
                    self.place(),
                    "second_table",
                    format!(
                        "Another table with other columns begins here: {}.",
                        quoted(&block[0].join(" | "))
                    ),
                    "A sheet is one table; where it goes on after a text, repeat the same heading or none.",
                );
                return;
            }
            Some(_) => headed,
        };
        let mut rows = block.into_iter();
        if has_heading {
            let heading = rows.next().unwrap_or_default();
            if headed {
                rows.next();
            }
            self.sheets.entry(name).or_insert_with(|| Sheet { heading, rows: Vec::new() });
        }
        for row in rows {
            self.row(name, row);
        }
    }

    /// A table whose first column names the sheets.
    fn first_column(&mut self, block: Vec<Vec<String>>) {
        for mut row in block {
            if is_rule(&row) || row.is_empty() {
                continue;
            }
            let first = row.remove(0).to_lowercase();
            while row.last().is_some_and(String::is_empty) {
                row.pop();
            }
            if !first.is_empty() {
                let name = SHEETS.into_iter().find(|sheet| *sheet == first);
                if name.is_none() {
                    self.unknown_sheet(&first);
                }
                self.part = Part::FirstColumn(name);
            }
            if row.is_empty() {
                continue;
            }
            if let Part::FirstColumn(Some(name)) = self.part {
                if self.sheets.contains_key(name) {
                    self.row(name, row);
                } else {
                    self.sheets.insert(name, Sheet { heading: row, rows: Vec::new() });
                }
            }
        }
    }

    /// A row below the heading. Fewer cells than headings are blank ones, as Markdown has it.
    fn row(&mut self, name: &'static str, mut cells: Vec<String>) {
        let Some(sheet) = self.sheets.get_mut(name) else { return };
        if sheet.rows.len() >= MOST_ROWS {
            if !mem::replace(&mut self.full, true) {
                self.report.error(
                    Place::sheet(name),
                    "too_many_rows",
                    format!("The sheet has more than {MOST_ROWS} rows; the rest is not read."),
                    "Split the form, or move a long choice list into a file in `codelists/`.",
                );
            }
            return;
        }
        let number = u32::try_from(sheet.rows.len()).unwrap_or(u32::MAX).saturating_add(2);
        let place = Place::sheet(name).row(number);
        if is_rule(&cells) {
            self.report.error(
                place,
                "misplaced_rule",
                "A line of dashes stands among the rows.",
                "It belongs right below the heading only.",
            );
            cells.clear();
        }
        let width = sheet.heading.len();
        if cells.len() > width {
            let count = cells.len();
            let rest = cells.split_off(width).join(" | ");
            let too_much = if rest.trim().is_empty() {
                String::new()
            } else {
                format!(": {} is too much", quoted(&rest))
            };
            self.report.error(
                place,
                "too_many_cells",
                format!("The row has {count} cells under {width} headings{too_much}."),
                "Write a `|` inside a cell as `\\|`, or add the missing heading.",
            );
        }
        for (cell, heading) in cells.iter_mut().zip(&sheet.heading) {
            if cell.len() > LONGEST_CELL {
                self.report.error(
                    place.column(heading),
                    "cell_too_long",
                    format!("The cell has {} bytes.", cell.len()),
                    format!("A cell holds at most {LONGEST_CELL} bytes."),
                );
                cell.clear();
            }
        }
        sheet.rows.push(SheetRow { number, cells: cells.into() });
    }
}

/// The level and text of a Markdown heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    ((1..=6).contains(&level) && title.starts_with([' ', '\t'])).then(|| (level, title.trim()))
}

fn has_pipe(line: &str) -> bool {
    line.replace("\\|", "").contains('|')
}

/// Whether a row is the line of dashes below a heading.
fn is_rule(cells: &[String]) -> bool {
    !cells.is_empty()
        && cells.iter().all(|cell| {
            let dashes = cell.strip_prefix(':').unwrap_or(cell);
            let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
            !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
        })
}

/// Whether a row names a sheet in its first cell and holds nothing else.
fn names_a_sheet(cells: &[String]) -> bool {
    cells.split_first().is_some_and(|(first, rest)| {
        SHEETS.contains(&first.to_lowercase().as_str()) && rest.iter().all(String::is_empty)
    })
}

/// The cells of a table line that begins with `|`. At most one more than [`MOST_CELLS`] are made.
fn cells(line: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut characters = line.chars().skip(1).peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&'|') => {
                characters.next();
                cell.push('|');
            }
            '|' => {
                cells.push(cell.trim().to_owned());
                cell.clear();
                if cells.len() > MOST_CELLS {
                    return cells;
                }
            }
            other => cell.push(other),
        }
    }
    if !cell.trim().is_empty() {
        cells.push(cell.trim().to_owned());
    }
    cells
}
