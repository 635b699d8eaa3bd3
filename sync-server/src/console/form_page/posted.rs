//! What a page sent, read within bounds.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body,
    extract::{FromRequest, Multipart, Request},
    http::{StatusCode, header},
};

use crate::console::{Console, error::PageError, session::from_elsewhere};

/// Largest body of a page, files included.
pub(in crate::console) const MOST_BODY: usize = 24 << 20;
/// Largest body of a page without files.
const MOST_TEXT: usize = 1 << 20;
/// Largest file.
pub(in crate::console) const MOST_FILE: usize = 16 << 20;
/// Most files of one page.
const MOST_FILES: usize = 10;
/// Most fields of one page.
const MOST_FIELDS: usize = 5_000;

/// A file that was chosen.
#[derive(Debug)]
pub(in crate::console) struct File {
    pub(in crate::console) media_type: String,
    pub(in crate::console) bytes: Vec<u8>,
}

/// The fields of a page.
#[derive(Debug, Default)]
pub(in crate::console) struct Posted {
    texts: BTreeMap<String, Vec<String>>,
    files: BTreeMap<String, File>,
}

impl Posted {
    /// The one value of a field; `None` where there is none, or several.
    pub(in crate::console) fn one(&self, name: &str) -> Option<&str> {
        match self.texts.get(name)?.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    pub(in crate::console) fn all(&self, name: &str) -> &[String] {
        self.texts.get(name).map_or(&[], Vec::as_slice)
    }

    pub(in crate::console) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    pub(in crate::console) fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().chain(self.files.keys()).map(String::as_str)
    }

    /// Refuses what has other fields than these.
    pub(in crate::console) fn only(&self, known: &[&str]) -> Result<(), PageError> {
        let is_known = self.names().all(|name| known.contains(&name));
        if is_known { Ok(()) } else { Err(PageError::NotOfForm) }
    }
}

impl FromRequest<Arc<Console>> for Posted {
    type Rejection = PageError;

    async fn from_request(request: Request, _: &Arc<Console>) -> Result<Self, PageError> {
        if from_elsewhere(request.headers()) {
            return Err(PageError::Forged);
        }
        read(request).await
    }
}

/// Reads the body of a page.
pub(in crate::console) async fn read(request: Request) -> Result<Posted, PageError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/x-www-form-urlencoded" => plain(request).await,
        "multipart/form-data" => with_files(request).await,
        _ => Err(PageError::BadRequest),
    }
}

async fn plain(request: Request) -> Result<Posted, PageError> {
    let bytes = body::to_bytes(request.into_body(), MOST_TEXT).await.map_err(|_| PageError::TooMuch)?;
    let mut posted = Posted::default();
    for (fields, (name, value)) in form_urlencoded::parse(&bytes).enumerate() {
        if fields >= MOST_FIELDS {
            return Err(PageError::TooMuch);
        }
        posted.texts.entry(name.into_owned()).or_default().push(lines(&value));
    }
    Ok(posted)
}

async fn with_files(request: Request) -> Result<Posted, PageError> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| PageError::BadRequest)?;
    let mut posted = Posted::default();
    let (mut fields, mut files, mut text) = (0, 0, 0);
    let refused = |error: axum::extract::multipart::MultipartError| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            PageError::TooMuch
        } else {
            PageError::BadRequest
        }
    };
    while let Some(mut field) = form.next_field().await.map_err(refused)? {
        fields += 1;
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(|_| field.content_type().unwrap_or_default().to_owned());
        if fields > MOST_FIELDS {
            return Err(PageError::TooMuch);
        }
        let mut bytes = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(refused)? {
            bytes.extend_from_slice(&piece);
            let most = if file.is_some() { MOST_FILE } else { MOST_TEXT - text };
            if bytes.len() > most {
                return Err(PageError::TooMuch);
            }
        }
        match file {
            // No file was chosen.
            Some(_) if bytes.is_empty() => {}
            Some(media_type) => {
                files += 1;
                if files > MOST_FILES || posted.files.contains_key(&name) {
                    return Err(PageError::TooManyFiles);
                }
                posted.files.insert(name, File { media_type, bytes });
            }
            None => {
                text += bytes.len();
                let value = String::from_utf8(bytes).map_err(|_| PageError::BadRequest)?;
                posted.texts.entry(name).or_default().push(lines(&value));
            }
        }
    }
    Ok(posted)
}

/// Lines end as everywhere else.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
