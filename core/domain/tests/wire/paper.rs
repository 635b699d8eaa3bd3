//! The worked example of `docs/protocol.md` against the code.

use std::collections::BTreeMap;

use alongside_domain::{
    ids::{ActorId, GroupId, RecordId},
    record::{Circumstances, Document, Edit, Root},
    time::Millis,
    value::Value,
    wire::{
        Cursor, PushedChange, SyncAnswer, SyncRequest, Verdict, decode_message, encode, features,
        pack::{Common, Pack, PackForm, columns, dictionary, pack_entries, pack_rows, unpack_entries},
    },
};

use crate::samples::nothing_to_do;

const PAPER: &str = include_str!("../../../../docs/protocol.md");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The blocks of the paper by name, without blanks and remarks.
fn blocks() -> BTreeMap<&'static str, String> {
    PAPER
        .split("```hex ")
        .skip(1)
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let (content, _) = rest.split_once("```").unwrap();
            let hex = content.lines().flat_map(|line| line.split(';').next().unwrap().split_whitespace());
            (name, hex.collect())
        })
        .collect()
}

fn contact() -> PushedChange {
    let root = Root {
        id: RecordId([0x11; 16]),
        form: "contact".into(),
        form_version: "2014.1".into(),
        group: GroupId([0x22; 16]),
    };
    let circumstances = Circumstances {
        actor: ActorId([0x33; 16]),
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".into(),
        offline: false,
        reason: None,
    };
    let edit = |key: &str, value| Edit { key: key.into(), value };
    let edits = [
        edit("duration_min", Value::Integer(45)),
        edit("mode", "PHONE".into()),
        edit("occurred_at", Value::Instant(Millis(1_425_391_800_000))),
        edit("seen_on", "2015-03-03".into()),
    ];
    let (_, change) = Document::create(&root, &edits, &circumstances).unwrap();
    PushedChange { group: root.group, record: root.id, bytes: change.bytes }
}

/// The request with the contact, as this build of zstd compresses it.
fn request() -> SyncRequest {
    let (request, _) = nothing_to_do();
    let actor = ActorId([0x33; 16]);
    let common = Common { actor: Some(actor), feed: None };
    let push = pack_entries(&[contact()], features::ALL, dictionary::newest(), &common);
    SyncRequest { actor, push: Some(push), tally: None, ..request }
}

#[test]
fn the_worked_example_of_the_paper_is_what_the_code_writes() {
    let blocks = blocks();
    let (nothing, nothing_new) = nothing_to_do();
    let changes = [contact()];
    let by_column = |changes| {
        let common = Common::default();
        pack_entries::<PushedChange>(changes, features::ALL, None, &common)
    };
    let verdict = SyncAnswer {
        verdicts: vec![Verdict::Accepted(22_003)],
        cursor: Cursor { seq: 22_003, chain: [0x79; 16] },
        ..nothing_new.clone()
    };
    let expected = [
        ("request-with-nothing-to-do", encode(&nothing)),
        ("answer-with-nothing-to-do", encode(&nothing_new)),
        ("change", changes[0].bytes.clone()),
        ("rows", encode(&changes[..])),
        ("digest-of-rows", pack_rows(&changes).digest.to_vec()),
        ("columns", columns::body(&changes, &Common::default(), true)),
        ("digest-of-columns", by_column(&changes).digest.to_vec()),
        ("answer-with-a-verdict", encode(&verdict)),
    ];
    for (name, bytes) in &expected {
        assert_eq!(blocks.get(name), Some(&hex(bytes)), "{name}");
    }
    assert_eq!(blocks.len(), expected.len() + 1, "every block is held against the code");
}

#[test]
fn the_request_of_the_paper_opens_to_its_contact() {
    let text = &blocks()["request-with-a-contact"];
    let bytes: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|_| panic!("write there: {}", hex(&encode(&request()))));
    let read: SyncRequest = decode_message(&bytes).unwrap();
    let common = Common { actor: Some(read.actor), feed: None };
    let push: Pack = read.push.clone().unwrap();
    assert_eq!((push.form, push.dictionary), (PackForm::Columns, dictionary::newest()));
    assert_eq!(unpack_entries::<PushedChange>(&push, &common), Ok(vec![contact()]));
    // All else but the compressed body is as the code writes it today.
    let mut today = request();
    today.push = Some(push);
    assert_eq!(encode(&today), bytes);
}
