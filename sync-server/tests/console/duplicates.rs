//! Who was entered twice: proposed, compared, merged and undone on the console.

use alongside_domain::{
    ids::{GroupId, RecordId},
    time::Millis,
};
use alongside_server::read_model::findings;
use axum::http::StatusCode;

use crate::{
    browse::{Browser, Page},
    fixture::{TODAY, World, edit, id},
};

const LIST: &str = "/areas/840/duplicates";

/// The address of a pair, as the list has it.
fn pair_of(one: GroupId, other: GroupId) -> String {
    let mut pair = [one, other];
    pair.sort_unstable();
    format!("{LIST}/{}/{}", pair[0], pair[1])
}

fn csrf(page: &Page) -> String {
    page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Says on the page that two are one.
fn merge(world: &World, browser: &mut Browser<'_>, kept: GroupId, other: GroupId) {
    let address = pair_of(kept, other);
    let page = browser.get(&address);
    assert_eq!(page.status, StatusCode::OK);
    let done = browser.post(&address, &format!("csrf={}&kept={kept}", csrf(&page)));
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(done.headers["location"], "/areas/840/duplicates#merged");
    world.project();
}

#[test]
fn a_child_entered_twice_is_proposed_compared_and_merged_and_its_case_shows_one_family() {
    let world = World::new(2);
    let again = world.entered_again();
    let child = GroupId(id(2, 1));
    let mut cora = Browser::signed_in(&world, world.people.cora);
    assert!(cora.get("/areas/840").has("href=\"/areas/840/duplicates\""));
    let page = cora.get(LIST);
    assert!(page.has(&pair_of(child, again.child)), "{}", page.body);
    insta::assert_snapshot!("possible_duplicates", page.steady());
    let address = pair_of(child, again.child);
    let page = cora.get(&address);
    for told in ["Tariq", "Tarik", "840-C-00001", "840-C-00700", "Differs", "They are one: merge them"] {
        assert!(page.has(told), "{told}: {}", page.body);
    }
    insta::assert_snapshot!("compare", page.steady());

    // Without a choice nothing happens, and the page says so.
    let asked = cora.post(&address, &format!("csrf={}", csrf(&page)));
    assert_eq!(asked.status, StatusCode::BAD_REQUEST);
    assert!(asked.has("Choose which of the two stands in front"));
    assert_eq!(cora.post(&address, &format!("csrf=no&kept={child}")).status, StatusCode::FORBIDDEN);
    assert!(!cora.get(LIST).has("Undo"));

    merge(&world, &mut cora, child, again.child);
    let page = cora.get(LIST);
    for told in ["Found to be one", "Cora Finch, 16 March 2015", "It can be undone until 15 April 2015"] {
        assert!(page.has(told), "{told}: {}", page.body);
    }
    assert!(!page.has(&address), "who was merged is not proposed again");
    assert_eq!(cora.get(&address).status, StatusCode::SEE_OTHER, "the page of the pair leads to the merge");
    assert!(
        page.has("Those who belong to the two were found to be one."),
        "the families are proposed: {}",
        page.body
    );
    merge(&world, &mut cora, world.family, again.family);
    let page = cora.get(LIST);
    assert!(page.has("Nobody seems to have been entered twice."));

    // Whoever was a brother or sister of one is of both, by name and age only.
    let page = cora.get(&format!("/cases/{}", again.case));
    assert!(page.has("Noor, 5 years") && !page.has("Hussain-Secret"), "{}", page.body);

    // One case, one child, one family, on the page of either case; in the list by either name.
    for case in [world.case, again.case] {
        let page = cora.get(&format!("/cases/{case}"));
        assert_eq!(page.body.matches(">Child or young person</h3>").count(), 1, "one child: {}", page.body);
        assert_eq!(page.body.matches("Two that were found to be one by Cora Finch").count(), 2);
        for told in ["Tariq", "Tarik", "840-F-00001", "840-F-00700"] {
            assert!(page.has(told), "{told}");
        }
        assert!(page.has("The child has two open cases."), "the checks look at it as one child");
        assert!(!page.has("a large dog"), "what is restricted is granted by name");
    }
    assert!(cora.get("/areas/840?q=tarik").has("840-C-00001"));
    // Ben reads what he wrote in confidence beside the family that now stands behind.
    let mut ben = Browser::signed_in(&world, world.people.ben);
    let page = ben.get(&format!("/cases/{}", again.case));
    assert!(page.has("a large dog") && page.has("Tariq"), "{}", page.body);
    assert!(!page.has("Look at it, or undo it"), "he does not decide it");

    // The pages made anew say the same.
    let second = world.fresh_model();
    world.projector(&second).catch_up().unwrap();
    assert_eq!(world.model.dump().unwrap(), second.dump().unwrap());
}

#[test]
fn a_merge_is_undone_on_the_page_within_thirty_days_and_not_after() {
    let world = World::new(0);
    let again = world.entered_again();
    let child = GroupId(id(2, 1));
    let mut cora = Browser::signed_in(&world, world.people.cora);
    merge(&world, &mut cora, child, again.child);
    let page = cora.get(LIST);
    let undo = page.body.split("action=\"/areas/840/duplicates/undo/").nth(1).unwrap();
    let undo = format!("{LIST}/undo/{}", undo.split('"').next().unwrap());
    let form = format!("csrf={}", csrf(&page));

    // Nobody else may.
    let people = &world.people;
    for other in [people.ben, people.eve, people.dev, people.lara] {
        let mut browser = Browser::signed_in(&world, other);
        let own = browser.get("/");
        let token = if own.has("name=\"csrf\"") { csrf(&own) } else { "none".to_owned() };
        let said = browser.post(&undo, &format!("csrf={token}"));
        assert!(matches!(said.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{}", said.status);
        let page = browser.get(LIST);
        assert!(!page.has("Tariq") && !page.has("Tarik"), "{}", page.body);
        let page = browser.get(&pair_of(child, again.child));
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(cora.post(&undo, &form).status, StatusCode::SEE_OTHER);
    world.project();
    let page = cora.get(LIST);
    assert!(page.has("Undone by") && page.has(&pair_of(child, again.child)), "{}", page.body);
    let page = cora.get(&format!("/cases/{}", again.case));
    assert!(!page.has("Tariq") && page.has("Tarik"));
    let grown = world.model.dump().unwrap();
    let second = world.fresh_model();
    world.projector(&second).catch_up().unwrap();
    assert_eq!(grown, second.dump().unwrap());

    merge(&world, &mut cora, child, again.child);
    let page = cora.get(LIST);
    let undo = page.body.split("action=\"/areas/840/duplicates/undo/").nth(1).unwrap();
    let undo = format!("{LIST}/undo/{}", undo.split('"').next().unwrap());
    world.clock.set(Millis(TODAY.0 + 31 * 24 * 3_600_000));
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get("/");
    let said = cora.post(&undo, &format!("csrf={}", csrf(&page)));
    assert_eq!(said.status, StatusCode::CONFLICT);
    assert!(cora.get(LIST).has("It can no longer be undone"));
}

#[test]
fn the_check_counts_a_child_with_two_cases_once() {
    let world = World::new(0);
    let (family, child) = (world.family, GroupId(id(2, 1)));
    let second = GroupId(id(3, 701));
    world.write(vec![
        world.open(second, "case", &[child, family]),
        world.create(second, "case", RecordId(id(13, 701)), vec![edit("case_ref", "840-C-00701")]),
    ]);
    world.project();
    let of_area = |world: &World| {
        let scope = (world.partner.0, "840");
        let found = world
            .model
            .read(|connection| findings::of_area(connection, &world.programme, scope, TODAY))
            .unwrap();
        found.findings.into_iter().filter(|finding| finding.rule == "V13").count()
    };
    assert_eq!(of_area(&world), 0, "one child with two cases was not entered twice");
    let again = world.entered_again();
    assert_eq!(of_area(&world), 2);
    let mut cora = Browser::signed_in(&world, world.people.cora);
    merge(&world, &mut cora, child, again.child);
    assert_eq!(of_area(&world), 0, "who was merged was not entered twice");
}

#[test]
fn one_child_at_two_partners_is_nobodys_duplicate() {
    let world = World::new(0);
    let theirs = world.entered_again_elsewhere();
    world.project();
    for person in [world.people.cora, world.people.dev] {
        let mut browser = Browser::signed_in(&world, person);
        assert!(
            browser.get(LIST).has("Nobody seems to have been entered twice."),
            "each partner has its own"
        );
        let page = browser.get(&pair_of(GroupId(id(2, 1)), theirs));
        assert_eq!(page.status, StatusCode::NOT_FOUND, "and hears nothing of the other's");
    }
    let mut dev = Browser::signed_in(&world, world.people.dev);
    let page = dev.get("/areas/840");
    assert!(page.has("Showing 1 to 1 of 1 case") && !page.has("840-C-00001"), "{}", page.body);
}
