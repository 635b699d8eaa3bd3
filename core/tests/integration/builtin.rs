//! The programme that is built in, on a phone.

use std::sync::Arc;

use alongside_core::{FirstRecord, OpenGroupRequest, Phone, Profile};
use alongside_domain::{ids::GroupId, programme::builtin, record::Edit, value::Value};
use jiff::civil::date;

use crate::lab::{self, Lab, answers, new, save};

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
