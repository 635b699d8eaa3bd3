use std::ops::RangeInclusive;

use proptest::{collection::vec, option, prelude::*};

use super::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<String>().prop_map(Value::Text),
        "[ -~]{20,300}".prop_map(Value::Text),
        any::<i64>().prop_map(Value::Integer),
        (-300_i64..300).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|at| Value::Instant(Millis(at))),
        any::<[u8; 16]>().prop_map(|id| Value::Ref(RecordId(id))),
        any::<String>().prop_map(Value::Other),
    ]
}

fn live() -> impl Strategy<Value = LiveValue> {
    let from = (any::<u64>(), any::<[u8; 16]>(), any::<[u8; 32]>(), any::<i64>());
    let by = (option::of(any::<[u8; 16]>()), option::of(any::<[u8; 16]>()), any::<bool>());
    (value(), from, by).prop_map(|(value, (counter, actor, change, at), (author, device, ahead))| LiveValue {
        value,
        op: OpId { counter, actor: ActorId(actor) },
        change: ChangeHash(change),
        at: Millis(at),
        author: author.map(PersonId),
        device: device.map(DeviceId),
        clock_ahead: ahead,
    })
}

fn field() -> impl Strategy<Value = FieldView> {
    let disagreement = prop::sample::select(DISAGREEMENTS.map(|(state, _)| state).to_vec());
    (live(), vec(live(), 0..3), disagreement).prop_map(|(shown, others, disagreement)| FieldView {
        shown,
        others,
        disagreement,
    })
}

fn stamps(count: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Stamp>> {
    let stamp = (any::<i64>(), option::of(any::<[u8; 16]>()));
    vec(stamp.prop_map(|(at, by)| Stamp { at: Millis(at), author: by.map(PersonId) }), count)
}

fn view() -> impl Strategy<Value = RecordView> {
    let root = (any::<[u8; 16]>(), any::<String>(), any::<String>(), any::<[u8; 16]>());
    let fields = prop::collection::btree_map(any::<String>(), field(), 0..40);
    let heads = vec(any::<[u8; 32]>().prop_map(ChangeHash), 0..40);
    (root, fields, heads, stamps(2..=2), stamps(0..=3)).prop_map(
        |((id, form, form_version, group), fields, heads, first, twins)| RecordView {
            root: Root { id: RecordId(id), form, form_version, group: GroupId(group) },
            fields,
            heads,
            created: first[0],
            updated: first[1],
            twins,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_view_is_written_as_serde_writes_it_and_reads_back(view in view()) {
        let bytes = encode(&view);
        prop_assert_eq!(&bytes, &codec::encode(&view));
        let mut reader = Reader(&bytes);
        let read = reader.view();
        prop_assert_eq!(read.as_ref(), Some(&view));
        prop_assert!(reader.0.is_empty());
        prop_assert_eq!(decode(&bytes).unwrap(), view);
    }

    #[test]
    fn what_is_cut_short_or_spoilt_is_read_as_serde_reads_it(
        view in view(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = encode(&view);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        prop_assert_eq!(decode(&bytes).ok(), codec::decode(&bytes).ok());
    }
}

#[test]
fn a_view_of_another_version_is_read_key_by_key() {
    let view = RecordView {
        root: Root {
            id: RecordId([1; 16]),
            form: "contact".to_owned(),
            form_version: "3".to_owned(),
            group: GroupId([2; 16]),
        },
        fields: BTreeMap::new(),
        heads: vec![ChangeHash([3; 32])],
        created: Stamp { at: Millis(5), author: None },
        updated: Stamp { at: Millis(6), author: Some(PersonId([4; 16])) },
        twins: Vec::new(),
    };
    let bytes = encode(&view);
    let mut keys: BTreeMap<String, ciborium::Value> = codec::decode(&bytes).unwrap();
    keys.insert("a_key_of_tomorrow".to_owned(), true.into());
    let other = codec::encode(&keys);
    assert_eq!(Reader(&other).view(), None);
    assert_eq!(decode(&other), Ok(view));
    assert_eq!(decode(b"no view"), Err(DecodeError::Malformed));
}
