//! The courier: sends what waits and fetches what is wanted, in pieces, apart from records.
//!
//! The server says how much it holds, so nothing arrives twice for long. A line that breaks costs what was
//! on it; as long as something arrived, the courier goes on at once, and else it waits, longer each time.

use std::sync::Arc;

use alongside_domain::{
    media::BlobHeld,
    sync::{Failure, backoff},
    time::Millis,
    wire::ErrorCode,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{
    AttachmentId, AttachmentWait, CourierOutcome,
    line::{Coming, Line},
    reads::word,
    room,
    rows::{self, Kept},
    sealed::PIECE,
};
use crate::{
    clock::Clock,
    error::ApiError,
    observe::Heart,
    store::{Store, state},
    sync::http::Http,
};

/// Smallest and largest piece that is sent at once; it halves when the line breaks and doubles when it
/// carries.
const SMALLEST: usize = 32 << 10;
const LARGEST: usize = 2 << 20;
const FIRST: usize = 256 << 10;
/// Pieces of a fetch that are written at once.
const WRITTEN_AT_ONCE: usize = 16 * PIECE;
/// Times that everything is begun again at once after it arrived damaged.
const BEGUN_AGAIN: u32 = 2;

/// Sends and fetches.
pub(crate) struct Courier {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    heart: Arc<Heart>,
    random: StdRng,
    http: Option<Http>,
    piece: usize,
}

/// How a try ended.
enum End {
    /// It is whole.
    Whole,
    /// Something else has to happen first.
    Waits(AttachmentWait, Option<u32>),
}

impl Courier {
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>, heart: Arc<Heart>, seed: u64) -> Self {
        Self { store, clock, heart, random: StdRng::seed_from_u64(seed), http: None, piece: FIRST }
    }

    fn line(&mut self, server: String, token: String) -> Result<Line, ApiError> {
        let http = match &self.http {
            Some(http) => http.clone(),
            None => self.http.insert(Http::new()?).clone(),
        };
        Ok(Line { http, server, token })
    }

    /// Sends and fetches everything whose turn has come. A server that is out of reach is no error.
    pub(crate) async fn run(&mut self) -> Result<CourierOutcome, ApiError> {
        let (server, token) = self.blocking(|store| store.read(state::server)).await?;
        let line = self.line(server, token)?;
        let mut outcome = CourierOutcome::default();
        let now = self.clock.now();
        let (send, fetch) =
            self.blocking(|store| store.read(|db| Ok((rows::to_send(db)?, rows::to_fetch(db)?)))).await?;
        // What somebody waits for in front of the screen goes first.
        for kept in fetch.into_iter().filter(|kept| kept.next_at <= now) {
            let end = self.fetch(&line, &kept, &mut outcome).await?;
            self.ended(&kept, end).await?;
        }
        for kept in send.into_iter().filter(|kept| kept.next_at <= now) {
            let end = self.send(&line, &kept, &mut outcome).await?;
            self.ended(&kept, end).await?;
        }
        let (next, (waiting, bytes)) = self
            .blocking(|store| {
                store.read(|db| {
                    let all = rows::to_send(db)?.into_iter().chain(rows::to_fetch(db)?);
                    Ok((all.map(|kept| kept.next_at).min(), rows::waiting(db)?))
                })
            })
            .await?;
        (outcome.next, outcome.waiting) = (next, waiting);
        // An erasure, say, may have taken some.
        self.heart.attachments(waiting, bytes);
        Ok(outcome)
    }

    /// Fetches one attachment, which has a row, and nothing else.
    pub(crate) async fn fetch_now(&mut self, at: AttachmentId) -> Result<Option<AttachmentWait>, ApiError> {
        let (server, token) = self.blocking(|store| store.read(state::server)).await?;
        let line = self.line(server, token)?;
        let Some(kept) = self.blocking(move |store| store.read(|db| Ok(rows::get(db, at)?))).await? else {
            return Ok(None);
        };
        if kept.held {
            return Ok(None);
        }
        let end = self.fetch(&line, &kept, &mut CourierOutcome::default()).await?;
        let waits = match &end {
            End::Whole => None,
            End::Waits(wait, _) => Some(*wait),
        };
        self.ended(&kept, end).await?;
        Ok(waits)
    }

    /// Sends one attachment, as far as it goes.
    async fn send(
        &mut self,
        line: &Line,
        kept: &Kept,
        outcome: &mut CourierOutcome,
    ) -> Result<End, ApiError> {
        let at = kept.id;
        let (mut before, mut broken, mut again) = (None, 0_u32, 0_u32);
        loop {
            outcome.requests += 1;
            let held = match line.held(at).await? {
                Ok(held) => held,
                Err(failure) if broken > 0 && broken < 3 && failure == Failure::Network => {
                    broken += 1;
                    continue;
                }
                Err(failure) => return Ok(waits(failure)),
            };
            if held.whole {
                return self.sent(at, held, outcome).await;
            }
            self.told(at, held.held).await?;
            if before.is_some_and(|before| held.held <= before) {
                // Nothing had arrived since.
                return Ok(End::Waits(AttachmentWait::Network, None));
            }
            before = Some(held.held);
            broken = 0;
            match self.send_on(line, kept, held.held, outcome).await? {
                Sent::Whole(held) => return self.sent(at, held, outcome).await,
                Sent::Broken => {
                    self.piece = (self.piece / 2).max(SMALLEST);
                    broken = 1;
                }
                Sent::Asks => {}
                Sent::Damaged if again < BEGUN_AGAIN => {
                    again += 1;
                    before = None;
                }
                Sent::Damaged => return Ok(End::Waits(AttachmentWait::DamagedOnTheWay, None)),
                Sent::Failed(end) => return Ok(end),
            }
        }
    }

    /// Sends pieces one after the other until something is different.
    async fn send_on(
        &mut self,
        line: &Line,
        kept: &Kept,
        mut from: u64,
        outcome: &mut CourierOutcome,
    ) -> Result<Sent, ApiError> {
        loop {
            // All of it is there and it is not whole: the last byte once more has the server look.
            from = from.min(kept.bytes - 1);
            let (file, key, most) = (kept.file, kept.key.clone(), self.piece);
            let read = self
                .blocking(move |store| store.vault().read(&file, &key, from, most).map_err(ApiError::from_io))
                .await?;
            let Some(piece) = read.filter(|piece| !piece.is_empty()) else {
                return Ok(Sent::Failed(End::Waits(AttachmentWait::Lost, None)));
            };
            let length = piece.len() as u64;
            outcome.requests += 1;
            outcome.bytes_sent += length;
            match line.send(kept.id, from, kept.bytes, piece).await? {
                Ok(held) if held.whole => return Ok(Sent::Whole(held)),
                Ok(held) if held.held > from => {
                    self.piece = (self.piece * 2).min(LARGEST);
                    from = held.held;
                    self.told(kept.id, from).await?;
                }
                Ok(_) | Err(Failure::Refused(ErrorCode::WrongOffset)) => return Ok(Sent::Asks),
                Err(Failure::Network) => return Ok(Sent::Broken),
                Err(Failure::Refused(ErrorCode::WrongHash)) => return Ok(Sent::Damaged),
                Err(failure) => return Ok(Sent::Failed(waits(failure))),
            }
        }
    }

    async fn told(&self, at: AttachmentId, held: u64) -> Result<(), ApiError> {
        self.blocking(move |store| store.write(move |tx, _| Ok(rows::there(tx, at, held)?))).await?;
        self.pulse().await
    }

    async fn sent(
        &self,
        at: AttachmentId,
        held: BlobHeld,
        outcome: &mut CourierOutcome,
    ) -> Result<End, ApiError> {
        outcome.sent += 1;
        self.blocking(move |store| {
            store.write(move |tx, desk| Ok(rows::sent(tx, at, held.named, desk.now())?))?;
            room::keep_within(store)
        })
        .await?;
        Ok(End::Whole)
    }

    /// Fetches one attachment, as far as it goes.
    async fn fetch(
        &mut self,
        line: &Line,
        kept: &Kept,
        outcome: &mut CourierOutcome,
    ) -> Result<End, ApiError> {
        let mut kept = kept.clone();
        let (mut before, mut again) = (None, 0_u32);
        loop {
            match self.stream(line, &kept, outcome).await? {
                Streamed::Whole => {
                    if self.settled(&kept).await? {
                        outcome.fetched += 1;
                        return Ok(End::Whole);
                    }
                    // Nothing tells which piece is wrong: all of it once more, under another key.
                    (kept.file, kept.key) = self.begin_again(&kept).await?;
                    (before, again) = (None, again + 1);
                    if again > BEGUN_AGAIN {
                        return Ok(End::Waits(AttachmentWait::DamagedOnTheWay, None));
                    }
                }
                Streamed::Broken(here) if before.is_none_or(|before| here > before) => before = Some(here),
                Streamed::Broken(_) => return Ok(End::Waits(AttachmentWait::Network, None)),
                Streamed::Failed(end) => return Ok(end),
            }
        }
    }

    async fn stream(
        &self,
        line: &Line,
        kept: &Kept,
        outcome: &mut CourierOutcome,
    ) -> Result<Streamed, ApiError> {
        let name = kept.file;
        let (mut file, mut here) =
            self.blocking(move |store| store.vault().grow(&name).map_err(ApiError::from_io)).await?;
        if here >= kept.bytes {
            return Ok(Streamed::Whole);
        }
        outcome.requests += 1;
        let (mut place, mut response) = match line.fetch(kept.id, here).await? {
            Coming::From(place, response) => (place, response),
            Coming::Not(Failure::Network) => return Ok(Streamed::Broken(here)),
            Coming::Not(failure) => return Ok(Streamed::Failed(waits(failure))),
        };
        let mut content: Vec<u8> = Vec::with_capacity(WRITTEN_AT_ONCE + PIECE);
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => Some(chunk),
                Ok(None) | Err(_) => None,
            };
            let is_end = chunk.is_none();
            if let Some(chunk) = chunk {
                outcome.bytes_received += chunk.len() as u64;
                let skip = usize::try_from(here + content.len() as u64 - place).unwrap_or(usize::MAX);
                place += chunk.len() as u64;
                content.extend_from_slice(chunk.get(skip.min(chunk.len())..).unwrap_or_default());
            }
            let got = here + content.len() as u64;
            if got > kept.bytes {
                // Something else than was asked for.
                return Ok(Streamed::Failed(End::Waits(AttachmentWait::DamagedOnTheWay, None)));
            }
            let is_whole = got == kept.bytes;
            if content.len() >= WRITTEN_AT_ONCE || is_end || is_whole {
                let ready = if is_whole { content.len() } else { content.len() / PIECE * PIECE };
                let rest = content.split_off(ready);
                let (key, from) = (kept.key.clone(), here);
                file = self
                    .blocking(move |store| {
                        let write = || {
                            let sealed = store.vault().seal(&key, from, &content)?;
                            std::io::Write::write_all(&mut &file, &sealed)?;
                            if is_end || is_whole { file.sync_all() } else { Ok(()) }
                        };
                        write().map_err(ApiError::from_io)?;
                        Ok(file)
                    })
                    .await?;
                here += ready as u64;
                content = rest;
            }
            if is_whole {
                return Ok(Streamed::Whole);
            }
            if is_end {
                return Ok(Streamed::Broken(here));
            }
        }
    }

    /// Looks whether what has come is what its hash says, and keeps it then.
    async fn settled(&self, kept: &Kept) -> Result<bool, ApiError> {
        let kept = kept.clone();
        self.blocking(move |store| {
            let read =
                store.vault().read_all(&kept.file, &kept.key, |_| Ok(())).map_err(ApiError::from_io)?;
            let is_right = read == Some((kept.id.hash, kept.bytes));
            if is_right {
                let at = kept.id;
                store.write(move |tx, desk| Ok(rows::fetched(tx, at, desk.now())?))?;
                room::keep_within(store)?;
            }
            Ok(is_right)
        })
        .await
    }

    async fn begin_again(
        &self,
        kept: &Kept,
    ) -> Result<(super::vault::FileName, super::sealed::FileKey), ApiError> {
        let kept = kept.clone();
        self.blocking(move |store| {
            let (file, key) = (store.vault().new_name(), store.vault().new_key());
            let (at, new) = (kept.id, key.clone());
            store.write(move |tx, _| Ok(rows::begin_again(tx, at, file, &new)?))?;
            store.vault().remove(&kept.file).map_err(ApiError::from_io)?;
            Ok((file, key))
        })
        .await
    }

    /// Writes down how a try ended.
    async fn ended(&mut self, kept: &Kept, end: End) -> Result<(), ApiError> {
        if let End::Waits(wait, asked) = end {
            let tries = kept.tries.saturating_add(1);
            let random = self.random.next_u64();
            let delay = match asked {
                Some(seconds) => backoff::asked_ms(seconds, random),
                None => backoff::delay_ms(tries, random),
            };
            let now = self.clock.now().0;
            let next = Millis(now.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX)));
            let (at, why, stopped) = (kept.id, word(wait), is_final(wait));
            self.blocking(move |store| {
                store.write(move |tx, _| Ok(rows::failed(tx, at, tries, next, &why, stopped)?))
            })
            .await?;
        }
        self.pulse().await
    }

    /// Tells observers how many wait.
    async fn pulse(&self) -> Result<(), ApiError> {
        let (waiting, bytes) = self.blocking(|store| store.read(|db| Ok(rows::waiting(db)?))).await?;
        self.heart.attachments(waiting, bytes);
        Ok(())
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

/// What came of sending pieces.
enum Sent {
    Whole(BlobHeld),
    /// The line broke.
    Broken,
    /// The server holds something else than expected.
    Asks,
    /// All had arrived and was not what its hash says.
    Damaged,
    Failed(End),
}

/// What came of fetching.
enum Streamed {
    Whole,
    /// The line broke with this much here.
    Broken(u64),
    Failed(End),
}

fn waits(failure: Failure) -> End {
    match failure {
        Failure::Network => End::Waits(AttachmentWait::Network, None),
        Failure::Busy(seconds) => End::Waits(AttachmentWait::BusyServer, seconds),
        Failure::Store => End::Waits(AttachmentWait::Storage, None),
        Failure::Refused(ErrorCode::UnknownGroup) => End::Waits(AttachmentWait::Records, None),
        Failure::Refused(ErrorCode::UnknownBlob) => End::Waits(AttachmentWait::NotThereYet, None),
        Failure::Refused(code) => End::Waits(AttachmentWait::Refused(code), None),
    }
}

/// Whether trying again helps nothing until somebody has done something.
fn is_final(wait: AttachmentWait) -> bool {
    match wait {
        AttachmentWait::Lost => true,
        AttachmentWait::Refused(code) => matches!(
            code,
            ErrorCode::TooLarge
                | ErrorCode::NotEntitled
                | ErrorCode::NotEnrolled
                | ErrorCode::Revoked
                | ErrorCode::Erased
                | ErrorCode::UnsupportedProtocol
        ),
        _ => false,
    }
}
