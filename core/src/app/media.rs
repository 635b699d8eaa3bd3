//! Attachments, as an app calls them.

use std::{path::PathBuf, sync::Arc};

use alongside_domain::{
    ids::{GroupId, RecordId},
    media::BlobHash,
    time::Millis,
    wire::ErrorCode,
};

use super::{AppError, profile::Seat};
use crate::media::{
    AttachmentId, AttachmentLine, AttachmentState, AttachmentWait, CourierOutcome, TakeRequest,
};

/// A file to attach.
#[derive(Debug, Clone)]
pub struct AttachRequest {
    /// The group of the record that is to name it.
    pub group: GroupId,
    /// Path of the file.
    pub path: String,
    /// Its media type, such as `image/jpeg`.
    pub media_type: String,
    /// Code of the consent under which it was made.
    pub scope: String,
}

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentView {
    /// Its group.
    pub group: GroupId,
    /// The hash of its content: with the group, what it is asked for by.
    pub hash: BlobHash,
    /// The record that names it; `None` where none does, or none any more.
    pub record: Option<RecordId>,
    /// The key of the answer; empty where no record names it.
    pub key: String,
    /// The answer to the question that asks for a file, as a text; empty where no record names it any more.
    pub answer: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its media type; empty where no record names it any more.
    pub media_type: String,
    /// Code of the consent under which it was made; empty where no record names it any more.
    pub scope: String,
    /// Since when it is on this phone, where it is.
    pub since: Option<Millis>,
    /// How it stands.
    pub state: AttachmentStanding,
}

/// How it stands with an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentStanding {
    /// Only at the server, as far as this phone knows: fetch it.
    NotHere,
    /// Being fetched.
    Coming {
        /// Bytes that are here.
        here: u64,
        /// What it waits for.
        because: AttachmentWaitsFor,
        /// Whether somebody has to ask for it to go on.
        stopped: bool,
    },
    /// Here, and waits to be sent.
    Waiting {
        /// Bytes that the server holds.
        there: u64,
        /// What it waits for.
        because: AttachmentWaitsFor,
        /// Whether somebody has to ask for it to go on.
        stopped: bool,
    },
    /// Here and at the server.
    Here,
}

/// What an attachment waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentWaitsFor {
    /// Its turn at the next run.
    Turn,
    /// Its record and group: they are sent first.
    Records,
    /// A connection.
    Network,
    /// A server that is less busy, or has more room.
    BusyServer,
    /// Nothing: it arrived damaged, and is sent or fetched again from its beginning.
    DamagedOnTheWay,
    /// The phone that has it: the server does not have it yet.
    NotThereYet,
    /// Somebody who acts: the server turned it down.
    ServerRefusal {
        /// Why.
        code: ErrorCode,
    },
    /// Nothing any more: the file on this phone is damaged or gone.
    Lost,
    /// Room on this phone.
    Storage,
}

/// What one run of sending and fetching did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendView {
    /// Attachments that became whole at the server.
    pub sent: u32,
    /// Attachments that became whole here.
    pub fetched: u32,
    /// Attachments that still wait to be sent.
    pub waiting: u32,
    /// Bytes of content sent, those that did not arrive included.
    pub bytes_sent: u64,
    /// Bytes of content received.
    pub bytes_received: u64,
    /// When the next one has its turn, where one waits.
    pub next_try: Option<Millis>,
}

impl From<CourierOutcome> for SendView {
    fn from(outcome: CourierOutcome) -> Self {
        Self {
            sent: outcome.sent,
            fetched: outcome.fetched,
            waiting: outcome.waiting,
            bytes_sent: outcome.bytes_sent,
            bytes_received: outcome.bytes_received,
            next_try: outcome.next,
        }
    }
}

impl From<AttachmentWait> for AttachmentWaitsFor {
    fn from(wait: AttachmentWait) -> Self {
        match wait {
            AttachmentWait::Turn => Self::Turn,
            AttachmentWait::Records => Self::Records,
            AttachmentWait::Network => Self::Network,
            AttachmentWait::BusyServer => Self::BusyServer,
            AttachmentWait::DamagedOnTheWay => Self::DamagedOnTheWay,
            AttachmentWait::NotThereYet => Self::NotThereYet,
            AttachmentWait::Refused(code) => Self::ServerRefusal { code },
            AttachmentWait::Lost => Self::Lost,
            AttachmentWait::Storage => Self::Storage,
        }
    }
}

impl From<AttachmentState> for AttachmentStanding {
    fn from(state: AttachmentState) -> Self {
        match state {
            AttachmentState::NotHere => Self::NotHere,
            AttachmentState::Coming { here, waits_for, stopped } => {
                Self::Coming { here, because: waits_for.into(), stopped }
            }
            AttachmentState::Waiting { there, waits_for, stopped } => {
                Self::Waiting { there, because: waits_for.into(), stopped }
            }
            AttachmentState::Here => Self::Here,
        }
    }
}

impl From<AttachmentLine> for AttachmentView {
    fn from(line: AttachmentLine) -> Self {
        Self {
            group: line.id.group,
            hash: line.id.hash,
            record: line.record,
            key: line.field,
            answer: line.reference.unwrap_or_default(),
            bytes: line.bytes,
            media_type: line.media_type,
            scope: line.scope,
            since: line.since,
            state: line.state.into(),
        }
    }
}

/// Attachments of one profile. Observers are told how many wait, and how many bytes.
#[derive(Clone)]
pub struct ProfileMedia {
    pub(super) seat: Arc<Seat>,
}

impl ProfileMedia {
    /// Takes a file: copied, sealed, durable when this returns. Gives the answer to save; until a save
    /// names it, it is not sent, and goes after a week.
    ///
    /// # Errors
    /// [`AppError::Invalid`] (`path`: `empty`, `too_large`, `not_readable`; `media_type`, `scope`),
    /// [`AppError::NotFound`] for the group, [`AppError::StorageFull`].
    pub async fn attach(&self, request: AttachRequest) -> Result<String, AppError> {
        self.seat
            .work(move |phone| {
                let AttachRequest { group, path, media_type, scope } = request;
                let request = TakeRequest { group, path: PathBuf::from(path), media_type, scope };
                Ok(phone.media().take(&request)?.to_string())
            })
            .await
    }

    /// Writes the content in clear into a file of the app, which deletes it when it is done with it. What
    /// is not here is fetched first, going on where it was broken off.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where no record here names it, [`AppError::Offline`], [`AppError::Busy`],
    /// [`AppError::ServerRefused`], [`AppError::StorageFull`].
    pub async fn open_to(&self, group: GroupId, hash: BlobHash, path: String) -> Result<(), AppError> {
        self.fetch(group, hash).await?;
        let at = AttachmentId { group, hash };
        self.seat.work(move |phone| Ok(phone.media().open_to(at, &PathBuf::from(path))?)).await
    }

    /// Reads at most this many bytes of the content from a place, without a file in clear. What is not
    /// here is not fetched.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn read(
        &self,
        group: GroupId,
        hash: BlobHash,
        from: u64,
        most: u32,
    ) -> Result<Vec<u8>, AppError> {
        let at = AttachmentId { group, hash };
        self.seat.work(move |phone| Ok(phone.media().read(at, from, most)?)).await
    }

    /// Fetches an attachment that a record names. Where it is broken off, it goes on with the next run.
    ///
    /// # Errors
    /// As [`ProfileMedia::open_to`].
    pub async fn fetch(&self, group: GroupId, hash: BlobHash) -> Result<(), AppError> {
        let phone = self.seat.phone()?;
        let fetch = async move {
            match phone.media().fetch(AttachmentId { group, hash }).await? {
                None => Ok(()),
                Some(AttachmentWait::Refused(code)) => Err(AppError::ServerRefused { code }),
                Some(AttachmentWait::NotThereYet) => {
                    Err(AppError::ServerRefused { code: ErrorCode::UnknownBlob })
                }
                Some(AttachmentWait::BusyServer) => Err(AppError::Busy { retry_after_seconds: None }),
                Some(AttachmentWait::Storage) => Err(AppError::StorageFull),
                Some(_) => Err(AppError::Offline),
            }
        };
        self.seat.spawn(fetch).await
    }

    /// Sends and fetches everything that waits, now. Ends early where the app is paused: what arrived
    /// stays, and the next run goes on from there.
    ///
    /// # Errors
    /// [`AppError::NotEnrolled`], [`AppError::Closed`].
    pub async fn send_now(&self) -> Result<SendView, AppError> {
        let phone = self.seat.phone()?;
        let mut paused = self.seat.paused();
        let run = async move {
            tokio::select! {
                outcome = async { phone.media().send_now().await } => Ok(outcome?.into()),
                _ = paused.wait_for(|paused| *paused) => {
                    let waiting = phone.observed().map_or(0, |pulse| pulse.attachments);
                    Ok(CourierOutcome { waiting, ..CourierOutcome::default() }.into())
                }
            }
        };
        self.seat.spawn(run).await
    }

    /// Sends and fetches by itself from now on: what waits, what is saved, and again after a failure. An
    /// app calls it where the network is one to spend on files, and [`ProfileMedia::stop_sending`] where it
    /// is not. Pausing holds it.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub fn keep_sending(&self) -> Result<(), AppError> {
        self.seat.keep_sending()
    }

    /// Sends and fetches only when it is asked to.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub fn stop_sending(&self) -> Result<(), AppError> {
        self.seat.stop_sending()
    }

    /// The attachments that a record names now, by key.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn of_record(&self, record: RecordId) -> Result<Vec<AttachmentView>, AppError> {
        self.listed(move |phone| phone.media().of_record(record)).await
    }

    /// What waits to be sent or fetched, and why, the longest waiting first.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn waiting(&self) -> Result<Vec<AttachmentView>, AppError> {
        self.listed(|phone| phone.media().waiting()).await
    }

    async fn listed(
        &self,
        list: impl FnOnce(&crate::phone::Phone) -> Result<Vec<AttachmentLine>, crate::error::ApiError>
        + Send
        + 'static,
    ) -> Result<Vec<AttachmentView>, AppError> {
        self.seat.work(|phone| Ok(list(phone)?.into_iter().map(AttachmentView::from).collect())).await
    }

    /// Removes copies that are safe at the server, the longest unused first, until this many bytes are
    /// free of them. Gives how many bytes went.
    ///
    /// # Errors
    /// [`AppError::Closed`].
    pub async fn make_room(&self, bytes: u64) -> Result<u64, AppError> {
        self.seat.work(move |phone| Ok(phone.media().make_room(bytes)?)).await
    }
}
