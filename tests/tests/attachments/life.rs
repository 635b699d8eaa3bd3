//! From being taken to being erased.

use std::{collections::BTreeSet, fs};

use alongside_core::{
    ApiError,
    error::Thing,
    media::{AttachmentState, AttachmentWait, UNNAMED_MS},
};
use alongside_domain::time::Millis;
use alongside_server::{
    backup,
    blobs::tidy,
    erase,
    ingest::LocalWrite,
    verify::{self, Finding},
};

use crate::lab::{MORNING, World, attach, content, files, name, open_case, sync, taking};

const DAY: i64 = 86_400_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_before_its_save_and_goes_when_nothing_comes_to_name_it() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    sync(&ann).await;
    let folder = world.path("Ann").join("media");
    let file = world.file("photo.jpg", b"a small photo of a letter");
    let media = ann.media().take(&taking(case, &file)).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(ann.media().send_now().await.unwrap().requests, 0, "nothing names it, so it is not sent");
    assert!(files(&folder).values().all(|sealed| !sealed.windows(5).any(|part| part == b"photo")));
    let names: BTreeSet<String> = files(&folder).into_keys().map(|path| path.display().to_string()).collect();
    assert!(names.iter().all(|name| !name.contains(&media.hash().to_string()[..16])));

    // The app is killed before the save: it is still there, and the save goes on.
    let ann = world.restarted(ann, "Ann");
    name(&ann, case, &media);
    let other = ann.media().take(&taking(case, &world.file("other", b"never saved"))).unwrap();
    world.wait(UNNAMED_MS + DAY);
    let ann = world.restarted(ann, "Ann");
    assert_eq!(files(&folder).len(), 1, "what no save named is gone");
    let at = |media| alongside_core::media::AttachmentId::of(case, media);
    assert_eq!(world.opened(&ann, at(&media)), b"a small photo of a letter");
    assert!(matches!(ann.media().read(at(&other), 0, 1), Err(ApiError::NotFound(Thing::Attachment))));
    assert_eq!(ann.media().read(at(&media), 2, 5).unwrap(), b"small");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_attached_is_told_and_leaves_nothing() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    let code = |request| match ann.media().take(&request) {
        Err(ApiError::Invalid(problems)) => (problems[0].field.clone(), problems[0].code),
        other => panic!("{other:?}"),
    };
    let good = taking(case, &world.file("photo.jpg", b"photo"));
    let large = world.path("large");
    fs::File::create(&large).unwrap().set_len((100 << 20) + 1).unwrap();
    assert_eq!(code(taking(case, &large)), ("path".to_owned(), "too_large"));
    assert_eq!(code(taking(case, &world.file("empty", b""))), ("path".to_owned(), "empty"));
    assert_eq!(code(taking(case, &world.path("nowhere"))), ("path".to_owned(), "not_readable"));
    let mut bad = good.clone();
    bad.media_type = "photo".to_owned();
    assert_eq!(code(bad), ("media_type".to_owned(), "bad_media_type"));
    let mut bad = good.clone();
    bad.scope = "a photo".to_owned();
    assert_eq!(code(bad), ("scope".to_owned(), "bad_scope"));
    let mut bad = good.clone();
    bad.group = alongside_domain::ids::GroupId([9; 16]);
    assert!(matches!(ann.media().take(&bad), Err(ApiError::NotFound(Thing::Group))));
    assert_eq!(files(&world.path("Ann").join("media")).len(), 0);

    // A reference of a file that nobody attached is no answer.
    let media = ann.media().take(&good).unwrap();
    let unknown = alongside_domain::media::MediaRef::new(
        alongside_domain::media::BlobHash([1; 32]),
        media.bytes(),
        "image/jpeg",
        "PHOTO",
    );
    for (answer, expected) in
        [(unknown.unwrap().to_string(), "unknown_attachment"), ("photo.jpg".to_owned(), "not_an_attachment")]
    {
        let answers = crate::lab::answers(&[(crate::lab::FIELD, &answer)]);
        let request = alongside_core::SaveRequest {
            record: None,
            group: case,
            form: "ehc_event".to_owned(),
            answers,
            reason: None,
            token: None,
        };
        match ann.records().save(request) {
            Err(ApiError::Invalid(problems)) => assert_eq!(problems[0].code, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_group_leaves_no_file_and_no_key_anywhere() {
    let world = World::new().await;
    let (ann, bob) = (world.phone("Ann").await, world.phone("Bob").await);
    let case = open_case(&ann);
    let photo = content(200_000, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    sync(&ann).await;
    world.send_all(&ann).await;
    // One more that is not sent, and stays unsent for good.
    attach(&ann, case, &world.file("second.jpg", &content(1_000, 2)));
    world.grant(bob.sync().person().unwrap(), case).await;
    sync(&bob).await;
    world.fetch(&bob, at).await;

    let store = world.store().clone();
    let erased = tokio::task::spawn_blocking(move || erase::erase(&store, MORNING, case, "request"));
    let (destroyed, _) = erased.await.unwrap().unwrap();
    assert_eq!(destroyed.attachments, 1);
    assert_eq!(files(world.blobs().path()).len(), 0);
    let report = verify::verify(world.store().path(), None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);

    for (phone, name) in [(ann, "Ann"), (bob, "Bob")] {
        sync(&phone).await;
        let folder = world.path(name).join("media");
        assert_eq!(files(&folder).len(), 0, "{name}");
        assert!(matches!(phone.media().read(at, 0, 1), Err(ApiError::NotFound(_))), "{name}");
        assert!(matches!(phone.media().fetch(at).await, Err(ApiError::NotFound(_))), "{name}");
        assert_eq!(phone.media().send_now().await.unwrap().requests, 0, "{name}");
        assert_eq!(phone.observed().unwrap().attachments, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_access_ends_what_was_not_sent_goes_first() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    sync(&ann).await;
    let photo = content(200_000, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    let person = ann.sync().person().unwrap();
    world.write(LocalWrite::Withdraw { person, group: case }).await;
    sync(&ann).await;
    assert_eq!(ann.media().waiting().unwrap().len(), 1, "the group stays for the sake of the file");
    world.send_all(&ann).await;
    assert_eq!(fs::read(world.blobs().whole(case, at.hash)).unwrap(), photo);
    sync(&ann).await;
    assert_eq!(files(&world.path("Ann").join("media")).len(), 0, "then it goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_make_room_and_what_is_not_safe_stays() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    let (sent, other) = (content(50_000, 1), content(60_000, 2));
    let (record, at, _) = attach(&ann, case, &world.file("1", &sent));
    sync(&ann).await;
    world.send_all(&ann).await;
    let (_, unsent, _) = attach(&ann, case, &world.file("2", &other));
    let unnamed = ann.media().take(&taking(case, &world.file("3", b"not saved yet"))).unwrap();
    assert_eq!(ann.media().make_room(u64::MAX).unwrap(), 50_000);
    assert_eq!(ann.media().of_record(record).unwrap()[0].state, AttachmentState::NotHere);
    assert_eq!(world.opened(&ann, unsent), other);
    name(&ann, case, &unnamed);
    world.fetch(&ann, at).await;
    assert_eq!(world.opened(&ann, at), sent);
    let before = ann.dump_read_model().unwrap();
    assert!(before.contains("media|"));
    ann.rebuild_read_model().unwrap();
    assert_eq!(ann.dump_read_model().unwrap(), before);
    assert_eq!(world.opened(&ann, unsent), other, "a rebuild leaves files alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_names_is_kept_for_a_while_and_what_waits_for_a_coordinator_for_as_long_as_it_waits() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    sync(&ann).await;
    // Its record is not sent, so nothing at the server names it.
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &content(50_000, 1)));
    world.send_all(&ann).await;
    let tidy_at = |days: i64| {
        let (store, now) = (world.store().clone(), Millis(MORNING.0 + days * DAY));
        tokio::task::spawn_blocking(move || tidy::tidy(&store, now, 30 * DAY).unwrap())
    };
    assert_eq!(tidy_at(29).await.unwrap().unnamed, 0);
    assert!(world.blobs().whole(case, at.hash).exists());
    assert_eq!(ann.media().make_room(u64::MAX).unwrap(), 0, "the phone keeps it: it is not safe there");
    assert_eq!(tidy_at(31).await.unwrap().unnamed, 1);
    assert!(!world.blobs().whole(case, at.hash).exists());

    // A named one stays.
    sync(&ann).await;
    let (_, named, _) = attach(&ann, case, &world.file("second.jpg", &content(60_000, 2)));
    sync(&ann).await;
    world.send_all(&ann).await;
    assert_eq!(tidy_at(4_000).await.unwrap(), tidy::Tidied::default());
    assert!(world.blobs().whole(case, named.hash).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_and_restore_carry_attachments_and_phones_send_what_the_backup_lacks() {
    let mut world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    let (first, second) = (content(80_000, 1), content(90_000, 2));
    let (_, early, _) = attach(&ann, case, &world.file("1", &first));
    sync(&ann).await;
    world.send_all(&ann).await;
    let store = world.store().path().to_owned();
    let to = world.path("monday.db");
    let made = backup::backup(&store, &to).unwrap();
    assert_eq!((made.attachments.attachments, made.attachments.missing), (1, 0));
    assert_eq!(files(&world.path("monday.db.blobs")).len(), 1);
    assert!(verify::verify(&to, None).unwrap().is_clean());

    let (_, late, _) = attach(&ann, case, &world.file("2", &second));
    sync(&ann).await;
    world.send_all(&ann).await;
    world.stop().await;
    // The disk is gone with everything but the backup and the journal.
    fs::remove_dir_all(world.blobs().path()).unwrap();
    let pages = world.path("server.db.pages");
    let restored = backup::restore(&to, &store, &pages, MORNING).unwrap();
    assert_eq!((restored.attachments.attachments, restored.attachments.missing), (1, 0));
    world.start().await;
    ann.sync().set_server(&world.url()).unwrap();
    sync(&ann).await;
    assert_eq!(world.send_all(&ann).await.sent, 2, "one is there already, one is sent again");
    assert_eq!(fs::read(world.blobs().whole(case, early.hash)).unwrap(), first);
    assert_eq!(fs::read(world.blobs().whole(case, late.hash)).unwrap(), second);
    let report = verify::verify(&store, None).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.attachments, report.attachments_awaited), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_flips_at_rest_is_found_out_on_both_sides() {
    let mut world = World::new().await;
    let (ann, bob) = (world.phone("Ann").await, world.phone("Bob").await);
    let case = open_case(&ann);
    let photo = content(100_000, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    sync(&ann).await;
    world.send_all(&ann).await;
    world.grant(bob.sync().person().unwrap(), case).await;
    sync(&bob).await;
    let store = world.store().path().to_owned();
    backup::backup(&store, &world.path("good.db")).unwrap();

    // At the server: verify says so, no phone takes it, a backup of the records is made all the same.
    let whole = world.blobs().whole(case, at.hash);
    let flip = |file: &std::path::Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    flip(&whole);
    let findings = verify::verify(&store, None).unwrap().findings;
    assert_eq!(findings, [Finding::AttachmentAltered { group: case, hash: at.hash }]);
    assert_eq!(bob.media().fetch(at).await.unwrap(), Some(AttachmentWait::DamagedOnTheWay));
    let made = backup::backup(&store, &world.path("bad.db")).unwrap();
    assert_eq!((made.attachments.attachments, made.attachments.missing), (0, 1));
    world.stop().await;
    let restored =
        backup::restore(&world.path("good.db"), &store, &world.path("server.db.pages"), MORNING).unwrap();
    assert_eq!(restored.attachments.attachments, 1);
    world.start().await;
    assert_eq!(fs::read(&whole).unwrap(), photo);
    fs::remove_file(&whole).unwrap();
    let findings = verify::verify(&store, None).unwrap().findings;
    assert_eq!(findings, [Finding::AttachmentMissing { group: case, hash: at.hash }]);
    fs::write(&whole, &photo).unwrap();

    // On a phone: a copy is fetched again; what is nowhere else is told, and left as it is.
    for phone in [&ann, &bob] {
        phone.sync().set_server(&world.url()).unwrap();
    }
    world.wait(3_600_000);
    world.fetch(&bob, at).await;
    let (copy, _) = files(&world.path("Bob").join("media")).pop_first().unwrap();
    flip(&copy);
    let opened = world.path("opened");
    assert!(matches!(bob.media().open_to(at, &opened), Err(ApiError::NotFound(Thing::Attachment))));
    assert!(!opened.exists() && !world.path("opened.part").exists(), "nothing in clear is left");
    world.fetch(&bob, at).await;
    assert_eq!(world.opened(&bob, at), photo);

    let kept: BTreeSet<_> = files(&world.path("Ann").join("media")).into_keys().collect();
    let (record, unsent, _) = attach(&ann, case, &world.file("second.jpg", &content(50_000, 2)));
    let (file, _) =
        files(&world.path("Ann").join("media")).into_iter().find(|(path, _)| !kept.contains(path)).unwrap();
    flip(&file);
    assert!(ann.media().open_to(unsent, &opened).is_err());
    let lost = AttachmentState::Waiting { there: 0, waits_for: AttachmentWait::Lost, stopped: true };
    assert_eq!(ann.media().of_record(record).unwrap()[0].state, lost);
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_moved_record_names_comes_along_and_is_fetched_there() {
    let world = World::new().await;
    let (ann, bea) = (world.phone("Ann").await, world.phone("Bea").await);
    let (wrong, right) = (open_case(&ann), open_case(&ann));
    let (old, at, media) = attach(&ann, wrong, &world.file("photo.jpg", b"a small photo of a letter"));
    sync(&ann).await;
    world.send_all(&ann).await;
    let folder = world.path("Ann").join("media");
    assert_eq!(files(&folder).len(), 1);

    let request = |record, group| alongside_core::MoveRequest { record, group, reason: None, token: None };
    ann.records().move_record(request(old, right)).unwrap();
    let there = alongside_core::media::AttachmentId::of(right, &media);
    assert_eq!(files(&folder).len(), 2, "one file with two names, each of which goes by itself");
    assert_eq!(world.opened(&ann, there), b"a small photo of a letter");
    sync(&ann).await;
    world.send_all(&ann).await;
    world.grant(bea.sync().person().unwrap(), right).await;
    sync(&bea).await;
    world.fetch(&bea, there).await;
    assert_eq!(world.opened(&bea, there), b"a small photo of a letter");
    assert_eq!(world.opened(&ann, at), b"a small photo of a letter", "and where it was");

    // What is not on the phone is fetched before it can be moved on.
    let third = open_case(&ann);
    sync(&ann).await;
    let cyd = world.phone("Cyd").await;
    let cyd_person = cyd.sync().person().unwrap();
    world.grant(cyd_person, right).await;
    world.grant(cyd_person, third).await;
    sync(&cyd).await;
    let moved = ann.records().record(old).unwrap().view.moved_to().unwrap();
    let refused = cyd.records().move_record(request(moved, third)).unwrap_err();
    let ApiError::Invalid(problems) = refused else { panic!("{refused:?}") };
    assert_eq!(problems[0].code, "unknown_attachment");
}
