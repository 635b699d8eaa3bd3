//! The programme's own forms at work on its records.

use std::{collections::BTreeMap, sync::LazyLock};

use alongside_domain::{
    form::{Form, Item, Question, QuestionKind, expr::Surroundings, session::QuestionState},
    ids::{ActorId, GroupId, RecordId},
    programme::{Programme, builtin, entry::Answer, live},
    record::{Circumstances, Document, Edit, RecordView, Root},
    rules::{Finding, Severity},
    time::Millis,
    value::Value,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;

/// 16 March 2015, 14:30:15 in London.
fn around() -> Surroundings {
    let now = "2015-03-16T14:30:15Z".parse().expect("an instant");
    Surroundings::new(now, TimeZone::get("Europe/London").expect("a zone"), [3; 32])
}

fn programme() -> Programme {
    builtin::independent_support().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn circumstances(minute: i64) -> Circumstances {
    Circumstances {
        actor: ActorId([1; 16]),
        at: Millis(1_426_500_000_000 + minute * 60_000),
        zone: "Europe/London".to_owned(),
        offline: false,
        reason: None,
    }
}

/// A record that holds these values.
fn record(programme: &Programme, form: &str, pairs: &[(&str, Value)]) -> RecordView {
    let version = programme.forms[form].version.clone();
    let root =
        Root { id: RecordId([7; 16]), form: form.to_owned(), form_version: version, group: GroupId([1; 16]) };
    let edits: Vec<Edit> =
        pairs.iter().map(|(key, value)| Edit { key: (*key).to_owned(), value: value.clone() }).collect();
    let (document, _) = Document::create(&root, &edits, &circumstances(0)).expect("a record");
    let of = &programme.forms[form];
    document.view(&|key| of.merge_policy(key), &BTreeMap::new()).expect("its view")
}

fn at(text: &str) -> Value {
    Value::Instant(Millis(text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond()))
}

/// A contact with which nothing is wrong.
fn contact() -> Vec<(&'static str, Value)> {
    vec![
        ("occurred_at", at("2015-03-16T10:00:00Z")),
        ("duration_min", Value::Integer(30)),
        ("mode", "VISIT_HOME".into()),
        ("with_whom/PARENT", Value::Bool(true)),
        ("child_present", "PRESENT".into()),
        ("child_involved", "PRESENT".into()),
        ("purpose", "DRAFT".into()),
        ("level", "2".into()),
        ("attended", "HELD".into()),
        ("venue", "HOME".into()),
    ]
}

/// The same without these, and with these others.
fn but(without: &[&str], with: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let mut pairs = contact();
    pairs.retain(|(key, _)| !without.contains(key) && !with.iter().any(|(other, _)| other == key));
    pairs.extend_from_slice(with);
    pairs
}

fn found(programme: &Programme, form: &str, pairs: &[(&str, Value)]) -> Vec<Finding> {
    programme.found_by_form(&record(programme, form, pairs), &around())
}

fn told(programme: &Programme, pairs: &[(&str, Value)]) -> Vec<(String, String, Severity)> {
    found(programme, "contact", pairs)
        .into_iter()
        .map(|finding| (finding.rule, finding.field.unwrap_or_default(), finding.severity))
        .collect()
}

#[test]
fn every_form_of_the_programme_can_be_run() {
    let programme = programme();
    for form in programme.forms.keys() {
        assert!(programme.live_form(form).is_some(), "{form}");
    }
    assert!(programme.live_form("nowhere").is_none());
}

#[test]
fn what_is_missing_is_a_query_and_what_is_wrong_an_error() {
    let programme = programme();
    assert_eq!(told(&programme, &contact()), []);
    let required = |field: &str| (format!("contact.{field}.required"), field.to_owned(), Severity::Query);
    let wrong = |field: &str| (format!("contact.{field}.constraint"), field.to_owned(), Severity::Error);
    assert_eq!(told(&programme, &but(&["venue"], &[])), [required("venue")]);
    // On the phone nobody asks where.
    assert_eq!(told(&programme, &but(&["venue"], &[("mode", "PHONE".into())])), []);
    assert_eq!(
        told(&programme, &but(&[], &[("duration_min", Value::Integer(700))])),
        [wrong("duration_min")]
    );
    // The papers of the field have an id for this one.
    assert_eq!(
        told(&programme, &but(&[], &[("occurred_at", at("2015-03-17T10:00:00Z"))])),
        [("V11".to_owned(), "occurred_at".to_owned(), Severity::Error)]
    );
    // Of a row, the key says which.
    let row = [("actions/r1/action_due_on", Value::from("2015-04-01"))];
    let in_row =
        |field: &str| (format!("contact.{field}.required"), format!("actions/r1/{field}"), Severity::Query);
    assert_eq!(told(&programme, &but(&[], &row)), [in_row("action"), in_row("action_owner")]);
    let finding = &found(&programme, "contact", &but(&[], &[("duration_min", Value::Integer(700))]))[0];
    assert_eq!(finding.message, "Enter minutes from 1 to 600");
    assert!(finding.own_form && !finding.not_made);
}

#[test]
fn every_id_of_a_finding_has_its_severity() {
    let programme = programme();
    for (id, severity) in [
        ("contact.venue.required", Some(Severity::Query)),
        ("contact.duration_min.constraint", Some(Severity::Error)),
        ("V11", Some(Severity::Error)),
        ("V04", Some(Severity::Error)),
        ("V12", Some(Severity::Error)),
        ("contact.nothing.required", None),
        ("V99", None),
    ] {
        assert_eq!(programme.severity_of(id), severity, "{id}");
    }
}

#[test]
fn what_is_not_asked_is_kept_and_counts_nowhere() {
    let programme = programme();
    let by_phone = but(&["venue"], &[("mode", "PHONE".into()), ("travel_min", Value::Integer(9_999))]);
    assert_eq!(told(&programme, &by_phone), []);
    let view = record(&programme, "contact", &by_phone);
    let form = &programme.forms["contact"];
    let answers = BTreeMap::from([("travel_min".to_owned(), Answer::Integer(5))]);
    let (edits, said) = live::entered(&programme, form, &answers, Some(&view), &around());
    assert_eq!(edits, [Edit { key: "travel_min".to_owned(), value: Value::Integer(5) }]);
    let codes: Vec<(&str, &str)> = said.iter().map(|one| (one.key.as_str(), one.code)).collect();
    assert_eq!(codes, [("travel_min", "not_asked")]);
}

#[test]
fn what_only_a_restricted_answer_tells_is_no_finding() {
    let programme = programme();
    let child = [("given_name", Value::from("Sam")), ("known_as", "Sam".into())];
    let rules: Vec<String> =
        found(&programme, "child", &child).into_iter().map(|finding| finding.rule).collect();
    assert!(rules.contains(&"child.family_name.required".to_owned()), "{rules:?}");
    // A marker of class X stands elsewhere: here it looks as though nobody had answered.
    assert!(!rules.iter().any(|rule| rule.contains("vulnerability_markers")), "{rules:?}");
    // Whether the address is asked depends on a restricted answer; that what stands there is none does not.
    let family = [("postcode", Value::from("nowhere"))];
    let rules: Vec<String> =
        found(&programme, "family", &family).into_iter().map(|finding| finding.rule).collect();
    assert!(rules.contains(&"family.postcode.constraint".to_owned()), "{rules:?}");
    assert!(!rules.iter().any(|rule| rule.contains("address_confidential")), "{rules:?}");
    // Whoever enters the record is told.
    let form = &programme.forms["child"];
    let (_, said) = live::entered(&programme, form, &BTreeMap::new(), None, &around());
    assert!(said.iter().any(|one| one.key == "vulnerability_markers" && one.code == "missing_answer"));
}

fn states(
    programme: &Programme,
    form: &str,
    answers: &[(&str, Answer)],
    current: Option<&RecordView>,
) -> BTreeMap<String, (QuestionState, Option<Answer>)> {
    let answers = answers.iter().map(|(key, answer)| ((*key).to_owned(), answer.clone())).collect();
    let states = live::states(programme, &programme.forms[form], &answers, current, &around());
    states.expect("a form that runs").into_iter().map(|one| (one.0.key.clone(), one)).collect()
}

#[test]
fn a_new_record_begins_with_what_the_form_says_and_follows_every_answer() {
    let programme = programme();
    let here = states(&programme, "contact", &[], None);
    assert!(matches!(here["occurred_at"].1, Some(Answer::Instant(_))), "now is the default");
    assert_eq!(here["attended"].1, Some(Answer::Text("HELD".to_owned())));
    assert!(!here["venue"].0.relevant && here["duration_min"].0.required);
    let visit = [("mode", Answer::Text("VISIT_HOME".to_owned())), ("duration_min", Answer::Integer(0))];
    let here = states(&programme, "contact", &visit, None);
    assert!(here["venue"].0.relevant && here["venue"].0.required);
    let trouble = here["duration_min"].0.trouble.as_ref().expect("no contact lasts nothing");
    assert_eq!((trouble.code, trouble.message.as_str()), ("constraint", "Enter minutes from 1 to 600"));
    // What is worked out is shown and cannot be entered.
    let born = [("date_of_birth", Answer::Text("2004-05-05".to_owned()))];
    let here = states(&programme, "child", &born, None);
    assert_eq!(here["rights_year"].1, Some(Answer::Text("2020".to_owned())));
    assert!(here["rights_year"].0.read_only);
    // Only the outcomes of the event are offered.
    let event = [("type", Answer::Text("E02".to_owned()))];
    let here = states(&programme, "ehc_event", &event, None);
    let offered = here["outcome"].0.choices.as_ref().expect("a list");
    let all = programme.code_lists["ehc_event_outcome"].len();
    assert!(!offered.is_empty() && offered.len() < all, "{offered:?}");
}

/// The programme with one more question in its contacts: all the time, worked out and kept.
fn with_whole_time() -> Programme {
    let mut programme = programme();
    let whole = Question {
        name: "whole_min".to_owned(),
        kind: QuestionKind::Integer,
        calculation: Some("${duration_min} + coalesce(${travel_min}, 0)".to_owned()),
        ..Question::default()
    };
    let form: &mut Form = programme.forms.get_mut("contact").expect("the form");
    form.items.push(Item::Question(whole));
    programme
}

#[test]
fn a_calculation_is_stored_where_people_answer_it_too_and_only_when_what_it_reads_changes() {
    let programme = with_whole_time();
    let form = &programme.forms["contact"];
    let enter = |answers: &[(&str, Answer)], current: Option<&RecordView>| {
        let answers = answers.iter().map(|(key, answer)| ((*key).to_owned(), answer.clone())).collect();
        live::entered(&programme, form, &answers, current, &around()).0
    };
    let edit = |key: &str, value: Value| Edit { key: key.to_owned(), value };
    let minutes = ("duration_min", Answer::Integer(40));
    assert_eq!(
        enter(std::slice::from_ref(&minutes), None),
        [edit("duration_min", Value::Integer(40)), edit("whole_min", Value::Integer(40))]
    );
    let view = record(&programme, "contact", &but(&[], &[("whole_min", Value::Integer(30))]));
    // What is not touched is not written.
    let note = ("note", Answer::Text("Rang.".to_owned()));
    assert_eq!(enter(&[note], Some(&view)), [edit("note", "Rang.".into())]);
    // What somebody writes into it gives way.
    assert_eq!(
        enter(&[minutes, ("whole_min", Answer::Integer(1))], Some(&view)),
        [edit("duration_min", Value::Integer(40)), edit("whole_min", Value::Integer(40))]
    );
    // A value of the kind `calculate` is stored by no record.
    let form = &programme.forms["child"];
    let born = BTreeMap::from([("date_of_birth".to_owned(), Answer::Text("2004-05-05".to_owned()))]);
    let (edits, _) = live::entered(&programme, form, &born, None, &around());
    assert_eq!(edits, [edit("date_of_birth", "2004-05-05".into())]);
}

/// What people change apart in a contact: right, wrong, cleared, or what makes others asked or not.
fn changes() -> impl Strategy<Value = (usize, usize)> {
    (0..8_usize, 0..4_usize)
}

fn changed((which, how): (usize, usize)) -> Edit {
    let pick = |values: [Value; 4]| values[how].clone();
    let (key, value) = match which {
        0 => ("mode", pick(["PHONE".into(), "VISIT_HOME".into(), "EMAIL".into(), Value::Null])),
        1 => ("duration_min", pick([Value::Integer(0), Value::Integer(5), Value::Integer(601), Value::Null])),
        2 => ("venue", pick(["HOME".into(), "SCHOOL".into(), Value::Null, Value::Null])),
        3 => {
            ("travel_min", pick([Value::Integer(9_999), Value::Integer(3), Value::Null, Value::Integer(-1)]))
        }
        4 => ("with_whom/NOBODY", Value::Bool(how % 2 == 0)),
        5 => {
            ("actions/r1/action", pick(["Ring".into(), Value::Null, "x".repeat(200).into(), "Write".into()]))
        }
        6 => (
            "occurred_at",
            pick([Value::Null, at("2015-03-17T10:00:00Z"), at("2015-03-01T10:00:00Z"), Value::Null]),
        ),
        _ => (
            "purpose",
            pick(["DRAFT".into(), Value::Null, "DRAFT MEETING VIEWS_CYP REQUEST".into(), Value::Null]),
        ),
    };
    Edit { key: key.to_owned(), value }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Phone and server get the changes of several people in different orders, and find the same.
    #[test]
    fn whatever_the_order_of_arrival_the_findings_are_the_same(
        stories in prop::collection::vec(prop::collection::vec(changes(), 1..4), 2..5),
        turn in 0..24_usize,
    ) {
        // Read once: it takes longer than all the rest.
        static PROGRAMME: LazyLock<Programme> = LazyLock::new(programme);
        let programme = &*PROGRAMME;
        let form = &programme.forms["contact"];
        let root = Root {
            id: RecordId([7; 16]),
            form: "contact".to_owned(),
            form_version: form.version.clone(),
            group: GroupId([1; 16]),
        };
        let edits: Vec<Edit> =
            contact().into_iter().map(|(key, value)| Edit { key: key.to_owned(), value }).collect();
        let (_, first) = Document::create(&root, &edits, &circumstances(0)).expect("a record");
        let mut apart = Vec::new();
        for (who, story) in (2..).zip(&stories) {
            let mut document = Document::load([&first.bytes[..]]).expect("the record");
            for (minute, change) in (1..).zip(story) {
                let here = Circumstances { actor: ActorId([who; 16]), ..circumstances(minute) };
                apart.extend(document.edit(&[changed(*change)], &here).expect("an edit"));
            }
        }
        let view = |order: Vec<&[u8]>| {
            let mut document = Document::load([&first.bytes[..]]).expect("the record");
            document.apply(order).expect("the changes");
            document.view(&|key| form.merge_policy(key), &BTreeMap::new()).expect("its view")
        };
        let straight: Vec<&[u8]> = apart.iter().map(|change| &change.bytes[..]).collect();
        let mut turned: Vec<&[u8]> = straight.iter().rev().copied().collect();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let one = programme.found_by_form(&view(straight), &around());
        let other = programme.found_by_form(&view(turned), &around());
        prop_assert_eq!(one, other);
    }
}
