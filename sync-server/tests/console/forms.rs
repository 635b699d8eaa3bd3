//! Forms that are answered by link, as whoever has the link meets them.

use std::collections::BTreeMap;

use alongside_domain::{ids::GroupId, time::Millis, value::Value};
use alongside_server::{
    surveys::{self, DAY_MS, Invitation, LinkState, Run, export},
    verify,
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use crate::{
    browser_of_links::{Visitor, field},
    every_kind::programme,
    fixture::{TODAY, World},
};

pub(crate) fn open(world: &World, code: &str) -> Run {
    surveys::open(&world.state.store, TODAY, &world.programme, code, "Spring", world.partner).unwrap()
}

pub(crate) fn invite(world: &World, run: &Run, label: &str) -> String {
    let invitation = Invitation { label: label.to_owned(), ..Invitation::default() };
    let (_, token) =
        surveys::invite(&world.state.store, TODAY, &world.programme, run.id, &invitation).unwrap();
    token.reveal().to_owned()
}

fn state(world: &World, run: &Run, number: u32) -> LinkState {
    let links = surveys::links(&world.state.store, run.id).unwrap();
    let now = alongside_server::clock::Clock::now(&*world.clock);
    let run = surveys::find_run(&world.state.store, run.id).unwrap();
    links.iter().find(|link| link.number == number).unwrap().state(&run, now)
}

/// Fills every page with answers that are right, up to the page on which answers are checked.
fn fill(visitor: &mut Visitor<'_>) {
    visitor.go("", &[("go", "start")]);
    visitor.go("/page", &[("who", "Kit")]);
    visitor.go(
        "/page",
        &[
            ("years", "12"),
            ("cost", "£1,250.50"),
            ("when~day", "27"),
            ("when~month", "2"),
            ("when~year", "2015"),
            ("clock", "9:30"),
            ("score", "4"),
        ],
    );
    visitor.go(
        "/page",
        &[("liked", "yes"), ("fruits", "apple"), ("fruits", "plum"), ("best~1", "plum"), ("best~2", "apple")],
    );
    // No visit yet: a page on which to add one.
    assert!(visitor.page.has("Add: Visit"), "{}", visitor.page.body);
    visitor.go("/page", &[("go", "add:visit")]);
    visitor.go_rows("/page", &[("place", "At home"), ("minutes", "30")]);
    if visitor.page.has("Add: Visit") {
        visitor.go("/page", &[]);
    }
    assert!(visitor.page.has("Nearly done, Kit."), "{}", visitor.page.body);
    visitor.go("/page", &[]);
    visitor.go("/page", &[("spot~lat", "54.77"), ("spot~lon", "-1.57")]);
    visitor.go("/page", &[]);
    visitor.go("/page", &[("agreed", "OK")]);
    assert!(visitor.page.has("Check your answers"), "{}", visitor.page.body);
}

#[test]
fn a_form_is_filled_page_by_page_and_becomes_a_record() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    assert_eq!(state(&world, &run, 1), LinkState::Waiting);
    let mut visitor = Visitor::new(&world, &token);
    fill(&mut visitor);
    assert_eq!(state(&world, &run, 1), LinkState::Begun);
    for said in ["27 February 2015", "1250.50", "Plum, Apple", "At home", "54.77 -1.57"] {
        assert!(visitor.page.has(said), "`{said}` is not shown: {}", visitor.page.body);
    }
    visitor.go("/check", &[("go", "send")]);
    assert!(visitor.page.has("Your answers were sent"), "{}", visitor.page.body);
    assert_eq!(state(&world, &run, 1), LinkState::Answered);

    let survey = &world.programme.surveys["ALL"];
    let links = surveys::links(&world.state.store, run.id).unwrap();
    let answers = export::responses(&world.state.store, &world.programme, survey, &run, &links).unwrap();
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(answer.respondent.as_deref(), Some("Durham"));
    let values: BTreeMap<&str, &str> =
        answer.values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    for (key, value) in [
        ("who", "Kit"),
        ("years", "12"),
        ("cost", "1250.50"),
        ("when", "2015-02-27"),
        ("score", "4"),
        ("fruits", "apple plum"),
        ("best", "plum apple"),
        ("agreed", "OK"),
        // Worked out, and kept as it was when it was sent.
        ("twice", "24"),
    ] {
        assert_eq!(values.get(key), Some(&value), "{key} of {values:?}");
    }
    assert_eq!(values.iter().filter(|(key, _)| key.ends_with("/place")).count(), 1);
    let csv = export::csv(&world.programme, survey, &answers).unwrap();
    let mut rows = csv.lines();
    let (head, row) = (rows.next().unwrap(), rows.next().unwrap());
    assert!(head.contains(",fruits.apple,fruits.pear,fruits.plum,"), "{head}");
    assert!(head.contains(",visit.1.place,"), "{head}");
    assert!(row.contains(",1,0,1,") && row.contains("At home"), "{row}");
    // The store proves as before, and nothing is left behind the link.
    let report = verify::verify(world.state.store.path(), None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    visitor.get("/page");
    assert_eq!(visitor.page.status, StatusCode::GONE);
    assert!(visitor.page.has("sent already"));
}

#[test]
fn what_is_wrong_stands_beside_its_question_and_above() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    let mut visitor = Visitor::new(&world, &token);
    visitor.go("", &[("go", "start")]);
    visitor.go("/page", &[("who", "")]);
    assert_eq!(visitor.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(visitor.page.has("<title>Error: What are you called?"));
    assert!(visitor.page.has("<a href=\"#q-who\">Write what you are called"));
    assert!(visitor.page.has("autofocus") && visitor.page.has("aria-invalid=\"true\""));
    visitor.go("/page", &[("who", "Kit")]);
    assert!(visitor.page.has("How old are you, Kit?"), "{}", visitor.page.body);
    visitor.go(
        "/page",
        &[("years", "four"), ("when~day", "31"), ("when~month", "2"), ("when~year", "2015"), ("score", "4")],
    );
    for said in ["This is not a whole number.", "Enter a real date, such as 27 3 2015"] {
        assert_eq!(visitor.page.body.matches(said).count(), 2, "`{said}`: {}", visitor.page.body);
    }
    // What was typed is there to be corrected; what was right is kept.
    assert!(visitor.page.has("value=\"four\"") && visitor.page.has("value=\"31\""));
    assert!(visitor.page.has("value=\"4\" checked"));
    visitor.go("/page", &[("years", "4")]);
    assert!(visitor.page.has("Write an age from 5 to 120"), "{}", visitor.page.body);
    visitor.go("/page", &[("years", "12"), ("when~day", "1"), ("when~month", "1"), ("when~year", "2099")]);
    assert!(visitor.page.has("The day cannot be to come"));
    visitor.go("/page", &[("years", "12")]);
    // An answer opens another question on the same page: it is asked before anything else.
    visitor.go("/page", &[("liked", "no")]);
    assert!(visitor.page.has("Why not?") && !visitor.page.has("There is a problem"), "{}", visitor.page.body);
    visitor.go("/page", &[("liked", "no")]);
    assert!(visitor.page.has("Say why not"));
    visitor.go("/page", &[("liked", "yes"), ("best~1", "plum"), ("best~2", "plum")]);
    assert!(visitor.page.has("Choose each answer for one place only"));
    visitor.go("/page", &[("liked", "yes"), ("fruits", "apple"), ("fruits", "pear"), ("fruits", "plum")]);
    assert!(visitor.page.has("Choose two at most"), "{}", visitor.page.body);
    // Sending what is not complete names what is missing, with the way to it.
    visitor.go("/check", &[("go", "send")]);
    assert_eq!(visitor.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(visitor.page.has("/page?at=agreed#q-agreed"), "{}", visitor.page.body);
}

#[test]
fn it_is_saved_and_goes_on_where_it_stopped_in_another_language_too() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    let mut visitor = Visitor::new(&world, &token);
    visitor.go("", &[("go", "start")]);
    visitor.go("/page", &[("who", "Kit")]);
    visitor.go("/page", &[("years", "12"), ("go", "save")]);
    assert!(visitor.page.has("Your answers are saved") && visitor.page.has("13 April 2015"));
    // Another browser, with nothing but the link.
    let mut later = Visitor::new(&world, &token);
    later.get("");
    assert!(later.page.has("Go on"));
    later.go("", &[("language", "العربية (ar)"), ("go", "start")]);
    assert!(later.page.has("lang=\"ar\" dir=\"rtl\"") && later.page.has("أرقام"), "{}", later.page.body);
    assert!(later.page.has("name=\"years\" value=\"12\""));
    later.go("/page", &[("years", "12"), ("go", "back")]);
    assert!(later.page.has("value=\"Kit\""));
    // An old page of the first browser still says what it asks, and loses nothing of the rest.
    visitor.go_at("who", &["who"], &[("who", "Kim")]);
    later.get("/page?at=years");
    assert!(later.page.has("value=\"12\""));
}

#[test]
fn rows_come_and_go() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    let mut visitor = Visitor::new(&world, &token);
    visitor.get("/page?at=%2Bvisit");
    visitor.go("/page", &[("go", "add:visit")]);
    visitor.go_rows("/page", &[("place", "Home"), ("go", "back")]);
    visitor.get("/page?at=%2Bvisit");
    visitor.go("/page", &[("go", "add:visit")]);
    assert!(visitor.page.has("Visit 2"), "{}", visitor.page.body);
    let remove = field(&visitor.page.body, "value=\"remove:");
    visitor.go("/page", &[("go", &format!("remove:{remove}"))]);
    visitor.get("/check");
    assert_eq!(visitor.page.body.matches("Where?").count(), 2, "once as text, once in the link");
    visitor.go_at("+visit", &[], &[("go", "remove:visit/none")]);
    assert_eq!(visitor.page.status, StatusCode::BAD_REQUEST);
}

#[test]
fn hostile_pages_are_told_so_and_change_nothing() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    let mut visitor = Visitor::new(&world, &token);
    visitor.go("", &[("go", "start")]);
    let hostile: [&[(&str, &str)]; 7] = [
        &[("page", "who"), ("asked", "who"), ("who", "x"), ("status", "OPEN")],
        &[("page", "who"), ("asked", "nothing_like_it"), ("nothing_like_it", "x")],
        &[("page", "who"), ("asked", "twice"), ("twice", "99")],
        &[("page", "who"), ("asked", "thanks"), ("thanks", "x")],
        &[("asked", "who"), ("who", "x")],
        &[("page", "who"), ("asked", "who"), ("who", "x"), ("go", "delete:everything")],
        &[("page", "who"), ("go", "language:Klingon")],
    ];
    for pairs in hostile {
        visitor.post_raw("/page", pairs);
        assert_eq!(visitor.page.status, StatusCode::BAD_REQUEST, "{pairs:?}");
        assert!(visitor.page.has("The form does not ask this"));
    }
    let refused: [(&str, &str, &str); 3] = [
        ("liked", "maybe", "Choose one of the answers below"),
        ("score", "9", "Choose a number from 1 to 5"),
        ("spot~lat", "900", "Write the latitude"),
    ];
    for (name, value, said) in refused {
        let key = name.split('~').next().unwrap();
        visitor.go_at(key, &[key], &[(name, value)]);
        assert!(visitor.page.has(said), "{name}: {}", visitor.page.body);
    }
    let long = "x".repeat(2 << 20);
    visitor.post_raw("/page", &[("page", "who"), ("asked", "who"), ("who", &long)]);
    assert_eq!(visitor.page.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = |kind: &str, body: &str| {
        Request::post(format!("/f/{token}/page"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    for (kind, body) in [
        ("application/json", "{}"),
        ("multipart/form-data", "no boundary"),
        ("multipart/form-data; boundary=b", "--b\r\nno end"),
    ] {
        visitor.send(request(kind, body));
        assert_eq!(visitor.page.status, StatusCode::BAD_REQUEST, "{kind}");
    }
    let mut elsewhere = request("application/x-www-form-urlencoded", "page=who&asked=who&who=x");
    elsewhere.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    visitor.send(elsewhere);
    assert_eq!(visitor.page.status, StatusCode::FORBIDDEN);
    visitor.get("/page?at=who");
    assert!(visitor.page.has("name=\"who\" value=\"\""), "nothing was kept: {}", visitor.page.body);
}

#[test]
fn a_file_is_attached_and_taken_away() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    let mut visitor = Visitor::new(&world, &token);
    visitor.get("/page?at=picture");
    assert!(visitor.page.has("enctype=\"multipart/form-data\"") && visitor.page.has("accept=\"image/*\""));
    visitor.attach("picture", "text/html", b"<script>");
    assert!(visitor.page.has("Choose a picture"));
    visitor.attach("picture", "image/png", b"not really a picture");
    visitor.get("/page?at=picture");
    assert!(visitor.page.has("Attached: "), "{}", visitor.page.body);
    visitor.attach("picture", "image/png", &vec![7; (16 << 20) + 1]);
    assert_eq!(visitor.page.status, StatusCode::PAYLOAD_TOO_LARGE);
    visitor.get("/page?at=picture");
    visitor.go("/page", &[("picture~remove", "yes")]);
    visitor.get("/page?at=picture");
    assert!(!visitor.page.has("Attached: "));
}

#[test]
fn every_link_that_does_not_work_says_what_to_do_and_nothing_else() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let kept = invite(&world, &run, "Expired");
    let revoked = invite(&world, &run, "Revoked");
    surveys::revoke(&world.state.store, TODAY, run.id, 2).unwrap();
    let mut visitor = Visitor::new(&world, "no-such-token");
    visitor.get("");
    assert_eq!(visitor.page.status, StatusCode::NOT_FOUND);
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(visitor.page.headers[name], value);
    }
    assert!(
        visitor.page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'")
    );
    let mut visitor = Visitor::new(&world, &revoked);
    visitor.get("");
    assert_eq!(visitor.page.status, StatusCode::GONE);
    assert!(visitor.page.has("taken back") && !visitor.page.has("Revoked") && !visitor.page.has("Spring"));
    world.clock.set(Millis(TODAY.0 + 29 * DAY_MS));
    let mut visitor = Visitor::new(&world, &kept);
    visitor.get("/page");
    assert_eq!(visitor.page.status, StatusCode::GONE);
    assert!(visitor.page.has("The time to answer is over"));
    assert_eq!(state(&world, &run, 1), LinkState::Expired);
    let one_more = Invitation { label: "Late".to_owned(), ..Invitation::default() };
    surveys::close(&world.state.store, TODAY, run.id).unwrap();
    let refused = surveys::invite(&world.state.store, TODAY, &world.programme, run.id, &one_more);
    assert_eq!(refused.unwrap_err().code(), "closed");
}

#[test]
fn nothing_of_a_draft_or_a_token_can_be_read_in_the_store() {
    let world = World::of(programme(), 0);
    let run = open(&world, "ALL");
    let token = invite(&world, &run, "Durham");
    let mut visitor = Visitor::new(&world, &token);
    visitor.go("", &[("go", "start")]);
    visitor.go("/page", &[("who", "Wobblesworth-Secret")]);
    let path = world.state.store.path();
    for ending in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{ending}", path.display())).unwrap_or_default();
        for hidden in ["Wobblesworth-Secret", token.as_str()] {
            let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
            assert!(!found, "{hidden} stands in the store{ending}");
        }
    }
}

#[test]
fn nobody_can_tell_whose_an_anonymous_answer_is() {
    let world = World::of(programme(), 0);
    let run = open(&world, "HIDDEN");
    let survey = &world.programme.surveys["HIDDEN"];
    let store = &world.state.store;
    for label in ["First", "Second"] {
        let token = invite(&world, &run, label);
        let mut visitor = Visitor::new(&world, &token);
        visitor.get("");
        assert!(visitor.page.has("not kept with your name"));
        fill(&mut visitor);
        visitor.go("/check", &[("go", "send")]);
        assert!(visitor.page.has("were sent"));
    }
    let links = surveys::links(store, run.id).unwrap();
    assert!(links.iter().all(|link| link.finished && link.record.is_none()));
    assert_eq!(export::withheld(survey, &run, &links), Some(export::Withheld::UntilClosed));
    surveys::close(store, TODAY, run.id).unwrap();
    let run = surveys::find_run(store, run.id).unwrap();
    assert_eq!(export::withheld(survey, &run, &links[..1]), Some(export::Withheld::TooFew(2)));
    assert_eq!(export::withheld(survey, &run, &links), None);
    let answers = export::responses(store, &world.programme, survey, &run, &links).unwrap();
    assert_eq!(answers.len(), 2);
    for answer in &answers {
        assert_eq!(answer.respondent, None);
        // Neither the id nor any time tells the order in which they came.
        let changes = store.changes_of(answer.record).unwrap();
        assert_eq!(answer.record.0[..6], TODAY.0.to_be_bytes()[2..]);
        assert_eq!(Some(changes[0].received_at), world.programme.start_of(world.programme.day(TODAY)));
    }
}

/// Feedback about the support of a case goes into that case, said with what the link says.
#[test]
fn feedback_by_link_goes_into_the_case_it_is_about() {
    let world = World::new(0);
    let store = &world.state.store;
    let run = open(&world, "FB_FAM");
    assert_eq!(run.group, None);
    let invitation = |point: &str, group: Option<GroupId>| Invitation {
        label: "Parent of 840-C-00001".to_owned(),
        says: BTreeMap::from([("point".to_owned(), point.to_owned())]),
        group,
        days: None,
    };
    let ask = |invitation: &Invitation| surveys::invite(store, TODAY, &world.programme, run.id, invitation);
    assert_eq!(ask(&invitation("END", None)).unwrap_err().code(), "wrong_group");
    assert_eq!(ask(&invitation("END", Some(world.family))).unwrap_err().code(), "wrong_group");
    assert_eq!(ask(&invitation("NEVER", Some(world.case))).unwrap_err().code(), "bad_saying");
    let (_, token) = ask(&invitation("END", Some(world.case))).unwrap();
    assert_eq!(ask(&invitation("END", Some(world.case))).unwrap_err().code(), "two_links");
    let mut visitor = Visitor::new(&world, token.reveal());
    visitor.go("", &[("go", "start")]);
    for _ in 0..30 {
        if visitor.page.has("Check your answers") {
            break;
        }
        assert!(!visitor.page.has("At which point?") && !visitor.page.has("How was it done?"));
        let useful = visitor.page.has("name=\"useful\"");
        visitor.go("/page", if useful { &[("useful", "4")] } else { &[] });
    }
    visitor.go("/check", &[("go", "send")]);
    assert!(visitor.page.has("were sent"), "{}", visitor.page.body);
    let links = surveys::links(store, run.id).unwrap();
    let changes = store.changes_of(links[0].record.unwrap()).unwrap();
    let document =
        alongside_domain::record::Document::load(changes.iter().map(|change| &change.bytes[..])).unwrap();
    assert_eq!(document.root().unwrap().group, world.case);
    let view = document.view(&|_| Default::default(), &BTreeMap::new()).unwrap();
    for (key, value) in [("point", "END"), ("mode", "SELF_LINK"), ("useful", "4"), ("done_on", "2015-03-16")]
    {
        assert_eq!(view.value(key), Some(&Value::from(value)), "{key}");
    }
}
