//! Packs from outside: refused or opened, never a panic, never more memory than the caps.

#![expect(clippy::unwrap_used, reason = "a test may stop at anything odd")]

use std::time::{Duration, Instant};

use alongside_domain::{
    ids::GroupId,
    wire::{
        FeedEntry, PushedChange, limits,
        pack::{Common, Pack, PackError, PackForm, PackOptions, columns, dictionary, pack, unpack},
    },
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "../examples/pack_corpus/corpus.rs"]
mod corpus;

use corpus::{Feed, Generator, MEASURED, Written};

/// A pack of columns around any body.
fn around(body: &[u8], entries: u32) -> Pack {
    let body = zstd::bulk::compress(body, 1).unwrap()[4..].to_vec();
    Pack { form: PackForm::Columns, entries, digest: [0; 16], dictionary: None, body }
}

fn opened(body: &[u8], entries: u32) -> Result<Vec<PushedChange>, PackError> {
    unpack(&around(body, entries), &Common::default())
}

/// A change up to its shape, in one stream: the rest is for the caller to say.
fn before_the_shape() -> Vec<u8> {
    let mut body = vec![1, 0]; // one stream; a change
    body.extend([1; 17]); // a new actor
    body.extend([0, 0]); // its time; no dependencies
    body.push(1);
    body.extend([0x41; 16]); // a new record
    body.push(6); // a group with its id
    body.extend([0, 0]); // number and counter as expected
    body.extend([1, 0]); // a new message, empty
    body
}

#[test]
fn the_handmade_change_is_sound_but_for_its_digest() {
    let mut body = before_the_shape();
    // A new shape of one step: a put at a new key, "k"; its value: null.
    body.extend([0, 1, 0, 1, 1, b'k', 1]);
    assert_eq!(opened(&body, 1), Err(PackError::Digest));
    assert_eq!(opened(&body, 2), Err(PackError::Malformed));
    body.push(0);
    assert_eq!(opened(&body, 1), Err(PackError::Malformed));
}

#[test]
fn a_few_bytes_do_not_become_a_million_operations() {
    let mut body = before_the_shape();
    body.extend([0, 1, 1 << 6]);
    body.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    body.extend([1, 1, b'k', 1]);
    assert_eq!(opened(&body, 1), Err(PackError::TooLarge));
    // Not in one change, and not in many small ones either.
    let mut body = before_the_shape();
    body.extend([0, 1, 1 << 6, 0xfe, 0x48, 1, 1, b'k']);
    body.extend([1; 9_344]);
    let second_on = {
        let mut change = vec![0, 0, 0, 0, 1];
        change.extend([0x42; 16]);
        change.extend([0, 0, 0, 0, 1]);
        change.extend([1; 9_344]);
        change
    };
    for _ in 0..220 {
        body.extend(&second_on);
    }
    assert_eq!(opened(&body, 221), Err(PackError::TooLarge));
}

#[test]
fn a_few_bytes_do_not_become_gigabytes_of_messages() {
    let mut body = before_the_shape();
    body.truncate(body.len() - 2);
    body.extend([1, 0x80, 0x20]);
    body.extend([b'm'; 4_096]);
    body.extend([0, 1, 0, 1, 1, b'k', 1]);
    for _ in 0..20_000 {
        // The same actor, time, no dependencies, a new record, the same group, message and shape.
        body.extend([0, 0, 0, 0, 1]);
        body.extend([0x42; 16]);
        body.extend([0, 0, 0, 0, 1, 1]);
    }
    assert_eq!(opened(&body, 20_001), Err(PackError::TooLarge));
}

#[test]
fn frames_that_lie_about_their_size_are_refused() {
    assert_eq!(opened(&vec![0; limits::PACK_INFLATED_BYTES + 1], 1), Err(PackError::TooLarge));
    let good = around(&before_the_shape(), 1);
    let longer = Pack { body: [&good.body[..], &[0]].concat(), ..good.clone() };
    assert_eq!(unpack::<PushedChange>(&longer, &Common::default()), Err(PackError::Malformed));
    let empty = Pack { body: Vec::new(), ..good.clone() };
    assert_eq!(unpack::<PushedChange>(&empty, &Common::default()), Err(PackError::Malformed));
    let many = Pack { entries: limits::PACK_ENTRIES as u32 + 1, ..good };
    assert_eq!(unpack::<PushedChange>(&many, &Common::default()), Err(PackError::TooLarge));
}

/// Thousands of packs of which a few bytes are wrong, inside the compression and outside. With
/// `MUTANTS=100000` as many as that.
#[test]
fn mutants_are_refused_without_a_panic() {
    let wanted = std::env::var("MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(12_000);
    let mut rng = ChaCha8Rng::seed_from_u64(20_261_123);
    let mut generator = Generator::new(9, MEASURED);
    let device = generator.device();
    let written = generator.history(24, 0.5, 4);
    let feed = Feed::new(&written[..10], 500);
    let common = Common { actor: Some(device.actor), feed: Some(&feed) };
    let entries: Vec<FeedEntry> = (1..).zip(&written[10..]).map(|(seq, one)| one.entry(seq)).collect();
    let (live, _) = generator.create("contact", GroupId([4; 16]), device, 1_425_110_400_000);
    let edit = generator.edit(live, device, 1_425_110_900_000).unwrap();
    let samples = [
        (columns::body(&entries, &common, false), entries.len() as u32),
        (columns::body(&entries[..6], &common, true), 6),
        (columns::body(&entries[..2], &common, false), 2),
        (columns::body(&[edit.entry(77)], &common, true), 1),
    ];
    let options = PackOptions { form: PackForm::Columns, dictionary: dictionary::newest() };
    let packs = [pack(&entries, options, &common), pack(&entries[..3], options, &common)];
    let mut refused = [0; 4];
    let mut slowest = Duration::ZERO;
    for at in 0..wanted {
        let mutant = if at % 4 == 3 {
            let mut mutant = packs[at / 4 % packs.len()].clone();
            mutate(&mut mutant.body, &mut rng);
            mutant
        } else {
            let (body, entries) = &samples[at / 4 % samples.len()];
            let mut body = body.clone();
            mutate(&mut body, &mut rng);
            around(&body, *entries)
        };
        let begun = Instant::now();
        let outcome = unpack::<FeedEntry>(&mutant, &common);
        slowest = slowest.max(begun.elapsed());
        match outcome {
            // Only a frame whose content is as it was can match the digest.
            Ok(opened) => assert!(opened == entries || opened == entries[..3], "a mutant passed its digest"),
            Err(PackError::TooLarge) => refused[0] += 1,
            Err(PackError::Digest) => refused[1] += 1,
            Err(PackError::Unknown) => refused[2] += 1,
            Err(PackError::Malformed) => refused[3] += 1,
        }
    }
    let [large, digest, unknown, malformed] = refused;
    assert!(digest > wanted / 20, "too few mutants reach the end: {refused:?}");
    let total = large + digest + unknown + malformed;
    assert!(total > wanted * 9 / 10, "too many mutants are nothing of the sort: {refused:?}");
    if wanted >= 100_000 {
        // The figures of the one large run.
        panic_free_report(&format!(
            "{wanted} mutants: too large {large}, digest {digest}, unknown {unknown}, malformed {malformed}; \
             slowest {slowest:?}"
        ));
    }
}

#[expect(clippy::print_stderr, reason = "asked for by the environment")]
fn panic_free_report(figures: &str) {
    eprintln!("{figures}");
}

/// Changes, cuts, doubles or moves a few bytes.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(1..20)).min(bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => drop(bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, rng.random::<u8>() & 0x7f])),
        }
    }
}

proptest! {
    #[test]
    fn any_body_is_refused(in_one in 0_u8..3, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let body = [&[in_one][..], &body].concat();
        prop_assert!(opened(&body, 3).is_err());
        prop_assert!(unpack::<FeedEntry>(&around(&body, 1), &Common::default()).is_err());
        let bare = Pack { body, ..around(&[], 1) };
        prop_assert!(unpack::<PushedChange>(&bare, &Common::default()).is_err());
    }
}

#[test]
fn what_a_pack_of_pushes_holds_is_no_feed() {
    let pushed: Vec<_> = Generator::new(2, MEASURED).history(3, 0.0, 1).iter().map(Written::pushed).collect();
    let options = PackOptions { form: PackForm::Columns, dictionary: None };
    let packed = pack(&pushed, options, &Common::default());
    assert!(unpack::<FeedEntry>(&packed, &Common::default()).is_err());
}
