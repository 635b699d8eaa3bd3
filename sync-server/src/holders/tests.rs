//! What follows from intervals at the server alone.

use std::sync::Arc;

use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId, RecordId},
    programme::builtin,
    record::{Edit, Root},
    time::Millis,
    value::Value,
    wire::ControlEvent,
};

use super::*;
use crate::{
    clock::SetClock,
    erase,
    ingest::{Ingest, LocalWrite},
    people::NewPerson,
    store::LogBody,
};

const DAY: i64 = 86_400_000;
/// 16 March 2015, 10:00 in London.
const NOW: Millis = Millis(1_426_500_000_000);
const CASE: GroupId = GroupId([3; 16]);
const ALLOCATION: RecordId = RecordId([9; 16]);

struct Lab {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    programme: Arc<Programme>,
    clock: Arc<SetClock>,
    ingest: Ingest,
    partner: PartnerId,
    cora: PersonId,
    ben: PersonId,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store.db")).unwrap();
        let programme = Arc::new(builtin::independent_support().unwrap());
        let clock = Arc::new(SetClock::at(NOW));
        let ingest = Ingest::start(Arc::clone(&store), clock.clone(), Arc::clone(&programme)).unwrap();
        let partner = people::partner(&store, NOW, "Contact Point").unwrap();
        let person = |name: &str, role: &str| person(&store, &programme, name, role, partner);
        let (cora, ben) = (person("Cora Finch", "COORDINATOR"), person("Ben Lowe", "SUPPORTER"));
        let lab = Self { _folder: folder, store, programme, clock, ingest, partner, cora, ben };
        let (family, child) = (GroupId([1; 16]), GroupId([2; 16]));
        let open = |group, kind: &str, parents: &[GroupId]| {
            let (kind, parents) = (kind.to_owned(), parents.to_vec());
            LocalWrite::OpenGroup { group, kind, partner, parents }
        };
        lab.write(vec![
            open(family, "family", &[]),
            open(child, "child", &[family]),
            open(CASE, "case", &[child, family]),
            lab.create("case", RecordId([8; 16]), &[("case_ref", "C-1")]),
        ]);
        lab
    }

    fn write(&self, writes: Vec<LocalWrite>) {
        self.ingest.ingest_local(self.cora, writes).unwrap();
    }

    fn create(&self, form: &str, id: RecordId, answers: &[(&str, &str)]) -> LocalWrite {
        let form_version = self.programme.forms[form].version.clone();
        let root = Root { id, form: form.to_owned(), form_version, group: CASE };
        LocalWrite::Create { root, edits: edits(answers), at: NOW, zone: "UTC".into(), reason: None }
    }

    fn allocate(&self, person: PersonId, from: &str, to: &str) {
        let person = person.to_string();
        let answers = [("supporter", person.as_str()), ("from", from), ("to", to)];
        self.write(vec![self.create("allocation", ALLOCATION, &answers)]);
    }

    fn correct(&self, answers: &[(&str, &str)]) {
        let edits = edits(answers);
        self.write(vec![LocalWrite::Edit {
            record: ALLOCATION,
            edits,
            at: NOW,
            zone: "UTC".into(),
            reason: None,
        }]);
    }

    fn has(&self, person: PersonId) -> bool {
        let found = self.store.read(|tx| access::access(tx, person, CASE)).unwrap();
        matches!(found, access::Access::Granted(_))
    }

    /// The server as it starts on another day.
    fn restarted(mut self, days: i64) -> Self {
        self.ingest.stop();
        self.clock.set(Millis(NOW.0 + days * DAY));
        self.ingest =
            Ingest::start(Arc::clone(&self.store), self.clock.clone(), Arc::clone(&self.programme)).unwrap();
        // Whatever is written comes after what follows from the day.
        let one = [("status", "OPEN")];
        let record = RecordId([8; 16]);
        self.write(vec![LocalWrite::Edit {
            record,
            edits: edits(&one),
            at: NOW,
            zone: "UTC".into(),
            reason: None,
        }]);
        self
    }

    /// Grants and withdrawals of the case in the feed.
    fn told(&self) -> usize {
        let of_case = |body: &LogBody| match body {
            LogBody::Control(ControlEvent::Grant { group, .. } | ControlEvent::Withdraw { group, .. }) => {
                *group == CASE
            }
            _ => false,
        };
        self.store.log_after(0, 1_000).unwrap().iter().filter(|entry| of_case(&entry.body)).count()
    }
}

fn person(store: &Store, programme: &Programme, name: &str, role: &str, partner: PartnerId) -> PersonId {
    let new = NewPerson { name: name.into(), role: role.into(), partner, areas: vec!["840".into()] };
    people::add_person(store, NOW, programme, &new).unwrap()
}

fn edits(answers: &[(&str, &str)]) -> Vec<Edit> {
    let edit = |(key, value): &(&str, &str)| Edit {
        key: (*key).to_owned(),
        value: if value.is_empty() { Value::Null } else { Value::Text((*value).to_owned()) },
    };
    answers.iter().map(edit).collect()
}

#[test]
fn days_on_which_the_server_stood_still_are_made_up_for() {
    let lab = Lab::new();
    lab.allocate(lab.ben, "2015-03-18", "2015-03-20");
    assert!(!lab.has(lab.ben));
    let lab = lab.restarted(3);
    assert!(lab.has(lab.ben), "it began yesterday");
    assert_eq!(having(&lab.store, CASE).unwrap()[0].person, lab.ben);
    let lab = lab.restarted(3);
    assert_eq!(lab.told(), 1, "nothing is told twice");
    let lab = lab.restarted(9);
    assert!(!lab.has(lab.ben), "it ended days ago");
    assert_eq!(lab.told(), 2);
}

#[test]
fn who_was_named_by_mistake_loses_it_and_who_is_meant_has_it() {
    let lab = Lab::new();
    let dan = person(&lab.store, &lab.programme, "Dan Moss", "SUPPORTER", lab.partner);
    lab.allocate(lab.ben, "2015-03-16", "");
    assert!(lab.has(lab.ben) && !lab.has(dan));
    lab.correct(&[("supporter", &dan.to_string())]);
    assert!(!lab.has(lab.ben) && lab.has(dan));
    lab.correct(&[("to", "2015-03-15")]);
    assert!(!lab.has(dan), "it never was");
    lab.correct(&[("to", "")]);
    assert!(lab.has(dan));
}

#[test]
fn whom_no_record_names_keeps_what_they_have() {
    let lab = Lab::new();
    let dan = person(&lab.store, &lab.programme, "Dan Moss", "SUPPORTER", lab.partner);
    lab.write(vec![LocalWrite::Grant { person: dan, group: CASE }]);
    lab.allocate(lab.ben, "2015-03-16", "2015-03-16");
    let lab = lab.restarted(1);
    assert!(lab.has(dan) && !lab.has(lab.ben));
    // Nor does it matter that somebody had it for some days before.
    let at = Millis(NOW.0 + DAY);
    lab.ingest
        .ingest_local_at(lab.cora, Some(at), vec![LocalWrite::Grant { person: lab.ben, group: CASE }])
        .unwrap();
    let lab = lab.restarted(2);
    assert!(lab.has(lab.ben), "given again after the last day");
    // Named for a time to come, they have it until then as before.
    lab.correct(&[("supporter", &dan.to_string()), ("from", "2015-04-01"), ("to", "")]);
    assert!(lab.has(dan));
}

#[test]
fn nobody_of_another_partner_and_nobody_whose_role_reads_no_records_is_given_any() {
    let lab = Lab::new();
    let elsewhere = people::partner(&lab.store, NOW, "Another Charity").unwrap();
    let stranger = person(&lab.store, &lab.programme, "Eve Stone", "SUPPORTER", elsewhere);
    let officer = person(&lab.store, &lab.programme, "Lara Hale", "LA_LINK", lab.partner);
    lab.allocate(stranger, "2015-03-16", "");
    assert!(!lab.has(stranger));
    lab.correct(&[("supporter", &officer.to_string())]);
    assert!(!lab.has(officer));
    lab.correct(&[("supporter", "somebody")]);
    let lab = lab.restarted(1);
    assert_eq!(lab.told(), 0);
}

#[test]
fn a_store_of_before_is_read_once() {
    let lab = Lab::new();
    lab.allocate(lab.ben, "2015-03-17", "");
    lab.ingest.stop();
    // As a store has it that an earlier version wrote.
    lab.store.write(|tx| Ok(tx.execute_batch("DELETE FROM holders; DELETE FROM holders_read")?)).unwrap();
    let lab = lab.restarted(2);
    assert!(lab.has(lab.ben));
}

#[test]
fn nothing_of_it_is_left_when_a_case_is_erased() {
    let lab = Lab::new();
    lab.allocate(lab.ben, "2015-03-16", "");
    erase::erase(&lab.store, NOW, CASE, "request").unwrap();
    let left: i64 =
        lab.store.read(|tx| Ok(tx.query_row("SELECT count(*) FROM holders", [], |row| row.get(0))?)).unwrap();
    assert_eq!(left, 0);
}
