//! What the guard lets pass, and what it refuses and why. Hostile changes are made out of honest ones
//! and sealed again with a checksum that fits.

#![expect(clippy::unwrap_used, reason = "a test whose ground is not there fails")]

use alongside_domain::{
    guard::{
        Ruling,
        chunk::{self, Action, Change, Key, Object, Operation, Scalar, ScalarType},
        judge,
    },
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    record::{Circumstances, Document, Edit, OpId, RawChange, Root},
    time::Millis,
    value::Value,
    wire::{Refusal, limits},
};
use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, transaction::Transactable};

const RECORD: RecordId = RecordId([1; 16]);
const GROUP: GroupId = GroupId([2; 16]);
const ALI: ActorId = ActorId([0xa1; 16]);
const BEA: ActorId = ActorId([0xbe; 16]);
const NOBODY: ActorId = ActorId([0xff; 16]);
const NULL: Scalar<'static> = Scalar { kind: ScalarType::Null, bytes: &[] };

fn root() -> Root {
    Root { id: RECORD, form: "contact".to_owned(), form_version: "1".to_owned(), group: GROUP }
}

fn by(actor: ActorId) -> Circumstances {
    Circumstances {
        actor,
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".to_owned(),
        offline: true,
        reason: None,
    }
}

fn edit(key: &str, value: impl Into<Value>) -> Edit {
    Edit { key: key.to_owned(), value: value.into() }
}

/// A record with a text, a set and a plain field, started and edited by Ali.
fn present() -> Document {
    let edits = [edit("note", "Called."), edit("about", "plan"), edit("sen_type/ASD", Value::Bool(true))];
    let (mut document, _) = Document::create_with_texts(&root(), &["note"], &edits, &by(ALI)).unwrap();
    document.edit(&[edit("about", "draft plan")], &by(ALI)).unwrap().unwrap();
    document
}

/// What Bea writes next: a field, and in the text a removal and insertions.
fn next_by_bea() -> RawChange {
    let edits = [edit("about", "final plan"), edit("note", "Called, no answer")];
    present().edit(&edits, &by(BEA)).unwrap().unwrap()
}

fn bytes<'a>(changes: impl IntoIterator<Item = &'a RawChange>) -> Vec<&'a [u8]> {
    changes.into_iter().map(|change| change.bytes.as_slice()).collect()
}

fn pass(changes: &[RawChange]) -> Vec<Ruling> {
    changes.iter().cloned().map(Ruling::Pass).collect()
}

/// The ruling over a change on top of [`present`]. Where it does not pass, the document stays as it was
/// and can be edited.
fn ruling_over(change: &[u8]) -> Ruling {
    let document = present();
    let heads = document.heads();
    let mut document = Some(document);
    let ruling = judge(&mut document, RECORD, GROUP, &[change]).remove(0);
    let mut document = document.unwrap();
    if !matches!(ruling, Ruling::Pass(_)) {
        assert_eq!(document.heads(), heads, "{ruling:?}");
    }
    assert!(document.edit(&[edit("about", "still editable")], &by(ALI)).unwrap().is_some());
    ruling
}

/// Bea's honest change after `tamper`.
fn tampered(tamper: impl FnOnce(&mut Change<'_>)) -> Ruling {
    let honest = next_by_bea();
    let mut change = chunk::parse(&honest.bytes).unwrap();
    tamper(&mut change);
    ruling_over(&change.to_bytes())
}

fn refused(refusal: Refusal, tamper: impl FnOnce(&mut Change<'_>)) {
    assert_eq!(tampered(tamper), Ruling::Refused(refusal));
}

fn about<'c, 'b>(change: &'c mut Change<'b>) -> &'c mut Operation<'b> {
    change.operations.iter_mut().find(|operation| operation.key == Key::Field("about")).unwrap()
}

fn insertion<'c, 'b>(change: &'c mut Change<'b>) -> &'c mut Operation<'b> {
    change.operations.iter_mut().find(|operation| operation.insert).unwrap()
}

fn removal<'c, 'b>(change: &'c mut Change<'b>) -> &'c mut Operation<'b> {
    change.operations.iter_mut().find(|operation| operation.action == Action::Delete).unwrap()
}

/// The next change that a foreign program makes with automerge on top of [`present`].
fn foreign(write: impl FnOnce(&mut automerge::transaction::Transaction<'_>)) -> Vec<u8> {
    let mut document = Automerge::new();
    let changes = present().changes();
    document
        .apply_changes(changes.iter().map(|c| automerge::Change::from_bytes(c.bytes.clone()).unwrap()))
        .unwrap();
    document.set_actor(automerge::ActorId::from(BEA.0.as_slice()));
    let mut tx = document.transaction();
    write(&mut tx);
    tx.commit();
    document.get_last_local_change().unwrap().raw_bytes().to_vec()
}

#[test]
fn a_record_passes_with_all_that_people_do_to_it() {
    let edits = [edit("note", "Called."), edit("about", "plan"), edit("sen_type/ASD", Value::Bool(true))];
    let (mut ali, first) = Document::create_with_texts(&root(), &["note"], &edits, &by(ALI)).unwrap();
    let mut bea = Document::load([first.bytes.as_slice()]).unwrap();
    let mut changes = vec![first];
    let mut write = |document: &mut Document, who, edits: &[Edit]| {
        changes.push(document.edit(edits, &by(who)).unwrap().unwrap());
    };
    write(&mut ali, ALI, &[edit("about", "assessment"), edit("note", "Called, no answer.")]);
    write(&mut bea, BEA, &[edit("about", Value::Null), edit("note", "Ring back")]);
    write(
        &mut bea,
        BEA,
        &[edit("sen_type/ASD", Value::Bool(false)), edit("sen_type/SLCN", Value::Bool(true))],
    );
    let ours: Vec<_> = ali.changes();
    ali.apply(bytes(&bea.changes())).unwrap();
    bea.apply(bytes(&ours)).unwrap();
    // Two people disagree; one decides for what automerge shows anyway; both type on.
    write(&mut ali, ALI, &[edit("about", "assessment"), edit("minutes", Value::Integer(-20))]);
    write(&mut bea, BEA, &[edit("about", "review"), edit("note", ""), edit("on", "2015-03-16")]);
    let refers = [edit("person", Value::Ref(RECORD)), edit("at", Value::Instant(Millis(-1)))];
    write(&mut bea, BEA, &refers);

    let mut at_once = None;
    assert_eq!(judge(&mut at_once, RECORD, GROUP, &bytes(&changes)), pass(&changes));
    let mut one_by_one = None;
    for change in &changes {
        assert_eq!(
            judge(&mut one_by_one, RECORD, GROUP, &[&change.bytes]),
            pass(std::slice::from_ref(change))
        );
    }
    assert_eq!(at_once.unwrap().heads(), one_by_one.unwrap().heads());
}

#[test]
fn two_people_in_turn_pass_whatever_the_order_of_the_hashes() {
    // Each change depends on the other's last one, and automerge names the own last one as well.
    let mut document = present();
    let turns = (0..20).map(|turn| {
        let who = if turn % 2 == 0 { BEA } else { ALI };
        document.edit(&[edit("about", format!("turn {turn}"))], &by(who)).unwrap().unwrap()
    });
    let turns: Vec<_> = turns.collect();
    let mut stored = Some(present());
    assert_eq!(judge(&mut stored, RECORD, GROUP, &bytes(&turns)), pass(&turns));
}

#[test]
fn a_long_text_and_a_removed_field_pass() {
    let long = "Long report. ".repeat(700);
    let change = foreign(|tx| {
        let (_, note) = tx.get(ROOT, "note").unwrap().unwrap();
        tx.splice_text(&note, 3, 2, &long).unwrap();
        tx.delete(ROOT, "about").unwrap();
        tx.put(ROOT, "cost", 12.5).unwrap();
        tx.put(ROOT, "count", ScalarValue::Uint(7)).unwrap();
    });
    assert!(matches!(ruling_over(&change), Ruling::Pass(_)));
}

#[test]
fn a_change_sent_again_is_known_and_one_bad_change_holds_up_no_other() {
    let good = next_by_bea();
    let mut parsed = chunk::parse(&good.bytes).unwrap();
    parsed.header.start_op += 1;
    let bad = parsed.to_bytes();
    let mut document = Some(present());
    let rulings = judge(&mut document, RECORD, GROUP, &[&bad, b"nonsense", &good.bytes, &good.bytes, &bad]);
    assert_eq!(
        rulings,
        [
            Ruling::Refused(Refusal::OutOfOrder),
            Ruling::Refused(Refusal::Malformed),
            Ruling::Pass(good.clone()),
            Ruling::Have(good.hash),
            Ruling::Fork { actor: BEA, seq: 1 },
        ]
    );
    assert_eq!(document.unwrap().heads(), [good.hash]);
}

#[test]
fn a_change_waits_outside_until_its_ancestors_are_there() {
    let all = present().changes();
    let mut document = None;
    let rulings = judge(&mut document, RECORD, GROUP, &[&all[1].bytes, &all[0].bytes, &all[1].bytes]);
    assert_eq!(rulings[0], Ruling::Missing(vec![all[0].hash]));
    assert_eq!(rulings[1..], pass(&all));
}

#[test]
fn what_depends_on_a_refused_change_is_missing_it() {
    let mut document = present();
    let first = document.edit(&[edit("about", "one")], &by(BEA)).unwrap().unwrap();
    let second = document.edit(&[edit("about", "two")], &by(BEA)).unwrap().unwrap();
    let mut parsed = chunk::parse(&first.bytes).unwrap();
    parsed.operations[0].replaces.push(OpId { counter: 999, actor: BEA });
    let mut stored = Some(present());
    let rulings = judge(&mut stored, RECORD, GROUP, &[&parsed.to_bytes(), &second.bytes]);
    assert_eq!(rulings, [Ruling::Refused(Refusal::DanglingReference), Ruling::Missing(vec![first.hash])]);
}

#[test]
fn two_installations_with_one_actor_are_a_fork() {
    let mut clone = present();
    let mut document = Some(clone.clone());
    let ours = document.as_mut().unwrap().edit(&[edit("about", "here")], &by(ALI)).unwrap().unwrap();
    let theirs = clone.edit(&[edit("about", "there")], &by(ALI)).unwrap().unwrap();
    assert_eq!(ours.seq, theirs.seq);
    let ruling = judge(&mut document, RECORD, GROUP, &[&theirs.bytes]);
    assert_eq!(ruling, [Ruling::Fork { actor: ALI, seq: ours.seq }]);
}

#[test]
fn only_one_plain_chunk_with_its_checksum_is_read() {
    let honest = next_by_bea().bytes;
    assert!(matches!(ruling_over(&honest), Ruling::Pass(_)));
    for length in 0..honest.len() {
        assert_eq!(chunk::parse(&honest[..length]), Err(chunk::ChunkError::Malformed));
    }
    let malformed = |bytes: &[u8]| assert_eq!(ruling_over(bytes), Ruling::Refused(Refusal::Malformed));
    malformed(&[honest.as_slice(), &[0]].concat());
    malformed(&[honest.as_slice(), &honest].concat());
    for (at, becomes) in [(0, 0), (4, honest[4] ^ 1), (8, 0), (8, 2), (8, 3), (20, honest[20] ^ 1)] {
        let mut bytes = honest.clone();
        bytes[at] = becomes;
        malformed(&bytes);
    }
    // Authors and other additions behind the columns are nothing this system writes.
    malformed(&chunk::seal(&[body(&honest), &[1]].concat()));
    let mut whole = Automerge::new();
    whole
        .apply_changes([automerge::Change::from_bytes(present().changes().remove(0).bytes).unwrap()])
        .unwrap();
    malformed(&whole.save());
    malformed(&whole.save_nocompress());
    malformed(whole.bundle(whole.get_heads()).unwrap().bytes());
    assert_eq!(ruling_over(&vec![0; limits::CHANGE_BYTES + 1]), Ruling::Refused(Refusal::TooLarge));
}

/// The body of a chunk, behind magic, checksum, type and length.
fn body(chunk: &[u8]) -> &[u8] {
    let length = chunk[9..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    &chunk[9 + length..]
}

#[test]
fn a_hundred_bytes_with_too_many_operations_are_refused_before_they_are_unrolled() {
    let honest = next_by_bea();
    let mut change = chunk::parse(&honest.bytes).unwrap();
    let one = Operation {
        key: Key::Head,
        value: Scalar { kind: ScalarType::Text, bytes: b"" },
        ..insertion(&mut change).clone()
    };
    change.operations = vec![one; 100_000];
    let bomb = change.to_bytes();
    assert!(bomb.len() < 300, "{}", bomb.len());
    assert_eq!(ruling_over(&bomb), Ruling::Refused(Refusal::TooLarge));
}

#[test]
fn caps_hold_for_keys_values_messages_and_times() {
    let long: &'static str = "x".repeat(limits::VALUE_BYTES + 1).leak();
    refused(Refusal::TooLarge, |change| about(change).key = Key::Field(&long[..=limits::KEY_BYTES]));
    refused(Refusal::TooLarge, |change| about(change).value.bytes = long.as_bytes());
    refused(Refusal::TooLarge, |change| change.message = &long[..=limits::MESSAGE_BYTES]);
    refused(Refusal::TooLarge, |change| {
        change.header.deps = (0..=limits::DEPENDENCIES).map(|n| ChangeHash([n as u8; 32])).collect();
    });
    refused(Refusal::Malformed, |change| change.header.at = Millis(i64::MIN));
    refused(Refusal::Malformed, |change| change.header.at = Millis(limits::TIME_BOUND_MS + 1));
    refused(Refusal::Malformed, |change| about(change).key = Key::Field(""));
    assert!(matches!(tampered(|change| change.header.at = Millis(-limits::TIME_BOUND_MS)), Ruling::Pass(_)));
}

#[test]
fn numbers_and_counters_follow_from_the_ancestors() {
    refused(Refusal::OutOfOrder, |change| change.header.seq = 2);
    refused(Refusal::Malformed, |change| change.header.seq = 0);
    refused(Refusal::OutOfOrder, |change| change.header.seq = u64::MAX);
    refused(Refusal::OutOfOrder, |change| change.header.start_op -= 1);
    refused(Refusal::OutOfOrder, |change| change.header.start_op = 1);
    refused(Refusal::OutOfOrder, |change| change.header.start_op = 1 << 30);
    refused(Refusal::TooLarge, |change| change.header.start_op = limits::MAX_OP - 1);
    refused(Refusal::TooLarge, |change| change.header.start_op = (1 << 32) - 10);
    refused(Refusal::TooLarge, |change| change.header.start_op = u64::MAX);
    // On top of the first change only, while Ali's second is what Bea's counters follow from.
    refused(Refusal::OutOfOrder, |change| change.header.deps = vec![present().changes()[0].hash]);
    let unknown = ChangeHash([7; 32]);
    assert_eq!(tampered(|change| change.header.deps = vec![unknown]), Ruling::Missing(vec![unknown]));
    refused(Refusal::Malformed, |change| change.header.deps = vec![change.header.deps[0]; 2]);
    // Ali's third change, made as if the second had not been.
    assert_eq!(
        tampered(|change| {
            change.header.actor = ALI;
            change.header.seq = 3;
            change.header.deps = vec![present().changes()[0].hash];
        }),
        Ruling::Refused(Refusal::OutOfOrder)
    );
}

#[test]
fn nothing_that_an_operation_names_may_be_made_up() {
    let made_up = OpId { counter: 999, actor: ALI };
    let of_nobody = OpId { counter: 1, actor: NOBODY };
    for id in [made_up, of_nobody] {
        refused(Refusal::DanglingReference, |change| insertion(change).object = Object::Made(id));
        refused(Refusal::DanglingReference, |change| insertion(change).key = Key::Element(id));
        refused(Refusal::DanglingReference, |change| removal(change).key = Key::Element(id));
        refused(Refusal::DanglingReference, |change| removal(change).replaces = vec![id]);
        refused(Refusal::DanglingReference, |change| about(change).replaces = vec![id]);
    }
    // A plain value is no object; the value of another key is no predecessor; nor is one's own future.
    let about_was = present().changes()[1].start_op;
    let plain = OpId { counter: about_was, actor: ALI };
    refused(Refusal::DanglingReference, |change| insertion(change).object = Object::Made(plain));
    refused(Refusal::DanglingReference, |change| insertion(change).key = Key::Element(plain));
    refused(Refusal::DanglingReference, |change| about(change).key = Key::Field("another"));
    refused(Refusal::DanglingReference, |change| {
        let own = about(change).id;
        about(change).replaces = vec![own];
    });
    refused(Refusal::DanglingReference, |change| {
        let future = change.operations.last().unwrap().id;
        about(change).replaces = vec![future];
    });
    refused(Refusal::Malformed, |change| {
        let twice = about(change).replaces[0];
        about(change).replaces = vec![twice, twice];
    });
}

#[test]
fn only_what_this_system_writes_is_written() {
    refused(Refusal::Malformed, |change| change.operations.clear());
    refused(Refusal::Malformed, |change| about(change).insert = true);
    refused(Refusal::Malformed, |change| about(change).key = Key::Head);
    refused(Refusal::Malformed, |change| about(change).action = Action::MakeText);
    refused(Refusal::Malformed, |change| insertion(change).insert = false);
    refused(Refusal::Malformed, |change| insertion(change).value = NULL);
    refused(Refusal::Malformed, |change| insertion(change).key = Key::Field("about"));
    refused(Refusal::Malformed, |change| {
        removal(change).value = Scalar { kind: ScalarType::True, bytes: &[] }
    });
    refused(Refusal::DanglingReference, |change| removal(change).replaces.clear());
    refused(Refusal::Malformed, |change| {
        about(change).value = Scalar { kind: ScalarType::Float, bytes: &[0xff; 8] };
    });
    // A removal that removes nothing.
    refused(Refusal::Malformed, |change| {
        *about(change) =
            Operation { action: Action::Delete, value: NULL, replaces: Vec::new(), ..about(change).clone() };
    });
    let malformed = |change: Vec<u8>| assert_eq!(ruling_over(&change), Ruling::Refused(Refusal::Malformed));
    let note =
        |tx: &automerge::transaction::Transaction<'_>| -> ObjId { tx.get(ROOT, "note").unwrap().unwrap().1 };
    malformed(foreign(|tx| drop(tx.put_object(ROOT, "nested", ObjType::Map).unwrap())));
    malformed(foreign(|tx| drop(tx.put_object(ROOT, "nested", ObjType::List).unwrap())));
    malformed(foreign(|tx| drop(tx.put_object(ROOT, "late", ObjType::Text).unwrap())));
    malformed(foreign(|tx| tx.put(ROOT, "count", ScalarValue::counter(1)).unwrap()));
    malformed(foreign(|tx| {
        tx.put(ROOT, "count", ScalarValue::counter(1)).unwrap();
        tx.increment(ROOT, "count", 1).unwrap();
    }));
    malformed(foreign(|tx| {
        let text = note(tx);
        let mark = automerge::marks::Mark::new("bold".to_owned(), true, 0, 3);
        tx.mark(&text, mark, automerge::marks::ExpandMark::Both).unwrap();
    }));
    malformed(foreign(|tx| drop(tx.split_block(note(tx), 1).unwrap())));
}

#[test]
fn the_root_is_what_the_change_was_sent_for_and_stays_so() {
    let (_, first) = Document::create(&root(), &[edit("about", "plan")], &by(ALI)).unwrap();
    let over = |document: &mut Option<Document>, record, group, bytes: &[u8]| {
        judge(document, record, group, &[bytes]).remove(0)
    };
    let wrong = Ruling::Refused(Refusal::WrongRoot);
    assert_eq!(over(&mut None, RecordId([9; 16]), GROUP, &first.bytes), wrong);
    assert_eq!(over(&mut None, RECORD, GroupId([9; 16]), &first.bytes), wrong);
    let tamper = |tamper: &dyn Fn(&mut Change<'_>)| {
        let mut change = chunk::parse(&first.bytes).unwrap();
        tamper(&mut change);
        over(&mut None, RECORD, GROUP, &change.to_bytes())
    };
    for key in ["@id", "@group", "@form", "@version"] {
        let at = chunk::parse(&first.bytes).unwrap().operations.iter().position(|o| o.key == Key::Field(key));
        let at = at.unwrap();
        assert_eq!(tamper(&|change| drop(change.operations.remove(at))), wrong, "{key} absent");
        assert_eq!(tamper(&|change| change.operations[at].value = NULL), wrong, "{key} null");
        assert_eq!(tamper(&|change| change.operations[at].key = Key::Field("@new")), wrong);
        let twice = |change: &mut Change<'_>| change.operations.push(change.operations[at].clone());
        assert_eq!(tamper(&twice), wrong, "{key} twice");
    }

    // Another first change for a record that has one, and later changes that touch the root or come
    // for another group.
    let (_, second) = Document::create(&root(), &[edit("about", "mine")], &by(BEA)).unwrap();
    assert_eq!(ruling_over(&second.bytes), wrong);
    refused(Refusal::WrongRoot, |change| {
        about(change).replaces.clear();
        about(change).key = Key::Field("@group");
    });
    let next = next_by_bea();
    assert_eq!(over(&mut Some(present()), RECORD, GroupId([9; 16]), &next.bytes), wrong);
    assert_eq!(over(&mut Some(present()), RecordId([9; 16]), GROUP, &next.bytes), wrong);
}
