//! The key with which a server signs what its groups hold: in a file of its own, which no backup of the
//! store carries. Whoever has it can make any server of this key believe in changes that never were.
//!
//! The file is text: a line that names it, the key as 64 hexadecimal digits, and below it keys that were in
//! use before, whose signatures are still believed.

use std::{
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use alongside_domain::{
    ids::GroupId,
    tally::heads::{PublicKey, SignedHead, SignedHeads},
};
use ed25519_dalek::SigningKey;
use rusqlite::Transaction;
use zeroize::Zeroizing;

use super::{StoreError, heads, open};

const NAME: &str = "alongside signing key 1";
const HELP: &str = "it should be a line `alongside signing key 1` and below it keys of 64 hexadecimal digits";

/// Signs, and believes what was signed.
pub(crate) struct Signer {
    key: SigningKey,
    /// All keys that are believed, the current one first.
    public: Vec<PublicKey>,
}

impl Signer {
    /// Reads the key, or makes one where there is no such file.
    ///
    /// # Errors
    /// [`StoreError::SigningKey`] where the file is there and holds no key, or cannot be read or made.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(path, &Zeroizing::new(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(path)?;
                let text = std::fs::read_to_string(path).map_err(|error| io(path, &error))?;
                Self::read(path, &Zeroizing::new(text))
            }
            Err(error) => Err(io(path, &error)),
        }
    }

    fn read(path: &Path, text: &str) -> Result<Self, StoreError> {
        let unusable = || StoreError::SigningKey { path: path.to_owned(), what: HELP.to_owned() };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines.next() != Some(NAME) {
            return Err(unusable());
        }
        let keys = lines
            .map(|line| {
                let mut key = Zeroizing::new([0; 32]);
                hex::decode_to_slice(line, &mut *key).map_err(|_| unusable())?;
                Ok(SigningKey::from_bytes(&key))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let public = keys.iter().map(PublicKey::of).collect();
        let key = keys.into_iter().next().ok_or_else(unusable)?;
        Ok(Self { key, public })
    }

    /// The public key that signatures of now are checked with.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::of(&self.key)
    }

    /// Signs the heads of these groups as they stand; `None` where none of them has changes.
    pub(crate) fn sign(
        &self,
        tx: &Transaction<'_>,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> Result<Option<SignedHeads>, StoreError> {
        let mut signed = Vec::new();
        for group in groups {
            signed.extend(heads::of_group(tx, group)?.map(|head| head.head));
        }
        Ok(SignedHeads::sign(signed, &self.key))
    }

    /// Whether this server signed that head, now or before a change of its key.
    pub(crate) fn believes(&self, head: &SignedHead) -> bool {
        head.is_signed_by(&self.public)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("keys", &self.public.len()).finish_non_exhaustive()
    }
}

/// Makes a key. Where another process makes one at the same time, the first stays.
fn make(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let key = Zeroizing::new(rand::random::<[u8; 32]>());
    let text = Zeroizing::new(format!("{NAME}\n{}\n", hex::encode(*key)));
    // Only its owner may read it: that is how temporary files are made.
    let mut file = tempfile::Builder::new()
        .prefix(".alongside-key-")
        .tempfile_in(folder)
        .map_err(|error| io(path, &error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| io(path, &error))?;
    match file.persist_noclobber(path) {
        Ok(_) => tracing::info!("made a signing key: keep a copy of the file apart from the backups"),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => {}
        Err(refused) => return Err(io(path, &refused.error)),
    }
    open::sync_folder(path)
}

fn io(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::SigningKey { path: PathBuf::from(path), what: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db.signing-key");
        let first = Signer::open(&path).unwrap();
        let again = Signer::open(&path).unwrap();
        assert_eq!(first.public(), again.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_key_that_was_replaced_is_still_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let old = Signer::open(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let (name, secret) = text.split_once('\n').unwrap();
        std::fs::write(&path, format!("{name}\n{}\n{secret}", "07".repeat(32))).unwrap();
        let new = Signer::open(&path).unwrap();
        assert_ne!(new.public(), old.public());
        let head = alongside_domain::tally::heads::GroupHead::empty(GroupId([1; 16]));
        let signed = SignedHeads::sign(vec![head], &old.key).unwrap();
        let kept = signed.open(&old.public()).unwrap().remove(0);
        assert!(new.believes(&kept));
        std::fs::write(&path, format!("{name}\n{}\n", "07".repeat(32))).unwrap();
        assert!(!Signer::open(&path).unwrap().believes(&kept));
    }

    #[test]
    fn a_file_that_holds_no_key_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in ["", "alongside signing key 1\n", "something else\n", "alongside signing key 1\n1234\n"] {
            std::fs::write(&path, text).unwrap();
            let error = Signer::open(&path).unwrap_err();
            assert_eq!(error.code(), "signing_key");
            assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
