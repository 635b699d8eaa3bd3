//! Read-only files, cut files, full disks: clear words, and nothing acknowledged is missing.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use alongside_server::store::Store;

use crate::{
    handset::Handset,
    process::{Serving, add_person, bare, code, ran, run, serve},
};

/// A store with a person in it, closed.
fn small(folder: &Path) -> std::path::PathBuf {
    let store = folder.join("alongside.db");
    add_person(&store, "Ann");
    store
}

#[cfg(unix)]
mod unix {
    use std::os::unix::{fs::PermissionsExt as _, process::CommandExt as _};

    use super::*;

    const NOBODY: u32 = 65_534;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn is_root() -> bool {
        Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
    }

    /// As somebody who is bound by what a file allows.
    fn as_nobody(command: &mut Command) -> &mut Command {
        if is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
    }

    /// Whether that user can run the program at all, wherever it was built.
    fn nobody_can_run() -> bool {
        as_nobody(bare().arg("--version")).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    #[test]
    fn a_store_that_may_only_be_read_is_not_served() {
        if !nobody_can_run() {
            eprintln!("skipped: another user cannot run the program where it was built");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let store = small(folder.path());
        let before = std::fs::read(&store).unwrap();
        for folder_mode in [0o777, 0o555] {
            mode(&store, 0o444);
            mode(&folder.path().join("alongside.db.lock"), 0o444);
            mode(folder.path(), folder_mode);
            let said = ran(&as_nobody(&mut serve(&store)).output().unwrap());
            assert!(!said.ok, "{}", said.out);
            assert!(said.err.contains("this user may write there"), "{folder_mode:o}: {}", said.err);
            assert_eq!(std::fs::read(&store).unwrap(), before);
        }
        mode(folder.path(), 0o755);
    }
}

#[test]
fn a_store_that_was_cut_says_so_and_is_put_right_by_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let store = small(folder.path());
    let backup = folder.path().join("backup.db");
    assert!(run(&store, &["backup", backup.to_str().unwrap()]).ok);
    let whole = std::fs::read(&store).unwrap();
    for length in [0, 1_000, 4_096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&store, &whole[..length]).unwrap();
        let served = ran(&serve(&store).output().unwrap());
        assert!(!served.ok && served.err.contains("restore the last backup"), "{length}: {}", served.err);
        let verified = run(&store, &["verify", "--json"]);
        assert!(!verified.ok);
        assert_eq!(verified.json()["findings"][0]["kind"], "damaged", "{length}: {}", verified.out);
        let copied = run(&store, &["backup", folder.path().join("another.db").to_str().unwrap(), "--json"]);
        assert_eq!((copied.ok, &copied.json()["error"]), (false, &"damaged".into()), "{length}");
        assert_eq!(std::fs::read(&store).unwrap(), whole[..length], "left as it is");
    }
    assert!(run(&store, &["restore", backup.to_str().unwrap()]).ok);
    assert!(run(&store, &["verify"]).ok);
    assert!(run(&store, &["user", "list"]).out.contains("Ann"));
}

/// A disk of its own, small enough to fill; taken away when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount one.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(self.0.path()).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    };
    let phones = tempfile::tempdir().unwrap();
    let store = disk.0.path().join("alongside.db");
    let person = add_person(&store, "Ann");
    let mut server = Serving::start(&store);
    let mut phone = Handset::new(phones.path(), "ann");
    phone.enrol(&server.url, &code(&store, &person)).await;
    let mut waiting = 0;
    for number in 0..400 {
        phone.save(&format!("{number} {}", "a long text ".repeat(100)), false);
        waiting = phone.phone.sync().sync_once().await.unwrap().waiting;
        if waiting > 3 {
            break;
        }
    }
    assert!(waiting > 3, "the disk was full at last");
    // A backup does not fit either, says so, and leaves nothing.
    let copied = run(&store, &["backup", disk.0.path().join("backup.db").to_str().unwrap(), "--json"]);
    assert_eq!((copied.ok, &copied.json()["error"]), (false, &"disk_full".into()), "{}", copied.out);
    assert!(!disk.0.path().join("backup.db").exists());
    server.kill();
    // A start on a full disk says what to do, or serves what it has; the store is whole.
    if let Err(said) = Serving::spawned(crate::process::spawn(&store)) {
        assert!(said.contains("Free some space"), "{said}");
    }
    disk.grow();
    let acknowledged = phone.acknowledged_are_in(&Store::open(&store).unwrap());
    assert!(acknowledged > 0 && acknowledged < phone.saves());
    let server = Serving::start(&store);
    phone.start_again();
    phone.sync(&server.url).await;
    drop(server);
    assert_eq!(phone.acknowledged_are_in(&Store::open(&store).unwrap()), phone.saves());
    let verified = run(&store, &["verify", "--json"]);
    assert!(verified.ok, "{}", verified.out);
}
