//! Date arithmetic of the statutory clock (domain.md 3.1).
//!
//! Every function answers `None` where the date would leave the calendar (years -9999 to 9999):
//! an absurd date gives no deadline, and never a panic.

use std::collections::BTreeSet;

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

/// `n` weeks after `d`. The day itself is not counted, weekends and holidays are.
#[must_use]
pub fn weeks(d: Date, n: i32) -> Option<Date> {
    days(d, n.checked_mul(7)?)
}

/// `n` days after `d`.
#[must_use]
pub fn days(d: Date, n: i32) -> Option<Date> {
    d.checked_add(jiff::Span::new().try_days(n).ok()?).ok()
}

/// `n` months after `d` by the corresponding date rule: the same day of the month, or the last day
/// of a month that has no such day.
#[must_use]
pub fn months(d: Date, n: i32) -> Option<Date> {
    d.checked_add(jiff::Span::new().try_months(n).ok()?).ok()
}

/// The last of `n` days beginning with `d` itself.
#[must_use]
pub fn incl_days(d: Date, n: i32) -> Option<Date> {
    days(d, n.checked_sub(1)?)
}

/// The next such day of the year, on or after `d`; where that year has no 29 February, the year that
/// has it.
#[must_use]
pub fn next_on(d: Date, month: i8, day: i8) -> Option<Date> {
    // Eight years lie between leap years around a century that is none.
    (0..=8)
        .filter_map(|later| Date::new(d.year().checked_add(later)?, month, day).ok())
        .find(|candidate| *candidate >= d)
}

/// That month and day in the year of `d`; where that year has no 29 February, the day before it.
#[must_use]
pub fn in_year(d: Date, month: i8, day: i8) -> Option<Date> {
    Date::new(d.year(), month, day).ok().or_else(|| Date::new(d.year(), month, day.checked_sub(1)?).ok())
}

/// A day that is said once for every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YearDay {
    /// This month and day.
    Day(i8, i8),
    /// The last such weekday of a month.
    LastWeekday(Weekday, i8),
}

impl YearDay {
    /// The day in that year.
    #[must_use]
    pub fn of(self, year: i16) -> Option<Date> {
        match self {
            Self::Day(month, day) => Date::new(year, month, day).ok(),
            Self::LastWeekday(weekday, month) => {
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(-1, weekday).ok()
            }
        }
    }
}

/// The calendar year in which the school year of a day ends: it runs from 1 September to 31 August
/// (domain.md 3.2).
#[must_use]
pub fn school_year_end(d: Date) -> Option<i16> {
    if d.month() >= 9 { d.year().checked_add(1) } else { Some(d.year()) }
}

/// A day of the school year in which somebody born on `birth` has this birthday. Who was born on 29
/// February has it on 28 February in a year without one.
#[must_use]
pub fn in_school_year_of_birthday(birth: Date, birthday: i32, day: YearDay) -> Option<Date> {
    day.of(school_year_end(months(birth, birthday.checked_mul(12)?)?)?)
}

/// The days on which nobody has to act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Bank holidays of England.
    holidays: BTreeSet<Date>,
    /// First and last year whose bank holidays are listed.
    years: (i16, i16),
}

impl Calendar {
    /// A calendar with these bank holidays, which are all of those between two years.
    #[must_use]
    pub fn new(holidays: BTreeSet<Date>, first_year: i16, last_year: i16) -> Self {
        Self { holidays, years: (first_year, last_year) }
    }

    /// Whether the bank holidays of the day's year are listed. Where they are not, only weekends and
    /// the tribunal's own days are left out of counts.
    #[must_use]
    pub fn knows(&self, d: Date) -> bool {
        (self.years.0..=self.years.1).contains(&d.year())
    }

    /// Whether the day is a bank holiday.
    #[must_use]
    pub fn is_bank_holiday(&self, d: Date) -> bool {
        self.holidays.contains(&d)
    }

    /// Monday to Friday, and not a bank holiday.
    #[must_use]
    pub fn is_working_day(&self, d: Date) -> bool {
        !matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.is_bank_holiday(d)
    }

    /// A working day outside 25 December to 1 January and August: the days that count in special
    /// educational needs cases (HESC Rules r 12(3)).
    #[must_use]
    pub fn is_tribunal_working_day(&self, d: Date) -> bool {
        self.is_working_day(d) && !is_tribunal_recess(d)
    }

    /// The `n`th working day after `d`; before it where `n` is negative.
    #[must_use]
    pub fn working_days(&self, d: Date, n: i32) -> Option<Date> {
        nth_after(d, n, |day| self.is_working_day(day))
    }

    /// The `n`th working day of the tribunal after `d`: for acts other than starting an appeal.
    #[must_use]
    pub fn trib_working_days(&self, d: Date, n: i32) -> Option<Date> {
        nth_after(d, n, |day| self.is_tribunal_working_day(day))
    }

    /// The day by which an appeal must be started if its time ends on `d` (HESC Rules r 12): the day
    /// itself, or the first working day after it that is neither in August nor from 25 December to
    /// 1 January. Where the next working day falls into such a time (a Saturday 24 December), it is
    /// the first working day after that time.
    #[must_use]
    pub fn trib_roll(&self, d: Date) -> Option<Date> {
        if self.is_tribunal_working_day(d) { Some(d) } else { self.trib_working_days(d, 1) }
    }
}

/// 25 December to 1 January, and August.
fn is_tribunal_recess(d: Date) -> bool {
    matches!((d.month(), d.day()), (12, 25..) | (1, 1) | (8, _))
}

fn nth_after(d: Date, n: i32, counts: impl Fn(Date) -> bool) -> Option<Date> {
    let mut day = d;
    let step = n.signum().days();
    for _ in 0..n.unsigned_abs() {
        loop {
            day = day.checked_add(step).ok()?;
            if counts(day) {
                break;
            }
        }
    }
    Some(day)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::deadline::tests::real_rules;

    /// Easter Sunday by the algorithm of Butcher (Nature, 1876).
    fn easter(year: i16) -> Date {
        let (a, b, c) = (year % 19, year / 100, year % 100);
        let (d, e) = (b / 4, b % 4);
        let g = (8 * b + 13) / 25;
        let h = (19 * a + b - d - g + 15) % 30;
        let (i, k) = (c / 4, c % 4);
        let l = (32 + 2 * e + 2 * i - h - k) % 7;
        let m = (a + 11 * h + 19 * l) / 433;
        let month = (h + l - 7 * m + 90) / 25;
        let day = (h + l - 7 * m + 33 * month + 19) % 32;
        date(year, month as i8, day as i8)
    }

    /// The bank holidays of a year by the law's general rules and the proclaimed exceptions.
    fn expected(year: i16) -> BTreeSet<Date> {
        let monday = |month, nth| date(year, month, 1).nth_weekday_of_month(nth, Weekday::Monday).unwrap();
        let weekend = |d: Date| matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday);
        let mut days = BTreeSet::from([
            days(easter(year), -2).unwrap(),
            days(easter(year), 1).unwrap(),
            monday(5, 1),
            monday(5, -1),
            monday(8, -1),
        ]);
        for fixed in [date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)] {
            // A substitute is the next weekday that is not a holiday already: when Christmas is a
            // Sunday, Boxing Day stays on Monday and Christmas's substitute is Tuesday. As a set
            // this is the same as moving each on in order.
            let mut day = fixed;
            while weekend(day) || days.contains(&day) {
                day = day.tomorrow().unwrap();
            }
            days.insert(day);
        }
        match year {
            2020 => {
                days.remove(&date(2020, 5, 4));
                days.insert(date(2020, 5, 8));
            }
            2022 => {
                days.remove(&date(2022, 5, 30));
                days.extend([date(2022, 6, 2), date(2022, 6, 3), date(2022, 9, 19)]);
            }
            2023 => {
                days.insert(date(2023, 5, 8));
            }
            _ => {}
        }
        days
    }

    #[test]
    fn easter_is_where_it_was() {
        for (year, month, day) in [(2014, 4, 20), (2015, 4, 5), (2016, 3, 27), (2019, 4, 21), (2024, 3, 31)] {
            assert_eq!(easter(year), date(year, month, day));
        }
    }

    #[test]
    fn the_bank_holidays_shipped_are_those_of_the_law() {
        let rules = real_rules();
        let calendar = rules.calendar();
        assert_eq!(calendar.years, (2014, 2030));
        for year in 2014..=2030 {
            let shipped = calendar.holidays.iter().copied().filter(|d| d.year() == year);
            assert_eq!(shipped.collect::<BTreeSet<_>>(), expected(year), "{year}");
        }
    }

    #[test]
    fn working_days_of_the_specification() {
        let rules = real_rules();
        let calendar = rules.calendar();
        // Good Friday and Easter Monday skipped.
        assert_eq!(calendar.working_days(date(2015, 4, 2), 3), Some(date(2015, 4, 9)));
        // The response to an appeal: August does not count.
        assert_eq!(calendar.trib_working_days(date(2015, 7, 20), 30), Some(date(2015, 9, 29)));
    }

    #[test]
    fn corresponding_dates_are_clipped_to_the_month() {
        assert_eq!(months(date(2014, 12, 31), 2), Some(date(2015, 2, 28)));
        assert_eq!(months(date(2015, 12, 31), 2), Some(date(2016, 2, 29)));
        assert_eq!(months(date(2015, 10, 1), 2), Some(date(2015, 12, 1)));
    }

    #[test]
    fn a_day_of_the_year_comes_next_on_or_after() {
        assert_eq!(next_on(date(2015, 2, 15), 2, 15), Some(date(2015, 2, 15)));
        assert_eq!(next_on(date(2015, 2, 16), 2, 15), Some(date(2016, 2, 15)));
        assert_eq!(next_on(date(2097, 1, 1), 2, 29), Some(date(2104, 2, 29)));
        assert_eq!(next_on(Date::MAX, 2, 15), None);
    }

    #[test]
    fn rights_pass_on_the_last_friday_in_june() {
        let friday = YearDay::LastWeekday(Weekday::Friday, 6);
        for (birth, passes) in [
            (date(1999, 1, 15), date(2015, 6, 26)),
            (date(1999, 8, 31), date(2015, 6, 26)),
            (date(1999, 9, 1), date(2016, 6, 24)),
            (date(2010, 7, 20), date(2026, 6, 26)),
            // 29 February: the birthday of 2016 is there, that of 2015 is the day before March.
            (date(2000, 2, 29), date(2016, 6, 24)),
        ] {
            assert_eq!(in_school_year_of_birthday(birth, 16, friday), Some(passes), "{birth}");
        }
        assert_eq!(
            in_school_year_of_birthday(date(1999, 9, 1), 25, YearDay::Day(8, 31)),
            Some(date(2025, 8, 31))
        );
        assert_eq!(in_school_year_of_birthday(Date::MAX, 16, friday), None);
        assert_eq!(in_school_year_of_birthday(date(2000, 1, 1), i32::MAX, friday), None);
    }

    #[test]
    fn working_days_are_counted_back_too() {
        let rules = real_rules();
        // Good Friday 3 April and Easter Monday 6 April do not count.
        assert_eq!(rules.calendar().working_days(date(2015, 4, 16), -10), Some(date(2015, 3, 31)));
        assert_eq!(rules.calendar().working_days(Date::MIN, -1), None);
    }

    #[test]
    fn a_day_of_the_same_year() {
        assert_eq!(in_year(date(2015, 9, 1), 2, 15), Some(date(2015, 2, 15)));
        assert_eq!(in_year(date(2015, 9, 1), 2, 29), Some(date(2015, 2, 28)));
    }

    #[test]
    fn an_appeal_rolls_past_a_recess_that_starts_on_the_next_working_day() {
        let rules = real_rules();
        let calendar = rules.calendar();
        // Saturday 24 December 2022; 2 January 2023 is the substitute of New Year's Day.
        assert_eq!(calendar.trib_roll(date(2022, 12, 24)), Some(date(2023, 1, 3)));
        // Saturday 31 July 2021.
        assert_eq!(calendar.trib_roll(date(2021, 7, 31)), Some(date(2021, 9, 1)));
    }

    #[test]
    fn the_ends_of_the_calendar_give_nothing() {
        let calendar = Calendar::default();
        assert_eq!(weeks(Date::MAX, 1), None);
        assert_eq!(weeks(date(2015, 1, 1), i32::MAX), None);
        assert_eq!(days(date(2015, 1, 1), i32::MIN), None);
        assert_eq!(months(date(9999, 12, 1), 1), None);
        assert_eq!(months(date(2015, 1, 1), i32::MAX), None);
        assert_eq!(incl_days(Date::MIN, 0), None);
        assert_eq!(calendar.working_days(Date::MAX, 1), None);
        // 31 December 9999 is a Friday in the recess: no working day follows.
        assert_eq!(calendar.trib_roll(Date::MAX), None);
    }

    /// Months without any library: count on, then step back to a day that exists.
    fn naive_months(d: Date, n: i32) -> Date {
        let index = i32::from(d.year()) * 12 + i32::from(d.month()) - 1 + n;
        let (year, month) = (index.div_euclid(12) as i16, index.rem_euclid(12) as i8 + 1);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        date(year, month, d.day().min(length))
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (0_i32..6_209).prop_map(|n| days(date(2014, 1, 1), n).unwrap())
    }

    proptest! {
        #[test]
        fn months_agree_with_counting_by_hand(d in any_date(), n in 0_i32..120) {
            prop_assert_eq!(months(d, n), Some(naive_months(d, n)));
        }

        #[test]
        fn an_appeal_is_never_due_on_a_day_that_does_not_count(d in any_date()) {
            let rules = real_rules();
            let calendar = rules.calendar();
            let due = calendar.trib_roll(d).unwrap();
            prop_assert!(due >= d);
            prop_assert!(!matches!(due.weekday(), Weekday::Saturday | Weekday::Sunday));
            prop_assert!(due.month() != 8);
            prop_assert!(due.month() != 12 || due.day() < 25);
            prop_assert!(due.month() != 1 || due.day() > 1);
            prop_assert!(!calendar.is_bank_holiday(due));
            // It is the first such day.
            let mut between = d;
            while between < due {
                prop_assert!(!calendar.is_tribunal_working_day(between));
                between = between.tomorrow().unwrap();
            }
        }
    }
}
