//! A child entered twice, end to end: two phones, a real server, a coordinator who says that it is one, and
//! says later that it is two.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::Arc;

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest,
    clock::ManualClock,
    os_rng,
    views::{LinkedGroup, UnitView},
};
use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId, RecordId},
    programme::{Programme, builtin, split},
    record::Edit,
    sync::Status,
    time::Millis,
    value::Value,
};
use alongside_server::{
    api::{Running, Server},
    clock::SetClock,
    config::Config,
    merge::{self, Pair},
    people::{self, NewPerson},
    store::{Store, journal_beside},
    verify,
};
use jiff::civil::{Date, date};
use tokio::runtime::Runtime;

/// 16 March 2015, 10:00 in London.
const NOW: Millis = Millis(1_426_500_000_000);
const DAY: i64 = 24 * 3_600_000;
const TODAY: Date = date(2015, 3, 16);

struct Office {
    folder: tempfile::TempDir,
    runtime: Runtime,
    running: Running,
    store: Arc<Store>,
    programme: Arc<Programme>,
    partner: PartnerId,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programme = Arc::new(builtin::independent_support().unwrap());
        let file = folder.path().join("server.db");
        let store = Store::open(&file).unwrap();
        let partner = people::partner(&store, NOW, "Contact Point").unwrap();
        let runtime = Runtime::new().unwrap();
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), store: file, ..Config::default() };
        let clock = Arc::new(SetClock::at(NOW));
        let running = runtime
            .block_on(Server::start(config, Arc::clone(&store), clock, Arc::clone(&programme)))
            .unwrap();
        Self { folder, runtime, running, store, programme, partner }
    }

    fn person(&self, name: &str, role: &str) -> PersonId {
        let areas = vec!["840".to_owned()];
        let new = NewPerson { name: name.into(), role: role.into(), partner: self.partner, areas };
        people::add_person(&self.store, NOW, &self.programme, &new).unwrap()
    }

    fn phone(&self, person: PersonId) -> Phone {
        let folder = self.folder.path().join(person.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let profile = Profile::new(folder, Key::new([5; 32]), Arc::clone(&self.programme), clock, os_rng());
        let phone = Phone::create(profile).unwrap();
        let code = people::enrolment_code(&self.store, NOW, person, DAY).unwrap().reveal();
        self.runtime.block_on(phone.sync().enrol(&self.running.url(), &code, "Phone")).unwrap();
        phone
    }

    fn sync(&self, phone: &Phone) {
        for _ in 0..50 {
            match self.runtime.block_on(phone.sync().sync_once()).unwrap().status {
                Status::UpToDate { .. } => return,
                Status::Syncing => {}
                other => panic!("the phone stopped syncing: {other:?}"),
            }
        }
        panic!("the phone never came to an end");
    }

    /// Who may have been entered twice, as the command line finds it.
    fn suggested(&self) -> Vec<Pair> {
        let path = self.store.path();
        let none = self.folder.path().join("no-pages.db");
        let files = (path, &*journal_beside(path));
        merge::suggested_in_files(files, &none, &self.programme, NOW, "840").unwrap()
    }

    fn assert_proves(&self) {
        let report = verify::verify(self.store.path(), None).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}

fn edit(key: &str, value: impl Into<Value>) -> Edit {
    Edit { key: key.to_owned(), value: value.into() }
}

fn open(phone: &Phone, kind: &str, parents: Vec<GroupId>, answers: Vec<Edit>) -> (GroupId, RecordId) {
    let records = vec![FirstRecord { form: kind.to_owned(), answers }];
    let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
    let opened = phone.records().open_group(request).unwrap();
    (opened.group, opened.records[0])
}

fn save(phone: &Phone, record: Option<RecordId>, group: GroupId, form: &str, answers: Vec<Edit>) -> RecordId {
    let request = SaveRequest { record, group, form: form.to_owned(), answers, reason: None, token: None };
    phone.records().save(request).unwrap().root.id
}

/// A family, a child and a case, as one supporter enters them.
struct Entered {
    family: GroupId,
    child: GroupId,
    case: GroupId,
    of_child: RecordId,
    of_family: RecordId,
}

fn enter(phone: &Phone, name: &str, case_ref: &str, secret: &str) -> Entered {
    let (family, of_family) = open(
        phone,
        "family",
        vec![],
        vec![edit("area", "840"), edit("postcode", "DH1 3HP"), edit("home_risk_note", secret)],
    );
    let answers =
        vec![edit("known_as", name), edit("family_name", "Okafor"), edit("date_of_birth", "2006-05-04")];
    let (child, of_child) = open(phone, "child", vec![family], answers);
    let about = vec![edit("case_ref", case_ref), edit("status", "OPEN"), edit("opened_on", "2015-02-01")];
    let (case, _) = open(phone, "case", vec![child, family], about);
    Entered { family, child, case, of_child, of_family }
}

fn page(phone: &Phone, unit: GroupId) -> UnitView {
    phone.records().unit_page(unit, TODAY, 50, None).unwrap()
}

fn linked<'a>(page: &'a UnitView, kind: &str) -> Vec<&'a LinkedGroup> {
    page.linked.iter().filter(|linked| linked.kind == kind).collect()
}

fn holds(phone: &Phone, text: &str) -> bool {
    use std::fmt::Write as _;

    let dump = phone.dump_read_model().unwrap();
    let figures = text.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    });
    dump.contains(text) || dump.contains(&figures)
}

/// The read model is what it would be if it were made anew.
fn assert_rebuilds(phone: &Phone) {
    phone.records().judge_waiting().unwrap();
    let grown = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    phone.records().judge_waiting().unwrap();
    assert_eq!(grown, phone.dump_read_model().unwrap());
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_child_entered_twice_is_one_on_every_phone_and_two_again_when_that_was_a_mistake() {
    let office = Office::new();
    let cora = office.person("Cora Finch", "COORDINATOR");
    let (asha, ben) = (office.person("Asha Karim", "SUPPORTER"), office.person("Ben Lowe", "SUPPORTER"));
    let lead = office.phone(office.person("Dee Sund", "DSL"));
    let (hers, his) = (office.phone(asha), office.phone(ben));
    let a = enter(&hers, "Sam", "C-1", "asha-in-confidence");
    let b = enter(&his, "Samuel", "C-2", "ben-in-confidence");
    office.sync(&hers);
    office.sync(&his);

    // The programme's own check proposes the two children, and nothing else.
    let proposed = office.suggested();
    assert_eq!(proposed.len(), 1, "{proposed:?}");
    assert_eq!((proposed[0].kind.as_str(), proposed[0].why.len()), ("child", 1));
    let mut both = [a.child, b.child];
    both.sort_unstable();
    assert_eq!(proposed[0].groups, both);

    let of_child =
        merge::merge(&office.store, &office.programme, NOW, cora, (a.child, b.child), "same_child").unwrap();
    let follows = office.suggested();
    let mut both = [a.family, b.family];
    both.sort_unstable();
    assert_eq!(follows.len(), 1, "their families are two still: {follows:?}");
    assert_eq!((follows[0].groups, follows[0].why.len()), (both, 0));
    let of_family =
        merge::merge(&office.store, &office.programme, NOW, cora, (a.family, b.family), "same_family")
            .unwrap();
    assert_eq!(office.suggested(), [], "who was merged is not proposed again");
    office.assert_proves();

    // Ben has not heard of it: he goes on with the child and the family that he knows.
    save(&his, Some(b.of_child), b.child, "child", vec![edit("upn", "A950000178301")]);
    let (late, _) = open(&his, "case", vec![b.child, b.family], vec![edit("case_ref", "C-3")]);
    save(
        &his,
        Some(b.of_family),
        b.family,
        "family",
        vec![edit("home_risk_note", "ben-in-confidence again")],
    );
    save(&his, None, b.family, "person", vec![edit("known_as", "Grandmother Ada")]);
    office.sync(&his);
    assert_eq!(his.records().outbox().unwrap().count, 0, "nothing he wrote is turned down");
    office.sync(&hers);
    office.sync(&his);
    office.assert_proves();

    for (phone, unit, case_ref) in [(&hers, a.case, "C-1"), (&his, b.case, "C-2"), (&his, late, "C-3")] {
        let page = page(phone, unit);
        assert_eq!(page.unit.reference.as_deref(), Some(case_ref));
        for (kind, kept, other) in [("child", a.child, b.child), ("family", a.family, b.family)] {
            let [one] = linked(&page, kind)[..] else {
                panic!("{case_ref} shows one {kind}: {:?}", page.linked)
            };
            assert_eq!((one.group, &one.also), (kept, &vec![other]), "{case_ref}: {kind}");
        }
        let [child] = linked(&page, "child")[..] else { unreachable!() };
        let titles: Vec<&str> = child.records.iter().map(|card| card.title.as_str()).collect();
        assert!(titles.iter().any(|title| title.contains("Samuel")), "{titles:?}");
        assert_eq!(child.records.len(), 2, "both records of the child stand: {titles:?}");
        let [family] = linked(&page, "family")[..] else { unreachable!() };
        assert!(family.records.iter().any(|card| card.title.contains("Grandmother Ada")));
        assert_eq!(page.unit.name.as_deref(), Some("Sam Okafor"), "the kept one stands in front");
    }
    let numbers = hers.records().record(b.of_child).unwrap();
    assert_eq!(numbers.view.text("upn"), Some("A950000178301"), "what he wrote since is with her too");
    let lines = his.records().home(TODAY).unwrap();
    assert_eq!(lines.units, 2, "his two cases are his two lines");

    // What each wrote in confidence is theirs and the safeguarding lead's, as before.
    office.sync(&lead);
    assert!(holds(&hers, "asha-in-confidence") && !holds(&hers, "ben-in-confidence"));
    assert!(holds(&his, "ben-in-confidence again") && !holds(&his, "asha-in-confidence"));
    assert!(holds(&lead, "asha-in-confidence") && holds(&lead, "ben-in-confidence again"));
    let own = his.records().record(b.of_family).unwrap();
    assert_eq!(own.view.text("home_risk_note"), Some("ben-in-confidence again"), "it stands with its record");
    assert!(
        his.records().record(split::part_of(b.of_family, split::restricted_group(b.family, ben))).is_ok()
    );
    assert_rebuilds(&hers);
    assert_rebuilds(&his);

    // It was a mistake: three weeks later they are two again.
    let later = Millis(NOW.0 + 21 * DAY);
    let undo = |of: &merge::Merge| {
        merge::undo(&office.store, &office.programme, later, cora, of.id, "merged_by_mistake").unwrap()
    };
    undo(&of_family);
    undo(&of_child);
    office.sync(&hers);
    office.sync(&his);
    office.sync(&hers);
    office.sync(&his);
    office.assert_proves();
    for (phone, unit, child, family) in [
        (&hers, a.case, a.child, a.family),
        (&his, b.case, b.child, b.family),
        (&his, late, b.child, b.family),
    ] {
        let page = page(phone, unit);
        for (kind, own) in [("child", child), ("family", family)] {
            let [one] = linked(&page, kind)[..] else { panic!("one {kind}: {:?}", page.linked) };
            assert_eq!((one.group, &one.also), (own, &vec![]), "{kind}");
        }
    }
    assert!(hers.records().record(b.of_child).is_err(), "Samuel is none of hers");
    assert!(!holds(&hers, "Grandmother Ada") && !holds(&his, "Sam Okafor"));
    assert!(holds(&his, "Grandmother Ada") && holds(&his, "ben-in-confidence again"));
    assert_rebuilds(&hers);
    assert_rebuilds(&his);
    assert_eq!(office.suggested().len(), 1, "they are proposed again");
}

#[test]
fn erasing_the_kept_one_leaves_the_other_with_those_who_work_with_it() {
    let office = Office::new();
    let cora = office.person("Cora Finch", "COORDINATOR");
    let ben = office.person("Ben Lowe", "SUPPORTER");
    let hers = office.phone(office.person("Asha Karim", "SUPPORTER"));
    let his = office.phone(ben);
    let a = enter(&hers, "Sam", "C-1", "asha-in-confidence");
    let b = enter(&his, "Samuel", "C-2", "ben-in-confidence");
    office.sync(&hers);
    office.sync(&his);
    merge::merge(&office.store, &office.programme, NOW, cora, (a.family, b.family), "same_family").unwrap();
    office.sync(&his);
    office.sync(&his);
    assert_eq!(linked(&page(&his, b.case), "family")[0].group, a.family);

    alongside_server::erase::erase(&office.store, NOW, a.family, "request").unwrap();
    office.sync(&his);
    office.sync(&his);
    let page = page(&his, b.case);
    let [family] = linked(&page, "family")[..] else { panic!("{:?}", page.linked) };
    assert_eq!((family.group, &family.also), (b.family, &vec![]), "his own family is where it was");
    assert!(holds(&his, "ben-in-confidence") && !holds(&his, "asha-in-confidence"));
    assert_rebuilds(&his);
    office.assert_proves();
}
