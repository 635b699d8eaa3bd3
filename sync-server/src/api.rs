//! The server over HTTP: the sync protocol, health, and whatever pages are merged in.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use alongside_domain::{ids::PersonId, programme::Programme, tally::Tally, wire::Cursor};
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    routing::{get, post, put},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tower_http::{
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};

use crate::{
    blobs::{Blobs, tidy},
    clock::Clock,
    config::Config,
    console::{self, Console},
    ingest::Ingest,
    read_model::{Projector, ReadModel, ReadModelError},
    store::{Store, StoreError, signing::Signer, signing_key_beside},
};

mod blobs;
mod body;
mod enrol;
mod failure;
mod relatives;
mod repair;
mod sync;

pub use failure::Failure;

/// How long requests under way get to end when the server goes down.
const GRACE: Duration = Duration::from_secs(10);
/// How long the last of them get to let go of the store.
const LETTING_GO: Duration = Duration::from_millis(500);

/// What every handler needs.
#[derive(Clone)]
pub struct AppState {
    /// Settings.
    pub config: Arc<Config>,
    /// The store.
    pub store: Arc<Store>,
    /// The way into the feed.
    pub ingest: Arc<Ingest>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The programme.
    pub programme: Arc<Programme>,
    /// Attachments.
    pub blobs: Arc<Blobs>,
    /// What the pages are made from, where this server makes them.
    pages: Option<Arc<ReadModel>>,
    gate: Arc<Semaphore>,
    /// Signs what groups hold, and believes what was signed.
    signer: Arc<Signer>,
    /// What people's groups held at a place of the feed: most questions are about the last one again.
    scopes: Arc<Mutex<HashMap<PersonId, (Cursor, Tally)>>>,
}

impl AppState {
    /// Puts the parts together and starts the writing thread.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn new(
        config: Config,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        programme: Arc<Programme>,
    ) -> Result<Self, StoreError> {
        let (late, with) = (config.late_work_ms(), Arc::clone(&programme));
        let ingest = Ingest::start_with(Arc::clone(&store), Arc::clone(&clock), with, late)?;
        let gate = Arc::new(Semaphore::new(config.requests_at_once as usize));
        let key = config.signing_key.clone().unwrap_or_else(|| signing_key_beside(store.path()));
        let signer = Arc::new(Signer::open(&key)?);
        let blobs = Arc::new(Blobs::new(store.path(), &config));
        Ok(Self {
            config: Arc::new(config),
            store,
            ingest: Arc::new(ingest),
            clock,
            programme,
            blobs,
            pages: None,
            gate,
            signer,
            scopes: Arc::default(),
        })
    }

    /// Answers from these pages what a phone asks that is worked out from many records.
    #[must_use]
    pub fn with_pages(mut self, pages: Arc<ReadModel>) -> Self {
        self.pages = Some(pages);
        self
    }
}

/// All routes: the API's, and `pages` merged in.
pub fn router(state: &AppState, pages: Option<Router>) -> Router {
    let api = Router::new()
        .route("/sync", post(sync::sync))
        .route("/enrol", post(enrol::enrol))
        .route("/blobs/{hash}", put(blobs::put).get(blobs::get))
        .route("/blobs/{hash}/held", get(blobs::held))
        .fallback(|| async { StatusCode::NOT_FOUND });
    let routes = Router::new()
        .nest("/v1", api)
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(state.clone());
    let routes = match pages {
        Some(pages) => routes.merge(pages),
        None => routes,
    };
    routes
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing at this address.\n") })
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(tracing::Level::INFO)),
        )
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// A request in the log: which route, never the address itself, which may hold a one-time token.
fn span(request: &Request) -> tracing::Span {
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!("request", method = %request.method(), route, id)
}

async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    let store = Arc::clone(&state.store);
    let readable = tokio::task::spawn_blocking(move || store.head().is_ok()).await.unwrap_or(false);
    if readable && state.ingest.is_alive() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store cannot be read or written\n")
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error(
        "port {} is in use by another program (address {address}). Stop that program, or choose another port with \
         `--listen {}:PORT`", .address.port(), .address.ip()
    )]
    PortInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}. Choose an address of this machine with `--listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The console's own database cannot be made.
    #[error(transparent)]
    Pages(#[from] ReadModelError),
}

/// The server of one store.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts to listen, with the console's pages; returns once requests are taken. Runs on the
    /// current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: Config,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        programme: Arc<Programme>,
    ) -> Result<Running, StartError> {
        let address = config.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => StartError::PortInUse { address },
            _ => StartError::Listen { address, source },
        })?;
        let addr = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        let state = AppState::new(config, store, clock, programme)?;
        let pages = Arc::new(ReadModel::open(&state.config.pages_file(), &state.programme)?);
        let state = state.with_pages(Arc::clone(&pages));
        let projector =
            Projector::new(Arc::clone(&pages), Arc::clone(&state.store), Arc::clone(&state.programme))
                .with_clock(Arc::clone(&state.clock));
        let console = Console::new(
            Arc::clone(&state.store),
            Arc::clone(&pages),
            Arc::clone(&state.programme),
            Arc::clone(&state.clock),
            state.config.is_https(),
        )
        .writing_through(Arc::clone(&state.ingest))
        .reached_at(state.config.url(addr));
        let routes = router(&state, Some(console::router(console)));
        let (stop, mut stopping) = watch::channel(false);
        let projecting = tokio::spawn(projector.run(stop.subscribe()));
        let tidying = tokio::spawn(tidy::keep_tidy(
            Arc::clone(&state.store),
            Arc::clone(&state.clock),
            state.config.unnamed_attachment_ms(),
            stop.subscribe(),
        ));
        let task = tokio::spawn(async move {
            let stopped = async move {
                // An error means that the handle is gone: then nobody wants the server any more.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the server stopped");
            }
        });
        tracing::info!(%addr, "listening");
        Ok(Running { addr, state, pages, stop, task, projecting, tidying })
    }
}

/// A server that listens. Dropping it stops it without waiting.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its parts: for the demo and for tests in the same process.
    pub state: AppState,
    /// What the pages are made from: [`ReadModel::projected`] tells how far they are.
    pub pages: Arc<ReadModel>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    projecting: JoinHandle<()>,
    tidying: JoinHandle<()>,
}

impl Running {
    /// Where people and phones reach it, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.state.config.url(self.addr)
    }

    /// Takes no more requests, waits for those under way, makes everything taken durable and lets go of
    /// the store, which another process may then replace.
    pub async fn shutdown(self) {
        let Self { state, pages, stop, mut task, projecting, tidying, .. } = self;
        stop.send_replace(true);
        if tokio::time::timeout(GRACE, &mut task).await.is_err() {
            tracing::warn!("requests under way were cut off");
            task.abort();
        }
        let ingest = Arc::clone(&state.ingest);
        if tokio::task::spawn_blocking(move || ingest.stop()).await.is_err() {
            tracing::error!("the writing thread could not be waited for");
        }
        if projecting.await.is_err() {
            tracing::error!("the pages' projector ended in a panic");
        }
        if tidying.await.is_err() {
            tracing::error!("the tidying of attachments ended in a panic");
        }
        let store = Arc::downgrade(&state.store);
        drop((state, pages));
        // A connection lets go of the store a moment after it counts as ended. Whoever started the server
        // may have kept the store for itself: nobody can wait for that.
        let since = Instant::now();
        while store.strong_count() > 0 && since.elapsed() < LETTING_GO {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).finish_non_exhaustive()
    }
}
