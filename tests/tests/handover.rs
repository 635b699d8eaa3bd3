//! Cases that are given to somebody else, or to somebody for a time, by the coordinator: access follows from the
//! records that say so, on their days, and nothing that anybody saved is lost on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::time::{Duration, Instant};

use alongside_core::{Phone, views::UnitList};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::split,
    record::Root,
    time::Millis,
};
use alongside_server::ingest::LocalWrite;
use alongside_tests::office::{AREA, HOUR, NOW, Office, SignedIn, TODAY, edit, holds, open, page, save};

const DAY: i64 = 24 * HOUR;
const MARK: &str = "a large dog, ring first";
const SAFE: &str = "only by text, never ring";
const CONCERN: &str = "said by the lead in confidence";

struct Case {
    family: GroupId,
    household: RecordId,
    case: GroupId,
    about: RecordId,
}

/// A family, a child and a case, with something about the household in confidence.
fn enter(phone: &Phone, known_as: &str, reference: &str) -> Case {
    let household = vec![edit("area", AREA), edit("postcode", "DH1 3HP")];
    let (family, household) = open(phone, "family", vec![], household);
    save(phone, Some(household), family, "family", vec![edit("home_risk_note", MARK)]);
    let (child, _) = open(phone, "child", vec![family], vec![edit("known_as", known_as)]);
    let answers = vec![edit("case_ref", reference), edit("status", "OPEN"), edit("opened_on", "2015-02-01")];
    let (case, about) = open(phone, "case", vec![child, family], answers);
    Case { family, household, case, about }
}

/// Fills in the form of a page that gives cases away. `rest` is the way, who, and all else.
fn give(cora: &SignedIn<'_>, address: &str, rest: &str) -> (u16, String) {
    let (status, form) = cora.get(address);
    assert_eq!(status, 200, "{form}");
    let token = form.split("name=\"csrf\" value=\"").nth(2).unwrap().split('"').next().unwrap();
    cora.post(address, format!("csrf={token}&{rest}"))
}

/// What the safeguarding lead writes about a case, which may be about who works on it.
fn concern(office: &Office, lead: PersonId, case: GroupId) {
    let group = split::restricted_group(case, lead);
    let form_version = office.programme.forms["concern"].version.clone();
    let root = Root { id: RecordId([7; 16]), form: "concern".to_owned(), form_version, group };
    let kind = "case_restricted".to_owned();
    let writes = vec![
        LocalWrite::OpenGroup { group, kind, partner: office.partner, parents: vec![case] },
        LocalWrite::Create {
            root,
            edits: vec![edit("facts_own_words", CONCERN)],
            at: NOW,
            zone: office.programme.zone.clone(),
            reason: None,
        },
    ];
    office.running.state.ingest.ingest_local(lead, writes).unwrap();
}

/// What an import says in confidence about the household, to whom it gives the case.
fn imported(office: &Office, author: PersonId, one: &Case, supporter: PersonId) {
    let writes = vec![
        LocalWrite::Edit {
            record: one.household,
            edits: vec![edit("safe_contact", SAFE)],
            at: NOW,
            zone: office.programme.zone.clone(),
            reason: Some("import".to_owned()),
        },
        LocalWrite::Share { person: supporter, group: one.case },
    ];
    office.running.state.ingest.ingest_local(author, writes).unwrap();
}

fn has(office: &Office, phone: &Phone, case: GroupId) -> bool {
    office.sync(phone);
    phone.records().units(UnitList::All, TODAY, 30, None).unwrap().lines.iter().any(|line| line.group == case)
}

/// Waits for what the server does by itself within a second.
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(20), "not so: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn supporter(phone: &Phone, about: RecordId) -> Option<PersonId> {
    phone.records().record(about).unwrap().view.text("allocated_supporter").and_then(|id| id.parse().ok())
}

#[test]
fn a_case_is_given_to_somebody_from_monday_on_with_all_that_they_have_to_know() {
    let office = Office::new();
    let cora_id = office.person("Cora Finch", "COORDINATOR");
    let (asha, ben) = (office.person("Asha Karim", "SUPPORTER"), office.person("Ben Lowe", "SUPPORTER"));
    let dee = office.person("Dee Sund", "DSL");
    let (hers, his) = (office.phone(asha), office.phone(ben));
    let one = enter(&hers, "Sam", "C-1");
    office.sync(&hers);
    concern(&office, dee, one.case);
    imported(&office, cora_id, &one, asha);
    office.wait_for_pages();
    let cora = office.signed_in(cora_id);

    // Wrong entries come back with what is wrong, and change nothing.
    let address = format!("/cases/{}/people", one.case);
    let (status, form) =
        give(&cora, &address, &format!("form=allocation&person={ben}&from=soon&reason=LEAVER"));
    assert!(status == 400 && form.contains("Enter the first day"), "{form}");
    let (status, form) =
        give(&cora, &address, &format!("form=cover&person={ben}&from=2015-03-17&reason=LEAVE"));
    assert!(status == 400 && form.contains("nothing was changed"), "a cover has a last day: {form}");
    let from = "form=allocation&from=2015-03-17&reason=LEAVER&handover_note=&note=The+draft+plan+is+due";
    let (status, form) = give(&cora, &address, &format!("{from}&person={cora_id}"));
    assert!(status == 400 && form.contains("Choose who is to have it"), "coordinators have none: {form}");

    let (status, _) = give(&cora, &address, &format!("{from}&person={ben}"));
    assert_eq!(status, 303);
    office.wait_for_pages();
    let (_, form) = cora.get(&address);
    assert!(form.contains("Allocation from 16 March 2015 to 16 March 2015"), "what she had is said: {form}");
    assert!(has(&office, &hers, one.case) && !has(&office, &his, one.case), "it is not Tuesday yet");

    // She goes on without a network, into the next day.
    let note = vec![edit("note", "Her last visit"), edit("mode", "PHONE")];
    let visit = save(&hers, None, one.case, "contact", note);
    office.clock.set(Millis(NOW.0 + DAY));
    soon("he has it", || has(&office, &his, one.case));
    assert!(!has(&office, &hers, one.case), "what she had not sent went first");
    assert!(!holds(&hers, MARK), "nothing of it is left on her phone");
    office.sync(&his);
    assert!(his.records().record(visit).is_ok(), "it was taken");
    assert_eq!(supporter(&his, one.about), Some(ben), "the case says whose it is");
    let household = his.records().record(one.household).unwrap();
    assert_eq!(household.view.text("home_risk_note"), Some(MARK), "he knows of the dog");
    assert_eq!(household.view.text("safe_contact"), Some(SAFE), "and what the import had said");
    assert!(!holds(&his, CONCERN), "what the lead wrote is not handed on");
    assert_eq!(page(&his, one.case).unit.name.as_deref(), Some("Sam"));

    // What he writes in confidence is his; it goes when the case goes.
    save(&his, Some(one.household), one.family, "family", vec![edit("home_risk_note", "The dog is gone")]);
    office.sync(&his);
    office.wait_for_pages();
    let cora = office.signed_in(cora_id);
    let (status, _) = give(&cora, &address, &format!("end={ben}&from=2015-03-18"));
    assert_eq!(status, 303);
    office.clock.set(Millis(NOW.0 + 2 * DAY));
    soon("he has it no longer", || !has(&office, &his, one.case));
    assert!(!holds(&his, MARK) && !holds(&his, "The dog is gone") && !holds(&his, SAFE));
    office.assert_proves();
}

#[test]
fn who_stands_in_has_a_case_for_those_days_and_both_read_what_the_other_writes_in_confidence() {
    let office = Office::new();
    let cora_id = office.person("Cora Finch", "COORDINATOR");
    let (asha, ben) = (office.person("Asha Karim", "SUPPORTER"), office.person("Ben Lowe", "SUPPORTER"));
    let (hers, his) = (office.phone(asha), office.phone(ben));
    let one = enter(&hers, "Sam", "C-1");
    let about = vec![edit("allocated_supporter", asha.to_string())];
    save(&hers, Some(one.about), one.case, "case", about);
    office.sync(&hers);
    office.wait_for_pages();
    let cora = office.signed_in(cora_id);
    let address = format!("/cases/{}/people", one.case);
    // Her own allocation first, so that both have one that runs.
    let own = format!("form=allocation&person={asha}&from=2015-02-01&reason=NEW");
    assert_eq!(give(&cora, &address, &own).0, 303);
    office.wait_for_pages();
    let cover = format!("form=cover&person={ben}&from=2015-03-16&to=2015-03-17&reason=LEAVE");
    assert_eq!(give(&cora, &address, &cover).0, 303);
    assert!(has(&office, &his, one.case) && has(&office, &hers, one.case));
    office.wait_for_pages();
    let twice = give(&cora, &address, &cover);
    assert!(twice.0 == 400 && twice.1.contains("so already"), "{}", twice.1);

    save(&his, Some(one.household), one.family, "family", vec![edit("home_risk_note", "The lift is broken")]);
    office.sync(&his);
    office.sync(&hers);
    assert!(holds(&hers, "The lift is broken"), "she is told what he found");
    assert_eq!(supporter(&hers, one.about), Some(asha), "who stands in is not the supporter");
    office.clock.set(Millis(NOW.0 + 2 * DAY));
    soon("his days are over", || !has(&office, &his, one.case));
    assert!(has(&office, &hers, one.case) && !holds(&his, MARK));
    office.assert_proves();
}

#[test]
fn a_whole_caseload_is_given_away_at_once_or_not_at_all() {
    let office = Office::new();
    let cora_id = office.person("Cora Finch", "COORDINATOR");
    let (asha, ben) = (office.person("Asha Karim", "SUPPORTER"), office.person("Ben Lowe", "SUPPORTER"));
    let (hers, his) = (office.phone(asha), office.phone(ben));
    let cases: Vec<Case> =
        (1..=4).map(|number| enter(&hers, &format!("Child {number}"), &format!("C-{number}"))).collect();
    office.sync(&hers);
    // What began today runs to the end of today: they were all entered yesterday.
    office.clock.set(Millis(NOW.0 + DAY));
    office.wait_for_pages();
    let cora = office.signed_in(cora_id);
    let (_, board) = cora.get(&format!("/areas/{AREA}/people"));
    assert!(board.contains("Asha Karim") && board.contains("Ben Lowe") && !board.contains("Cora Finch</a>"));
    let address = format!("/areas/{AREA}/people/{asha}");
    let (_, all) = cora.get(&format!("{address}?all=yes"));
    assert_eq!(all.matches("\" checked").count(), 5, "all four, and the way: {all}");

    let rest = format!("form=allocation&person={ben}&from=2015-03-17&reason=LEAVER");
    let none = give(&cora, &address, &rest);
    assert!(none.0 == 400 && none.1.contains("Choose the cases that are meant"), "{}", none.1);
    // One of them is promised to somebody already: nothing is written of any.
    let later = format!("form=allocation&person={asha}&from=2015-03-20&reason=CAPACITY");
    assert_eq!(give(&cora, &format!("/cases/{}/people", cases[3].case), &later).0, 303);
    office.wait_for_pages();
    let head = *office.store.subscribe_head().borrow();
    let chosen = |cases: &[Case]| cases.iter().map(|one| format!("&unit={}", one.case)).collect::<String>();
    let refused = give(&cora, &address, &format!("{rest}{}", chosen(&cases)));
    assert!(
        refused.0 == 400 && refused.1.contains("C-4 is given to somebody from a later day"),
        "{}",
        refused.1
    );
    assert_eq!(*office.store.subscribe_head().borrow(), head);

    let done = give(&cora, &address, &format!("{rest}{}", chosen(&cases[..3])));
    assert_eq!(done.0, 303, "{}", done.1);
    office.wait_for_pages();
    let (_, left) = cora.get(&address);
    assert!(left.contains("C-4") && !left.contains("C-1"), "{left}");
    for one in &cases[..3] {
        assert!(has(&office, &his, one.case) && !has(&office, &hers, one.case));
        assert_eq!(supporter(&his, one.about), Some(ben));
    }
    // Who is no coordinator finds no such page.
    let asha = office.signed_in(asha);
    assert_eq!(asha.get(&address).0, 404);
    assert_eq!(asha.get(&format!("/cases/{}/people", cases[3].case)).0, 404);
    office.assert_proves();
}
