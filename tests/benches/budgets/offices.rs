//! Servers: the real store, ingest, routes and pages, in this process.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use alongside_domain::{
    ids::{ActorId, GroupId, PartnerId, PersonId, RecordId},
    programme::Programme,
    record::Root,
    time::Millis,
    wire::{
        Cursor, EnrolAnswer, EnrolRequest, GroupOpening, MEDIA_TYPE, PROTOCOL, PushedChange, SyncRequest,
        Verdict, decode_message, encode, features, pack,
    },
};
use alongside_server::{
    api::{AppState, router},
    clock::SetClock,
    config::Config,
    ingest::LocalWrite,
    people::{self, NewPerson},
    read_model::{Projector, ReadModel},
    store::Store,
};
use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::{
    corpus::{Case, Device, Generator, MEASURED, Written, in_order_of_receipt},
    handset::TODAY,
};

/// Records of a case of [`Office::fill`].
const OF_A_CASE: usize = 32;
/// A history arrives in steps of so many changes.
const STEP: usize = 500;
const DAY_MS: i64 = 86_400_000;

/// A server in this process.
pub(crate) struct Office {
    pub(crate) state: AppState,
    pub(crate) router: Router,
    pub(crate) runtime: Runtime,
    pub(crate) programme: Arc<Programme>,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) partner: PartnerId,
    pub(crate) folder: PathBuf,
}

/// What passed through the counting layer: bodies only.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    requests: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    last: Mutex<Vec<u8>>,
}

/// Requests, and bytes of bodies towards the server and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Passed {
    pub(crate) requests: u64,
    pub(crate) up: u64,
    pub(crate) down: u64,
}

impl Counted {
    pub(crate) fn so_far(&self) -> Passed {
        Passed {
            requests: self.requests.load(Ordering::SeqCst),
            up: self.up.load(Ordering::SeqCst),
            down: self.down.load(Ordering::SeqCst),
        }
    }

    /// What passed since then.
    pub(crate) fn since(&self, before: Passed) -> Passed {
        let now = self.so_far();
        Passed {
            requests: now.requests - before.requests,
            up: now.up - before.up,
            down: now.down - before.down,
        }
    }

    /// The last request, as it came.
    pub(crate) fn last_request(&self) -> Result<SyncRequest> {
        let body = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(decode_message(&body)?)
    }
}

async fn count(
    State(counted): State<Arc<Counted>>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let whole = |body: Body| async { to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_GATEWAY) };
    let (parts, body) = request.into_parts();
    let body = whole(body).await?;
    counted.requests.fetch_add(1, Ordering::SeqCst);
    counted.up.fetch_add(body.len() as u64, Ordering::SeqCst);
    counted.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&body.to_vec());
    let (parts, body) = next.run(Request::from_parts(parts, Body::from(body))).await.into_parts();
    let body = whole(body).await?;
    counted.down.fetch_add(body.len() as u64, Ordering::SeqCst);
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// A person with a device.
#[derive(Clone)]
pub(crate) struct Enrolled {
    pub(crate) person: PersonId,
    pub(crate) actor: ActorId,
    pub(crate) answer: EnrolAnswer,
}

impl Office {
    /// A new server in this folder.
    pub(crate) fn new(folder: &Path, programme: &Arc<Programme>) -> Result<Self> {
        let clock = Arc::new(SetClock::at(TODAY));
        let file = folder.join("server.db");
        let store = Store::open(&file)?;
        let partner = people::partner(&store, TODAY, "Contact Point")?;
        // Nobody is sent away for want of a place: the rows measure work, not turning down.
        let config = Config { store: file, requests_at_once: 1_024, ..Config::default() };
        let state = AppState::new(config, store, clock.clone(), Arc::clone(programme))?;
        Ok(Self {
            router: router(&state, None),
            state,
            runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
            programme: Arc::clone(programme),
            clock,
            partner,
            folder: folder.to_owned(),
        })
    }

    /// Listens on a free loopback port.
    pub(crate) fn listen(&self) -> Result<SocketAddr> {
        self.serve(self.router.clone())
    }

    /// Listens on another, where everything that passes is counted.
    pub(crate) fn listen_counting(&self) -> Result<(SocketAddr, Arc<Counted>)> {
        let counted = Arc::new(Counted::default());
        let routes = self.router.clone().layer(from_fn_with_state(Arc::clone(&counted), count));
        Ok((self.serve(routes)?, counted))
    }

    fn serve(&self, routes: Router) -> Result<SocketAddr> {
        self.runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
            let address = listener.local_addr()?;
            // Ends with the runtime.
            tokio::spawn(async move { axum::serve(listener, routes).await });
            Ok(address)
        })
    }

    pub(crate) fn person(&self, role: &str, areas: Vec<String>) -> Result<PersonId> {
        let new =
            NewPerson { name: "Ada Example".to_owned(), role: role.to_owned(), partner: self.partner, areas };
        Ok(people::add_person(&self.state.store, TODAY, &self.programme, &new)?)
    }

    pub(crate) fn code(&self, person: PersonId) -> Result<String> {
        let now = alongside_server::clock::Clock::now(&*self.clock);
        Ok(people::enrolment_code(&self.state.store, now, person, DAY_MS)?.reveal())
    }

    /// A device of this person that writes as this actor.
    pub(crate) fn enrol(&self, person: PersonId, actor: ActorId) -> Result<Enrolled> {
        let device_name = "Phone".to_owned();
        let request = EnrolRequest { protocol: PROTOCOL, code: self.code(person)?, actor, device_name };
        let request = Request::post("/v1/enrol")
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .body(Body::from(encode(&request)))?;
        let body = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await?;
            ensure!(response.status().is_success(), "enrolment: {}", response.status());
            Ok(to_bytes(response.into_body(), 1 << 16).await?)
        })?;
        Ok(Enrolled { person, actor, answer: decode_message(&body)? })
    }

    /// Writes for the server itself.
    pub(crate) fn write(&self, author: PersonId, writes: Vec<LocalWrite>) -> Result<()> {
        self.state.ingest.ingest_local(author, writes)?;
        Ok(())
    }

    /// Takes in what these devices wrote, as their phones would have sent it; `readers` were granted
    /// every group when it was opened.
    pub(crate) fn take_history(
        &self,
        devices: &[Device],
        cases: Vec<Case>,
        readers: &[PersonId],
    ) -> Result<()> {
        let mut enrolled = Vec::new();
        for device in devices {
            let person = self.person("SUPPORTER", Vec::new())?;
            enrolled.push((device.actor, self.enrol(person, device.actor)?));
        }
        let of = |actor: ActorId| {
            let found = enrolled.iter().find(|(known, _)| *known == actor);
            found.map(|(_, enrolled)| enrolled).context("a change of an unknown device")
        };
        let first = enrolled.first().context("a history has devices")?.1.person;
        let mut grants = Vec::new();
        for case in &cases {
            self.push(of(case.device.actor)?, openings(case.groups), Vec::new())?;
            grants.extend(
                [first]
                    .iter()
                    .chain(readers)
                    .map(|person| LocalWrite::Grant { person: *person, group: case.groups[2] }),
            );
        }
        self.write(first, grants)?;
        let owners: std::collections::BTreeMap<GroupId, ActorId> =
            cases.iter().flat_map(|case| case.groups.map(|group| (group, case.device.actor))).collect();
        let mut history: Vec<Written> = cases.into_iter().flat_map(|case| case.written).collect();
        in_order_of_receipt(&mut history);
        for step in history.chunks(STEP) {
            let received = step.last().map_or(TODAY, |written| written.received_at);
            self.clock.set(received);
            // What a colleague edited builds on what the case's own device sent.
            let (own, theirs): (Vec<&Written>, Vec<&Written>) =
                step.iter().partition(|written| owners.get(&written.group) == Some(&written.change.actor));
            for part in [own, theirs] {
                for device in devices {
                    let changes: Vec<PushedChange> = part
                        .iter()
                        .filter(|written| written.change.actor == device.actor)
                        .map(|written| written.pushed())
                        .collect();
                    if !changes.is_empty() {
                        self.push(of(device.actor)?, Vec::new(), changes)?;
                    }
                }
            }
        }
        self.clock.set(TODAY);
        Ok(())
    }

    /// Has a push judged and taken in; all of it must be accepted.
    pub(crate) fn push(
        &self,
        from: &Enrolled,
        openings: Vec<GroupOpening>,
        changes: Vec<PushedChange>,
    ) -> Result<()> {
        let ingest = &self.state.ingest;
        let prepared = ingest.prepare(from.answer.device, from.person, openings, changes)?;
        let outcome = self.runtime.block_on(ingest.push(prepared))?;
        let refused = outcome.verdicts.iter().find(|verdict| !matches!(verdict, Verdict::Accepted(_)));
        ensure!(refused.is_none(), "a generated change was not accepted: {refused:?}");
        Ok(())
    }

    /// Writes so many records of whole cases at the server, for supporters who take turns.
    pub(crate) fn fill(&self, seed: u64, records: usize, supporters: &[PersonId]) -> Result<()> {
        let mut generator = Generator::new(seed, MEASURED);
        let begin = TODAY.0 - 500 * DAY_MS;
        let mut left = records;
        let mut case = 0;
        while left > 0 {
            let supporter = supporters[case % supporters.len()];
            generator.supporter = Some(supporter);
            let groups: [GroupId; 3] = std::array::from_fn(|_| GroupId(generator.device().actor.0));
            let mut writes = Vec::new();
            for opening in openings(groups) {
                let GroupOpening { group, kind, parents } = opening;
                writes.push(LocalWrite::OpenGroup { group, kind, partner: self.partner, parents });
            }
            writes.push(LocalWrite::Grant { person: supporter, group: groups[2] });
            let forms = [("case", 2), ("family", 0), ("child", 1), ("ehc_episode", 2), ("ehc_event", 2)]
                .into_iter()
                .chain(std::iter::repeat(("contact", 2)))
                .take(OF_A_CASE.min(left));
            for (place, (form, group)) in forms.enumerate() {
                let at = begin + (case as i64 * 97 + place as i64 * 11) % 480 * DAY_MS;
                let root = Root {
                    id: RecordId::new(Millis(at), generator.device().actor.0[..10].try_into()?),
                    form: form.to_owned(),
                    form_version: self.programme.forms[form].version.clone(),
                    group: groups[group],
                };
                let edits = generator.fill(form, at);
                let (zone, reason) = (self.programme.zone.clone(), None);
                writes.push(LocalWrite::Create { root, edits, at: Millis(at), zone, reason });
                left -= 1;
            }
            self.write(supporter, writes)?;
            case += 1;
        }
        Ok(())
    }

    /// The pages' read model in this file, brought up to date.
    pub(crate) fn project(&self, file: &Path) -> Result<Arc<ReadModel>> {
        let model = Arc::new(ReadModel::open(file, &self.programme)?);
        let (store, programme) = (Arc::clone(&self.state.store), Arc::clone(&self.programme));
        Projector::new(Arc::clone(&model), store, programme).catch_up()?;
        Ok(model)
    }

    /// Posts to the sync route, without a socket.
    pub(crate) fn post(&self, token: &str, body: Vec<u8>) -> Result<(StatusCode, usize)> {
        let request = sync_request(token, body)?;
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await?;
            let status = response.status();
            Ok((status, to_bytes(response.into_body(), usize::MAX).await?.len()))
        })
    }
}

/// A request of the sync route.
pub(crate) fn sync_request(token: &str, body: Vec<u8>) -> Result<Request> {
    Ok(Request::post("/v1/sync")
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(body))?)
}

/// What a phone that stands there asks, with a push where it has one.
pub(crate) fn question(
    actor: ActorId,
    cursor: Cursor,
    own_high: u64,
    push: Option<pack::Pack>,
) -> SyncRequest {
    SyncRequest {
        protocol: PROTOCOL,
        features: features::ALL,
        dictionary: pack::dictionary::newest(),
        cursor,
        seen: None,
        backfills: Vec::new(),
        own_high,
        actor,
        openings: Vec::new(),
        push,
        limit: 1 << 20,
        waiting: 0,
        tally: None,
        needs_key: false,
        asks_relatives: false,
        repair: None,
    }
}

/// A family, a child and a case, as a phone opens them.
pub(crate) fn openings([family, child, case]: [GroupId; 3]) -> Vec<GroupOpening> {
    let opening = |group, kind: &str, parents: &[GroupId]| GroupOpening {
        group,
        kind: kind.to_owned(),
        parents: parents.to_vec(),
    };
    vec![
        opening(family, "family", &[]),
        opening(child, "child", &[family]),
        opening(case, "case", &[child, family]),
    ]
}
