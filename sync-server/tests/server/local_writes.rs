//! The server's own writes: import, demo, decisions.

use alongside_domain::{
    ids::{PersonId, RecordId},
    record::{Document, Root},
    time::Millis,
};
use alongside_server::{
    clock::SetClock,
    ingest::{Ingest, IngestError, LocalProblem, LocalWrite},
    people::{self, NewPerson},
    store::{Store, StoreError},
};
use std::sync::Arc;

use crate::world::{START, edit, new_group, programme};

struct Office {
    folder: tempfile::TempDir,
    store: Arc<Store>,
    ingest: Ingest,
    author: PersonId,
    group: LocalWrite,
    root: Root,
}

fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("server.db")).unwrap();
    let programme = Arc::new(programme());
    let partner = people::partner(&store, START, "Contact Point").unwrap();
    let new = NewPerson { name: "Cy".into(), role: "supporter".into(), partner, areas: vec![] };
    let author = people::add_person(&store, START, &programme, &new).unwrap();
    let ingest = Ingest::start(store.clone(), Arc::new(SetClock::at(START)), programme).unwrap();
    let id = new_group();
    let group = LocalWrite::OpenGroup { group: id, kind: "case".into(), partner, parents: vec![] };
    let root = Root { id: record(), form: "note".into(), form_version: "1".into(), group: id };
    Office { folder, store, ingest, author, group, root }
}

fn record() -> RecordId {
    RecordId::new(START, rand::random())
}

fn create(root: &Root, text: &str) -> LocalWrite {
    LocalWrite::Create {
        root: root.clone(),
        edits: vec![edit("text", text)],
        at: Millis(1_400_000_000_000),
        zone: "Europe/London".into(),
        reason: Some("import".into()),
    }
}

#[test]
fn records_come_with_their_claimed_time_and_are_edited_further() {
    let office = office();
    let change = LocalWrite::Edit {
        record: office.root.id,
        edits: vec![edit("text", "b")],
        at: START,
        zone: "Europe/London".into(),
        reason: None,
    };
    let writes = vec![office.group.clone(), create(&office.root, "a"), change.clone(), change];
    let numbers = office.ingest.ingest_local_at(office.author, Some(Millis(7)), writes).unwrap();
    assert_eq!(numbers, [Some(2), Some(3), Some(4), None], "the last one says nothing new");
    let stored = office.store.changes_of(office.root.id).unwrap();
    assert!(stored.iter().all(|change| change.received_at == Millis(7) && change.device.is_none()));
    let document = Document::load(stored.iter().map(|change| change.bytes.as_slice())).unwrap();
    assert_eq!(document.changes()[0].at, Millis(1_400_000_000_000));
    assert_eq!(document.changes()[0].actor, office.ingest.actor());
}

#[test]
fn a_write_that_does_not_fit_is_named_and_undoes_its_batch() {
    let office = office();
    let problem = |writes: Vec<LocalWrite>| office.ingest.ingest_local(office.author, writes).unwrap_err();
    let head = office.store.head().unwrap();
    let (group, root) = (&office.group, &office.root);
    assert_eq!(
        problem(vec![create(root, "a")]),
        IngestError::Local { index: 0, problem: LocalProblem::UnknownGroup }
    );
    assert_eq!(
        problem(vec![group.clone(), create(root, "a"), create(root, "b")]),
        IngestError::Local { index: 2, problem: LocalProblem::RecordExists }
    );
    let elsewhere = Root { form: "household".into(), ..root.clone() };
    assert_eq!(
        problem(vec![group.clone(), create(&elsewhere, "a")]),
        IngestError::Local { index: 1, problem: LocalProblem::WrongForm }
    );
    assert_eq!(office.store.head().unwrap(), head);
}

#[test]
fn ten_thousand_records_come_in_and_are_there_after_opening_again() {
    let office = office();
    let mut writes = vec![office.group.clone()];
    writes.extend((0..10_000).map(|number| {
        create(&Root { id: record(), ..office.root.clone() }, &format!("contact number {number}"))
    }));
    office.ingest.ingest_local(office.author, writes).unwrap();
    let head = office.store.head().unwrap();
    let Office { folder, store, ingest, .. } = office;
    let path = store.path().to_owned();
    drop((ingest, store));
    let store = Store::open(&path).unwrap();
    assert_eq!(store.head().unwrap(), head);
    assert_eq!(store.log_after(head.seq - 10_000, 20_000).unwrap().len(), 10_000);
    drop(folder);
}

#[test]
fn a_disk_that_gets_full_is_named_and_the_next_write_finds_room_again() {
    let office = office();
    let base = vec![office.group.clone(), create(&office.root, "a")];
    office.ingest.ingest_local(office.author, base).unwrap();
    let head = office.store.head().unwrap();
    let long = || {
        let root = Root { id: record(), ..office.root.clone() };
        vec![create(&root, &"long ".repeat(2_000))]
    };

    office.store.leave_room(Some(2)).unwrap();
    // SQLite gives up the whole transaction there, not just the write that found no room.
    let full = IngestError::Store(StoreError::Full);
    assert_eq!(office.ingest.ingest_local(office.author, long()).unwrap_err(), full);
    assert_eq!(office.ingest.ingest_local(office.author, long()).unwrap_err(), full);
    assert_eq!(office.store.head().unwrap(), head);

    office.store.leave_room(None).unwrap();
    office.ingest.ingest_local(office.author, long()).unwrap();
    assert_eq!(office.store.head().unwrap().seq, head.seq + 1);
}
