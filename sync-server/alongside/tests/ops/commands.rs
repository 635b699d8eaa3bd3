//! What the commands print for programs, and whether the papers name commands that there are.

use std::path::Path;

use crate::process::{add_person, alongside, bare, ran, run};

fn keys(object: &serde_json::Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_has_the_keys_that_the_papers_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let backup = folder.path().join("backup.db");
    add_person(&store, "Ann");
    let made = run(&store, &["backup", backup.to_str().unwrap(), "--json"]).json();
    let backup_keys = ["ok", "file", "bytes", "head", "entries", "changes", "records"];
    let attachments = ["attachments", "attachment_bytes", "attachments_missing"];
    assert_eq!(keys(&made), [&backup_keys[..], &attachments].concat());
    let restored = run(&store, &["restore", backup.to_str().unwrap(), "--json"]).json();
    let restored_keys = ["ok", "store", "kept", "head", "head_before", "from_journal", "records"];
    assert_eq!(keys(&restored), [&restored_keys[..], &["attachments", "attachments_missing"]].concat());
    let verified = run(&store, &["verify", "--json"]).json();
    assert_eq!(
        keys(&verified),
        [
            "ok",
            "head",
            "entries",
            "changes",
            "records",
            "pages",
            "attachments",
            "attachments_awaited",
            "journal",
            "findings",
            "findings_left_off"
        ]
    );
    assert_eq!((&verified["ok"], &verified["pages"]), (&true.into(), &"absent".into()));
    let failed = run(&store, &["backup", backup.to_str().unwrap(), "--json"]);
    assert_eq!(keys(&failed.json()), ["ok", "error", "help"]);
    assert_eq!((failed.ok, &failed.json()["error"]), (false, &"exists".into()));
    let papers = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    for object in [&made, &restored, &verified, &failed.json()] {
        for key in keys(object) {
            assert!(papers.contains(&format!("`{key}`")), "docs/operating.md does not explain `{key}`");
        }
    }
}

#[test]
fn for_people_each_says_what_it_did_and_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let backup = folder.path().join("backup.db");
    let nothing = run(&store, &["verify"]);
    assert!(!nothing.ok && nothing.err.contains("--store") && !store.exists(), "{}", nothing.err);
    add_person(&store, "Ann");
    let made = run(&store, &["backup", backup.to_str().unwrap()]);
    assert!(made.ok && made.out.contains("every hash checked"), "{}", made.out);
    let restored = run(&store, &["restore", backup.to_str().unwrap()]);
    assert!(
        restored.out.contains("is kept as") && restored.out.contains("sends what the server lacks"),
        "{}",
        restored.out
    );
    let verified = run(&store, &["verify"]);
    assert!(verified.ok && verified.out.ends_with("nothing is wrong\n"), "{}", verified.out);
    let connection = rusqlite::Connection::open(&store).unwrap();
    connection.execute("UPDATE feed SET chain = zeroblob(16)", []).unwrap();
    drop(connection);
    let verified = run(&store, &["verify"]);
    assert!(!verified.ok && verified.out.contains("chain is broken"), "{}", verified.out);
    assert!(verified.out.contains("restore the last backup"), "{}", verified.out);
    assert!(!verified.out.contains("Ann"), "no names");
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Splits as a shell does, as far as the papers need it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_in_the_papers_exists() {
    let mut found = 0;
    for paper in [
        "README.md",
        "docs/operating.md",
        "docs/importing.md",
        "docs/reviewing.md",
        "docs/programmes.md",
        "sync-server/README.md",
    ] {
        let text = std::fs::read_to_string(root().join(paper)).unwrap();
        let blocks = text.split("```").skip(1).step_by(2);
        let inline = text.split('`').filter(|piece| !piece.contains('\n'));
        let lines: Vec<&str> = blocks.flat_map(str::lines).chain(inline).collect();
        for line in lines {
            let line = line.split('#').next().unwrap_or_default();
            let Some(args) = ["alongside ", "cargo run -- ", "cargo run --release -- "]
                .iter()
                .find_map(|start| line.trim().strip_prefix(start))
            else {
                continue;
            };
            let mut args = words(args);
            if args.starts_with(&["user".to_owned(), "add".to_owned()]) && args.len() > 2 {
                // Its values have to be those of the programme.
                let folder = tempfile::tempdir().unwrap();
                let said = ran(&bare().args(&args).current_dir(folder.path()).output().unwrap());
                assert!(said.ok, "{paper}: alongside {}: {}", args.join(" "), said.err);
            }
            // Help is asked for after everything else: whatever is unknown before it is refused first.
            args.push("--help".to_owned());
            let said = ran(&alongside(Path::new("none.db")).args(&args).output().unwrap());
            assert!(said.ok, "{paper}: alongside {}: {}", args.join(" "), said.err);
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}
