//! What the programme's rules find, on the pages.

use alongside_domain::ids::GroupId;
use axum::http::StatusCode;

use crate::{
    browse::{Browser, Page},
    fixture::{TODAY, World, edit, id},
};

fn page(world: &World, address: &str) -> Page {
    Browser::signed_in(world, world.people.cora).get(address)
}

#[test]
fn what_is_wrong_with_a_case_is_on_its_page_and_goes_when_it_is_put_right() {
    let world = World::new(0);
    world.project();
    let case = format!("/cases/{}", world.case);
    let phone = world.phone(world.people.asha);
    let upn = |value: &str| {
        let change = world.offline(&phone, world.child, GroupId(id(2, 1)), &[edit("upn", value)], TODAY);
        world.push(&phone, change);
        world.project();
    };
    let wrong = "The unique pupil number (UPN) is not right";
    assert!(!page(&world, &case).has(wrong));
    upn("R247962919251");
    assert!(page(&world, &case).has(wrong));
    upn("A950000178301");
    assert!(!page(&world, &case).has(wrong));
    // A model that is built anew, and judged at once, finds the same.
    let fresh = world.fresh_model();
    world.projector(&fresh).catch_up().unwrap();
    let found = |model: &alongside_server::read_model::ReadModel| {
        model.read(|db| alongside_server::read_model::findings::of_unit(db, world.case)).unwrap().0
    };
    assert_eq!(found(&fresh), found(&world.model));
    assert!(!found(&fresh).is_empty());
}

#[test]
fn the_list_is_filtered_by_what_is_to_be_put_right() {
    let world = World::new(6);
    world.project();
    let all = page(&world, "/areas/840");
    assert!(all.has("to put right") && all.has("With something to put right"));
    let some = page(&world, "/areas/840?problems=yes");
    assert_eq!(some.status, StatusCode::OK);
    let wrong = page(&world, "/areas/840?problems=perhaps");
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.has("Tick or untick the box for what has to be put right or explained"));
}

#[test]
fn the_checks_over_an_area_are_for_who_sees_all_of_it() {
    let world = World::new(6);
    world.project();
    let checks = page(&world, "/areas/840/checks");
    assert_eq!(checks.status, StatusCode::OK);
    assert!(checks.has("What the checks find over the whole area"));
    for person in [world.people.asha, world.people.eve, world.people.lara] {
        let other = Browser::signed_in(&world, person).get("/areas/840/checks");
        assert_ne!(other.status, StatusCode::OK);
    }
}
