//! One person's open profile, and what it can do.

use std::sync::Arc;

use alongside_core::{
    app::{
        AppError, AppProfile, CardView, ConflictView, DecisionRequest, DraftRequest, DraftView, EnrolRequest,
        FormStateRequest, FormStateView, FormView, MoveRecordRequest, NewGroupRequest, NewGroupView,
        PageRequest, ProfileRecords, ProfileSync, ProgrammeForms, ProgrammeView, RecordHistoryView,
        SaveAnswersRequest, SavedSessionView, SavedView, SessionAnswersRequest, SyncView, UnitPageView,
        UnitsRequest, WaitingView,
    },
    views::{FiguresView, Hit, HomeView, ProblemsView, ReminderView, UnitsView},
};
use alongside_domain::{
    ids::{FormToken, GroupId, PersonId, ProfileId, RecordId},
    time::Millis,
};
use jiff::civil::Date;

use crate::{
    media::MediaClient,
    observer::{PulseObserver, Subscription, Told},
};

/// An open profile. Closed with `shut_down()`, or when the last object of it goes.
#[derive(uniffi::Object)]
pub struct ProfileClient(pub(crate) AppProfile);

#[uniffi::export]
impl ProfileClient {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ProfileId {
        self.0.id()
    }

    /// Reading and writing records.
    #[must_use]
    pub fn records(&self) -> Arc<RecordsClient> {
        Arc::new(RecordsClient(self.0.records()))
    }

    /// Enrolment and sync.
    #[must_use]
    pub fn sync(&self) -> Arc<SyncClient> {
        Arc::new(SyncClient(self.0.sync()))
    }

    /// Attachments.
    #[must_use]
    pub fn media(&self) -> Arc<MediaClient> {
        Arc::new(MediaClient(self.0.media()))
    }

    /// The programme's forms.
    ///
    /// # Errors
    /// `Closed`.
    pub fn forms(&self) -> Result<Arc<FormsClient>, AppError> {
        Ok(Arc::new(FormsClient(self.0.forms()?)))
    }

    /// Tells the observer the current value, then the newest after each change, until the subscription
    /// is stopped or let go of, or the profile is closed.
    ///
    /// # Errors
    /// `Closed`.
    pub fn observe(&self, observer: Arc<dyn PulseObserver>) -> Result<Arc<Subscription>, AppError> {
        Ok(Arc::new(Subscription(self.0.observe(Arc::new(Told(observer)))?)))
    }

    /// Closes the profile: no observer is called after this returns, every later call says `Closed`, and
    /// the file is free. What was being written is written first.
    pub async fn shut_down(&self) {
        self.0.shut_down().await;
    }
}

/// The programme: in memory, no call waits for anything.
#[derive(uniffi::Object)]
pub struct FormsClient(pub(crate) ProgrammeForms);

#[uniffi::export]
impl FormsClient {
    /// The programme: kinds of groups, and a line for each form.
    #[must_use]
    pub fn programme(&self) -> ProgrammeView {
        self.0.programme()
    }

    /// One form, whole, in the order in which it is asked.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn form(&self, form: &str) -> Result<FormView, AppError> {
        self.0.form(form)
    }
}

/// The records of a profile. Reading that finds nothing of that name says `NotFound`; after the profile
/// is closed everything says `Closed`. An id that is none says `Invalid`.
#[derive(uniffi::Object)]
pub struct RecordsClient(pub(crate) ProfileRecords);

#[uniffi::export]
impl RecordsClient {
    /// Saves; returns once it is durable.
    ///
    /// # Errors
    /// `Invalid` with every problem, `NotFound`, `NotEnrolled`, `StorageFull`. Nothing is saved then.
    pub async fn save(&self, request: SaveAnswersRequest) -> Result<SavedView, AppError> {
        self.0.save(request).await
    }

    /// How every question of a record stands with what is being entered: asked or not, needed or not, wrong or
    /// not, worked out, and which choices it offers. Nothing is written.
    ///
    /// # Errors
    /// `NotFound` for a form or record that is not there; `Invalid` where a key is given twice.
    pub async fn form_state(&self, request: FormStateRequest) -> Result<FormStateView, AppError> {
        self.0.form_state(request).await
    }

    /// Saves one session with several units: one record for each, with an id that they share. What was spent on
    /// all is split over them so that the sum is exact; each can be edited afterwards. All of it, or nothing.
    ///
    /// # Errors
    /// As `save`; the codes `no_sessions` where the programme has none for this form, `no_groups`,
    /// `given_twice`, and `not_a_number` for what cannot be split.
    pub async fn save_session(&self, request: SessionAnswersRequest) -> Result<SavedSessionView, AppError> {
        self.0.save_session(request).await
    }

    /// What is worked out from the records around a unit, as of a day (today where there is none), and never
    /// stored. It costs more the more records there are: ask for it beside the unit's page, not before it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn figures(&self, group: GroupId, as_of: Option<Date>) -> Result<FiguresView, AppError> {
        self.0.figures(group, as_of).await
    }

    /// Opens a group with its first records: all of it, or nothing.
    ///
    /// # Errors
    /// As `save`.
    pub async fn open_group(&self, request: NewGroupRequest) -> Result<NewGroupView, AppError> {
        self.0.open_group(request).await
    }

    /// Moves a record that was entered in the wrong group: it is written anew there, restricted answers and all,
    /// and closed where it stood. Gives what it became.
    ///
    /// # Errors
    /// As `save`; the codes `only_one`, `immutable`, `same_group`, `wrong_group`, `moved_already`,
    /// `decide_first`, `not_writable`, and `there_already` where the group has a record with its key.
    pub async fn move_record(&self, request: MoveRecordRequest) -> Result<CardView, AppError> {
        self.0.move_record(request).await
    }

    /// Decides between values that stand beside each other: writes the chosen one on top of all, also
    /// where it is the one that is shown already. A value that arrives later opens it again.
    ///
    /// # Errors
    /// As `save`; the code `no_longer_stands` where somebody has decided meanwhile.
    pub async fn decide(&self, request: DecisionRequest) -> Result<CardView, AppError> {
        self.0.decide(request).await
    }

    /// Says of a record that was started on several phones apart (`CardView::twins`) that it is meant once.
    ///
    /// # Errors
    /// As `save`; the code `nothing_to_affirm` where somebody has said so meanwhile, `decide_first` where
    /// every answer of it differs: a decision on one of them says it.
    pub async fn confirm_twins(&self, record: RecordId, reason: String) -> Result<CardView, AppError> {
        self.0.confirm_twins(record, reason).await
    }

    /// Keeps answers that are being entered, in place of those kept before with the same token. They
    /// stay on this phone; a save with the token ends them.
    ///
    /// # Errors
    /// `StorageFull`.
    pub async fn keep_draft(&self, request: DraftRequest) -> Result<(), AppError> {
        self.0.keep_draft(request).await
    }

    /// Drops a draft.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn discard_draft(&self, token: FormToken) -> Result<(), AppError> {
        self.0.discard_draft(token).await
    }

    /// Every draft, newest first.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn drafts(&self) -> Result<Vec<DraftView>, AppError> {
        self.0.drafts().await
    }

    /// The first screen. `as_of` is the day for which dates are shown; without it, today.
    ///
    /// # Errors
    /// `Closed`.
    #[uniffi::method(default(as_of = None))]
    pub async fn home(&self, as_of: Option<Date>) -> Result<HomeView, AppError> {
        self.0.home(as_of).await
    }

    /// A piece of a list of units; the first screen shows the beginning of each.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn units(&self, request: UnitsRequest) -> Result<UnitsView, AppError> {
        self.0.units(request).await
    }

    /// The page of a unit.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unit_page(&self, request: PageRequest) -> Result<UnitPageView, AppError> {
        self.0.unit_page(request).await
    }

    /// What the programme's rules find for a unit now. It never stopped a save.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn problems(&self, group: GroupId) -> Result<ProblemsView, AppError> {
        self.0.problems(group).await
    }

    /// What the programme's rules find about one record now.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn record_problems(&self, record: RecordId) -> Result<ProblemsView, AppError> {
        self.0.record_problems(record).await
    }

    /// The reminders that fall due after one moment and up to another, which may lie ahead: to show now, or
    /// to hand to the platform. Their texts name nobody. Ask again after every save.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn reminders(&self, after: Millis, until: Millis) -> Result<Vec<ReminderView>, AppError> {
        self.0.reminders(after, until).await
    }

    /// One record.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn record(&self, record: RecordId) -> Result<CardView, AppError> {
        self.0.record(record).await
    }

    /// History of a record.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn history(&self, record: RecordId) -> Result<RecordHistoryView, AppError> {
        self.0.history(record).await
    }

    /// Finds records by words of their searched answers; every word must begin a word of the record.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn search(&self, text: String, limit: u32) -> Result<Vec<Hit>, AppError> {
        self.0.search(text, limit).await
    }

    /// What waits to be sent, and what was kept apart.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn waiting(&self) -> Result<WaitingView, AppError> {
        self.0.waiting().await
    }

    /// Records on which somebody has to decide, latest touched first.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn conflicts(&self, limit: u32) -> Result<Vec<ConflictView>, AppError> {
        self.0.conflicts(limit).await
    }
}

/// Enrolment and sync of a profile.
#[derive(uniffi::Object)]
pub struct SyncClient(ProfileSync);

#[uniffi::export]
impl SyncClient {
    /// Enrols this profile with a one-time code.
    ///
    /// # Errors
    /// `Invalid` for an address that cannot be used, `Offline`, `Busy`, `ServerRefused` (the code is
    /// unknown, used or too old), `UpdateNeeded`.
    pub async fn enrol(&self, request: EnrolRequest) -> Result<(), AppError> {
        self.0.enrol(request).await
    }

    /// Talks to the server at this address from now on.
    ///
    /// # Errors
    /// `Invalid` for an address that cannot be used.
    pub async fn set_server(&self, server: String) -> Result<(), AppError> {
        self.0.set_server(server).await
    }

    /// The person this profile belongs to.
    ///
    /// # Errors
    /// `NotEnrolled`.
    pub async fn person(&self) -> Result<PersonId, AppError> {
        self.0.person().await
    }

    /// Syncs until everything is up to date, or has to wait, or somebody has to act, or the app is
    /// paused: the view's `state` says which. A server that is out of reach is no error here.
    ///
    /// # Errors
    /// `NotEnrolled`, `Closed`.
    pub async fn sync_now(&self) -> Result<SyncView, AppError> {
        self.0.sync_now().await
    }

    /// Syncs by itself from now on: after each save, and again after a failure. Pausing holds it.
    ///
    /// # Errors
    /// `Closed`.
    pub fn keep_syncing(&self) -> Result<(), AppError> {
        self.0.keep_syncing()
    }

    /// Syncs only when it is asked to.
    ///
    /// # Errors
    /// `Closed`.
    pub fn stop_syncing(&self) -> Result<(), AppError> {
        self.0.stop_syncing()
    }
}
