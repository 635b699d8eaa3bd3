//! Bodies that mean no good: each gets its own code, and nothing is kept.

use alongside_domain::wire::{
    EnrolRequest, ErrorAnswer, ErrorCode, MEDIA_TYPE, PushedChange, decode, encode, limits,
    pack::{Pack, PackForm, pack_rows},
};
use axum::http::StatusCode;
use serde_json::json;

use crate::world::{Phone, World, new_group};

async fn refused(world: &World, phone: &Phone, media_type: &str, body: Vec<u8>) -> (StatusCode, ErrorCode) {
    let head = world.state.store.head().unwrap();
    let (status, answer) = world.post("/v1/sync", Some(&phone.enrolled.token), media_type, body).await;
    let answer: ErrorAnswer = decode(&answer).unwrap();
    assert!(answer.help.ends_with('.'), "it says what to do: {}", answer.help);
    assert_eq!(world.state.store.head().unwrap(), head, "nothing was kept");
    (status, answer.code)
}

#[tokio::test]
async fn the_wrong_media_type() {
    let world = World::new();
    let phone = world.phone("Ann").await;
    let body = encode(&phone.request(vec![], &[]));
    for media_type in ["application/json", "", "text/html; charset=utf-8"] {
        let got = refused(&world, &phone, media_type, body.clone()).await;
        assert_eq!(got, (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::WrongMediaType));
    }
    let (status, _) =
        world.post("/v1/sync", Some(&phone.enrolled.token), &format!("{MEDIA_TYPE}; x=1"), body).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_no_request() {
    let world = World::new();
    let phone = world.phone("Ann").await;
    let fine = encode(&phone.request(vec![], &[]));
    let mut with_more = fine.clone();
    with_more.push(0);
    let deep: Vec<u8> = std::iter::repeat_n(0x81, 100_000).chain([0]).collect();
    let mut bodies = vec![
        Vec::new(),
        b"{}".to_vec(),
        encode("a text"),
        encode(&json!({"p": "one"})),
        encode(&json!({"p": 1})),
        encode(&json!({"p": 1, "c": {"n": 0, "h": "text"}, "a": [], "l": 1})),
        deep,
        with_more,
        // An array that claims 2^60 items, a byte string that claims 2^60 bytes.
        vec![0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0],
        vec![0x5b, 0x10, 0, 0, 0, 0, 0, 0, 0],
    ];
    bodies.extend((1..fine.len()).map(|length| fine[..length].to_vec()));
    for body in bodies {
        let got = refused(&world, &phone, MEDIA_TYPE, body).await;
        assert_eq!(got, (StatusCode::BAD_REQUEST, ErrorCode::Malformed));
    }
}

#[tokio::test]
async fn a_body_that_is_too_big() {
    let world = World::new();
    let phone = world.phone("Ann").await;
    let got = refused(&world, &phone, MEDIA_TYPE, vec![0; limits::REQUEST_BYTES + 1]).await;
    assert_eq!(got, (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge));
}

#[tokio::test]
async fn another_protocol_version() {
    let world = World::new();
    let phone = world.phone("Ann").await;
    for version in [0, 2, 65_535] {
        let mut request = phone.request(vec![], &[]);
        request.protocol = version;
        let got = refused(&world, &phone, MEDIA_TYPE, encode(&request)).await;
        assert_eq!(got, (StatusCode::BAD_REQUEST, ErrorCode::UnsupportedProtocol));
    }
    let enrol =
        EnrolRequest { protocol: 9, code: String::new(), actor: phone.actor, device_name: String::new() };
    let (status, error) =
        world.send::<alongside_domain::wire::EnrolAnswer>("/v1/enrol", None, &enrol).await.unwrap_err();
    assert_eq!((status, error.code), (StatusCode::BAD_REQUEST, ErrorCode::UnsupportedProtocol));
}

async fn packed(world: &World, phone: &Phone, pack: Pack) -> (StatusCode, ErrorCode) {
    let mut request = phone.request(vec![], &[]);
    request.push = Some(pack);
    refused(world, phone, MEDIA_TYPE, encode(&request)).await
}

#[tokio::test]
async fn packs_that_lie() {
    let world = World::new();
    let phone = world.phone("Ann").await;
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge);

    // A bomb: zeros far beyond the limit, in a few kilobytes.
    let zeros = "\0".repeat(limits::PACK_INFLATED_BYTES + 1);
    assert_eq!(packed(&world, &phone, Pack { entries: 1, ..pack_rows(&[zeros]) }).await, too_large);

    // More changes than a pack may hold.
    let many = vec![0_u8; limits::PACK_ENTRIES + 1];
    assert_eq!(packed(&world, &phone, pack_rows(&many)).await, too_large);

    let change = PushedChange {
        group: new_group(),
        record: alongside_domain::ids::RecordId([1; 16]),
        bytes: vec![1, 2, 3],
    };
    let fine = pack_rows(std::slice::from_ref(&change));
    let digest = Pack { digest: [0; 16], ..fine.clone() };
    assert_eq!(packed(&world, &phone, digest).await, (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Repack));
    let malformed = (StatusCode::BAD_REQUEST, ErrorCode::Malformed);
    assert_eq!(packed(&world, &phone, Pack { entries: 2, ..fine.clone() }).await, malformed);
    assert_eq!(packed(&world, &phone, pack_rows(&["not a change"])).await, malformed);
    let noise = Pack { form: PackForm::Rows, body: vec![7; 50], ..fine };
    assert_ne!(packed(&world, &phone, noise).await.0, StatusCode::OK);
}

#[tokio::test]
async fn more_openings_than_a_request_may_have() {
    let world = World::new();
    let phone = world.phone("Ann").await;
    let openings =
        (0..=limits::OPENINGS).map(|_| crate::world::opening(new_group(), "family", &[])).collect();
    let got = refused(&world, &phone, MEDIA_TYPE, encode(&phone.request(openings, &[]))).await;
    assert_eq!(got, (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge));
}

#[tokio::test]
async fn an_address_that_nobody_knows() {
    let world = World::new();
    for path in ["/v1/nothing", "/nothing", "/v1/sync/more"] {
        let (status, _) = world.post(path, None, MEDIA_TYPE, vec![]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}
