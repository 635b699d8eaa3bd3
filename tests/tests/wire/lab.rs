//! A server, a man in the middle before it, and phones that talk to him over HTTP.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest, clock::ManualClock, sync::SyncOutcome,
};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, builtin},
    record::Edit,
    sync::Status,
    time::Millis,
    value::Value,
    wire::{
        ErrorAnswer, ErrorCode, MEDIA_TYPE, SyncAnswer, SyncRequest, decode, decode_message, encode,
        pack::PackForm,
    },
};
use alongside_server::{
    api::{AppState, router},
    clock::SetClock,
    config::Config,
    ingest::LocalWrite,
    people::{self, NewPerson},
    store::Store,
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tower::ServiceExt as _;

/// 16 March 2015, 09:00 in London.
pub(crate) const MORNING: Millis = Millis(1_426_496_400_000);

/// A body on its way.
pub(crate) enum Passing<'a> {
    /// To the server.
    Request(&'a mut Vec<u8>),
    /// Back to the phone, with its status.
    Answer(&'a mut StatusCode, &'a mut Vec<u8>),
}

/// One exchange as it was on the line, before anything was changed on it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) status: StatusCode,
    pub(crate) answer: Vec<u8>,
}

impl Exchange {
    pub(crate) fn asked(&self) -> SyncRequest {
        decode_message(&self.request).unwrap()
    }

    pub(crate) fn answered(&self) -> SyncAnswer {
        decode_message(&self.answer).unwrap()
    }

    /// The forms of its packs, there and back.
    pub(crate) fn forms(&self) -> (Option<PackForm>, Option<PackForm>) {
        let pull = self.status.is_success().then(|| self.answered().pull).flatten();
        (self.asked().push.map(|pack| pack.form), pull.map(|pack| pack.form))
    }
}

type Change = Box<dyn FnMut(Passing<'_>) + Send>;

/// Who sits between.
#[derive(Clone)]
pub(crate) struct Middle {
    server: Router,
    seen: Arc<Mutex<VecDeque<Exchange>>>,
    change: Arc<Mutex<Option<Change>>>,
    token: Arc<Mutex<String>>,
}

impl Middle {
    /// Changes what passes from now on.
    pub(crate) fn change(&self, change: impl FnMut(Passing<'_>) + Send + 'static) {
        *self.change.lock().unwrap() = Some(Box::new(change));
    }

    pub(crate) fn leave_alone(&self) {
        *self.change.lock().unwrap() = None;
    }

    /// What passed since this was asked last.
    pub(crate) fn seen(&self) -> Vec<Exchange> {
        self.seen.lock().unwrap().drain(..).collect()
    }

    /// What the last phone that synced shows to the server.
    pub(crate) fn token(&self) -> String {
        self.token.lock().unwrap().clone()
    }

    fn touch(&self, passing: Passing<'_>) {
        if let Some(change) = self.change.lock().unwrap().as_mut() {
            change(passing);
        }
    }

    async fn pass(self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let asked = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let mut passed_on = asked.clone();
        self.touch(Passing::Request(&mut passed_on));
        let token = head.headers.get(header::AUTHORIZATION).map(|token| token.to_str().unwrap().to_owned());
        if let Some(token) = &token {
            token.clone_into(&mut self.token.lock().unwrap());
        }
        let mut onwards = Request::post(head.uri.path()).header(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(token) = token {
            onwards = onwards.header(header::AUTHORIZATION, token);
        }
        let onwards = onwards.body(Body::from(passed_on)).unwrap();
        let response = self.server.clone().oneshot(onwards).await.unwrap();
        let mut status = response.status();
        let mut body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        if head.uri.path() == "/v1/sync" {
            let exchange = Exchange { request: asked, status, answer: body.clone() };
            self.seen.lock().unwrap().push_back(exchange);
        }
        self.touch(Passing::Answer(&mut status, &mut body));
        (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], Bytes::from(body)).into_response()
    }
}

/// A server with people, and the way to it.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: AppState,
    pub(crate) middle: Middle,
    pub(crate) url: String,
    programme: Arc<Programme>,
    office: PersonId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programme = Arc::new(builtin::independent_support().unwrap());
        let store = Store::open(folder.path().join("server.db")).unwrap();
        let clock = Arc::new(SetClock::at(MORNING));
        let state = AppState::new(Config::default(), store, clock, Arc::clone(&programme)).unwrap();
        let server = router(&state, None);
        let middle = Middle { server, seen: Arc::default(), change: Arc::default(), token: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let between = |State(middle): State<Middle>, request: Request| middle.pass(request);
        let routes = Router::new().fallback(between).with_state(middle.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let clock = Arc::new(ManualClock::new(MORNING));
        let mut world = Self { folder, clock, state, middle, url, programme, office: PersonId([0; 16]) };
        world.office = world.person("Office", "COORDINATOR");
        world
    }

    /// Asks the server past the man in the middle: the answer, or status and code of the error.
    pub(crate) async fn answer(
        &self,
        token: &str,
        request: &SyncRequest,
    ) -> Result<SyncAnswer, (StatusCode, ErrorCode)> {
        let (status, body) = self.post("/v1/sync", Some(token), encode(request)).await;
        if status.is_success() {
            Ok(decode_message(&body).unwrap())
        } else {
            Err((status, decode::<ErrorAnswer>(&body).unwrap().code))
        }
    }

    /// Posts a body past the man in the middle. `token` is the whole of the header.
    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let response =
            self.middle.server.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    pub(crate) fn person(&self, name: &str, role: &str) -> PersonId {
        let partner = people::partner(&self.state.store, MORNING, "Contact Point").unwrap();
        let new = NewPerson {
            name: name.to_owned(),
            role: role.to_owned(),
            partner,
            areas: vec!["840".to_owned()],
        };
        people::add_person(&self.state.store, MORNING, &self.programme, &new).unwrap()
    }

    pub(crate) fn code(&self, person: PersonId) -> String {
        people::enrolment_code(&self.state.store, MORNING, person, 3_600_000).unwrap().reveal()
    }

    pub(crate) async fn grant(&self, person: PersonId, group: GroupId) {
        let (ingest, office) = (Arc::clone(&self.state.ingest), self.office);
        let grant = LocalWrite::Grant { person, group };
        tokio::task::spawn_blocking(move || ingest.ingest_local(office, vec![grant])).await.unwrap().unwrap();
    }

    fn profile(&self, name: &str, seed: u64) -> Profile {
        let rng = Box::new(ChaCha8Rng::seed_from_u64(seed));
        let dir: PathBuf = self.folder.path().join(name);
        Profile::new(dir, Key::new([7; 32]), Arc::clone(&self.programme), Arc::clone(&self.clock) as _, rng)
    }

    /// A supporter with an enrolled phone.
    pub(crate) async fn phone(&self, name: &str) -> Phone {
        let phone = Phone::create(self.profile(name, name.bytes().map(u64::from).sum())).unwrap();
        let code = self.code(self.person(name, "SUPPORTER"));
        phone.sync().enrol(&self.url, &code, "Phone").await.unwrap();
        phone
    }

    /// The same phone after the app was started again.
    pub(crate) fn restarted(&self, phone: Phone, name: &str) -> Phone {
        phone.close();
        drop(phone);
        Phone::open(self.profile(name, 99)).unwrap()
    }
}

/// Syncs; everything must have come and gone.
pub(crate) async fn sync(phone: &Phone) -> SyncOutcome {
    let outcome = phone.sync().sync_once().await.unwrap();
    assert!(matches!(outcome.status, Status::UpToDate { .. }), "{outcome:?}");
    assert_eq!((outcome.waiting, outcome.quarantined, outcome.refused), (0, 0, 0));
    outcome
}

pub(crate) fn answers(pairs: &[(&str, &str)]) -> Vec<Edit> {
    pairs.iter().map(|&(key, text)| Edit { key: key.to_owned(), value: Value::from(text) }).collect()
}

/// Opens a family, a child and a case of theirs; gives the case.
pub(crate) fn open_case(phone: &Phone, number: usize) -> GroupId {
    let supporter = phone.sync().person().unwrap().to_string();
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let reference = |what: &str| format!("840-{what}-{number:05}");
    let family = open("family", vec![], &[("family_ref", &reference("F")), ("area", "840")]);
    let child = open("child", vec![family], &[("known_as", "Sam"), ("family_name", "Okafor")]);
    let fields = [("case_ref", &*reference("C")), ("allocated_supporter", &supporter)];
    open("case", vec![child, family], &fields)
}

fn save(phone: &Phone, record: Option<RecordId>, group: GroupId, answers: Vec<Edit>) -> RecordId {
    let request =
        SaveRequest { record, group, form: "contact".to_owned(), answers, reason: None, token: None };
    phone.records().save(request).unwrap().root.id
}

pub(crate) fn contact(phone: &Phone, group: GroupId, note: &str) -> RecordId {
    save(phone, None, group, answers(&[("mode", "PHONE"), ("note", note)]))
}

pub(crate) fn edit(phone: &Phone, group: GroupId, record: RecordId, pairs: &[(&str, &str)]) {
    save(phone, Some(record), group, answers(pairs));
}
