//! Workbooks: `.xlsx`, `.xls`, `.ods`. An archive is measured before it is read, and cells are taken one
//! by one where the format lets them: a sheet that claims to reach to its last corner costs nothing.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use calamine::{Data, Reader as _, Xls, Xlsx, XlsxError};

mod open_document;

/// Most parts of a workbook's archive.
const PARTS: usize = 10_000;
/// Most that the workbook of a form may unpack to, in bytes.
const UNPACKED_BYTES: u64 = 64 << 20;
/// Largest old workbook (`.xls`) that is read, in bytes: its reader keeps whole rectangles.
const OLD_BYTES: usize = 2 << 20;
/// Most cells of a workbook.
const MOST_CELLS: usize = 2_000_000;

/// The rows of a sheet, by number from 1.
type Rows = Vec<(u32, Vec<String>)>;

/// Why a workbook cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkbookError {
    /// The parts cannot be read.
    #[error("the workbook is damaged")]
    Damaged,
    /// It has a password.
    #[error("the workbook is protected by a password")]
    Encrypted,
    /// Larger than what is read.
    #[error("the workbook is too large: {what}, at most {most}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// An archive of something else.
    #[error("this is not a workbook but {found}")]
    NotAWorkbook {
        /// What it seems to be.
        found: &'static str,
    },
}

impl WorkbookError {
    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged => "damaged_workbook",
            Self::Encrypted => "encrypted_workbook",
            Self::TooLarge { .. } => "file_too_big",
            Self::NotAWorkbook { .. } => "not_a_workbook",
        }
    }

    pub(super) fn what(&self) -> String {
        let text = self.to_string();
        let mut characters = text.chars();
        characters
            .next()
            .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
    }

    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Damaged => "Open it in a spreadsheet program and save it again as .xlsx.",
            Self::Encrypted => "Open it, take the password off, and save a copy.",
            Self::TooLarge { .. } => "Keep the sheets of the form alone, and move long lists to files.",
            Self::NotAWorkbook { .. } => "Save the form as .xlsx.",
        }
    }
}

/// What an archive is, by its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// `.xlsx`, `.xlsm`.
    OfficeOpen,
    /// `.ods`.
    OpenDocument,
}

/// Unpacks everything once without keeping it, since declared sizes can lie, and tells what it is.
///
/// # Errors
///
/// [`WorkbookError`] where it unpacks to more than `most` bytes, has too many parts, cannot be unpacked,
/// or is no workbook.
pub fn measure(bytes: &[u8], most: u64) -> Result<Archive, WorkbookError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| WorkbookError::Damaged)?;
    let too_large = || WorkbookError::TooLarge { what: "bytes when unpacked", most };
    if archive.len() > PARTS {
        return Err(WorkbookError::TooLarge { what: "parts", most: PARTS as u64 });
    }
    let has = |name: &str| archive.index_for_name(name).is_some();
    let kind = if has("xl/workbook.xml") {
        Archive::OfficeOpen
    } else if has("content.xml") {
        Archive::OpenDocument
    } else {
        let found = if has("xl/workbook.bin") {
            "a binary workbook (.xlsb)"
        } else if has("word/document.xml") {
            "a word processor's document"
        } else {
            "an archive of other files"
        };
        return Err(WorkbookError::NotAWorkbook { found });
    };
    let mut left = most;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| WorkbookError::Damaged)?;
        if part.size() > left {
            return Err(too_large());
        }
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink())
            .map_err(|_| WorkbookError::Damaged)?;
        left = left.checked_sub(unpacked).ok_or_else(too_large)?;
    }
    Ok(kind)
}

/// The sheets of a workbook, in their order.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<(String, Rows)>, WorkbookError> {
    // What a damaged workbook does to the library is no business of whoever opens it.
    catch_unwind(AssertUnwindSafe(|| {
        if bytes.starts_with(b"PK") {
            match measure(bytes, UNPACKED_BYTES)? {
                Archive::OfficeOpen => office_open(bytes),
                Archive::OpenDocument => open_document::sheets(bytes),
            }
        } else {
            old(bytes)
        }
    }))
    .unwrap_or(Err(WorkbookError::Damaged))
}

/// Gathers cells into rows, within bounds.
#[derive(Default)]
struct Gatherer {
    rows: BTreeMap<u32, Vec<String>>,
    cells: usize,
}

impl Gatherer {
    fn add(&mut self, row: u32, column: usize, text: String) -> Result<(), WorkbookError> {
        self.cells += 1;
        if self.cells > MOST_CELLS {
            return Err(WorkbookError::TooLarge { what: "cells", most: MOST_CELLS as u64 });
        }
        if text.is_empty() || column > super::source::MOST_COLUMNS {
            return Ok(());
        }
        let cells = self.rows.entry(row.saturating_add(1)).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
        Ok(())
    }

    fn finish(&mut self) -> Rows {
        std::mem::take(&mut self.rows).into_iter().collect()
    }
}

fn office_open(bytes: &[u8]) -> Result<Vec<(String, Rows)>, WorkbookError> {
    let failure = |error: &XlsxError| match error {
        XlsxError::Password => WorkbookError::Encrypted,
        _ => WorkbookError::Damaged,
    };
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| failure(&error))?;
    let mut sheets = Vec::new();
    let mut gatherer = Gatherer::default();
    for name in workbook.sheet_names() {
        // Only what is a sheet of a form is read: others cost nothing.
        if super::source::is_wanted(&name) {
            let mut reader = workbook.worksheet_cells_reader(&name).map_err(|error| failure(&error))?;
            while let Some(cell) = reader.next_cell().map_err(|error| failure(&error))? {
                let (row, column) = cell.get_position();
                gatherer.add(row, column as usize, value(&cell.get_value().clone().into()))?;
            }
        }
        sheets.push((name, gatherer.finish()));
    }
    Ok(sheets)
}

fn old(bytes: &[u8]) -> Result<Vec<(String, Rows)>, WorkbookError> {
    if bytes.len() > OLD_BYTES {
        return Err(WorkbookError::TooLarge { what: "bytes of an .xls file", most: OLD_BYTES as u64 });
    }
    let mut workbook: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::XlsError::Password => WorkbookError::Encrypted,
        _ => WorkbookError::Damaged,
    })?;
    let mut sheets = Vec::new();
    let mut gatherer = Gatherer::default();
    for name in workbook.sheet_names() {
        if super::source::is_wanted(&name) {
            let range = workbook.worksheet_range(&name).map_err(|_| WorkbookError::Damaged)?;
            let (top, left) = range.start().unwrap_or_default();
            for (row, column, cell) in range.used_cells() {
                let row = u32::try_from(row).unwrap_or(u32::MAX).saturating_add(top);
                gatherer.add(row, column + left as usize, value(cell))?;
            }
        }
        sheets.push((name, gatherer.finish()));
    }
    Ok(sheets)
}

/// A cell as its text: whole numbers without a point, truth as the standard's readers write it.
fn value(cell: &Data) -> String {
    match cell {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => tidy(text),
        Data::Bool(truth) => (if *truth { "TRUE" } else { "FALSE" }).to_owned(),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            if moment.is_duration() || year < 1900 {
                format!("{hour:02}:{minute:02}:{second:02}")
            } else if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
        Data::Error(_) | Data::Empty => String::new(),
    }
}

/// A text without blanks around it, and with plain blanks for the hard ones that are pasted in.
fn tidy(text: &str) -> String {
    text.trim().replace('\u{a0}', " ")
}
