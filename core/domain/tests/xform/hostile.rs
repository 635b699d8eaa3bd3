//! Whatever a form says, its XForm is well-formed and says it.

use alongside_domain::form::{Form, Item, Question, Section, Translated, codebook::Codebook, xform::convert};
use proptest::prelude::*;

use super::xml::read;

fn form(texts: &[String], depth: usize) -> Form {
    let [label, hint, message, expression, title] = texts else { panic!("five texts") };
    let translated = |text: &String| Translated([(String::new(), text.clone())].into());
    let mut item = Item::Question(Question {
        name: "q".to_owned(),
        label: Translated([("a".to_owned(), label.clone()), ("b \"&<".to_owned(), hint.clone())].into()),
        hint: translated(hint),
        guidance_hint: translated(label),
        constraint: Some(expression.clone()),
        constraint_message: translated(message),
        relevant: Some(expression.clone()),
        calculation: Some(expression.clone()),
        default: Some(expression.clone()),
        trigger: Some(expression.clone()),
        appearance: Some(message.clone()),
        ..Question::default()
    });
    for level in 0..depth {
        let section = Section {
            name: format!("s{level}"),
            label: translated(label),
            repeat_count: Some(expression.clone()),
            items: vec![item],
            ..Section::default()
        };
        item = if level % 2 == 0 { Item::Repeat(section) } else { Item::Group(section) };
    }
    Form { id: title.clone(), title: title.clone(), items: vec![item], ..Form::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_written_as_xml_and_read_back(
        texts in prop::collection::vec(
            prop_oneof!["\\PC{0,30}", ".{0,30}", "[$\\{\\}q'\"()\\[\\], &<>]{0,30}", "\\$\\{(q|s0|x|last-saved#q)\\}{0,3}"],
            5,
        ),
        depth in 0_usize..6,
    ) {
        let form = form(&texts, depth);
        let xml = convert(&form).xml;
        let html = read(&xml).map_err(TestCaseError::fail)?;
        let title = &html.child("h:head").child("h:title").text;
        let written: String = texts[4]
            .chars()
            .map(|c| if c < ' ' && !matches!(c, '\n' | '\t' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c })
            .collect();
        prop_assert_eq!(title, &written);
        let book = Codebook::new(&form, &Default::default());
        let page = book.page();
        read(page.trim_start_matches("<!DOCTYPE html>")).map_err(TestCaseError::fail)?;
        let csv = book.csv().expect("written to memory");
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        for row in rows.records() {
            prop_assert!(row.is_ok(), "{row:?}");
        }
    }
}

#[test]
fn a_form_of_ten_thousand_questions_is_written() {
    let question = |at: usize| {
        Item::Question(Question {
            name: format!("q{at}"),
            label: Translated([(String::new(), format!("Of ${{q{}}}", at / 2))].into()),
            relevant: Some(format!("${{q{}}} > 1", at / 2)),
            ..Question::default()
        })
    };
    let form = Form { id: "long".to_owned(), items: (0..10_000).map(question).collect(), ..Form::default() };
    let html = read(&convert(&form).xml).unwrap();
    assert_eq!(html.named("bind").len(), 10_001);
}
