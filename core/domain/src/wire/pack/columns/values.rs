//! Values, a lane for each field: a code says what a value is, so that dates become days from the
//! change's own day, times minutes from its own time, ids places in the pack's tables, and what
//! came before in the lane a number.

use std::{borrow::Cow, collections::HashMap};

use super::{
    REMEMBERED,
    model::Model,
    streams::{Column, Part, Sink, Source, Stream},
};
use crate::{
    guard::chunk::{Scalar, ScalarType},
    ids::{GroupId, PersonId, RecordId},
    wire::{limits, pack::PackError},
};

/// What a value is, in a lane's codes.
mod code {
    /// A text: length and bytes.
    pub(super) const TEXT: u64 = 0;
    pub(super) const NULL: u64 = 1;
    pub(super) const FALSE: u64 = 2;
    pub(super) const TRUE: u64 = 3;
    /// A text that is a date: days from the change's day.
    pub(super) const DATE: u64 = 4;
    /// A time without seconds: minutes from the change's time.
    pub(super) const MINUTE: u64 = 5;
    /// A time: milliseconds from the change's time.
    pub(super) const INSTANT: u64 = 6;
    /// A whole number.
    pub(super) const INTEGER: u64 = 7;
    /// The id of the change's own record.
    pub(super) const OWN_RECORD: u64 = 8;
    /// The id of the change's own group.
    pub(super) const OWN_GROUP: u64 = 9;
    /// The id of a record of the pack.
    pub(super) const RECORD: u64 = 10;
    /// The id of a group of the pack.
    pub(super) const GROUP: u64 = 11;
    /// The id of a person of the pack, as text.
    pub(super) const PERSON: u64 = 12;
    /// Another id, as text.
    pub(super) const ID_TEXT: u64 = 13;
    /// Another id.
    pub(super) const ID: u64 = 14;
    /// Another id that begins with a time.
    pub(super) const TIMED_ID: u64 = 15;
    /// Anything else: its type code, length and bytes.
    pub(super) const OTHER: u64 = 16;
    /// The first that was remembered in this lane; the others follow.
    pub(super) const REMEMBERED: u64 = 17;
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// What a value can refer to without naming it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    pub(super) at: i64,
    pub(super) record: RecordId,
    pub(super) group: GroupId,
}

/// What the lanes have seen, on the side that writes.
#[derive(Debug, Default)]
pub(super) struct Written<'a>(HashMap<(usize, ScalarType, &'a [u8]), usize>, HashMap<usize, usize>);

impl<'a> Written<'a> {
    fn remember(&mut self, lane: usize, scalar: Scalar<'a>) {
        if scalar.bytes.len() <= REMEMBERED {
            let next = self.1.entry(lane).or_default();
            self.0.insert((lane, scalar.kind, scalar.bytes), *next);
            *next += 1;
        }
    }

    pub(super) fn write(
        &mut self,
        sink: &mut Sink,
        model: &Model<'_>,
        lane: usize,
        scalar: Scalar<'a>,
        here: Here,
    ) {
        let codes = Stream::Lane(lane, Part::Codes);
        let numbers = Stream::Lane(lane, Part::Numbers);
        let literals = Stream::Lane(lane, Part::Literals);
        let mut signed = |code: u64, value: i64| {
            sink.number(codes, code);
            sink.signed(numbers, value);
        };
        match scalar.kind {
            ScalarType::Null => return sink.number(codes, code::NULL),
            ScalarType::False => return sink.number(codes, code::FALSE),
            ScalarType::True => return sink.number(codes, code::TRUE),
            ScalarType::Signed => return signed(code::INTEGER, read_leb(scalar.bytes)),
            ScalarType::Timestamp => {
                let ms = read_leb(scalar.bytes);
                if ms % MINUTE_MS == 0 {
                    signed(code::MINUTE, ms / MINUTE_MS - here.at / MINUTE_MS);
                } else {
                    signed(code::INSTANT, ms.wrapping_sub(here.at));
                }
                return;
            }
            ScalarType::Text => {
                if let Some(day) = day_of(scalar.bytes) {
                    return signed(code::DATE, day - here.at.div_euclid(DAY_MS));
                }
            }
            ScalarType::Bytes if scalar.bytes == here.record.0 => {
                return sink.number(codes, code::OWN_RECORD);
            }
            ScalarType::Bytes if scalar.bytes == here.group.0 => {
                return sink.number(codes, code::OWN_GROUP);
            }
            _ => {}
        }
        if let Some(&place) = self.0.get(&(lane, scalar.kind, scalar.bytes)) {
            return sink.number(codes, code::REMEMBERED + place as u64);
        }
        let id: Option<[u8; 16]> = match scalar.kind {
            ScalarType::Bytes => scalar.bytes.try_into().ok(),
            ScalarType::Text => id_in_text(scalar.bytes),
            _ => None,
        };
        let place = id.and_then(|id| match scalar.kind {
            ScalarType::Text => Some((code::PERSON, model.people.place(PersonId(id))?)),
            _ => {
                let record = model.records.place(RecordId(id)).map(|place| (code::RECORD, place));
                record.or_else(|| Some((code::GROUP, model.groups.place(GroupId(id))?)))
            }
        });
        if let Some((code, place)) = place {
            sink.number(codes, code);
            return sink.number(numbers, place as u64);
        }
        match (scalar.kind, id) {
            (ScalarType::Text, Some(id)) => {
                sink.number(codes, code::ID_TEXT);
                sink.bytes(Column::Random, &id);
            }
            (ScalarType::Bytes, Some(id)) if is_timed(&id) => {
                sink.number(codes, code::TIMED_ID);
                sink.signed(numbers, time_of(&id).wrapping_sub(here.at));
                sink.bytes(Column::Random, &id[6..]);
            }
            (_, Some(id)) => {
                sink.number(codes, code::ID);
                sink.bytes(Column::Random, &id);
            }
            (ScalarType::Text, None) => {
                sink.number(codes, code::TEXT);
                sink.number(numbers, scalar.bytes.len() as u64);
                sink.bytes(literals, scalar.bytes);
            }
            (kind, None) => {
                sink.number(codes, code::OTHER);
                sink.number(numbers, u64::from(kind as u8));
                sink.number(numbers, scalar.bytes.len() as u64);
                sink.bytes(literals, scalar.bytes);
            }
        }
        self.remember(lane, scalar);
    }
}

/// A value as it was read.
pub(super) type Value<'a> = (ScalarType, Cow<'a, [u8]>);

/// What the lanes have seen, on the side that reads.
#[derive(Debug, Default)]
pub(super) struct Read<'a>(HashMap<usize, Vec<Value<'a>>>);

impl<'a> Read<'a> {
    fn remember(&mut self, lane: usize, value: &Value<'a>) {
        if value.1.len() <= REMEMBERED {
            self.0.entry(lane).or_default().push(value.clone());
        }
    }

    pub(super) fn read(
        &mut self,
        source: &mut Source<'a>,
        model: &Model<'_>,
        lane: usize,
        here: Here,
    ) -> Result<Value<'a>, PackError> {
        let numbers = Stream::Lane(lane, Part::Numbers);
        let literals = Stream::Lane(lane, Part::Literals);
        let bytes = |id: [u8; 16]| (ScalarType::Bytes, Cow::Owned(id.to_vec()));
        let text = |id: [u8; 16]| (ScalarType::Text, Cow::Owned(id_text(id).into_bytes()));
        let instant = |ms: i64| (ScalarType::Timestamp, Cow::Owned(leb(ms)));
        let code = source.number(Stream::Lane(lane, Part::Codes))?;
        let value = match code {
            code::NULL => return Ok((ScalarType::Null, Cow::Borrowed(&[]))),
            code::FALSE => return Ok((ScalarType::False, Cow::Borrowed(&[]))),
            code::TRUE => return Ok((ScalarType::True, Cow::Borrowed(&[]))),
            code::INTEGER => return Ok((ScalarType::Signed, Cow::Owned(leb(source.signed(numbers)?)))),
            code::MINUTE => {
                let minutes = source.signed(numbers)?.wrapping_add(here.at / MINUTE_MS);
                return Ok(instant(minutes.wrapping_mul(MINUTE_MS)));
            }
            code::INSTANT => return Ok(instant(source.signed(numbers)?.wrapping_add(here.at))),
            code::DATE => {
                let day = source.signed(numbers)?.checked_add(here.at.div_euclid(DAY_MS));
                let date = day.and_then(date_of).ok_or(PackError::Malformed)?;
                return Ok((ScalarType::Text, Cow::Owned(date.into())));
            }
            code::OWN_RECORD => return Ok(bytes(here.record.0)),
            code::OWN_GROUP => return Ok(bytes(here.group.0)),
            code::RECORD => {
                let id = model.records.get(source.size(numbers)?);
                return Ok(bytes(id.ok_or(PackError::Malformed)?.0));
            }
            code::GROUP => {
                return Ok(bytes(model.groups.get(source.size(numbers)?).ok_or(PackError::Malformed)?.0));
            }
            code::PERSON => {
                return Ok(text(model.people.get(source.size(numbers)?).ok_or(PackError::Malformed)?.0));
            }
            code::ID_TEXT => text(source.array(Column::Random)?),
            code::ID => (ScalarType::Bytes, Cow::Borrowed(source.bytes(Column::Random, 16)?)),
            code::TIMED_ID => {
                let time = source.signed(numbers)?.wrapping_add(here.at);
                let mut id = [0; 16];
                id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
                id[6..].copy_from_slice(source.bytes(Column::Random, 10)?);
                bytes(id)
            }
            code::TEXT => {
                let length = source.size(numbers)?;
                (ScalarType::Text, Cow::Borrowed(source.bytes(literals, length)?))
            }
            code::OTHER => {
                let kind = scalar_type(source.number(numbers)?).ok_or(PackError::Malformed)?;
                let length = source.size(numbers)?;
                (kind, Cow::Borrowed(source.bytes(literals, length)?))
            }
            code => {
                let place = usize::try_from(code - code::REMEMBERED).map_err(|_| PackError::Malformed)?;
                let value = self.0.get(&lane).and_then(|seen| seen.get(place));
                return value.cloned().ok_or(PackError::Malformed);
            }
        };
        if value.1.len() > limits::VALUE_BYTES {
            return Err(PackError::TooLarge);
        }
        self.remember(lane, &value);
        Ok(value)
    }
}

fn scalar_type(code: u64) -> Option<ScalarType> {
    [ScalarType::Unsigned, ScalarType::Float, ScalarType::Bytes]
        .into_iter()
        .find(|kind| u64::from(*kind as u8) == code)
}

/// Whether an id begins with a time (UUID version 7).
pub(super) fn is_timed(id: &[u8; 16]) -> bool {
    id[6] >> 4 == 7 && id[8] >> 6 == 2
}

/// The time that an id begins with, in milliseconds.
pub(super) fn time_of(id: &[u8; 16]) -> i64 {
    id[..6].iter().fold(0, |time, byte| time << 8 | i64::from(*byte))
}

fn id_in_text(text: &[u8]) -> Option<[u8; 16]> {
    let id = *uuid::Uuid::try_parse_ascii(text).ok()?.as_bytes();
    (id_text(id).as_bytes() == text).then_some(id)
}

fn id_text(id: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(id).hyphenated().to_string()
}

/// Days since 1970-01-01 of a text that is a date (`2015-03-16`), and only that.
fn day_of(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0'))
        })
    };
    let month = i8::try_from(number(&[m1, m2])?).ok()?;
    let day = i8::try_from(number(&[d1, d2])?).ok()?;
    let date = jiff::civil::Date::new(number(&[y1, y2, y3, y4])?, month, day).ok()?;
    Some(days_from_civil(date))
}

/// The date so many days after 1970-01-01, as text; `None` outside the years 0 to 9999.
fn date_of(day: i64) -> Option<String> {
    if !(-719_528..=2_932_896).contains(&day) {
        return None;
    }
    let (year, month, day) = civil_from_days(day);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// Days since 1970-01-01, after Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn days_from_civil(date: jiff::civil::Date) -> i64 {
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Reads a signed LEB128 number that the chunk parser found sound.
fn read_leb(bytes: &[u8]) -> i64 {
    let mut value = 0_i64;
    let mut shift = 0_u32;
    for byte in bytes {
        value |= i64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
    }
    match bytes.last() {
        Some(last) if last & 0x40 != 0 && shift < 64 => value | -1 << shift,
        _ => value,
    }
}

/// Writes a signed LEB128 number.
fn leb(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(6);
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        let sign = low & 0x40 != 0;
        if (value == 0 && !sign) || (value == -1 && sign) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(value: i64) {
            prop_assert_eq!(read_leb(&leb(value)), value);
        }

        #[test]
        fn every_day_of_four_digit_years_reads_back(day in -719_528_i64..=2_932_896) {
            let text = date_of(day).unwrap();
            prop_assert!(text.parse::<jiff::civil::Date>().is_ok());
            prop_assert_eq!(day_of(text.as_bytes()), Some(day));
        }

        #[test]
        fn what_is_not_quite_a_date_is_none(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}") {
            if let Some(day) = day_of(text.as_bytes()) {
                prop_assert_eq!(date_of(day), Some(text));
            }
        }
    }

    #[test]
    fn the_ends_of_the_calendar() {
        assert_eq!(day_of(b"1970-01-01"), Some(0));
        assert_eq!(day_of(b"2000-02-29"), Some(11_016));
        assert_eq!(day_of(b"1900-02-29"), None);
        assert_eq!(date_of(2_932_896).as_deref(), Some("9999-12-31"));
        assert_eq!(date_of(2_932_897), None);
        assert_eq!(date_of(i64::MIN), None);
    }
}
