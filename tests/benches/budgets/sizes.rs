//! How large the work is.

/// Sizes of the design, shrunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    scale: f64,
    full: bool,
}

impl Sizes {
    /// Everything times `scale`; `full` brings the largest rows to the size of the design.
    pub(crate) fn new(scale: f64, full: bool) -> Self {
        Self { scale, full }
    }

    /// So many at the scale that was asked for, never less than `least`.
    pub(crate) fn of(self, number: usize, least: usize) -> usize {
        ((number as f64 * self.scale).round() as usize).max(least)
    }

    /// Contacts of the phone that the design has a hundred thousand on: giving it all of them takes
    /// minutes.
    pub(crate) fn hundred_thousand(self) -> usize {
        self.of(if self.full { 100_000 } else { 20_000 }, 120)
    }

    /// Records of the rows that the design has at a million.
    pub(crate) fn million(self) -> usize {
        self.of(if self.full { 1_000_000 } else { 100_000 }, 400)
    }
}
