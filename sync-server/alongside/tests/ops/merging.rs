//! A child entered twice, found, merged and parted with the commands, while the server runs and while not.

use std::path::Path;

use alongside_core::{FirstRecord, OpenGroupRequest};
use alongside_domain::{ids::GroupId, record::Edit};
use serde_json::Value;

use crate::{
    handset::Handset,
    process::{Serving, add_person, code, run},
};

fn enter(handset: &Handset, case_ref: &str) -> [GroupId; 3] {
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let answers: Vec<Edit> =
            pairs.iter().map(|&(key, text)| Edit { key: key.to_owned(), value: text.into() }).collect();
        let records = vec![FirstRecord { form: kind.to_owned(), answers }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        handset.phone.records().open_group(request).unwrap().group
    };
    let family = open("family", vec![], &[("area", "840")]);
    let about = [("known_as", "Sam"), ("family_name", "Okafor"), ("date_of_birth", "2006-05-04")];
    let child = open("child", vec![family], &about);
    let case = open("case", vec![child, family], &[("case_ref", case_ref)]);
    [family, child, case]
}

fn coordinator(store: &Path) -> String {
    let args = [
        "user",
        "add",
        "--name",
        "Cora",
        "--role",
        "COORDINATOR",
        "--partner",
        "Contact Point",
        "--areas",
        "840",
    ];
    let added = run(store, &args);
    added.out.lines().find_map(|line| line.strip_prefix("person ")).unwrap().to_owned()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn two_that_are_one_are_suggested_merged_and_parted() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let nothing = run(&store, &["merge", "list", "--json"]);
    assert_eq!((nothing.ok, &nothing.json()["ok"]), (false, &false.into()), "there is no store to look at");
    let (ann, cora) = (add_person(&store, "Ann"), coordinator(&store));
    let server = Serving::start(&store);
    let phone = Handset::new(folder.path(), "phone");
    phone.enrol(&server.url, &code(&store, &ann)).await;
    let [kept_family, kept, _] = enter(&phone, "C-1");
    let [other_family, other, case] = enter(&phone, "C-2");
    phone.sync(&server.url).await;

    let suggested = run(&store, &["merge", "suggest", "--area", "840", "--json"]).json();
    assert_eq!(keys(&suggested), ["ok", "area", "pairs"]);
    let pair = &suggested["pairs"][0];
    assert_eq!((keys(pair), &pair["kind"]), (vec!["kind", "groups", "why"], &"child".into()));
    let mut both = [kept.to_string(), other.to_string()];
    both.sort_unstable();
    assert_eq!(pair["groups"], serde_json::json!(both));
    assert_eq!(
        run(&store, &["merge", "suggest", "--area", "841", "--json"]).json()["pairs"],
        serde_json::json!([])
    );
    let words = run(&store, &["merge", "suggest", "--area", "840"]).out;
    assert!(
        words.contains(&both[0]) && words.contains("alongside merge groups") && !words.contains("Sam"),
        "{words}"
    );

    let merge = |kept: GroupId, other: GroupId, by: &str, reason: &str| {
        let (kept, other) = (kept.to_string(), other.to_string());
        let args =
            ["merge", "groups", "--keep", &kept, "--other", &other, "--by", by, "--reason", reason, "--json"];
        run(&store, &args)
    };
    let refused = merge(kept, other, &ann, "same_child");
    assert_eq!((refused.ok, &refused.json()["error"]), (false, &"not_entitled".into()));
    assert_eq!(merge(kept, other, &cora, "Sam is Sam").json()["error"], "bad_reason");
    assert_eq!(merge(kept, kept_family, &cora, "same_child").json()["error"], "not_a_pair");
    let merged = merge(kept, other, &cora, "same_child");
    assert!(merged.ok, "{}", merged.out);
    let object = merged.json();
    let expected = [
        "ok",
        "merge",
        "kept",
        "other",
        "by",
        "at",
        "reason",
        "led",
        "undone_by",
        "undone_at",
        "undone_reason",
    ];
    assert_eq!(keys(&object), expected);
    assert_eq!(object["led"], serde_json::json!([case.to_string()]));
    let papers =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reviewing.md"))
            .unwrap();
    for key in expected.iter().chain(&["area", "pairs", "kind", "groups", "why"]) {
        assert!(papers.contains(&format!("`{key}`")), "docs/reviewing.md does not explain `{key}`");
    }

    // The families follow, on a server that does not run.
    drop(server);
    let follows = run(&store, &["merge", "suggest", "--area", "840", "--json"]).json();
    assert_eq!(
        (&follows["pairs"][0]["kind"], follows["pairs"][0]["why"].as_array().unwrap().len()),
        (&"family".into(), 0)
    );
    assert!(merge(kept_family, other_family, &cora, "same_family").ok);
    assert_eq!(
        run(&store, &["merge", "suggest", "--area", "840", "--json"]).json()["pairs"],
        serde_json::json!([])
    );
    let listed = run(&store, &["merge", "list", "--json"]);
    assert_eq!(listed.out.lines().count(), 2);
    assert!(run(&store, &["verify"]).ok);

    let id = object["merge"].as_str().unwrap();
    let undo = ["merge", "undo", id, "--by", &cora, "--reason", "merged_by_mistake"];
    let undone = run(&store, &undo);
    assert!(undone.ok && undone.out.contains("undone"), "{}{}", undone.out, undone.err);
    assert!(run(&store, &["merge", "list"]).out.contains("merged_by_mistake"));
    let never = ["merge", "undo", &ann, "--by", &cora, "--reason", "merged_by_mistake", "--json"];
    assert_eq!(run(&store, &never).json()["error"], "unknown_merge");
    assert!(run(&store, &["verify"]).ok);
}
