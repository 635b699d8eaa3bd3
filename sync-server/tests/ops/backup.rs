//! Backups while the store is written, and why one is not made.

use std::sync::atomic::{AtomicBool, Ordering};

use alongside_server::{
    backup::{BackupError, backup},
    verify,
};

use crate::office::Office;

#[test]
fn a_backup_made_while_others_write_is_one_state_of_the_store() {
    let office = Office::empty();
    let work = office.fill();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut notes = vec![work.note("The first")];
            while !stop.load(Ordering::Relaxed) {
                notes.push(work.note(&format!("Note {}", notes.len())));
            }
            notes
        });
        let mut last = 0;
        for number in 0..4 {
            let before = work.store.head().unwrap().seq;
            let made = backup(&office.store(), &office.file(&format!("backup-{number}"))).unwrap();
            assert!(made.report.is_clean());
            assert!(made.report.head >= before && made.report.head >= last, "nothing durable is missing");
            last = made.report.head;
        }
        stop.store(true, Ordering::Relaxed);
        assert!(!writer.join().unwrap().is_empty());
    });
    assert!(work.store.head().unwrap().seq > 20);
    let mut names: Vec<_> = std::fs::read_dir(office.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("alongside.db"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["backup-0", "backup-1", "backup-2", "backup-3"],
        "each is one file, nothing else is left"
    );
}

#[cfg(unix)]
#[test]
fn a_backup_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = Office::closed();
    let made = backup(&office.store(), &office.file("backup")).unwrap();
    assert_eq!(std::fs::metadata(made.file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_backup_holds_what_was_only_in_the_write_ahead_log() {
    let office = Office::empty();
    let work = office.fill();
    // As a power cut would leave them.
    let left = office.file("left.db");
    std::fs::copy(office.store(), &left).unwrap();
    std::fs::copy(office.file("alongside.db-wal"), office.file("left.db-wal")).unwrap();
    let made = backup(&left, &office.file("backup")).unwrap();
    assert_eq!(made.report.head, work.store.head().unwrap().seq);
}

#[test]
fn a_backup_overwrites_nothing() {
    let office = Office::closed();
    let to = office.file("backup");
    std::fs::write(&to, "the last one").unwrap();
    let error = backup(&office.store(), &to).unwrap_err();
    assert!(matches!(error, BackupError::Exists(_)), "{error:?}");
    assert_eq!(std::fs::read(&to).unwrap(), b"the last one");
    assert_eq!(backup(&office.store(), &office.store()).unwrap_err().code(), "exists");
    assert_eq!(backup(&office.store(), office.folder.path()).unwrap_err().code(), "exists");
}

#[test]
fn no_store_and_no_folder_are_told() {
    let office = Office::closed();
    assert_eq!(backup(&office.file("nothing.db"), &office.file("backup")).unwrap_err().code(), "not_there");
    assert!(!office.file("nothing.db").exists(), "none was made");
    assert_eq!(backup(&office.store(), &office.file("no/backup")).unwrap_err().code(), "no_folder");
}

#[test]
fn a_damaged_store_gives_no_backup() {
    let office = Office::closed();
    office.tamper("UPDATE feed SET chain = zeroblob(16) WHERE seq = 6");
    let to = office.file("backup");
    let error = backup(&office.store(), &to).unwrap_err();
    assert!(matches!(&error, BackupError::NotWhole(report) if !report.is_clean()), "{error:?}");
    assert!(error.to_string().contains("older backups"), "{error}");
    assert!(!to.exists());
    let left = std::fs::read_dir(office.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("copy"))
        .count();
    assert_eq!(left, 0);
    assert!(!verify::verify(&office.store(), None).unwrap().is_clean());
}
