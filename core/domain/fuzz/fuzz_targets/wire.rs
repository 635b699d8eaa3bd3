//! Every message that is read from the network.

#![no_main]

use alongside_domain::wire::{
    EnrolAnswer, EnrolRequest, ErrorAnswer, SyncAnswer, SyncRequest, decode_message, encode,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = decode_message::<EnrolRequest>(data);
    let _ = decode_message::<EnrolAnswer>(data);
    let _ = decode_message::<ErrorAnswer>(data);
    if let Ok(request) = decode_message::<SyncRequest>(data) {
        let again = decode_message::<SyncRequest>(&encode(&request)).expect("what was read can be read again");
        assert_eq!(again, request);
    }
    if let Ok(answer) = decode_message::<SyncAnswer>(data) {
        let again = decode_message::<SyncAnswer>(&encode(&answer)).expect("what was read can be read again");
        assert_eq!(again, answer);
    }
});
