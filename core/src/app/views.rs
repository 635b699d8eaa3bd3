//! What an app's screens show: named fields only, ids and times as they are, texts ready to be drawn.

use alongside_domain::{
    deadline::{DeadlineState, Resolution},
    form::Form,
    ids::{ChangeHash, FormToken, GroupId, RecordId},
    programme::{Programme, entry::EntryProblem},
    record::{
        Stamp,
        history::{FieldChange, HistoryEntry},
    },
    time::Millis,
    wire::Refusal,
};
use jiff::civil::Date;

use super::{
    AnswerView, AttachmentView, FieldProblem,
    answers::{of_draft, of_record},
};
use crate::{
    reads::words,
    views::{
        ConflictLine, DeadlineView, ErasedGroup, FieldLine, FigureLine, HistoryView, LinkedGroup, OutboxView,
        PageMark, RecordCard, RefusedBecause, RefusedChange, RelativeView, ReviewLine, UnitLine, UnitView,
        WaitingChange,
    },
    writes::Draft,
};

/// One record, ready to be shown and to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinView {
    /// When, as the writer's clock claimed.
    pub at: Millis,
    /// Who, by work name, where known.
    pub author: Option<String>,
}

impl CardView {
    pub(crate) fn new(programme: &Programme, card: RecordCard) -> Self {
        let twin = |(stamp, author): (&Stamp, Option<String>)| TwinView { at: stamp.at, author };
        Self {
            twins: card.view.twins.iter().zip(card.started_by).map(twin).collect(),
            answers: of_record(programme.form(&card.form), &card.view),
            moved_to: card.view.moved_to(),
            moved_from: card.view.moved_from(),
            is_moved_in_doubt: card.view.is_moved_in_doubt(),
            record: card.record,
            group: card.group,
            form: card.form,
            form_title: card.form_title,
            title: card.title,
            at: card.at,
            is_waiting: card.waiting,
            fields: card.fields,
            figures: card.figures,
        }
    }
}

/// A record that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// The record as it stands now.
    pub card: CardView,
    /// What there is to say about answers that were saved all the same.
    pub warnings: Vec<FieldProblem>,
}

/// A session that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSessionView {
    /// The records, in the order of the groups asked for.
    pub records: Vec<RecordId>,
    /// What there is to say about answers that were saved all the same.
    pub warnings: Vec<FieldProblem>,
}

/// A group that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroupView {
    /// The group.
    pub group: GroupId,
    /// Its first records, in the order asked for.
    pub records: Vec<RecordId>,
    /// What there is to say about answers that were saved all the same.
    pub warnings: Vec<FieldProblem>,
}

pub(crate) fn warnings(said: Vec<EntryProblem>) -> Vec<FieldProblem> {
    said.into_iter().map(|problem| FieldProblem::new(&problem.key, problem.code)).collect()
}

/// A date of a unit. Indicative: the page's disclaimer stands beside every one.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl From<DeadlineView> for DateView {
    fn from(DeadlineView { deadline, state, set_by }: DeadlineView) -> Self {
        let expected_on = match deadline.resolution {
            Resolution::Exempt { expected_on, .. } => expected_on,
            _ => None,
        };
        Self {
            rule: deadline.rule,
            rule_version: deadline.rule_version,
            due: deadline.due,
            computed: deadline.computed.filter(|computed| *computed != deadline.due),
            set_by,
            set_because: deadline.set.and_then(|set| set.reason),
            expected_on,
            whose: deadline.whose,
            label: deadline.label,
            why: deadline.why,
            basis: deadline.basis,
            state,
        }
    }
}

/// A group that a unit is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The page of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl UnitPageView {
    pub(crate) fn new(programme: &Programme, page: UnitView) -> Self {
        let cards = |records: Vec<RecordCard>| {
            records.into_iter().map(|card| CardView::new(programme, card)).collect::<Vec<_>>()
        };
        let linked = |LinkedGroup { group, kind, also, records }: LinkedGroup| LinkedGroupView {
            group,
            kind,
            also,
            records: cards(records),
        };
        Self {
            unit: page.unit,
            dates: page.deadlines.into_iter().map(DateView::from).collect(),
            disclaimer: page.disclaimer,
            linked: page.linked.into_iter().map(linked).collect(),
            relatives_label: programme.parts.words.relatives.clone(),
            relatives: page.relatives,
            records: cards(page.records),
            after: page.after,
        }
    }
}

/// A record on which somebody has to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictView {
    /// The record.
    pub card: CardView,
    /// Keys of the fields to decide; both sides of each are in the card's fields. None where it is only to be
    /// said that a record which was started more than once is meant once.
    pub fields: Vec<String>,
}

impl ConflictView {
    pub(crate) fn new(programme: &Programme, line: ConflictLine) -> Self {
        Self { card: CardView::new(programme, line.card), fields: line.fields }
    }
}

/// The history of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHistoryView {
    /// Changes, oldest first.
    pub lines: Vec<HistoryLine>,
}

/// One change of a record, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl RecordHistoryView {
    pub(crate) fn new(programme: &Programme, form: &str, history: HistoryView) -> Self {
        let HistoryView { entries, names } = history;
        let form_of = programme.form(form);
        let field = |FieldChange { key, from, to }: FieldChange| FieldChangeView {
            label: label(form_of, &key),
            before: from.iter().map(|value| words::value(programme, form, &key, value)).collect(),
            after: words::value(programme, form, &key, &to),
            key,
        };
        let line = |entry: HistoryEntry| HistoryLine {
            change: entry.change,
            author: entry
                .author
                .and_then(|author| names.iter().find(|(person, _)| *person == author))
                .map(|(_, name)| name.clone()),
            at: entry.at,
            zone: entry.zone,
            is_offline: entry.offline,
            reason: entry.reason,
            fields: entry.fields.into_iter().map(field).collect(),
        };
        Self { lines: entries.into_iter().map(line).collect() }
    }
}

fn label(form: Option<&Form>, key: &str) -> String {
    let question = form.and_then(|form| form.question_of_key(key));
    question.map_or(key, |question| question.label.text()).to_owned()
}

/// What waits to be sent, and what was kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingView {
    /// Changes that wait, oldest first; the first 500.
    pub waiting: Vec<WaitingChange>,
    /// How many wait altogether.
    pub count: u32,
    /// Own changes that the server would not have; kept here.
    pub kept_apart: Vec<KeptApartView>,
    /// Openings of groups that the server would not have.
    pub refused_openings: Vec<RefusedOpeningView>,
    /// Received entries that this phone could not accept.
    pub quarantined: Vec<QuarantineView>,
    /// What was sent too late and waits for a coordinator, or was decided, latest sent first.
    pub in_review: Vec<ReviewLine>,
    /// Groups that were erased for good, of which the person has not been told.
    pub erased: Vec<ErasedGroup>,
    /// Changes by others that the server lost and of which nothing proves who wrote them: they stay here.
    pub only_here: u32,
    /// Attachments that wait to be sent or fetched, the longest waiting first.
    pub attachments: Vec<AttachmentView>,
}

/// One own change that was kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptApartView {
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
    pub because: KeptApart,
    /// What it set, in words.
    pub fields: Vec<FieldLine>,
}

/// Why an own change was kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptApart {
    /// The server refused it.
    Refused {
        /// Why.
        reason: Refusal,
    },
    /// The server keeps it for the coordinator to look at.
    InReview {
        /// Why.
        reason: Refusal,
    },
    /// It was written on top of a refused change that made its record.
    WithItsRecord,
}

/// An opening of a group that the server would not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedOpeningView {
    /// The group.
    pub group: GroupId,
    /// Why.
    pub reason: Refusal,
}

/// Entries that this phone could not accept, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineView {
    /// Stable code of the reason.
    pub reason: String,
    /// How many.
    pub count: u32,
}

impl From<OutboxView> for WaitingView {
    fn from(outbox: OutboxView) -> Self {
        let opening = |(group, reason)| RefusedOpeningView { group, reason };
        let quarantine = |(reason, count)| QuarantineView { reason, count };
        Self {
            waiting: outbox.waiting,
            count: outbox.count,
            kept_apart: outbox.refused.into_iter().map(KeptApartView::from).collect(),
            refused_openings: outbox.refused_openings.into_iter().map(opening).collect(),
            quarantined: outbox.quarantined.into_iter().map(quarantine).collect(),
            in_review: outbox.in_review,
            erased: outbox.erased,
            only_here: outbox.only_here,
            attachments: outbox.attachments.into_iter().map(AttachmentView::from).collect(),
        }
    }
}

impl From<RefusedChange> for KeptApartView {
    fn from(kept: RefusedChange) -> Self {
        let because = match kept.reason {
            RefusedBecause::Refused(reason) => KeptApart::Refused { reason },
            RefusedBecause::InReview(reason) => KeptApart::InReview { reason },
            RefusedBecause::WithItsRecord => KeptApart::WithItsRecord,
        };
        Self {
            change: kept.change,
            record: kept.record,
            group: kept.group,
            form: kept.form,
            at: kept.at,
            because,
            fields: kept.fields,
        }
    }
}

/// Answers that nobody has saved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl DraftView {
    pub(crate) fn new(programme: &Programme, draft: Draft) -> Self {
        Self {
            token: FormToken(draft.token),
            record: draft.record,
            group: draft.group,
            answers: of_draft(programme.form(&draft.form), draft.answers),
            form: draft.form,
            at: draft.at,
        }
    }
}
