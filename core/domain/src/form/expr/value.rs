//! Values of expressions and how one kind becomes another: XPath 1.0, with the additions of JavaRosa for
//! dates and for answers that have a type.

use std::borrow::Cow;

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::{context::Scalar, temporal::Temporal};

/// The value of an expression over nodes of the kind `N`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a, N> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A date.
    Date(Date),
    /// An instant.
    DateTime(Timestamp),
    /// A time of day.
    Time(Time),
    /// Nodes in the order of the document, or in that of `randomize`.
    Nodes(Vec<N>),
}

impl<N> Value<'_, N> {
    pub(crate) const EMPTY: Self = Self::Text(Cow::Borrowed(""));
}

/// A value that is no set of nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Atom<'a> {
    Text(Cow<'a, str>),
    /// A number as it is written, of a question that takes numbers.
    Decimal(Cow<'a, str>),
    Number(f64),
    Boolean(bool),
    Temporal(Temporal),
}

impl<'a> From<Scalar<'a>> for Atom<'a> {
    fn from(value: Scalar<'a>) -> Self {
        match value {
            Scalar::Empty => Self::Text(Cow::Borrowed("")),
            Scalar::Text(text) => Self::Text(text),
            Scalar::Decimal(text) => Self::Decimal(text),
            Scalar::Integer(number) => Self::Decimal(Cow::Owned(number.to_string())),
            Scalar::Boolean(is) => Self::Boolean(is),
            Scalar::Date(date) => Self::Temporal(Temporal::Date(date)),
            Scalar::Instant(at) => Self::Temporal(Temporal::Instant(at)),
            Scalar::Time(time) => Self::Temporal(Temporal::Time(time)),
        }
    }
}

impl<'a> Atom<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) | Self::Decimal(text) => text.is_empty(),
            Self::Number(number) => number.is_nan(),
            Self::Boolean(_) | Self::Temporal(_) => false,
        }
    }

    pub(crate) fn text(self, zone: &TimeZone) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Decimal(text) => text,
            Self::Number(number) => Cow::Owned(number_text(number)),
            Self::Boolean(is) => Cow::Borrowed(if is { "true" } else { "false" }),
            Self::Temporal(at) => Cow::Owned(at.text(zone)),
        }
    }

    pub(crate) fn number(&self, zone: &TimeZone) -> f64 {
        match self {
            Self::Text(text) => match Temporal::parse(text, zone) {
                Some(at @ (Temporal::Date(_) | Temporal::Instant(_))) => at.days(),
                _ => number_of(text),
            },
            Self::Decimal(text) => number_of(text),
            Self::Number(number) => *number,
            Self::Boolean(is) => f64::from(u8::from(*is)),
            Self::Temporal(at) => at.days(),
        }
    }

    pub(crate) fn boolean(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Decimal(text) => !text.is_empty() && is_true(number_of(text)),
            Self::Number(number) => is_true(*number),
            Self::Boolean(is) => *is,
            Self::Temporal(_) => true,
        }
    }

    /// The date, instant or time that it is or says.
    pub(crate) fn temporal(&self, zone: &TimeZone) -> Option<Temporal> {
        match self {
            Self::Temporal(at) => Some(*at),
            Self::Text(text) => Temporal::parse(text, zone),
            Self::Decimal(_) | Self::Number(_) | Self::Boolean(_) => None,
        }
    }

    /// Whether two values are equal, as JavaRosa compares them.
    pub(crate) fn equals(&self, other: &Self, zone: &TimeZone) -> bool {
        match (self, other) {
            (Self::Boolean(_), _) | (_, Self::Boolean(_)) => self.boolean() == other.boolean(),
            (Self::Decimal(one), Self::Decimal(other)) => one == other || exact(one) == exact(other),
            (Self::Number(_) | Self::Decimal(_), _) | (_, Self::Number(_) | Self::Decimal(_)) => {
                same_number(self.number(zone), other.number(zone))
            }
            (Self::Temporal(one), _) | (_, Self::Temporal(one)) => {
                let other = if matches!(self, Self::Temporal(_)) { other } else { self };
                other
                    .temporal(zone)
                    .is_some_and(|other| one.order(other, zone).is_some_and(std::cmp::Ordering::is_eq))
            }
            (Self::Text(one), Self::Text(other)) => one == other,
        }
    }
}

/// Numbers that differ by less than this are one: what the rounding of binary fractions leaves behind.
const NEARLY: f64 = 1e-12;

#[expect(clippy::float_cmp, reason = "infinities are equal to themselves")]
fn same_number(one: f64, other: f64) -> bool {
    one == other || (one - other).abs() < NEARLY
}

fn is_true(number: f64) -> bool {
    number.abs() > NEARLY && !number.is_nan()
}

/// The number that a text is: digits with at most one point or comma and a minus before; otherwise NaN.
pub(crate) fn number_of(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'.' | b',')) {
        return f64::NAN;
    }
    // Some languages write a comma, and so does who copies from them.
    if text.contains(',') { text.replace(',', ".").parse() } else { text.parse() }.unwrap_or(f64::NAN)
}

/// A number in XPath's way: digits, no exponent.
pub(crate) fn number_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if number == 0.0 {
        "0".to_owned()
    } else {
        number.to_string()
    }
}

/// A decimal without what does not change its value, so that equal ones are equal texts.
fn exact(text: &str) -> (bool, &str, &str) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    (negative && !(whole.is_empty() && part.is_empty()), whole, part)
}
