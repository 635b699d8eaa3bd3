//! A child entered twice, end to end: two phones, a real server, a coordinator who says that it is one, and
//! says later that it is two.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use alongside_core::{
    Phone,
    views::{LinkedGroup, UnitView},
};
use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::split,
    time::Millis,
};
use alongside_server::{
    merge::{self, Pair},
    store::journal_beside,
};
use alongside_tests::office::{
    AREA, HOUR, NOW, Office, TODAY, assert_rebuilds, edit, holds, open, page, save,
};

const DAY: i64 = 24 * HOUR;

/// Who may have been entered twice, as the command line finds it.
fn suggested(office: &Office) -> Vec<Pair> {
    let path = office.store.path();
    let none = office.folder.path().join("no-pages.db");
    let files = (path, &*journal_beside(path));
    merge::suggested_in_files(files, &none, &office.programme, NOW, AREA).unwrap()
}

/// A family, a child and a case, as one supporter enters them.
struct Entered {
    family: GroupId,
    child: GroupId,
    case: GroupId,
    of_child: RecordId,
    of_family: RecordId,
}

fn enter(phone: &Phone, name: &str, case_ref: &str, secret: &str) -> Entered {
    let (family, of_family) = open(
        phone,
        "family",
        vec![],
        vec![edit("area", "840"), edit("postcode", "DH1 3HP"), edit("home_risk_note", secret)],
    );
    let answers =
        vec![edit("known_as", name), edit("family_name", "Okafor"), edit("date_of_birth", "2006-05-04")];
    let (child, of_child) = open(phone, "child", vec![family], answers);
    let about = vec![edit("case_ref", case_ref), edit("status", "OPEN"), edit("opened_on", "2015-02-01")];
    let (case, _) = open(phone, "case", vec![child, family], about);
    Entered { family, child, case, of_child, of_family }
}

fn linked<'a>(page: &'a UnitView, kind: &str) -> Vec<&'a LinkedGroup> {
    page.linked.iter().filter(|linked| linked.kind == kind).collect()
}

#[test]
fn a_child_entered_twice_is_one_on_every_phone_and_two_again_when_that_was_a_mistake() {
    let office = Office::new();
    let cora = office.person("Cora Finch", "COORDINATOR");
    let (asha, ben) = (office.person("Asha Karim", "SUPPORTER"), office.person("Ben Lowe", "SUPPORTER"));
    let lead = office.phone(office.person("Dee Sund", "DSL"));
    let (hers, his) = (office.phone(asha), office.phone(ben));
    let a = enter(&hers, "Sam", "C-1", "asha-in-confidence");
    let b = enter(&his, "Samuel", "C-2", "ben-in-confidence");
    office.sync(&hers);
    office.sync(&his);

    // The programme's own check proposes the two children, and nothing else.
    let proposed = suggested(&office);
    assert_eq!(proposed.len(), 1, "{proposed:?}");
    assert_eq!((proposed[0].kind.as_str(), proposed[0].why.len()), ("child", 1));
    let mut both = [a.child, b.child];
    both.sort_unstable();
    assert_eq!(proposed[0].groups, both);

    let of_child =
        merge::merge(&office.store, &office.programme, NOW, cora, (a.child, b.child), "same_child").unwrap();
    let follows = suggested(&office);
    let mut both = [a.family, b.family];
    both.sort_unstable();
    assert_eq!(follows.len(), 1, "their families are two still: {follows:?}");
    assert_eq!((follows[0].groups, follows[0].why.len()), (both, 0));
    let of_family =
        merge::merge(&office.store, &office.programme, NOW, cora, (a.family, b.family), "same_family")
            .unwrap();
    assert_eq!(suggested(&office), [], "who was merged is not proposed again");
    office.assert_proves();

    // Ben has not heard of it: he goes on with the child and the family that he knows.
    save(&his, Some(b.of_child), b.child, "child", vec![edit("upn", "A950000178301")]);
    let (late, _) = open(&his, "case", vec![b.child, b.family], vec![edit("case_ref", "C-3")]);
    save(
        &his,
        Some(b.of_family),
        b.family,
        "family",
        vec![edit("home_risk_note", "ben-in-confidence again")],
    );
    save(&his, None, b.family, "person", vec![edit("known_as", "Grandmother Ada")]);
    office.sync(&his);
    assert_eq!(his.records().outbox().unwrap().count, 0, "nothing he wrote is turned down");
    office.sync(&hers);
    office.sync(&his);
    office.assert_proves();

    for (phone, unit, case_ref) in [(&hers, a.case, "C-1"), (&his, b.case, "C-2"), (&his, late, "C-3")] {
        let page = page(phone, unit);
        assert_eq!(page.unit.reference.as_deref(), Some(case_ref));
        for (kind, kept, other) in [("child", a.child, b.child), ("family", a.family, b.family)] {
            let [one] = linked(&page, kind)[..] else {
                panic!("{case_ref} shows one {kind}: {:?}", page.linked)
            };
            assert_eq!((one.group, &one.also), (kept, &vec![other]), "{case_ref}: {kind}");
        }
        let [child] = linked(&page, "child")[..] else { unreachable!() };
        let titles: Vec<&str> = child.records.iter().map(|card| card.title.as_str()).collect();
        assert!(titles.iter().any(|title| title.contains("Samuel")), "{titles:?}");
        assert_eq!(child.records.len(), 2, "both records of the child stand: {titles:?}");
        let [family] = linked(&page, "family")[..] else { unreachable!() };
        assert!(family.records.iter().any(|card| card.title.contains("Grandmother Ada")));
        assert_eq!(page.unit.name.as_deref(), Some("Sam Okafor"), "the kept one stands in front");
    }
    let numbers = hers.records().record(b.of_child).unwrap();
    assert_eq!(numbers.view.text("upn"), Some("A950000178301"), "what he wrote since is with her too");
    let lines = his.records().home(TODAY).unwrap();
    assert_eq!(lines.units, 2, "his two cases are his two lines");

    // What each wrote in confidence is theirs and the safeguarding lead's, as before.
    office.sync(&lead);
    assert!(holds(&hers, "asha-in-confidence") && !holds(&hers, "ben-in-confidence"));
    assert!(holds(&his, "ben-in-confidence again") && !holds(&his, "asha-in-confidence"));
    assert!(holds(&lead, "asha-in-confidence") && holds(&lead, "ben-in-confidence again"));
    let own = his.records().record(b.of_family).unwrap();
    assert_eq!(own.view.text("home_risk_note"), Some("ben-in-confidence again"), "it stands with its record");
    assert!(
        his.records().record(split::part_of(b.of_family, split::restricted_group(b.family, ben))).is_ok()
    );
    assert_rebuilds(&hers);
    assert_rebuilds(&his);

    // It was a mistake: three weeks later they are two again.
    let later = Millis(NOW.0 + 21 * DAY);
    let undo = |of: &merge::Merge| {
        merge::undo(&office.store, &office.programme, later, cora, of.id, "merged_by_mistake").unwrap()
    };
    undo(&of_family);
    undo(&of_child);
    office.sync(&hers);
    office.sync(&his);
    office.sync(&hers);
    office.sync(&his);
    office.assert_proves();
    for (phone, unit, child, family) in [
        (&hers, a.case, a.child, a.family),
        (&his, b.case, b.child, b.family),
        (&his, late, b.child, b.family),
    ] {
        let page = page(phone, unit);
        for (kind, own) in [("child", child), ("family", family)] {
            let [one] = linked(&page, kind)[..] else { panic!("one {kind}: {:?}", page.linked) };
            assert_eq!((one.group, &one.also), (own, &vec![]), "{kind}");
        }
    }
    assert!(hers.records().record(b.of_child).is_err(), "Samuel is none of hers");
    assert!(!holds(&hers, "Grandmother Ada") && !holds(&his, "Sam Okafor"));
    assert!(holds(&his, "Grandmother Ada") && holds(&his, "ben-in-confidence again"));
    assert_rebuilds(&hers);
    assert_rebuilds(&his);
    assert_eq!(suggested(&office).len(), 1, "they are proposed again");
}

#[test]
fn erasing_the_kept_one_leaves_the_other_with_those_who_work_with_it() {
    let office = Office::new();
    let cora = office.person("Cora Finch", "COORDINATOR");
    let ben = office.person("Ben Lowe", "SUPPORTER");
    let hers = office.phone(office.person("Asha Karim", "SUPPORTER"));
    let his = office.phone(ben);
    let a = enter(&hers, "Sam", "C-1", "asha-in-confidence");
    let b = enter(&his, "Samuel", "C-2", "ben-in-confidence");
    office.sync(&hers);
    office.sync(&his);
    merge::merge(&office.store, &office.programme, NOW, cora, (a.family, b.family), "same_family").unwrap();
    office.sync(&his);
    office.sync(&his);
    assert_eq!(linked(&page(&his, b.case), "family")[0].group, a.family);

    alongside_server::erase::erase(&office.store, NOW, a.family, "request").unwrap();
    office.sync(&his);
    office.sync(&his);
    let page = page(&his, b.case);
    let [family] = linked(&page, "family")[..] else { panic!("{:?}", page.linked) };
    assert_eq!((family.group, &family.also), (b.family, &vec![]), "his own family is where it was");
    assert!(holds(&his, "ben-in-confidence") && !holds(&his, "asha-in-confidence"));
    assert_rebuilds(&his);
    office.assert_proves();
}
