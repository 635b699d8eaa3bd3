//! The network: one POST, bounded in time and size, with its failures sorted.

use std::{net::IpAddr, sync::Arc, time::Duration};

use alongside_domain::{
    sync::Failure,
    wire::{
        ErrorAnswer, ErrorCode, MEDIA_TYPE,
        codec::{self, Message},
    },
};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};

use crate::error::ApiError;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a request may take with its answer.
const WHOLE: Duration = Duration::from_secs(60);

/// A client for one server.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client);

/// An answer, or why there is none; and how many bytes it had.
pub(crate) struct Reply<A> {
    pub(crate) answer: Result<A, Failure>,
    pub(crate) bytes: u64,
}

impl Http {
    /// Trusts the certificate authorities of the web, compiled in: the same on every phone.
    pub(crate) fn new() -> Result<Self, ApiError> {
        let fault = |source: Box<dyn std::error::Error + Send + Sync>| ApiError::Unexpected {
            code: "tls",
            source: Some(source),
        };
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| fault(error.into()))?
                .with_root_certificates(roots)
                .with_no_client_auth();
        Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            // A token is for the server that gave it.
            .redirect(Policy::none())
            .build()
            .map(Self)
            .map_err(|error| fault(error.into()))
    }

    /// The client, for what is no message.
    pub(crate) fn client(&self) -> &Client {
        &self.0
    }

    /// Posts a message.
    pub(crate) async fn post<A: Message>(&self, url: Url, token: Option<&str>, body: Vec<u8>) -> Reply<A> {
        let mut request =
            self.0.post(url).header(CONTENT_TYPE, MEDIA_TYPE).header(ACCEPT, MEDIA_TYPE).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        match request.send().await {
            Ok(response) => read(response).await,
            Err(_) => Reply { answer: Err(Failure::Network), bytes: 0 },
        }
    }
}

/// The address of an endpoint. Plain http is for this machine only.
pub(crate) fn endpoint(server: &str, path: &str) -> Result<Url, ApiError> {
    let url = Url::parse(&format!("{}{path}", server.trim().trim_end_matches('/')))
        .map_err(|_| ApiError::BadAddress)?;
    let host = url.host_str().unwrap_or_default();
    let here = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" if !host.is_empty() => Ok(url),
        "http" if here => Ok(url),
        _ => Err(ApiError::BadAddress),
    }
}

/// Reads the answer to a message, whatever the request was.
pub(crate) async fn read<A: Message>(response: Response) -> Reply<A> {
    let status = response.status();
    let ours = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|seconds| seconds.to_str().ok()?.trim().parse::<u32>().ok());
    let most = if status.is_success() { A::MAX_BYTES } else { ErrorAnswer::MAX_BYTES };
    let (body, bytes) = match body(response, most).await {
        Ok(body) => {
            let bytes = body.len() as u64;
            (body, bytes)
        }
        Err((failure, bytes)) => return Reply { answer: Err(failure), bytes },
    };
    let answer = if !ours {
        Err(foreign(status, retry_after))
    } else if status.is_success() {
        codec::decode_message(&body).map_err(|error| Failure::Refused(error.code()))
    } else {
        Err(match codec::decode_message::<ErrorAnswer>(&body) {
            Ok(error) if error.code == ErrorCode::Busy => Failure::Busy(error.retry_after.or(retry_after)),
            Ok(error) => Failure::Refused(error.code),
            Err(_) => foreign(status, retry_after),
        })
    };
    Reply { answer, bytes }
}

/// Something on the way answered, not the server: a gateway that is overloaded, a hotel's page.
fn foreign(status: StatusCode, retry_after: Option<u32>) -> Failure {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Failure::Busy(retry_after),
        StatusCode::PAYLOAD_TOO_LARGE => Failure::Refused(ErrorCode::TooLarge),
        _ => Failure::Network,
    }
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, (Failure, u64)> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => {
                return Err((Failure::Refused(ErrorCode::TooLarge), (body.len() + chunk.len()) as u64));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(_) => return Err((Failure::Network, body.len() as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in
            ["https://alongside.example", "http://127.0.0.1:8080/", "http://localhost:1", "http://[::1]:9"]
        {
            assert!(endpoint(good, "/v1/sync").is_ok(), "{good}");
        }
        for bad in [
            "http://alongside.example",
            "http://127.0.0.1.example",
            "ftp://localhost",
            "alongside.example",
            "",
        ] {
            assert!(endpoint(bad, "/v1/sync").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_is_put_behind_the_servers_address() {
        let url = endpoint("http://localhost:8080/", "/v1/sync").unwrap();
        assert_eq!(url.as_str(), "http://localhost:8080/v1/sync");
    }
}
