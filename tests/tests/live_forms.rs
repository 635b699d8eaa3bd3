//! The programme's own forms, end to end: a phone's app asks what is asked, saves what is wrong all the same,
//! and is told; after the sync the server finds the same, the coordinator puts it right on a page, and the phone
//! has it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::Arc;

use alongside_core::{
    app::{
        AnswerValue, AnswerView, App, AppConfig, AppProfile, EnrolRequest, FirstAnswers, FormStateRequest,
        FormStateView, NewGroupRequest, QuestionStateView, SaveAnswersRequest,
    },
    clock::ManualClock,
};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    rules::Severity,
};
use alongside_server::people;
use alongside_tests::office::{HOUR, NOW, Office};

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

    /// What the server found that a phone can find too: rule, record, key, message.
    fn found(&self, unit: GroupId) -> Vec<(String, Option<RecordId>, Option<String>, String)> {
        let found = self.office.found(unit).into_iter();
        found.map(|one| (one.rule, one.record, one.field, one.message)).collect()
    }
}

struct Handset<'o> {
    team: &'o Team,
    _folder: tempfile::TempDir,
    profile: AppProfile,
    case: GroupId,
}

fn text(key: &str, text: &str) -> AnswerView {
    AnswerView { key: key.to_owned(), answer: AnswerValue::Text { text: text.to_owned() } }
}

fn number(key: &str, number: i64) -> AnswerView {
    AnswerView { key: key.to_owned(), answer: AnswerValue::Number { number } }
}

fn question<'v>(view: &'v FormStateView, key: &str) -> &'v QuestionStateView {
    view.questions.iter().find(|question| question.key == key).unwrap_or_else(|| panic!("{key}"))
}

impl<'o> Handset<'o> {
    fn new(team: &'o Team) -> Self {
        let office = &team.office;
        let folder = tempfile::tempdir().unwrap();
        let config = AppConfig {
            folder: folder.path().to_owned(),
            programme: Arc::clone(&office.programme),
            clock: Arc::new(ManualClock::new(NOW)),
            zone: "Europe/London".to_owned(),
            most_bytes: None,
        };
        let app = App::start(config).unwrap();
        let profile = office.runtime.block_on(app.create_profile(vec![5; 32])).unwrap();
        let code = people::enrolment_code(&office.store, NOW, team.asha, HOUR).unwrap().reveal();
        let request = EnrolRequest { server: office.running.url(), code, device_name: "Phone".to_owned() };
        office.runtime.block_on(profile.sync().enrol(request)).unwrap();
        let open = |kind: &str, parents: Vec<GroupId>, answers: Vec<AnswerView>| {
            let records = vec![FirstAnswers { form: kind.to_owned(), answers }];
            let request = NewGroupRequest { kind: kind.to_owned(), parents, records, token: None };
            office.runtime.block_on(profile.records().open_group(request)).unwrap().group
        };
        let family = open("family", vec![], vec![text("family_ref", "840-F-1"), text("area", "840")]);
        let child = open("child", vec![family], vec![text("known_as", "Sam")]);
        let opened = vec![
            text("case_ref", "C-1"),
            text("status", "OPEN"),
            text("opened_on", "2015-03-02"),
            text("allocated_supporter", &team.asha.to_string()),
        ];
        let case = open("case", vec![child, family], opened);
        Self { team, _folder: folder, profile, case }
    }

    fn state(&self, record: Option<RecordId>, answers: Vec<AnswerView>) -> FormStateView {
        let request = FormStateRequest { record, group: self.case, form: "contact".to_owned(), answers };
        self.team.office.runtime.block_on(self.profile.records().form_state(request)).unwrap()
    }

    fn sync(&self) {
        for _ in 0..20 {
            let done = self.team.office.runtime.block_on(self.profile.sync().sync_now()).unwrap();
            if done.waiting == 0 {
                return;
            }
        }
        panic!("the phone does not come up to date");
    }

    fn found(&self) -> Vec<(String, Option<RecordId>, Option<String>, String)> {
        let problems = self.team.office.runtime.block_on(self.profile.records().problems(self.case)).unwrap();
        problems.problems.into_iter().map(|one| (one.rule, one.record, one.field, one.message)).collect()
    }

    #[track_caller]
    fn agrees(&self) {
        self.team.office.wait_for_pages();
        assert_eq!(self.found(), self.team.found(self.case));
    }
}

#[test]
fn a_form_is_live_from_the_phone_to_the_servers_page_and_back() {
    let team = Team::new();
    let phone = Handset::new(&team);
    let office = &team.office;

    // Before anything is entered: what the form begins with.
    let view = phone.state(None, vec![]);
    assert!(matches!(question(&view, "occurred_at").value, Some(AnswerValue::Instant { .. })));
    assert!(!question(&view, "venue").is_asked);
    // A visit of no time: where it was is asked and needed, and what is wrong is said in the form's words.
    let visit = || {
        vec![text("mode", "VISIT_HOME"), number("duration_min", 700), text("occurred_at", "2015-03-16T09:00")]
    };
    let view = phone.state(None, visit());
    assert!(question(&view, "venue").is_asked && question(&view, "venue").is_required);
    let problem = question(&view, "duration_min").problem.clone().unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.message.as_str()),
        ("constraint", "Enter minutes from 1 to 600")
    );
    assert_eq!(question(&view, "venue").problem.as_ref().unwrap().code, "missing_answer");

    // It is saved all the same, and told.
    let request = SaveAnswersRequest {
        record: None,
        group: phone.case,
        form: "contact".to_owned(),
        answers: visit(),
        reason: None,
        token: None,
    };
    let saved = office.runtime.block_on(phone.profile.records().save(request)).unwrap();
    let record = saved.card.record;
    let told: Vec<(&str, &str)> =
        saved.warnings.iter().map(|problem| (problem.field.as_str(), problem.code.as_str())).collect();
    assert!(told.contains(&("duration_min", "constraint")), "{told:?}");
    assert!(told.contains(&("venue", "missing_answer")), "{told:?}");
    let problems = office.runtime.block_on(phone.profile.records().record_problems(record)).unwrap().problems;
    let wrong = problems.iter().find(|problem| problem.field.as_deref() == Some("duration_min")).unwrap();
    assert_eq!((wrong.severity, wrong.rule.as_str()), (Severity::Error, "contact.duration_min.constraint"));
    assert_eq!(wrong.label.as_deref(), Some("How long did it take, in minutes?"));
    let missing = problems.iter().find(|problem| problem.rule == "contact.venue.required").unwrap();
    assert_eq!(missing.severity, Severity::Query);

    // The server takes it, and finds the same.
    phone.sync();
    phone.agrees();
    let cora = office.signed_in(team.cora);
    let (status, page) = cora.get(&format!("/cases/{}", phone.case));
    assert_eq!(status, 200);
    assert!(page.contains("Enter minutes from 1 to 600") && page.contains("contact.venue.required"));

    // The coordinator puts it right on the page of the record.
    let address = format!("/cases/{}/records/{record}/edit", phone.case);
    let (status, page) = cora.get(&address);
    assert_eq!(status, 200);
    assert!(page.contains("To put right: </span>Enter minutes from 1 to 600"), "{page}");
    assert!(page.contains("name=\"venue\""));
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let body = format!(
        "csrf={csrf}&asked=duration_min&duration_min=70&duration_min~was=700&asked=venue&venue=HOME&venue~was=&go=save"
    );
    let (status, page) = cora.post(&address, body);
    assert_eq!(status, 303, "{page}");

    // The phone has it, and both find the same again.
    phone.sync();
    phone.agrees();
    let view = phone.state(Some(record), vec![]);
    assert_eq!(question(&view, "duration_min").value, Some(AnswerValue::Number { number: 70 }));
    assert_eq!(question(&view, "duration_min").problem, None);
    assert_eq!(question(&view, "venue").value, Some(AnswerValue::Text { text: "HOME".to_owned() }));
    let rules: Vec<String> =
        phone.found().into_iter().filter(|one| one.1 == Some(record)).map(|one| one.0).collect();
    assert!(!rules.iter().any(|rule| rule.contains("venue") || rule.contains("duration_min")), "{rules:?}");
}
