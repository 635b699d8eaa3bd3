//! `POST /v1/sync`: what the phone has goes in, what it lacks comes back.

use std::{collections::BTreeSet, sync::PoisonError};

use alongside_domain::{
    ids::{ActorId, GroupId, PersonId},
    tally::{Tally, heads::SignedHeads},
    time::Millis,
    wire::{
        Cursor, ErrorCode, FeedEntry, PushedChange, SyncAnswer, SyncRequest, features,
        pack::{Common, Pack, dictionary, pack_entries, unpack_entries},
        repair::RepairRequest,
    },
};
use axum::{body::Body, extract::State, http::HeaderMap};
use rusqlite::Transaction;

use super::{AppState, Failure, body, relatives, repair};
use crate::{
    ingest::{PreparedPush, PushOutcome},
    people,
    secret::Secret,
    store::{
        DeviceRow, StoreError, devices, heads,
        known::{Held, Nameable},
        log,
        pull::{self, PullAnswer, PullRequest},
    },
};

/// How exact "last seen" is kept, in milliseconds: a sync that finds nothing writes nothing.
const SEEN_EVERY_MS: i64 = 60_000;
/// How many times as much as a pack in rows one by column holds, in the same number of bytes.
const COLUMNS_HOLD: u32 = 2;

/// A request that is no longer than this is read before it is known who asks: a sync that finds nothing
/// then goes to a blocking thread once.
const SMALL: usize = 4 * 1024;

/// Who asks.
enum Asker {
    /// Whoever this token was given to.
    Shows(Secret),
    /// This installation.
    Is(DeviceRow),
}

/// How far a request came before it waits for others.
enum Begun {
    Answered(Box<SyncAnswer>),
    Repairs { device: DeviceRow, request: SyncRequest, step: Box<RepairRequest> },
    Pushes { device: DeviceRow, request: SyncRequest, known: bool, push: Box<PreparedPush> },
}

pub(super) async fn sync(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<body::Cbor<SyncAnswer>, Failure> {
    body::within_limits(&state, async {
        body::check_media_type(&headers)?;
        let token = body::token(&headers)?;
        let asker = if body::announced(&headers).is_some_and(|length| length <= SMALL) {
            Asker::Shows(token)
        } else {
            // Who asks is known before anything large is read.
            let asking = state.clone();
            body::blocking(move || {
                let device = asking.store.read(|tx| devices::by_token(tx, &token))?;
                Ok(Asker::Is(device.ok_or(ErrorCode::NotEnrolled)?))
            })
            .await?
        };
        let request = body::read(&headers, body).await;
        answer(&state, asker, request).await.map(body::Cbor)
    })
    .await
}

async fn answer(
    state: &AppState,
    asker: Asker,
    request: Result<SyncRequest, Failure>,
) -> Result<SyncAnswer, Failure> {
    let beginning = state.clone();
    match body::blocking(move || begin(&beginning, asker, request)).await? {
        Begun::Answered(answer) => Ok(*answer),
        Begun::Repairs { device, request, step } => repair::step(state, device, request, *step).await,
        Begun::Pushes { device, request, known, push } => {
            let outcome = state.ingest.push(*push).await?;
            let state = state.clone();
            body::blocking(move || pull(&state, &device, &request, outcome, known)).await
        }
    }
}

/// Finds out who asks, and answers what can be answered without waiting for the writer.
fn begin(state: &AppState, asker: Asker, request: Result<SyncRequest, Failure>) -> Result<Begun, Failure> {
    let (device, known) = state.store.read(|tx| {
        let device = match asker {
            Asker::Is(device) => Some(device),
            Asker::Shows(token) => devices::by_token(tx, &token)?,
        };
        let known = match (&device, &request) {
            (Some(_), Ok(request)) => repair::knows(tx, request.cursor, request.seen)?,
            _ => false,
        };
        Ok((device, known))
    })?;
    let device = device.ok_or(ErrorCode::NotEnrolled)?;
    let mut request = request?;
    // Features that only a later version knows are passed over.
    let repairs = request.features & features::REPAIR != 0 && device.revoked_at.is_none();
    if repairs && let Some(step) = request.repair.take() {
        return Ok(Begun::Repairs { device, request, step });
    }
    // A phone whose place is not known repairs before anything it sends is judged: this server may lack what
    // that stands on.
    if repairs && !known {
        return Ok(Begun::Answered(Box::new(repair::has_to(state, &request))));
    }
    let openings = std::mem::take(&mut request.openings);
    let push = request.push.take();
    if openings.is_empty() && push.is_none() {
        // A revoked phone still gets rid of what it has; once it has nothing more, it is turned away. Of one
        // that a restored server does not know any more, all that it has is wanted again.
        if device.revoked_at.is_some() && known {
            return Err(ErrorCode::Revoked.into());
        }
        let answer = pull(state, &device, &request, PushOutcome::default(), known)?;
        return Ok(Begun::Answered(Box::new(answer)));
    }
    let changes = match push {
        Some(push) => open(state, &device, request.actor, &push)?,
        None => Vec::new(),
    };
    let push = Box::new(state.ingest.prepare(device.id, device.person, openings, changes)?);
    Ok(Begun::Pushes { device, request, known, push })
}

/// The changes that a device sent.
fn open(
    state: &AppState,
    device: &DeviceRow,
    actor: ActorId,
    push: &Pack,
) -> Result<Vec<PushedChange>, Failure> {
    let opened = state.store.read(|tx| {
        Nameable::use_for(tx, device.person, |known| {
            unpack_entries(push, &Common { actor: Some(actor), feed: Some(known) })
        })
    })?;
    opened.map_err(|error| error.code(push.form).into())
}

fn pull(
    state: &AppState,
    device: &DeviceRow,
    request: &SyncRequest,
    outcome: PushOutcome,
    known: bool,
) -> Result<SyncAnswer, Failure> {
    let now = state.clock.now();
    if device.revoked_at.is_some() {
        return revoked(state, device, request, outcome, now, known);
    }
    let repairs = request.features & features::REPAIR != 0;
    let (pulled, pack, tally, heads) = state.store.read(|tx| {
        let person = people::find(tx, device.person)?
            .ok_or_else(|| StoreError::damaged("a device belongs to nobody"))?;
        let pulled = pull::pull(tx, &pull_request(device, person.partner, request, &outcome.accepted))?;
        let tally = if repairs { tally(state, tx, device.person, &pulled)? } else { None };
        let heads = if repairs { heads_of(state, tx, &pulled, &outcome.accepted)? } else { None };
        if pulled.entries.is_empty() {
            return Ok((pulled, None, tally, heads));
        }
        // What the device held when it asked; what this very answer brings is in the pack.
        let pack = Held::use_for(tx, device.person, request.cursor, &request.backfills, |held| {
            let common = Common { actor: Some(request.actor), feed: Some(held) };
            pack_entries(&pulled.entries, request.features, request.dictionary, &common)
        })?;
        Ok((pulled, Some(pack), tally, heads))
    })?;
    // At the same place both hold the same: anything else is a fault of one of the two.
    let to_repair = pulled.cursor == request.cursor
        && matches!((request.tally, tally), (Some(theirs), Some(ours)) if theirs != ours);
    // Equal is equal: it need not be said again.
    let tally = tally.filter(|tally| pulled.cursor != request.cursor || request.tally != Some(*tally));
    let is_last = !pulled.more && pulled.backfills.is_empty();
    let relatives =
        if request.asks_relatives && is_last { relatives::told_to(state, device.person)? } else { None };
    let stale = device.last_seen.is_none_or(|seen| now.0.saturating_sub(seen.0) >= SEEN_EVERY_MS);
    if stale || device.waiting != request.waiting {
        state.store.write(|tx| devices::seen(tx, device.id, now, request.waiting))?;
    }
    Ok(SyncAnswer {
        protocol: request.protocol,
        features: features::ALL,
        dictionary: dictionary::newest(),
        openings: outcome.openings,
        verdicts: outcome.verdicts,
        pull: pack,
        cursor: pulled.cursor,
        head: pulled.head,
        backfills: pulled.backfills,
        start_again: pulled.start_again,
        more: pulled.more,
        revoked: false,
        server_time: outcome.received_at.unwrap_or(now),
        tally,
        heads,
        key: (repairs && request.needs_key).then(|| state.signer.public()),
        to_repair,
        repair: None,
        relatives,
    })
}

/// How many people's tallies are remembered.
const REMEMBERED: usize = 10_000;

/// What the person's groups hold, where this answer brings the device to the end of the feed.
fn tally(
    state: &AppState,
    tx: &Transaction<'_>,
    person: PersonId,
    pulled: &PullAnswer,
) -> Result<Option<Tally>, StoreError> {
    if pulled.start_again || pulled.more || pulled.head.is_some() || !pulled.backfills.is_empty() {
        return Ok(None);
    }
    let scopes = || state.scopes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, tally)) = scopes().get(&person).filter(|(at, _)| *at == pulled.cursor) {
        return Ok(Some(*tally));
    }
    let tally = heads::scope(tx, person)?;
    let mut scopes = scopes();
    if scopes.len() >= REMEMBERED {
        scopes.clear();
    }
    scopes.insert(person, (pulled.cursor, tally));
    Ok(Some(tally))
}

/// The heads of the groups that an answer is about, signed.
fn heads_of(
    state: &AppState,
    tx: &Transaction<'_>,
    pulled: &PullAnswer,
    accepted: &BTreeSet<u64>,
) -> Result<Option<SignedHeads>, StoreError> {
    let mut groups: BTreeSet<GroupId> = pulled
        .entries
        .iter()
        .filter_map(|entry| match entry {
            FeedEntry::Change { group, .. } => Some(*group),
            FeedEntry::Control { .. } => None,
        })
        .collect();
    for number in accepted {
        groups.extend(log::group_of(tx, *number)?);
    }
    if groups.is_empty() { Ok(None) } else { state.signer.sign(tx, groups) }
}

/// The answer to a revoked phone: what became of what it sent, and nothing else. Its place stays.
fn revoked(
    state: &AppState,
    device: &DeviceRow,
    request: &SyncRequest,
    outcome: PushOutcome,
    now: Millis,
    known: bool,
) -> Result<SyncAnswer, Failure> {
    state.store.write(|tx| devices::seen(tx, device.id, now, request.waiting))?;
    Ok(SyncAnswer {
        protocol: request.protocol,
        features: features::ALL,
        dictionary: dictionary::newest(),
        openings: outcome.openings,
        verdicts: outcome.verdicts,
        pull: None,
        cursor: if known { request.cursor } else { Cursor::default() },
        head: request.seen.filter(|_| known),
        backfills: request.backfills.clone(),
        start_again: !known,
        more: false,
        revoked: true,
        server_time: outcome.received_at.unwrap_or(now),
        tally: None,
        heads: None,
        key: None,
        to_repair: false,
        repair: None,
        relatives: None,
    })
}

fn pull_request<'a>(
    device: &DeviceRow,
    partner: alongside_domain::ids::PartnerId,
    request: &'a SyncRequest,
    just_accepted: &'a BTreeSet<u64>,
) -> PullRequest<'a> {
    let by_column = request.features & features::COLUMN_PACK != 0;
    PullRequest {
        person: device.person,
        partner,
        device: device.id,
        cursor: request.cursor,
        seen: request.seen,
        backfills: &request.backfills,
        own_high: request.own_high,
        just_accepted,
        limit: if by_column { request.limit.saturating_mul(COLUMNS_HOLD) } else { request.limit },
    }
}
