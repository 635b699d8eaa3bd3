//! What travels: the exact bytes of every message, and what happens to bodies that are not messages.

#![expect(clippy::unwrap_used, reason = "a test whose ground is not there fails")]

use std::fmt::Write as _;

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    time::Millis,
    wire::{
        Backfill, ControlEvent, Cursor, DecodeError, EnrolAnswer, EnrolRequest, ErrorAnswer, ErrorCode,
        FeedEntry, GroupOpening, Message, OpeningVerdict, PROTOCOL, PushedChange, Refusal, SyncAnswer,
        SyncRequest, Verdict, decode, decode_message, encode, is_reason_code, limits,
        pack::{Pack, PackError, pack_rows, unpack_rows},
    },
};
use ciborium::Value;
use proptest::prelude::*;

const GROUP: GroupId = GroupId([0x61; 16]);
const RECORD: RecordId = RecordId([0x62; 16]);
const PERSON: PersonId = PersonId([0x63; 16]);
const DEVICE: DeviceId = DeviceId([0x64; 16]);
const PARTNER: PartnerId = PartnerId([0x65; 16]);
const ACTOR: ActorId = ActorId([0x66; 16]);
const AT: Millis = Millis(1_425_391_800_000);

fn nothing_to_do() -> (SyncRequest, SyncAnswer) {
    let cursor = Cursor { seq: 22_002, chain: [0x77; 16] };
    let request = SyncRequest {
        protocol: PROTOCOL,
        features: 0,
        dictionary: None,
        cursor,
        seen: None,
        backfills: Vec::new(),
        own_high: 21_950,
        actor: ACTOR,
        openings: Vec::new(),
        push: None,
        limit: 1 << 20,
        waiting: 0,
    };
    let answer = SyncAnswer {
        protocol: PROTOCOL,
        features: 0,
        dictionary: None,
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
    };
    (request, answer)
}

fn pushed() -> Vec<PushedChange> {
    vec![PushedChange { group: GROUP, record: RECORD, bytes: vec![1, 2, 3] }]
}

fn feed() -> Vec<FeedEntry> {
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

fn everything() -> (SyncRequest, SyncAnswer) {
    let (request, answer) = nothing_to_do();
    let backfills = vec![Backfill { group: GROUP, after: 5, until: 9 }];
    let request = SyncRequest {
        features: 3,
        dictionary: None,
        backfills: backfills.clone(),
        openings: vec![GroupOpening { group: GROUP, kind: "case".into(), parents: vec![GROUP] }],
        push: Some(pack_rows(&pushed())),
        waiting: 4,
        ..request
    };
    let answer = SyncAnswer {
        features: 1,
        dictionary: None,
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
        pull: Some(pack_rows(&feed())),
        backfills,
        start_again: true,
        more: true,
        revoked: true,
        ..answer
    };
    (request, answer)
}

/// A CBOR body as RFC 8949 diagnostic notation, a line per map entry or array item.
fn diagnostic(bytes: &[u8]) -> String {
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

fn snapshot<T: Message + PartialEq + std::fmt::Debug>(name: &str, message: &T) {
    let bytes = encode(message);
    assert_eq!(decode_message::<T>(&bytes).as_ref(), Ok(message));
    insta::assert_snapshot!(name, diagnostic(&bytes));
}

#[test]
fn the_bytes_of_every_message_are_these() {
    let (request, answer) = nothing_to_do();
    snapshot("request_with_nothing_to_do", &request);
    snapshot("answer_with_nothing_to_do", &answer);
    let (mut request, mut answer) = everything();
    // What is inside the packs is pinned below; how small zstd makes it is its own affair.
    for pack in request.push.iter_mut().chain(&mut answer.pull) {
        pack.body = b"zstd".to_vec();
    }
    snapshot("request_with_everything", &request);
    snapshot("answer_with_everything", &answer);
    snapshot(
        "enrol_request",
        &EnrolRequest {
            protocol: PROTOCOL,
            code: "K7Q2-9XWM".into(),
            actor: ACTOR,
            device_name: "Phone".into(),
        },
    );
    snapshot(
        "enrol_answer",
        &EnrolAnswer {
            protocol: PROTOCOL,
            device: DEVICE,
            token: "token".into(),
            person: PERSON,
            name: "Ali".into(),
            role: "SUPPORTER".into(),
            partner: PARTNER,
            programme: ("independent-support".into(), ChangeHash([0x67; 32])),
        },
    );
    snapshot(
        "error_answer",
        &ErrorAnswer { code: ErrorCode::Busy, help: "Try again later.".into(), retry_after: Some(30) },
    );
    insta::assert_snapshot!("rows_of_a_push", diagnostic(&encode(&pushed())));
    insta::assert_snapshot!("rows_of_a_feed", diagnostic(&encode(&feed())));
}

#[test]
fn a_sync_with_nothing_to_do_costs_little() {
    let (request, answer) = nothing_to_do();
    let (request, answer) = (encode(&request).len(), encode(&answer).len());
    println!("nothing to do: request {request} bytes, answer {answer} bytes");
    assert!(request + answer <= 150, "{request} + {answer}");
}

/// A body with these changes to its map: a value to set, or nothing to remove.
fn changed(body: &[u8], key: &str, value: Option<Value>) -> Vec<u8> {
    let Value::Map(mut entries) = ciborium::from_reader(body).unwrap() else { panic!("a message is a map") };
    entries.retain(|(known, _)| known.as_text() != Some(key));
    entries.extend(value.map(|value| (Value::from(key), value)));
    encode(&Value::Map(entries))
}

#[test]
fn another_protocol_is_recognised_even_where_everything_else_differs() {
    let other = Value::Map(vec![
        (Value::from("x"), Value::Array(vec![Value::Null])),
        (Value::from("p"), Value::from(7)),
        (Value::from("c"), Value::from("not a cursor")),
    ]);
    assert_eq!(decode_message::<SyncRequest>(&encode(&other)), Err(DecodeError::UnsupportedProtocol(7)));
    let (request, _) = nothing_to_do();
    for version in [0, u64::from(PROTOCOL) + 1, 65_536, u64::MAX] {
        let body = changed(&encode(&request), "p", Some(Value::from(version)));
        assert_eq!(decode_message::<SyncRequest>(&body), Err(DecodeError::UnsupportedProtocol(version)));
    }
    assert_eq!(DecodeError::UnsupportedProtocol(7).code(), ErrorCode::UnsupportedProtocol);
}

#[test]
fn what_a_newer_version_adds_is_passed_over() {
    let (request, _) = everything();
    let body = changed(&encode(&request), "new", Some(Value::Array(vec![Value::from(1), Value::Null])));
    assert_eq!(decode_message::<SyncRequest>(&body), Ok(request));
    let (_, answer) = nothing_to_do();
    let verdicts = Value::Array(vec![Value::Map(vec![(Value::from("x"), Value::from("reason_of_2030"))])]);
    let body = changed(&encode(&answer), "v", Some(verdicts));
    assert_eq!(decode_message::<SyncAnswer>(&body).unwrap().verdicts, [Verdict::Refused(Refusal::Other)]);
    let error = ErrorAnswer { code: ErrorCode::Busy, help: String::new(), retry_after: None };
    let body = changed(&encode(&error), "c", Some(Value::from("code_of_2030")));
    assert_eq!(decode_message::<ErrorAnswer>(&body).unwrap().code, ErrorCode::Other);
}

#[test]
fn bodies_that_are_no_messages_are_refused() {
    let (request, _) = everything();
    let body = encode(&request);
    let malformed = |body: &[u8]| {
        assert_eq!(decode_message::<SyncRequest>(body), Err(DecodeError::Malformed));
    };
    for length in 0..body.len() {
        malformed(&body[..length]);
    }
    malformed(&[body.as_slice(), &[0]].concat());
    malformed(b"{\"p\":1}");
    malformed(&changed(&body, "p", None));
    malformed(&changed(&body, "c", None));
    for wrong in [Value::Null, Value::from("text"), Value::from(-1), Value::Bytes(vec![0; 15])] {
        malformed(&changed(&body, "a", Some(wrong.clone())));
        malformed(&changed(&body, "c", Some(wrong)));
    }
    // Nested too deep, also where nobody looks.
    let deep = (0..limits::CBOR_DEPTH).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    malformed(&changed(&body, "new", Some(deep)));
    malformed(&vec![0x81; limits::REQUEST_BYTES]);
    // A list that announces more than there is.
    malformed(&[&[0xa2, 0x61, b'p', 1, 0x61, b'g', 0x9b][..], &[0xff; 8]].concat());
    // The same key twice.
    malformed(&[0xa2, 0x61, b'p', 1, 0x61, b'p', 1]);
}

#[test]
fn bodies_and_lists_that_are_too_long_are_refused() {
    assert_eq!(
        decode_message::<SyncRequest>(&vec![0; limits::REQUEST_BYTES + 1]),
        Err(DecodeError::TooLarge)
    );
    assert_eq!(decode_message::<EnrolRequest>(&vec![0; limits::ENROL_BYTES + 1]), Err(DecodeError::TooLarge));
    assert_eq!(decode::<Vec<u8>>(&vec![0; limits::ANSWER_BYTES + 1]), Err(DecodeError::TooLarge));
    let (request, _) = everything();
    let opening = request.openings[0].clone();
    let many = SyncRequest { openings: vec![opening; limits::OPENINGS + 1], ..request.clone() };
    assert_eq!(decode_message::<SyncRequest>(&encode(&many)), Err(DecodeError::TooLarge));
    let backfills = vec![request.backfills[0]; limits::BACKFILLS + 1];
    let many = SyncRequest { backfills, ..request };
    assert_eq!(decode_message::<SyncRequest>(&encode(&many)), Err(DecodeError::TooLarge));
}

#[test]
fn a_pack_is_measured_before_it_is_inflated() {
    let good = pack_rows(&feed());
    assert_eq!(unpack_rows::<FeedEntry>(&good), Ok(feed()));
    assert_eq!(unpack_rows::<FeedEntry>(&pack_rows::<FeedEntry>(&[])), Ok(Vec::new()));
    let over = |pack: Pack| unpack_rows::<FeedEntry>(&pack).unwrap_err();

    let bomb = zstd::bulk::compress(&vec![0; limits::PACK_INFLATED_BYTES + 1], 3).unwrap();
    assert!(bomb.len() < 8_000);
    assert_eq!(over(Pack { body: bomb, ..good.clone() }), PackError::TooLarge);
    let entries = u32::try_from(limits::PACK_ENTRIES + 1).unwrap();
    assert_eq!(over(Pack { entries, ..good.clone() }), PackError::TooLarge);
    let body = vec![0; limits::ANSWER_BYTES + 1];
    assert_eq!(over(Pack { body, ..good.clone() }), PackError::TooLarge);

    assert_eq!(over(Pack { digest: [0; 16], ..good.clone() }), PackError::Digest);
    for entries in [0, good.entries - 1, good.entries + 1] {
        assert_eq!(over(Pack { entries, ..good.clone() }), PackError::Malformed);
    }
    // Rows of something else; a frame that does not say its size; two frames; more than one value.
    assert_eq!(over(pack_rows(&pushed())), PackError::Malformed);
    let streamed = {
        let mut out = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        std::io::Write::write_all(&mut out, &encode(&feed())).unwrap();
        out.finish().unwrap()
    };
    assert_eq!(over(Pack { body: streamed, ..good.clone() }), PackError::Malformed);
    let twice = [good.body.as_slice(), &good.body].concat();
    assert_eq!(over(Pack { body: twice, ..good.clone() }), PackError::Malformed);
    assert_eq!(over(Pack { body: b"no zstd at all".to_vec(), ..good }), PackError::Malformed);
}

#[test]
fn more_rows_than_a_pack_may_hold_are_not_read() {
    let rows = vec![0_u8; limits::PACK_ENTRIES + 1];
    let mut pack = pack_rows(&rows);
    pack.entries = 1;
    assert_eq!(unpack_rows::<u8>(&pack), Err(PackError::Malformed));
    assert_eq!(unpack_rows::<u8>(&pack_rows(&rows[1..])).unwrap().len(), limits::PACK_ENTRIES);
}

fn any_change() -> impl Strategy<Value = PushedChange> {
    (any::<[u8; 16]>(), any::<[u8; 16]>(), proptest::collection::vec(any::<u8>(), 0..80)).prop_map(
        |(group, record, bytes)| PushedChange { group: GroupId(group), record: RecordId(record), bytes },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packs_open_to_what_was_packed(changes in proptest::collection::vec(any_change(), 0..30)) {
        let (request, _) = nothing_to_do();
        let request = SyncRequest { push: Some(pack_rows(&changes)), ..request };
        let read: SyncRequest = decode_message(&encode(&request)).unwrap();
        prop_assert_eq!(unpack_rows::<PushedChange>(&read.push.unwrap()).unwrap(), changes);
    }

    #[test]
    fn mutated_bodies_never_panic(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let (request, answer) = everything();
        for mut body in [encode(&request), encode(&answer)] {
            let length = body.len();
            body[at.index(length)] = byte;
            for body in [&body[..], &body[..cut.index(length)]] {
                if let Ok(request) = decode_message::<SyncRequest>(body) {
                    let _ = request.push.map(|pack| unpack_rows::<PushedChange>(&pack));
                }
                if let Ok(answer) = decode_message::<SyncAnswer>(body) {
                    let _ = answer.pull.map(|pack| unpack_rows::<FeedEntry>(&pack));
                }
            }
        }
    }

    #[test]
    fn mutated_packs_are_refused_or_unchanged(at in any::<prop::sample::Index>(), byte: u8) {
        let mut pack = pack_rows(&feed());
        let length = pack.body.len();
        pack.body[at.index(length)] = byte;
        if let Ok(entries) = unpack_rows::<FeedEntry>(&pack) {
            prop_assert_eq!(entries, feed());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_message::<SyncRequest>(&bytes);
        let _ = decode_message::<SyncAnswer>(&bytes);
        let _ = decode::<Vec<FeedEntry>>(&bytes);
    }
}

#[test]
fn a_refusal_has_the_same_word_everywhere() {
    let all = [
        Refusal::Malformed,
        Refusal::TooLarge,
        Refusal::OutOfOrder,
        Refusal::DanglingReference,
        Refusal::WrongRoot,
        Refusal::BreaksDocument,
        Refusal::NotEntitled,
        Refusal::ForeignActor,
        Refusal::UnknownGroup,
        Refusal::UnknownForm,
        Refusal::BadOpening,
        Refusal::AfterWithdrawal,
        Refusal::RevokedDevice,
        Refusal::ByCoordinator,
        Refusal::Immutable,
        Refusal::Other,
    ];
    for refusal in all {
        assert_eq!(Refusal::from_code(refusal.code()), refusal);
        let on_the_wire: String = decode(&encode(&refusal)).unwrap();
        assert_eq!(on_the_wire, refusal.code());
    }
    assert_eq!(Refusal::from_code("of_a_later_version"), Refusal::Other);
}

#[test]
fn a_reason_is_a_code_and_no_sentence() {
    for good in ["retention", "request_2015", "a"] {
        assert!(is_reason_code(good), "{good}");
    }
    for bad in ["", "Retention", "of Mrs Okafor", "1st", "naïve", "x\n", &"x".repeat(41)] {
        assert!(!is_reason_code(bad), "{bad}");
    }
}
