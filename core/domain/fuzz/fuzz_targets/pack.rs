//! A pack from outside, in each form, with and without compression by the fuzzer's own hand.

#![no_main]

use alongside_domain::wire::{
    FeedEntry, PushedChange,
    pack::{Common, Pack, PackForm, dictionary, unpack},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, entries, body @ ..] = data else { return };
    let form = if choice & 1 == 0 { PackForm::Columns } else { PackForm::Rows };
    let body = if choice & 2 == 0 { stored(body) } else { body.to_vec() };
    let named = if choice & 4 == 0 { None } else { dictionary::newest() };
    let pack = Pack { form, entries: u32::from(*entries), digest: [0; 16], dictionary: named, body };
    // Nothing is asked of the result but that there is one.
    let _ = unpack::<PushedChange>(&pack, &Common::default());
    let _ = unpack::<FeedEntry>(&pack, &Common::default());
});

/// A frame that holds the body as it is, so that the fuzzer sees through the compression.
fn stored(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x60, 0, 0];
    let size = u16::try_from(body.len().saturating_sub(256)).unwrap_or(u16::MAX);
    frame[1..3].copy_from_slice(&size.to_le_bytes());
    let header = 1 | (u32::try_from(body.len()).unwrap_or(u32::MAX) << 3);
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(body);
    frame
}
