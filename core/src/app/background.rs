//! What happens while nobody looks: syncing within a deadline, and pausing within a grace time.

use std::{fmt, sync::Arc, time::Duration};

use alongside_domain::ids::ProfileId;
use tokio::time::{Instant, timeout_at};

use super::{AppError, SyncState, doors::Visitor, house::House};
use crate::phone::Phone;

/// A profile with the key that opens it.
pub struct ProfileKey {
    /// The profile.
    pub profile: ProfileId,
    /// Its key, 32 bytes.
    pub key: Vec<u8>,
}

impl fmt::Debug for ProfileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What came of syncing one profile in the background.
#[derive(Debug)]
pub struct ProfileSyncView {
    /// The profile.
    pub profile: ProfileId,
    /// What came of it.
    pub outcome: ProfileSyncOutcome,
}

/// How syncing one profile in the background ended.
#[derive(Debug)]
pub enum ProfileSyncOutcome {
    /// It ran to its end.
    Ran {
        /// How sync stands.
        state: SyncState,
        /// Own changes that still wait.
        waiting: u32,
    },
    /// The deadline came first: the next run goes on from here.
    OutOfTime {
        /// Own changes that still wait.
        waiting: u32,
    },
    /// The key does not open it.
    WrongKey,
    /// It is not on this phone.
    NotThere,
    /// It is not enrolled.
    NotEnrolled,
    /// It failed otherwise.
    Failed {
        /// Where it went wrong.
        code: String,
    },
}

impl From<AppError> for ProfileSyncOutcome {
    fn from(error: AppError) -> Self {
        let code = match error {
            AppError::WrongKey => return Self::WrongKey,
            AppError::NotFound { .. } => return Self::NotThere,
            AppError::NotEnrolled => return Self::NotEnrolled,
            AppError::Unexpected { code, .. } => code,
            AppError::Invalid { .. } => "invalid".to_owned(),
            AppError::Offline => "offline".to_owned(),
            AppError::Busy { .. } => "busy".to_owned(),
            AppError::ServerRefused { .. } => "server_refused".to_owned(),
            AppError::UpdateNeeded => "update_needed".to_owned(),
            AppError::Damaged => "damaged".to_owned(),
            AppError::InUse => "in_use".to_owned(),
            AppError::StorageFull => "storage_full".to_owned(),
            AppError::Closed => "closed".to_owned(),
        };
        Self::Failed { code }
    }
}

/// Syncs all at once: one that hangs takes no time from the others.
pub(super) async fn sync_profiles(
    house: Arc<House>,
    profiles: Vec<ProfileKey>,
    deadline: Duration,
) -> Vec<ProfileSyncView> {
    let runtime = house.runtime().clone();
    let until = Instant::now() + deadline;
    let tasks: Vec<_> = profiles
        .into_iter()
        .map(|ProfileKey { profile, key }| {
            (profile, runtime.spawn(sync_profile(house.clone(), profile, key, until)))
        })
        .collect();
    let mut views = Vec::with_capacity(tasks.len());
    for (profile, task) in tasks {
        let outcome = match task.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => error.into(),
            Err(_) => ProfileSyncOutcome::Failed { code: "task".to_owned() },
        };
        views.push(ProfileSyncView { profile, outcome });
    }
    views
}

async fn sync_profile(
    house: Arc<House>,
    profile: ProfileId,
    key: Vec<u8>,
    until: Instant,
) -> Result<ProfileSyncOutcome, AppError> {
    let key = super::key(key)?;
    let doors = house.clone();
    let entered = blocking(move || doors.enter(profile, &key, Visitor::Background)).await;
    let phone = entered??;
    let ran = timeout_at(until, async { phone.sync().sync_once().await }).await;
    let waiting = phone.observed().map_or(0, |pulse| pulse.waiting);
    drop(phone);
    blocking(move || house.leave(profile, Visitor::Background)).await?;
    Ok(match ran {
        Ok(outcome) => {
            let outcome = outcome.map_err(AppError::from)?;
            ProfileSyncOutcome::Ran { state: outcome.status.into(), waiting: outcome.waiting }
        }
        Err(_) => ProfileSyncOutcome::OutOfTime { waiting },
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| AppError::unexpected("task", &error))
}

/// What a pause came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseView {
    /// Whether everything is written and nothing is held any more.
    pub is_finished: bool,
    /// The profiles that were not ready within the grace time. Nothing of theirs is lost: what was not
    /// written yet is being written.
    pub unfinished: Vec<ProfileId>,
}

pub(super) async fn pause(house: Arc<House>, grace: Duration) -> PauseView {
    let runtime = house.runtime().clone();
    let until = Instant::now() + grace;
    house.set_paused(true);
    for seat in house.seats() {
        seat.hold();
    }
    let pauses: Vec<_> = house
        .doors()
        .open()
        .into_iter()
        .map(|(profile, phone)| {
            let pause = move |phone: Phone| phone.pause();
            let paused = runtime.spawn_blocking(move || pause(phone));
            (profile, runtime.spawn(async move { timeout_at(until, paused).await }))
        })
        .collect();
    let mut unfinished = Vec::new();
    for (profile, paused) in pauses {
        if !matches!(paused.await, Ok(Ok(Ok(Ok(()))))) {
            unfinished.push(profile);
        }
    }
    PauseView { is_finished: unfinished.is_empty(), unfinished }
}
