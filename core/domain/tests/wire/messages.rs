//! The bytes of every message.

use alongside_domain::{
    ids::ChangeHash,
    tally::heads::PublicKey,
    wire::{
        EnrolAnswer, EnrolRequest, ErrorAnswer, ErrorCode, FeedEntry, Message, PROTOCOL, PushedChange,
        decode_message, encode,
        pack::{Common, PackForm, columns, unpack_entries},
    },
};

use crate::samples::{ACTOR, DEVICE, PARTNER, PERSON, diagnostic, everything, feed, nothing_to_do, pushed};

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
    assert_eq!(request.push.as_ref().map(|pack| pack.form), Some(PackForm::Rows));
    assert_eq!(answer.pull.as_ref().map(|pack| pack.form), Some(PackForm::Columns));
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
            key: Some(PublicKey([0x6e; 32])),
        },
    );
    snapshot(
        "error_answer",
        &ErrorAnswer { code: ErrorCode::Busy, help: "Try again later.".into(), retry_after: Some(30) },
    );
    insta::assert_snapshot!("rows_of_a_push", diagnostic(&encode(&pushed())));
    insta::assert_snapshot!("rows_of_a_feed", diagnostic(&encode(&feed())));
}

/// Every kind of entry by column, in both arrangements of the streams.
#[test]
fn the_bytes_of_columns_are_these() {
    let common = Common::default();
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    insta::assert_snapshot!("columns_of_a_push", hex(columns::body(&pushed(), &common, true)));
    insta::assert_snapshot!("columns_of_a_feed_in_one_stream", hex(columns::body(&feed(), &common, true)));
    insta::assert_snapshot!("columns_of_a_feed", hex(columns::body(&feed(), &common, false)));
    let (request, answer) = everything();
    let (push, pull) = (request.push.unwrap(), answer.pull.unwrap());
    assert_eq!(unpack_entries::<PushedChange>(&push, &common), Ok(pushed()));
    assert_eq!(unpack_entries::<FeedEntry>(&pull, &common), Ok(feed()));
}

#[test]
fn a_sync_with_nothing_to_do_costs_little() {
    let (request, answer) = nothing_to_do();
    let (request, answer) = (encode(&request).len(), encode(&answer).len());
    println!("nothing to do: request {request} bytes, answer {answer} bytes");
    assert!(request + answer <= 160, "{request} + {answer}");
}
