//! A long list is looked up by the equalities of its filter, and offers what reading through it offers.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use alongside_domain::{
    form::{
        session::{CompiledForm, Session},
        xlsform::{self, CsvFile, Dialect, Source},
    },
    programme::entry::Answer,
};
use proptest::prelude::*;

use super::around;

/// Cells and answers that are equal in more ways than one, or in none.
const CELLS: [&str; 14] = [
    "",
    "1",
    "01",
    "1.0",
    "1,0",
    "-1",
    "a",
    "A",
    "a b",
    "2015-03-16",
    "2015-03-16T10:00:00Z",
    "16510",
    "10:00",
    "x",
];

/// A list of more rows than are read through, and for each filter a select that is looked up and one whose
/// filter begins with something else.
fn session() -> Session {
    let filters: [(&str, &str); 11] = [
        ("one", "part = ${q}"),
        ("two", "${q} = part"),
        ("three", "part = ${q} and size = 's1'"),
        ("four", "part = ${q} and position(..) > 0"),
        ("five", "part = ${q} and number(size) = 1"),
        ("six", "nowhere = ${q}"),
        ("seven", "part = current()/../q and label != 'Choice 3'"),
        ("eight", "selected(${q}, part)"),
        ("nine", "selected(${q}, part) and size = 's1'"),
        ("ten", "size = 's2' and is-selected(current()/../q, part) and label != 'Choice 3'"),
        ("eleven", "selected('1 a x', part)"),
    ];
    let mut survey = String::from("type,name,label,choice_filter\n");
    for (kind, name) in
        [("text", "q_text"), ("decimal", "q_number"), ("date", "q_day"), ("integer", "q_whole")]
    {
        let _ = writeln!(survey, "{kind},{name},Q,");
        for (each, filter) in filters {
            let filter =
                filter.replace("${q}", &format!("${{{name}}}")).replace("../q", &format!("../{name}"));
            let _ = writeln!(survey, "select_one long,{name}_{each},L,\"{filter}\"");
            let _ = writeln!(survey, "select_one long,{name}_{each}_slow,L,\"({filter}) or false()\"");
        }
    }
    let mut choices = String::from("list_name,name,label,part,size\n");
    for row in 0..140 {
        let cell = CELLS[row % CELLS.len()];
        let _ = writeln!(choices, "long,c{row},Choice {row},\"{cell}\",s{}", row / CELLS.len() % 3);
    }
    let files = [
        CsvFile { name: "survey.csv", bytes: survey.as_bytes() },
        CsvFile { name: "choices.csv", bytes: choices.as_bytes() },
    ];
    let opened = xlsform::open("long", Source::Folder(&files), Dialect::Standard);
    assert!(!opened.has_error, "{:#?}", opened.problems);
    let form = CompiledForm::new(&opened.form, &BTreeMap::new()).expect("it runs");
    Session::open(Arc::new(form), "", &around())
}

fn offered(session: &Session, key: &str) -> Vec<String> {
    session.choices(key, 0, &around()).into_iter().map(|choice| choice.name.clone()).collect()
}

#[test]
fn a_lookup_finds_what_reading_finds() {
    let mut session = session();
    let mut found = 0;
    let mut answers: Vec<Answer> = CELLS.iter().map(|cell| Answer::Text((*cell).to_owned())).collect();
    answers.extend(["x a 1", " 01  1.0 x ", "b", "a b c"].map(|codes| Answer::Text(codes.to_owned())));
    answers.extend([Answer::Integer(1), Answer::Integer(16_510), Answer::Cleared]);
    for question in ["q_text", "q_number", "q_day", "q_whole"] {
        for answer in &answers {
            // What is not of the question's kind changes nothing.
            let _ = session.answer(question, answer, &around());
            for each in
                ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
            {
                let fast = offered(&session, &format!("{question}_{each}"));
                let slow = offered(&session, &format!("{question}_{each}_slow"));
                assert_eq!(fast, slow, "{question}_{each} with {answer:?}");
                found += fast.len();
            }
        }
    }
    assert!(found > 1_000, "{found} were offered in all");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn for_any_number_too(number in -3.0_f64..20_000.0, places in 0_usize..12) {
        let mut session = session();
        let _ = session.answer("q_number", &Answer::Text(format!("{number:.places$}")), &around());
        for each in ["one", "two", "three", "seven", "eight", "nine"] {
            let fast = offered(&session, &format!("q_number_{each}"));
            prop_assert_eq!(fast, offered(&session, &format!("q_number_{each}_slow")));
        }
    }
}
