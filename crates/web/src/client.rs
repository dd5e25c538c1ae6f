//! The HTTP client with which services ask each other: bounded like the server.

mod connector;
mod peer;

use std::{error::Error as StdError, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use lmall_app::failure::Failure;
use rustls::ClientConfig;

use connector::Connector;
pub use peer::Peer;
use serde::de::DeserializeOwned;

/// How long a connection may take: services are near each other.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an unused connection is kept: less than the server keeps it, so that a request
/// hardly ever meets a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!(IDLE_TIMEOUT.as_secs() < crate::server::HEADER_READ_TIMEOUT.as_secs());

/// Bytes of the longest answer that is read: an order of 40 lines has about 10 KiB.
const ANSWER_LEN_MAX: usize = 256 * 1024;

/// The address of another service, without a path: plain HTTP within a private network, HTTPS
/// beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Box<str>);

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address such as http://inventory.internal:8080")]
pub struct BadBaseUrl(String);

/// Why another service brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is asked for cannot be asked for.
    #[error("the request cannot be sent")]
    Unsendable(#[source] http::Error),
    /// No answer in time.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
    /// No connection was made: nothing was sent.
    #[error("no connection")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// The connection broke: it may have been heard.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
}

/// An answer of another service.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// What its JSON says.
    ///
    /// # Errors
    /// When it says something else: whoever answered is not the service that was asked.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::Unavailable(error.into()))
    }
}

/// Connections that are kept; clones share them.
#[derive(Debug)]
pub struct Client<B = Full<Bytes>>(legacy::Client<Connector, B>);

impl BaseUrl {
    /// The address of a path, which begins with `/`.
    ///
    /// # Errors
    /// When the path has characters that no path has.
    pub fn join(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        Ok(Uri::try_from(format!("{}{path_and_query}", self.0))?)
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = BadBaseUrl;

    fn from_str(text: &str) -> Result<Self, BadBaseUrl> {
        let bad = || BadBaseUrl(text.to_owned());
        let base = text.strip_suffix('/').unwrap_or(text);
        let uri: Uri = base.parse().map_err(|_| bad())?;
        let spoken = matches!(uri.scheme_str(), Some("http" | "https"));
        let named = uri.host().is_some_and(|host| !host.is_empty());
        let bare = uri.path() == "/" && uri.query().is_none() && !base.contains('@');
        if spoken && named && bare { Ok(Self(base.into())) } else { Err(bad()) }
    }
}

impl<B> Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// A client without connections. A server's certificate must be signed by one of the
    /// system's authorities.
    #[must_use]
    pub fn new() -> Self {
        Self::over(Connector::new(None))
    }

    /// The same, with this idea of whom to trust instead of the system's.
    #[must_use]
    pub fn trusting(tls: ClientConfig) -> Self {
        Self::over(Connector::new(Some(tls)))
    }

    fn over(connector: Connector) -> Self {
        let mut client = legacy::Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
        Self(client.build(connector))
    }

    /// Sends a request; the head of its answer, within this time.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(
        &self,
        request: Request<B>,
        within: Duration,
    ) -> Result<http::Response<Incoming>, Error> {
        match tokio::time::timeout(within, self.0.request(request)).await {
            Err(_) => Err(Error::TimedOut(within)),
            Ok(Err(error)) if error.is_connect() => Err(Error::Unreachable(error.into())),
            Ok(Err(error)) => Err(Error::Broken(error.into())),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Sends a request; its whole answer, within this time.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send(&self, request: Request<B>, within: Duration) -> Result<Answer, Error> {
        let exchange = async {
            let (parts, body) = self.open(request, within).await?.into_parts();
            let body = Limited::new(body, ANSWER_LEN_MAX).collect().await.map_err(Error::Broken)?;
            Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(within, exchange).await.unwrap_or(Err(Error::TimedOut(within)))
    }
}

impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B> Default for Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn default() -> Self {
        Self::new()
    }
}

impl From<Error> for Failure {
    /// Another service that brings no answer is a dependency that is away.
    fn from(error: Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host_and_nothing_more() {
        let good = [
            "http://127.0.0.1:8080",
            "http://inventory.lmall.internal/",
            "http://[::1]:1",
            "https://abc.lambda-url.eu-central-1.on.aws/",
        ];
        for good in good {
            let base: BaseUrl = good.parse().unwrap_or_else(|error| panic!("{error}"));
            let uri = base.join("/v1/inventory/tea").unwrap();
            assert_eq!(uri.path(), "/v1/inventory/tea", "{good}");
        }
        for bad in
            ["", "localhost:80", "ftp://x", "http://", "http://x/y", "https://x?y", "http://u:p@x"]
        {
            assert_eq!(bad.parse::<BaseUrl>(), Err(BadBaseUrl(bad.to_owned())));
        }
    }
}
