//! What was done to a store behind the program's back is found, and told by its kind.

use alongside_server::verify::{Finding, Pages, VerifyError, verify};

use crate::office::{Office, kinds};

#[test]
fn a_store_that_nobody_touched_is_clean() {
    let office = Office::closed();
    let report = office.verify();
    assert_eq!(report.findings, []);
    assert_eq!((report.changes, report.records), (6, 4));
    assert_eq!((report.entries, report.pages), (report.head, Pages::Compared));
    std::fs::remove_file(office.pages()).unwrap();
    assert_eq!(office.verify().pages, Pages::Absent);
}

#[test]
fn it_verifies_while_the_store_is_open_and_grows() {
    let office = Office::empty();
    let work = office.fill();
    office.build_pages();
    for number in 0..5 {
        work.note(&format!("Note {number}"));
        assert_eq!(office.verify().findings, []);
    }
}

/// What is done, and what has to be found.
const TAMPERED: [(&str, &[&str]); 17] = [
    // Entries.
    ("DELETE FROM feed WHERE seq = 2", &["entries_missing"]),
    ("UPDATE feed SET chain = zeroblob(16) WHERE seq = 6", &["chain_broken", "chain_broken"]),
    ("UPDATE feed SET received_at = received_at + 1 WHERE seq = 6", &["chain_broken"]),
    ("UPDATE feed SET body = x'00' WHERE seq = 6", &["entry_unreadable", "chain_broken", "group_differs"]),
    (
        "UPDATE feed SET hash = zeroblob(32) WHERE seq = (SELECT min(seq) FROM feed WHERE kind = 0)",
        &["change_altered"],
    ),
    ("DELETE FROM feed WHERE seq = (SELECT max(seq) FROM feed WHERE kind = 0)", &["entries_missing"]),
    ("UPDATE feed SET actor_seq = 9 WHERE actor_seq = 2", &["change_altered", "sequence_gap"]),
    (
        "UPDATE feed SET group_id = (SELECT id FROM groups WHERE kind = 'family')
         WHERE seq = (SELECT max(seq) FROM feed WHERE kind = 0)",
        &["record_misplaced"],
    ),
    (
        "UPDATE feed SET author = zeroblob(16) WHERE seq = (SELECT max(seq) FROM feed WHERE kind = 0)",
        &["unknown_origin"],
    ),
    // A grant that all of a partner would be told of.
    (
        "UPDATE feed SET partner = person, person = NULL
         WHERE seq = (SELECT max(seq) FROM feed WHERE person IS NOT NULL)",
        &["wrong_audience"],
    ),
    // Access.
    ("UPDATE grants SET until = NULL WHERE until IS NOT NULL", &["grant_differs"]),
    ("DELETE FROM grants WHERE until IS NULL AND direct = 1", &["grant_differs"]),
    (
        "DELETE FROM group_parents WHERE child = (SELECT id FROM groups WHERE kind = 'child')",
        &["group_differs"],
    ),
    ("UPDATE groups SET partner = zeroblob(16) WHERE kind = 'case'", &["group_differs"]),
    ("UPDATE people SET role = 'COORDINATOR' WHERE name = 'Ben'", &["person_differs"]),
    ("UPDATE devices SET revoked_at = NULL", &["device_differs"]),
    ("DELETE FROM actors WHERE device IS NULL", &["actor_unbound"]),
];

#[test]
fn whatever_was_altered_is_found() {
    for (statement, expected) in TAMPERED {
        let office = Office::closed();
        office.tamper(statement);
        let found = kinds(&office.verify().findings);
        for kind in expected {
            assert!(found.contains(&(*kind).to_owned()), "{statement}: {found:?}");
        }
    }
}

#[test]
fn every_byte_of_a_change_counts() {
    let office = Office::closed();
    let connection = rusqlite::Connection::open(office.store()).unwrap();
    let (seq, body): (i64, Vec<u8>) = connection
        .query_row("SELECT seq, body FROM feed WHERE kind = 0 ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let step = (body.len() / 8).max(1);
    for at in (0..body.len()).step_by(step) {
        let mut flipped = body.clone();
        flipped[at] ^= 1;
        connection.execute("UPDATE feed SET body = ?1 WHERE seq = ?2", (&flipped, seq)).unwrap();
        let report = office.verify();
        assert!(
            matches!(report.findings[..], [Finding::ChangeAltered { seq: found, .. }, ..] if found == seq as u64),
            "byte {at}: {:?}",
            report.findings
        );
    }
    connection.execute("UPDATE feed SET body = ?1 WHERE seq = ?2", (&body, seq)).unwrap();
    assert!(office.verify().is_clean());
}

#[test]
fn a_change_put_in_the_place_of_another_breaks_the_chain() {
    let office = Office::closed();
    // The bytes, the hash and the numbers fit each other: only the chain can tell.
    office.tamper(
        "UPDATE feed SET (body, hash, actor, actor_seq, chain) =
         (SELECT body, zeroblob(32), actor, actor_seq + 100, chain FROM feed f WHERE f.kind = 0
          ORDER BY seq LIMIT 1)
         WHERE seq = (SELECT max(seq) FROM feed WHERE kind = 0)",
    );
    let found = kinds(&office.verify().findings);
    assert!(found.contains(&"chain_broken".to_owned()), "{found:?}");
}

#[test]
fn pages_that_show_something_else_are_found() {
    let office = Office::closed();
    let pages = rusqlite::Connection::open(office.pages()).unwrap();
    pages.execute("UPDATE unit_row SET reference = 'C-2'", []).unwrap();
    assert_eq!(office.verify().findings, [Finding::PagesDiffer { rows: 2 }]);
    pages.execute("UPDATE position SET seq = 1000", []).unwrap();
    assert_eq!(kinds(&office.verify().findings), ["pages_ahead"]);
    drop(pages);
    std::fs::write(office.pages(), "no database at all, but some text").unwrap();
    assert_eq!(office.verify().findings, [Finding::PagesUnreadable]);
}

#[test]
fn a_store_cut_short_is_found_from_its_pages() {
    let office = Office::closed();
    // The last entry and what follows from it: the file is consistent in itself.
    office.tamper("UPDATE grants SET until = NULL WHERE until = (SELECT max(seq) FROM feed)");
    office.tamper("DELETE FROM feed WHERE seq = (SELECT max(seq) FROM feed)");
    assert_eq!(kinds(&office.verify().findings), ["pages_ahead"]);
}

#[test]
fn a_flipped_bit_anywhere_in_the_file_never_panics() {
    let office = Office::closed();
    let whole = std::fs::read(office.store()).unwrap();
    let other = office.file("other.db");
    let mut found = 0;
    let places: Vec<usize> = (0..whole.len()).step_by(whole.len() / 60).collect();
    for &at in &places {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&other, bytes).unwrap();
        // Unused space and what the feed does not speak of may change unseen.
        match verify(&other, None) {
            Ok(report) => found += usize::from(!report.is_clean()),
            Err(_) => found += 1,
        }
    }
    assert!(found > 3, "{found} of {}", places.len());
}

#[test]
fn what_is_no_store_is_told() {
    let office = Office::empty();
    let error = verify(&office.file("nothing.db"), None).unwrap_err();
    assert!(matches!(error, VerifyError::NotThere(_)) && error.to_string().contains("--store"));
    let other = office.file("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE feed (a)").unwrap();
    assert_eq!(verify(&other, None).unwrap_err().code(), "not_a_store");
    std::fs::write(&other, "Dear Sir or Madam, ".repeat(1000)).unwrap();
    assert_eq!(kinds(&verify(&other, None).unwrap().findings), ["damaged"]);
    std::fs::write(&other, "").unwrap();
    assert_eq!(kinds(&verify(&other, None).unwrap().findings), ["damaged"]);
}
