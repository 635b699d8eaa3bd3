//! The sync engine as a story of a phone: what it does, and when it tries again.

#![expect(clippy::unwrap_used, reason = "a test whose ground is not there fails")]

use alongside_domain::{
    ids::ActorId,
    sync::{Effect, Engine, Event, Failure, Status, backoff, engine},
    time::Millis,
    wire::{Cursor, ErrorCode, PROTOCOL, Refusal, SyncAnswer, SyncRequest, Verdict},
};
use proptest::prelude::*;

const NINE: Millis = Millis(1_425_373_200_000);

fn cursor(seq: u64) -> Cursor {
    Cursor { seq, chain: [u8::try_from(seq).unwrap_or(0); 16] }
}

fn request(at: u64) -> Box<SyncRequest> {
    Box::new(SyncRequest {
        protocol: PROTOCOL,
        features: 0,
        dictionary: None,
        cursor: cursor(at),
        seen: None,
        backfills: Vec::new(),
        own_high: 0,
        actor: ActorId([1; 16]),
        openings: Vec::new(),
        push: None,
        limit: 1 << 20,
        waiting: 0,
        tally: None,
        needs_key: false,
        asks_relatives: false,
        repair: None,
    })
}

fn answer(at: u64) -> Box<SyncAnswer> {
    Box::new(SyncAnswer {
        protocol: PROTOCOL,
        features: 0,
        dictionary: None,
        openings: Vec::new(),
        verdicts: Vec::new(),
        pull: None,
        cursor: cursor(at),
        head: None,
        backfills: Vec::new(),
        start_again: false,
        more: false,
        revoked: false,
        server_time: NINE,
        tally: None,
        heads: None,
        key: None,
        to_repair: false,
        relatives: None,
        repair: None,
    })
}

/// A phone whose driver is the test.
struct Phone {
    engine: Engine,
    now: Millis,
}

impl Phone {
    fn new() -> Self {
        Self { engine: Engine::default(), now: NINE }
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        // A random number in the middle of every range.
        self.engine.handle(self.now, 500, event)
    }

    /// Says what happens, and what the phone has to do then.
    #[track_caller]
    fn then(&mut self, event: Event, effects: &[Effect]) {
        assert_eq!(self.tell(event), effects);
    }

    #[track_caller]
    fn starts(&mut self, event: Event, bytes: u32) {
        self.then(event, &[Effect::Report(Status::Syncing), prepare(bytes)]);
    }

    /// Builds and sends a request.
    #[track_caller]
    fn sends(&mut self, left: u32) {
        self.then(Event::Prepared { request: request(5), left }, &[Effect::Send(request(5))]);
    }

    #[track_caller]
    fn applies(&mut self, answer: Box<SyncAnswer>) {
        self.then(Event::Answered(answer.clone()), &[Effect::Apply(answer)]);
    }

    /// Fails, and waits until the time it gives.
    #[track_caller]
    fn waits(&mut self, failure: Failure) -> Millis {
        match self.tell(Event::Failed(failure)).as_slice() {
            [Effect::SetTimer(at), Effect::Report(Status::WaitingForNetwork { next, last })] => {
                assert_eq!((at, *last), (next, failure));
                assert!(*at > self.now);
                *at
            }
            effects => panic!("{effects:?}"),
        }
    }
}

fn prepare(bytes: u32) -> Effect {
    Effect::Prepare { push_bytes: bytes, pull_bytes: bytes, rows_only: false }
}

fn applied(waiting: u32) -> Event {
    Event::Applied { waiting, again: false }
}

#[test]
fn a_good_day_is_one_round_trip() {
    let mut phone = Phone::new();
    phone.starts(Event::Saved, engine::MOST_BYTES);
    phone.sends(0);
    phone.applies(answer(6));
    phone.then(applied(0), &[Effect::Report(Status::UpToDate { at: NINE })]);
    phone.then(Event::TimerFired, &[]);
}

#[test]
fn what_is_saved_meanwhile_goes_with_one_more_round() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(0);
    phone.then(Event::Saved, &[]);
    phone.then(Event::Saved, &[]);
    phone.then(Event::Wanted, &[]);
    phone.applies(answer(6));
    phone.then(applied(0), &[prepare(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(answer(6));
    phone.then(applied(0), &[Effect::Report(Status::UpToDate { at: NINE })]);
}

#[test]
fn more_to_pull_to_send_or_to_ask_again_goes_on_at_once() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(3);
    phone.applies(Box::new(SyncAnswer { more: true, ..*answer(6) }));
    phone.then(applied(0), &[prepare(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(answer(7));
    phone.then(applied(2), &[prepare(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(answer(8));
    phone.then(Event::Applied { waiting: 0, again: true }, &[prepare(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(answer(9));
    phone.then(applied(0), &[Effect::Report(Status::UpToDate { at: NINE })]);
}

#[test]
fn a_network_that_breaks_is_tried_later_and_with_less() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    let mut bytes = engine::MOST_BYTES;
    for _ in 0..12 {
        phone.sends(0);
        phone.now = phone.waits(Failure::Network);
        bytes = (bytes / 2).max(engine::LEAST_BYTES);
        phone.starts(Event::TimerFired, bytes);
    }
    assert_eq!(bytes, 4 << 10);
    // It holds again: each round carries twice as much.
    for round in 1..12 {
        phone.sends(10);
        phone.applies(answer(5 + round));
        bytes = (bytes * 2).min(engine::MOST_BYTES);
        phone.then(applied(1), &[prepare(bytes)]);
    }
    assert_eq!(bytes, 1 << 20);
}

#[test]
fn whoever_looks_does_not_wait_and_whoever_saves_does_not_hurry() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(0);
    let next = phone.waits(Failure::Network);
    phone.then(Event::Saved, &[]);
    // A timer that was set earlier goes off too soon: it is set again.
    phone.then(Event::TimerFired, &[Effect::SetTimer(next)]);
    phone.starts(Event::Wanted, engine::MOST_BYTES / 2);
}

#[test]
fn a_clock_set_back_does_not_hold_the_phone_up() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.waits(Failure::Store);
    phone.now = Millis(0);
    phone.starts(Event::TimerFired, engine::MOST_BYTES);
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(0);
    let busy = Failure::Busy(Some(30));
    let next = phone.waits(busy);
    assert!((30_000..=33_000).contains(&(next.0 - NINE.0)));
    // Not even the person at the phone hurries it.
    phone.then(Event::Wanted, &[Effect::Report(Status::WaitingForNetwork { next, last: busy })]);
    phone.now = next;
    phone.starts(Event::TimerFired, engine::MOST_BYTES);
}

#[test]
fn what_only_a_person_can_put_right_stops_it() {
    for code in [ErrorCode::UnsupportedProtocol, ErrorCode::NotEnrolled, ErrorCode::Revoked] {
        let mut phone = Phone::new();
        phone.starts(Event::Wanted, engine::MOST_BYTES);
        phone.sends(0);
        phone.then(Event::Failed(Failure::Refused(code)), &[Effect::Report(Status::Stopped(code))]);
        phone.then(Event::Saved, &[]);
        phone.then(Event::TimerFired, &[]);
        phone.starts(Event::Wanted, engine::MOST_BYTES);
    }
}

fn prepare_rows(bytes: u32) -> Effect {
    Effect::Prepare { push_bytes: bytes, pull_bytes: bytes, rows_only: true }
}

#[test]
fn a_revoked_phone_sends_what_it_has_and_stops() {
    let revoked = |verdicts| Box::new(SyncAnswer { revoked: true, verdicts, ..*answer(5) });
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(1);
    phone.applies(revoked(vec![Verdict::Review(Refusal::RevokedDevice)]));
    phone.then(applied(1), &[prepare(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(revoked(vec![Verdict::Review(Refusal::RevokedDevice)]));
    phone.then(applied(0), &[Effect::Report(Status::Stopped(ErrorCode::Revoked))]);
    phone.then(Event::Saved, &[]);
}

#[test]
fn a_pack_that_could_not_be_opened_goes_again_once_at_once_in_rows() {
    // An older server says that a pack by column is malformed.
    for code in [ErrorCode::Repack, ErrorCode::Malformed] {
        let mut phone = Phone::new();
        let failed = Failure::Refused(code);
        phone.starts(Event::Wanted, engine::MOST_BYTES);
        phone.sends(0);
        phone.then(Event::Failed(failed), &[prepare_rows(engine::MOST_BYTES)]);
        // What is saved meanwhile does not undo that.
        phone.then(Event::Saved, &[]);
        phone.sends(0);
        phone.waits(failed);
    }
}

#[test]
fn an_answer_whose_pack_could_not_be_opened_is_asked_for_again_in_rows() {
    let mut phone = Phone::new();
    let repack = Failure::Refused(ErrorCode::Repack);
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(0);
    phone.applies(Box::new(SyncAnswer { more: true, ..*answer(6) }));
    phone.then(Event::Failed(repack), &[prepare_rows(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(Box::new(SyncAnswer { more: true, ..*answer(6) }));
    // Only that exchange: the next may be by column again.
    phone.then(applied(0), &[prepare(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(answer(7));
    phone.then(Event::Failed(repack), &[prepare_rows(engine::MOST_BYTES)]);
    phone.sends(0);
    phone.applies(answer(7));
    phone.waits(repack);
}

#[test]
fn a_request_that_is_too_large_is_made_smaller() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.sends(0);
    phone.now = phone.waits(Failure::Refused(ErrorCode::TooLarge));
    phone.starts(Event::TimerFired, engine::MOST_BYTES / 2);
}

#[test]
fn a_server_that_keeps_putting_off_is_not_asked_without_end() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    let later = || Box::new(SyncAnswer { verdicts: vec![Verdict::Retry], ..*answer(5) });
    for _ in 0..2 {
        phone.sends(0);
        phone.applies(later());
        phone.then(applied(1), &[prepare(engine::MOST_BYTES)]);
    }
    phone.sends(0);
    phone.applies(later());
    let effects = phone.tell(applied(1));
    assert!(matches!(effects[0], Effect::SetTimer(next) if next > phone.now), "{effects:?}");
    assert!(matches!(effects[1], Effect::Report(Status::WaitingForNetwork { .. })), "{effects:?}");
}

#[test]
fn refusals_are_answers_and_count_as_progress() {
    let mut phone = Phone::new();
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    for _ in 0..10 {
        phone.sends(0);
        let verdicts = vec![Verdict::Refused(Refusal::Malformed)];
        phone.applies(Box::new(SyncAnswer { verdicts, ..*answer(5) }));
        phone.then(applied(1), &[prepare(engine::MOST_BYTES)]);
    }
}

#[test]
fn what_does_not_belong_to_the_moment_is_passed_over() {
    let mut phone = Phone::new();
    for event in [applied(0), Event::Answered(answer(1)), Event::Failed(Failure::Network), Event::TimerFired]
    {
        phone.then(event, &[]);
    }
    phone.starts(Event::Wanted, engine::MOST_BYTES);
    phone.then(Event::Answered(answer(1)), &[]);
    phone.then(applied(0), &[]);
    phone.sends(0);
    phone.then(Event::Prepared { request: request(5), left: 0 }, &[]);
    phone.then(applied(0), &[]);
}

fn any_failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::Network),
        Just(Failure::Store),
        proptest::option::of(any::<u32>()).prop_map(Failure::Busy),
        prop_oneof![
            Just(ErrorCode::Repack),
            Just(ErrorCode::TooLarge),
            Just(ErrorCode::Malformed),
            Just(ErrorCode::Internal),
            Just(ErrorCode::Revoked),
            Just(ErrorCode::Other)
        ]
        .prop_map(Failure::Refused),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Wanted),
        Just(Event::Saved),
        Just(Event::TimerFired),
        (0..9_u64, 0..3_u32).prop_map(|(at, left)| Event::Prepared { request: request(at), left }),
        (0..9_u64, any::<bool>(), any::<bool>()).prop_map(|(at, more, start_again)| {
            Event::Answered(Box::new(SyncAnswer { more, start_again, ..*answer(at) }))
        }),
        (0..3_u32, any::<bool>()).prop_map(|(waiting, again)| Event::Applied { waiting, again }),
        any_failure().prop_map(Event::Failed),
    ]
}

/// What a driver has under way, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    None,
    Preparing,
    Sending,
    Applying,
}

/// Follows the effects of an event; fails where two things would be under way at once, or where
/// the phone is told that it waits and no timer is set.
fn follow(work: &mut Work, timer: &mut Option<Millis>, now: Millis, event: &Event, effects: &[Effect]) {
    // What was under way has ended with the event that says so.
    let ended = matches!(
        (&event, *work),
        (Event::Prepared { .. }, Work::Preparing)
            | (Event::Answered(_), Work::Sending)
            | (Event::Applied { .. }, Work::Applying)
            | (Event::Failed(_), Work::Preparing | Work::Sending | Work::Applying)
    );
    if ended {
        *work = Work::None;
    }
    let timer_before = *timer;
    for effect in effects {
        let begins = match effect {
            Effect::Prepare { push_bytes, pull_bytes, .. } => {
                assert!((engine::LEAST_BYTES..=engine::MOST_BYTES).contains(push_bytes));
                assert!((engine::LEAST_BYTES..=engine::MOST_BYTES).contains(pull_bytes));
                Work::Preparing
            }
            Effect::Send(_) => Work::Sending,
            Effect::Apply(_) => Work::Applying,
            Effect::SetTimer(at) => {
                assert!(*at > now && at.0 - now.0 <= i64::try_from(backoff::LONGEST_MS).unwrap());
                *timer = Some(*at);
                continue;
            }
            Effect::Report(Status::WaitingForNetwork { next, .. }) => {
                assert!(*timer == Some(*next) || timer_before == Some(*next));
                continue;
            }
            Effect::Report(_) => continue,
        };
        assert_eq!(*work, Work::None, "{effect:?} while something is under way");
        *work = begins;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, one thing at a time is under way; and when the network
    /// and the server are good again, the phone reaches the end within a few rounds.
    #[test]
    fn it_never_does_two_things_at_once_and_always_gets_there(
        events in proptest::collection::vec((any_event(), any::<u64>(), 0..2_000_000_i64), 0..80),
    ) {
        let mut engine = Engine::default();
        let (mut work, mut timer, mut now) = (Work::None, None, NINE);
        for (event, random, passes) in events {
            now.0 += passes;
            let effects = engine.handle(now, random, event.clone());
            follow(&mut work, &mut timer, now, &event, &effects);
        }
        // From here on all goes well. A timer that is set goes off; the person looks once.
        let mut event = Event::Wanted;
        let mut reached = false;
        for _ in 0..40 {
            let effects = engine.handle(now, 7, event.clone());
            follow(&mut work, &mut timer, now, &event, &effects);
            reached = effects.iter().any(|effect| matches!(effect, Effect::Report(Status::UpToDate { .. })));
            if reached {
                break;
            }
            event = match work {
                Work::Preparing => Event::Prepared { request: request(5), left: 0 },
                Work::Sending => Event::Answered(answer(6)),
                Work::Applying => Event::Applied { waiting: 0, again: false },
                Work::None => {
                    now = timer.expect("nothing is under way, so a timer is set").max(now);
                    Event::TimerFired
                }
            };
        }
        prop_assert!(reached);
    }

    #[test]
    fn waits_grow_and_stay_within_their_bounds(failures: u32, random: u64, seconds: u32) {
        let delay = backoff::delay_ms(failures, random);
        prop_assert!((backoff::SHORTEST_MS..=backoff::LONGEST_MS).contains(&delay));
        let asked = backoff::asked_ms(seconds, random);
        prop_assert!(asked <= backoff::LONGEST_MS);
        prop_assert!(asked >= (u64::from(seconds) * 1_000).clamp(backoff::SHORTEST_MS, backoff::LONGEST_MS));
    }
}

#[test]
fn the_longest_wait_doubles_up_to_a_quarter_of_an_hour() {
    let seconds = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];
    for (failures, longest) in (1..).zip(seconds) {
        let longest = longest * 1_000;
        let jitter = longest - backoff::SHORTEST_MS;
        assert_eq!(backoff::delay_ms(failures, 0), backoff::SHORTEST_MS);
        assert_eq!(backoff::delay_ms(failures, jitter), longest);
        assert_eq!(backoff::delay_ms(failures, jitter + 1), backoff::SHORTEST_MS);
    }
}
