//! Answers to edits.

use std::collections::BTreeMap;

use alongside_domain::{
    form::xlsform,
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    problem::Severity,
    programme::{
        Programme, builtin,
        entry::{Answer, EntryProblem, edits},
    },
    record::{Disagreement, Edit, FieldView, LiveValue, OpId, RecordView, Root, Stamp},
    time::Millis,
    value::Value,
};
use jiff::civil::{Date, date};

const FORM: &str = r"
# survey
| type | name | label | required | relevant | parameters | merge |
|-|-|-|-|-|-|-|
| text | words | Words | yes | | | |
| integer | minutes | Minutes | | | | |
| decimal | cost | Cost | | | | |
| date | day | Day | yes | | | |
| dateTime | at | At | | | | |
| time | clock | Clock | | | | |
| range | scale | Scale | | | start=1 end=5 step=1 | |
| select_one stage | stage | Stage | | | | |
| select_multiple stage | needs | Needs | yes | | | |
| rank stage | order | Order | | | | |
| text | episode | Episode | | | | |
| note | hello | Hello | | | | |
| text | why | Why | yes | ${minutes} > 60 | | |
| begin repeat | actions | Actions | | | | |
| text | action | Action | yes | | | |
| end repeat | | | | | | |

# choices
| list_name | name | label | valid_to |
|-|-|-|-|
| stage | A | A | |
| stage | B | B | |
| stage | OLD | Old | 2014-12-31 |

# settings
| form_id | version |
|-|-|
| thing | 1 |
";

const DAY: Date = date(2015, 3, 16);

/// The built-in programme with one more form, whose `episode` refers to a record.
fn programme() -> Programme {
    let mut programme = builtin::independent_support().unwrap();
    let (form, _) = xlsform::read("thing.md", FORM).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let mut kind = programme.records["contact"].clone();
    kind.references.insert("episode".into(), "ehc_episode".into());
    programme.records.insert("thing".into(), kind);
    programme.forms.insert("thing".into(), form);
    programme
}

fn enter(answers: &[(&str, Answer)], current: Option<&RecordView>) -> (Vec<Edit>, Vec<EntryProblem>) {
    let programme = programme();
    let answers: BTreeMap<String, Answer> =
        answers.iter().map(|(key, answer)| ((*key).to_owned(), answer.clone())).collect();
    edits(&programme, programme.form("thing").unwrap(), &answers, current, DAY)
}

/// The edit and the code of the problem of one answer, the missing answers left aside.
fn one(key: &str, answer: Answer) -> (Option<Value>, Option<(&'static str, Severity)>) {
    let (edits, problems) = enter(&[(key, answer)], None);
    assert!(edits.len() <= 1, "{edits:?}");
    let problem = problems.into_iter().find(|problem| problem.code != "missing_answer");
    (edits.into_iter().next().map(|edit| edit.value), problem.map(|problem| (problem.code, problem.severity)))
}

fn text(text: &str) -> Answer {
    Answer::Text(text.to_owned())
}

#[test]
fn answers_are_stored_by_the_type_of_their_question() {
    let record = RecordId([7; 16]);
    for (key, answer, value) in [
        ("words", text(" as written "), Value::from(" as written ")),
        ("minutes", text(" 45 "), Value::Integer(45)),
        ("minutes", Answer::Integer(-3), Value::Integer(-3)),
        ("cost", text("+012.50"), Value::from("012.50")),
        ("cost", text("-.5"), Value::from("-0.5")),
        ("cost", text("5."), Value::from("5")),
        ("cost", Answer::Integer(12), Value::from("12")),
        ("day", text("2015-03-16"), Value::from("2015-03-16")),
        ("at", Answer::Instant(Millis(5)), Value::Instant(Millis(5))),
        ("at", text("2015-03-16T14:30:00Z"), Value::Instant(Millis(1_426_516_200_000))),
        // British summer time: half past two on the wall is half past one.
        ("at", text("2015-07-01T14:30"), Value::Instant(Millis(1_435_757_400_000))),
        ("clock", text("14:30"), Value::from("14:30:00")),
        ("scale", text("3"), Value::Integer(3)),
        ("stage", text("A"), Value::from("A")),
        ("stage", Answer::Codes(vec!["B".into()]), Value::from("B")),
        ("order", text("B A B"), Value::from("B A")),
        ("episode", Answer::Ref(record), Value::Ref(record)),
        ("episode", text(&record.to_string()), Value::Ref(record)),
        ("actions/r1/action", text("Call"), Value::from("Call")),
    ] {
        assert_eq!(one(key, answer.clone()), (Some(value), None), "{key} {answer:?}");
    }
}

#[test]
fn what_cannot_be_stored_as_its_type_is_said_and_left_out() {
    for (key, answer, code) in [
        ("minutes", text("4o"), "not_an_integer"),
        ("minutes", text("99999999999999999999"), "not_an_integer"),
        ("cost", text("1,000"), "not_a_number"),
        ("cost", text("."), "not_a_number"),
        ("cost", text("1e5"), "not_a_number"),
        ("day", text("16/03/2015"), "not_a_date"),
        ("day", text("2015-02-30"), "not_a_date"),
        ("day", text("20150316"), "not_a_date"),
        ("day", Answer::Integer(3), "not_a_date"),
        ("at", text("2015-03-16"), "not_an_instant"),
        ("clock", text("25:00"), "not_a_time"),
        ("scale", text("three"), "not_a_number"),
        ("stage", text("Z"), "unknown_code"),
        ("stage", text("A B"), "several_codes"),
        ("needs", text("Z"), "unknown_code"),
        ("needs", Answer::Integer(1), "not_a_code"),
        ("words", Answer::Integer(1), "wrong_kind"),
        ("words", text(&"x".repeat(200_000)), "too_long"),
        ("episode", text("the first one"), "not_a_reference"),
        ("hello", text("hello"), "not_entered"),
        ("nobody", text("asked"), "unknown_question"),
        ("action", text("outside of its repeat"), "unknown_question"),
        ("actions//action", text("no row"), "unknown_question"),
        ("others/r1/action", text("another repeat"), "unknown_question"),
        ("actions/r1/words", text("not of the repeat"), "unknown_question"),
    ] {
        assert_eq!(one(key, answer.clone()), (None, Some((code, Severity::Error))), "{key} {answer:?}");
    }
}

#[test]
fn what_breaks_a_rule_is_said_and_stored() {
    let late = ("code_out_of_date", Severity::Warning);
    assert_eq!(one("stage", text("OLD")), (Some(Value::from("OLD")), Some(late)));
    assert_eq!(one("needs", text("OLD")), (Some(Value::Bool(true)), Some(late)));
    let wide = ("out_of_range", Severity::Warning);
    assert_eq!(one("scale", text("9")), (Some(Value::Integer(9)), Some(wide)));
}

#[test]
fn required_questions_without_a_condition_are_missed() {
    let missing = |answers: &[(&str, Answer)]| -> Vec<String> {
        enter(answers, None).1.into_iter().map(|problem| problem.key).collect()
    };
    assert_eq!(missing(&[]), ["words", "day", "needs"], "`why` depends, `action` is in a repeat");
    assert_eq!(missing(&[("words", text("some")), ("needs", text("A"))]), ["day"]);
    assert_eq!(missing(&[("words", text(" ")), ("day", text("2015-03-16"))]), ["words", "needs"]);
}

#[test]
fn a_problem_never_repeats_the_answer() {
    let (_, problems) =
        enter(&[("day", text("Smith")), ("stage", text("Smith")), ("minutes", text("Smith"))], None);
    for problem in problems {
        assert!(!problem.to_string().contains("Smith"), "{problem}");
    }
}

/// A record in which these keys hold these values.
fn record(values: &[(&str, Value, Disagreement)]) -> RecordView {
    let stamp = Stamp { at: Millis(0), author: None };
    let field = |value: &Value, disagreement| FieldView {
        shown: LiveValue {
            value: value.clone(),
            op: OpId { counter: 1, actor: ActorId([0; 16]) },
            change: ChangeHash([0; 32]),
            at: Millis(0),
            author: None,
            device: None,
            clock_ahead: false,
        },
        others: Vec::new(),
        disagreement,
    };
    RecordView {
        root: Root {
            id: RecordId([1; 16]),
            form: "thing".into(),
            form_version: "1".into(),
            group: GroupId([2; 16]),
        },
        fields: values.iter().map(|(key, value, how)| ((*key).to_owned(), field(value, *how))).collect(),
        heads: Vec::new(),
        created: stamp,
        updated: stamp,
        twins: Vec::new(),
    }
}

#[test]
fn a_set_takes_back_what_is_no_longer_chosen() {
    let current = record(&[
        ("needs/A", Value::Bool(true), Disagreement::None),
        ("needs/OLD", Value::Bool(true), Disagreement::None),
    ]);
    let (edits, problems) = enter(&[("needs", Answer::Codes(vec!["A".into(), "B".into()]))], Some(&current));
    let edits: Vec<_> = edits.into_iter().map(|edit| (edit.key, edit.value)).collect();
    assert_eq!(
        edits,
        [("needs/B".to_owned(), Value::Bool(true)), ("needs/OLD".to_owned(), Value::Bool(false))],
        "A is chosen already"
    );
    assert!(problems.iter().all(|problem| problem.code == "missing_answer"), "{problems:?}");

    let (edits, _) = enter(&[("needs", Answer::Cleared)], Some(&current));
    assert_eq!(edits.len(), 2);
    assert!(edits.iter().all(|edit| edit.value == Value::Bool(false)), "{edits:?}");
}

#[test]
fn saying_the_same_again_is_no_edit_unless_people_disagree() {
    let agreed = record(&[("words", "same".into(), Disagreement::None)]);
    assert_eq!(enter(&[("words", text("same"))], Some(&agreed)).0, []);
    assert_eq!(enter(&[("minutes", Answer::Cleared)], Some(&agreed)).0, [], "there is nothing to clear");

    let disputed = record(&[("words", "same".into(), Disagreement::NeedsDecision)]);
    let edit = Edit { key: "words".into(), value: "same".into() };
    assert_eq!(
        enter(&[("words", text("same"))], Some(&disputed)).0,
        [edit],
        "choosing the winner is written too"
    );

    let cleared = Edit { key: "words".into(), value: Value::Null };
    assert_eq!(enter(&[("words", text(""))], Some(&agreed)).0, [cleared], "clearing is a value of its own");
}

#[test]
fn the_record_answers_what_is_not_entered_again() {
    let current = record(&[
        ("words", "some".into(), Disagreement::None),
        ("day", "2015-03-16".into(), Disagreement::None),
        ("needs/A", Value::Bool(true), Disagreement::None),
    ]);
    assert_eq!(enter(&[("minutes", Answer::Integer(5))], Some(&current)).1, []);
    let (_, problems) = enter(&[("day", Answer::Cleared)], Some(&current));
    assert_eq!(problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(), ["day"]);
}
