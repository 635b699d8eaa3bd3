//! Messages with nothing and with everything in them.

use std::fmt::Write as _;

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    tally::{
        Commitment, EntryName, Tally,
        heads::{GroupHead, PublicKey, SignedHead, SignedHeads},
    },
    time::Millis,
    wire::{
        Backfill, ControlEvent, Cursor, FeedEntry, GroupOpening, OpeningVerdict, PROTOCOL, PushedChange,
        Refusal, SyncAnswer, SyncRequest, Verdict, encode, features,
        pack::{Common, dictionary, pack_entries, pack_rows},
        relatives::{Relative, Relatives, RelativesOf},
        repair::{Compare, GroupTally, ListFrom, Listed, Proof, RepairAnswer, RepairRequest},
    },
};
use ciborium::Value;

pub(crate) const GROUP: GroupId = GroupId([0x61; 16]);
pub(crate) const RECORD: RecordId = RecordId([0x62; 16]);
pub(crate) const PERSON: PersonId = PersonId([0x63; 16]);
pub(crate) const DEVICE: DeviceId = DeviceId([0x64; 16]);
pub(crate) const PARTNER: PartnerId = PartnerId([0x65; 16]);
pub(crate) const ACTOR: ActorId = ActorId([0x66; 16]);
pub(crate) const AT: Millis = Millis(1_425_391_800_000);

pub(crate) fn nothing_to_do() -> (SyncRequest, SyncAnswer) {
    let cursor = Cursor { seq: 22_002, chain: [0x77; 16] };
    let request = SyncRequest {
        protocol: PROTOCOL,
        features: features::ALL,
        dictionary: dictionary::newest(),
        cursor,
        seen: None,
        backfills: Vec::new(),
        own_high: 21_950,
        actor: ACTOR,
        openings: Vec::new(),
        push: None,
        limit: 1 << 20,
        waiting: 0,
        tally: Some(TALLY),
        needs_key: false,
        asks_relatives: false,
        repair: None,
    };
    let answer = SyncAnswer {
        protocol: PROTOCOL,
        features: features::ALL,
        dictionary: dictionary::newest(),
        openings: Vec::new(),
        verdicts: Vec::new(),
        pull: None,
        cursor,
        head: None,
        backfills: Vec::new(),
        start_again: false,
        more: false,
        revoked: false,
        server_time: AT,
        tally: None,
        heads: None,
        key: None,
        to_repair: false,
        relatives: None,
        repair: None,
    };
    (request, answer)
}

pub(crate) fn pushed() -> Vec<PushedChange> {
    vec![PushedChange { group: GROUP, record: RECORD, bytes: vec![1, 2, 3] }]
}

pub(crate) fn feed() -> Vec<FeedEntry> {
    let events = [
        ControlEvent::Person {
            person: PERSON,
            name: "Ali".into(),
            role: "SUPPORTER".into(),
            partner: PARTNER,
        },
        ControlEvent::Group { group: GROUP, kind: "case".into(), partner: PARTNER, parents: vec![GROUP] },
        ControlEvent::Grant { person: PERSON, group: GROUP },
        ControlEvent::Withdraw { person: PERSON, group: GROUP },
        ControlEvent::Enrol { device: DEVICE, person: PERSON },
        ControlEvent::Revoke { device: DEVICE },
        ControlEvent::Erase { group: GROUP, reason: "retention".into() },
        ControlEvent::Reviewed { person: PERSON, group: GROUP, change: None, refused: None },
        ControlEvent::Reviewed {
            person: PERSON,
            group: GROUP,
            change: Some(ChangeHash([0x68; 32])),
            refused: Some("entered_twice".into()),
        },
    ];
    let change = |device| FeedEntry::Change {
        seq: 7,
        group: GROUP,
        record: RECORD,
        author: PERSON,
        device,
        received_at: AT,
        bytes: vec![1, 2, 3],
    };
    let controls = events.into_iter().map(|event| FeedEntry::Control { seq: 8, at: AT, event });
    [change(Some(DEVICE)), change(None)].into_iter().chain(controls).collect()
}

pub(crate) fn everything() -> (SyncRequest, SyncAnswer) {
    let (request, answer) = nothing_to_do();
    let backfills = vec![Backfill { group: GROUP, after: 5, until: 9 }];
    let request = SyncRequest {
        seen: Some(Cursor { seq: 22_010, chain: [0x78; 16] }),
        backfills: backfills.clone(),
        openings: vec![GroupOpening { group: GROUP, kind: "case".into(), parents: vec![GROUP] }],
        push: Some(pack_rows(&pushed())),
        waiting: 4,
        tally: Some(TALLY),
        needs_key: true,
        asks_relatives: true,
        repair: Some(Box::new(repair_step())),
        ..request
    };
    let answer = SyncAnswer {
        openings: vec![
            OpeningVerdict::Opened,
            OpeningVerdict::Refused(Refusal::BadOpening),
            OpeningVerdict::Review(Refusal::RevokedDevice),
            OpeningVerdict::Erased,
        ],
        verdicts: vec![
            Verdict::Accepted(22_003),
            Verdict::Have(7),
            Verdict::Missing(vec![ChangeHash([0x68; 32])]),
            Verdict::Fork { actor: ACTOR, seq: 2 },
            Verdict::Refused(Refusal::DanglingReference),
            Verdict::Review(Refusal::AfterWithdrawal),
            Verdict::Erased,
            Verdict::Retry,
        ],
        pull: Some(pack_entries(&feed(), features::ALL, dictionary::newest(), &Common::default())),
        head: Some(Cursor { seq: 22_010, chain: [0x78; 16] }),
        backfills,
        start_again: true,
        more: true,
        revoked: true,
        tally: Some(TALLY),
        heads: Some(SignedHeads { heads: vec![head()], signature: [0x6d; 64] }),
        key: Some(PublicKey([0x6e; 32])),
        to_repair: true,
        relatives: Some(relatives()),
        repair: Some(Box::new(repair_outcome())),
        ..answer
    };
    (request, answer)
}

const TALLY: Tally = Tally { count: 12, sum: [0x69; 16] };

fn head() -> GroupHead {
    GroupHead { group: GROUP, count: 12, commitment: Commitment([0x6a; 32]), sum: [0x6b; 16] }
}

fn repair_step() -> RepairRequest {
    let signed = SignedHead {
        head: head(),
        place: 1,
        of: 3,
        path: vec![[0x6f; 32], [0x70; 32]],
        signature: [0x6d; 64],
    };
    RepairRequest {
        head: Some(Cursor { seq: 22_005, chain: [0x79; 16] }),
        seen: Some(Cursor { seq: 22_010, chain: [0x78; 16] }),
        mismatch: true,
        compare: Some(Compare {
            after: Some(GroupId([0x60; 16])),
            to: Some(GROUP),
            groups: vec![GroupTally { group: GROUP, tally: TALLY }],
        }),
        lists: vec![ListFrom { group: GROUP, after: 7 }],
        wanted: vec![8, 300],
        proofs: vec![Proof { signed, names: vec![0x71; 32] }],
        relayed: None,
    }
}

fn repair_outcome() -> RepairAnswer {
    let name = EntryName([0x71; 32]);
    let mut listed = Listed { group: GROUP, entries: Vec::new(), more: true };
    listed.push(7, AT, &name);
    RepairAnswer {
        head: Cursor { seq: 22_005, chain: [0x79; 16] },
        seen: Cursor { seq: 22_011, chain: [0x7a; 16] },
        restart: true,
        differ: vec![GROUP],
        lists: vec![listed],
        dealt_with: 2,
        verdicts: vec![Verdict::Accepted(22_011), Verdict::Refused(Refusal::NotCovered)],
    }
}

/// A CBOR body as RFC 8949 diagnostic notation, a line per map entry or array item.
pub(crate) fn diagnostic(bytes: &[u8]) -> String {
    fn show(value: &Value, indent: usize, out: &mut String) {
        let pad = "  ".repeat(indent + 1);
        match value {
            Value::Map(entries) => {
                out.push_str("{\n");
                for (key, value) in entries {
                    out.push_str(&pad);
                    show(key, indent + 1, out);
                    out.push_str(": ");
                    show(value, indent + 1, out);
                    out.push('\n');
                }
                let _ = write!(out, "{}}}", "  ".repeat(indent));
            }
            Value::Array(items) => {
                out.push_str("[\n");
                for item in items {
                    out.push_str(&pad);
                    show(item, indent + 1, out);
                    out.push('\n');
                }
                let _ = write!(out, "{}]", "  ".repeat(indent));
            }
            Value::Bytes(bytes) => {
                out.push_str("h'");
                for byte in bytes {
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('\'');
            }
            Value::Integer(number) => out.push_str(&i128::from(*number).to_string()),
            Value::Text(text) => out.push_str(&format!("{text:?}")),
            Value::Bool(truth) => out.push_str(&truth.to_string()),
            other => out.push_str(&format!("{other:?}")),
        }
    }
    let value: Value = ciborium::from_reader(bytes).unwrap();
    let mut out = format!("{} bytes\n", bytes.len());
    show(&value, 0, &mut out);
    out
}

/// A body with these changes to its map: a value to set, or nothing to remove.
pub(crate) fn changed(body: &[u8], key: &str, value: Option<Value>) -> Vec<u8> {
    let Value::Map(mut entries) = ciborium::from_reader(body).unwrap() else { panic!("a message is a map") };
    entries.retain(|(known, _)| known.as_text() != Some(key));
    entries.extend(value.map(|value| (Value::from(key), value)));
    encode(&Value::Map(entries))
}

/// Two brothers of one unit's child; the birth date of one is not known.
fn relatives() -> Relatives {
    let other = |name: &str, age| Relative { known_as: name.to_owned(), age };
    let others = vec![other("Kofi", Some(7)), other("Yaw", None)];
    Relatives { units: vec![RelativesOf { unit: GroupId([6; 16]), others }] }
}
