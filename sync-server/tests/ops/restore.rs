//! Restoring: what is put in place is whole, what was there is kept, and nobody works on it meanwhile.

use alongside_domain::time::Millis;
use alongside_server::{
    backup::{RestoreError, backup, restore},
    store::{Store, StoreError},
};

use crate::office::{Office, START};

fn names(office: &Office) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(office.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_store_that_was_there_is_kept_and_the_pages_are_built_again() {
    let office = Office::empty();
    let work = office.fill();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    work.note("After the backup");
    let head = work.store.head().unwrap().seq;
    drop(work);
    office.build_pages();
    let restored = restore(&made.file, &office.store(), &office.pages(), START).unwrap();
    assert_eq!((restored.report.head, restored.head_before), (made.report.head, Some(head)));
    assert_eq!(restored.from_journal, Some(0), "nobody was let in or shut out after the backup");
    let kept = restored.kept.unwrap();
    assert!(kept.ends_with("alongside.db.replaced-2015-03-16T090000Z"), "{}", kept.display());
    assert_eq!(
        names(&office),
        [
            "alongside.db",
            "alongside.db.journal",
            "alongside.db.replaced-2015-03-16T090000Z",
            "alongside.db.signing-key",
            "backup"
        ]
    );
    assert_eq!(office.verify_file(&kept).head, head, "what came after the backup is kept");
    office.build_pages();
    assert_eq!(office.verify().findings, []);
    // A second time in the same second takes another name; a kept store is a backup like any other.
    let again = restore(&kept, &office.store(), &office.pages(), START).unwrap();
    assert_eq!(again.report.head, head);
    assert!(again.kept.unwrap().ends_with("alongside.db.replaced-2015-03-16T090000Z-2"));
}

#[test]
fn a_store_in_use_is_left_alone_and_a_restore_lets_nobody_in() {
    let office = Office::empty();
    let work = office.fill();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    let error = restore(&made.file, &office.store(), &office.pages(), START).unwrap_err();
    assert!(matches!(error, RestoreError::InUse), "{error:?}");
    assert!(error.to_string().contains("stop the server"));
    work.note("Still at work");
    drop(work);
    let lock = std::fs::File::open(office.file("alongside.db.lock")).unwrap();
    lock.try_lock().unwrap();
    let waiting = std::thread::spawn({
        let path = office.store();
        move || Store::open(path).map(drop)
    });
    lock.unlock().unwrap();
    waiting.join().unwrap().unwrap();
    restore(&made.file, &office.store(), &office.pages(), START).unwrap();
}

#[test]
fn a_restore_waits_for_one_that_is_just_letting_go() {
    let office = Office::empty();
    drop(office.fill());
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    let lock = std::fs::File::open(office.file("alongside.db.lock")).unwrap();
    lock.try_lock_shared().unwrap();
    let leaving = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(10));
        lock.unlock().unwrap();
    });
    restore(&made.file, &office.store(), &office.pages(), START).unwrap();
    leaving.join().unwrap();
}

#[test]
fn a_damaged_backup_changes_nothing() {
    let office = Office::closed();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    let before = std::fs::read(office.store()).unwrap();
    let there = names(&office);
    let whole = std::fs::read(&made.file).unwrap();
    let refused = |code: &str| {
        let error = restore(&made.file, &office.store(), &office.pages(), START).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(std::fs::read(office.store()).unwrap(), before);
        assert_eq!(names(&office), there);
    };
    std::fs::write(&made.file, &whole[..whole.len() / 2]).unwrap();
    refused("damaged");
    std::fs::write(&made.file, "").unwrap();
    refused("damaged");
    std::fs::write(&made.file, &whole).unwrap();
    rusqlite::Connection::open(&made.file)
        .unwrap()
        .execute("UPDATE grants SET until = NULL WHERE until IS NOT NULL", [])
        .unwrap();
    refused("not_whole");
    std::fs::remove_file(&made.file).unwrap();
    let error = restore(&made.file, &office.store(), &office.pages(), START).unwrap_err();
    assert_eq!(error.code(), "not_there");
    let error = restore(&office.store(), &office.store(), &office.pages(), START).unwrap_err();
    assert_eq!(error.code(), "same_file");
}

#[test]
fn a_damaged_or_missing_store_can_be_restored() {
    let office = Office::closed();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    std::fs::write(office.store(), "gone").unwrap();
    let restored = restore(&made.file, &office.store(), &office.pages(), START).unwrap();
    assert_eq!(restored.head_before, None);
    assert_eq!(std::fs::read(restored.kept.unwrap()).unwrap(), b"gone");
    std::fs::remove_file(office.store()).unwrap();
    let restored = restore(&made.file, &office.store(), &office.pages(), Millis(0)).unwrap();
    assert_eq!(restored.kept, None);
    assert!(office.verify().is_clean());
}

#[test]
fn a_log_that_a_crash_left_does_not_reach_the_restored_store() {
    let office = Office::empty();
    let work = office.fill();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    for number in 0..20 {
        work.note(&format!("Note {number}"));
    }
    // A second folder as the crash left it: file and log, nobody at work.
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("alongside.db");
    std::fs::copy(office.store(), &path).unwrap();
    std::fs::copy(office.file("alongside.db-wal"), other.path().join("alongside.db-wal")).unwrap();
    let restored = restore(&made.file, &path, &other.path().join("pages"), START).unwrap();
    assert_eq!(restored.head_before, Some(work.store.head().unwrap().seq));
    let store = Store::open(&path).unwrap();
    assert_eq!(store.head().unwrap().seq, made.report.head);
    drop(store);
    let kept = office.verify_file(&restored.kept.unwrap());
    assert_eq!((kept.head, kept.findings.len()), (work.store.head().unwrap().seq, 0));
}

#[test]
fn a_backup_of_a_newer_version_is_not_used() {
    let office = Office::closed();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    rusqlite::Connection::open(&made.file)
        .unwrap()
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (9999, 'of_tomorrow', '2030-01-01T00:00:00Z', '0')",
            [],
        )
        .unwrap();
    let error = restore(&made.file, &office.store(), &office.pages(), START).unwrap_err();
    assert_eq!(error.code(), "newer_version", "{error}");
    assert!(!matches!(error, RestoreError::Store(StoreError::Full)));
}

#[cfg(unix)]
#[test]
fn the_restored_store_belongs_to_whom_the_old_one_did() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    let office = Office::closed();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    std::fs::set_permissions(office.store(), std::fs::Permissions::from_mode(0o640)).unwrap();
    // Only root can give a file away; for others both files are their own.
    let _ = chown(office.store(), Some(65_534), Some(65_534));
    let old = std::fs::metadata(office.store()).unwrap();
    restore(&made.file, &office.store(), &office.pages(), START).unwrap();
    let new = std::fs::metadata(office.store()).unwrap();
    assert_eq!((new.uid(), new.gid(), new.mode()), (old.uid(), old.gid(), old.mode()));
}
