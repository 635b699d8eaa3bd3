//! A bad line: a loopback proxy that cuts connections in the middle.
//!
//! What it does to each connection follows from the seed and the connection's number: let it pass,
//! refuse it at once, cut it while the request is on its way, or cut it while the answer is (so that
//! the server has kept what the phone was never told of).

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

/// How bad the line is, in connections out of a hundred.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Badness {
    /// Cut at once; a hundred means that there is no signal at all.
    pub(crate) refused: u32,
    /// Cut while the request is on its way.
    pub(crate) cut_request: u32,
    /// Cut while the answer is on its way.
    pub(crate) cut_answer: u32,
}

/// A proxy on a free loopback port; it ends when it is dropped.
pub(crate) struct Line {
    /// Where to connect.
    pub(crate) address: SocketAddr,
    dropped: Arc<AtomicU64>,
    badness: watch::Sender<Badness>,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, Copy)]
enum Fate {
    Passes,
    /// There is no line at all: nothing was dropped.
    NoSignal,
    Refused,
    /// Cut after this many bytes towards the server.
    CutRequest(usize),
    /// Cut after this many bytes towards the phone.
    CutAnswer(usize),
}

impl Line {
    /// Starts a line to `server`; it is good until somebody makes it bad.
    pub(crate) async fn to(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let badness = watch::Sender::new(Badness::default());
        let mut changes = badness.subscribe();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let task = tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                let fate = fate(&mut rng, *changes.borrow_and_update());
                if !matches!(fate, Fate::Passes | Fate::NoSignal) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                let mut changed = changes.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(phone, server, fate) => {}
                        _ = changed.changed() => {}
                    }
                });
            }
        });
        Ok(Self { address, dropped, badness, task })
    }

    /// Makes the line this bad; connections that were open are cut, as when a signal goes.
    pub(crate) fn set(&self, badness: Badness) {
        self.badness.send_replace(badness);
    }

    /// Connections that were cut.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn fate(rng: &mut ChaCha8Rng, badness: Badness) -> Fate {
    let drawn = rng.random_range(0..100);
    let bytes = rng.random_range(0..3_000);
    let Badness { refused, cut_request, cut_answer } = badness;
    if refused >= 100 {
        Fate::NoSignal
    } else if drawn < refused {
        Fate::Refused
    } else if drawn < refused + cut_request {
        Fate::CutRequest(bytes)
    } else if drawn < refused + cut_request + cut_answer {
        Fate::CutAnswer(bytes % 400)
    } else {
        Fate::Passes
    }
}

async fn carry(phone: TcpStream, server: SocketAddr, fate: Fate) {
    let (to_server, to_phone) = match fate {
        Fate::Refused | Fate::NoSignal => return,
        Fate::Passes => (usize::MAX, usize::MAX),
        Fate::CutRequest(bytes) => (bytes, usize::MAX),
        Fate::CutAnswer(bytes) => (usize::MAX, bytes),
    };
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    let (phone_reads, phone_writes) = phone.into_split();
    let (server_reads, server_writes) = upstream.into_split();
    // Whichever side is cut or closes first ends both: that is what a lost signal looks like.
    tokio::select! {
        () = pump(phone_reads, server_writes, to_server) => {}
        () = pump(server_reads, phone_writes, to_phone) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut budget: usize) {
    let mut buffer = [0; 4096];
    while budget > 0 {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { break };
        let send = read.min(budget);
        budget -= send;
        if to.write_all(&buffer[..send]).await.is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo_server() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut text = [0; 5];
                    if stream.read_exact(&mut text).await.is_ok() {
                        let _ = stream.write_all(&text).await;
                    }
                });
            }
        });
        address
    }

    async fn ask(address: SocketAddr) -> Option<[u8; 5]> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"hello").await.ok()?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.ok().map(|_| answer)
    }

    #[tokio::test]
    async fn a_good_line_carries_both_ways_and_a_dead_one_does_not() {
        let server = echo_server().await;
        let line = Line::to(server, 1).await.unwrap();
        assert_eq!(ask(line.address).await, Some(*b"hello"));
        assert_eq!(line.dropped(), 0);

        line.set(Badness { refused: 99, cut_request: 1, cut_answer: 0 });
        assert_eq!(ask(line.address).await, None);
        assert_eq!(line.dropped(), 1);

        line.set(Badness { refused: 100, ..Badness::default() });
        assert_eq!(ask(line.address).await, None);
        assert_eq!(line.dropped(), 1, "where there is no signal, nothing is dropped");
    }
}
