//! Enrolment and sync.

use std::{sync::PoisonError, time::Duration};

use alongside_domain::{
    ids::{GroupId, PersonId},
    sync::Event,
    tally::EntryName,
    wire::{EnrolAnswer, EnrolRequest, PROTOCOL, SyncAnswer, SyncRequest, codec::encode},
};

use super::Phone;
use crate::{
    error::ApiError,
    store::{state, tally},
    sync::{Sent, SyncOutcome, http::endpoint, prepare, receive},
};

/// Enrolment and sync.
pub struct SyncClient<'a> {
    pub(super) phone: &'a Phone,
}

impl SyncClient<'_> {
    /// Enrols this phone with a one-time code.
    ///
    /// # Errors
    /// [`ApiError::BadAddress`], [`ApiError::Offline`], [`ApiError::ServerRefused`] (the code is unknown,
    /// used or too old), and those of the store.
    pub async fn enrol(&self, server: &str, code: &str, device_name: &str) -> Result<(), ApiError> {
        let url = endpoint(server, "/v1/enrol")?;
        let http = self.phone.0.driver.lock().await.http()?;
        let store = self.phone.0.store.clone();
        let actor = blocking(move || store.read(|db| Ok(state::actor(db)?))).await?;
        let request = EnrolRequest {
            protocol: PROTOCOL,
            code: code.trim().to_owned(),
            actor,
            device_name: device_name.to_owned(),
        };
        let answer = http.post::<EnrolAnswer>(url, None, encode(&request)).await.answer?;
        let (phone, server) = (self.phone.clone(), server.to_owned());
        blocking(move || phone.sync().accept_enrolment(&server, &answer)).await
    }

    /// Keeps an enrolment: what the server gave this installation.
    ///
    /// # Errors
    /// [`ApiError::BadAddress`], and those of the store.
    pub fn accept_enrolment(&self, server: &str, answer: &EnrolAnswer) -> Result<(), ApiError> {
        endpoint(server, "")?;
        let (server, answer) = (server.to_owned(), answer.clone());
        self.phone.0.store.write(move |tx, _| Ok(state::enrolled(tx, &server, &answer)?))?;
        self.phone.changed();
        Ok(())
    }

    /// Talks to the server at this address from now on.
    ///
    /// # Errors
    /// [`ApiError::BadAddress`], and those of the store.
    pub fn set_server(&self, server: &str) -> Result<(), ApiError> {
        endpoint(server, "")?;
        let server = server.to_owned();
        self.phone.0.store.write(move |tx, _| Ok(state::set_server(tx, &server)?))
    }

    /// The person this phone belongs to.
    ///
    /// # Errors
    /// [`ApiError::NotEnrolled`], and those of the store.
    pub fn person(&self) -> Result<PersonId, ApiError> {
        self.phone.0.store.read(|db| Ok(state::identity(db)?.person))
    }

    /// Syncs until everything is up to date, or has to wait, or somebody has to act
    /// ([`SyncOutcome::status`] says which). Dropping the future loses nothing: what has begun to be
    /// written is finished.
    ///
    /// # Errors
    /// [`ApiError::NotEnrolled`], [`ApiError::Closed`], and those of the store.
    pub async fn sync_once(&self) -> Result<SyncOutcome, ApiError> {
        self.phone.0.driver.lock().await.run(Event::Wanted).await
    }

    /// Syncs by itself from now on: after each save, and again after a failure, until the profile is
    /// closed. Must be called inside a tokio runtime.
    pub fn keep_syncing(&self) {
        let (driver, saved) = (self.phone.0.driver.clone(), self.phone.0.saved.clone());
        let clock = self.phone.0.clock.clone();
        let task = tokio::spawn(async move {
            let mut event = Event::Wanted;
            loop {
                let timer = {
                    let mut driver = driver.lock().await;
                    match driver.run(event).await {
                        Ok(_) => driver.timer(),
                        Err(ApiError::Closed) => return,
                        Err(error) => {
                            tracing::warn!(%error, "sync stopped until the next save");
                            None
                        }
                    }
                };
                let wait = timer.map(|at| u64::try_from(at.0 - clock.now().0).unwrap_or_default());
                event = tokio::select! {
                    () = saved.notified() => Event::Saved,
                    () = sleep(wait) => Event::TimerFired,
                };
            }
        });
        let mut background = self.phone.0.background.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = background.replace(task) {
            before.abort();
        }
    }

    /// Syncs only when it is asked to. A run that is under way is cut short; what was received so far is
    /// kept.
    pub fn stop_syncing(&self) {
        let mut background = self.phone.0.background.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = background.take() {
            task.abort();
        }
    }

    /// How often this phone and the server held different entries up to the same place of the feed: never,
    /// unless there is a fault somewhere.
    ///
    /// # Errors
    /// Those of the store.
    pub fn defects(&self) -> Result<u32, ApiError> {
        self.phone.0.store.read(|db| Ok(state::defects(db)?))
    }

    /// The names of the changes of a group that this phone could bring back to a server that lost them,
    /// whoever wrote them.
    ///
    /// # Errors
    /// Those of the store.
    pub fn provable(&self, group: GroupId) -> Result<Vec<EntryName>, ApiError> {
        self.phone.0.store.read(|db| {
            let has_head = tally::head(db, group)?.is_some();
            if has_head { Ok(tally::covered(db, group)?) } else { Ok(Vec::new()) }
        })
    }

    /// What the next request would carry, and how many changes it leaves in the outbox. For transports
    /// other than HTTP and for simulations; [`SyncClient::apply`] takes the answer.
    ///
    /// # Errors
    /// Those of the store.
    pub fn prepare(&self, push_bytes: u32, pull_bytes: u32) -> Result<(SyncRequest, Sent, u32), ApiError> {
        self.prepare_packed(push_bytes, pull_bytes, false)
    }

    /// As [`SyncClient::prepare`], with both packs of the exchange in the row form: where one in another
    /// form could not be opened.
    ///
    /// # Errors
    /// Those of the store.
    pub fn prepare_in_rows(
        &self,
        push_bytes: u32,
        pull_bytes: u32,
    ) -> Result<(SyncRequest, Sent, u32), ApiError> {
        self.prepare_packed(push_bytes, pull_bytes, true)
    }

    fn prepare_packed(
        &self,
        push_bytes: u32,
        pull_bytes: u32,
        rows_only: bool,
    ) -> Result<(SyncRequest, Sent, u32), ApiError> {
        let now = self.phone.0.clock.now();
        let prepare = |db: &_| prepare::prepare(db, push_bytes, pull_bytes, rows_only, now);
        let prepared = self.phone.0.store.read(prepare)?;
        Ok((prepared.request, prepared.sent, prepared.left))
    }

    /// Makes an answer durable: verdicts, entries and cursor in one transaction. Gives how many changes
    /// wait, and whether something has to be sent or asked for again at once.
    ///
    /// # Errors
    /// An answer that does not fit what was sent changes nothing, nor does one with a pack that cannot be
    /// opened: that is [`ApiError::ServerRefused`] with a code that the engine takes as a failure.
    pub fn apply(&self, sent: &Sent, answer: &SyncAnswer) -> Result<(u32, bool), ApiError> {
        let applied = receive::receive(&self.phone.0.store, sent, answer.clone())?;
        self.phone.0.heart.changed(applied.waiting);
        Ok((applied.waiting, applied.again))
    }
}

/// Sleeps this long, or for ever.
async fn sleep(milliseconds: Option<u64>) {
    match milliseconds {
        Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        None => std::future::pending().await,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(ApiError::unexpected("task")))
}
