//! The journal's file: a line that names it, then records, each chained to the one before.
//!
//! A record is: length of its body (4 bytes, little endian), 4 bytes that prove the length, the body
//! (CBOR: the entries of one transaction), and the chain up to and with it (32 bytes). A record that was
//! not written to its end was never acknowledged and is cut off; one that is whole and not what it was,
//! or is followed by others, is damage that nobody may pass over.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{
    super::{StoreError, open},
    Entry,
};

/// The first bytes of the file.
const NAME: &[u8] = b"alongside control journal 1\n";
const HEAD: usize = 8;
const CHAIN: usize = 32;
/// Longest body: far more than a transaction ever writes.
const LONGEST: u32 = 256 << 20;

/// A place in the journal, between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Length of the file up to here.
    pub(crate) bytes: u64,
    /// Chain of the records up to here.
    pub(crate) chain: [u8; 32],
}

impl Place {
    /// Before the first record.
    pub(crate) const START: Self = Self { bytes: NAME.len() as u64, chain: [0; 32] };
}

/// What was read.
pub(crate) struct ReadOn {
    /// The entries of every whole record.
    pub(crate) entries: Vec<Entry>,
    /// The place after each record, and how many of the entries came before it.
    pub(crate) places: Vec<(usize, Place)>,
    /// The place after the last whole record.
    pub(crate) place: Place,
    /// Whether something follows that was never whole.
    pub(crate) torn: bool,
}

/// The journal of a store. Opened anew for each use: control entries are rare, and another process may
/// have written meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct JournalFile {
    path: PathBuf,
}

impl JournalFile {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(crate) fn is_there(&self) -> Result<bool, StoreError> {
        Ok(self.path.try_exists()?)
    }

    /// `None` where there is no such file.
    pub(crate) fn length(&self) -> Result<Option<u64>, StoreError> {
        match std::fs::metadata(&self.path) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(&error)),
        }
    }

    /// Makes the file, with one record for each entry.
    pub(crate) fn begin(&self, entries: &[Entry]) -> Result<Place, StoreError> {
        let mut bytes = NAME.to_vec();
        let mut place = Place::START;
        for entry in entries {
            place = append_record(&mut bytes, place, std::slice::from_ref(entry));
        }
        let new = super::super::beside(&self.path, ".new");
        let mut file = private().create(true).truncate(true).open(&new).map_err(|error| self.io(&error))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|error| self.io(&error))?;
        std::fs::rename(&new, &self.path).map_err(|error| self.io(&error))?;
        open::sync_folder(&self.path)?;
        Ok(place)
    }

    /// Appends a record after this place, which is where the file ends, and makes it durable.
    pub(crate) fn append(&self, place: Place, entries: &[Entry]) -> Result<Place, StoreError> {
        let mut bytes = Vec::new();
        let next = append_record(&mut bytes, place, entries);
        let mut file = OpenOptions::new().write(true).open(&self.path).map_err(|error| self.io(&error))?;
        let length = file.metadata().map_err(|error| self.io(&error))?.len();
        if length != place.bytes {
            return Err(self.broken(place.bytes));
        }
        let written = file
            .seek(SeekFrom::Start(place.bytes))
            .and_then(|_| file.write_all(&bytes))
            .and_then(|()| file.sync_data());
        written.map_err(|error| {
            // A disk that is full keeps half a record: it would be cut off at the next write anyway.
            let _ = file.set_len(place.bytes);
            self.io(&error)
        })?;
        Ok(next)
    }

    /// Cuts off what follows this place.
    pub(crate) fn cut(&self, place: Place) -> Result<(), StoreError> {
        let cut = || {
            let file = OpenOptions::new().write(true).open(&self.path)?;
            file.set_len(place.bytes)?;
            file.sync_all()
        };
        cut().map_err(|error| self.io(&error))
    }

    /// Reads everything after this place.
    ///
    /// # Errors
    /// [`StoreError::JournalMissing`], [`StoreError::JournalOfAnother`] where the place is not one of this
    /// file, [`StoreError::JournalBroken`] where a record is not what it was.
    pub(crate) fn after(&self, place: Place) -> Result<ReadOn, StoreError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::JournalMissing { path: self.path.clone() });
            }
            Err(error) => return Err(self.io(&error)),
        };
        let mut name = vec![0; NAME.len()];
        if file.read_exact(&mut name).is_err() || name != NAME {
            return Err(self.of_another());
        }
        if place.bytes > Place::START.bytes {
            let mut chain = [0; CHAIN];
            let there = place.bytes.checked_sub(CHAIN as u64).is_some_and(|at| {
                file.seek(SeekFrom::Start(at)).is_ok() && file.read_exact(&mut chain).is_ok()
            });
            if !there || chain != place.chain {
                return Err(self.of_another());
            }
        }
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).map_err(|error| self.io(&error))?;
        self.records(place, &rest)
    }

    fn records(&self, mut place: Place, mut rest: &[u8]) -> Result<ReadOn, StoreError> {
        let (mut entries, mut places) = (Vec::new(), Vec::new());
        let mut torn = false;
        while !rest.is_empty() {
            // Whatever was being written when the power went: too short, or never written at all.
            if rest.len() < HEAD || rest.iter().all(|byte| *byte == 0) {
                torn = true;
                break;
            }
            let (head, body) = rest.split_at(HEAD);
            let (length, proof) = head.split_at(4);
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
            if length > LONGEST || proof != length_proof(&place.chain, length) {
                return Err(self.broken(place.bytes));
            }
            let length = length as usize;
            let Some(chain) = body.get(length..length + CHAIN) else {
                torn = true;
                break;
            };
            let body = &body[..length];
            let next = link(&place.chain, body);
            if next != chain {
                if chain == [0; CHAIN] && rest.len() == HEAD + length + CHAIN {
                    torn = true;
                    break;
                }
                return Err(self.broken(place.bytes));
            }
            let of_record: Vec<Entry> = ciborium::from_reader(body)
                .map_err(|_| StoreError::JournalNewer { path: self.path.clone() })?;
            entries.extend(of_record);
            place = Place { bytes: place.bytes + (HEAD + length + CHAIN) as u64, chain: next };
            places.push((entries.len(), place));
            rest = &rest[HEAD + length + CHAIN..];
        }
        Ok(ReadOn { entries, places, place, torn })
    }

    pub(super) fn of_another(&self) -> StoreError {
        StoreError::JournalOfAnother { path: self.path.clone() }
    }

    fn broken(&self, at: u64) -> StoreError {
        StoreError::JournalBroken { path: self.path.clone(), at }
    }

    fn io(&self, error: &std::io::Error) -> StoreError {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
            std::io::ErrorKind::NotFound => StoreError::JournalMissing { path: self.path.clone() },
            _ => StoreError::JournalIo { path: self.path.clone(), what: error.to_string() },
        }
    }
}

/// Opening a file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn append_record(bytes: &mut Vec<u8>, place: Place, entries: &[Entry]) -> Place {
    let mut body = Vec::new();
    ciborium::into_writer(entries, &mut body).expect("entries are plain data, and a Vec takes them");
    let length = u32::try_from(body.len()).expect("a transaction is far smaller than four gigabytes");
    let chain = link(&place.chain, &body);
    bytes.extend(length.to_le_bytes());
    bytes.extend(length_proof(&place.chain, length));
    bytes.extend(&body);
    bytes.extend(chain);
    Place { bytes: place.bytes + (HEAD + body.len() + CHAIN) as u64, chain }
}

fn length_proof(chain: &[u8; 32], length: u32) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"length").update(chain).update(&length.to_le_bytes());
    let hash = hasher.finalize();
    let bytes = hash.as_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

fn link(chain: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(chain).update(body);
    *hasher.finalize().as_bytes()
}
