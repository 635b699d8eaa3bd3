//! A spreadsheet as it was handed over: headings, rows, cells. Nothing is understood here yet.

use std::{borrow::Cow, path::Path};

use jiff::civil::DateTime;

use super::tidy;

mod text;
mod workbook;

/// Largest file that is read, in bytes.
pub(crate) const FILE_BYTES: u64 = 100 << 20;
/// Most that a workbook may unpack to, in bytes.
pub(crate) const UNPACKED_BYTES: u64 = 512 << 20;
/// Most rows of a sheet.
pub(crate) const ROWS: u32 = 200_000;
/// Most columns of a sheet.
pub(crate) const COLUMNS: usize = 1_000;
/// Most characters of a cell: what a spreadsheet program itself allows.
pub(crate) const CELL_CHARACTERS: usize = 32_767;

/// Headings of the columns that the file of refused rows has at its end: passed over when it comes
/// back.
pub(crate) const OWN_HEADINGS: [&str; 4] = ["import_row", "import_column", "import_code", "import_reason"];

/// Why a file cannot be read as a spreadsheet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no file {0}: check the name and the folder")]
    NotFound(String),
    /// The file system says no.
    #[error("{file} cannot be read: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the file system says.
        source: std::io::Error,
    },
    /// Neither a workbook nor a text file.
    #[error("this is not a spreadsheet but {found}: open it where it came from and save it as .xlsx or .csv")]
    NotASpreadsheet {
        /// What it seems to be.
        found: &'static str,
    },
    /// A workbook with a password.
    #[error(
        "the workbook is protected by a password: open it, take the password off, and save a copy for the import"
    )]
    Encrypted,
    /// A workbook whose parts cannot be read.
    #[error("the workbook is damaged: open it in a spreadsheet program and save it again as .xlsx")]
    Damaged,
    /// Larger than what is read.
    #[error(
        "the file is too large ({what}, at most {most}): split it into several files with the same headings"
    )]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// A quotation mark is opened and never closed.
    #[error(
        "a quotation mark that is opened in row {row} is never closed: close it, or save the file again as .xlsx"
    )]
    OpenQuote {
        /// The row.
        row: u32,
    },
    /// No sheet of this name.
    #[error("the workbook has no sheet `{sheet}`. {help}")]
    NoSheet {
        /// The name in the map.
        sheet: String,
        /// What there is.
        help: String,
    },
    /// Nothing in it.
    #[error("the sheet has no rows below its headings: check that the right file and sheet are named")]
    Empty,
    /// The heading row is blank.
    #[error("row {row} has no headings: set `heading_row` of the map to the row that has them")]
    NoHeadings {
        /// The row.
        row: u32,
    },
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    Number(f64),
    Bool(bool),
    Moment(DateTime),
    /// What the spreadsheet shows where a formula failed, such as `#REF!`.
    Fault(String),
}

impl Cell {
    /// The cell as a person would type it again.
    pub(crate) fn typed(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Text(text) | Self::Fault(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Bool(true) => Cow::Borrowed("TRUE"),
            Self::Bool(false) => Cow::Borrowed("FALSE"),
            Self::Moment(moment) => {
                let day = format!("{:02}/{:02}/{:04}", moment.day(), moment.month(), moment.year());
                Cow::Owned(if moment.time() == jiff::civil::Time::midnight() {
                    day
                } else {
                    format!("{day} {:02}:{:02}:{:02}", moment.hour(), moment.minute(), moment.second())
                })
            }
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => tidy::clean(text).is_empty(),
            _ => false,
        }
    }
}

/// One row, with its number in the file, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) cells: Vec<Cell>,
}

impl Line {
    fn is_blank(&self) -> bool {
        self.cells.iter().all(Cell::is_blank)
    }
}

/// A sheet with its headings found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sheet {
    /// What stands above the headings.
    pub(crate) preamble: Vec<Line>,
    pub(crate) headings: Vec<String>,
    /// The rows that are not blank.
    pub(crate) lines: Vec<Line>,
}

/// Where the headings are, as the map says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) sheet: Option<String>,
    pub(crate) heading_row: Option<u32>,
}

/// Reads a spreadsheet file.
pub(crate) fn read(path: &Path, place: &Place) -> Result<Sheet, SourceError> {
    let file = path.display().to_string();
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => SourceError::NotFound(file.clone()),
        _ => SourceError::Io { file: file.clone(), source },
    };
    let about = std::fs::metadata(path).map_err(io)?;
    if about.is_dir() {
        return Err(SourceError::NotASpreadsheet { found: "a folder" });
    }
    if about.len() > FILE_BYTES {
        return Err(SourceError::TooLarge { what: "bytes", most: FILE_BYTES });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let lines = match kind(&bytes)? {
        Kind::Workbook => workbook::lines(bytes, place)?,
        Kind::Text => text::lines(&bytes, place)?,
    };
    sheet(lines, place)
}

enum Kind {
    Workbook,
    Text,
}

fn kind(bytes: &[u8]) -> Result<Kind, SourceError> {
    let other = |found| Err(SourceError::NotASpreadsheet { found });
    if bytes.is_empty() {
        return Err(SourceError::Empty);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Kind::Workbook);
    }
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
        // A workbook with a password is kept inside the container of the old format.
        let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        return if bytes.windows(name.len()).any(|window| window == name) {
            Err(SourceError::Encrypted)
        } else {
            other("a file of the old Excel format (.xls)")
        };
    }
    if bytes.starts_with(b"%PDF") {
        return other("a PDF");
    }
    let start = &bytes[..bytes.len().min(512)];
    let start = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<?xml") {
        return other("a web page");
    }
    if start.starts_with("{\\rtf") {
        return other("a word processor's document");
    }
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !wide && bytes.contains(&0) {
        return other("a file that is not text");
    }
    Ok(Kind::Text)
}

fn sheet(mut lines: Vec<Line>, place: &Place) -> Result<Sheet, SourceError> {
    let at = match place.heading_row {
        Some(row) => lines
            .iter()
            .position(|line| line.number == row && !line.is_blank())
            .ok_or(SourceError::NoHeadings { row })?,
        None => lines.iter().position(|line| !line.is_blank()).ok_or(SourceError::Empty)?,
    };
    let below = lines.split_off(at + 1);
    let heading_line = lines.pop().ok_or(SourceError::Empty)?;
    let mut headings: Vec<String> =
        heading_line.cells.iter().map(|cell| tidy::one_line(&cell.typed())).collect();
    while headings
        .last()
        .is_some_and(|heading| heading.is_empty() || OWN_HEADINGS.contains(&heading.as_str()))
    {
        headings.pop();
    }
    let own = heading_line.cells.iter().any(|cell| OWN_HEADINGS.contains(&cell.typed().as_ref()));
    let mut rows: Vec<Line> = below;
    if own {
        rows.iter_mut().for_each(|row| row.cells.truncate(headings.len()));
    }
    rows.retain(|row| !row.is_blank());
    if rows.is_empty() {
        return Err(SourceError::Empty);
    }
    if rows.len() > ROWS as usize {
        return Err(SourceError::TooLarge { what: "rows", most: u64::from(ROWS) });
    }
    Ok(Sheet { preamble: lines, headings, lines: rows })
}
