//! What people disagree about, and what somebody says is right as it stands.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alongside_domain::{
    ids::{GroupId, RecordId},
    record::RecordView,
};
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    http::HeaderMap,
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
        session::{SignedIn, is_forged},
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
    csrf: String,
    /// Key of the field; empty: the record, which was started more than once, is meant once.
    #[serde(default)]
    key: String,
}

/// `POST /cases/{group}/records/{record}/affirm`: somebody says that what stands is right. Written as a change
/// of the record, in their name.
pub(in crate::console) async fn affirm(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    signed_in: SignedIn,
    Path((unit, record)): Path<(String, String)>,
    form: Result<Form<AffirmForm>, FormRejection>,
) -> Result<Response, PageError> {
    let Ok(Form(form)) = form else { return Err(PageError::Forged) };
    if is_forged(&headers, &signed_in, &form.csrf) {
        return Err(PageError::Forged);
    }
    let unit = unit.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    let record = record.parse::<RecordId>().map_err(|_| PageError::NotFound)?;
    let ingest = console.ingest.clone().ok_or(PageError::NotFound)?;
    let worker = Arc::clone(&console);
    let number = tokio::task::spawn_blocking(move || {
        if may_affirm(&worker, &signed_in, unit, record)? {
            write(&worker, &ingest, &signed_in, record, form.key)
        } else {
            Err(PageError::NotFound)
        }
    })
    .await??;
    if let Some(number) = number {
        let mut projected = console.model.projected();
        // A page that is behind is still right for its time.
        let _ = tokio::time::timeout(SHOWN_WITHIN, projected.wait_for(|seq| *seq >= number)).await;
    }
    let page = format!("{}/{unit}#disagreements", console.unit_path());
    Ok(Redirect::to(&page).into_response())
}

/// Whether the reader may write this record: it is on their page of the unit, and of a form that their role
/// writes.
fn may_affirm(
    console: &Console,
    signed_in: &SignedIn,
    unit: GroupId,
    record: RecordId,
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
        Ok(is_here && kind.is_some_and(|kind| reader.may_write(kind)))
    })?)
}

fn write(
    console: &Console,
    ingest: &Ingest,
    signed_in: &SignedIn,
    record: RecordId,
    key: String,
) -> Result<Option<u64>, PageError> {
    let write = LocalWrite::Affirm {
        record,
        key: Some(key).filter(|key| !key.is_empty()),
        at: console.clock.now(),
        zone: console.programme.zone.clone(),
        reason: None,
    };
    match ingest.ingest_local(signed_in.principal.person, vec![write]) {
        Ok(numbers) => Ok(numbers.into_iter().flatten().next()),
        Err(IngestError::Local { problem: LocalProblem::DecideFirst, .. }) => Err(PageError::DecideFirst),
        Err(IngestError::Local { .. }) => Err(PageError::NotFound),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a decision could not be written");
            Err(PageError::Failed)
        }
    }
}
