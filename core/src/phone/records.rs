//! Reading and writing records.

use alongside_domain::{
    form::session::QuestionState,
    ids::{GroupId, RecordId},
    programme::entry::Answer,
    record::{Edit, RecordView},
    time::Millis,
    value::Value,
};
use jiff::civil::Date;

use super::Phone;
use crate::{
    error::ApiError,
    reads,
    store::findings,
    views::{
        ConflictLine, FiguresView, HistoryView, Hit, HomeView, OutboxView, PageMark, ProblemsView,
        RecordCard, ReminderView, UnitList, UnitMark, UnitView, UnitsView,
    },
    writes::{self, Draft, MoveRequest, OpenGroupRequest, OpenedGroup, SaveRequest, SessionRequest},
};

/// Reading and writing records. Calls block for as long as the disk needs: call them off the thread
/// that draws.
pub struct Records<'a> {
    pub(super) phone: &'a Phone,
}

impl Records<'_> {
    /// Saves; returns once the change is durable.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with every problem, [`ApiError::NotFound`], [`ApiError::NotEnrolled`], and
    /// those of the store. Nothing is saved then.
    pub fn save(&self, request: SaveRequest) -> Result<RecordView, ApiError> {
        let view = self.phone.0.store.write(move |tx, desk| writes::save::save(tx, desk, &request))?;
        self.phone.changed();
        Ok(view)
    }

    /// Opens a group with its first records: all of it, or nothing.
    ///
    /// # Errors
    /// As [`Records::save`].
    pub fn open_group(&self, request: OpenGroupRequest) -> Result<OpenedGroup, ApiError> {
        let opened =
            self.phone.0.store.write(move |tx, desk| writes::open::open_group(tx, desk, &request))?;
        self.phone.changed();
        Ok(opened)
    }

    /// Moves a record that was entered in the wrong group: it is written anew there, restricted answers and all,
    /// and closed where it stood. Gives what it became.
    ///
    /// # Errors
    /// As [`Records::save`]; the codes of [`CannotMove`](alongside_domain::record::moved::CannotMove), and
    /// `there_already` where the group has such a record. Nothing is moved then.
    pub fn move_record(&self, request: MoveRequest) -> Result<RecordView, ApiError> {
        let view =
            self.phone.0.store.write(move |tx, desk| writes::moving::move_record(tx, desk, &request))?;
        self.phone.changed();
        Ok(view)
    }

    /// Decides a disagreement: writes this value on top of all that stand, also where it is the one
    /// shown already. A value that arrives later opens it again.
    ///
    /// # Errors
    /// As [`Records::save`].
    pub fn decide(
        &self,
        record: RecordId,
        field: &str,
        value: Value,
        reason: &str,
    ) -> Result<RecordView, ApiError> {
        let (answers, reason) = ([Edit { key: field.to_owned(), value }], reason.to_owned());
        let view = self
            .phone
            .0
            .store
            .write(move |tx, desk| writes::save::decide(tx, desk, record, &answers, reason))?;
        self.phone.changed();
        Ok(view)
    }

    /// Says that what stands is right: with a field, that its state is meant although the programme does not
    /// have the step; without, that a record which was started on several phones apart is meant once.
    ///
    /// # Errors
    /// As [`Records::save`]; `nothing_to_affirm` where nothing waits, `decide_first` where every answer of
    /// such a record differs: a decision on one of them says it.
    pub fn affirm(
        &self,
        record: RecordId,
        field: Option<&str>,
        reason: &str,
    ) -> Result<RecordView, ApiError> {
        let (field, reason) = (field.map(str::to_owned), reason.to_owned());
        let view = self
            .phone
            .0
            .store
            .write(move |tx, desk| writes::decide::affirm(tx, desk, record, field.as_deref(), reason))?;
        self.phone.changed();
        Ok(view)
    }

    /// Keeps answers that are being entered. They stay on this phone; a save with the same token ends
    /// them.
    ///
    /// # Errors
    /// Those of the store.
    pub fn keep_draft(&self, draft: Draft) -> Result<(), ApiError> {
        self.phone.0.store.write(move |tx, desk| writes::draft::keep(tx, desk, &draft))
    }

    /// Drops a draft.
    ///
    /// # Errors
    /// Those of the store.
    pub fn discard_draft(&self, token: [u8; 16]) -> Result<(), ApiError> {
        self.phone.0.store.write(move |tx, _| writes::draft::discard(tx, token))
    }

    /// Every draft, newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub fn drafts(&self) -> Result<Vec<Draft>, ApiError> {
        self.phone.0.store.read(writes::draft::all)
    }

    /// The first screen.
    ///
    /// # Errors
    /// Those of the store.
    pub fn home(&self, as_of: Date) -> Result<HomeView, ApiError> {
        let status = self.phone.0.heart.current().and_then(|pulse| pulse.sync);
        let programme = &self.phone.0.programme;
        self.phone.0.store.read(|db| reads::home::home(db, programme, as_of, status))
    }

    /// A piece of a list of units; `after` is where the piece before ended.
    ///
    /// # Errors
    /// Those of the store.
    pub fn units(
        &self,
        list: UnitList,
        as_of: Date,
        limit: u32,
        after: Option<UnitMark>,
    ) -> Result<UnitsView, ApiError> {
        let programme = &self.phone.0.programme;
        self.phone.0.store.read(|db| reads::home::units(db, programme, as_of, list, limit, after))
    }

    /// The page of a unit; `after` is where the page before ended.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn unit_page(
        &self,
        group: GroupId,
        as_of: Date,
        limit: u32,
        after: Option<PageMark>,
    ) -> Result<UnitView, ApiError> {
        let programme = &self.phone.0.programme;
        self.phone.0.store.read(|db| reads::unit::unit(db, programme, group, as_of, limit, after))
    }

    /// What is worked out from the records around a unit, as of a day. Its cost grows with those records.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn figures(&self, unit: GroupId, as_of: Date) -> Result<FiguresView, ApiError> {
        let programme = &self.phone.0.programme;
        self.phone.0.store.read(|db| reads::figures::figures(db, programme, unit, as_of))
    }

    /// Saves one session with several units: one record for each, with an id that they share. What was
    /// spent on all is split over them so that the sum is exact. All of it, or nothing.
    ///
    /// # Errors
    /// As [`Records::save`]; `no_sessions` where the programme has none for this form.
    pub fn save_session(&self, request: SessionRequest) -> Result<Vec<RecordId>, ApiError> {
        let records = self.phone.0.store.write(move |tx, desk| writes::session::save(tx, desk, &request))?;
        self.phone.changed();
        Ok(records)
    }

    /// How every question of a record stands with what is being entered, and what it holds.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub(crate) fn form_state(
        &self,
        asked: &reads::state::Asked,
    ) -> Result<Vec<(QuestionState, Option<Answer>)>, ApiError> {
        let (programme, now) = (&self.phone.0.programme, self.phone.now());
        self.phone.0.store.read(|db| reads::state::of_entering(db, programme, asked, now))
    }

    /// What the programme's rules find for a unit now. It never stopped a save.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn problems(&self, group: GroupId) -> Result<ProblemsView, ApiError> {
        let (programme, now) = (&self.phone.0.programme, self.phone.now());
        self.phone.0.store.read(|db| reads::problems::problems(db, programme, group, now))
    }

    /// What the programme's rules find about one record now.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn record_problems(&self, record: RecordId) -> Result<ProblemsView, ApiError> {
        let (programme, now) = (&self.phone.0.programme, self.phone.now());
        self.phone.0.store.read(|db| reads::problems::of_record(db, programme, record, now))
    }

    /// Judges units whose findings are of an earlier day, or that still wait: a few at a time, so that
    /// other writes come in between. A sync ends with it; an app that was opened calls it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn judge_waiting(&self) -> Result<(), ApiError> {
        while findings::judge_some(&self.phone.0.store)? {}
        Ok(())
    }

    /// The reminders that fall due after one moment and up to another, which may lie ahead. No text names
    /// anybody.
    ///
    /// # Errors
    /// Those of the store.
    pub fn reminders(&self, after: Millis, until: Millis) -> Result<Vec<ReminderView>, ApiError> {
        let programme = &self.phone.0.programme;
        self.phone.0.store.read(|db| reads::problems::reminders(db, programme, after, until))
    }

    /// One record.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn record(&self, record: RecordId) -> Result<RecordCard, ApiError> {
        self.phone.0.store.read(|db| reads::records::record(db, &self.phone.0.programme, record))
    }

    /// History of a record.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], and those of the store.
    pub fn history(&self, record: RecordId) -> Result<HistoryView, ApiError> {
        self.phone.0.store.read(|db| reads::records::history(db, &self.phone.0.programme, record))
    }

    /// Finds records by words of their searched answers; every word must begin a word of the record.
    ///
    /// # Errors
    /// Those of the store.
    pub fn search(&self, text: &str, limit: u32) -> Result<Vec<Hit>, ApiError> {
        self.phone.0.store.read(|db| reads::search::search(db, &self.phone.0.programme, text, limit))
    }

    /// What waits, and what was refused.
    ///
    /// # Errors
    /// Those of the store.
    pub fn outbox(&self) -> Result<OutboxView, ApiError> {
        let store = &self.phone.0.store;
        store.read(|db| reads::waiting::outbox(db, &self.phone.0.programme, store.vault()))
    }

    /// Records on which somebody has to decide, latest touched first.
    ///
    /// # Errors
    /// Those of the store.
    pub fn conflicts(&self, limit: u32) -> Result<Vec<ConflictLine>, ApiError> {
        self.phone.0.store.read(|db| reads::records::conflicts(db, &self.phone.0.programme, limit))
    }
}
