//! The cells of a row.

use std::ops::Range;

/// The cells of a row, one behind the other in one text: a form has hundreds of thousands of cells, and a row
/// is two pieces of memory however many it has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cells {
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<u32>,
}

impl Cells {
    /// Room for so many cells and bytes.
    pub(super) fn with_capacity(cells: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(cells) }
    }

    pub(super) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    fn span(&self, at: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(start as usize..end as usize)
    }

    pub(super) fn get(&self, at: usize) -> Option<&str> {
        self.text.get(self.span(at)?)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no cell holds anything.
    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at).unwrap_or_default())
    }

    /// Keeps the first of the cells.
    pub(super) fn truncate(&mut self, count: usize) {
        if count < self.len() {
            self.ends.truncate(count);
            self.text.truncate(self.ends.last().map_or(0, |end| *end as usize));
        }
    }

    /// Takes the blank cells off the end.
    pub(super) fn trim_end(&mut self) {
        let filled = (0..self.len()).rev().find(|at| self.span(*at).is_some_and(|span| !span.is_empty()));
        self.truncate(filled.map_or(0, |last| last + 1));
    }

    /// Takes the first cell off.
    pub(super) fn take_first(&mut self) -> Option<String> {
        let first = self.get(0)?.to_owned();
        let rest: Vec<String> = self.iter().skip(1).map(str::to_owned).collect();
        *self = rest.into();
        Some(first)
    }

    /// Makes each run of blanks in a cell one blank.
    pub(super) fn collapse_blanks(&mut self) {
        // Mostly there is none; cells have no blanks at their ends, so none is half in one and half in another.
        if !self.text.contains("  ") {
            return;
        }
        let collapsed = |cell: &str| {
            let mut last = None;
            cell.chars().filter(|letter| last.replace(*letter) != Some(' ') || *letter != ' ').collect()
        };
        let cells: Vec<String> = self.iter().map(collapsed).collect();
        *self = cells.into();
    }

    /// Empties a cell.
    pub(super) fn clear(&mut self, at: usize) {
        let mut cells: Vec<String> = self.iter().map(str::to_owned).collect();
        if let Some(cell) = cells.get_mut(at) {
            cell.clear();
        }
        *self = cells.into();
    }
}

impl From<Vec<String>> for Cells {
    fn from(cells: Vec<String>) -> Self {
        let mut row = Self::with_capacity(cells.len(), cells.iter().map(String::len).sum());
        cells.iter().for_each(|cell| row.push(cell));
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Cells {
        cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>().into()
    }

    #[test]
    fn blanks_are_made_one() {
        let mut cells = row(&["a  b", "", "c   d e\n\n  f", "g h"]);
        cells.collapse_blanks();
        assert_eq!(cells, row(&["a b", "", "c d e\n\n f", "g h"]));
    }

    #[test]
    fn cells_are_found_cut_and_taken() {
        let mut cells = row(&["a", "", "bé", ""]);
        assert_eq!(cells.iter().collect::<Vec<_>>(), ["a", "", "bé", ""]);
        assert_eq!((cells.get(2), cells.get(3), cells.get(4)), (Some("bé"), Some(""), None));
        cells.trim_end();
        assert_eq!(cells, row(&["a", "", "bé"]));
        assert_eq!(cells.take_first().as_deref(), Some("a"));
        assert_eq!(cells, row(&["", "bé"]));
        cells.clear(1);
        assert_eq!(cells, row(&["", ""]));
        assert!(cells.is_blank());
        cells.trim_end();
        assert_eq!((cells.len(), cells.take_first()), (0, None));
    }
}
