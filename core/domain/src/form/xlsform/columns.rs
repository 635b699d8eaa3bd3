//! The heading of a sheet: which column says what, and in which language.

use std::collections::BTreeMap;

use super::table::{Sheet, SheetRow};
use crate::{
    form::{Translated, named::Named},
    problem::{
        report::{Place, Report},
        suggest::{nearest_within, quoted},
    },
};

/// What the columns of a sheet can be.
pub(super) struct Known {
    /// The sheet, as problems name it; a code list has none.
    pub(super) sheet: Option<&'static str>,
    /// Columns with one text.
    pub(super) plain: &'static [&'static str],
    /// Columns with a text in each language (`label::Cymraeg (cy)`).
    pub(super) translated: &'static [&'static str],
    /// Other spellings that the standard allows, and what they stand for.
    pub(super) aliases: &'static [(&'static str, &'static str)],
    /// Columns of the standard that are kept without being understood.
    pub(super) kept: &'static [&'static str],
}

/// The columns of a sheet, found in its heading.
pub(super) struct Columns<'s> {
    sheet: Option<&'static str>,
    /// Columns and their positions. There are few, and every cell is looked up: a list is faster than a tree.
    plain: Vec<(&'static str, usize)>,
    /// Columns, then languages (empty where the heading names none) in their order, then positions.
    translated: Vec<(&'static str, Vec<(String, usize)>)>,
    /// Whether any column names files.
    has_media: bool,
    /// The first letters of the columns with one text: see [`initial`].
    firsts: u64,
    /// Languages in the order in which the heading first names them.
    pub(super) languages: Vec<String>,
    extra: Vec<(usize, &'s str)>,
    unnamed: Vec<usize>,
}

impl<'s> Columns<'s> {
    pub(super) fn find(sheet: &'s Sheet, known: &Known, report: &mut Report) -> Self {
        let mut columns = Self {
            sheet: known.sheet,
            plain: Vec::new(),
            translated: Vec::new(),
            has_media: false,
            firsts: 0,
            languages: Vec::new(),
            extra: Vec::new(),
            unnamed: Vec::new(),
        };
        for (at, heading) in sheet.heading.iter().enumerate() {
            columns.add(at, heading, known, report);
        }
        let place = |name: &str| known.translated.iter().position(|known| *known == name);
        columns.translated.sort_by_key(|(name, _)| place(name));
        columns.firsts = columns.plain.iter().fold(0, |firsts, (name, _)| firsts | initial(name));
        columns.has_media = MEDIA.into_iter().any(|kind| columns.has(kind));
        columns
    }

    fn add(&mut self, at: usize, heading: &'s str, known: &Known, report: &mut Report) {
        let place = Place { sheet: known.sheet, ..Place::line(1) };
        if heading.is_empty() {
            self.unnamed.push(at);
            return;
        }
        let plainer = plainer(heading, known, report.is_standard());
        let spelled = plainer.as_deref().unwrap_or(heading);
        let (base, language) = match spelled.split_once("::") {
            Some((base, language)) => (base.trim(), Some(language.trim())),
            None => (spelled, None),
        };
        let base = base.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
        let base =
            known.aliases.iter().find(|(alias, _)| *alias == base).map_or(base.as_str(), |(_, name)| name);
        let find = |names: &'static [&'static str]| names.iter().copied().find(|name| *name == base);

        let before = if let Some(name) = find(known.translated) {
            let language = language.unwrap_or_default();
            if language.is_empty() && spelled.contains("::") {
                report.error(
                    place.column(heading),
                    "missing_language",
                    format!("{} names no language.", quoted(heading)),
                    "Write the language behind `::`, such as `label::Cymraeg (cy)`.",
                );
            } else if !language.is_empty() && !self.languages.iter().any(|known| known == language) {
                self.languages.push(language.to_owned());
            }
            let column = match self.translated.iter().position(|(known, _)| *known == name) {
                Some(place) => place,
                None => {
                    self.translated.push((name, Vec::new()));
                    self.translated.len() - 1
                }
            };
            let languages = &mut self.translated[column].1;
            let first = keep_first(languages, language.to_owned(), at);
            languages.sort();
            first
        } else if let Some(name) = find(known.plain).filter(|_| language.is_none()) {
            keep_first(&mut self.plain, name, at)
        } else {
            self.unknown(place, heading, base, known, report);
            let twin = self.extra.iter().find(|(_, other)| *other == heading).map(|(at, _)| *at);
            self.extra.push((at, heading));
            twin
        };
        if let Some(before) = before {
            report.error(
                place.column(heading),
                "duplicate_column",
                format!("Columns {} and {} both hold {}.", before + 1, at + 1, quoted(heading)),
                "Keep one of them, or rename the other.",
            );
        }
    }

    fn unknown(&self, place: Place<'_>, heading: &str, base: &str, known: &Known, report: &mut Report) {
        let mine = || known.plain.iter().chain(known.translated).copied();
        let place = place.column(heading);
        let what = format!("There is no column {}.", quoted(heading));
        if known.kept.contains(&base) {
            return;
        }
        if mine().any(|name| name == base) {
            report.error(
                place,
                "unknown_column",
                what,
                format!("`{base}` has no languages: leave out `::`."),
            );
        } else if let Some((start, _)) =
            base.split_once(':').filter(|(start, _)| known.translated.contains(start))
        {
            report.error(
                place,
                "unknown_column",
                what,
                format!("Write a language behind `::`: `{start}::en`."),
            );
        } else if report.is_standard() {
            // The standard lets a sheet have any column of its own.
            if let Some(near) =
                nearest_within(base, mine(), (base.len() / 4).clamp(1, 2)).filter(|_| base.len() > 3)
            {
                report.warning(place, "unknown_column", what, format!("Did you mean `{near}`?"));
            }
        } else if let Some(near) = nearest_within(base, mine(), (base.len() / 4).clamp(1, 2)) {
            report.error(
                place,
                "unknown_column",
                what,
                format!("Did you mean `{near}`? If not, choose a name that is not so near to it."),
            );
        }
    }

    /// Whether the sheet has this column, in any language.
    pub(super) fn has(&self, column: &str) -> bool {
        self.plain.iter().any(|(known, _)| *known == column) || !self.languages_of(column).is_empty()
    }

    /// Whether a text column has a column without a language.
    pub(super) fn has_plain_text(&self, column: &str) -> bool {
        self.languages_of(column).iter().any(|(language, _)| language.is_empty())
    }

    /// The languages of a text column, with their positions.
    fn languages_of(&self, column: &str) -> &[(String, usize)] {
        self.translated.iter().find(|(known, _)| *known == column).map_or(&[], |(_, languages)| languages)
    }

    /// Says that a sheet lacks a column.
    pub(super) fn require(&self, column: &str, report: &mut Report) -> bool {
        let there = self.has(column);
        if !there {
            report.error(
                Place { sheet: self.sheet, ..Place::line(1) }.column(column),
                "missing_column",
                format!("The sheet has no column `{column}`."),
                "Add it to the heading.",
            );
        }
        there
    }

    /// The position of a column with one text.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        // Mostly the sheet has none that begins so, or another begins with another letter.
        let first = column.as_bytes().first();
        if self.firsts & initial(column) == 0 {
            return None;
        }
        let is_it = |known: &&str| known.as_bytes().first() == first && *known == column;
        self.plain.iter().find(|(known, _)| is_it(known)).map(|(_, at)| *at)
    }

    /// A row with its cells under these columns.
    pub(super) fn row<'a>(&'a self, row: &'s SheetRow) -> Row<'a, 's> {
        Row { columns: self, row }
    }

    /// The rows that hold anything, with their cells under these columns.
    pub(super) fn rows<'a>(&'a self, sheet: &'s Sheet) -> impl Iterator<Item = Row<'a, 's>>
    where
        's: 'a,
    {
        sheet.rows.iter().filter(|row| !row.cells.is_blank()).map(move |row| self.row(row))
    }
}

/// The plainer spelling of a heading that names the part of the XForm it goes to (`bind::relevant`,
/// `media::image::en`), or its language behind one colon (`label:en`).
fn plainer(heading: &str, known: &Known, is_standard: bool) -> Option<String> {
    let parts: Vec<&str> = heading.split("::").map(str::trim).collect();
    let (base, rest) = match parts.as_slice() {
        [part, name, rest @ ..] => {
            let part = part.to_lowercase();
            let name = name.to_lowercase();
            let base = match (part.as_str(), name.as_str()) {
                ("media", "image" | "audio" | "video" | "big-image") => name,
                ("bind", "relevant" | "constraint" | "required" | "readonly") => name,
                ("bind", "calculate") => "calculation".to_owned(),
                ("bind", "jr:constraintmsg") => "constraint_message".to_owned(),
                ("bind", "jr:requiredmsg") => "required_message".to_owned(),
                ("control" | "body", "appearance") => name,
                ("control" | "body", "jr:count") => "repeat_count".to_owned(),
                _ => return None,
            };
            (base, rest)
        }
        [one] if is_standard => {
            let (base, language) = one.split_once(':')?;
            let base = base.trim().to_lowercase();
            if !known.translated.contains(&base.as_str()) || language.trim().is_empty() {
                return None;
            }
            return Some(format!("{base}::{}", language.trim()));
        }
        _ => return None,
    };
    let mut plainer = base;
    for language in rest {
        plainer.push_str("::");
        plainer.push_str(language);
    }
    Some(plainer)
}

/// The bit of a name's first letter.
fn initial(name: &str) -> u64 {
    name.as_bytes().first().map_or(0, |first| 1 << (first & 63))
}

/// The columns that name files, by kind.
pub(super) const MEDIA: [&str; 4] = ["image", "audio", "video", "big-image"];

/// Notes the position of a column, unless one before it holds the same: gives the position of that.
fn keep_first<K: PartialEq>(columns: &mut Vec<(K, usize)>, column: K, at: usize) -> Option<usize> {
    let first = columns.iter().find(|(known, _)| *known == column).map(|(_, first)| *first);
    if first.is_none() {
        columns.push((column, at));
    }
    first
}

/// A row, its cells by the names of the columns.
#[derive(Clone, Copy)]
pub(super) struct Row<'a, 's> {
    columns: &'a Columns<'s>,
    row: &'s SheetRow,
}

impl<'s> Row<'_, 's> {
    pub(super) fn number(&self) -> u32 {
        self.row.number
    }

    pub(super) fn place<'p>(&self) -> Place<'p> {
        Place { sheet: self.columns.sheet, ..Place::line(self.row.number) }
    }

    pub(super) fn at<'p>(&self, column: &'p str) -> Place<'p> {
        self.place().column(column)
    }

    fn cell(&self, at: usize) -> &'s str {
        self.row.cells.get(at).unwrap_or_default()
    }

    /// The text under a column; empty where the column or the text is missing.
    pub(super) fn get(&self, column: &str) -> &'s str {
        self.columns.place(column).map_or("", |at| self.cell(at))
    }

    pub(super) fn optional(&self, column: &str) -> Option<String> {
        Some(self.get(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The texts under a column in all languages.
    pub(super) fn texts(&self, column: &str) -> Translated {
        let languages = self.columns.languages_of(column).iter();
        let texts = languages.map(|(language, at)| (language, self.cell(*at)));
        Translated(named(texts.map(|(language, text)| (language.as_str(), text))))
    }

    /// Whether there is a text under a column, in any language.
    pub(super) fn says(&self, column: &str) -> bool {
        self.columns.languages_of(column).iter().any(|(_, at)| !self.cell(*at).is_empty())
    }

    /// Every text under a column that can be translated, with the name of that.
    pub(super) fn all_texts(&self) -> impl Iterator<Item = (&'static str, &'s str)> {
        let Self { columns, row } = *self;
        let columns = columns.translated.iter();
        let cells = columns.flat_map(|(column, languages)| languages.iter().map(|(_, at)| (*column, *at)));
        cells.map(move |(column, at)| (column, row.cells.get(at).unwrap_or_default()))
    }

    /// The files that are shown or played, by kind.
    pub(super) fn media(&self) -> BTreeMap<String, Translated> {
        if !self.columns.has_media {
            return BTreeMap::new();
        }
        let has = MEDIA.into_iter().filter(|kind| self.says(kind));
        has.map(|kind| (kind.to_owned(), self.texts(kind))).collect()
    }

    /// The texts under columns that this version does not know, by heading.
    pub(super) fn extra(&self) -> Named {
        named(self.columns.extra.iter().map(|(at, heading)| (*heading, self.cell(*at))))
    }

    /// Says which cells stand under no heading.
    pub(super) fn check_unnamed(&self, report: &mut Report) {
        for at in &self.columns.unnamed {
            if !self.cell(*at).is_empty() {
                report.error(
                    self.place(),
                    "cell_without_heading",
                    format!("{} stands in column {}, which has no heading.", quoted(self.cell(*at)), at + 1),
                    "Name the column, or move the text to where it belongs.",
                );
            }
        }
    }
}

/// Those texts that are not empty, by name.
fn named<'t>(texts: impl Iterator<Item = (&'t str, &'t str)>) -> Named {
    let texts = texts.filter(|(_, text)| !text.is_empty());
    texts.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}
