//! The day on which rights pass to a young person (domain.md 3.2).

use jiff::civil::{Date, Weekday, date};

/// The last Friday in June of the school year (September to August) in which this age is reached; `None`
/// beyond what a calendar can show.
pub(super) fn pass_on(birth: Date, age: i16) -> Option<Date> {
    let reached = birth.year().checked_add(age)?;
    let year = if birth.month() >= 9 { reached.checked_add(1)? } else { reached };
    if !(1..=9998).contains(&year) {
        return None;
    }
    date(year, 6, 1).nth_weekday_of_month(-1, Weekday::Friday).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_pass_on_the_last_friday_in_june() {
        for (birth, day) in [
            (date(1999, 1, 15), date(2015, 6, 26)),
            (date(1999, 8, 31), date(2015, 6, 26)),
            (date(1999, 9, 1), date(2016, 6, 24)),
            (date(2010, 7, 20), date(2026, 6, 26)),
        ] {
            assert_eq!(pass_on(birth, 16), Some(day), "{birth}");
        }
        assert_eq!(pass_on(Date::MAX, 16), None);
    }
}
