//! Regular expressions of forms: those of Java and JavaScript, matched against the whole text, with a
//! bound on the work.

use fancy_regex::{Regex, RegexBuilder};

use super::limits::LONGEST_PATTERN;

/// Most steps back that a pattern with look-around or back-references may take.
const MOST_BACKTRACKS: usize = 100_000;

/// Most bytes that a compiled pattern may take.
const BIGGEST: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: Box<str>,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// Compiles a pattern, or says why it cannot be used.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        if source.len() > LONGEST_PATTERN {
            return Err(format!("it is longer than {LONGEST_PATTERN} bytes"));
        }
        // Checked on its own first: `a)(b` must not become whole by the brackets around it.
        build(source)?;
        let regex = build(&format!("^(?:{source})$"))?;
        Ok(Self { source: source.into(), regex })
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> Result<bool, String> {
        // `$` matches before a last line break too; a whole match ends where the text ends.
        match self.regex.find(text) {
            Ok(found) => Ok(found.is_some_and(|found| found.end() == text.len())),
            Err(_) => Err("matching it takes too long".to_owned()),
        }
    }
}

fn build(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source)
        .backtrack_limit(MOST_BACKTRACKS)
        .delegate_size_limit(BIGGEST)
        .delegate_dfa_size_limit(BIGGEST)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            // The parser draws a picture over several lines: its last line says what is wrong.
            text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
        })
}
