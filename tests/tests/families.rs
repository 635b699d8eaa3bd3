//! Who is told of whom: brothers and sisters by name and age only, and nothing across partners.

use alongside_core::Phone;
use alongside_domain::ids::{GroupId, PartnerId, PersonId};
use alongside_server::{
    merge,
    people::{self, NewPerson},
    store::journal_beside,
};
use alongside_tests::office::{AREA, NOW, Office, TODAY, assert_rebuilds, edit, holds, open, page};

struct Entered {
    family: GroupId,
    child: GroupId,
    case: GroupId,
}

/// A family, a child and a case, as one supporter enters them.
fn enter(phone: &Phone, known_as: &str, birth: &str, case_ref: &str) -> Entered {
    let (family, _) = open(phone, "family", vec![], vec![edit("area", AREA), edit("postcode", "DH1 3HP")]);
    let answers = vec![
        edit("known_as", known_as),
        edit("family_name", "Okafor"),
        edit("date_of_birth", birth),
        edit("upn", "A950000178301"),
    ];
    let (child, _) = open(phone, "child", vec![family], answers);
    let about = vec![edit("case_ref", case_ref), edit("status", "OPEN"), edit("opened_on", "2015-02-01")];
    let (case, _) = open(phone, "case", vec![child, family], about);
    Entered { family, child, case }
}

/// What a phone's page says of the relatives.
fn told(phone: &Phone, case: GroupId) -> Vec<(String, Option<u16>)> {
    page(phone, case).relatives.into_iter().map(|other| (other.known_as, other.age)).collect()
}

#[test]
fn a_brother_of_another_supporter_is_told_by_name_and_age_and_nothing_else() {
    let office = Office::new();
    let cora = office.person("Cora Finch", "COORDINATOR");
    let hers = office.phone(office.person("Asha Karim", "SUPPORTER"));
    let his = office.phone(office.person("Ben Lowe", "SUPPORTER"));
    let sam = enter(&hers, "Sam", "2006-05-04", "C-1");
    let ama = enter(&his, "Ama", "2009-01-10", "C-2");
    let all_is_told = || {
        for _ in 0..2 {
            office.sync(&hers);
            office.sync(&his);
            office.wait_for_pages();
        }
    };
    all_is_told();
    assert_eq!((told(&hers, sam.case), told(&his, ama.case)), (vec![], vec![]), "two families as yet");

    let families = (sam.family, ama.family);
    let merged = merge::merge(&office.store, &office.programme, NOW, cora, families, "same_family").unwrap();
    all_is_told();
    assert_eq!(told(&hers, sam.case), [("Ama".to_owned(), Some(6))]);
    assert_eq!(told(&his, ama.case), [("Sam".to_owned(), Some(8))]);
    assert!(hers.records().unit_page(ama.case, TODAY, 1, None).is_err());
    for of_ama in ["2009-01-10", "C-2", "Ama Okafor"] {
        assert!(!holds(&hers, of_ama) && holds(&his, of_ama), "{of_ama}");
    }
    assert!(page(&hers, sam.case).linked.iter().all(|linked| linked.group != ama.child));
    assert_rebuilds(&hers);
    assert_eq!(told(&hers, sam.case).len(), 1);

    merge::undo(&office.store, &office.programme, NOW, cora, merged.id, "merged_by_mistake").unwrap();
    all_is_told();
    assert_eq!((told(&hers, sam.case), told(&his, ama.case)), (vec![], vec![]), "it was a mistake");
    office.assert_proves();
}

#[test]
fn one_child_at_two_partners_is_two_groups_and_neither_hears_of_the_other() {
    let office = Office::new();
    let second = people::partner(&office.store, NOW, "Families First").unwrap();
    let at = |partner: PartnerId, name: &str, role: &str| -> PersonId {
        let new = NewPerson { name: name.into(), role: role.into(), partner, areas: vec![AREA.into()] };
        people::add_person(&office.store, NOW, &office.programme, &new).unwrap()
    };
    let cora = office.person("Cora Finch", "COORDINATOR");
    let eve = at(second, "Eve Marsh", "COORDINATOR");
    let hers = office.phone(office.person("Asha Karim", "SUPPORTER"));
    let his = office.phone(at(second, "Tom Reed", "SUPPORTER"));
    // The same names, birth date, number and postcode: within one partner they would be proposed.
    let here = enter(&hers, "Sam", "2006-05-04", "WEST-1");
    let there = enter(&his, "Sam", "2006-05-04", "EAST-1");
    for _ in 0..2 {
        office.sync(&hers);
        office.sync(&his);
        office.wait_for_pages();
    }

    let path = office.store.path();
    let none = office.folder.path().join("no-pages.db");
    let files = (path, &*journal_beside(path));
    let proposed = merge::suggested_in_files(files, &none, &office.programme, NOW, AREA).unwrap();
    assert_eq!(proposed, [], "each partner answers for its own records");
    for (person, pair) in [(cora, (here.child, there.child)), (eve, (there.family, here.family))] {
        let refused = merge::merge(&office.store, &office.programme, NOW, person, pair, "same_child");
        assert!(refused.is_err(), "groups of two partners were merged");
    }
    assert_eq!((told(&hers, here.case), told(&his, there.case)), (vec![], vec![]));
    assert!(!holds(&hers, "EAST-1") && !holds(&his, "WEST-1"));

    for (person, own, other) in [(cora, &here, &there), (eve, &there, &here)] {
        let console = office.signed_in(person);
        let (status, list) = console.get(&format!("/areas/{AREA}"));
        assert_eq!(status, 200, "{list}");
        assert!(list.contains(&own.case.to_string()) && !list.contains(&other.case.to_string()));
        let (status, duplicates) = console.get(&format!("/areas/{AREA}/duplicates"));
        assert_eq!(status, 200, "{duplicates}");
        for group in [other.case, other.child, other.family] {
            assert!(!duplicates.contains(&group.to_string()));
        }
        assert_eq!(console.get(&format!("/cases/{}", own.case)).0, 200);
        assert_eq!(console.get(&format!("/cases/{}", other.case)).0, 404);
    }
    office.assert_proves();
}
