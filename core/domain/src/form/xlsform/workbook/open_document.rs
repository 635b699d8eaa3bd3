//! The tables of an OpenDocument file. Cells that are said to be repeated cost what they hold: a blank
//! one repeated to the edge of the sheet is one step.

use std::io::{Cursor, Read as _};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{Gatherer, Rows, WorkbookError, tidy};

/// Most that a cell with text is repeated across, and a row with text down.
const MOST_REPEATED: u32 = 1_024;

/// What is being read.
#[derive(Default)]
struct Place {
    row: u32,
    column: u32,
    row_repeat: u32,
    cell_repeat: u32,
    text: String,
    paragraphs: u32,
    in_cell: bool,
    in_paragraph: bool,
    /// Depth inside of notes, whose text is not the cell's.
    in_note: u32,
    cells: Vec<(u32, String)>,
}

pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<(String, Rows)>, WorkbookError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| WorkbookError::Damaged)?;
    let mut content = String::new();
    archive
        .by_name("content.xml")
        .map_err(|_| WorkbookError::Damaged)?
        .read_to_string(&mut content)
        .map_err(|_| WorkbookError::Damaged)?;
    let mut reader = Reader::from_str(&content);
    let mut sheets = Vec::new();
    let mut gatherer = Gatherer::default();
    let mut place = Place::default();
    let mut name: Option<String> = None;
    loop {
        match reader.read_event().map_err(|_| WorkbookError::Damaged)? {
            Event::Eof => break,
            Event::Start(element) => start(&element, &mut place, &mut name),
            Event::Empty(element) => {
                start(&element, &mut place, &mut name);
                end(element.name().as_ref(), &mut place, &mut name, &mut gatherer, &mut sheets)?;
            }
            Event::End(element) => {
                end(element.name().as_ref(), &mut place, &mut name, &mut gatherer, &mut sheets)?;
            }
            Event::Text(text) if place.takes_text() => place.text.push_str(&text),
            Event::CData(text) if place.takes_text() => place.text.push_str(&text),
            Event::GeneralRef(entity) if place.takes_text() => {
                if let Ok(Some(character)) = entity.resolve_char_ref() {
                    place.text.push(character);
                } else {
                    place.text.push_str(match &*entity {
                        "amp" => "&",
                        "lt" => "<",
                        "gt" => ">",
                        "quot" => "\"",
                        "apos" => "'",
                        _ => "",
                    });
                }
            }
            _ => {}
        }
    }
    Ok(sheets)
}

impl Place {
    fn takes_text(&self) -> bool {
        self.in_paragraph && self.in_note == 0
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attributes = element.attributes().filter_map(Result::ok);
    let found = attributes.into_iter().find(|attribute| attribute.key.as_ref() == name)?;
    let text: &str = found.value.as_ref();
    Some(quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned))
}

fn repeated(element: &BytesStart<'_>, name: &str) -> u32 {
    attribute(element, name).and_then(|count| count.parse().ok()).unwrap_or(1).max(1)
}

fn start(element: &BytesStart<'_>, place: &mut Place, name: &mut Option<String>) {
    match element.name().as_ref() {
        "table:table" => {
            *name = Some(attribute(element, "table:name").unwrap_or_default());
            *place = Place::default();
        }
        "table:table-row" => {
            place.row_repeat = repeated(element, "table:number-rows-repeated");
            place.column = 0;
            place.cells.clear();
        }
        "table:table-cell" | "table:covered-table-cell" => {
            place.cell_repeat = repeated(element, "table:number-columns-repeated");
            place.text.clear();
            place.paragraphs = 0;
            place.in_cell = true;
            if let Some("boolean") = attribute(element, "office:value-type").as_deref() {
                let truth = attribute(element, "office:boolean-value").as_deref() == Some("true");
                place.text.push_str(if truth { "TRUE" } else { "FALSE" });
                place.in_cell = false;
            } else if let Some(value) =
                attribute(element, "office:value").or_else(|| attribute(element, "office:date-value"))
            {
                // The value, not how the sheet shows it.
                place.text.push_str(&value);
                place.in_cell = false;
            }
        }
        "office:annotation" => place.in_note += 1,
        "text:p" if place.in_cell && place.in_note == 0 => {
            if place.paragraphs > 0 {
                place.text.push('\n');
            }
            place.paragraphs += 1;
            place.in_paragraph = true;
        }
        "text:s" if place.takes_text() => {
            let count = repeated(element, "text:c").min(MOST_REPEATED);
            place.text.extend(std::iter::repeat_n(' ', count as usize));
        }
        "text:tab" if place.takes_text() => place.text.push('\t'),
        "text:line-break" if place.takes_text() => place.text.push('\n'),
        _ => {}
    }
}

fn end(
    element: &str,
    place: &mut Place,
    name: &mut Option<String>,
    gatherer: &mut Gatherer,
    sheets: &mut Vec<(String, Rows)>,
) -> Result<(), WorkbookError> {
    match element {
        "table:table" => {
            if let Some(name) = name.take() {
                sheets.push((name, gatherer.finish()));
            }
        }
        "table:table-cell" | "table:covered-table-cell" => {
            let text = tidy(&place.text);
            if !text.is_empty() {
                for at in 0..place.cell_repeat.min(MOST_REPEATED) {
                    place.cells.push((place.column.saturating_add(at), text.clone()));
                }
            }
            place.column = place.column.saturating_add(place.cell_repeat);
            place.in_cell = false;
            place.in_paragraph = false;
            place.text.clear();
        }
        "table:table-row" => {
            let wanted = name.as_deref().is_some_and(super::super::source::is_wanted);
            if wanted && !place.cells.is_empty() {
                for at in 0..place.row_repeat.min(MOST_REPEATED) {
                    for (column, text) in &place.cells {
                        gatherer.add(place.row.saturating_add(at), *column as usize, text.clone())?;
                    }
                }
            }
            place.row = place.row.saturating_add(place.row_repeat);
        }
        "office:annotation" => place.in_note = place.in_note.saturating_sub(1),
        "text:p" => place.in_paragraph = false,
        _ => {}
    }
    Ok(())
}
