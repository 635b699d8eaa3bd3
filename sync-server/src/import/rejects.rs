//! The file of refused rows: the original cells, and what is wrong with them in columns at the end.
//! Put right, it is imported with the same map.

use std::{
    collections::BTreeMap,
    io::{BufWriter, Seek as _, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{
    ImportError,
    row::RowProblem,
    source::{Line, OWN_HEADINGS, Sheet},
};

/// Refused rows by their place in the sheet's lines.
pub(super) type Refused = BTreeMap<usize, Vec<RowProblem>>;

/// A file of refused rows in the making: it takes its place only when it is whole.
pub(super) struct Rejects {
    path: PathBuf,
    file: NamedTempFile,
}

impl Rejects {
    /// Makes sure that the file can be written, before anything is imported.
    pub(super) fn open(path: &Path, input: &Path) -> Result<Self, ImportError> {
        let failure = |source| ImportError::Rejects { file: path.display().to_string(), source };
        let refuse = |what: &str| failure(std::io::Error::other(what.to_owned()));
        if path.is_dir() {
            return Err(refuse("it is a folder"));
        }
        if let (Ok(path), Ok(input)) = (path.canonicalize(), input.canonicalize())
            && path == input
        {
            return Err(refuse("it is the file to import: choose another name"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new().prefix(".refused-").tempfile_in(folder).map_err(failure)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes these rows, in place of any written before, and has them on disk.
    pub(super) fn write(&mut self, sheet: &Sheet, refused: &Refused) -> Result<(), ImportError> {
        self.try_write(sheet, refused)
            .map_err(|source| ImportError::Rejects { file: self.path.display().to_string(), source })
    }

    fn try_write(&mut self, sheet: &Sheet, refused: &Refused) -> std::io::Result<()> {
        let file = self.file.as_file_mut();
        file.set_len(0)?;
        file.rewind()?;
        let mut out = BufWriter::new(&mut *file);
        // Spreadsheet programs take a file for UTF-8 by this mark.
        out.write_all("\u{feff}".as_bytes())?;
        let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(&mut out);
        // Rows above the headings stay, so that `heading_row` of the map still holds.
        let mut above = 1;
        for line in &sheet.preamble {
            while above < line.number {
                csv.write_record([""])?;
                above += 1;
            }
            csv.write_record(line.cells.iter().map(|cell| guarded(&cell.typed())))?;
            above += 1;
        }
        let widest = refused.keys().map(|at| sheet.lines[*at].cells.len()).max().unwrap_or(0);
        let width = widest.max(sheet.headings.len());
        let padded = |count: usize| std::iter::repeat_n(String::new(), width - count);
        let headings =
            sheet.headings.iter().map(|heading| guarded(heading)).chain(padded(sheet.headings.len()));
        csv.write_record(headings.chain(OWN_HEADINGS.map(str::to_owned)))?;
        for (at, problems) in refused {
            let line: &Line = &sheet.lines[*at];
            let cells = line.cells.iter().map(|cell| guarded(&cell.typed())).chain(padded(line.cells.len()));
            let told =
                |part: fn(&RowProblem) -> &str| problems.iter().map(part).collect::<Vec<_>>().join("; ");
            let own = [
                line.number.to_string(),
                told(|problem| &problem.column),
                told(|problem| problem.code),
                guarded(&told(|problem| &problem.reason)),
            ];
            csv.write_record(cells.chain(own))?;
        }
        csv.flush()?;
        drop(csv);
        out.flush()?;
        drop(out);
        file.sync_all()
    }

    /// Puts the file where it was asked for.
    pub(super) fn finish(self) -> Result<(), ImportError> {
        let Self { path, file } = self;
        file.persist(&path)
            .map(drop)
            .map_err(|error| ImportError::Rejects { file: path.display().to_string(), source: error.error })
    }
}

/// A text that a spreadsheet program would run as a formula gets an apostrophe in front; it is taken
/// off again on reading.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}
