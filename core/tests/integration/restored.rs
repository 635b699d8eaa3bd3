//! What a phone holds of a server that was restored: the numbers that the server gives now count, and phone
//! and server count alike.

use alongside_core::Phone;
use alongside_domain::{
    ids::{ChangeHash, GroupId},
    tally::Tally,
    wire::{
        ControlEvent, Cursor, FeedEntry, Refusal, SyncAnswer, Verdict,
        repair::{Listed, RepairAnswer, RepairRequest},
    },
};

use crate::lab::{
    self, Elsewhere, Lab, MORNING, accept_all, answer, edit, exchange, open_matter, save, shown,
};

/// A phone with a matter that the server has and has given it.
fn settled(lab: &Lab) -> (Phone, GroupId) {
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    accept_all(&phone, 10);
    let grant = FeedEntry::Control {
        seq: 13,
        at: MORNING,
        event: ControlEvent::Grant { person: lab::ME, group: matter },
    };
    exchange(&phone, 13, &[grant], |_, _| Verdict::Retry);
    (phone, matter)
}

/// What the phone counts when nothing is under way.
fn counted(phone: &Phone) -> Tally {
    phone.sync().prepare(1, 1).unwrap().0.tally.expect("nothing is under way")
}

fn set_aside(phone: &Phone) -> Vec<(String, u32)> {
    phone.records().outbox().unwrap().quarantined
}

fn call(matter: GroupId) -> Elsewhere {
    let mut call = Elsewhere::start(matter, "call", 3, &[("note", "First")]);
    call.edit(&[("note", "Second")]);
    call
}

/// What a phone counts that met these entries only.
fn counted_after(entries: impl Fn(&Elsewhere) -> Vec<FeedEntry>) -> Tally {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    exchange(&phone, 31, &entries(&call(matter)), |_, _| Verdict::Retry);
    counted(&phone)
}

#[test]
fn what_was_set_aside_before_is_counted_under_the_number_of_now() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = call(matter);
    exchange(&phone, 20, &[call.entry(1, 20)], |_, _| Verdict::Retry);
    assert_ne!(counted(&phone), counted_after(|call| vec![call.entry(0, 30), call.entry(1, 31)]));
    exchange(&phone, 31, &[call.entry(0, 30), call.entry(1, 31)], |_, _| Verdict::Retry);
    assert_eq!(shown(&phone, call.record(), "note").as_deref(), Some("Second"));
    assert_eq!(counted(&phone), counted_after(|call| vec![call.entry(0, 30), call.entry(1, 31)]));
}

#[test]
fn what_is_set_aside_twice_is_counted_once_under_the_number_of_now() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = call(matter);
    exchange(&phone, 20, &[call.entry(1, 20)], |_, _| Verdict::Retry);
    exchange(&phone, 31, &[call.entry(1, 31)], |_, _| Verdict::Retry);
    assert_eq!(set_aside(&phone), [("missing".to_owned(), 1)]);
    assert_eq!(counted(&phone), counted_after(|call| vec![call.entry(1, 31)]));
    // Its ancestor comes alone: the later number is the one that it is written down under.
    exchange(&phone, 32, &[call.entry(0, 30)], |_, _| Verdict::Retry);
    assert!(set_aside(&phone).is_empty());
    assert_eq!(counted(&phone), counted_after(|call| vec![call.entry(0, 30), call.entry(1, 31)]));
}

#[test]
fn what_waits_for_a_coordinator_is_not_sent_in_turn_with_what_cannot_go() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "First")]);
    let first = call.heads[0];
    exchange(&phone, 30, &[], |_, _| Verdict::Review(Refusal::AfterWithdrawal));
    let second = edit(&phone, &call, &[("note", "Second")]).heads[0];
    // The server also misses one that nobody can send.
    let lacking = || Verdict::Missing(vec![first, ChangeHash([9; 32])]);
    let tries: Vec<_> = (0..4)
        .flat_map(|turn| {
            let (request, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
            let verdicts = sent.changes.iter().map(|_| lacking()).collect();
            phone.sync().apply(&sent, &answer(&request, 40 + turn, verdicts, &[])).unwrap();
            sent.changes
        })
        .collect();
    assert!(tries.iter().all(|change| *change == second), "{tries:?}");
    // Where that is all it misses, the first goes once more, and before what stands on it.
    let (request, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    assert_eq!(sent.changes, [second], "it is still tried");
    phone.sync().apply(&sent, &answer(&request, 50, vec![Verdict::Missing(vec![first])], &[])).unwrap();
    let (_, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    assert_eq!(sent.changes[0], first);
}

/// One step of a repair; `told` answers the request as the server.
fn repair_step(phone: &Phone, told: impl Fn(&RepairRequest) -> RepairAnswer) {
    let (request, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    let repair = request.repair.as_ref().expect("a repair is under way");
    let head = Cursor { seq: 9, chain: [5; 16] };
    let repair = RepairAnswer { head, seen: head, ..told(repair) };
    let right = answer(&request, 9, Vec::new(), &[]);
    phone.sync().apply(&sent, &SyncAnswer { repair: Some(Box::new(repair)), ..right }).unwrap();
}

#[test]
fn what_a_restored_server_lost_and_only_this_phone_has_is_counted_and_stays_readable() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let own = save(&phone, matter, "call", &[("note", "Own")]);
    accept_all(&phone, 14);
    let call = call(matter);
    exchange(&phone, 21, &[call.entry(0, 20), call.entry(1, 21)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().outbox().unwrap().only_here, 0);
    // The server came back as it was before any of it.
    let (request, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    let restored = SyncAnswer { to_repair: true, ..answer(&request, 9, Vec::new(), &[]) };
    phone.sync().apply(&sent, &restored).unwrap();
    repair_step(&phone, |_| RepairAnswer { differ: vec![matter], ..RepairAnswer::default() });
    repair_step(&phone, |asked| RepairAnswer {
        lists: asked
            .lists
            .iter()
            .map(|list| Listed { group: list.group, entries: Vec::new(), more: false })
            .collect(),
        ..RepairAnswer::default()
    });
    // The other's two changes can be proved by nothing here; the own one is sent again.
    let outbox = phone.records().outbox().unwrap();
    assert_eq!(outbox.only_here, 2);
    assert_eq!(shown(&phone, call.record(), "note").as_deref(), Some("Second"));
    let (_, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    assert!(sent.changes.contains(&own.heads[0]));
    // Whoever wrote it brings it back.
    exchange(&phone, 40, &[call.entry(0, 38), call.entry(1, 39)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().outbox().unwrap().only_here, 0);
}
