//! The restore drill: everything a phone wrote is there again, also what came after the backup.

use crate::{
    handset::Handset,
    process::{Serving, add_person, code, run},
};
use alongside_domain::{sync::Status, wire::ErrorCode};
use alongside_server::store::Store;

#[tokio::test]
async fn what_came_after_the_backup_comes_back_from_the_phones() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let (ann, bob) = (add_person(&store, "Ann"), add_person(&store, "Bob"));
    let mut server = Serving::start(&store);
    let mut anns = Handset::new(folder.path(), "ann");
    let mut bobs = Handset::new(folder.path(), "bob");
    anns.enrol(&server.url, &code(&store, &ann)).await;
    bobs.enrol(&server.url, &code(&store, &bob)).await;
    for number in 0..10 {
        anns.save(&format!("Before {number}"), number % 3 == 2);
    }
    anns.sync(&server.url).await;
    bobs.sync(&server.url).await;

    // While the server runs.
    let backup = folder.path().join("backup.db");
    let made = run(&store, &["backup", backup.to_str().unwrap(), "--json"]);
    assert!(made.ok, "{} {}", made.out, made.err);
    let head = made.json()["head"].as_u64().unwrap();

    // Work goes on: edits, a whole new family, and the first work of a second phone.
    for number in 0..10 {
        anns.save(&format!("After {number}"), number % 3 == 0);
    }
    anns.open_case();
    anns.save("In the second case", false);
    bobs.save("Bob's first", false);
    anns.sync(&server.url).await;
    bobs.sync(&server.url).await;
    // Saved, and not sent yet when the server went.
    anns.save("Not sent yet", true);

    let refused = run(&store, &["restore", backup.to_str().unwrap()]);
    assert!(!refused.ok && refused.err.contains("stop the server"), "{}", refused.err);
    server.kill();
    let restored = run(&store, &["restore", backup.to_str().unwrap(), "--json"]);
    assert!(restored.ok, "{} {}", restored.out, restored.err);
    assert_eq!(restored.json()["head"].as_u64(), Some(head));
    assert!(restored.json()["head_before"].as_u64() > Some(head));

    let mut server = Serving::start(&store);
    // Something new first, so that the feed grows past the place that the phones know.
    let carl = add_person(&store, "Carl");
    let mut carls = Handset::new(folder.path(), "carl");
    carls.enrol(&server.url, &code(&store, &carl)).await;
    for number in 0..30 {
        carls.save(&format!("Carl's {number}"), false);
    }
    carls.sync(&server.url).await;
    anns.sync(&server.url).await;
    bobs.sync(&server.url).await;
    anns.save("And on it goes", true);
    anns.sync(&server.url).await;
    server.kill();

    let verified = run(&store, &["verify", "--json"]);
    assert!(verified.ok, "{}", verified.out);
    assert_eq!(verified.json()["findings"].as_array().unwrap().len(), 0);
    let open = Store::open(&store).unwrap();
    for phone in [&anns, &bobs, &carls] {
        assert_eq!(phone.acknowledged_are_in(&open), phone.saves(), "everything is acknowledged and there");
        assert_eq!(phone.phone.verify().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn who_was_let_in_and_who_was_shut_out_after_the_backup_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let ann = add_person(&store, "Ann");
    let mut server = Serving::start(&store);
    let mut anns = Handset::new(folder.path(), "ann");
    anns.enrol(&server.url, &code(&store, &ann)).await;
    anns.save("Before", false);
    anns.sync(&server.url).await;
    let backup = folder.path().join("backup.db");
    assert!(run(&store, &["backup", backup.to_str().unwrap()]).ok);

    // After it: a person with a phone and a case of their own, and the first phone is lost.
    let bob = add_person(&store, "Bob");
    let mut bobs = Handset::new(folder.path(), "bob");
    bobs.enrol(&server.url, &code(&store, &bob)).await;
    bobs.save("Bob's first", false);
    bobs.sync(&server.url).await;
    let devices = run(&store, &["device", "list"]).out;
    let device = devices.lines().find(|line| line.contains(&ann)).unwrap().split('\t').next().unwrap();
    assert!(run(&store, &["device", "revoke", "--device", device]).ok);
    server.kill();

    let restored = run(&store, &["restore", backup.to_str().unwrap(), "--json"]);
    assert!(restored.ok, "{} {}", restored.out, restored.err);
    assert!(restored.json()["from_journal"].as_u64() > Some(4), "{}", restored.out);
    let mut server = Serving::start(&store);
    bobs.save("Bob's second", false);
    bobs.sync(&server.url).await;
    anns.phone.sync().set_server(&server.url).unwrap();
    let outcome = anns.phone.sync().sync_once().await.unwrap();
    assert!(matches!(outcome.status, Status::Stopped(ErrorCode::Revoked)), "{outcome:?}");
    server.kill();
    let verified = run(&store, &["verify", "--json"]);
    assert!(verified.ok, "{}", verified.out);
    let open = Store::open(&store).unwrap();
    assert_eq!(bobs.acknowledged_are_in(&open), bobs.saves());
    drop(open);

    // Without the journal the same restore lets the lost phone in again, and says what is missing.
    std::fs::remove_file(alongside_server::store::journal_beside(&store)).unwrap();
    let refused = run(&store, &["user", "list"]);
    assert!(!refused.ok && refused.err.contains("put it back"), "{}", refused.err);
    let restored = run(&store, &["restore", backup.to_str().unwrap()]);
    assert!(restored.ok && restored.out.contains("revoke phones again"), "{} {}", restored.out, restored.err);
    let devices = run(&store, &["device", "list"]).out;
    assert!(!devices.contains("revoked"), "{devices}");
}
