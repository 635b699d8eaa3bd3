//! How large the work is.

/// Sizes of the design, shrunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    scale: f64,
    full: bool,
}

impl Sizes {
    /// Everything times `scale`; `full` brings the rows of a million records to a million.
    pub(crate) fn new(scale: f64, full: bool) -> Self {
        Self { scale, full }
    }

    /// So many at the scale that was asked for, never less than `least`.
    pub(crate) fn of(self, number: usize, least: usize) -> usize {
        ((number as f64 * self.scale).round() as usize).max(least)
    }

    /// Records of the rows that the design has at a million.
    pub(crate) fn million(self) -> usize {
        self.of(if self.full { 1_000_000 } else { 100_000 }, 400)
    }
}
