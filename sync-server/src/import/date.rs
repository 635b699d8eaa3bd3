//! Dates as people in Britain write them.

use jiff::civil::{Date, DateTime, Time};

use super::tidy;

/// Why a text is not taken for a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotADate {
    /// Not written as a date.
    Shape,
    /// There is no such day, such as 31 June.
    NoSuchDay,
    /// Only the American order makes it a date.
    MonthFirst,
    /// A year before 1900 or after 2100.
    Year,
}

impl NotADate {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Shape => "not_a_date",
            Self::NoSuchDay => "no_such_day",
            Self::MonthFirst => "month_first",
            Self::Year => "year_out_of_range",
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Shape => "this is not a date: write the day, the month and the year, such as 3/9/2014",
            Self::NoSuchDay => "there is no such day in the calendar",
            Self::MonthFirst => {
                "this looks like an American date with the month first: write the day first, such as 23/9/2014"
            }
            Self::Year => "the year must be between 1900 and 2100",
        }
    }
}

/// The year that two digits mean: the latest one with these digits that lies no more than one year
/// after the reference date. With a reference in 2016, `17` is 2017 and `18` is 1918.
fn full_year(two_digits: i16, reference: Date) -> i16 {
    let latest = reference.year() + 1;
    let year = latest - latest.rem_euclid(100) + two_digits;
    if year > latest { year - 100 } else { year }
}

/// Reads a date: `3/9/2014`, `03.09.14`, `3 Sep 2014`, `3rd September 2014`, `September 3, 2014`,
/// `2014-09-03`, a weekday before it, a serial number of a spreadsheet. A time behind it is kept.
pub(crate) fn parse(text: &str, reference: Date) -> Result<DateTime, NotADate> {
    let text = tidy::folded(text);
    let (text, time) = split_time(&text);
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || matches!(character, '/' | '.' | '-' | ','))
        .filter(|word| !word.is_empty() && *word != "of")
        .collect();
    let words = match words.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && is_weekday(first) => rest,
        all => all,
    };
    if let [serial] = words
        && serial.len() == 5
        && let Ok(serial) = serial.parse::<f64>()
    {
        return from_serial(serial).ok_or(NotADate::Shape);
    }
    let [first, second, third] = words else { return Err(NotADate::Shape) };
    let (day, month, year) = if let Some(month) = month(second) {
        (number(ordinal(first))?, month, *third)
    } else if let Some(month) = month(first) {
        (number(ordinal(second))?, month, *third)
    } else if first.len() == 4 {
        (number(third)?, number(second)?, *first)
    } else {
        (number(first)?, number(second)?, *third)
    };
    let digits: i16 = year.parse().map_err(|_| NotADate::Shape)?;
    let year = match year.len() {
        2 => full_year(digits, reference),
        4 => digits,
        _ => return Err(NotADate::Shape),
    };
    if !(1900..=2100).contains(&year) {
        return Err(NotADate::Year);
    }
    let small = |number: i16| i8::try_from(number).unwrap_or(i8::MAX);
    match Date::new(year, small(month), small(day)) {
        Ok(date) => Ok(date.to_datetime(time)),
        Err(_) if month > 12 && day <= 12 && Date::new(year, small(day), small(month)).is_ok() => {
            Err(NotADate::MonthFirst)
        }
        Err(_) => Err(NotADate::NoSuchDay),
    }
}

/// The moment that a spreadsheet keeps as this number of days (the system that begins in 1900).
pub(crate) fn from_serial(serial: f64) -> Option<DateTime> {
    // Day 61 is 1 March 1900: before it, spreadsheets count a 29 February that never was.
    if !(61.0..73_416.0).contains(&serial) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
    let (days, seconds) = (serial.trunc() as i64, (serial.fract() * 86_400.0).round() as i64);
    let start = Date::new(1899, 12, 30).ok()?.to_datetime(Time::midnight());
    start.checked_add(jiff::Span::new().days(days).seconds(seconds)).ok()
}

fn split_time(text: &str) -> (&str, Time) {
    let Some((date, time)) = text.rsplit_once([' ', 't']) else { return (text, Time::midnight()) };
    match clock(time.trim_end_matches('z')) {
        Some(time) => (date, time),
        None => (text, Time::midnight()),
    }
}

/// `14:30`, `14:30:00`, `14:30:00.000`.
fn clock(text: &str) -> Option<Time> {
    let text = text.split('.').next()?;
    let parts: Vec<i8> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts.as_slice() {
        [hour, minute] => Time::new(*hour, *minute, 0, 0).ok(),
        [hour, minute, second] => Time::new(*hour, *minute, *second, 0).ok(),
        _ => None,
    }
}

fn number(text: &str) -> Result<i16, NotADate> {
    if text.len() > 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotADate::Shape);
    }
    text.parse().map_err(|_| NotADate::Shape)
}

fn ordinal(text: &str) -> &str {
    ["st", "nd", "rd", "th"].iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(text)
}

fn month(text: &str) -> Option<i16> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if text.len() < 3 {
        return None;
    }
    let text = if text == "sept" { "sep" } else { text };
    MONTHS
        .iter()
        .zip(1..)
        .find(|(name, _)| **name == text || (text.len() == 3 && name.starts_with(text)))
        .map(|(_, number)| number)
}

fn is_weekday(text: &str) -> bool {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    text.len() >= 3 && DAYS.iter().any(|day| day.starts_with(text))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const REFERENCE: Date = date(2016, 3, 31);

    fn day(text: &str) -> Result<Date, NotADate> {
        parse(text, REFERENCE).map(DateTime::date)
    }

    #[test]
    fn dates_are_read_as_britain_writes_them() {
        for text in [
            "3/9/2014",
            "03.09.14",
            "3 Sep 2014",
            "3rd September 2014",
            "2014-09-03",
            "03-Sep-14",
            "Wed 3 Sept 2014",
            "September 3, 2014",
            "03/09/2014 00:00:00",
            "2014-09-03T00:00:00Z",
            "41885",
            " 3 / 9 / 2014 ",
            "3rd of Sep 2014",
        ] {
            assert_eq!(day(text), Ok(date(2014, 9, 3)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_told_apart() {
        for (text, problem) in [
            ("9/23/2014", NotADate::MonthFirst),
            ("31/6/2014", NotADate::NoSuchDay),
            ("29/02/2015", NotADate::NoSuchDay),
            ("30/30/2014", NotADate::NoSuchDay),
            ("soon", NotADate::Shape),
            ("2014", NotADate::Shape),
            ("3/9", NotADate::Shape),
            ("3/9/214", NotADate::Shape),
            ("3/9/0214", NotADate::Year),
            ("99999", NotADate::Shape),
            ("+3/9/2014", NotADate::Shape),
        ] {
            assert_eq!(day(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn two_digits_mean_the_latest_year_up_to_one_after_the_reference() {
        assert_eq!(day("1/1/17"), Ok(date(2017, 1, 1)));
        assert_eq!(day("1/1/18"), Ok(date(1918, 1, 1)));
        assert_eq!(parse("1/1/00", date(1999, 1, 1)).unwrap().date(), date(2000, 1, 1));
        assert_eq!(parse("1/1/99", date(2000, 1, 1)).unwrap().date(), date(1999, 1, 1));
    }

    #[test]
    fn a_time_behind_the_day_is_kept() {
        assert_eq!(parse("3/9/14 14:30", REFERENCE), Ok(date(2014, 9, 3).at(14, 30, 0, 0)));
        assert_eq!(from_serial(41_885.5), Some(date(2014, 9, 3).at(12, 0, 0, 0)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,24}") {
            let _ = parse(&text, REFERENCE);
        }

        #[test]
        fn every_day_reads_back(days in 0..50_000_i64) {
            let date = date(1930, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assert_eq!(day(&format!("{}/{}/{}", date.day(), date.month(), date.year())), Ok(date));
            prop_assert_eq!(day(&date.to_string()), Ok(date));
            prop_assert_eq!(day(&date.strftime("%-d %B %Y").to_string()), Ok(date));
        }
    }
}
