//! The reasons, in words that a supporter can read out.

use std::fmt::Write as _;

use jiff::civil::Date;

/// A sentence with gaps such as `{date}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Event,
    Date,
    Number,
    Due,
}

/// What fills the gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filling<'a> {
    pub(super) event: &'a str,
    pub(super) date: Date,
    pub(super) number: i32,
    pub(super) due: Date,
}

impl Template {
    /// Reads a template. `Err` is the gap that nobody can fill, as it was written.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            let Some(close) = after.find('}') else { return Err(after.to_owned()) };
            let gap = match &after[1..close] {
                "event" => Piece::Event,
                "date" => Piece::Date,
                "n" => Piece::Number,
                "due" => Piece::Due,
                _ => return Err(after[..=close].to_owned()),
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(gap);
            rest = &after[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub(super) fn fill(&self, with: Filling<'_>) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Event => out.push_str(with.event),
                Piece::Date => out.push_str(&day(with.date)),
                Piece::Number => {
                    let _ = write!(out, "{}", with.number);
                }
                Piece::Due => out.push_str(&day(with.due)),
            }
        }
        out
    }
}

/// A day as it is read out: `Monday 3 November 2014`.
fn day(date: Date) -> String {
    date.strftime("%A %-d %B %Y").to_string()
}
