//! Comma-separated text, in the encodings and with the separators that spreadsheet programs write.

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{COLUMNS, Cell, Line, Place, ROWS, SourceError};

pub(super) fn lines(bytes: &[u8], place: &Place) -> Result<Vec<Line>, SourceError> {
    let mut text = decode(bytes);
    // The last row ends like the others, so that its lines are counted alike.
    text.push('\n');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(&text, place))
        .from_reader(text.as_bytes());
    let mut lines: Vec<Line> = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut number = 0_u32;
    loop {
        let before = reader.position().line();
        // The text is UTF-8 and rows may be of any length: nothing else can be wrong with it.
        if !reader.read_record(&mut record).map_err(|_| SourceError::Damaged)? {
            break;
        }
        let taken = reader.position().line().saturating_sub(before);
        let inside: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
        // Blank lines are passed over by the reader, and still are rows to whoever looks at the file.
        let blank = taken.saturating_sub(inside as u64 + 1);
        number = number.saturating_add(1).saturating_add(u32::try_from(blank).unwrap_or(u32::MAX));
        if record.len() > COLUMNS {
            return Err(SourceError::TooLarge { what: "columns", most: COLUMNS as u64 });
        }
        if lines.len() as u64 > 2 * u64::from(ROWS) {
            return Err(SourceError::TooLarge { what: "rows", most: u64::from(ROWS) });
        }
        let cells = record
            .iter()
            .map(|cell| if cell.is_empty() { Cell::Empty } else { Cell::Text(cell.to_owned()) })
            .collect();
        lines.push(Line { number, cells });
    }
    if let Some(last) = lines.last()
        && let Some(Cell::Text(cell)) = last.cells.last()
        && cell.contains('\n')
        && !text.trim_end().ends_with('"')
    {
        return Err(SourceError::OpenQuote { row: last.number });
    }
    Ok(lines)
}

/// UTF-8 or UTF-16 where the file says so or is so, else what Windows writes in Western Europe.
fn decode(bytes: &[u8]) -> String {
    if bytes.starts_with(&[0xff, 0xfe]) {
        return UTF_16LE.decode(bytes).0.into_owned();
    }
    if bytes.starts_with(&[0xfe, 0xff]) {
        return UTF_16BE.decode(bytes).0.into_owned();
    }
    let unmarked = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match std::str::from_utf8(unmarked) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(unmarked).0.into_owned(),
    }
}

/// The separator that stands most often in the line of the headings, outside quotes.
fn separator(text: &str, place: &Place) -> u8 {
    let wanted = place.heading_row.unwrap_or(1).max(1);
    let (mut row, mut quoted, mut counts, mut anything) = (1, false, [0_u32; 3], false);
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => {
                if row >= wanted && anything {
                    break;
                }
                row += u32::from(byte == b'\n');
                (counts, anything) = ([0; 3], false);
            }
            b',' if !quoted => counts[0] += 1,
            b';' if !quoted => counts[1] += 1,
            b'\t' if !quoted => counts[2] += 1,
            _ => anything = true,
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|count| *count == most).map_or(b',', |at| b",;\t"[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u32, Vec<String>)> {
        lines(bytes, &Place::default())
            .unwrap()
            .into_iter()
            .map(|line| (line.number, line.cells.iter().map(|cell| cell.typed().into_owned()).collect()))
            .collect()
    }

    #[test]
    fn encodings_and_separators_are_recognised() {
        let plain = vec![
            (1, vec!["Name".to_owned(), "Note".to_owned()]),
            (2, vec!["Zoë".to_owned(), "a,b".to_owned()]),
        ];
        assert_eq!(read("Name,Note\nZoë,\"a,b\"\n".as_bytes()), plain);
        assert_eq!(read("\u{feff}Name;Note\r\nZoë;a,b\r\n".as_bytes()), plain);
        assert_eq!(read(b"Name\tNote\nZo\xeb\ta,b"), plain);
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("Name\tNote\nZoë\ta,b".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(read(&wide), plain);
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        let rows: Vec<u32> =
            read(b"a,b\n\n1,\"two\nlines\"\n\n\n3,4").into_iter().map(|(number, _)| number).collect();
        assert_eq!(rows, [1, 3, 6]);
    }

    #[test]
    fn a_quote_that_swallows_the_rest_is_told() {
        let result = lines(b"a,b\n1,\"two\n3,4\n5,6\n", &Place::default());
        assert!(matches!(result, Err(SourceError::OpenQuote { row: 2 })), "{result:?}");
    }
}
