//! Lines of an input that may be hostile: none is held that is longer than it may be.

use std::io::{self, BufRead};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, in the buffer, without its end.
    Whole,
    /// A line that is longer than it may be; it is passed over.
    TooLong,
    /// Nothing: the input ended.
    End,
}

/// Reads the next line into the buffer.
pub(super) fn next(input: &mut impl BufRead, most: usize, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut is_too_long = false;
    let mut has_any = false;
    loop {
        let read = match input.fill_buf() {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if read.is_empty() {
            return Ok(match (has_any, is_too_long) {
                (false, _) => Line::End,
                (true, true) => Line::TooLong,
                (true, false) => Line::Whole,
            });
        }
        has_any = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = &read[..end.unwrap_or(read.len())];
        if line.len() + part.len() > most {
            is_too_long = true;
            line.clear();
        }
        if !is_too_long {
            line.extend_from_slice(part);
        }
        let taken = part.len() + usize::from(end.is_some());
        input.consume(taken);
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(if is_too_long { Line::TooLong } else { Line::Whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_long_is_passed_over_and_the_next_one_read() {
        let text = format!("short\r\n{}\nlast", "x".repeat(100));
        for capacity in [1, 7, 64, 1_000] {
            let mut input = io::BufReader::with_capacity(capacity, text.as_bytes());
            let mut line = Vec::new();
            let mut read = || (next(&mut input, 10, &mut line).expect("no error"), line.clone());
            assert_eq!(read(), (Line::Whole, b"short".to_vec()));
            assert_eq!(read(), (Line::TooLong, Vec::new()));
            assert_eq!(read(), (Line::Whole, b"last".to_vec()));
            assert_eq!(read().0, Line::End);
        }
    }
}
