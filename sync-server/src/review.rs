//! What waits for a coordinator, and what was refused: listing it, reading it, deciding it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use alongside_domain::{
    guard::{self, Ruling, chunk},
    ids::{ChangeHash, GroupId, PersonId},
    policy::{self, Denial, PushFacts, Standing},
    programme::Programme,
    record::{Document, Edit},
    time::Millis,
    wire::{ControlEvent, Refusal, is_reason_code},
};
use base64::Engine as _;
use rusqlite::Transaction;
use serde::Serialize;

use crate::{
    holders,
    ingest::{breaks_key, tells_restricted},
    people,
    store::{
        Store, StoreError, access, devices, erasures,
        log::{self, Appender},
        set_aside,
    },
};

pub use set_aside::{Aside, State, Wanted};

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// There is nothing with this number that waits.
    #[error("nothing with number {0} waits for review: list what does with `alongside quarantine list`")]
    NotWaiting(u64),
    /// The reason is a sentence.
    #[error(
        "the reason reaches the author's phone and is kept where an erasure does not reach, so it must be a \
         code: lower case letters, digits and _, at most 40 (entered_twice, wrong_record, not_agreed)"
    )]
    BadReason,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The export could not be written.
    #[error("the export could not be written: {0}")]
    Io(#[from] std::io::Error),
}

impl ReviewError {
    /// The error as a stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotWaiting(_) => "not_waiting",
            Self::BadReason => "bad_reason",
            Self::Store(error) => error.code(),
            Self::Io(_) => "not_accessible",
        }
    }
}

/// One line of a list: ids, codes and sizes; nothing that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number.
    pub id: u64,
    /// `change`, or `opening` of a group.
    pub what: &'static str,
    /// Whether it waits or was refused.
    pub state: State,
    /// Hash of the change.
    pub change: ChangeHash,
    /// The group.
    pub group: GroupId,
    /// The record.
    pub record: Option<alongside_domain::ids::RecordId>,
    /// The form, or the kind of the group to open, where it can be told.
    pub form: Option<String>,
    /// Fields that it sets.
    pub fields: usize,
    /// Who sent it.
    pub author: PersonId,
    /// From which phone.
    pub device: alongside_domain::ids::DeviceId,
    /// Why it is here.
    pub reason: &'static str,
    /// The code with which a coordinator refused it.
    pub decision: Option<String>,
    /// When it came.
    pub received_at: Millis,
    /// Its length in bytes.
    pub bytes: usize,
}

/// Everything about one, what a person wrote included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What the list says of it.
    #[serde(flatten)]
    pub line: Line,
    /// When its writer's clock said that it was written; `None` for bytes that are no change.
    pub at: Option<Millis>,
    /// The fields that it sets; of an opening, none.
    pub values: Vec<Edit>,
    /// The reason that its writer gave.
    pub why: Option<String>,
    /// The groups that the new group is to be linked to.
    pub parents: Vec<GroupId>,
    /// The bytes as they came, in base64.
    pub raw: String,
}

/// What was set aside, in the order in which it came.
///
/// # Errors
/// See [`StoreError`].
pub fn list(store: &Store, wanted: &Wanted) -> Result<Vec<Line>, StoreError> {
    Ok(store.read(|tx| set_aside::list(tx, wanted))?.iter().map(|aside| show(aside).line).collect())
}

/// As [`list`], with everything.
///
/// # Errors
/// See [`StoreError`].
pub fn details(store: &Store, wanted: &Wanted) -> Result<Vec<Shown>, StoreError> {
    Ok(store.read(|tx| set_aside::list(tx, wanted))?.iter().map(show).collect())
}

/// Writes everything as JSON, one object a line; gives how many.
///
/// # Errors
/// See [`ReviewError`].
pub fn export(store: &Store, wanted: &Wanted, mut to: impl Write) -> Result<usize, ReviewError> {
    let all = details(store, wanted)?;
    for shown in &all {
        serde_json::to_writer(&mut to, shown).map_err(std::io::Error::from)?;
        to.write_all(b"\n")?;
    }
    to.flush()?;
    Ok(all.len())
}

fn show(aside: &Aside) -> Shown {
    let change = aside.record.and_then(|_| chunk::parse(&aside.body).ok());
    let opening = aside.opening();
    let said = change.as_ref().map(chunk::Change::said);
    let (said_form, values, why) =
        said.map_or((None, Vec::new(), None), |said| (said.form, said.edits, said.reason));
    let kind = opening.as_ref().map(|opening| opening.kind.clone());
    Shown {
        line: Line {
            id: aside.id,
            what: if aside.record.is_some() { "change" } else { "opening" },
            state: aside.state,
            change: aside.hash,
            group: aside.group,
            record: aside.record,
            form: aside.form.clone().or(said_form).or(kind),
            fields: values.len(),
            author: aside.author,
            device: aside.device,
            reason: aside.reason.code(),
            decision: aside.decision.as_ref().map(|(code, _)| code.clone()),
            received_at: aside.received_at,
            bytes: aside.body.len(),
        },
        at: change.map(|change| change.header.at),
        values,
        why,
        parents: opening.map(|opening| opening.parents).unwrap_or_default(),
        raw: base64::engine::general_purpose::STANDARD.encode(&aside.body),
    }
}

/// What became of one that was to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// It has this feed number now.
    Accepted(u64),
    /// The feed had it already, with this number.
    Have(u64),
    /// What it stands on is not in the feed: take that first.
    Missing,
    /// Its group is not there: take its opening first.
    NoGroup,
    /// It cannot be taken, for this reason. It still waits: refuse it, and have it entered anew.
    Unfit(Refusal),
}

/// Takes what waits into the feed, as its author wrote it and with their phone as its source. Each passes
/// the guard first. What stands on another one that is named is taken after it, in whatever order they
/// are named. The author's phone is told.
///
/// # Errors
/// See [`ReviewError`]; nothing is taken then.
pub fn take(
    store: &Store,
    now: Millis,
    programme: &Programme,
    ids: &[u64],
) -> Result<Vec<(u64, Taken)>, ReviewError> {
    let outcome = store.write(|tx| {
        let mut log = Appender::new(tx, now)?;
        let mut left = Vec::new();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            match waiting(tx, *id)? {
                Some(aside) => left.push(aside),
                None => return Ok(Err(*id)),
            }
        }
        let mut done = BTreeMap::new();
        loop {
            let before = left.len();
            let mut waits = Vec::new();
            for aside in left {
                let taken = take_one(&mut log, programme, &aside)?;
                if matches!(taken, Taken::Missing | Taken::NoGroup) {
                    waits.push(aside.clone());
                }
                done.insert(aside.id, taken);
            }
            if waits.is_empty() || waits.len() == before {
                holders::follow(&mut log, programme, None, programme.day(now))?;
                return Ok(Ok(done.into_iter().collect()));
            }
            left = waits;
        }
    })?;
    outcome.map_err(ReviewError::NotWaiting)
}

fn waiting(tx: &Transaction<'_>, id: u64) -> Result<Option<Aside>, StoreError> {
    let wanted = Wanted { state: Some(State::Review), id: Some(id), ..Wanted::default() };
    Ok(set_aside::list(tx, &wanted)?.pop())
}

fn take_one(log: &mut Appender<'_>, programme: &Programme, aside: &Aside) -> Result<Taken, StoreError> {
    let taken = match aside.record {
        None => open(log, programme, aside)?,
        Some(record) => {
            if access::group(log.tx, aside.group)?.is_none() {
                return Ok(Taken::NoGroup);
            }
            let stored = log::changes_of(log.tx, record)?;
            let mut document = if stored.is_empty() {
                None
            } else {
                let bytes = stored.iter().map(|change| change.bytes.as_slice());
                Some(
                    Document::load(bytes)
                        .map_err(|_| StoreError::damaged("a record of the feed does not load"))?,
                )
            };
            let mut rulings = guard::judge(&mut document, record, aside.group, &[&aside.body]);
            match rulings.pop() {
                Some(Ruling::Pass(change)) => {
                    let form = document.and_then(|document| document.root().ok()).map(|root| root.form);
                    if let Some(refusal) =
                        why_not(log.tx, programme, aside, &change, form.as_deref(), !stored.is_empty())?
                    {
                        return Ok(Taken::Unfit(refusal));
                    }
                    if devices::actor_owner(log.tx, change.actor)?.is_none() {
                        devices::bind_actor(log.tx, change.actor, Some(aside.device))?;
                    }
                    let (who, form) = ((aside.author, Some(aside.device)), form.unwrap_or_default());
                    Taken::Accepted(log.change(aside.group, record, who, &form, &change)?)
                }
                Some(Ruling::Have(hash)) => Taken::Have(log::number_of(log.tx, &hash)?.unwrap_or_default()),
                Some(Ruling::Missing(_)) | None => return Ok(Taken::Missing),
                Some(Ruling::Fork { .. }) => return Ok(Taken::Unfit(Refusal::OutOfOrder)),
                Some(Ruling::Refused(refusal)) => return Ok(Taken::Unfit(refusal)),
            }
        }
    };
    if matches!(taken, Taken::Accepted(_) | Taken::Have(_)) {
        set_aside::forget(log.tx, &aside.hash)?;
        tell(log, aside, None)?;
    }
    Ok(taken)
}

/// What holds for the author's work in time holds here too.
fn why_not(
    tx: &Transaction<'_>,
    programme: &Programme,
    aside: &Aside,
    change: &alongside_domain::record::RawChange,
    form: Option<&str>,
    existed: bool,
) -> Result<Option<Refusal>, StoreError> {
    let author = people::find(tx, aside.author)?;
    let owner = devices::actor_owner(tx, change.actor)?;
    let group = access::group(tx, aside.group)?;
    let record_kind = form.and_then(|form| programme.records.get(form));
    let facts = PushFacts {
        role: author.as_ref().and_then(|author| programme.roles.get(&author.role)),
        device_revoked: false,
        actor_of_another: owner.is_some_and(|owner| owner != Some(aside.device)),
        group_kind: group.as_ref().map(|group| group.kind.as_str()),
        standing: Standing::Granted,
        withdrawn: false,
        record_kind,
        open_to_role: author
            .as_ref()
            .is_some_and(|author| record_kind.is_none_or(|kind| kind.is_open_to(&author.role))),
        tells_restricted: tells_restricted(
            programme,
            group.as_ref().map(|group| group.kind.as_str()),
            form,
            change,
        ),
        starts_record: !existed,
        breaks_key: match aside.record {
            Some(record) => breaks_key(
                tx,
                programme,
                (aside.group, group.as_ref().map(|group| group.kind.as_str())),
                (record, form),
                change,
            )?,
            None => false,
        },
    };
    Ok(match policy::decide_push(&facts) {
        Ok(()) => None,
        Err(Denial::Refused(refusal) | Denial::Review(refusal)) => Some(refusal),
    })
}

/// Opens the group. Its author is granted it where they still have all that it is linked to; otherwise
/// their phone is told to erase it, and a coordinator grants it to whom it is for.
fn open(log: &mut Appender<'_>, programme: &Programme, aside: &Aside) -> Result<Taken, StoreError> {
    let Some(opening) = aside.opening().filter(|opening| programme.groups.contains_key(&opening.kind)) else {
        return Ok(Taken::Unfit(Refusal::BadOpening));
    };
    let Some(author) = people::find(log.tx, aside.author)? else {
        return Ok(Taken::Unfit(Refusal::NotEntitled));
    };
    if let Some(seq) = log::opened_at(log.tx, opening.group)? {
        return Ok(Taken::Have(seq));
    }
    let mut still_theirs = true;
    for parent in &opening.parents {
        if access::group(log.tx, *parent)?.is_none() {
            return Ok(Taken::NoGroup);
        }
        if erasures::erased(log.tx, *parent)?.is_some() {
            return Ok(Taken::Unfit(Refusal::UnknownGroup));
        }
        still_theirs &= matches!(access::access(log.tx, aside.author, *parent)?, access::Access::Granted(_));
    }
    let partner = author.partner;
    access::open_group(log, opening.group, &opening.kind, partner, &opening.parents, aside.author)?;
    let seq = log.head.seq;
    access::grant(log, aside.author, opening.group)?;
    if programme.is_restricted(&opening.kind) {
        access::grant_to_safeguarding(log, programme, partner, opening.group)?;
    }
    if !still_theirs {
        // It was theirs, and is no longer: their phone erases it, and what it has not sent is late work.
        access::withdraw(log, aside.author, opening.group)?;
    }
    Ok(Taken::Accepted(seq))
}

/// Refuses what waits, with everything that waits on top of it. It is kept among the refused, and the
/// author's phone is told. Gives the numbers of all that were refused.
///
/// # Errors
/// See [`ReviewError`]; nothing is refused then.
pub fn refuse(store: &Store, now: Millis, ids: &[u64], reason: &str) -> Result<Vec<u64>, ReviewError> {
    if !is_reason_code(reason) {
        return Err(ReviewError::BadReason);
    }
    let outcome = store.write(|tx| {
        let mut log = Appender::new(tx, now)?;
        let mut bad = Vec::new();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            match waiting(tx, *id)? {
                Some(aside) => bad.push(aside),
                None => return Ok(Err(*id)),
            }
        }
        let mut refused = BTreeSet::new();
        while let Some(aside) = bad.pop() {
            if !refused.insert(aside.id) {
                continue;
            }
            set_aside::decide(tx, aside.id, reason, now)?;
            tell(&mut log, &aside, Some(reason))?;
            bad.extend(standing_on(tx, &aside)?);
        }
        Ok(Ok(refused.into_iter().collect()))
    })?;
    outcome.map_err(ReviewError::NotWaiting)
}

/// What waits and cannot be taken without this one: changes made on top of it; of an opening, all that
/// waits of its group.
fn standing_on(tx: &Transaction<'_>, aside: &Aside) -> Result<Vec<Aside>, StoreError> {
    let wanted = Wanted { state: Some(State::Review), group: Some(aside.group), ..Wanted::default() };
    let mut all = set_aside::list(tx, &wanted)?;
    all.retain(|other| {
        let stands = || {
            let change = chunk::parse(&other.body).ok();
            change.is_some_and(|change| change.header.deps.contains(&aside.hash))
        };
        match (aside.record, other.record) {
            (None, Some(_)) => true,
            (record, of) => of.is_some() && of == record && stands(),
        }
    });
    Ok(all)
}

/// Tells the author's phones what was decided.
fn tell(log: &mut Appender<'_>, aside: &Aside, refused: Option<&str>) -> Result<(), StoreError> {
    let event = ControlEvent::Reviewed {
        person: aside.author,
        group: aside.group,
        change: aside.record.map(|_| aside.hash),
        refused: refused.map(str::to_owned),
    };
    log.personal_entry(&event, aside.author)?;
    Ok(())
}
