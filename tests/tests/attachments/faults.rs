//! A full disk, on either side: a small file system of its own, where this user may mount one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use alongside_core::{
    ApiError,
    media::{AttachmentState, AttachmentWait},
};

use crate::lab::{World, attach, content, files, open_case, sync, taking};

/// A file system of this size; gone with this.
struct Small(PathBuf);

impl Small {
    /// `None` where this user may not mount one; says so.
    fn mount(at: &Path, kilobytes: u32) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|mount| mount.status.success());
        if !mounted {
            println!("skipped: this user may not mount a file system");
        }
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_on_the_phone_is_told_and_copies_make_room() {
    let world = World::new().await;
    let dir = world.path("Ann");
    let Some(_small) = Small::mount(&dir, 6_000) else { return };
    let ann = world.phone_in("Ann", dir.clone()).await;
    let case = open_case(&ann);
    sync(&ann).await;
    let photo = content(1_500_000, 1);
    let (_, at, _) = attach(&ann, case, &world.file("1", &photo));
    let before = files(&dir.join("media")).len();
    let much = world.file("2", &content(8_000_000, 2));
    assert!(matches!(ann.media().take(&taking(case, &much)), Err(ApiError::StorageFull)));
    assert_eq!(files(&dir.join("media")).len(), before, "nothing half taken is left");
    assert_eq!(world.opened(&ann, at), photo, "what is not safe at the server is not given up for it");

    sync(&ann).await;
    world.send_all(&ann).await;
    let next = content(2_500_000, 3);
    let mut taken = 0;
    // Each takes the room of the one before, which is safe by then.
    for number in 0..3 {
        let file = world.file("3", &[&next[..], &[number]].concat());
        let (_, latest, _) = attach(&ann, case, &file);
        sync(&ann).await;
        world.send_all(&ann).await;
        assert!(world.blobs().whole(case, latest.hash).exists());
        taken += 1;
    }
    assert_eq!(taken, 3);
    assert!(files(&dir.join("media")).len() < 4, "copies made room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_the_server_is_waited_out_and_records_go_on() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    sync(&ann).await;
    let Some(small) = Small::mount(&world.blobs().path().join(case.to_string()), 1_000) else { return };
    let photo = content(3_000_000, 1);
    let (record, at, _) = attach(&ann, case, &world.file("1", &photo));
    let outcome = ann.media().send_once().await.unwrap();
    assert_eq!((outcome.sent, outcome.waiting), (0, 1));
    let state = ann.media().of_record(record).unwrap()[0].state;
    let AttachmentState::Waiting { waits_for: AttachmentWait::BusyServer, stopped: false, .. } = state else {
        panic!("{state:?}")
    };
    let next = outcome.next.unwrap().0 - alongside_core::clock::Clock::now(&*world.clock).0;
    assert!((60_000..=66_000).contains(&next), "as long as the server asked: {next} ms");
    sync(&ann).await;
    assert!(!world.blobs().whole(case, at.hash).exists());

    drop(small);
    fs::create_dir_all(world.blobs().path().join(case.to_string())).unwrap();
    world.send_all(&ann).await;
    assert_eq!(fs::read(world.blobs().whole(case, at.hash)).unwrap(), photo);
}
