//! A browser without a screen: follows the pages in process.

use alongside_domain::ids::PersonId;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use tower::ServiceExt as _;

use crate::fixture::World;

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Page {
    /// The text without what differs from run to run: ids, tokens, names of phones.
    pub(crate) fn steady(&self) -> String {
        let mut seen: Vec<String> = Vec::new();
        let mut out = String::new();
        for line in self.body.lines().filter(|line| !line.trim().is_empty()) {
            let mut rest = line;
            while let Some(place) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
                let (before, from) = rest.split_at(place);
                out.push_str(before);
                let end = from.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(from.len());
                let (word, after) = from.split_at(end);
                out.push_str(&steady_word(word, out.ends_with("phone "), &mut seen));
                rest = after;
            }
            out.push_str(rest);
            out.push('\n');
        }
        out
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

/// A word without what is random in it: an id becomes its number among those seen.
fn steady_word(word: &str, after_phone: bool, seen: &mut Vec<String>) -> String {
    let is_id = |text: &str| {
        text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    if word.starts_with("console-") {
        return "console-HASH".to_owned();
    }
    if after_phone && word.len() == 4 {
        return "XXXX".to_owned();
    }
    if word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "TOKEN".to_owned();
    }
    for place in 0..word.len().saturating_sub(35) {
        let id = &word[place..place + 36];
        if is_id(id) {
            let number = seen.iter().position(|known| known == id).unwrap_or_else(|| {
                seen.push(id.to_owned());
                seen.len() - 1
            });
            return format!("{}ID{number}{}", &word[..place], &word[place + 36..]);
        }
    }
    word.to_owned()
}

pub(crate) struct Browser<'a> {
    world: &'a World,
    pages: Router,
    pub(crate) cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, pages: world.pages(), cookie: None }
    }

    pub(crate) fn signed_in(world: &'a World, person: PersonId) -> Self {
        let mut browser = Self::new(world);
        let token = world.link(person);
        let page = browser.post("/sign-in", &format!("token={token}"));
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        browser
    }

    pub(crate) fn get(&mut self, address: &str) -> Page {
        self.send(Request::get(address).body(Body::empty()).unwrap())
    }

    pub(crate) fn post(&mut self, address: &str, form: &str) -> Page {
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        self.send(request)
    }

    pub(crate) fn send(&mut self, mut request: Request<Body>) -> Page {
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        }
        let pages = self.pages.clone();
        let (status, headers, body) = self.world.runtime.block_on(async {
            let response = pages.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            (parts.status, parts.headers, axum::body::to_bytes(body, 1 << 24).await.unwrap())
        });
        if let Some(cookie) = headers.get(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookie = Some(pair);
        }
        Page { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}
