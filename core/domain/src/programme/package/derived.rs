//! `derived.toml`: what is worked out from records.

use std::collections::BTreeMap;

use super::toml_file::{Located, Table, TomlFile};
use crate::{
    form::{Form, Sensitivity, xlsform::cells},
    problem::{
        report::Report,
        suggest::{did_you_mean, one_of, quoted},
    },
    programme::{
        FieldRef,
        derived::{Band, Derived, Only, Way},
    },
};

const WAYS: [&str; 11] = [
    "sum",
    "sum_by",
    "count",
    "highest",
    "days",
    "age",
    "rights_passed",
    "bands",
    "any_marked",
    "all_marked",
    "stage_at",
];

/// Reads the file; `forms` may hold forms with problems of their own.
pub(super) fn read(text: &str, forms: &BTreeMap<String, Form>, report: &mut Report) -> Vec<Derived> {
    TomlFile::read(text, report, |file, root| {
        let mut values = Vec::new();
        let mut bands = Vec::new();
        for (form, of_form) in file.tables(&root) {
            if !forms.contains_key(&form) {
                let help =
                    did_you_mean(&form, forms.keys().map(String::as_str), "Name a form of the package.");
                file.report.error(
                    of_form.place(),
                    "unknown_form",
                    format!("There is no form {}.", quoted(&form)),
                    help,
                );
            }
            for (name, mut table) in file.tables(&of_form) {
                let id = format!("{form}.{name}");
                if let Some(value) = (Reader { forms }).value(file, &id, &mut table, &mut bands) {
                    values.push(value);
                }
                file.finish(&table);
            }
        }
        for of in bands {
            let numbers = |value: &&Derived| value.id == of.value && !matches!(value.way, Way::Bands { .. });
            if !values.iter().any(|value| numbers(&value)) {
                file.report.error(
                    of.place(),
                    "unknown_derived",
                    format!("There is no number {} to make bands of.", quoted(&of.value)),
                    "Name another value of this file, `form.name`, that is no band itself.",
                );
            }
        }
        values
    })
}

struct Reader<'a> {
    forms: &'a BTreeMap<String, Form>,
}

impl Reader<'_> {
    fn value(
        &self,
        file: &mut TomlFile<'_>,
        id: &str,
        table: &mut Table<'_>,
        bands: &mut Vec<Located<String>>,
    ) -> Option<Derived> {
        let label = file.required_text(table, "label");
        let sensitivity = match file.text(table, "class") {
            None => Sensitivity::default(),
            Some(class) => match cells::sensitivity(&class.value) {
                Ok(found) => found.unwrap_or_default(),
                Err(refusal) => {
                    file.report.error(class.place(), refusal.code, refusal.what, refusal.help);
                    Sensitivity::X
                }
            },
        };
        let uses = file.text(table, "use").map(|uses| uses.value).unwrap_or_default();
        let labels = match file.table(table, "labels") {
            Some(labels) => {
                file.text_entries(&labels).into_iter().map(|(code, label)| (code, label.value)).collect()
            }
            None => BTreeMap::new(),
        };
        file.require(table, "way");
        let way = file.text(table, "way")?;
        let way = self.way(file, &way, table, bands)?;
        Some(Derived { id: id.to_owned(), label, sensitivity, uses, way, labels })
    }

    fn way(
        &self,
        file: &mut TomlFile<'_>,
        word: &Located<String>,
        table: &mut Table<'_>,
        bands: &mut Vec<Located<String>>,
    ) -> Option<Way> {
        let only = self.only(file, table);
        Some(match word.value.as_str() {
            "sum" => {
                file.require(table, "fields");
                let fields = file.texts(table, "fields");
                let fields = fields.iter().filter_map(|field| self.field(file.report, field)).collect();
                Way::Sum { fields, only }
            }
            "sum_by" => {
                let field = self.required(file, table, "field");
                let by = file.required_text(table, "by");
                let field = field?;
                self.known(file.report, word, &field.form, &by);
                Way::SumBy { field, by }
            }
            "count" => Way::Count { form: file.required_text(table, "form"), only },
            "highest" => Way::Highest { field: self.required(file, table, "field")? },
            "days" => {
                let (from, to) = (self.required(file, table, "from"), self.required(file, table, "to"));
                let open = file.flag(table, "open");
                Way::Days { from: from?, to: to?, open }
            }
            "age" => Way::Age { birth: self.required(file, table, "field")? },
            "rights_passed" => {
                let age =
                    file.integer(table, "age").and_then(|age| i16::try_from(age).ok()).unwrap_or_default();
                Way::RightsPassed { birth: self.required(file, table, "field")?, age }
            }
            "bands" => {
                file.require(table, "of");
                let of = file.text(table, "of");
                let read =
                    file.texts(table, "bands").iter().filter_map(|text| band(file.report, text)).collect();
                let of = of?;
                let id = of.value.clone();
                bands.push(of);
                Way::Bands { of: id, bands: read }
            }
            "any_marked" => {
                let (field, column) =
                    (self.required(file, table, "field"), file.required_text(table, "column"));
                let mut conditions = BTreeMap::new();
                if let Some(table) = file.table(table, "conditions") {
                    for (word, text) in file.text_entries(&table) {
                        if let Some((name, codes)) = assigned(file.report, &text)
                            && let Some(field) = self.field(file.report, &name)
                        {
                            conditions.insert(word, (field, codes));
                        }
                    }
                }
                Way::AnyMarked { field: field?, column, conditions }
            }
            "all_marked" => {
                let (field, column) =
                    (self.required(file, table, "field"), file.required_text(table, "column"));
                let present = file.texts(table, "present");
                let present = present.iter().filter_map(|field| self.field(file.report, field)).collect();
                let codes = file.texts(table, "codes").into_iter().map(|code| code.value).collect::<Vec<_>>();
                let Ok([yes, no]) = <[String; 2]>::try_from(codes) else {
                    file.report.error(
                        table.place().column("codes"),
                        "wrong_count",
                        "`codes` are two: for all there, and for not all there.",
                        "Write both, such as `[\"READY\", \"NOT_READY\"]`.",
                    );
                    return None;
                };
                Way::AllMarked { field: field?, column, only, present, yes, no }
            }
            "stage_at" => {
                let at = self.required(file, table, "at");
                let stages = match file.table(table, "stages") {
                    Some(stages) => {
                        let entries = file.text_entries(&stages).into_iter();
                        entries.map(|(event, stage)| (event, stage.value)).collect()
                    }
                    None => BTreeMap::new(),
                };
                Way::StageAt { at: at?, stages }
            }
            other => {
                file.report.error(
                    word.place(),
                    "unknown_word",
                    format!("{} is no way of working something out.", quoted(other)),
                    did_you_mean(other, WAYS, &format!("Write {}.", one_of(WAYS))),
                );
                return None;
            }
        })
    }

    fn required(
        &self,
        file: &mut TomlFile<'_>,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Option<FieldRef> {
        file.require(table, key);
        let text = file.text(table, key)?;
        self.field(file.report, &text)
    }

    /// `question = CODE CODE`.
    fn only(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>) -> Option<Only> {
        let text = file.text(table, "where")?;
        let (field, codes) = assigned(file.report, &text)?;
        Some(Only { field: field.value, codes })
    }

    fn field(&self, report: &mut Report, text: &Located<String>) -> Option<FieldRef> {
        let Some((form, field)) = text.value.split_once('.') else {
            report.error(
                text.place(),
                "bad_field",
                format!("{} does not name a question.", quoted(&text.value)),
                "Write `form.question`.",
            );
            return None;
        };
        self.known(report, text, form, field)
            .then(|| FieldRef { form: form.to_owned(), field: field.to_owned() })
    }

    fn known(&self, report: &mut Report, at: &Located<String>, form: &str, field: &str) -> bool {
        let Some(found) = self.forms.get(form) else {
            report.error(
                at.place(),
                "unknown_form",
                format!("There is no form {}.", quoted(form)),
                did_you_mean(form, self.forms.keys().map(String::as_str), "Name a form of the package."),
            );
            return false;
        };
        if found.question(field).is_none() {
            report.error(
                at.place(),
                "unknown_question",
                format!("The form {} has no question {}.", quoted(form), quoted(field)),
                did_you_mean(
                    field,
                    found.questions().map(|question| question.name.as_str()),
                    "Write the name of one of its questions.",
                ),
            );
            return false;
        }
        true
    }
}

/// `name = CODE CODE`, the name with its place.
fn assigned(report: &mut Report, text: &Located<String>) -> Option<(Located<String>, Vec<String>)> {
    let found = text.value.split_once('=').map(|(name, codes)| {
        (name.trim().to_owned(), codes.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    });
    match found {
        Some((name, codes)) if !name.is_empty() && !codes.is_empty() => Some((text.with(name), codes)),
        _ => {
            report.error(
                text.place(),
                "bad_condition",
                format!("{} is no condition.", quoted(&text.value)),
                "Write `question = CODE`, with blanks between several codes.",
            );
            None
        }
    }
}

/// `CODE <= N`, or a code alone.
fn band(report: &mut Report, text: &Located<String>) -> Option<Band> {
    match text.value.split_once("<=") {
        None => Some(Band { code: text.value.trim().to_owned(), to: None }),
        Some((code, to)) => match to.trim().parse() {
            Ok(to) => Some(Band { code: code.trim().to_owned(), to: Some(to) }),
            Err(_) => {
                report.error(
                    text.place(),
                    "bad_band",
                    format!("{} is no band.", quoted(&text.value)),
                    "Write `CODE <= 120`, and the last one as a code alone.",
                );
                None
            }
        },
    }
}
