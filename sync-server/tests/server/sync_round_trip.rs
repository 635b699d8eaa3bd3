//! Real documents through the router and back.

use alongside_domain::{
    record::Document,
    wire::{Cursor, FeedEntry, OpeningVerdict, Refusal, SyncAnswer, Verdict},
};
use alongside_server::{ingest::LocalWrite, store::LogBody};

use crate::world::{START, World, family_and_case, new_group, no_such_change, opening};

#[tokio::test]
async fn what_one_phone_writes_another_reads_once_it_is_granted() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let mut ben = world.phone("Ben").await;
    let (_, case, openings) = family_and_case();
    let (mut note, created) = ann.write("note", case, "first visit");
    let edited = ann.edit(&mut note, "second visit");
    let pushed = [created, edited];
    let synced = ann.sync(&world, openings, &pushed).await;
    assert_eq!(synced.answer.openings, [OpeningVerdict::Opened, OpeningVerdict::Opened]);
    let [Verdict::Accepted(first), Verdict::Accepted(second)] = synced.answer.verdicts[..] else {
        panic!("{:?}", synced.answer.verdicts);
    };
    assert_eq!(second, first + 1);
    assert!(synced.changes().is_empty(), "what was just accepted does not come back");
    assert_eq!(world.state.store.head().unwrap(), ann.cursor);

    // Not granted: nothing of the case.
    assert!(ben.sync(&world, vec![], &[]).await.changes().is_empty());
    world.state.ingest.prepare(ann.enrolled.device, ann.person, vec![], vec![]).map(drop).unwrap();
    let ingest = world.state.ingest.clone();
    let grant = LocalWrite::Grant { person: ben.person, group: case };
    let author = ann.person;
    tokio::task::spawn_blocking(move || ingest.ingest_local(author, vec![grant])).await.unwrap().unwrap();
    let synced = ben.sync(&world, vec![], &[]).await;
    let changes = synced.changes();
    let document = Document::load(changes.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(document.heads(), note.heads());
    assert!(synced.answer.backfills.is_empty() && !synced.answer.more);
    assert!(ben.sync(&world, vec![], &[]).await.entries.is_empty(), "nothing comes twice");
}

#[tokio::test]
async fn a_push_sent_again_is_known_with_its_number() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let (_, created) = ann.write("note", case, "a");
    let first = ann.sync(&world, openings.clone(), std::slice::from_ref(&created)).await;
    let Verdict::Accepted(seq) = first.answer.verdicts[0] else { panic!() };
    let head = world.state.store.head().unwrap();
    let again = ann.sync(&world, openings, &[created.clone(), created]).await;
    assert_eq!(again.answer.verdicts, [Verdict::Have(seq), Verdict::Have(seq)]);
    assert_eq!(again.answer.openings, [OpeningVerdict::Opened, OpeningVerdict::Opened]);
    assert_eq!(world.state.store.head().unwrap(), head, "nothing was written");
}

#[tokio::test]
async fn one_change_that_is_not_taken_does_not_hold_up_the_others() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let mut ben = world.phone("Ben").await;
    let (_, bens, openings) = family_and_case();
    ben.sync(&world, openings, &[]).await;
    let (_, anns, mut openings) = family_and_case();
    openings.push(opening(new_group(), "office", &[]));
    openings.push(opening(new_group(), "case", &[bens]));

    let (_, foreign_group) = ann.write("note", bens, "not mine");
    let (_, unknown_group) = ann.write("note", new_group(), "nowhere");
    let (_, unknown_form) = ann.write("diary", anns, "no such form");
    let (_, wrong_place) = ann.write("household", anns, "lives in a family");
    let (_, foreign_actor) = ben.write("note", anns, "written by another");
    let mut later = ben.write("note", bens, "of Ben");
    let orphan = ben.edit(&mut later.0, "its ancestor was not sent");
    let orphan = alongside_domain::wire::PushedChange { group: anns, ..orphan };
    let (mut consent, given) = ann.write("consent", anns, "yes");
    let overwritten = ann.edit(&mut consent, "no");
    let (mut fine, created) = ann.write("note", anns, "fine");
    let edited = ann.edit(&mut fine, "still fine");
    let mut broken = created.clone();
    broken.bytes.truncate(20);
    let pushed = [
        foreign_group,
        unknown_group,
        unknown_form,
        wrong_place,
        foreign_actor,
        orphan,
        given,
        overwritten,
        broken,
        created,
        edited,
    ];
    // Ben's actor is bound by his own work.
    let (_, bens_own) = ben.write("note", bens, "mine");
    ben.sync(&world, vec![], &[bens_own]).await;

    let synced = ann.sync(&world, openings, &pushed).await;
    assert_eq!(
        synced.answer.openings,
        [
            OpeningVerdict::Opened,
            OpeningVerdict::Opened,
            OpeningVerdict::Refused(Refusal::BadOpening),
            OpeningVerdict::Refused(Refusal::NotEntitled),
        ]
    );
    let verdicts = &synced.answer.verdicts;
    assert_eq!(verdicts[0], Verdict::Refused(Refusal::NotEntitled));
    assert_eq!(verdicts[1], Verdict::Refused(Refusal::UnknownGroup));
    assert_eq!(verdicts[2], Verdict::Refused(Refusal::UnknownForm));
    assert_eq!(verdicts[3], Verdict::Refused(Refusal::UnknownForm));
    assert_eq!(verdicts[4], Verdict::Refused(Refusal::ForeignActor));
    assert!(matches!(&verdicts[5], Verdict::Missing(hashes) if hashes.len() == 1), "{:?}", verdicts[5]);
    assert!(matches!(verdicts[6], Verdict::Accepted(_)), "{:?}", verdicts[6]);
    assert_eq!(verdicts[7], Verdict::Refused(Refusal::Immutable));
    assert_eq!(verdicts[8], Verdict::Refused(Refusal::Malformed));
    assert!(matches!(verdicts[9..], [Verdict::Accepted(_), Verdict::Accepted(_)]), "{:?}", &verdicts[9..]);
}

#[tokio::test]
async fn a_change_upon_one_that_was_refused_is_not_taken_either() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let mut ben = world.phone("Ben").await;
    let (_, case, openings) = family_and_case();
    ann.sync(&world, openings, &[]).await;
    let (mut document, by_ben) = ben.write("note", case, "by Ben");
    let by_ann = ann.edit(&mut document, "by Ann, upon it");
    let synced = ann.sync(&world, vec![], &[by_ben, by_ann]).await;
    let root = document.changes()[0].hash;
    assert_eq!(
        synced.answer.verdicts,
        [Verdict::Refused(Refusal::ForeignActor), Verdict::Missing(vec![root])]
    );
    assert_ne!(root, no_such_change());
    // Nothing of the record is in the feed.
    let record = document.root().unwrap().id;
    assert!(world.state.store.changes_of(record).unwrap().is_empty());
    drop(ben.sync(&world, vec![], &[]).await);
}

#[tokio::test]
async fn who_may_only_read_writes_nothing() {
    let world = World::new();
    let person = world.person("Vi", "visitor");
    let mut phone = world.phone_of(person).await;
    let (_, case, openings) = family_and_case();
    let (_, note) = phone.write("note", case, "a");
    let synced = phone.sync(&world, openings, &[note]).await;
    assert_eq!(
        synced.answer.openings,
        [OpeningVerdict::Refused(Refusal::NotEntitled), OpeningVerdict::Refused(Refusal::NotEntitled)]
    );
    assert_eq!(synced.answer.verdicts, [Verdict::Refused(Refusal::UnknownGroup)]);
}

#[tokio::test]
async fn a_restored_phone_gets_its_own_work_back() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let before = (ann.cursor, ann.backfills.clone());
    let (_, note) = ann.write("note", case, "a");
    let synced = ann.sync(&world, openings, std::slice::from_ref(&note)).await;
    let Verdict::Accepted(seq) = synced.answer.verdicts[0] else { panic!() };
    // Restored from before that sync: it acknowledges nothing.
    (ann.cursor, ann.backfills) = before.clone();
    assert_eq!(ann.sync(&world, vec![], &[]).await.changes(), [note.bytes]);
    // With the acknowledgement it does not come.
    (ann.cursor, ann.backfills) = before;
    ann.own_high = seq;
    assert!(ann.sync(&world, vec![], &[]).await.changes().is_empty());
}

#[tokio::test]
async fn a_place_that_the_server_does_not_know_means_starting_again() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let (_, note) = ann.write("note", case, "a");
    ann.sync(&world, openings, std::slice::from_ref(&note)).await;
    ann.cursor.chain[0] ^= 1;
    let synced = ann.sync(&world, vec![], &[]).await;
    assert!(synced.answer.start_again && synced.entries.is_empty());
    assert_eq!(ann.cursor, Cursor::default());
    let synced = ann.sync(&world, vec![], std::slice::from_ref(&note)).await;
    assert!(matches!(synced.answer.verdicts[..], [Verdict::Have(_)]));
    assert_eq!(synced.changes(), [note.bytes]);

    ann.cursor.seq += 100;
    assert!(ann.sync(&world, vec![], &[]).await.answer.start_again);
}

#[tokio::test]
async fn a_head_that_the_server_does_not_know_means_starting_again_in_the_middle_of_a_pull() {
    let world = World::new();
    let ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let (_, note) = ann.write("note", case, "a");
    let mut request = ann.request(openings, std::slice::from_ref(&note));
    request.limit = 1;
    let answer: SyncAnswer = world.send("/v1/sync", Some(&ann.enrolled.token), &request).await.unwrap();
    let Verdict::Accepted(seq) = answer.verdicts[0] else { panic!() };
    let head = answer.head.unwrap();
    assert!(answer.more && answer.cursor.seq < seq, "accepted beyond the place that it was brought to");
    assert_eq!(head, world.state.store.head().unwrap());
    let mut next = ann.request(vec![], &[]);
    (next.cursor, next.seen) = (answer.cursor, Some(head));
    let answer: SyncAnswer = world.send("/v1/sync", Some(&ann.enrolled.token), &next).await.unwrap();
    assert!(!answer.start_again && answer.head.is_none(), "at the head there is nothing to add");
    // Restored to a place between the cursor and what it had accepted.
    next.seen = Some(Cursor { seq: head.seq, chain: [1; 16] });
    let answer: SyncAnswer = world.send("/v1/sync", Some(&ann.enrolled.token), &next).await.unwrap();
    assert!(answer.start_again);
}

#[tokio::test]
async fn the_servers_readers_see_what_happened_in_order() {
    let world = World::new();
    let mut head = world.state.store.subscribe_head();
    let before = *head.borrow_and_update();
    let mut ann = world.phone("Ann").await;
    let (family, case, openings) = family_and_case();
    let (document, note) = ann.write("note", case, "a");
    ann.sync(&world, openings, std::slice::from_ref(&note)).await;
    assert!(head.has_changed().unwrap() && *head.borrow_and_update() > before);

    let log = world.state.store.log_after(before, 100).unwrap();
    let kinds: Vec<String> = log
        .iter()
        .map(|entry| match &entry.body {
            LogBody::Change { author, device, .. } => {
                assert_eq!((*author, *device), (ann.person, Some(ann.enrolled.device)));
                "change".to_owned()
            }
            LogBody::Erased { .. } => "erased".to_owned(),
            LogBody::Control(event) => {
                format!("{event:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
            }
        })
        .collect();
    assert_eq!(kinds, ["Person", "Enrol", "Group", "Grant", "Group", "Grant", "change"]);
    assert!(log.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
    let stored = world.state.store.changes_of(document.root().unwrap().id).unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].received_at, &stored[0].bytes), (START, &note.bytes));
    assert_ne!(family, case);
    // The phone that comes fresh sees the group before its grant's content.
    ann.cursor = Cursor::default();
    let entries = ann.sync(&world, vec![], &[]).await.entries;
    let changes = entries.iter().filter(|entry| matches!(entry, FeedEntry::Change { .. })).count();
    assert_eq!(changes, 1);
}

#[tokio::test]
async fn what_the_server_has_is_not_refused_to_its_author_once_access_has_ended() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let (mut document, note) = ann.write("note", case, "a");
    let synced = ann.sync(&world, openings, std::slice::from_ref(&note)).await;
    let Verdict::Accepted(seq) = synced.answer.verdicts[0] else { panic!() };
    let withdraw = LocalWrite::Withdraw { person: ann.person, group: case };
    let ingest = world.state.ingest.clone();
    let author = ann.person;
    tokio::task::spawn_blocking(move || ingest.ingest_local(author, vec![withdraw])).await.unwrap().unwrap();
    // The answer was lost: the phone sends it again, with what was written on top.
    let later = ann.edit(&mut document, "b");
    let pushed = [note, later];
    let mut ben = world.phone("Ben").await;
    world.clock.advance(100 * 3_600_000);
    let late = Verdict::Review(Refusal::AfterWithdrawal);
    assert_eq!(ann.sync(&world, vec![], &pushed).await.answer.verdicts, [Verdict::Have(seq), late]);
    // Somebody else is told nothing of it.
    let not_his = Verdict::Refused(Refusal::NotEntitled);
    assert_eq!(ben.sync(&world, vec![], &pushed).await.answer.verdicts, [not_his.clone(), not_his]);
}
