//! Forms as XForms, answers as submissions, codebooks: what is written, and that it holds together.

mod book;
mod hostile;
mod structure;
mod submission;
mod xml;

use std::{collections::BTreeMap, fs, path::PathBuf};

use alongside_domain::form::{
    Form,
    xform::{Converted, convert},
    xlsform::{Dialect, Opened, Source, open},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/xform/forms")
}

/// The forms of the corpus by name.
fn corpus() -> BTreeMap<String, Form> {
    let mut forms = BTreeMap::new();
    for entry in fs::read_dir(folder()).expect("the corpus") {
        let path = entry.expect("a file of the corpus").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("a form");
        let opened = open(&file, Source::File(&bytes), Dialect::Standard);
        assert!(!opened.has_error, "{file}: {:#?}", opened.problems);
        forms.insert(name, opened.form);
    }
    assert!(forms.len() >= 11, "{}", forms.len());
    forms
}

/// A form around rows of the survey sheet, the other sheets behind them.
fn form(survey: &str) -> Opened {
    let text = survey.lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
    open("form.md", Source::File(text.as_bytes()), Dialect::Standard)
}

#[test]
fn every_form_of_the_corpus_is_written_as_it_was() {
    for (name, form) in corpus() {
        let Converted { xml, notes } = convert(&form);
        assert_eq!(notes, Vec::<String>::new(), "{name}");
        insta::assert_snapshot!(format!("xform_{name}"), xml);
    }
}

#[test]
fn what_an_xform_does_not_say_is_named() {
    let opened = form(
        "| survey | | | |
         | | type | name | label |
         | | select_one town | home | Home |
         | choices | | | | |
         | | list_name | name | label | how big |
         | | town | st | Stroud | small |
         | entities | | |
         | | list_name | label |
         | | people | ${home} |
         | | houses | ${home} |",
    );
    assert!(!opened.has_error, "{:#?}", opened.problems);
    let notes = convert(&opened.form).notes;
    assert_eq!(notes.len(), 2, "{notes:#?}");
    assert!(notes[0].contains("`houses`") && notes[1].contains("`how big`"));
}

/// An entity that speaks of two repeats that are not inside of each other has no row to come from.
#[test]
fn an_entity_of_two_repeats_is_named() {
    let opened = form(
        "| survey | | | | |
         | | type | name | label | save_to |
         | | begin repeat | child | Child | |
         | | text | called | Name | called |
         | | end repeat | | | |
         | | begin repeat | visit | Visit | |
         | | text | place | Place | |
         | | end repeat | | | |
         | entities | | |
         | | list_name | label |
         | | people | concat(${called}, ${place}) |",
    );
    assert!(!opened.has_error, "{:#?}", opened.problems);
    let Converted { xml, notes } = convert(&opened.form);
    assert!(notes.len() == 1 && notes[0].contains("different repeats"), "{notes:#?}");
    assert!(!xml.contains("<entity"));
}
