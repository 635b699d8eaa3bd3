//! One person's open profile, as an app holds it.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use alongside_domain::ids::ProfileId;
use tokio::sync::watch;

use super::{
    AppError,
    doors::Visitor,
    forms::ProgrammeForms,
    house::House,
    media::ProfileMedia,
    observe::{self, Gate, Observer, Subscription},
    records::ProfileRecords,
    sync::ProfileSync,
};
use crate::phone::Phone;

/// An open profile. Closed with [`AppProfile::shut_down`], or when the last object of it goes.
#[derive(Clone)]
pub struct AppProfile {
    pub(super) seat: Arc<Seat>,
}

impl AppProfile {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ProfileId {
        self.seat.id
    }

    /// Reading and writing records.
    #[must_use]
    pub fn records(&self) -> ProfileRecords {
        ProfileRecords { seat: self.seat.clone() }
    }

    /// Enrolment and sync.
    #[must_use]
    pub fn sync(&self) -> ProfileSync {
        ProfileSync { seat: self.seat.clone() }
    }

    /// Attachments.
    #[must_use]
    pub fn media(&self) -> ProfileMedia {
        ProfileMedia { seat: self.seat.clone() }
    }

    /// The programme's forms.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub fn forms(&self) -> Result<ProgrammeForms, AppError> {
        Ok(ProgrammeForms::new(self.seat.phone()?.programme().clone()))
    }

    /// Tells the observer the current value, then the newest after each change, until the subscription
    /// is stopped or dropped, or the profile is closed.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Result<Subscription, AppError> {
        self.seat.observe(observer)
    }

    /// Closes the profile: no observer is called after this returns, every later call says
    /// [`AppError::Closed`], and the file is free. What was being written is written first.
    pub async fn shut_down(&self) {
        let seat = self.seat.clone();
        let runtime = seat.house.runtime().clone();
        // A panic in there has closed what it could; there is nobody to tell.
        let _ = runtime.spawn_blocking(move || seat.shut()).await;
    }
}

/// The place of an app in a profile.
pub(crate) struct Seat {
    id: ProfileId,
    phone: Phone,
    house: Arc<House>,
    shut: AtomicBool,
    gates: Mutex<Vec<Weak<Gate>>>,
    /// Whether it was asked to sync by itself.
    keeps_syncing: Mutex<bool>,
    /// Whether it was asked to send attachments by itself.
    keeps_sending: Mutex<bool>,
}

impl Seat {
    pub(super) fn new(id: ProfileId, phone: Phone, house: Arc<House>) -> Self {
        Self {
            id,
            phone,
            house,
            shut: AtomicBool::new(false),
            gates: Mutex::default(),
            keeps_syncing: Mutex::new(false),
            keeps_sending: Mutex::new(false),
        }
    }

    pub(super) fn phone(&self) -> Result<Phone, AppError> {
        if self.shut.load(Ordering::SeqCst) { Err(AppError::Closed) } else { Ok(self.phone.clone()) }
    }

    pub(super) fn paused(&self) -> watch::Receiver<bool> {
        self.house.paused()
    }

    /// Does blocking work on a thread for it. The work is done also where nobody waits any longer.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Phone) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let phone = self.phone()?;
        let task = self.house.runtime().spawn_blocking(move || work(&phone));
        task.await.unwrap_or_else(|error| Err(AppError::unexpected("task", &error)))
    }

    /// Runs to its end also where nobody waits any longer.
    pub(super) async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<T, AppError> {
        let task = self.house.runtime().spawn(work);
        task.await.unwrap_or_else(|error| Err(AppError::unexpected("task", &error)))
    }

    fn observe(&self, observer: Arc<dyn Observer>) -> Result<Subscription, AppError> {
        let phone = self.phone()?;
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        // Closing takes the same lock after it has set the mark: none is begun behind its back.
        self.phone()?;
        let subscription = observe::start(self.house.runtime(), phone.observe()?, observer);
        gates.retain(|gate| gate.strong_count() > 0);
        gates.push(Arc::downgrade(&subscription.gate()));
        Ok(subscription)
    }

    pub(super) fn keep_syncing(&self) -> Result<(), AppError> {
        let phone = self.phone()?;
        let mut keeps = self.keeps_syncing.lock().unwrap_or_else(PoisonError::into_inner);
        *keeps = true;
        if !*self.paused().borrow() {
            let _inside = self.house.runtime().enter();
            phone.sync().keep_syncing();
        }
        Ok(())
    }

    pub(super) fn stop_syncing(&self) -> Result<(), AppError> {
        let phone = self.phone()?;
        *self.keeps_syncing.lock().unwrap_or_else(PoisonError::into_inner) = false;
        phone.sync().stop_syncing();
        Ok(())
    }

    pub(super) fn keep_sending(&self) -> Result<(), AppError> {
        let phone = self.phone()?;
        let mut keeps = self.keeps_sending.lock().unwrap_or_else(PoisonError::into_inner);
        *keeps = true;
        if !*self.paused().borrow() {
            let _inside = self.house.runtime().enter();
            phone.media().keep_sending();
        }
        Ok(())
    }

    pub(super) fn stop_sending(&self) -> Result<(), AppError> {
        let phone = self.phone()?;
        *self.keeps_sending.lock().unwrap_or_else(PoisonError::into_inner) = false;
        phone.media().stop_sending();
        Ok(())
    }

    /// Holds syncing while the app is paused.
    pub(super) fn hold(&self) {
        self.phone.sync().stop_syncing();
        self.phone.media().stop_sending();
    }

    /// Goes on as before the pause.
    pub(super) fn go_on(&self) {
        let keeps = *self.keeps_syncing.lock().unwrap_or_else(PoisonError::into_inner);
        if keeps {
            // It was closed meanwhile: there is nothing to go on with.
            let _ = self.keep_syncing();
        }
        let sends = *self.keeps_sending.lock().unwrap_or_else(PoisonError::into_inner);
        if sends {
            // As above.
            let _ = self.keep_sending();
        }
    }

    /// Ends everything of this seat, once.
    pub(super) fn shut(&self) {
        if self.shut.swap(true, Ordering::SeqCst) {
            return;
        }
        self.phone.sync().stop_syncing();
        self.phone.media().stop_sending();
        let gates = std::mem::take(&mut *self.gates.lock().unwrap_or_else(PoisonError::into_inner));
        for gate in gates.iter().filter_map(Weak::upgrade) {
            gate.shut();
        }
        self.house.leave(self.id, Visitor::Person);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.shut.swap(true, Ordering::SeqCst) {
            return;
        }
        self.phone.sync().stop_syncing();
        self.phone.media().stop_sending();
        let (house, id) = (self.house.clone(), self.id);
        // Whoever drops it may be a collector of garbage, which must not wait.
        let runtime = house.runtime().clone();
        runtime.spawn_blocking(move || house.leave(id, Visitor::Person));
    }
}
