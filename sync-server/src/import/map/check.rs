//! A map held against its programme: kinds of groups, forms, questions, codes.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::{Form, Question},
    programme::{Count, Programme},
};

use super::{
    Column, ColumnId, FieldMap, GroupMap, Map, Place, RecordMap, Report, Source, Tidy,
    toml_reader::{Draft, FieldDraft, GroupDraft, Located, RecordDraft},
};
use crate::import::{answer, nearest, tidy};

pub(super) fn check(draft: Draft, programme: &Programme, report: &mut Report) -> Map {
    let mut check = Check { programme, report, columns: Vec::new() };
    let partner = check.needed(draft.partner, "partner", "the name of the partner organisation");
    let author = check.needed(draft.author, "author", "the work name or the id of the person who imports");
    let heading_row = draft.heading_row.and_then(|row| match u32::try_from(row.value) {
        Ok(number) if number > 0 => Some(number),
        _ => {
            check.report.error(
                row.place(),
                "bad_row",
                "Rows are counted from 1.",
                "Write the number of the row.",
            );
            None
        }
    });
    let groups = check.groups(&draft.groups);
    let records = check.records(&draft.records, &groups);
    Map {
        file: check.report.file.clone(),
        partner,
        author,
        sheet: draft.sheet.map(|sheet| sheet.value),
        heading_row,
        reference_date: draft.reference_date.map(|date| date.value),
        columns: check.columns,
        groups,
        records,
    }
}

struct Check<'c> {
    programme: &'c Programme,
    report: &'c mut Report,
    columns: Vec<Column>,
}

impl Check<'_> {
    fn needed(&mut self, found: Option<Located<String>>, key: &'static str, what: &str) -> String {
        found.map(|found| found.value).unwrap_or_else(|| {
            let place = Place { table: "", line: 1, key: Some(key) };
            self.report.error(place, "missing_key", format!("`{key}` is missing."), format!("Write {what}."));
            String::new()
        })
    }

    fn column(&mut self, title: Located<String>) -> ColumnId {
        self.columns.push(title.column());
        self.columns.len() - 1
    }

    fn key_columns(&mut self, titles: &Located<Vec<String>>) -> Vec<ColumnId> {
        titles.value.iter().map(|title| self.column(titles.with(title.clone()))).collect()
    }

    /// The groups, each after those that it is linked to.
    fn groups(&mut self, drafts: &[Located<GroupDraft>]) -> Vec<GroupMap> {
        if drafts.is_empty() {
            let place = Place { table: "groups", line: 1, key: None };
            let kinds = self.programme.groups.keys().map(String::as_str);
            let help = nearest::help("", kinds, "See the programme's model.toml.");
            self.report.error(place, "no_groups", "The map makes no groups.", help);
        }
        let mut waiting: Vec<(&Located<GroupDraft>, Vec<String>)> = Vec::new();
        for draft in drafts {
            let kind = draft.key.as_str();
            let Some(known) = self.programme.groups.get(kind) else {
                let help = nearest::help(
                    kind,
                    self.programme.groups.keys().map(String::as_str),
                    "See the programme's model.toml.",
                );
                self.report.error(
                    draft.place(),
                    "unknown_group",
                    format!("The programme has no kind of group `{kind}`."),
                    help,
                );
                continue;
            };
            if let Some(given) = &draft.value.parents
                && given.value.iter().collect::<BTreeSet<_>>() != known.parents.iter().collect()
            {
                let help =
                    format!("Write what the programme says, or leave `parents` out: {:?}.", known.parents);
                self.report.error(
                    given.place(),
                    "other_parents",
                    format!("A group of kind `{kind}` is linked otherwise."),
                    help,
                );
            }
            for parent in
                known.parents.iter().filter(|parent| !drafts.iter().any(|draft| draft.key == **parent))
            {
                let what = format!("A group of kind `{kind}` is linked to one of kind `{parent}`.");
                self.report.error(
                    draft.place(),
                    "parent_missing",
                    what,
                    format!("Add a table [groups.{parent}] with its key."),
                );
            }
            if draft.value.key.is_none() {
                self.report.error(
                    draft.place(),
                    "missing_key",
                    format!("[groups.{kind}] has no `key`."),
                    "Name the columns that together tell one from another, such as key = [\"Surname\", \"Postcode\"].",
                );
            }
            waiting.push((draft, known.parents.clone()));
        }
        let mut groups: Vec<GroupMap> = Vec::new();
        while !waiting.is_empty() {
            let known: Vec<String> = waiting.iter().map(|(draft, _)| draft.key.clone()).collect();
            // A parent that is not in the map was said above, and a ring is no valid programme.
            let at = waiting
                .iter()
                .position(|(_, parents)| !parents.iter().any(|parent| known.contains(parent)))
                .unwrap_or(0);
            let (draft, parents) = waiting.remove(at);
            let key = draft.value.key.as_ref().map(|key| self.key_columns(key)).unwrap_or_default();
            let parents = parents
                .iter()
                .filter_map(|parent| groups.iter().position(|group| group.kind == *parent))
                .collect();
            groups.push(GroupMap { kind: draft.key.clone(), key, parents });
        }
        groups
    }

    fn records(&mut self, drafts: &[Located<RecordDraft>], groups: &[GroupMap]) -> Vec<RecordMap> {
        let mut singles = BTreeSet::new();
        let mut records = Vec::new();
        for draft in drafts {
            let record = &draft.value;
            let (id, place) = match &record.form {
                Some(form) => (form.value.as_str(), form.place()),
                None => (draft.key.as_str(), draft.place()),
            };
            let (Some(form), Some(kind)) = (self.programme.forms.get(id), self.programme.records.get(id))
            else {
                let help = nearest::help(
                    id,
                    self.programme.records.keys().map(String::as_str),
                    "See the programme's model.toml.",
                );
                self.report.error(
                    place,
                    "unknown_form",
                    format!("The programme keeps no records of a form `{id}`."),
                    help,
                );
                continue;
            };
            if let Some(given) = record.group.as_ref().filter(|given| given.value != kind.group) {
                let what = format!("Records of `{id}` do not live in a group of kind `{}`.", given.value);
                self.report.error(
                    given.place(),
                    "wrong_group",
                    what,
                    format!("Write `{}`, or leave `group` out.", kind.group),
                );
            }
            let group = groups.iter().position(|group| group.kind == kind.group).unwrap_or_else(|| {
                let what = format!("Records of `{id}` live in a group of kind `{}`.", kind.group);
                self.report.error(
                    draft.place(),
                    "group_missing",
                    what,
                    format!("Add a table [groups.{}] with its key.", kind.group),
                );
                0
            });
            match (kind.count, &record.key) {
                (Count::Many, None) => self.report.error(
                    draft.place(),
                    "missing_key",
                    format!("A group holds many records of `{id}`, and this one has no `key`."),
                    "Name the columns that together tell one from another within the group.",
                ),
                (Count::One, Some(key)) => self.report.error(
                    key.place(),
                    "needless_key",
                    format!("A group holds one record of `{id}`: it needs no `key`."),
                    "Take it out.",
                ),
                (Count::One, None) if !singles.insert(id) => self.report.error(
                    draft.place(),
                    "twice",
                    format!("A group holds one record of `{id}`, and the map makes two."),
                    "Put all fields into one table.",
                ),
                _ => {}
            }
            let key = record.key.as_ref().map(|key| self.key_columns(key)).unwrap_or_default();
            let when = record.when.clone().map(|when| self.column(when));
            let fields = self.fields(draft, form);
            records.push(RecordMap {
                form: id.to_owned(),
                group,
                key,
                when,
                immutable: kind.immutable,
                fields,
            });
        }
        records
    }

    fn fields(&mut self, draft: &Located<RecordDraft>, form: &Form) -> Vec<FieldMap> {
        let names = || {
            form.questions().filter(|question| question.kind.is_kept()).map(|question| question.name.as_str())
        };
        let later: &[String] = draft.value.later.as_ref().map_or(&[], |later| &later.value);
        if let Some(listed) = &draft.value.later {
            for name in later.iter().filter(|name| form.question(name).is_none()) {
                let help = nearest::help(name, names(), "See the form.");
                self.report.error(
                    listed.place(),
                    "unknown_field",
                    format!("The form `{}` has no question `{name}`.", form.id),
                    help,
                );
            }
        }
        let mut fields = Vec::new();
        for field in &draft.value.fields {
            let name = field.key.as_str();
            let Some(question) = form.question(name) else {
                let help = nearest::help(name, names(), "See the form.");
                self.report.error(
                    field.place(),
                    "unknown_field",
                    format!("The form `{}` has no question `{name}`.", form.id),
                    help,
                );
                continue;
            };
            let is_reference =
                self.programme.records.get(&form.id).is_some_and(|kind| kind.references.contains_key(name));
            if !question.kind.is_kept() || is_reference || form.repeats_around(name).next().is_some() {
                let what = format!("`{name}` cannot be filled from a spreadsheet.");
                self.report.error(
                    field.place(),
                    "cannot_be_filled",
                    what,
                    "Take it out: it is calculated, points to another record, or repeats.",
                );
                continue;
            }
            let required = is_required(question) && !later.iter().any(|later| later == name);
            if let Some(map) = self.field(field, form, question, required) {
                fields.push(map);
            }
        }
        let missing: Vec<String> = form
            .questions()
            .filter(|question| {
                is_required(question) && question.relevant.is_none() && question.kind.is_kept()
            })
            .filter(|question| form.repeats_around(&question.name).next().is_none())
            .map(|question| question.name.clone())
            .filter(|name| {
                !later.contains(name) && !draft.value.fields.iter().any(|field| field.key == *name)
            })
            .collect();
        if !missing.is_empty() {
            let what = format!(
                "The form `{}` requires answers that the map does not give: {}.",
                form.id,
                missing.join(", ")
            );
            let help =
                "Map each to a column or a constant, or list it in `later` if supporters are to ask for it.";
            self.report.error(draft.place(), "required_not_mapped", what, help);
        }
        fields
    }

    fn field(
        &mut self,
        field: &Located<FieldDraft>,
        form: &Form,
        question: &Question,
        required: bool,
    ) -> Option<FieldMap> {
        let draft = &field.value;
        let source = match (&draft.column, &draft.columns, &draft.constant) {
            (Some(column), None, None) => {
                let column = self.column(column.clone());
                Source::Columns { columns: vec![column], join: String::new() }
            }
            (None, Some(columns), None) => Source::Columns {
                columns: self.key_columns(columns),
                join: draft.join.as_ref().map_or_else(|| " ".to_owned(), |join| join.value.clone()),
            },
            (None, None, Some(constant)) => Source::Constant(constant.value.clone()),
            _ => {
                let what = format!("`{}` does not say where its value comes from.", field.key);
                self.report.error(
                    field.place(),
                    "no_source",
                    what,
                    "Give one of `column`, `columns` and `constant`.",
                );
                return None;
            }
        };
        let tidy = draft.tidy.as_ref().and_then(|tidy| match tidy.value.as_str() {
            "postcode" => Some(Tidy::Postcode),
            "name" => Some(Tidy::Name),
            "upper" => Some(Tidy::Upper),
            other => {
                let help = nearest::help(other, ["postcode", "name", "upper"], "");
                self.report.error(
                    tidy.place(),
                    "unknown_tidy",
                    format!("There is no tidying called `{other}`."),
                    help,
                );
                None
            }
        });
        let truth = |found: &Option<Located<bool>>| found.as_ref().is_some_and(|found| found.value);
        let map = FieldMap {
            question: question.name.clone(),
            source,
            codes: BTreeMap::new(),
            split: draft.split.as_ref().map(|split| split.value.clone()),
            default: None,
            unknown: None,
            tidy,
            required: required || truth(&draft.required),
            person: truth(&draft.person),
            grant: truth(&draft.grant),
        };
        if map.grant && !map.person {
            let what = "`grant` gives access to a person, and this column does not name one.";
            self.report.error(field.place(), "grant_without_person", what, "Write person = true as well.");
        }
        let has_list = question.kind.choices().is_some();
        for found in
            [draft.codes.values().next(), draft.split.as_ref(), draft.unknown.as_ref()].into_iter().flatten()
        {
            if !has_list {
                let what = format!("`{}` has no list of answers.", question.name);
                self.report.error(found.place(), "no_list", what, "Take `codes`, `split` and `unknown` out.");
            }
        }
        let given = [draft.constant.as_ref(), draft.default.as_ref(), draft.unknown.as_ref()];
        let codes = draft.codes.values().filter(|code| !code.value.is_empty()).map(Some);
        for found in given.into_iter().chain(codes).flatten() {
            self.value(found, &map, form, question);
        }
        Some(FieldMap {
            codes: draft.codes.iter().map(|(word, code)| (tidy::folded(word), code.value.clone())).collect(),
            default: draft.default.as_ref().map(|text| text.value.clone()),
            unknown: draft.unknown.as_ref().map(|text| text.value.clone()),
            ..map
        })
    }

    /// Checks a value that the map itself gives.
    fn value(&mut self, found: &Located<String>, map: &FieldMap, form: &Form, question: &Question) {
        if map.person {
            let what = "A person comes from a column.";
            self.report.error(found.place(), "person_from_map", what, "Take it out, or take `person` out.");
            return;
        }
        // Only two-digit years depend on the reference.
        let reference = jiff::civil::date(2016, 3, 31);
        if let Err(trouble) = answer::of_map(self.programme, form, question, map, &found.value, reference) {
            let what = format!(
                "`{}` is no answer to `{}`: {}.",
                found.value,
                question.name,
                trouble.reason.trim_end_matches('.')
            );
            self.report.error(found.place(), "bad_value", what, "Write one that the form allows.");
        }
    }
}

fn is_required(question: &Question) -> bool {
    question.required.as_deref() == Some("yes")
}
