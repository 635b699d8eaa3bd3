//! The run-length columns of a change: read with a hard stop, written in the one canonical form.

use super::{
    ChunkError,
    reader::{Reader, write_counted, write_signed, write_unsigned},
};

/// A value that a run-length column holds.
pub(super) trait Cell<'a>: Copy + PartialEq {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ChunkError>;
    fn write(self, out: &mut Vec<u8>);
}

impl<'a> Cell<'a> for u64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ChunkError> {
        reader.unsigned()
    }
    fn write(self, out: &mut Vec<u8>) {
        write_unsigned(out, self);
    }
}

impl<'a> Cell<'a> for i64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ChunkError> {
        reader.signed()
    }
    fn write(self, out: &mut Vec<u8>) {
        write_signed(out, self);
    }
}

impl<'a> Cell<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ChunkError> {
        std::str::from_utf8(reader.counted()?).map_err(|_| ChunkError::Malformed)
    }
    fn write(self, out: &mut Vec<u8>) {
        write_counted(out, self.as_bytes());
    }
}

/// Reads all rows of a run-length column; one row more than `most` is [`ChunkError::TooLarge`].
pub(super) fn read_runs<'a, T: Cell<'a>>(
    column: &'a [u8],
    most: usize,
) -> Result<Vec<Option<T>>, ChunkError> {
    let mut reader = Reader::new(column);
    let mut rows = Vec::new();
    while !reader.is_empty() {
        let length = reader.signed()?;
        let (count, nulls) = match length {
            0 => (reader.unsigned()?, true),
            _ => (length.unsigned_abs(), false),
        };
        let count = usize::try_from(count).map_err(|_| ChunkError::TooLarge)?;
        if count > most - rows.len() {
            return Err(ChunkError::TooLarge);
        }
        if nulls {
            rows.resize(rows.len() + count, None);
        } else if length > 0 {
            let value = T::read(&mut reader)?;
            rows.resize(rows.len() + count, Some(value));
        } else {
            for _ in 0..count {
                rows.push(Some(T::read(&mut reader)?));
            }
        }
    }
    Ok(rows)
}

/// Writes a run-length column: equal neighbours as one run, different ones as one literal. A column
/// with nothing but nulls is left out.
pub(super) fn write_runs<'a, T: Cell<'a>>(rows: &[Option<T>], out: &mut Vec<u8>) {
    if rows.iter().all(Option::is_none) {
        return;
    }
    let mut rest = rows;
    while let Some(&first) = rest.first() {
        let same = rest.iter().take_while(|row| **row == first).count();
        match first {
            None => {
                write_signed(out, 0);
                write_unsigned(out, same as u64);
                rest = &rest[same..];
            }
            Some(value) if same > 1 => {
                write_signed(out, same as i64);
                value.write(out);
                rest = &rest[same..];
            }
            Some(_) => {
                let literal = literal_length(rest);
                write_signed(out, -(literal as i64));
                for value in rest[..literal].iter().flatten() {
                    value.write(out);
                }
                rest = &rest[literal..];
            }
        }
    }
}

/// How many rows from the first on differ from their neighbours and are not null.
fn literal_length<T: PartialEq>(rows: &[Option<T>]) -> usize {
    let lone = |at: usize| rows[at].is_some() && rows.get(at + 1) != Some(&rows[at]);
    (0..rows.len()).take_while(|at| lone(*at)).count()
}

/// Reads a column of differences and adds them up.
pub(super) fn read_deltas(column: &[u8], most: usize) -> Result<Vec<Option<i64>>, ChunkError> {
    let mut sum = 0_i64;
    read_runs::<i64>(column, most)?
        .into_iter()
        .map(|delta| {
            let Some(delta) = delta else { return Ok(None) };
            sum = sum.checked_add(delta).ok_or(ChunkError::Malformed)?;
            Ok(Some(sum))
        })
        .collect()
}

/// Writes numbers as a column of differences.
pub(super) fn write_deltas(rows: &[Option<i64>], out: &mut Vec<u8>) {
    let mut before = 0_i64;
    let deltas: Vec<_> = rows
        .iter()
        .map(|row| {
            row.map(|value| {
                let delta = value.wrapping_sub(before);
                before = value;
                delta
            })
        })
        .collect();
    write_runs(&deltas, out);
}

/// Reads a column of truth values: lengths of alternating runs, the first of `false`.
pub(super) fn read_booleans(column: &[u8], most: usize) -> Result<Vec<bool>, ChunkError> {
    let mut reader = Reader::new(column);
    let mut rows = Vec::new();
    let mut value = false;
    while !reader.is_empty() {
        let count = reader.size()?;
        if count > most - rows.len() {
            return Err(ChunkError::TooLarge);
        }
        rows.resize(rows.len() + count, value);
        value = !value;
    }
    Ok(rows)
}

/// Writes a column of truth values.
pub(super) fn write_booleans(rows: &[bool], out: &mut Vec<u8>) {
    let mut rest = rows;
    let mut value = false;
    while !rest.is_empty() {
        let same = rest.iter().take_while(|row| **row == value).count();
        write_unsigned(out, same as u64);
        rest = &rest[same..];
        value = !value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_read_back(
            numbers in proptest::collection::vec(proptest::option::of(0_u64..3), 0..40),
            counters in proptest::collection::vec(proptest::option::of(-5_i64..5), 0..40),
            truths in proptest::collection::vec(any::<bool>(), 0..40),
        ) {
            let mut column = Vec::new();
            write_runs(&numbers, &mut column);
            let read = read_runs::<u64>(&column, 40).unwrap();
            prop_assert!(read == numbers || read.is_empty() && numbers.iter().all(Option::is_none));
            let mut column = Vec::new();
            write_deltas(&counters, &mut column);
            let read = read_deltas(&column, 40).unwrap();
            prop_assert!(read == counters || read.is_empty() && counters.iter().all(Option::is_none));
            let mut column = Vec::new();
            write_booleans(&truths, &mut column);
            prop_assert_eq!(read_booleans(&column, 40).unwrap(), truths);
        }

        #[test]
        fn any_bytes_stop_at_the_limit(column in proptest::collection::vec(any::<u8>(), 0..60)) {
            for rows in [
                read_runs::<u64>(&column, 100).map(|rows| rows.len()),
                read_runs::<&str>(&column, 100).map(|rows| rows.len()),
                read_deltas(&column, 100).map(|rows| rows.len()),
                read_booleans(&column, 100).map(|rows| rows.len()),
            ] {
                prop_assert!(rows.is_err() || rows.is_ok_and(|rows| rows <= 100));
            }
        }
    }
}
