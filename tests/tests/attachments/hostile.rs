//! Requests that no phone of ours makes.

use alongside_domain::{
    ids::GroupId,
    media::{BlobHash, BlobHeld},
    wire::{ErrorAnswer, ErrorCode, decode_message},
};
use alongside_server::config::Config;
use reqwest::{Client, Method, StatusCode, header};

use crate::lab::{World, attach, content, files, name, open_case, sync, taking};

/// Somebody with a token and no good intentions.
struct Asker<'a> {
    world: &'a World,
    client: Client,
    token: String,
}

type Answer = (StatusCode, header::HeaderMap, Vec<u8>);

impl Asker<'_> {
    /// The token of a phone of this person: enrolled by hand, so that it is known here.
    async fn of<'a>(world: &'a World, code: String) -> Asker<'a> {
        // Wanted also where nothing is encrypted; another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new();
        let request = alongside_domain::wire::EnrolRequest {
            protocol: alongside_domain::wire::PROTOCOL,
            code,
            actor: alongside_domain::ids::ActorId::random(rand::random()),
            device_name: "Asker".to_owned(),
        };
        let answer = client
            .post(format!("{}/v1/enrol", world.url()))
            .header(header::CONTENT_TYPE, alongside_domain::wire::MEDIA_TYPE)
            .body(alongside_domain::wire::encode(&request))
            .send()
            .await
            .unwrap();
        let body = answer.bytes().await.unwrap();
        let token = decode_message::<alongside_domain::wire::EnrolAnswer>(&body).unwrap().token;
        Asker { world, client, token }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}/v1/blobs/{path}", self.world.url()));
        request = request.bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let answer = request.body(body).send().await.unwrap();
        (answer.status(), answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
    }

    async fn put(
        &self,
        group: GroupId,
        hash: BlobHash,
        range: &str,
        body: &[u8],
    ) -> Result<BlobHeld, ErrorCode> {
        let headers = [(header::CONTENT_RANGE, range)];
        let (status, _, answer) =
            self.ask(Method::PUT, &format!("{hash}?group={group}"), &headers, body.to_vec()).await;
        read(status, &answer)
    }

    async fn held(&self, group: GroupId, hash: BlobHash) -> Result<BlobHeld, ErrorCode> {
        let (status, _, answer) =
            self.ask(Method::GET, &format!("{hash}/held?group={group}"), &[], Vec::new()).await;
        read(status, &answer)
    }

    async fn get(&self, group: GroupId, hash: BlobHash, range: Option<&str>) -> Answer {
        let headers: Vec<_> = range.map(|range| (header::RANGE, range)).into_iter().collect();
        self.ask(Method::GET, &format!("{hash}?group={group}"), &headers, Vec::new()).await
    }
}

fn read(status: StatusCode, answer: &[u8]) -> Result<BlobHeld, ErrorCode> {
    if status.is_success() { Ok(decode_message(answer).unwrap()) } else { Err(code(answer)) }
}

fn code(answer: &[u8]) -> ErrorCode {
    decode_message::<ErrorAnswer>(answer).unwrap().code
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_make_no_sense_are_refused_and_leave_nothing() {
    let world =
        World::with(Config { attachment_mib: 1, group_attachments_mib: 2, ..Config::default() }).await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    sync(&ann).await;
    let asker = Asker::of(&world, world.code(ann.sync().person().unwrap())).await;
    let good = content(1_000, 1);
    let hash = BlobHash::of(&good);
    for range in ["", "bytes */1000", "bytes 0-999/*", "bytes 5-4/1000", "bytes 0-1000/1000", "bytes=0-999"] {
        assert_eq!(asker.put(case, hash, range, &good).await, Err(ErrorCode::BadRange), "{range:?}");
    }
    assert_eq!(asker.put(case, hash, "bytes 500-999/1000", &good[500..]).await, Err(ErrorCode::WrongOffset));
    assert_eq!(asker.put(case, hash, "bytes 0-0/1048577", &[1]).await, Err(ErrorCode::TooLarge));
    assert_eq!(asker.put(case, hash, "bytes 0-0/104857601", &[1]).await, Err(ErrorCode::TooLarge));
    assert_eq!(asker.held(case, hash).await.unwrap().held, 0);

    // More than the piece says: what is beyond it is not kept.
    assert_eq!(asker.put(case, hash, "bytes 0-9/1000", &good[..20]).await, Err(ErrorCode::BadRange));
    assert_eq!(asker.held(case, hash).await.unwrap().held, 10);
    // A piece that overlaps adds what is new.
    assert_eq!(asker.put(case, hash, "bytes 5-19/1000", &good[5..20]).await.unwrap().held, 20);

    // Other bytes than the hash says.
    let mut wrong = good.clone();
    wrong[900] ^= 1;
    assert_eq!(asker.put(case, hash, "bytes 20-999/1000", &wrong[20..]).await, Err(ErrorCode::WrongHash));
    assert_eq!(asker.held(case, hash).await.unwrap().held, 0, "all of it was thrown away");
    assert_eq!(files(world.blobs().path()).len(), 0);
    let whole = asker.put(case, hash, "bytes 0-999/1000", &good).await.unwrap();
    assert_eq!((whole.whole, whole.named), (true, false));
    assert!(asker.put(case, hash, "bytes 0-999/1000", &wrong).await.unwrap().whole, "it is there already");
    assert_eq!(std::fs::read(world.blobs().whole(case, hash)).unwrap(), good);

    // The quota of the group.
    let (first, second) = (content(1 << 20, 2), content(1 << 20, 3));
    let range = format!("bytes 0-{}/{}", first.len() - 1, first.len());
    assert!(asker.put(case, BlobHash::of(&first), &range, &first).await.unwrap().whole);
    assert_eq!(asker.put(case, BlobHash::of(&second), &range, &second).await, Err(ErrorCode::OverQuota));

    // Addresses.
    for path in [
        format!("{hash}"),
        format!("{hash}?group=x"),
        format!("x?group={case}"),
        format!("..%2f..%2fserver.db?group={case}"),
        format!("{}?group={case}", hash.to_string().replace('a', "é")),
    ] {
        let range = [(header::CONTENT_RANGE, "bytes 0-0/1")];
        let (status, _, answer) = asker.ask(Method::PUT, &path, &range, vec![1]).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, ErrorCode::Malformed), "{path}");
        let (status, _, answer) = asker.ask(Method::GET, &path, &[], Vec::new()).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, ErrorCode::Malformed), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_entitled_read_and_write() {
    let world = World::new().await;
    let (ann, eve) = (world.phone("Ann").await, world.phone("Eve").await);
    let (case, own) = (open_case(&ann), open_case(&eve));
    sync(&eve).await;
    let photo = content(30_000, 1);
    let file = world.file("photo.jpg", &photo);
    let (_, at, _) = attach(&ann, case, &file);
    sync(&ann).await;
    world.send_all(&ann).await;
    let hash = at.hash;
    let ann_asks = Asker::of(&world, world.code(ann.sync().person().unwrap())).await;
    let eve_asks = Asker::of(&world, world.code(eve.sync().person().unwrap())).await;
    let status =
        |answer: Answer| (answer.0, if answer.0.is_success() { None } else { Some(code(&answer.2)) });

    assert_eq!(status(ann_asks.get(case, hash, None).await), (StatusCode::OK, None));
    let stranger = (StatusCode::FORBIDDEN, Some(ErrorCode::NotEntitled));
    assert_eq!(status(eve_asks.get(case, hash, None).await), stranger);
    assert_eq!(eve_asks.held(case, hash).await, Err(ErrorCode::NotEntitled));
    assert_eq!(eve_asks.put(case, hash, "bytes 0-0/30000", &photo[..1]).await, Err(ErrorCode::NotEntitled));
    let nowhere = GroupId([9; 16]);
    assert_eq!(
        eve_asks.put(nowhere, hash, "bytes 0-0/30000", &photo[..1]).await,
        Err(ErrorCode::UnknownGroup)
    );

    // Whoever knows a hash has nothing by it: a group of their own has no such file until they send it.
    assert_eq!(eve_asks.held(own, hash).await.unwrap().held, 0);
    let not_there = (StatusCode::NOT_FOUND, Some(ErrorCode::UnknownBlob));
    assert_eq!(status(eve_asks.get(own, hash, None).await), not_there);
    let range = "bytes 0-29999/30000";
    assert!(eve_asks.put(own, hash, range, &photo).await.unwrap().whole);
    assert_eq!(status(eve_asks.get(own, hash, None).await), not_there, "no record of theirs names it");
    let media = eve.media().take(&taking(own, &file)).unwrap();
    name(&eve, own, &media);
    sync(&eve).await;
    assert_eq!(status(eve_asks.get(own, hash, None).await), (StatusCode::OK, None));

    // Roles that read nothing, no token, a revoked phone, an access that ended.
    let authority = world.person("Lara", "LA_LINK");
    let person = eve.sync().person().unwrap();
    world.grant(authority, case).await;
    let lara = Asker::of(&world, world.code(authority)).await;
    assert_eq!(status(lara.get(case, hash, None).await), not_there);
    let nobody = Asker { token: "nobody".to_owned(), ..Asker::of(&world, world.code(person)).await };
    assert_eq!(
        status(nobody.get(own, hash, None).await),
        (StatusCode::UNAUTHORIZED, Some(ErrorCode::NotEnrolled))
    );
    assert_eq!(nobody.put(own, hash, range, &photo).await, Err(ErrorCode::NotEnrolled));
    world.write(alongside_server::ingest::LocalWrite::Withdraw { person, group: own }).await;
    assert_eq!(status(eve_asks.get(own, hash, None).await), stranger, "read no more");
    assert!(eve_asks.held(own, hash).await.unwrap().whole, "what was made before may still be sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_given_out_as_asked_for_and_headers_are_safe() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    let photo = content(30_000, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    sync(&ann).await;
    world.send_all(&ann).await;
    let asker = Asker::of(&world, world.code(ann.sync().person().unwrap())).await;
    let table: [(Option<&str>, StatusCode, &[u8]); 6] = [
        (None, StatusCode::OK, &photo),
        (Some("bytes=0-"), StatusCode::PARTIAL_CONTENT, &photo),
        (Some("bytes=29000-"), StatusCode::PARTIAL_CONTENT, &photo[29_000..]),
        (Some("bytes=5-9"), StatusCode::PARTIAL_CONTENT, &photo[5..10]),
        (Some("bytes=-7"), StatusCode::PARTIAL_CONTENT, &photo[29_993..]),
        (Some("bytes=9-5, nonsense"), StatusCode::OK, &photo),
    ];
    for (range, status, content) in table {
        let (found, headers, body) = asker.get(case, at.hash, range).await;
        assert_eq!((found, body.as_slice()), (status, content), "{range:?}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::ACCEPT_RANGES], "bytes");
        assert_eq!(headers[header::ETAG], format!("\"{}\"", at.hash));
    }
    let (status, headers, body) = asker.get(case, at.hash, Some("bytes=30000-")).await;
    assert_eq!((status, code(&body)), (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BadRange));
    assert_eq!(headers[header::CONTENT_RANGE], "bytes */30000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_all_places_taken_says_when_to_come_back() {
    let world = World::with(Config { attachments_at_once: 1, ..Config::default() }).await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    attach(&ann, case, &world.file("photo.jpg", &content(30_000, 1)));
    sync(&ann).await;
    // Somebody holds the one place: a piece that never ends.
    let asker = Asker::of(&world, world.code(ann.sync().person().unwrap())).await;
    let hash = BlobHash::of(&[1; 1_000]);
    let head = format!(
        "PUT /v1/blobs/{hash}?group={case} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-range: bytes 0-999/1000\r\ncontent-length: 1000\r\n\r\n12345",
        asker.token
    );
    let holding = async {
        loop {
            let mut stream = tokio::net::TcpStream::connect(world.running().addr).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
            // Where what is asked meanwhile takes the place first, this one is answered, and tries again.
            while stream.try_read(&mut [0]).is_err() {
                if asker.put(case, BlobHash::of(b"x"), "bytes 0-0/1", b"x").await == Err(ErrorCode::Busy) {
                    return stream;
                }
            }
        }
    };
    let stream = tokio::time::timeout(std::time::Duration::from_secs(20), holding).await.unwrap();
    let outcome = ann.media().send_once().await.unwrap();
    assert_eq!((outcome.sent, outcome.waiting), (0, 1));
    let next = outcome.next.unwrap().0 - alongside_core::clock::Clock::now(&*world.clock).0;
    assert!((5_000..=5_500).contains(&next), "as long as the server asked: {next} ms");
    sync(&ann).await;
    // Its connection ends: the place is free, and what had come of it is kept.
    drop(stream);
    let held = async { while asker.held(case, hash).await.unwrap().held != 5 {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), held).await.unwrap();
    world.send_all(&ann).await;
}
