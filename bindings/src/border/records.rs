//! What goes in: answers, and what is asked for.

use alongside_core::{
    app::{
        AnswerValue, AnswerView, Decision, DecisionRequest, DraftRequest, FirstAnswers, FormStateRequest,
        FormStateView, MoveRecordRequest, NewGroupRequest, PageRequest, ProblemOfAnswer, QuestionStateView,
        SaveAnswersRequest, SessionAnswersRequest, UnitsRequest,
    },
    views::{PageMark, UnitList, UnitMark},
};
use alongside_domain::{
    ids::{ChangeHash, FormToken, GroupId, RecordId},
    time::Millis,
};
use jiff::civil::Date;

/// The answer to one question.
#[uniffi::remote(Enum)]
pub enum AnswerValue {
    /// What was written or picked: a text, a number, an ISO date, a time, one code.
    Text {
        /// As it was entered.
        text: String,
    },
    /// The codes that are chosen, in order.
    Codes {
        /// Codes of the question's choices.
        codes: Vec<String>,
    },
    /// A whole number.
    Number {
        /// The number.
        number: i64,
    },
    /// An instant.
    Instant {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        at: Millis,
    },
    /// Another record.
    Record {
        /// Its id.
        record: RecordId,
    },
    /// The answer was taken away.
    Cleared,
}

/// The answer to one question, with its key.
#[uniffi::remote(Record)]
pub struct AnswerView {
    /// The question's name, or `repeat/row/question` inside a repeat.
    pub key: String,
    /// The answer.
    pub answer: AnswerValue,
}

/// Asks how the questions of a record stand with what is being entered.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct FormStateView {
    /// Every question, asked or not, in the order of the form; those of a repeat once for each row.
    pub questions: Vec<QuestionStateView>,
}

/// How a question stands.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct ProblemOfAnswer {
    /// `missing_answer`, `constraint`, `not_offered`, or the code of an expression that cannot be computed.
    pub code: String,
    /// What the form says about it.
    pub message: String,
}

/// Saves what was entered in a form.
#[uniffi::remote(Record)]
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

/// Saves one session with several units.
#[uniffi::remote(Record)]
pub struct SessionAnswersRequest {
    /// The group of each unit, each once.
    pub groups: Vec<GroupId>,
    /// The form of the records.
    pub form: String,
    /// The answers of the session as a whole: time and miles are given for all together.
    pub answers: Vec<AnswerView>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// As in `SaveAnswersRequest`.
    pub token: Option<FormToken>,
}

/// Moves a record that was entered in the wrong group.
#[uniffi::remote(Record)]
pub struct MoveRecordRequest {
    /// The record.
    pub record: RecordId,
    /// Where it belongs.
    pub group: GroupId,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// As in `SaveAnswersRequest`.
    pub token: Option<FormToken>,
}

/// Opens a group with its first records: all of it, or nothing.
#[uniffi::remote(Record)]
pub struct NewGroupRequest {
    /// Kind of group, as the programme names it.
    pub kind: String,
    /// The groups it is linked to.
    pub parents: Vec<GroupId>,
    /// Its first records.
    pub records: Vec<FirstAnswers>,
    /// As in `SaveAnswersRequest`.
    pub token: Option<FormToken>,
}

/// The first answers of a record in a new group.
#[uniffi::remote(Record)]
pub struct FirstAnswers {
    /// Its form.
    pub form: String,
    /// Its answers.
    pub answers: Vec<AnswerView>,
}

/// Decides between values that stand beside each other.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Enum)]
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
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
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

/// A place in a list of records.
#[uniffi::remote(Record)]
pub struct PageMark {
    /// Time of the last record shown.
    pub at: Millis,
    /// The last record shown.
    pub record: RecordId,
}

/// A piece of a list of units.
#[uniffi::remote(Record)]
pub struct UnitsRequest {
    /// The list.
    pub list: UnitList,
    /// The day for which dates are shown; `None`: today.
    pub as_of: Option<Date>,
    /// How many units, up to 200.
    pub limit: u32,
    /// Where the piece before ended.
    pub after: Option<UnitMark>,
}

/// A list of units.
#[uniffi::remote(Enum)]
pub enum UnitList {
    /// Those with a date before the day that was not met, oldest first.
    Overdue,
    /// Those with a date on the day.
    Today,
    /// Those with a date in the seven days after it, earliest first.
    DueSoon,
    /// Those of the person this phone belongs to, latest touched first.
    Mine,
    /// All on this phone, latest touched first.
    All,
}

/// A place in a list of units.
#[uniffi::remote(Record)]
pub struct UnitMark {
    /// Next date of the last unit shown.
    pub due: Option<Date>,
    /// When the last unit shown was touched.
    pub touched: Millis,
    /// The last unit shown.
    pub group: GroupId,
}
