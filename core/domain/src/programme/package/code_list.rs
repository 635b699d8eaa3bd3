//! Code lists in CSV files of their own.

use crate::{
    form::{
        Choice,
        xlsform::{
            choices,
            table::{LONGEST_CELL, MOST_ROWS, Sheet, SheetRow},
        },
    },
    problem::{
        report::{Place, Report},
        suggest::quoted,
    },
};

/// Reads a code list; rows are lines of the file.
pub(super) fn read(name: &str, text: &str, report: &mut Report) -> Vec<Choice> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut sheet = Sheet::default();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                report.error(
                    Place::line(line_number(line)),
                    "bad_csv",
                    "This is not CSV.",
                    "Write one row a line, with commas between cells and cells with commas in double quotes.",
                );
                break;
            }
        };
        let number = line_number(record.position().map_or(1, csv::Position::line));
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        if sheet.heading.is_empty() {
            sheet.heading = cells;
        } else if sheet.rows.len() >= MOST_ROWS {
            report.error(
                Place::line(number),
                "too_many_rows",
                format!("The list has more than {MOST_ROWS} rows; the rest is not read."),
                "Split the list.",
            );
            break;
        } else {
            sheet.rows.push(row(number, cells, &sheet.heading, report));
        }
    }
    choices::code_list(name, &sheet, report)
}

fn row(number: u32, mut cells: Vec<String>, heading: &[String], report: &mut Report) -> SheetRow {
    let place = Place::line(number);
    if cells.len() != heading.len() {
        let code = if cells.len() > heading.len() { "too_many_cells" } else { "too_few_cells" };
        report.error(
            place,
            code,
            format!("The row has {} cells under {} headings.", cells.len(), heading.len()),
            "Give it a cell for each heading, and put a cell with a comma in double quotes.",
        );
        cells.truncate(heading.len());
    }
    for (cell, heading) in cells.iter_mut().zip(heading) {
        if cell.len() > LONGEST_CELL {
            report.error(
                place.column(heading),
                "cell_too_long",
                format!("The cell has {} bytes.", cell.len()),
                format!("A cell holds at most {LONGEST_CELL} bytes."),
            );
            cell.clear();
        } else if cell.contains('\n') {
            report.error(
                place.column(heading),
                "broken_cell",
                format!("The cell goes over several lines: {}.", quoted(cell)),
                "Close its double quote on the same line.",
            );
        }
    }
    SheetRow { number, cells: cells.into() }
}

fn line_number(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
