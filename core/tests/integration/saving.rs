//! Saving, and what is refused at once.

use alongside_core::{ApiError, Draft, FirstRecord, OpenGroupRequest, Phone, SaveRequest, error::Thing};
use alongside_domain::{
    ids::{GroupId, RecordId},
    record::Edit,
    time::Millis,
    value::Value,
};

use crate::lab::{self, Lab, answers, edit, new, open_matter, save, shown};

#[test]
fn a_repeated_save_with_the_same_token_writes_nothing() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let request = SaveRequest { token: Some([6; 16]), ..new(matter, "call", &[("note", "Once")]) };
    let first = phone.records().save(request.clone()).unwrap();
    let waiting = phone.records().outbox().unwrap().count;
    let again = phone.records().save(request).unwrap();
    assert_eq!(again, first);
    assert_eq!(phone.records().outbox().unwrap().count, waiting);
}

#[test]
fn a_repeated_opening_with_the_same_token_opens_nothing() {
    let lab = Lab::new();
    let phone = lab.phone();
    let request = OpenGroupRequest {
        kind: "home".to_owned(),
        parents: vec![],
        records: vec![FirstRecord { form: "home".to_owned(), answers: answers(&[("tenant", "Mr Lee")]) }],
        token: Some([5; 16]),
    };
    let first = phone.records().open_group(request.clone()).unwrap();
    assert_eq!(phone.records().open_group(request).unwrap(), first);
    assert_eq!(phone.sync().prepare(1 << 20, 0).unwrap().0.openings.len(), 1);
}

#[test]
fn an_edit_keeps_its_history() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let call = save(&phone, matter, "call", &[("note", "First")]);
    lab.clock.advance(60_000);
    let request = SaveRequest {
        record: Some(call.root.id),
        reason: Some("Misheard".to_owned()),
        ..new(matter, "call", &[("note", "Second")])
    };
    phone.records().save(request).unwrap();
    let history = phone.records().history(call.root.id).unwrap();
    assert_eq!(history.entries.len(), 2);
    assert_eq!(history.entries[1].reason.as_deref(), Some("Misheard"));
    assert_eq!(history.entries[1].author, Some(lab::ME));
    assert_eq!(history.entries[1].fields[0].from, [Value::from("First")]);
    assert_eq!(history.names, [(lab::ME, "Ada".to_owned())]);
}

#[test]
fn saving_what_stands_already_writes_nothing() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let call = save(&phone, matter, "call", &[("note", "Same")]);
    let waiting = phone.records().outbox().unwrap().count;
    assert_eq!(edit(&phone, &call, &[("note", "Same")]), call);
    assert_eq!(phone.records().outbox().unwrap().count, waiting);
}

#[test]
fn a_form_answered_once_is_edited_by_a_second_save() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, _) = open_matter(&phone, "Mrs Okafor", "H-1");
    let view = save(&phone, home, "home", &[("tenant", "Mrs Okafor-Bell")]);
    assert_eq!(view.text("borough"), Some("Hackney"));
}

#[test]
fn every_answer_that_cannot_be_saved_is_named() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let long = "x".repeat(200 << 10);
    let request = new(
        matter,
        "call",
        &[
            ("note", "fine"),
            ("note", "twice"),
            ("nonsense", "?"),
            ("@id", "?"),
            ("day", &long),
            ("topics/RENT", "x"),
            ("tasks/a/task", "Ring"),
        ],
    );
    let Err(ApiError::Invalid(problems)) = phone.records().save(request) else { panic!("was saved") };
    let codes: Vec<(&str, &str)> = problems.iter().map(|p| (p.field.as_str(), p.code)).collect();
    assert_eq!(
        codes,
        [
            ("note", "given_twice"),
            ("nonsense", "unknown_field"),
            ("@id", "unknown_field"),
            ("day", "too_long")
        ]
    );

    let invalid = |request| match phone.records().save(request) {
        Err(ApiError::Invalid(problems)) => problems[0].code,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(new(home, "call", &[])), "wrong_group");
    let vow = save(&phone, matter, "vow", &[("words", "I will")]);
    let change = SaveRequest { record: Some(vow.root.id), ..new(matter, "vow", &[("words", "I will not")]) };
    assert_eq!(invalid(change), "immutable");

    let absent = |request| match phone.records().save(request) {
        Err(ApiError::NotFound(thing)) => thing,
        other => panic!("{other:?}"),
    };
    assert_eq!(absent(new(matter, "poem", &[])), Thing::Form);
    assert_eq!(absent(new(GroupId([0; 16]), "call", &[])), Thing::Group);
    let nobody = SaveRequest { record: Some(RecordId([0; 16])), ..new(matter, "call", &[]) };
    assert_eq!(absent(nobody), Thing::Record);
}

#[test]
fn a_group_is_opened_whole_or_not_at_all() {
    let lab = Lab::new();
    let phone = lab.phone();
    let open = |kind: &str, parents: Vec<GroupId>, forms: &[&str]| {
        let records =
            forms.iter().map(|&form| FirstRecord { form: form.to_owned(), answers: vec![] }).collect();
        phone.records().open_group(OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None })
    };
    let code = |result: Result<_, ApiError>| match result {
        Err(ApiError::Invalid(problems)) => problems[0].code,
        Err(error) => panic!("{error:?}"),
        Ok::<alongside_core::OpenedGroup, _>(_) => panic!("was opened"),
    };
    assert_eq!(code(open("desk", vec![], &[])), "not_opened_on_phone");
    assert_eq!(code(open("matter", vec![], &["matter"])), "wrong_parents");
    assert_eq!(code(open("home", vec![], &["home", "home"])), "only_one");
    assert_eq!(code(open("home", vec![], &["home", "call"])), "wrong_group");
    assert!(matches!(open("castle", vec![], &[]), Err(ApiError::NotFound(Thing::GroupKind))));
    assert_eq!(phone.records().outbox().unwrap().count, 0, "nothing was kept of what failed");
    assert!(phone.sync().prepare(1 << 20, 0).unwrap().0.openings.is_empty());
}

#[test]
fn a_phone_that_is_not_enrolled_saves_nothing() {
    let lab = Lab::new();
    let phone = Phone::create(lab::profile(&lab.dir(), lab.clock.clone(), 1)).unwrap();
    let request = OpenGroupRequest { kind: "home".to_owned(), parents: vec![], records: vec![], token: None };
    assert!(matches!(phone.records().open_group(request), Err(ApiError::NotEnrolled)));
}

#[test]
fn a_draft_waits_until_its_save() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let draft = Draft {
        token: [4; 16],
        record: None,
        group: matter,
        form: "call".to_owned(),
        answers: vec![Edit { key: "note".to_owned(), value: "Half a no".into() }],
        at: Millis(0),
    };
    phone.records().keep_draft(draft.clone()).unwrap();
    let kept = phone.records().drafts().unwrap();
    assert_eq!(kept, [Draft { at: lab::MORNING, ..draft }]);
    let request = SaveRequest { token: Some([4; 16]), ..new(matter, "call", &[("note", "Half a note")]) };
    let view = phone.records().save(request).unwrap();
    assert_eq!(phone.records().drafts().unwrap(), []);
    assert_eq!(shown(&phone, view.root.id, "note").as_deref(), Some("Half a note"));
}
