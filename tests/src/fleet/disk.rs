//! A database as it lies on the disk, and as a process leaves it that dies in the middle of a write.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Bytes that are compared at a time.
const FRAME: usize = 512;

/// The files of a database at one moment.
pub(super) struct Disk {
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Disk {
    pub(super) fn read(database: &Path) -> Result<Self> {
        let log = log_of(database);
        Ok(Self {
            file: fs::read(database).context("there is no database to copy")?,
            log: if log.exists() { fs::read(log)? } else { Vec::new() },
        })
    }

    pub(super) fn write(&self, database: &Path) -> Result<()> {
        fs::write(database, &self.file)?;
        Ok(fs::write(log_of(database), &self.log)?)
    }

    /// What a process leaves that dies at one of its writes since `before`; and whether it died in the
    /// middle of them. Commits append to the write-ahead log, or begin it anew from its start; once
    /// pages went from there into the file itself, nothing is left to tear.
    pub(super) fn torn(before: &Self, after: Self, random: u64) -> (Self, bool) {
        if before.file != after.file || before.log == after.log {
            return (after, false);
        }
        let frames = before.log.chunks(FRAME).zip(after.log.chunks(FRAME));
        let same = FRAME * frames.take_while(|(old, new)| old == new).count();
        let written = after.log.len().saturating_sub(same).max(1);
        let cut = same + usize::try_from(random % written as u64).unwrap_or(0);
        let mut log = after.log[..cut.min(after.log.len())].to_vec();
        log.extend(before.log.iter().skip(cut));
        (Self { file: after.file, log }, true)
    }
}

fn log_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// Copies a database and its write-ahead log: what a killed process leaves behind.
pub(super) fn copy_database(from: &Path, to: &Path) -> Result<()> {
    Disk::read(from)?.write(to)
}
