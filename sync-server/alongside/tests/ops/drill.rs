//! The restore drill: everything a phone wrote is there again, also what came after the backup.

use crate::{
    handset::Handset,
    process::{Serving, add_person, code, run},
};
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
