//! Late work and erasure with the commands, a server that runs and real phones.

use std::path::Path;

use alongside_domain::{ids::GroupId, sync::Status, wire::ErrorCode};
use alongside_server::{
    clock::SystemClock,
    config,
    ingest::{Ingest, LocalWrite},
    store::{LogBody, Store},
};
use serde_json::Value;

use crate::{
    handset::Handset,
    process::{Ran, Serving, add_person, code, run},
};

fn device_of(store: &Path) -> String {
    run(store, &["device", "list"]).out.split('\t').next().unwrap().to_owned()
}

fn ids(listed: &Ran) -> Vec<String> {
    listed.json()["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect()
}

fn group_of(store: &Path, kind: &str) -> GroupId {
    let store = Store::open(store).unwrap();
    let groups = store.log_after(0, usize::MAX).unwrap();
    groups
        .into_iter()
        .find_map(|entry| match entry.body {
            LogBody::Control(alongside_domain::wire::ControlEvent::Group { group, kind: of, .. })
                if of == kind =>
            {
                Some(group)
            }
            _ => None,
        })
        .unwrap()
}

/// Whether these words stand in a file of the store or of its pages.
fn stands_in(folder: &Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("alongside.db") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if bytes.windows(words.len()).any(|window| window == words.as_bytes()) {
            found.push(name);
        }
    }
    found
}

#[tokio::test]
async fn what_a_revoked_phone_delivers_waits_until_somebody_decides() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let ann = add_person(&store, "Ann");
    let server = Serving::start(&store);
    let mut lost = Handset::new(folder.path(), "lost");
    lost.enrol(&server.url, &code(&store, &ann)).await;
    lost.save("Sent before", false);
    lost.sync(&server.url).await;
    lost.save("Quillfeather came by", false);
    lost.save("And went again", true);
    assert!(run(&store, &["device", "revoke", "--device", &device_of(&store)]).ok);

    let outcome = lost.phone.sync().sync_once().await.unwrap();
    assert_eq!(outcome.status, Status::Stopped(ErrorCode::Revoked), "{outcome:?}");
    assert_eq!((outcome.waiting, outcome.in_review, outcome.received), (0, 2, 0), "{outcome:?}");
    let again = lost.phone.sync().sync_once().await.unwrap();
    assert_eq!(again.status, Status::Stopped(ErrorCode::Revoked));

    let listed = run(&store, &["quarantine", "list", "--json"]);
    assert_eq!(listed.json()["count"], 2);
    assert_eq!(listed.json()["items"][0]["reason"], "revoked_device");
    assert!(
        !listed.out.contains("Quillfeather") && !run(&store, &["quarantine", "list"]).out.contains("Quill")
    );
    let ids = ids(&listed);
    let shown = run(&store, &["quarantine", "show", &ids[0], "--json"]).json();
    assert!(shown["item"]["values"].to_string().contains("Quillfeather came by"), "{shown}");
    assert!(run(&store, &["quarantine", "show", &ids[0]]).out.contains("Quillfeather came by"));
    let export = folder.path().join("late.jsonl");
    let written = run(&store, &["quarantine", "export", export.to_str().unwrap(), "--json"]).json();
    assert_eq!(written["count"], 2);
    let text = std::fs::read_to_string(&export).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert!(first["raw"].as_str().unwrap().len() > 100 && first["form"] == "contact");
    assert!(!run(&store, &["quarantine", "export", export.to_str().unwrap()]).ok, "never overwritten");

    // The edit is refused, its record is taken.
    assert!(!run(&store, &["quarantine", "refuse", &ids[1], "--reason", "Too late"]).ok);
    let refused = run(&store, &["quarantine", "refuse", &ids[1], "--reason", "entered_twice", "--json"]);
    assert_eq!(refused.json()["refused"].as_array().unwrap().len(), 1, "{}", refused.err);
    let taken = run(&store, &["quarantine", "take", &ids[0], "--json"]);
    assert!(taken.ok && taken.json()["taken"][0]["outcome"]["accepted"].is_u64(), "{}", taken.out);
    assert!(!run(&store, &["quarantine", "take", &ids[0]]).ok);
    assert_eq!(run(&store, &["quarantine", "list", "--json"]).json()["count"], 0);
    let kept = run(&store, &["refused", "list", "--json"]).json();
    assert_eq!(kept["items"][0]["decision"], "entered_twice");

    // Her new phone has what was taken.
    let new = Handset::new(folder.path(), "new");
    new.enrol(&server.url, &code(&store, &ann)).await;
    new.sync(&server.url).await;
    assert_eq!(new.phone.records().search("Sam", 10).unwrap().len(), 1);
    let notes = new.phone.dump_read_model().unwrap();
    assert!(notes.contains(&hex("Quillfeather came by")) && !notes.contains(&hex("And went again")));
    let verified = run(&store, &["verify", "--json"]).json();
    assert_eq!(verified["ok"], true, "{verified}");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_erased_case_is_gone_everywhere_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let ann = add_person(&store, "Ann");
    let server = Serving::start(&store);
    let mut anns = Handset::new(folder.path(), "ann");
    let late = Handset::new(folder.path(), "late");
    anns.enrol(&server.url, &code(&store, &ann)).await;
    late.enrol(&server.url, &code(&store, &ann)).await;
    for number in 0..12 {
        anns.save(&format!("Quillfeather {number}"), number % 3 == 2);
    }
    anns.sync(&server.url).await;
    anns.save("Quillfeather unsent", false);
    let case = group_of(&store, "case").to_string();
    assert!(!stands_in(folder.path(), "Quillfeather").is_empty());

    let not_meant = run(&store, &["erase", "--group", &case, "--reason", "request", "--json"]);
    assert_eq!((not_meant.ok, &not_meant.json()["error"]), (false, &"not_confirmed".into()));
    let sentence = run(&store, &["erase", "--group", &case, "--reason", "Sam asked", "--yes", "--json"]);
    assert_eq!(sentence.json()["error"], "bad_reason");
    assert!(!stands_in(folder.path(), "Quillfeather").is_empty(), "nothing was done");

    let erased = run(&store, &["erase", "--group", &case, "--reason", "request", "--yes", "--json"]);
    assert!(erased.ok, "{} {}", erased.out, erased.err);
    assert_eq!(erased.json()["pages"], "erased");
    assert_eq!(erased.json()["changes"], 13);
    assert_eq!(stands_in(folder.path(), "Quillfeather"), Vec::<String>::new());

    // The phone that had it loses it, the unsent note too, and says so; the other never sees it.
    let outcome = anns.phone.sync().sync_once().await.unwrap();
    assert_eq!(outcome.waiting, 0);
    let told = anns.phone.records().outbox().unwrap().erased;
    assert_eq!((told.len(), told[0].unsent, told[0].reason.as_deref()), (1, 1, Some("request")));
    late.sync(&server.url).await;
    for phone in [&anns.phone, &late.phone] {
        assert!(!phone.dump_read_model().unwrap().contains(&hex("Quillfeather")));
        assert_eq!(phone.records().search("Sam", 10).unwrap().len(), 1, "the child is another group");
    }
    let again = run(&store, &["erase", "--group", &case, "--reason", "request", "--yes", "--json"]);
    assert_eq!(again.json()["again"], true);
    let verified = run(&store, &["verify", "--json"]).json();
    assert_eq!((&verified["ok"], &verified["pages"]), (&true.into(), &"compared".into()), "{verified}");
    drop(server);

    // And with the server stopped.
    let child = group_of(&store, "child").to_string();
    assert!(!stands_in(folder.path(), "Okafor").is_empty());
    let erased = run(&store, &["erase", "--group", &child, "--reason", "request", "--yes"]);
    assert!(erased.ok && erased.out.contains("Backups made before"), "{} {}", erased.out, erased.err);
    assert_eq!(stands_in(folder.path(), "Okafor"), Vec::<String>::new());
    assert!(run(&store, &["verify"]).ok);
}

#[tokio::test]
async fn drafts_and_unsent_work_of_a_reassigned_case_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let ann = add_person(&store, "Ann");
    let server = Serving::start(&store);
    let mut anns = Handset::new(folder.path(), "ann");
    anns.enrol(&server.url, &code(&store, &ann)).await;
    anns.save("In time", false);
    anns.sync(&server.url).await;
    let case = group_of(&store, "case");
    anns.save("Written without a network", false);
    {
        let store = Store::open(&store).unwrap();
        let programme = std::sync::Arc::new(config::read_programme(None).unwrap().0);
        let ingest =
            Ingest::start(std::sync::Arc::clone(&store), std::sync::Arc::new(SystemClock), programme);
        let person = ann.parse().unwrap();
        let write = LocalWrite::Withdraw { person, group: case };
        let ingest = ingest.unwrap();
        tokio::task::spawn_blocking(move || ingest.ingest_local(person, vec![write])).await.unwrap().unwrap();
    }
    let outcome = anns.phone.sync().sync_once().await.unwrap();
    assert_eq!((outcome.accepted, outcome.waiting, outcome.in_review), (1, 0, 0), "within two days");
    let written = Store::open(&store).unwrap().log_after(0, usize::MAX).unwrap();
    let taken = written.iter().any(|entry| match &entry.body {
        LogBody::Change { bytes, .. } => {
            bytes.windows(25).any(|window| window == b"Written without a network")
        }
        _ => false,
    });
    assert!(taken, "it is in the feed");
    assert!(!anns.phone.dump_read_model().unwrap().contains(&hex("In time")), "and off the phone");
}

#[tokio::test]
async fn a_backup_from_before_an_erasure_does_not_bring_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let ann = add_person(&store, "Ann");
    let mut server = Serving::start(&store);
    let mut anns = Handset::new(folder.path(), "ann");
    anns.enrol(&server.url, &code(&store, &ann)).await;
    anns.save("Quillfeather", false);
    anns.sync(&server.url).await;
    anns.save("Quillfeather unsent", false);
    let backup = folder.path().join("backup");
    assert!(run(&store, &["backup", backup.to_str().unwrap()]).ok);
    let case = group_of(&store, "case").to_string();
    assert!(run(&store, &["erase", "--group", &case, "--reason", "request", "--yes"]).ok);
    server.kill();
    let restored = run(&store, &["restore", backup.to_str().unwrap()]);
    assert!(restored.ok, "{} {}", restored.out, restored.err);
    let left: Vec<_> = stands_in(folder.path(), "Quillfeather")
        .into_iter()
        .filter(|name| !name.contains(".replaced-"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "taken in from the control journal");
    let server = Serving::start(&store);
    anns.phone.sync().set_server(&server.url).unwrap();
    // The first answer says that the server has gone back.
    for _ in 0..3 {
        anns.phone.sync().sync_once().await.unwrap();
    }
    assert!(!anns.phone.dump_read_model().unwrap().contains(&hex("Quillfeather")));
    let outbox = anns.phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.erased.len(), outbox.refused.len()), (0, 1, 0), "{outbox:?}");
    assert!(run(&store, &["verify"]).ok);
}
