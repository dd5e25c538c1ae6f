//! Who calls, and which request it was.

use axum::extract::FromRequestParts;
use http::request::Parts;
use lmall_app::Trace;
use lmall_domain::CustomerId;
use lmall_web::{Problem, RequestContext};

/// The customer who calls; 401 without one.
pub(crate) struct Customer(pub(crate) CustomerId);

impl<S: Send + Sync> FromRequestParts<S> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = lmall_web::CustomerId::from_request_parts(parts, state).await?;
        id.0.parse().map(Self).map_err(|_| Problem::unauthenticated())
    }
}

/// What ties the events that a request causes to it.
pub(crate) fn trace(context: RequestContext) -> Trace {
    let RequestContext { request_id, traceparent } = context;
    Trace { correlation_id: Some(request_id).filter(|id| !id.is_empty()), traceparent }
}
