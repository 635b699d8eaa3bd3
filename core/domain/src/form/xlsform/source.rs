//! The files that hold a form: Markdown, a folder of CSV files, a workbook.

use std::collections::BTreeMap;

use super::{
    LONGEST_FILE, Read, SHEETS,
    row::Cells,
    table::{LONGEST_CELL, Sheet, SheetRow},
};
use crate::{
    form::{Form, expr::Expressions},
    problem::{
        Problem,
        report::{Dialect, Place, Report},
        suggest::{nearest, quoted},
    },
};

/// Most rows of one sheet of a workbook or CSV file.
const MOST_ROWS: usize = 200_000;
/// Most columns of one sheet.
pub(super) const MOST_COLUMNS: usize = 512;

/// One file of a form that is a folder of CSV files (`survey.csv`, `choices.csv`, ...).
#[derive(Debug, Clone, Copy)]
pub struct CsvFile<'a> {
    /// The name without folders.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// A form as it lies in files.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// One file: a workbook (`.xlsx`, `.xlsm`, `.xls`, `.ods`), Markdown, or one CSV file with the names
    /// of the sheets in its first column. Told apart by what is in it.
    File(&'a [u8]),
    /// A folder of CSV files.
    Folder(&'a [CsvFile<'a>]),
}

/// What was read: as much of the form as could be, and everything that is wrong with it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The form; not to be used where there is an error.
    pub form: Form,
    /// Whether a problem keeps the form from being used.
    pub has_error: bool,
    /// Every problem, warnings too, in the order of the sheets and rows.
    pub problems: Vec<Problem>,
    /// Its expressions, compiled: who runs the form need not compile them again.
    pub expressions: Expressions,
}

/// Reads and checks a form, whatever its file. `file` is the name that problems carry, and the id of a
/// form that has none.
#[must_use]
pub fn open(file: &str, source: Source<'_>, dialect: Dialect) -> Opened {
    let mut report = Report::of(file, dialect);
    let (mut form, expressions) = match source {
        Source::File(bytes) => one(bytes, &mut report),
        Source::Folder(files) => folder(files, &mut report),
    };
    if dialect == Dialect::Standard {
        if form.id.is_empty() {
            let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            form.id = if stem.is_empty() { "data".to_owned() } else { stem.to_owned() };
        }
        if form.title.is_empty() {
            form.title.clone_from(&form.id);
        }
    }
    Opened { form, has_error: report.has_error(), problems: report.finish(&SHEETS), expressions }
}

fn one(bytes: &[u8], report: &mut Report) -> Read {
    const ZIP: &[u8] = b"PK";
    const OLD: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0];
    if bytes.len() > LONGEST_FILE {
        report.error(
            Place::FILE,
            "file_too_big",
            format!("The file has {} bytes.", bytes.len()),
            format!("A form has at most {LONGEST_FILE} bytes: split it into several forms."),
        );
        return Read::default();
    }
    if bytes.starts_with(ZIP) || bytes.starts_with(OLD) {
        return workbook(bytes, report);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            report.error(
                Place::FILE,
                "not_text",
                format!("The file is no workbook, and byte {} of it is not UTF-8 text.", error.valid_up_to()),
                "Save it as .xlsx, or as text in UTF-8.",
            );
            return Read::default();
        }
    };
    if text.lines().any(|line| line.trim_start().starts_with('|')) {
        return super::read_markdown(report, text);
    }
    let rows = csv_rows(text.as_bytes(), "the file", report);
    let sheets = stacked(rows, report);
    super::read_sheets(sheets, report)
}

#[cfg(feature = "workbook")]
fn workbook(bytes: &[u8], report: &mut Report) -> Read {
    match super::workbook::sheets(bytes) {
        Ok(found) => {
            let mut sheets = BTreeMap::new();
            let names: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
            for (name, rows) in found {
                if let Some(known) = known_sheet(&name) {
                    if sheets.contains_key(known) {
                        report.error(
                            Place::sheet(known),
                            "duplicate_sheet",
                            format!("There is a second sheet {}.", quoted(&name)),
                            "Put all rows of a sheet into one sheet.",
                        );
                        continue;
                    }
                    let rows = rows.into_iter().map(|(number, cells)| (number, cells.into())).collect();
                    sheets.insert(known, sheet(known, rows, report));
                }
            }
            misspelt_sheets(&names, &sheets, report);
            super::read_sheets(sheets, report)
        }
        Err(error) => {
            report.error(Place::FILE, error.code(), error.what(), error.help());
            Read::default()
        }
    }
}

#[cfg(not(feature = "workbook"))]
fn workbook(_: &[u8], report: &mut Report) -> Read {
    report.error(
        Place::FILE,
        "workbook_not_read",
        "The file is a workbook.",
        "Workbooks are read on the server: convert it there, or write the form in Markdown.",
    );
    Read::default()
}

/// The sheet that a name means, whatever its case.
fn known_sheet(name: &str) -> Option<&'static str> {
    let wanted = name.trim().to_lowercase();
    SHEETS.into_iter().find(|sheet| *sheet == wanted)
}

/// Says which sheets are probably one that is missing.
fn misspelt_sheets(names: &[String], sheets: &BTreeMap<&'static str, Sheet>, report: &mut Report) {
    for name in names.iter().filter(|name| known_sheet(name).is_none() && !name.starts_with('_')) {
        let missing = SHEETS.into_iter().filter(|sheet| !sheets.contains_key(sheet) && *sheet != "osm");
        if let Some(near) = nearest(name, missing) {
            report.warning(
                Place::FILE,
                "unknown_sheet",
                format!("The sheet {} is not read.", quoted(name)),
                format!("Did you mean `{near}`? If not, begin its name with `_`."),
            );
        }
    }
}

fn folder(files: &[CsvFile<'_>], report: &mut Report) -> Read {
    let total: usize = files.iter().map(|file| file.bytes.len()).sum();
    if total > LONGEST_FILE {
        report.error(
            Place::FILE,
            "file_too_big",
            format!("The files have {total} bytes together."),
            format!("A form has at most {LONGEST_FILE} bytes: split it into several forms."),
        );
        return Read::default();
    }
    let mut sheets = BTreeMap::new();
    let mut names = Vec::new();
    for file in files {
        let stem = file.name.rsplit_once('.').map_or(file.name, |(stem, _)| stem);
        names.push(stem.to_owned());
        if let Some(known) = known_sheet(stem) {
            let rows = csv_rows(file.bytes, file.name, report);
            sheets.insert(known, sheet(known, rows, report));
        }
    }
    misspelt_sheets(&names, &sheets, report);
    super::read_sheets(sheets, report)
}

/// The rows of a CSV file with their numbers.
fn csv_rows(bytes: &[u8], name: &str, report: &mut Report) -> Vec<(u32, Cells)> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    for number in 1.. {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {
                let count = record.len().min(MOST_COLUMNS + 1);
                let mut cells = Cells::with_capacity(count, record.as_slice().len());
                let text = std::str::from_utf8(record.as_slice()).ok();
                for at in 0..count {
                    // Checked once for the whole row; only where that fails, for each of its cells.
                    match text.and_then(|text| text.get(record.range(at)?)) {
                        Some(cell) => cells.push(trimmed(cell)),
                        None => {
                            cells.push(String::from_utf8_lossy(record.get(at).unwrap_or_default()).trim());
                        }
                    }
                }
                rows.push((number, cells));
            }
            Ok(false) => break,
            Err(_) => {
                report.error(
                    Place::FILE,
                    "broken_row",
                    format!("Row {number} of {name} cannot be read."),
                    "Save it again as CSV with commas, in UTF-8.",
                );
                break;
            }
        }
        if rows.len() > MOST_ROWS {
            break;
        }
    }
    rows
}

/// A cell without blanks around it.
fn trimmed(cell: &str) -> &str {
    // Mostly there are none, and two bytes say so.
    match cell.as_bytes() {
        [] => cell,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => cell,
        _ => cell.trim(),
    }
}

/// The sheets of one CSV file whose first column names them.
fn stacked(rows: Vec<(u32, Cells)>, report: &mut Report) -> BTreeMap<&'static str, Sheet> {
    let mut parts: BTreeMap<&'static str, Vec<(u32, Cells)>> = BTreeMap::new();
    let mut current = None;
    let mut first = 0;
    for (number, mut cells) in rows {
        let Some(name) = cells.take_first() else { continue };
        if !name.is_empty() {
            current = known_sheet(&name);
            first = number;
        }
        if let Some(sheet) = current
            && !cells.is_blank()
        {
            let rows = parts.entry(sheet).or_default();
            let number = if rows.is_empty() { 1 } else { number.saturating_sub(first).max(2) };
            rows.push((number, cells));
        }
    }
    parts.into_iter().map(|(name, rows)| (name, sheet(name, rows, report))).collect()
}

/// Rows to a sheet: the first one that holds anything is the heading.
fn sheet(name: &'static str, rows: Vec<(u32, Cells)>, report: &mut Report) -> Sheet {
    let mut rows = rows.into_iter().filter(|(_, cells)| !cells.is_blank());
    let Some((first, mut heading)) = rows.next() else { return Sheet::default() };
    heading.trim_end();
    let mut heading: Vec<String> = heading.iter().map(str::to_owned).collect();
    let place = Place::sheet(name);
    if heading.len() > MOST_COLUMNS {
        report.error(
            place.row(first),
            "too_many_columns",
            format!("The sheet has more than {MOST_COLUMNS} columns."),
            "Remove the columns that the form does not need.",
        );
        heading.truncate(MOST_COLUMNS);
    }
    let mut sheet = Sheet { heading, rows: Vec::new() };
    for (number, mut cells) in rows {
        if sheet.rows.len() >= MOST_ROWS {
            report.error(
                place,
                "too_many_rows",
                format!("The sheet has more than {MOST_ROWS} rows; the rest is not read."),
                "Move a long choice list into a file of its own (`select_one_from_file`).",
            );
            break;
        }
        cells.trim_end();
        if let Some(stray) = cells.iter().skip(sheet.heading.len()).find(|cell| !cell.is_empty()) {
            report.stricter(
                place.row(number),
                "cell_without_heading",
                format!("{} stands under no heading.", quoted(stray)),
                "Name the column, or move the text to where it belongs.",
            );
        }
        cells.truncate(sheet.heading.len());
        for at in 0..cells.len() {
            let length = cells.get(at).map_or(0, str::len);
            if length > LONGEST_CELL {
                report.error(
                    place.row(number).column(&sheet.heading[at]),
                    "cell_too_long",
                    format!("The cell has {length} bytes."),
                    format!("A cell holds at most {LONGEST_CELL} bytes."),
                );
                cells.clear(at);
            }
        }
        sheet.rows.push(SheetRow { number, cells });
    }
    sheet
}

/// Whether a sheet of a workbook belongs to the form.
#[cfg(feature = "workbook")]
pub(super) fn is_wanted(name: &str) -> bool {
    known_sheet(name).is_some()
}
