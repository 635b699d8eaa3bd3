//! Dates, instants and times of day: how texts say them and how they count.

use std::cmp::Ordering;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

const DAY_MILLIS: f64 = 86_400_000.0;

/// A date, an instant or a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temporal {
    Date(Date),
    Instant(Timestamp),
    Time(Time),
}

impl Temporal {
    /// What a text says, where it says one: `2015-03-16`, `2015-03-16T14:30:00.000+01:00`, `14:30`.
    pub(crate) fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim();
        // Cheap to see that it is none: every number passes here.
        if text.len() < 5 || text.len() > 40 || !text.as_bytes()[0].is_ascii_digit() {
            return None;
        }
        match text.split_once('T') {
            Some((day, time)) => {
                let (time, offset) = clock(time)?;
                instant(DateTime::from_parts(date(day)?, time), offset, zone).map(Self::Instant)
            }
            None if text.contains(':') => {
                let (time, _) = clock(text)?;
                Some(Self::Time(time))
            }
            None => date(text).map(Self::Date),
        }
    }

    /// Days since 1970-01-01: whole ones for a date, with the time of UTC for an instant, a part of a
    /// day for a time.
    pub(crate) fn days(self) -> f64 {
        match self {
            Self::Date(date) => f64::from(epoch_days(date)),
            Self::Instant(at) => millis(at) / DAY_MILLIS,
            Self::Time(time) => part_of_day(time),
        }
    }

    /// The same as an instant: a date begins at midnight of the zone.
    pub(crate) fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Date(date) => instant(date.at(0, 0, 0, 0), None, zone),
            Self::Instant(at) => Some(at),
            Self::Time(_) => None,
        }
    }

    /// The day on the calendar of the zone.
    pub(crate) fn date(self, zone: &TimeZone) -> Option<Date> {
        match self {
            Self::Date(date) => Some(date),
            Self::Instant(at) => Some(zone.to_datetime(at).date()),
            Self::Time(_) => None,
        }
    }

    /// The time on the clock of the zone; midnight for a date.
    pub(crate) fn time(self, zone: &TimeZone) -> Time {
        match self {
            Self::Date(_) => Time::midnight(),
            Self::Instant(at) => zone.to_datetime(at).time(),
            Self::Time(time) => time,
        }
    }

    /// Which is earlier; `None` for a time of day and a date, which have no order.
    pub(crate) fn order(self, other: Self, zone: &TimeZone) -> Option<Ordering> {
        match (self, other) {
            (Self::Date(one), Self::Date(other)) => Some(one.cmp(&other)),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(&other)),
            (one, other) => Some(one.instant(zone)?.cmp(&other.instant(zone)?)),
        }
    }

    /// As it is written down.
    pub(crate) fn text(self, zone: &TimeZone) -> String {
        match self {
            Self::Date(date) => date.to_string(),
            Self::Time(time) => clock_text(time),
            Self::Instant(at) => {
                let offset = zone.to_offset(at);
                let wall = offset.to_datetime(at);
                let time = wall.time();
                let minutes = offset.seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                format!(
                    "{}T{:02}:{:02}:{:02}.{:03}{sign}{:02}:{:02}",
                    wall.date(),
                    time.hour(),
                    time.minute(),
                    time.second(),
                    time.millisecond(),
                    minutes.abs() / 60,
                    minutes.abs() % 60,
                )
            }
        }
    }
}

/// How many days one instant lies after another.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of any year fit a double")]
pub(crate) fn days_between(later: Timestamp, earlier: Timestamp) -> f64 {
    (later.as_millisecond() - earlier.as_millisecond()) as f64 / DAY_MILLIS
}

/// The day that lies so many days after 1970-01-01.
pub(crate) fn date_of_days(days: f64) -> Option<Date> {
    let days = whole(days)?;
    jiff::civil::date(1970, 1, 1).checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

/// The instant that lies so many days after 1970-01-01T00:00Z.
pub(crate) fn instant_of_days(days: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond(whole(days * DAY_MILLIS)?).ok()
}

/// The time of day that is this part of a day.
pub(crate) fn time_of_part(part: f64) -> Option<Time> {
    let seconds = whole((part * 86_400.0).round())?;
    Time::midnight().checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// A time as a part of a day.
pub(crate) fn part_of_day(time: Time) -> f64 {
    let seconds = i32::from(time.hour()) * 3_600 + i32::from(time.minute()) * 60 + i32::from(time.second());
    (f64::from(seconds) + f64::from(time.subsec_nanosecond()) / 1e9) / 86_400.0
}

#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
fn whole(number: f64) -> Option<i64> {
    let number = number.trunc();
    (number.abs() < 9e15).then_some(number as i64)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of any year fit a double")]
fn millis(at: Timestamp) -> f64 {
    at.as_millisecond() as f64
}

fn epoch_days(date: Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    // Whole days between two civil dates: no zone is involved.
    i32::try_from(epoch.duration_until(date).as_hours() / 24).unwrap_or_default()
}

fn instant(wall: DateTime, offset: Option<Offset>, zone: &TimeZone) -> Option<Timestamp> {
    match offset {
        Some(offset) => offset.to_timestamp(wall).ok(),
        None => zone.to_timestamp(wall).ok(),
    }
}

/// `2015-03-16`; month and day may lack their zero.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(year, 4, 4) || !is_number(month, 1, 2) || !is_number(day, 1, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `14:30`, `14:30:15.250`, with or without an offset behind.
fn clock(text: &str) -> Option<(Time, Option<Offset>)> {
    let split = text.find(['Z', '+', '-']);
    let (time, offset) = match split {
        Some(at) => (&text[..at], Some(offset(&text[at..])?)),
        None => (text, None),
    };
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    let (second, nano) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (two_digits(seconds)?, 0),
            Some((seconds, part)) => {
                if part.is_empty() || part.len() > 9 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                (two_digits(seconds)?, format!("{part:0<9}").parse().ok()?)
            }
        },
    };
    Some((Time::new(hour, minute, second, nano).ok()?, offset))
}

fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "00"),
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    Offset::from_seconds(sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60)).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn clock_text(time: Time) -> String {
    let base = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    if time.subsec_nanosecond() == 0 { base } else { format!("{base}.{:03}", time.millisecond()) }
}

/// A date or an instant by the letters of a format.
///
/// # Errors
///
/// The letter that no format has.
pub(crate) fn format(at: Temporal, pattern: &str, zone: &TimeZone) -> Result<String, String> {
    use std::fmt::Write as _;
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let date = at.date(zone);
    let time = at.time(zone);
    let mut out = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let letter = letters.next().ok_or_else(|| "%".to_owned())?;
        // A time of day has no date: its letters leave nothing behind.
        let written = match (letter, date) {
            ('%', _) => {
                out.push('%');
                Ok(())
            }
            ('H', _) => write!(out, "{:02}", time.hour()),
            ('h', _) => write!(out, "{}", time.hour()),
            ('M', _) => write!(out, "{:02}", time.minute()),
            ('S', _) => write!(out, "{:02}", time.second()),
            ('3', _) => write!(out, "{:03}", time.millisecond()),
            ('Y' | 'y' | 'm' | 'n' | 'b' | 'd' | 'e' | 'a', None) => Ok(()),
            ('Y', Some(date)) => write!(out, "{:04}", date.year()),
            ('y', Some(date)) => write!(out, "{:02}", date.year().rem_euclid(100)),
            ('m', Some(date)) => write!(out, "{:02}", date.month()),
            ('n', Some(date)) => write!(out, "{}", date.month()),
            ('d', Some(date)) => write!(out, "{:02}", date.day()),
            ('e', Some(date)) => write!(out, "{}", date.day()),
            ('b', Some(date)) => {
                let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
                write!(out, "{}", MONTHS.get(month).copied().unwrap_or_default())
            }
            ('a', Some(date)) => {
                let day = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
                write!(out, "{}", DAYS.get(day).copied().unwrap_or_default())
            }
            (other, _) => return Err(format!("%{other}")),
        };
        written.map_err(|_| format!("%{letter}"))?;
    }
    Ok(out)
}
