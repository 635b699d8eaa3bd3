//! Reading and writing records, as an app calls it.

use std::sync::Arc;

use alongside_domain::{
    ids::{ChangeHash, FormToken, GroupId, RecordId},
    time::Millis,
};
use jiff::civil::Date;

use super::{
    AnswerValue, AnswerView, AppError, CardView, ConflictView, DraftView, NewGroupView, RecordHistoryView,
    SavedSessionView, SavedView, UnitPageView, WaitingView, answers, profile::Seat, views::warnings,
};
use crate::{
    phone::Phone,
    views::{
        FiguresView, Hit, HomeView, PageMark, ProblemsView, ReminderView, UnitList, UnitMark, UnitsView,
    },
    writes::{
        Draft, MoveRequest, SessionRequest,
        decide::{self, Chosen},
        enter,
    },
};

/// Saves what was entered in a form.
#[derive(Debug, Clone)]
pub struct SaveAnswersRequest {
    /// The record; `None` for a new one, and for one that its group has once.
    pub record: Option<RecordId>,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The answers that were given or changed; what is not named stays as it is.
    pub answers: Vec<AnswerView>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// The filling-in: a repeated save with the same token gives the first result and writes nothing.
    pub token: Option<FormToken>,
}

/// Moves a record that was entered in the wrong group.
#[derive(Debug, Clone)]
pub struct MoveRecordRequest {
    /// The record.
    pub record: RecordId,
    /// Where it belongs.
    pub group: GroupId,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// As in [`SaveAnswersRequest`].
    pub token: Option<FormToken>,
}

/// Opens a group with its first records: all of it, or nothing.
#[derive(Debug, Clone)]
pub struct NewGroupRequest {
    /// Kind of group, as the programme names it.
    pub kind: String,
    /// The groups it is linked to.
    pub parents: Vec<GroupId>,
    /// Its first records.
    pub records: Vec<FirstAnswers>,
    /// As in [`SaveAnswersRequest`].
    pub token: Option<FormToken>,
}

/// The first answers of a record in a new group.
#[derive(Debug, Clone)]
pub struct FirstAnswers {
    /// Its form.
    pub form: String,
    /// Its answers.
    pub answers: Vec<AnswerView>,
}

/// Saves one session with several units.
#[derive(Debug, Clone)]
pub struct SessionAnswersRequest {
    /// The group of each unit, each once.
    pub groups: Vec<GroupId>,
    /// The form of the records.
    pub form: String,
    /// The answers of the session as a whole: time and miles are given for all together.
    pub answers: Vec<AnswerView>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// As in [`SaveAnswersRequest`].
    pub token: Option<FormToken>,
}

/// Decides between values that stand beside each other.
#[derive(Debug, Clone)]
pub struct DecisionRequest {
    /// The record.
    pub record: RecordId,
    /// Key of the field.
    pub key: String,
    /// What is to stand.
    pub decision: Decision,
    /// Why.
    pub reason: String,
}

/// What is to stand.
#[derive(Debug, Clone)]
pub enum Decision {
    /// The value that is shown.
    KeepShown,
    /// A value that stands beside it.
    TakeOther {
        /// The change that it stands in.
        change: ChangeHash,
    },
    /// A new answer.
    Answer {
        /// The answer.
        answer: AnswerValue,
    },
}

/// Keeps answers that are being entered.
#[derive(Debug, Clone)]
pub struct DraftRequest {
    /// The filling-in: the token that the save will carry.
    pub token: FormToken,
    /// The record; `None` for a new one.
    pub record: Option<RecordId>,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The answers so far.
    pub answers: Vec<AnswerView>,
}

/// One page of a unit.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The unit's group.
    pub group: GroupId,
    /// The day for which dates are shown; `None`: today.
    pub as_of: Option<Date>,
    /// How many records, up to 200.
    pub limit: u32,
    /// Where the page before ended.
    pub after: Option<PageMark>,
}

/// A piece of a list of units.
#[derive(Debug, Clone)]
pub struct UnitsRequest {
    /// The list.
    pub list: UnitList,
    /// The day for which dates are shown; `None`: today.
    pub as_of: Option<Date>,
    /// How many units, from 1 to 200.
    pub limit: u32,
    /// Where the piece before ended.
    pub after: Option<UnitMark>,
}

/// Most units in one piece of a list.
const MOST_LINES: u32 = 200;

/// The records of one profile. Reading that finds nothing of that name says [`AppError::NotFound`];
/// after the profile is closed everything says [`AppError::Closed`].
#[derive(Clone)]
pub struct ProfileRecords {
    pub(super) seat: Arc<Seat>,
}

impl ProfileRecords {
    /// Saves; returns once it is durable.
    ///
    /// # Errors
    /// [`AppError::Invalid`] with every problem, [`AppError::NotFound`], [`AppError::NotEnrolled`],
    /// [`AppError::StorageFull`]. Nothing is saved then.
    pub async fn save(&self, request: SaveAnswersRequest) -> Result<SavedView, AppError> {
        let answers = answers::by_key(request.answers)?;
        let SaveAnswersRequest { record, group, form, reason, token, .. } = request;
        let token = token.map(|token| token.0);
        let entered = enter::Entered { record, group, form, answers, reason, token };
        self.seat
            .work(move |phone| {
                let (view, said) = phone.write(move |tx, desk| enter::save_answers(tx, desk, entered))?;
                Ok(SavedView { card: card(phone, view.root.id)?, warnings: warnings(said) })
            })
            .await
    }

    /// Saves one session with several units: one record for each, with an id that they share. What was spent on
    /// all is split over them so that the sum is exact; each can be edited afterwards. All of it, or nothing.
    ///
    /// # Errors
    /// As [`ProfileRecords::save`]; `no_sessions` where the programme has none for this form, `no_groups`,
    /// `given_twice`, and `not_a_number` for what cannot be split.
    pub async fn save_session(&self, request: SessionAnswersRequest) -> Result<SavedSessionView, AppError> {
        let answers = answers::by_key(request.answers)?;
        let SessionAnswersRequest { groups, form, reason, token, .. } = request;
        let token = token.map(|token| token.0);
        self.seat
            .work(move |phone| {
                let (records, said) = phone.write(move |tx, desk| {
                    enter::save_session(
                        tx,
                        desk,
                        SessionRequest { groups, form, answers: Vec::new(), reason, token },
                        &answers,
                    )
                })?;
                Ok(SavedSessionView { records, warnings: warnings(said) })
            })
            .await
    }

    /// Opens a group with its first records.
    ///
    /// # Errors
    /// As [`ProfileRecords::save`].
    pub async fn open_group(&self, request: NewGroupRequest) -> Result<NewGroupView, AppError> {
        let NewGroupRequest { kind, parents, records, token } = request;
        let token = token.map(|token| token.0);
        let mut first = Vec::with_capacity(records.len());
        for FirstAnswers { form, answers } in records {
            first.push((form, answers::by_key(answers)?));
        }
        self.seat
            .work(move |phone| {
                let (opened, said) =
                    phone.write(move |tx, desk| enter::open_group(tx, desk, kind, parents, first, token))?;
                let warnings = warnings(said);
                Ok(NewGroupView { group: opened.group, records: opened.records, warnings })
            })
            .await
    }

    /// Moves a record that was entered in the wrong group: it is written anew there, restricted answers and all,
    /// and closed where it stood. Gives what it became.
    ///
    /// # Errors
    /// As [`ProfileRecords::save`]; `only_one`, `immutable`, `same_group`, `wrong_group`, `moved_already`,
    /// `decide_first`, `not_writable`, and `there_already` where the group has a record with its key.
    pub async fn move_record(&self, request: MoveRecordRequest) -> Result<CardView, AppError> {
        let MoveRecordRequest { record, group, reason, token } = request;
        let request = MoveRequest { record, group, reason, token: token.map(|token| token.0) };
        self.seat
            .work(move |phone| {
                let view = phone.records().move_record(request)?;
                card(phone, view.root.id)
            })
            .await
    }

    /// Decides between values that stand beside each other: writes the chosen one on top of all, also
    /// where it is the one that is shown already. A value that arrives later opens it again.
    ///
    /// # Errors
    /// As [`ProfileRecords::save`]; `no_longer_stands` where somebody has decided meanwhile.
    pub async fn decide(&self, request: DecisionRequest) -> Result<CardView, AppError> {
        let DecisionRequest { record, key, decision, reason } = request;
        let chosen = match decision {
            Decision::KeepShown => Chosen::Shown,
            Decision::TakeOther { change } => Chosen::Other(change),
            Decision::Answer { answer } => Chosen::Answer(answer.into()),
        };
        self.seat
            .work(move |phone| {
                phone.write(move |tx, desk| decide::decide(tx, desk, record, &key, chosen, reason))?;
                card(phone, record)
            })
            .await
    }

    /// Says of a record that was started on several phones apart ([`CardView::twins`]) that it is meant once.
    ///
    /// # Errors
    /// As [`ProfileRecords::save`]; `nothing_to_affirm` where somebody has said so meanwhile, `decide_first`
    /// where every answer of it differs: a decision on one of them says it.
    pub async fn confirm_twins(&self, record: RecordId, reason: String) -> Result<CardView, AppError> {
        self.seat
            .work(move |phone| {
                phone.records().affirm(record, None, &reason)?;
                card(phone, record)
            })
            .await
    }

    /// Keeps answers that are being entered, in place of those kept before with the same token. They
    /// stay on this phone; a save with the token ends them.
    ///
    /// # Errors
    /// [`AppError::StorageFull`].
    pub async fn keep_draft(&self, request: DraftRequest) -> Result<(), AppError> {
        let DraftRequest { token, record, group, form, answers } = request;
        let answers = answers::to_draft(answers);
        // When it was kept, the store says.
        let draft = Draft { token: token.0, record, group, form, answers, at: Millis(0) };
        self.seat.work(move |phone| Ok(phone.records().keep_draft(draft)?)).await
    }

    /// Drops a draft.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn discard_draft(&self, token: FormToken) -> Result<(), AppError> {
        self.seat.work(move |phone| Ok(phone.records().discard_draft(token.0)?)).await
    }

    /// Every draft, newest first.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn drafts(&self) -> Result<Vec<DraftView>, AppError> {
        self.seat
            .work(|phone| {
                let drafts = phone.records().drafts()?.into_iter();
                Ok(drafts.map(|draft| DraftView::new(phone.programme(), draft)).collect())
            })
            .await
    }

    /// The first screen; `as_of` is the day for which dates are shown, today where it is `None`.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn home(&self, as_of: Option<Date>) -> Result<HomeView, AppError> {
        self.seat.work(move |phone| Ok(phone.records().home(day(phone, as_of))?)).await
    }

    /// A piece of a list of units; the first screen shows the beginning of each.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn units(&self, request: UnitsRequest) -> Result<UnitsView, AppError> {
        let UnitsRequest { list, as_of, limit, after } = request;
        let limit = limit.clamp(1, MOST_LINES);
        self.seat.work(move |phone| Ok(phone.records().units(list, day(phone, as_of), limit, after)?)).await
    }

    /// The page of a unit.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn unit_page(&self, request: PageRequest) -> Result<UnitPageView, AppError> {
        let PageRequest { group, as_of, limit, after } = request;
        self.seat
            .work(move |phone| {
                let page = phone.records().unit_page(group, day(phone, as_of), limit, after)?;
                Ok(UnitPageView::new(phone.programme(), page))
            })
            .await
    }

    /// What is worked out from the records around a unit, as of a day (today where it is `None`), and never
    /// stored. It costs more the more records there are: ask for it beside the unit's page, not before it.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn figures(&self, group: GroupId, as_of: Option<Date>) -> Result<FiguresView, AppError> {
        self.seat.work(move |phone| Ok(phone.records().figures(group, day(phone, as_of))?)).await
    }

    /// What the programme's rules find for a unit now. It never stopped a save.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn problems(&self, group: GroupId) -> Result<ProblemsView, AppError> {
        self.seat.work(move |phone| Ok(phone.records().problems(group)?)).await
    }

    /// What the programme's rules find about one record now.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn record_problems(&self, record: RecordId) -> Result<ProblemsView, AppError> {
        self.seat.work(move |phone| Ok(phone.records().record_problems(record)?)).await
    }

    /// The reminders that fall due after one moment and up to another, which may lie ahead: to show now, or
    /// to hand to the platform. Their texts name nobody. What is saved meanwhile changes them: ask again
    /// after every save.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn reminders(&self, after: Millis, until: Millis) -> Result<Vec<ReminderView>, AppError> {
        self.seat
            .work(move |phone| {
                phone.records().judge_waiting()?;
                Ok(phone.records().reminders(after, until)?)
            })
            .await
    }

    /// One record.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn record(&self, record: RecordId) -> Result<CardView, AppError> {
        self.seat.work(move |phone| card(phone, record)).await
    }

    /// History of a record.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn history(&self, record: RecordId) -> Result<RecordHistoryView, AppError> {
        self.seat
            .work(move |phone| {
                let form = phone.records().record(record)?.form;
                let history = phone.records().history(record)?;
                Ok(RecordHistoryView::new(phone.programme(), &form, history))
            })
            .await
    }

    /// Finds records by words of their searched answers; every word must begin a word of the record.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn search(&self, text: String, limit: u32) -> Result<Vec<Hit>, AppError> {
        self.seat.work(move |phone| Ok(phone.records().search(&text, limit)?)).await
    }

    /// What waits to be sent, and what was kept apart.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn waiting(&self) -> Result<WaitingView, AppError> {
        self.seat.work(|phone| Ok(phone.records().outbox()?.into())).await
    }

    /// Records on which somebody has to decide, latest touched first.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn conflicts(&self, limit: u32) -> Result<Vec<ConflictView>, AppError> {
        self.seat
            .work(move |phone| {
                let lines = phone.records().conflicts(limit)?.into_iter();
                Ok(lines.map(|line| ConflictView::new(phone.programme(), line)).collect())
            })
            .await
    }
}

fn card(phone: &Phone, record: RecordId) -> Result<CardView, AppError> {
    Ok(CardView::new(phone.programme(), phone.records().record(record)?))
}

/// The day asked for, or today.
fn day(phone: &Phone, as_of: Option<Date>) -> Date {
    as_of.unwrap_or_else(|| phone.today())
}
