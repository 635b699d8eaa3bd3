//! Trains the dictionary for small packs and writes it under its name:
//! `cargo run -p alongside-domain --release --example train_dictionary`.
//!
//! The samples are packs of generated work, the same in each run. Devices, names and sentences are
//! others than those that packs are measured on (`--example pack_table`).

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that may stop at anything odd")]

use std::{fs, path::Path};

use alongside_domain::{
    ids::GroupId,
    wire::{
        FeedEntry, PushedChange,
        pack::{Common, columns, dictionary},
    },
};

#[path = "../pack_corpus/corpus.rs"]
mod corpus;

use corpus::{Feed, Generator, TRAINING, Written};

/// Generated supporters; each gives some forty samples.
const SUPPORTERS: u64 = 120;

fn main() {
    let mut samples = Vec::new();
    for supporter in 0..SUPPORTERS {
        work_of(supporter, &mut samples);
    }
    let bytes: usize = samples.iter().map(Vec::len).sum();
    let trained = zstd::dict::from_samples(&samples, dictionary::MOST_BYTES).unwrap();
    let name = dictionary::name_of(&trained);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("small-packs-{name}.zdict"));
    fs::write(&path, &trained).unwrap();
    println!("{} samples of {bytes} bytes: {} bytes in {}", samples.len(), trained.len(), path.display());
}

fn work_of(supporter: u64, samples: &mut Vec<Vec<u8>>) {
    let mut generator = Generator::new(1_000_000 + supporter, TRAINING);
    let device = generator.device();
    let colleagues = [generator.device(), generator.device()];
    let begin = 1_412_000_000_000 + supporter as i64 * 321_654_987;
    let forms = [
        "contact",
        "case",
        "contact",
        "child",
        "ehc_event",
        "contact",
        "person",
        "goal",
        "contact",
        "family",
        "referral",
        "outcome_assessment",
        "ehc_episode",
    ];
    let mut lives = Vec::new();
    let mut written = Vec::new();
    for at in 0..26 {
        let group = GroupId(generator.device().actor.0);
        let writer = if at % 4 == 0 { colleagues[0] } else { device };
        let form = forms[at % forms.len()];
        let (live, first) = generator.create(form, group, writer, begin + at as i64 * 733_129);
        lives.push(live);
        written.push(first);
    }
    let feed = Feed::new(&written, 900 + supporter * 1_234);
    let common = Common { actor: Some(device.actor), feed: Some(&feed) };
    let edits: Vec<Written> = lives
        .iter_mut()
        .enumerate()
        .filter_map(|(at, live)| {
            let fields = 1 + at % 3 / 2;
            generator.edit_fields(live, device, begin + 95_000_000 + at as i64 * 312_277, fields)
        })
        .collect();
    let pushed = |written: &[Written]| written.iter().map(Written::pushed).collect::<Vec<PushedChange>>();
    for edit in &edits {
        samples.push(columns::body(&[edit.pushed()], &common, true));
    }
    for first in written.iter().step_by(3) {
        samples.push(columns::body(&[first.pushed()], &common, true));
    }
    samples.push(columns::body(&pushed(&edits[..10]), &common, true));
    samples.push(columns::body(&pushed(&edits), &common, false));
    samples.push(columns::body(&pushed(&written[..10]), &common, true));
    samples.push(columns::body(&pushed(&written), &common, false));
    let pulled: Vec<FeedEntry> = (1_000..).zip(&edits).map(|(seq, edit)| edit.entry(seq)).collect();
    samples.push(columns::body(&pulled[..5], &common, true));
    samples.push(columns::body(&pulled, &common, false));
}
