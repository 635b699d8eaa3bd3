//! The one object that an app holds: a person's profile on this phone.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use alongside_domain::{programme::Programme, time::Millis};
use jiff::civil::Date;
use rand::Rng;
use rusqlite::Transaction;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    clock::Clock,
    error::{ApiError, OpenError},
    media::{courier::Courier, rows, take, vault::Vault},
    observe::{Heart, Pulse, Subscription},
    store::{Store, desk::Desk, key::Key, log, rebuild},
    sync::{driver::Driver, upgrade},
};

mod kept_apart;
mod media_client;
mod records;
mod sync_client;

pub use kept_apart::KeptApart;
pub use media_client::Media;
pub use records::Records;
pub use sync_client::SyncClient;

/// What a profile is opened with.
pub struct Profile {
    /// Folder of the profile; one person each.
    pub dir: PathBuf,
    /// Key of its database, from the platform's keystore. The core never stores it.
    pub key: Key,
    /// The programme.
    pub programme: Arc<Programme>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness: the operating system's in an app ([`crate::os_rng`]), seeded in tests.
    pub rng: Box<dyn Rng + Send>,
    /// IANA name of the zone in which the person works.
    pub zone: String,
    /// Most bytes that the database may grow to; `None`: what the device has. Beyond it, saving says
    /// that storage is full.
    pub most_bytes: Option<u64>,
    /// File that tells this installation from a copy of it. It must not be backed up or moved to another
    /// device (on Android in `noBackupFilesDir`, on iOS excluded from backups); a profile without it goes
    /// on as another installation.
    pub installation: PathBuf,
}

impl Profile {
    /// A profile in the programme's zone, with the file of its installation in its folder.
    #[must_use]
    pub fn new(
        dir: PathBuf,
        key: Key,
        programme: Arc<Programme>,
        clock: Arc<dyn Clock>,
        rng: Box<dyn Rng + Send>,
    ) -> Self {
        let installation = dir.join("installation");
        let zone = programme.zone.clone();
        Self { dir, key, programme, clock, rng, zone, most_bytes: None, installation }
    }
}

/// A person's profile on this phone. Cheap to clone: all clones are the same profile. Closed with
/// [`Phone::close`], or when the last clone goes.
#[derive(Clone)]
pub struct Phone(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    programme: Arc<Programme>,
    clock: Arc<dyn Clock>,
    heart: Arc<Heart>,
    /// Something was saved: the background task may want to send it.
    saved: Arc<Notify>,
    driver: Arc<tokio::sync::Mutex<Driver>>,
    background: Mutex<Option<JoinHandle<()>>>,
    courier: Arc<tokio::sync::Mutex<Courier>>,
    sending: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
}

impl Phone {
    /// Creates the profile's database and opens it.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is left behind where there was nothing.
    pub fn create(profile: Profile) -> Result<Self, OpenError> {
        Self::start(profile, true)
    }

    /// Opens the profile's database.
    ///
    /// # Errors
    /// [`OpenError`]; the file is left as it was.
    pub fn open(profile: Profile) -> Result<Self, OpenError> {
        Self::start(profile, false)
    }

    fn start(profile: Profile, create: bool) -> Result<Self, OpenError> {
        let Profile { dir, key, programme, clock, mut rng, zone, most_bytes, installation } = profile;
        let seed = rng.next_u64();
        let mut vault_seed = [0; 32];
        rng.fill_bytes(&mut vault_seed);
        let vault = Arc::new(Vault::new(&dir, vault_seed));
        let offline = Arc::new(AtomicBool::new(false));
        let desk = Desk::new(programme.clone(), clock.clone(), rng, zone, offline.clone(), vault);
        let store = Arc::new(Store::open(&dir, key, create, most_bytes, &installation, desk)?);
        // What an older guard or programme could not take, this one may. It can wait for the next start.
        if let Err(error) = store.write(upgrade::judge_quarantine_again) {
            tracing::warn!(%error, "what is in quarantine could not be tried again");
        }
        if let Err(error) = take::settle(&store) {
            tracing::warn!(%error, "attachments could not be cleared up");
        }
        let waiting = store.read(|db| Ok(log::waiting(db)?)).unwrap_or_default();
        let heart = Arc::new(Heart::new(waiting));
        let (attachments, bytes) = store.read(|db| Ok(rows::waiting(db)?)).unwrap_or_default();
        heart.attachments(attachments, bytes);
        let courier = Courier::new(store.clone(), clock.clone(), heart.clone(), seed.rotate_left(32));
        let driver = Driver::new(store.clone(), clock.clone(), heart.clone(), offline, seed);
        Ok(Self(Arc::new(Inner {
            store,
            programme,
            clock,
            heart,
            saved: Arc::new(Notify::new()),
            driver: Arc::new(tokio::sync::Mutex::new(driver)),
            background: Mutex::new(None),
            courier: Arc::new(tokio::sync::Mutex::new(courier)),
            sending: Mutex::new(None),
            closed: AtomicBool::new(false),
        })))
    }

    /// Reading and writing records.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records { phone: self }
    }

    /// What is kept apart: refused, in quarantine, drafts of groups that are gone.
    #[must_use]
    pub fn kept_apart(&self) -> KeptApart<'_> {
        KeptApart { phone: self }
    }

    /// Enrolment and sync.
    #[must_use]
    pub fn sync(&self) -> SyncClient<'_> {
        SyncClient { phone: self }
    }

    /// Attachments.
    #[must_use]
    pub fn media(&self) -> Media<'_> {
        Media { phone: self }
    }

    /// The programme that this profile was opened with.
    #[must_use]
    pub fn programme(&self) -> &Arc<Programme> {
        &self.0.programme
    }

    /// Subscribes to changes.
    ///
    /// # Errors
    /// [`ApiError::Closed`].
    pub fn observe(&self) -> Result<Subscription, ApiError> {
        self.0.heart.subscribe().ok_or(ApiError::Closed)
    }

    /// What an observer would be told now; `None` once the profile is closed.
    #[must_use]
    pub fn observed(&self) -> Option<Pulse> {
        self.0.heart.current()
    }

    /// Deletes everything derived and builds it again from the log.
    ///
    /// # Errors
    /// Those of the store; the read model is then as it was.
    pub fn rebuild_read_model(&self) -> Result<(), ApiError> {
        self.0.store.write(|tx, desk| rebuild::rebuild(tx, &desk.programme))?;
        self.changed();
        Ok(())
    }

    /// Everything derived, as text that does not depend on the order in which it was written.
    ///
    /// # Errors
    /// Those of the store.
    pub fn dump_read_model(&self) -> Result<String, ApiError> {
        self.0.store.read(rebuild::dump)
    }

    /// Checks every page of the file: what is wrong, in SQLite's words; empty where all is well.
    ///
    /// # Errors
    /// Those of the store.
    pub fn verify(&self) -> Result<Vec<String>, ApiError> {
        self.0.store.read_afresh(|db| {
            let mut problems = Vec::new();
            for check in ["PRAGMA cipher_integrity_check", "PRAGMA integrity_check"] {
                let mut statement = db.prepare(check)?;
                let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
                for line in lines {
                    problems.push(line?);
                }
            }
            problems.retain(|line| line != "ok");
            Ok(problems)
        })
    }

    /// Finishes the current write and lets go of what a sleeping app should not hold. The profile stays
    /// open: the next call wakes it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn pause(&self) -> Result<(), ApiError> {
        self.0.store.pause()
    }

    /// Closes the profile: nothing is observed after this returns, and its file is free.
    pub fn close(&self) {
        self.0.close();
    }

    /// Today, where the programme is at home.
    pub(crate) fn today(&self) -> Date {
        self.0.programme.day(self.0.clock.now())
    }

    /// Now, by the clock of this phone.
    pub(crate) fn now(&self) -> Millis {
        self.0.clock.now()
    }

    /// Does this in one transaction, then tells that something changed.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Desk) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let written = self.0.store.write(work)?;
        self.changed();
        Ok(written)
    }

    /// Tells observers, and the background task, that something is durable.
    fn changed(&self) {
        let waiting = self.0.store.read(|db| Ok(log::waiting(db)?)).unwrap_or_default();
        let (attachments, bytes) = self.0.store.read(|db| Ok(rows::waiting(db)?)).unwrap_or_default();
        self.0.heart.attachments(attachments, bytes);
        self.0.heart.changed(waiting);
        self.0.saved.notify_one();
    }
}

impl Inner {
    fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.heart.close();
        for task in [&self.background, &self.sending] {
            if let Some(task) = task.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // A write that has begun is finished by the writer all the same.
                task.abort();
            }
        }
        self.store.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
