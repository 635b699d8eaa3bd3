//! `POST /v1/enrol`: a one-time code for an installation's token.

use alongside_domain::{
    ids::{ChangeHash, DeviceId},
    wire::{EnrolAnswer, EnrolRequest, ErrorCode},
};
use axum::{body::Body, extract::State, http::HeaderMap};

use super::{AppState, Failure, body};
use crate::{
    people,
    secret::TypedCode,
    store::{StoreError, devices, log::Appender},
};

/// Longest name of a device that is kept, in characters.
const NAME: usize = 100;

pub(super) async fn enrol(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<body::Cbor<EnrolAnswer>, Failure> {
    body::within_limits(&state, async {
        body::check_media_type(&headers)?;
        let request: EnrolRequest = body::read(&headers, body).await?;
        let state = state.clone();
        body::blocking(move || take(&state, &request)).await.map(body::Cbor)
    })
    .await
}

fn take(state: &AppState, request: &EnrolRequest) -> Result<EnrolAnswer, Failure> {
    let code = TypedCode::typed(&request.code).ok_or(ErrorCode::BadCode)?;
    let now = state.clock.now();
    let name: String = request.device_name.trim().chars().filter(|c| !c.is_control()).take(NAME).collect();
    let enrolled = state.store.write(|tx| {
        let Some(person) = devices::use_code(tx, &code, now)? else { return Ok(None) };
        let person = people::find(tx, person)?
            .ok_or_else(|| StoreError::damaged("an enrolment code belongs to nobody"))?;
        let device = DeviceId::new(now, rand::random());
        let token = devices::enrol(&mut Appender::new(tx, now)?, device, person.id, &name, request.actor)?;
        Ok(Some((device, token, person)))
    })?;
    let (device, token, person) = enrolled.ok_or(ErrorCode::BadCode)?;
    tracing::info!(%device, "enrolled");
    Ok(EnrolAnswer {
        protocol: request.protocol,
        device,
        token: token.reveal().to_owned(),
        person: person.id,
        name: person.name,
        role: person.role,
        partner: person.partner,
        programme: (state.programme.id.clone(), ChangeHash(state.programme.hash)),
        key: Some(state.signer.public()),
    })
}
