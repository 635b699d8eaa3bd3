//! The map's TOML, read over its parsed tree: every problem at once, each with its line.

use std::collections::BTreeMap;

use jiff::civil::Date;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Column, Place, Report};
use crate::import::nearest;

/// A key or value with its line.
#[derive(Debug, Clone, Default)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) table: String,
    pub(super) key: String,
    pub(super) line: u32,
}

impl<T> Located<T> {
    pub(super) fn place(&self) -> Place<'_> {
        Place { table: &self.table, line: self.line, key: Some(&self.key) }
    }

    pub(super) fn with<U>(&self, value: U) -> Located<U> {
        Located { value, table: self.table.clone(), key: self.key.clone(), line: self.line }
    }
}

impl Located<String> {
    pub(super) fn column(self) -> Column {
        Column { title: self.value, table: self.table, key: self.key, line: self.line }
    }
}

/// A map as it is written, not yet held against a programme.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) partner: Option<Located<String>>,
    pub(super) author: Option<Located<String>>,
    pub(super) sheet: Option<Located<String>>,
    pub(super) heading_row: Option<Located<i64>>,
    pub(super) reference_date: Option<Located<Date>>,
    pub(super) groups: Vec<Located<GroupDraft>>,
    pub(super) records: Vec<Located<RecordDraft>>,
}

#[derive(Debug, Default)]
pub(super) struct GroupDraft {
    pub(super) key: Option<Located<Vec<String>>>,
    pub(super) parents: Option<Located<Vec<String>>>,
}

#[derive(Debug, Default)]
pub(super) struct RecordDraft {
    pub(super) form: Option<Located<String>>,
    pub(super) group: Option<Located<String>>,
    pub(super) key: Option<Located<Vec<String>>>,
    pub(super) when: Option<Located<String>>,
    pub(super) later: Option<Located<Vec<String>>>,
    pub(super) fields: Vec<Located<FieldDraft>>,
}

#[derive(Debug, Default)]
pub(super) struct FieldDraft {
    pub(super) column: Option<Located<String>>,
    pub(super) columns: Option<Located<Vec<String>>>,
    pub(super) join: Option<Located<String>>,
    pub(super) constant: Option<Located<String>>,
    pub(super) codes: BTreeMap<String, Located<String>>,
    pub(super) split: Option<Located<String>>,
    pub(super) default: Option<Located<String>>,
    pub(super) unknown: Option<Located<String>>,
    pub(super) tidy: Option<Located<String>>,
    pub(super) required: Option<Located<bool>>,
    pub(super) person: Option<Located<bool>>,
    pub(super) grant: Option<Located<bool>>,
}

pub(super) fn draft(text: &str, report: &mut Report) -> Draft {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut reader = Reader { starts, report };
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = reader.line(error.span().map_or(0, |span| span.start));
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        reader.report.error(
            Place { table: "", line, key: None },
            "bad_toml",
            format!("This is not TOML: {message}."),
            "Compare it with the example of docs/importing.md.",
        );
    }
    reader.root(tree.get_ref())
}

struct Reader<'r> {
    starts: Vec<usize>,
    report: &'r mut Report,
}

type Entry<'d> = Located<&'d DeValue<'d>>;

impl Reader<'_> {
    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// The entries of a table in the order of the file.
    fn entries<'d>(&self, path: &str, table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
        let mut entries: Vec<(usize, Entry<'d>)> = table
            .iter()
            .map(|(name, value): (&Spanned<_>, &Spanned<_>)| {
                let at = name.span().start;
                let key: &std::borrow::Cow<'_, str> = name.get_ref();
                let located = Located {
                    value: value.get_ref(),
                    table: path.to_owned(),
                    key: key.to_string(),
                    line: self.line(at),
                };
                (at, located)
            })
            .collect();
        entries.sort_by_key(|(at, _)| *at);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    fn unknown(&mut self, entry: &Entry<'_>, known: &[&str]) {
        let help = nearest::help(&entry.key, known.iter().copied(), "Take it out.");
        self.report.error(
            entry.place(),
            "unknown_key",
            format!("There is no setting `{}` here.", entry.key),
            help,
        );
    }

    fn wrong<T>(&mut self, entry: &Entry<'_>, wanted: &str) -> Option<T> {
        let what = format!("`{}` cannot be read.", entry.key);
        self.report.error(entry.place(), "wrong_type", what, format!("Write {wanted}."));
        None
    }

    fn text(&mut self, entry: &Entry<'_>) -> Option<Located<String>> {
        match entry.value {
            DeValue::String(text) => Some(entry.with(text.to_string())),
            _ => self.wrong(entry, "a text in quotes"),
        }
    }

    /// A text that is not blank.
    fn words(&mut self, entry: &Entry<'_>) -> Option<Located<String>> {
        let text = self.text(entry)?;
        if text.value.trim().is_empty() { self.wrong(entry, "a text that is not empty") } else { Some(text) }
    }

    fn truth(&mut self, entry: &Entry<'_>) -> Option<Located<bool>> {
        match entry.value {
            DeValue::Boolean(truth) => Some(entry.with(*truth)),
            _ => self.wrong(entry, "true or false, without quotes"),
        }
    }

    /// One text or several.
    fn texts(&mut self, entry: &Entry<'_>) -> Option<Located<Vec<String>>> {
        let wanted = "one text in quotes, or several: [\"Surname\", \"Postcode\"]";
        let texts = match entry.value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(items) => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        match texts {
            Some(texts) if !texts.is_empty() && texts.iter().all(|text| !text.trim().is_empty()) => {
                Some(entry.with(texts))
            }
            _ => self.wrong(entry, wanted),
        }
    }

    fn table<'d>(&mut self, entry: &Entry<'d>, wanted: &str) -> Vec<Entry<'d>> {
        let path =
            if entry.table.is_empty() { entry.key.clone() } else { format!("{}.{}", entry.table, entry.key) };
        match entry.value {
            DeValue::Table(table) => self.entries(&path, table),
            _ => {
                self.wrong::<()>(entry, wanted);
                Vec::new()
            }
        }
    }

    fn root(&mut self, table: &DeTable<'_>) -> Draft {
        let mut draft = Draft::default();
        for entry in self.entries("", table) {
            match entry.key.as_str() {
                "partner" => draft.partner = self.words(&entry),
                "author" => draft.author = self.words(&entry),
                "sheet" => draft.sheet = self.words(&entry),
                "heading_row" => {
                    draft.heading_row = match entry.value {
                        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                            .ok()
                            .map(|row| entry.with(row)),
                        _ => self.wrong(&entry, "the number of a row, such as 1"),
                    };
                }
                "reference_date" => {
                    let date = match entry.value {
                        DeValue::Datetime(date) => date.to_string().parse().ok(),
                        _ => None,
                    };
                    draft.reference_date = match date {
                        Some(date) => Some(entry.with(date)),
                        None => self.wrong(&entry, "a date without quotes, such as 2016-03-31"),
                    };
                }
                "groups" => {
                    for group in self.table(&entry, "one table for each kind of group: [groups.family]") {
                        let read = self.group(&group);
                        draft.groups.push(group.with(read));
                    }
                }
                "records" => {
                    for record in self.table(&entry, "one table for each record: [records.family]") {
                        let read = self.record(&record);
                        draft.records.push(record.with(read));
                    }
                }
                _ => self.unknown(
                    &entry,
                    &["partner", "author", "sheet", "heading_row", "reference_date", "groups", "records"],
                ),
            }
        }
        draft
    }

    fn group(&mut self, entry: &Entry<'_>) -> GroupDraft {
        let mut draft = GroupDraft::default();
        for entry in self.table(entry, "a table: [groups.family]") {
            match entry.key.as_str() {
                "key" => draft.key = self.texts(&entry),
                "parents" => draft.parents = self.texts(&entry),
                _ => self.unknown(&entry, &["key", "parents"]),
            }
        }
        draft
    }

    fn record(&mut self, entry: &Entry<'_>) -> RecordDraft {
        let mut draft = RecordDraft::default();
        for entry in self.table(entry, "a table: [records.family]") {
            match entry.key.as_str() {
                "form" => draft.form = self.words(&entry),
                "group" => draft.group = self.words(&entry),
                "key" => draft.key = self.texts(&entry),
                "when" => draft.when = self.words(&entry),
                "later" => draft.later = self.texts(&entry),
                "fields" => {
                    for field in self.table(&entry, "a table: [records.family.fields]") {
                        let read = self.field(&field);
                        draft.fields.push(field.with(read));
                    }
                }
                _ => self.unknown(&entry, &["form", "group", "key", "when", "later", "fields"]),
            }
        }
        draft
    }

    fn field(&mut self, field: &Entry<'_>) -> FieldDraft {
        let mut draft = FieldDraft::default();
        if let DeValue::String(_) = field.value {
            draft.column = self.words(field);
            return draft;
        }
        for entry in self.table(field, "the heading of a column in quotes, or { column = \"...\" }") {
            match entry.key.as_str() {
                "column" => draft.column = self.words(&entry),
                "columns" => draft.columns = self.texts(&entry),
                "join" => draft.join = self.text(&entry),
                "constant" => draft.constant = self.words(&entry),
                "codes" => {
                    for code in self.table(&entry, "a table: { Male = \"M\", Female = \"F\" }") {
                        if let Some(text) = self.text(&code) {
                            draft.codes.insert(code.key.clone(), text);
                        }
                    }
                }
                "split" => draft.split = self.text(&entry),
                "default" => draft.default = self.words(&entry),
                "unknown" => draft.unknown = self.words(&entry),
                "tidy" => draft.tidy = self.words(&entry),
                "required" => draft.required = self.truth(&entry),
                "person" => draft.person = self.truth(&entry),
                "grant" => draft.grant = self.truth(&entry),
                _ => self.unknown(
                    &entry,
                    &[
                        "column", "columns", "join", "constant", "codes", "split", "default", "unknown",
                        "tidy", "required", "person", "grant",
                    ],
                ),
            }
        }
        draft
    }
}
