//! A server killed at any moment: what it acknowledged is there, and it starts again.
//!
//! `KILLS` says how often (20 by default), `SEED` when.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alongside_server::{config, store::Store, verify};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    handset::Handset,
    process::{Serving, add_person, code, spawn},
};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn assert_clean(store: &Path, context: &str) {
    let (programme, _) = config::read_programme(None).unwrap();
    let mut pages = store.as_os_str().to_owned();
    pages.push(".pages");
    let (pages, programme) = (Path::new(&pages), Arc::new(programme));
    let pages = verify::PagesOf { file: pages, programme: &programme };
    let report = verify::verify(store, Some(pages)).unwrap();
    assert_eq!(report.findings, [], "{context}");
}

/// Kills of one store before a new one is made, so that looking through all of it stays quick.
const KILLS_OF_A_STORE: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_killed_server_acknowledged_is_there() {
    let (kills, seed) = (setting("KILLS", 20), setting("SEED", 1));
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let (mut done, mut acknowledged, mut saves) = (0, 0, 0);
    while done < kills {
        let now = KILLS_OF_A_STORE.min(kills - done);
        let (first, all) = kill_one_store(done..done + now, seed, &mut chance).await;
        done += now;
        acknowledged += first;
        saves += all;
    }
    println!(
        "{kills} kills: {acknowledged} of {saves} saves were acknowledged before the last one, all there"
    );
    assert!(acknowledged > 0);
}

/// Two phones push while their server is killed again and again; gives how many saves were acknowledged
/// when it was killed for the last time, and how many there were.
async fn kill_one_store(rounds: std::ops::Range<u64>, seed: u64, chance: &mut ChaCha8Rng) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("alongside.db");
    let people = [add_person(&store, "Ann"), add_person(&store, "Bob")];
    let mut phones = Vec::new();
    {
        let server = Serving::start(&store);
        for (person, name) in people.iter().zip(["ann", "bob"]) {
            let phone = Handset::new(folder.path(), name);
            phone.enrol(&server.url, &code(&store, person)).await;
            phones.push(phone);
        }
    }
    let mut acknowledged = 0;
    for round in rounds {
        let mut server = Serving::start(&store);
        let stop = Arc::new(AtomicBool::new(false));
        let working: Vec<_> = phones
            .drain(..)
            .map(|phone| tokio::spawn(work(phone, round, server.url.clone(), Arc::clone(&stop))))
            .collect();
        // The moment is what is tried out.
        let moment = chance.random_range(0..300);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for phone in working {
            phones.push(phone.await.unwrap());
        }
        let context = format!("SEED={seed}, kill {round}, after {moment} ms");
        assert_clean(&store, &context);
        let open = Store::open(&store).unwrap();
        acknowledged = phones.iter().map(|phone| phone.acknowledged_are_in(&open)).sum();
    }
    let server = Serving::start(&store);
    for phone in &phones {
        phone.sync(&server.url).await;
    }
    drop(server);
    assert_clean(&store, "at the end");
    let saves = phones.iter().map(Handset::saves).sum();
    let open = Store::open(&store).unwrap();
    assert_eq!(phones.iter().map(|phone| phone.acknowledged_are_in(&open)).sum::<usize>(), saves);
    (acknowledged, saves)
}

/// Saves and syncs until told to stop.
async fn work(mut phone: Handset, round: u64, url: String, stop: Arc<AtomicBool>) -> Handset {
    phone.phone.sync().set_server(&url).unwrap();
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        phone.save(&format!("{round}.{number}"), number % 4 == 3);
        number += 1;
        if number.is_multiple_of(2) {
            phone.phone.sync().sync_once().await.unwrap();
        }
    }
    phone
}

#[test]
fn a_server_killed_while_it_starts_for_the_first_time_starts_again() {
    let (kills, seed) = (setting("KILLS", 20) / 2, setting("SEED", 1));
    let mut chance = ChaCha8Rng::seed_from_u64(seed ^ 0xF1);
    let mut without_file = 0;
    for round in 0..kills {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("alongside.db");
        let mut child = spawn(&store);
        // From when it has begun with its files: before that there is nothing to spoil.
        while std::fs::read_dir(folder.path()).unwrap().next().is_none() {
            assert!(child.try_wait().unwrap().is_none(), "the server ended before it began with its files");
            std::thread::yield_now();
        }
        let moment = Duration::from_micros(chance.random_range(0..120_000));
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        without_file += u32::from(!store.exists());
        let context = format!("SEED={seed}, kill {round}, after {moment:?}");
        drop(Serving::spawned(spawn(&store)).unwrap_or_else(|why| panic!("{context}: {why}")));
        assert_clean(&store, &context);
    }
    println!("{kills} first starts killed, {without_file} of them before there was a store");
}
