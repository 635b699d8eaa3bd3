//! What people disagree about, and what somebody says is right as it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alongside_domain::{
    ids::{ChangeHash, GroupId, RecordId},
    record::RecordView,
    time::Millis,
};
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::Builder;
use crate::{
    console::{
        Console,
        access::Reader,
        answers::Wording,
        conflicts::{self, Dispute},
        error::PageError,
        session::{Sent, SignedIn},
    },
    ingest::{Ingest, IngestError, LocalProblem, LocalWrite},
    read_model::{ReadModelError, case},
};

/// How long the page waits to show what was written.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

impl Builder<'_> {
    /// What people disagree about, in the records of these groups and of the restricted ones beside them.
    pub(super) fn disputes(
        &self,
        wording: &Wording<'_>,
        groups: &BTreeMap<String, Vec<GroupId>>,
    ) -> Result<Vec<Dispute>, ReadModelError> {
        let mut found: BTreeMap<RecordId, RecordView> = BTreeMap::new();
        for group in groups.values().flatten() {
            for stored in case::disputed(self.connection, *group)? {
                found.insert(stored.view.root.id, wording.joined(&stored.view)?.0);
            }
        }
        for (beside, of) in wording.restricted {
            for (group, kind) in of {
                for stored in case::disputed(self.connection, *group)? {
                    let view = if self.lives_in(&stored.view.root.form, kind) {
                        stored.view
                    } else {
                        match case::record_of_part(self.connection, *beside, &stored.view)? {
                            Some(whole) => wording.joined(&whole.view)?.0,
                            None => continue,
                        }
                    };
                    found.insert(view.root.id, view);
                }
            }
        }
        let mut disputes = Vec::new();
        for view in found.values() {
            disputes.extend(conflicts::disputes(wording, view)?);
        }
        disputes.sort_by_key(|dispute| !dispute.needs_decision);
        Ok(disputes)
    }

    /// Whether groups of this kind hold such records as a whole, and not only parts of them.
    pub(super) fn lives_in(&self, form: &str, kind: &str) -> bool {
        self.programme().records.get(form).is_none_or(|record| record.group == kind)
    }
}

/// What the button of a disagreement sends.
#[derive(Deserialize)]
pub(in crate::console) struct AffirmForm {
    /// Key of the field; empty: the record, which was started more than once, is meant once.
    #[serde(default)]
    key: String,
}

/// `POST /cases/{group}/records/{record}/affirm`: somebody says that what stands is right. Written as a change
/// of the record, in their name.
pub(in crate::console) async fn affirm(
    State(console): State<Arc<Console>>,
    Path(place): Path<(String, String)>,
    Sent { signed_in, fields }: Sent<AffirmForm>,
) -> Result<Response, PageError> {
    let key = fields.key.clone();
    pressed(console, place, signed_in, key, move |record, at, zone| LocalWrite::Affirm {
        record,
        key: Some(fields.key).filter(|key| !key.is_empty()),
        at,
        zone,
        reason: None,
    })
    .await
}

/// What the button beside a value sends.
#[derive(Deserialize)]
pub(in crate::console) struct DecideForm {
    key: String,
    /// The change that wrote the value that holds.
    change: String,
    /// The changes that wrote the values that the page showed.
    seen: String,
}

/// `POST /cases/{group}/records/{record}/decide`: one of several values holds. Written as a change of the record,
/// in the person's name, on top of all that the page showed.
pub(in crate::console) async fn decide(
    State(console): State<Arc<Console>>,
    Path(place): Path<(String, String)>,
    Sent { signed_in, fields }: Sent<DecideForm>,
) -> Result<Response, PageError> {
    let hash = |text: &str| text.parse::<ChangeHash>().map_err(|_| PageError::BadRequest);
    let change = hash(&fields.change)?;
    let seen = fields.seen.split_ascii_whitespace().map(hash).collect::<Result<BTreeSet<_>, _>>()?;
    let key = fields.key.clone();
    pressed(console, place, signed_in, key, move |record, at, zone| LocalWrite::Decide {
        record,
        key: fields.key,
        change,
        seen,
        at,
        zone,
        reason: None,
    })
    .await
}

/// Writes what a button says of an answer of a record, where whoever pressed it may write that answer, and
/// leads to the page that shows it.
async fn pressed(
    console: Arc<Console>,
    (unit, record): (String, String),
    signed_in: SignedIn,
    key: String,
    said: impl FnOnce(RecordId, Millis, String) -> LocalWrite + Send + 'static,
) -> Result<Response, PageError> {
    let unit = unit.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    let record = record.parse::<RecordId>().map_err(|_| PageError::NotFound)?;
    let ingest = console.ingest.clone().ok_or(PageError::NotFound)?;
    let worker = Arc::clone(&console);
    let number = tokio::task::spawn_blocking(move || {
        if !may_affirm(&worker, &signed_in, unit, (record, &key))? {
            return Err(PageError::NotFound);
        }
        let said = said(record, worker.clock.now(), worker.programme.zone.clone());
        write(&ingest, &signed_in, said)
    })
    .await??;
    shown(&console, unit, number).await
}

/// Waits until pages show what was written.
pub(in crate::console) async fn shown_at(console: &Console, number: Option<u64>) {
    if let Some(number) = number {
        let mut projected = console.model.projected();
        // A page that is behind is still right for its time.
        let _ = tokio::time::timeout(SHOWN_WITHIN, projected.wait_for(|seq| *seq >= number)).await;
    }
}

/// Waits until the page shows what was written, and leads to it.
async fn shown(console: &Console, unit: GroupId, number: Option<u64>) -> Result<Response, PageError> {
    shown_at(console, number).await;
    let page = format!("{}/{unit}#disagreements", console.unit_path());
    Ok(Redirect::to(&page).into_response())
}

/// Whether the reader may write this answer of this record: it is on their page of the unit, of a form that
/// their role writes, and they may read it.
fn may_affirm(
    console: &Console,
    signed_in: &SignedIn,
    unit: GroupId,
    (record, key): (RecordId, &str),
) -> Result<bool, PageError> {
    let programme = &console.programme;
    let reader = Reader::new(programme, &signed_in.principal);
    Ok(console.model.read(|connection| {
        let Some(unit) = case::unit(connection, unit)? else { return Ok(false) };
        let Some(reader) = reader.at(connection, &unit)? else { return Ok(false) };
        let Some(stored) = case::record(connection, record)? else { return Ok(false) };
        let groups = case::groups(connection, unit.group)?;
        let restricted = case::restricted(connection, programme, &groups, reader.person())?;
        let beside = restricted.values().flatten().map(|(group, _)| group);
        let is_here = groups.values().flatten().chain(beside).any(|group| *group == stored.view.root.group);
        let kind = programme.records.get(&stored.view.root.form);
        let question = programme.forms.get(&stored.view.root.form).and_then(|form| form.question_of_key(key));
        if question.is_some_and(|question| !reader.may_read_answer(question)) {
            return Ok(false);
        }
        Ok(is_here && kind.is_some_and(|kind| reader.may_write(kind)))
    })?)
}

fn write(ingest: &Ingest, signed_in: &SignedIn, write: LocalWrite) -> Result<Option<u64>, PageError> {
    write_all(ingest, signed_in, vec![write])
}

/// Writes all of this, or nothing. Gives the number of the last entry of the feed.
pub(in crate::console) fn write_all(
    ingest: &Ingest,
    signed_in: &SignedIn,
    writes: Vec<LocalWrite>,
) -> Result<Option<u64>, PageError> {
    match ingest.ingest_local(signed_in.principal.person, writes) {
        Ok(numbers) => Ok(numbers.into_iter().flatten().next_back()),
        Err(IngestError::Local { problem: LocalProblem::DecideFirst, .. }) => Err(PageError::DecideFirst),
        Err(IngestError::Local { problem: LocalProblem::ChangedMeanwhile, .. }) => {
            Err(PageError::ChangedMeanwhile)
        }
        Err(IngestError::Local { .. }) => Err(PageError::NotFound),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a decision could not be written");
            Err(PageError::Failed)
        }
    }
}
