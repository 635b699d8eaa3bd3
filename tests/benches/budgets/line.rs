//! A loopback line that counts what passes: bytes each way, and changes of direction.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Runtime,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up = 1,
    Down = 2,
}

/// What passed, everything that the transport adds included.
#[derive(Debug, Default)]
pub(crate) struct Line {
    up: AtomicU64,
    down: AtomicU64,
    turns: AtomicU64,
    last: AtomicU8,
}

/// Bytes both ways, and changes of direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Carried {
    pub(crate) bytes: u64,
    pub(crate) turns: u64,
}

impl Line {
    /// A line to this server; it ends with the runtime. Gives where to connect.
    pub(crate) fn to(server: SocketAddr, runtime: &Runtime) -> Result<(SocketAddr, Arc<Self>)> {
        let line = Arc::new(Self::default());
        let shared = Arc::clone(&line);
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&shared).carry(near, server));
            }
        });
        Ok((address, line))
    }

    /// What was carried since this was last asked.
    pub(crate) fn take(&self) -> Carried {
        self.last.store(0, Ordering::SeqCst);
        Carried {
            bytes: self.up.swap(0, Ordering::SeqCst) + self.down.swap(0, Ordering::SeqCst),
            turns: self.turns.swap(0, Ordering::SeqCst),
        }
    }

    async fn carry(self: Arc<Self>, near: TcpStream, server: SocketAddr) {
        let Ok(far) = TcpStream::connect(server).await else { return };
        // Small messages are not held back: the line itself must not cost round trips.
        let (_, _) = (near.set_nodelay(true), far.set_nodelay(true));
        let (near_reads, near_writes) = near.into_split();
        let (far_reads, far_writes) = far.into_split();
        tokio::join!(
            self.pump(near_reads, far_writes, Way::Up),
            self.pump(far_reads, near_writes, Way::Down)
        );
    }

    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way) {
        let mut buffer = vec![0; 65_536];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let bytes = if way == Way::Up { &self.up } else { &self.down };
            bytes.fetch_add(read as u64, Ordering::SeqCst);
            if self.last.swap(way as u8, Ordering::SeqCst) != way as u8 {
                self.turns.fetch_add(1, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}
