//! What the pages show.

use axum::http::StatusCode;

use crate::{
    browse::{Browser, Page},
    fixture::World,
};

/// References of the lines of a list, in order.
fn references(page: &Page) -> Vec<String> {
    page.body
        .split("class=\"row-link\"")
        .skip(1)
        .map(|line| line.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_overview_and_the_list_look_as_they_should() {
    let world = World::new(3);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    insta::assert_snapshot!("overview", cora.get("/").steady());
    insta::assert_snapshot!("list", cora.get("/areas/840").steady());
    insta::assert_snapshot!("empty_list", cora.get("/areas/841").steady());
}

#[test]
fn the_case_looks_as_it_should() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    insta::assert_snapshot!("case", cora.get(&format!("/cases/{}", world.case)).steady());
}

/// The page's values are those that the records add up to, as of the day it is looked at, and no class is read
/// that the role does not include.
#[test]
fn what_is_worked_out_is_shown_with_its_day() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&format!("/cases/{}", world.case));
    let section = page.body.split("id=\"figures\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("as of 16 March 2015"), "{section}");
    let value = |label: &str| {
        let rest = section.split(&format!("<dt>{label}</dt>")).nth(1);
        let rest = rest.unwrap_or_else(|| panic!("{label} is not there: {section}"));
        rest.split("<span class=\"line\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    // Two contacts of 45 minutes each.
    assert_eq!(value("Recorded time, in minutes"), "90");
    assert_eq!(value("Contacts"), "2");
    assert_eq!(value("Intensity"), "Light: less than 2 hours");
    // A day later there is a day more: nothing of it is stored.
    world.clock.set(alongside_domain::time::Millis(crate::fixture::TODAY.0 + 15 * 3_600_000));
    let mut cora = Browser::signed_in(&world, world.people.cora);
    assert!(cora.get(&format!("/cases/{}", world.case)).has("as of 17 March 2015"));
}

#[test]
fn both_values_of_a_conflict_stand_side_by_side_with_who_and_when() {
    let world = World::new(0);
    world.project();
    let page = Browser::signed_in(&world, world.people.cora).get(&format!("/cases/{}", world.case));
    let start = page.body.find("id=\"disagreements\"").unwrap();
    let end = page.body.find("id=\"deadlines\"").unwrap();
    let section = &page.body[start..end];
    for told in [
        "4 May 2006",
        "14 May 2006",
        "Asha Karim",
        "Ben Lowe",
        "Date of birth",
        "14 March 2015, 10:00am",
        "15 March 2015, 10:00am",
        "without network",
        "Needs a decision",
        "Taz asked for a quieter classroom.",
        "Mother will ring the school.",
    ] {
        assert!(section.contains(told), "the section does not tell `{told}`");
    }
}

#[test]
fn the_list_is_filtered_sorted_and_paged_by_its_address() {
    let world = World::new(119);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let all = cora.get("/areas/840?sort=reference");
    assert!(all.has("Showing 1 to 50 of 120 cases"), "{}", all.steady());
    assert_eq!(references(&all)[..2], ["840-C-00001", "840-C-00002"]);
    let last = cora.get("/areas/840?sort=reference&order=desc&page=3");
    assert!(last.has("Showing 101 to 120 of 120 cases"));
    assert_eq!(references(&last).last().unwrap(), "840-C-00001");
    // A page that is no longer there is the last one.
    assert!(cora.get("/areas/840?page=99").has("Showing 101 to 120 of 120 cases"));

    let one = |page: Page| references(&page);
    assert_eq!(one(cora.get("/areas/840?conflicts=yes")), ["840-C-00001"]);
    assert_eq!(one(cora.get("/areas/840?q=taz")), ["840-C-00001"]);
    assert_eq!(one(cora.get("/areas/840?q=c-00077")), ["840-C-00077"]);
    assert!(cora.get("/areas/840?q=100%25_").has("Nothing matches these filters"));
    let closed = cora.get("/areas/840?status=CLOSED&sort=name");
    assert!(closed.has("of 30 cases") || closed.has("of 29 cases"), "{}", closed.steady());
    let asha = format!("/areas/840?supporter={}&stage=S30", world.people.asha);
    assert!(references(&cora.get(&asha)).contains(&"840-C-00001".to_owned()));
    assert!(!references(&cora.get("/areas/840?supporter=none")).contains(&"840-C-00001".to_owned()));

    let soon = references(&cora.get("/areas/840?due=7"));
    let overdue = references(&cora.get("/areas/840?due=overdue"));
    assert!(soon.contains(&"840-C-00001".to_owned()));
    assert!(!overdue.is_empty() && soon.iter().all(|soon| !overdue.contains(soon)));
}

#[test]
fn what_cannot_be_asked_is_told_at_its_field_and_the_rest_is_shown() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let bad = "/areas/840?supporter=x&status=NOPE&stage=1&due=never&conflicts=2&sort=up&order=down&page=0";
    let page = cora.get(bad);
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.has("There is a problem") && page.has("840-C-00001"));
    for field in ["supporter", "status", "stage", "due", "conflicts", "list"] {
        assert!(
            page.has(&format!("<a href=\"#{field}\">")) && page.has(&format!("id=\"{field}\"")),
            "{field}"
        );
    }
    let long = cora.get(&format!("/areas/840?q={}", "x".repeat(101)));
    assert_eq!(long.status, StatusCode::BAD_REQUEST);
    assert_eq!(cora.get("/areas/840?page=1&page=2").status, StatusCode::BAD_REQUEST);
    let script = cora.get("/areas/840?q=%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!script.has("<script"));
}

#[test]
fn the_timeline_shows_one_kind_on_request_and_tells_what_it_does_not_have() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let address = format!("/cases/{}", world.case);
    assert!(cora.get(&address).has("Showing 1 to 5 of 5 entries"));
    assert!(cora.get(&format!("{address}?kind=contact")).has("Showing 1 to 2 of 2 entries"));
    assert!(cora.get(&format!("{address}?kind=nonsense")).has("There is a problem"));
}

#[test]
fn a_contact_tells_the_stage_that_the_case_had_then() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&format!("/cases/{}?kind=contact", world.case));
    let timeline = page.body.split("id=\"timeline\"").nth(1).unwrap().split("id=\"records\"").next().unwrap();
    // The later contact followed the draft plan, the earlier one the decision to assess.
    let told: Vec<&str> = timeline
        .split("<dt>Stage at the time</dt>")
        .skip(1)
        .map(|rest| rest.split("class=\"line\">").nth(1).unwrap().split('<').next().unwrap())
        .collect();
    let form = &world.programme.forms["case"];
    let stage = |code| world.programme.code_label(form, form.question("ehc_stage").unwrap(), code);
    assert_eq!(told, [stage("S30"), stage("S20")], "{timeline}");
}
