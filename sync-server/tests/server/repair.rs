//! Repair by group, as a phone meets it, and as somebody who means no good tries it.

use std::path::PathBuf;

use alongside_domain::{
    ids::{DeviceId, GroupId, PersonId},
    record::Document,
    tally::{
        Commitment, EntryName, Tally,
        heads::{GroupHead, PublicKey, SignedHead, SignedHeads},
    },
    time::Millis,
    wire::{
        Cursor, FeedEntry, PushedChange, Refusal, SyncAnswer, SyncRequest, Verdict, encode, features, limits,
        pack::{pack_rows, unpack_rows},
        repair::{Compare, GroupTally, ListFrom, Proof, RepairAnswer, RepairRequest},
    },
};
use alongside_server::ingest::LocalWrite;
use axum::http::StatusCode;
use ed25519_dalek::SigningKey;

use crate::world::{Phone, World, family_and_case, pushed_hash};

fn step(phone: &Phone, repair: RepairRequest) -> SyncRequest {
    SyncRequest { features: features::REPAIR, repair: Some(Box::new(repair)), ..phone.request(vec![], &[]) }
}

async fn repair(world: &World, phone: &Phone, asked: RepairRequest) -> (RepairAnswer, Vec<FeedEntry>) {
    let answer = send(world, phone, &step(phone, asked)).await;
    let entries = answer.pull.as_ref().map(|pull| unpack_rows(pull).unwrap()).unwrap_or_default();
    (*answer.repair.expect("a repair is answered"), entries)
}

async fn local(world: &World, author: PersonId, write: LocalWrite) {
    let ingest = std::sync::Arc::clone(&world.state.ingest);
    tokio::task::spawn_blocking(move || ingest.ingest_local(author, vec![write]).unwrap()).await.unwrap();
}

async fn send(world: &World, phone: &Phone, request: &SyncRequest) -> SyncAnswer {
    world.send("/v1/sync", Some(&phone.enrolled.token), request).await.unwrap()
}

fn name(change: &PushedChange, author: PersonId, device: Option<DeviceId>) -> EntryName {
    EntryName::of(change.group, change.record, &pushed_hash(change), author, device)
}

fn entry(change: &PushedChange, author: PersonId, device: Option<DeviceId>) -> FeedEntry {
    FeedEntry::Change {
        seq: 1,
        group: change.group,
        record: change.record,
        author,
        device,
        received_at: Millis(0),
        bytes: change.bytes.clone(),
    }
}

fn relay(proofs: Vec<Proof>, entries: &[FeedEntry]) -> RepairRequest {
    RepairRequest { proofs, relayed: Some(pack_rows(entries)), ..RepairRequest::default() }
}

/// A head over these names, signed by nobody whom the server knows.
fn signed_by(key: &SigningKey, group: GroupId, names: &[EntryName]) -> SignedHead {
    let commitment = Commitment::default().with(names).unwrap();
    let head = GroupHead { group, count: names.len() as u64, commitment, sum: [0; 16] };
    SignedHeads::sign(vec![head], key).unwrap().open(&PublicKey::of(key)).unwrap().remove(0)
}

fn proof(signed: SignedHead, names: &[EntryName]) -> Proof {
    let mut names = names.to_vec();
    names.sort_unstable();
    Proof { signed, names: names.iter().flat_map(|name| name.0).collect() }
}

/// Ann has a case with a note, and Ben was granted it and pulled it with its signed head.
struct Scene {
    world: World,
    ann: Phone,
    ben: Phone,
    case: GroupId,
    document: Document,
    note: PushedChange,
    head: SignedHead,
    /// Of the server before the note was written.
    backup: PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new();
        let mut ann = world.phone("Ann").await;
        let mut ben = world.phone("Ben").await;
        let (_, case, openings) = family_and_case();
        let (document, note) = ann.write("note", case, "a");
        ann.sync(&world, openings, &[]).await;
        let backup = world.backup();
        ann.sync(&world, vec![], std::slice::from_ref(&note)).await;
        let grant = LocalWrite::Grant { person: ben.person, group: case };
        local(&world, ben.person, grant).await;
        let request = SyncRequest { features: features::REPAIR, ..ben.request(vec![], &[]) };
        let answer = send(&world, &ben, &request).await;
        ben.cursor = answer.cursor;
        let key = ben.enrolled.key.expect("a phone learns the key when it is enrolled");
        let heads = answer.heads.expect("a pull with changes carries heads").open(&key).expect("signed");
        let head = heads.into_iter().find(|head| head.head.group == case).expect("of the case");
        Self { world, ann, ben, case, document, note, head, backup }
    }

    fn name(&self) -> EntryName {
        name(&self.note, self.ann.person, Some(self.ann.enrolled.device))
    }
}

#[tokio::test]
async fn what_a_restored_server_lost_comes_back_from_another_phone_in_its_authors_name() {
    let before = Scene::new().await;
    // The server as it was before the note: the same journal, key and people, and not its changes.
    let world = before.world.restored(&before.backup);
    let Scene { ann, ben, case, note, .. } = &before;
    let (answer, _) = repair(
        &world,
        ben,
        RepairRequest {
            compare: Some(Compare {
                groups: vec![GroupTally { group: *case, tally: Tally { count: 1, sum: [1; 16] } }],
                ..Compare::default()
            }),
            ..RepairRequest::default()
        },
    )
    .await;
    assert!(answer.differ.contains(case));
    let (listed, _) = repair(
        &world,
        ben,
        RepairRequest {
            head: Some(answer.head),
            seen: Some(answer.seen),
            lists: vec![ListFrom { group: *case, after: 0 }],
            ..RepairRequest::default()
        },
    )
    .await;
    assert_eq!(listed.lists[0].read().unwrap(), []);
    let author = (ann.person, Some(ann.enrolled.device));
    let proofs = vec![proof(before.head.clone(), &[before.name()])];
    let asked = relay(proofs, &[entry(note, author.0, author.1)]);
    let (answer, _) = repair(&world, ben, asked.clone()).await;
    assert!(matches!(answer.verdicts[..], [Verdict::Accepted(_)]), "{:?}", answer.verdicts);
    let (again, _) = repair(&world, ben, asked).await;
    assert!(matches!(again.verdicts[..], [Verdict::Have(_)]), "a relay repeated changes nothing");
    let stored = world.state.store.changes_of(note.record).unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].author, stored[0].device), author);
    assert_eq!(stored[0].bytes, note.bytes);
}

#[tokio::test]
async fn nothing_is_taken_that_no_signature_covers() {
    let scene = Scene::new().await;
    let Scene { world, ann, ben, case, document, note, head, .. } = &scene;
    let mut copy = Document::load(document.changes().iter().map(|change| change.bytes.as_slice())).unwrap();
    let forged = ben.edit(&mut copy, "never written by Ann");
    let author = (ann.person, Some(ann.enrolled.device));
    let forged_name = name(&forged, author.0, author.1);
    let names = [scene.name(), forged_name];
    let own_key = SigningKey::from_bytes(&[9; 32]);
    let mut elsewhere = head.clone();
    elsewhere.head.group = GroupId([3; 16]);
    let mut larger = head.clone();
    larger.head.count = 2;
    larger.head.commitment = Commitment::default().with(&names).unwrap();
    let covered = entry(note, author.0, author.1);
    let in_bens_name = entry(note, ben.person, Some(ben.enrolled.device));
    let cases: Vec<(&str, Vec<Proof>, FeedEntry)> = vec![
        ("no proof", vec![], entry(&forged, author.0, author.1)),
        (
            "a key of its own",
            vec![proof(signed_by(&own_key, *case, &names), &names)],
            entry(&forged, author.0, author.1),
        ),
        ("a good head, more names", vec![proof(head.clone(), &names)], entry(&forged, author.0, author.1)),
        (
            "a good head, other names",
            vec![proof(head.clone(), &[forged_name])],
            entry(&forged, author.0, author.1),
        ),
        ("a head that was altered", vec![proof(larger, &names)], entry(&forged, author.0, author.1)),
        ("a head of another group", vec![proof(elsewhere, &[scene.name()])], covered.clone()),
        ("another author", vec![proof(head.clone(), &[scene.name()])], in_bens_name),
        (
            "names twice",
            vec![Proof { names: [scene.name().0, scene.name().0].concat(), signed: head.clone() }],
            covered,
        ),
    ];
    let before = world.state.store.head().unwrap();
    for (what, proofs, entry) in cases {
        let (answer, _) = repair(world, ben, relay(proofs, &[entry])).await;
        assert_eq!(answer.verdicts, [Verdict::Refused(Refusal::NotCovered)], "{what}");
    }
    assert_eq!(world.state.store.head().unwrap(), before, "nothing of it is kept");
}

#[tokio::test]
async fn a_covered_change_is_still_judged_and_the_group_must_be_the_persons() {
    let scene = Scene::new().await;
    let Scene { world, ann, ben, note, head, .. } = &scene;
    let proofs = vec![proof(head.clone(), &[scene.name()])];
    let relayed = relay(proofs.clone(), &[entry(note, ann.person, Some(ann.enrolled.device))]);
    // Somebody who was never granted the case.
    let cleo = world.phone("Cleo").await;
    let (answer, _) = repair(world, &cleo, relayed.clone()).await;
    assert_eq!(answer.verdicts, [Verdict::Refused(Refusal::NotEntitled)]);
    // No chunk at all, and one that was cut.
    for bytes in [vec![], note.bytes[..note.bytes.len() - 1].to_vec()] {
        let cut = PushedChange { bytes, ..note.clone() };
        let cut = entry(&cut, ann.person, Some(ann.enrolled.device));
        let (answer, _) = repair(world, ben, relay(proofs.clone(), &[cut])).await;
        assert_eq!(answer.verdicts, [Verdict::Refused(Refusal::Malformed)]);
    }
    // Erased: nobody brings it back.
    alongside_server::erase::erase(&world.state.store, Millis(1), note.group, "request").unwrap();
    let (answer, _) = repair(world, ben, relayed).await;
    assert_eq!(answer.verdicts, [Verdict::Erased]);
    assert!(world.state.store.changes_of(note.record).unwrap().is_empty());
}

#[tokio::test]
async fn groups_of_others_are_neither_listed_nor_sent() {
    let scene = Scene::new().await;
    let cleo = scene.world.phone("Cleo").await;
    let head = scene.world.state.store.head().unwrap();
    let (answer, entries) = repair(
        &scene.world,
        &cleo,
        RepairRequest {
            compare: Some(Compare::default()),
            lists: vec![ListFrom { group: scene.case, after: 0 }],
            wanted: (1..=head.seq + 5).collect(),
            ..RepairRequest::default()
        },
    )
    .await;
    assert_eq!(answer.differ, []);
    assert_eq!(answer.lists[0].read().unwrap(), []);
    assert_eq!(u64::from(answer.dealt_with), head.seq + 5, "what is not to be had is dealt with");
    let changes = entries.iter().filter(|entry| matches!(entry, FeedEntry::Change { .. })).count();
    assert_eq!(changes, 0);
    let granted = entries.iter().any(|entry| format!("{entry:?}").contains(&scene.case.to_string()));
    assert!(!granted, "nothing tells that the group is there");
}

#[tokio::test]
async fn lists_and_entries_come_in_parts_that_fit() {
    let mut scene = Scene::new().await;
    let mut document =
        Document::load(scene.document.changes().iter().map(|change| change.bytes.as_slice())).unwrap();
    let edits: Vec<PushedChange> =
        (0..9).map(|number| scene.ann.edit(&mut document, &format!("edit {number}"))).collect();
    scene.ann.sync(&scene.world, vec![], &edits).await;
    let (mut after, mut listed, mut parts) = (0, Vec::new(), 0);
    loop {
        let asked =
            RepairRequest { lists: vec![ListFrom { group: scene.case, after }], ..RepairRequest::default() };
        let request = SyncRequest { limit: 40, ..step(&scene.ben, asked) };
        let answer = send(&scene.world, &scene.ben, &request).await;
        let list = answer.repair.unwrap().lists.remove(0);
        listed.extend(list.read().unwrap());
        after = listed.last().unwrap().number;
        parts += 1;
        if !list.more {
            break;
        }
    }
    assert_eq!(listed.len(), 10);
    assert!(parts > 2, "{parts}");
    let mut wanted: Vec<u64> = listed.iter().map(|entry| entry.number).collect();
    let mut got = 0;
    while !wanted.is_empty() {
        let request = SyncRequest {
            limit: 40,
            ..step(&scene.ben, RepairRequest { wanted: wanted.clone(), ..RepairRequest::default() })
        };
        let answer = send(&scene.world, &scene.ben, &request).await;
        let dealt_with = answer.repair.unwrap().dealt_with as usize;
        assert!(dealt_with > 0, "every step leaves less to do");
        got += answer.pull.map_or(0, |pull| pull.entries);
        wanted.drain(..dealt_with);
    }
    assert_eq!(got, 10);
}

#[tokio::test]
async fn what_is_longer_than_allowed_is_turned_down() {
    let scene = Scene::new().await;
    let tally = Tally::default();
    let group = |number: usize| GroupId((number as u128).to_be_bytes());
    let too_long = [
        RepairRequest { wanted: (0..=limits::REPAIR_WANTED as u64).collect(), ..RepairRequest::default() },
        RepairRequest {
            lists: (0..=limits::REPAIR_GROUPS).map(|n| ListFrom { group: group(n), after: 0 }).collect(),
            ..RepairRequest::default()
        },
        RepairRequest {
            compare: Some(Compare {
                groups: (0..=limits::REPAIR_GROUPS).map(|n| GroupTally { group: group(n), tally }).collect(),
                ..Compare::default()
            }),
            ..RepairRequest::default()
        },
    ];
    for asked in too_long {
        let body = encode(&step(&scene.ben, asked));
        let token = Some(scene.ben.enrolled.token.as_str());
        let media = alongside_domain::wire::MEDIA_TYPE;
        let (status, _) = scene.world.post("/v1/sync", token, media, body).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn a_head_that_the_server_does_not_know_begins_the_repair_again() {
    let scene = Scene::new().await;
    let unknown = Cursor { seq: 1, chain: [7; 16] };
    for (head, seen) in [(Some(unknown), None), (None, Some(unknown))] {
        let proofs = vec![proof(scene.head.clone(), &[scene.name()])];
        let entries = [entry(&scene.note, scene.ann.person, Some(scene.ann.enrolled.device))];
        let asked = RepairRequest { head, seen, ..relay(proofs, &entries) };
        let (answer, entries) = repair(&scene.world, &scene.ben, asked).await;
        assert!(answer.restart && answer.verdicts.is_empty() && entries.is_empty());
    }
}

#[tokio::test]
async fn other_entries_up_to_the_same_place_are_noticed_and_counted() {
    let scene = Scene::new().await;
    let Scene { world, ben, .. } = &scene;
    let at_rest =
        |tally| SyncRequest { features: features::REPAIR, tally: Some(tally), ..ben.request(vec![], &[]) };
    let answer = send(world, ben, &at_rest(Tally { count: 3, sum: [3; 16] })).await;
    assert!(answer.to_repair);
    let right = answer.tally.expect("what is right is said");
    let answer = send(world, ben, &at_rest(right)).await;
    assert!(!answer.to_repair && answer.tally.is_none(), "equal is not said again");
    repair(
        world,
        ben,
        RepairRequest { mismatch: true, compare: Some(Compare::default()), ..RepairRequest::default() },
    )
    .await;
    let defects = |device| {
        let devices = world.state.store.devices().unwrap();
        devices.iter().find(|row| row.id == device).unwrap().defects
    };
    assert_eq!((defects(ben.enrolled.device), defects(scene.ann.enrolled.device)), (1, 0));
}

#[tokio::test]
async fn a_phone_that_cannot_repair_starts_again() {
    let scene = Scene::new().await;
    let mut request = scene.ben.request(vec![], &[]);
    request.cursor.chain[0] ^= 1;
    let answer = send(&scene.world, &scene.ben, &request).await;
    assert!(answer.start_again && !answer.to_repair && answer.heads.is_none() && answer.tally.is_none());
    let able = SyncRequest { features: features::REPAIR, ..request };
    let answer = send(&scene.world, &scene.ben, &able).await;
    assert!(answer.to_repair && !answer.start_again && answer.cursor == able.cursor);
}

#[tokio::test]
async fn who_repairs_is_told_how_access_stands_now() {
    let scene = Scene::new().await;
    let Scene { world, ben, case, .. } = &scene;
    let withdraw = LocalWrite::Withdraw { person: ben.person, group: *case };
    local(world, ben.person, withdraw).await;
    let groups = vec![GroupTally { group: *case, tally: Tally { count: 1, sum: [1; 16] } }];
    let (answer, entries) = repair(
        world,
        ben,
        RepairRequest { compare: Some(Compare { groups, ..Compare::default() }), ..RepairRequest::default() },
    )
    .await;
    assert_eq!(answer.differ, [*case], "what it holds of the case may still be brought back");
    let told = entries.iter().any(|entry| {
        use alongside_domain::wire::ControlEvent::Withdraw;
        matches!(entry, FeedEntry::Control { event: Withdraw { group, .. }, .. } if group == case)
    });
    assert!(told);
}
