//! The pages of surveys: who sees which run, who has answered, each answer, and what is taken away.

use alongside_domain::{ids::PersonId, time::Millis};
use alongside_server::{
    people::{self, NewPerson},
    surveys::DAY_MS,
};
use axum::http::{StatusCode, header};

use crate::{
    browse::Browser,
    browser_of_links::{Visitor, field},
    fixture::{TODAY, World},
};

fn evaluator(world: &World, partner: &str) -> PersonId {
    let store = &world.state.store;
    let partner = people::partner(store, TODAY, partner).unwrap();
    let new =
        NewPerson { name: "Edda Vale".to_owned(), role: "EVALUATOR".to_owned(), partner, areas: Vec::new() };
    people::add_person(store, TODAY, &world.programme, &new).unwrap()
}

/// The value of the forms' token on the page that is open.
fn csrf(body: &str) -> String {
    field(body, "name=\"csrf\" value=\"")
}

/// Opens a survey on its page, and gives its address.
fn open(browser: &mut Browser<'_>, survey: &str) -> String {
    let page = browser.get("/surveys");
    let opened = browser.post("/surveys", &format!("csrf={}&survey={survey}&name=Round+1", csrf(&page.body)));
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
    opened.headers[header::LOCATION].to_str().unwrap().to_owned()
}

/// Asks somebody on the board, and gives the token of the link, which is shown once.
fn ask(browser: &mut Browser<'_>, board: &str, fields: &str) -> String {
    let page = browser.get(board);
    let made = browser.post(&format!("{board}/invite"), &format!("csrf={}&{fields}", csrf(&page.body)));
    let token = made.body.split("/f/").nth(1).unwrap_or_else(|| panic!("no link: {}", made.body));
    let token = token.split('<').next().unwrap().to_owned();
    assert!(!browser.get(board).has(&token), "the link is shown once");
    token
}

/// Answers the local authority's survey, and sends it.
fn answer(world: &World, token: &str) {
    let mut visitor = Visitor::new(world, token);
    visitor.get("");
    assert!(visitor.page.has("County Durham") && visitor.page.has("Round 2"), "{}", visitor.page.body);
    visitor.go("", &[("go", "start")]);
    visitor.go(
        "/page",
        &[
            ("effect_timeliness", "4"),
            ("effect_disputes", "5"),
            ("effect_plan_quality", "4"),
            ("effect_workload", "3"),
            ("effect_cost", "NK"),
            ("effect_culture", "4"),
        ],
    );
    visitor.go("/page", &[("effect_text", "=Fewer appeals")]);
    visitor.go("/page", &[("willing_to_fund", "5")]);
    visitor.go("/check", &[("go", "send")]);
    assert!(visitor.page.has("Your answers were sent"), "{}", visitor.page.body);
}

#[test]
fn an_evaluator_asks_reminds_reads_and_takes_away() {
    let world = World::new(0);
    world.project();
    let edda = evaluator(&world, "The Evaluators");
    let mut browser = Browser::signed_in(&world, edda);
    assert_eq!(browser.get("/").headers[header::LOCATION], "/surveys");
    let board = open(&mut browser, "SURV_LA");
    let first = ask(&mut browser, &board, "label=SEN+lead+of+Durham&says.area=840&says.round=R2");
    ask(&mut browser, &board, "label=SEN+lead+of+Darlington&says.area=841&says.round=R2");
    let page = browser.get(&board);
    let again = browser.post(
        &format!("{board}/invite"),
        &format!("csrf={}&label=SEN+lead+of+Durham&says.area=840&says.round=R2", csrf(&page.body)),
    );
    assert!(again.has("has a link already"), "{}", again.body);
    let bad = browser.post(
        &format!("{board}/invite"),
        &format!("csrf={}&label=Nobody&says.area=999&says.round=R2", csrf(&page.body)),
    );
    assert!(bad.has("`999` is no code of `area`"), "{}", bad.body);
    let mut begun = Visitor::new(&world, &first);
    begun.go("", &[("go", "start")]);
    begun.go("/page", &[("effect_timeliness", "4"), ("go", "save")]);
    assert!(browser.get(&board).has("1 of 9 questions"), "{}", browser.get(&board).body);
    answer(&world, &first);

    let page = browser.get(&board);
    assert!(page.has("1 answered, 0 started, 1 not started. Nobody to remind."), "{}", page.body);
    // After 14 days a reminder is due; it is written down once somebody has sent it.
    world.clock.set(Millis(TODAY.0 + 14 * DAY_MS));
    let mut browser = Browser::signed_in(&world, edda);
    let page = browser.get(&board);
    assert!(page.has("1 to remind.") && page.has("Due now"));
    browser.post(&format!("{board}/links/2/reminded"), &format!("csrf={}", csrf(&page.body)));
    let page = browser.get(&board);
    assert!(page.has("Nobody to remind.") && page.has("1 reminder, last on 30 March 2015"), "{}", page.body);

    let read = browser.get(&field(&page.body, "<div class=\"actions\">\n      <a href=\""));
    for said in ["SEN lead of Durham", "County Durham", "Much better", "=Fewer appeals", "Willing"] {
        assert!(read.has(said), "`{said}` is not shown: {}", read.body);
    }
    let csv = browser.get(&format!("{board}/export/answers.csv"));
    assert_eq!(csv.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    assert!(csv.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains("surv_la-answers.csv"));
    let mut rows = csv.body.lines();
    assert_eq!(
        rows.next().unwrap(),
        "record,respondent,form_version,area,round,effect_timeliness,effect_disputes,effect_plan_quality,effect_workload,effect_cost,effect_culture,effect_text,willing_to_fund,willing_text"
    );
    assert!(rows.next().unwrap().ends_with("840,R2,4,5,4,3,NK,4,'=Fewer appeals,5,"));
    assert_eq!(rows.next(), None);
    let json: serde_json::Value =
        serde_json::from_str(&browser.get(&format!("{board}/export/answers.json")).body).unwrap();
    assert_eq!(json[0]["values"]["effect_disputes"], "5");
    assert!(
        browser.get(&format!("{board}/export/codebook.csv")).has("effect_timeliness,select_one,Timeliness")
    );
    assert_eq!(browser.get(&format!("{board}/export/everything.zip")).status, StatusCode::NOT_FOUND);

    // On paper: what the link says is left to whoever hands it out; each item has its code.
    let paper = browser.get(&format!("{board}/paper"));
    for printed in [
        "Filled in by whoever hands this out",
        "Which local authority?",
        "effect_timeliness",
        "Much better",
        "Tick one.",
    ] {
        assert!(paper.has(printed), "`{printed}` is not printed: {}", paper.body);
    }
    assert!(!paper.has("SEN lead of Durham") && !paper.has("<script"));

    let close = browser.post(&format!("{board}/close"), &format!("csrf={}", csrf(&page.body)));
    assert_eq!(close.status, StatusCode::SEE_OTHER);
    assert!(browser.get(&board).has("Closed."));
}

#[test]
fn nobody_else_sees_a_run_or_changes_it() {
    let world = World::new(0);
    world.project();
    let edda = evaluator(&world, "The Evaluators");
    let mut browser = Browser::signed_in(&world, edda);
    let board = open(&mut browser, "SURV_LA");
    let token = ask(&mut browser, &board, "label=SEN+lead&says.area=840&says.round=R2");
    answer(&world, &token);
    let record = browser.get(&format!("{board}/answers/first"));
    assert_eq!(record.status, StatusCode::OK);
    let others = [evaluator(&world, "Other Evaluators"), world.people.cora, world.people.lara];
    for other in others {
        let mut browser = Browser::signed_in(&world, other);
        for address in ["", "/answers/first", "/paper", "/export/answers.csv", "/export/codebook.csv"] {
            assert_eq!(browser.get(&format!("{board}{address}")).status, StatusCode::NOT_FOUND, "{address}");
        }
        let token = csrf(&browser.get("/surveys").body);
        for address in ["/invite", "/close", "/links/1/revoke"] {
            let page = browser.post(&format!("{board}{address}"), &format!("csrf={token}&label=x"));
            assert!(matches!(page.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{address}");
        }
    }
    let mut browser = Browser::signed_in(&world, edda);
    assert_eq!(browser.post(&format!("{board}/close"), "csrf=wrong").status, StatusCode::FORBIDDEN);
    assert!(!browser.get(&board).has("Closed."));
}

#[test]
fn an_anonymous_survey_shows_its_answers_when_it_is_closed_and_enough_have_answered() {
    let world = World::new(0);
    let mut browser = Browser::signed_in(&world, evaluator(&world, "The Evaluators"));
    let board = open(&mut browser, "SURV_SUP");
    let token = ask(&mut browser, &board, "label=Supporter+1");
    let mut visitor = Visitor::new(&world, &token);
    visitor.go("", &[("go", "start")]);
    visitor.go("/page", &[("point", "R2")]);
    visitor.go("/check", &[("go", "send")]);
    assert!(visitor.page.has("were sent"), "{}", visitor.page.body);
    let page = browser.get(&board);
    assert!(page.has("1 answered") && page.has("shown when it is closed"));
    browser.post(&format!("{board}/close"), &format!("csrf={}", csrf(&page.body)));
    assert!(browser.get(&board).has("fewer than 10 people have answered"));
    for address in ["/answers/first", "/export/answers.json"] {
        assert_eq!(browser.get(&format!("{board}{address}")).status, StatusCode::NOT_FOUND);
    }
}

#[test]
fn feedback_is_asked_for_by_who_supports_the_case_and_seen_by_nobody_else() {
    let world = World::new(2);
    world.project();
    let mut asha = Browser::signed_in(&world, world.people.asha);
    let board = open(&mut asha, "FB_FAM");
    ask(&mut asha, &board, "label=A+parent&reference=840-C-00001&says.point=END");
    let page = asha.get(&board);
    let foreign = asha.post(
        &format!("{board}/invite"),
        &format!("csrf={}&label=Another&reference=840-C-00002&says.point=END", csrf(&page.body)),
    );
    assert!(foreign.has("There is no case with this reference that you may write to"), "{}", foreign.body);
    // Same partner, another area: the run is there, the link about a case that is not hers is not.
    let mut eve = Browser::signed_in(&world, world.people.eve);
    assert!(eve.get(&board).has("Nobody has been asked yet."));
    let token = csrf(&eve.get(&board).body);
    assert_eq!(
        eve.post(&format!("{board}/links/1/revoke"), &format!("csrf={token}")).status,
        StatusCode::NOT_FOUND
    );
    let mut cora = Browser::signed_in(&world, world.people.cora);
    assert!(cora.get("/").has("href=\"/surveys\"") && cora.get(&board).has("A parent"));
    assert_eq!(cora.get(&format!("{board}/export/answers.csv")).status, StatusCode::NOT_FOUND);
}
