//! Two groups that are one family: led together, undone, and held through a restore.

use alongside_domain::{
    ids::GroupId,
    time::Millis,
    wire::{ControlEvent, FeedEntry, Verdict},
};
use alongside_server::{
    merge::{self, MergeError, UNDO_MS},
    people::{self, NewPerson},
    store::{Store, journal_beside},
    verify,
};

use crate::world::{Phone, START, Synced, World, family_and_case, new_group, opening};

const DAY: i64 = 24 * 3_600_000;

async fn family(world: &World, phone: &mut Phone, words: &str) -> (GroupId, GroupId) {
    let (family, case, openings) = family_and_case();
    let (_, home) = phone.write("household", family, words);
    let synced = phone.sync(world, openings, &[home]).await;
    assert!(matches!(synced.answer.verdicts[..], [Verdict::Accepted(_)]));
    (family, case)
}

/// The links of a group that these entries tell last.
fn links(synced: &Synced, of: GroupId) -> Option<Vec<GroupId>> {
    synced.entries.iter().rev().find_map(|entry| match entry {
        FeedEntry::Control { event: ControlEvent::Group { group, parents, .. }, .. } if *group == of => {
            Some(parents.clone())
        }
        _ => None,
    })
}

fn withdrawn(synced: &Synced) -> Vec<GroupId> {
    let of = |entry: &FeedEntry| match entry {
        FeedEntry::Control { event: ControlEvent::Withdraw { group, .. }, .. } => Some(*group),
        _ => None,
    };
    synced.entries.iter().filter_map(of).collect()
}

fn assert_proves(store: &Store) {
    let report = verify::verify(store.path(), None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[tokio::test]
async fn two_families_become_one_and_two_again() {
    let world = World::new();
    let cora = world.person("Cora", "coordinator");
    let (mut ann, mut bo) = (world.phone("Ann").await, world.phone("Bo").await);
    let (kept, case_a) = family(&world, &mut ann, "a").await;
    let (other, case_b) = family(&world, &mut bo, "b").await;
    let (store, programme) = (&world.state.store, &world.state.programme);
    ann.sync(&world, vec![], &[]).await;
    bo.sync(&world, vec![], &[]).await;

    let merged = merge::merge(store, programme, START, cora, (kept, other), "same_family").unwrap();
    let again = merge::merge(store, programme, START, cora, (kept, other), "same_family").unwrap();
    assert_eq!(again, merged, "merged again, it happens once");
    assert_eq!(merge::list(store).unwrap(), std::slice::from_ref(&merged));
    assert_proves(store);

    let told = bo.sync(&world, vec![], &[]).await;
    assert_eq!(links(&told, case_b), Some(vec![kept]), "the case hangs on the kept family");
    assert_eq!(links(&told, kept), Some(vec![other]), "the other one stands behind it");
    assert_eq!(withdrawn(&told), [], "nobody loses a family for being merged");
    let mut all = told.changes();
    while !bo.backfills.is_empty() {
        all.extend(bo.sync(&world, vec![], &[]).await.changes());
    }
    assert_eq!(all.len(), 1, "Bo reads what Ann wrote of the family");

    // Bo's second phone, not there yet, opened a case with the family it knew; so does a late opening.
    let late = new_group();
    let (_, note) = bo.write("household", other, "late");
    let synced = bo.sync(&world, vec![opening(late, "case", &[other])], &[note]).await;
    assert!(matches!(synced.answer.verdicts[..], [Verdict::Accepted(_)]), "work on the other goes on");
    // A case opened since, at the kept family.
    let since = new_group();
    ann.sync(&world, vec![opening(since, "case", &[kept])], &[]).await;
    let told = bo.sync(&world, vec![], &[]).await;
    assert_eq!(links(&told, late).or(links(&synced, late)), Some(vec![kept]));

    merge::undo(store, programme, Millis(START.0 + DAY), cora, merged.id, "merged_by_mistake").unwrap();
    assert_proves(store);
    let told = bo.sync(&world, vec![], &[]).await;
    assert_eq!(links(&told, case_b), Some(vec![other]), "as it was before");
    assert_eq!(links(&told, late), Some(vec![other]), "as the phone linked it");
    assert_eq!(withdrawn(&told), [kept], "Bo has no case in it");
    let told = ann.sync(&world, vec![], &[]).await;
    assert_eq!(links(&told, kept), Some(vec![]));
    assert_eq!(links(&told, case_a), None, "Ann's own case was never touched");
    assert_eq!(links(&told, since), None, "what came since stays where it was opened");
    assert_eq!(withdrawn(&told), [other]);
}

#[tokio::test]
async fn what_may_not_be_merged_is_refused_and_changes_nothing() {
    let world = World::new();
    let cora = world.person("Cora", "coordinator");
    let (store, programme) = (&world.state.store, &world.state.programme);
    let elsewhere = people::partner(store, START, "Another Charity").unwrap();
    let new = |role: &str| NewPerson {
        name: "Dev".to_owned(),
        role: role.to_owned(),
        partner: elsewhere,
        areas: vec!["E08000025".to_owned()],
    };
    let dev = people::add_person(store, START, programme, &new("coordinator")).unwrap();
    let fay = people::add_person(store, START, programme, &new("supporter")).unwrap();
    let (mut ann, mut fay) = (world.phone("Ann").await, world.phone_of(fay).await);
    let (kept, case) = family(&world, &mut ann, "a").await;
    let (other, other_case) = family(&world, &mut ann, "b").await;
    let (theirs, _) = family(&world, &mut fay, "the same child at another partner").await;
    fay.sync(&world, vec![], &[]).await;
    let head = store.head().unwrap();
    let merge = |by, pair, reason| merge::merge(store, programme, START, by, pair, reason);

    assert!(matches!(merge(cora, (kept, theirs), "same_family"), Err(MergeError::NotAPair)));
    assert!(matches!(merge(dev, (theirs, kept), "same_family"), Err(MergeError::NotAPair)));
    assert!(matches!(merge(dev, (kept, other), "same_family"), Err(MergeError::NotEntitled)));
    assert!(matches!(merge(ann.person, (kept, other), "same_family"), Err(MergeError::NotEntitled)));
    assert!(matches!(merge(cora, (case, other_case), "same_case"), Err(MergeError::NotAPair)));
    assert!(matches!(merge(cora, (kept, kept), "same_family"), Err(MergeError::NotAPair)));
    assert!(matches!(merge(cora, (kept, new_group()), "same_family"), Err(MergeError::UnknownGroup)));
    assert!(matches!(merge(cora, (kept, other), "Tom's family"), Err(MergeError::BadReason)));
    assert_eq!(store.head().unwrap(), head, "nothing was written");

    let merged = merge(cora, (kept, other), "same_family").unwrap();
    assert!(matches!(merge(cora, (other, kept), "same_family"), Err(MergeError::MergedAlready)));
    let late = Millis(START.0 + UNDO_MS + 1);
    let undone = merge::undo(store, programme, late, cora, merged.id, "mistake");
    assert!(matches!(undone, Err(MergeError::TooLate)));
    let told = fay.sync(&world, vec![], &[]).await;
    assert!(told.entries.is_empty(), "nothing of it reaches the other partner: {:?}", told.entries);
}

#[tokio::test]
async fn a_server_restored_from_before_the_merge_takes_it_in_and_can_undo_it() {
    let world = World::new();
    let cora = world.person("Cora", "coordinator");
    let mut ann = world.phone("Ann").await;
    let (kept, _) = family(&world, &mut ann, "a").await;
    let (other, case) = family(&world, &mut ann, "b").await;
    let (store, programme) = (&world.state.store, &world.state.programme);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    alongside_server::backup::backup(store.path(), &copy).unwrap();
    let merged = merge::merge(store, programme, START, cora, (kept, other), "same_family").unwrap();

    let restored = Store::open_with(&copy, &journal_beside(store.path())).unwrap();
    assert_eq!(merge::list(&restored).unwrap(), std::slice::from_ref(&merged));
    assert_proves(&restored);
    let again = merge::merge(&restored, programme, START, cora, (kept, other), "same_family").unwrap();
    assert_eq!(again, merged);
    let undone = merge::undo(&restored, programme, START, cora, merged.id, "mistake").unwrap();
    assert_eq!(undone.led.iter().map(|led| led.group).collect::<Vec<_>>(), [case]);
    assert_proves(&restored);
}
