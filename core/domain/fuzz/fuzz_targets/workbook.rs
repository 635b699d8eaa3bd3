//! A form in any file that can hold one, taken all the way: read, written as an XForm, run, submitted.

#![no_main]

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::form::{
    codebook::Codebook,
    expr::Surroundings,
    session::{CompiledForm, Session},
    xform::convert,
    xlsform::{CsvFile, Dialect, Source, open},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (which, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let dialect = if which & 1 == 0 { Dialect::Standard } else { Dialect::Programme };
    let opened = if which & 2 == 0 {
        open("form", Source::File(bytes), dialect)
    } else {
        // Two tables with a byte between them that no text has.
        let mut parts = bytes.splitn(2, |byte| *byte == 0);
        let survey = CsvFile { name: "survey.csv", bytes: parts.next().unwrap_or_default() };
        let choices = CsvFile { name: "choices.csv", bytes: parts.next().unwrap_or_default() };
        open("form", Source::Folder(&[survey, choices]), dialect)
    };
    assert!(!opened.has_error || !opened.problems.is_empty(), "a form that is not taken says why");
    let _ = convert(&opened.form);
    let _ = Codebook::new(&opened.form, &BTreeMap::new()).page();
    if opened.has_error {
        return;
    }
    let compiled = CompiledForm::new(&opened.form, &BTreeMap::new());
    let compiled = compiled.unwrap_or_else(|errors| panic!("a form without errors runs: {errors:?}"));
    let Ok(now) = "2015-03-16T14:30:00Z".parse() else { return };
    let around = Surroundings::new(now, jiff::tz::TimeZone::UTC, [0; 32]);
    let mut session = Session::open(Arc::new(compiled), "", &around);
    for _ in 0..50 {
        if !session.next_page() {
            break;
        }
    }
    let _ = session.submission("uuid:0", &around);
});
