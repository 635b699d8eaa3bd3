//! How long to wait before trying again.

/// Shortest wait, in milliseconds.
pub const SHORTEST_MS: u64 = 1_000;
/// Longest wait, in milliseconds.
pub const LONGEST_MS: u64 = 15 * 60 * 1_000;

/// Milliseconds to wait after this many failures in a row (from 1): anywhere between the shortest
/// wait and a ceiling that doubles with each failure, so that phones that lost the same server do not
/// come back at the same moment.
#[must_use]
pub fn delay_ms(failures: u32, random: u64) -> u64 {
    let ceiling = SHORTEST_MS.checked_shl(failures.min(20)).map_or(LONGEST_MS, |ms| ms.min(LONGEST_MS));
    SHORTEST_MS + random % (ceiling - SHORTEST_MS + 1)
}

/// Milliseconds to wait when the server said for how many seconds: at least that long, up to a tenth
/// longer, and never longer than the longest wait of all.
#[must_use]
pub fn asked_ms(seconds: u32, random: u64) -> u64 {
    let asked = (u64::from(seconds) * 1_000).clamp(SHORTEST_MS, LONGEST_MS);
    (asked + random % (asked / 10 + 1)).min(LONGEST_MS)
}
