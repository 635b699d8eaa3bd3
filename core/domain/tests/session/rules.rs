//! Relevance, calculations, constraints, repeats, choices, drafts.

use std::collections::BTreeMap;

use alongside_domain::{
    form::{
        expr::Scalar,
        session::{AnswerError, CompileError, DraftError, Session},
    },
    programme::entry::Answer,
};

use super::{around, compile, open, say, value};

#[test]
fn a_calculation_follows_what_it_reads_through_others() {
    let mut session = open(
        "calculation",
        "integer | a
         integer | b
         calculate | total | ${sum} * 2
         calculate | sum | ${a} + ${b}
         calculate | words | concat('It is ', ${total})",
        "",
    );
    assert_eq!(value(&session, "total"), "", "a number that is none is no answer");
    say(&mut session, "a", "2");
    say(&mut session, "b", "3");
    assert_eq!((value(&session, "sum"), value(&session, "total")), ("5".into(), "10".into()));
    assert_eq!(value(&session, "words"), "It is 10");
    say(&mut session, "b", "");
    assert_eq!(value(&session, "sum"), "");
}

#[test]
fn a_path_with_two_slashes_reads_what_lies_right_below_a_group_too() {
    let mut session = open(
        "calculation",
        "begin group | g |
         integer | inner |
         end group | |
         calculate | seen | sum(${g}//inner)",
        "",
    );
    say(&mut session, "inner", "3");
    assert_eq!(value(&session, "seen"), "3");
}

#[test]
fn a_circle_is_refused_with_its_names() {
    let errors =
        compile("calculation", "calculate | a | ${b}\ncalculate | b | ${c} + 1\ncalculate | c | ${a}", "")
            .unwrap_err();
    let [CompileError::Cycle { names, .. }] = errors.as_slice() else { panic!("{errors:?}") };
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(sorted, ["a", "b", "c"]);
    assert!(errors[0].to_string().contains("circle"));
    let errors = compile("relevant", "begin group | g | ${inner} = 1\ninteger | inner |\nend group | | ", "");
    assert!(matches!(errors.unwrap_err().as_slice(), [CompileError::Cycle { .. }]));
    let errors = compile("relevant", "text | own | ${own} = 'a'", "");
    assert!(matches!(errors.unwrap_err().as_slice(), [CompileError::Cycle { .. }]));
}

#[test]
fn what_is_not_asked_is_hidden_from_expressions_and_comes_back() {
    let mut session = open(
        "relevant | calculation",
        "text | school
         begin group | about | ${school} = 'yes'
         text | which
         end group |
         calculate | seen | | coalesce(${which}, 'none')
         text | deep | ${which} = 'primary'",
        "",
    );
    say(&mut session, "school", "yes");
    say(&mut session, "which", "primary");
    assert!(session.is_relevant("which") && session.is_relevant("deep"));
    assert_eq!(value(&session, "seen"), "primary");
    say(&mut session, "deep", "kept");
    say(&mut session, "school", "no");
    assert!(!session.is_relevant("which") && !session.is_relevant("deep"));
    assert_eq!(value(&session, "seen"), "none");
    let finished = session.finish(&around());
    assert!(!finished.answers.contains_key("which") && !finished.answers.contains_key("deep"));
    assert_eq!(finished.set_aside.keys().collect::<Vec<_>>(), ["deep", "which"]);
    say(&mut session, "school", "yes");
    assert_eq!((value(&session, "which"), value(&session, "deep")), ("primary".into(), "kept".into()));
    assert_eq!(session.finish(&around()).answers["deep"], Answer::Text("kept".into()));
}

#[test]
fn required_and_constraint_are_said_in_the_forms_words() {
    let mut session = open(
        "required | required_message | constraint | constraint_message",
        "integer | age | yes | How old? | . >= 0 and . <= 25 | Between 0 and 25.
         text | why | ${age} > 18 |",
        "",
    );
    let trouble = |session: &Session, key: &str| {
        session.finish(&around()).troubles.get(key).map(|t| (t.code, t.message.clone()))
    };
    assert_eq!(trouble(&session, "age"), Some(("missing_answer", "How old?".into())));
    assert_eq!(trouble(&session, "why"), None);
    say(&mut session, "age", "30");
    assert_eq!(trouble(&session, "age"), Some(("constraint", "Between 0 and 25.".into())));
    assert_eq!(trouble(&session, "why"), Some(("missing_answer", "An answer is needed here.".into())));
    say(&mut session, "age", "12");
    assert!(session.finish(&around()).troubles.is_empty());
}

const REPEATS: &str = "begin repeat | child |
     text | name | |
     integer | age | |
     calculate | place | position(..) |
     calculate | greeting | concat('Hi ', ${name}) |
     end repeat | | |
     calculate | total | sum(${age}) |
     calculate | how_many | count(${child}) |
     calculate | oldest | max(/data/child/age) |
     calculate | second | indexed-repeat(${name}, ${child}, 2) |";

#[test]
fn rows_come_and_go_and_what_reads_them_follows() {
    let mut session = open("calculation", REPEATS, "");
    assert_eq!((value(&session, "total"), value(&session, "how_many")), ("0".into(), "0".into()));
    let mut rows = Vec::new();
    let with = |row: u8| {
        let here = around();
        alongside_domain::form::expr::Surroundings::new(here.now, here.zone, [row + 10; 32])
    };
    for (at, (name, age)) in (0..).zip([("Ann", "5"), ("Bea", "7"), ("Cy", "9")]) {
        let (row, _) = session.add_row("child", None, &with(at)).unwrap();
        say(&mut session, &format!("{row}/name"), name);
        say(&mut session, &format!("{row}/age"), age);
        rows.push(row);
    }
    assert_eq!(session.row_keys("child", None), rows);
    assert_eq!((value(&session, "total"), value(&session, "how_many")), ("21".into(), "3".into()));
    assert_eq!((value(&session, "oldest"), value(&session, "second")), ("9".into(), "Bea".into()));
    assert_eq!(value(&session, &format!("{}/place", rows[2])), "3");
    assert_eq!(value(&session, &format!("{}/greeting", rows[1])), "Hi Bea");
    session.remove_row(&rows[1], &around()).unwrap();
    assert_eq!((value(&session, "total"), value(&session, "how_many")), ("14".into(), "2".into()));
    assert_eq!(
        (value(&session, "second"), value(&session, &format!("{}/place", rows[2]))),
        ("Cy".into(), "2".into())
    );
    assert_eq!(session.remove_row(&rows[1], &around()), Err(AnswerError::UnknownQuestion));
}

#[test]
fn a_counted_repeat_has_as_many_rows_as_its_expression_says() {
    let mut session = open(
        "repeat_count | calculation",
        "integer | how_many
         begin repeat | visit | ${how_many}
         integer | minutes
         end repeat |
         calculate | total | | sum(${minutes})",
        "",
    );
    assert!(session.row_keys("visit", None).is_empty());
    say(&mut session, "how_many", "3");
    assert_eq!(session.row_keys("visit", None), ["visit/1", "visit/2", "visit/3"]);
    say(&mut session, "visit/3/minutes", "30");
    assert_eq!(value(&session, "total"), "30");
    assert_eq!(session.add_row("visit", None, &around()).unwrap_err(), AnswerError::CountedRepeat);
    say(&mut session, "how_many", "1");
    assert_eq!(session.row_keys("visit", None), ["visit/1"]);
    assert_eq!(value(&session, "total"), "0");
}

#[test]
fn repeats_in_repeats_keep_their_rows_apart() {
    let mut session = open(
        "calculation",
        "begin repeat | child
         begin repeat | visit
         integer | minutes
         end repeat |
         calculate | of_child | sum(${minutes})
         end repeat |
         calculate | of_all | sum(/data/child/of_child)",
        "",
    );
    let one = session.add_row("child", None, &around()).unwrap().0;
    let other = {
        let around = alongside_domain::form::expr::Surroundings::new(around().now, around().zone, [9; 32]);
        session.add_row("child", None, &around).unwrap().0
    };
    for (child, minutes) in [(&one, "10"), (&other, "5")] {
        let row = session.add_row("visit", Some(child), &around()).unwrap().0;
        say(&mut session, &format!("{row}/minutes"), minutes);
    }
    assert_eq!(value(&session, &format!("{one}/of_child")), "10");
    assert_eq!(value(&session, &format!("{other}/of_child")), "5");
    assert_eq!(value(&session, "of_all"), "15");
}

const TOWNS: &str = "| county | gl | London | |\n| county | be | Berkshire | |\n| town | lo | London | gl |\n| town | re | Reading | be |\n| town | sl | Slough | be |";

#[test]
fn choices_follow_the_answer_above_and_a_code_that_is_not_offered_is_taken_back() {
    let mut session = open(
        "choice_filter | calculation",
        "select_one county | county
         select_one town | town | county = ${county}
         calculate | said | | jr:choice-name(${town}, '${town}')",
        TOWNS,
    );
    let offered = |session: &Session| -> Vec<String> {
        session.choices("town", 0, &around()).iter().map(|choice| choice.name.clone()).collect()
    };
    assert!(offered(&session).is_empty());
    say(&mut session, "county", "be");
    assert_eq!(offered(&session), ["re", "sl"]);
    say(&mut session, "town", "re");
    assert_eq!(value(&session, "said"), "Reading");
    say(&mut session, "county", "gl");
    assert_eq!(offered(&session), ["lo"]);
    assert_eq!((value(&session, "town"), value(&session, "said")), (String::new(), String::new()));
}

#[test]
fn shuffled_choices_are_one_order_for_one_seed() {
    let session = open("parameters", "select_one town | town | randomize=true", TOWNS);
    let order = |seed: i64| -> Vec<String> {
        session.choices("town", seed, &around()).iter().map(|choice| choice.name.clone()).collect()
    };
    assert_eq!(order(42), order(42));
    assert!((0..20).any(|seed| order(seed) != order(42)));
    let mut sorted = order(7);
    sorted.sort();
    assert_eq!(sorted, ["lo", "re", "sl"]);
}

#[test]
fn defaults_triggers_and_once() {
    let mut session = open(
        "default | calculation | trigger",
        "date | day | today()
         integer | minutes | 30
         text | note
         calculate | stamp | | concat('at ', ${note}, ' ', ${minutes}) | ${note}
         calculate | id | | once(uuid())",
        "",
    );
    assert_eq!((value(&session, "day"), value(&session, "minutes")), ("2015-03-16".into(), "30".into()));
    say(&mut session, "note", "first");
    assert_eq!(value(&session, "stamp"), "at first 30");
    say(&mut session, "minutes", "45");
    assert_eq!(value(&session, "stamp"), "at first 30", "only its trigger computes it again");
    let id = value(&session, "id");
    assert_eq!(id.len(), 36);
    let form = compile("default | calculation | trigger", "calculate | id | | once(uuid())", "").unwrap();
    let values = BTreeMap::from([("id".to_owned(), Scalar::from("mine"))]);
    assert_eq!(value(&Session::edit(form, "", &values, &around()), "id"), "mine");
}

#[test]
fn a_decimal_that_passes_through_keeps_its_digits() {
    let mut session = open("calculation", "decimal | price\ncalculate | same | if(true(), ${price}, 0)", "");
    say(&mut session, "price", "12345678901234567890.10");
    assert_eq!(value(&session, "same"), "12345678901234567890.10");
}

#[test]
fn an_answer_of_another_kind_changes_nothing() {
    let mut session = open("hint", "integer | age", "");
    say(&mut session, "age", "5");
    let error = session.answer("age", &Answer::Text("five".into()), &around()).unwrap_err();
    assert!(matches!(error, AnswerError::WrongKind { code: "not_an_integer", .. }));
    assert_eq!(value(&session, "age"), "5");
    assert_eq!(
        session.answer("nobody", &Answer::Cleared, &around()).unwrap_err(),
        AnswerError::UnknownQuestion
    );
}

#[test]
fn an_expression_that_cannot_be_computed_is_said_at_its_question() {
    let mut session = open("calculation", "text | day\ncalculate | next | date(${day}) + 1", "");
    say(&mut session, "day", "tomorrow");
    assert_eq!(session.finish(&around()).troubles["next"].code, "type_mismatch");
    say(&mut session, "day", "2015-03-16");
    assert!(session.finish(&around()).troubles.is_empty());
    assert_eq!(value(&session, "next"), "16511");
}

#[test]
fn a_draft_is_gone_on_with_at_the_same_question() {
    let mut session = open("calculation", REPEATS, "");
    let (row, _) = session.add_row("child", None, &around()).unwrap();
    say(&mut session, &format!("{row}/name"), "Ann");
    say(&mut session, &format!("{row}/age"), "5");
    assert!(session.jump(&format!("{row}/age")));
    let draft = session.draft();
    let text = serde_json::to_string_pretty(&draft).unwrap();
    insta::assert_snapshot!("draft", text);
    let form = compile("calculation", REPEATS, "").unwrap();
    let back = Session::resume(form.clone(), "", &serde_json::from_str(&text).unwrap(), &around()).unwrap();
    assert_eq!(back.page(), session.page());
    assert_eq!(back.finish(&around()), session.finish(&around()));
    let newer = text.replacen("\"version\": 1", "\"version\": 2", 1);
    let newer = serde_json::from_str(&newer).unwrap();
    assert_eq!(Session::resume(form.clone(), "", &newer, &around()).unwrap_err(), DraftError::TooNew);
    let other = serde_json::from_str(&text.replace("\"visit\"", "\"other\"")).unwrap();
    assert_eq!(Session::resume(form, "", &other, &around()).unwrap_err(), DraftError::OtherForm);
}

#[test]
fn a_newer_form_under_a_draft_loses_nothing() {
    let mut session =
        open("hint", "text | old\ntext | same\nbegin repeat | gone |\ntext | in_it\nend repeat |", "");
    say(&mut session, "old", "mine");
    say(&mut session, "same", "too");
    let (row, _) = session.add_row("gone", None, &around()).unwrap();
    say(&mut session, &format!("{row}/in_it"), "deep");
    let newer = compile("hint", "text | same\ntext | new", "").unwrap();
    let back = Session::resume(newer, "", &session.draft(), &around()).unwrap();
    assert_eq!(value(&back, "same"), "too");
    let kept: Vec<&String> = back.placeless().keys().collect();
    assert_eq!(kept, [&format!("{row}/in_it"), "old"]);
    // And back in the old form they are in their places again.
    let old =
        compile("hint", "text | old\ntext | same\nbegin repeat | gone |\ntext | in_it\nend repeat |", "")
            .unwrap();
    let again = Session::resume(old, "", &back.draft(), &around()).unwrap();
    assert_eq!(
        (value(&again, "old"), value(&again, &format!("{row}/in_it"))),
        ("mine".into(), "deep".into())
    );
    assert!(again.placeless().is_empty());
}

#[test]
fn an_edited_record_clears_what_is_not_asked_any_more() {
    let form =
        compile("relevant", "text | school\ntext | which | ${school} = 'yes'\ntext | other", "").unwrap();
    let values: BTreeMap<String, Scalar<'static>> =
        [("school", "yes"), ("which", "primary"), ("other", "x"), ("unknown", "kept")]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Scalar::from(value)))
            .collect();
    let mut session = Session::edit(form.clone(), "", &values, &around());
    say(&mut session, "school", "no");
    say(&mut session, "other", "");
    let finished = session.finish(&around());
    assert_eq!(finished.answers["which"], Answer::Cleared);
    assert_eq!(finished.answers["other"], Answer::Cleared);
    assert_eq!(finished.placeless.keys().collect::<Vec<_>>(), ["unknown"]);
    // What a merge made irrelevant before is not touched.
    let merged: BTreeMap<_, _> =
        values.into_iter().map(|(k, v)| if k == "school" { (k, "no".into()) } else { (k, v) }).collect();
    let finished = Session::edit(form, "", &merged, &around()).finish(&around());
    assert!(!finished.answers.contains_key("which"));
    assert!(finished.set_aside.contains_key("which"));
}

#[test]
fn a_message_says_the_answers_that_it_names_to_who_answers_and_to_nobody_else() {
    let heading = "constraint | constraint_message";
    let rows = "text | who | |\ninteger | age | . > 0 | ${who} is older.";
    let mut session = open(heading, rows, "");
    say(&mut session, "who", "Ann");
    say(&mut session, "age", "0");
    let message = |session: &Session| session.state("age", &around()).unwrap().trouble.unwrap().message;
    assert_eq!(message(&session), "Ann is older.");
    assert_eq!(session.told("age", "Of ${who} and ${nobody}", &around()), "Of Ann and ");
    let values =
        BTreeMap::from([("who".to_owned(), Scalar::from("Ann")), ("age".to_owned(), Scalar::Integer(0))]);
    let form = compile(heading, rows, "").unwrap();
    assert_eq!(message(&Session::of_record(form, "", &values, &around())), "${who} is older.");
}
