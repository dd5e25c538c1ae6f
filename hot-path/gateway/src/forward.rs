//! One request to one service, and its answer back.

use std::{error::Error as StdError, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{LengthLimitError, Limited};
use lmall_app::failure::chain;
use lmall_web::{
    Problem, RequestContext,
    client::{BaseUrl, Client, Error},
    context::X_REQUEST_ID,
    extract::BODY_LEN_MAX,
};

use crate::headers::strip_hop_by_hop;

/// The body that is forwarded: as it comes in, and not beyond the limit.
pub(crate) type Outgoing = Limited<Body>;

/// A service.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) base: BaseUrl,
    pub(crate) client: Client<Outgoing>,
    /// The longest time for the head of an answer.
    pub(crate) timeout: Duration,
}

impl Upstream {
    /// Sends the request on, and its answer back.
    pub(crate) async fn forward(
        &self,
        context: &RequestContext,
        request: Request,
    ) -> Result<Response, Problem> {
        let request = self.outgoing(context, request)?;
        let response = self.client.open(request, self.timeout).await.map_err(problem)?;
        let (mut parts, body) = response.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        parts.version = http::Version::default();
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    fn outgoing(
        &self,
        context: &RequestContext,
        request: Request,
    ) -> Result<http::Request<Outgoing>, Problem> {
        let (mut parts, body) = request.into_parts();
        let limit = u64::try_from(BODY_LEN_MAX).unwrap_or(u64::MAX);
        if body.size_hint().lower() > limit {
            return Err(Problem::payload_too_large());
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = self.base.join(path).map_err(|_| Problem::malformed())?;
        parts.version = http::Version::default();
        parts.extensions = http::Extensions::default();
        strip_hop_by_hop(&mut parts.headers);
        // Whose name it is, and whether to send the body at all, is between neighbours, too.
        parts.headers.remove(header::HOST);
        parts.headers.remove(header::EXPECT);
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            parts.headers.insert(X_REQUEST_ID, id);
        }
        Ok(http::Request::from_parts(parts, Limited::new(body, BODY_LEN_MAX)))
    }
}

/// What the client reads when there is no answer.
fn problem(error: Error) -> Problem {
    if is_too_large(&error) {
        return Problem::payload_too_large();
    }
    tracing::warn!(error = chain(&error), "a service does not answer");
    match error {
        Error::Unsendable(_) => Problem::malformed(),
        Error::Unreachable(_) => Problem::unavailable(),
        Error::Broken(_) => Problem::new(
            StatusCode::BAD_GATEWAY,
            "bad-gateway",
            "The service behind this one broke off",
        )
        .retry_after(1),
        Error::TimedOut(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "gateway-timeout",
            "The service behind this one took too long",
        )
        .retry_after(1),
    }
}

/// Whether it was the client's body that was cut off at its limit.
fn is_too_large(error: &Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
