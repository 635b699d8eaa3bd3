//! The fleet: many stories of phones, a server and a bad line between them, each from one seed.
//!
//! `FLEET_SEEDS=200` plays the first 200, `FLEET_SEED=17` plays one and tells its story in the end,
//! `FLEET_FIRST=1000` begins elsewhere, so that many thousands are played in ranges.

#![expect(clippy::print_stdout, reason = "figures and failing seeds are told as they come")]

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use alongside_tests::fleet::{self, Excluded, Failed, Mutant, Told};

/// Stories told where nothing else is asked for.
const SEEDS: u64 = 24;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Plays these seeds on all processors.
fn play(seeds: std::ops::Range<u64>) -> (Vec<Told>, Vec<Failed>) {
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = (Vec::new(), Vec::new());
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return done;
                        }
                        match fleet::run(seed) {
                            Ok(told) => done.0.push(told),
                            Err(failed) => {
                                println!("seed {seed}: {}", failed.why.lines().next().unwrap_or_default());
                                done.1.push(failed);
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            let (told, failed) = worker.join().expect("a story's panic is caught in it");
            done.0.extend(told);
            done.1.extend(failed);
        }
    });
    done.1.sort_by_key(|failed| failed.story.len());
    done
}

#[test]
fn nothing_is_lost_whatever_happens() {
    if let Some(seed) = asked("FLEET_SEED") {
        match fleet::run(seed) {
            Ok(told) => println!("{told:?}"),
            Err(failed) => panic!("{failed}"),
        }
        return;
    }
    let first = asked("FLEET_FIRST").unwrap_or(0);
    let seeds = asked("FLEET_SEEDS").unwrap_or(SEEDS);
    let (told, failed) = play(first..first + seeds);
    let mut faults: BTreeMap<&str, u32> = BTreeMap::new();
    let mut excluded: BTreeMap<Excluded, u32> = BTreeMap::new();
    for one in &told {
        one.faults.iter().for_each(|(name, times)| *faults.entry(name).or_default() += times);
        one.excluded.iter().for_each(|(reason, times)| *excluded.entry(*reason).or_default() += times);
    }
    let sum = |of: fn(&Told) -> u32| told.iter().map(of).sum::<u32>();
    println!("{} stories held, {} failed", told.len(), failed.len());
    println!("saved {}, looked for {}, requests {}", sum(|t| t.saved), sum(|t| t.found), sum(|t| t.requests));
    println!("faults: {faults:?}\nleft out: {excluded:?}");
    if let Some(shortest) = failed.first() {
        let all: Vec<u64> = failed.iter().map(|failed| failed.seed).collect();
        panic!("{} of {seeds} stories failed: {all:?}\n{shortest}", failed.len());
    }
}

/// Stories that once found something: entries set aside under a number from before a restore (216, 1206), the
/// same counted twice (2272), a change sent for ever in turn with one that waits for a coordinator (1160), what
/// waits for a decision after access was given again (548, 1525), what only a lost or revoked phone had (931,
/// 1620, 1810), an erasure while the server's disk was full (935), a revoked phone that is asked for rows (3180),
/// an own change that is relayed while it waits to be sent (4254), the same entries in the same order after a
/// restore, received later (4272).
const REMEMBERED: [u64; 15] =
    [216, 548, 931, 935, 1160, 1206, 1525, 1620, 1810, 2272, 3180, 4254, 4272, 7456, 8174];

#[test]
fn stories_that_found_something_hold() {
    if asked("FLEET_SEED").is_some() || asked("FLEET_SEEDS").is_some() {
        return;
    }
    for seed in REMEMBERED {
        if let Err(failed) = fleet::run(seed) {
            panic!("{failed}");
        }
    }
}

/// Seeds in which a deliberate defect has to be noticed.
const MUTANT_SEEDS: u64 = 48;

#[test]
fn every_deliberate_defect_is_noticed() {
    if asked("FLEET_SEED").is_some() || asked("FLEET_SEEDS").is_some() {
        return;
    }
    for mutant in Mutant::ALL {
        let noticed = (0..MUTANT_SEEDS).find_map(|seed| fleet::run_with(seed, Some(mutant)).err());
        let failed = noticed.unwrap_or_else(|| panic!("{mutant:?} goes unnoticed"));
        println!("{mutant:?} in seed {}: {}", failed.seed, failed.why.lines().next().unwrap_or_default());
    }
}
