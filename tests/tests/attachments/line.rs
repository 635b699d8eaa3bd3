//! A bad line: a loopback proxy that cuts every connection after so many bytes, and may flip a byte.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// Which way a byte goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// What the line does, and did.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    /// Bytes of a connection, both ways together, after which it is cut.
    carries: AtomicUsize,
    /// How many more bytes pass until one is flipped; negative: none.
    flip_up: AtomicI64,
    flip_down: AtomicI64,
    cut: AtomicU64,
    passed: AtomicU64,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            carries: AtomicUsize::new(usize::MAX),
            flip_up: AtomicI64::new(-1),
            flip_down: AtomicI64::new(-1),
            cut: AtomicU64::new(0),
            passed: AtomicU64::new(0),
        });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                tokio::spawn(carry(phone, server, shared.clone()));
            }
        });
        Self { address, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on new connections are cut after this many bytes.
    pub(crate) fn carries(&self, bytes: usize) {
        self.state.carries.store(bytes, Ordering::SeqCst);
    }

    /// Flips the byte that passes after this many more.
    pub(crate) fn flip(&self, way: Way, after: i64) {
        self.state.of(way).store(after, Ordering::SeqCst);
    }

    pub(crate) fn is_flipped(&self, way: Way) -> bool {
        self.state.of(way).load(Ordering::SeqCst) < 0
    }

    /// Connections that were cut.
    pub(crate) fn cut(&self) -> u64 {
        self.state.cut.load(Ordering::SeqCst)
    }

    /// Bytes that passed, both ways.
    pub(crate) fn passed(&self) -> u64 {
        self.state.passed.load(Ordering::SeqCst)
    }
}

impl State {
    fn of(&self, way: Way) -> &AtomicI64 {
        match way {
            Way::Up => &self.flip_up,
            Way::Down => &self.flip_down,
        }
    }
}

async fn carry(phone: TcpStream, server: SocketAddr, state: Arc<State>) {
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    let left =
        Arc::new(AtomicI64::new(i64::try_from(state.carries.load(Ordering::SeqCst)).unwrap_or(i64::MAX)));
    let (phone_reads, phone_writes) = phone.into_split();
    let (server_reads, server_writes) = upstream.into_split();
    tokio::select! {
        () = pump(phone_reads, server_writes, Way::Up, &state, &left) => {}
        () = pump(server_reads, phone_writes, Way::Down, &state, &left) => {}
    }
    if left.load(Ordering::SeqCst) <= 0 {
        state.cut.fetch_add(1, Ordering::SeqCst);
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, state: &State, left: &AtomicI64) {
    let mut buffer = [0; 4096];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let before = left.fetch_sub(read as i64, Ordering::SeqCst);
        let send = usize::try_from(before.max(0)).unwrap_or(usize::MAX).min(read);
        let flip = state.of(way);
        let at = flip.load(Ordering::SeqCst);
        if at >= 0 {
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| buffer[..send].get_mut(at)) {
                *byte ^= 1;
                flip.store(-1, Ordering::SeqCst);
            } else {
                flip.store(at - send as i64, Ordering::SeqCst);
            }
        }
        state.passed.fetch_add(send as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..send]).await.is_err() || send < read {
            return;
        }
    }
}
