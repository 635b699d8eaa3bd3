//! A phone that was restored from a backup, or copied, goes on as an installation of its own.

use std::{fs, path::Path};

use alongside_core::{OpenError, Phone, Profile};
use alongside_domain::{ids::ActorId, wire::Verdict};

use crate::lab::{self, Lab, answer, edit, open_matter, pushed, save};

const MARK: &str = "installation";

fn actor(phone: &Phone) -> ActorId {
    phone.sync().prepare(1, 0).unwrap().0.actor
}

/// Copies a closed profile; with its mark or, as a backup does, without.
fn copy(from: &Path, to: &Path, with_mark: bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_file() && (with_mark || name != MARK) {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn open(dir: &Path, lab: &Lab, seed: u64) -> Phone {
    Phone::open(lab::profile(dir, lab.clock.clone(), seed)).unwrap()
}

#[test]
fn a_phone_that_is_opened_again_stays_what_it_was() {
    let lab = Lab::new();
    let phone = lab.phone();
    let first = actor(&phone);
    phone.close();
    for _ in 0..3 {
        let phone = lab.reopen().unwrap();
        assert_eq!(actor(&phone), first);
        phone.close();
    }
}

#[test]
fn a_restored_phone_and_the_lost_one_write_as_two_and_nothing_meets() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Ito", "7");
    let call = save(&phone, matter, "call", &[("note", "Before the backup")]);
    let before = actor(&phone);
    phone.close();
    let folder = tempfile::tempdir().unwrap();
    copy(&lab.dir(), folder.path(), false);

    let lost = lab.reopen().unwrap();
    let restored = open(folder.path(), &lab, 9);
    assert_eq!(actor(&lost), before);
    assert_ne!(actor(&restored), before);
    // Both go on, in the same record and with records of their own.
    edit(&lost, &call, &[("note", "On the lost phone")]);
    edit(&restored, &call, &[("note", "On the restored one")]);
    open_matter(&lost, "Ode", "8");
    open_matter(&restored, "Ode", "9");

    // What neither had sent is the same in both; what they wrote since never has the same number.
    let sent = |phone: &Phone| pushed(&phone.sync().prepare(1 << 20, 0).unwrap().0);
    let (from_lost, from_restored) = (sent(&lost), sent(&restored));
    let shared = from_lost.iter().filter(|change| from_restored.contains(change)).count();
    assert!(shared > 0 && shared < from_lost.len());
    let numbers = |changes: &[alongside_domain::wire::PushedChange]| -> Vec<_> {
        let own =
            changes.iter().filter(|change| !(from_lost.contains(change) && from_restored.contains(change)));
        own.map(|change| {
            let header = alongside_domain::guard::chunk::parse(&change.bytes).unwrap().header;
            (change.record, header.actor, header.seq)
        })
        .collect()
    };
    let taken = numbers(&from_lost);
    assert!(numbers(&from_restored).iter().all(|number| !taken.contains(number)));

    // The restored phone stays what it became.
    let now = actor(&restored);
    restored.close();
    assert_eq!(actor(&open(folder.path(), &lab, 10)), now);
}

#[test]
fn a_mark_of_another_kind_counts_as_none() {
    let lab = Lab::new();
    let phone = lab.phone();
    let first = actor(&phone);
    phone.close();
    for (seed, wrong) in (20..).zip([&b""[..], &[7; 16], &[7; 400]]) {
        fs::write(lab.dir().join(MARK), wrong).unwrap();
        let phone = open(&lab.dir(), &lab, seed);
        let now = actor(&phone);
        phone.close();
        assert_ne!(now, first);
        assert_eq!(fs::read(lab.dir().join(MARK)).unwrap().len(), 16);
    }
}

#[test]
fn the_mark_may_lie_elsewhere_and_what_was_not_sent_is_sent_as_it_was() {
    let lab = Lab::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let mark = elsewhere.path().join("no-backup/mark");
    let profile =
        |seed| Profile { installation: mark.clone(), ..lab::profile(&lab.dir(), lab.clock.clone(), seed) };
    let phone = Phone::create(profile(1)).unwrap();
    lab::enrol(&phone);
    let (_, matter) = open_matter(&phone, "Ito", "7");
    save(&phone, matter, "call", &[("note", "Not sent yet")]);
    let waiting = pushed(&phone.sync().prepare(1 << 20, 0).unwrap().0);
    phone.close();
    assert!(mark.is_file() && !lab.dir().join(MARK).exists());
    fs::remove_file(&mark).unwrap();

    let phone = Phone::open(profile(2)).unwrap();
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(pushed(&request), waiting);
    let verdicts = (1..=waiting.len() as u64).map(Verdict::Have).collect();
    phone.sync().apply(&sent, &answer(&request, 20, verdicts, &[])).unwrap();
    assert_eq!(phone.records().outbox().unwrap().count, 0);
}

#[test]
fn a_mark_that_cannot_be_read_is_told() {
    let lab = Lab::new();
    let phone = lab.phone();
    phone.close();
    let mark = lab.dir().join(MARK);
    fs::remove_file(&mark).unwrap();
    fs::create_dir(&mark).unwrap();
    assert!(matches!(lab.reopen(), Err(OpenError::Io(_))));
    fs::remove_dir(&mark).unwrap();
    assert!(lab.reopen().is_ok());
}
