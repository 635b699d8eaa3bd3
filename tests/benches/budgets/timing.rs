//! Measuring: a measure and its yardstick take turns in the same run, so that what disturbs the
//! machine disturbs both.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What was measured, and its yardstick.
pub(crate) struct Turns {
    pub(crate) measure: Vec<Duration>,
    pub(crate) yardstick: Vec<Duration>,
}

impl Turns {
    /// Medians in microseconds: measure and yardstick.
    pub(crate) fn medians_us(&self) -> (f64, f64) {
        (median_us(&self.measure), median_us(&self.yardstick))
    }
}

/// Lets measure and yardstick take `rounds` turns; who goes first changes with every round.
pub(crate) fn take_turns(
    rounds: usize,
    mut measure: impl FnMut(usize) -> Result<Duration>,
    mut yardstick: impl FnMut(usize) -> Result<Duration>,
) -> Result<Turns> {
    let mut turns = Turns { measure: Vec::with_capacity(rounds), yardstick: Vec::with_capacity(rounds) };
    for round in 0..rounds {
        if round % 2 == 0 {
            turns.measure.push(measure(round)?);
            turns.yardstick.push(yardstick(round)?);
        } else {
            turns.yardstick.push(yardstick(round)?);
            turns.measure.push(measure(round)?);
        }
    }
    Ok(turns)
}

/// How long this takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let begun = Instant::now();
    let done = work()?;
    Ok((done, begun.elapsed()))
}

/// The median in microseconds.
pub(crate) fn median_us(durations: &[Duration]) -> f64 {
    median(durations.iter().map(|duration| duration.as_secs_f64() * 1e6).collect())
}

/// The 99th percentile in milliseconds.
pub(crate) fn p99_ms(durations: &[Duration]) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1e3)
}

/// The middle of these.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor time that this process has used so far, all threads, in seconds.
pub(crate) fn processor_seconds() -> Result<f64> {
    // Linux counts in ticks of a hundredth of a second, whatever the kernel's own clock does.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").context("this row needs /proc (Linux)")?;
    // The name, in brackets, may hold blanks.
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(ticks.len() == 2, "/proc/self/stat is not as expected");
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// Memory that a process holds, in MB.
pub(crate) fn resident_mb(process: u32) -> Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).context("this row needs /proc (Linux)")?;
    let kilobytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .context("the memory of a process cannot be read")?;
    Ok(kilobytes / 1024.0)
}
