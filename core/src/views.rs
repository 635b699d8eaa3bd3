//! What the screens read: one view per screen, complete, so that one call draws it.

use alongside_domain::{
    deadline::{Deadline, DeadlineState},
    ids::{ChangeHash, GroupId, PersonId, RecordId},
    record::{Disagreement, RecordView, history::HistoryEntry},
    rules::Severity,
    time::Millis,
    wire::Refusal,
};
use jiff::civil::Date;
use serde::Serialize;

use crate::{app::SyncState, media::AttachmentLine};

mod apart;

pub use apart::{ErasedGroup, KeptApartView, KeptDraft, QuarantinedEntry, ReviewLine, ReviewOutcome};

/// One line of a list of units (a unit is what the programme says: a case).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// The first screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HomeView {
    /// The day it was asked for.
    pub as_of: Date,
    /// Units with a date before today that was not met, oldest first; at most [`LIST`].
    pub overdue: Vec<UnitLine>,
    /// Units with a date today.
    pub today: Vec<UnitLine>,
    /// Units with a date in the next seven days.
    pub due_soon: Vec<UnitLine>,
    /// Units of the person this phone belongs to, latest touched first; at most [`LIST`].
    pub mine: Vec<UnitLine>,
    /// How many units are on this phone.
    pub units: u32,
    /// How sync stands.
    pub chip: SyncChip,
}

/// Most lines in each list of [`HomeView`]: more than a screen holds. `units` pages through the whole list.
pub const LIST: u32 = 30;

/// A list of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A piece of a list of units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitsView {
    /// Its lines.
    pub lines: Vec<UnitLine>,
    /// Where the next piece starts; `None`: this was the last.
    pub after: Option<UnitMark>,
}

/// A place in a list of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnitMark {
    /// Next date of the last unit shown.
    pub due: Option<Date>,
    /// When the last unit shown was touched.
    pub touched: Millis,
    /// The last unit shown.
    pub group: GroupId,
}

/// How sync stands, as facts; [`std::fmt::Display`] says it in English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl std::fmt::Display for SyncChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("All saved on this phone, ")?;
        match self.waiting {
            0 => f.write_str("nothing waiting to send")?,
            n => write!(f, "{n} waiting to send")?,
        }
        if self.in_review > 0 {
            write!(f, ", {} with your coordinator for review", self.in_review)?;
        }
        if self.erased > 0 {
            f.write_str(", records were erased")?;
        }
        if self.refused > 0 {
            write!(f, ", {} need your attention", self.refused)?;
        }
        Ok(())
    }
}

/// The page of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitView {
    /// The unit's line.
    pub unit: UnitLine,
    /// Its dates, in order of date.
    pub deadlines: Vec<DeadlineView>,
    /// What stands beside every date.
    pub disclaimer: String,
    /// Groups it is linked to, with their newest records.
    pub linked: Vec<LinkedGroup>,
    /// Others who are supported in the same family, as the server told them last.
    pub relatives: Vec<RelativeView>,
    /// Records of the unit, newest first.
    pub records: Vec<RecordCard>,
    /// Give this to the next call for older records; `None` at the end.
    pub after: Option<PageMark>,
}

/// Somebody whose records are not on this phone: what may be known of them all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelativeView {
    /// The name they are known by; empty where nobody has given one.
    pub known_as: String,
    /// Age in whole years, on the day when the server was asked (it is asked once a day).
    pub age: Option<u16>,
}

/// A date of a unit with its state on the day asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadlineView {
    /// The date, its rule and reason.
    #[serde(flatten)]
    pub deadline: Deadline,
    /// State on the day asked for.
    pub state: DeadlineState,
    /// Work name of the person who set the date, where somebody did and is known here.
    pub set_by: Option<String>,
}

/// What is worked out from the records around a unit as of a day, and never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FiguresView {
    /// The day.
    pub as_of: Date,
    /// The values, in the programme's order; those that cannot be worked out yet are left out.
    pub figures: Vec<FigureLine>,
}

/// One value that was worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FigureLine {
    /// Which one, as the programme names it.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// The value in words.
    pub text: String,
}

/// What the programme's rules found for a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemsView {
    /// What was found, the most important first.
    pub problems: Vec<ProblemView>,
    /// Rules that a phone cannot compute: the server does.
    pub not_here: Vec<String>,
}

/// One thing that a rule found. It never stopped anybody from saving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkedGroup {
    /// The group.
    pub group: GroupId,
    /// Its kind.
    pub kind: String,
    /// Groups that a coordinator found to be one with it, whose records are among these. What is new is written
    /// in the group itself.
    pub also: Vec<GroupId>,
    /// Its newest records, at most 50.
    pub records: Vec<RecordCard>,
}

/// A place in a list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PageMark {
    /// Time of the last record shown.
    pub at: Millis,
    /// The last record shown.
    pub record: RecordId,
}

/// One record, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordCard {
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
    pub waiting: bool,
    /// Its fields in the order of the form, with labels; fields that this form does not know are last.
    pub fields: Vec<FieldLine>,
    /// Work names of those who started it, where it was started on several phones apart: in the order of
    /// the view's twins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started_by: Vec<Option<String>>,
    /// What is worked out with it from the records around it, where one record is asked for; lists leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<FigureLine>,
    /// The record itself.
    pub view: RecordView,
}

/// One field of a record, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// A found record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// What waits to be sent, and what the server or this phone would not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxView {
    /// Changes that wait, oldest first; at most 500.
    pub waiting: Vec<WaitingChange>,
    /// How many wait altogether.
    pub count: u32,
    /// What the server would not have; kept here.
    pub refused: Vec<RefusedChange>,
    /// Openings of groups that the server would not have.
    pub refused_openings: Vec<(GroupId, Refusal)>,
    /// Received entries that this phone could not accept: how many, by reason.
    pub quarantined: Vec<(String, u32)>,
    /// What was sent too late and waits for a coordinator, or was decided, latest sent first.
    pub in_review: Vec<ReviewLine>,
    /// Groups that were erased for good, of which the person has not been told.
    pub erased: Vec<ErasedGroup>,
    /// Attachments that wait to be sent or fetched, the longest waiting first.
    pub attachments: Vec<AttachmentLine>,
    /// Changes by others that the server lost, as far as this phone knows, and of which nothing proves who
    /// wrote them: they stay here until whoever wrote them brings them back.
    pub only_here: u32,
}

/// One change that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingChange {
    /// The record.
    pub record: RecordId,
    /// Its title.
    pub title: String,
    /// Title of its form.
    pub form_title: String,
    /// Since when.
    pub since: Millis,
    /// Why it still waits.
    pub why: Waiting,
}

/// Why a change waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// It has not been sent.
    NotSent,
    /// The server asked for it once more.
    AskedAgain,
    /// The server asked to send it later, alone.
    Later,
}

/// One change that the server would not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedChange {
    /// The change.
    pub change: ChangeHash,
    /// The record.
    pub record: RecordId,
    /// Its group.
    pub group: GroupId,
    /// Its form.
    pub form: String,
    /// When it was written.
    pub at: Millis,
    /// Why.
    pub reason: RefusedBecause,
    /// What can be done.
    pub what_to_do: &'static str,
    /// What it set, in words.
    pub fields: Vec<FieldLine>,
}

/// Why a change is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedBecause {
    /// The server refused it.
    Refused(Refusal),
    /// The server keeps it apart for the coordinator.
    InReview(Refusal),
    /// It was written on top of a refused change that created its record.
    WithItsRecord,
}

impl RefusedBecause {
    /// What the person can do about it.
    #[must_use]
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::Refused(Refusal::NotEntitled | Refusal::AfterWithdrawal | Refusal::UnknownGroup) => {
                "You no longer have access to this. Ask your coordinator to give it back, or export it for them."
            }
            Self::Refused(Refusal::ByCoordinator) => {
                "Your coordinator looked at it and did not take it. Ask them why; if it is still needed, enter \
                 it again."
            }
            Self::Refused(Refusal::Immutable) => {
                "This kind of record is not changed once it is written. Write a new one that corrects it."
            }
            Self::Refused(Refusal::KeyFixed) => {
                "What tells this record from the others of its kind is not changed once it is written. Write a \
                 new one."
            }
            Self::Refused(Refusal::UnknownForm | Refusal::BadOpening) => {
                "The server does not know this form. Update the app, then enter it again."
            }
            Self::Refused(Refusal::TooLarge) => "It is too long. Enter it again in shorter parts.",
            Self::Refused(_) => "Enter it again. If it is refused again, export it and report it.",
            Self::InReview(_) => "Nothing: your coordinator decides on it.",
            Self::WithItsRecord => "It belongs to a record that was refused. Enter both again.",
        }
    }
}

/// A record on which somebody has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictLine {
    /// The record, with its fields.
    pub card: RecordCard,
    /// Keys of the fields to decide; none where it is to be said only that a record is meant once.
    pub fields: Vec<String>,
}

/// The history of a record, oldest first, with work names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryView {
    /// Changes, oldest first.
    pub entries: Vec<HistoryEntry>,
    /// Work names of the people in it.
    pub names: Vec<(PersonId, String)>,
}
