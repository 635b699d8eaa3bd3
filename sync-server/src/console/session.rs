//! Signing in by a one-time link, the session's cookie, signing out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use subtle::ConstantTimeEq as _;

use super::{Console, error::PageError, frame::Frame, frame::FrameReader};
use crate::store::Principal;

/// Longest token or cookie that is looked at.
const LONGEST_SECRET: usize = 256;

/// The person behind a request.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    pub(super) principal: Principal,
    pub(super) csrf: String,
}

impl SignedIn {
    /// What the banner shows of them.
    pub(super) fn frame(&self, console: &Console) -> Frame {
        let role = super::access::Reader::new(&console.programme, &self.principal).role_title().to_owned();
        let reader = FrameReader { name: self.principal.name.clone(), role, csrf: self.csrf.clone() };
        Frame::new(&console.programme.title, Some(reader))
    }
}

impl FromRequestParts<Arc<Console>> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, PageError> {
        let secret = cookie(&parts.headers, console.cookie_name()).ok_or(PageError::NotSignedIn)?;
        let csrf = csrf_token(&secret);
        let console = Arc::clone(console);
        let found = tokio::task::spawn_blocking(move || console.store.session(&secret, console.clock.now()))
            .await??;
        let principal = found.ok_or(PageError::NotSignedIn)?;
        Ok(Self { principal, csrf })
    }
}

/// The value of a cookie.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty() && value.len() <= LONGEST_SECRET)
        .map(|(_, value)| value.to_owned())
}

/// The token of a session's forms: follows from the secret, does not give it away.
fn csrf_token(secret: &str) -> String {
    hex::encode(blake3::derive_key("alongside console form token v1", secret.as_bytes()))
}

/// Whether the browser says that this form was sent from another site.
pub(super) fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

impl SignedIn {
    /// Whether one of our own pages sent this, with the session's token.
    pub(super) fn sent(&self, headers: &HeaderMap, token: &str) -> bool {
        !from_elsewhere(headers) && bool::from(token.as_bytes().ct_eq(self.csrf.as_bytes()))
    }
}

/// What a form of one of our own pages sent, and who sent it. One that came without the session's token, or
/// from another site, is refused.
#[derive(Debug)]
pub(super) struct Sent<T> {
    pub(super) signed_in: SignedIn,
    pub(super) fields: T,
}

/// The fields of a button that says all by where it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct Button {}

#[derive(Deserialize)]
struct WithToken<T> {
    csrf: String,
    #[serde(flatten)]
    fields: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Console>> for Sent<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, console).await?;
        let headers = parts.headers.clone();
        let form = Form::<WithToken<T>>::from_request(Request::from_parts(parts, body), console).await;
        let Ok(Form(WithToken { csrf, fields })) = form else { return Err(PageError::Forged) };
        if signed_in.sent(&headers, &csrf) { Ok(Self { signed_in, fields }) } else { Err(PageError::Forged) }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    token: String,
}

/// `GET /sign-in/{token}`: a page with one button. Fetching it uses nothing up, so that programs that
/// look at links do not burn them.
pub(super) async fn link(
    State(console): State<Arc<Console>>,
    Path(token): Path<String>,
) -> Result<Response, PageError> {
    if token.len() > LONGEST_SECRET {
        return Err(PageError::LinkSpent);
    }
    let page = SignInPage { frame: Frame::new(&console.programme.title, None), token };
    Ok(Html(page.render()?).into_response())
}

/// `GET /sign-in`: says how to sign in.
pub(super) async fn explain() -> PageError {
    PageError::NotSignedIn
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    token: String,
}

/// `POST /sign-in`: uses up the link and starts a session.
pub(super) async fn redeem(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    form: Result<Form<SignInForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, PageError> {
    if from_elsewhere(&headers) {
        return Err(PageError::Forged);
    }
    let Ok(Form(form)) = form else { return Err(PageError::BadRequest) };
    if form.token.len() > LONGEST_SECRET {
        return Err(PageError::LinkSpent);
    }
    let worker = Arc::clone(&console);
    let session = tokio::task::spawn_blocking(move || {
        worker.store.redeem_console_link(&form.token, worker.clock.now())
    })
    .await??
    .ok_or(PageError::LinkSpent)?;
    let cookie = console.set_cookie(session.reveal(), None)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage {
    frame: Frame,
}

/// `POST /sign-out`: ends the session and forgets the cookie.
pub(super) async fn sign_out(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Sent { fields: Button {}, .. }: Sent<Button>,
) -> Result<Response, PageError> {
    let secret = cookie(&headers, console.cookie_name()).ok_or(PageError::NotSignedIn)?;
    let worker = Arc::clone(&console);
    tokio::task::spawn_blocking(move || worker.store.end_session(&secret)).await??;
    let cookie = console.set_cookie("", Some(0))?;
    let page = SignedOutPage { frame: Frame::new(&console.programme.title, None) };
    Ok((StatusCode::OK, [(header::SET_COOKIE, cookie)], Html(page.render()?)).into_response())
}

impl Console {
    /// Browsers bind a name with this prefix to one host over HTTPS; over plain HTTP on this machine
    /// they would refuse it.
    fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-alongside" } else { "alongside" }
    }

    fn set_cookie(&self, value: &str, max_age: Option<u32>) -> Result<HeaderValue, PageError> {
        let secure = if self.secure { "; Secure" } else { "" };
        let age = max_age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
        let cookie = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.cookie_name());
        HeaderValue::from_str(&cookie).map_err(|_| PageError::Failed)
    }
}
