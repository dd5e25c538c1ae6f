//! Where a service is: at an address, or in this process.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, response::Response};
use http::request::Parts;
use http_body_util::Limited;
use lmall_web::client::{BaseUrl, Client, Error};
use tokio::time::timeout;
use tower::ServiceExt;

/// The body that is forwarded: as it comes in, and not beyond the limit.
pub(crate) type Outgoing = Limited<Body>;

/// Where a service is.
#[derive(Clone)]
pub enum Target {
    /// At an address, over HTTP.
    Http(BaseUrl, Box<Client<Limited<Body>>>),
    /// In this process: its finished router.
    InProcess(Router),
}

/// A request as the service gets it; its address is a path.
pub(crate) struct Forwarded {
    pub(crate) parts: Parts,
    pub(crate) body: Outgoing,
    /// Sending it twice is the same as sending it once, and there is no body to send twice.
    pub(crate) repeatable: bool,
}

impl Forwarded {
    /// The same request, if it may be sent twice.
    pub(crate) fn again(&self) -> Option<Self> {
        self.repeatable.then(|| Self {
            parts: self.parts.clone(),
            body: Limited::new(Body::empty(), 0),
            repeatable: true,
        })
    }
}

impl Target {
    /// Sends a request; the head of its answer, within this time.
    pub(crate) async fn open(
        &self,
        request: Forwarded,
        within: Duration,
    ) -> Result<Response, Error> {
        let Forwarded { mut parts, body, repeatable: _ } = request;
        match self {
            Self::Http(base, client) => {
                let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                parts.uri = base.join(path).map_err(Error::Unsendable)?;
                let answer = client.open(http::Request::from_parts(parts, body), within).await?;
                Ok(answer.map(Body::new))
            }
            Self::InProcess(router) => {
                let request = http::Request::from_parts(parts, Body::new(body));
                let answer = timeout(within, router.clone().oneshot(request)).await;
                answer
                    .map(|answer| answer.unwrap_or_else(|never: Infallible| match never {}))
                    .map_err(|_| Error::TimedOut(within))
            }
        }
    }
}
