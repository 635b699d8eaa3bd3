//! An earlier app against this server, and beside an app of today.

use alongside_domain::{
    ids::{GroupId, PersonId},
    record::Document,
    wire::pack::PackForm,
};
use axum::http::StatusCode;
use ciborium::Value;

use crate::{
    lab::{World, contact, edit, open_case, sync},
    raw::{Client, get, map, number, opening},
};

fn person(client: &Client) -> PersonId {
    PersonId::from_slice(client.person.as_bytes().unwrap()).unwrap()
}

#[tokio::test]
async fn it_enrols_opens_a_case_pushes_edits_and_is_not_sent_its_own() {
    let world = World::new().await;
    let code = world.code(world.person("Old", "SUPPORTER"));
    let mut old = Client::enrol(&world, &code.to_lowercase(), 0x51).await;
    let (family, child, case) = (GroupId([1; 16]), GroupId([2; 16]), GroupId([3; 16]));
    let openings = vec![
        opening(family, "family", &[]),
        opening(child, "child", &[family]),
        opening(case, "case", &[child, family]),
        opening(GroupId([4; 16]), "no_such_kind", &[]),
    ];
    let (mut note, created) = old.write("contact", case, 1, "note");
    let edited = old.edit(&mut note, "note", "second");
    let (_, nowhere) = old.write("contact", GroupId([9; 16]), 2, "note");
    let brought = old.sync(&world, openings.clone(), vec![created.clone(), edited.clone(), nowhere]).await;
    let opened = get(&brought.answer, "g").and_then(Value::as_array).unwrap();
    assert_eq!(opened[..3], [Value::from("opened"), Value::from("opened"), Value::from("opened")]);
    assert_eq!(get(&opened[3], "refused"), Some(&Value::from("bad_opening")));
    let verdicts = brought.verdicts();
    let first = number(&verdicts[0], "a").unwrap();
    assert_eq!(number(&verdicts[1], "a"), Some(first + 1));
    assert_eq!(get(&verdicts[2], "x"), Some(&Value::from("unknown_group")));
    let record = note.root().unwrap().id;
    assert!(brought.changes(record).is_empty());
    // It hears of people, of its grants, and of the groups it opened.
    assert_eq!(brought.events("y").len(), 3);
    assert_eq!(brought.events("g").len(), 3);
    assert!(!brought.events("p").is_empty());

    // The answer was lost: the same again, from where it was.
    let again = old.sync(&world, openings, vec![created, edited]).await;
    assert_eq!(number(&again.verdicts()[0], "h"), Some(first));
    assert!(again.entries.is_empty(), "nothing comes twice: {:?}", again.entries);

    // An orphan, a fork, and what is not a change.
    let orphan = {
        let mut other = Document::load(note.changes().iter().map(|change| change.bytes.as_slice())).unwrap();
        let unsent = old.edit(&mut other, "note", "never sent");
        let orphan = old.edit(&mut other, "note", "stands on it");
        let fork = old.edit(&mut note, "note", "the same number as what is never sent");
        [orphan, fork, unsent]
    };
    let [orphan, fork, unsent] = orphan;
    let mut nonsense = fork.clone();
    if let Value::Map(entries) = &mut nonsense {
        entries.retain(|(key, _)| key.as_text() != Some("b"));
        entries.push((Value::from("b"), Value::Bytes(vec![1, 2, 3])));
    }
    let brought = old.sync(&world, vec![], vec![orphan, fork, nonsense]).await;
    let verdicts = brought.verdicts();
    assert_eq!(get(&verdicts[0], "m").and_then(Value::as_array).map(Vec::len), Some(1));
    assert!(number(&verdicts[1], "a").is_some(), "{verdicts:?}");
    assert_eq!(get(&verdicts[2], "x"), Some(&Value::from("malformed")));
    let brought = old.sync(&world, vec![], vec![unsent]).await;
    let fork = get(&brought.verdicts()[0], "f").cloned().unwrap();
    assert_eq!(get(&fork, "a"), Some(&Value::Bytes(vec![0x51; 16])));
    assert_eq!(number(&fork, "s"), Some(3));
}

#[tokio::test]
async fn it_shares_a_case_with_an_app_of_today() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann, 1);
    let record = contact(&ann, case, "first");
    sync(&ann).await;
    edit(&ann, case, record, &[("note", "second")]);
    sync(&ann).await;
    let code = world.code(world.person("Old", "SUPPORTER"));
    let mut old = Client::enrol(&world, &code, 0x52).await;
    old.sync(&world, vec![], vec![]).await;
    world.grant(person(&old), case).await;
    let brought = old.sync(&world, vec![], vec![]).await;
    let mut changes = brought.changes(record);
    assert_eq!(changes.len(), 2);
    let mut document = Document::load(changes.iter().map(Vec::as_slice)).unwrap();
    let third = old.edit(&mut document, "note", "third");
    old.sync(&world, vec![], vec![third]).await;
    world.middle.seen();
    sync(&ann).await;
    assert_eq!(world.middle.seen()[0].forms().1, Some(PackForm::Columns));
    let view = ann.records().record(record).unwrap().view;
    assert_eq!(view.text("note"), Some("third"));
    edit(&ann, case, record, &[("note", "fourth")]);
    sync(&ann).await;
    changes.extend(document.changes().last().map(|change| change.bytes.clone()));
    changes.extend(old.sync(&world, vec![], vec![]).await.changes(record));
    let document = Document::load(changes.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(document.heads(), view_heads(&ann, record));
}

fn view_heads(
    phone: &alongside_core::Phone,
    record: alongside_domain::ids::RecordId,
) -> Vec<alongside_domain::ids::ChangeHash> {
    phone.records().record(record).unwrap().view.heads
}

#[tokio::test]
async fn what_a_newer_app_adds_is_passed_over_and_other_versions_are_told_so() {
    let world = World::new().await;
    let code = world.code(world.person("New", "SUPPORTER"));
    let client = Client::enrol(&world, &code, 0x53).await;
    let further =
        [("f", Value::from(0xffff_fffc_u32)), ("of_2030", map(&[("deep", Value::Array(vec![Value::Null]))]))];
    let (status, answer) = client.post(&world, &client.request(&further)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(number(&answer, "p"), Some(1));
    for version in [0_u64, 2, 7, 65_537] {
        let request = map(&[("p", Value::from(version)), ("all", Value::from("else differs"))]);
        let (status, error) = client.post(&world, &request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(get(&error, "c"), Some(&Value::from("unsupported_protocol")));
        assert!(get(&error, "h").and_then(Value::as_text).is_some_and(|help| help.contains("update")));
    }
}
