//! From the spreadsheet to the page.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use alongside_core::app::{Decision, DecisionRequest};
use alongside_server::config;
use jiff::civil::date;

use crate::{
    browser::{Browser, Page},
    package,
    phone::Phone,
    process::{Ran, Serving, alongside, ran},
    programmes,
};

/// The binary, with the programme of the befriending service.
fn cwmni(store: &Path) -> Command {
    let mut command = alongside(store);
    command.arg("--programme").arg(package());
    command
}

fn run(store: &Path, arguments: &[&str]) -> Ran {
    ran(&cwmni(store).args(arguments).output().unwrap())
}

fn serve(store: &Path) -> Serving {
    let mut command = cwmni(store);
    command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    Serving::spawned(command.spawn().unwrap()).unwrap_or_else(|why| panic!("{why}"))
}

/// Adds somebody; gives the id and the link to the console.
fn add(store: &Path, name: &str, role: &str, areas: &str) -> (String, String) {
    let added =
        run(store, &["user", "add", "--name", name, "--role", role, "--partner", "Cwmni", "--areas", areas]);
    assert!(added.ok, "{}", added.err);
    let person = added.out.lines().find_map(|line| line.strip_prefix("person ")).unwrap().to_owned();
    let link = added.out.split_whitespace().find(|word| word.contains("/sign-in/")).unwrap().to_owned();
    (person, link)
}

fn code(store: &Path, person: &str) -> String {
    let enrol = run(store, &["enrol", "--person", person]);
    enrol.out.lines().find_map(|line| line.strip_prefix("code ")).unwrap().trim().to_owned()
}

/// Nothing on the page speaks of another programme.
fn speaks_its_own_words(page: &Page) {
    let text = page.text();
    for word in [
        "Independent Support",
        "EHC",
        "upporter",
        "Stage",
        "Child",
        "Brothers",
        "letter",
        "legal",
        "ouncil",
        "case",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(text.contains("Cwmni: company for older people"));
}

#[test]
fn a_befriending_service_runs_from_the_spreadsheet_to_the_page() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(story());
}

async fn story() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("cwmni.db");
    let (programme, problems) = config::read_programme(Some(&package())).unwrap();
    assert_eq!(problems, []);
    let programme = Arc::new(programme);

    // People, by the roles of this programme; those of another are not known.
    let both = "TREF_UCHAF,GLAN_MOR";
    let (_, organiser) = add(&store, "Mair Hughes", "ORGANISER", both);
    let (gwen, gwens_link) = add(&store, "Gwen Rees", "VOLUNTEER", "TREF_UCHAF");
    let (_, trustee) = add(&store, "Ifan Morris", "TRUSTEE", both);
    let stranger = run(&store, &["user", "add", "--name", "X", "--role", "SUPPORTER", "--partner", "Cwmni"]);
    assert!(!stranger.ok && stranger.err.contains("VOLUNTEER"), "{}", stranger.err);

    // The spreadsheet: two rows come in, one has a day that does not exist.
    let (sheet, map) =
        (programmes().join("befriending-requests.csv"), programmes().join("befriending-map.toml"));
    let rejects = folder.path().join("refused.csv");
    let import = ["import", sheet.to_str().unwrap(), "--map", map.to_str().unwrap(), "--json", "--rejects"];
    let imported = run(&store, &[&import[..], &[rejects.to_str().unwrap()]].concat());
    assert!(imported.ok, "{}", imported.err);
    let summary = imported.json();
    assert_eq!(
        (&summary["imported"], &summary["rejected"], &summary["groups"]),
        (&2.into(), &1.into(), &2.into()),
        "{summary}"
    );
    assert!(std::fs::read_to_string(&rejects).unwrap().contains("31/2/1940"));

    // Gwen has a phone and a tablet. Both get the friendship that the spreadsheet gave her.
    let mut serving = serve(&store);
    let phone = Phone::new(&folder.path().join("phone"), &programme).await;
    let tablet = Phone::new(&folder.path().join("tablet"), &programme).await;
    for device in [&phone, &tablet] {
        device.enrol(&serving.url, &code(&store, &gwen)).await;
        device.sync(&serving.url).await;
    }
    let home = phone.profile.records().home(None).await.unwrap();
    assert_eq!((home.units, home.mine.len()), (1, 1), "one friendship was given to her");
    let nesta = home.mine[0].group;
    let page = phone.page(nesta).await;
    assert_eq!(page.unit.name.as_deref(), Some("Nesta Price"));
    assert_eq!(page.unit.status.as_deref(), Some("Waiting for a volunteer"));
    assert_eq!(page.disclaimer, "These are our own promises. Agree the day with the person first.");
    let due = &page.dates[0];
    assert_eq!((due.rule.as_str(), due.due), ("reply", date(2025, 6, 9)));
    assert_eq!(due.why, "Request received on Monday 2 June 2025, plus 5 working days.");
    let about = phone.app.forms().programme();
    assert_eq!((about.unit_word.as_str(), about.units_word.as_str()), ("friendship", "friendships"));

    // No network: work goes on, on both, and they disagree on how it stands.
    serving.kill();
    phone.save(nesta, "milestone", &[("step", "*REPLIED"), ("day", "2025-06-05"), ("answer", "*YES")]).await;
    phone.save(nesta, "milestone", &[("step", "*HOME_VISIT"), ("day", "2025-06-18")]).await;
    phone.save(nesta, "milestone", &[("step", "*INTRODUCED"), ("day", "2025-06-20")]).await;
    phone.save(nesta, "milestone", &[("step", "*LOOKED_BACK"), ("day", "2025-09-10")]).await;
    let visit = [
        ("began", "2025-06-25T14:30"),
        ("how", "*AT_HOME"),
        ("minutes", "55"),
        ("together", "*TEA CHAT"),
        ("spirits", "*BRIGHT"),
        ("remember_next_time", "Her sister's name is Eluned"),
        ("promised/1/promise", "Bring the photographs"),
    ];
    let saved = phone.save(nesta, "visit", &visit).await;
    assert!(saved.warnings.is_empty(), "{:?}", saved.warnings);
    phone.save(nesta, "friendship", &[("standing", "*MEETING")]).await;
    tablet.save(nesta, "friendship", &[("standing", "*RESTING")]).await;
    tablet.save(nesta, "older_person", &[("getting_about", "*STICK")]).await;
    phone.save(nesta, "older_person", &[("getting_about", "*HEARS_POORLY")]).await;
    let dilys = phone
        .open(
            "friendship",
            &[
                (
                    "friendship",
                    &[
                        ("friendship_no", "F-0050"),
                        ("branch", "*TREF_UCHAF"),
                        ("asked_on", "2025-07-01"),
                        ("standing", "*WAITING"),
                    ],
                ),
                ("older_person", &[("called", "Dilys"), ("surname", "Vaughan"), ("speaks", "*CY")]),
            ],
        )
        .await;

    // The network is back.
    let serving = serve(&store);
    for device in [&phone, &tablet, &phone] {
        device.sync(&serving.url).await;
    }
    let conflicts = phone.profile.records().conflicts(10).await.unwrap();
    assert_eq!(conflicts.len(), 1, "codes of a set are united: {conflicts:?}");
    assert_eq!(conflicts[0].fields, ["standing"]);
    let standing = conflicts[0].card.fields.iter().find(|field| field.key == "standing").unwrap();
    assert_eq!(standing.label, "How does it stand?");
    let mut sides = vec![standing.text.as_str(), standing.others[0].text.as_str()];
    sides.sort_unstable();
    assert_eq!(sides, ["Resting for a while", "They meet"]);
    assert_eq!(phone.page(nesta).await.dates, tablet.page(nesta).await.dates);

    // The pages of the organiser.
    let browser = Browser::signed_in(&serving.url, &organiser).await;
    let home = until(&browser, "/", "Upper Town").await;
    assert!(home.has("Your branches") && home.has("Seaside"), "{}", home.text());
    speaks_its_own_words(&home);
    let list = until(&browser, "/areas/TREF_UCHAF", "F-0050").await;
    let text = list.text();
    for word in [
        "Friendships",
        "Volunteer",
        "Standing",
        "Last visit",
        "Nesta",
        "Look back together by",
        "Gwen Rees",
        "1 to decide",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    speaks_its_own_words(&list);
    let address = format!("/friendships/{nesta}");
    assert!(list.has(&format!("{address}\"")));
    let page = until(&browser, &address, "Resting for a while").await;
    let text = page.text();
    for words in [
        "Friendship F-0041 Nesta",
        "How does it stand?",
        "They meet",
        "Resting for a while",
        "Needs a decision",
        "Answer the request by Met on time 9 June 2025 Organiser Request received on Monday 2 June 2025, plus 5 working days. Service promise 1 (rule reply)",
        "Reply sent on Thursday 5 June 2025, plus 3 weeks.",
        "Review held on Wednesday 10 September 2025, plus 12 weeks.",
        "Handbook for volunteers, page 9",
        "These are our own promises. Agree the day with the person first.",
        "Walks with a stick",
        "Hears poorly",
        "Tea and cake",
        "25 June 2025, 2:30pm",
        "Her sister&#39;s name is Eluned",
        "Bring the photographs",
        "We looked back together",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    speaks_its_own_words(&page);
    let dilys_page = until(&browser, &format!("/friendships/{dilys}"), "Vaughan").await;
    assert_eq!(dilys_page.status, 200);

    // The organiser gives a friendship that nobody has to Gwen, who finds it on her phone.
    let people = browser.get("/areas/TREF_UCHAF/people").await;
    assert!(people.text().contains("Gwen Rees"), "{}", people.text());
    speaks_its_own_words(&people);
    let seaside = browser.get("/areas/GLAN_MOR").await.link("/friendships/");
    let giving = browser.get(&format!("{seaside}/people")).await;
    assert!(giving.has("Who visits whom") || giving.has("Pairing"), "{}", giving.text());
    speaks_its_own_words(&giving);
    let given =
        [("form", "pairing"), ("person", gwen.as_str()), ("from", "2025-06-30"), ("note", "Ring twice")];
    assert_eq!(browser.post(&format!("{seaside}/people"), &giving, &given).await.status, 303);
    let page = until(&browser, &format!("{seaside}/people"), "Pairing since 30 June 2025").await;
    speaks_its_own_words(&page);
    phone.sync(&serving.url).await;
    assert_eq!(phone.profile.records().home(None).await.unwrap().units, 3);

    // A volunteer sees the granted ones only; a trustee none.
    let own = Browser::signed_in(&serving.url, &gwens_link).await;
    assert_eq!(own.get(&address).await.status, 200);
    assert_eq!(own.get(&seaside).await.status, 200, "she has it now");
    assert_eq!(own.get(&format!("{seaside}/people")).await.status, 404, "and gives it to nobody");
    let none = Browser::signed_in(&serving.url, &trustee).await;
    assert_eq!(none.get("/").await.status, 403);

    // The decision is taken on the phone and reaches the page.
    let request = DecisionRequest {
        record: conflicts[0].card.record,
        key: "standing".to_owned(),
        decision: Decision::TakeOther { change: standing.others[0].change },
        reason: "They told me so".to_owned(),
    };
    phone.profile.records().decide(request).await.unwrap();
    phone.sync(&serving.url).await;
    let page = until(&browser, &address, "nobody disagrees").await;
    assert!(page.has(&standing.others[0].text) && page.has("They told me so"), "{}", page.text());

    // Both asked the same questions on the same occasion, apart: it is one record, and she says so.
    let scale = [("asked_on_day", "2025-06-25"), ("occasion", "*FIRST")];
    phone.save(nesta, "loneliness_scale", &scale).await;
    tablet.save(nesta, "loneliness_scale", &scale).await;
    for device in [&phone, &tablet, &phone] {
        device.sync(&serving.url).await;
    }
    let conflicts = phone.profile.records().conflicts(10).await.unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert_eq!((conflicts[0].card.twins.len(), &conflicts[0].fields[..]), (2, &[] as &[String]));
    assert!(until(&browser, &address, "Started more than once").await.has("They mean the same"));
    let record = conflicts[0].card.record;
    let confirmed =
        phone.profile.records().confirm_twins(record, "It was one visit".to_owned()).await.unwrap();
    assert_eq!(confirmed.twins, []);
    // A step that the programme does not have is kept, and waits until somebody stands by it.
    phone.save(nesta, "friendship", &[("standing", "*WAITING")]).await;
    phone.sync(&serving.url).await;
    let conflicts = phone.profile.records().conflicts(10).await.unwrap();
    assert_eq!((conflicts.len(), &conflicts[0].fields[..]), (1, &["standing".to_owned()][..]));
    assert!(until(&browser, &address, "does not have this step").await.has("It is right as it stands"));
    let request = DecisionRequest {
        record: conflicts[0].card.record,
        key: "standing".to_owned(),
        decision: Decision::KeepShown,
        reason: "Entered by mistake before".to_owned(),
    };
    phone.profile.records().decide(request).await.unwrap();
    phone.sync(&serving.url).await;
    until(&browser, &address, "nobody disagrees").await;

    drop(serving);
    let verified = run(&store, &["verify", "--json"]);
    assert!(verified.ok, "{}", verified.out);
    assert_eq!(verified.json()["pages"], "compared");
}

/// The page, as soon as the projector has brought this text onto it.
async fn until(browser: &Browser, path: &str, text: &str) -> Page {
    let mut page = browser.get(path).await;
    for _ in 0..200 {
        if page.has(text) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        page = browser.get(path).await;
    }
    panic!("{path} never says {text}: {} {}", page.status, page.text());
}
