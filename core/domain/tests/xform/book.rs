//! Codebooks.

use std::collections::BTreeMap;

use alongside_domain::form::codebook::Codebook;

use super::{corpus, form, xml::read};

#[test]
fn a_codebook_is_written_for_machines_and_people() {
    let forms = corpus();
    for name in ["texts", "groups", "selects"] {
        let book = Codebook::new(&forms[name], &BTreeMap::new());
        insta::assert_snapshot!(format!("codebook_csv_{name}"), book.csv().unwrap());
    }
    let book = Codebook::new(&forms["texts"], &BTreeMap::new());
    insta::assert_snapshot!("codebook_json", book.json().unwrap());
    insta::assert_snapshot!("codebook_page", book.page());
}

#[test]
fn every_form_has_a_variable_for_everything_that_is_kept() {
    for (name, form) in corpus() {
        let book = Codebook::new(&form, &BTreeMap::new());
        let asked = form.questions().filter(|question| question.kind.is_kept()).count();
        // Files of data are no variables.
        assert!(book.variables.len() + 2 >= asked, "{name}: {} of {asked}", book.variables.len());
        let page = book.page();
        let html = read(page.trim_start_matches("<!DOCTYPE html>")).unwrap();
        assert_eq!(html.named("section").len(), book.variables.len(), "{name}");
    }
}

#[test]
fn no_cell_is_taken_for_a_formula() {
    let opened = form(
        "| survey | | | | |
         | | type | name | label | hint |
         | | text | a | =HYPERLINK(\"x\") | @cmd |",
    );
    let csv = Codebook::new(&opened.form, &BTreeMap::new()).csv().unwrap();
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!((&row[2], &row[3]), ("'=HYPERLINK(\"x\")", "'@cmd"));
}
