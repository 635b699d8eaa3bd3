//! What the server writes itself: import, demo, decisions on the console.

use alongside_domain::{
    form::{Form, MergePolicy},
    ids::{ActorId, GroupId, PartnerId, PersonId, RecordId},
    programme::Programme,
    record::{Circumstances, Document, Edit, RawChange, Root},
    time::Millis,
};
use rusqlite::Transaction;

use super::IngestError;
use crate::{
    people,
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
    /// The values could not be written.
    #[error("the record could not be written")]
    Document,
}

/// Local writes with their new records built.
pub(super) struct Prepared {
    author: PersonId,
    received_at: Millis,
    first: usize,
    steps: Vec<Step>,
}

enum Step {
    OpenGroup { group: GroupId, kind: String, partner: PartnerId, parents: Vec<GroupId> },
    Grant { person: PersonId, group: GroupId },
    Withdraw { person: PersonId, group: GroupId },
    Create { record: RecordId, group: GroupId, group_kind: String, change: RawChange },
    Edit { record: RecordId, immutable: Vec<String>, edits: Vec<Edit>, circumstances: Circumstances },
    Remember(ImportKey),
}

/// Builds the new records, on the caller's thread. `first` is the number of the first write.
pub(super) fn prepare(
    programme: &Programme,
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
    Ok(Prepared { author, received_at, first, steps })
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
        LocalWrite::Create { root, edits, at, zone, reason } => {
            let kind = programme.records.get(&root.form).ok_or(LocalProblem::WrongForm)?;
            let circumstances = Circumstances { actor, at, zone, offline: false, reason };
            let questions = programme.forms.get(&root.form).into_iter().flat_map(Form::questions);
            let texts: Vec<&str> = questions
                .filter(|question| question.merge == MergePolicy::Text)
                .map(|question| question.name.as_str())
                .collect();
            let (_, change) = Document::create_with_texts(&root, &texts, &edits, &circumstances)
                .map_err(|_| LocalProblem::Document)?;
            Step::Create { record: root.id, group: root.group, group_kind: kind.group.clone(), change }
        }
        LocalWrite::Edit { record, edits, at, zone, reason } => Step::Edit {
            record,
            immutable: programme
                .records
                .iter()
                .filter(|(_, kind)| kind.immutable)
                .map(|(form, _)| form.clone())
                .collect(),
            edits,
            circumstances: Circumstances { actor, at, zone, offline: false, reason },
        },
        LocalWrite::Remember(key) => Step::Remember(key),
    })
}

fn at(index: usize, problem: LocalProblem) -> IngestError {
    IngestError::Local { index, problem }
}

pub(super) fn commit(tx: &Transaction<'_>, batch: Prepared) -> Result<Vec<Option<u64>>, IngestError> {
    let Prepared { author, received_at, first, steps } = batch;
    let mut log = Appender::new(tx, received_at)?;
    let mut numbers = Vec::with_capacity(steps.len());
    for (offset, step) in steps.into_iter().enumerate() {
        let number = write(&mut log, author, step)?.map_err(|problem| at(first + offset, problem))?;
        numbers.push(number);
    }
    Ok(numbers)
}

fn write(
    log: &mut Appender<'_>,
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
            access::open_group(log, group, &kind, partner, &parents, author)?;
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
        Step::Create { record, group, group_kind, change } => {
            match access::group(log.tx, group)? {
                None => return Ok(Err(LocalProblem::UnknownGroup)),
                Some(row) if row.kind != group_kind => return Ok(Err(LocalProblem::WrongForm)),
                Some(_) if erasures::erased(log.tx, group)?.is_some() => {
                    return Ok(Err(LocalProblem::Erased));
                }
                Some(_) => {}
            }
            if log::latest_of(log.tx, record)? > 0 {
                return Ok(Err(LocalProblem::RecordExists));
            }
            Ok(Ok(Some(log.change(group, record, author, None, &change)?)))
        }
        Step::Edit { record, immutable, edits, circumstances } => {
            edit(log, author, record, &immutable, &edits, &circumstances)
        }
    }
}

fn edit(
    log: &mut Appender<'_>,
    author: PersonId,
    record: RecordId,
    immutable: &[String],
    edits: &[Edit],
    circumstances: &Circumstances,
) -> Result<Result<Option<u64>, LocalProblem>, StoreError> {
    let stored = log::changes_of(log.tx, record)?;
    if stored.is_empty() {
        return Ok(Err(LocalProblem::UnknownRecord));
    }
    if stored.iter().any(|change| change.bytes.is_empty()) {
        return Ok(Err(LocalProblem::Erased));
    }
    let broken = |_| StoreError::damaged("a record of the feed does not load");
    let mut document = Document::load(stored.iter().map(|change| change.bytes.as_slice())).map_err(broken)?;
    let root = document.root().map_err(broken)?;
    if immutable.contains(&root.form) {
        return Ok(Err(LocalProblem::Immutable));
    }
    match document.edit(edits, circumstances) {
        Ok(None) => Ok(Ok(None)),
        Ok(Some(change)) => Ok(Ok(Some(log.change(root.group, record, author, None, &change)?))),
        Err(_) => Ok(Err(LocalProblem::Document)),
    }
}
