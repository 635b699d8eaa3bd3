//! What the server writes itself: import, demo, decisions on the console.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alongside_domain::{
    form::MergePolicy,
    ids::{ActorId, ChangeHash, GroupId, PartnerId, PersonId, RecordId},
    programme::{
        Programme,
        split::{self, Split},
    },
    record::{Circumstances, Document, Edit, RawChange, Root},
    time::Millis,
};
use jiff::civil::Date;
use rusqlite::Transaction;

use super::IngestError;
use crate::{
    holders, people,
    store::{
        ImportKey, StoreError, access, erasures, import_keys,
        log::{self, Appender},
    },
};

/// One write of the server itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalWrite {
    /// Opens a group; nothing happens where it exists.
    OpenGroup {
        /// The new group.
        group: GroupId,
        /// Its kind, as the programme names it.
        kind: String,
        /// The partner it belongs to.
        partner: PartnerId,
        /// Groups it is linked to; they must exist.
        parents: Vec<GroupId>,
    },
    /// Grants a group, and those it is linked to; nothing happens where it is granted.
    Grant {
        /// The person.
        person: PersonId,
        /// The group.
        group: GroupId,
    },
    /// Withdraws a group; nothing happens where it is not granted.
    Withdraw {
        /// The person.
        person: PersonId,
        /// The group.
        group: GroupId,
    },
    /// Grants a person what the author of these writes wrote in confidence beside a group and beside what it is
    /// linked to; it goes when the group goes. Nothing happens where there is nothing.
    Share {
        /// The person.
        person: PersonId,
        /// The group; it is granted to the person.
        group: GroupId,
    },
    /// Starts a record.
    Create {
        /// What never changes about it.
        root: Root,
        /// Its first values.
        edits: Vec<Edit>,
        /// The time claimed for it.
        at: Millis,
        /// IANA name of the zone of that time.
        zone: String,
        /// Why, where there is something to say (`import`).
        reason: Option<String>,
    },
    /// Sets values of a record.
    Edit {
        /// The record.
        record: RecordId,
        /// The values.
        edits: Vec<Edit>,
        /// The time claimed for it.
        at: Millis,
        /// IANA name of the zone of that time.
        zone: String,
        /// Why, where there is something to say.
        reason: Option<String>,
    },
    /// Says that what stands is right; nothing happens where nothing waits for it to be said.
    Affirm {
        /// The record.
        record: RecordId,
        /// The field whose state is meant although the programme does not have the step; `None`: the record,
        /// which was started on several phones apart, is meant once.
        key: Option<String>,
        /// The time claimed for it.
        at: Millis,
        /// IANA name of the zone of that time.
        zone: String,
        /// Why, where there is something to say.
        reason: Option<String>,
    },
    /// Decides a disagreement: one of the values that stand holds. Refused where others stand by now than those
    /// that the person saw.
    Decide {
        /// The record.
        record: RecordId,
        /// Key of the field.
        key: String,
        /// The change that wrote the value that holds.
        change: ChangeHash,
        /// The changes that wrote the values that the person saw.
        seen: BTreeSet<ChangeHash>,
        /// The time claimed for it.
        at: Millis,
        /// IANA name of the zone of that time.
        zone: String,
        /// Why, where there is something to say.
        reason: Option<String>,
    },
    /// Remembers what a key of an imported spreadsheet stands for.
    Remember(ImportKey),
}

/// What is wrong with a write of the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalProblem {
    /// The group does not exist.
    #[error("its group does not exist: open the group first")]
    UnknownGroup,
    /// The person does not exist.
    #[error("the person does not exist: add the person first")]
    UnknownPerson,
    /// The programme has no such kind of group, or it is not linked so.
    #[error("the programme has no such kind of group, or does not link it so")]
    BadOpening,
    /// The programme has no such form, or it does not live in this kind of group.
    #[error("the programme has no such form in this kind of group")]
    WrongForm,
    /// A record with this id exists.
    #[error("a record with this id exists already: edit it instead")]
    RecordExists,
    /// There is no record with this id.
    #[error("there is no such record")]
    UnknownRecord,
    /// A record of this kind cannot be changed once written.
    #[error("a record of this kind cannot be changed: write a correction that names it")]
    Immutable,
    /// The group was erased.
    #[error("its group was erased: nothing of it is taken any more")]
    Erased,
    /// Another import has taken the key of a spreadsheet's row meanwhile.
    #[error("another import has taken in the same row meanwhile: run the import again")]
    ImportedMeanwhile,
    /// Every answer of a record that was started more than once differs.
    #[error("its starts differ in every answer: decide on one of them, which says that they mean the same")]
    DecideFirst,
    /// Other values stand by now than those that the person saw.
    #[error("somebody has written to it meanwhile: look at the values again, then decide")]
    ChangedMeanwhile,
    /// The values could not be written.
    #[error("the record could not be written")]
    Document,
}

/// Local writes with their new records built.
pub(super) struct Prepared {
    actor: ActorId,
    author: PersonId,
    received_at: Millis,
    first: usize,
    programme: Arc<Programme>,
    steps: Vec<Step>,
}

/// The restricted answers of a record: they go into the author's own restricted group beside it.
struct Part {
    form: String,
    edits: Vec<Edit>,
    circumstances: Circumstances,
}

/// Which of the values that stand holds.
struct Decision {
    key: String,
    change: ChangeHash,
    seen: BTreeSet<ChangeHash>,
}

enum Step {
    OpenGroup { group: GroupId, kind: String, partner: PartnerId, parents: Vec<GroupId> },
    Grant { person: PersonId, group: GroupId },
    Withdraw { person: PersonId, group: GroupId },
    Share { person: PersonId, group: GroupId },
    Create { record: RecordId, group: GroupId, lives_in: Vec<String>, change: RawChange, part: Part },
    Edit { record: RecordId, edits: Vec<Edit>, circumstances: Circumstances },
    Affirm { record: RecordId, key: Option<String>, circumstances: Circumstances },
    Decide { record: RecordId, decision: Decision, circumstances: Circumstances },
    Remember(ImportKey),
}

/// Builds the new records, on the caller's thread. `first` is the number of the first write.
pub(super) fn prepare(
    programme: &Arc<Programme>,
    actor: ActorId,
    author: PersonId,
    received_at: Millis,
    first: usize,
    writes: Vec<LocalWrite>,
) -> Result<Prepared, IngestError> {
    let mut steps = Vec::with_capacity(writes.len());
    for (offset, write) in writes.into_iter().enumerate() {
        let step = step(programme, actor, write).map_err(|problem| at(first + offset, problem))?;
        steps.push(step);
    }
    Ok(Prepared { actor, author, received_at, first, programme: Arc::clone(programme), steps })
}

fn step(programme: &Programme, actor: ActorId, write: LocalWrite) -> Result<Step, LocalProblem> {
    Ok(match write {
        LocalWrite::OpenGroup { group, kind, partner, parents } => {
            if !programme.groups.contains_key(&kind) {
                return Err(LocalProblem::BadOpening);
            }
            Step::OpenGroup { group, kind, partner, parents }
        }
        LocalWrite::Grant { person, group } => Step::Grant { person, group },
        LocalWrite::Withdraw { person, group } => Step::Withdraw { person, group },
        LocalWrite::Share { person, group } => Step::Share { person, group },
        LocalWrite::Create { root, edits, at, zone, reason } => {
            let kind = programme.records.get(&root.form).ok_or(LocalProblem::WrongForm)?;
            let circumstances = Circumstances { actor, at, zone, offline: false, reason };
            let form = programme.forms.get(&root.form);
            let texts = form.map(|form| programme.merged_texts(form, &kind.group)).unwrap_or_default();
            let split = match (&kind.restricted, form) {
                (Some(_), Some(form)) => split::split(programme, form, edits),
                _ => Split { open: edits, restricted: Vec::new() },
            };
            let (_, change) = Document::create_with_texts(&root, &texts, &split.open, &circumstances)
                .map_err(|_| LocalProblem::Document)?;
            let part = Part { form: root.form, edits: split.restricted, circumstances };
            let lives_in = vec![kind.group.clone()];
            Step::Create { record: root.id, group: root.group, lives_in, change, part }
        }
        LocalWrite::Edit { record, edits, at, zone, reason } => Step::Edit {
            record,
            edits,
            circumstances: Circumstances { actor, at, zone, offline: false, reason },
        },
        LocalWrite::Affirm { record, key, at, zone, reason } => Step::Affirm {
            record,
            key,
            circumstances: Circumstances { actor, at, zone, offline: false, reason },
        },
        LocalWrite::Decide { record, key, change, seen, at, zone, reason } => Step::Decide {
            record,
            decision: Decision { key, change, seen },
            circumstances: Circumstances { actor, at, zone, offline: false, reason },
        },
        LocalWrite::Remember(key) => Step::Remember(key),
    })
}

fn at(index: usize, problem: LocalProblem) -> IngestError {
    IngestError::Local { index, problem }
}

/// Writes them. `today` is the day as of which access follows from who has a unit, whatever time of receipt is
/// claimed for the batch.
pub(super) fn commit(
    tx: &Transaction<'_>,
    today: Date,
    batch: Prepared,
) -> Result<Vec<Option<u64>>, IngestError> {
    let Prepared { actor, author, received_at, first, programme, steps } = batch;
    let mut log = Appender::new(tx, received_at)?;
    let mut numbers = Vec::with_capacity(steps.len());
    for (offset, step) in steps.into_iter().enumerate() {
        let number =
            write(&mut log, &programme, author, step)?.map_err(|problem| at(first + offset, problem))?;
        numbers.push(number);
    }
    holders::follow(&mut log, &programme, Some(actor), today)?;
    Ok(numbers)
}

fn write(
    log: &mut Appender<'_>,
    programme: &Programme,
    author: PersonId,
    step: Step,
) -> Result<Result<Option<u64>, LocalProblem>, StoreError> {
    match step {
        Step::OpenGroup { group, kind, partner, parents } => {
            if access::group(log.tx, group)?.is_some() {
                return Ok(Ok(None));
            }
            for parent in &parents {
                if access::group(log.tx, *parent)?.is_none() || erasures::erased(log.tx, *parent)?.is_some() {
                    return Ok(Err(LocalProblem::UnknownGroup));
                }
            }
            if programme.is_restricted(&kind) {
                // A restricted group is that of who opens it: its id says whose it is and what it stands beside.
                let [beside] = parents[..] else { return Ok(Err(LocalProblem::BadOpening)) };
                let parent_kind = access::group(log.tx, beside)?.map(|row| row.kind);
                let stands_there = programme.groups.get(&kind).is_some_and(|kind| kind.beside == parent_kind);
                if !stands_there || split::restricted_group(beside, author) != group {
                    return Ok(Err(LocalProblem::BadOpening));
                }
                open_restricted(log, programme, author, beside, group, (&kind, partner))?;
            } else {
                access::open_group(log, group, &kind, partner, &parents, author)?;
            }
            Ok(Ok(Some(log.head.seq)))
        }
        Step::Grant { person, group } => {
            if access::group(log.tx, group)?.is_none() {
                return Ok(Err(LocalProblem::UnknownGroup));
            }
            if erasures::erased(log.tx, group)?.is_some() {
                return Ok(Err(LocalProblem::Erased));
            }
            if people::find(log.tx, person)?.is_none() {
                return Ok(Err(LocalProblem::UnknownPerson));
            }
            let before = log.head.seq;
            access::grant(log, person, group)?;
            Ok(Ok((log.head.seq > before).then_some(log.head.seq)))
        }
        Step::Remember(key) => {
            let is_kept = import_keys::keep(log.tx, &key)?;
            Ok(if is_kept { Ok(None) } else { Err(LocalProblem::ImportedMeanwhile) })
        }
        Step::Withdraw { person, group } => {
            let before = log.head.seq;
            access::withdraw(log, person, group)?;
            Ok(Ok((log.head.seq > before).then_some(log.head.seq)))
        }
        Step::Share { person, group } => {
            let before = log.head.seq;
            holders::share_own(log, author, group, person)?;
            Ok(Ok((log.head.seq > before).then_some(log.head.seq)))
        }
        Step::Create { record, group, lives_in, change, part } => {
            match access::group(log.tx, group)? {
                None => return Ok(Err(LocalProblem::UnknownGroup)),
                Some(row) if !lives_in.contains(&row.kind) => return Ok(Err(LocalProblem::WrongForm)),
                Some(_) if erasures::erased(log.tx, group)?.is_some() => {
                    return Ok(Err(LocalProblem::Erased));
                }
                Some(_) => {}
            }
            if log::latest_of(log.tx, record)? > 0 {
                return Ok(Err(LocalProblem::RecordExists));
            }
            let number = log.change(group, record, (author, None), &part.form, &change)?;
            write_part(log, programme, author, (record, group), &part)?;
            Ok(Ok(Some(number)))
        }
        Step::Edit { record, edits, circumstances } => {
            edit(log, programme, author, record, edits, circumstances)
        }
        Step::Affirm { record, key, circumstances } => {
            affirm(log, programme, author, record, key.as_deref(), &circumstances)
        }
        Step::Decide { record, decision, circumstances } => {
            decide(log, programme, author, record, &decision, &circumstances)
        }
    }
}

fn edit(
    log: &mut Appender<'_>,
    programme: &Programme,
    author: PersonId,
    record: RecordId,
    edits: Vec<Edit>,
    circumstances: Circumstances,
) -> Result<Result<Option<u64>, LocalProblem>, StoreError> {
    let Some(mut document) = log::document(log.tx, record)? else {
        let erased = log::latest_of(log.tx, record)? > 0;
        return Ok(Err(if erased { LocalProblem::Erased } else { LocalProblem::UnknownRecord }));
    };
    let root = document.root().map_err(broken)?;
    let kind = programme.records.get(&root.form);
    if kind.is_some_and(|kind| kind.immutable) {
        return Ok(Err(LocalProblem::Immutable));
    }
    let is_part = access::group(log.tx, root.group)?.is_some_and(|row| programme.is_restricted(&row.kind));
    let split = match (kind.and_then(|kind| kind.restricted.as_ref()), programme.forms.get(&root.form)) {
        (Some(_), Some(form)) if !is_part => split::split(programme, form, edits),
        _ => Split { open: edits, restricted: Vec::new() },
    };
    let number = match document.edit(&split.open, &circumstances) {
        Ok(None) => None,
        Ok(Some(change)) => Some(log.change(root.group, record, (author, None), &root.form, &change)?),
        Err(_) => return Ok(Err(LocalProblem::Document)),
    };
    let part = Part { form: root.form, edits: split.restricted, circumstances };
    let of_part = write_part(log, programme, author, (record, root.group), &part)?;
    Ok(Ok(number.or(of_part)))
}

fn affirm(
    log: &mut Appender<'_>,
    programme: &Programme,
    author: PersonId,
    record: RecordId,
    key: Option<&str>,
    circumstances: &Circumstances,
) -> Result<Result<Option<u64>, LocalProblem>, StoreError> {
    let Some(mut document) = log::document(log.tx, record)? else {
        let erased = log::latest_of(log.tx, record)? > 0;
        return Ok(Err(if erased { LocalProblem::Erased } else { LocalProblem::UnknownRecord }));
    };
    let root = document.root().map_err(broken)?;
    let form = programme.forms.get(&root.form);
    let policy = |key: &str| form.map_or_else(MergePolicy::default, |form| form.merge_policy(key));
    let mut view = document.view(&policy, &BTreeMap::new()).map_err(broken)?;
    programme.mark_illegal_transitions(&document, &mut view).map_err(broken)?;
    let change = match key {
        Some(key) if view.stands_alone(key) => document.affirm(key, circumstances).map_err(broken)?,
        None if !view.twins.is_empty() => document.confirm(circumstances).map_err(broken)?,
        // Somebody has said so meanwhile, or decided otherwise.
        _ => return Ok(Ok(None)),
    };
    match change {
        Some(change) => Ok(Ok(Some(log.change(root.group, record, (author, None), &root.form, &change)?))),
        None => Ok(Err(LocalProblem::DecideFirst)),
    }
}

fn decide(
    log: &mut Appender<'_>,
    programme: &Programme,
    author: PersonId,
    record: RecordId,
    decision: &Decision,
    circumstances: &Circumstances,
) -> Result<Result<Option<u64>, LocalProblem>, StoreError> {
    let Some(mut document) = log::document(log.tx, record)? else {
        let erased = log::latest_of(log.tx, record)? > 0;
        return Ok(Err(if erased { LocalProblem::Erased } else { LocalProblem::UnknownRecord }));
    };
    let root = document.root().map_err(broken)?;
    if programme.records.get(&root.form).is_some_and(|kind| kind.immutable) {
        return Ok(Err(LocalProblem::Immutable));
    }
    let form = programme.forms.get(&root.form);
    let policy = |key: &str| form.map_or_else(MergePolicy::default, |form| form.merge_policy(key));
    let view = document.view(&policy, &BTreeMap::new()).map_err(broken)?;
    let Some(field) = view.fields.get(&decision.key) else { return Ok(Err(LocalProblem::ChangedMeanwhile)) };
    let live = || std::iter::once(&field.shown).chain(&field.others);
    let stands: BTreeSet<ChangeHash> = live().map(|live| live.change).collect();
    let chosen = live().find(|live| live.change == decision.change);
    let (Some(chosen), true) = (chosen, stands == decision.seen) else {
        return Ok(Err(LocalProblem::ChangedMeanwhile));
    };
    let edit = Edit { key: decision.key.clone(), value: chosen.value.clone() };
    match document.edit(&[edit], circumstances) {
        Ok(Some(change)) => {
            Ok(Ok(Some(log.change(root.group, record, (author, None), &root.form, &change)?)))
        }
        // All say the same by now.
        Ok(None) => Ok(Ok(None)),
        Err(_) => Ok(Err(LocalProblem::Document)),
    }
}

fn broken<E>(_: E) -> StoreError {
    StoreError::damaged("a record of the feed does not load")
}

/// Writes restricted answers beside the record: what is taken back or said anew in every part that holds an
/// answer and is the author's to read, the rest in the author's own, which is opened where it is not there
/// yet.
fn write_part(
    log: &mut Appender<'_>,
    programme: &Programme,
    author: PersonId,
    (record, beside): (RecordId, GroupId),
    part: &Part,
) -> Result<Option<u64>, StoreError> {
    let kind = programme.records.get(&part.form).and_then(|kind| kind.restricted.as_ref());
    let (Some(kind), false) = (kind, part.edits.is_empty()) else { return Ok(None) };
    let own = split::restricted_group(beside, author);
    let form = programme.forms.get(&part.form);
    let policy = |key: &str| form.map_or_else(MergePolicy::default, |form| form.merge_policy(key));
    let (mut number, mut taken) = (None, BTreeSet::new());
    for group in access::restricted_beside(log.tx, beside)? {
        let is_readable = matches!(access::access(log.tx, author, group)?, access::Access::Granted(_));
        if !(group == own || is_readable) || erasures::erased(log.tx, group)?.is_some() {
            continue;
        }
        let id = split::part_of(record, group);
        let Some(mut document) = log::document(log.tx, id)? else { continue };
        let view = document.view(&policy, &BTreeMap::new()).map_err(broken)?;
        let here = split::held(&view, &part.edits);
        if let Some(change) = document.edit(&here, &part.circumstances).map_err(broken)? {
            number = Some(log.change(group, id, (author, None), &part.form, &change)?);
        }
        taken.extend(here.into_iter().map(|edit| edit.key));
    }
    let left = split::left(&part.edits, &taken);
    if left.is_empty() || erasures::erased(log.tx, own)?.is_some() {
        return Ok(number);
    }
    let id = split::part_of(record, own);
    if let Some(mut document) = log::document(log.tx, id)? {
        let change = document.edit(&left, &part.circumstances).map_err(broken)?;
        return Ok(match change {
            Some(change) => Some(log.change(own, id, (author, None), &part.form, &change)?),
            None => number,
        });
    }
    let Some(row) = access::group(log.tx, beside)? else { return Ok(number) };
    open_restricted(log, programme, author, beside, own, (kind, row.partner))?;
    let version = form.map(|form| form.version.clone()).unwrap_or_default();
    let root = Root { id, form: part.form.clone(), form_version: version, group: own };
    let texts = form.map(|form| programme.merged_texts(form, kind)).unwrap_or_default();
    let (_, change) =
        Document::create_with_texts(&root, &texts, &left, &part.circumstances).map_err(broken)?;
    Ok(Some(log.change(own, id, (author, None), &part.form, &change)?))
}

/// Opens the restricted group of this person beside a group, where it is not there yet. Who is granted the
/// one is granted what they write beside it; so are those who read every such record.
fn open_restricted(
    log: &mut Appender<'_>,
    programme: &Programme,
    author: PersonId,
    beside: GroupId,
    own: GroupId,
    (kind, partner): (&str, PartnerId),
) -> Result<(), StoreError> {
    if access::group(log.tx, own)?.is_some() {
        return Ok(());
    }
    access::open_group(log, own, kind, partner, &[beside], author)?;
    if matches!(access::access(log.tx, author, beside)?, access::Access::Granted(_)) {
        access::grant(log, author, own)?;
    }
    access::grant_to_safeguarding(log, programme, partner, own)
}
