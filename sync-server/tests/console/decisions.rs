//! What a person says on a page: that a record which was started twice is meant once, that a state is right.

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::singleton,
    record::{Circumstances, Document, Edit, Root},
    time::Millis,
    wire::{PushedChange, Refusal, Verdict},
};
use axum::http::{Request, StatusCode, header};

use crate::{
    browse::{Browser, Page},
    fixture::{Phone, TODAY, World, edit, id},
};

const WHEEL: [&str; 3] = ["PW_FAM", "PARENT", "BASELINE"];

/// What a phone writes offline that starts the family's baseline wheel.
fn wheel(world: &World, phone: &Phone, comment: &str, at: Millis) -> (RecordId, PushedChange) {
    let (group, form) = (world.case, "outcome_assessment");
    let record = singleton::record_id(group, form, &WHEEL);
    let form_version = world.programme.forms[form].version.clone();
    let root = Root { id: record, form: form.to_owned(), form_version, group };
    let zone = "Europe/London".to_owned();
    let circumstances = Circumstances { actor: phone.actor, at, zone, offline: true, reason: None };
    let [tool, respondent, point] = WHEEL;
    let edits: [Edit; 5] = [
        edit("tool", tool),
        edit("respondent", respondent),
        edit("point", point),
        edit("done_on", "2015-03-10"),
        edit("comment", comment),
    ];
    let (_, change) = Document::create(&root, &edits, &circumstances).unwrap();
    (record, PushedChange { group, record, bytes: change.bytes })
}

fn case(world: &World) -> String {
    format!("/cases/{}", world.case)
}

/// The form of the button with this label: where it is sent, and what.
fn button(page: &Page, label: &str) -> (String, String) {
    let before = page.body.split(label).next().unwrap();
    let form = before.rsplit("<form ").next().unwrap();
    let value = |name: &str| {
        let from = form.split(name).nth(1).unwrap();
        from.split('"').next().unwrap().to_owned()
    };
    let (csrf, key) = (value("name=\"csrf\" value=\""), value("name=\"key\" value=\""));
    (value("action=\""), format!("csrf={csrf}&key={key}"))
}

fn two_wheels(world: &World) -> RecordId {
    let (asha, ben) = (world.phone(world.people.asha), world.phone(world.people.ben));
    let (record, hers) = wheel(world, &asha, "A good start", Millis(TODAY.0 - 7_200_000));
    let (same, his) = wheel(world, &ben, "Hard to judge", Millis(TODAY.0 - 3_600_000));
    assert_eq!(record, same, "two phones that start one apart have started the same record");
    world.push(&asha, hers);
    world.push(&ben, his);
    record
}

#[test]
fn a_record_that_was_started_twice_waits_for_a_person_who_says_that_both_mean_the_same() {
    let world = World::new(0);
    let before = {
        world.project();
        decisions(&world)
    };
    two_wheels(&world);
    world.project();
    assert_eq!(decisions(&world), before + 1, "it is counted where lists count what is to be decided");
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&case(&world));
    assert!(page.has("Started more than once"), "{}", page.steady());
    for side in ["Asha Karim", "Ben Lowe", "A good start", "Hard to judge"] {
        assert!(page.has(side), "{side}");
    }
    let (address, body) = button(&page, "They mean the same");
    assert_eq!(cora.post(&address, &body).status, StatusCode::SEE_OTHER);
    world.project();
    let page = cora.get(&case(&world));
    assert!(!page.has("Started more than once"), "{}", page.steady());
    assert!(page.has("A good start") && page.has("Hard to judge"), "what differs is not decided with it");
    assert!(page.has("Cora Finch"), "the history tells who said so");
    assert_eq!(decisions(&world), before);
    // Pressed once more, on a page that is still open: nothing happens.
    let head = world.state.store.head().unwrap();
    assert_eq!(cora.post(&address, &body).status, StatusCode::SEE_OTHER);
    assert_eq!(world.state.store.head().unwrap(), head);
}

/// What is to be decided on the case.
fn decisions(world: &World) -> u32 {
    let unit = |group: GroupId| {
        world.model.read(|connection| alongside_server::read_model::case::unit(connection, group)).unwrap()
    };
    unit(world.case).unwrap().decisions
}

#[test]
fn a_state_that_the_programme_does_not_lead_to_waits_for_a_person() {
    let world = World::new(0);
    let record = RecordId(id(13, 1));
    world.answer(world.people.asha, record, &[edit("status", "CLOSED")], "");
    world.project();
    let step = "The programme does not have this step";
    let mut cora = Browser::signed_in(&world, world.people.cora);
    assert!(!cora.get(&case(&world)).has(step), "from open to closed is a step of the programme");

    world.answer(world.people.asha, record, &[edit("status", "WAITING")], "");
    world.project();
    let page = cora.get(&case(&world));
    assert!(page.has(step), "{}", page.steady());
    let (address, body) = button(&page, "It is right as it stands");
    assert!(body.ends_with("&key=status"), "{body}");
    assert_eq!(cora.post(&address, &body).status, StatusCode::SEE_OTHER);
    world.project();
    let page = cora.get(&case(&world));
    assert!(!page.has(step));
    // The next step is judged from there.
    world.answer(world.people.asha, record, &[edit("status", "OPEN")], "");
    world.project();
    assert!(!cora.get(&case(&world)).has(step));
}

#[test]
fn nobody_decides_who_may_not_write_or_did_not_mean_to() {
    let world = World::new(0);
    let record = two_wheels(&world);
    world.project();
    let head = world.state.store.head().unwrap();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let (address, body) = button(&cora.get(&case(&world)), "They mean the same");
    // Without the page's own token, or from another site.
    assert_eq!(cora.post(&address, "csrf=guess&key=").status, StatusCode::FORBIDDEN);
    assert_eq!(cora.post(&address, "").status, StatusCode::FORBIDDEN);
    let elsewhere = Request::post(&address)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(body.clone().into())
        .unwrap();
    assert_eq!(cora.send(elsewhere).status, StatusCode::FORBIDDEN);
    // Of another area, of a role that sees nothing, of a record that is not on the page.
    for person in [world.people.eve, world.people.dev, world.people.lara] {
        let mut other = Browser::signed_in(&world, person);
        let token = other.get("/").body.split("name=\"csrf\" value=\"").nth(1).map(str::to_owned);
        let token = token.and_then(|rest| rest.split('"').next().map(str::to_owned)).unwrap_or_default();
        let status = other.post(&address, &format!("csrf={token}&key=")).status;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{status}");
    }
    let missing = address.replace(&record.to_string(), &RecordId(id(99, 9)).to_string());
    assert_eq!(cora.post(&missing, &body).status, StatusCode::NOT_FOUND);
    assert_eq!(world.state.store.head().unwrap(), head, "nothing was written");
}

/// The form of the button that decides on this value: where it is sent, and what.
fn decision(page: &Page, value: &str) -> (String, String) {
    let after = page.body.split(&format!("<p class=\"side-value\">{value}</p>")).nth(1).unwrap();
    let form = after.split("<form ").nth(1).unwrap();
    let of = |name: &str| {
        let from = form.split(name).nth(1).unwrap();
        from.split('"').next().unwrap().to_owned()
    };
    let fields = ["csrf", "key", "change", "seen"].map(|name| {
        let value = of(&format!("name=\"{name}\" value=\"")).replace(' ', "+");
        format!("{name}={value}")
    });
    (of("action=\""), fields.join("&"))
}

#[test]
fn the_coordinator_decides_which_of_two_values_holds() {
    let world = World::new(0);
    let record = two_wheels(&world);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&case(&world));
    let (address, form) = decision(&page, "A good start");
    let (_, other) = decision(&page, "Hard to judge");

    // Meanwhile a third value comes in: what she saw is not what stands.
    let asha = world.phone(world.people.asha);
    let late = world.offline(&asha, record, world.case, &[edit("comment", "A slow start")], TODAY);
    world.push(&asha, late);
    let said = cora.post(&address, &form);
    assert_eq!(said.status, StatusCode::CONFLICT);
    assert!(said.has("Somebody has written to it meanwhile"));
    world.project();
    let page = cora.get(&case(&world));
    assert!(page.has("A slow start"));
    assert!(!page.has(">Hard to judge</p>"), "it superseded both: nothing is left to decide on it");

    // Of the child's date of birth two values stand.
    let (address, form) = decision(&page, "4 May 2006");
    for someone in [world.people.dev, world.people.eve, world.people.lara] {
        let mut browser = Browser::signed_in(&world, someone);
        let said = browser.post(&address, &form);
        assert!(matches!(said.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{}", said.status);
    }
    let forged = form.replace("csrf=", "csrf=no");
    assert_eq!(cora.post(&address, &forged).status, StatusCode::FORBIDDEN);
    assert_eq!(cora.post(&address, &form).status, StatusCode::SEE_OTHER);
    world.project();
    let page = cora.get(&case(&world));
    assert!(page.has("4 May 2006") && !page.has(">14 May 2006</p>"), "{}", page.body);
    assert!(page.has("Decided between values"), "the history says that it was decided");
    assert_eq!(cora.post(&address, &other).status, StatusCode::CONFLICT, "a value of another record");
}

#[test]
fn a_phone_cannot_give_a_record_another_key_than_its_id_follows_from() {
    let world = World::new(0);
    let record = two_wheels(&world);
    let asha = world.phone(world.people.asha);
    let push = |change: PushedChange| {
        let prepared =
            world.state.ingest.prepare(asha.device, asha.person, Vec::new(), vec![change]).unwrap();
        world.runtime.block_on(world.state.ingest.push(prepared)).unwrap().verdicts.remove(0)
    };
    let refused = Verdict::Refused(Refusal::KeyFixed);
    let other = world.offline(&asha, record, world.case, &[edit("point", "END")], TODAY);
    assert_eq!(push(other), refused);
    // A start whose id belongs to another key.
    let [tool, respondent, point] = WHEEL;
    let id = singleton::record_id(world.case, "outcome_assessment", &[tool, respondent, "END"]);
    let root = Root {
        id,
        form: "outcome_assessment".to_owned(),
        form_version: world.programme.forms["outcome_assessment"].version.clone(),
        group: world.case,
    };
    let zone = "Europe/London".to_owned();
    let circumstances = Circumstances { actor: asha.actor, at: TODAY, zone, offline: true, reason: None };
    let edits = [edit("tool", tool), edit("respondent", respondent), edit("point", point)];
    let (_, stray) = Document::create(&root, &edits, &circumstances).unwrap();
    assert_eq!(push(PushedChange { group: world.case, record: id, bytes: stray.bytes }), refused);
    let comment = world.offline(&asha, record, world.case, &[edit("comment", "Both were right")], TODAY);
    assert!(matches!(push(comment), Verdict::Accepted(_)), "everything else of it is changed as ever");
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    assert!(cora.get(&case(&world)).has("Both were right"));
}
