//! The driver against a server made by hand: one connection for each request.

use std::sync::{Arc, Mutex};

use alongside_core::{ApiError, Phone};
use alongside_domain::{
    sync::{Failure, Status},
    wire::{EnrolRequest, ErrorAnswer, ErrorCode, MEDIA_TYPE, SyncRequest, Verdict, codec},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::lab::{self, Lab, answer, enrolment, open_matter, pushed};

/// What a request looked like: its head, in lower case, and its body.
type Asked = (String, Vec<u8>);

/// Answers each request with what `reply` makes of it: status, media type, body.
async fn serve(
    reply: impl Fn(&str, &[u8]) -> (u16, &'static str, Vec<u8>) + Send + 'static,
) -> (String, Arc<Mutex<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let heard = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let (head, body) = loop {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).await.unwrap();
                bytes.extend_from_slice(&chunk[..read]);
                let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                    assert!(read > 0, "no whole head");
                    continue;
                };
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    break (head, bytes[end + 4..].to_vec());
                }
            };
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, kind, content) = reply(&path, &body);
            heard.lock().unwrap().push((head, body));
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                content.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.write_all(&content).await;
        }
    });
    (address, asked)
}

fn enrolled(lab: &Lab, server: &str) -> Phone {
    let phone = lab.phone();
    phone.sync().set_server(server).unwrap();
    open_matter(&phone, "Mrs Okafor", "H-1");
    phone
}

#[tokio::test]
async fn a_phone_enrols_and_sends_what_waits() {
    let (server, asked) = serve(|path, body| {
        let content = if path == "/v1/enrol" {
            let request: EnrolRequest = codec::decode_message(body).unwrap();
            assert_eq!((request.code.as_str(), request.device_name.as_str()), ("ABC-123", "Ada's phone"));
            codec::encode(&enrolment())
        } else {
            let request: SyncRequest = codec::decode_message(body).unwrap();
            let verdicts = (1..=pushed(&request).len() as u64).map(Verdict::Accepted).collect();
            codec::encode(&answer(&request, 2, verdicts, &[]))
        };
        (200, MEDIA_TYPE, content)
    })
    .await;
    let lab = Lab::new();
    let phone = Phone::create(lab::profile(&lab.dir(), lab.clock.clone(), 1)).unwrap();
    assert!(matches!(phone.sync().sync_once().await, Err(ApiError::NotEnrolled)));
    phone.sync().enrol(&server, " ABC-123 ", "Ada's phone").await.unwrap();
    open_matter(&phone, "Mrs Okafor", "H-1");
    let outcome = phone.sync().sync_once().await.unwrap();
    assert!(matches!(outcome.status, Status::UpToDate { .. }), "{outcome:?}");
    assert_eq!((outcome.round_trips, outcome.accepted, outcome.waiting), (1, 2, 0));
    let asked = asked.lock().unwrap();
    let (head, body) = &asked[1];
    assert_eq!(outcome.bytes_sent, body.len() as u64);
    assert!(outcome.bytes_received > 0);
    assert!(head.contains("authorization: bearer secret") && head.contains(MEDIA_TYPE));
    assert!(!head.contains("okafor"));
}

#[tokio::test]
async fn without_a_server_everything_stays_saved_and_waits() {
    let lab = Lab::new();
    let phone = enrolled(&lab, "http://127.0.0.1:9");
    let outcome = phone.sync().sync_once().await.unwrap();
    let waits = matches!(outcome.status, Status::WaitingForNetwork { last: Failure::Network, .. });
    assert!(waits, "{outcome:?}");
    assert_eq!((outcome.failures, outcome.waiting), (1, 2));
    assert!(matches!(phone.sync().enrol("http://127.0.0.1:9", "A", "B").await, Err(ApiError::Offline)));
    assert!(matches!(phone.sync().enrol("http://example.com", "A", "B").await, Err(ApiError::BadAddress)));
}

#[tokio::test]
async fn a_hotels_page_is_not_taken_for_the_server() {
    let (server, _) = serve(|_, _| (200, "text/html", b"<h1>Welcome, please log in</h1>".to_vec())).await;
    let lab = Lab::new();
    let phone = enrolled(&lab, &server);
    let outcome = phone.sync().sync_once().await.unwrap();
    let waits = matches!(outcome.status, Status::WaitingForNetwork { last: Failure::Network, .. });
    assert!(waits && outcome.waiting == 2, "{outcome:?}");
}

#[tokio::test]
async fn a_revoked_device_stops_and_keeps_what_it_has() {
    let (server, _) = serve(|_, _| {
        let error = ErrorAnswer { code: ErrorCode::Revoked, help: String::new(), retry_after: None };
        (403, MEDIA_TYPE, codec::encode(&error))
    })
    .await;
    let lab = Lab::new();
    let phone = enrolled(&lab, &server);
    let outcome = phone.sync().sync_once().await.unwrap();
    assert_eq!(outcome.status, Status::Stopped(ErrorCode::Revoked));
    assert_eq!(outcome.waiting, 2);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let (server, _) = serve(|_, _| (200, MEDIA_TYPE, vec![0; 64 << 20])).await;
    let lab = Lab::new();
    let phone = enrolled(&lab, &server);
    let outcome = phone.sync().sync_once().await.unwrap();
    assert!(matches!(outcome.status, Status::WaitingForNetwork { .. }), "{outcome:?}");
    assert!(outcome.bytes_received < 64 << 20);
}

#[tokio::test]
async fn a_phone_that_keeps_syncing_sends_each_save() {
    let (server, _) = serve(|_, body| {
        let request: SyncRequest = codec::decode_message(body).unwrap();
        let first = request.cursor.seq + 1;
        let pushed = pushed(&request).len() as u64;
        let verdicts = (first..first + pushed).map(Verdict::Accepted).collect();
        (200, MEDIA_TYPE, codec::encode(&answer(&request, request.cursor.seq + pushed, verdicts, &[])))
    })
    .await;
    let lab = Lab::new();
    let phone = enrolled(&lab, &server);
    let mut pulses = phone.observe().unwrap();
    phone.sync().keep_syncing();
    while pulses.next().await.unwrap().waiting > 0 {}
    open_matter(&phone, "Mr Lee", "H-2");
    while phone.records().outbox().unwrap().count > 0 {
        pulses.next().await.unwrap();
    }
    phone.close();
    assert!(lab.reopen().is_ok(), "closing ends the task and frees the profile");
}

#[tokio::test]
async fn a_sync_that_was_dropped_on_its_way_is_taken_up_by_the_next() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lab = Lab::new();
    let phone = enrolled(&lab, &format!("http://{}", silent.local_addr().unwrap()));
    tokio::select! {
        outcome = async { phone.sync().sync_once().await } => panic!("nobody has answered: {outcome:?}"),
        called = silent.accept() => assert!(called.is_ok()),
    }
    let (server, _) = serve(|_, body| {
        let request: SyncRequest = codec::decode_message(body).unwrap();
        let verdicts = (1..=pushed(&request).len() as u64).map(Verdict::Accepted).collect();
        (200, MEDIA_TYPE, codec::encode(&answer(&request, 2, verdicts, &[])))
    })
    .await;
    phone.sync().set_server(&server).unwrap();
    let outcome = phone.sync().sync_once().await.unwrap();
    assert!(matches!(outcome.status, Status::UpToDate { .. }), "{outcome:?}");
    assert_eq!((outcome.accepted, outcome.waiting), (2, 0));
}
