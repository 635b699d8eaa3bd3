//! The programme that is built in, on a phone.

use std::sync::Arc;

use alongside_core::{FirstRecord, OpenGroupRequest, Phone, Profile, clock::Clock as _};
use alongside_domain::{ids::GroupId, programme::builtin, record::Edit, time::Millis, value::Value};
use jiff::civil::date;

use crate::lab::{self, Lab, answers, new, save};

/// A phone with the programme that is built in, and a case on it.
struct Desk {
    lab: Lab,
    phone: Phone,
    child: GroupId,
    case: GroupId,
}

fn desk() -> Desk {
    let lab = Lab::new();
    let programme = Arc::new(builtin::independent_support().unwrap());
    let phone =
        Phone::create(Profile { programme, ..lab::profile(&lab.dir(), lab.clock.clone(), 1) }).unwrap();
    lab::enrol(&phone);
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let family = open("family", vec![], &[("family_ref", "F-1"), ("area", "301")]);
    let child = open(
        "child",
        vec![family],
        &[("known_as", "Sam"), ("date_of_birth", "2004-05-05"), ("setting_type", "EHE")],
    );
    let opened = [("case_ref", "C-1"), ("status", "OPEN"), ("opened_on", "2015-03-02")];
    let case = open("case", vec![child, family], &opened);
    Desk { lab, phone, child, case }
}

fn found(phone: &Phone, unit: GroupId) -> Vec<String> {
    phone.records().problems(unit).unwrap().problems.into_iter().map(|problem| problem.rule).collect()
}

#[test]
fn rules_never_stop_a_save_and_what_they_find_is_there_at_once() {
    let Desk { phone, child, case, .. } = &desk();
    assert_eq!(found(phone, *case), [] as [&str; 0]);
    let event = save(phone, *case, "ehc_event", &[("type", "E02"), ("outcome", "Y"), ("date", "2015-03-02")]);
    assert_eq!(found(phone, *case), ["V20.decision"]);
    let of_record = phone.records().record_problems(event.root.id).unwrap();
    assert_eq!(of_record.problems[0].label.as_deref(), Some("Date on the letter"));
    assert!(of_record.not_here.iter().any(|rule| rule == "V13"));
    let home = phone.records().home(date(2015, 3, 16)).unwrap();
    assert!(home.mine.iter().all(|line| (line.errors, line.queries) == (0, 0)), "nobody's case is not mine");
    // What is put right is no longer found; what another record breaks is.
    save(phone, *case, "ehc_event", &[("type", "E01"), ("date", "2015-02-02")]);
    assert_eq!(found(phone, *case), [] as [&str; 0]);
    save(phone, *child, "child", &[("upn", "R247962919251")]);
    assert_eq!(found(phone, *case), ["V12"]);
    save(phone, *child, "child", &[("upn", "A950000178301")]);
    assert_eq!(found(phone, *case), [] as [&str; 0]);
    // The day's rules judge a unit that nobody touched as well, and judging all at once finds the same.
    phone.records().judge_waiting().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(found(phone, *case), [] as [&str; 0]);
}

#[test]
fn a_letter_is_entered_offline_and_its_dates_and_reminders_are_there() {
    let Desk { phone, case, .. } = &desk();
    save(
        phone,
        *case,
        "ehc_event",
        &[("type", "E07"), ("date", "2015-03-02"), ("comments_due_on", "2015-03-23")],
    );
    let page = phone.records().unit_page(*case, date(2015, 3, 16), 10, None).unwrap();
    let comments = page.deadlines.iter().find(|line| line.deadline.rule == "D05").unwrap();
    assert_eq!(
        (comments.deadline.due, comments.deadline.computed),
        (date(2015, 3, 23), Some(date(2015, 3, 16)))
    );
    assert!(comments.set_by.is_some(), "{comments:?}");
    assert_eq!(page.unit.next.unwrap().due, date(2015, 3, 23));

    let day = |text: &str| Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let due = phone.records().reminders(day("2015-03-18T00:00:00Z"), day("2015-03-18T23:59:00Z")).unwrap();
    let texts: Vec<&str> = due.iter().map(|due| due.text.as_str()).collect();
    assert!(texts.contains(&"1 family: comments due in 5 days"), "{texts:?}");
    assert!(due.iter().all(|due| !due.text.contains("Sam") && !due.text.contains("C-1")));
}

#[test]
fn a_date_set_by_hand_holds_until_a_later_one_and_says_who() {
    let Desk { lab, phone, case, .. } = &desk();
    let event = save(phone, *case, "ehc_event", &[("type", "E01"), ("date", "2014-11-03")]);
    let set = |date: &str| {
        let event = event.root.id.to_string();
        let answers = [
            ("rule", "D07"),
            ("date", date),
            ("event", event.as_str()),
            ("source", "TRIBUNAL"),
            ("reason", "Order"),
        ];
        save(phone, *case, "deadline_override", &answers);
    };
    set("2015-04-13");
    lab.clock.set(Millis(lab.clock.now().0 + 60_000));
    set("2015-04-20");
    let page = phone.records().unit_page(*case, date(2015, 3, 16), 10, None).unwrap();
    let plan = page.deadlines.iter().find(|line| line.deadline.rule == "D07").unwrap();
    assert_eq!((plan.deadline.due, plan.deadline.computed), (date(2015, 4, 20), Some(date(2015, 3, 23))));
    let by = plan.deadline.set.as_ref().unwrap();
    assert_eq!((by.reason.as_deref(), by.by), (Some("Order"), Some(lab::ME)));
    assert_eq!(found(phone, *case), [] as [&str; 0]);
}

#[test]
fn a_family_a_child_and_a_case_are_opened_and_worked_with() {
    let lab = Lab::new();
    let programme = Arc::new(builtin::independent_support().unwrap());
    let phone =
        Phone::create(Profile { programme, ..lab::profile(&lab.dir(), lab.clock.clone(), 1) }).unwrap();
    lab::enrol(&phone);
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let family = open("family", vec![], &[("family_ref", "F-1"), ("area", "E09000012")]);
    let child = open("child", vec![family], &[("known_as", "Sam"), ("family_name", "Okafor")]);
    let supporter = lab::ME.to_string();
    let case = open("case", vec![child, family], &[("case_ref", "C-1"), ("allocated_supporter", &supporter)]);
    save(&phone, case, "ehc_event", &[("type", "E01"), ("date", "2015-03-02")]);
    let mut contact = new(case, "contact", &[("mode", "PHONE"), ("note", "Rang about the request")]);
    contact.answers.push(Edit { key: "occurred_at".to_owned(), value: Value::Instant(lab::MORNING) });
    phone.records().save(contact).unwrap();

    let home = phone.records().home(date(2015, 3, 16)).unwrap();
    let line = &home.mine[0];
    assert_eq!((home.mine.len(), line.group), (1, case));
    assert_eq!(line.reference.as_deref(), Some("C-1"));
    assert!(line.name.as_deref().is_some_and(|name| name.starts_with("Sam")));
    assert_eq!(line.last_contact, Some(lab::MORNING));
    assert_eq!(line.next.as_ref().unwrap().due, date(2015, 4, 13));
    let found = phone.records().search("sam", 5).unwrap();
    assert_eq!(found[0].unit, Some(case));
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}

/// A family is linked to the case itself and, further off, through the child: its own place counts.
#[test]
fn the_groups_of_a_case_stand_in_the_order_in_which_it_was_linked() {
    let Desk { phone, .. } = &desk();
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    for number in 0..12 {
        let family = open("family", vec![], &[("family_ref", &format!("F-{number}"))]);
        let child = open("child", vec![family], &[("known_as", "Ada")]);
        let case = open("case", vec![child, family], &[("case_ref", &format!("C-{number}"))]);
        let page = phone.records().unit_page(case, date(2015, 3, 16), 10, None).unwrap();
        let linked: Vec<GroupId> = page.linked.iter().map(|linked| linked.group).collect();
        assert_eq!(linked, [child, family]);
    }
}
