//! The core in the shape in which a native app calls it.
//!
//! One object, [`App`], owns the threads and knows the profiles of this phone; everything else is
//! reached from it. Requests go in, views come out, one call for each screen, all with named fields, so
//! that what carries them over to Kotlin or Swift needs no logic of its own. Every asynchronous
//! function here only waits for a task that owns the work: where the caller stops waiting, the work is
//! done all the same.

use std::{path::PathBuf, sync::Arc, time::Duration};

use alongside_domain::{
    ids::ProfileId,
    programme::{Programme, builtin},
};

use crate::{
    clock::{Clock, SystemClock},
    store::key::Key,
};

mod answers;
mod apart;
mod background;
mod doors;
mod error;
mod forms;
mod house;
mod media;
mod observe;
mod profile;
mod records;
mod state;
mod sync;
mod views;

pub use answers::{AnswerValue, AnswerView};
pub use background::{PauseView, ProfileKey, ProfileSyncOutcome, ProfileSyncView};
pub use error::{AppError, FieldProblem};
pub use forms::{
    AnswerKind, ChoiceView, FormLine, FormView, GroupKindView, ParameterView, ProgrammeForms, ProgrammeView,
    QuestionView, SectionView,
};
pub use media::{
    AttachRequest, AttachmentStanding, AttachmentView, AttachmentWaitsFor, ProfileMedia, SendView,
};
pub use observe::{Observer, PulseView, Subscription};
pub use profile::AppProfile;
pub use records::{
    Decision, DecisionRequest, DraftRequest, FirstAnswers, MoveRecordRequest, NewGroupRequest, PageRequest,
    ProfileRecords, SaveAnswersRequest, SessionAnswersRequest, UnitsRequest,
};
pub use state::{FormStateRequest, FormStateView, ProblemOfAnswer, QuestionStateView};
pub use sync::{EnrolRequest, ProfileSync, SyncState, SyncView, WaitingFor};
pub use views::{
    CardView, ConflictView, DateView, DraftView, FieldChangeView, HistoryLine, KeptApart, KeptApartView,
    LinkedGroupView, NewGroupView, QuarantineView, RecordHistoryView, RefusedOpeningView, SavedSessionView,
    SavedView, TwinView, UnitPageView, WaitingView,
};

use house::House;

/// What an app is started with.
#[derive(Clone)]
pub struct AppConfig {
    /// Folder that the app keeps for the core, where backups of the platform do not reach.
    pub folder: PathBuf,
    /// The programme.
    pub programme: Arc<Programme>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// IANA name of the zone in which people work.
    pub zone: String,
    /// Most bytes that each profile's database may grow to; `None`: what the device has.
    pub most_bytes: Option<u64>,
}

impl AppConfig {
    /// The programme that is compiled in, the machine's clock, the programme's zone.
    ///
    /// # Errors
    /// [`AppError::Unexpected`] where the programme does not hold together; a test holds that it does.
    pub fn new(folder: PathBuf) -> Result<Self, AppError> {
        let programme = builtin::independent_support().map_err(|problems| AppError::Unexpected {
            code: "programme".to_owned(),
            reason: problems.first().map(ToString::to_string).unwrap_or_default(),
        })?;
        Ok(Self {
            folder,
            zone: programme.zone.clone(),
            programme: Arc::new(programme),
            clock: Arc::new(SystemClock),
            most_bytes: None,
        })
    }

    fn profiles(&self) -> PathBuf {
        self.folder.join("profiles")
    }
}

/// What a native app says of itself.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Folder that the app keeps for the core, where backups of the platform do not reach.
    pub folder: String,
    /// Most bytes that each profile's database may grow to; `None`: what the device has.
    pub most_bytes: Option<u64>,
}

impl TryFrom<AppSettings> for AppConfig {
    type Error = AppError;

    fn try_from(AppSettings { folder, most_bytes }: AppSettings) -> Result<Self, AppError> {
        Ok(Self { most_bytes, ..Self::new(folder.into())? })
    }
}

/// The key as the keystore gave it; its bytes are wiped.
fn key(bytes: Vec<u8>) -> Result<Key, AppError> {
    Key::from_bytes(bytes).ok_or_else(|| AppError::invalid("key", "not_32_bytes"))
}

/// A profile on this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileView {
    /// Its id. The name of its person is inside, encrypted: what a list of profiles shows, the app keeps
    /// beside the key.
    pub profile: ProfileId,
    /// Whether it is open in this app.
    pub is_open: bool,
}

/// The core of an app. Cheap to clone: all clones are the same.
#[derive(Clone)]
pub struct App(Arc<House>);

impl App {
    /// Starts the core's threads and makes its folder. Opens no profile.
    ///
    /// # Errors
    /// [`AppError::Unexpected`] where the folder cannot be made.
    pub fn start(config: AppConfig) -> Result<Self, AppError> {
        Ok(Self(Arc::new(House::new(config)?)))
    }

    /// The programme's forms, which need no profile.
    #[must_use]
    pub fn forms(&self) -> ProgrammeForms {
        ProgrammeForms::new(self.0.config().programme.clone())
    }

    /// The profiles on this phone, in the order in which they were made.
    ///
    /// # Errors
    /// [`AppError::Unexpected`] where the folder cannot be read.
    pub async fn profiles(&self) -> Result<Vec<ProfileView>, AppError> {
        self.work(|house| {
            let profiles = house.profiles()?.into_iter();
            let view = |profile| ProfileView { profile, is_open: house.doors().has_person(profile) };
            Ok(profiles.map(view).collect())
        })
        .await
    }

    /// Makes a profile with this new key, 32 random bytes, and opens it. The core never stores the key.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a key of another length, [`AppError::StorageFull`], [`AppError::Unexpected`]; nothing is left behind.
    pub async fn create_profile(&self, key: Vec<u8>) -> Result<AppProfile, AppError> {
        let key = self::key(key)?;
        self.work(move |house| Ok(AppProfile { seat: house.create(&key)? })).await
    }

    /// Opens a profile with the key that it was made with.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a key that has not 32 bytes,
    /// [`AppError::NotFound`], [`AppError::WrongKey`], [`AppError::InUse`], [`AppError::Damaged`],
    /// [`AppError::UpdateNeeded`], [`AppError::StorageFull`]; the file is left as it was.
    pub async fn open_profile(&self, profile: ProfileId, key: Vec<u8>) -> Result<AppProfile, AppError> {
        let key = self::key(key)?;
        self.work(move |house| Ok(AppProfile { seat: house.open(profile, &key)? })).await
    }

    /// Syncs these profiles, for work in the background: those that are not open are opened for it and
    /// closed again. Ends after `deadline` at the latest, apart from a write that has begun, and says for
    /// each profile what came of it.
    pub async fn sync_profiles(&self, profiles: Vec<ProfileKey>, deadline: Duration) -> Vec<ProfileSyncView> {
        background::sync_profiles(self.0.clone(), profiles, deadline).await
    }

    /// Finishes what is being written, holds syncing, and lets go of what a sleeping app must not hold.
    /// Takes at most `grace`, and says what is unfinished then; that goes on as long as the app runs.
    pub async fn pause(&self, grace: Duration) -> PauseView {
        background::pause(self.0.clone(), grace).await
    }

    /// Goes on as before the pause. Calls on records need no resuming.
    pub fn resume(&self) {
        self.0.set_paused(false);
        for seat in self.0.seats() {
            seat.go_on();
        }
    }

    /// Closes every profile: no observer is called after this returns.
    pub async fn shut_down(&self) {
        let house = self.0.clone();
        let shut = self.0.runtime().spawn_blocking(move || {
            for seat in house.seats() {
                seat.shut();
            }
        });
        // A panic in there has closed what it could; there is nobody to tell.
        let _ = shut.await;
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<House>) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let house = self.0.clone();
        let task = self.0.runtime().spawn_blocking(move || work(&house));
        task.await.unwrap_or_else(|error| Err(AppError::unexpected("task", &error)))
    }
}
