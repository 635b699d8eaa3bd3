//! Pages that say what went wrong and what to do, without telling what exists.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{read_model::ReadModelError, store::StoreError};

/// Why a page cannot be shown. The page itself is drawn by [`super::frame`], which knows the request's
/// id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageError {
    /// Nobody is signed in.
    NotSignedIn,
    /// The sign-in link was used, is too old, or was never given out.
    LinkSpent,
    /// There is no such page, or it is not for this person: the two are not told apart.
    NotFound,
    /// The record names an attachment that the server does not have.
    NotThereYet,
    /// The person's role does not include case records at all.
    RoleSeesNothing,
    /// The request is not one that a page of ours sends.
    BadRequest,
    /// A record was started more than once, and every answer of it differs.
    DecideFirst,
    /// Other values stand by now than those that the person saw.
    ChangedMeanwhile,
    /// A merge was decided too long ago to be undone.
    TooLate,
    /// Another merge stands against this one, or on it.
    MergedOtherwise,
    /// A form was sent without its token, or from another site.
    Forged,
    /// There is no such link to a form.
    LinkUnknown,
    /// The time of a link to a form is over.
    LinkExpired,
    /// A link to a form was taken back, or its survey closed.
    LinkEnded,
    /// The form behind a link was sent already.
    LinkAnswered,
    /// What was saved behind a link does not go with the form any more.
    DraftOfAnother,
    /// A page of a form sent what the form does not ask.
    NotOfForm,
    /// A page sent more than is taken.
    TooMuch,
    /// A page sent too many files.
    TooManyFiles,
    /// Too many write at once.
    Busy,
    /// Something failed here.
    Failed,
}

impl PageError {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::LinkSpent => StatusCode::GONE,
            Self::NotFound | Self::NotThereYet => StatusCode::NOT_FOUND,
            Self::RoleSeesNothing | Self::Forged => StatusCode::FORBIDDEN,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::DecideFirst | Self::ChangedMeanwhile | Self::TooLate | Self::MergedOtherwise => {
                StatusCode::CONFLICT
            }
            Self::LinkUnknown => StatusCode::NOT_FOUND,
            Self::LinkExpired | Self::LinkEnded | Self::LinkAnswered => StatusCode::GONE,
            Self::DraftOfAnother => StatusCode::CONFLICT,
            Self::NotOfForm => StatusCode::BAD_REQUEST,
            Self::TooMuch | Self::TooManyFiles => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether going to the first page of the console makes sense.
    pub(super) fn leads_home(self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::NotThereYet
                | Self::BadRequest
                | Self::DecideFirst
                | Self::Forged
                | Self::Failed
        )
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::NotSignedIn => "Sign in",
            Self::LinkSpent => "This sign-in link no longer works",
            Self::NotFound => "Page not found",
            Self::NotThereYet => "This attachment has not arrived yet",
            Self::RoleSeesNothing => "Your role does not include these records",
            Self::BadRequest => "This address is not complete",
            Self::DecideFirst => "Decide on an answer first",
            Self::ChangedMeanwhile => "Somebody has written to it meanwhile",
            Self::TooLate => "It is too late to undo this",
            Self::MergedOtherwise => "Another merge stands in the way",
            Self::Forged => "The page was open for too long",
            Self::LinkUnknown => "This link leads nowhere",
            Self::LinkExpired => "The time to answer is over",
            Self::LinkEnded => "This link no longer works",
            Self::LinkAnswered => "Your answers were sent already",
            Self::DraftOfAnother => "The form has changed",
            Self::NotOfForm => "The form does not ask this",
            Self::TooMuch => "This is too much to send at once",
            Self::TooManyFiles => "These are too many files",
            Self::Busy => "The service is busy",
            Self::Failed => "Sorry, there is a problem with the service",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::NotSignedIn => {
                "You need a sign-in link to see this page. Links work once. Ask the person who runs Alongside in your organisation for a new one."
            }
            Self::LinkSpent => {
                "A sign-in link works once and for a short time. Ask the person who runs Alongside in your organisation for a new one."
            }
            Self::NotFound => {
                "There is no page here that you can see. Check the address, or go back to the start. If you expected to find a record here, ask the person who runs Alongside in your organisation."
            }
            Self::NotThereYet => {
                "The record is here, and the file is still on the phone on which it was made. It is sent on its own, often only over Wi-Fi. Try again later, or ask the supporter to open the app."
            }
            Self::RoleSeesNothing => {
                "You are signed in, but people with your role never see the records of the people supported. This is a rule of the programme, not a fault."
            }
            Self::BadRequest => "Go back to the start and try again from there.",
            Self::DecideFirst => {
                "Every answer of this record differs between those who started it. Decide on one of the answers, here or on a phone: with that they say that both mean the same."
            }
            Self::ChangedMeanwhile => {
                "Other values stand there by now than those that you saw. Nothing was decided. Go back, load the page again, look at all of them, and decide."
            }
            Self::TooLate => {
                "A merge can be undone for 30 days, and those are over. Both records are still there, one behind the other."
            }
            Self::MergedOtherwise => {
                "Somebody has merged one of the two with another one meanwhile. Go back to the possible duplicates, and undo that first, or merge the one that stands in front now."
            }
            Self::Forged => {
                "To keep you safe, nothing was done. Go back, load the page again, and try once more."
            }
            Self::LinkUnknown => {
                "Check that you have the whole link: it is long, and may be broken over two lines. If it still does not work, ask the person who sent it to you for a new one."
            }
            Self::LinkExpired => {
                "This link worked until a certain day, and that day has passed. If you still want to answer, ask the person who sent it to you for a new one."
            }
            Self::LinkEnded => {
                "It was taken back, or the survey is closed. If you think that you should still answer, ask the person who sent it to you."
            }
            Self::LinkAnswered => {
                "Thank you. There is nothing more to do. If something needs to be put right, ask the person who sent you the link."
            }
            Self::DraftOfAnother => {
                "What you saved is kept, and the form that it belongs to is not here just now. Try again later, or ask the person who sent you the link."
            }
            Self::NotOfForm => {
                "Nothing of this page was kept. Open your link again: you go on where you stopped. If it happens again, ask the person who sent you the link."
            }
            Self::TooMuch => {
                "Nothing of this page was kept. A file may have up to 16 MB, and a page up to 24 MB. Go back and send less, or a smaller file."
            }
            Self::TooManyFiles => {
                "Nothing of this page was kept. Go back, and choose one file for each question."
            }
            Self::Busy => "Nothing was lost. Go back, wait a moment, and try again.",
            Self::Failed => {
                "Nothing was lost: the records are safe. Try again in a few minutes. If it goes on, give the number below to the person who runs Alongside."
            }
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ReadModelError> for PageError {
    fn from(error: ReadModelError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a page could not be read");
        Self::Failed
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a session could not be read");
        Self::Failed
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a page could not be drawn");
        Self::Failed
    }
}

impl From<tokio::task::JoinError> for PageError {
    fn from(error: tokio::task::JoinError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a page's work was stopped");
        Self::Failed
    }
}
