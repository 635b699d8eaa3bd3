//! The line between phones and server, with its faults.

use alongside_domain::{
    sync::Failure,
    wire::{Cursor, ErrorAnswer, ErrorCode, SyncAnswer, SyncRequest, decode, decode_message, encode},
};
use anyhow::{Context, Result, bail, ensure};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{server::Server, story::Story};

/// A request as it was on the line.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    token: String,
    body: Vec<u8>,
}

/// The line. `None` in [`Line::bad`] for a good one.
#[derive(Default)]
pub(super) struct Line {
    /// Requests that are still under way although their sender has given up.
    pub(super) delayed: Vec<Parcel>,
    /// Requests that somebody kept.
    pub(super) kept: Vec<Parcel>,
}

/// Most requests kept for a replay.
const KEPT: usize = 40;

impl Line {
    /// Carries a request over a bad line.
    pub(super) fn carry(
        &mut self,
        server: &Server,
        story: &mut Story,
        rng: &mut ChaCha8Rng,
        from: &str,
        token: &str,
        request: &SyncRequest,
    ) -> Result<Result<Box<SyncAnswer>, Failure>> {
        let parcel = Parcel { token: token.to_owned(), body: encode(request) };
        if self.kept.len() < KEPT {
            self.kept.push(parcel.clone());
        }
        match rng.random_range(0..100) {
            0..8 => {
                story.fault("request lost", from);
                return Ok(Err(Failure::Network));
            }
            8..16 => {
                story.fault("request delayed", from);
                self.delayed.push(parcel);
                return Ok(Err(Failure::Network));
            }
            16..26 => {
                drop(deliver(server, story, &parcel)?);
                story.fault("answer lost", from);
                return Ok(Err(Failure::Network));
            }
            26..32 => {
                drop(deliver(server, story, &parcel)?);
                story.fault("request sent twice", from);
            }
            32..35 => {
                if let Ok(answer) = deliver(server, story, &parcel)? {
                    story.fault("answer cut short", from);
                    let whole = encode(&*answer);
                    let part = &whole[..rng.random_range(0..whole.len())];
                    ensure!(
                        decode_message::<SyncAnswer>(part).is_err(),
                        "part of an answer is taken for all of it"
                    );
                }
                return Ok(Err(Failure::Network));
            }
            35..40 => {
                story.fault("request cut short", from);
                cut(server, rng, &parcel)?;
                return Ok(Err(Failure::Network));
            }
            _ => {}
        }
        deliver(server, story, &parcel)
    }

    /// A request arrives whose sender no longer waits.
    pub(super) fn arrive_late(
        &mut self,
        server: &Server,
        story: &mut Story,
        rng: &mut ChaCha8Rng,
    ) -> Result<()> {
        if self.delayed.is_empty() {
            return Ok(());
        }
        let parcel = self.delayed.swap_remove(rng.random_range(0..self.delayed.len()));
        story.fault("request arrives late", "");
        deliver(server, story, &parcel).map(drop)
    }

    /// Somebody sends an old request again.
    pub(super) fn replay(&mut self, server: &Server, story: &mut Story, rng: &mut ChaCha8Rng) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let parcel = self.kept[rng.random_range(0..self.kept.len())].clone();
        story.fault("old request replayed", "");
        deliver(server, story, &parcel).map(drop)
    }
}

/// Carries a request over a good line.
pub(super) fn good(
    server: &Server,
    story: &mut Story,
    token: &str,
    request: &SyncRequest,
) -> Result<Result<Box<SyncAnswer>, Failure>> {
    deliver(server, story, &Parcel { token: token.to_owned(), body: encode(request) })
}

/// A request reaches the server, which dies somewhere among its writes for it.
pub(super) fn deadly(
    server: &mut Server,
    story: &mut Story,
    random: u64,
    token: &str,
    request: &SyncRequest,
) -> Result<Result<Box<SyncAnswer>, Failure>> {
    let before = server.disk()?;
    drop(deliver(server, story, &Parcel { token: token.to_owned(), body: encode(request) })?);
    let torn = server.die_since(&before, random)?;
    story.fault(if torn { "server killed in a write" } else { "server killed before its answer" }, "");
    Ok(Err(Failure::Network))
}

/// Has the server answer.
fn deliver(server: &Server, story: &mut Story, parcel: &Parcel) -> Result<Result<Box<SyncAnswer>, Failure>> {
    story.told.requests += 1;
    let mut sent = parcel.body.clone();
    let mut unseen = 0;
    let mut asked = Cursor::default();
    if let Some(mutant) = story.mutant {
        let mut request: SyncRequest = decode_message(&sent)?;
        asked = request.cursor;
        unseen = mutant.request(&mut request, server)?;
        sent = encode(&request);
    }
    let (status, body) = server.post("/v1/sync", Some(&parcel.token), sent)?;
    if status.is_success() {
        let mut answer: SyncAnswer = decode_message(&body).context("an answer cannot be read")?;
        if let Some(mutant) = story.mutant {
            mutant.answer(&mut answer, unseen, asked)?;
        }
        return Ok(Ok(Box::new(answer)));
    }
    let error: ErrorAnswer = decode(&body).context("an error cannot be read")?;
    match error.code {
        // A pack stands on numbers that the server no longer has, or has given to others, since it was
        // restored.
        ErrorCode::Revoked | ErrorCode::Repack => Ok(Err(Failure::Refused(error.code))),
        ErrorCode::Busy if server.is_full() => {
            story.fault("server's disk full", "");
            Ok(Err(Failure::Busy(error.retry_after)))
        }
        code => bail!("a good request was turned down: {code:?}"),
    }
}

/// A request of which only the beginning arrives is turned down, and nothing of it is kept.
fn cut(server: &Server, rng: &mut ChaCha8Rng, parcel: &Parcel) -> Result<()> {
    let head = server.store()?.head()?;
    let body = parcel.body[..rng.random_range(0..parcel.body.len())].to_vec();
    let (status, answer) = server.post("/v1/sync", Some(&parcel.token), body)?;
    let error: ErrorAnswer = decode(&answer).context("an error cannot be read")?;
    if !matches!(error.code, ErrorCode::Malformed | ErrorCode::Revoked) {
        bail!("a request cut short was answered with {status} {:?}", error.code);
    }
    if server.store()?.head()? != head {
        bail!("something of a request cut short was kept");
    }
    Ok(())
}
