//! The folder of sealed files.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alongside_domain::media::{BlobHash, BlobHasher};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use zeroize::Zeroizing;

use super::sealed::{FileKey, OVERHEAD, PIECE, SEALED, Sealer, sealed_length};
use crate::store::open::sync_folder;

/// The name of a file: random, so that a folder tells nothing of what is in it.
pub(crate) type FileName = [u8; 16];

/// Beginning of the name of a file that has no row yet.
const NEW: &str = "new-";

/// The files of a profile.
pub(crate) struct Vault {
    folder: PathBuf,
    random: Mutex<StdRng>,
    /// Held while a file has its name and not yet its row: whoever clears out would take it for nobody's.
    placing: Mutex<()>,
}

/// What a file that was taken in is known by.
pub(crate) struct Written {
    pub(crate) file: FileName,
    pub(crate) key: FileKey,
    pub(crate) hash: BlobHash,
    pub(crate) bytes: u64,
}

/// Why a file could not be taken in.
#[derive(Debug)]
pub(crate) enum TakeError {
    /// There is nothing in it.
    Empty,
    /// It is larger than may be.
    TooLarge,
    /// It cannot be read.
    Source(io::Error),
    /// The copy cannot be written.
    Vault(io::Error),
}

impl Vault {
    pub(crate) fn new(profile: &Path, seed: [u8; 32]) -> Self {
        Self {
            folder: profile.join("media"),
            random: Mutex::new(StdRng::from_seed(seed)),
            placing: Mutex::default(),
        }
    }

    pub(crate) fn new_key(&self) -> FileKey {
        Zeroizing::new(self.draw())
    }

    pub(crate) fn new_name(&self) -> FileName {
        self.draw()
    }

    fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        held(&self.random).fill(&mut bytes);
        bytes
    }

    pub(crate) fn path(&self, file: &FileName) -> PathBuf {
        self.folder.join(hex(file))
    }

    /// Gives a file a second name, durable when this returns; each of the two goes by itself. What no row comes to
    /// name is cleared out at the next start.
    pub(crate) fn named_again(&self, file: &FileName) -> io::Result<FileName> {
        let again = self.new_name();
        let _placing = held(&self.placing);
        let named = self.path(&again);
        fs::hard_link(self.path(file), &named).or_else(|_| fs::copy(self.path(file), &named).map(drop))?;
        File::open(&named)?.sync_all()?;
        sync_folder(&named)?;
        Ok(again)
    }

    /// How many bytes of content a file holds in whole pieces; 0 where there is none.
    pub(crate) fn whole_pieces(&self, file: &FileName) -> u64 {
        let length = fs::metadata(self.path(file)).map_or(0, |file| file.len());
        length / SEALED as u64 * PIECE as u64
    }

    /// Whether a file is there in full length.
    pub(crate) fn is_there(&self, file: &FileName, bytes: u64) -> bool {
        fs::metadata(self.path(file)).is_ok_and(|found| found.len() == sealed_length(bytes))
    }

    /// Copies a file in, sealed, while it is read; durable under its name when `place` is called with what
    /// it is, and gone again where that fails.
    pub(crate) fn take<T, E>(
        &self,
        source: &Path,
        most: u64,
        place: impl FnOnce(&Written) -> Result<T, E>,
    ) -> Result<Result<T, E>, TakeError> {
        let mut from = File::open(source).map_err(TakeError::Source)?;
        let found = from.metadata().map_err(TakeError::Source)?;
        if !found.is_file() {
            return Err(TakeError::Source(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        if found.len() > most {
            return Err(TakeError::TooLarge);
        }
        self.make_folder().map_err(TakeError::Vault)?;
        let (file, key) = (self.new_name(), self.new_key());
        let new = Unfinished(self.folder.join(format!("{NEW}{}", hex(&file))));
        let (hash, bytes) = self.copy(&mut from, &new.0, &key, most)?;
        let _placing = held(&self.placing);
        let named = self.path(&file);
        fs::rename(&new.0, &named).map_err(TakeError::Vault)?;
        sync_folder(&named).map_err(TakeError::Vault)?;
        let placed = place(&Written { file, key, hash, bytes });
        if placed.is_err() {
            drop(Unfinished(named));
        }
        Ok(placed)
    }

    fn copy(
        &self,
        from: &mut File,
        to: &Path,
        key: &FileKey,
        most: u64,
    ) -> Result<(BlobHash, u64), TakeError> {
        let mut to = create(to).map_err(TakeError::Vault)?;
        let sealer = Sealer::new(key);
        let (mut hasher, mut bytes, mut place) = (BlobHasher::default(), 0, 0);
        let mut content = Zeroizing::new(vec![0; PIECE]);
        let mut sealed = Vec::with_capacity(SEALED);
        loop {
            let read = fill(from, &mut content).map_err(TakeError::Source)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            // It may grow while it is read.
            if bytes > most {
                return Err(TakeError::TooLarge);
            }
            hasher.update(&content[..read]);
            sealed.clear();
            sealer.seal(place, self.draw(), &content[..read], &mut sealed).map_err(TakeError::Vault)?;
            to.write_all(&sealed).map_err(TakeError::Vault)?;
            place += 1;
        }
        if bytes == 0 {
            return Err(TakeError::Empty);
        }
        to.sync_all().map_err(TakeError::Vault)?;
        Ok((hasher.finish(), bytes))
    }

    /// Opens a file that grows at its last whole piece; gives how many bytes of content that is.
    pub(crate) fn grow(&self, file: &FileName) -> io::Result<(File, u64)> {
        self.make_folder()?;
        let path = self.path(file);
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false);
        let mut open = owner_only(options).open(&path)?;
        let here = open.metadata()?.len() / SEALED as u64;
        open.set_len(here * SEALED as u64)?;
        open.seek(SeekFrom::End(0))?;
        Ok((open, here * PIECE as u64))
    }

    /// Seals content, which begins at a whole piece, for the end of a file that grows.
    pub(crate) fn seal(&self, key: &FileKey, from: u64, content: &[u8]) -> io::Result<Vec<u8>> {
        let sealer = Sealer::new(key);
        let mut sealed = Vec::with_capacity(content.len() + content.len().div_ceil(PIECE) * OVERHEAD);
        for (number, piece) in content.chunks(PIECE).enumerate() {
            sealer.seal(from / PIECE as u64 + number as u64, self.draw(), piece, &mut sealed)?;
        }
        Ok(sealed)
    }

    /// Reads content: at most this many bytes from this place. `None` where the file is damaged or gone.
    pub(crate) fn read(
        &self,
        file: &FileName,
        key: &FileKey,
        from: u64,
        most: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut open = match File::open(self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            open => open?,
        };
        let sealer = Sealer::new(key);
        let mut place = from / PIECE as u64;
        let mut skip = usize::try_from(from % PIECE as u64).unwrap_or(0);
        open.seek(SeekFrom::Start(place * SEALED as u64))?;
        let (mut content, mut sealed) = (Vec::new(), vec![0; SEALED]);
        while content.len() < most {
            let read = fill(&mut open, &mut sealed)?;
            if read == 0 {
                break;
            }
            let Some(piece) = sealer.open(place, &mut sealed[..read]) else { return Ok(None) };
            let piece = piece.get(skip..).unwrap_or_default();
            content.extend_from_slice(&piece[..piece.len().min(most - content.len())]);
            skip = 0;
            place += 1;
        }
        Ok(Some(content))
    }

    /// Gives the content to `sink`, piece by piece; gives its hash and length, `None` where the file is
    /// damaged or gone.
    pub(crate) fn read_all(
        &self,
        file: &FileName,
        key: &FileKey,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Option<(BlobHash, u64)>> {
        let mut open = match File::open(self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            open => open?,
        };
        let sealer = Sealer::new(key);
        let (mut hasher, mut bytes, mut sealed) = (BlobHasher::default(), 0, vec![0; SEALED]);
        for place in 0.. {
            let read = fill(&mut open, &mut sealed)?;
            if read == 0 {
                break;
            }
            let Some(piece) = sealer.open(place, &mut sealed[..read]) else { return Ok(None) };
            hasher.update(piece);
            bytes += piece.len() as u64;
            sink(piece)?;
        }
        Ok(Some((hasher.finish(), bytes)))
    }

    /// Deletes a file, where there is one.
    pub(crate) fn remove(&self, file: &FileName) -> io::Result<()> {
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes every file but those that `kept` names, which is asked for when no file is being placed.
    /// Files that are being taken in stay, unless `unfinished` go as well: at a start nobody works on them.
    pub(crate) fn clear_out<E>(
        &self,
        unfinished: bool,
        kept: impl FnOnce() -> Result<BTreeSet<FileName>, E>,
    ) -> Result<io::Result<()>, E> {
        let _placing = held(&self.placing);
        let kept: BTreeSet<String> = kept()?.iter().map(|name| hex(name)).collect();
        let clear = || {
            let entries = match fs::read_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            // Listed before anything is deleted: a folder that changes while it is read may leave some out.
            for entry in entries.collect::<io::Result<Vec<_>>>()? {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let stays = kept.contains(name.as_ref()) || (!unfinished && name.starts_with(NEW));
                if !stays {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        Ok(clear())
    }

    fn make_folder(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)?;
        sync_folder(&self.folder)
    }
}

/// A file that is deleted again unless it got another name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Where that fails, the next start clears it out.
        let _ = fs::remove_file(&self.0);
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    owner_only(options).open(path)
}

fn owner_only(options: OpenOptions) -> OpenOptions {
    #[cfg(unix)]
    {
        let mut options = options;
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }
    #[cfg(not(unix))]
    options
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn hex(name: &[u8]) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
