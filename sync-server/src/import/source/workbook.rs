//! Workbooks (.xlsx). The archive is measured before it is read, and cells are taken one by one: a
//! sheet that claims to reach to its last corner costs nothing.

use std::{
    collections::BTreeMap,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use alongside_domain::form::xlsform::workbook::{self as guard, Archive, WorkbookError};
use calamine::{CellErrorType, DataRef, Reader as _, Xlsx, XlsxError};
use jiff::civil::DateTime;

use super::{COLUMNS, Cell, Line, Place, ROWS, SourceError, UNPACKED_BYTES};
use crate::import::{nearest, tidy};

pub(super) fn lines(bytes: Vec<u8>, place: &Place) -> Result<Vec<Line>, SourceError> {
    measure(&bytes, UNPACKED_BYTES)?;
    // A damaged workbook is for the charity to save again, whatever it does to the library.
    catch_unwind(AssertUnwindSafe(|| cells(bytes, place))).unwrap_or(Err(SourceError::Damaged))
}

/// Whether the archive is a workbook of the right size; forms are measured by the same guard.
fn measure(bytes: &[u8], most: u64) -> Result<(), SourceError> {
    match guard::measure(bytes, most) {
        Ok(Archive::OfficeOpen) => Ok(()),
        Ok(Archive::OpenDocument) => Err(SourceError::NotASpreadsheet { found: "an OpenDocument file" }),
        Err(WorkbookError::NotAWorkbook { found }) => Err(SourceError::NotASpreadsheet { found }),
        Err(WorkbookError::TooLarge { what, most }) => Err(SourceError::TooLarge { what, most }),
        Err(WorkbookError::Encrypted) => Err(SourceError::Encrypted),
        Err(_) => Err(SourceError::Damaged),
    }
}

fn cells(bytes: Vec<u8>, place: &Place) -> Result<Vec<Line>, SourceError> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| failure(&error))?;
    let names = workbook.sheet_names();
    let name = match &place.sheet {
        Some(wanted) => {
            names.iter().find(|name| tidy::folded(name) == tidy::folded(wanted)).ok_or_else(|| {
                let known = names.iter().map(String::as_str);
                SourceError::NoSheet {
                    sheet: wanted.clone(),
                    help: nearest::help(wanted, known, "Name one that is there."),
                }
            })?
        }
        None => names.first().ok_or(SourceError::Empty)?,
    };
    let mut reader = workbook.worksheet_cells_reader(name).map_err(|error| failure(&error))?;
    let mut rows: BTreeMap<u32, Vec<Cell>> = BTreeMap::new();
    while let Some(cell) = reader.next_cell().map_err(|error| failure(&error))? {
        let (row, column) = cell.get_position();
        let value = value(cell.get_value());
        if value == Cell::Empty {
            continue;
        }
        let column = column as usize;
        if column >= COLUMNS {
            return Err(SourceError::TooLarge { what: "columns", most: COLUMNS as u64 });
        }
        let cells = rows.entry(row).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        cells[column] = value;
        if rows.len() > ROWS as usize + 1_000 {
            return Err(SourceError::TooLarge { what: "rows", most: u64::from(ROWS) });
        }
    }
    Ok(rows.into_iter().map(|(row, cells)| Line { number: row.saturating_add(1), cells }).collect())
}

fn failure(error: &XlsxError) -> SourceError {
    match error {
        XlsxError::Password => SourceError::Encrypted,
        _ => SourceError::Damaged,
    }
}

fn value(cell: &DataRef<'_>) -> Cell {
    match cell {
        #[expect(clippy::cast_precision_loss, reason = "a spreadsheet keeps whole numbers as floats too")]
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(text) => text_cell(text),
        DataRef::SharedString(text) => text_cell(text),
        DataRef::Bool(truth) => Cell::Bool(*truth),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let small = |number: u8| i8::try_from(number).unwrap_or(i8::MAX);
            let date = i16::try_from(year)
                .ok()
                .filter(|year| *year >= 1900 && !moment.is_duration())
                .and_then(|year| {
                    DateTime::new(
                        year,
                        small(month),
                        small(day),
                        small(hour),
                        small(minute),
                        small(second),
                        0,
                    )
                    .ok()
                });
            date.map_or_else(|| Cell::Text(format!("{hour:02}:{minute:02}:{second:02}")), Cell::Moment)
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text_cell(text),
        DataRef::Error(CellErrorType::NA) => Cell::Fault("#N/A".to_owned()),
        DataRef::Error(error) => Cell::Fault(error.to_string()),
        DataRef::Empty => Cell::Empty,
    }
}

fn text_cell(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// An archive of one part of zeros that declares this many bytes.
    fn archive(zeros: usize, declared: u32) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![0; zeros]).unwrap();
        let mut bytes = zip.finish().unwrap().into_inner();
        let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
        bytes[directory + 24..directory + 28].copy_from_slice(&declared.to_le_bytes());
        bytes
    }

    #[test]
    fn an_archive_is_as_large_as_it_says_or_as_it_is() {
        let is_too_large =
            |bytes: &[u8]| matches!(measure(bytes, 1_000), Err(SourceError::TooLarge { most: 1_000, .. }));
        assert!(measure(&archive(1_000, 1_000), 1_000).is_ok());
        assert!(is_too_large(&archive(1_001, 1_001)));
        assert!(is_too_large(&archive(10, u32::MAX - 1)));
        // It declares little and unpacks to much.
        assert!(measure(&archive(100_000, 10), 1_000).is_err());
    }
}
