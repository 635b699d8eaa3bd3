//! Tens of thousands of mutated changes, sealed again with a checksum that fits: none may escape the
//! guard as a panic, none that passes may leave a document that cannot be loaded or edited, and none
//! may take a good change of the same batch down with it.
//!
//! `GUARD_MUTANTS=400000 cargo test --release -p alongside-domain --test guard_mutants -- --nocapture`

#![expect(clippy::unwrap_used, reason = "a test whose ground is not there fails")]

mod class;
mod mutate;
mod story;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use alongside_domain::{
    guard::{Ruling, judge},
    ids::{ActorId, ChangeHash},
    record::Document,
};
use automerge::{Automerge, ROOT, transaction::Transactable};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use class::Class;
use story::{GROUP, RECORD, Story, by, edit, stories};

/// Mutants of all tests here together.
fn mutants() -> usize {
    std::env::var("GUARD_MUTANTS").map_or(30_000, |count| count.parse().unwrap())
}

/// Judges; an escaped panic fails the test with what it takes to repeat it.
fn judged(document: &mut Option<Document>, changes: &[&[u8]], what: &str) -> Vec<Ruling> {
    catch_unwind(AssertUnwindSafe(|| judge(document, RECORD, GROUP, changes)))
        .unwrap_or_else(|_| panic!("{what}: a panic escaped the guard"))
}

/// Whether a document can be saved, loaded, edited, and loaded again with the edit in it.
fn lives(document: &mut Document) -> bool {
    let loads = |document: &Document| {
        let mut copy = Automerge::new();
        let changes = document.changes().into_iter();
        copy.apply_changes(changes.map(|c| automerge::Change::from_bytes(c.bytes).unwrap())).unwrap();
        let loaded = Automerge::load(&copy.save()).unwrap();
        let heads: Vec<_> = loaded.get_heads().into_iter().map(|head| ChangeHash(head.0)).collect();
        assert!(loaded.clone().transaction().put(ROOT, "tried", 1).is_ok());
        heads == document.heads()
    };
    let edits = [edit("about", "edited afterwards"), edit("note", "typed afterwards")];
    let before = loads(document);
    let edited = document.edit(&edits, &by(ActorId([0x77; 16]))).unwrap().is_some();
    before && edited && loads(document)
}

fn name(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Pass(_) => "pass".to_owned(),
        Ruling::Have(_) => "have".to_owned(),
        Ruling::Missing(_) => "missing".to_owned(),
        Ruling::Fork { .. } => "fork".to_owned(),
        Ruling::Refused(refusal) => format!("{refusal:?}"),
    }
}

/// Judges one mutant after another, each on top of a record of its own; gives how often each ruling.
#[expect(clippy::print_stdout, reason = "the figures are what a long run is made for")]
fn one_by_one(
    seed: u64,
    count: usize,
    mutant_of: impl Fn(usize, &Story, &mut ChaCha8Rng) -> Option<Vec<u8>>,
) -> BTreeMap<String, usize> {
    let stories = stories();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rulings: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = 0;
    while number < count {
        let story = stories.choose(&mut random).unwrap();
        let Some(bytes) = mutant_of(number, story, &mut random) else { continue };
        number += 1;
        let what = format!("seed {seed}, mutant {number}");
        let mut document = story.present.clone();
        let ruling = judged(&mut document, &[&bytes], &what).remove(0);
        *rulings.entry(name(&ruling)).or_default() += 1;
        let sound = match (&ruling, document) {
            (Ruling::Pass(_), Some(mut document)) => {
                catch_unwind(AssertUnwindSafe(|| lives(&mut document))).unwrap_or(false)
            }
            (Ruling::Pass(_), None) => false,
            // Left as it was.
            (_, document) => {
                document.as_ref().map(Document::heads) == story.present.as_ref().map(Document::heads)
            }
        };
        assert!(sound, "{what}: {ruling:?} over a document that does not live on");
    }
    println!("seed {seed}: {count} mutants: {rulings:?}");
    rulings
}

fn at_random(number: usize, story: &Story, random: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let mutate = if number.is_multiple_of(2) { mutate::bytes } else { mutate::meaning };
    Some(mutate(&story.next[0], random))
}

fn assert_every_kind(rulings: &BTreeMap<String, usize>) {
    let often = |name: &str| rulings.get(name).copied().unwrap_or_default();
    assert!(often("pass") > rulings.values().sum::<usize>() / 100, "{rulings:?}");
    for name in ["Malformed", "OutOfOrder", "DanglingReference", "WrongRoot", "missing", "fork"] {
        assert!(often(name) > 0, "no mutant is {name}: {rulings:?}");
    }
}

#[test]
fn no_mutant_panics_and_none_that_passes_breaks_its_record() {
    assert_every_kind(&one_by_one(20_150_303, mutants() * 3 / 8, at_random));
}

#[test]
fn nor_with_another_seed_on_the_other_processor() {
    assert_every_kind(&one_by_one(20_161_231, mutants() * 3 / 8, at_random));
}

#[test]
fn no_change_of_a_class_known_to_do_harm_passes() {
    let each = mutants() / 8 / Class::ALL.len() + 1;
    for class in Class::ALL {
        let seed = 20_140_901 + class as u64;
        let rulings = one_by_one(seed, each, |_, story, random| class.made_of(&story.next[0], random));
        assert!(!rulings.contains_key("pass"), "{class:?}: {rulings:?}");
    }
}

#[test]
fn a_bad_change_takes_no_good_one_of_its_batch_with_it() {
    let stories = stories();
    let mut random = ChaCha8Rng::seed_from_u64(20_150_901);
    let (mut sent, mut good_beside_bad) = (0, 0);
    while sent < mutants() / 8 {
        let story = stories.choose(&mut random).unwrap();
        let good = &story.next[..random.random_range(1..=story.next.len().min(4))];
        // A mutant before or behind each good change; some come twice.
        let mut batch: Vec<(Vec<u8>, bool)> = Vec::new();
        for change in good {
            let mutant = if random.random_bool(0.5) {
                Class::ALL.choose(&mut random).and_then(|class| class.made_of(change, &mut random))
            } else {
                at_random(sent, story, &mut random)
            };
            batch.push((change.clone(), true));
            if let Some(mutant) = mutant {
                let at = random.random_range(0..=batch.len());
                batch.insert(at, (mutant.clone(), false));
                if random.random_bool(0.2) {
                    batch.push((mutant, false));
                }
            }
        }
        sent += batch.iter().filter(|(_, good)| !good).count();
        let what = format!("after {sent} mutants");
        let chunks: Vec<&[u8]> = batch.iter().map(|(bytes, _)| bytes.as_slice()).collect();
        let mut document = story.present.clone();
        let rulings = judged(&mut document, &chunks, &what);
        // Judged again without what did not pass: nothing else may be ruled differently for it.
        let passed = |ruling: &Ruling| matches!(ruling, Ruling::Pass(_));
        let kept: Vec<usize> = (0..batch.len()).filter(|&at| batch[at].1 || passed(&rulings[at])).collect();
        let alone: Vec<&[u8]> = kept.iter().map(|&at| chunks[at]).collect();
        let mut other = story.present.clone();
        let without = judged(&mut other, &alone, &what);
        for (ruling, &at) in without.iter().zip(&kept) {
            assert_eq!(*ruling, rulings[at], "{what}: change {at} of the batch");
        }
        if (0..batch.len()).all(|at| batch[at].1 || !passed(&rulings[at])) {
            for (at, (_, good)) in batch.iter().enumerate() {
                // A copy that is good may have come first, as one that was sent twice.
                let fine = passed(&rulings[at]) || matches!(rulings[at], Ruling::Have(_));
                assert!(!good || fine, "{what}: a good change was ruled {:?}", rulings[at]);
            }
            good_beside_bad += good.len();
        }
        let heads = |document: &Option<Document>| document.as_ref().map(Document::heads);
        assert_eq!(heads(&document), heads(&other), "{what}");
        if let Some(mut document) = document {
            assert!(lives(&mut document), "{what}");
        }
    }
    println!("{sent} mutants in batches; {good_beside_bad} good changes beside nothing but bad ones passed");
    assert!(good_beside_bad > sent / 4, "{good_beside_bad} of {sent}");
}
