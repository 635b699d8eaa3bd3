//! The programme that is built in, on a phone.

use std::sync::Arc;

use alongside_core::{
    ApiError, FirstRecord, OpenGroupRequest, Phone, Profile, SaveRequest, SessionRequest, clock::Clock as _,
};
use alongside_domain::{
    ids::GroupId,
    programme::builtin,
    record::{Edit, Root},
    time::Millis,
    value::Value,
};
use jiff::civil::date;

use crate::lab::{self, Lab, answers, new, save};

/// A phone with the programme that is built in, and a case on it.
struct Desk {
    lab: Lab,
    phone: Phone,
    family: GroupId,
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
    let family = open("family", vec![], &[("family_ref", "301-F-1"), ("area", "301")]);
    let child = open(
        "child",
        vec![family],
        &[("known_as", "Sam"), ("date_of_birth", "2004-05-05"), ("setting_type", "EHE")],
    );
    let opened = [("case_ref", "C-1"), ("status", "OPEN"), ("opened_on", "2015-03-02")];
    let case = open("case", vec![child, family], &opened);
    Desk { lab, phone, family, child, case }
}

/// What the rules found; what a form misses of its record is another matter.
fn found(phone: &Phone, unit: GroupId) -> Vec<String> {
    let problems = phone.records().problems(unit).unwrap().problems.into_iter();
    problems.map(|problem| problem.rule).filter(|rule| !rule.ends_with(".required")).collect()
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
fn a_contact_tells_the_stage_that_the_case_had_then() {
    let Desk { phone, case, .. } = &desk();
    save(phone, *case, "ehc_event", &[("type", "E01"), ("date", "2015-02-02")]);
    let contact = save(phone, *case, "contact", &[("mode", "PHONE"), ("note", "Rang about the letter.")]);
    let figures = |record| phone.records().record(record).unwrap().figures;
    assert_eq!(figures(contact.root.id), [], "without its time nothing is known of it");
    let request = SaveRequest {
        record: Some(contact.root.id),
        group: *case,
        form: "contact".to_owned(),
        answers: vec![Edit {
            key: "occurred_at".to_owned(),
            value: Value::Instant(Millis(
                "2015-02-10T10:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond(),
            )),
        }],
        reason: None,
        token: None,
    };
    phone.records().save(request).unwrap();
    let told = figures(contact.root.id);
    assert_eq!(told.len(), 1, "{told:?}");
    let form = phone.programme().form("case").unwrap();
    let stage = phone.programme().code_label(form, form.question("ehc_stage").unwrap(), "S10");
    assert_eq!((told[0].id.as_str(), told[0].text.as_str()), ("contact.ehc_stage_at_contact", stage));
    let page = phone.records().unit_page(*case, date(2015, 3, 16), 10, None).unwrap();
    assert!(page.records.iter().all(|card| card.figures.is_empty()), "lists leave it out");
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
    let family = open("family", vec![], &[("family_ref", "301-F-1"), ("area", "E09000012")]);
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

#[test]
fn what_is_worked_out_follows_the_records_and_the_day_asked_for() {
    let Desk { phone, child, case, .. } = &desk();
    let figure = |id: &str, as_of| {
        let view = phone.records().figures(*case, as_of).unwrap();
        assert_eq!(view.as_of, as_of);
        view.figures.into_iter().find(|figure| figure.id == id).map(|figure| figure.text)
    };
    let day = date(2015, 3, 16);
    assert_eq!(figure("case.recorded_minutes", day).as_deref(), Some("0"));
    for minutes in [50, 75] {
        let answers = vec![
            Edit { key: "duration_min".to_owned(), value: Value::Integer(minutes) },
            Edit { key: "mode".to_owned(), value: "PHONE".into() },
        ];
        phone.records().save(SaveRequest { answers, ..new(*case, "contact", &[]) }).unwrap();
    }
    assert_eq!(figure("case.recorded_minutes", day).as_deref(), Some("125"));
    assert_eq!(figure("case.contact_count", day).as_deref(), Some("2"));
    assert_eq!(figure("case.intensity_band", day).as_deref(), Some("Standard: 2 to 10 hours"));
    // Sam was born on 5 May 2004.
    assert_eq!(figure("child.age", day).as_deref(), Some("10"));
    assert_eq!(figure("child.age", date(2015, 5, 5)).as_deref(), Some("11"));
    assert!(phone.records().figures(*child, day).is_err(), "a child is no unit");
}

#[test]
fn a_session_with_several_families_is_one_contact_for_each_and_the_sum_is_exact() {
    let Desk { phone, child, family, case, .. } = &desk();
    let open = |number: &str| {
        let records =
            vec![FirstRecord { form: "case".to_owned(), answers: answers(&[("case_ref", number)]) }];
        let parents = vec![*child, *family];
        let request = OpenGroupRequest { kind: "case".to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let groups = vec![*case, open("C-2"), open("C-3")];
    let request = SessionRequest {
        groups: groups.clone(),
        form: "contact".to_owned(),
        answers: vec![
            Edit { key: "duration_min".to_owned(), value: Value::Integer(50) },
            Edit { key: "mileage".to_owned(), value: "12.5".into() },
            Edit { key: "note".to_owned(), value: "Coffee morning".into() },
        ],
        reason: None,
        token: Some([9; 16]),
    };
    let records = phone.records().save_session(request.clone()).unwrap();
    let views: Vec<_> = records.iter().map(|id| phone.records().record(*id).unwrap().view).collect();
    assert!(views.iter().map(|view| view.root.group).eq(groups.iter().copied()));
    let all = |key: &str| views.iter().map(|view| view.value(key).cloned()).collect::<Vec<_>>();
    assert_eq!(all("duration_min"), [17, 17, 16].map(|share| Some(Value::Integer(share))));
    assert_eq!(all("mileage"), ["4.2", "4.2", "4.1"].map(|share| Some(share.into())));
    assert_eq!(all("note"), vec![Some("Coffee morning".into()); 3]);
    let session = all("group_id");
    assert!(session[0].is_some() && session.iter().all(|id| *id == session[0]), "{session:?}");
    // The same filling-in saved again writes nothing.
    let waiting = phone.records().outbox().unwrap().count;
    assert_eq!(phone.records().save_session(request.clone()).unwrap(), records);
    assert_eq!(phone.records().outbox().unwrap().count, waiting);

    let refused = |change: &dyn Fn(&mut SessionRequest)| {
        let mut request = SessionRequest { token: None, ..request.clone() };
        change(&mut request);
        let error = phone.records().save_session(request).unwrap_err();
        let ApiError::Invalid(problems) = error else { panic!("{error}") };
        problems[0].code
    };
    assert_eq!(refused(&|request| request.groups.clear()), "no_groups");
    assert_eq!(refused(&|request| request.groups.push(*case)), "given_twice");
    assert_eq!(refused(&|request| request.form = "goal".to_owned()), "no_sessions");
    assert_eq!(refused(&|request| request.answers[1].value = "a lot".into()), "not_a_number");
    // One that cannot be saved saves none.
    let nowhere = SessionRequest { token: None, groups: vec![*case, GroupId([9; 16])], ..request };
    assert!(phone.records().save_session(nowhere).is_err());
    assert_eq!(phone.records().outbox().unwrap().count, waiting);
}

#[test]
fn a_record_that_two_phones_started_is_one_and_somebody_says_that_it_is_meant_once() {
    let Desk { phone, case, .. } = &desk();
    let wheel = [("tool", "PW_FAM"), ("respondent", "PARENT"), ("point", "BASELINE")];
    let mine =
        save(phone, *case, "outcome_assessment", &[&wheel[..], &[("comment", "A good start")]].concat());
    assert!(mine.root.id.is_derived());
    // Started here once more: it is the same record.
    let again = save(phone, *case, "outcome_assessment", &wheel);
    assert_eq!(again.root.id, mine.root.id);
    let nothing = phone.records().affirm(mine.root.id, None, "");
    assert!(matches!(nothing, Err(ApiError::Invalid(problems)) if problems[0].code == "nothing_to_affirm"));
    lab::accept_all(phone, 1);

    let form_version = phone.programme().forms["outcome_assessment"].version.clone();
    let root = Root { id: mine.root.id, form: "outcome_assessment".to_owned(), form_version, group: *case };
    let other = lab::Elsewhere::rooted(&root, &[&wheel[..], &[("comment", "Hard to judge")]].concat());
    lab::exchange(phone, 100, &[other.entry(0, 100)], |_, _| unreachable!("nothing waits"));
    let card = phone.records().record(mine.root.id).unwrap();
    assert_eq!(card.view.twins.len(), 2);
    assert_eq!(card.started_by.len(), 2);
    let open = phone.records().conflicts(10).unwrap();
    assert!(open.iter().any(|line| line.card.record == mine.root.id), "it waits to be decided");
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);

    let said = phone.records().affirm(mine.root.id, None, "both of us saw them").unwrap();
    assert!(said.twins.is_empty());
    assert_eq!(said.fields["comment"].others.len(), 1, "what differs is not decided with it");
    assert!(phone.records().conflicts(10).unwrap().iter().all(|line| line.card.record != mine.root.id));
}

#[test]
fn a_state_by_a_step_that_the_programme_does_not_have_waits_until_somebody_stands_by_it() {
    let Desk { phone, case, .. } = &desk();
    let status = |code: &str| save(phone, *case, "case", &[("status", code)]);
    let record = status("CLOSED").root.id;
    assert_eq!(phone.records().conflicts(10).unwrap(), []);
    status("WAITING");
    let open = phone.records().conflicts(10).unwrap();
    assert_eq!((open[0].card.record, &open[0].fields[..]), (record, &["status".to_owned()][..]));
    phone.records().affirm(record, Some("status"), "entered by mistake").unwrap();
    assert_eq!(phone.records().conflicts(10).unwrap(), []);
    assert_eq!(phone.records().record(record).unwrap().view.text("status"), Some("WAITING"));
}
