//! The heading of a sheet: which column says what, and in which language.

use std::collections::BTreeMap;

use super::table::{Sheet, SheetRow};
use crate::{
    form::Translated,
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
    plain: BTreeMap<&'static str, usize>,
    /// Column, then language (empty where the heading names none), then position.
    translated: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// Languages in the order in which the heading first names them.
    pub(super) languages: Vec<String>,
    extra: Vec<(usize, &'s str)>,
    unnamed: Vec<usize>,
}

impl<'s> Columns<'s> {
    pub(super) fn find(sheet: &'s Sheet, known: &Known, report: &mut Report) -> Self {
        let mut columns = Self {
            sheet: known.sheet,
            plain: BTreeMap::new(),
            translated: BTreeMap::new(),
            languages: Vec::new(),
            extra: Vec::new(),
            unnamed: Vec::new(),
        };
        for (at, heading) in sheet.heading.iter().enumerate() {
            columns.add(at, heading, known, report);
        }
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
            keep_first(self.translated.entry(name).or_default(), language.to_owned(), at)
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
        self.plain.contains_key(column) || self.translated.contains_key(column)
    }

    /// Whether a text column has a column without a language.
    pub(super) fn has_plain_text(&self, column: &str) -> bool {
        self.translated.get(column).is_some_and(|languages| languages.contains_key(""))
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

    /// The rows that hold anything, with their cells under these columns.
    pub(super) fn rows<'a>(&'a self, sheet: &'s Sheet) -> impl Iterator<Item = Row<'a>>
    where
        's: 'a,
    {
        sheet
            .rows
            .iter()
            .filter(|row| row.cells.iter().any(|cell| !cell.is_empty()))
            .map(move |row| Row { columns: self, row })
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

/// The columns that name files, by kind.
pub(super) const MEDIA: [&str; 4] = ["image", "audio", "video", "big-image"];

/// Notes the position of a column, unless one before it holds the same: gives the position of that.
fn keep_first<K: Ord>(columns: &mut BTreeMap<K, usize>, column: K, at: usize) -> Option<usize> {
    let first = *columns.entry(column).or_insert(at);
    (first != at).then_some(first)
}

/// A row, its cells by the names of the columns.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    columns: &'a Columns<'a>,
    row: &'a SheetRow,
}

impl<'a> Row<'a> {
    pub(super) fn number(&self) -> u32 {
        self.row.number
    }

    pub(super) fn place(&self) -> Place<'a> {
        Place { sheet: self.columns.sheet, ..Place::line(self.row.number) }
    }

    pub(super) fn at(&self, column: &'a str) -> Place<'a> {
        self.place().column(column)
    }

    fn cell(&self, at: usize) -> &'a str {
        self.row.cells.get(at).map_or("", String::as_str)
    }

    /// The text under a column; empty where the column or the text is missing.
    pub(super) fn get(&self, column: &str) -> &'a str {
        self.columns.plain.get(column).map_or("", |at| self.cell(*at))
    }

    pub(super) fn optional(&self, column: &str) -> Option<String> {
        Some(self.get(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The texts under a column in all languages.
    pub(super) fn texts(&self, column: &str) -> Translated {
        let columns = self.columns.translated.get(column).into_iter().flatten();
        Translated(
            columns
                .map(|(language, at)| (language.clone(), self.cell(*at).to_owned()))
                .filter(|(_, text)| !text.is_empty())
                .collect(),
        )
    }

    /// The files that are shown or played, by kind.
    pub(super) fn media(&self) -> BTreeMap<String, Translated> {
        let media = MEDIA.into_iter().map(|kind| (kind.to_owned(), self.texts(kind)));
        media.filter(|(_, texts)| !texts.0.is_empty()).collect()
    }

    /// The texts under columns that this version does not know, by heading.
    pub(super) fn extra(&self) -> BTreeMap<String, String> {
        let extra = self.columns.extra.iter().map(|(at, heading)| ((*heading).to_owned(), self.cell(*at)));
        extra.filter(|(_, text)| !text.is_empty()).map(|(heading, text)| (heading, text.to_owned())).collect()
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
