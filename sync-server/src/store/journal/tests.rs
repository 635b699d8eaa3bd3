use std::path::PathBuf;

use alongside_domain::{
    ids::{ActorId, DeviceId, GroupId, PartnerId, PersonId},
    time::Millis,
    wire::ControlEvent,
};

use super::*;
use crate::store::{Store, access, devices, journal_beside, log::Appender};

/// A store in a folder of its own, with a person, a phone and a granted group.
struct Lab {
    folder: tempfile::TempDir,
}

const PERSON: PersonId = PersonId([1; 16]);
const PARTNER: PartnerId = PartnerId([2; 16]);
const DEVICE: DeviceId = DeviceId([3; 16]);
const GROUP: GroupId = GroupId([4; 16]);

impl Lab {
    fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        lab.write(|tx| {
            tx.execute(
                "INSERT INTO partners (tenant, id, name) VALUES (?1, ?2, 'Partner')",
                params![TENANT, Sql(PARTNER)],
            )?;
            tx.execute(
                "INSERT INTO people (tenant, id, partner, name, role, areas) VALUES (?1, ?2, ?3, 'Ann', 'R', '[]')",
                params![TENANT, Sql(PERSON), Sql(PARTNER)],
            )?;
            let mut log = Appender::new(tx, Millis(1))?;
            let event = ControlEvent::Person {
                person: PERSON,
                name: "Ann".to_owned(),
                role: "R".to_owned(),
                partner: PARTNER,
            };
            log.person_entry(&event, PARTNER)?;
            Ok(())
        });
        lab
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    fn journal(&self) -> PathBuf {
        journal_beside(&self.path())
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> T {
        Store::open(self.path()).unwrap().write(work).unwrap()
    }

    /// Enrols, opens and grants; gives the token.
    fn grow(&self) -> crate::secret::Secret {
        self.write(|tx| {
            let mut log = Appender::new(tx, Millis(2))?;
            let token = devices::enrol(&mut log, DEVICE, PERSON, "Phone", ActorId([9; 16]))?;
            access::open_group(&mut log, GROUP, "case", PARTNER, &[], PERSON)?;
            access::grant(&mut log, PERSON, GROUP)?;
            Ok(token)
        })
    }

    fn copy(&self, to: &str) -> PathBuf {
        let to = self.folder.path().join(to);
        let reader = crate::store::open::reader(&self.path()).unwrap();
        reader.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
        to
    }

    /// Puts the copy in the place of the store, and nothing else.
    fn put_back(&self, copy: &Path) {
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(crate::store::beside(&self.path(), ending));
        }
        std::fs::copy(copy, self.path()).unwrap();
    }

    fn findings(&self) -> Vec<crate::verify::Finding> {
        crate::verify::verify_with(&self.path(), None, Some(&self.journal())).unwrap().findings
    }
}

#[test]
fn an_older_copy_takes_in_who_was_let_in_and_who_was_shut_out() {
    let lab = Lab::new();
    let before = lab.copy("before.db");
    let token = lab.grow();
    let granted = lab.copy("granted.db");
    lab.write(|tx| {
        let mut log = Appender::new(tx, Millis(3))?;
        access::withdraw(&mut log, PERSON, GROUP)?;
        assert!(devices::revoke(&mut log, DEVICE)?);
        Ok(())
    });
    for copy in [before, granted] {
        lab.put_back(&copy);
        let store = Store::open(lab.path()).unwrap();
        let device = store.read(|tx| devices::by_token(tx, &token)).unwrap().unwrap();
        assert_eq!(device.revoked_at, Some(Millis(3)));
        let access = store.read(|tx| access::access(tx, PERSON, GROUP)).unwrap();
        assert!(matches!(access, access::Access::Withdrawn(_)));
        let owner = store.read(|tx| devices::actor_owner(tx, ActorId([9; 16]))).unwrap();
        assert_eq!(owner, Some(Some(DEVICE)));
        drop(store);
        assert_eq!(lab.findings(), []);
    }
}

#[test]
fn a_grant_that_came_to_stand_for_itself_is_one_again() {
    let lab = Lab::new();
    let parent = GroupId([7; 16]);
    lab.write(|tx| {
        let mut log = Appender::new(tx, Millis(2))?;
        access::open_group(&mut log, parent, "family", PARTNER, &[], PERSON)?;
        access::open_group(&mut log, GROUP, "case", PARTNER, &[parent], PERSON)?;
        access::grant(&mut log, PERSON, GROUP)
    });
    let before = lab.copy("before.db");
    lab.write(|tx| access::grant(&mut Appender::new(tx, Millis(3))?, PERSON, parent));
    lab.put_back(&before);
    lab.write(|tx| access::withdraw(&mut Appender::new(tx, Millis(4))?, PERSON, GROUP));
    let store = Store::open(lab.path()).unwrap();
    let access = store.read(|tx| access::access(tx, PERSON, parent)).unwrap();
    assert!(matches!(access, access::Access::Granted(_)), "it was granted by name");
}

#[test]
fn an_entry_is_in_the_journal_before_it_is_in_the_feed() {
    let lab = Lab::new();
    let store = Store::open(lab.path()).unwrap();
    let journal = std::fs::read(lab.journal()).unwrap();
    // A journal that cannot be written leaves nothing in the feed.
    std::fs::remove_file(lab.journal()).unwrap();
    let head = store.head().unwrap();
    let revoke = |tx: &Transaction<'_>| {
        access::open_group(&mut Appender::new(tx, Millis(5))?, GROUP, "case", PARTNER, &[], PERSON)
    };
    let error = store.write(revoke).unwrap_err();
    assert!(matches!(error, StoreError::JournalMissing { .. }), "{error}");
    assert_eq!(store.head().unwrap(), head);
    std::fs::write(lab.journal(), journal).unwrap();
    store.write(revoke).unwrap();
    drop(store);
    assert_eq!(lab.findings(), []);
}

#[test]
fn a_torn_tail_is_cut_and_a_broken_middle_is_refused() {
    let lab = Lab::new();
    let before = lab.copy("before.db");
    let short = std::fs::metadata(lab.journal()).unwrap().len();
    lab.grow();
    let whole = std::fs::read(lab.journal()).unwrap();
    // Every way in which the last record can be cut, and one that was never written but has its length.
    let mut torn: Vec<Vec<u8>> = (usize::try_from(short).unwrap() + 1..whole.len())
        .step_by(7)
        .map(|end| whole[..end].to_vec())
        .collect();
    let mut zeros = whole[..usize::try_from(short).unwrap()].to_vec();
    zeros.resize(whole.len(), 0);
    torn.push(zeros);
    for tail in torn {
        lab.put_back(&before);
        std::fs::write(lab.journal(), &tail).unwrap();
        drop(Store::open(lab.path()).unwrap());
        assert_eq!(std::fs::metadata(lab.journal()).unwrap().len(), short);
        assert_eq!(lab.findings(), []);
    }
    // The store has taken the last record in: then a cut journal is an older one.
    lab.put_back(&before);
    std::fs::write(lab.journal(), &whole).unwrap();
    lab.write(|tx| access::withdraw(&mut Appender::new(tx, Millis(3))?, PERSON, GROUP));
    let longer = std::fs::read(lab.journal()).unwrap();
    std::fs::write(lab.journal(), &whole).unwrap();
    assert!(matches!(Store::open(lab.path()), Err(StoreError::JournalOfAnother { .. })));
    // One changed byte anywhere before the end is damage, never a torn tail.
    for at in (usize::try_from(short).unwrap()..whole.len()).step_by(5) {
        let mut bytes = longer.clone();
        bytes[at] ^= 1;
        lab.put_back(&before);
        std::fs::write(lab.journal(), &bytes).unwrap();
        let error = Store::open(lab.path()).unwrap_err();
        assert!(matches!(error, StoreError::JournalBroken { .. }), "byte {at}: {error}");
        assert_eq!(std::fs::read(lab.journal()).unwrap(), bytes, "left as it is");
    }
}

#[test]
fn a_missing_journal_and_another_stores_are_told_apart() {
    let lab = Lab::new();
    lab.grow();
    let journal = std::fs::read(lab.journal()).unwrap();
    std::fs::remove_file(lab.journal()).unwrap();
    let error = Store::open(lab.path()).unwrap_err();
    assert!(matches!(error, StoreError::JournalMissing { .. }), "{error}");
    assert!(error.to_string().contains("put it back"), "{error}");
    assert_eq!(lab.findings().len(), 1);
    let other = Lab::new();
    std::fs::copy(other.journal(), lab.journal()).unwrap();
    assert!(matches!(Store::open(lab.path()), Err(StoreError::JournalOfAnother { .. })));
    std::fs::write(lab.journal(), journal).unwrap();
    drop(Store::open(lab.path()).unwrap());
    // Gone for good: a new one begins with all that the feed says.
    std::fs::remove_file(lab.journal()).unwrap();
    forget(&lab.path()).unwrap();
    drop(Store::open(lab.path()).unwrap());
    assert_eq!(lab.findings(), []);
}

#[test]
fn a_store_from_before_the_journal_finds_its_place_in_it() {
    let lab = Lab::new();
    let before = lab.copy("before.db");
    forget(&before).unwrap();
    lab.grow();
    lab.put_back(&before);
    drop(Store::open(lab.path()).unwrap());
    assert_eq!(lab.findings(), []);
    let store = Store::open(lab.path()).unwrap();
    let access = store.read(|tx| access::access(tx, PERSON, GROUP)).unwrap();
    assert!(matches!(access, access::Access::Granted(_)));
}
