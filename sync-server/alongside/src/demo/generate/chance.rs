//! Chance: one seeded source, and the few ways in which it is asked.

use alongside_domain::{
    ids::{GroupId, RecordId},
    time::Millis,
};
use jiff::{civil::Date, tz::TimeZone};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

/// A seeded source of chance.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// Everything that is asked of it follows from the seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// True this often.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    /// A whole number between these, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high.max(low))
    }

    /// One of these.
    pub(crate) fn one<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.0.random_range(0..items.len())]
    }

    /// One of these, as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> T {
        let total: u32 = items.iter().map(|(_, weight)| weight).sum();
        let mut at = self.0.random_range(0..total);
        for (item, weight) in items {
            if at < *weight {
                return *item;
            }
            at -= weight;
        }
        items[items.len() - 1].0
    }

    /// Some of these, in their order, each with this probability, at least one and at most `most`.
    pub(crate) fn some<T: Copy>(&mut self, items: &[T], probability: f64, most: usize) -> Vec<T> {
        let mut chosen: Vec<T> =
            items.iter().copied().filter(|_| self.happens(probability)).take(most).collect();
        if chosen.is_empty() {
            chosen.push(*self.one(items));
        }
        chosen
    }

    /// A count with this median and 90th percentile, skewed to the right.
    pub(crate) fn skewed(&mut self, median: f64, ninetieth: f64) -> usize {
        // 1.2816 standard deviations of the logarithm reach the 90th percentile.
        let sigma = (ninetieth.ln() - median.ln()) / 1.281_6;
        let drawn = LogNormal::new(median.ln(), sigma).map_or(median, |spread| spread.sample(&mut self.0));
        drawn.round().clamp(0.0, 200.0) as usize
    }

    /// An instant in office hours of this day in London.
    pub(crate) fn office_hours(&mut self, day: Date) -> Millis {
        let (hour, minute) = (self.between(9, 17), self.between(0, 11) * 5);
        let hour = i8::try_from(hour).unwrap_or(9);
        let minute = i8::try_from(minute).unwrap_or(0);
        let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
        let local = day.at(hour, minute, 0, 0);
        local.to_zoned_datetime(zone).map_or(Millis(0), |at| Millis(at.timestamp().as_millisecond()))
    }

    /// A working day (Monday to Friday) between these days.
    pub(crate) fn weekday(&mut self, from: Date, to: Date) -> Date {
        let span = i64::from((to - from).get_days()).max(0);
        let day = from.saturating_add(jiff::Span::new().days(self.between(0, span)));
        match day.weekday() {
            jiff::civil::Weekday::Saturday => day.saturating_sub(jiff::Span::new().days(1)),
            jiff::civil::Weekday::Sunday => day.saturating_sub(jiff::Span::new().days(2)),
            _ => day,
        }
    }

    pub(crate) fn record_id(&mut self, at: Millis) -> RecordId {
        RecordId::new(at, self.0.random())
    }

    pub(crate) fn group_id(&mut self) -> GroupId {
        GroupId::random(self.0.random())
    }

    /// Sixteen bytes, for whatever needs them.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}
