//! Packs open to exactly what was packed, whatever automerge can write.

#![expect(clippy::unwrap_used, reason = "a test may stop at anything odd")]

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    record::{Document, RawChange},
    time::Millis,
    wire::{
        self, ControlEvent, ErrorCode, FeedEntry, PushedChange, features,
        pack::{
            Common, DictionaryName, Entry, KnownChange, KnownFeed, Pack, PackError, PackForm, PackOptions,
            dictionary, pack, pack_entries, unpack, unpack_entries,
        },
    },
};
use automerge::{
    Automerge, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable},
};
use proptest::{prelude::*, strategy::ValueTree};

#[path = "../examples/pack_corpus/corpus.rs"]
mod corpus;

use corpus::{Feed, Generator, MEASURED, Written};

fn columns() -> PackOptions {
    PackOptions { form: PackForm::Columns, dictionary: dictionary::newest() }
}

/// Packs by column, opens again, and shows that nothing fell back to rows.
fn round_trip<T: Entry + std::fmt::Debug>(entries: &[T], common: &Common<'_>) -> Pack {
    let packed = pack(entries, columns(), common);
    assert_eq!(packed.form, PackForm::Columns);
    let wired: Pack = wire::decode(&wire::encode(&packed)).unwrap();
    assert_eq!(unpack::<T>(&wired, common).unwrap(), entries);
    packed
}

#[test]
fn the_work_of_a_partner_opens_to_the_same_bytes_in_a_third_of_the_size() {
    let written = Generator::new(3, MEASURED).history(800, 0.4, 12);
    let entries: Vec<FeedEntry> = (1..).zip(&written).map(|(seq, written)| written.entry(seq)).collect();
    let in_columns = round_trip(&entries, &Common::default());
    let pushed: Vec<PushedChange> = written.iter().map(Written::pushed).collect();
    round_trip(&pushed, &Common::default());
    let rows = pack(&entries, PackOptions { form: PackForm::Rows, dictionary: None }, &Common::default());
    assert!(in_columns.body.len() * 5 < rows.body.len() * 2, "{} {}", in_columns.body.len(), rows.body.len());
}

#[test]
fn access_and_changes_travel_in_one_pack_in_the_order_of_the_feed() {
    let written = Generator::new(4, MEASURED).history(40, 0.5, 3);
    let mut entries = Vec::new();
    for (at, written) in written.iter().enumerate() {
        let seq = at as u64 * 3 + 7;
        if at % 5 == 0 {
            entries.push(FeedEntry::Control {
                seq,
                at: written.received_at,
                event: match at % 4 {
                    0 => ControlEvent::Group {
                        group: written.group,
                        kind: "case".into(),
                        partner: PartnerId([3; 16]),
                        parents: vec![GroupId([9; 16])],
                    },
                    1 => ControlEvent::Grant { person: written.author, group: written.group },
                    2 => ControlEvent::Withdraw { person: written.author, group: written.group },
                    _ => ControlEvent::Person {
                        person: written.author,
                        name: "Zoë".into(),
                        role: "supporter".into(),
                        partner: PartnerId([3; 16]),
                    },
                },
            });
        }
        entries.push(written.entry(seq + 1));
    }
    // Made at the server, and earlier than what came before.
    if let Some(FeedEntry::Change { device, received_at, .. }) = entries.last_mut() {
        *device = None;
        *received_at = Millis(-5);
    }
    round_trip(&entries, &Common::default());
}

#[test]
fn a_change_on_top_of_what_both_sides_hold_names_no_record() {
    let mut generator = Generator::new(5, MEASURED);
    let device = generator.device();
    let group = GroupId(generator.device().actor.0);
    let at = 1_425_110_400_000;
    let (live, first) = generator.create("case", group, device, at);
    let edit = generator.edit(live, device, at + 60_000).unwrap();
    let feed = Feed::new([&first], 48_211);
    let common = Common { actor: Some(device.actor), feed: Some(&feed) };
    let known = round_trip(&[edit.pushed()], &common);
    let unknown = round_trip(&[edit.pushed()], &Common::default());
    // Hash, record, group and actor: 80 bytes, less a byte or two that say so.
    assert!(known.body.len() + 70 < unknown.body.len(), "{known:?} {unknown:?}");

    // A server that was restored has no such number, or another change under it, and asks for rows.
    let opened = unpack::<PushedChange>(&known, &Common { feed: None, ..common });
    assert_eq!(opened, Err(PackError::Unknown));
    let opened = unpack::<PushedChange>(&known, &Common { actor: None, ..common });
    assert_eq!(opened, Err(PackError::Unknown));
    let (_, other) = generator.create("case", group, device, at);
    let other = Feed::new([&other], 48_211);
    let opened = unpack::<PushedChange>(&known, &Common { feed: Some(&other), ..common });
    assert_eq!(opened, Err(PackError::Digest));
    for error in [PackError::Unknown, PackError::Digest, PackError::Malformed, PackError::TooLarge] {
        assert_eq!(error.code(PackForm::Columns), ErrorCode::Repack);
    }
    assert_eq!(PackError::Digest.code(PackForm::Rows), ErrorCode::Repack);
    assert_eq!(PackError::Malformed.code(PackForm::Rows), ErrorCode::Malformed);
    assert_eq!(PackError::TooLarge.code(PackForm::Rows), ErrorCode::TooLarge);
}

#[test]
fn what_a_peer_does_not_read_it_is_not_sent() {
    let written = Generator::new(6, MEASURED).history(4, 0.0, 1);
    let pushed: Vec<PushedChange> = written.iter().map(Written::pushed).collect();
    let common = Common::default();
    let to = |features, dictionary| {
        let packed = pack_entries(&pushed, features, dictionary, &common);
        assert_eq!(unpack_entries::<PushedChange>(&packed, &common).unwrap(), pushed);
        (packed.form, packed.dictionary.is_some())
    };
    let newest = dictionary::newest();
    assert_eq!(to(0, newest), (PackForm::Rows, false));
    assert_eq!(to(features::COLUMN_PACK, newest), (PackForm::Columns, false));
    assert_eq!(to(features::ALL, None), (PackForm::Columns, false));
    assert_eq!(to(features::ALL, Some(DictionaryName([0; 4]))), (PackForm::Columns, false));
    assert_eq!(to(features::ALL, newest), (PackForm::Columns, true));
}

#[test]
fn a_pack_that_names_a_strange_dictionary_is_asked_for_again() {
    let written = Generator::new(6, MEASURED).history(1, 0.0, 1);
    let pushed = [written[0].pushed()];
    let good = pack(&pushed, columns(), &Common::default());
    assert_eq!(good.dictionary, dictionary::newest());
    let strange = Pack { dictionary: Some(DictionaryName([1, 2, 3, 4])), ..good.clone() };
    assert_eq!(unpack::<PushedChange>(&strange, &Common::default()), Err(PackError::Unknown));
    let without = Pack { dictionary: None, ..good };
    assert!(unpack::<PushedChange>(&without, &Common::default()).is_err());
}

#[test]
fn the_dictionary_is_small_and_named_by_its_hash() {
    let newest = dictionary::newest().unwrap();
    let path = format!("{}/dictionaries/small-packs-{newest}.zdict", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(dictionary::name_of(&bytes), newest);
    assert!(bytes.len() <= dictionary::MOST_BYTES);
}

#[test]
fn an_empty_pack_opens_to_nothing() {
    let empty = pack::<FeedEntry>(&[], columns(), &Common::default());
    assert!(empty.is_empty());
    assert_eq!(unpack::<FeedEntry>(&empty, &Common::default()), Ok(Vec::new()));
}

#[test]
fn bytes_that_are_no_change_travel_as_they_are() {
    let pushed: Vec<PushedChange> = [&b""[..], b"no change", &[0x85, 0x6f, 0x4a, 0x83], &[0xff; 3_000]]
        .iter()
        .map(|bytes| PushedChange {
            group: GroupId([1; 16]),
            record: RecordId([2; 16]),
            bytes: bytes.to_vec(),
        })
        .collect();
    round_trip(&pushed, &Common::default());
}

/// The layout of the smallest pack, so that a change of it is noticed: other versions read it.
#[test]
fn the_bytes_of_one_change_by_column() {
    let root = alongside_domain::record::Root {
        id: RecordId([0x11; 16]),
        form: "contact".into(),
        form_version: "2014.1".into(),
        group: GroupId([0x22; 16]),
    };
    let circumstances = alongside_domain::record::Circumstances {
        actor: ActorId([0x33; 16]),
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".into(),
        offline: false,
        reason: None,
    };
    let edit = |key: &str, value| alongside_domain::record::Edit { key: key.into(), value };
    use alongside_domain::value::Value;
    let edits = [
        edit("duration_min", Value::Integer(45)),
        edit("mode", "PHONE".into()),
        edit("occurred_at", Value::Instant(Millis(1_425_391_800_000))),
        edit("seen_on", "2015-03-03".into()),
    ];
    let (_, change) = Document::create(&root, &edits, &circumstances).unwrap();
    let pushed = PushedChange { group: root.group, record: root.id, bytes: change.bytes };
    let body = wire::pack::columns::body(&[pushed], &Common::default(), true);
    insta::assert_snapshot!(body.escape_ascii().to_string());
}

/// What a replica does next.
#[derive(Debug, Clone)]
enum Act {
    Put(u8, Scalar),
    Delete(u8),
    Text(u8, String),
    Type(u8, usize, usize, String),
    List(u8),
    Push(u8, Scalar),
    Increment(u8, i64),
}

#[derive(Debug, Clone)]
enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Long(u16),
    Bytes(Vec<u8>),
    Id(u8),
    Time(i64),
    Counter(i64),
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        any::<u64>().prop_map(Scalar::Uint),
        any::<f64>().prop_map(Scalar::Float),
        ".{0,12}".prop_map(Scalar::Text),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]".prop_map(Scalar::Text),
        (0_u16..70).prop_map(Scalar::Long),
        any::<u16>().prop_map(Scalar::Long),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Scalar::Bytes),
        (0_u8..6).prop_map(Scalar::Id),
        any::<i64>().prop_map(Scalar::Time),
        (-9_000_i64..9_000).prop_map(|minutes| Scalar::Time(1_425_391_800_000 + minutes * 60_000)),
        (-9_i64..9).prop_map(Scalar::Counter),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_u8..8, scalar()).prop_map(|(key, value)| Act::Put(key, value)),
        2 => (0_u8..8).prop_map(Act::Delete),
        1 => (0_u8..8, ".{0,30}").prop_map(|(key, text)| Act::Text(key, text)),
        3 => (0_u8..8, 0..40_usize, 0..5_usize, ".{0,9}").prop_map(|(k, at, del, t)| Act::Type(k, at, del, t)),
        1 => (0_u8..8).prop_map(Act::List),
        1 => (0_u8..8, scalar()).prop_map(|(key, value)| Act::Push(key, value)),
        1 => (0_u8..8, any::<i8>()).prop_map(|(key, by)| Act::Increment(key, by.into())),
    ]
}

/// A change of a replica: which one, the clock, a message, what it does, whom it hears before.
type Step = (usize, i64, Option<String>, Vec<Act>, Option<usize>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = prop_oneof![Just(0_i64), -5_000_000_i64..5_000_000, -(1_i64 << 53)..(1_i64 << 53), any::<i64>()];
    let message = proptest::option::of(prop_oneof![Just("zEurope/London".to_owned()), ".{0,20}"]);
    let step =
        (0..3_usize, at, message, proptest::collection::vec(act(), 0..7), proptest::option::of(0..3_usize));
    proptest::collection::vec(step, 1..14)
}

const KEYS: [&str; 8] = ["note", "mode", "mode/PHONE", "rows/a/b", "rows/c/b", "naïve–key ✓", "時", "@x"];

fn to_automerge(scalar: &Scalar) -> ScalarValue {
    match scalar {
        Scalar::Null => ScalarValue::Null,
        Scalar::Bool(truth) => ScalarValue::Boolean(*truth),
        Scalar::Int(number) => ScalarValue::Int(*number),
        Scalar::Uint(number) => ScalarValue::Uint(*number),
        Scalar::Float(number) => ScalarValue::F64(*number),
        Scalar::Text(text) => text.as_str().into(),
        Scalar::Long(length) => "é-".repeat(usize::from(*length)).into(),
        Scalar::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
        Scalar::Id(id) if *id < 3 => ScalarValue::Bytes(vec![*id; 16]),
        Scalar::Id(id) => PersonId([*id; 16]).to_string().into(),
        Scalar::Time(ms) => ScalarValue::Timestamp(*ms),
        Scalar::Counter(number) => ScalarValue::counter(*number),
    }
}

/// Does what it says as far as it can be done.
fn perform(tx: &mut automerge::transaction::Transaction<'_>, act: &Act) {
    let object = |tx: &automerge::transaction::Transaction<'_>, key: u8, kind: ObjType| {
        let (value, id) = tx.get(ROOT, KEYS[usize::from(key)]).unwrap()?;
        (value.is_object() && tx.object_type(&id).unwrap() == kind).then_some(id)
    };
    match act {
        Act::Put(key, value) => tx.put(ROOT, KEYS[usize::from(*key)], to_automerge(value)).unwrap(),
        Act::Delete(key) => drop(tx.delete(ROOT, KEYS[usize::from(*key)])),
        Act::Text(key, text) => {
            let id = tx.put_object(ROOT, KEYS[usize::from(*key)], ObjType::Text).unwrap();
            tx.splice_text(&id, 0, 0, text).unwrap();
        }
        Act::Type(key, at, gone, text) => {
            if let Some(id) = object(tx, *key, ObjType::Text) {
                let length = tx.length(&id);
                let at = (*at).min(length);
                tx.splice_text(&id, at, (*gone).min(length - at) as isize, text).unwrap();
            }
        }
        Act::List(key) => drop(tx.put_object(ROOT, KEYS[usize::from(*key)], ObjType::List)),
        Act::Push(key, value) => {
            if let Some(id) = object(tx, *key, ObjType::List) {
                tx.insert(&id, tx.length(&id), to_automerge(value)).unwrap();
            }
        }
        Act::Increment(key, by) => drop(tx.increment(ROOT, KEYS[usize::from(*key)], *by)),
    }
}

/// All changes of three replicas that went through these steps, in an order automerge chose.
fn run(steps: &[Step]) -> Vec<Vec<u8>> {
    let mut replicas: Vec<Automerge> = (0..3_u8)
        .map(|at| Automerge::new().with_actor(automerge::ActorId::from(vec![at * 7 + 1; 16])))
        .collect();
    for (replica, at, message, acts, hears) in steps {
        if let Some(from) = hears.filter(|from| from != replica) {
            let mut from = replicas[from].clone();
            replicas[*replica].merge(&mut from).unwrap();
        }
        let mut tx = replicas[*replica].transaction();
        acts.iter().for_each(|act| perform(&mut tx, act));
        // automerge itself overflows on times at the ends of 64 bits.
        let mut options = CommitOptions::default().with_time((*at).clamp(-(1 << 60), 1 << 60));
        if let Some(message) = message {
            options = options.with_message(message);
        }
        tx.commit_with(options);
    }
    let mut all = replicas[0].clone();
    for other in &mut replicas[1..] {
        all.merge(other).unwrap();
    }
    all.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect()
}

/// The first changes as the other side knows them.
struct Held(Vec<(ChangeHash, ActorId)>);

impl KnownFeed for Held {
    fn number(&self, change: &ChangeHash) -> Option<u64> {
        Some(self.0.iter().position(|held| held.0 == *change)? as u64 * 1_000)
    }

    fn change(&self, number: u64) -> Option<KnownChange> {
        let (hash, actor) = *self.0.get(usize::try_from(number / 1_000).ok()?)?;
        Some(KnownChange { hash, actor, record: RecordId([1; 16]), group: GroupId([2; 16]) })
    }
}

/// What the histories below put to the test is the columns, not the way around them.
#[test]
fn most_of_what_automerge_writes_here_is_taken_apart() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut taken_apart, mut all) = (0, 0);
    for _ in 0..60 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        for bytes in run(&steps) {
            all += 1;
            taken_apart += usize::from(alongside_domain::guard::chunk::parse(&bytes).is_ok());
        }
    }
    assert!(all > 200 && taken_apart * 5 > all * 2 && taken_apart < all, "{taken_apart} of {all}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_automerge_writes_opens_to_the_same_bytes(
        histories in proptest::collection::vec(steps(), 1..4),
        known in 0..6_usize,
        shuffled: bool,
    ) {
        let mut pushed = Vec::new();
        let mut entries = Vec::new();
        for (record, steps) in histories.iter().enumerate() {
            for (at, bytes) in run(steps).into_iter().enumerate() {
                let (group, record) = (GroupId([2 + record as u8 / 2; 16]), RecordId([record as u8 + 1; 16]));
                entries.push(FeedEntry::Change {
                    seq: entries.len() as u64 * 2 + 5,
                    group,
                    record,
                    author: PersonId([at as u8 % 3 + 3; 16]),
                    device: (at % 4 > 0).then_some(DeviceId([at as u8 % 3; 16])),
                    received_at: Millis(1_425_391_800_000 - at as i64 * 7),
                    bytes: bytes.clone(),
                });
                pushed.push(PushedChange { group, record, bytes });
            }
        }
        if shuffled {
            pushed.reverse();
            let most = entries.len();
            entries.rotate_left(known.min(most));
        }
        let held = pushed.drain(..known.min(pushed.len())).filter_map(|change| {
            let raw = RawChange::parse(&change.bytes).ok()?;
            Some((raw.hash, raw.actor))
        });
        let held = Held(held.collect());
        if !entries.is_empty() {
            round_trip(&entries, &Common::default());
        }
        if !pushed.is_empty() {
            round_trip(&pushed, &Common { actor: Some(ActorId([8; 16])), feed: Some(&held) });
        }
    }
}
