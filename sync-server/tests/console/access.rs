//! Only those entitled see a record: role, partner, area, allocation, class of the answer.

use alongside_domain::{
    ids::{GroupId, PersonId},
    programme::split,
};
use alongside_server::ingest::LocalWrite;
use axum::http::StatusCode;

use crate::{
    browse::Browser,
    fixture::{World, edit},
};

/// Nothing on this page tells of the case.
fn tells_nothing(body: &str) {
    for secret in ["840-C-0", "Taz", "Tariq", "Hussain", "Asha", "quieter"] {
        assert!(!body.contains(secret), "the page tells `{secret}`");
    }
}

fn case_address(world: &World) -> String {
    format!("/cases/{}", world.case)
}

#[test]
fn who_is_not_signed_in_sees_nothing() {
    let world = World::new(0);
    world.project();
    let mut browser = Browser::new(&world);
    for address in ["/", "/areas/840", &case_address(&world)] {
        let page = browser.get(address);
        assert_eq!(page.status, StatusCode::UNAUTHORIZED);
        tells_nothing(&page.body);
    }
}

#[test]
fn a_local_authority_role_never_reaches_a_record() {
    let world = World::new(0);
    world.project();
    let mut lara = Browser::signed_in(&world, world.people.lara);
    assert_eq!(lara.get("/").status, StatusCode::FORBIDDEN);
    for address in ["/areas/840", &case_address(&world)] {
        let page = lara.get(address);
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        tells_nothing(&page.body);
    }
}

#[test]
fn another_partner_and_another_area_are_told_the_same_as_for_a_case_that_is_not_there() {
    let world = World::new(0);
    world.project();
    let nowhere = format!("/cases/{}", GroupId([9; 16]));
    for person in [world.people.dev, world.people.eve] {
        let mut browser = Browser::signed_in(&world, person);
        let foreign = browser.get(&case_address(&world));
        let missing = browser.get(&nowhere);
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_eq!(foreign.body, missing.body);
        tells_nothing(&foreign.body);
        tells_nothing(&browser.get("/areas/840").body);
    }
    let mut eve = Browser::signed_in(&world, world.people.eve);
    assert_eq!(eve.get("/areas/840").status, StatusCode::NOT_FOUND);
    assert_eq!(eve.get("/cases/not-an-id").status, StatusCode::NOT_FOUND);
}

#[test]
fn a_supporter_sees_the_cases_granted_to_them_and_no_other() {
    let world = World::new(6);
    world.project();
    let mut asha = Browser::signed_in(&world, world.people.asha);
    let list = asha.get("/areas/840");
    assert!(list.has("Showing 1 to 1 of 1 case"), "{}", list.body);
    assert!(list.has("840-C-00001") && !list.has("840-C-00002"));
    assert_eq!(asha.get(&case_address(&world)).status, StatusCode::OK);
}

#[test]
fn a_withdrawn_case_is_gone_at_once() {
    let world = World::new(0);
    world.project();
    let mut ben = Browser::signed_in(&world, world.people.ben);
    assert_eq!(ben.get(&case_address(&world)).status, StatusCode::OK);
    world.write(vec![LocalWrite::Withdraw { person: world.people.ben, group: world.case }]);
    world.project();
    assert_eq!(ben.get(&case_address(&world)).status, StatusCode::NOT_FOUND);
}

/// The named worker writes a restricted answer: she reads it on the page, as one record with the rest.
/// Nobody else does, and nothing of the page tells them that there is one.
#[test]
fn a_restricted_answer_is_shown_to_whom_it_was_granted_and_to_nobody_else() {
    let world = World::new(0);
    world.project();
    let page = |person: PersonId| Browser::signed_in(&world, person).get(&case_address(&world)).steady();
    let people = &world.people;
    let before = [page(people.cora), page(people.ben)];
    world.answer(people.asha, world.household, &[edit("home_risk_note", "Ring first, large dog")], "Seen it");
    world.project();
    let hers = page(people.asha);
    assert_eq!(
        hers.matches("Ring first, large dog").count(),
        3,
        "the answer, its history, the latest changes"
    );
    let after = [page(people.cora), page(people.ben)];
    assert_eq!(after, before, "for everybody else nothing has happened");
    assert!(before[0].contains("Restricted. The role Coordinator does not include answers of this kind."));

    // Who was granted it by name reads it and puts it right; nobody else is told of that either.
    world.write(vec![LocalWrite::Grant {
        person: people.ben,
        group: split::restricted_group(world.family, people.asha),
    }]);
    world.answer(people.ben, world.household, &[edit("home_risk_note", "No dog any more")], "");
    world.project();
    let (his, hers) = (page(people.ben), page(people.asha));
    assert!(his.contains("Ring first, large dog</del>") && his.contains("No dog any more</ins>"), "{his}");
    assert!(hers.contains("No dog any more"), "he wrote it where she had written");
    assert_eq!(page(people.cora), before[0]);
}

/// A concern lives in the restricted group as a whole.
#[test]
fn a_record_that_is_restricted_as_a_whole_is_on_the_page_of_who_wrote_it_only() {
    let world = World::new(0);
    world.concern(world.people.asha, "Said she is afraid to go home");
    world.project();
    let page = |person: PersonId| Browser::signed_in(&world, person).get(&case_address(&world));
    assert!(page(world.people.asha).has("Said she is afraid to go home"));
    for other in [world.people.ben, world.people.cora] {
        assert!(!page(other).has("afraid") && !page(other).has("Case, restricted"), "{}", page(other).body);
    }
}

#[test]
fn a_sister_shows_by_the_name_she_is_known_by_and_her_age_only() {
    let world = World::new(0);
    world.project();
    let page = Browser::signed_in(&world, world.people.cora).get(&case_address(&world));
    assert!(page.has("Noor, 5 years"));
    assert!(!page.has("Hussain-Secret") && !page.has("2010"));
}
