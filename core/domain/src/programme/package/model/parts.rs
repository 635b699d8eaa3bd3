//! `[parts]`: which form or question plays a part that the code knows.

use std::collections::BTreeMap;

use super::{ANY, CODES, DATES, Kinds, TEXTS, TIMES, expect_kind, is_ancestor, question, unknown};
use crate::{
    form::{Form, QuestionKind},
    problem::{
        report::Report,
        suggest::{did_you_mean, quoted},
    },
    programme::{
        CorrectionParts, EventParts, FieldRef, GroupKind, MomentKind, MomentParts, PartWords, Parts,
        RecordKind,
        holders::HolderParts,
        package::toml_file::{Located, Table, TomlFile},
        sessions::SessionParts,
    },
};

/// Which groups a part may stand in.
#[derive(Clone, Copy)]
enum Where {
    /// The unit's own group.
    Unit,
    /// That, or a group that the unit is linked to.
    Above,
}

/// Reads `[parts]` against what the package holds.
pub(super) struct PartsReader<'a> {
    pub(super) forms: &'a BTreeMap<String, Form>,
    pub(super) groups: &'a BTreeMap<String, GroupKind>,
    pub(super) records: &'a BTreeMap<String, RecordKind>,
}

impl PartsReader<'_> {
    pub(super) fn read(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>) -> Parts {
        for key in ["unit", "unit_words", "reference", "subject_name"] {
            file.require(table, key);
        }
        let unit = file.text(table, "unit");
        if let Some(unit) = unit.as_ref().filter(|unit| !self.groups.contains_key(&unit.value)) {
            unknown(file.report, unit, "group", self.groups.keys());
        }
        let unit = unit.map(|unit| unit.value).unwrap_or_default();
        let words = file.texts(table, "unit_words");
        let ended = file.texts(table, "ended").into_iter().map(|code| code.value).collect();
        let mut field = |file: &mut TomlFile<'_>, key, place, kinds, wanted| {
            let text = file.text(table, key)?;
            self.field(file.report, &text, &unit, place, kinds, wanted)
        };
        let reference = field(file, "reference", Where::Unit, ANY, "").unwrap_or_else(no_field);
        let status = field(file, "status", Where::Unit, CODES, "select_one");
        let stage = field(file, "stage", Where::Unit, CODES, "select_one");
        let supporter = field(file, "supporter", Where::Unit, TEXTS, "text or hidden");
        let area = field(file, "area", Where::Above, CODES, "select_one");
        let subject_birth = field(file, "subject_birth", Where::Above, DATES, "date");
        let contact_at = field(file, "contact_at", Where::Unit, TIMES, "date or datetime");
        let names = file.texts(table, "subject_name");
        let subject_name = names
            .iter()
            .filter_map(|name| self.field(file.report, name, &unit, Where::Above, ANY, ""))
            .collect();
        let unit_words = one_and_many(file, "unit_words", words).unwrap_or_default();
        let words = file.table(table, "words").map(|mut table| part_words(file, &mut table));
        let event = file.table(table, "event").map(|mut table| self.event(file, &mut table, &unit));
        let session =
            file.table(table, "session").and_then(|mut table| self.session(file, &mut table, &unit));
        let moments = file
            .table(table, "moments")
            .map(|table| file.tables(&table))
            .into_iter()
            .flatten()
            .filter_map(|(_, mut table)| self.moment(file, &mut table, &unit))
            .collect();
        let correction =
            file.table(table, "correction").and_then(|mut table| self.correction(file, &mut table, &unit));
        let holders = self.all_holders(file, table, &unit);
        file.finish(table);
        Parts {
            unit,
            unit_words,
            words: words.unwrap_or_default(),
            reference,
            status,
            ended,
            stage,
            supporter,
            area,
            subject_name,
            subject_birth,
            contact_at,
            event,
            session,
            moments,
            correction,
            holders,
        }
    }

    /// The forms whose records say who has a unit from when to when.
    fn all_holders(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>, unit: &str) -> Vec<HolderParts> {
        let Some(table) = file.table(table, "holders") else { return Vec::new() };
        let mut all: Vec<HolderParts> = Vec::new();
        for (_, mut table) in file.tables(&table) {
            let Some(holders) = self.holders(file, &mut table, unit) else { continue };
            if all.iter().any(|known| known.person.form == holders.person.form) {
                file.report.error(
                    table.place(),
                    "twice",
                    format!("Records of {} are named here already.", quoted(&holders.person.form)),
                    "Name each form once.",
                );
            }
            if holders.leads && all.iter().any(|known| known.leads) {
                file.report.error(
                    table.place(),
                    "one_leads",
                    "Two forms say who supports a unit.",
                    "Write `leads = true` once: records of the others say who stands in.",
                );
            }
            all.push(holders);
        }
        all
    }

    fn holders(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>, unit: &str) -> Option<HolderParts> {
        for key in ["person", "from", "to"] {
            file.require(table, key);
        }
        let mut field = |file: &mut TomlFile<'_>, key, kinds, wanted| {
            let text = file.text(table, key)?;
            let field = self.field(file.report, &text, unit, Where::Unit, kinds, wanted)?;
            Some((text, field))
        };
        let person = field(file, "person", TEXTS, "text or hidden");
        let others = [
            field(file, "from", DATES, "date"),
            field(file, "to", DATES, "date"),
            field(file, "reason", CODES, "select_one"),
            field(file, "note", TEXTS, "text"),
        ];
        if let Some((_, person)) = &person {
            one_form(file, person, others.iter().flatten(), "the person");
        }
        let leads = file.flag(table, "leads");
        let begins = file.text(table, "begins").map(|code| code.value);
        file.finish(table);
        let [from, to, reason, note] = others.map(|field| field.map(|(_, field)| field));
        Some(HolderParts { person: person?.1, from: from?, to: to?, reason, note, begins, leads })
    }

    fn session(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>, unit: &str) -> Option<SessionParts> {
        file.require(table, "id");
        let id = file.text(table, "id");
        let split = file.texts(table, "split");
        file.finish(table);
        let id = self.field(file.report, &id?, unit, Where::Unit, TEXTS, "text or hidden")?;
        let numbers: Kinds = |kind| matches!(kind, QuestionKind::Integer | QuestionKind::Decimal);
        let split = split
            .iter()
            .filter_map(|field| {
                self.field(file.report, field, unit, Where::Unit, numbers, "integer or decimal")
            })
            .collect();
        Some(SessionParts { id, split })
    }

    /// A day that a record tells although it is no event.
    fn moment(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>, unit: &str) -> Option<MomentParts> {
        file.require(table, "date");
        let always = file.text(table, "code");
        let mut field = |file: &mut TomlFile<'_>, key, kinds, wanted| {
            let text = file.text(table, key)?;
            let field = self.field(file.report, &text, unit, Where::Above, kinds, wanted)?;
            Some((text, field))
        };
        let date = field(file, "date", TIMES, "date or datetime");
        let coded = field(file, "kind", CODES, "select_one");
        let outcome = field(file, "outcome", CODES, "select_one");
        if let Some((_, date)) = &date {
            one_form(file, date, coded.iter().chain(&outcome), "the date");
        }
        file.finish(table);
        let kind = match (always, coded) {
            (Some(code), None) => Some(MomentKind::Always(code.value)),
            (None, Some((_, field))) => Some(MomentKind::Field(field)),
            _ => {
                file.report.error(
                    table.place(),
                    "one_kind",
                    "A moment has one kind.",
                    "Write `code`, the kind of every such moment, or `kind`, the question that says it.",
                );
                None
            }
        };
        Some(MomentParts { kind: kind?, date: date?.1, outcome: outcome.map(|(_, field)| field) })
    }

    /// Where a deadline's date set by hand is found.
    fn correction(
        &self,
        file: &mut TomlFile<'_>,
        table: &mut Table<'_>,
        unit: &str,
    ) -> Option<CorrectionParts> {
        file.require(table, "rule");
        file.require(table, "date");
        let mut field = |file: &mut TomlFile<'_>, key, kinds, wanted| {
            let text = file.text(table, key)?;
            let field = self.field(file.report, &text, unit, Where::Unit, kinds, wanted)?;
            Some((text, field))
        };
        let rule = field(file, "rule", CODES, "select_one");
        let others = [
            field(file, "date", DATES, "date"),
            field(file, "event", ANY, ""),
            field(file, "reason", TEXTS, "text"),
        ];
        if let Some((_, rule)) = &rule {
            one_form(file, rule, others.iter().flatten(), "the rule");
        }
        file.finish(table);
        let [date, event, reason] = others.map(|field| field.map(|(_, field)| field));
        Some(CorrectionParts { rule: rule?.1, date: date?, event, reason })
    }

    fn event(&self, file: &mut TomlFile<'_>, table: &mut Table<'_>, unit: &str) -> EventParts {
        file.require(table, "kind");
        file.require(table, "date");
        let mut field = |file: &mut TomlFile<'_>, key, kinds, wanted| {
            let text = file.text(table, key)?;
            let field = self.field(file.report, &text, unit, Where::Unit, kinds, wanted)?;
            Some((text, field))
        };
        let kind = field(file, "kind", CODES, "select_one");
        let others = [
            field(file, "date", DATES, "date"),
            field(file, "outcome", CODES, "select_one"),
            field(file, "exemption", CODES, "select_one"),
        ];
        let dates = file
            .texts(table, "dates")
            .into_iter()
            .filter_map(|text| {
                let field = self.field(file.report, &text, unit, Where::Unit, DATES, "date")?;
                Some((text, field))
            })
            .collect::<Vec<_>>();
        if let Some((_, kind)) = &kind {
            one_form(file, kind, others.iter().flatten(), "the kind");
            for (text, field) in &dates {
                one_form_as(file, kind, text, field, "the kind");
            }
        }
        let dates = dates.into_iter().map(|(_, field)| field).collect();
        file.finish(table);
        let [date, outcome, exemption] = others.map(|field| field.map(|(_, field)| field));
        EventParts {
            kind: kind.map_or_else(no_field, |(_, kind)| kind),
            date: date.unwrap_or_else(no_field),
            outcome,
            exemption,
            dates,
        }
    }

    /// A question by `form.question`, checked.
    fn field(
        &self,
        report: &mut Report,
        text: &Located<String>,
        unit: &str,
        place: Where,
        kinds: Kinds,
        wanted: &str,
    ) -> Option<FieldRef> {
        let Some((form_id, name)) =
            text.value.split_once('.').filter(|(form, name)| !form.is_empty() && !name.is_empty())
        else {
            report.error(
                text.place(),
                "bad_field",
                format!("{} does not name a question.", quoted(&text.value)),
                "Write `form.question`.",
            );
            return None;
        };
        let Some(form) = self.forms.get(form_id) else {
            report.error(
                text.place(),
                "unknown_form",
                format!("There is no form {}.", quoted(form_id)),
                did_you_mean(form_id, self.forms.keys().map(String::as_str), "Name a form of the package."),
            );
            return None;
        };
        let question = question(report, form, text, name)?;
        expect_kind(report, text, question, kinds, wanted);
        if let Some(group) = self.records.get(form_id).map(|kind| kind.group.as_str()) {
            let fits = match place {
                Where::Unit => group == unit,
                Where::Above => is_ancestor(self.groups, group, unit),
            };
            if !fits && self.groups.contains_key(group) && self.groups.contains_key(unit) {
                report.error(
                    text.place(),
                    "wrong_group",
                    format!("Records of {} live in {}.", quoted(form_id), quoted(group)),
                    match place {
                        Where::Unit => format!("Name a form whose records live in {}.", quoted(unit)),
                        Where::Above => {
                            format!("Name a form whose records live in {} or above it.", quoted(unit))
                        }
                    },
                );
            }
        }
        Some(FieldRef { form: form_id.to_owned(), field: name.to_owned() })
    }
}

/// Says which of these fields are not in the form of `first`.
fn one_form<'f>(
    file: &mut TomlFile<'_>,
    first: &FieldRef,
    others: impl Iterator<Item = &'f (Located<String>, FieldRef)>,
    called: &str,
) {
    for (text, field) in others {
        one_form_as(file, first, text, field, called);
    }
}

fn one_form_as(
    file: &mut TomlFile<'_>,
    first: &FieldRef,
    text: &Located<String>,
    field: &FieldRef,
    called: &str,
) {
    if field.form != first.form {
        file.report.error(
            text.place(),
            "another_form",
            format!("{} is not in the form {} as {called} is.", quoted(&field.field), quoted(&first.form)),
            "Name questions of one form.",
        );
    }
}

/// What one is called, and what many are called.
fn one_and_many(file: &mut TomlFile<'_>, key: &str, words: Vec<Located<String>>) -> Option<(String, String)> {
    match <[_; 2]>::try_from(words) {
        Ok([one, many]) => Some((one.value, many.value)),
        Err(words) => {
            let first = words.first()?;
            file.report.error(
                first.place(),
                "wrong_count",
                format!("`{key}` has {} words.", words.len()),
                "Write two: what one is called, and what many are called.",
            );
            None
        }
    }
}

fn part_words(file: &mut TomlFile<'_>, table: &mut Table<'_>) -> PartWords {
    let mut words = PartWords::default();
    for (key, word) in [
        ("supporter", &mut words.supporter),
        ("status", &mut words.status),
        ("stage", &mut words.stage),
        ("contact", &mut words.contact),
        ("relatives", &mut words.relatives),
    ] {
        if let Some(text) = file.text(table, key) {
            *word = text.value;
        }
    }
    let area = file.texts(table, "area");
    if let Some(area) = one_and_many(file, "area", area) {
        words.area = area;
    }
    file.finish(table);
    words
}

/// Stands in for a part that is missing, in a package that is refused for it.
fn no_field() -> FieldRef {
    FieldRef::default()
}
