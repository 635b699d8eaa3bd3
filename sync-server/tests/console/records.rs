//! The page that changes a record, as a browser without a script uses it.

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::split,
    rules::Finding,
    value::Value,
};
use alongside_server::read_model::{case, findings};
use axum::http::{StatusCode, header};

use crate::{
    browse::{Browser, Page},
    fixture::{TODAY, World, edit, id},
};

/// The value of an attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&"))
}

/// What a browser would send of the page's form, apart from its buttons.
fn filled(page: &Page) -> Vec<(String, String)> {
    let form = page.body.split("<form method=\"post\" action=\"/cases/").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let mut pairs = Vec::new();
    for tag in form.split('<').skip(1) {
        let Some(name) = attribute(tag, "name").filter(|name| name != "go") else {
            continue;
        };
        if tag.starts_with("input") {
            let is_box = tag.contains("type=\"radio\"") || tag.contains("type=\"checkbox\"");
            if !is_box || tag.contains(" checked") {
                pairs.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        } else if tag.starts_with("textarea") {
            let text = tag.split_once('>').unwrap().1;
            pairs.push((name, text.strip_prefix('\n').unwrap_or(text).to_owned()));
        } else if tag.starts_with("select") {
            let options = form.split(&format!("name=\"{name}\"")).nth(1).unwrap();
            let options = options.split("</select>").next().unwrap();
            let chosen = options.split("<option").find(|option| option.contains(" selected"));
            pairs.push((name, chosen.and_then(|option| attribute(option, "value")).unwrap_or_default()));
        }
    }
    pairs
}

fn address(world: &World, record: RecordId) -> String {
    format!("/cases/{}/records/{record}/edit", world.case)
}

/// Sends the page with these answers in place of those on it.
fn send(browser: &mut Browser<'_>, page: &Page, to: &str, go: &str, answers: &[(&str, &str)]) -> Page {
    let mut pairs = filled(page);
    pairs.retain(|(name, _)| !answers.iter().any(|(other, _)| other == name));
    pairs.extend(answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    pairs.push(("go".to_owned(), go.to_owned()));
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs);
    browser.post(to, &body.finish())
}

fn value(world: &World, record: RecordId, key: &str) -> Option<Value> {
    let stored = world.model.read(|db| case::record(db, record)).unwrap().unwrap();
    stored.view.value(key).cloned()
}

/// What the server found of a record's own form.
fn found(world: &World, record: RecordId) -> Vec<Finding> {
    let (mut found, _) = world.model.read(|db| findings::of_unit(db, world.case)).unwrap();
    found.retain(|finding| finding.own_form && finding.record == Some(record));
    found
}

#[test]
fn a_coordinator_changes_a_contact_and_the_page_follows_the_answers() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let case = cora.get(&format!("/cases/{}", world.case));
    let to = address(&world, world.contact);
    assert!(case.has(&format!("href=\"{to}\"")), "the case's page leads there");

    let page = cora.get(&to);
    assert_eq!(page.status, StatusCode::OK);
    // A visit: where it was is asked and missing, and says so beside the question.
    assert!(page.has("name=\"venue\"") && page.has("name=\"travel_min\""), "{}", page.body);
    assert!(page.has("To put right: </span>An answer is needed here."));
    // Nothing was changed: nothing is written.
    let head = world.state.store.head().unwrap();
    assert_eq!(send(&mut cora, &page, &to, "save", &[]).status, StatusCode::SEE_OTHER);
    assert_eq!(world.state.store.head().unwrap(), head);

    // By phone, nobody asks where; looking again writes nothing.
    let look = send(&mut cora, &page, &to, "look", &[("mode", "PHONE"), ("duration_min", "700")]);
    assert_eq!(look.status, StatusCode::OK);
    assert!(!look.has("name=\"venue\"") && !look.has("name=\"travel_min\""), "{}", look.body);
    assert!(look.has("To put right: </span>Enter minutes from 1 to 600"), "{}", look.body);
    assert_eq!(world.state.store.head().unwrap(), head);

    // Saved as it is: what is wrong holds nothing up, and is told.
    let saved = send(&mut cora, &look, &to, "save", &[("reason", "She rang me")]);
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    assert_eq!(saved.headers[header::LOCATION].to_str().unwrap(), format!("{to}?saved=yes"));
    world.project();
    assert_eq!(value(&world, world.contact, "mode"), Some("PHONE".into()));
    assert_eq!(value(&world, world.contact, "duration_min"), Some(Value::Integer(700)));
    let rules: Vec<String> = found(&world, world.contact).into_iter().map(|one| one.rule).collect();
    assert!(rules.contains(&"contact.duration_min.constraint".to_owned()), "{rules:?}");
    assert!(!rules.contains(&"contact.venue.required".to_owned()), "{rules:?}");
    let case = cora.get(&format!("/cases/{}", world.case));
    assert!(case.has("Enter minutes from 1 to 600") && case.has("She rang me"));

    // Put right, it is gone.
    let page = cora.get(&format!("{to}?saved=yes"));
    assert!(page.has("role=\"status\""));
    send(&mut cora, &page, &to, "save", &[("duration_min", "40")]);
    world.project();
    let rules: Vec<String> = found(&world, world.contact).into_iter().map(|one| one.rule).collect();
    assert!(!rules.contains(&"contact.duration_min.constraint".to_owned()), "{rules:?}");
}

#[test]
fn a_row_is_added_on_the_page_and_what_cannot_be_stored_is_still_on_it() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let to = address(&world, world.contact);
    let page = cora.get(&to);
    let page = send(&mut cora, &page, &to, "add:actions", &[]);
    let key = filled(&page).into_iter().find(|(name, _)| name.ends_with("/action")).unwrap().0;
    let due = key.replace("/action", "/action_due_on");
    let (day, month, year) = (format!("{due}~day"), format!("{due}~month"), format!("{due}~year"));
    let wrong = [
        (key.as_str(), "Ring the school"),
        (day.as_str(), "31"),
        (month.as_str(), "2"),
        (year.as_str(), "2015"),
    ];
    let head = world.state.store.head().unwrap();
    let refused = send(&mut cora, &page, &to, "save", &wrong);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.has("nothing was saved yet") && refused.has("value=\"Ring the school\""));
    assert_eq!(world.state.store.head().unwrap(), head);
    let saved = send(&mut cora, &refused, &to, "save", &[(&day, "27")]);
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    world.project();
    assert_eq!(value(&world, world.contact, &key), Some("Ring the school".into()));
    assert_eq!(value(&world, world.contact, &due), Some("2015-02-27".into()));
}

#[test]
fn a_row_is_taken_away_with_the_next_save_and_stays_in_the_history() {
    let world = World::new(0);
    let rows = ["actions/1/action", "actions/2/action"];
    let answers = [edit(rows[0], "Ring the school"), edit(rows[1], "Send the letter")];
    world.answer(world.people.asha, world.contact, &answers, "");
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let to = address(&world, world.contact);
    let page = cora.get(&to);
    let head = world.state.store.head().unwrap();
    let page = send(&mut cora, &page, &to, "remove:actions/1", &[]);
    assert!(!page.has("value=\"Ring the school\"") && page.has("value=\"Send the letter\""), "{}", page.body);
    assert!(page.has("taken away when you save"));
    assert_eq!(world.state.store.head().unwrap(), head, "nothing is written yet");
    // One that is added and taken away again is gone from the page.
    let page = send(&mut cora, &page, &to, "add:actions", &[]);
    let added = filled(&page).into_iter().find(|(name, value)| name.ends_with("/action") && value.is_empty());
    let added = added.unwrap().0.replace("/action", "");
    let page = send(&mut cora, &page, &to, &format!("remove:{added}"), &[]);
    assert!(!page.has(&format!("name=\"{added}/action\"")));
    assert_eq!(send(&mut cora, &page, &to, "save", &[]).status, StatusCode::SEE_OTHER);
    world.project();
    let stored = world.model.read(|db| case::record(db, world.contact)).unwrap().unwrap();
    assert_eq!(stored.view.rows("actions"), ["2"]);
    assert!(cora.get(&format!("/cases/{}", world.case)).has("Ring the school"), "the history has it");
}

#[test]
fn people_and_records_are_chosen_from_those_that_there_are() {
    let world = World::new(0);
    let (about, letter, event) = (RecordId(id(13, 1)), RecordId(id(15, 501)), RecordId(id(16, 501)));
    world.write(vec![
        world.create(world.case, "ehc_episode", event, vec![edit("type", "NEW_ASSESSMENT")]),
        world.create(world.case, "ehc_event", letter, vec![edit("type", "E02"), edit("date", "2015-03-02")]),
    ]);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let to = address(&world, about);
    let page = cora.get(&to);
    let (asha, ben) = (world.people.asha.to_string(), world.people.ben.to_string());
    assert!(page.has(&format!("value=\"{asha}\" selected")) && page.has("Ben Lowe"), "{}", page.body);
    let dev = world.people.dev.to_string();
    let wrong = send(&mut cora, &page, &to, "save", &[("allocated_supporter", &dev)]);
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.has("Choose one of those that are offered") && !wrong.has("Dev Rao"));
    assert_eq!(
        send(&mut cora, &page, &to, "save", &[("allocated_supporter", &ben)]).status,
        StatusCode::SEE_OTHER
    );
    let to = address(&world, letter);
    let page = cora.get(&to);
    let named = event.to_string();
    assert!(page.has(&format!("<option value=\"{named}\">")), "{}", page.body);
    assert_eq!(send(&mut cora, &page, &to, "save", &[("episode", &named)]).status, StatusCode::SEE_OTHER);
    world.project();
    assert_eq!(value(&world, about, "allocated_supporter"), Some(ben.as_str().into()));
    assert_eq!(value(&world, letter, "episode"), Some(Value::Ref(event)));
}

#[test]
fn who_reads_restricted_answers_changes_them_where_they_stand() {
    let world = World::new(0);
    let (asha, ben) = (world.people.asha, world.people.ben);
    world.answer(asha, world.household, &[edit("home_risk_note", "A large dog")], "");
    world.project();
    let to = address(&world, world.household);
    let mut hers = Browser::signed_in(&world, asha);
    let page = hers.get(&to);
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.has("A large dog"), "{}", page.body);
    let saved = send(&mut hers, &page, &to, "save", &[("home_risk_note", "The dog is gone")]);
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    world.project();
    assert_eq!(value(&world, world.household, "home_risk_note"), None, "not in the open part");
    let part = split::part_of(world.household, split::restricted_group(world.family, asha));
    assert_eq!(value(&world, part, "home_risk_note"), Some("The dog is gone".into()));
    // Who was not granted hers is not told, and writes their own.
    let mut his = Browser::signed_in(&world, ben);
    let page = his.get(&to);
    assert!(page.has("name=\"home_risk_note\"") && !page.has("The dog is gone"), "{}", page.body);
    send(&mut his, &page, &to, "save", &[("home_risk_note", "The lift is broken")]);
    world.project();
    assert_eq!(value(&world, part, "home_risk_note"), Some("The dog is gone".into()));
    let own = split::part_of(world.household, split::restricted_group(world.family, ben));
    assert_eq!(value(&world, own, "home_risk_note"), Some("The lift is broken".into()));
    let mut cora = Browser::signed_in(&world, world.people.cora);
    assert!(!cora.get(&to).has("home_risk_note"));
}

#[test]
fn what_somebody_wrote_meanwhile_is_shown_and_not_written_over() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let to = address(&world, world.contact);
    let page = cora.get(&to);
    world.answer(world.people.asha, world.contact, &[edit("level", "3")], "");
    world.project();
    // Another answer: hers is written, and what Asha wrote stays.
    assert_eq!(send(&mut cora, &page, &to, "save", &[("attended", "HELD")]).status, StatusCode::SEE_OTHER);
    world.project();
    assert_eq!(value(&world, world.contact, "level"), Some("3".into()));
    assert_eq!(value(&world, world.contact, "attended"), Some("HELD".into()));
    // The same answer: she is told first.
    let said = send(&mut cora, &page, &to, "save", &[("level", "1")]);
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(said.has("Somebody has changed this meanwhile to"), "{}", said.body);
    assert_eq!(value(&world, world.contact, "level"), Some("3".into()));
}

#[test]
fn what_is_worked_out_is_shown_and_what_is_restricted_is_not() {
    let world = World::new(0);
    world.project();
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let child = cora.get(&address(&world, world.child));
    assert_eq!(child.status, StatusCode::OK);
    assert!(
        child.has("Year in which the rights pass to the young person") && child.has(">2022<"),
        "{}",
        child.body
    );
    assert!(!child.has("name=\"rights_year\"") && !child.has("vulnerability_markers"));
    let household = cora.get(&address(&world, world.household));
    assert!(!household.has("address_confidential") && !household.has("home_risk_note"));
    // A page cannot send what it does not ask.
    let to = address(&world, world.household);
    for key in ["address_confidential", "nothing", "home_risk_note"] {
        let sent = send(&mut cora, &household, &to, "save", &[("asked", key), (key, "no")]);
        assert_eq!(sent.status, StatusCode::BAD_REQUEST, "{key}");
    }
}

#[test]
fn nobody_changes_what_they_may_not_write() {
    let world = World::new(0);
    world.project();
    let to = address(&world, world.contact);
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&to);
    for person in [world.people.eve, world.people.dev, world.people.lara] {
        let status = Browser::signed_in(&world, person).get(&to).status;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{status}");
    }
    let forged = send(&mut cora, &page, &to, "save", &[("csrf", "guess"), ("level", "1")]);
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let missing = address(&world, RecordId(id(99, 9)));
    assert_eq!(cora.get(&missing).status, StatusCode::NOT_FOUND);
    // A record of another case is on no page of this one.
    let elsewhere = to.replace(&world.case.to_string(), &GroupId(id(3, 77)).to_string());
    assert_eq!(cora.get(&elsewhere).status, StatusCode::NOT_FOUND);
    // What is never changed has no such page.
    let consent = RecordId(id(18, 1));
    let given = vec![edit("scope", "SERVICE"), edit("decision", "GIVEN"), edit("at", Value::Instant(TODAY))];
    world.write(vec![world.create(GroupId(id(2, 1)), "consent_record", consent, given)]);
    world.project();
    assert_eq!(cora.get(&address(&world, consent)).status, StatusCode::NOT_FOUND);
}
