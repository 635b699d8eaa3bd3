//! What a crash may leave of a store, and how it opens.

use alongside_server::store::{Store, StoreError};

use crate::office::Office;

#[test]
fn a_first_start_that_was_killed_is_simply_made_again() {
    let office = Office::empty();
    // It had begun to make the file under its other name.
    std::fs::write(office.file("alongside.db.new"), "").unwrap();
    std::fs::write(office.file("alongside.db.new-journal"), "half").unwrap();
    drop(Store::open(office.store()).unwrap());
    assert!(!office.file("alongside.db.new").exists() && !office.file("alongside.db.new-journal").exists());
    assert!(office.verify().is_clean());
}

#[test]
fn many_may_start_at_once_where_there_is_no_store_yet() {
    let office = Office::empty();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::open(office.store()).map(drop))).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
    assert!(office.verify().is_clean());
}

#[test]
fn a_page_cut_while_it_was_written_is_taken_from_the_log() {
    let office = Office::empty();
    let work = office.fill();
    work.note("In the log only");
    let head = work.store.head().unwrap();
    // A disk that was full, or a power cut, in the middle of a page: the log is there.
    let left = office.file("left.db");
    let mut bytes = std::fs::read(office.store()).unwrap();
    bytes.extend([7; 1000]);
    std::fs::write(&left, &bytes).unwrap();
    std::fs::copy(office.file("alongside.db-wal"), office.file("left.db-wal")).unwrap();
    std::fs::copy(office.file("alongside.db.journal"), office.file("left.db.journal")).unwrap();
    let store = Store::open(&left).unwrap();
    assert_eq!(store.head().unwrap(), head);
    drop(store);
    assert_eq!(alongside_server::verify::verify(&left, None).unwrap().findings, []);
    // Without the log nobody can tell what was there.
    std::fs::write(&left, &bytes).unwrap();
    assert!(matches!(Store::open(&left), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_log_without_its_store_is_not_taken_for_a_new_store() {
    let office = Office::empty();
    let work = office.fill();
    std::fs::copy(office.file("alongside.db-wal"), office.file("lost.db-wal")).unwrap();
    drop(work);
    let error = Store::open(office.file("lost.db")).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(!office.file("lost.db").exists());
}
