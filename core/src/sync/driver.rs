//! The driver: performs what the engine asks for, with the store and the network.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use alongside_domain::{
    sync::{Effect, Engine, Event, Failure, Status},
    time::Millis,
    wire::{ErrorCode, SyncAnswer, SyncRequest, codec},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    SyncOutcome,
    http::{Http, endpoint},
    prepare::{self, Sent},
    receive,
};
use crate::{
    clock::Clock,
    error::ApiError,
    observe::Heart,
    store::{Store, findings, log, state},
};

/// What the driver works with.
pub(crate) struct Driver {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) heart: Arc<Heart>,
    pub(crate) offline: Arc<AtomicBool>,
    engine: Engine,
    random: StdRng,
    http: Option<Http>,
    sent: Sent,
    timer: Option<Millis>,
    /// A run is under way; still set where its future was dropped.
    running: bool,
}

impl Driver {
    pub(crate) fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        heart: Arc<Heart>,
        offline: Arc<AtomicBool>,
        seed: u64,
    ) -> Self {
        Self {
            store,
            clock,
            heart,
            offline,
            engine: Engine::default(),
            random: StdRng::seed_from_u64(seed),
            http: None,
            sent: Sent::default(),
            timer: None,
            running: false,
        }
    }

    /// When the engine wants to be called next, if it waits.
    pub(crate) fn timer(&self) -> Option<Millis> {
        self.timer
    }

    /// The client, made when it is first needed.
    pub(crate) fn http(&mut self) -> Result<Http, ApiError> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        let http = Http::new()?;
        self.http = Some(http.clone());
        Ok(http)
    }

    /// Feeds one event to the engine and performs everything that follows, until it rests.
    pub(crate) async fn run(&mut self, event: Event) -> Result<SyncOutcome, ApiError> {
        let (server, token) = self.blocking(|store| store.read(state::server)).await?;
        let url = endpoint(&server, "/v1/sync")?;
        let http = self.http()?;
        let mut outcome = SyncOutcome {
            status: Status::Syncing,
            round_trips: 0,
            failures: 0,
            bytes_sent: 0,
            bytes_received: 0,
            accepted: 0,
            refused: 0,
            in_review: 0,
            received: 0,
            quarantined: 0,
            relayed: 0,
            defects: 0,
            waiting: 0,
        };
        let mut events = VecDeque::new();
        if std::mem::replace(&mut self.running, true) {
            // The last run was dropped on its way: its answer, if there is one, will never be heard.
            events.push_back(Event::Failed(Failure::Network));
        }
        events.push_back(event);
        while let Some(event) = events.pop_front() {
            let effects = self.engine.handle(self.clock.now(), self.random.next_u64(), event);
            for effect in effects {
                let next = match effect {
                    Effect::Prepare { push_bytes, pull_bytes, rows_only } => {
                        self.prepare(push_bytes, pull_bytes, rows_only).await
                    }
                    Effect::Send(request) => {
                        self.send(&http, url.clone(), &token, *request, &mut outcome).await
                    }
                    Effect::Apply(answer) => self.apply(answer, &mut outcome).await,
                    Effect::SetTimer(at) => {
                        self.timer = Some(at);
                        continue;
                    }
                    Effect::Report(status) => {
                        outcome.status = status;
                        if !matches!(status, Status::WaitingForNetwork { .. }) {
                            self.timer = None;
                        }
                        self.heart.sync(status);
                        continue;
                    }
                };
                events.push_front(next);
            }
        }
        self.running = false;
        // Units that a large answer left to be judged, and those whose findings are of an earlier day.
        while self.blocking(findings::judge_some).await? {}
        outcome.waiting = self.blocking(|store| store.read(|db| Ok(log::waiting(db)?))).await?;
        Ok(outcome)
    }

    async fn prepare(&mut self, push_bytes: u32, pull_bytes: u32, rows_only: bool) -> Event {
        let now = self.clock.now();
        let prepared = self
            .blocking(move |store| {
                store.read(|db| prepare::prepare(db, push_bytes, pull_bytes, rows_only, now))
            })
            .await;
        match prepared {
            Ok(prepared) => {
                self.sent = prepared.sent;
                Event::Prepared { request: Box::new(prepared.request), left: prepared.left }
            }
            Err(error) => failed(&error),
        }
    }

    async fn send(
        &self,
        http: &Http,
        url: reqwest::Url,
        token: &str,
        request: SyncRequest,
        outcome: &mut SyncOutcome,
    ) -> Event {
        let body = codec::encode(&request);
        outcome.bytes_sent += body.len() as u64;
        let reply = http.post::<SyncAnswer>(url, Some(token), body).await;
        outcome.bytes_received += reply.bytes;
        let network = matches!(reply.answer, Err(Failure::Network));
        self.offline.store(network, Ordering::Relaxed);
        match reply.answer {
            Ok(answer) => {
                outcome.round_trips += 1;
                Event::Answered(Box::new(answer))
            }
            Err(failure) => {
                outcome.failures += 1;
                Event::Failed(failure)
            }
        }
    }

    async fn apply(&mut self, answer: Box<SyncAnswer>, outcome: &mut SyncOutcome) -> Event {
        let sent = std::mem::take(&mut self.sent);
        match self.blocking(move |store| receive::receive(store, &sent, *answer)).await {
            Ok(applied) => {
                outcome.accepted += applied.accepted;
                outcome.refused += applied.refused;
                outcome.in_review += applied.in_review;
                outcome.received += applied.received;
                outcome.quarantined += applied.quarantined;
                outcome.relayed += applied.relayed;
                outcome.defects += applied.defects;
                self.heart.changed(applied.waiting);
                Event::Applied { waiting: applied.waiting, again: applied.again }
            }
            Err(error) => failed(&error),
        }
    }

    /// Does blocking work on a thread for it. The work goes on also where nobody waits any longer.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .unwrap_or_else(|_| Err(ApiError::unexpected("task")))
    }
}

fn failed(error: &ApiError) -> Event {
    Event::Failed(match error {
        ApiError::ServerRefused(code) => Failure::Refused(*code),
        // An answer that does not fit its request.
        ApiError::Unexpected { code: "verdicts_do_not_fit", .. } => Failure::Refused(ErrorCode::Malformed),
        error => {
            tracing::warn!(%error, "sync could not use the store");
            Failure::Store
        }
    })
}
