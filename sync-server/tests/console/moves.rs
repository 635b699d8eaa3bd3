//! A record in the wrong family, moved by the coordinator on the console.

use alongside_domain::{
    ids::{GroupId, RecordId},
    media::{BlobHash, MediaRef},
    record::moved,
    value::Value,
};
use alongside_server::blobs::{BlobFolder, tidy};
use axum::http::StatusCode;

use crate::{
    browse::{Browser, Page},
    fixture::{TODAY, World, edit, id},
};

/// The contact that was entered in the wrong case.
const OLD: u16 = 77;

fn case(group: GroupId) -> String {
    format!("/cases/{group}")
}

fn move_address(world: &World, record: RecordId) -> String {
    format!("{}/records/{record}/move", case(world.case))
}

fn csrf(page: &Page) -> String {
    page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// A world with two cases, and a contact in the first that belongs into the second.
fn two_cases() -> (World, GroupId, RecordId) {
    let world = World::new(0);
    let right = world.entered_again().case;
    let old = RecordId(id(41, OLD));
    let answers = vec![
        edit("occurred_at", Value::Instant(TODAY)),
        edit("mode", "PHONE"),
        edit("note", "About the other family's draft plan"),
    ];
    world.write(vec![world.create(world.case, "contact", old, answers)]);
    world.project();
    (world, right, old)
}

fn record_at(world: &World, record: RecordId) -> alongside_domain::record::RecordView {
    let read = |connection: &_| alongside_server::read_model::case::record(connection, record);
    world.model.read(read).unwrap().unwrap().view
}

#[test]
fn it_is_found_moved_and_shown_where_it_belongs() {
    let (world, right, old) = two_cases();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&case(world.case));
    assert!(page.has("About the other family"), "{}", page.steady());
    let address = move_address(&world, old);
    assert!(page.has(&format!("href=\"{address}\"")), "the record leads to the page that moves it");

    let page = cora.get(&address);
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.has("Move the record"), "first it is searched for");
    let page = cora.get(&format!("{address}?q=no-such-family"));
    assert!(page.has("No other case of yours is found by this."), "{}", page.steady());
    let page = cora.get(&format!("{address}?q=C"));
    assert!(page.has(&right.to_string()) && !page.has(&format!("value=\"{}\"", world.case)));

    let token = csrf(&page);
    let none = cora.post(&address, &format!("csrf={token}&q=C"));
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
    assert!(none.has("Choose the case that it belongs to") && none.has(&right.to_string()));
    let same = cora.post(&address, &format!("csrf={token}&q=C&unit={}", world.case));
    assert_eq!(same.status, StatusCode::BAD_REQUEST);
    assert!(same.has("It is in this case already"));

    let done = cora.post(&address, &format!("csrf={token}&q=C&unit={right}&reason=mixed+up"));
    assert_eq!(
        (done.status, &done.headers["location"]),
        (StatusCode::SEE_OTHER, &case(right).parse().unwrap())
    );
    world.project();
    assert!(cora.get(&case(right)).has("About the other family"));
    let closed = record_at(&world, old);
    let new = closed.moved_to().unwrap();
    assert_eq!(record_at(&world, new).moved_from(), Some(old));
    let page = cora.get(&case(world.case));
    assert!(!page.has(&format!("id=\"r-{old}\"")), "{}", page.steady());
    assert!(page.has("mixed up"), "the latest changes say why");

    // Once more, on a page that is still open.
    let again = cora.post(&address, &format!("csrf={token}&q=C&unit={right}"));
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert!(again.has("It was moved meanwhile"));
}

#[test]
fn what_is_written_without_knowing_waits_for_a_person() {
    let (world, right, old) = two_cases();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let address = move_address(&world, old);
    let token = csrf(&cora.get(&format!("{address}?q=C")));
    let phone = world.phone(world.people.asha);
    let late = world.offline(&phone, old, world.case, &[edit("note", "Rang again about the plan")], TODAY);
    assert_eq!(cora.post(&address, &format!("csrf={token}&unit={right}")).status, StatusCode::SEE_OTHER);
    world.push(&phone, late);
    world.project();
    let said = "Nothing of it is missing where it went";
    let page = cora.get(&case(world.case));
    assert!(page.has("who did not know that it had been moved") && page.has(said), "{}", page.steady());
    assert!(page.has("Rang again about the plan"), "the latest changes hold it");

    let before = page.body.split(said).next().unwrap();
    let form = before.rsplit("<form ").next().unwrap();
    let action = form.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let body = format!("csrf={}&key={}", csrf(&page), moved::TO);
    assert_eq!(cora.post(action, &body).status, StatusCode::SEE_OTHER);
    world.project();
    assert!(!cora.get(&case(world.case)).has(said));
    assert!(!record_at(&world, old).is_moved_in_doubt());
}

#[test]
fn nobody_moves_what_they_may_not_write_or_where_they_may_not() {
    let (world, right, old) = two_cases();
    let address = move_address(&world, old);
    for person in [world.people.lara, world.people.dev, world.people.eve] {
        let mut other = Browser::signed_in(&world, person);
        assert_ne!(other.get(&address).status, StatusCode::OK);
    }
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let token = csrf(&cora.get(&format!("{address}?q=C")));
    assert_eq!(cora.post(&address, &format!("csrf=guess&unit={right}")).status, StatusCode::FORBIDDEN);
    let nowhere = GroupId(id(9, 9));
    assert_eq!(cora.post(&address, &format!("csrf={token}&unit={nowhere}")).status, StatusCode::NOT_FOUND);
    assert!(!record_at(&world, old).is_moved());
}

#[test]
fn a_file_goes_with_the_record_once_it_has_come() {
    let (world, right, _) = two_cases();
    let content = b"a photo of the letter";
    let media = MediaRef::new(BlobHash::of(content), content.len() as u64, "image/jpeg", "PHOTO").unwrap();
    let letter = RecordId(id(41, 78));
    let answers =
        vec![edit("type", "E02"), edit("date", "2015-03-02"), edit("evidence_photo", media.to_string())];
    world.write(vec![world.create(world.case, "ehc_event", letter, answers)]);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let address = move_address(&world, letter);
    let token = csrf(&cora.get(&format!("{address}?q=C")));
    let send = format!("csrf={token}&q=C&unit={right}");
    let early = cora.post(&address, &send);
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    assert!(early.has("has not come from the phone yet") && !record_at(&world, letter).is_moved());

    let folder = BlobFolder::of(world.state.store.path());
    let file = folder.whole(world.case, media.hash());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
    tidy::tidy(&world.state.store, TODAY, 1).unwrap();
    assert_eq!(cora.post(&address, &send).status, StatusCode::SEE_OTHER);
    world.project();
    let new = record_at(&world, letter).moved_to().unwrap();
    let there = cora.get(&format!("{}/attachments/{new}/{}", case(right), media.hash()));
    assert_eq!((there.status, there.body.as_bytes()), (StatusCode::OK, &content[..]));
    // A file of its own: erasing the one case leaves the other's.
    alongside_server::erase::erase(&world.state.store, TODAY, world.case, "request").unwrap();
    assert!(folder.whole(right, media.hash()).is_file());
}
