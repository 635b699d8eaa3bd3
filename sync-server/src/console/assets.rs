//! The style sheet, compiled in. Its address names its content, so that browsers keep it for good.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::error::PageError;

const STYLE: &str = include_str!("../../static/console.css");

/// Name of the style sheet, with a hash of its content.
static STYLE_NAME: LazyLock<String> = LazyLock::new(|| {
    let hash = blake3::hash(STYLE.as_bytes()).to_hex();
    format!("console-{}.css", hash.get(..16).unwrap_or_default())
});

/// Address of the style sheet.
pub(super) fn style_address() -> String {
    format!("/static/{}", *STYLE_NAME)
}

/// `GET /static/{name}`
pub(super) async fn get(Path(name): Path<String>) -> Response {
    if name != *STYLE_NAME {
        return PageError::NotFound.into_response();
    }
    let headers =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, STYLE).into_response()
}
