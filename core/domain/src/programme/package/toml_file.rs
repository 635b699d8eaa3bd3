//! TOML read by hand over its parsed tree, so that every problem is found at once and has its line.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::problem::{
    report::{Place, Report},
    suggest::{did_you_mean, one_of, quoted},
};

/// A TOML file being read.
pub(super) struct TomlFile<'r> {
    pub(super) report: &'r mut Report,
    /// Where each line starts, in bytes.
    starts: Vec<usize>,
}

/// A table of the file, with the keys that have been asked for.
pub(super) struct Table<'d> {
    pub(super) path: String,
    line: u32,
    values: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

/// A value with its key and line, to say later what is wrong with it.
pub(super) struct Located<T> {
    pub(super) value: T,
    path: String,
    key: String,
    line: u32,
}

impl<T> Located<T> {
    pub(super) fn place(&self) -> Place<'_> {
        Place { sheet: Some(self.path.as_str()).filter(|path| !path.is_empty()), ..Place::line(self.line) }
            .column(&self.key)
    }

    /// Another value at the same place.
    pub(super) fn with<U>(&self, value: U) -> Located<U> {
        Located { value, path: self.path.clone(), key: self.key.clone(), line: self.line }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), path: self.path, key: self.key, line: self.line }
    }
}

impl<'d> Table<'d> {
    pub(super) fn place(&self) -> Place<'_> {
        Place { sheet: Some(self.path.as_str()).filter(|path| !path.is_empty()), ..Place::line(self.line) }
    }

    fn child_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl<'r> TomlFile<'r> {
    /// Parses the text, reports what is no TOML, and hands what there is of it to `read`.
    pub(super) fn read<T>(
        text: &str,
        report: &'r mut Report,
        read: impl FnOnce(&mut TomlFile<'_>, Table<'_>) -> T,
    ) -> T {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut file = TomlFile { report, starts };
        for error in errors {
            let line = file.line(error.span().map_or(0, |span| span.start));
            file.report.error(
                Place::line(line),
                "bad_toml",
                format!("This is not TOML: {}.", error.message().lines().next().unwrap_or_default()),
                "See https://toml.io for how it is written.",
            );
        }
        let root = Table { path: String::new(), line: 1, values: tree.get_ref(), asked: Vec::new() };
        read(&mut file, root)
    }

    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    fn find<'d>(&mut self, table: &mut Table<'d>, key: &'static str) -> Option<Located<&'d DeValue<'d>>> {
        table.asked.push(key);
        let (name, value) = table.values.get_key_value(key)?;
        Some(self.located(table, name, value))
    }

    fn located<'d>(
        &self,
        table: &Table<'d>,
        name: &Spanned<std::borrow::Cow<'d, str>>,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Located<&'d DeValue<'d>> {
        Located {
            value: value.get_ref(),
            path: table.path.clone(),
            key: name.get_ref().to_string(),
            line: self.line(name.span().start),
        }
    }

    fn wrong<T>(&mut self, found: &Located<&DeValue<'_>>, wanted: &str) -> Option<T> {
        self.report.error(
            found.place(),
            "wrong_toml_type",
            format!("`{}` is {}.", found.key, kind_of(found.value)),
            format!("Write {wanted}."),
        );
        None
    }

    /// A text, where the key is there.
    pub(super) fn text(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Located<String>> {
        let found = self.find(table, key)?;
        match found.value.as_str() {
            Some("") => {
                self.report.error(
                    found.place(),
                    "empty_value",
                    format!("`{key}` is empty."),
                    "Write a text.",
                );
                None
            }
            Some(text) => {
                let text = text.to_owned();
                Some(found.map(|_| text))
            }
            None => self.wrong(&found, "a text in quotes"),
        }
    }

    /// A text that has to be there; empty where it is not.
    pub(super) fn required_text(&mut self, table: &mut Table<'_>, key: &'static str) -> String {
        self.require(table, key);
        self.text(table, key).map(|found| found.value).unwrap_or_default()
    }

    /// Whether a key is there.
    pub(super) fn has(&self, table: &Table<'_>, key: &str) -> bool {
        table.values.contains_key(key)
    }

    /// Says that a key is missing.
    pub(super) fn require(&mut self, table: &Table<'_>, key: &'static str) {
        if !table.values.contains_key(key) {
            self.report.error(
                table.place().column(key),
                "missing_key",
                format!("The key `{key}` is missing."),
                "Add it to the table.",
            );
        }
    }

    /// `true` or `false`; `false` where the key is not there.
    pub(super) fn flag(&mut self, table: &mut Table<'_>, key: &'static str) -> bool {
        let Some(found) = self.find(table, key) else { return false };
        found.value.as_bool().or_else(|| self.wrong(&found, "`true` or `false`")).unwrap_or_default()
    }

    /// A whole number, where the key is there.
    pub(super) fn integer(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<i64> {
        let found = self.find(table, key)?;
        let number = match found.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number.or_else(|| self.wrong(&found, "a whole number"))
    }

    /// A list of texts; empty where the key is not there.
    pub(super) fn texts(&mut self, table: &mut Table<'_>, key: &'static str) -> Vec<Located<String>> {
        let Some(found) = self.find(table, key) else { return Vec::new() };
        let Some(values) = found.value.as_array() else {
            return self.wrong(&found, "a list of texts, such as `[\"a\", \"b\"]`").unwrap_or_default();
        };
        let mut texts = Vec::new();
        for value in values.iter() {
            let line = self.line(value.span().start);
            let item =
                Located { value: value.get_ref(), path: found.path.clone(), key: found.key.clone(), line };
            match item.value.as_str() {
                Some(text) => {
                    let text = text.to_owned();
                    texts.push(item.map(|_| text));
                }
                None => {
                    self.wrong::<()>(&item, "only texts in quotes into this list");
                }
            }
        }
        texts
    }

    /// One of these words; `None`, and a problem, for another one or none.
    pub(super) fn word<T: Copy>(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        self.require(table, key);
        let found = self.text(table, key)?;
        let known = words.iter().find(|(word, _)| *word == found.value);
        if known.is_none() {
            let names = || words.iter().map(|(word, _)| *word);
            self.report.error(
                found.place(),
                "unknown_word",
                format!("{} is none of the words for `{key}`.", quoted(&found.value)),
                did_you_mean(&found.value, names(), &format!("Write {}.", one_of(names()))),
            );
        }
        known.map(|(_, meaning)| *meaning)
    }

    /// A table inside this one, where it is there.
    pub(super) fn table<'d>(&mut self, table: &mut Table<'d>, key: &'static str) -> Option<Table<'d>> {
        let found = self.find(table, key)?;
        let path = table.child_path(key);
        match found.value.as_table() {
            Some(values) => Some(Table { path, line: found.line, values, asked: Vec::new() }),
            None => self.wrong(&found, &format!("a table: `[{path}]`")),
        }
    }

    /// Every table inside this one, by its name.
    pub(super) fn tables<'d>(&mut self, table: &Table<'d>) -> Vec<(String, Table<'d>)> {
        let mut tables = Vec::new();
        for (name, value) in table.values {
            let found = self.located(table, name, value);
            let path = table.child_path(&found.key);
            match found.value.as_table() {
                Some(values) => {
                    tables.push((found.key, Table { path, line: found.line, values, asked: Vec::new() }));
                }
                None => {
                    self.wrong::<()>(&found, &format!("a table: `[{path}]`"));
                }
            }
        }
        tables
    }

    /// Every text inside this table, by its key.
    pub(super) fn text_entries(&mut self, table: &Table<'_>) -> Vec<(String, Located<String>)> {
        let mut texts = Vec::new();
        for (name, value) in table.values {
            let found = self.located(table, name, value);
            match found.value.as_str() {
                Some(text) => {
                    let text = text.to_owned();
                    texts.push((found.key.clone(), found.map(|_| text)));
                }
                None => {
                    self.wrong::<()>(&found, "a text in quotes");
                }
            }
        }
        texts
    }

    /// Says which keys of the table nobody asked for.
    pub(super) fn finish(&mut self, table: &Table<'_>) {
        for (name, value) in table.values {
            if !table.asked.contains(&name.get_ref().as_ref()) {
                let found = self.located(table, name, value);
                self.report.error(
                    found.place(),
                    "unknown_key",
                    format!("There is no key {} here.", quoted(&found.key)),
                    did_you_mean(
                        &found.key,
                        table.asked.iter().copied(),
                        &format!("The keys are {}.", one_of(table.asked.iter().copied())),
                    ),
                );
            }
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
