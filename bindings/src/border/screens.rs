//! What the screens show.

use alongside_core::{
    app::{
        AnswerView, CardView, ConflictView, DateView, DraftView, FieldChangeView, FieldProblem, HistoryLine,
        LinkedGroupView, NewGroupView, RecordHistoryView, SavedSessionView, SavedView, SyncState, TwinView,
        UnitPageView,
    },
    views::{
        FieldLine, FigureLine, FiguresView, Hit, HomeView, NextDate, OtherValue, PageMark, ProblemView,
        ProblemsView, RelativeView, ReminderView, SyncChip, UnitLine, UnitMark, UnitsView,
    },
};
use alongside_domain::{
    deadline::DeadlineState,
    ids::{ChangeHash, FormToken, GroupId, PersonId, RecordId},
    record::Disagreement,
    rules::Severity,
    time::Millis,
};
use jiff::civil::Date;

/// The first screen.
#[uniffi::remote(Record)]
pub struct HomeView {
    /// The day it was asked for.
    pub as_of: Date,
    /// Units with a date before today that was not met, oldest first; at most `LIST`.
    pub overdue: Vec<UnitLine>,
    /// Units with a date today.
    pub today: Vec<UnitLine>,
    /// Units with a date in the next seven days.
    pub due_soon: Vec<UnitLine>,
    /// Units of the person this phone belongs to, latest touched first; at most `LIST`.
    pub mine: Vec<UnitLine>,
    /// How many units are on this phone.
    pub units: u32,
    /// How sync stands.
    pub chip: SyncChip,
}

/// A piece of a list of units.
#[uniffi::remote(Record)]
pub struct UnitsView {
    /// Its lines.
    pub lines: Vec<UnitLine>,
    /// Where the next piece starts; `None`: this was the last.
    pub after: Option<UnitMark>,
}

/// One line of a list of units (a unit is what the programme says: a case).
#[uniffi::remote(Record)]
pub struct UnitLine {
    /// The unit's group.
    pub group: GroupId,
    /// Its reference for people.
    pub reference: Option<String>,
    /// Name of the person supported.
    pub name: Option<String>,
    /// Label of the status.
    pub status: Option<String>,
    /// Label of the stage.
    pub stage: Option<String>,
    /// Code of the area.
    pub area: Option<String>,
    /// The person who supports it.
    pub supporter: Option<PersonId>,
    /// Latest contact.
    pub last_contact: Option<Millis>,
    /// The earliest date that somebody still has to keep.
    pub next: Option<NextDate>,
    /// Fields on which people disagree and somebody has to decide.
    pub conflicts: u32,
    /// What the rules found that holds up the area's return.
    pub errors: u32,
    /// What the rules found that is to be put right or explained, and is not explained yet.
    pub queries: u32,
    /// Changes of this unit that wait to be sent.
    pub waiting: u32,
    /// Latest claimed time of any change of the unit.
    pub touched: Millis,
}

/// The next date of a unit. Indicative: check the date in the letter; this is not legal advice.
#[uniffi::remote(Record)]
pub struct NextDate {
    /// The date.
    pub due: Date,
    /// Id of the rule.
    pub rule: String,
    /// What the date is.
    pub label: String,
    /// Why this date.
    pub why: String,
    /// Its state on the day asked for.
    pub state: DeadlineState,
}

/// State of a deadline on a given day (domain.md 3.6).
#[uniffi::remote(Enum)]
pub enum DeadlineState {
    /// More than seven days ahead.
    Upcoming,
    /// At most seven days ahead.
    Due7,
    /// Today.
    DueToday,
    /// Past, and not met.
    Overdue,
    /// Met on or before the day.
    MetOnTime,
    /// Met after the day.
    MetLate,
    /// Under an exemption.
    Exempt,
    /// Does not arise.
    NotApplicable,
    /// Replaced.
    Superseded,
}

/// How sync stands, as facts; [`std::fmt::Display`] says it in English.
#[uniffi::remote(Record)]
pub struct SyncChip {
    /// Changes that wait to be sent.
    pub waiting: u32,
    /// Changes and openings that the server would not have, to be looked at.
    pub refused: u32,
    /// Entries that this phone could not accept.
    pub quarantined: u32,
    /// What waits for a coordinator at the server.
    pub in_review: u32,
    /// Groups that were erased for good and of which the person has not been told.
    pub erased: u32,
    /// The last thing sync reported.
    pub status: Option<SyncState>,
}

/// The page of one unit.
#[uniffi::remote(Record)]
pub struct UnitPageView {
    /// The unit's line.
    pub unit: UnitLine,
    /// Its dates, in order of date.
    pub dates: Vec<DateView>,
    /// What stands beside every date.
    pub disclaimer: String,
    /// Groups it is linked to.
    pub linked: Vec<LinkedGroupView>,
    /// What the relatives are called together, as the programme says it.
    pub relatives_label: String,
    /// Others who are supported in the same family and whose records are not for this phone.
    pub relatives: Vec<RelativeView>,
    /// Records of the unit, newest first.
    pub records: Vec<CardView>,
    /// Give this to the next call for older records; `None` at the end.
    pub after: Option<PageMark>,
}

/// Somebody whose records are not on this phone: what may be known of them all the same.
#[uniffi::remote(Record)]
pub struct RelativeView {
    /// The name they are known by; empty where nobody has given one.
    pub known_as: String,
    /// Age in whole years, on the day when the server was asked (it is asked once a day).
    pub age: Option<u16>,
}

/// A date of a unit. Indicative: the page's disclaimer stands beside every one.
#[uniffi::remote(Record)]
pub struct DateView {
    /// Id of the rule.
    pub rule: String,
    /// Version of the rule.
    pub rule_version: u32,
    /// The date that holds.
    pub due: Date,
    /// The date that the rule counts, where somebody set another.
    pub computed: Option<Date>,
    /// Work name of the person who set the date, where somebody did and is known here.
    pub set_by: Option<String>,
    /// Why that person set it, in their words.
    pub set_because: Option<String>,
    /// Under an exemption: when the authority expects to act.
    pub expected_on: Option<Date>,
    /// Who has to act.
    pub whose: String,
    /// What the date is.
    pub label: String,
    /// Why this date.
    pub why: String,
    /// Legal basis.
    pub basis: String,
    /// Its state on the day asked for.
    pub state: DeadlineState,
}

/// What the programme's rules found for a unit.
#[uniffi::remote(Record)]
pub struct ProblemsView {
    /// What was found, the most important first.
    pub problems: Vec<ProblemView>,
    /// Rules that a phone cannot compute: the server does.
    pub not_here: Vec<String>,
}

/// How much a finding of the rules matters.
#[uniffi::remote(Enum)]
pub enum Severity {
    /// Holds up the area's return until it is put right; never a save.
    Error,
    /// To be put right or explained.
    Query,
    /// Shown only.
    Info,
}

/// One thing that a rule found. It never stopped anybody from saving.
#[uniffi::remote(Record)]
pub struct ProblemView {
    /// How much it matters.
    pub severity: Severity,
    /// Id of the rule.
    pub rule: String,
    /// The record to open, where it is about one.
    pub record: Option<RecordId>,
    /// The form of that record, or of the one that is missing.
    pub form: Option<String>,
    /// The question to go to.
    pub field: Option<String>,
    /// Label of that question.
    pub label: Option<String>,
    /// What was found, in plain words.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Whether somebody has explained it.
    pub explained: bool,
    /// Whether the check could not be made.
    pub not_made: bool,
}

/// A reminder that is due.
#[uniffi::remote(Record)]
pub struct ReminderView {
    /// Which reminder.
    pub id: String,
    /// When it is due.
    pub at: Millis,
    /// What it says; it names nobody.
    pub text: String,
    /// Whether it is about somebody's safety and is told in quiet hours too.
    pub urgent: bool,
    /// The units it is about.
    pub units: Vec<GroupId>,
}

/// A group that a unit is linked to.
#[uniffi::remote(Record)]
pub struct LinkedGroupView {
    /// The group.
    pub group: GroupId,
    /// Its kind.
    pub kind: String,
    /// Groups that a coordinator found to be one with it, whose records are among these. What is new is written
    /// in the group itself.
    pub also: Vec<GroupId>,
    /// Its newest records.
    pub records: Vec<CardView>,
}

/// One record, ready to be shown and to be changed.
#[uniffi::remote(Record)]
pub struct CardView {
    /// The record.
    pub record: RecordId,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// Title of the form.
    pub form_title: String,
    /// The line that names it in a list.
    pub title: String,
    /// When it took place; where the programme does not say, when it was first written.
    pub at: Millis,
    /// Whether a change of it waits to be sent.
    pub is_waiting: bool,
    /// Its fields in words, in the order of the form; fields that this form does not know are last.
    pub fields: Vec<FieldLine>,
    /// Its answers, to start a form with.
    pub answers: Vec<AnswerView>,
    /// Where it was started on several phones apart and nobody has said yet that it is meant once: who
    /// started it, and when. Empty for all others.
    pub twins: Vec<TwinView>,
    /// What is worked out with it from the records around it, where one record is asked for; lists leave it out.
    pub figures: Vec<FigureLine>,
    /// What it became in another group: it is closed here, and in no list but that of what is to be decided.
    pub moved_to: Option<RecordId>,
    /// What it was in another group.
    pub moved_from: Option<RecordId>,
    /// Whether somebody changed it who did not know that it had been moved, or moved it elsewhere: see to it that
    /// nothing of that is lost, then decide on `moved_to`.
    pub is_moved_in_doubt: bool,
}

/// One of the starts of a record.
#[uniffi::remote(Record)]
pub struct TwinView {
    /// When, as the writer's clock claimed.
    pub at: Millis,
    /// Who, by work name, where known.
    pub author: Option<String>,
}

/// One field of a record, in words.
#[uniffi::remote(Record)]
pub struct FieldLine {
    /// Key in the document; of a set, the question's name.
    pub key: String,
    /// Label of the question; the key where the form does not know it.
    pub label: String,
    /// The shown value, in words.
    pub text: String,
    /// Who wrote the shown value, by work name, where known; of a set, the latest of its codes.
    pub author: Option<String>,
    /// When it was written, as the writer's clock claimed.
    pub at: Option<Millis>,
    /// The change that the shown value stands in; `None` for a set, whose codes stand in several.
    pub change: Option<ChangeHash>,
    /// What others wrote without having seen the shown value.
    pub others: Vec<OtherValue>,
    /// What the disagreement asks of people.
    pub disagreement: Disagreement,
}

/// A value that stands beside the shown one.
#[uniffi::remote(Record)]
pub struct OtherValue {
    /// In words.
    pub text: String,
    /// Who wrote it, by work name, where known.
    pub author: Option<String>,
    /// When, as the writer's clock claimed.
    pub at: Millis,
    /// The change that it stands in.
    pub change: ChangeHash,
}

/// What several live values of one field ask of people.
#[uniffi::remote(Enum)]
pub enum Disagreement {
    /// There is one value, or all say the same.
    None,
    /// The policy settled it (codes united, the protective value wins); shown for information.
    Settled,
    /// Both are shown with who and when.
    Shown,
    /// A person has to decide.
    NeedsDecision,
}

/// A record that was saved.
#[uniffi::remote(Record)]
pub struct SavedView {
    /// The record as it stands now.
    pub card: CardView,
    /// What there is to say about answers that were saved all the same.
    pub warnings: Vec<FieldProblem>,
}

/// A session that was saved.
#[uniffi::remote(Record)]
pub struct SavedSessionView {
    /// The records, in the order of the groups asked for.
    pub records: Vec<RecordId>,
    /// What there is to say about answers that were saved all the same.
    pub warnings: Vec<FieldProblem>,
}

/// What is worked out from the records around a unit as of a day, and never stored.
#[uniffi::remote(Record)]
pub struct FiguresView {
    /// The day.
    pub as_of: Date,
    /// The values, in the programme's order; those that cannot be worked out yet are left out.
    pub figures: Vec<FigureLine>,
}

/// One value that was worked out.
#[uniffi::remote(Record)]
pub struct FigureLine {
    /// Which one, as the programme names it.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// The value in words.
    pub text: String,
}

/// A group that was opened.
#[uniffi::remote(Record)]
pub struct NewGroupView {
    /// The group.
    pub group: GroupId,
    /// Its first records, in the order asked for.
    pub records: Vec<RecordId>,
    /// What there is to say about answers that were saved all the same.
    pub warnings: Vec<FieldProblem>,
}

/// A record on which somebody has to decide.
#[uniffi::remote(Record)]
pub struct ConflictView {
    /// The record.
    pub card: CardView,
    /// Keys of the fields to decide; both sides of each are in the card's fields. None where it is only to be
    /// said that a record which was started more than once is meant once.
    pub fields: Vec<String>,
}

/// The history of a record.
#[uniffi::remote(Record)]
pub struct RecordHistoryView {
    /// Changes, oldest first.
    pub lines: Vec<HistoryLine>,
}

/// One change of a record, as a person reads it.
#[uniffi::remote(Record)]
pub struct HistoryLine {
    /// The change.
    pub change: ChangeHash,
    /// Who wrote it, by work name, where known.
    pub author: Option<String>,
    /// When, as the writer's clock claimed.
    pub at: Millis,
    /// The writer's zone; empty where the change does not say.
    pub zone: String,
    /// Whether the writer had no network.
    pub is_offline: bool,
    /// The reason given.
    pub reason: Option<String>,
    /// What changed.
    pub fields: Vec<FieldChangeView>,
}

/// One field of one change, in words.
#[uniffi::remote(Record)]
pub struct FieldChangeView {
    /// Key in the document.
    pub key: String,
    /// Label of the question; the key where the form does not know it.
    pub label: String,
    /// The values that the writer saw (more than one: the change decided between them).
    pub before: Vec<String>,
    /// The value written.
    pub after: String,
}

/// A found record.
#[uniffi::remote(Record)]
pub struct Hit {
    /// The record.
    pub record: RecordId,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The line that names it.
    pub title: String,
    /// The unit to open: its own group or, for a linked group, the latest touched unit linked to it.
    pub unit: Option<GroupId>,
}

/// Answers that nobody has saved yet.
#[uniffi::remote(Record)]
pub struct DraftView {
    /// The filling-in that it belongs to.
    pub token: FormToken,
    /// The record; `None` for a new one.
    pub record: Option<RecordId>,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// The answers so far, whether they can be saved or not.
    pub answers: Vec<AnswerView>,
    /// When it was kept.
    pub at: Millis,
}
