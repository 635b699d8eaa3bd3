//! The file: what survives, and what is said when it cannot be opened.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
};

use alongside_core::{ApiError, Key, OpenError, Phone, Profile, clock::ManualClock};

use crate::lab::{self, KEY, Lab, MORNING, new, open_matter, save, shown};

#[test]
fn what_was_saved_is_there_after_reopening() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let call = save(&phone, matter, "call", &[("day", "2015-03-16"), ("note", "Damp in the hall")]);
    let before = phone.dump_read_model().unwrap();
    phone.close();
    assert!(matches!(phone.records().record(call.root.id), Err(ApiError::Closed)));

    let phone = lab.reopen().unwrap();
    assert_eq!(shown(&phone, call.root.id, "note").as_deref(), Some("Damp in the hall"));
    assert_eq!(phone.dump_read_model().unwrap(), before);
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn nothing_in_the_file_can_be_read_without_the_key() {
    let lab = Lab::new();
    let phone = lab.phone();
    open_matter(&phone, "Mrs Okafor", "H-1");
    for name in ["alongside.db", "alongside.db-wal"] {
        let bytes = fs::read(lab.dir().join(name)).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"Okafor"), "a name stands in {name}");
        assert!(!bytes.starts_with(b"SQLite format 3"), "{name} is not encrypted");
    }
}

/// Not a test of its own: the process that the next test starts and that dies.
#[test]
fn child_that_saves_and_aborts() {
    let Ok(dir) = std::env::var("STORE_TEST_CHILD") else { return };
    let clock = Arc::new(ManualClock::new(MORNING));
    let phone = Phone::create(lab::profile(dir.as_ref(), clock, 1)).unwrap();
    lab::enrol(&phone);
    let (_, matter) = open_matter(&phone, "Mr Lee", "H-2");
    for number in 0..20 {
        let view = save(&phone, matter, "call", &[("note", &format!("call {number}"))]);
        println!("\nsaved {}", view.root.id);
    }
    std::process::abort();
}

#[test]
fn what_was_acknowledged_survives_a_killed_process() {
    let lab = Lab::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::child_that_saves_and_aborts", "--nocapture", "--test-threads=1"])
        .env("STORE_TEST_CHILD", lab.dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let saved: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("saved ").map(str::to_owned))
        .collect();
    assert!(!child.wait().unwrap().success(), "the child was to die");
    assert_eq!(saved.len(), 20);

    let phone = lab.reopen().unwrap();
    for (number, record) in saved.iter().enumerate() {
        let note = shown(&phone, record.parse().unwrap(), "note");
        assert_eq!(note, Some(format!("call {number}")));
    }
    assert_eq!(phone.records().outbox().unwrap().count, 22);
}

#[test]
fn a_wrong_key_is_named_and_changes_nothing() {
    let lab = Lab::new();
    lab.phone().close();
    let before = fs::read(lab.database()).unwrap();
    let mut key = KEY;
    key[31] ^= 1;
    let profile = Profile { key: Key::new(key), ..lab::profile(&lab.dir(), lab.clock.clone(), 2) };
    assert!(matches!(Phone::open(profile), Err(OpenError::WrongKey)));
    assert_eq!(fs::read(lab.database()).unwrap(), before);
    assert!(lab.reopen().is_ok(), "the right key still opens it");
}

#[test]
fn a_truncated_database_is_named() {
    let lab = Lab::new();
    let phone = lab.phone();
    for number in 0..50 {
        open_matter(&phone, &format!("Tenant {number}"), &format!("H-{number}"));
    }
    phone.close();
    let whole = fs::read(lab.database()).unwrap();
    assert!(whole.len() > 40 * 4096);
    for length in [0, 1, 4095, 4096, 5 * 4096, whole.len() / 2, whole.len() - 4096] {
        fs::write(lab.database(), &whole[..length]).unwrap();
        let opened = lab.reopen().map(|_| ());
        assert!(matches!(opened, Err(OpenError::Damaged)), "{length} bytes: {opened:?}");
    }
    fs::write(lab.database(), &whole).unwrap();
    assert!(lab.reopen().is_ok());
}

#[test]
fn a_damaged_page_is_found_by_verifying() {
    let lab = Lab::new();
    let phone = lab.phone();
    for number in 0..50 {
        open_matter(&phone, &format!("Tenant {number}"), &format!("H-{number}"));
    }
    phone.close();
    let mut bytes = fs::read(lab.database()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(lab.database(), bytes).unwrap();
    // The page may be one that opening needs.
    match lab.reopen() {
        Ok(phone) => assert!(!matches!(phone.verify(), Ok(problems) if problems.is_empty())),
        Err(error) => assert!(matches!(error, OpenError::Damaged), "{error:?}"),
    }
}

#[test]
fn a_profile_is_open_only_once() {
    let lab = Lab::new();
    let phone = lab.phone();
    assert!(matches!(lab.reopen(), Err(OpenError::InUse)));
    phone.close();
    assert!(lab.reopen().is_ok());
}

#[test]
fn absent_and_present_profiles_are_told_apart() {
    let lab = Lab::new();
    assert!(matches!(lab.reopen(), Err(OpenError::NotThere)));
    lab.phone().close();
    let again = Phone::create(lab::profile(&lab.dir(), lab.clock.clone(), 1));
    assert!(matches!(again, Err(OpenError::AlreadyThere)));
}

#[test]
fn a_profile_whose_making_was_killed_is_made_again() {
    let lab = Lab::new();
    for (name, content) in [("alongside.db.new", ""), ("alongside.db.new-wal", "half a page")] {
        fs::write(lab.dir().join(name), content).unwrap();
    }
    assert!(matches!(lab.reopen(), Err(OpenError::NotThere)), "nothing was ever saved in it");
    let phone = lab.phone();
    open_matter(&phone, "Mrs Okafor", "H-1");
    phone.close();
    assert!(!lab.dir().join("alongside.db.new").exists());
    assert_eq!(lab.reopen().unwrap().verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_newer_schema_is_named_and_the_file_left_alone() {
    let lab = Lab::new();
    lab.phone().close();
    let connection = rusqlite::Connection::open(lab.database()).unwrap();
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    connection.execute_batch(&format!("PRAGMA key = \"x'{key}'\"")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO refinery_schema_history SELECT 99, 'later', applied_on, checksum
             FROM refinery_schema_history LIMIT 1",
        )
        .unwrap();
    drop(connection);
    let before = fs::read(lab.database()).unwrap();
    let opened = lab.reopen().map(|_| ());
    assert!(matches!(opened, Err(OpenError::NewerVersion { found: 99, known: 5.. })), "{opened:?}");
    assert_eq!(fs::read(lab.database()).unwrap(), before);
}

/// Saves long notes until storage is full; gives the records that were acknowledged.
fn fill(phone: &Phone) -> Vec<alongside_domain::ids::RecordId> {
    let (_, matter) = open_matter(phone, "Ms Roy", "H-3");
    let note = "A long note. ".repeat(800);
    let mut saved = Vec::new();
    for _ in 0..2_000 {
        match phone.records().save(new(matter, "call", &[("note", &note)])) {
            Ok(view) => saved.push(view.root.id),
            Err(ApiError::StorageFull) => return saved,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("storage never filled up");
}

#[test]
fn full_storage_loses_nothing_and_saving_goes_on_once_there_is_room() {
    let lab = Lab::new();
    let small = |most_bytes| Profile { most_bytes, ..lab::profile(&lab.dir(), lab.clock.clone(), 1) };
    let phone = Phone::create(small(Some(600 << 10))).unwrap();
    lab::enrol(&phone);
    let saved = fill(&phone);
    assert!(saved.len() > 3);
    let waiting = phone.records().outbox().unwrap().count;
    assert_eq!(waiting as usize, saved.len() + 2);
    phone.close();

    let phone = Phone::open(small(None)).unwrap();
    for record in &saved {
        assert!(shown(&phone, *record, "note").is_some());
    }
    let matter = phone.records().record(saved[0]).unwrap().group;
    save(&phone, matter, "call", &[("note", "There is room again")]);
    assert_eq!(phone.records().outbox().unwrap().count, waiting + 1);
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_really_full_disk_loses_nothing_either() {
    let lab = Lab::new();
    let disk = lab.dir().join("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(&disk).output();
    if !mounted.is_ok_and(|mount| mount.status.success()) {
        println!("skipped: mounting a small disk needs root; the test above fills a bounded database");
        return;
    }
    let _unmount = Unmount(disk.clone());
    let filler = disk.join("filler");
    fs::write(&filler, vec![0; 1 << 20]).unwrap();
    let profile = || lab::profile(&disk.join("profile"), lab.clock.clone(), 1);
    let phone = Phone::create(profile()).unwrap();
    lab::enrol(&phone);
    let saved = fill(&phone);
    for record in &saved {
        assert!(shown(&phone, *record, "note").is_some(), "reading goes on");
    }
    fs::remove_file(&filler).unwrap();
    let matter = phone.records().record(saved[0]).unwrap().group;
    save(&phone, matter, "call", &[("note", "There is room again")]);
    phone.close();
    let phone = Phone::open(profile()).unwrap();
    assert_eq!(phone.records().outbox().unwrap().count as usize, saved.len() + 3);
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
}

/// Unmounts when the test ends, however it ends.
struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn pausing_keeps_the_profile_usable() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mr Singh", "H-4");
    phone.pause().unwrap();
    assert_eq!(fs::metadata(lab.dir().join("alongside.db-wal")).unwrap().len(), 0);
    save(&phone, matter, "call", &[("note", "After the pause")]);
    assert_eq!(phone.records().search("pause", 10).unwrap().len(), 1);
}

#[test]
fn a_sound_file_is_not_called_damaged_after_reading_and_writing_in_turns() {
    let lab = Lab::new();
    let phone = lab.phone();
    for number in ["H-1", "H-2", "H-3"] {
        assert!(phone.records().search("nobody", 10).unwrap().is_empty());
        open_matter(&phone, "Mrs Okafor", number);
        assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn screens_follow_the_programme_that_the_app_comes_with() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    save(&phone, matter, "call", &[("day", "2015-03-16"), ("note", "Damp in the hall")]);
    let before = phone.dump_read_model().unwrap();
    phone.close();

    let mut profile = lab::profile(&lab.dir(), lab.clock.clone(), 2);
    profile.programme = Arc::new(crate::programme::later());
    let phone = Phone::open(profile).unwrap();
    let opened = phone.dump_read_model().unwrap();
    assert_ne!(opened, before);
    assert!(
        phone.records().search("hall", 10).unwrap().is_empty(),
        "calls are no longer found by their note"
    );
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), opened);
}
