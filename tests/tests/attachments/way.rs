//! On the way, both ways.

use std::time::Duration;

use alongside_core::media::{AttachmentState, AttachmentWait};

use crate::{
    lab::{World, attach, content, files, name, open_case, sync, taking},
    line::{Line, Way},
};

const MANY: usize = 20 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_cross_a_line_that_drops_every_200_kb_both_ways() {
    let world = World::new().await;
    let (ann, bob) = (world.phone("Ann").await, world.phone("Bob").await);
    let case = open_case(&ann);
    let photo = content(MANY, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    sync(&ann).await;

    let line = Line::to(world.running().addr).await;
    line.carries(200_000);
    ann.sync().set_server(&line.url()).unwrap();
    let sent = world.send_all(&ann).await;
    assert_eq!(sent.sent, 1);
    let up = (line.cut(), line.passed(), sent.bytes_sent);
    assert!(up.0 >= 100, "the line dropped {} times", up.0);
    assert!(up.1 < MANY as u64 * 13 / 10, "{} bytes passed for {MANY}", up.1);
    assert_eq!(std::fs::read(world.blobs().whole(case, at.hash)).unwrap(), photo);
    assert!(!world.blobs().part(case, at.hash).exists());

    world.grant(bob.sync().person().unwrap(), case).await;
    sync(&bob).await;
    bob.sync().set_server(&line.url()).unwrap();
    let (cut, passed) = (line.cut(), line.passed());
    world.fetch(&bob, at).await;
    let down = (line.cut() - cut, line.passed() - passed);
    assert!(down.0 >= 100, "the line dropped {} times", down.0);
    assert!(down.1 < MANY as u64 * 13 / 10, "{} bytes passed for {MANY}", down.1);
    assert_eq!(world.opened(&bob, at), photo);
    println!(
        "20 MiB, 200 kB a connection: up {} connections cut, {} bytes passed; down {} and {}",
        up.0, up.1, down.0, down.1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_never_wait_for_attachments_and_the_outbox_says_what_waits_and_why() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    let (record, at, media) = attach(&ann, case, &world.file("photo.jpg", &content(100_000, 1)));
    let state = || ann.media().of_record(record).unwrap()[0].state;
    let waits = |waits_for| AttachmentState::Waiting { there: 0, waits_for, stopped: false };
    assert_eq!(state(), waits(AttachmentWait::Records), "its group is not at the server yet");
    assert_eq!(ann.observed().unwrap().attachments, 1);
    assert_eq!(ann.observed().unwrap().attachment_bytes, 100_000);

    sync(&ann).await;
    assert_eq!(state(), waits(AttachmentWait::Turn), "records are up to date, the file waits");
    ann.sync().set_server("http://127.0.0.1:9").unwrap();
    let outcome = ann.media().send_once().await.unwrap();
    assert_eq!((outcome.sent, outcome.waiting), (0, 1));
    assert!(outcome.next.unwrap() > alongside_core::clock::Clock::now(&*world.clock));
    assert_eq!(state(), waits(AttachmentWait::Network));
    assert_eq!(ann.media().send_once().await.unwrap().requests, 0, "its turn has not come");
    let waiting = ann.records().outbox().unwrap();
    assert_eq!((waiting.count, waiting.attachments.len()), (0, 1));
    let line = &waiting.attachments[0];
    assert_eq!((line.id, line.record, line.bytes), (at, Some(record), 100_000));
    assert_eq!(line.reference.as_deref(), Some(media.to_string().as_str()));

    ann.sync().set_server(&world.url()).unwrap();
    assert_eq!(ann.media().send_now().await.unwrap().sent, 1, "somebody who asks ends the wait");
    assert_eq!(state(), AttachmentState::Here);
    assert_eq!(ann.observed().unwrap().attachments, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_sends_by_itself_what_is_saved() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    ann.sync().keep_syncing();
    ann.media().keep_sending();
    let case = open_case(&ann);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &content(300_000, 1)));
    let whole = world.blobs().whole(case, at.hash);
    for _ in 0..600 {
        if whole.exists() && ann.observed().unwrap().attachments == 0 {
            return;
        }
        // A wait that the phone was given is over before it knows.
        world.wait(1_000);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", ann.media().waiting());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_flips_on_the_way_is_found_out_and_sent_again() {
    let world = World::new().await;
    let (ann, bob) = (world.phone("Ann").await, world.phone("Bob").await);
    let case = open_case(&ann);
    let photo = content(1 << 20, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    sync(&ann).await;
    let line = Line::to(world.running().addr).await;
    ann.sync().set_server(&line.url()).unwrap();
    line.flip(Way::Up, 500_000);
    let outcome = ann.media().send_once().await.unwrap();
    assert!(line.is_flipped(Way::Up));
    assert_eq!(outcome.sent, 1, "at once, from the beginning");
    assert!(outcome.bytes_sent >= 2 * photo.len() as u64, "{outcome:?}");
    assert_eq!(std::fs::read(world.blobs().whole(case, at.hash)).unwrap(), photo);

    world.grant(bob.sync().person().unwrap(), case).await;
    sync(&bob).await;
    bob.sync().set_server(&line.url()).unwrap();
    line.flip(Way::Down, 500_000);
    let before = line.passed();
    assert_eq!(bob.media().fetch(at).await.unwrap(), None);
    assert!(line.is_flipped(Way::Down));
    assert!(line.passed() - before >= 2 * photo.len() as u64);
    assert_eq!(world.opened(&bob, at), photo);
    assert_eq!(files(&world.path("Bob").join("media")).len(), 1, "what was damaged is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_phones_send_the_same_file_and_both_are_done() {
    let world = World::new().await;
    let (ann, bob) = (world.phone("Ann").await, world.phone("Bob").await);
    let case = open_case(&ann);
    sync(&ann).await;
    world.grant(bob.sync().person().unwrap(), case).await;
    sync(&bob).await;
    let photo = content(3 << 20, 1);
    let file = world.file("photo.jpg", &photo);
    let (_, at, _) = attach(&ann, case, &file);
    let again = ann.media().take(&taking(case, &file)).unwrap();
    assert_eq!(files(&world.path("Ann").join("media")).len(), 1, "the same file is kept once");
    name(&ann, case, &again);
    attach(&bob, case, &file);
    sync(&ann).await;
    sync(&bob).await;
    let (ann_media, bob_media) = (ann.media(), bob.media());
    let (a, b) = tokio::join!(ann_media.send_once(), bob_media.send_once());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.sent + b.sent >= 1, "{a:?} {b:?}");
    for phone in [&ann, &bob] {
        world.wait(3_600_000);
        world.send_all(phone).await;
    }
    assert_eq!(std::fs::read(world.blobs().whole(case, at.hash)).unwrap(), photo);
    assert_eq!(files(world.blobs().path()).len(), 1);
}
