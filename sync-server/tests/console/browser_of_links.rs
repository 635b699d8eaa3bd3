//! Whoever has a link, without a script: sends what the page asks, with what it holds.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use tower::ServiceExt as _;

use crate::{browse::Page, fixture::World};

/// Somebody with a link.
pub(crate) struct Visitor<'a> {
    world: &'a World,
    pages: Router,
    token: String,
    pub(crate) page: Page,
}

/// What stands behind a mark, up to the next quotation mark.
pub(crate) fn field(body: &str, mark: &str) -> String {
    body.split(mark).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

fn fields(body: &str, mark: &str) -> Vec<String> {
    body.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(world: &'a World, token: &str) -> Self {
        let page = Page { status: StatusCode::OK, headers: HeaderMap::new(), body: String::new() };
        Self { world, pages: world.pages(), token: token.to_owned(), page }
    }

    pub(crate) fn get(&mut self, rest: &str) {
        let request = Request::get(format!("/f/{}{rest}", self.token)).body(Body::empty()).unwrap();
        self.send(request);
    }

    /// Sends the page that is open, with these answers.
    pub(crate) fn go(&mut self, rest: &str, answers: &[(&str, &str)]) {
        let mut pairs: Vec<(String, String)> = Vec::new();
        if rest == "/page" {
            pairs.push(("page".to_owned(), field(&self.page.body, "name=\"page\" value=\"")));
            for key in fields(&self.page.body, "name=\"asked\" value=\"") {
                pairs.push(("asked".to_owned(), key));
            }
        }
        pairs.extend(answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post_raw(rest, &pairs);
    }

    /// As [`Visitor::go`], on a page of a row: the answers are named without it.
    pub(crate) fn go_rows(&mut self, rest: &str, answers: &[(&str, &str)]) {
        let asked = fields(&self.page.body, "name=\"asked\" value=\"");
        let row = asked.first().and_then(|key| key.rsplit_once('/')).map(|(row, _)| format!("{row}/"));
        let row = row.unwrap_or_default();
        let named: Vec<(String, &str)> = answers
            .iter()
            .map(|(name, value)| {
                (if *name == "go" { "go".to_owned() } else { format!("{row}{name}") }, *value)
            })
            .collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.go(rest, &named);
    }

    /// Sends a page that was open before.
    pub(crate) fn go_at(&mut self, at: &str, asked: &[&str], answers: &[(&str, &str)]) {
        let mut pairs = vec![("page", at)];
        pairs.extend(asked.iter().map(|key| ("asked", *key)));
        pairs.extend(answers);
        self.post_raw("/page", &pairs);
    }

    pub(crate) fn post_raw(&mut self, rest: &str, pairs: &[(&str, &str)]) {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(pairs);
        let request = Request::post(format!("/f/{}{rest}", self.token))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.finish()))
            .unwrap();
        self.send(request);
        self.follow();
    }

    /// Attaches a file on the page of a question.
    pub(crate) fn attach(&mut self, key: &str, kind: &str, bytes: &[u8]) {
        let mut body = Vec::new();
        for (name, value) in [("page", key), ("asked", key)] {
            body.extend(
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        body.extend(
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"{key}\"; filename=\"f\"\r\nContent-Type: {kind}\r\n\r\n"
            )
            .bytes(),
        );
        body.extend(bytes);
        body.extend(b"\r\n--b--\r\n");
        let request = Request::post(format!("/f/{}/page", self.token))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from(body))
            .unwrap();
        self.send(request);
        self.follow();
    }

    fn follow(&mut self) {
        if self.page.status == StatusCode::SEE_OTHER {
            let to = self.page.headers[header::LOCATION].to_str().unwrap().to_owned();
            let to = to.split('#').next().unwrap().to_owned();
            self.send(Request::get(to).body(Body::empty()).unwrap());
        }
    }

    pub(crate) fn send(&mut self, request: Request<Body>) {
        let pages = self.pages.clone();
        self.page = self.world.runtime.block_on(async {
            let response = pages.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
            Page {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            }
        });
    }
}
