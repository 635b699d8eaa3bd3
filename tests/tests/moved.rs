//! A record in the wrong family, end to end: it is moved on a phone with no signal, while the same person goes on
//! with it on another; nothing of either is lost, and every page shows it where it belongs.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use alongside_core::{ApiError, MoveRequest, Phone, views::RecordCard};
use alongside_domain::{
    ids::{GroupId, RecordId},
    record::moved,
    value::Value,
};
use alongside_server::read_model::case;
use alongside_tests::office::{AREA, NOW, Office, TODAY, assert_rebuilds, edit, holds, open, page, save};

/// A family with a child and a case: groups of family and case.
fn enter(phone: &Phone, name: &str, case_ref: &str) -> (GroupId, GroupId) {
    let (family, _) = open(phone, "family", vec![], vec![edit("area", AREA)]);
    let (child, _) = open(phone, "child", vec![family], vec![edit("known_as", name)]);
    let about = vec![edit("case_ref", case_ref), edit("status", "OPEN"), edit("opened_on", "2015-02-01")];
    let (case, _) = open(phone, "case", vec![child, family], about);
    (family, case)
}

fn contact(phone: &Phone, case: GroupId) -> RecordId {
    let answers = vec![
        edit("occurred_at", Value::Instant(NOW)),
        edit("duration_min", Value::Integer(45)),
        edit("mode", "PHONE"),
        edit("note", "Talked about the draft plan"),
        edit("purpose", "ADVICE"),
        edit("flags/SAFEGUARDING", Value::Bool(true)),
        edit("flags/STORY_CANDIDATE", Value::Bool(true)),
    ];
    save(phone, None, case, "contact", answers)
}

fn to(record: RecordId, group: GroupId) -> MoveRequest {
    MoveRequest { record, group, reason: Some("entered in the wrong family".into()), token: None }
}

fn shown(phone: &Phone, unit: GroupId) -> Vec<RecordId> {
    page(phone, unit).records.iter().map(|card: &RecordCard| card.record).collect()
}

/// The code that an app is told.
fn refused(phone: &Phone, request: MoveRequest) -> &'static str {
    match phone.records().move_record(request).unwrap_err() {
        ApiError::Invalid(problems) => problems[0].code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_contact_in_the_wrong_family_goes_to_the_right_one_and_what_was_written_meanwhile_is_not_lost() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let (phone, tablet) = (office.phone(asha), office.phone_in(asha, "tablet"));
    let (family, wrong) = enter(&phone, "Sam", "C-1");
    let (_, right) = enter(&phone, "Samira", "C-2");
    let old = contact(&phone, wrong);
    office.sync(&phone);
    office.sync(&tablet);

    assert_eq!(refused(&phone, to(old, wrong)), "same_group");
    assert_eq!(refused(&phone, to(old, family)), "wrong_group");
    let case_record = shown(&phone, wrong).into_iter().find(|record| *record != old).unwrap();
    assert_eq!(refused(&phone, to(case_record, right)), "only_one");

    // Offline, on both: moved here, gone on with there.
    let token = Some([7; 16]);
    let new = phone.records().move_record(MoveRequest { token, ..to(old, right) }).unwrap();
    let again = phone.records().move_record(MoveRequest { token, ..to(old, right) }).unwrap();
    assert_eq!(new.root.id, again.root.id, "asked twice, moved once");
    assert_eq!(new.text("note"), Some("Talked about the draft plan"));
    assert_eq!(new.codes("flags"), ["SAFEGUARDING", "STORY_CANDIDATE"], "what is restricted comes with it");
    assert_eq!(new.moved_from(), Some(old));
    assert_eq!(refused(&phone, to(old, right)), "moved_already");
    assert!(!shown(&phone, wrong).contains(&old) && shown(&phone, right).contains(&new.root.id));
    save(&tablet, Some(old), wrong, "contact", vec![edit("note", "Talked about the final plan")]);
    office.sync(&phone);
    office.sync(&tablet);
    office.sync(&phone);

    for device in [&phone, &tablet] {
        assert!(!shown(device, wrong).contains(&old) && shown(device, right).contains(&new.root.id));
        let card = device.records().record(old).unwrap();
        assert_eq!((card.form.as_str(), card.view.moved_to()), ("contact", Some(new.root.id)));
        assert!(card.view.is_moved_in_doubt(), "it was written to without knowing");
        assert_eq!(card.view.text("note"), Some("Talked about the final plan"));
        assert_eq!(page(device, wrong).unit.conflicts, 1);
        let open: Vec<RecordId> =
            device.records().conflicts(10).unwrap().into_iter().map(|line| line.card.record).collect();
        assert_eq!(open, [old]);
        let hits = device.records().search("plan", 10).unwrap();
        assert!(hits.iter().all(|hit| hit.record != old), "what is closed is not found");
        assert_rebuilds(device);
    }

    // She takes over what she wrote, and says that this was all.
    save(&phone, Some(new.root.id), right, "contact", vec![edit("note", "Talked about the final plan")]);
    phone.records().affirm(old, Some(moved::TO), "taken over").unwrap();
    office.sync(&phone);
    office.sync(&tablet);
    for device in [&phone, &tablet] {
        assert!(!device.records().record(old).unwrap().view.is_moved_in_doubt());
        assert_eq!(page(device, wrong).unit.conflicts, 0);
        assert_eq!(device.records().conflicts(10).unwrap(), []);
        assert_rebuilds(device);
    }
    office.assert_proves();
}

#[test]
fn the_dates_of_an_event_go_with_it_on_the_phone_and_on_the_server() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let lead = office.phone(office.person("Dee Sund", "DSL"));
    let phone = office.phone(asha);
    let (_, wrong) = enter(&phone, "Sam", "C-1");
    let (_, right) = enter(&phone, "Samira", "C-2");
    let letter = vec![edit("type", "E07"), edit("date", "2015-03-02"), edit("comments_due_on", "2015-03-23")];
    let event = save(&phone, None, wrong, "ehc_event", letter);
    let flagged = contact(&phone, wrong);
    let dates = |unit| {
        let lines = page(&phone, unit).deadlines.into_iter();
        let of_letter = lines.filter(|line| line.deadline.rule == "D05");
        of_letter.map(|line| line.deadline.due.to_string()).collect::<Vec<_>>()
    };
    let due = vec!["2015-03-23".to_owned()];
    assert_eq!((dates(wrong), dates(right)), (due.clone(), vec![]));
    let moved = phone.records().move_record(to(event, right)).unwrap().root.id;
    assert_eq!((dates(wrong), dates(right)), (vec![], due));
    let there = phone.records().move_record(to(flagged, right)).unwrap().root.id;
    office.sync(&phone);
    office.sync(&lead);

    let pages = &office.running.pages;
    office.wait_for_pages();
    let of_form = |group, form: &str| {
        let found = pages.read(|db| case::records_of_form(db, group, form, 10, true)).unwrap();
        found.into_iter().map(|stored| stored.view.root.id).collect::<Vec<_>>()
    };
    assert_eq!((of_form(wrong, "ehc_event"), of_form(right, "ehc_event")), (vec![], vec![moved]));
    assert_eq!((of_form(wrong, "contact"), of_form(right, "contact")), (vec![], vec![there]));
    let closed = pages.read(|db| case::record(db, event)).unwrap().unwrap();
    assert_eq!(closed.view.moved_to(), Some(moved));
    let counted = pages.read(|db| case::form_counts(db, wrong)).unwrap();
    assert_eq!(counted.keys().map(String::as_str).collect::<Vec<_>>(), ["case"]);

    // Who may read what is restricted reads it where it belongs.
    assert_eq!(
        lead.records().record(there).unwrap().view.codes("flags"),
        ["SAFEGUARDING", "STORY_CANDIDATE"]
    );
    assert!(holds(&lead, "C-2"));
    assert_rebuilds(&phone);
    assert_rebuilds(&lead);
    assert_eq!(phone.records().home(TODAY).unwrap().units, 2);
    office.assert_proves();
}

#[test]
fn moved_to_one_place_from_two_phones_it_is_one_record() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let (phone, tablet) = (office.phone(asha), office.phone_in(asha, "tablet"));
    let (_, wrong) = enter(&phone, "Sam", "C-1");
    let (_, right) = enter(&phone, "Samira", "C-2");
    let old = contact(&phone, wrong);
    office.sync(&phone);
    office.sync(&tablet);
    let here = phone.records().move_record(to(old, right)).unwrap().root.id;
    let there = tablet.records().move_record(to(old, right)).unwrap().root.id;
    assert_eq!(here, there);
    for device in [&phone, &tablet, &phone] {
        office.sync(device);
    }
    for device in [&phone, &tablet] {
        assert_eq!(shown(device, right).iter().filter(|record| **record == here).count(), 1);
        let card = device.records().record(here).unwrap();
        assert_eq!(card.view.twins.len(), 2, "somebody says that both meant the same");
        assert_eq!(card.view.text("note"), Some("Talked about the draft plan"));
    }
    tablet.records().affirm(here, None, "both were me").unwrap();
    office.sync(&tablet);
    office.sync(&phone);
    assert!(phone.records().record(here).unwrap().view.twins.is_empty());
    assert_rebuilds(&phone);
    assert_rebuilds(&tablet);
    office.assert_proves();
}

#[test]
fn moved_to_two_places_somebody_decides_which_it_is() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let (phone, tablet) = (office.phone(asha), office.phone_in(asha, "tablet"));
    let (_, wrong) = enter(&phone, "Sam", "C-1");
    let (_, right) = enter(&phone, "Samira", "C-2");
    let (_, neither) = enter(&phone, "Samuel", "C-3");
    let old = contact(&phone, wrong);
    office.sync(&phone);
    office.sync(&tablet);
    let here = phone.records().move_record(to(old, right)).unwrap().root.id;
    let there = tablet.records().move_record(to(old, neither)).unwrap().root.id;
    assert_ne!(here, there);
    for device in [&phone, &tablet, &phone] {
        office.sync(device);
    }
    assert_eq!(page(&phone, wrong).unit.conflicts, 2, "the record, and what was flagged in confidence");
    assert!(shown(&phone, right).contains(&here) && shown(&phone, neither).contains(&there));

    phone.records().decide(old, moved::TO, Value::Ref(here), "it was Samira").unwrap();
    office.sync(&phone);
    office.sync(&tablet);
    for device in [&phone, &tablet] {
        let view = device.records().record(old).unwrap().view;
        assert_eq!((view.moved_to(), view.is_moved_in_doubt()), (Some(here), false));
        assert_eq!(page(device, wrong).unit.conflicts, 0);
        assert_rebuilds(device);
    }
    office.assert_proves();
}

#[test]
fn what_is_written_in_confidence_without_knowing_waits_too() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let (phone, tablet) = (office.phone(asha), office.phone_in(asha, "tablet"));
    let (_, wrong) = enter(&phone, "Sam", "C-1");
    let (_, right) = enter(&phone, "Samira", "C-2");
    let old = contact(&phone, wrong);
    office.sync(&phone);
    office.sync(&tablet);
    phone.records().move_record(to(old, right)).unwrap();
    save(&tablet, Some(old), wrong, "contact", vec![edit("flags/SAFEGUARDING", Value::Null)]);
    for device in [&phone, &tablet, &phone] {
        office.sync(device);
    }
    let waiting = phone.records().conflicts(10).unwrap();
    let [line] = &waiting[..] else { panic!("{waiting:?}") };
    let part = line.card.record;
    assert_ne!(part, old, "it is the part that was written to");
    assert!(
        line.card.view.is_moved_in_doubt() && !phone.records().record(old).unwrap().view.is_moved_in_doubt()
    );
    phone.records().affirm(part, Some(moved::TO), "looked at").unwrap();
    assert_eq!(phone.records().conflicts(10).unwrap(), []);
    office.sync(&phone);
    office.sync(&tablet);
    assert_eq!(tablet.records().conflicts(10).unwrap(), []);
    assert_rebuilds(&phone);
    assert_rebuilds(&tablet);
    office.assert_proves();
}
