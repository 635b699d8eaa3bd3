//! Attachments: files beside the database, named by their group and the BLAKE3 hash of their content.
//!
//! The store knows which are whole (`rows`); the bytes come in pieces, each durable before it is
//! acknowledged, into a file that gets its name only once the whole of it has the hash
//! (`receive`). One group's file is never another's: who may read it follows from the group, and an
//! erasure destroys files and not somebody else's reference.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alongside_domain::{
    ids::{DeviceId, GroupId},
    media::{BlobHash, BlobHasher},
};
use tokio::sync::{Semaphore, watch};

use crate::{
    config::Config,
    store::{StoreError, beside, open},
};

pub mod copies;
pub mod erase;
pub(crate) mod local;
pub(crate) mod receive;
pub(crate) mod rows;
pub(crate) mod serve;
pub mod tidy;

/// How long a phone that comes back waits for its own broken connection to be let go of.
const HANDOVER: Duration = Duration::from_secs(5);
/// Bytes read at once.
const BUFFER: usize = 64 << 10;
/// Most bytes of attachments of one group, of what the server itself puts there.
pub(crate) const MOST_GROUP_BYTES: u64 = 2 << 30;
/// Ending of a file that is not whole.
const UNFINISHED: &str = ".part";

/// The folder of a store's attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFolder(PathBuf);

impl BlobFolder {
    /// The folder beside this store.
    #[must_use]
    pub fn of(store: &Path) -> Self {
        Self(beside(store, ".blobs"))
    }

    /// This folder.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn group(&self, group: GroupId) -> PathBuf {
        self.0.join(group.to_string())
    }

    /// The file of a whole attachment.
    #[must_use]
    pub fn whole(&self, group: GroupId, hash: BlobHash) -> PathBuf {
        self.group(group).join(hash.to_string())
    }

    /// The file of an attachment that is on its way.
    #[must_use]
    pub fn part(&self, group: GroupId, hash: BlobHash) -> PathBuf {
        self.group(group).join(format!("{hash}{UNFINISHED}"))
    }

    /// Makes the folder of a group, which only its owner can look into, durably.
    pub(crate) fn make(&self, group: GroupId) -> Result<(), StoreError> {
        let path = self.group(group);
        if path.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        open::sync_folder(&path)?;
        open::sync_folder(&self.0)
    }

    /// The groups that have a folder here. What is no group's is none of ours.
    pub(crate) fn groups(&self) -> io::Result<Vec<GroupId>> {
        named(&self.0, |name| name.parse().ok())
    }

    /// The whole attachments of a group that have a file here.
    pub(crate) fn files(&self, group: GroupId) -> io::Result<Vec<BlobHash>> {
        named(&self.group(group), |name| name.parse().ok())
    }

    /// The attachments of a group that are on their way here.
    pub(crate) fn parts(&self, group: GroupId) -> io::Result<Vec<BlobHash>> {
        named(&self.group(group), |name| name.strip_suffix(UNFINISHED)?.parse().ok())
    }
}

fn named<T: Ord>(folder: &Path, read: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry?.file_name().to_str().and_then(&read));
    }
    found.sort_unstable();
    Ok(found)
}

/// The hash and length of a file's content; `None` where there is no file.
pub(crate) fn hash_of(file: &Path) -> io::Result<Option<(BlobHash, u64)>> {
    let mut file = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let (mut hasher, mut bytes, mut buffer) = (BlobHasher::default(), 0, vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Some((hasher.finish(), bytes))),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Deletes a file, where there is one.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a running server needs for attachments.
#[derive(Debug)]
pub struct Blobs {
    /// Where they are.
    pub folder: BlobFolder,
    /// Pieces being taken and files being opened at once. Apart from that of the other requests: no
    /// record waits for an attachment.
    pub(crate) gate: Arc<Semaphore>,
    under_way: Arc<Mutex<HashMap<Key, UnderWay>>>,
}

type Key = (GroupId, BlobHash);

#[derive(Debug)]
struct UnderWay {
    device: DeviceId,
    stop: watch::Sender<bool>,
}

impl Blobs {
    pub(crate) fn new(store: &Path, config: &Config) -> Self {
        Self {
            folder: BlobFolder::of(store),
            gate: Arc::new(Semaphore::new(config.attachments_at_once as usize)),
            under_way: Arc::default(),
        }
    }

    /// Takes the turn of writing this attachment; `None` where another phone has it. The same phone
    /// takes it over: its old connection is one that nobody is left on.
    pub(crate) async fn turn(&self, key: Key, device: DeviceId) -> Option<Turn> {
        loop {
            let mut ended = {
                let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
                match under_way.get(&key) {
                    None => {
                        let stop = watch::Sender::new(false);
                        let stopped = stop.subscribe();
                        under_way.insert(key, UnderWay { device, stop });
                        return Some(Turn { key, under_way: self.under_way.clone(), stopped });
                    }
                    Some(other) if other.device == device => {
                        other.stop.send_replace(true);
                        other.stop.subscribe()
                    }
                    Some(_) => return None,
                }
            };
            // Its sender goes with the turn.
            let gone = async { while ended.changed().await.is_ok() {} };
            tokio::time::timeout(HANDOVER, gone).await.ok()?;
        }
    }
}

/// The turn of one request to write one attachment.
#[derive(Debug)]
pub(crate) struct Turn {
    key: Key,
    under_way: Arc<Mutex<HashMap<Key, UnderWay>>>,
    /// Says `true` once the turn is wanted back.
    pub(crate) stopped: watch::Receiver<bool>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
