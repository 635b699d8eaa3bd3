//! The screens.

use alongside_core::views::UnitList;
use alongside_domain::deadline::DeadlineState;
use jiff::civil::date;

use crate::lab::{Lab, ME, MORNING, edit, open_matter, save};

#[test]
fn the_first_screen_says_what_is_due() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    open_matter(&phone, "Mr Lee", "H-2");
    save(&phone, matter, "letter", &[("sort", "E01"), ("dated", "2015-03-02")]);
    save(&phone, matter, "call", &[("day", "2015-03-12"), ("note", "Rang")]);

    // A request of 2 March 2015 is to be decided on within six weeks: by 13 April.
    let home = phone.records().home(date(2015, 3, 16)).unwrap();
    assert_eq!((home.units, home.mine.len()), (2, 2));
    assert!(home.overdue.is_empty() && home.today.is_empty() && home.due_soon.is_empty());
    let line = home.mine.iter().find(|line| line.group == matter).unwrap();
    assert_eq!(line.name.as_deref(), Some("Mrs Okafor"));
    assert_eq!(line.reference.as_deref(), Some("H-1"));
    assert_eq!(line.status.as_deref(), Some("Open"));
    assert_eq!(line.area.as_deref(), Some("Hackney"));
    assert_eq!(line.supporter, Some(ME));
    assert_eq!(line.last_contact.unwrap().date_in("Europe/London"), date(2015, 3, 12));
    let next = line.next.as_ref().unwrap();
    assert_eq!((next.due, next.state), (date(2015, 4, 13), DeadlineState::Upcoming));
    assert_eq!(home.chip.to_string(), "All saved on this phone, 6 waiting to send");

    assert_eq!(phone.records().home(date(2015, 4, 6)).unwrap().due_soon.len(), 1);
    assert_eq!(phone.records().home(date(2015, 4, 13)).unwrap().today.len(), 1);
    let late = phone.records().home(date(2015, 4, 14)).unwrap();
    assert_eq!(late.overdue[0].next.as_ref().unwrap().state, DeadlineState::Overdue);
}

#[test]
fn lists_of_units_come_in_pieces_and_leave_none_out() {
    let lab = Lab::new();
    let phone = lab.phone();
    let mut matters = Vec::new();
    for number in 0..7 {
        let (_, matter) = open_matter(&phone, "Mrs Okafor", &format!("H-{number}"));
        // Two of each day: where the days are equal, the group decides.
        let dated = format!("2015-03-{:02}", 2 + number / 2);
        save(&phone, matter, "letter", &[("sort", "E01"), ("dated", &dated)]);
        matters.push(matter);
    }
    matters.sort();
    let whole = |list, as_of, limit| {
        let (mut groups, mut after) = (Vec::new(), None);
        loop {
            let piece = phone.records().units(list, as_of, limit, after).unwrap();
            assert!(piece.lines.len() <= limit as usize);
            groups.extend(piece.lines.iter().map(|line| line.group));
            after = piece.after;
            if after.is_none() {
                return groups;
            }
        }
    };
    let day = date(2015, 4, 14);
    for list in [UnitList::Mine, UnitList::All] {
        let mut groups = whole(list, day, 2);
        assert_eq!(groups, whole(list, day, 50));
        groups.sort();
        assert_eq!(groups, matters);
    }
    // The first two letters are to be answered by 13 April, the next two by the 14th, the last by the 16th.
    let [late, today, soon] =
        [UnitList::Overdue, UnitList::Today, UnitList::DueSoon].map(|list| whole(list, day, 1));
    assert_eq!((late.len(), today.len(), soon.len()), (2, 2, 3));
    let mut together = [late, today, soon].concat();
    let dues: Vec<_> = together
        .iter()
        .map(|group| phone.records().unit_page(*group, day, 1, None).unwrap().unit.next.unwrap().due)
        .collect();
    assert!(dues.is_sorted());
    together.sort();
    assert_eq!(together, matters);
}

#[test]
fn the_page_of_a_unit_comes_in_pieces_newest_first() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    for day in 1..=25 {
        save(
            &phone,
            matter,
            "call",
            &[("day", &format!("2015-02-{day:02}")), ("note", &format!("Day {day}"))],
        );
    }
    let as_of = date(2015, 3, 16);
    let mut titles = Vec::new();
    let mut after = None;
    loop {
        let page = phone.records().unit_page(matter, as_of, 10, after).unwrap();
        assert!(page.records.len() <= 10);
        assert_eq!(page.linked[0].group, home);
        assert_eq!(page.linked[0].records[0].title, "Mrs Okafor");
        titles.extend(page.records.into_iter().map(|card| card.title));
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    let mut expected = vec!["H-1".to_owned()];
    expected.extend((1..=25).rev().map(|day| format!("Day {day}")));
    assert_eq!(titles, expected);
}

#[test]
fn a_record_is_shown_in_words() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let mut request = crate::lab::new(
        matter,
        "call",
        &[("note", "Rang"), ("tasks/b/task", "Write"), ("tasks/a/task", "Ring")],
    );
    for code in ["topics/DAMP", "topics/RENT"] {
        request.answers.push(alongside_domain::record::Edit {
            key: code.to_owned(),
            value: alongside_domain::value::Value::Bool(true),
        });
    }
    let call = phone.records().save(request).unwrap();
    let card = phone.records().record(call.root.id).unwrap();
    let lines: Vec<(&str, &str)> =
        card.fields.iter().map(|line| (line.label.as_str(), line.text.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("The note", "Rang"),
            ("The topics", "Damp, Rent"),
            ("Task 1: The task", "Ring"),
            ("Task 2: The task", "Write"),
        ]
    );
    assert!(card.waiting);
    assert_eq!(card.at, MORNING, "a call without a day counts from when it was written");
}

#[test]
fn words_find_records_and_the_unit_to_open() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Zoë Okafor", "H-1");
    let call = save(&phone, matter, "call", &[("note", "Water under the boiler")]);
    let find = |text: &str| phone.records().search(text, 10).unwrap();
    assert_eq!(find("boil wat")[0].record, call.root.id);
    let tenant = &find("zoe")[0];
    assert_eq!((tenant.group, tenant.unit), (home, Some(matter)));
    assert!(find("boiler roof").is_empty());
    for odd in ["", "\"", "AND OR NOT", "note:*", "^(", "'; DROP TABLE change; --", "\0"] {
        phone.records().search(odd, 10).unwrap();
    }
    edit(&phone, &call, &[("note", "A dry cellar")]);
    assert!(find("boiler").is_empty(), "words that were replaced find nothing");
    assert_eq!(find("cellar").len(), 1);
}

#[test]
fn what_is_derived_can_be_built_again() {
    let lab = Lab::new();
    let phone = lab.phone();
    for number in 0..5 {
        let (home, matter) = open_matter(&phone, &format!("Tenant {number}"), &format!("H-{number}"));
        save(&phone, matter, "letter", &[("sort", "E01"), ("dated", "2015-03-02")]);
        let call = save(&phone, matter, "call", &[("day", "2015-03-12"), ("note", "Rang")]);
        lab.clock.advance(1_000);
        edit(&phone, &call, &[("note", "Rang twice"), ("tasks/a/task", "Ring again")]);
        save(&phone, home, "home", &[("borough", "Camden")]);
    }
    let before = phone.dump_read_model().unwrap();
    assert!(before.lines().count() > 20 && before.contains("Camden") && before.contains("Rang twice"));
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}

#[tokio::test]
async fn an_observer_sees_the_present_first_and_nothing_after_closing() {
    let lab = Lab::new();
    let phone = lab.phone();
    let mut subscription = phone.observe().unwrap();
    let first = subscription.next().await.unwrap();
    assert_eq!(first.waiting, 0);
    open_matter(&phone, "Mrs Okafor", "H-1");
    let second = subscription.next().await.unwrap();
    assert!(second.revision > first.revision);
    assert_eq!(second.waiting, 2);
    open_matter(&phone, "Mr Lee", "H-2");
    phone.close();
    assert_eq!(subscription.next().await, None);
    assert!(phone.observe().is_err());
}
