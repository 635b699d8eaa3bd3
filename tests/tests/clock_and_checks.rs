//! A day with a letter, end to end: events entered on a phone without network, its dates and checks there
//! at once, and the same on the server's page after the sync, for hand-worked cases (domain.md 3.7 and
//! annex A).
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{sync::Arc, time::Duration};

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest, clock::ManualClock, os_rng,
};
use alongside_domain::{
    deadline::Deadline,
    ids::{GroupId, PersonId},
    programme::{Programme, builtin},
    record::Edit,
    rules::{Finding, Place},
    sync::Status,
    time::Millis,
    value::Value,
};
use alongside_server::{
    api::{Running, Server},
    clock::SetClock,
    config::Config,
    console::{self, Console},
    people::{self, NewPerson},
    read_model::{case, findings},
    store::Store,
};
use axum::{body::Body, http::Request};
use jiff::civil::{Date, date};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// 16 March 2015, 10:00 in London.
const NOW: Millis = Millis(1_426_500_000_000);
const HOUR: i64 = 3_600_000;

struct Office {
    _folder: tempfile::TempDir,
    runtime: Runtime,
    running: Running,
    store: Arc<Store>,
    programme: Arc<Programme>,
    asha: PersonId,
    cora: PersonId,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programme = Arc::new(builtin::independent_support().unwrap());
        let file = folder.path().join("server.db");
        let store = Store::open(&file).unwrap();
        let partner = people::partner(&store, NOW, "Contact Point").unwrap();
        let add = |name: &str, role: &str| {
            let areas = vec!["840".to_owned()];
            let new = NewPerson { name: name.into(), role: role.into(), partner, areas };
            people::add_person(&store, NOW, &programme, &new).unwrap()
        };
        let (asha, cora) = (add("Asha Karim", "SUPPORTER"), add("Cora Finch", "COORDINATOR"));
        let runtime = Runtime::new().unwrap();
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), store: file, ..Config::default() };
        let clock = Arc::new(SetClock::at(NOW));
        let running = runtime
            .block_on(Server::start(config, Arc::clone(&store), clock, Arc::clone(&programme)))
            .unwrap();
        Self { _folder: folder, runtime, running, store, programme, asha, cora }
    }

    /// The pages show everything that is in the log.
    fn wait_for_pages(&self) {
        let head = *self.store.subscribe_head().borrow();
        let mut projected = self.running.pages.projected();
        self.runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), projected.wait_for(|seq| *seq >= head))
                .await
                .unwrap()
                .unwrap();
        });
    }

    fn dates(&self, unit: GroupId) -> Vec<Deadline> {
        self.running.pages.read(|db| case::deadlines(db, &self.programme, &case::groups(db, unit)?)).unwrap()
    }

    /// What the server found by the rules that a phone has too.
    fn found(&self, unit: GroupId) -> Vec<Finding> {
        let elsewhere: Vec<&str> = self.programme.rules.not_for(Place::Phone).collect();
        let (mut found, _) = self.running.pages.read(|db| findings::of_unit(db, unit)).unwrap();
        found.retain(|finding| !elsewhere.contains(&finding.rule.as_str()));
        found
    }

    /// The page of a case as the coordinator sees it.
    fn page(&self, unit: GroupId) -> String {
        let token = people::console_link(&self.store, NOW, self.cora, HOUR).unwrap().reveal().to_owned();
        let state = &self.running.state;
        let pages = console::router(Console::new(
            Arc::clone(&self.store),
            Arc::clone(&self.running.pages),
            Arc::clone(&self.programme),
            Arc::clone(&state.clock),
            false,
        ));
        self.runtime.block_on(async {
            let sign_in = Request::post("/sign-in")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Body::from(format!("token={token}")))
                .unwrap();
            let signed = pages.clone().oneshot(sign_in).await.unwrap();
            let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
            let page =
                Request::get(format!("/cases/{unit}")).header("cookie", cookie).body(Body::empty()).unwrap();
            let page = pages.oneshot(page).await.unwrap();
            assert!(page.status().is_success(), "{}", page.status());
            let body = axum::body::to_bytes(page.into_body(), 1 << 24).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        })
    }
}

struct Handset {
    _folder: tempfile::TempDir,
    phone: Phone,
    child: GroupId,
    case: GroupId,
}

fn edit((key, text): (&str, &str)) -> Edit {
    let value = match key {
        "duration_min" => Value::Integer(text.parse().unwrap()),
        "occurred_at" => Value::Instant(Millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())),
        _ => Value::from(text),
    };
    Edit { key: key.to_owned(), value }
}

fn answers(pairs: &[(&str, &str)]) -> Vec<Edit> {
    pairs.iter().copied().map(edit).collect()
}

impl Handset {
    fn new(office: &Office) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let programme = Arc::clone(&office.programme);
        let profile = Profile::new(folder.path().to_owned(), Key::new([5; 32]), programme, clock, os_rng());
        let phone = Phone::create(profile).unwrap();
        let code = people::enrolment_code(&office.store, NOW, office.asha, HOUR).unwrap().reveal();
        office.runtime.block_on(phone.sync().enrol(&office.running.url(), &code, "Phone")).unwrap();
        let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
            let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
            let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
            phone.records().open_group(request).unwrap().group
        };
        let family = open("family", vec![], &[("family_ref", "840-F-1"), ("area", "840")]);
        let born = [("known_as", "Sam"), ("date_of_birth", "2004-05-05"), ("setting_type", "EHE")];
        let child = open("child", vec![family], &born);
        let supporter = office.asha.to_string();
        let opened = [
            ("case_ref", "C-1"),
            ("status", "OPEN"),
            ("opened_on", "2015-03-02"),
            ("allocated_supporter", &supporter),
        ];
        let case = open("case", vec![child, family], &opened);
        Self { _folder: folder, phone, child, case }
    }

    fn save(&self, group: GroupId, form: &str, pairs: &[(&str, &str)]) {
        let request = SaveRequest {
            record: None,
            group,
            form: form.to_owned(),
            answers: answers(pairs),
            reason: None,
            token: None,
        };
        self.phone.records().save(request).unwrap();
    }

    fn event(&self, kind: &str, date: &str, more: &[(&str, &str)]) {
        let pairs = [&[("type", kind), ("date", date), ("date_quality", "LETTER_SEEN")], more].concat();
        self.save(self.case, "ehc_event", &pairs);
    }

    fn dates(&self, as_of: Date) -> Vec<Deadline> {
        let page = self.phone.records().unit_page(self.case, as_of, 50, None).unwrap();
        assert_eq!(page.disclaimer, "Check the date in the letter. This is not legal advice.");
        page.deadlines.into_iter().map(|line| line.deadline).collect()
    }

    fn due(&self, rule: &str) -> Date {
        self.dates(date(2015, 3, 16)).into_iter().find(|date| date.rule == rule).unwrap().due
    }

    /// What the rules found; what a form misses of its record has tests of its own.
    fn by_rules(&self) -> Vec<String> {
        let found = self.found().into_iter().map(|(rule, _)| rule);
        found.filter(|rule| !rule.ends_with(".required")).collect()
    }

    fn found(&self) -> Vec<(String, Option<String>)> {
        let problems = self.phone.records().problems(self.case).unwrap().problems;
        problems.into_iter().map(|problem| (problem.rule, problem.record.map(|id| id.to_string()))).collect()
    }

    fn sync(&self, office: &Office) {
        for _ in 0..20 {
            let outcome = office.runtime.block_on(self.phone.sync().sync_once()).unwrap();
            if matches!(outcome.status, Status::UpToDate { .. }) && outcome.waiting == 0 {
                assert!(self.phone.records().outbox().unwrap().refused.is_empty());
                return;
            }
        }
        panic!("the phone does not come up to date");
    }
}

/// Both sides say the same.
#[track_caller]
fn agree(handset: &Handset, office: &Office) {
    office.wait_for_pages();
    assert_eq!(handset.dates(date(2015, 3, 16)), office.dates(handset.case));
    let server: Vec<(String, Option<String>)> = office
        .found(handset.case)
        .into_iter()
        .map(|finding| (finding.rule, finding.record.map(|id| id.to_string())))
        .collect();
    assert_eq!(handset.found(), server);
}

#[test]
fn letters_entered_offline_have_their_dates_at_once_and_the_same_on_the_servers_page() {
    let office = Office::new();
    let handset = Handset::new(&office);

    // Annex A2.
    handset.event("E01", "2014-11-03", &[]);
    assert_eq!(handset.due("D01"), date(2014, 12, 15));
    assert_eq!(handset.due("D07"), date(2015, 3, 23));
    handset.event("E02", "2014-12-12", &[("outcome", "Y")]);
    handset.event("E07", "2015-03-02", &[]);
    assert_eq!(handset.due("D05"), date(2015, 3, 16));
    handset.sync(&office);
    agree(&handset, &office);
    let page = office.page(handset.case);
    for part in [
        "Send your comments by",
        "16 March 2015",
        "Draft plan served on Monday 2 March 2015",
        "Check the date in the letter. This is not legal advice.",
    ] {
        assert!(page.contains(part), "{part}");
    }

    // 3.7: a decision with a certificate, rolled past the recess; and an appeal whose dates are the letter's.
    handset.event("E02", "2015-10-01", &[("outcome", "N")]);
    handset.event("E13", "2015-11-29", &[]);
    let window = handset.dates(date(2015, 10, 2)).into_iter().rfind(|date| date.rule == "D12").unwrap();
    assert_eq!(window.due, date(2016, 1, 4));
    handset.event("E16", "2015-07-24", &[("sent_to_la_on", "2015-07-20"), ("hearing_on", "2015-10-19")]);
    assert_eq!(handset.due("D13"), date(2015, 9, 29));
    // A date set by hand, with who and why.
    let set = [("rule", "D13"), ("date", "2015-10-02"), ("source", "TRIBUNAL"), ("reason", "Directions")];
    handset.save(handset.case, "deadline_override", &set);
    assert_eq!(handset.due("D13"), date(2015, 10, 2));
    handset.sync(&office);
    agree(&handset, &office);
    let page = office.page(handset.case);
    for part in ["Asha Karim set this date: Directions.", "The rule counts to 29 September 2015."] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_the_checks_find_on_the_phone_the_servers_page_shows() {
    let office = Office::new();
    let handset = Handset::new(&office);
    assert_eq!(handset.by_rules(), [] as [&str; 0]);

    handset.event("E02", "2014-12-12", &[("outcome", "Y")]);
    handset.save(handset.child, "child", &[("upn", "R247962919251")]);
    for at in ["2015-03-03T14:10:00Z", "2015-03-03T14:20:00Z"] {
        let contact = [
            ("occurred_at", at),
            ("duration_min", "400"),
            ("mode", "VISIT_HOME"),
            ("attended", "HELD"),
            ("level", "2"),
        ];
        handset.save(handset.case, "contact", &contact);
    }
    // Two errors; two visits that overlap, are long, and make a day of 13 hours.
    let expected = ["V12", "V20.decision", "M04", "M04", "V16", "V16", "V17", "V17"];
    assert_eq!(handset.by_rules(), expected);
    handset.sync(&office);
    agree(&handset, &office);
    let page = office.page(handset.case);
    assert!(page.contains("A decision whether to assess stands without a request before it."));
    assert!(page.contains("the same visit may have been logged twice"));

    // Put right on the phone: gone on both sides.
    handset.event("E01", "2014-11-03", &[]);
    handset.save(handset.child, "child", &[("upn", "A950000178301")]);
    assert_eq!(handset.by_rules(), expected[2..]);
    handset.sync(&office);
    agree(&handset, &office);

    // Judged whole, on another day's first look, it is the same.
    handset.phone.rebuild_read_model().unwrap();
    handset.phone.records().judge_waiting().unwrap();
    agree(&handset, &office);
}
