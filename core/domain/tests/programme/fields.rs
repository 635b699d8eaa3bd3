//! The package beside the data dictionary of the field: every field and code is there, or named as left
//! out. `domain/fields.csv` and `domain/codes.csv` are written from the dictionary by hand; the table
//! in `docs/programme-fields.md` is made from them and from the package.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use alongside_domain::{
    form::{Choice, Form, MergePolicy, Question, QuestionKind, Sensitivity},
    programme::{Programme, builtin},
};

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/programme-fields.md");
const FIELDS: &str = include_str!("domain/fields.csv");
const CODES: &str = include_str!("domain/codes.csv");

fn rows(text: &'static str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn programme() -> Programme {
    builtin::independent_support().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn question<'p>(programme: &'p Programme, name: &str) -> Option<(&'p Form, &'p Question)> {
    let (form, field) = name.split_once('.')?;
    let form = programme.form(form)?;
    Some((form, form.question(field)?))
}

/// The choices of a code list file or of a question.
fn choices<'p>(programme: &'p Programme, name: &str) -> Option<&'p [Choice]> {
    if let Some(list) = name.strip_suffix(".csv") {
        return programme.code_lists.get(list).map(Vec::as_slice);
    }
    let (form, question) = question(programme, name)?;
    programme.choices(form, question)
}

#[test]
fn every_field_of_the_dictionary_is_in_the_package_or_left_out_with_a_reason() {
    let programme = programme();
    let mut lacking = Vec::new();
    for row in rows(FIELDS) {
        let [_, entity, field, places, reason] = &row[..] else { panic!("{row:?}") };
        assert_ne!(places.is_empty(), reason.is_empty(), "either a place or a reason: {row:?}");
        for place in places.split_whitespace() {
            let found = match place.strip_prefix("derived:") {
                Some(derived) => programme.derived.iter().any(|value| value.id == *derived),
                None => question(&programme, place).is_some(),
            };
            if !found {
                lacking.push(format!("{entity}.{field} at {place}"));
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn every_code_of_the_dictionary_is_in_the_package_with_its_class() {
    let programme = programme();
    let mut lacking = Vec::new();
    for row in rows(CODES) {
        let [_, list, code, place, reason, class] = &row[..] else { panic!("{row:?}") };
        assert_ne!(place.is_empty(), reason.is_empty(), "either a place or a reason: {row:?}");
        if place.is_empty() {
            continue;
        }
        let (found, is) = match place.strip_prefix("derived:") {
            Some(id) => (
                programme
                    .derived
                    .iter()
                    .find(|value| value.id == id)
                    .is_some_and(|value| value.codes().any(|known| known == code)),
                String::new(),
            ),
            None => match choices(&programme, place).into_iter().flatten().find(|c| c.name == *code) {
                Some(choice) => (true, choice.sensitivity.map(letter).unwrap_or_default().to_owned()),
                None => (false, String::new()),
            },
        };
        if !found || (!class.is_empty() && is != *class) {
            lacking.push(format!("{list} {code} in {place}: {found}, class `{is}`"));
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

/// What the package asks beyond the dictionary is named too, so that nothing slips in.
#[test]
fn the_table_in_the_documents_is_that_of_the_package() {
    let table = document(&programme());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOC, &table).unwrap();
    }
    let written = fs::read_to_string(DOC).unwrap_or_default();
    assert!(
        written == table,
        "docs/programme-fields.md is not what the package says: run this test with UPDATE_DOCS=1 and look at \
         the difference"
    );
}

fn document(programme: &Programme) -> String {
    let mut out = String::from(
        "# The programme's fields and codes\n\n\
         Made from the package by `core/domain/tests/programme/fields.rs`; do not edit it by hand. Each row \
         is a field or code of the data dictionary, in its order, with where the package holds it.\n\n\
         Class: 0 not personal, P personal, I identifier, S special category, C criminal offence, X restricted \
         (kept in a group of its own). Use: R return, D aligned with the Department for Education, E extract, L \
         local.\n\n## Fields\n\n\
         | section | record | field | in the package | type | class | use | merge | left out because |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut named = BTreeSet::new();
    for row in rows(FIELDS) {
        let [section, entity, field, places, reason] = &row[..] else { panic!("{row:?}") };
        if places.is_empty() {
            writeln!(out, "| {section} | {entity} | {field} | | | | | | {reason} |").unwrap();
        }
        for place in places.split_whitespace() {
            named.insert(place.to_owned());
            field_row(&mut out, programme, &format!("| {section} | {entity} | {field}"), place);
        }
    }
    out.push_str(
        "\n## Fields that the package adds\n\n| in the package | type | class | use | merge |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for (id, form) in &programme.forms {
        for question in form.questions() {
            let name = format!("{id}.{}", question.name);
            if !named.contains(&name) && question.kind != QuestionKind::Note {
                field_row(&mut out, programme, "", &name);
            }
        }
    }
    for value in &programme.derived {
        let name = format!("derived:{}", value.id);
        if !named.contains(&name) {
            field_row(&mut out, programme, "", &name);
        }
    }
    out.push_str(
        "\n## Codes\n\n| section | list | in the package | codes | left out because |\n| --- | --- | --- | --- | --- |\n",
    );
    let codes = rows(CODES);
    let mut at = 0;
    while at < codes.len() {
        let first = &codes[at];
        let alike = |row: &Vec<String>| row[..2] == first[..2] && row[3..5] == first[3..5];
        let run: Vec<&Vec<String>> = codes[at..].iter().take_while(|row| alike(row)).collect();
        at += run.len();
        let names: Vec<String> = run
            .iter()
            .map(|row| {
                let choice = choices(programme, &row[3]).into_iter().flatten().find(|c| c.name == row[2]);
                let class = choice.and_then(|choice| choice.sensitivity).map(letter);
                class.map_or_else(|| row[2].clone(), |class| format!("{} ({class})", row[2]))
            })
            .collect();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            first[0],
            first[1],
            first[3].replace("derived:", "derived "),
            names.join(", "),
            first[4]
        )
        .unwrap();
    }
    out
}

fn field_row(out: &mut String, programme: &Programme, start: &str, place: &str) {
    let start = if start.is_empty() { String::new() } else { format!("{start} ") };
    let end = if start.is_empty() { "" } else { " |" };
    if let Some(id) = place.strip_prefix("derived:") {
        let value = programme.derived.iter().find(|value| value.id == id).unwrap();
        writeln!(
            out,
            "{start}| `{id}` | derived: {} | {} | {} | |{end}",
            value.way.name(),
            letter(value.sensitivity),
            value.uses
        )
        .unwrap();
        return;
    }
    let (_, question) = question(programme, place).unwrap();
    let kind = format!("{:?}", question.kind);
    let kind = kind.split(['(', '{']).next().unwrap_or_default();
    let merge = match &question.merge {
        MergePolicy::Value => String::new(),
        MergePolicy::Protect(value) => format!("protect {value}"),
        other => format!("{other:?}").to_lowercase(),
    };
    writeln!(
        out,
        "{start}| `{place}` | {kind} | {} | {} | {merge} |{end}",
        letter(question.sensitivity),
        question.uses
    )
    .unwrap();
}

fn letter(class: Sensitivity) -> &'static str {
    match class {
        Sensitivity::NotPersonal => "0",
        Sensitivity::P => "P",
        Sensitivity::I => "I",
        Sensitivity::S => "S",
        Sensitivity::C => "C",
        Sensitivity::X => "X",
    }
}
