//! Attachments over the network: one piece up, or a stream down.

use alongside_domain::{
    media::BlobHeld,
    sync::Failure,
    wire::{ErrorCode, MEDIA_TYPE},
};
use reqwest::{
    Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};

use super::AttachmentId;
use crate::{
    error::ApiError,
    sync::http::{self, Http, endpoint},
};

/// Media type of content: what it really is, the record says.
const CONTENT: &str = "application/octet-stream";

/// The way to one server.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) http: Http,
    pub(super) server: String,
    pub(super) token: String,
}

/// What comes of asking for content.
pub(super) enum Coming {
    /// Content from this place on.
    From(u64, Response),
    /// There is none for now.
    Not(Failure),
}

impl Line {
    fn address(&self, at: AttachmentId, ending: &str) -> Result<Url, ApiError> {
        let mut url = endpoint(&self.server, &format!("/v1/blobs/{}{ending}", at.hash))?;
        url.query_pairs_mut().append_pair("group", &at.group.to_string());
        Ok(url)
    }

    /// How much of it the server holds.
    pub(super) async fn held(&self, at: AttachmentId) -> Result<Result<BlobHeld, Failure>, ApiError> {
        let request = self.http.client().get(self.address(at, "/held")?).header(ACCEPT, MEDIA_TYPE);
        Ok(self.answer(request).await)
    }

    /// Sends a piece that begins at `from`.
    pub(super) async fn send(
        &self,
        at: AttachmentId,
        from: u64,
        whole: u64,
        piece: Vec<u8>,
    ) -> Result<Result<BlobHeld, Failure>, ApiError> {
        let last = from + (piece.len() as u64).saturating_sub(1);
        let request = self
            .http
            .client()
            .put(self.address(at, "")?)
            .header(ACCEPT, MEDIA_TYPE)
            .header(CONTENT_TYPE, CONTENT)
            .header(CONTENT_RANGE, format!("bytes {from}-{last}/{whole}"))
            .body(piece);
        Ok(self.answer(request).await)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<BlobHeld, Failure> {
        match request.bearer_auth(&self.token).send().await {
            Ok(response) => http::read(response).await.answer,
            Err(_) => Err(Failure::Network),
        }
    }

    /// Asks for content from this place on.
    pub(super) async fn fetch(&self, at: AttachmentId, from: u64) -> Result<Coming, ApiError> {
        let request = self
            .http
            .client()
            .get(self.address(at, "")?)
            .header(RANGE, format!("bytes={from}-"))
            .bearer_auth(&self.token);
        let Ok(response) = request.send().await else { return Ok(Coming::Not(Failure::Network)) };
        let ours = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == CONTENT);
        Ok(match response.status() {
            StatusCode::OK if ours => Coming::From(0, response),
            StatusCode::PARTIAL_CONTENT if ours => match begins_at(&response) {
                Some(place) if place <= from => Coming::From(place, response),
                _ => Coming::Not(Failure::Network),
            },
            // A page of something on the way.
            status if status.is_success() => Coming::Not(Failure::Network),
            _ => Coming::Not(match http::read::<BlobHeld>(response).await.answer {
                Err(failure) => failure,
                Ok(_) => Failure::Refused(ErrorCode::Other),
            }),
        })
    }
}

/// Where a part begins.
fn begins_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}
