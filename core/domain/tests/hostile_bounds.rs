//! How much memory what comes from outside may take: measured at the allocator, for the worst that
//! passes the caps and for the bombs that must not.
//!
//! One test, since the measure is of the whole process; it prints its figures, with the time beside
//! them: `cargo test -p alongside-domain --test hostile_bounds -- --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test whose ground is not there fails")]

use std::time::Instant;

use alongside_domain::{
    guard::{
        Ruling,
        chunk::{self, Action, Header, Key, Object, Operation, Scalar, ScalarType},
        judge,
    },
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    record::{Circumstances, Document, Edit, OpId, Root},
    time::Millis,
    value::Value,
    wire::{
        PushedChange, Refusal, SyncRequest, decode, limits,
        pack::{Common, Pack, PackForm, unpack},
    },
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const RECORD: RecordId = RecordId([1; 16]);
const GROUP: GroupId = GroupId([2; 16]);
const ALI: ActorId = ActorId([0xa1; 16]);
const MIB: usize = 1 << 20;

#[expect(clippy::print_stdout, reason = "the figures are what this is run for")]
fn say(line: &str) {
    println!("{line}");
}

/// What `work` gives, and the most memory that it held at once beyond what was held before, in bytes.
fn measured<T>(name: &str, bound: usize, work: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let begun = Instant::now();
    let result = work();
    let took = begun.elapsed();
    let held = MEMORY.peak_usage().saturating_sub(before);
    say(&format!("{name}: {:.1} MiB at most, {} ms", held as f64 / MIB as f64, took.as_millis()));
    assert!(held <= bound, "{name}: {held} bytes held at once, the bound is {bound}");
    result
}

fn by() -> Circumstances {
    Circumstances {
        actor: ALI,
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".to_owned(),
        offline: true,
        reason: None,
    }
}

fn record() -> Document {
    let root = Root { id: RECORD, form: "contact".to_owned(), form_version: "1".to_owned(), group: GROUP };
    let edits = [
        Edit { key: "note".to_owned(), value: Value::from("Called.") },
        Edit { key: "about".to_owned(), value: Value::from("plan") },
    ];
    Document::create_with_texts(&root, &["note"], &edits, &by()).unwrap().0
}

/// A change on top of [`record`] with these operations, as its writer would number them.
fn change(operations: impl IntoIterator<Item = Operation<'static>>) -> Vec<u8> {
    let before = record().changes().remove(0);
    let header = Header {
        hash: ChangeHash([0; 32]),
        actor: ALI,
        seq: 2,
        start_op: before.max_op + 1,
        max_op: 0,
        at: Millis(1_425_391_900_000),
        deps: vec![before.hash],
        message_len: 2,
        operations: 0,
    };
    let operations = operations.into_iter().enumerate().map(|(at, operation)| Operation {
        id: OpId { counter: before.max_op + 1 + at as u64, actor: ALI },
        ..operation
    });
    chunk::Change { header, message: "{}", operations: operations.collect() }.to_bytes()
}

fn put(key: &'static str, value: &'static [u8]) -> Operation<'static> {
    Operation {
        id: OpId { counter: 0, actor: ALI },
        object: Object::Root,
        key: Key::Field(key),
        insert: false,
        action: Action::Put,
        value: Scalar { kind: ScalarType::Text, bytes: value },
        replaces: Vec::new(),
    }
}

fn ruling(bytes: &[u8]) -> Ruling {
    judge(&mut Some(record()), RECORD, GROUP, &[bytes]).remove(0)
}

fn pack_around(body: &[u8], entries: u32) -> Pack {
    let body = zstd::bulk::compress(body, 1).unwrap()[4..].to_vec();
    Pack { form: PackForm::Columns, entries, digest: [0; 16], dictionary: None, body }
}

#[test]
fn what_comes_from_outside_takes_no_more_memory_than_its_bound() {
    // Changes that are bombs: refused while they are walked, before they are unrolled.
    for count in [100_000, 1_000_000] {
        let bomb = change(std::iter::repeat_n(put("about", b""), count));
        let name = format!("{count} operations in {} bytes", bomb.len());
        let ruled = measured(&name, 4 * MIB, || ruling(&bomb));
        assert_eq!(ruled, Ruling::Refused(Refusal::TooLarge));
        drop(bomb);
    }
    let huge = vec![0x85; 64 * MIB];
    let ruled = measured("64 MiB that are no change", MIB, || ruling(&huge));
    assert_eq!(ruled, Ruling::Refused(Refusal::TooLarge));
    drop(huge);

    // The worst that passes: as many operations, and as long a value, as one change may hold.
    let keys: Vec<&'static str> =
        (0..limits::CHANGE_OPERATIONS - 10).map(|at| &*format!("key{at}").leak()).collect();
    let many = change(keys.iter().map(|key| put(key, b"x")));
    assert!(many.len() < limits::CHANGE_BYTES, "{}", many.len());
    let ruled = measured("as many operations as allowed", 64 * MIB, || ruling(&many));
    assert!(matches!(ruled, Ruling::Pass(_)), "{ruled:?}");
    let long = vec![b'x'; limits::VALUE_BYTES].leak();
    let long = change([put("about", long)]);
    let ruled = measured("as long a value as allowed", 16 * MIB, || ruling(&long));
    assert!(matches!(ruled, Ruling::Pass(_)), "{ruled:?}");

    // Orphans: none is kept, so the ten thousandth costs what the first does.
    let parsed = change([put("about", b"lost")]);
    let mut parsed = chunk::parse(&parsed).unwrap();
    let orphans: Vec<Vec<u8>> = (0..10_000_u64)
        .map(|at| {
            let mut dep = [7; 32];
            dep[..8].copy_from_slice(&at.to_be_bytes());
            parsed.header.deps = vec![ChangeHash(dep)];
            parsed.to_bytes()
        })
        .collect();
    let chunks: Vec<&[u8]> = orphans.iter().map(Vec::as_slice).collect();
    let rulings = measured("10,000 changes without their ancestors", 8 * MIB, || {
        judge(&mut Some(record()), RECORD, GROUP, &chunks)
    });
    assert!(rulings.iter().all(|ruling| matches!(ruling, Ruling::Missing(_))));

    // Packs.
    let zeros = vec![0; limits::PACK_INFLATED_BYTES];
    let bomb = pack_around(&zeros, 1);
    drop(zeros);
    let name = format!("{} bytes that become {} MiB", bomb.body.len(), limits::PACK_INFLATED_BYTES / MIB);
    let opened = measured(&name, 2 * limits::PACK_INFLATED_BYTES, || {
        unpack::<PushedChange>(&bomb, &Common::default())
    });
    assert!(opened.is_err());
    let more = pack_around(&vec![0; limits::PACK_INFLATED_BYTES + 1], 1);
    let opened =
        measured("one byte more than that", MIB, || unpack::<PushedChange>(&more, &Common::default()));
    assert!(opened.is_err());
    for body in [worst_operations(), worst_messages()] {
        let pack = pack_around(&body.1, body.2);
        let opened = measured(body.0, 2 * limits::PACK_INFLATED_BYTES, || {
            unpack::<PushedChange>(&pack, &Common::default())
        });
        assert!(opened.is_err());
    }

    // Bodies: depth and claimed lengths cost nothing.
    let deep = [0x81].repeat(limits::REQUEST_BYTES);
    assert!(measured("a body of nothing but depth", MIB, || decode::<SyncRequest>(&deep)).is_err());
    let claimed = [&[0xbb][..], &[0xff; 8], &[0x61, b'p']].concat();
    assert!(measured("a map of 2^64 entries", MIB, || decode::<SyncRequest>(&claimed)).is_err());
    let claimed = [&[0xa1, 0x61, b'u', 0x5b][..], &[0x7f; 8]].concat();
    assert!(measured("bytes of 2^63", MIB, || decode::<SyncRequest>(&claimed)).is_err());
}

/// A change by column up to its shape.
fn before_the_shape(message: &[u8]) -> Vec<u8> {
    let mut body = vec![1, 0];
    body.extend([1; 17]);
    body.extend([0, 0, 1]);
    body.extend([0x41; 16]);
    body.push(6);
    body.extend([0, 0, 1]);
    let mut length = message.len();
    while length >= 0x80 {
        body.push(length as u8 | 0x80);
        length >>= 7;
    }
    body.push(length as u8);
    body.extend(message);
    body
}

/// Changes that each hold as many operations as allowed, more of them than one pack may hold.
fn worst_operations() -> (&'static str, Vec<u8>, u32) {
    let mut body = before_the_shape(b"");
    body.extend([0, 1, 1 << 6, 0xfe, 0x48, 1, 1, b'k']);
    body.extend([1; 9_344]);
    for _ in 0..220 {
        body.extend([0, 0, 0, 0, 1]);
        body.extend([0x42; 16]);
        body.extend([0, 0, 0, 0, 1]);
        body.extend([1; 9_344]);
    }
    ("a pack of two million operations", body, 221)
}

/// Changes that each repeat the longest message.
fn worst_messages() -> (&'static str, Vec<u8>, u32) {
    let mut body = before_the_shape(&[b'm'; 4_096]);
    body.extend([0, 1, 0, 1, 1, b'k', 1]);
    for _ in 0..20_000 {
        body.extend([0, 0, 0, 0, 1]);
        body.extend([0x42; 16]);
        body.extend([0, 0, 0, 0, 1, 1]);
    }
    ("a pack of the same message again and again", body, 20_001)
}
