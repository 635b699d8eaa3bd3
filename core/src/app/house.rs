//! What an app and all its open profiles share: the threads, the folder, the programme.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use alongside_domain::ids::ProfileId;
use rand::RngExt as _;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::watch,
};

use super::{
    AppConfig, AppError,
    doors::{Doors, Visitor},
    profile::Seat,
};
use crate::{
    os_rng,
    phone::{Phone, Profile},
    store::key::Key,
};

pub(crate) struct House {
    config: AppConfig,
    /// Taken out when the house goes.
    runtime: Option<Runtime>,
    handle: Handle,
    doors: Doors,
    seats: Mutex<Vec<Weak<Seat>>>,
    paused: watch::Sender<bool>,
}

impl House {
    pub(super) fn new(config: AppConfig) -> Result<Self, AppError> {
        fs::create_dir_all(config.profiles()).map_err(|error| AppError::unexpected("folder", &error))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("alongside-core")
            .enable_all()
            .build()
            .map_err(|error| AppError::unexpected("threads", &error))?;
        let handle = runtime.handle().clone();
        Ok(Self {
            config,
            runtime: Some(runtime),
            handle,
            doors: Doors::default(),
            seats: Mutex::default(),
            paused: watch::Sender::new(false),
        })
    }

    pub(super) fn config(&self) -> &AppConfig {
        &self.config
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn paused(&self) -> watch::Receiver<bool> {
        self.paused.subscribe()
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    pub(super) fn doors(&self) -> &Doors {
        &self.doors
    }

    fn folder(&self, id: ProfileId) -> PathBuf {
        self.config.profiles().join(id.to_string())
    }

    fn profile(&self, id: ProfileId, key: Key) -> Profile {
        let config = &self.config;
        let programme = config.programme.clone();
        Profile {
            zone: config.zone.clone(),
            most_bytes: config.most_bytes,
            ..Profile::new(self.folder(id), key, programme, config.clock.clone(), os_rng())
        }
    }

    /// The profiles that have a folder here, in the order in which they were made.
    pub(super) fn profiles(&self) -> Result<Vec<ProfileId>, AppError> {
        let fault = |error: std::io::Error| AppError::unexpected("folder", &error);
        let mut profiles = Vec::new();
        for entry in fs::read_dir(self.config.profiles()).map_err(fault)? {
            // Whatever else lies there is none of ours.
            if let Some(id) = entry.map_err(fault)?.file_name().to_str().and_then(|name| name.parse().ok()) {
                profiles.push(id);
            }
        }
        profiles.sort_unstable();
        Ok(profiles)
    }

    pub(super) fn create(self: &Arc<Self>, key: &Key) -> Result<Arc<Seat>, AppError> {
        let id = ProfileId::new(self.config.clock.now(), os_rng().random());
        let phone = self.doors.enter(id, key, Visitor::Person, || {
            let created = Phone::create(self.profile(id, key.clone()));
            if created.is_err() {
                // Only its empty folder and lock are there; what failed is told.
                let _ = fs::remove_dir_all(self.folder(id));
            }
            Ok(created?)
        })?;
        Ok(self.seat(id, phone))
    }

    pub(super) fn open(self: &Arc<Self>, id: ProfileId, key: &Key) -> Result<Arc<Seat>, AppError> {
        let phone = self.enter(id, key, Visitor::Person)?;
        Ok(self.seat(id, phone))
    }

    pub(super) fn enter(&self, id: ProfileId, key: &Key, visitor: Visitor) -> Result<Phone, AppError> {
        self.doors.enter(id, key, visitor, || Ok(Phone::open(self.profile(id, key.clone()))?))
    }

    pub(super) fn leave(&self, id: ProfileId, visitor: Visitor) {
        self.doors.leave(id, visitor);
    }

    fn seat(self: &Arc<Self>, id: ProfileId, phone: Phone) -> Arc<Seat> {
        let seat = Arc::new(Seat::new(id, phone, self.clone()));
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.retain(|seat| seat.strong_count() > 0);
        seats.push(Arc::downgrade(&seat));
        seat
    }

    pub(super) fn seats(&self) -> Vec<Arc<Seat>> {
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last to hold it may be a task of this very runtime, which cannot wait for itself.
            runtime.shutdown_background();
        }
    }
}
