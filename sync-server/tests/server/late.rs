//! Work that comes too late: after access was withdrawn, from a revoked device. Nothing of it is lost, and
//! nothing of it gets into the feed without a coordinator.

use alongside_domain::{
    ids::{GroupId, PersonId},
    record::Document,
    time::Millis,
    wire::{ControlEvent, ErrorCode, FeedEntry, OpeningVerdict, PushedChange, Refusal, Verdict},
};
use alongside_server::{
    ingest::LocalWrite,
    people,
    review::{self, ReviewError, State, Taken, Wanted},
    verify,
};
use axum::http::StatusCode;

use crate::world::{Phone, START, Synced, World, family_and_case, new_group, opening};

const HOUR: i64 = 3_600_000;
const LATE: Verdict = Verdict::Review(Refusal::AfterWithdrawal);
const REVOKED: Verdict = Verdict::Review(Refusal::RevokedDevice);
const WAITING: Wanted = Wanted { state: Some(State::Review), group: None, author: None, id: None };
const REFUSED: Wanted = Wanted { state: Some(State::Refused), group: None, author: None, id: None };

async fn local(world: &World, author: PersonId, write: LocalWrite) {
    let ingest = world.state.ingest.clone();
    tokio::task::spawn_blocking(move || ingest.ingest_local(author, vec![write])).await.unwrap().unwrap();
}

async fn withdraw(world: &World, person: PersonId, group: GroupId) {
    local(world, person, LocalWrite::Withdraw { person, group }).await;
}

fn after(world: &World, hours: i64) -> Millis {
    let now = Millis(START.0 + hours * HOUR);
    world.clock.set(now);
    now
}

fn waiting(world: &World) -> Vec<u64> {
    review::list(&world.state.store, &WAITING).unwrap().iter().map(|line| line.id).collect()
}

fn take(world: &World, ids: &[u64]) -> Vec<Taken> {
    let taken = review::take(&world.state.store, START, &world.state.programme, ids).unwrap();
    assert!(taken.iter().map(|(id, _)| id).eq(ids), "{taken:?}");
    taken.into_iter().map(|(_, taken)| taken).collect()
}

fn is_sound(world: &World) {
    let report = verify::verify(world.state.store.path(), None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// What a phone is told of decisions: group, whether it is about a change, and the code of a refusal.
fn told(synced: &Synced) -> Vec<(GroupId, bool, Option<String>)> {
    synced
        .entries
        .iter()
        .filter_map(|entry| match entry {
            FeedEntry::Control { event: ControlEvent::Reviewed { group, change, refused, .. }, .. } => {
                Some((*group, change.is_some(), refused.clone()))
            }
            _ => None,
        })
        .collect()
}

/// A phone whose person had a case, with a note in it, and lost it; what it has not sent yet.
async fn withdrawn(world: &World) -> (Phone, GroupId, Document) {
    let mut ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let (document, note) = ann.write("note", case, "in time");
    ann.sync(world, openings, &[note]).await;
    withdraw(world, ann.person, case).await;
    (ann, case, document)
}

#[tokio::test]
async fn late_work_is_taken_for_two_days_and_then_kept_for_a_coordinator() {
    let world = World::new();
    let (mut ann, case, mut document) = withdrawn(&world).await;
    after(&world, 47);
    let first = ann.edit(&mut document, "first");
    assert!(matches!(ann.sync(&world, vec![], &[first]).await.answer.verdicts[..], [Verdict::Accepted(_)]));
    after(&world, 48);
    let second = ann.edit(&mut document, "second");
    let head = world.state.store.head().unwrap();
    assert_eq!(ann.sync(&world, vec![], std::slice::from_ref(&second)).await.answer.verdicts, [LATE]);
    assert_eq!(world.state.store.head().unwrap(), head, "nothing of it is in the feed");
    // Sent again, and with what stands on it.
    let third = ann.edit(&mut document, "third");
    let fourth = ann.edit(&mut document, "fourth");
    let pushed = [second, third];
    assert_eq!(ann.sync(&world, vec![], &pushed).await.answer.verdicts, [LATE, LATE]);
    assert_eq!(ann.sync(&world, vec![], &[fourth]).await.answer.verdicts, [LATE], "not `missing`");
    let lines = review::list(&world.state.store, &WAITING).unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[0].group, lines[0].author, lines[0].reason), (case, ann.person, "after_withdrawal"));
    assert!(!serde_json::to_string(&lines).unwrap().contains("second"), "no values in a list");
    let shown = review::details(&world.state.store, &WAITING).unwrap();
    assert_eq!(shown[0].values[0].value, "second".into());

    // The coordinator takes all three, named in any order.
    let ids = waiting(&world);
    let outcome = review::take(&world.state.store, START, &world.state.programme, &[ids[2], ids[0], ids[1]]);
    assert!(outcome.unwrap().iter().all(|(_, taken)| matches!(taken, Taken::Accepted(_))));
    let stored = world.state.store.changes_of(document.root().unwrap().id).unwrap();
    let merged = Document::load(stored.iter().map(|change| change.bytes.as_slice())).unwrap();
    assert_eq!(merged.heads(), document.heads());
    assert!(stored.iter().all(|change| change.author == ann.person));
    assert!(stored.iter().all(|change| change.device == Some(ann.enrolled.device)));
    assert!(waiting(&world).is_empty());
    let synced = ann.sync(&world, vec![], &[]).await;
    assert_eq!(told(&synced), vec![(case, true, None); 3]);
    assert!(synced.changes().is_empty(), "the case itself is not hers any more");
    is_sound(&world);
}

#[tokio::test]
async fn what_stands_on_others_is_not_taken_without_them() {
    let world = World::new();
    let (mut ann, _, mut document) = withdrawn(&world).await;
    after(&world, 100);
    let pushed = [ann.edit(&mut document, "one"), ann.edit(&mut document, "two")];
    assert_eq!(ann.sync(&world, vec![], &pushed).await.answer.verdicts, [LATE, LATE]);
    let ids = waiting(&world);
    assert_eq!(take(&world, &ids[1..]), [Taken::Missing]);
    assert_eq!(waiting(&world), ids, "it still waits");
    assert!(matches!(take(&world, &ids)[..], [Taken::Accepted(_), Taken::Accepted(_)]));
    let error = review::take(&world.state.store, START, &world.state.programme, &ids).unwrap_err();
    assert!(matches!(error, ReviewError::NotWaiting(id) if id == ids[0]));
}

#[tokio::test]
async fn what_a_coordinator_refuses_goes_with_all_that_stands_on_it() {
    let world = World::new();
    let (mut ann, case, mut document) = withdrawn(&world).await;
    after(&world, 100);
    let pushed = [ann.edit(&mut document, "one"), ann.edit(&mut document, "two")];
    let (_, other) = ann.write("note", case, "another record");
    ann.sync(&world, vec![], &[pushed[0].clone(), pushed[1].clone(), other]).await;
    let ids = waiting(&world);
    let bad = review::refuse(&world.state.store, START, &ids[..1], "Mrs Okafor asked");
    assert!(matches!(bad, Err(ReviewError::BadReason)));
    let refused = review::refuse(&world.state.store, START, &ids[..1], "entered_twice").unwrap();
    assert_eq!(refused, ids[..2]);
    assert_eq!(waiting(&world), ids[2..]);
    let kept = review::details(&world.state.store, &REFUSED).unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].line.decision.as_deref(), Some("entered_twice"));
    let synced = ann.sync(&world, vec![], &pushed).await;
    let by_coordinator = Verdict::Refused(Refusal::ByCoordinator);
    assert_eq!(synced.answer.verdicts[0], by_coordinator, "a decision stands");
    assert_eq!(told(&synced).len(), 2);
    assert!(told(&synced).contains(&(case, true, Some("entered_twice".to_owned()))));
    assert_eq!(waiting(&world), ids[2..], "nothing of it waits again");
    is_sound(&world);
}

#[tokio::test]
async fn a_revoked_phone_delivers_and_is_sent_nothing() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let mut also_ann = world.phone_of(ann.person).await;
    let (_, case, openings) = family_and_case();
    let (mut document, note) = ann.write("note", case, "before");
    ann.sync(&world, openings, std::slice::from_ref(&note)).await;
    people::revoke_device(&world.state.store, START, ann.enrolled.device).unwrap();
    // Written on her other phone meanwhile.
    let (_, elsewhere) = also_ann.write("note", case, "elsewhere");
    also_ann.sync(&world, vec![], &[elsewhere]).await;

    let place = ann.cursor;
    let edited = ann.edit(&mut document, "unsent");
    let synced = ann.sync(&world, vec![], &[note, edited.clone()]).await;
    assert!(matches!(synced.answer.verdicts[..], [Verdict::Have(_), REVOKED]), "{:?}", synced.answer);
    assert!(synced.answer.revoked && !synced.answer.more && synced.entries.is_empty());
    assert_eq!(synced.answer.cursor, place, "it is not told how far the feed is");
    let later = ann.edit(&mut document, "more");
    assert_eq!(ann.sync(&world, vec![], &[later]).await.answer.verdicts, [REVOKED]);
    let (status, error) = ann.try_sync(&world, vec![], &[]).await.map(drop).unwrap_err();
    assert_eq!((status, error.code), (StatusCode::FORBIDDEN, ErrorCode::Revoked));

    assert!(take(&world, &waiting(&world)).iter().all(|taken| matches!(taken, Taken::Accepted(_))));
    let came: Vec<_> = also_ann.sync(&world, vec![], &[]).await.changes();
    assert!(came.contains(&edited.bytes), "her other phone gets it");
    is_sound(&world);
}

#[tokio::test]
async fn what_a_revoked_phone_opened_waits_with_all_that_is_in_it() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let also_ann = world.phone_of(ann.person).await;
    people::revoke_device(&world.state.store, START, ann.enrolled.device).unwrap();
    let (family, case, openings) = family_and_case();
    let (mut document, note) = ann.write("note", case, "a");
    let synced = ann.sync(&world, openings.clone(), &[note]).await;
    let waits = OpeningVerdict::Review(Refusal::RevokedDevice);
    assert_eq!(synced.answer.openings, [waits.clone(), waits.clone()]);
    assert_eq!(synced.answer.verdicts, [REVOKED]);
    let later = ann.edit(&mut document, "b");
    let synced = ann.sync(&world, openings.clone(), &[later]).await;
    assert_eq!((synced.answer.openings, synced.answer.verdicts), (vec![waits.clone(), waits], vec![REVOKED]));
    let ids = waiting(&world);
    assert_eq!(ids.len(), 4, "two openings, two changes");
    assert_eq!(take(&world, &ids[1..]), [Taken::NoGroup; 3], "not without the family");
    assert!(take(&world, &ids).iter().all(|taken| matches!(taken, Taken::Accepted(_))));
    // It is hers: she is granted it on the phone that she has now.
    let mut also_ann = also_ann;
    let synced = also_ann.sync(&world, vec![], &[]).await;
    assert_eq!(synced.changes().len(), 2);
    let granted = |wanted| {
        synced.entries.iter().any(|entry| {
            matches!(entry, FeedEntry::Control { event: ControlEvent::Grant { group, .. }, .. } if *group == wanted)
        })
    };
    assert!(granted(family) && granted(case));
    assert_eq!(also_ann.sync(&world, openings, &[]).await.answer.openings, vec![OpeningVerdict::Opened; 2]);
    is_sound(&world);
}

#[tokio::test]
async fn a_group_beside_one_that_is_no_longer_theirs_waits_at_once() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let family = new_group();
    ann.sync(&world, vec![opening(family, "family", &[])], &[]).await;
    withdraw(&world, ann.person, family).await;
    let case = new_group();
    let (_, note) = ann.write("note", case, "a");
    let openings = vec![opening(case, "case", &[family])];
    let synced = ann.sync(&world, openings.clone(), std::slice::from_ref(&note)).await;
    assert_eq!(synced.answer.openings, [OpeningVerdict::Review(Refusal::AfterWithdrawal)]);
    assert_eq!(synced.answer.verdicts, [LATE]);
    assert!(take(&world, &waiting(&world)).iter().all(|taken| matches!(taken, Taken::Accepted(_))));
    let synced = ann.sync(&world, openings, &[note]).await;
    assert_eq!(synced.answer.openings, [OpeningVerdict::Opened], "it is there");
    assert!(matches!(synced.answer.verdicts[..], [Verdict::Have(_)]));
    let ends = |wanted| {
        synced.entries.iter().any(|entry| {
            matches!(entry, FeedEntry::Control { event: ControlEvent::Withdraw { group, .. }, .. } if *group == wanted)
        })
    };
    assert!(ends(case) && synced.changes().is_empty(), "and it is not hers");
    is_sound(&world);
}

#[tokio::test]
async fn an_opening_that_is_refused_takes_along_what_is_in_it() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    people::revoke_device(&world.state.store, START, ann.enrolled.device).unwrap();
    let (family, case, openings) = family_and_case();
    let (_, note) = ann.write("note", case, "a");
    ann.sync(&world, openings.clone(), &[note]).await;
    let ids = waiting(&world);
    let refused = review::refuse(&world.state.store, START, &ids[1..2], "not_ours").unwrap();
    assert_eq!(refused, ids[1..], "the case with its note; the family still waits");
    let again = ann.sync(&world, openings, &[]).await.answer.openings;
    let expected =
        [OpeningVerdict::Review(Refusal::RevokedDevice), OpeningVerdict::Refused(Refusal::ByCoordinator)];
    assert_eq!(again, expected);
    assert_ne!(family, case);
}

#[tokio::test]
async fn access_that_comes_back_takes_in_what_waited_when_it_is_sent_again() {
    let world = World::new();
    let (mut ann, case, mut document) = withdrawn(&world).await;
    after(&world, 100);
    let late = ann.edit(&mut document, "late");
    assert_eq!(ann.sync(&world, vec![], std::slice::from_ref(&late)).await.answer.verdicts, [LATE]);
    local(&world, ann.person, LocalWrite::Grant { person: ann.person, group: case }).await;
    let synced = ann.sync(&world, vec![], &[late]).await;
    assert!(matches!(synced.answer.verdicts[..], [Verdict::Accepted(_)]));
    assert!(waiting(&world).is_empty(), "nobody has to decide on it any more");
}

#[tokio::test]
async fn what_is_refused_is_kept_with_its_bytes_and_reason() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, case, openings) = family_and_case();
    let (_, unknown_form) = ann.write("diary", case, "no such form");
    let (_, elsewhere) = ann.write("note", new_group(), "nowhere");
    let garbage = PushedChange { bytes: vec![7; 30], ..elsewhere.clone() };
    let broken = PushedChange { group: case, bytes: vec![8; 30], ..elsewhere.clone() };
    let pushed = [unknown_form.clone(), elsewhere, garbage, broken];
    for _ in 0..2 {
        ann.sync(&world, openings.clone(), &pushed).await;
    }
    let kept = review::details(&world.state.store, &REFUSED).unwrap();
    let reasons: Vec<_> = kept.iter().map(|shown| shown.line.reason).collect();
    assert_eq!(reasons, ["unknown_form", "unknown_group", "unknown_group", "malformed"], "each once");
    assert_eq!(kept[0].values[0].value, "no such form".into());
    assert_eq!(kept[0].line.form.as_deref(), Some("diary"));
    assert!(kept[3].values.is_empty() && kept[3].at.is_none());
    let mut out = Vec::new();
    assert_eq!(review::export(&world.state.store, &REFUSED, &mut out).unwrap(), 4);
    let first: serde_json::Value =
        serde_json::from_slice(out.split(|b| *b == b'\n').next().unwrap()).unwrap();
    use base64::Engine as _;
    let raw = base64::engine::general_purpose::STANDARD.decode(first["raw"].as_str().unwrap()).unwrap();
    assert_eq!(raw, unknown_form.bytes);
    assert!(waiting(&world).is_empty());
}

#[tokio::test]
async fn a_flood_of_refused_changes_does_not_grow_without_end() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, one) = ann.write("note", new_group(), "nowhere");
    let flood: Vec<_> = (0..2_500_u32)
        .map(|number| PushedChange { bytes: number.to_le_bytes().repeat(5), ..one.clone() })
        .collect();
    ann.sync(&world, vec![], &flood).await;
    let kept = review::list(&world.state.store, &REFUSED).unwrap();
    assert_eq!(kept.len(), 1_000, "the newest of a device");
    assert_eq!(kept.last().unwrap().id, 2_500);
}
