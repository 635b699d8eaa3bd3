//! Enrolment and sync, as an app calls them.

use std::sync::Arc;

use alongside_domain::{
    ids::PersonId,
    sync::{Failure, Status},
    time::Millis,
    wire::ErrorCode,
};

use super::{AppError, profile::Seat};
use crate::sync::SyncOutcome;

/// How sync stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// Everything that was saved here is at the server, and the phone has all that was there.
    UpToDate {
        /// When that was.
        at: Millis,
    },
    /// Under way.
    Syncing,
    /// Will try again by itself, where it was asked to keep syncing.
    Waiting {
        /// When.
        next_try: Millis,
        /// What for.
        because: WaitingFor,
    },
    /// Will not try again by itself: somebody has to act.
    Stopped {
        /// Why.
        code: ErrorCode,
    },
    /// The app was paused meanwhile: what was not sent goes with the next sync.
    Paused,
}

/// What sync waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// A connection.
    Network,
    /// A server that is less busy.
    BusyServer,
    /// The server turned the last request down; it may take the next one.
    ServerRefusal {
        /// Why.
        code: ErrorCode,
    },
    /// This phone could not read or write its own database.
    Storage,
}

impl From<Status> for SyncState {
    fn from(status: Status) -> Self {
        match status {
            Status::UpToDate { at } => Self::UpToDate { at },
            Status::Syncing => Self::Syncing,
            Status::WaitingForNetwork { next, last } => {
                Self::Waiting { next_try: next, because: last.into() }
            }
            Status::Stopped(code) => Self::Stopped { code },
        }
    }
}

impl From<Failure> for WaitingFor {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Network => Self::Network,
            Failure::Busy(_) => Self::BusyServer,
            Failure::Refused(code) => Self::ServerRefusal { code },
            Failure::Store => Self::Storage,
        }
    }
}

/// What an enrolment needs.
#[derive(Debug, Clone)]
pub struct EnrolRequest {
    /// Address of the server, from the coordinator's code.
    pub server: String,
    /// The one-time code.
    pub code: String,
    /// What the coordinator's list calls this phone.
    pub device_name: String,
}

/// What one run of sync did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncView {
    /// How sync stands at the end.
    pub state: SyncState,
    /// Requests that got an answer.
    pub round_trips: u32,
    /// Own changes that the server took or had.
    pub accepted: u32,
    /// Own changes that the server would not have: the outbox shows them.
    pub refused: u32,
    /// Changes received and taken in.
    pub received: u32,
    /// Entries that could not be accepted.
    pub quarantined: u32,
    /// Own changes that still wait.
    pub waiting: u32,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of answer bodies.
    pub bytes_received: u64,
}

impl From<SyncOutcome> for SyncView {
    fn from(outcome: SyncOutcome) -> Self {
        Self {
            state: outcome.status.into(),
            round_trips: outcome.round_trips,
            accepted: outcome.accepted,
            refused: outcome.refused,
            received: outcome.received,
            quarantined: outcome.quarantined,
            waiting: outcome.waiting,
            bytes_sent: outcome.bytes_sent,
            bytes_received: outcome.bytes_received,
        }
    }
}

impl SyncView {
    /// A run that was cut short by a pause.
    fn paused(waiting: u32) -> Self {
        Self {
            state: SyncState::Paused,
            round_trips: 0,
            accepted: 0,
            refused: 0,
            received: 0,
            quarantined: 0,
            waiting,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

/// Enrolment and sync of one profile.
#[derive(Clone)]
pub struct ProfileSync {
    pub(super) seat: Arc<Seat>,
}

impl ProfileSync {
    /// Enrols this profile with a one-time code.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an address that cannot be used, [`AppError::Offline`],
    /// [`AppError::Busy`], [`AppError::ServerRefused`] (the code is unknown, used or too old),
    /// [`AppError::UpdateNeeded`].
    pub async fn enrol(&self, request: EnrolRequest) -> Result<(), AppError> {
        let phone = self.seat.phone()?;
        let enrolment = async move {
            let EnrolRequest { server, code, device_name } = request;
            Ok(phone.sync().enrol(&server, &code, &device_name).await?)
        };
        self.seat.spawn(enrolment).await
    }

    /// Talks to the server at this address from now on.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an address that cannot be used.
    pub async fn set_server(&self, server: String) -> Result<(), AppError> {
        self.seat.work(move |phone| Ok(phone.sync().set_server(&server)?)).await
    }

    /// The person this profile belongs to.
    ///
    /// # Errors
    /// [`AppError::NotEnrolled`].
    pub async fn person(&self) -> Result<PersonId, AppError> {
        self.seat.work(|phone| Ok(phone.sync().person()?)).await
    }

    /// Syncs until everything is up to date, or has to wait, or somebody has to act, or the app is
    /// paused: [`SyncView::state`] says which. A server that is out of reach is no error here.
    ///
    /// # Errors
    /// [`AppError::NotEnrolled`], [`AppError::Closed`].
    pub async fn sync_now(&self) -> Result<SyncView, AppError> {
        let phone = self.seat.phone()?;
        let mut paused = self.seat.paused();
        let run = async move {
            let outcome = tokio::select! {
                outcome = async { phone.sync().sync_once().await } => Some(outcome?),
                _ = paused.wait_for(|paused| *paused) => None,
            };
            match outcome {
                Some(outcome) => Ok(outcome.into()),
                None => Ok(SyncView::paused(phone.observed().map_or(0, |pulse| pulse.waiting))),
            }
        };
        self.seat.spawn(run).await
    }

    /// Syncs by itself from now on: after each save, and again after a failure. Pausing holds it.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub fn keep_syncing(&self) -> Result<(), AppError> {
        self.seat.keep_syncing()
    }

    /// Syncs only when it is asked to.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub fn stop_syncing(&self) -> Result<(), AppError> {
        self.seat.stop_syncing()
    }
}
