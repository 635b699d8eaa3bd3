//! Answers as a submission.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::{
        expr::Surroundings,
        session::{CompiledForm, Session},
    },
    programme::entry::Answer,
};
use jiff::tz::TimeZone;

use super::{corpus, form, xml::read};

fn around() -> Surroundings {
    let now = "2015-03-16T14:30:15Z".parse().expect("an instant");
    Surroundings::new(now, TimeZone::get("Europe/London").expect("a zone"), [3; 32])
}

fn say(session: &mut Session, key: &str, text: &str) {
    session
        .answer(key, &Answer::Text(text.to_owned()), &around())
        .unwrap_or_else(|error| panic!("{key}: {error}"));
}

#[test]
fn answers_stand_where_the_instance_has_them_and_what_is_not_asked_does_not() {
    let form = corpus().remove("groups").expect("a form of the corpus");
    let compiled = CompiledForm::new(&form, &BTreeMap::new()).expect("it runs");
    let mut session = Session::open(Arc::new(compiled), "", &around());
    say(&mut session, "how_many", "2");
    say(&mut session, "called", "Ann & <Co>");
    say(&mut session, "child/1/first_name", "Bea");
    say(&mut session, "child/1/age", "7");
    say(&mut session, "child/1/school_name", "St Mary's");
    say(&mut session, "child/2/first_name", "Cy");
    say(&mut session, "child/2/age", "2");
    insta::assert_snapshot!("submission", session.submission("uuid:1", &around()));
    let data = read(&session.submission("uuid:1", &around())).unwrap();
    let rows: Vec<_> = data.children.iter().filter(|child| child.name == "child").collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].child("school").child("school_name").text, "St Mary's");
    assert!(rows[1].child("school").children.is_empty(), "it is not asked of a child of two");
    say(&mut session, "how_many", "0");
    let data = read(&session.submission("uuid:1", &around())).unwrap();
    assert!(data.children.iter().all(|child| child.name != "about"), "the group is not asked");
}

#[test]
fn values_are_written_as_other_tools_read_them() {
    let opened = form(
        "| survey | | | |
         | | type | name | label |
         | | date | day | Day |
         | | dateTime | moment | Moment |
         | | time | clock | Clock |
         | | decimal | price | Price |
         | | acknowledge | agreed | Agreed? |
         | | select_multiple town | towns | Towns |
         | choices | | | |
         | | list_name | name | label |
         | | town | st | Stroud |
         | | town | re | Reading |
         | settings | | | |
         | | form_id | version | instance_name |
         | | values | 3 | concat('On ', ${day}) |",
    );
    assert!(!opened.has_error, "{:#?}", opened.problems);
    let compiled = CompiledForm::new(&opened.form, &BTreeMap::new()).expect("it runs");
    let mut session = Session::open(Arc::new(compiled), "", &around());
    say(&mut session, "day", "2015-07-01");
    say(&mut session, "moment", "2015-07-01T10:20:00Z");
    say(&mut session, "clock", "10:20:00");
    say(&mut session, "price", "12345678901234567890.10");
    say(&mut session, "agreed", "yes");
    session
        .answer("towns", &Answer::Codes(vec!["st".to_owned(), "re".to_owned()]), &around())
        .expect("codes of the list");
    let data = read(&session.submission("uuid:2", &around())).unwrap();
    assert_eq!(
        (data.name.as_str(), &*data.attributes["id"], &*data.attributes["version"]),
        ("data", "values", "3")
    );
    let text = |name: &str| data.child(name).text.clone();
    assert_eq!(text("day"), "2015-07-01");
    assert_eq!(text("moment"), "2015-07-01T11:20:00.000+01:00");
    assert_eq!(text("price"), "12345678901234567890.10");
    assert_eq!(text("agreed"), "OK");
    assert_eq!(text("towns"), "st re");
    assert!(text("clock").starts_with("10:20:00"), "{}", text("clock"));
    assert_eq!(data.child("meta").child("instanceID").text, "uuid:2");
    assert_eq!(data.child("meta").child("instanceName").text, "On 2015-07-01");
}
