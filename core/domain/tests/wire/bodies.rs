//! What happens to bodies that are no messages, or messages of another version.

use alongside_domain::wire::{
    DecodeError, EnrolRequest, ErrorAnswer, ErrorCode, FeedEntry, PROTOCOL, PushedChange, Refusal,
    SyncAnswer, SyncRequest, Verdict, decode, decode_message, encode, limits, pack::unpack_rows,
};
use ciborium::Value;
use proptest::prelude::*;

use crate::samples::{changed, everything, feed, nothing_to_do, pushed};

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

/// Puts a key that nobody knows into every map of a value that has named fields.
fn with_more(value: Value) -> Value {
    match value {
        Value::Map(entries) => {
            // A variant is a map of one entry: what is in it has the fields.
            let variant = entries.len() == 1;
            let mut entries: Vec<_> =
                entries.into_iter().map(|(key, value)| (key, with_more(value))).collect();
            if !variant {
                entries.push((Value::from("of_2030"), Value::Array(vec![Value::from(1), Value::Null])));
            }
            Value::Map(entries)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_more).collect()),
        other => other,
    }
}

fn of_2030<T: serde::Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(&with_more(ciborium::from_reader(encode(value).as_slice()).unwrap()))
}

#[test]
fn a_key_that_a_newer_version_adds_anywhere_is_passed_over() {
    let (request, answer) = everything();
    assert!(of_2030(&request).len() > encode(&request).len() + 50);
    assert_eq!(decode_message::<SyncRequest>(&of_2030(&request)), Ok(request));
    assert_eq!(decode_message::<SyncAnswer>(&of_2030(&answer)), Ok(answer));
    assert_eq!(decode::<Vec<FeedEntry>>(&of_2030(&feed())), Ok(feed()));
    assert_eq!(decode::<Vec<PushedChange>>(&of_2030(&pushed())), Ok(pushed()));
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

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
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_message::<SyncRequest>(&bytes);
        let _ = decode_message::<SyncAnswer>(&bytes);
        let _ = decode::<Vec<FeedEntry>>(&bytes);
    }
}
