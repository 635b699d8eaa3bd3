use std::{collections::BTreeSet, fs, io, path::Path};

use alongside_domain::media::BlobHash;

use super::*;

fn taken(vault: &Vault, source: &Path) -> Written {
    let keep = |written: &Written| {
        Ok::<_, io::Error>(Written {
            file: written.file,
            key: written.key.clone(),
            hash: written.hash,
            bytes: written.bytes,
        })
    };
    vault.take(source, 1 << 20, keep).unwrap().unwrap()
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

#[test]
fn what_is_taken_is_read_back_whole_and_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, source) = (Vault::new(folder.path(), [1; 32]), folder.path().join("source"));
    for bytes in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 100_000] {
        let content = content(bytes);
        fs::write(&source, &content).unwrap();
        let written = taken(&vault, &source);
        assert_eq!((written.hash, written.bytes), (BlobHash::of(&content), bytes as u64));
        assert!(vault.is_there(&written.file, bytes as u64));
        let mut read = Vec::new();
        let said = vault
            .read_all(&written.file, &written.key, |piece| {
                read.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        assert_eq!(said, Some((written.hash, written.bytes)));
        assert_eq!(read, content);
        for from in [0, 1, bytes / 2, bytes - 1] {
            for most in [1, PIECE, 2 * PIECE + 5] {
                let part = vault.read(&written.file, &written.key, from as u64, most).unwrap().unwrap();
                assert_eq!(part, content[from..(from + most).min(bytes)], "{bytes} bytes from {from}");
            }
        }
        let sealed = fs::read(vault.path(&written.file)).unwrap();
        let run = &content[..bytes.min(16)];
        assert!(bytes < 16 || !sealed.windows(run.len()).any(|window| window == run), "nothing is in clear");
    }
}

#[test]
fn a_flipped_byte_and_a_cut_file_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, source) = (Vault::new(folder.path(), [1; 32]), folder.path().join("source"));
    fs::write(&source, content(2 * PIECE)).unwrap();
    let written = taken(&vault, &source);
    let path = vault.path(&written.file);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[SEALED + 100] ^= 1;
    fs::write(&path, &bad).unwrap();
    assert!(vault.read_all(&written.file, &written.key, |_| Ok(())).unwrap().is_none());
    assert!(vault.read(&written.file, &written.key, 0, PIECE).unwrap().is_some(), "the first piece is sound");
    assert!(vault.read(&written.file, &written.key, PIECE as u64, 1).unwrap().is_none());
    // Whole pieces that are missing show in the length, which the database knows.
    fs::write(&path, &good[..SEALED]).unwrap();
    assert!(!vault.is_there(&written.file, written.bytes));
    let read = vault.read_all(&written.file, &written.key, |_| Ok(())).unwrap().unwrap();
    assert_ne!(read, (written.hash, written.bytes));
}

#[test]
fn a_file_that_cannot_be_placed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, source) = (Vault::new(folder.path(), [1; 32]), folder.path().join("source"));
    fs::write(&source, content(50_000)).unwrap();
    let refused = vault.take(&source, 1 << 20, |_| Err::<(), _>("no")).unwrap();
    assert_eq!(refused, Err("no"));
    assert!(matches!(vault.take(&source, 49_999, |_| Ok::<_, ()>(())), Err(TakeError::TooLarge)));
    fs::write(&source, b"").unwrap();
    assert!(matches!(vault.take(&source, 1, |_| Ok::<_, ()>(())), Err(TakeError::Empty)));
    assert!(matches!(vault.take(folder.path(), 1, |_| Ok::<_, ()>(())), Err(TakeError::Source(_))));
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(vault.take(&nowhere, 1, |_| Ok::<_, ()>(())), Err(TakeError::Source(_))));
    assert_eq!(fs::read_dir(folder.path().join("media")).unwrap().count(), 0);
}

#[test]
fn clearing_out_leaves_what_has_a_row_and_what_is_being_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, source) = (Vault::new(folder.path(), [1; 32]), folder.path().join("source"));
    fs::write(&source, content(10)).unwrap();
    let (kept, gone) = (taken(&vault, &source), taken(&vault, &source));
    let being_taken = folder.path().join("media/new-1234");
    fs::write(&being_taken, b"half").unwrap();
    let clear = |unfinished| {
        vault.clear_out(unfinished, || Ok::<_, ()>(BTreeSet::from([kept.file]))).unwrap().unwrap();
    };
    clear(false);
    assert!(vault.is_there(&kept.file, 10) && !vault.path(&gone.file).exists() && being_taken.exists());
    clear(true);
    assert!(vault.is_there(&kept.file, 10) && !being_taken.exists());
}
