//! A day with a letter, end to end: events entered on a phone without network, its dates and checks there
//! at once, and the same on the server's page after the sync, for hand-worked cases (domain.md 3.7 and
//! annex A).
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use alongside_core::{FirstRecord, OpenGroupRequest, Phone, SaveRequest};
use alongside_domain::{
    deadline::Deadline,
    ids::{GroupId, PersonId},
    record::Edit,
    time::Millis,
    value::Value,
};
use alongside_server::read_model::case;
use alongside_tests::office::Office;
use jiff::civil::{Date, date};

/// The office with a supporter and a coordinator.
struct Team {
    office: Office,
    asha: PersonId,
    cora: PersonId,
}

impl Team {
    fn new() -> Self {
        let office = Office::new();
        let asha = office.person("Asha Karim", "SUPPORTER");
        let cora = office.person("Cora Finch", "COORDINATOR");
        Self { office, asha, cora }
    }

    fn dates(&self, unit: GroupId) -> Vec<Deadline> {
        let Office { running, programme, .. } = &self.office;
        running.pages.read(|db| case::deadlines(db, programme, &case::groups(db, unit)?)).unwrap()
    }

    /// The page of a case as the coordinator sees it.
    fn page(&self, unit: GroupId) -> String {
        let (status, page) = self.office.signed_in(self.cora).get(&format!("/cases/{unit}"));
        assert_eq!(status, 200);
        page
    }
}

struct Handset {
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
    fn new(team: &Team) -> Self {
        let phone = team.office.phone(team.asha);
        let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
            let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
            let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
            phone.records().open_group(request).unwrap().group
        };
        let family = open("family", vec![], &[("family_ref", "840-F-1"), ("area", "840")]);
        let born = [("known_as", "Sam"), ("date_of_birth", "2004-05-05"), ("setting_type", "EHE")];
        let child = open("child", vec![family], &born);
        let supporter = team.asha.to_string();
        let opened = [
            ("case_ref", "C-1"),
            ("status", "OPEN"),
            ("opened_on", "2015-03-02"),
            ("allocated_supporter", &supporter),
        ];
        let case = open("case", vec![child, family], &opened);
        Self { phone, child, case }
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

    fn sync(&self, team: &Team) {
        team.office.sync(&self.phone);
        let outbox = self.phone.records().outbox().unwrap();
        assert!(outbox.refused.is_empty() && outbox.count == 0, "{outbox:?}");
    }
}

/// Both sides say the same.
#[track_caller]
fn agree(handset: &Handset, team: &Team) {
    team.office.wait_for_pages();
    assert_eq!(handset.dates(date(2015, 3, 16)), team.dates(handset.case));
    let server: Vec<(String, Option<String>)> = team
        .office
        .found(handset.case)
        .into_iter()
        .map(|finding| (finding.rule, finding.record.map(|id| id.to_string())))
        .collect();
    assert_eq!(handset.found(), server);
}

#[test]
fn letters_entered_offline_have_their_dates_at_once_and_the_same_on_the_servers_page() {
    let team = Team::new();
    let handset = Handset::new(&team);

    // Annex A2.
    handset.event("E01", "2014-11-03", &[]);
    assert_eq!(handset.due("D01"), date(2014, 12, 15));
    assert_eq!(handset.due("D07"), date(2015, 3, 23));
    handset.event("E02", "2014-12-12", &[("outcome", "Y")]);
    handset.event("E07", "2015-03-02", &[]);
    assert_eq!(handset.due("D05"), date(2015, 3, 16));
    handset.sync(&team);
    agree(&handset, &team);
    let page = team.page(handset.case);
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
    handset.sync(&team);
    agree(&handset, &team);
    let page = team.page(handset.case);
    for part in ["Asha Karim set this date: Directions.", "The rule counts to 29 September 2015."] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_the_checks_find_on_the_phone_the_servers_page_shows() {
    let team = Team::new();
    let handset = Handset::new(&team);
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
    handset.sync(&team);
    agree(&handset, &team);
    let page = team.page(handset.case);
    assert!(page.contains("A decision whether to assess stands without a request before it."));
    assert!(page.contains("the same visit may have been logged twice"));

    // Put right on the phone: gone on both sides.
    handset.event("E01", "2014-11-03", &[]);
    handset.save(handset.child, "child", &[("upn", "A950000178301")]);
    assert_eq!(handset.by_rules(), expected[2..]);
    handset.sync(&team);
    agree(&handset, &team);

    // Judged whole, on another day's first look, it is the same.
    handset.phone.rebuild_read_model().unwrap();
    handset.phone.records().judge_waiting().unwrap();
    agree(&handset, &team);
}
