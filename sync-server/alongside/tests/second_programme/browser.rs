//! A coordinator's browser, as far as pages without a script need one.

use reqwest::{Client, header, redirect::Policy};

pub(crate) struct Browser {
    client: Client,
    server: String,
    cookie: String,
}

/// What a page came to.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// The text that people read, without the marks of the page.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let main = self.body.split("<body>").nth(1).unwrap_or(&self.body);
        for piece in main.split('<') {
            out.push_str(piece.split_once('>').map_or("", |(_, text)| text));
            out.push(' ');
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The first address that begins so.
    pub(crate) fn link(&self, start: &str) -> String {
        let mark = format!("href=\"{start}");
        let rest = self.body.split(&mark).nth(1).unwrap_or_else(|| panic!("no link to {start}"));
        format!("{start}{}", rest.split('"').next().unwrap())
    }
}

impl Browser {
    /// Signs in with the link that a command printed.
    pub(crate) async fn signed_in(server: &str, link: &str) -> Self {
        let token = link.rsplit('/').next().unwrap().trim();
        // Another test of this process may have said so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let answer = client
            .post(format!("{server}/sign-in"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("token={token}"))
            .send()
            .await
            .unwrap();
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { client, server: server.to_owned(), cookie }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.server)).header(header::COOKIE, &self.cookie);
        let answer = request.send().await.unwrap();
        Page { status: answer.status().as_u16(), body: answer.text().await.unwrap() }
    }

    /// Sends the form of a page with these fields.
    pub(crate) async fn post(&self, path: &str, page: &Page, fields: &[(&str, &str)]) -> Page {
        let token = page.body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let all: Vec<(&str, &str)> =
            std::iter::once(("csrf", token.unwrap_or_default())).chain(fields.iter().copied()).collect();
        let request = self.client.post(format!("{}{path}", self.server)).header(header::COOKIE, &self.cookie);
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(all);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request.body(body.finish()).send().await.unwrap();
        Page { status: answer.status().as_u16(), body: answer.text().await.unwrap() }
    }
}
