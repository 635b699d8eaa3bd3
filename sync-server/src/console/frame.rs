//! What all pages share: headers that keep them safe, the request's id, the page of an error.

use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

use super::{assets, error::PageError};

/// What the head and the banner of every page need.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// Address of the style sheet.
    pub(super) style: String,
    /// Title of the programme.
    pub(super) programme: String,
    /// Who is signed in, with their role; `None` on pages before signing in.
    pub(super) reader: Option<FrameReader>,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub(super) struct FrameReader {
    pub(super) name: String,
    pub(super) role: String,
    /// Token of the sign-out form.
    pub(super) csrf: String,
}

impl Frame {
    pub(super) fn new(programme: &str, reader: Option<FrameReader>) -> Self {
        Self { style: assets::style_address(), programme: programme.to_owned(), reader }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    title: &'static str,
    text: &'static str,
    /// The request's id, for errors that somebody has to look up.
    request: Option<String>,
    /// Whether going to the first page makes sense.
    home: bool,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No script at all, no style but ours, nothing from elsewhere, never in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Draws the page of an error and sets the headers of every page.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions().get::<PageError>().copied() {
        response = draw(error, &id);
    }
    let headers = response.headers_mut();
    // An attachment brings a stricter one.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Records never stay in a shared browser's cache.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The id that the server gave the request, or a new one.
fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| {
            (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        .map_or_else(|| hex::encode(rand::random::<[u8; 8]>()), str::to_owned)
}

fn draw(error: PageError, id: &str) -> Response {
    let page = ErrorPage {
        frame: Frame::new("", None),
        title: error.title(),
        text: error.text(),
        request: (error == PageError::Failed).then(|| id.to_owned()),
        home: error.leads_home(),
    };
    let status = error.status();
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (status, error.title()).into_response(),
    }
}
