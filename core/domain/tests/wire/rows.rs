//! Packs in rows: what is inside comes out, and nothing else does.

use alongside_domain::{
    ids::{GroupId, RecordId},
    wire::{
        FeedEntry, PushedChange, SyncRequest, decode_message, encode, limits,
        pack::{Pack, PackError, pack_rows, unpack_rows},
    },
};
use proptest::prelude::*;

use crate::samples::{feed, nothing_to_do, pushed};

#[test]
fn a_pack_is_measured_before_it_is_inflated() {
    let good = pack_rows(&feed());
    assert_eq!(unpack_rows::<FeedEntry>(&good), Ok(feed()));
    assert_eq!(unpack_rows::<FeedEntry>(&pack_rows::<FeedEntry>(&[])), Ok(Vec::new()));
    let over = |pack: Pack| unpack_rows::<FeedEntry>(&pack).unwrap_err();

    let bomb = zstd::bulk::compress(&vec![0; limits::PACK_INFLATED_BYTES + 1], 3).unwrap();
    assert!(bomb.len() < 8_000);
    assert_eq!(over(Pack { body: bomb, ..good.clone() }), PackError::TooLarge);
    let entries = u32::try_from(limits::PACK_ENTRIES + 1).unwrap();
    assert_eq!(over(Pack { entries, ..good.clone() }), PackError::TooLarge);
    let body = vec![0; limits::ANSWER_BYTES + 1];
    assert_eq!(over(Pack { body, ..good.clone() }), PackError::TooLarge);

    assert_eq!(over(Pack { digest: [0; 16], ..good.clone() }), PackError::Digest);
    for entries in [0, good.entries - 1, good.entries + 1] {
        assert_eq!(over(Pack { entries, ..good.clone() }), PackError::Malformed);
    }
    // Rows of something else; a frame that does not say its size; two frames; more than one value.
    assert_eq!(over(pack_rows(&pushed())), PackError::Malformed);
    let streamed = {
        let mut out = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        std::io::Write::write_all(&mut out, &encode(&feed())).unwrap();
        out.finish().unwrap()
    };
    assert_eq!(over(Pack { body: streamed, ..good.clone() }), PackError::Malformed);
    let twice = [good.body.as_slice(), &good.body].concat();
    assert_eq!(over(Pack { body: twice, ..good.clone() }), PackError::Malformed);
    assert_eq!(over(Pack { body: b"no zstd at all".to_vec(), ..good }), PackError::Malformed);
}

#[test]
fn more_rows_than_a_pack_may_hold_are_not_read() {
    let rows = vec![0_u8; limits::PACK_ENTRIES + 1];
    let mut pack = pack_rows(&rows);
    pack.entries = 1;
    assert_eq!(unpack_rows::<u8>(&pack), Err(PackError::Malformed));
    assert_eq!(unpack_rows::<u8>(&pack_rows(&rows[1..])).unwrap().len(), limits::PACK_ENTRIES);
}

fn any_change() -> impl Strategy<Value = PushedChange> {
    (any::<[u8; 16]>(), any::<[u8; 16]>(), proptest::collection::vec(any::<u8>(), 0..80)).prop_map(
        |(group, record, bytes)| PushedChange { group: GroupId(group), record: RecordId(record), bytes },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packs_open_to_what_was_packed(changes in proptest::collection::vec(any_change(), 0..30)) {
        let (request, _) = nothing_to_do();
        let request = SyncRequest { push: Some(pack_rows(&changes)), ..request };
        let read: SyncRequest = decode_message(&encode(&request)).unwrap();
        prop_assert_eq!(unpack_rows::<PushedChange>(&read.push.unwrap()).unwrap(), changes);
    }

    #[test]
    fn mutated_packs_are_refused_or_unchanged(at in any::<prop::sample::Index>(), byte: u8) {
        let mut pack = pack_rows(&feed());
        let length = pack.body.len();
        pack.body[at.index(length)] = byte;
        if let Ok(entries) = unpack_rows::<FeedEntry>(&pack) {
            prop_assert_eq!(entries, feed());
        }
    }
}
