//! Answers of a server that is broken or means no good: whatever comes, the phone says what is wrong, keeps
//! what was saved on it, and goes on with the next right answer.

use alongside_core::Phone;
use alongside_domain::{
    ids::{GroupId, RecordId},
    time::Millis,
    wire::{
        ControlEvent, Cursor, FeedEntry, OpeningVerdict, Refusal, SyncAnswer, Verdict, codec,
        pack::{self, unpack_rows},
        repair::{Listed, RepairAnswer},
    },
};
use rand::{RngExt as _, SeedableRng, rngs::StdRng};
use serde::{Serialize, de::DeserializeOwned};

use crate::lab::{
    self, Elsewhere, Lab, MORNING, accept_all, answer, edit, exchange, open_matter, save, shown,
};

/// Answers with something changed in them.
const CHANGED: usize = 1_500;

/// A phone with a matter that the server has, one call that it has, one that has an edit waiting, and one
/// that waits whole.
struct Desk {
    phone: Phone,
    matter: GroupId,
    /// Each with what it says.
    saved: Vec<(RecordId, &'static str)>,
}

fn desk(lab: &Lab) -> Desk {
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let sent = save(&phone, matter, "call", &[("note", "Sent")]);
    let edited = save(&phone, matter, "call", &[("note", "Before")]);
    accept_all(&phone, 10);
    edit(&phone, &edited, &[("note", "Edited")]);
    let waits = save(&phone, matter, "call", &[("note", "Waits")]);
    let saved = vec![(sent.root.id, "Sent"), (edited.root.id, "Edited"), (waits.root.id, "Waits")];
    Desk { phone, matter, saved }
}

impl Desk {
    /// What was saved is in the record's history, or kept apart where it can be read and written again.
    fn holds_everything(&self, after: &str) {
        let kept = self.phone.records().outbox().unwrap().refused;
        for (record, text) in &self.saved {
            let apart = kept.iter().filter(|line| line.record == *record).flat_map(|line| &line.fields);
            let is_apart = apart.into_iter().any(|field| field.text == *text);
            let history = self.phone.records().history(*record).ok();
            let is_there = format!("{history:?}").contains(text);
            assert!(is_apart || is_there, "\"{text}\" is gone after {after}");
        }
    }

    /// The next right answer is taken in, and work goes on.
    fn goes_on(&self, seq: u64) {
        let mut call = Elsewhere::start(self.matter, "call", 9, &[("note", "Right")]);
        call.edit(&[("note", "Right again")]);
        exchange(&self.phone, seq, &[call.entry(0, seq), call.entry(1, seq + 1)], |_, _| Verdict::Retry);
        assert_eq!(shown(&self.phone, call.record(), "note").as_deref(), Some("Right again"));
        let new = save(&self.phone, self.matter, "call", &[("note", "New")]);
        assert_eq!(shown(&self.phone, new.root.id, "note").as_deref(), Some("New"));
    }
}

/// Entries as a server sends them: another's call, a name, and access that was granted.
fn entries(matter: GroupId, seq: u64) -> Vec<FeedEntry> {
    let mut call = Elsewhere::start(matter, "call", 3, &[("note", "First")]);
    call.edit(&[("note", "Second")]);
    let control = |seq, event| FeedEntry::Control { seq, at: MORNING, event };
    let person = ControlEvent::Person {
        person: lab::OTHER,
        name: "Bo".to_owned(),
        role: "ADVISER".to_owned(),
        partner: lab::PARTNER,
    };
    vec![
        control(seq, person),
        control(seq + 1, ControlEvent::Grant { person: lab::OTHER, group: matter }),
        call.entry(0, seq + 2),
        call.entry(1, seq + 3),
    ]
}

/// Whether the answer, as it came out, orders something to go: that is the server's right.
fn takes_away(answer: &SyncAnswer) -> bool {
    let erases = answer.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Erased));
    let entries: Vec<FeedEntry> =
        answer.pull.as_ref().and_then(|pull| unpack_rows(pull).ok()).unwrap_or_default();
    let goes = |entry: &FeedEntry| match entry {
        FeedEntry::Control { event, .. } => {
            matches!(event, ControlEvent::Withdraw { .. } | ControlEvent::Erase { .. })
        }
        FeedEntry::Change { .. } => false,
    };
    erases || entries.iter().any(goes)
}

fn change_something(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..6) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, rng.random()),
        4 => drop(bytes.remove(at)),
        // A length or a number becomes another one that is as long.
        _ => {
            let to = (at + rng.random_range(1..9)).min(bytes.len());
            rng.fill(&mut bytes[at..to]);
        }
    }
}

/// What comes out where a few bytes are changed; `None` where it can no longer be read.
fn change_some<T: Serialize + DeserializeOwned>(rng: &mut StdRng, right: &T) -> Option<T> {
    let mut bytes = codec::encode(right);
    for _ in 0..rng.random_range(1..4) {
        if !bytes.is_empty() {
            change_something(rng, &mut bytes);
        }
    }
    codec::decode(&bytes).ok()
}

#[test]
fn an_answer_with_something_changed_in_it_costs_nothing_that_was_saved() {
    let lab = Lab::new();
    let desk = desk(&lab);
    let mut rng = StdRng::seed_from_u64(7);
    let (mut read, mut taken, mut turned_down) = (0, 0, 0);
    for round in 0..CHANGED {
        let (request, sent, _) = desk.phone.sync().prepare(1 << 20, 1 << 20).unwrap();
        let seq = 20 + 10 * round as u64;
        let verdicts = vec![Verdict::Retry; sent.changes.len()];
        let entries = entries(desk.matter, seq);
        // A pack's digest tells of most changes in it: every second time they are made before it is packed.
        let changed = if round % 2 == 0 {
            change_some(&mut rng, &answer(&request, seq + 4, verdicts, &entries))
        } else {
            let entries: Option<Vec<FeedEntry>> = change_some(&mut rng, &entries);
            entries.map(|entries| answer(&request, seq + 4, verdicts, &entries))
        };
        let Some(changed) = changed else { continue };
        if takes_away(&changed) {
            continue;
        }
        read += 1;
        match desk.phone.sync().apply(&sent, &changed) {
            Ok(_) => taken += 1,
            Err(error) => {
                turned_down += 1;
                assert!(
                    !format!("{error} {error:?}").contains("Second"),
                    "an error tells what somebody wrote"
                );
            }
        }
        if round % 50 == 0 {
            desk.holds_everything(&format!("changed answer {round}"));
        }
    }
    assert!(read > CHANGED / 10 && taken > 50 && turned_down > 50, "{read} read, {taken}, {turned_down}");
    desk.holds_everything("all of them");
    desk.goes_on(1_000_000);
    drop(desk.phone);
    let phone = lab.reopen().unwrap();
    for (record, text) in &desk.saved {
        assert!(format!("{:?}", phone.records().history(*record).unwrap()).contains(text));
    }
    drop(phone);
    let whole: String =
        lab.database_as_it_is().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

/// What is wrong with an answer, and how it gets so.
type Wrong = (&'static str, fn(&mut SyncAnswer));

/// Changes of a right answer that bytes changed at random hardly ever come to.
fn lies() -> Vec<Wrong> {
    vec![
        ("a verdict too many", |answer| answer.verdicts.push(Verdict::Accepted(50))),
        ("a verdict too few", |answer| drop(answer.verdicts.pop())),
        ("an opening that nobody asked for", |answer| answer.openings.push(OpeningVerdict::Opened)),
        ("the last number there is", |answer| answer.cursor.seq = u64::MAX),
        ("a place behind this one", |answer| answer.cursor = Cursor { seq: 0, chain: [0; 16] }),
        ("a head behind the place", |answer| answer.head = Some(Cursor { seq: 1, chain: [1; 16] })),
        ("the end of time", |answer| answer.server_time = Millis(i64::MAX)),
        ("the beginning of time", |answer| answer.server_time = Millis(i64::MIN)),
        ("accepted under the last number", |answer| {
            answer.verdicts.fill(Verdict::Accepted(u64::MAX));
        }),
        ("accepted under one number", |answer| answer.verdicts.fill(Verdict::Accepted(12))),
        ("had under number nought", |answer| answer.verdicts.fill(Verdict::Have(0))),
        ("refused without a reason that fits", |answer| {
            answer.verdicts.fill(Verdict::Refused(Refusal::UnknownGroup));
        }),
        ("kept for a coordinator", |answer| {
            answer.verdicts.fill(Verdict::Review(Refusal::ForeignActor));
        }),
        ("an answer to a repair that nobody began", |answer| {
            answer.repair = Some(Box::new(RepairAnswer {
                lists: vec![Listed { group: GroupId([0; 16]), entries: vec![1; 31], more: true }],
                ..RepairAnswer::default()
            }));
        }),
        ("to repair and to start again", |answer| {
            answer.to_repair = true;
            answer.start_again = true;
        }),
        ("a pack of nothing", |answer| {
            answer.pull = answer.pull.take().map(|pull| pack::Pack { body: Vec::new(), ..pull });
        }),
    ]
}

#[test]
fn an_answer_that_lies_costs_nothing_that_was_saved() {
    for (name, lie) in lies() {
        let lab = Lab::new();
        let desk = desk(&lab);
        let (request, sent, _) = desk.phone.sync().prepare(1 << 20, 1 << 20).unwrap();
        let verdicts = vec![Verdict::Retry; sent.changes.len()];
        let mut told = answer(&request, 24, verdicts, &entries(desk.matter, 20));
        lie(&mut told);
        // Taken or turned down: both are answers, and a panic is neither.
        let _ = desk.phone.sync().apply(&sent, &told);
        desk.holds_everything(name);
        let new = save(&desk.phone, desk.matter, "call", &[("note", "New")]);
        assert_eq!(shown(&desk.phone, new.root.id, "note").as_deref(), Some("New"), "after {name}");
        desk.phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    }
}

#[test]
fn entries_that_lie_are_set_aside_and_the_good_ones_beside_them_are_taken() {
    type Lie = fn(&Desk, FeedEntry) -> FeedEntry;
    let lies: Vec<(&str, Lie)> = vec![
        ("another's bytes under an own record", |desk, entry| {
            with(entry, |record, _, _| *record = desk.saved[0].0)
        }),
        ("bytes cut short", |_, entry| with(entry, |_, _, bytes| bytes.truncate(40))),
        ("no bytes", |_, entry| with(entry, |_, _, bytes| bytes.clear())),
        ("bytes with a bit turned", |_, entry| with(entry, |_, _, bytes| bytes[20] ^= 4)),
        ("a group that is not its own", |_, entry| with(entry, |_, group, _| *group = GroupId([66; 16]))),
    ];
    for (name, lie) in lies {
        let lab = Lab::new();
        let desk = desk(&lab);
        let bad = Elsewhere::start(desk.matter, "call", 4, &[("note", "Bad")]);
        let good = Elsewhere::start(desk.matter, "call", 5, &[("note", "Good")]);
        let entries = [lie(&desk, bad.entry(0, 20)), good.entry(0, 21)];
        exchange(&desk.phone, 21, &entries, |_, _| Verdict::Retry);
        assert_eq!(shown(&desk.phone, good.record(), "note").as_deref(), Some("Good"), "beside {name}");
        assert_eq!(shown(&desk.phone, desk.saved[0].0, "note").as_deref(), Some("Sent"), "after {name}");
        let aside: u32 = desk.phone.records().outbox().unwrap().quarantined.iter().map(|(_, n)| n).sum();
        assert_eq!(aside, 1, "{name}");
        desk.holds_everything(name);
        desk.goes_on(30);
    }
}

fn with(entry: FeedEntry, lie: impl Fn(&mut RecordId, &mut GroupId, &mut Vec<u8>)) -> FeedEntry {
    let FeedEntry::Change { seq, mut group, mut record, author, device, received_at, mut bytes } = entry
    else {
        return entry;
    };
    lie(&mut record, &mut group, &mut bytes);
    FeedEntry::Change { seq, group, record, author, device, received_at, bytes }
}
