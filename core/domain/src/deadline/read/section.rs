//! One table of the file, read key by key; what is wrong is collected with its line.

use std::{cell::RefCell, collections::BTreeSet, ops::Range};

use jiff::civil::Date;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    deadline::{rules::EventPattern, words::Template},
    problem::{Problem, Severity},
};

/// The file, and what is wrong with it so far.
pub(crate) struct Source<'t> {
    file: &'t str,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Source<'t> {
    pub(crate) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, problems: RefCell::default() }
    }

    /// The line of a byte, counted from 1.
    fn line(&self, at: usize) -> u32 {
        let before = self.text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    pub(crate) fn report(&self, at: Option<Range<usize>>, place: Place<'_>, what: String, help: &str) {
        self.problems.borrow_mut().push(Problem {
            file: self.file.to_owned(),
            sheet: place.section.map(str::to_owned),
            row: at.map(|span| self.line(span.start)),
            column: place.key.map(str::to_owned),
            severity: Severity::Error,
            code: place.code,
            what,
            help: help.to_owned(),
        });
    }

    /// Everything that is wrong, in the order of the lines.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        // One value can be looked at for two reasons and be told about twice.
        problems.sort_by(|a, b| (a.row, &a.column, &a.what).cmp(&(b.row, &b.column, &b.what)));
        problems.dedup();
        problems
    }
}

/// Where a problem is, and its code.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) section: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) code: &'static str,
}

/// One table of the file. Keys that nobody asks for are reported by [`Section::finish`].
pub(crate) struct Section<'s, 'd> {
    source: &'s Source<'d>,
    /// What the table is called in problems: `rule D01`.
    name: Option<String>,
    table: &'s DeTable<'d>,
    span: Range<usize>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'s, 'd> Section<'s, 'd> {
    pub(crate) fn new(
        source: &'s Source<'d>,
        name: Option<String>,
        table: &'s DeTable<'d>,
        span: Range<usize>,
    ) -> Self {
        Self { source, name, table, span, asked: RefCell::default() }
    }

    pub(crate) fn call(&mut self, name: String) {
        self.name = Some(name);
    }

    pub(crate) fn name(&self) -> String {
        self.name.clone().unwrap_or_default()
    }

    pub(crate) fn table(&self) -> &'s DeTable<'d> {
        self.table
    }

    /// Reports something about a key of this table, or about the table.
    pub(crate) fn wrong(&self, key: Option<&str>, code: &'static str, what: String, help: &str) {
        let span = key.and_then(|key| self.table.get(key)).map_or_else(|| self.span.clone(), Spanned::span);
        self.wrong_at(span, key, code, what, help);
    }

    pub(crate) fn wrong_at(
        &self,
        at: Range<usize>,
        key: Option<&str>,
        code: &'static str,
        what: String,
        help: &str,
    ) {
        self.source.report(Some(at), Place { section: self.name.as_deref(), key, code }, what, help);
    }

    pub(crate) fn get(&self, key: &'static str) -> Option<&'s Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    pub(crate) fn missing<T>(&self, key: &'static str) -> Option<T> {
        self.wrong(Some(key), "missing_key", format!("`{key}` is missing."), "Add it to this table.");
        None
    }

    fn wrong_type<T>(&self, at: Range<usize>, key: &str, wanted: &str, found: &DeValue<'_>) -> Option<T> {
        let what = format!("`{key}` is {}, not {wanted}.", called(found));
        self.wrong_at(at, Some(key), "wrong_type", what, &format!("Write {wanted}."));
        None
    }

    /// A text that is not blank.
    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        if self.get(key).is_none() {
            return self.missing(key);
        }
        self.optional_text(key)
    }

    pub(crate) fn optional_text(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        self.text_of(key, value)
    }

    pub(crate) fn text_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => {
                self.wrong_at(
                    value.span(),
                    Some(key),
                    "blank",
                    format!("`{key}` is blank."),
                    "Write a text.",
                );
                None
            }
            DeValue::String(text) => Some(text.clone().into_owned()),
            other => self.wrong_type(value.span(), key, "a text in quotes", other),
        }
    }

    /// A whole number between two bounds.
    pub(crate) fn number(&self, key: &'static str, least: i32, most: i32) -> Option<i32> {
        let Some(value) = self.get(key) else { return self.missing(key) };
        self.number_of(key, value, least, most)
    }

    /// As [`Section::number`], of a value inside an array.
    pub(crate) fn number_of(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        least: i32,
        most: i32,
    ) -> Option<i32> {
        let DeValue::Integer(number) = value.get_ref() else {
            return self.wrong_type(value.span(), key, "a whole number", value.get_ref());
        };
        let read = i32::from_str_radix(number.as_str(), number.radix()).ok();
        let within = read.filter(|n| (least..=most).contains(n));
        if within.is_none() {
            let what = format!("`{key}` is {}, out of range.", number.as_str());
            let help = format!("Write a number from {least} to {most}.");
            self.wrong(Some(key), "number_out_of_range", what, &help);
        }
        within
    }

    pub(crate) fn flag(&self, key: &'static str) -> bool {
        match self.get(key).map(|value| (value.span(), value.get_ref())) {
            None => false,
            Some((_, DeValue::Boolean(flag))) => *flag,
            Some((span, other)) => self.wrong_type(span, key, "true or false", other).unwrap_or(false),
        }
    }

    pub(crate) fn optional_date(&self, key: &'static str) -> Option<Date> {
        self.date_of(key, self.get(key)?)
    }

    pub(crate) fn date_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Date> {
        let date = match value.get_ref() {
            DeValue::Datetime(toml::value::Datetime { date: Some(date), time: None, offset: None }) => date,
            other => return self.wrong_type(value.span(), key, "a date such as 2014-09-01", other),
        };
        let read = (|| {
            Date::new(date.year.try_into().ok()?, date.month.try_into().ok()?, date.day.try_into().ok()?).ok()
        })();
        if read.is_none() {
            let what = format!("`{key}` is {date}, a day that does not exist.");
            self.wrong_at(value.span(), Some(key), "no_such_day", what, "Write a date such as 2014-09-01.");
        }
        read
    }

    /// The values of an array; none where the key is absent.
    pub(crate) fn array(&self, key: &'static str) -> &'s [Spanned<DeValue<'d>>] {
        match self.get(key).map(|value| (value.span(), value.get_ref())) {
            None => &[],
            Some((_, DeValue::Array(values))) => values,
            Some((span, other)) => self.wrong_type(span, key, "a list in [ ]", other).unwrap_or(&[]),
        }
    }

    /// The values of an array inside an array.
    pub(crate) fn array_of(&self, key: &str, value: &'s Spanned<DeValue<'d>>) -> &'s [Spanned<DeValue<'d>>] {
        match value.get_ref() {
            DeValue::Array(values) => values,
            other => self.wrong_type(value.span(), key, "a list in [ ]", other).unwrap_or(&[]),
        }
    }

    /// As [`Section::array`], and something has to be in it.
    pub(crate) fn filled_array(&self, key: &'static str) -> &'s [Spanned<DeValue<'d>>] {
        let found = self.array(key);
        if self.get(key).is_none() {
            self.missing::<()>(key);
        } else if found.is_empty() && self.get(key).is_some_and(|value| value.get_ref().is_array()) {
            self.wrong(Some(key), "blank", format!("`{key}` is empty."), "Name at least one.");
        }
        found
    }

    /// The tables of an array of tables.
    pub(crate) fn sections(&self, key: &'static str, name: &str) -> Vec<Section<'s, 'd>> {
        let tables = self.filled_array(key).iter().filter_map(|value| match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section::new(self.source, Some(name.to_owned()), table, value.span()))
            }
            other => self.wrong_type(value.span(), key, "a table", other),
        });
        tables.collect()
    }

    /// Every table inside this one, called by its key.
    pub(crate) fn children(&self) -> Vec<Section<'s, 'd>> {
        let tables = self.table.iter().filter_map(|(key, value)| match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section::new(self.source, Some(key.get_ref().to_string()), table, value.span()))
            }
            other => self.wrong_type(value.span(), key.get_ref(), "a table", other),
        });
        tables.collect()
    }

    /// One table inside this one.
    pub(crate) fn section(&self, key: &'static str) -> Option<Section<'s, 'd>> {
        let Some(value) = self.get(key) else { return self.missing(key) };
        match value.get_ref() {
            DeValue::Table(table) => {
                Some(Section::new(self.source, Some(key.to_owned()), table, value.span()))
            }
            other => self.wrong_type(value.span(), key, "a table", other),
        }
    }

    pub(in crate::deadline) fn patterns(&self, key: &'static str, events: &Events) -> Vec<EventPattern> {
        self.array(key).iter().filter_map(|value| self.pattern_of(key, value, events)).collect()
    }

    /// `E02`, or `E02=N`.
    pub(in crate::deadline) fn pattern_of(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        events: &Events,
    ) -> Option<EventPattern> {
        let text = self.text_of(key, value)?;
        let (kind, outcome) = match text.split_once('=') {
            Some((kind, outcome)) => (kind, Some(outcome)),
            None => (text.as_str(), None),
        };
        if kind.is_empty() || outcome == Some("") {
            let what = format!("`{text}` does not name an event.");
            self.wrong_at(
                value.span(),
                Some(key),
                "bad_event",
                what,
                "Write `E02`, or `E02=N` for one outcome.",
            );
            return None;
        }
        if !events.0.contains(kind) {
            let what = format!("The event `{kind}` is not known.");
            self.wrong_at(value.span(), Some(key), "unknown_event", what, "Name it in [events].");
        }
        Some(EventPattern { kind: kind.to_owned(), outcome: outcome.map(str::to_owned) })
    }

    pub(in crate::deadline) fn template(&self, key: &'static str) -> Option<Template> {
        self.parse_template(key, &self.text(key)?)
    }

    pub(in crate::deadline) fn optional_template(&self, key: &'static str) -> Option<Template> {
        self.parse_template(key, &self.optional_text(key)?)
    }

    fn parse_template(&self, key: &'static str, text: &str) -> Option<Template> {
        let read = Template::parse(text);
        if let Err(gap) = &read {
            let what = format!("`{key}` has `{gap}`, which nothing can fill.");
            self.wrong(Some(key), "unknown_placeholder", what, "Use {event}, {date}, {n} or {due}.");
        }
        read.ok()
    }

    /// One of a few words; the first of them where the key is absent.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        if self.get(key).is_none() {
            return choices.first().map(|(_, choice)| *choice);
        }
        let text = self.optional_text(key)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let help = format!("Write one of: {}.", words.join(", "));
            self.wrong(Some(key), "unknown_word", format!("`{key}` cannot be \"{text}\"."), &help);
        }
        found
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(&self) {
        for (key, _) in
            self.table.iter().filter(|(key, _)| !self.asked.borrow().contains(key.get_ref().as_ref()))
        {
            let what = format!("`{}` is not a key of this table.", key.get_ref());
            self.wrong_at(
                key.span(),
                Some(key.get_ref()),
                "unknown_key",
                what,
                "Correct its spelling or remove it.",
            );
        }
    }
}

/// What a value is, for people.
fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The kinds of events that the file names.
pub(in crate::deadline) struct Events(pub(in crate::deadline) BTreeSet<String>);
