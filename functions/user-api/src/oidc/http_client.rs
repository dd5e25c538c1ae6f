//! The HTTP client with which identity providers are asked.

use std::{io, net::IpAddr, time::Duration};

use http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openidconnect::{HttpRequest, HttpResponse};

/// How long a provider may take for one answer: it is somebody else's, and somebody waits.
const WITHIN: Duration = Duration::from_secs(5);

/// Bytes of the longest answer that is read: keys and tokens have a few thousand.
const ANSWER_LEN_MAX: usize = 256 * 1024;

/// Asks providers: over HTTPS, or over HTTP on this machine; follows no redirect.
#[derive(Clone)]
pub(super) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<bytes::Bytes>>);

/// Why a provider brought no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// It would have to be asked in the clear.
    #[error("a provider is asked over HTTPS only")]
    Insecure,
    /// It did not answer in time.
    #[error("no answer in {WITHIN:?}")]
    TimedOut,
    /// No connection, or one that broke.
    #[error("the connection failed")]
    Failed(#[source] legacy::Error),
    /// Its answer is too long, or broke off.
    #[error("the answer cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl HttpClient {
    /// A client that trusts whom this machine trusts.
    ///
    /// # Errors
    /// When it trusts nobody.
    pub(super) fn new() -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new().with_native_roots()?;
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request.
    pub(super) async fn ask(self, request: HttpRequest) -> Result<HttpResponse, AskError> {
        if !is_safe(request.uri()) {
            return Err(AskError::Insecure);
        }
        let exchange = async {
            let request = request.map(|body| Full::new(bytes::Bytes::from(body)));
            let answer = self.0.request(request).await.map_err(AskError::Failed)?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_LEN_MAX).collect().await;
            let body = body.map_err(AskError::Unreadable)?.to_bytes().to_vec();
            Ok(HttpResponse::from_parts(parts, body))
        };
        tokio::time::timeout(WITHIN, exchange).await.unwrap_or(Err(AskError::TimedOut))
    }
}

/// Whether what is sent there is read by nobody on the way.
pub(super) fn is_safe(uri: &Uri) -> bool {
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri.host().is_some_and(is_this_machine),
        Some(_) | None => false,
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_clear_only_this_machine_is_asked() {
        for (uri, safe) in [
            ("https://accounts.example.org/token", true),
            ("http://127.0.0.1:9400/token", true),
            ("http://[::1]:9400/token", true),
            ("http://localhost:9400/", true),
            ("http://accounts.example.org/token", false),
            ("http://127.0.0.1.example.org/", false),
            ("http://169.254.169.254/latest", false),
            ("/token", false),
        ] {
            assert_eq!(is_safe(&uri.parse().unwrap()), safe, "{uri}");
        }
    }
}
