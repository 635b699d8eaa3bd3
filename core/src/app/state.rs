//! How the questions of a record stand while it is being entered.

use alongside_domain::{
    form::session::QuestionState,
    ids::{GroupId, RecordId},
};

use super::{AnswerValue, AnswerView, AppError, ProfileRecords, answers};
use crate::reads::state;

/// Asks how the questions of a record stand with what is being entered.
#[derive(Debug, Clone)]
pub struct FormStateRequest {
    /// The record; `None` for a new one, and for one that its group has once.
    pub record: Option<RecordId>,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The answers that were given or changed and are not saved yet.
    pub answers: Vec<AnswerView>,
}

/// How the questions of a record stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormStateView {
    /// Every question, asked or not, in the order of the form; those of a repeat once for each row.
    pub questions: Vec<QuestionStateView>,
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionStateView {
    /// The question's name, or `repeat/row/question` inside a repeat.
    pub key: String,
    /// Whether it is asked. What it holds where it is not is kept, and does not count.
    pub is_asked: bool,
    /// Whether an answer is needed. A save never waits for one.
    pub is_required: bool,
    /// Whether it is shown and not entered: a calculation, or what the form only shows.
    pub is_read_only: bool,
    /// Its value: entered, saved, worked out, or what the form says at the start.
    pub value: Option<AnswerValue>,
    /// What is wrong with the answer, in the words of the form; a save takes it all the same.
    pub problem: Option<ProblemOfAnswer>,
    /// The codes that it offers now; `None` where it has no list.
    pub choices: Option<Vec<String>>,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemOfAnswer {
    /// `missing_answer`, `constraint`, `not_offered`, or the code of an expression that cannot be computed.
    pub code: String,
    /// What the form says about it.
    pub message: String,
}

impl ProfileRecords {
    /// How every question of a record stands with what is being entered: asked or not, needed or not, wrong or
    /// not, worked out, and which choices it offers. Nothing is written.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a form or record that is not there; [`AppError::Invalid`] where a key is given
    /// twice; [`AppError::Closed`].
    pub async fn form_state(&self, request: FormStateRequest) -> Result<FormStateView, AppError> {
        let entered = answers::by_key(request.answers)?;
        let FormStateRequest { record, group, form, .. } = request;
        self.seat
            .work(move |phone| {
                let states = phone.records().form_state(&state::Asked { record, group, form, entered })?;
                Ok(FormStateView { questions: states.into_iter().map(of_question).collect() })
            })
            .await
    }
}

fn of_question(
    (state, value): (QuestionState, Option<alongside_domain::programme::entry::Answer>),
) -> QuestionStateView {
    QuestionStateView {
        key: state.key,
        is_asked: state.relevant,
        is_required: state.required,
        is_read_only: state.read_only,
        value: value.map(AnswerValue::from),
        problem: state
            .trouble
            .map(|trouble| ProblemOfAnswer { code: trouble.code.to_owned(), message: trouble.message }),
        choices: state.choices,
    }
}
