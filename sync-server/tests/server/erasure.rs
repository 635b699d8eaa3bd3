//! A group that was erased: nothing of it is left, nothing of it comes back, and the rest still proves.

use std::{path::Path, sync::Arc};

use alongside_domain::{
    ids::GroupId,
    wire::{ControlEvent, Cursor, FeedEntry, OpeningVerdict, PushedChange, Refusal, Verdict},
};
use alongside_server::{
    erase::{self, EraseError, PagesAfter},
    ingest::{IngestError, LocalProblem, LocalWrite},
    people,
    read_model::{Projector, ReadModel},
    review::{self, Wanted},
    store::{Destroyed, journal_beside},
    verify,
};

use crate::world::{Phone, START, World, family_and_case, new_group, opening};

fn erased(world: &World, group: GroupId) -> Destroyed {
    let (destroyed, emptied) = erase::erase(&world.state.store, START, group, "request").unwrap();
    assert!(emptied);
    destroyed
}

/// A case with notes, two of them by an edit.
async fn case(world: &World, ann: &mut Phone, words: &str) -> (GroupId, GroupId, Vec<PushedChange>) {
    let (family, case, openings) = family_and_case();
    let (mut document, note) = ann.write("note", case, words);
    let edited = ann.edit(&mut document, &format!("{words}, edited"));
    let (_, home) = ann.write("household", family, &format!("{words} at home"));
    let pushed = vec![note, edited, home];
    let synced = ann.sync(world, openings, &pushed).await;
    assert!(synced.answer.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted(_))));
    (family, case, pushed)
}

fn control(entries: &[FeedEntry]) -> Vec<&ControlEvent> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            FeedEntry::Control { event, .. } => Some(event),
            FeedEntry::Change { .. } => None,
        })
        .collect()
}

#[tokio::test]
async fn an_erased_group_stays_away_and_everything_else_proves() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let mut also_ann = world.phone_of(ann.person).await;
    also_ann.sync(&world, vec![], &[]).await;
    let (family, gone, pushed) = case(&world, &mut ann, "a").await;
    let (_, stays, kept) = case(&world, &mut ann, "b").await;
    let head = world.state.store.head().unwrap();
    let destroyed = erased(&world, gone);
    assert_eq!((destroyed.now, destroyed.changes, destroyed.records), (true, 2, 1));
    assert_eq!(destroyed.seq, head.seq + 1);
    let again = erased(&world, gone);
    assert_eq!((again.now, again.seq), (false, destroyed.seq), "once is enough");

    // The phone that had it is told, and what it offers is answered with the same.
    let (_, new) = ann.write("note", gone, "new");
    let late = [pushed[0].clone(), new];
    let synced = ann.sync(&world, vec![opening(gone, "case", &[family])], &late).await;
    let event = ControlEvent::Erase { group: gone, reason: "request".to_owned() };
    assert!(control(&synced.entries).contains(&&event), "{:?}", synced.entries);
    assert_eq!(synced.answer.openings, [OpeningVerdict::Erased]);
    assert_eq!(synced.answer.verdicts, [Verdict::Erased, Verdict::Erased]);

    // One that never synced is sent the other case, and told of this one.
    let synced = also_ann.sync(&world, vec![], &[]).await;
    assert_eq!(synced.changes().len(), kept.len() + 1, "the family stays");
    assert!(!synced.changes().contains(&pushed[0].bytes));
    assert!(control(&synced.entries).contains(&&event));
    assert!(synced.answer.backfills.is_empty() && !synced.answer.more);
    also_ann.cursor = Cursor::default();
    assert!(!also_ann.sync(&world, vec![], &[]).await.changes().contains(&pushed[0].bytes));

    // Under another group it is not taken either.
    let moved = PushedChange { group: stays, ..pushed[0].clone() };
    let verdicts = ann.sync(&world, vec![], &[moved]).await.answer.verdicts;
    assert_eq!(verdicts, [Verdict::Refused(Refusal::WrongRoot)]);
    // Nor is a case opened beside an erased family.
    erased(&world, family);
    let beside = vec![opening(new_group(), "case", &[family])];
    let openings = ann.sync(&world, beside, &[]).await.answer.openings;
    assert_eq!(openings, [OpeningVerdict::Refused(Refusal::UnknownGroup)]);

    let report = verify::verify(world.state.store.path(), None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(report.changes > 5);
}

#[tokio::test]
async fn the_server_itself_writes_nothing_into_an_erased_group() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, gone, _) = case(&world, &mut ann, "a").await;
    erased(&world, gone);
    let ingest = world.state.ingest.clone();
    let person = ann.person;
    let write = |write: LocalWrite| {
        let ingest = ingest.clone();
        tokio::task::spawn_blocking(move || ingest.ingest_local(person, vec![write]))
    };
    let grant = write(LocalWrite::Grant { person, group: gone }).await.unwrap();
    assert_eq!(grant, Err(IngestError::Local { index: 0, problem: LocalProblem::Erased }));
}

#[tokio::test]
async fn a_reason_is_a_code_and_a_group_has_to_be_there() {
    let world = World::new();
    let store = &world.state.store;
    let head = store.head().unwrap();
    assert!(matches!(erase::erase(store, START, new_group(), "Of Mrs O"), Err(EraseError::BadReason)));
    assert!(matches!(erase::erase(store, START, new_group(), "request"), Err(EraseError::UnknownGroup)));
    assert_eq!(store.head().unwrap(), head);
}

#[tokio::test]
async fn what_was_altered_rather_than_erased_is_still_found() {
    let world = World::new();
    let mut ann = world.phone("Ann").await;
    let (_, gone, _) = case(&world, &mut ann, "a").await;
    let (_, other, _) = case(&world, &mut ann, "b").await;
    erased(&world, gone);
    let store = world.state.store.path().to_owned();
    let findings = |sql: &str, group: GroupId| {
        let connection = rusqlite::Connection::open(&store).unwrap();
        connection.execute("SAVEPOINT before", []).unwrap();
        connection.execute(sql, [&group.0[..]]).unwrap();
        connection.execute("RELEASE before", []).unwrap();
        let report = verify::verify(&store, None).unwrap();
        report.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let without_body = findings("UPDATE feed SET body = x'' WHERE kind = 0 AND group_id = ?1", other);
    assert!(without_body.iter().any(|finding| finding.contains("is not the one that was written")));
    let not_marked = findings("DELETE FROM erasures WHERE group_id = ?1", gone);
    assert!(not_marked.iter().any(|finding| finding.contains("whether group")), "{not_marked:?}");
}

/// Whether these bytes stand in any of the store's or the pages' files.
fn stands_in_files(store: &Path, words: &str) -> Vec<String> {
    let folder = store.parent().unwrap();
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        if bytes.windows(words.len()).any(|window| window == words.as_bytes()) {
            found.push(file.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn no_byte_of_an_erased_group_is_left_in_any_file() {
    let world = World::new();
    let store = &world.state.store;
    let pages = store.path().with_file_name("server.db.pages");
    let programme = Arc::clone(&world.state.programme);
    let model = Arc::new(ReadModel::open(&pages, &programme).unwrap());
    let mut projector = Projector::new(Arc::clone(&model), Arc::clone(store), Arc::clone(&programme));

    let mut ann = world.phone("Ann").await;
    let words = "Quillfeather";
    let (_, gone, pushed) = case(&world, &mut ann, &words.repeat(3)).await;
    // Long enough for pages of its own, and among many others, so that pages were split over it.
    let long: Vec<PushedChange> = (0..120)
        .map(|number| {
            let (group, text) = match number % 3 {
                0 => (gone, format!("{words} {}", "x ".repeat(3_000))),
                1 => (gone, format!("{words} {number}")),
                _ => (pushed[2].group, "of the family".repeat(40)),
            };
            ann.write(if group == gone { "note" } else { "household" }, group, &text).1
        })
        .collect();
    for some in long.chunks(7) {
        ann.sync(&world, vec![], some).await;
        projector.catch_up().unwrap();
    }
    // Some of it waits, some was refused.
    people::revoke_device(store, START, ann.enrolled.device).unwrap();
    let (_, waits) = ann.write("note", gone, &format!("{words} waits"));
    let (_, refused) = ann.write("diary", gone, &format!("{words} refused"));
    ann.sync(&world, vec![], &[waits, refused]).await;
    assert_eq!(review::list(store, &Wanted::default()).unwrap().len(), 2);
    projector.catch_up().unwrap();
    let before = stands_in_files(store.path(), words);
    assert!(before.iter().any(|file| file.ends_with(".db") || file.ends_with("-wal")), "{before:?}");
    assert!(before.iter().any(|file| file.contains(".pages")), "{before:?}");

    let destroyed = erased(&world, gone);
    assert_eq!(destroyed.set_aside, 2);
    projector.catch_up().unwrap();
    // Only the family's own note of them is left: that is another group.
    assert_eq!(stands_in_files(store.path(), "of the family").len(), 2);
    erased(&world, pushed[2].group);
    projector.catch_up().unwrap();
    assert_eq!(stands_in_files(store.path(), words), Vec::<String>::new());
    // The pages are what a fresh build gives.
    let fresh = Arc::new(ReadModel::open(&pages.with_extension("fresh"), &programme).unwrap());
    Projector::new(Arc::clone(&fresh), Arc::clone(store), Arc::clone(&programme)).catch_up().unwrap();
    assert_eq!(model.dump().unwrap(), fresh.dump().unwrap());
    let report = verify::verify(store.path(), None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[tokio::test]
async fn the_pages_of_a_store_that_nobody_serves_are_cleared_as_well() {
    let world = World::new();
    let store = &world.state.store;
    let pages = store.path().with_file_name("server.db.pages");
    let programme = Arc::clone(&world.state.programme);
    let mut ann = world.phone("Ann").await;
    let (_, gone, _) = case(&world, &mut ann, "Quillfeather").await;
    let model = Arc::new(ReadModel::open(&pages, &programme).unwrap());
    Projector::new(Arc::clone(&model), Arc::clone(store), Arc::clone(&programme)).catch_up().unwrap();
    drop(model);
    // A copy that nobody works on.
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("server.db");
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    connection.execute("VACUUM INTO ?1", [moved.to_str().unwrap()]).unwrap();
    std::fs::copy(&pages, folder.path().join("server.db.pages")).unwrap();
    std::fs::copy(journal_beside(store.path()), journal_beside(&moved)).unwrap();
    let pages = folder.path().join("server.db.pages");
    assert!(!stands_in_files(&moved, "Quillfeather").is_empty());
    let erased =
        erase::erase_in_files((&moved, &journal_beside(&moved)), &pages, &programme, START, gone, "request")
            .unwrap();
    assert_eq!((erased.pages, erased.log_emptied), (PagesAfter::Erased, true));
    let left = rusqlite::Connection::open(&pages).unwrap();
    let rows: u32 = left.query_row("SELECT count(*) FROM record_row", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1, "the household's");
    drop(left);
    assert!(stands_in_files(&moved, "Quillfeather at home").len() == 2, "the family is another group");
}
