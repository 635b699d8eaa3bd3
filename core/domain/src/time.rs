//! Instants as the records keep them. There is no "now" here: the time is always an argument.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The same instant as a timestamp, held within what a calendar can show: a claimed time is
    /// never refused for being absurd.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }

    /// The calendar day of this instant in the zone with this IANA name; UTC where it is unknown.
    #[must_use]
    pub fn date_in(self, zone: &str) -> Date {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        self.timestamp().to_zoned_datetime(zone).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_summer_evening_belongs_to_the_local_day() {
        // 23:30 UTC on 30 June 2015 is half past midnight on 1 July in London.
        let at = Millis(1_435_707_000_000);
        assert_eq!(at.date_in("Europe/London"), jiff::civil::date(2015, 7, 1));
        assert_eq!(at.date_in("no such zone"), jiff::civil::date(2015, 6, 30));
    }

    #[test]
    fn absurd_clocks_are_held_within_the_calendar() {
        assert_eq!(Millis(i64::MIN).timestamp(), Timestamp::MIN);
        assert_eq!(Millis(i64::MAX).timestamp(), Timestamp::MAX);
    }
}
