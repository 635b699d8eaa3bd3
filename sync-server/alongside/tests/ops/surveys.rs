//! `alongside surveys`, as whoever runs a survey from a terminal uses it, and with what they get wrong.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Ran, Serving, alongside, ran, run};

/// Runs one of the commands; gives what it says to programs.
fn surveys(store: &Path, args: &[&str]) -> Value {
    let said = attempt(store, args);
    assert!(said.ok, "{args:?}: {} {}", said.out, said.err);
    said.json()
}

fn attempt(store: &Path, args: &[&str]) -> Ran {
    run(store, &[&["surveys"], args, &["--json"]].concat())
}

/// The stable word for what is wrong; to people it is said on the standard error, with what to do.
fn refused(store: &Path, args: &[&str], help: &str) -> String {
    let said = attempt(store, args);
    let object = said.json();
    assert_eq!((said.ok, &object["ok"]), (false, &json!(false)), "{args:?}");
    let words = object["help"].as_str().unwrap();
    assert!(words.contains(help), "{args:?} does not say `{help}`: {words}");
    let plain = run(store, &[&["surveys"], args].concat());
    assert!(!plain.ok && plain.err.contains(help) && plain.out.is_empty(), "{args:?}: {}", plain.err);
    object["error"].as_str().unwrap().to_owned()
}

fn open(store: &Path, survey: &str) -> String {
    let opened =
        surveys(store, &["open", "--survey", survey, "--name", "Round 2", "--partner", "The evaluators"]);
    opened["run"].as_str().unwrap().to_owned()
}

/// Asks the lead of an area; gives the path of the link.
fn ask(store: &Path, run: &str, area: &str) -> String {
    let (to, says) = (format!("SEN lead of {area}"), format!("area={area}"));
    let args = ["surveys", "invite", run, "--to", &to, "--says", &says, "--says", "round=R2", "--json"];
    let mut command = alongside(store);
    let asked = ran(&command.args(["--public-url", "https://forms.example"]).args(args).output().unwrap());
    assert!(asked.ok, "{}", asked.err);
    let link = asked.json()["link"].as_str().unwrap().to_owned();
    let path = link.strip_prefix("https://forms.example").unwrap_or_else(|| panic!("{link}"));
    path.to_owned()
}

/// Sends the fields of a page; gives the page that it leads to.
async fn send(server: &Serving, path: &str, body: &str) -> String {
    // Another test of this process may have said so already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let answer = client
        .post(format!("{}{path}", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    answer.text().await.unwrap()
}

const ANSWERS: [(&str, &str); 7] = [
    ("effect_timeliness", "4"),
    ("effect_disputes", "5"),
    ("effect_plan_quality", "4"),
    ("effect_workload", "3"),
    ("effect_cost", "NK"),
    ("effect_culture", "4"),
    ("willing_to_fund", "5"),
];

/// Answers the first of the pages, as somebody who is called away.
async fn begin(server: &Serving, link: &str) {
    let body = "page=effect_timeliness&asked=effect_timeliness&effect_timeliness=4&go=save";
    let saved = send(server, &format!("{link}/page"), body).await;
    assert!(saved.contains("Your answers are saved"), "{saved}");
}

async fn answer(server: &Serving, link: &str) {
    for (name, code) in ANSWERS {
        let body = format!("page={name}&asked={name}&{name}={code}");
        send(server, &format!("{link}/page"), &body).await;
    }
    let sent = send(server, &format!("{link}/check"), "go=send").await;
    assert!(sent.contains("Your answers were sent"), "{sent}");
}

#[tokio::test]
async fn a_survey_is_opened_asked_answered_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let kinds = surveys(&store, &["kinds"]);
    let codes: Vec<&str> =
        kinds["surveys"].as_array().unwrap().iter().map(|kind| kind["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"SURV_LA") && codes.contains(&"SURV_SUP") && !store.exists(), "{codes:?}");

    let round = open(&store, "SURV_LA");
    let links = ["840", "841", "301"].map(|area| ask(&store, &round, area));
    let server = Serving::start(&store);
    begin(&server, &links[1]).await;
    answer(&server, &links[0]).await;

    let board = surveys(&store, &["board", &round]);
    let states: Vec<&str> =
        board["links"].as_array().unwrap().iter().map(|link| link["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["answered", "begun", "waiting"]);
    assert_eq!(board["links"][0]["says"], json!({ "area": "840", "round": "R2" }));
    assert_eq!((&board["links"][1]["answered"], &board["links"][1]["asked"]), (&json!(1), &json!(9)));
    assert!(!board.to_string().contains(links[0].trim_start_matches("/f/")), "a link is told once");
    let words = run(&store, &["surveys", "board", &round]).out;
    assert!(words.contains("1\tAnswered\t") && words.contains("2\tStarted\t1 of 9\t"), "{words}");
    assert_eq!(surveys(&store, &["due"])["due"], json!([]), "nobody is reminded on the first day");
    surveys(&store, &["reminded", &round, "2"]);
    surveys(&store, &["revoke", &round, "3"]);
    let gone = reqwest::get(format!("{}{}", server.url, links[2])).await.unwrap();
    assert_eq!(gone.status(), 410);

    let out = folder.path().join("out");
    let taken = surveys(&store, &["export", &round, out.to_str().unwrap()]);
    assert_eq!(taken["answers"], 1);
    let csv = std::fs::read_to_string(out.join("answers.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().ends_with("840,R2,4,5,4,3,NK,4,,5,"), "{csv}");
    let answers: Value = serde_json::from_slice(&std::fs::read(out.join("answers.json")).unwrap()).unwrap();
    assert_eq!(answers[0]["respondent"], "SEN lead of 840");
    for (name, has) in [("codebook.csv", "effect_disputes"), ("codebook.json", "Much better")] {
        assert!(std::fs::read_to_string(out.join(name)).unwrap().contains(has), "{name}");
    }
    let exists = refused(&store, &["export", &round, out.to_str().unwrap()], "is there already");
    assert_eq!(exists, "exists");

    surveys(&store, &["close", &round]);
    let listed = surveys(&store, &["list"]);
    let only = &listed["runs"][0];
    assert_eq!((&only["closed"], &only["answered"], &only["links"]), (&json!(true), &json!(1), &json!(3)));
    let late = send(&server, &format!("{}/page", links[1]), "page=effect_cost&asked=effect_cost").await;
    assert!(late.contains("taken back") || late.contains("closed"), "{late}");
    assert!(run(&store, &["verify"]).ok);
}

fn invitation<'a>(run: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["invite", run, "--to", "SEN lead"], more].concat()
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    refused(&store, &["list"], "--store");
    assert!(!store.exists(), "looking makes no store");
    let no_such = ["open", "--survey", "SURV_XX", "--name", "Round 2", "--partner", "The evaluators"];
    assert_eq!(refused(&store, &no_such, "there are "), "unknown_survey");
    let unnamed = ["open", "--survey", "SURV_LA", "--name", "  ", "--partner", "The evaluators"];
    assert_eq!(refused(&store, &unnamed, "1 to 200 characters"), "bad_name");

    let run = open(&store, "SURV_LA");
    let into_group = ["--says", "area=840", "--says", "round=R2", "--group", &run];
    let other = ["--says", "area=841", "--says", "round=R2"];
    let invite = |more| invitation(&run, more);
    for (more, code, help) in [
        (&["--says", "area=840"][..], "bad_saying", "--says round=..."),
        (&["--says", "area=999", "--says", "round=R2"], "bad_saying", "`999` is no code of `area`"),
        (&["--says", "area=840", "--says", "round"], "bad_saying", "--says question=code"),
        (
            &["--says", "area=840", "--says", "round=R2", "--says", "role=x"],
            "bad_saying",
            "said are: area, round",
        ),
        (&into_group, "wrong_group", "do not go into that group"),
    ] {
        assert_eq!(refused(&store, &invite(more), help), code, "{more:?}");
    }
    let told = ["--says", "area=840", "--says", "round=R2"];
    surveys(&store, &invite(&told));
    assert_eq!(refused(&store, &invite(&told), "revoke it first"), "two_links");
    assert_eq!(refused(&store, &["revoke", &run, "7"], "surveys board"), "unknown_link");
    assert_eq!(refused(&store, &["reminded", &run, "7"], "surveys board"), "unknown_link");
    let never = "0190a5b0-0000-7000-8000-000000000000";
    for command in ["board", "close"] {
        assert_eq!(refused(&store, &[command, never], "surveys list"), "unknown_run");
    }
    // An id that is none, and a missing one, are refused before anything is looked at.
    for args in
        [&["surveys", "board", "Durham"][..], &["surveys", "invite", &run], &["surveys", "revoke", &run, "x"]]
    {
        let said = crate::process::run(&store, args);
        assert!(
            !said.ok && said.err.contains("Usage: alongside") || said.err.contains("--help"),
            "{}",
            said.err
        );
    }

    let hidden = open(&store, "SURV_SUP");
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    assert_eq!(refused(&store, &["export", &hidden, out], "closed and at least 10"), "withheld");
    let feedback = open(&store, "FB_FAM");
    assert_eq!(refused(&store, &["export", &feedback, out], "read them there"), "read_in_place");
    assert!(!Path::new(out).exists(), "what is not shown makes no folder");
    surveys(&store, &["close", &run]);
    assert_eq!(refused(&store, &invite(&other), "open another"), "closed");
    assert_eq!(refused(&store, &["close", &run], "this run is closed"), "closed");
}
