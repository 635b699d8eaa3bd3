//! The state machine.

use super::{Effect, Event, Failure, Status, backoff};
use crate::{
    time::Millis,
    wire::{Backfill, Cursor, ErrorCode, SyncAnswer, SyncRequest, Verdict},
};

/// Least that one request carries, in bytes each way: a network that breaks down under this is tried
/// again, not with less.
pub const LEAST_BYTES: u32 = 4 << 10;
/// Most that one request carries, in bytes each way.
pub const MOST_BYTES: u32 = 1 << 20;
/// Rounds without any progress after which the engine waits instead of going on at once.
const PATIENCE: u32 = 3;

/// The engine: at most one request is on its way, and whenever it waits, a timer is set.
#[derive(Debug)]
pub struct Engine {
    state: State,
    /// Something was saved or asked for while a request was on its way.
    wanted: bool,
    /// Failures in a row.
    failures: u32,
    /// Rounds in a row that brought nothing.
    idle_rounds: u32,
    /// How much the next request carries each way.
    chunk: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Idle,
    Preparing { rows_only: bool },
    Sending(Asked),
    Applying(Round),
    Waiting { next: Millis, last: Failure },
    Stopped,
}

/// What the request under way named, to see whether its answer moved anything.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    cursor: Cursor,
    backfills: Vec<Backfill>,
    left: u32,
    rows_only: bool,
}

/// What the answer being applied brought.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Round {
    more: bool,
    progress: bool,
    left: u32,
    revoked: bool,
    rows_only: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self { state: State::Idle, wanted: false, failures: 0, idle_rounds: 0, chunk: MOST_BYTES }
    }
}

impl Engine {
    /// Handles an event. `random` is a fresh random number for jitter. Events that do not belong to
    /// what is under way (late timers, answers to a request given up) are passed over.
    pub fn handle(&mut self, now: Millis, random: u64, event: Event) -> Vec<Effect> {
        match (&self.state, event) {
            (State::Idle, Event::Wanted | Event::Saved) | (State::Stopped, Event::Wanted) => self.start(),
            // Busy: once more afterwards.
            (
                State::Preparing { .. } | State::Sending(_) | State::Applying(_),
                Event::Wanted | Event::Saved,
            ) => {
                self.wanted = true;
                Vec::new()
            }
            (State::Waiting { next, last }, Event::Wanted) => {
                // Somebody is looking: no reason to wait, unless the server asked for it.
                let (next, last) = (*next, *last);
                if matches!(last, Failure::Busy(Some(_))) && is_ahead(next, now) {
                    return vec![Effect::Report(Status::WaitingForNetwork { next, last })];
                }
                self.start()
            }
            (State::Waiting { next, .. }, Event::TimerFired) => {
                let next = *next;
                if is_ahead(next, now) { vec![Effect::SetTimer(next)] } else { self.start() }
            }
            (State::Preparing { rows_only }, Event::Prepared { request, left }) => {
                let rows_only = *rows_only;
                self.send(request, left, rows_only)
            }
            (State::Sending(asked), Event::Answered(answer)) => {
                let round = Round {
                    more: answer.more,
                    progress: moves(asked, &answer),
                    left: asked.left,
                    revoked: answer.revoked,
                    rows_only: asked.rows_only,
                };
                self.state = State::Applying(round);
                vec![Effect::Apply(answer)]
            }
            (State::Applying(round), Event::Applied { waiting, again }) => {
                let round = *round;
                self.finish_round(now, random, round, waiting, again)
            }
            (State::Preparing { .. } | State::Sending(_) | State::Applying(_), Event::Failed(failure)) => {
                self.fail(now, random, failure)
            }
            (
                State::Idle
                | State::Stopped
                | State::Waiting { .. }
                | State::Preparing { .. }
                | State::Sending(_)
                | State::Applying(_),
                _,
            ) => Vec::new(),
        }
    }

    fn start(&mut self) -> Vec<Effect> {
        vec![Effect::Report(Status::Syncing), self.prepare(false)]
    }

    fn prepare(&mut self, rows_only: bool) -> Effect {
        self.wanted = false;
        self.state = State::Preparing { rows_only };
        Effect::Prepare { push_bytes: self.chunk, pull_bytes: self.chunk, rows_only }
    }

    fn send(&mut self, request: Box<SyncRequest>, left: u32, rows_only: bool) -> Vec<Effect> {
        let asked = Asked { cursor: request.cursor, backfills: request.backfills.clone(), left, rows_only };
        self.state = State::Sending(asked);
        vec![Effect::Send(request)]
    }

    fn finish_round(
        &mut self,
        now: Millis,
        random: u64,
        round: Round,
        waiting: u32,
        again: bool,
    ) -> Vec<Effect> {
        if round.revoked && waiting == 0 {
            return self.stop(ErrorCode::Revoked);
        }
        let progress = round.progress || waiting < round.left;
        self.idle_rounds = if progress { 0 } else { self.idle_rounds + 1 };
        if again || round.more || self.wanted || waiting > 0 {
            if self.idle_rounds >= PATIENCE {
                // The server keeps answering and nothing moves: not a reason to ask faster.
                return self.wait(now, random, Failure::Busy(None));
            }
            self.grow();
            return vec![self.prepare(false)];
        }
        self.grow();
        self.idle_rounds = 0;
        self.state = State::Idle;
        vec![Effect::Report(Status::UpToDate { at: now })]
    }

    /// Somebody has to act before anything more is tried.
    fn stop(&mut self, code: ErrorCode) -> Vec<Effect> {
        self.state = State::Stopped;
        self.wanted = false;
        self.failures = 0;
        self.idle_rounds = 0;
        vec![Effect::Report(Status::Stopped(code))]
    }

    fn grow(&mut self) {
        self.failures = 0;
        self.chunk = self.chunk.saturating_mul(2).min(MOST_BYTES);
    }

    fn shrink(&mut self) {
        self.chunk = (self.chunk / 2).max(LEAST_BYTES);
    }

    fn fail(&mut self, now: Millis, random: u64, failure: Failure) -> Vec<Effect> {
        match failure {
            Failure::Network if matches!(self.state, State::Sending(_)) => self.shrink(),
            Failure::Refused(
                code @ (ErrorCode::UnsupportedProtocol | ErrorCode::NotEnrolled | ErrorCode::Revoked),
            ) => return self.stop(code),
            // A pack that one side could not open. An older server says that it is malformed. The same
            // once more at once, in rows both ways; in rows already, it fails as anything else does.
            Failure::Refused(ErrorCode::Repack | ErrorCode::Malformed) if self.may_fall_back() => {
                return vec![self.prepare(true)];
            }
            Failure::Refused(ErrorCode::TooLarge | ErrorCode::Malformed) => self.shrink(),
            Failure::Network | Failure::Busy(_) | Failure::Refused(_) | Failure::Store => {}
        }
        self.wait(now, random, failure)
    }

    /// Whether what failed was an exchange whose packs may have been in the column form.
    fn may_fall_back(&self) -> bool {
        match &self.state {
            State::Sending(asked) => !asked.rows_only,
            State::Applying(round) => !round.rows_only,
            State::Idle | State::Preparing { .. } | State::Waiting { .. } | State::Stopped => false,
        }
    }

    fn wait(&mut self, now: Millis, random: u64, last: Failure) -> Vec<Effect> {
        self.failures = self.failures.saturating_add(1);
        self.idle_rounds = 0;
        let delay = match last {
            Failure::Busy(Some(seconds)) => backoff::asked_ms(seconds, random),
            _ => backoff::delay_ms(self.failures, random),
        };
        let next = Millis(now.0.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX)));
        // What was asked for meanwhile is part of the next try.
        self.wanted = false;
        self.state = State::Waiting { next, last };
        vec![Effect::SetTimer(next), Effect::Report(Status::WaitingForNetwork { next, last })]
    }
}

/// Whether a timer's time is still to come. One further away than the longest wait is not: the
/// phone's clock was set back meanwhile.
fn is_ahead(next: Millis, now: Millis) -> bool {
    let left = next.0.saturating_sub(now.0);
    left > 0 && left.unsigned_abs() <= backoff::LONGEST_MS
}

/// Whether an answer brought the phone anything: a further place, or changes that are at the server.
fn moves(asked: &Asked, answer: &SyncAnswer) -> bool {
    let taken = answer.verdicts.iter().any(|verdict| {
        matches!(
            verdict,
            Verdict::Accepted(_)
                | Verdict::Have(_)
                | Verdict::Refused(_)
                | Verdict::Review(_)
                | Verdict::Erased
        )
    });
    let further = answer.cursor != asked.cursor || answer.backfills != asked.backfills;
    // Each step of a repair leaves less to do, or the phone does not take it.
    taken || answer.repair.is_some() || (further && !answer.start_again)
}
